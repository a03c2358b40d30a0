"""Candidates: everybody who might say a line, with how much the line sounds like them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt

from castline.attribution.nearness import Nearness
from castline.attribution.similarity import Workers, top_mean

__all__ = ["score_candidates"]

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int32]

_SCORE_LINES = 2048
"""Lines scored for one character at a time; blocks of a character go to several workers."""

_SORT_LINES = 32_768
"""Lines whose candidates are sorted at a time."""


def score_candidates(
    nearness: Nearness,
    voices: Floats,
    members: list[Ints],
    k: Callable[[int], int],
    workers: Workers,
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
        workers: Score several blocks of lines at once.
        report: Called with the share done, 0 to 1.

    Returns:
        offsets (N + 1,); codes and scores of all candidates, line after line, best first, equal
        scores by code.
    """
    n = voices.shape[0]
    speakers = [code for code, lines in enumerate(members) if lines.size]
    offsets = np.zeros(n + 1, np.int64)
    for code in speakers:
        offsets[1:][nearness.near(code, members[code])] += 1
    np.cumsum(offsets, out=offsets)
    character = np.empty(offsets[-1], np.int32)
    score = np.empty(offsets[-1], np.float32)

    def tasks() -> Iterator[tuple[int, Ints]]:
        for code in speakers:
            near = nearness.near(code, members[code])
            for low in range(0, near.size, _SCORE_LINES):
                yield code, near[low : low + _SCORE_LINES]

    def scored(task: tuple[int, Ints]) -> tuple[int, Ints, Floats]:
        code, near = task
        lines = members[code]
        return code, near, top_mean(voices, near, lines, k(lines.size), zero_self=True)

    place, done = offsets[:-1].copy(), 0
    for code, near, likeness in workers.map(scored, tasks(), lambda task: members[task[0]].size):
        character[place[near]] = code
        score[place[near]] = likeness
        place[near] += 1
        done += near.size
        report(done / character.size)
    return _best_first(offsets, character, score)


def _best_first(
    offsets: npt.NDArray[np.int64], character: Ints, score: Floats
) -> tuple[npt.NDArray[np.int64], Ints, Floats]:
    """Sort the candidates of each line in place, and close the gaps of those who are none."""
    count = np.diff(offsets)
    end = 0
    for low in range(0, count.size, _SORT_LINES):
        high = min(low + _SORT_LINES, count.size)
        part = slice(int(offsets[low]), int(offsets[high]))
        line = np.repeat(np.arange(low, high, dtype=np.int32), count[low:high])
        order = np.lexsort((-score[part], line))  # stable: ties stay in order of code
        order = order[score[part][order] > 0]
        begin, end = end, end + order.size
        character[begin:end], score[begin:end] = character[part][order], score[part][order]
        count[low:high] = np.bincount(line[order] - low, minlength=high - low)
    np.cumsum(count, out=offsets[1:])
    return offsets, character[:end], score[:end]
