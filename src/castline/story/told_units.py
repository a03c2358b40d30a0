"""The units of the story that models tell: captions, summaries, relations."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from contextlib import closing
from typing import TYPE_CHECKING

from castline.media.probe import guard_unchanged
from castline.pipeline.stage import Output, Unit
from castline.story.ahead import ahead
from castline.story.captions import FilmedClips, captions_frame, clip_questions
from castline.story.evidence import OF_CLIPS, OF_SECTIONS
from castline.story.keyframes import KeyframeSettings, named_faces
from castline.story.relations import RelationSettings, find_relations
from castline.story.sections import SectionSettings
from castline.story.summaries import section_questions, sections_of, summaries_frame
from castline.tables.catalog import STORY
from castline.tables.store import SERIES

if TYPE_CHECKING:
    import polars as pl

    from castline.agents.embedding import Embedder
    from castline.pipeline.progress import Reporter
    from castline.story.source import Film, Source
    from castline.story.telling import Teller

__all__ = ["captions_unit", "relations_unit", "summaries_unit"]

_AHEAD = 32
"""Clips whose pictures are drawn before they are asked about."""

Made = Iterator[tuple[Output, "pl.DataFrame"]]


def captions_unit(
    source: Source, episode: str, film: Film, teller: Teller, settings: KeyframeSettings
) -> Unit:
    """What is seen in each clip of an episode: `captions` of `clips`."""
    store, output = source.store, Output("captions", episode, OF_CLIPS)

    def make(reporter: Reporter) -> Made:
        clips = store.read("clips", episode, STORY).select("clip", "start_ms", "end_ms").rows()
        named = store.exists("face_names", episode) and store.exists("faces", episode)
        seen = (
            named_faces(store.read("faces", episode), store.read("face_names", episode))
            if named
            else []
        )
        shown = FilmedClips(episode, film.path, film.height, clips, seen, source.spoken[episode])
        questions = ahead(clip_questions(shown, settings, source.project.name), _AHEAD)
        with guard_unchanged(film.path, film.fingerprint), closing(questions):
            answers = teller.ask(questions, f"captions-{episode}", len(clips), reporter)
        yield output, captions_frame(clips, answers, episode)

    return Unit(
        stage="story-captions",
        version=1,
        name=episode,
        outputs=(output,),
        inputs={
            **source.digests(episode, f"clips/{STORY}", "faces", "face_names"),
            **source.said([episode]),
            **teller.inputs,
            "film": film.fingerprint,
        },
        parameters={**dataclasses.asdict(settings), "series": source.project.name},
        make=make,
    )


def summaries_unit(
    source: Source, episode: str, teller: Teller, settings: SectionSettings, embedder: Embedder
) -> Unit:
    """What happens in the sections of an episode: `captions` of `sections`."""
    store, output = source.store, Output("captions", episode, OF_SECTIONS)

    def make(reporter: Reporter) -> Made:
        captions = store.read("captions", episode, OF_CLIPS)
        sections = sections_of(captions, embedder, settings, episode)
        questions = section_questions(sections, source.spoken[episode], source.project.name)
        answers = teller.ask(questions, f"summaries-{episode}", len(questions), reporter)
        yield output, summaries_frame(sections, answers, episode)

    return Unit(
        stage="story-summaries",
        version=1,
        name=episode,
        outputs=(output,),
        inputs={
            **source.digests(episode, f"captions/{OF_CLIPS}"),
            **source.said([episode]),
            **teller.inputs,
            "embedder": embedder.fingerprint,
        },
        parameters={**dataclasses.asdict(settings), "series": source.project.name},
        make=make,
    )


def relations_unit(source: Source, teller: Teller, settings: RelationSettings) -> Unit:
    """Who is what to whom over the series: `relations`."""
    output = Output("relations", variant=STORY)

    def make(reporter: Reporter) -> Made:
        relations = find_relations(
            teller,
            source.spoken,
            source.store.read("cast"),
            settings,
            series=source.project.name,
            task="relations",
            reporter=reporter,
        )
        yield output, relations

    return Unit(
        stage="story-relations",
        version=1,
        name="series",
        outputs=(output,),
        inputs={
            **source.digests(SERIES, "cast"),
            **source.said(list(source.spoken)),
            **teller.inputs,
        },
        parameters={**dataclasses.asdict(settings), "series": source.project.name},
        make=make,
    )
