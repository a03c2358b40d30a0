"""Boosted trees that learn the choice among the candidates of a line, grown by LightGBM.

The loss is the cross entropy between a softmax over the scores of a line's rows and the share of
truth of each; LightGBM gets its gradient and the diagonal of its Hessian.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from castline.attribution.fusion.choices import Choices, join_choices
from castline.attribution.fusion.ranker import softmax_by_line
from castline.attribution.fusion.ranker_graph import Tree
from castline.errors import MissingExtra

__all__ = ["TreeSettings", "train_trees"]

Doubles = npt.NDArray[np.float64]
Floats = npt.NDArray[np.float32]

_FLATTEST = 1e-3
"""Least curvature of the loss, so that a sure line does not move its leaf without bounds."""


@dataclass(frozen=True)
class TreeSettings:
    """How the trees are grown.

    Attributes:
        leaves: Of a tree, at most.
        rate: What each tree adds, as a share of its step.
        rounds: Trees for each seed.
        feature_fraction: Share of the features that a tree may look at, above 0 to 1.
        rows_a_leaf: At least.
        l2: Penalty on the square of a leaf's value.
        bins: Values that a feature is rounded to while training, at most 255.
        seeds: One forest for each; the scores of the forests are averaged.
    """

    leaves: int = 31
    rate: float = 0.07
    rounds: int = 130
    feature_fraction: float = 0.3
    rows_a_leaf: int = 500
    l2: float = 20.0
    bins: int = 255
    seeds: tuple[int, ...] = (1, 2)


def train_trees(
    parts: Sequence[Choices], settings: TreeSettings, *, threads: int = 1
) -> list[list[Tree]]:
    """Grow forests; the same lines and settings give the same trees on one machine.

    Args:
        parts: What to learn from.
        settings: How the trees are grown.
        threads: Of the processor.

    Returns:
        The trees of each forest, one forest a seed.

    Raises:
        MissingExtra: LightGBM is not installed, or lacks a library of the system.
    """
    lightgbm = _lightgbm()
    choices = join_choices(parts)
    fixed = _fixed(settings, threads)
    data = lightgbm.Dataset(choices.features, params=fixed).construct()
    objective = _objective(choices)
    forests = []
    for seed in settings.seeds:
        params = {**fixed, **_growth(settings), "objective": objective, "seed": seed}
        booster = lightgbm.train(params, data, num_boost_round=settings.rounds)
        forests.append([tree["tree_structure"] for tree in booster.dump_model()["tree_info"]])
    return forests


def _fixed(settings: TreeSettings, threads: int) -> dict[str, Any]:
    """Parameters that the data and all forests share."""
    return {
        "max_bin": settings.bins,
        # The order of the columns would be chosen by the clock otherwise.
        "force_row_wise": True,
        "deterministic": True,
        "feature_pre_filter": False,
        "use_missing": False,
        "num_threads": threads,
        "verbosity": -1,
    }


def _growth(settings: TreeSettings) -> dict[str, Any]:
    return {
        "num_leaves": settings.leaves,
        "learning_rate": settings.rate,
        "feature_fraction": settings.feature_fraction,
        "min_data_in_leaf": settings.rows_a_leaf,
        "lambda_l2": settings.l2,
    }


def _objective(choices: Choices) -> Any:
    """The loss as LightGBM takes it: gradient and Hessian by row for the scores so far."""
    weight = np.repeat(choices.weight, np.diff(choices.begin))

    def objective(scores: Doubles, _: object) -> tuple[Floats, Floats]:
        p = softmax_by_line(scores, choices.begin)
        gradient = weight * (p - choices.truth)
        hessian = weight * np.maximum(p * (1 - p), _FLATTEST)
        return gradient.astype(np.float32), hessian.astype(np.float32)

    return objective


def _lightgbm() -> Any:
    try:
        # Threads that spin while they wait stand in each other's way on a busy machine.
        os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
        import lightgbm
    except ImportError as error:
        raise MissingExtra("Training fusion", package="lightgbm", extra="train") from error
    except OSError as error:
        missing = MissingExtra("Training fusion", package="lightgbm", extra="train")
        # It is installed, so the usual advice would not help.
        missing.args = (
            f"Training fusion needs LightGBM, which is installed but cannot start ({error}): "
            "install OpenMP for your system (libgomp1 on Debian and Ubuntu, libomp on macOS)",
        )
        raise missing from error
    return lightgbm
