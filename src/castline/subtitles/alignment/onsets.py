"""Where speech begins and ends, and which line begins with it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from castline.subtitles.alignment.model import Anchor, PlacedLine, Uncovered
from castline.subtitles.base import Cue

__all__ = ["on_onsets", "onset_anchors", "stretches", "uncovered"]

Floats = npt.NDArray[np.float64]

# Speech has a probability above this; pauses shorter than this many milliseconds do not end it.
_SPEECH, _QUIET_MS = 0.5, 200.0
# An onset is looked for so far from where a line should start, and anchors the line when closer.
_REACH_MS, _CLOSE_MS = 1000.0, 400.0
# Fewer onsets move no piece.
_FEWEST = 8
# Speech is without a subtitle when so much of it, pauses below the same included, lies so far from
# any line.
_UNCOVERED_MS, _NEAR_MS = 5000.0, 500.0


def stretches(curve: npt.NDArray[np.float32], hop_ms: float) -> Floats:
    """(n, 2) milliseconds: stretches of speech, between which it is quiet for a moment."""
    speech = np.concatenate([[False], curve > _SPEECH, [False]])
    edges = np.flatnonzero(np.diff(speech.astype(np.int8))).reshape(-1, 2) * hop_ms
    if not len(edges):
        return np.empty((0, 2))
    apart = edges[1:, 0] - edges[:-1, 1] >= _QUIET_MS
    return np.column_stack(
        [edges[np.concatenate([[True], apart]), 0], edges[np.concatenate([apart, [True]]), 1]]
    )


def _nearest(speech: Floats, time: float) -> int | None:
    """The stretch of speech that begins nearest to a time, if one does near it."""
    at = int(np.searchsorted(speech[:, 0], time))
    near = [each for each in (at - 1, at) if 0 <= each < len(speech)]
    best = min(near, key=lambda each: abs(speech[each, 0] - time), default=None)
    return best if best is not None and abs(speech[best, 0] - time) <= _REACH_MS else None


def on_onsets(
    cues: Sequence[Cue],
    of_line: Sequence[int | None],
    speed: float,
    offsets: Sequence[float],
    speech: Floats,
) -> list[float]:
    """Offsets moved so that lines start when speech does: subtitles stay on screen longer."""
    moved = list(offsets)
    for piece in range(len(moved)):
        for _ in range(2):
            starts = [
                speed * cue.start_ms + moved[piece]
                for cue, own in zip(cues, of_line, strict=True)
                if own == piece
            ]
            off = [
                speech[near, 0] - start
                for start in starts
                if (near := _nearest(speech, start)) is not None
            ]
            if len(off) >= _FEWEST:
                moved[piece] += float(np.median(off))
    return moved


def onset_anchors(
    cues: Sequence[Cue],
    of_line: Sequence[int | None],
    speed: float,
    offsets: Sequence[float],
    speech: Floats,
) -> list[Anchor]:
    """An anchor for each line at whose start speech begins."""
    anchors = []
    for line, (cue, piece) in enumerate(zip(cues, of_line, strict=True)):
        if piece is None:
            continue
        start = speed * cue.start_ms + offsets[piece]
        near = _nearest(speech, start)
        if near is None or abs(speech[near, 0] - start) > _CLOSE_MS:
            continue
        begin, end = speech[near]
        anchors.append(
            Anchor(
                line=line,
                subtitle_ms=cue.start_ms,
                media_ms=round(begin),
                subtitle_length_ms=cue.end_ms - cue.start_ms,
                media_length_ms=round(end - begin),
                at_start=False,
                at_end=False,
                tokens=0,
                piece=piece,
                residual_ms=round(begin - start),
            )
        )
    return anchors


def uncovered(speech: Floats, lines: Sequence[PlacedLine]) -> Iterator[Uncovered]:
    """Long stretches of speech, short pauses included, that no line covers."""
    shown = sorted((line.cue.start_ms, line.cue.end_ms) for line in lines if line.cue)
    starts = np.array([start for start, _ in shown])
    ends = np.maximum.accumulate(np.array([end for _, end in shown]))
    begun: float | None = None
    until = 0.0
    for start, end in speech.tolist():
        before = int(np.searchsorted(starts, end + _NEAR_MS))
        covered = before > 0 and ends[before - 1] >= start - _NEAR_MS
        if begun is not None and (covered or start - until > _UNCOVERED_MS):
            if until - begun >= _UNCOVERED_MS:
                yield Uncovered(round(begun), round(until), "")
            begun = None
        if not covered:
            begun, until = start if begun is None else begun, end
    if begun is not None and until - begun >= _UNCOVERED_MS:
        yield Uncovered(round(begun), round(until), "")
