"""From probabilities to speakers, and back to probabilities for the next pass."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from castline.attribution.base import NOBODY, Attribution, Series

__all__ = ["fix_seeds", "initial_shares", "labels_of", "name_strangers", "pick_speakers"]

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


def pick_speakers(series: Series, share: Floats) -> Ints:
    """The most probable speakers, where two lines at the very same time never share one.

    Two subtitles with one start and one end are two people who talk at once. Each such pair gets
    the most probable pair of different people (exact: all pairs are tried); others may be two.

    Args:
        series: What is known.
        share: (N, C + 1) probabilities.

    Returns:
        (N,) speakers; C stands for others.
    """
    code = share.argmax(1)
    start, end, episode = series.timeline.start_ms, series.timeline.end_ms, series.episode
    together = (start[1:] == start[:-1]) & (end[1:] == end[:-1]) & (episode[1:] == episode[:-1])
    others = share.shape[1] - 1
    for first in np.flatnonzero(together):
        if code[first] == code[first + 1] != others:
            joint = share[first][:, None] * share[first + 1][None, :]
            same = np.arange(others)
            joint[same, same] = -1
            code[first], code[first + 1] = np.unravel_index(joint.argmax(), joint.shape)
    speakers: Ints = code.astype(np.int32)
    return speakers


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
