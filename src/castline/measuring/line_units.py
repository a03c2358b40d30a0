"""Where the lines of an episode come from: a subtitle file, the pictures, or the sound."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from castline.files import read_bytes
from castline.measuring.episode import Episode, open_sound, spans_of
from castline.pipeline.stage import Output, Unit
from castline.story.lines import lines_frame, named_labels, overcrowded, parse_spans
from castline.tables.catalog import IMPORTED

if TYPE_CHECKING:
    from pathlib import Path

    import polars as pl

    from castline.engines.base import Manifest
    from castline.pipeline.progress import Reporter
    from castline.subtitles.base import Cue, Document

__all__ = ["fitted", "read_lines_unit", "spoken_lines_unit", "subtitle_lines_unit"]

MOVED_MS = 200
"""Subtitles that would be moved by less stay as they are."""

ACTIVITY_HOP_MS = 32
FEW_LINES = 20
"""Fewer lines may all lie under music, where speech is not heard as such."""
LEAST_HEARD = 0.6
"""Least share of lines in which speech is heard; subtitles of other films have less."""


def subtitle_lines_unit(episode: Episode, path: Path) -> Unit:
    """Lines from a subtitle file, moved to where they are spoken: `lines` and who it names."""
    lines, labels = Output("lines", episode.name), Output("labels", episode.name, IMPORTED)

    def make(reporter: Reporter) -> Iterator[tuple[Output, pl.DataFrame]]:
        from castline.subtitles import read

        document = read(path)
        for problem in document.problems:
            reporter.warn(f"{path}: {problem}")
        if crowded := overcrowded(document):
            reporter.warn(f"{path}: {crowded}")
        if episode.film.calibrate:
            document = fitted(document, path, spans_of(episode.read("speech")), reporter)
        left_out = parse_spans(episode.files.leave_out, f"episode {episode.name}, leave_out")
        yield labels, named_labels(document, episode.name, left_out=left_out)
        yield lines, lines_frame(document, episode.name, left_out=left_out)

    return Unit(
        stage="subtitle-lines",
        version=1,
        name=episode.name,
        outputs=(labels, lines),
        inputs={
            "file": hashlib.sha256(read_bytes(path)).hexdigest(),
            **(episode.digest("speech") if episode.film.calibrate else {}),
        },
        parameters={
            "calibrate": episode.film.calibrate,
            "leave_out": list(episode.files.leave_out),
        },
        make=make,
    )


def fitted(
    document: Document, path: Path, speech: npt.NDArray[np.int64], reporter: Reporter
) -> Document:
    """The subtitles, moved to the speech of the film when it is certain where they belong.

    Args:
        document: The subtitles.
        path: Their file, for messages.
        speech: (n, 2) spans of speech in milliseconds.
        reporter: Told when subtitles are moved, or do not fit.
    """
    import dataclasses

    from castline.subtitles.alignment import align_to_activity

    cues = document.cues
    if not len(speech) or not cues:
        return document
    activity = np.zeros(int(speech[-1, 1]) // ACTIVITY_HOP_MS + 2, np.float32)
    for start, end in speech // ACTIVITY_HOP_MS:
        activity[start : end + 1] = 1
    alignment = align_to_activity(cues, activity, ACTIVITY_HOP_MS)
    if alignment.verdict == "accepted":
        moves = [
            abs(line.cue.start_ms - cue.start_ms)
            for line, cue in zip(alignment.lines, cues, strict=True)
            if line.cue is not None
        ]
        if max(moves, default=0) <= MOVED_MS:
            return document
        gone = len(cues) - len(moves)
        reporter.warn(
            f"{path}: moved by up to {max(moves) / 1000:.1f} s to where they are spoken"
            + (f"; {gone} that this film lacks are left out" if gone else "")
            + ". `calibrate = false` in castline.toml keeps the times of the file."
        )
        return dataclasses.replace(document, cues=alignment.cues)
    heard = _heard(cues, speech)
    if heard < LEAST_HEARD and len(cues) >= FEW_LINES:
        reporter.warn(
            f"{path}: speech is heard in only {heard:.0%} of these lines. Are they of another film "
            f"or edition? Their times are kept as they are ({alignment.reason})"
        )
    return document


def _heard(cues: Sequence[Cue], speech: npt.NDArray[np.int64]) -> float:
    """Share of the lines of speech during which somebody is heard."""
    spans = np.array([(c.start_ms, c.end_ms) for c in cues if c.kind == "speech"], np.int64)
    if not len(spans):
        return 1.0
    first = np.searchsorted(speech[:, 1], spans[:, 0], "right")
    begins = np.append(speech[:, 0], np.iinfo(np.int64).max)[first]
    return float(np.mean(begins < spans[:, 1]))


def spoken_lines_unit(episode: Episode, manifest: Manifest) -> Unit:
    """Lines from the sound, written down by a recogniser: `lines`."""
    output = Output("lines", episode.name)

    def make(reporter: Reporter) -> Iterator[tuple[Output, pl.DataFrame]]:
        from castline.engines.models import load
        from castline.story.spoken import lines_from_words

        sound = open_sound(episode, reporter)
        segments = []
        if sound is not None:
            recogniser = load("speech", manifest.name, folder=episode.models)
            whole = sound.samples(0, sound.duration_ms)
            segments = recogniser.words(whole, language=episode.film.language)
        yield output, lines_from_words(segments, episode.name, manifest.name)

    return Unit(
        stage="spoken-lines",
        version=1,
        name=episode.name,
        outputs=(output,),
        inputs={
            **episode.digest("media"),
            "engine": manifest.fingerprint,
        },
        parameters={"language": episode.film.language},
        make=make,
    )


def read_lines_unit(episode: Episode) -> Unit:
    """Lines from writing in the pictures: `lines`, out of `readings`."""
    output = Output("lines", episode.name)

    def make(_reporter: Reporter) -> Iterator[tuple[Output, pl.DataFrame]]:
        from castline.story.readings import Reading, lines_from_readings

        columns = ("start_ms", "end_ms", "text", "top", "bottom", "confidence")
        readings = [Reading(*row) for row in episode.read("readings").select(columns).iter_rows()]
        left_out = parse_spans(episode.files.leave_out, f"episode {episode.name}, leave_out")
        yield output, lines_from_readings(readings, episode.name, left_out=left_out)

    return Unit(
        stage="burnt-in-lines",
        version=1,
        name=episode.name,
        outputs=(output,),
        inputs=episode.digest("readings"),
        parameters={"leave_out": list(episode.files.leave_out)},
        make=make,
    )
