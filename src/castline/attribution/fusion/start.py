"""The labels that fusion starts from."""

from __future__ import annotations

from castline.attribution.base import Attribution, Progress, Series
from castline.attribution.baselines import NEAREST_SEED
from castline.attribution.propagation import PropagationMethod, PropagationParams

__all__ = ["first_labels"]


def first_labels(
    series: Series, params: PropagationParams | None = None, progress: Progress | None = None
) -> Attribution:
    """Label by propagation; without any faces, which it needs to go far, by the nearest seed.

    Where no voice is known either, propagation at least tells voices apart.

    Args:
        series: What is known.
        params: Constants of propagation; the published ones when left out.
        progress: Called with (done, total).
    """
    if not len(series.faces.start_ms) and (series.seeds >= 0).any():
        return NEAREST_SEED.attribute(series, NEAREST_SEED.parameters(), progress)
    return PropagationMethod().attribute(series, params or PropagationParams(), progress)
