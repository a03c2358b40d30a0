"""Who may have spoken a line: those near it, and whoever sounds alike when it was none of them."""

from __future__ import annotations

from collections.abc import Collection
from itertools import islice

import numpy as np

from castline.attribution.base import Attribution, Floats

__all__ = ["candidates_of", "most_alike"]

_MOST, _FEWEST = 12, 6
"""Candidates of a line that are shown: at most so many, and as many as there are up to so many,
or settled lines, which try the model, would leave it no choice."""
_LEAST = 0.001
"""Probability below which nobody else is worth showing."""


def candidates_of(
    start: Attribution, row: int, label: int, near: Collection[int]
) -> tuple[int, ...]:
    """The candidates of a line, by code; others, who always are, left out.

    Their order tells nothing, so that a model cannot follow it instead of what is said.

    Args:
        start: Candidates with probabilities; see `with_chances`.
        row: The line.
        label: Code of its speaker so far.
        near: Who else is near it by now.
    """
    span = slice(int(start.offsets[row]), int(start.offsets[row + 1]))
    pairs = zip(start.candidate[span].tolist(), start.score[span].tolist(), strict=True)
    people = [(code, chance) for code, chance in pairs if code >= 0][:_MOST]
    listed = [code for n, (code, chance) in enumerate(people) if n < _FEWEST or chance >= _LEAST]
    own = [label] if label >= 0 else []
    return tuple(sorted({*listed, *own, *near}))


def most_alike(
    similarity: Floats, cast: int, shown: Collection[int], count: int
) -> tuple[int, ...]:
    """Who of the cast sounds most like a line and is no candidate, by code.

    Args:
        similarity: (V,) of the line to everybody; minus infinity where there is nothing to compare.
        cast: Number of the cast, whose codes come first.
        shown: Codes of the candidates.
        count: How many, at most.
    """
    order = np.argsort(-similarity[:cast], kind="stable").tolist()
    left = (code for code in order if code not in shown and np.isfinite(similarity[code]))
    return tuple(sorted(islice(left, count)))
