"""Best queries: the few points that stand for each character when faces are compared.

After FocusedAD (MM '25), equations 1 to 3. Its objective, taken as it is written, does not select
what its text says: the centroid is no maximum, one picture outweighs all other characters, and
nothing stops a query from fleeing its own faces. So the search here is over a finite set of
candidates for each character, with a floor under the inner distance and a guard against fleeing.

Distances are Euclidean. Those that decide are given in units of the distance at which two faces
are just the same person (`unit`), so that no constant of one embedder is used with another.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

__all__ = [
    "choose_queries",
    "external_distance",
    "internal_distance",
    "normalised",
    "unit_distance",
]

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]

_FLOOR = 0.25
"""Inner distances below this count as this: a single picture must not outweigh everybody else."""
_GUARD = 1.1
"""A query may be this much farther from its faces than their centroid is."""
_APART = 0.6
"""Two modes of one character lie at least so far apart; otherwise one query is enough."""
_FACES_PER_MODE = 4
_MOST_QUERIES = 3
_PASSES = 20


def internal_distance(queries: npt.ArrayLike, faces: npt.ArrayLike) -> float:
    """Equation 1: mean distance of a character's faces to its (nearest) query.

    Args:
        queries: (d,) or (k, d).
        faces: (n, d), n >= 1.
    """
    return float(_distances(np.atleast_2d(faces), np.atleast_2d(queries)).min(axis=1).mean())


def external_distance(own: npt.ArrayLike, others: Sequence[npt.ArrayLike]) -> float:
    """Equation 2: distance of a character's queries to the nearest query of anybody else.

    Args:
        own: (d,) or (k, d).
        others: The same of every other character.

    Returns:
        The distance; infinite when there is nobody else.
    """
    mine = np.atleast_2d(own)
    return min(
        (float(_distances(mine, np.atleast_2d(other)).min()) for other in others),
        default=math.inf,
    )


def choose_queries(faces: Sequence[Floats], *, unit: float) -> list[Floats]:
    """The best queries of each character.

    Coordinate ascent on the objective with a floor: one character after the other takes the
    candidate that is best while all others keep theirs, until nobody changes. Candidates are the
    centroid, the centroid without the farthest fifth, the medoid, and the centres of two or three
    modes where a character has several looks. Ties keep the centroid.

    Args:
        faces: (n, d) unit embeddings of each character, n >= 1.
        unit: Distance at which two faces are just the same person.

    Returns:
        (k, d) unit queries of each character, k from 1 to 3.
    """
    candidates = [_candidates(cloud.astype(np.float64), unit) for cloud in faces]
    chosen = [0] * len(faces)
    if len(faces) > 1:
        gaps = _Gaps(candidates)
        spreads = [
            np.array([max(internal_distance(each, cloud), _FLOOR * unit) for each in options])
            for options, cloud in zip(candidates, faces, strict=True)
        ]
        for _ in range(_PASSES):
            before = list(chosen)
            for j, options in enumerate(candidates):
                worth = [
                    gaps.objective([*chosen[:j], option, *chosen[j + 1 :]], spreads)
                    for option in range(len(options))
                ]
                chosen[j] = int(np.argmax(np.round(worth, 9)))
            if chosen == before:
                break
    return [options[k].astype(np.float32) for options, k in zip(candidates, chosen, strict=True)]


def normalised(vectors: Doubles) -> Doubles:
    """The vectors (..., d) at length 1; zeros stay zeros."""
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    result: Doubles = vectors / np.where(lengths > 0, lengths, 1.0)
    return result


def unit_distance(similarity: float) -> float:
    """Distance of two unit vectors of that cosine."""
    return math.sqrt(max(2 - 2 * similarity, 1e-6))


class _Gaps:
    """Distances between all candidates, so that the ascent only looks them up."""

    def __init__(self, candidates: Sequence[Sequence[Doubles]]) -> None:
        self._first = np.cumsum([0, *(len(options) for options in candidates)])[:-1]
        flat = [each for options in candidates for each in options]
        stacked = np.concatenate(flat)
        starts = np.cumsum([0, *(len(each) for each in flat)])[:-1]
        between = _distances(stacked, stacked)
        between = np.minimum.reduceat(np.minimum.reduceat(between, starts, axis=0), starts, axis=1)
        self._between = between

    def objective(self, chosen: Sequence[int], spreads: Sequence[Doubles]) -> float:
        rows = self._first + np.asarray(chosen)
        between = self._between[np.ix_(rows, rows)]
        np.fill_diagonal(between, np.inf)
        spread = np.array([each[k] for each, k in zip(spreads, chosen, strict=True)])
        return float((between.min(axis=1) / spread).sum())


def _candidates(cloud: Doubles, unit: float) -> list[Doubles]:
    """(k, d) unit queries each, the centroid first; none much farther off than the centroid."""
    centroid = normalised(cloud.mean(axis=0, keepdims=True))
    options = [centroid]
    if len(cloud) > 2:
        order = np.argsort(_distances(cloud, centroid)[:, 0], kind="stable")
        kept = cloud[order[: math.ceil(0.8 * len(cloud))]]
        medoid = int(np.argmin(_distances(cloud, cloud).sum(axis=1)))
        options += [normalised(kept.mean(axis=0, keepdims=True)), cloud[medoid : medoid + 1]]
    for k in range(2, min(_MOST_QUERIES, len(cloud) // _FACES_PER_MODE) + 1):
        centres = _modes(cloud, k)
        between = _distances(centres, centres)[np.triu_indices(len(centres), 1)]
        if len(centres) == k and between.min() >= _APART * unit:
            options.append(centres)
    limit = _GUARD * internal_distance(centroid, cloud)
    return [each for each in options if internal_distance(each, cloud) <= limit + 1e-12]


def _modes(cloud: Doubles, k: int) -> Doubles:
    """Centres of k-means on the sphere, started from faces that are far apart."""
    first = int(np.argmin(_distances(cloud, cloud.mean(axis=0, keepdims=True))[:, 0]))
    picked = [first]
    for _ in range(k - 1):
        picked.append(int(np.argmax(_distances(cloud, cloud[picked]).min(axis=1))))
    centres = cloud[picked]
    for _ in range(_PASSES):
        nearest = np.argmin(_distances(cloud, centres), axis=1)
        sizes = np.bincount(nearest, minlength=k)
        if sizes.min() < _FACES_PER_MODE - 1:
            return centres[:0]
        moved = normalised(np.stack([cloud[nearest == i].mean(axis=0) for i in range(k)]))
        if np.allclose(moved, centres):
            break
        centres = moved
    return centres


def _distances(a: npt.ArrayLike, b: npt.ArrayLike) -> Doubles:
    """(len(a), len(b)) Euclidean distances."""
    from scipy.spatial.distance import cdist

    result: Doubles = cdist(np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64))
    return result
