"""What stands some lines before or after, in the same episode."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from castline.attribution.base import Series

__all__ = ["shifted"]

Floats = npt.NDArray[np.float32]


def shifted(value: Floats, offset: int, series: Series) -> Floats:
    """(N, ...) the value so many lines on, or back below 0; 0 where that is another episode.

    Args:
        value: (N, ...) of each line.
        offset: Not 0.
        series: Of N lines.
    """
    moved = np.zeros_like(value)
    to, of = slice(None, -offset), slice(offset, None)
    if offset < 0:
        to, of = slice(-offset, None), slice(None, offset)
    moved[to] = value[of]
    moved[to][series.episode[to] != series.episode[of]] = 0
    return moved
