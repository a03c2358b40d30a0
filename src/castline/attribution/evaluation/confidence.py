"""Whether confidences are probabilities, and what is gained by keeping only the confident labels.

Calibration error: Naeini, Cooper and Hauskrecht, "Obtaining well calibrated probabilities using
Bayesian binning" (AAAI 2015), with bins of equal mass. Risk and coverage: Geifman and El-Yaniv,
"Selective classification for deep neural networks" (NeurIPS 2017).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from castline.attribution.evaluation.results import ConfidenceBin, ConfidenceResult, RiskPoint

if TYPE_CHECKING:
    from castline.attribution.evaluation.resampling import Resampling

__all__ = ["BINS", "RISKS", "judge_confidence"]

Bools = npt.NDArray[np.bool_]
Doubles = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

BINS = 15
"""Bins of equal mass behind the calibration error."""
RISKS = (1, 2, 5)
"""Risks, in percent, at which the coverage is told."""

_POINTS = 100


def judge_confidence(
    confidence: npt.NDArray[np.floating], right: Bools, counted: Bools, resampling: Resampling
) -> ConfidenceResult | None:
    """Compare what labels say of themselves with how often they are right.

    Args:
        confidence: (N,) probability that the label is right; NaN where it says nothing.
        right: (N,) lines that are right.
        counted: (N,) lines that count: judged by the rule, and no seeds.
        resampling: Of these lines, for intervals.

    Returns:
        None when no line that counts carries a confidence.
    """
    told = counted & ~np.isnan(confidence)
    line = np.flatnonzero(told)
    if not line.size:
        return None
    stated, hit = confidence[line].astype(np.float64), right[line]
    bin_of = _equal_mass(stated)
    n_bins = int(bin_of.max()) + 1
    shares = resampling.shares(line, bin_of, n_bins, right & told, told)
    means = np.bincount(bin_of, stated) / np.bincount(bin_of)
    gaps = np.bincount(bin_of, stated - hit)
    lines = int(np.count_nonzero(counted))
    values, kept, wrong, expected = _keep_from_the_top(stated, hit)
    coverage, risk = 100 * kept / lines, 100 * wrong / kept
    shown = np.searchsorted(kept, kept[-1] * np.arange(1, _POINTS + 1) / _POINTS)
    return ConfidenceResult(
        lines=lines,
        stated=int(line.size),
        error=100 * float(np.abs(gaps).sum()) / line.size,
        bins=tuple(
            ConfidenceBin(100 * float(mean), share)
            for mean, share in zip(means, shares, strict=True)
        ),
        curve=tuple(
            RiskPoint(float(values[i]), float(coverage[i]), float(risk[i]), float(expected[i]))
            for i in np.unique(shown)
        ),
        area=float(np.average(risk, weights=np.diff(kept, prepend=0))),
        coverage_at_risk={
            str(most): float(coverage[risk <= most].max(initial=0.0)) for most in RISKS
        },
    )


def _equal_mass(stated: Doubles) -> Ints:
    """(n,) bins of equally many lines, numbered without gaps; equal values are never parted."""
    _, group, count = np.unique(stated, return_inverse=True, return_counts=True)
    middle = np.cumsum(count) - count / 2
    bins = (BINS * middle / stated.size).astype(np.int64)
    return np.unique(bins, return_inverse=True)[1][group].astype(np.int64)


def _keep_from_the_top(stated: Doubles, right: Bools) -> tuple[Doubles, Ints, Ints, Doubles]:
    """What is kept from each confidence on, highest first; lines of one confidence go together.

    Returns:
        Arrays over the different confidences: the confidence; the lines kept; the wrong ones among
        them; the share, in percent, that is expected to be wrong.
    """
    falling, group, count = np.unique(-stated, return_inverse=True, return_counts=True)
    kept = np.cumsum(count)
    wrong = np.cumsum(np.bincount(group, ~right)).astype(np.int64)
    expected = 100 * np.cumsum(count * (1 + falling)) / kept
    return -falling, kept, wrong, expected
