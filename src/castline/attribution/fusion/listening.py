"""Lines that listen to the lines around: who is in earshot, and how loud.

Lines are worked on a few at a time, each time with the consecutive lines that may be in earshot, so
no more than a few hundred thousand pairs of lines are ever held.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from castline.attribution.base import Series
from castline.attribution.nearness import Timeline
from castline.attribution.similarity import Workers

__all__ = ["Block", "Ear", "ask_all", "gaps_s", "own", "steps", "tiles"]

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int32]

_LINES_AT_ONCE = 1500
"""Lines that are compared each with each: longer episodes are cut, and no line hears farther."""
_LINES_ASKED = 64
"""Lines that are asked together."""


class Block(NamedTuple):
    """Lines that are worked on together, and all lines of their episode."""

    lines: slice
    episode: slice


@dataclass(frozen=True)
class Ear:
    """How loudly a line hears another: 1 where both sound the same and touch.

    Attributes:
        sharpness: By so many powers of e a line is fainter at a cosine of 0 than at 1.
        decay_s: Seconds between two lines that make one fainter by e.
    """

    sharpness: float
    decay_s: float = np.inf

    def loudness(self, cosine: Floats, gap_s: Floats | None = None) -> Floats:
        """Loudness of lines by how alike they are and the seconds between; no gap where left out.

        The cosines are overwritten.
        """
        loud = np.subtract(cosine, 1, out=cosine)
        loud *= self.sharpness
        if gap_s is not None:
            loud -= gap_s * np.float32(1 / self.decay_s)
        return np.exp(loud, out=loud)


def ask_all(series: Series, ask: Callable[[Block], None]) -> None:
    """Call `ask` with the lines of each episode in turn, with those of long ones in equal pieces.

    Several are asked at once: each may write only what belongs to its own lines.
    """
    edges = [0, *(np.flatnonzero(np.diff(series.episode)) + 1).tolist(), series.episode.size]
    with Workers() as workers:
        for _ in workers.map(ask, _blocks(edges), lambda block: _size(block.lines)):
            pass


def _blocks(edges: list[int]) -> Iterator[Block]:
    for begin, end in pairwise(edges):
        pieces = -(-(end - begin) // _LINES_AT_ONCE)
        bounds = np.linspace(begin, end, pieces + 1).astype(int).tolist()
        for low, high in pairwise(bounds):
            yield Block(slice(low, high), slice(begin, end))


def _size(lines: slice) -> int:
    return int(lines.stop - lines.start)


def tiles(timeline: Timeline, block: Block, reach_s: float) -> Iterator[tuple[slice, slice]]:
    """A few lines of a block after the other, with the lines of the episode in their reach.

    Args:
        timeline: When the lines are spoken.
        block: What to cut up.
        reach_s: Seconds; no line left out is as near as that, unless more than a long episode's
            lines lie between. Some that are farther may be in.

    Yields:
        The lines asked, and the lines to hear, among them those asked.
    """
    reach_ms = int(1000 * reach_s)
    start, end = timeline.start_ms[block.episode], timeline.end_ms[block.episode]
    # Lines overlap and may begin out of order: of those before one none ends later than the first
    # array says, of those after it none begins earlier than the second.
    latest_end = np.maximum.accumulate(end)
    earliest_start = np.minimum.accumulate(start[::-1])[::-1]
    base = block.episode.start
    for low in range(block.lines.start, block.lines.stop, _LINES_ASKED):
        asked = slice(low, min(low + _LINES_ASKED, block.lines.stop))
        from_ms = timeline.start_ms[asked].min() - reach_ms
        to_ms = timeline.end_ms[asked].max() + reach_ms
        first = base + np.searchsorted(latest_end, from_ms)
        stop = base + np.searchsorted(earliest_start, to_ms, side="right")
        # Times may be worthless, all lines at once: then the number of lines must do.
        first = np.clip(first, low - _LINES_AT_ONCE, low)
        stop = np.clip(stop, asked.stop, asked.stop + _LINES_AT_ONCE)
        yield asked, slice(int(first), int(stop))


def gaps_s(timeline: Timeline, asked: slice, heard: slice) -> Floats:
    """(A, M) seconds from the end of the earlier to the start of the later line, at least 0."""
    after = timeline.start_ms[heard] - timeline.end_ms[asked, None]
    before = timeline.start_ms[asked, None] - timeline.end_ms[heard]
    gap: Floats = np.maximum(np.maximum(after, before), 0).astype(np.float32) / 1000
    return gap


def steps(asked: slice, heard: slice) -> Ints:
    """(A, M) how many lines each heard comes after each asked; 0 is the line itself."""
    return _numbers(heard) - _numbers(asked)[:, None]


def own(asked: slice, heard: slice) -> tuple[Ints, Ints]:
    """Where lines asked meet themselves among lines heard that hold all of them: rows, columns."""
    return _numbers(asked) - np.int32(asked.start), _numbers(asked) - np.int32(heard.start)


def _numbers(lines: slice) -> Ints:
    return np.arange(lines.start, lines.stop, dtype=np.int32)
