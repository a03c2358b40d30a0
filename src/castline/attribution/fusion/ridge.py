"""What goes with a voice, by regression over the lines that sound alike."""

from __future__ import annotations

from collections import deque

import numpy as np
import numpy.typing as npt

from castline.attribution.fusion.sums import blocks
from castline.attribution.similarity import Workers

__all__ = ["ridge_scores"]

Floats = npt.NDArray[np.float32]

_FEATURES = 1024
_GAMMA = 1.2
"""Of the kernel exp(-gamma |x - y|^2)."""

_RIDGE = 2.0
_MOST_LEVERAGE = 0.95
"""What a line may count for its own prediction before it is left out of it."""


def ridge_scores(unit: Floats, target: Floats, weight: Floats) -> Floats:
    """Predict targets of each line from the voices of all other lines.

    Kernel ridge regression with a Gaussian kernel, through random Fourier features (Rahimi and
    Recht 2007); leaving a line out of its own prediction has a closed form.

    Args:
        unit: (N, D) rows of norm 1; a row of zeros is predicted as a voice unlike any.
        target: (N, T) what to predict.
        weight: (N,) what each line counts, 0 or more.

    Returns:
        (N, T) predictions: near the range of the targets, not bound to it.
    """
    from scipy.linalg.blas import strmm

    features = _FourierFeatures(unit.shape[1])
    scores = np.empty(target.shape, np.float32)

    def predict(lines: npt.NDArray[np.intp]) -> None:
        # The transpose lies in memory as BLAS wants it, and is overwritten.
        turned = strmm(1.0, root, features(unit[lines]).T, lower=1, overwrite_b=1).T
        leverage = np.einsum("nf,nf->n", turned, turned) * weight[lines]
        leverage = np.minimum(leverage, np.float32(_MOST_LEVERAGE))[:, None]
        scores[lines] = (turned @ coefficients - leverage * target[lines]) / (1 - leverage)

    with Workers() as workers:
        root, moment = _solve(features, unit, target, weight, workers)
        coefficients = root @ moment
        deque(workers.map(predict, blocks(np.arange(len(unit))), len), maxlen=0)
    return scores


class _FourierFeatures:
    """Features whose inner products approach a Gaussian kernel, the same in every run.

    Args:
        width: D.
    """

    def __init__(self, width: int) -> None:
        rng = np.random.default_rng(0)
        frequencies = rng.normal(0, np.sqrt(2 * _GAMMA), (width, _FEATURES))
        self._frequencies = frequencies.astype(np.float32)
        self._phases = rng.uniform(0, 2 * np.pi, _FEATURES).astype(np.float32)

    def __call__(self, rows: Floats) -> Floats:
        """(L, F) features of rows (L, D)."""
        features: Floats = rows @ self._frequencies
        features += self._phases
        np.cos(features, out=features)
        features *= np.float32(np.sqrt(2 / _FEATURES))
        return features


def _solve(
    features: _FourierFeatures,
    unit: Floats,
    target: Floats,
    weight: Floats,
    workers: Workers,
) -> tuple[Floats, Floats]:
    """The regression's normal equations.

    Returns:
        The lower triangle L, (F, F), with L' L the inverse of the features' regularised weighted
        second moment, in the order of Fortran; and the weighted moment with the targets, (F, T).
    """
    from scipy.linalg import cholesky, solve_triangular

    gram = np.zeros((_FEATURES, _FEATURES), np.float32)
    moment = np.zeros((_FEATURES, target.shape[1]), np.float32)

    def moments(lines: npt.NDArray[np.intp]) -> tuple[Floats, Floats]:
        scale = np.sqrt(weight[lines])[:, None]
        weighted = features(unit[lines]) * scale
        return weighted.T @ weighted, weighted.T @ (target[lines] * scale)

    for square, product in workers.map(moments, blocks(np.flatnonzero(weight > 0)), len):
        gram += square
        moment += product
    eye = np.eye(_FEATURES)
    lower = cholesky(gram + _RIDGE * eye, lower=True)
    root = solve_triangular(lower, eye, lower=True)
    return np.asfortranarray(root, np.float32), moment
