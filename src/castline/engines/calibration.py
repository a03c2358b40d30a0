"""Brings the embeddings of every engine to one common scale.

Each network has its own idea of "similar": between different people GE2E gives 0.5, ERes2Net 0.25.
The published thresholds fit the latter. Taking a share of the average voice off each embedding
stretches a scale on which everything is alike; one more dimension, the same for all, shrinks one on
which too little is. Embeddings change, not scores, so methods go on with plain dot products.
"""

from __future__ import annotations

from importlib import resources
from typing import NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from castline.engines.base import Calibration
from castline.errors import UsageError

__all__ = [
    "FACES_REFERENCE",
    "VOICES_REFERENCE",
    "Reference",
    "Scale",
    "calibrate",
    "equal_error",
    "fit_calibration",
    "measure_scale",
    "shipped_calibration",
]

Floats = npt.NDArray[np.float32]
Bools = npt.NDArray[np.bool_]
Pairs = npt.NDArray[np.int64]


class Reference(NamedTuple):
    """Where the common scale has its marks.

    Attributes:
        threshold: Similarity at which as many different pairs are above as same pairs below.
        different: Mean similarity of different people; None when it is not known.
    """

    threshold: float
    different: float | None = None


VOICES_REFERENCE = Reference(threshold=0.38, different=0.24)
"""ERes2Net on the lines of 1.4 to 2.5 s of two series (`benchmarks/engine_scales.py`)."""

FACES_REFERENCE = Reference(threshold=0.45)
"""The published threshold for faces; the embeddings behind it were not released."""


class Scale(NamedTuple):
    """What an engine's similarities are like on some pairs.

    Attributes:
        same: Mean of pairs of one person.
        different: Mean of pairs of two people.
        threshold: Where the two kinds of error are equal.
        error: The equal error rate, 0 to 1.
    """

    same: float
    different: float
    threshold: float
    error: float


def calibrate(embeddings: Floats, calibration: Calibration) -> Floats:
    """Embeddings whose dot products are on the common scale.

    Args:
        embeddings: (n, D); zeros for what has none.
        calibration: Of the engine they come from.

    Returns:
        (n, D + 1) unit rows: a similarity s (after the share of the centre was taken off) becomes
        `scale * s + 1 - scale`, so anything stays 1 to itself. Zeros stay zeros.

    Raises:
        UsageError: The calibration was fitted for embeddings of another size.
    """
    count, size = embeddings.shape
    centre = np.asarray(calibration.centre, np.float32)
    if centre.size not in (0, size):
        raise UsageError(
            f"The calibration has {centre.size} numbers, the embeddings have {size}: "
            "it belongs to another engine."
        )
    made = np.zeros((count, size + 1), np.float32)
    held = np.abs(embeddings).max(axis=1, initial=0) > 0
    moved = _unit(embeddings[held])
    if centre.size:
        moved = _unit(moved - centre)
    made[held, :size] = moved * np.float32(np.sqrt(calibration.scale))
    made[held, size] = np.sqrt(1 - calibration.scale)
    return made


def fit_calibration(
    embeddings: Floats, pairs: Pairs, same: Bools, reference: Reference, *, fitted_on: str
) -> Calibration:
    """The calibration under which some named pairs come closest to the reference.

    Stretching and shrinking undo each other, so only one of the two is used: the smaller scale when
    the engine spreads people wider than the reference, else the smallest share of the centre.

    Args:
        embeddings: (n, D) of n clips or pictures; their mean direction becomes the centre.
        pairs: (p, 2) rows of the embeddings.
        same: (p,) whether a pair is one person.
        reference: The marks of the common scale.
        fitted_on: What the pairs are, in words.

    Raises:
        UsageError: There are not both pairs of one person and pairs of two.
    """
    if same.all() or not same.any():
        raise UsageError("A calibration needs pairs of one person and pairs of two people.")
    plain = Calibration(fitted_on=fitted_on)
    start = measure_scale(calibrate(embeddings, plain), pairs, same)
    scale = _shrinking(start, reference)
    if scale < 1:
        return msgspec.structs.replace(plain, scale=round(scale, 3))
    held = embeddings[np.abs(embeddings).max(axis=1) > 0]
    centre = _unit(held).mean(axis=0)

    def with_share(share: float) -> Calibration:
        moved = tuple(round(float(each), 4) for each in share * centre)
        return msgspec.structs.replace(plain, centre=moved)

    def distance(share: float) -> float:
        found = measure_scale(calibrate(embeddings, with_share(share)), pairs, same)
        off = (found.threshold - reference.threshold) ** 2
        if reference.different is not None:
            off += (found.different - reference.different) ** 2
        return off

    return with_share(min(np.linspace(0, 1, 101).tolist(), key=distance))


def _shrinking(found: Scale, reference: Reference) -> float:
    """The scale, at most 1, that brings the marks closest by least squares."""
    ours, theirs = [1 - found.threshold], [1 - reference.threshold]
    if reference.different is not None:
        ours.append(1 - found.different)
        theirs.append(1 - reference.different)
    return min(1.0, float(np.dot(ours, theirs) / np.dot(ours, ours)))


def measure_scale(embeddings: Floats, pairs: Pairs, same: Bools) -> Scale:
    """What the similarities of some pairs are like.

    Args:
        embeddings: (n, D) unit rows.
        pairs: (p, 2) rows of them.
        same: (p,) whether a pair is one person; both kinds occur.
    """
    similarity = np.einsum("pd,pd->p", embeddings[pairs[:, 0]], embeddings[pairs[:, 1]])
    error, threshold = equal_error(similarity, same)
    return Scale(
        same=float(similarity[same].mean()),
        different=float(similarity[~same].mean()),
        threshold=threshold,
        error=error,
    )


def equal_error(similarity: Floats, same: Bools) -> tuple[float, float]:
    """Equal error rate of "one person from this similarity on", and that similarity.

    Args:
        similarity: (p,).
        same: (p,) the truth; both kinds occur.

    Returns:
        The mean of both error rates where they are closest to each other, and the threshold there,
        in the middle between two neighbouring similarities.
    """
    order = np.argsort(similarity, kind="stable")
    ranked, truth = similarity[order], same[order]
    missed = np.concatenate([[0], np.cumsum(truth)]) / truth.sum()
    accepted = 1 - np.concatenate([[0], np.cumsum(~truth)]) / (~truth).sum()
    place = int(np.argmin(np.abs(missed - accepted)))
    around = ranked[max(0, place - 1) : place + 1]
    return float((missed[place] + accepted[place]) / 2), float(around.mean())


def shipped_calibration(engine: str) -> Calibration:
    """The calibration of an embedded engine, as `benchmarks/engine_scales.py` wrote it."""
    file = resources.files("castline.engines").joinpath(f"{engine}_scale.json")
    return msgspec.json.decode(file.read_bytes(), type=Calibration)


def _unit(rows: Floats) -> Floats:
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    unit: Floats = np.divide(rows, length, out=np.zeros_like(rows), where=length > 0)
    return unit
