"""The units of the story that need no model: how alike shots are, and the clips they make."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from castline.media.probe import guard_unchanged
from castline.pipeline.stage import Output, Unit
from castline.story.clips import ClipSettings, alike_clips, alike_threshold
from castline.story.likeness import PictureEmbedder, likeness_frame, shot_likeness
from castline.tables.catalog import STORY

if TYPE_CHECKING:
    import polars as pl

    from castline.pipeline.progress import Reporter
    from castline.story.source import Film, Source

__all__ = ["clips_unit", "likeness_unit"]


def likeness_unit(source: Source, episode: str, film: Film, embedder: PictureEmbedder) -> Unit:
    """How much each shot of an episode looks like the one before: `shot_likeness`."""
    output = Output("shot_likeness", episode)

    def make(_reporter: Reporter) -> Iterator[tuple[Output, pl.DataFrame]]:
        shots = source.store.read("shots", episode).sort("start_ms")
        spans = list(shots.select("start_ms", "end_ms").iter_rows())
        with guard_unchanged(film.path, film.fingerprint):
            likenesses = shot_likeness(film.path, spans, embedder)
        yield output, likeness_frame(shots, likenesses, episode=episode, source=embedder.name)

    return Unit(
        stage="story-likeness",
        version=1,
        name=episode,
        outputs=(output,),
        inputs={**source.digests(episode, "shots"), "film": film.fingerprint},
        parameters={"embedder": embedder.name},
        make=make,
    )


def clips_unit(
    source: Source, episodes: Sequence[str], settings: ClipSettings, embedder: PictureEmbedder
) -> Unit:
    """The clips of all episodes, by a measure of likeness that is the series' own: `clips`."""
    store = source.store

    def make(_reporter: Reporter) -> Iterator[tuple[Output, pl.DataFrame]]:
        likenesses = {each: store.read("shot_likeness", each) for each in episodes}
        threshold = alike_threshold([f["likeness"] for f in likenesses.values()], settings.alike)
        for episode, likeness in likenesses.items():
            clips = alike_clips(
                store.read("shots", episode),
                likeness,
                threshold,
                settings,
                episode=episode,
                source=embedder.name,
            )
            yield Output("clips", episode, STORY), clips

    inputs: dict[str, str] = {}
    for each in episodes:
        inputs |= source.digests(each, "shots", "shot_likeness")
    return Unit(
        stage="story-clips",
        version=1,
        name="series",
        outputs=tuple(Output("clips", each, STORY) for each in episodes),
        inputs=inputs,
        parameters=dataclasses.asdict(settings),
        make=make,
    )
