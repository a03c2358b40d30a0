"""Who is considered for each line."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from castline.attribution.base import Attribution, Series
from castline.attribution.fusion.faces import FaceShares

__all__ = ["MOST", "choose_candidates", "owners"]

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float32]

MOST = 13
"""Candidates of a line besides others. With fewer, those whose seeds mislead would be missing."""

_BEST_VOICES = 3
"""So many of the voices most alike are considered, whoever is seen, by each way of comparing."""
_TURNS = 8
"""Speakers of so many lines before and after are considered."""
_LIKELY = 0.3
"""Share of a line above which somebody counts as one of its speakers."""


def choose_candidates(
    series: Series,
    share: Floats,
    seen: FaceShares,
    voices: tuple[Floats, ...],
    votes: Floats,
    propagation: Attribution,
    most: int = MOST,
) -> Bools:
    """Choose those of the cast who may speak each line; others are always considered.

    Considered are narrators, whoever is seen within 20 s, speaks within eight lines, is likely so
    far, was considered by propagation, or is among the most alike by voice. Of more than `most`
    those stay that voices, faces and lines around speak for.

    Args:
        series: What is known.
        share: (N, C + 1) probability of each of the cast and, last, of others so far.
        seen: Who is seen when.
        voices: Ways of comparing voices, (N, C) each, the two that rank candidates first.
        votes: (N, C + 1) how the lines around vote.
        propagation: What propagation found.
        most: At most so many of the cast a line.

    Returns:
        (N, C + 1) who is considered.
    """
    n, cast = len(series.lines), len(series.cast)
    likely = share[:, :cast] > _LIKELY
    listed = seen.within_20s[:, :cast] | series.everywhere[None, :] | likely
    rank = 2.0 * seen.within_8s[:, :cast] + 6.0 * votes[:, :cast] + 2.0 * likely
    for place, voice in enumerate(voices):
        best = np.argpartition(-voice, min(_BEST_VOICES, cast) - 1, axis=1)[:, :_BEST_VOICES]
        np.put_along_axis(listed, best, values=True, axis=1)
        if place < 2:
            rank += _standardised(voice)
    _list_turns(series, share.argmax(1), listed)
    owner = owners(propagation)
    inside = (propagation.candidate >= 0) & (propagation.candidate < cast)
    listed[owner[inside], propagation.candidate[inside]] = True
    if cast > most:
        rank[~listed] = -np.inf
        kept = np.argpartition(-rank, most - 1, axis=1)[:, :most]
        chosen = np.zeros_like(listed)
        np.put_along_axis(chosen, kept, values=True, axis=1)
        listed &= chosen
    return np.hstack([listed, np.ones((n, 1), np.bool_)])


def owners(found: Attribution) -> npt.NDArray[np.int64]:
    """The line of each candidate that a method considered."""
    return np.repeat(np.arange(len(found.code)), np.diff(found.offsets))


def _list_turns(series: Series, speaker: npt.NDArray[np.intp], listed: Bools) -> None:
    """List whoever speaks a few lines before or after, in place."""
    n, cast = listed.shape
    for step in range(-_TURNS, _TURNS + 1):
        here = np.arange(max(0, -step), min(n, n - step))
        there = here + step
        named = (series.episode[here] == series.episode[there]) & (speaker[there] < cast)
        listed[here[named], speaker[there][named]] = True


def _standardised(values: Floats) -> Floats:
    """Each row with mean 0 and deviation 1."""
    off: Floats = values - values.mean(1, keepdims=True)
    off /= values.std(1, keepdims=True) + np.float32(1e-6)
    return off
