"""What is usual for each cue in a series: a ranker sees cues as distances from it.

How well voices tell people apart, or how densely faces were measured, differs from series to
series. Measured against the series itself, cues mean the same everywhere; one that is missing
altogether is as usual as can be, and so tells nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from castline.attribution.fusion.rows import Columns

__all__ = ["Usual"]

Floats = npt.NDArray[np.float32]

_STRANGE_ROWS = 1000
"""Rows of a series that count as much as what was usual in training."""
_LEAST_SPREAD = 1e-6


@dataclass(frozen=True)
class Usual:
    """Mean and standard deviation of F columns over a series.

    Attributes:
        mean: (F,).
        spread: (F,) above 0.
    """

    mean: Floats
    spread: Floats

    @classmethod
    def of(cls, columns: Columns, names: Sequence[str], before: Usual | None = None) -> Usual:
        """Of the columns of a series; of a short one drawn towards what was usual before.

        A column that is the same everywhere stays what it is: it is no more unusual than usual.

        Args:
            columns: (R,) each.
            names: (F,) which of them.
            before: What was usual in training; None to leave it out.
        """
        rows = len(columns[names[0]])
        mean = np.array([columns[name].mean(dtype=np.float64) for name in names])
        square = np.array([np.square(columns[name]).mean(dtype=np.float64) for name in names])
        if before is not None:
            told = [columns[name].min() < columns[name].max() for name in names]
            share = np.where(told, rows / (rows + _STRANGE_ROWS), 1)
            known = before.mean.astype(np.float64)
            mean = share * mean + (1 - share) * known
            square = share * square + (1 - share) * (before.spread**2 + known**2)
        spread = np.sqrt(np.maximum(square - mean**2, _LEAST_SPREAD**2))
        return cls(mean.astype(np.float32), spread.astype(np.float32))

    @classmethod
    def between(cls, usuals: Sequence[Usual]) -> Usual:
        """The mean of several."""
        means = np.stack([each.mean for each in usuals])
        spreads = np.stack([each.spread for each in usuals])
        return cls(means.mean(axis=0), spreads.mean(axis=0))
