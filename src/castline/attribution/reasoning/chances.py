"""The labels of the base method as probabilities, and what passes make of their doubt."""

from __future__ import annotations

import dataclasses
from functools import cached_property

import numpy as np
import numpy.typing as npt

from castline.attribution.base import NOBODY, UNSURE, Attribution, Series
from castline.attribution.reasoning.doubt import (
    doubt_features,
    rescore,
    shipped_model,
)

__all__ = ["Doubts", "with_chances"]

Doubles = npt.NDArray[np.float64]

_OTHERS = 0.4
"""Share of the wrong labels of the cast whose speaker is nobody of it: 37 and 42 % on the training
series of the paper."""
_STEEPNESS = 8.0
"""By how much the logarithm of the probability of a candidate grows with its similarity where the
label is wrong. The training series disagree (5 and 20)."""
_FLOOR, _CEILING = 1e-4, 1 - 1e-4


def with_chances(series: Series, base: Attribution) -> Attribution:
    """The same labels with confidences, and probabilities as the scores of the candidates.

    Nothing changes where the base method gives both. Otherwise its scores are similarities, as
    those of propagation.
    """
    if base.confidence is not None:
        return base
    n, cast = len(base.code), len(series.cast)
    wrong = _sigmoid(shipped_model().log_odds(doubt_features(series, base)))
    wrong = np.where(series.seeds != NOBODY, 0.0, np.where(base.code == UNSURE, 1.0, wrong))
    line = np.repeat(np.arange(n), np.diff(base.offsets))
    own = base.candidate == base.code[line]
    named = (base.code >= 0) & (base.code < cast)
    weight = np.where(own, 0, np.exp(_STEEPNESS * base.score.astype(np.float64)))
    total = np.bincount(line, weight, minlength=n)
    share = weight / np.maximum(total[line], 1e-12)
    rest = wrong * np.where(named, 1 - _OTHERS, 1.0)
    probability = np.where(own, 1 - wrong[line], rest[line] * share)
    order = np.lexsort((-probability, line))
    return dataclasses.replace(
        base,
        candidate=base.candidate[order],
        score=probability[order].astype(np.float32),
        confidence=(1 - wrong).astype(np.float32),
    )


class Doubts:
    """How doubtful the labels of the base method are, as other lines get their speakers.

    The base method says it once. What is learnt later moves it by as many log odds as the
    regression of `doubt.py` moves between the labels of the base and those of today.

    Args:
        series: The series.
        base: What the base method found.
        start: The same with probabilities; see `with_chances`.
    """

    def __init__(self, series: Series, base: Attribution, start: Attribution) -> None:
        assert start.confidence is not None
        sure = np.where(start.code == UNSURE, 0, np.nan_to_num(start.confidence))
        self.at_first: Doubles = 1 - sure.astype(np.float64)
        """(N,) probability that each label of the base method is wrong, as it says itself."""
        self._series = series
        self._base = base
        self._start = start
        self._model = shipped_model()

    def now(self, today: Attribution) -> Doubles:
        """(N,) probability that each of these labels is wrong by what other lines became.

        Args:
            today: The labels of today, as `rescore` scores them.
        """
        moved = self._log_odds(today) - self._log_odds(self.before)
        return _sigmoid(_logit(self.at_first) + moved)

    @cached_property
    def before(self) -> Attribution:
        """The labels of the base method with similarities as the scores of the candidates."""
        if self._base.confidence is None:
            return self._base
        return rescore(self._series, self._base.code, self._base.voices_found)

    def prior(self, row: int, wrong: float) -> dict[int, float]:
        """Codes and probabilities of those who may speak a line, others by what is missing to 1.

        Args:
            row: The line.
            wrong: Probability that the label of the base method is wrong.
        """
        start, label = self._start, int(self._start.code[row])
        span = slice(int(start.offsets[row]), int(start.offsets[row + 1]))
        listed = dict(zip(start.candidate[span].tolist(), start.score[span].tolist(), strict=True))
        listed.pop(label, None)
        scale = wrong / max(self.at_first[row], sum(listed.values()), _FLOOR)
        return {label: 1 - wrong, **{code: scale * chance for code, chance in listed.items()}}

    def _log_odds(self, scored: Attribution) -> Doubles:
        return self._model.log_odds(doubt_features(self._series, scored))


def _sigmoid(value: Doubles) -> Doubles:
    return 1 / (1 + np.exp(-value))


def _logit(probability: Doubles) -> Doubles:
    clipped = np.clip(probability, _FLOOR, _CEILING)
    return np.log(clipped) - np.log1p(-clipped)
