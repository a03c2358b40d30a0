"""The space of voices, adapted to the series by its own labels.

A voiceprint differs from line to line of one person, in some directions more than in others. Where
the labels so far are sure, they show these directions, and the voiceprints are scaled down along
them (within-class covariance normalisation; Hatch, Kajarekar and Stolcke 2006).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from castline.attribution.fusion.sums import weighted_sums
from castline.attribution.series import has_voice

__all__ = [
    "NOBODY_SURE",
    "VoiceSpace",
    "adapt_voices",
    "sure_speakers",
]

Bools = npt.NDArray[np.bool_]
Doubles = npt.NDArray[np.float64]
Floats = npt.NDArray[np.float32]
Indices = npt.NDArray[np.int64]

NOBODY_SURE = -1
"""Speaker of a line of which no one of the cast is sure."""

_SURE = 0.6
"""Share from which a line teaches how its speaker sounds."""

_TEACHING_S = 0.8
"""Seconds from which a line teaches how voices vary."""

_LEAST_LINES = 5
"""Teaching lines that somebody has to have to count as a person."""

_SHRINKAGE = 0.1
"""How far a covariance is drawn towards the same variance in all directions, at least."""

_PRIOR_LINES = 1.0
_PRIOR_LINES_AGAIN = 4.0
"""Lines a direction that the same variance in all directions is worth against the lines measured;
more in the space that the same lines have made already, where they vary less than new ones."""

_FLAT = 1e-9
"""Variance below which a direction is taken for one without any."""

_MOST_DIRECTIONS = 150
"""In which people are told apart at most."""

_LEAST_BETWEEN = 1e-2
"""Variance between people that every direction is granted."""

_UNTAUGHT_BETWEEN = 1.0
"""Variance between people where no labels tell: as much as within a person."""

_LENGTH_EDGES_S = (0.3, 0.5, 0.7, 1.0, 1.4, 2.0, 3.0)
_STRENGTH_EDGES = (0.1, 0.3, 0.5, 0.7, 0.9)
"""Quantiles of strength between lines that are thought equally noisy."""

_LONGEST_S = 2.0
"""Seconds from which a line counts no more for the mean of its speaker."""

_NOISE_PRIOR = 50.0
"""Lines that the usual noise is worth against the noise measured."""

_NOISE_RANGE = (0.4, 4.0)


@dataclass(frozen=True)
class VoiceSpace:
    """Voiceprints in which what tells people of this series apart counts most.

    Attributes:
        unit: (N, D) rows of norm 1, centred and whitened within people; zeros without a voice.
        reduced: (N, d) coordinates in which people vary independently: within one person with
            variance 1, between people with `between`; zeros without a voice.
        between: (d,) variance between people, above 0.
        noise: (N,) variance within a person by length and strength of the line, 0.4 to 4; 1 is
            usual.
    """

    unit: Floats
    reduced: Floats
    between: Doubles
    noise: Floats


def sure_speakers(share: Floats) -> Indices:
    """(N,) code of the one of the cast who is sure to speak the line, or `NOBODY_SURE`.

    Args:
        share: (N, C + 1) probability of each of the cast and, last, of others.
    """
    speaker = share.argmax(axis=1)
    sure = (share.max(axis=1) >= _SURE) & (speaker < share.shape[1] - 1)
    return np.where(sure, speaker, NOBODY_SURE)


def adapt_voices(voices: Floats, strength: Floats, share: Floats, length_s: Floats) -> VoiceSpace:
    """Find the space in which the people of a series are told apart best.

    Lines of somebody sure teach it, from 0.8 s on and where there are five of a person; a person
    counts by the square root of their lines. With fewer than two such people the voiceprints are
    only centred.

    Args:
        voices: (N, D) voiceprints of norm 1; a row of zeros where there is none.
        strength: (N,) norm as measured over the series' median, 0 where there is no voiceprint.
        share: (N, C + 1) probability of each of the cast and, last, of others, for each line.
        length_s: (N,) seconds of the lines.
    """
    heard = has_voice(voices)
    speaker = np.where(heard, sure_speakers(share), NOBODY_SURE)
    lesson = _Lesson.of(speaker, share, length_s)
    unit = voices - _mean(voices, heard)
    if lesson.people >= 2:
        unit = unit @ _whitener(lesson.scatter(unit)[0], lesson, _PRIOR_LINES).astype(np.float32)
    _normalise(unit, heard)
    if lesson.people >= 2:
        reduced, between = _reduce(unit, heard, lesson)
    else:
        width = unit.shape[1]
        reduced = unit * np.float32(np.sqrt((1 + _UNTAUGHT_BETWEEN) * width))
        between = np.full(width, _UNTAUGHT_BETWEEN)
    noise = _measure_noise(reduced, strength, speaker, length_s)
    return VoiceSpace(unit, reduced, between, noise)


def _mean(rows: Floats, heard: Bools) -> Floats:
    """(D,) mean of the rows with a voice; zeros without any."""
    mean: Floats = rows.sum(axis=0, where=heard[:, None]) / np.float32(max(heard.sum(), 1))
    return mean


def _normalise(rows: Floats, heard: Bools) -> None:
    """Give rows with a voice norm 1, the others norm 0, in place."""
    norm = np.sqrt(np.einsum("nd,nd->n", rows, rows))
    rows *= np.where(heard, 1 / np.maximum(norm, _FLAT), 0).astype(np.float32)[:, None]


@dataclass(frozen=True)
class _Lesson:
    """T lines that teach how the voices of P people vary.

    Attributes:
        line: (T,) the lines.
        person: (T,) who speaks each, 0 to P - 1.
        weight: (T,) how sure that is.
        size: (P,) weight of each person's lines.
    """

    line: Indices
    person: Indices
    weight: Floats
    size: Doubles

    @classmethod
    def of(cls, speaker: Indices, share: Floats, length_s: Floats) -> _Lesson:
        line = np.flatnonzero((speaker != NOBODY_SURE) & (length_s >= _TEACHING_S))
        often = np.bincount(speaker[line], minlength=share.shape[1]) >= _LEAST_LINES
        line = line[often[speaker[line]]]
        weight = share[line, speaker[line]]
        person = (np.cumsum(often) - 1)[speaker[line]]
        return cls(line, person, weight, np.bincount(person, weight).astype(np.float64))

    @property
    def people(self) -> int:
        return len(self.size)

    def scatter(self, rows: Floats) -> tuple[Doubles, Doubles]:
        """Covariance within people and between them, (D, D) each.

        A person with n lines counts as the square root of n, so that nobody is all there is.

        Args:
            rows: (N, D) of the whole series.
        """
        share = np.sqrt(self.size) / np.sqrt(self.size).sum()
        taught = rows[self.line]
        means = weighted_sums(self.person, self.weight, taught, self.people) / self.size[:, None]
        taught -= means.astype(np.float32)[self.person]
        taught *= np.sqrt(self.weight * (share / self.size)[self.person])[:, None]
        off = (means - share @ means) * np.sqrt(share)[:, None]
        return (taught.T @ taught).astype(np.float64), off.T @ off


def _whitener(within: Doubles, lesson: _Lesson, prior: float) -> Doubles:
    """(D, D) symmetric matrix after which the covariance within people is the unit matrix.

    The fewer lines there are for the directions, the further the covariance is drawn towards the
    same variance in all of them: those that no line happens to show would be blown up otherwise.
    """
    width = len(within)
    free = len(lesson.line) - lesson.people
    shrinkage = max(_SHRINKAGE, prior * width / (prior * width + free))
    even = np.eye(width) * max(np.trace(within) / width, _FLAT)
    values, vectors = np.linalg.eigh((1 - shrinkage) * within + shrinkage * even)
    whitener: Doubles = (vectors / np.sqrt(np.maximum(values, _FLAT))) @ vectors.T
    return whitener


def _reduce(unit: Floats, heard: Bools, lesson: _Lesson) -> tuple[Floats, Doubles]:
    """Directions in which people vary independently, within and between (Ioffe 2006).

    Returns:
        Coordinates (N, d) along them, and the variance between people (d,).
    """
    centred = unit - _mean(unit, heard)
    within, between = lesson.scatter(centred)
    white = _whitener(within, lesson, _PRIOR_LINES_AGAIN)
    values, vectors = np.linalg.eigh(white @ between @ white)
    kept = np.argsort(values)[::-1][: min(_MOST_DIRECTIONS, lesson.people - 1)]
    reduced = centred @ (white @ vectors[:, kept]).astype(np.float32)
    reduced[~heard] = 0
    return reduced, np.maximum(values[kept], _LEAST_BETWEEN)


def _measure_noise(reduced: Floats, strength: Floats, speaker: Indices, length_s: Floats) -> Floats:
    """(N,) variance within a person of lines as long and as strong, in steps of 0.1."""
    line = np.flatnonzero(speaker != NOBODY_SURE)
    off = _distances_to_mean(reduced[line], speaker[line], np.minimum(length_s[line], _LONGEST_S))
    lengths, strengths = len(_LENGTH_EDGES_S) + 1, len(_STRENGTH_EDGES) + 1
    length_bin = np.searchsorted(_LENGTH_EDGES_S, length_s)
    cell = length_bin * strengths + _strength_bin(strength)
    usual = _smoothed(length_bin[line], off, np.ones(lengths))
    table = _smoothed(cell[line], off, np.repeat(usual, strengths))
    noise: Floats = np.round(np.clip(table, *_NOISE_RANGE), 1).astype(np.float32)[cell]
    return noise


def _distances_to_mean(rows: Floats, speaker: Indices, weight: Floats) -> Doubles:
    """(T,) mean square by which each row differs from the mean of its speaker."""
    count = int(speaker.max(initial=-1)) + 1
    size = np.bincount(speaker, weight, count)
    means = weighted_sums(speaker, weight, rows, count) / np.maximum(size, _FLAT)[:, None]
    off: Doubles = np.square(rows - means[speaker]).mean(axis=1)
    return off


def _strength_bin(strength: Floats) -> Indices:
    """(N,) how strong a voiceprint is for this series, 0 to the number of edges."""
    measured = strength[strength > 0]
    if measured.size == 0:
        return np.zeros(len(strength), np.int64)
    return np.searchsorted(np.quantile(measured, _STRENGTH_EDGES), strength)


def _smoothed(cell: Indices, value: Doubles, prior: Doubles) -> Doubles:
    """Mean value in each cell, drawn towards what was thought before by some lines' worth."""
    count = np.bincount(cell, minlength=len(prior))
    total = np.bincount(cell, value, len(prior))
    smoothed: Doubles = (total + _NOISE_PRIOR * prior) / (count + _NOISE_PRIOR)
    return smoothed
