"""Candidates: everybody who might say a line, with how much the line sounds like them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from castline.attribution.nearness import Nearness
from castline.attribution.similarity import top_mean

__all__ = ["score_candidates"]

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int32]

_SORT_LINES = 32_768
"""Lines whose candidates are sorted at a time."""


def score_candidates(
    nearness: Nearness,
    voices: Floats,
    members: list[Ints],
    k: Callable[[int], int],
    report: Callable[[float], None],
) -> tuple[npt.NDArray[np.int64], Ints, Floats]:
    """Score every line, labelled or not, for everybody near it.

    The score is the mean of the k largest similarities to all lines of the character, where a line
    has similarity 0 to itself; scores of 0 and less make no candidate.

    Args:
        nearness: Tells which lines are near whom.
        voices: (N, D) unit rows.
        members: For each code, its lines, ascending.
        k: Gives the k for a number of lines.
        report: Called with the share done, 0 to 1.

    Returns:
        offsets (N + 1,); codes and scores of all candidates, line after line, best first, equal
        scores by code.
    """
    n = voices.shape[0]
    found: list[tuple[Ints, Floats]] = []
    count = np.zeros(n, np.int64)
    total, done = max(1, sum(lines.size for lines in members)), 0
    for code, lines in enumerate(members):
        if lines.size == 0:
            found.append((lines, np.empty(0, np.float32)))
            continue
        near = nearness.near(code, lines)
        score = top_mean(voices, near, lines, k(lines.size), zero_self=True)
        likely = score > 0
        found.append((near[likely], score[likely]))
        count[near[likely]] += 1
        done += lines.size
        report(done / total)
    offsets = np.zeros(n + 1, np.int64)
    np.cumsum(count, out=offsets[1:])
    character, score = _by_line(found, offsets)
    for low in range(0, n, _SORT_LINES):
        high = min(low + _SORT_LINES, n)
        part = slice(int(offsets[low]), int(offsets[high]))
        line = np.repeat(np.arange(low, high, dtype=np.int32), count[low:high])
        order = np.lexsort((-score[part], line))  # stable: ties stay in order of code
        character[part], score[part] = character[part][order], score[part][order]
    return offsets, character, score


def _by_line(
    found: list[tuple[Ints, Floats]], offsets: npt.NDArray[np.int64]
) -> tuple[Ints, Floats]:
    """Turn (lines, scores) of each character into codes and scores line after line."""
    character = np.empty(offsets[-1], np.int32)
    score = np.empty(offsets[-1], np.float32)
    place = offsets[:-1].copy()
    for code, (near, likeness) in enumerate(found):
        character[place[near]] = code
        score[place[near]] = likeness
        place[near] += 1
    return character, score
