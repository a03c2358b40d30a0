"""The unit that looks at the pictures of one episode, in parts and in several processes."""

from __future__ import annotations

import dataclasses
import hashlib
import shutil
from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from castline.files import storage_errors
from castline.measuring.episode import Episode, spans_of
from castline.media.probe import guard_unchanged
from castline.pipeline.parts import Parts
from castline.pipeline.stage import Output, Unit

if TYPE_CHECKING:
    import polars as pl

    from castline.engines.base import Manifest
    from castline.measuring.looking import LookSettings
    from castline.measuring.looking_pool import Eyes
    from castline.pipeline.progress import Reporter
    from castline.project import Project

__all__ = ["PARTS", "forget_parts", "joined_spans", "look_unit"]

PARTS = "parts"
"""Folder of a project in which finished parts wait for the others."""


def look_unit(
    episode: Episode,
    settings: LookSettings,
    eyes: Eyes,
    manifests: Sequence[Manifest],
    *,
    jobs: int,
) -> Unit:
    """The pass over the pictures: shots, clips, faces, faceprints, motion and readings.

    Args:
        episode: The episode.
        settings: How to look.
        eyes: What to look with.
        manifests: Those of all engines that look.
        jobs: Number of processes.
    """
    names = ("shots", "clips", "faces", "faceprints", "motion", "readings")
    outputs = tuple(Output(name, episode.name) for name in names)

    def make(reporter: Reporter) -> Iterator[tuple[Output, pl.DataFrame]]:
        from castline.measuring.episode_tables import joined_parts
        from castline.measuring.looking import PartTask
        from castline.measuring.looking_pool import look_at_parts
        from castline.media.frames import index_frames, plan_parts

        media = episode.media()
        if media["height"] is None:
            from castline.measuring.looked import nothing_seen

            tables = joined_parts([nothing_seen()], episode.name, 0, eyes.faces)
            yield from ((output, tables[output.table]) for output in outputs)
            return
        parts = Parts(episode.project.folder / PARTS, f"look-{episode.name}", unit.key)
        with guard_unchanged(episode.video, media["fingerprint"]):
            tasks = [
                PartTask(
                    path=episode.video,
                    part=part,
                    rate=Fraction(media["rate_num"], media["rate_den"]),
                    height=media["height"],
                    spoken_ms=_spoken(episode),
                    settings=settings,
                )
                for part in plan_parts(index_frames(episode.video), settings.part_s)
            ]
            looked = look_at_parts(
                tasks,
                eyes,
                parts,
                jobs=jobs,
                progress=lambda done, total: reporter.step("look", done, total, episode.name),
            )
        for part in looked:
            for problem in part["problems"]["problem"]:
                reporter.warn(f"{episode.video}: {problem}")
        tables = joined_parts(looked, episode.name, media["duration_ms"], eyes.faces)
        for output in outputs:
            yield output, tables[output.table]
        parts.clear()

    unit = Unit(
        stage="look",
        version=1,
        name=episode.name,
        outputs=outputs,
        inputs={
            **episode.digest("media"),
            "spoken": hashlib.sha256(_spoken(episode).tobytes()).hexdigest(),
            "engines": " ".join(each.fingerprint for each in manifests),
        },
        parameters={**dataclasses.asdict(settings), "vision": _asked(eyes)},
        make=make,
    )
    return unit


def _asked(eyes: Eyes) -> str:
    """Whose readings are in the tables besides those of the text reader."""
    return f"{eyes.vision.model} at {eyes.vision.url}" if eyes.vision else ""


def forget_parts(project: Project) -> None:
    """Throw away the parts that a kill left behind, once nobody needs them."""
    folder = project.folder / PARTS
    with storage_errors(folder, "remove"):
        if folder.exists():
            shutil.rmtree(folder)


def _spoken(episode: Episode) -> npt.NDArray[np.int64]:
    """(n, 2) when somebody speaks: as far as it is known by lines and by sound."""
    store = episode.project.store
    known = [
        spans_of(store.read(name, episode.name, columns=["start_ms", "end_ms"]))
        for name in ("speech", "lines")
        if store.exists(name, episode.name)
    ]
    # Lines that are read off the pictures come after the look.
    if episode.film.lines == "burnt-in":
        known = known[:1]
    return joined_spans(np.concatenate([np.zeros((0, 2), np.int64), *known]))


def joined_spans(spans: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """(m, 2) the union of spans, ascending, without overlap."""
    spans = spans[np.lexsort((spans[:, 1], spans[:, 0]))]
    spans = spans[spans[:, 1] > spans[:, 0]]
    if not len(spans):
        return spans
    ends = np.maximum.accumulate(spans[:, 1])
    begins = np.append(True, spans[1:, 0] > ends[:-1])
    last = np.append(begins[1:], True)
    return np.stack([spans[begins, 0], ends[last]], 1)
