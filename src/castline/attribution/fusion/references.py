"""How much a line sounds like the lines that are known best of each candidate."""

from __future__ import annotations

from collections import deque

import numpy as np
import numpy.typing as npt

from castline.attribution.fusion.rows import Columns, Rows
from castline.attribution.series import has_voice
from castline.attribution.similarity import Workers

__all__ = ["reference_columns"]

Floats = npt.NDArray[np.float32]
Indices = npt.NDArray[np.int64]
Ints = npt.NDArray[np.int32]

_MOST_REFERENCES = 200
"""Lines of one person that others are compared with; of others, who are many, twice as many."""

_LONGEST_S = 3.0
"""Seconds from which a line is no better a reference for being longer."""

_LEAST_WORTH = 0.3
"""Share times seconds from which a line is a reference."""

_UNLIKE = -0.5
"""Likeness to somebody of whom there is no reference: less than to anybody else."""

_BLOCK_FLOATS = 500_000
"""Cosines at a time."""


def reference_columns(
    rows: Rows, voices: Floats, share: Floats, length_s: Floats, *, seeds: Ints
) -> Columns:
    """Compare each line with reference lines of its candidates; a line is no reference to itself.

    Args:
        rows: Lines and their candidates.
        voices: (N, D) voiceprints of norm 1, adapted to the series; a row of zeros where there is
            none.
        share: (N, C + 1) probability of each of the cast and, last, of others, for each line.
        length_s: (N,) seconds of the lines.
        seeds: (N,) code of the known speaker of a line; below 0 where none is known.

    Returns:
        Columns over the rows: `h_max`, the greatest cosine to a reference, and `s_max`, to a seed,
        -0.5 to 1: -0.5 where there is none; those of a line without a voice are 0. With `_d` each
        once more, less the line's best other candidate.
    """
    names = ("h_max", "s_max")
    columns = {name: np.full(len(rows.line), _UNLIKE, np.float32) for name in names}
    worth = np.where(has_voice(voices), np.minimum(length_s, _LONGEST_S), 0)

    def compare(each: tuple[int, Indices]) -> None:
        code, mine = each
        most = _MOST_REFERENCES * (2 if code == share.shape[1] - 1 else 1)
        known = share[:, code], (seeds == code).astype(np.float32)
        for name, own in zip(names, known, strict=True):
            references = _best(own, worth, most)
            step = max(1, _BLOCK_FLOATS // max(len(references), 1))
            for begin in range(0, len(mine) if len(references) else 0, step):
                part = mine[begin : begin + step]
                columns[name][part] = _greatest(voices, rows.line[part], references)

    with Workers() as workers:
        deque(workers.map(compare, rows.of_each(), lambda each: len(each[1])), maxlen=0)
    return columns | {f"{name}_d": rows.lead(columns[name]) for name in names}


def _best(share: Floats, worth: Floats, most: int) -> Indices:
    """(M,) the lines, ascending, of which somebody has most; the earlier where lines are equal.

    Args:
        share: (N,) probability that each line is theirs.
        worth: (N,) what the voice of each line is worth, in seconds.
        most: How many lines at most.
    """
    value = share * worth
    line = np.flatnonzero(value > _LEAST_WORTH)
    return np.sort(line[np.argsort(-value[line], kind="stable")[:most]])


def _greatest(voices: Floats, line: Ints, references: Indices) -> Floats:
    """(L,) greatest cosine of each line to a reference but itself; at least one reference."""
    cosine = voices[line] @ voices[references].T
    place = np.minimum(np.searchsorted(references, line), len(references) - 1)
    own = np.flatnonzero(references[place] == line)
    cosine[own, place[own]] = -np.inf
    greatest: Floats = np.maximum(cosine.max(axis=1), np.float32(_UNLIKE))
    return greatest
