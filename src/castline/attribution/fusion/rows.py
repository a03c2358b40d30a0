"""Rows: each line with each of its candidates, `others` last.

Everything that is told about a candidate is a column over these rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

__all__ = ["Columns", "Rows"]

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int32]
Columns = dict[str, Floats]
"""What is told about each row, by name: (R,) each."""


@dataclass(frozen=True)
class Rows:
    """R pairs of a line and a candidate, in order of the lines.

    Attributes:
        line: (R,) the line.
        code: (R,) the candidate; the size of the cast stands for others, the last of each line.
        begin: (N + 1,) where the rows of each line begin; no line is without.
    """

    line: Ints
    code: Ints
    begin: npt.NDArray[np.int64]

    @classmethod
    def of(cls, listed: Bools) -> Rows:
        """The rows of a table of lines and candidates, (N, C + 1); others are always listed."""
        line, code = np.nonzero(listed)
        begin = np.concatenate([[0], np.cumsum(listed.sum(1))])
        return cls(line.astype(np.int32), code.astype(np.int32), begin)

    @cached_property
    def by_code(self) -> npt.NDArray[np.int64]:
        """(R,) the rows in order of their candidate."""
        return np.argsort(self.code, kind="stable")

    def of_each(self) -> Iterator[tuple[int, npt.NDArray[np.int64]]]:
        """Each candidate that occurs, with its rows."""
        order = self.by_code
        codes, first = np.unique(self.code[order], return_index=True)
        yield from zip(codes.tolist(), np.split(order, first[1:]), strict=True)

    def best(self, value: Floats) -> Floats:
        """(N,) greatest value of each line."""
        best: Floats = np.maximum.reduceat(value, self.begin[:-1])
        return best

    def lead(self, value: Floats) -> Floats:
        """(R,) value less the greatest of the line's other rows; 0 where there is no other."""
        top = self.best(value)[self.line]
        winners = np.flatnonzero(value == top)
        first = winners[np.unique(self.line[winners], return_index=True)[1]]
        rest = value.copy()
        rest[first] = -np.inf
        second = self.best(rest)[self.line]
        lead = value - top
        lead[first] = value[first] - second[first]
        return np.where(np.isfinite(lead), lead, 0).astype(np.float32)
