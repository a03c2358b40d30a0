"""Average linkage of rows of norm 1 by cosine, in as little memory as SciPy allows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

__all__ = ["average_linkage", "nearest_rows"]

Doubles = npt.NDArray[np.float64]
Floats = npt.NDArray[np.float32]
Indices = npt.NDArray[np.int64]

_BLOCK = 1024
"""Rows of cosines at a time."""


def average_linkage(unit: Floats, limits: Sequence[float]) -> list[Indices]:
    """Groups (M,) of rows at each limit, the mean cosine down to which groups are joined."""
    from scipy.cluster.hierarchy import fcluster, linkage

    if len(unit) < 2:
        return [np.zeros(len(unit), np.int64) for _ in limits]
    tree = linkage(_distances(unit), "average")
    return [fcluster(tree, 1 - limit, "distance").astype(np.int64) - 1 for limit in limits]


def _distances(unit: Floats) -> Doubles:
    """1 - cosine of all pairs of M rows, as SciPy condenses them: (M (M - 1) / 2,)."""
    count = len(unit)
    distances = np.empty(count * (count - 1) // 2)
    filled = 0
    for begin in range(0, count, _BLOCK):
        for row, cosines in enumerate(unit[begin : begin + _BLOCK] @ unit[begin:].T, 1):
            beyond = cosines[row:]
            np.subtract(1, beyond, out=distances[filled : filled + len(beyond)])
            filled += len(beyond)
    return np.maximum(distances, 0, out=distances)


def nearest_rows(unit: Floats, centre: Floats) -> tuple[Indices, Floats]:
    """The most similar centre of each row, and its cosine; -inf where there is no centre."""
    nearest = np.zeros(len(unit), np.int64)
    cosine = np.full(len(unit), -np.inf, np.float32)
    for begin in range(0, len(unit) if len(centre) else 0, _BLOCK):
        block = unit[begin : begin + _BLOCK] @ centre.T
        nearest[begin : begin + _BLOCK] = block.argmax(axis=1)
        cosine[begin : begin + _BLOCK] = block.max(axis=1)
    return nearest, cosine
