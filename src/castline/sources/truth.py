"""Who really speaks, from a file that names speakers: for evaluation, never for a method."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from castline.errors import RunError, UnknownName
from castline.files import read_bytes
from castline.pipeline.progress import Recorder
from castline.pipeline.run import RunSummary, run_units
from castline.pipeline.stage import Output, Unit
from castline.tables.catalog import UNKNOWN, table
from castline.tables.schema import build_frame

if TYPE_CHECKING:
    import polars as pl

    from castline.pipeline.progress import Reporter
    from castline.project import Project
    from castline.subtitles.base import Document

__all__ = ["import_truth", "truth_frame"]

LEAST_SHARED = 0.3
"""Least share of the time of a line and a turn together that both have."""


def import_truth(
    project: Project, files: Mapping[str, Path], *, reporter: Reporter | None = None
) -> RunSummary:
    """Read who really speaks the lines of some episodes: table `truth`.

    Args:
        project: The series; its lines must be there.
        files: Episode to a file in any format that names speakers (RTTM, WebVTT, EAF, ...).
        reporter: Told about lines that no turn fits.

    Raises:
        UnknownName: No such episode.
        RunError: A file is broken; those of other episodes are read.
    """
    episodes = project.episodes()
    for episode in files:
        if episode not in episodes:
            raise UnknownName("episode", episode, episodes)
    units = [_unit(project, episode, path) for episode, path in files.items()]
    with project.lock():
        summary = run_units(project.store, units, reporter or Recorder(), total=len(units))
    if summary.failures:
        raise RunError(summary.failures)
    return summary


def _unit(project: Project, episode: str, path: Path) -> Unit:
    output = Output("truth", episode)

    def make(reporter: Reporter) -> Iterator[tuple[Output, pl.DataFrame]]:
        from castline.subtitles import read

        frame = truth_frame(project.store.read("lines", episode), read(path), episode)
        lost = int(frame["unknown"].sum())
        if lost:
            reporter.warn(f"{path}: names nobody for {lost} of {frame.height} lines of {episode}")
        yield output, frame

    lines = project.store.manifest("lines", episode)
    return Unit(
        stage="truth",
        version=1,
        name=episode,
        outputs=(output,),
        inputs={
            "file": hashlib.sha256(read_bytes(path)).hexdigest(),
            "lines": lines.digest if lines else "",
        },
        make=make,
    )


def truth_frame(lines: pl.DataFrame, named: Document, episode: str) -> pl.DataFrame:
    """The table `truth`: each line gets the speakers of the turn it shares most time with.

    Args:
        lines: Table `lines` of the episode; lines that nobody says are left out.
        named: Turns with their speakers.
        episode: The episode.
    """
    said = lines.filter(lines["kind"] == "speech")
    turns = [cue for cue in named.cues if cue.speakers]
    starts = np.array([cue.start_ms for cue in turns], np.int64)
    ends = np.array([cue.end_ms for cue in turns], np.int64)
    speakers: list[list[str]] = []
    for start, end in said.select("start_ms", "end_ms").iter_rows():
        shared = np.clip(np.minimum(ends, end) - np.maximum(starts, start), 0, None)
        either = np.maximum(np.maximum(ends, end) - np.minimum(starts, start), 1)
        best = int(np.argmax(shared / either)) if len(turns) else 0
        fits = bool(len(turns)) and shared[best] / either[best] >= LEAST_SHARED
        speakers.append(list(turns[best].speakers) if fits else [])
    return build_frame(
        table("truth"),
        {
            "line": said["line"],
            "speaker": [" / ".join(names) or UNKNOWN for names in speakers],
            "speakers": speakers,
            "deleted": [False] * len(speakers),
            "unknown": [not names for names in speakers],
        },
        episode=episode,
        source=named.format,
    )
