"""Subtitles with one span: two people at once, who never get one name.

Where two people talk at once, many subtitles hold an entry for each, with the same start and end.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from castline.attribution.base import NOBODY, Series

__all__ = ["pick_speakers", "share_span"]

Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int32]

_LEAST = 1e-12
"""Probability below which nobody is less probable: not possible, and yet better than known."""


def share_span(series: Series) -> Bools:
    """(N,) whether a line has the very span of the one before or after it."""
    same = _as_before(series)
    either: Bools = same | np.append(same[1:], False)
    return either


def pick_speakers(series: Series, share: npt.NDArray[np.floating[Any]]) -> Ints:
    """The most probable speakers, where lines of one span never share one of the cast.

    Such lines get the most probable set of different people (exact, by assignment); others may be
    several. What is known stays, also where it is the same twice.

    Args:
        series: What is known.
        share: (N, C + 1) probabilities of the cast and, last, of others.

    Returns:
        (N,) speakers; C stands for others.
    """
    code: Ints = np.where(series.seeds >= 0, series.seeds, share.argmax(1)).astype(np.int32)
    others = share.shape[1] - 1
    edges = np.append(np.flatnonzero(~_as_before(series)), len(code))
    for run in np.flatnonzero(np.diff(edges) > 1):
        lines = np.arange(edges[run], edges[run + 1])
        open_ = lines[series.seeds[lines] == NOBODY]
        named = code[lines][code[lines] != others]
        if len(open_) and len(np.unique(named)) < len(named):
            taken = series.seeds[lines][series.seeds[lines] >= 0]
            code[open_] = _different(share[open_], taken)
    return code


def _as_before(series: Series) -> Bools:
    """(N,) whether a line has the very span of the one before it."""
    start, end, episode = series.timeline.start_ms, series.timeline.end_ms, series.episode
    same = np.zeros(len(start), np.bool_)
    same[1:] = (start[1:] == start[:-1]) & (end[1:] == end[:-1]) & (episode[1:] == episode[:-1])
    return same


def _different(share: npt.NDArray[np.floating[Any]], taken: Ints) -> Ints:
    """(M,) the most probable speakers of M lines, all different and none of those taken."""
    from scipy.optimize import linear_sum_assignment

    odds = np.log(np.maximum(share, _LEAST))
    odds[:, taken] = 2 * np.log(_LEAST)
    others = share.shape[1] - 1
    # A column of its own for each line that may be others'.
    wide = np.hstack([odds, np.repeat(odds[:, -1:], len(odds) - 1, axis=1)])
    _, column = linear_sum_assignment(wide, maximize=True)
    different: Ints = np.minimum(column, others).astype(np.int32)
    return different
