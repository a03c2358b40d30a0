"""`unknown` instead of a guess, below a chosen risk.

A confidence is the probability that a label is right. So one minus their mean, over the labels that
are kept, is the share of them that is expected to be wrong, and a lowest confidence can be found
that keeps as many labels as a given risk allows. The promise is as good as the confidences.
"""

from __future__ import annotations

import dataclasses
from typing import Annotated

import msgspec
import numpy as np

from castline.attribution.base import NOBODY, UNSURE, Attribution, Floats, Series
from castline.errors import UsageError

__all__ = ["AbstainParams", "abstain", "choose_threshold"]

_ROUNDING = 1e-6
"""What 32-bit confidences are off by: a risk is not missed by that little."""


@dataclasses.dataclass(frozen=True)
class AbstainParams:
    """When a line is left unknown.

    Attributes:
        max_risk: Largest share of wrong labels to be expected among those that are kept, 0 to 1.
            None: nothing is left unknown for that reason, however doubtful.
    """

    max_risk: Annotated[float, msgspec.Meta(ge=0, le=1)] | None = None


def choose_threshold(confidence: Floats, max_risk: float) -> float:
    """The lowest confidence that is kept.

    Args:
        confidence: (n,) probabilities that labels are right, in any order.
        max_risk: Largest share of wrong labels to be expected among those that are kept.

    Returns:
        The lowest of the confidences for which the labels at and above it are expected to be wrong
        no more often than that; infinity where there is none.

    >>> choose_threshold(np.array([0.9, 0.6, 1.0], np.float32), 0.2)
    0.6000000238418579
    >>> choose_threshold(np.array([0.9, 0.6], np.float32), 0.05)
    inf
    """
    ordered = np.sort(confidence.astype(np.float64))[::-1]
    risk = np.cumsum(1 - ordered) / np.arange(1, ordered.size + 1)
    # Labels of one confidence are kept together or not at all.
    last = np.append(ordered[1:] < ordered[:-1], True)[: ordered.size]
    allowed = ordered[last & (risk <= max_risk + _ROUNDING)]
    return float(allowed.min(initial=np.inf))


def abstain(
    series: Series, found: Attribution, parameters: AbstainParams, *, method: str
) -> Attribution:
    """Leave lines unknown that are too doubtful for the chosen risk; seeds stay.

    Seeds take no part in the choice either: known beforehand, they would buy guesses elsewhere.

    Args:
        series: What the method saw.
        found: What it found; candidates and confidences stay as they are.
        parameters: The risk.
        method: Name of the method, for the message.

    Raises:
        UsageError: A risk was chosen and the method gives no confidences.
    """
    if parameters.max_risk is None:
        return found
    if found.confidence is None:
        raise UsageError(
            f"Labels of {method} carry no confidence, so nothing tells which of them would be "
            "wrong too often. Leave out --max-risk (in castline.toml: [abstain] max_risk), or "
            "take a method that gives confidences."
        )
    guessed = (series.seeds == NOBODY) & (found.code != UNSURE)
    threshold = choose_threshold(found.confidence[guessed], parameters.max_risk)
    doubtful = guessed & (found.confidence < threshold)
    told = found.reasons or ((),) * len(found.code)
    return dataclasses.replace(
        found,
        code=np.where(doubtful, UNSURE, found.code).astype(np.int32),
        reasons=tuple(
            (f"confidence {sure:.2f}, too low for the chosen risk", *why) if left else why
            for left, sure, why in zip(doubtful, found.confidence, told, strict=True)
        ),
    )
