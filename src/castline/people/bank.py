"""The library as arrays: how like each character a face is, and from where on it is that person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from castline.people.queries import normalised

if TYPE_CHECKING:
    import polars as pl

__all__ = [
    "LEAST_SCORE",
    "Bank",
    "Threshold",
    "common_score",
    "covisible_tracks",
    "find_threshold",
    "track_prints",
]

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]

LEAST_SCORE = 0.45
"""Score of a face that is just accepted, on the common scale: the published least face score."""
_VOTES = 5
_IMPOSTOR_ACCEPTANCE = 0.05
_AT_LEAST_REFUSED = 0.75
"""Share of the impostors that are refused, however few they are."""
_FARTHEST_BELOW = 0.1
"""The threshold is never lower than the engine's own by more than this."""
_PRIOR_VARIANCE = 0.1**2
"""How far, squared, the right threshold of a film may lie from the engine's own."""
_PRIOR_WEIGHT = 20
"""As many witnesses, spread as widely as that, weigh as much as the engine's own threshold."""
_FIRST_GUESS = 4
"""As many witnesses weigh as much as that guess of their spread."""


@dataclass(frozen=True)
class Bank:
    """What faces are compared with.

    Attributes:
        characters: The m names.
        owner: (q,) position of the character of each query.
        queries: (q, d) unit vectors.
        threshold: Least similarity to be given a name.
    """

    characters: tuple[str, ...]
    owner: npt.NDArray[np.int64]
    queries: Floats
    threshold: float

    @classmethod
    def of(cls, queries: Mapping[str, Floats], threshold: float) -> Bank:
        """From the (k, d) queries of each character."""
        owner = np.repeat(np.arange(len(queries)), [len(each) for each in queries.values()])
        return cls(tuple(queries), owner, np.concatenate([*queries.values()]), threshold)

    @classmethod
    def read(cls, library: pl.DataFrame) -> Bank | None:
        """From table `library`; none when it has no rows."""
        if not library.height:
            return None
        groups = library.sort("character", "query").partition_by("character", as_dict=True)
        queries = {str(key[0]): rows["embedding"].to_numpy() for key, rows in groups.items()}
        return cls.of(queries, float(library["threshold"][0]))

    def with_threshold(self, threshold: float) -> Bank:
        """The same with another threshold."""
        return replace(self, threshold=threshold)

    def similarities(self, prints: Floats) -> Doubles:
        """(n, m) similarity of n faces to each character: that of its nearest query."""
        to_queries = prints.astype(np.float64) @ self.queries.T.astype(np.float64)
        firsts = np.searchsorted(self.owner, np.arange(len(self.characters)))
        result: Doubles = np.maximum.reduceat(to_queries, firsts, axis=1)
        return result


@dataclass(frozen=True)
class Threshold:
    """A threshold and what it costs.

    Attributes:
        value: Least similarity to be given a name.
        impostors: How many comparisons with surely other people it rests on.
        impostors_accepted: Share of them at or above the threshold; missing without any.
        genuine: How many faces were compared with the other faces of their own character.
        genuine_accepted: Share of them at or above the threshold; missing without any.
    """

    value: float
    impostors: int
    impostors_accepted: float | None
    genuine: int
    genuine_accepted: float | None


def common_score(similarity: npt.ArrayLike, threshold: float) -> Doubles:
    """Similarities on the common scale, where the bank's threshold is 0.45 and 1 stays 1.

    A straight line, so the order stays; below the threshold it goes on down to -1.
    """
    steep = (1 - LEAST_SCORE) / max(1 - threshold, 1e-6)
    result: Doubles = np.clip(
        LEAST_SCORE + (np.asarray(similarity, dtype=np.float64) - threshold) * steep, -1.0, 1.0
    )
    return result


def track_prints(faceprints: pl.DataFrame) -> dict[tuple[str, str], Floats]:
    """The (n, d) embeddings of the best faces, at most 5, of each (episode, track), in order."""
    best = faceprints.sort(
        ["episode", "track", "quality", "face"], descending=[False, False, True, False]
    ).group_by("episode", "track", maintain_order=True)
    return {
        (str(key[0]), str(key[1])): rows["embedding"].head(_VOTES).to_numpy() for key, rows in best
    }


def covisible_tracks(faces: pl.DataFrame) -> set[tuple[tuple[str, str], tuple[str, str]]]:
    """Pairs of (episode, track) seen at one moment, smaller first: surely two people."""
    import polars as pl

    seen = faces.filter(pl.col("track").is_not_null()).select("episode", "start_ms", "track")
    pairs = (
        seen.join(seen, on=["episode", "start_ms"], suffix="_other")
        .filter(pl.col("track") < pl.col("track_other"))
        .select("episode", "track", "track_other")
        .unique()
    )
    return {((episode, a), (episode, b)) for episode, a, b in pairs.iter_rows()}


def find_threshold(
    bank: Bank,
    clouds: Sequence[Floats],
    pairs: Sequence[tuple[Floats, Floats]],
    prior: float,
    same: float,
) -> Threshold:
    """Find the threshold at which one impostor in twenty is given a name.

    An impostor is what somebody outside the cast would look like: each face of a character against
    the queries of all others, the best of which would name it; and of two faces in one frame the
    one less like a character, for they cannot both be that person. With few impostors the
    threshold stays near the engine's own.

    Args:
        bank: The queries; its threshold is not used.
        clouds: (n, d) faces of each character, in the order of the bank.
        pairs: The embeddings of two tracks that are seen together.
        prior: Threshold by the engine's calibration.
        same: Similarity from which on two characters are one picture under two names: they are
            no impostors of each other.
    """
    strange = [*_other_faces(bank, clouds, same), *_other_in_frame(bank, pairs)]
    own = _left_out(clouds)
    threshold = prior
    if strange:
        measured = float(np.quantile(strange, 1 - _IMPOSTOR_ACCEPTANCE))
        # To be stricter is safe, and every impostor counts; to be laxer is not, and the faces of
        # one character are one witness, however many they are.
        laxer = measured < prior
        witnesses = min(len(strange), len(clouds) + len(pairs)) if laxer else len(strange)
        threshold += _weight(strange, witnesses) * (measured - prior)
        # People who all differ much from each other say little about the next one who comes.
        threshold = max(threshold, prior - _FARTHEST_BELOW)
        # A prior that lets most impostors in does not fit this bank at all.
        threshold = max(threshold, float(np.quantile(strange, _AT_LEAST_REFUSED)))
    return Threshold(
        threshold,
        len(strange),
        float(np.mean(np.array(strange) >= threshold)) if strange else None,
        len(own),
        float(np.mean(np.array(own) >= threshold)) if own else None,
    )


def _weight(strange: Sequence[float], witnesses: int) -> float:
    """How far to trust the measured threshold, 0 to 1: many witnesses, close together, are sure."""
    spread = (witnesses * float(np.var(strange)) + _FIRST_GUESS * _PRIOR_VARIANCE) / (
        witnesses + _FIRST_GUESS
    )
    return witnesses / (witnesses + _PRIOR_WEIGHT * spread / _PRIOR_VARIANCE)


def _other_faces(bank: Bank, clouds: Sequence[Floats], same: float) -> list[float]:
    """Each face's similarity to the most similar other character."""
    if len(clouds) < 2:
        return []
    centres = np.stack([bank.similarities(cloud).mean(axis=0) for cloud in clouds])
    found: list[float] = []
    for j, cloud in enumerate(clouds):
        others = (np.maximum(centres[j], centres[:, j]) < same) & (np.arange(len(clouds)) != j)
        if others.any():
            found += bank.similarities(cloud)[:, others].max(axis=1).tolist()
    return found


def _other_in_frame(bank: Bank, pairs: Sequence[tuple[Floats, Floats]]) -> list[float]:
    """For each pair: the strongest claim on one character that must be false."""
    return [
        float(
            np.minimum(bank.similarities(a).mean(axis=0), bank.similarities(b).mean(axis=0)).max()
        )
        for a, b in pairs
    ]


def _left_out(clouds: Sequence[Floats]) -> list[float]:
    """Similarity of each face to the centroid of the other faces of its character."""
    found: list[float] = []
    for cloud in clouds:
        if len(cloud) > 1:
            faces = cloud.astype(np.float64)
            rest = normalised(faces.sum(axis=0) - faces)
            found += (rest * faces).sum(axis=1).tolist()
    return found
