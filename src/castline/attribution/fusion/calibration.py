"""How the mean of the passes is read: as probabilities that say how often they are right.

Passes start from propagation and move away from it, each judging with rankers that also learnt from
poor labels. Where they and propagation disagree, what it said is a little likelier than they say.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["Calibration", "Judged", "fit_calibration"]

Doubles = npt.NDArray[np.float64]
Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int32]

_LISTED = 12
"""Candidates of a line that are looked at, the most probable; the rest has next to nothing."""
_LEAST = 1e-9
_BOUNDS = ((0.5, 2.0), (-1.0, 2.0))
"""Of sharpness and trust: a few lines must not make them more certain than many would."""


@dataclass(frozen=True)
class Calibration:
    """From the mean of the passes to probabilities.

    Attributes:
        sharpness: The power that they are raised to, above 0.
        trust: Log odds that what propagation said gains.
    """

    sharpness: float = 1.0
    trust: float = 0.0

    def read(self, mean: Floats, label: Ints) -> Floats:
        """(N, C + 1) probabilities.

        Args:
            mean: (N, C + 1) mean of the passes.
            label: (N,) what propagation said, C for others.
        """
        share = mean**self.sharpness
        share[np.arange(len(label)), label] *= np.exp(np.float32(self.trust))
        share /= share.sum(axis=1, keepdims=True)
        return share


@dataclass(frozen=True)
class Judged:
    """Lines whose speaker is known, by a model that did not learn from them.

    Attributes:
        mean: (N, C + 1) mean of the passes.
        label: (N,) what propagation said, C for others.
        truth: (N,) the true speaker, C for others.
    """

    mean: Floats
    label: Ints
    truth: Ints


def fit_calibration(lines: Sequence[Judged]) -> Calibration:
    """The calibration under which the truth is most likely, in hundredths.

    Lines whose speaker was not considered tell nothing; at least one was.
    """
    from scipy.optimize import minimize

    parts = zip(*map(_listed, lines), strict=True)
    logs, said, own = (np.concatenate(part) for part in parts)

    def loss(point: npt.NDArray[np.float64]) -> float:
        odds = point[0] * logs + point[1] * said
        return float(np.mean(np.log(np.exp(odds).sum(axis=1)) - odds[own]))

    found = minimize(loss, (1.0, 0.1), method="Nelder-Mead", bounds=_BOUNDS)
    sharpness, trust = np.round(found.x, 2).tolist()
    return Calibration(sharpness, trust)


def _listed(lines: Judged) -> tuple[Doubles, npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Logarithms of the most probable; which propagation said; who speaks."""
    listed = np.argsort(-lines.mean, axis=1, kind="stable")[:, :_LISTED]
    probability = np.take_along_axis(lines.mean, listed, axis=1)
    logs = np.full((len(listed), _LISTED), np.log(_LEAST))
    said, own = np.zeros((2, *logs.shape), np.bool_)
    width = listed.shape[1]
    logs[:, :width] = np.log(np.maximum(probability, _LEAST))
    said[:, :width] = listed == lines.label[:, None]
    own[:, :width] = (listed == lines.truth[:, None]) & (probability > 0)
    reachable = own.any(axis=1)
    return logs[reachable], said[reachable], own[reachable]
