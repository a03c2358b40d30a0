"""The dialogue that is shown with a line.

Lines of one block are shown the same dialogue, so that a server which keeps what it has read (a
prefix cache) reads it once for all of them.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from castline.attribution.base import Ints

__all__ = ["Windows"]


class Windows:
    """Which lines are shown with each line: those around its block, of the same episode.

    Args:
        episode: (N,) index of the episode of each line, ascending.
        context: Lines before and after each line, at least.
        block: Lines that are shown the same; 1: each line has its own.
    """

    def __init__(self, episode: Ints, context: int, block: int) -> None:
        rows = np.arange(len(episode))
        begins = np.searchsorted(episode, episode, side="left")
        ends = np.searchsorted(episode, episode, side="right")
        first = begins + (rows - begins) // block * block
        self.first = np.maximum(begins, first - context)
        """(N,) the first row that is shown."""
        self.stop = np.minimum(ends, first + block + context)
        """(N,) the row after the last."""

    def of(self, row: int) -> range:
        """The rows that are shown with a line."""
        return range(int(self.first[row]), int(self.stop[row]))

    def changed(self, before: Ints, now: Ints) -> npt.NDArray[np.float64]:
        """(N,) share of the lines shown with each line, itself left out, whose speaker changed."""
        moved = (before != now).astype(np.int64)
        total = np.concatenate([[0], np.cumsum(moved)])
        others = np.maximum(self.stop - self.first - 1, 1)
        share: npt.NDArray[np.float64] = (total[self.stop] - total[self.first] - moved) / others
        return share
