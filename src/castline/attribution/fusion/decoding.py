"""From probabilities to speakers, and back to probabilities for the next pass."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from castline.attribution.base import NOBODY, Attribution, Series

__all__ = ["fix_seeds", "initial_shares", "labels_of", "name_strangers"]

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int32]

_TRUST = 0.9
"""Probability given to a label of propagation; the rest goes to others."""
_VOICE_LINES = 3
"""Lines of nobody in the cast that sound alike are a voice of their own from so many on."""


def labels_of(code: Ints, cast: int) -> Ints:
    """The codes of speakers, those of new voices and others being the size of the cast."""
    return np.where((code >= 0) & (code < cast), code, cast).astype(np.int32)


def initial_shares(series: Series, found: Attribution) -> Floats:
    """(N, C + 1) probabilities from labels; new voices and others are the last column."""
    n, cast = len(series.lines), len(series.cast)
    share = np.zeros((n, cast + 1), np.float32)
    label = labels_of(found.code, cast)
    share[:, cast] = 1 - _TRUST
    share[np.arange(n), label] = np.where(label < cast, _TRUST, 1)
    return fix_seeds(series, share)


def fix_seeds(series: Series, share: Floats) -> Floats:
    """The probabilities with known lines certain; lines known to be nobody's go to others."""
    known = np.flatnonzero(series.seeds != NOBODY)
    fixed = share.copy()
    fixed[known] = 0
    speaker = series.seeds[known]
    fixed[known, np.where(speaker >= 0, speaker, share.shape[1] - 1)] = 1
    return fixed


def name_strangers(code: Ints, cluster: npt.NDArray[np.int64], cast: int) -> tuple[Ints, int]:
    """Number the voices among lines of others: lines of one cluster are one stranger.

    Args:
        code: (N,) speakers; `cast` stands for others.
        cluster: (N,) lines that sound alike; -1 without a voice.
        cast: Members of the cast.

    Returns:
        (N,) speakers with new voices from `cast` upward in order of their first line and `NOBODY`
        for other lines of others, and the number of new voices.
    """
    label = np.where(code == cast, NOBODY, code).astype(np.int32)
    strange = np.flatnonzero((code == cast) & (cluster >= 0))
    found, first, inverse, count = np.unique(
        cluster[strange], return_index=True, return_inverse=True, return_counts=True
    )
    number = np.full(len(found), NOBODY, np.int32)
    voices = np.flatnonzero(count >= _VOICE_LINES)
    number[voices[np.argsort(first[voices], kind="stable")]] = cast + np.arange(len(voices))
    label[strange] = number[inverse]
    return label, len(voices)
