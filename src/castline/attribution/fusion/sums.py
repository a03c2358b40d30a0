"""Lines in bounded blocks, and sums over groups of them: of one person, of one voice."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["blocks", "weighted_sums"]

Floats = npt.NDArray[np.float32]
Indices = npt.NDArray[np.signedinteger[Any]]

_BLOCK = 4096
"""Lines at a time."""


def blocks(lines: npt.NDArray[np.int64]) -> Iterator[npt.NDArray[np.int64]]:
    """Some lines, a bounded number at a time.

    Args:
        lines: (L,) any indices.
    """
    for begin in range(0, len(lines), _BLOCK):
        yield lines[begin : begin + _BLOCK]


def weighted_sums(group: Indices, weight: npt.NDArray[Any], values: Floats, count: int) -> Floats:
    """Add up rows by group.

    Args:
        group: (N,) group of each row, 0 to `count` - 1; rows below 0 are in none.
        weight: (N,) what each row counts.
        values: (N, W).
        count: How many groups there are.

    Returns:
        (count, W); zeros for a group without rows.
    """
    from scipy.sparse import csr_array

    rows = np.flatnonzero(group >= 0)
    entries = weight[rows].astype(np.float32, copy=False), (group[rows], rows)
    sums: Floats = csr_array(entries, shape=(count, len(values))) @ values
    return sums
