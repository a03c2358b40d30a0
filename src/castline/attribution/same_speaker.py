"""How probable it is that two lines of an episode have one speaker, by their voices and times.

Engines differ in how alike their voiceprints of one person are, and so do series. What a likeness
means is therefore learnt from the series itself, by how often labels of lines that alike agree.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from castline.attribution.base import Series
from castline.attribution.series import has_voice

__all__ = ["SameSpeaker"]

Bools = npt.NDArray[np.bool_]
Doubles = npt.NDArray[np.float64]
Floats = npt.NDArray[np.float32]
Indices = npt.NDArray[np.int64]
Ints = npt.NDArray[np.int32]

_PAIRS = 60_000
"""Pairs of lines to learn from."""

_REACH = 100
"""Lines that the two of such a pair are apart at most."""

_FEW = 50
"""Pairs of one speaker, and of two, without which nothing is learnt."""

_STEPS = 20
"""Newton steps of the regression, which converges in fewer."""

_NEAR_S = 30.0
"""Seconds after which nearness in time tells about a third of what it tells at once."""

_MOST_ODDS = 30.0
"""Log odds are cut off here, either way."""


@dataclass(frozen=True)
class SameSpeaker:
    """Log odds that two lines have one speaker: base + cosine x likeness + nearness x nearness.

    Attributes:
        base: At no likeness, far apart.
        cosine: For a cosine of 1 between the voiceprints.
        nearness: For two lines at one time.
    """

    base: float = -5.0
    cosine: float = 10.0
    nearness: float = 1.0

    @classmethod
    def learn(cls, series: Series, code: Ints, chance: Floats) -> SameSpeaker:
        """Learn from labels: a logistic regression over pairs of lines not far apart.

        Args:
            series: The series.
            code: (N, L) candidates of each line, best first; the size of the cast stands for
                everybody else, below 0 for none.
            chance: (N, L) their probabilities.

        Returns:
            What is learnt; what is usual where the labels hold too little to learn from.
        """
        line, other = _draw_pairs(series, code[:, 0])
        first, second = code[line][:, :, None], code[other][:, None, :]
        agree = (first == second) & (first >= 0) & (first < len(series.cast))
        both = chance[line][:, :, None] * chance[other][:, None, :]
        same = np.where(agree, both, 0).sum(axis=(1, 2), dtype=np.float64)
        if same.sum() < _FEW or (1 - same).sum() < _FEW:
            return cls()
        cosine = np.einsum("pd,pd->p", series.voices[line], series.voices[other])
        start = series.timeline.start_ms
        near = _nearness((start[line] - start[other]) / 1000)
        cues = np.stack([np.ones(len(line)), cosine, near], axis=1, dtype=np.float64)
        return cls(*_regress(cues, same).tolist())

    def chances(self, series: Series, rows: Indices) -> Floats:
        """(R, R) chance of one speaker for all pairs of R lines."""
        voices = series.voices[rows]
        start = (series.timeline.start_ms[rows] / 1000).astype(np.float64)
        near = _nearness(start[:, None] - start).astype(np.float32)
        odds = self.base + self.cosine * (voices @ voices.T) + self.nearness * near
        chances: Floats = 1 / (1 + np.exp(-np.clip(odds, -_MOST_ODDS, _MOST_ODDS)))
        return chances


def _draw_pairs(series: Series, label: Ints) -> tuple[Indices, Indices]:
    """Pairs of lines of one episode with voices, of which somebody of the cast has one."""
    n, cast = len(series.lines), len(series.cast)
    draw = np.random.default_rng(0)
    pairs = min(_PAIRS, n * _REACH)
    line = draw.integers(0, n, pairs)
    other = np.minimum(line + draw.integers(1, _REACH + 1, pairs), n - 1)
    heard = has_voice(series.voices)
    # Two lines of nobody in the cast need not be one person's.
    useful = (label[line] != cast) | (label[other] != cast)
    useful &= heard[line] & heard[other] & (line != other)
    useful &= series.episode[line] == series.episode[other]
    # A short series has few pairs, and each tells its part once.
    drawn = np.unique(line[useful] * n + other[useful])
    return drawn // n, drawn % n


def _nearness(seconds: npt.NDArray[np.floating]) -> Doubles:
    """1 for two lines at one time, towards 0 for lines far apart."""
    near: Doubles = np.exp(-np.abs(seconds) / _NEAR_S)
    return near


def _regress(cues: Doubles, target: Doubles) -> Doubles:
    """(K,) weights of a logistic regression of targets (P,), 0 to 1, on cues (P, K)."""
    weights = np.zeros(cues.shape[1])
    ridge = np.eye(len(weights))
    for _ in range(_STEPS):
        chance = 1 / (1 + np.exp(-np.clip(cues @ weights, -_MOST_ODDS, _MOST_ODDS)))
        slope = cues.T @ (chance - target) + ridge @ weights
        curve = (cues * (chance * (1 - chance))[:, None]).T @ cues + ridge
        weights -= np.linalg.solve(curve, slope)
    return weights
