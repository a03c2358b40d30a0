"""What rankers learn from: lines, their candidates, and which of these is the truth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from castline.attribution.fusion.usual import Usual

__all__ = ["Choices", "check_choices", "join_begins", "join_choices"]

Floats = npt.NDArray[np.float32]
Offsets = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Choices:
    """Lines of one series to learn from: the rows of their candidates, and which is the truth.

    Attributes:
        features: (R, F), finite.
        usual: What is usual for the F features in the series.
        begin: (N + 1,) where the rows of each line begin, from 0 to R; no line is without.
        truth: (R,) share of each row in the truth of its line; adds up to one over each line.
        weight: (N,) of the lines, above 0.
    """

    features: Floats
    usual: Usual
    begin: Offsets
    truth: Floats
    weight: Floats


def check_choices(choices: Choices, features: int) -> None:
    """See that the parts of the choices fit one another and the number of features.

    Raises:
        ValueError: They do not, or a feature is not finite.
    """
    rows, lines = len(choices.truth), len(choices.weight)
    if choices.features.shape != (rows, features) or len(choices.begin) != lines + 1:
        raise ValueError(
            f"features {choices.features.shape}, truth ({rows},), begin {choices.begin.shape}, "
            f"weight ({lines},) and {features} names do not fit"
        )
    # Both are NaN as soon as one feature is; isfinite would make a second table.
    ends = choices.features.min(initial=0), choices.features.max(initial=0)
    if not np.isfinite(ends).all():
        raise ValueError("a feature is not finite")


def join_choices(parts: Sequence[Choices]) -> Choices:
    """The lines of several series one after another; what is usual is the mean of theirs."""
    return Choices(
        features=np.concatenate([each.features for each in parts]),
        usual=Usual.between([each.usual for each in parts]),
        begin=join_begins([each.begin for each in parts]),
        truth=np.concatenate([each.truth for each in parts]),
        weight=np.concatenate([each.weight for each in parts]),
    )


def join_begins(begins: Sequence[Offsets]) -> Offsets:
    """Where rows begin when the rows of several tables follow one another."""
    ends = np.cumsum([0, *(int(each[-1]) for each in begins)])
    moved = [each[:-1] + end for each, end in zip(begins, ends[:-1], strict=True)]
    return np.concatenate([*moved, ends[-1:]]).astype(np.int64)
