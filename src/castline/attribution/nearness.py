"""Nearness: which lines of a series lie close in time to a face or a line of a character.

A line is *near* a face or another line when the other begins no later than `reach_ms` after the
line's end and ends no earlier than `reach_ms` before its start (both inclusive). The test is made
the way the published algorithm makes it: a right and a left cursor walk over the list, in list
order, and never step back. On sorted lists that is the plain rule; on the slightly unsorted face
lists of concatenated episodes a record waits behind an earlier one that is not due yet.

Both cursors only move forward as the lines go by, so each list position is inside the window for
one contiguous span of lines, and all the lines near a character are a union of such spans.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

__all__ = ["FaceTimes", "Nearness", "Timeline", "expand_spans", "window_spans"]

Ints = npt.NDArray[np.int32]
Times = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Timeline:
    """When the lines of a series are spoken, in series order.

    Attributes:
        start_ms: (N,) starts, milliseconds on one clock for the whole series.
        end_ms: (N,) ends, same clock.
    """

    start_ms: Times
    end_ms: Times


@dataclass(frozen=True)
class FaceTimes:
    """When faces are on screen, in list order, recognised or not.

    Records that name nobody take part too: the cursors walk past them.

    Attributes:
        start_ms: (F,) starts, same clock as the lines.
        end_ms: (F,) ends.
        character: (F,) code of the recognised member of the cast, -1 for nobody.
        score: (F,) certainty of the recognition, 0 to 1.
        box: (F, 4) left, top, right and bottom edge in pixels, NaN where it was not measured; None
            where nobody asks.
    """

    start_ms: Times
    end_ms: Times
    character: Ints
    score: npt.NDArray[np.float32]
    box: npt.NDArray[np.float32] | None = None

    @classmethod
    def none(cls) -> FaceTimes:
        """No faces."""
        times = np.zeros(0, np.int64)
        return cls(times, times, times.astype(np.int32), times.astype(np.float32))


def window_spans(
    start_ms: Times, end_ms: Times, timeline: Timeline, reach_ms: int, positions: Ints | None = None
) -> tuple[Ints, Ints]:
    """The span of lines whose window holds each position of a list of timed things.

    Args:
        start_ms: (P,) starts of the things in list order.
        end_ms: (P,) their ends.
        timeline: The N lines.
        reach_ms: How far a window reaches beyond its line on both sides.
        positions: Positions wanted; all P when left out.

    Returns:
        First line and line after the last, (len(positions),) each; an empty span has stop <= first.
    """
    # The first thing not yet reached by a forward-only cursor is the first whose running maximum
    # exceeds the running maximum of the bounds.
    last_start = np.maximum.accumulate(timeline.end_ms + reach_ms)
    right = np.searchsorted(np.maximum.accumulate(start_ms), last_start, side="right")
    first_end = np.maximum.accumulate(timeline.start_ms - reach_ms)
    left = np.searchsorted(np.maximum.accumulate(end_ms), first_end, side="left")
    if positions is None:
        positions = np.arange(start_ms.size, dtype=np.int32)
    first = np.searchsorted(right, positions, side="right").astype(np.int32)
    stop = np.searchsorted(left, positions, side="right").astype(np.int32)
    return first, stop


def expand_spans(first: Ints, stop: Ints) -> Ints:
    """All lines covered by at least one half-open span, ascending, each once.

    >>> expand_spans(np.array([4, 0, 1], np.int32), np.array([6, 2, 3], np.int32)).tolist()
    [0, 1, 2, 4, 5]
    """
    first, stop = _merged(first, stop)
    length = stop - first
    before = np.cumsum(length) - length
    lines = np.repeat(first - before, length) + np.arange(length.sum())
    return lines.astype(np.int32, copy=False)


def _merged(first: Ints, stop: Ints) -> tuple[Ints, Ints]:
    """Disjoint ascending spans that cover the same lines; touching ones are joined."""
    filled = stop > first
    first, stop = first[filled], stop[filled]
    if first.size == 0:
        return first, stop
    order = np.argsort(first, kind="stable")
    first, reached = first[order], np.maximum.accumulate(stop[order])
    opens = np.append(True, first[1:] > reached[:-1])
    closes = np.append(opens[1:], True)
    return first[opens], reached[closes]


class Nearness:
    """Answers which lines are near a character, given the lines it is known to speak.

    Built once for a series; asking changes nothing. Memory: eight bytes a line, and eight for each
    stretch of lines that a face of the cast is near to.

    Args:
        timeline: The N lines.
        faces: The faces; those below `face_score` and those of nobody lend no nearness.
        everywhere: (C,) true for members of the cast who are near every line (narrators).
        reach_ms: Reach of the window beyond a line, milliseconds, on both sides.
        face_score: Smallest score of a face that counts, inclusive, compared in float32.
    """

    def __init__(
        self,
        timeline: Timeline,
        faces: FaceTimes,
        everywhere: npt.NDArray[np.bool_],
        *,
        reach_ms: int,
        face_score: float,
    ) -> None:
        self._lines = timeline.start_ms.size
        self._everywhere = everywhere
        self._spans = window_spans(timeline.start_ms, timeline.end_ms, timeline, reach_ms)
        self._face_spans = _spans_by_character(
            timeline, faces, everywhere.size, reach_ms, np.float32(face_score)
        )

    def near(self, character: int, spoken: Ints) -> Ints:
        """Lines near a character, ascending.

        Args:
            character: Code; codes beyond the cast have no faces.
            spoken: Lines the character speaks as far as is known; near themselves, too.
        """
        first, stop = self._spans[0][spoken], self._spans[1][spoken]
        if character < self._everywhere.size:
            if self._everywhere[character]:
                return np.arange(self._lines, dtype=np.int32)
            face_first, face_stop = self._face_spans[character]
            first = np.concatenate([face_first, first])
            stop = np.concatenate([face_stop, stop])
        return expand_spans(first, stop)


def _spans_by_character(
    timeline: Timeline, faces: FaceTimes, n_cast: int, reach_ms: int, face_score: np.float32
) -> list[tuple[Ints, Ints]]:
    """Merged spans of lines near the faces of each member of the cast."""
    counted = (faces.character >= 0) & (faces.score >= face_score)
    positions = np.flatnonzero(counted).astype(np.int32)
    positions = positions[np.argsort(faces.character[positions], kind="stable")]
    first, stop = window_spans(faces.start_ms, faces.end_ms, timeline, reach_ms, positions)
    bounds = np.searchsorted(faces.character[positions], np.arange(n_cast + 1))
    return [_merged(first[begin:end], stop[begin:end]) for begin, end in pairwise(bounds)]
