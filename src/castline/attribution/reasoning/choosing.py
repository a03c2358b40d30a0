"""Which lines are sent: those in doubt, within what may be spent, and a few that are not."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from castline.attribution.base import Attribution, Ints
from castline.attribution.labels import margins
from castline.attribution.reasoning.params import ReasoningParams

__all__ = ["allowance", "close_calls", "doubtful", "draw_probe"]

Bools = npt.NDArray[np.bool_]
Doubles = npt.NDArray[np.float64]

_EARLY = 0.75
"""Part of what is left to spend that a pass may use which is not the last. The lines that a later
pass is in doubt about are better chosen, but they get one look less."""
_SETTLED = 0.05
"""Probability to be wrong up to which a label counts as settled."""


def allowance(lines: int, sent: int, parameters: ReasoningParams, *, last: bool) -> int:
    """How many lines a pass may send that were not sent before.

    Args:
        lines: Lines of the series.
        sent: Lines sent so far, those that tried the model with them.
        parameters: The settings.
        last: Whether no pass follows.
    """
    left = max(0, int(parameters.share * lines) - sent)
    return left if last else int(_EARLY * left)


def doubtful(doubt: Doubles, free: Bools, least: float, most: int) -> Ints:
    """The rows in greatest doubt, ascending.

    Args:
        doubt: (N,) probability that each label is wrong.
        free: (N,) lines that may be sent.
        least: Least doubt of a line that is sent.
        most: How many, at most.
    """
    rows = np.flatnonzero(free & (doubt >= least))
    chosen = rows[np.argsort(-doubt[rows], kind="stable")[:most]]
    return np.sort(chosen).astype(np.int32)


def close_calls(scored: Attribution, free: Bools, threshold: float) -> Ints:
    """The rows whose two best candidates are closer than a threshold: the rule of the paper."""
    margin = margins(scored.offsets, scored.score, released=scored.confidence is None)
    return np.flatnonzero(free & (margin < threshold)).astype(np.int32)


def draw_probe(doubt: Doubles, free: Bools, outside: Bools, parameters: ReasoningParams) -> Ints:
    """Rows with settled labels to try the model on, ascending; fewer where there are not enough.

    Args:
        doubt: (N,) probability that each label is wrong.
        free: (N,) lines that may be sent.
        outside: (N,) lines of nobody in the cast. A third are of these, or a model that names
            somebody whatever is said would pass.
        parameters: The settings.
    """
    settled = free & (doubt <= _SETTLED)
    draw = np.random.default_rng(parameters.seed)
    strangers = np.flatnonzero(settled & outside)
    strangers = draw.choice(strangers, min(parameters.probe // 3, len(strangers)), replace=False)
    known = np.flatnonzero(settled & ~outside)
    most = min(parameters.probe - len(strangers), len(known))
    chosen = np.concatenate([strangers, draw.choice(known, most, replace=False)])
    return np.sort(chosen).astype(np.int32)
