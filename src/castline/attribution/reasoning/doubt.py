"""How likely each label of propagation is to be wrong: what it is in doubt about is sent.

The margin between the two best candidates, by which the paper chooses, misses errors that are sure
of themselves. A logistic regression also asks whether lines that sound alike have the same label,
whether the speaker is seen, how strong the voice is, and whether the label is anybody of the cast.
Its weights (`doubt.json`) come from the two training series of the paper, by
`benchmarks/reasoning_doubt.py`.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import numpy as np
import numpy.typing as npt

from castline.attribution.base import Attribution, Ints, Series
from castline.attribution.candidates import score_candidates
from castline.attribution.labelling import PropagationParams
from castline.attribution.labels import margins
from castline.attribution.nearness import Nearness, window_spans
from castline.attribution.similarity import Workers

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["FEATURES", "DoubtModel", "doubt_features", "rescore", "shipped_model"]

Bools = npt.NDArray[np.bool_]
Doubles = npt.NDArray[np.float64]

FEATURES = (
    "margin",
    "strength",
    "new_voice",
    "others",
    "company",
    "seen_during",
    "seen_near",
    "seen_around",
    "rival_seen",
)
"""What a label is judged by; see `doubt_features`."""

_SHIPPED = Path(__file__).with_name("doubt.json")
_PROPAGATION = PropagationParams()
_NEAR_MS = 3_000
_AROUND_MS = 20_000
_COMPANY = 8
"""Lines that sound most alike, which have a say."""
_MIDDLE, _STEEPNESS = 0.4, 8.0
"""Cosine at which one of these has weight 1, and by how much the logarithm of the weight grows."""
_ROWS_AT_ONCE = 1024


class DoubtModel(msgspec.Struct, frozen=True):
    """A logistic regression.

    Attributes:
        bias: Log odds that a label is wrong where all features are 0.
        weights: Log odds for each unit of a feature, by its name.
    """

    bias: float
    weights: dict[str, float]

    def log_odds(self, features: dict[str, Doubles]) -> Doubles:
        """(N,) logarithm of the odds that each label is wrong."""
        parts = [self.weights[name] * features[name] for name in FEATURES]
        total: Doubles = np.sum(parts, axis=0) + self.bias
        return total


def shipped_model() -> DoubtModel:
    """The regression that comes along."""
    return msgspec.json.decode(_SHIPPED.read_bytes(), type=DoubtModel)


def rescore(series: Series, code: Ints, voices_found: int) -> Attribution:
    """The candidates of every line by voice and nearness, as propagation would score these labels.

    Args:
        series: The series.
        code: (N,) who speaks so far.
        voices_found: Number of new voices among them.
    """
    speakers = len(series.cast) + voices_found
    nearness = Nearness(
        series.timeline,
        series.faces,
        series.everywhere,
        reach_ms=_PROPAGATION.reach_ms,
        face_score=_PROPAGATION.face_score,
    )
    order = np.argsort(code, kind="stable").astype(np.int32)
    edges = np.searchsorted(code[order], np.arange(speakers + 1))
    members = [order[edges[each] : edges[each + 1]] for each in range(speakers)]
    with Workers() as workers:
        scored = score_candidates(
            nearness, series.voices, members, _PROPAGATION.k, workers, lambda _share: None
        )
    return Attribution(code, voices_found, *scored)


def doubt_features(series: Series, found: Attribution) -> dict[str, Doubles]:
    """What a label is judged by.

    * `margin`: as the release has it, from similarities.
    * `strength`: of the voiceprint, 1 is usual.
    * `new_voice`, `others`: whether the label is one; both 0 for somebody of the cast.
    * `company`: share of the eight lines of the episode that sound most alike, by how alike they
      are, that have the same label.
    * `seen_during`, `seen_near`, `seen_around`: whether the speaker is seen during the line, within
      3 s, within 20 s.
    * `rival_seen`: whether somebody else of the cast is seen during the line.

    Args:
        series: N lines.
        found: Labels, with similarities as the scores of the candidates.

    Returns:
        (N,) each.
    """
    code, cast = found.code, len(series.cast)
    named = (code >= 0) & (code < cast)
    strength = np.ones(len(code)) if series.strength is None else series.strength
    during, others = _seen(series, code, 0)
    return {
        "margin": margins(found.offsets, found.score, released=True).astype(np.float64),
        "strength": strength.astype(np.float64),
        "new_voice": (code >= cast).astype(np.float64),
        "others": (code < 0).astype(np.float64),
        "company": _company(series, code),
        "seen_during": (during & named).astype(np.float64),
        "seen_near": (_seen(series, code, _NEAR_MS)[0] & named).astype(np.float64),
        "seen_around": (_seen(series, code, _AROUND_MS)[0] & named).astype(np.float64),
        "rival_seen": others.astype(np.float64),
    }


def _company(series: Series, code: Ints) -> Doubles:
    """(N,) share of the lines most alike that have the same label."""
    same = np.zeros(len(code))
    for rows, episode in _pieces(series.episode):
        likeness = series.voices[rows] @ series.voices[episode].T
        likeness[np.arange(len(rows)), rows - episode[0]] = -1
        most = min(_COMPANY, len(episode) - 1)
        if most < 1:
            continue
        column = np.argpartition(-likeness, most - 1, axis=1)[:, :most]
        alike = np.take_along_axis(likeness, column, axis=1).astype(np.float64)
        weight = np.exp(_STEEPNESS * (alike - _MIDDLE))
        agrees = code[episode][column] == code[rows][:, None]
        same[rows] = (weight * agrees).sum(1) / weight.sum(1)
    return same


def _pieces(episode: Ints) -> Iterator[tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]]:
    """Rows of a part of an episode, with all rows of the episode."""
    edges = [0, *(np.flatnonzero(np.diff(episode)) + 1).tolist(), len(episode)]
    for first, stop in pairwise(edges):
        whole = np.arange(first, stop)
        for low in range(first, stop, _ROWS_AT_ONCE):
            yield np.arange(low, min(low + _ROWS_AT_ONCE, stop)), whole


def _seen(series: Series, code: Ints, reach_ms: int) -> tuple[Bools, Bools]:
    """(N,) whether the speaker is seen within reach of the line, and whether another is."""
    faces = series.faces
    counted = (faces.character >= 0) & (faces.score >= np.float32(_PROPAGATION.face_score))
    known = np.flatnonzero(counted).astype(np.int32)
    first, stop = window_spans(faces.start_ms, faces.end_ms, series.timeline, reach_ms, known)
    count = np.maximum(stop - first, 0).astype(np.int64)
    steps = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
    line = np.repeat(first, count) + steps
    own = code[line] == np.repeat(faces.character[known], count)
    speaker, other = np.zeros(len(code), np.bool_), np.zeros(len(code), np.bool_)
    speaker[line[own]] = True
    other[line[~own]] = True
    return speaker, other
