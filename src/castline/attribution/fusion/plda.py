"""Voices by a model of how people differ, and how lines of one person do."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from castline.attribution.fusion.sums import blocks
from castline.attribution.fusion.voice_space import VoiceSpace
from castline.attribution.series import has_voice

__all__ = ["plda_scores"]

Doubles = npt.NDArray[np.float64]
Floats = npt.NDArray[np.float32]
Indices = npt.NDArray[np.int64]

_FLAT = 1e-9
"""Lines below which there are none, but for rounding."""

_COUNTS_FROM = 0.3
"""Share from which a line is evidence for a voice."""

_SAME_AFTER = 20.0
"""Lines of one person share more than a voice: never do as many as this count as independent."""

_LOOSENED_BY = 50.0
"""Directions from which log odds grow as the square root of their number: they are less independent
than the model has it."""

_MOST_ODDS = 60.0
"""Log odds are cut off here, either way."""


def plda_scores(space: VoiceSpace, share: Floats) -> Floats:
    """Score lines by a model in which voices and lines are drawn from normal distributions.

    Probabilistic linear discriminant analysis (Ioffe 2006; Kenny 2010) in its two-covariance form
    (Brümmer and de Villiers 2010): what is known of a voice is a normal distribution that narrows
    with every line of it. A line takes no part in what is known when it is scored itself.

    Args:
        space: Where people vary independently.
        share: (N, C + 1) probability of each of the cast and, last, of others, for each line.

    Returns:
        (N, C) log odds that a line is of each one's voice and not of just anybody's, tempered for
        many directions, -60 to 60; 0 for somebody of whom no line is known, and for a line without
        a voice.
    """
    known = _Known.of(space, share[:, :-1])
    scores = np.empty((len(share), share.shape[1] - 1), np.float32)
    for level in np.unique(space.noise):
        for lines in blocks(np.flatnonzero(space.noise == level)):
            scores[lines] = _log_odds(space, known, lines, float(level))
    for entries in blocks(np.arange(len(known.line))):
        scores[known.line[entries], known.code[entries]] = _own_log_odds(space, known, entries)
    scores[~has_voice(space.unit)] = 0
    scores /= np.float32(np.sqrt(len(space.between) / _LOOSENED_BY + 1))
    return np.clip(scores, -_MOST_ODDS, _MOST_ODDS, out=scores)


@dataclass(frozen=True)
class _Known:
    """What is known of voices: E pairs of a line and somebody who probably speaks it.

    Attributes:
        line: (E,) the line.
        code: (E,) who.
        weight: (E,) what the line counts: less if it is noisy or doubtful.
        size: (C,) weight of all lines of each.
        sums: (C, d) weighted sum of their coordinates.
    """

    line: Indices
    code: Indices
    weight: Doubles
    size: Doubles
    sums: Doubles

    @classmethod
    def of(cls, space: VoiceSpace, share: Floats) -> _Known:
        from scipy.sparse import csr_array

        line, code = np.nonzero((share >= _COUNTS_FROM) & has_voice(space.unit)[:, None])
        weight = share[line, code].astype(np.float64) * np.minimum(1, 1 / space.noise)[line]
        table = csr_array((weight, (code, line)), shape=share.shape[::-1])
        size = np.bincount(code, weight, share.shape[1]).astype(np.float64)
        return cls(line, code, weight, size, table @ space.reduced)


def _posterior(size: Doubles, sums: Doubles, between: Doubles) -> tuple[Doubles, Doubles]:
    """Mean and variance, (K, d) each, of voices of which `size` lines are known that add up so."""
    size = np.maximum(size, 0)[:, None]
    gain = size / (1 + size / _SAME_AFTER) * between
    mean = sums / np.maximum(size, _FLAT) * (gain / (gain + 1))
    return mean, between / (gain + 1)


def _log_odds(space: VoiceSpace, known: _Known, lines: Indices, noise: float) -> Floats:
    """(L, C) log odds of some lines of one noise; nothing is left out."""
    mean, spread = _posterior(known.size, known.sums, space.between)
    spread, anybody = spread + noise, space.between + noise
    rows = space.reduced[lines]
    square = rows**2 @ (1 / anybody - 1 / spread).T.astype(np.float32)
    cross = rows @ (2 * mean / spread).T.astype(np.float32)
    constant = (np.log(anybody / spread) - mean**2 / spread).sum(axis=1)
    odds: Floats = np.float32(0.5) * (square + cross + constant.astype(np.float32))
    return odds


def _own_log_odds(space: VoiceSpace, known: _Known, entries: Indices) -> Doubles:
    """(E,) log odds of lines for whom they are thought to be, were they not known."""
    line, code, weight = known.line[entries], known.code[entries], known.weight[entries]
    rows = space.reduced[line].astype(np.float64)
    rest = known.sums[code] - weight[:, None] * rows
    mean, spread = _posterior(known.size[code] - weight, rest, space.between)
    noise = space.noise[line].astype(np.float64)[:, None]
    spread, anybody = spread + noise, space.between + noise
    odds = rows**2 / anybody - (rows - mean) ** 2 / spread + np.log(anybody / spread)
    total: Doubles = 0.5 * odds.sum(axis=1)
    return total
