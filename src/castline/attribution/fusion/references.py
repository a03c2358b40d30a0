"""How much a line sounds like the lines that are known best of each candidate."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from castline.attribution.fusion.rows import Columns, Rows
from castline.attribution.fusion.voice_space import VoiceSpace
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

_SOFT, _FLOOR = 8.0, 1e-6
_SHARP, _SHARP_FLOOR = 24.0, 1e-9
"""How much more the most similar references count, and what is added lest nothing be left."""

_BLOCK_FLOATS = 500_000
"""Cosines at a time."""


def reference_columns(
    rows: Rows,
    voices: Floats,
    space: VoiceSpace,
    share: Floats,
    length_s: Floats,
    *,
    seeds: Ints,
) -> Columns:
    """Compare each line with reference lines of its candidates; a line is no reference to itself.

    Args:
        rows: Lines and their candidates.
        voices: (N, D) voiceprints of norm 1; a row of zeros where there is none.
        space: The same, adapted to the series.
        share: (N, C + 1) probability of each of the cast and, last, of others, for each line.
        length_s: (N,) seconds of the lines.
        seeds: (N,) code of the known speaker of a line; below 0 where none is known.

    Returns:
        Columns over the rows, `g` of the voiceprints as they are and `h` of the adapted ones:
        `_max`, the greatest cosine, -0.5 to 1; `_soft` (and `h_softer`), a mean over the references
        in which near ones count most, up to 1; and `s_max`, the greatest adapted cosine to a seed.
        All are -0.5 where there is no reference; cosines of a line without a voice are 0. With
        `_d` each once more, less the line's best other candidate.
    """
    names = ("g_max", "g_soft", "h_max", "h_soft", "h_softer", "s_max")
    columns = {name: np.full(len(rows.line), _UNLIKE, np.float32) for name in names}
    worth = np.where(has_voice(voices), np.minimum(length_s, _LONGEST_S), 0)

    def compare(each: tuple[int, Indices]) -> None:
        code, mine = each
        most = _MOST_REFERENCES * (2 if code == share.shape[1] - 1 else 1)
        known = _References.best(share[:, code], worth, most)
        seeded = _References.best((seeds == code).astype(np.float32), worth, most)
        for part in known.parts(mine):
            line = rows.line[part]
            plain = _Likeness.of(voices, line, known)
            columns["g_max"][part] = plain.greatest()
            columns["g_soft"][part] = plain.soft(_SOFT, _FLOOR)
            adapted = _Likeness.of(space.unit, line, known)
            columns["h_max"][part] = adapted.greatest()
            columns["h_soft"][part] = adapted.soft(_SHARP, _SHARP_FLOOR)
            columns["h_softer"][part] = adapted.soft(_SOFT, _FLOOR)
        for part in seeded.parts(mine):
            columns["s_max"][part] = _Likeness.of(space.unit, rows.line[part], seeded).greatest()

    with Workers() as workers:
        deque(workers.map(compare, rows.of_each(), lambda each: len(each[1])), maxlen=0)
    return columns | {f"{name}_d": rows.lead(columns[name]) for name in names}


@dataclass(frozen=True)
class _References:
    """M lines that stand for somebody.

    Attributes:
        line: (M,) the lines, ascending.
        weight: (M,) share of each that is this person's, above 0.
    """

    line: Indices
    weight: Floats

    @classmethod
    def best(cls, share: Floats, worth: Floats, most: int) -> _References:
        """The lines of which somebody has most, the earlier first where lines are equal.

        Args:
            share: (N,) probability that each line is theirs.
            worth: (N,) what the voice of each line is worth, in seconds.
            most: How many lines at most.
        """
        value = share * worth
        line = np.flatnonzero(value > _LEAST_WORTH)
        line = np.sort(line[np.argsort(-value[line], kind="stable")[:most]])
        return cls(line, share[line])

    def parts(self, rows: Indices) -> Iterator[Indices]:
        """Rows to compare, as many at a time as give a block of cosines; none without reference."""
        size = len(self.line)
        step = max(1, _BLOCK_FLOATS // max(size, 1))
        for begin in range(0, len(rows) if size else 0, step):
            yield rows[begin : begin + step]


@dataclass(frozen=True)
class _Likeness:
    """L lines against M references, M at least 1.

    Attributes:
        cosine: (L, M); -inf for a line against itself.
        weight: (M,) of the references.
        total: (L,) weight of all references but the line itself.
    """

    cosine: Floats
    weight: Floats
    total: Floats

    @classmethod
    def of(cls, voices: Floats, line: Ints, references: _References) -> _Likeness:
        cosine = voices[line] @ voices[references.line].T
        total = np.full(len(line), references.weight.sum())
        place = np.minimum(np.searchsorted(references.line, line), len(references.line) - 1)
        own = np.flatnonzero(references.line[place] == line)
        cosine[own, place[own]] = -np.inf
        total[own] -= references.weight[place[own]]
        return cls(cosine, references.weight, total)

    def greatest(self) -> Floats:
        """(L,) greatest cosine, but not less than that of a line without references."""
        greatest: Floats = np.maximum(self.cosine.max(axis=1), np.float32(_UNLIKE))
        return greatest

    def soft(self, sharpness: float, floor: float) -> Floats:
        """(L,) logarithmic mean of exponentials: 1 where all references are alike."""
        near = np.exp(np.float32(sharpness) * (self.cosine - np.float32(1))) @ self.weight
        mean = np.log((near + floor) / np.maximum(self.total, floor)) / sharpness + 1
        return np.where(self.total > floor, mean, _UNLIKE).astype(np.float32)
