"""Which lines to check next: those whose answers put most lines right.

An answer settles its own line and those that sound the same, and helps with others that may have
the same speaker and share the doubt. What a question is worth is the number of wrong lines that its
answer is expected to put right. Questions are chosen one after the other, each discounted by what
the answers before it settle, so that they spread over different voices instead of asking about one
thing twice.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from castline.attribution.base import NOBODY, UNSURE, Attribution, Series
from castline.attribution.same_speaker import SameSpeaker
from castline.attribution.series import has_voice
from castline.attribution.simultaneous import share_span
from castline.errors import UsageError

__all__ = ["Question", "rank_questions"]

Bools = npt.NDArray[np.bool_]
Doubles = npt.NDArray[np.float64]
Floats = npt.NDArray[np.float32]
Indices = npt.NDArray[np.int64]
Ints = npt.NDArray[np.int32]

_LISTED = 4
"""Candidates of a line that are compared with those of another."""

_SETTLED = 0.02
"""Doubt up to which a line is left alone; to ask about it is only worth its own doubt."""

_BLOCK = 2048
"""Lines that are compared with one another at a time."""

_NEIGHBOURS = 64
"""Lines most alike that are looked at for each line of a block."""

_UNLIKELY = 0.5
"""Chance of one speaker up to which two lines have nothing to do with each other."""

_ALIKE = 0.97
"""Chance of one speaker from which an answer is the answer of the other line, too."""

_HEEDED = 0.1
"""Share of what an answer tells of less similar lines that attribution makes of it."""


@dataclass(frozen=True)
class Question:
    """A line to check.

    Attributes:
        line: Its id.
        expected: Lines of the series that the answer is expected to put right, its own with them.
        alike: Ids of other doubtful lines of the episode that sound so much the same that the
            answer is theirs, too.
        reason: Why it is asked, in words.
    """

    line: str
    expected: float
    alike: tuple[str, ...]
    reason: str


def rank_questions(series: Series, found: Attribution, count: int) -> list[Question]:
    """Choose the lines whose answers help most, best first.

    Known lines are never asked about. Where no voice is known at all, a line of each new voice is,
    of those with most lines first.

    Args:
        series: What the method saw.
        found: What it found, with confidences if a voice is known; its scores are probabilities.
        count: How many questions; fewer come out where there are fewer lines in doubt.

    Raises:
        UsageError: The labels carry no confidences, though voices are known.
    """
    if found.confidence is None and not (series.seeds >= 0).any():
        return _ask_about_voices(series, found, count)
    if found.confidence is None:
        raise UsageError(
            "These labels carry no confidences, so nothing tells which of them are in doubt. "
            "Ask about labels that carry some: --method fusion."
        )
    if not len(series.lines):
        return []
    doubts = _Doubts.of(series, found, found.confidence)
    askable = np.flatnonzero(series.seeds == NOBODY)
    chosen = _choose(doubts.doubt, _link(series, found, doubts), askable, count)
    return [
        Question(
            line=series.lines[row],
            expected=worth,
            alike=tuple(series.lines[other] for other in alike),
            reason=_reason(series, found, row, alike),
        )
        for row, worth, alike in chosen
    ]


def _ask_about_voices(series: Series, found: Attribution, count: int) -> list[Question]:
    """The line of each new voice that sounds most like all of it, the voice with most lines first.

    Whose it is, is expected of all its lines.
    """
    unnamed = (found.code >= len(series.cast)) & (series.seeds == NOBODY)
    codes, size = np.unique(found.code[unnamed], return_counts=True)
    questions = []
    for code in codes[np.argsort(-size, kind="stable")[:count]]:
        rows = np.flatnonzero(unnamed & (found.code == code))
        voices = series.voices[rows]
        row = int(rows[(voices @ voices.sum(axis=0)).argmax()])
        reason = _reason(series, found, row, np.zeros(0, np.int64))
        questions.append(Question(series.lines[row], float(len(rows)), (), reason))
    return questions


def _reason(series: Series, found: Attribution, row: int, alike: Indices) -> str:
    """Why a line is asked about, in words."""
    code = found.code[row]
    why = ["nobody can be told" if code == UNSURE else "in doubt"]
    if code >= len(series.cast):
        why = [f"one of {(found.code == code).sum()} lines of a new voice"]
    if len(alike):
        why.append(f"with {len(alike)} more lines that sound the same")
    return ", ".join(why)


@dataclass(frozen=True)
class _Doubts:
    """How sure the labels are, and between whom they waver.

    Attributes:
        doubt: (N,) chance that the label is wrong; 0 for a line that is known.
        code: (N, L) the most probable candidates, best first; the size of the cast stands for
            everybody else, -1 for none.
        chance: (N, L) their probabilities.
    """

    doubt: Doubles
    code: Ints
    chance: Floats

    @classmethod
    def of(cls, series: Series, found: Attribution, confidence: Floats) -> _Doubts:
        n, cast = len(series.lines), len(series.cast)
        begin, size = found.offsets[:-1], np.diff(found.offsets)
        place = begin[:, None] + np.arange(_LISTED)
        listed = np.arange(_LISTED) < size[:, None]
        place = np.where(listed, place, 0)
        if len(found.candidate):
            code, chance = found.candidate[place], found.score[place]
        else:
            code, chance = np.zeros((n, _LISTED), np.int32), np.zeros((n, _LISTED), np.float32)
        inside = (code >= 0) & (code < cast)
        known = series.seeds != NOBODY
        return cls(
            doubt=np.where(known, 0, 1 - np.clip(confidence, 0, 1)).astype(np.float64),
            code=np.where(listed, np.where(inside, code, cast), -1).astype(np.int32),
            chance=np.where(listed, np.clip(chance, 0, 1), 0).astype(np.float32),
        )

    def shared(self, line: Indices, other: Indices) -> Doubles:
        """(P,) chance that the other line's label is wrong in a way that the line's answer tells.

        Where both are the same person's, that person is somebody whom both may be, and not the one
        whom the other line is given to.
        """
        same = self.code[line][:, :, None] == self.code[other][:, None, 1:]
        both = np.minimum(self.chance[line][:, :, None], self.chance[other][:, None, 1:])
        total: Doubles = np.where(same, both, 0).sum(axis=(1, 2), dtype=np.float64)
        return np.minimum(total, self.doubt[other])


@dataclass(frozen=True)
class _Links:
    """Which lines sound like which: P pairs of doubtful lines, those of one line together.

    Attributes:
        begin: (N + 1,) where the pairs of each line begin.
        other: (P,) row of the other line.
        alike: (P,) whether the answer to the line is the answer to the other.
        heeded: (P,) share of the other line's doubt that the answer settles.
        gain: (P,) chance that the answer puts the other line right.
    """

    begin: Indices
    other: Indices
    alike: Bools
    heeded: Doubles
    gain: Doubles

    def of(self, row: int) -> slice:
        """The pairs of a line."""
        return slice(int(self.begin[row]), int(self.begin[row + 1]))


def _link(series: Series, found: Attribution, doubts: _Doubts) -> _Links:
    """Pair doubtful lines that may have one speaker: of one episode, or of one new voice."""
    n = len(series.lines)
    model = SameSpeaker.learn(series, doubts.code, doubts.chance)
    keys, chances = [np.empty(0, np.int64)], [np.empty(0, np.float32)]
    for rows in _blocks(series, found, doubts.doubt > _SETTLED):
        chance = model.chances(series, rows)
        np.fill_diagonal(chance, 0)
        most = min(_NEIGHBOURS, len(rows))
        column = np.argpartition(-chance, most - 1, axis=1)[:, :most]
        same = np.take_along_axis(chance, column, axis=1)
        likely = same > _UNLIKELY
        keys.append((rows[:, None] * n + rows[column])[likely])
        chances.append(same[likely])
    # Two lines may meet twice: in their episode, and in their voice.
    key, first = np.unique(np.concatenate(keys), return_index=True)
    line, other = np.divmod(key, n)
    same = np.concatenate(chances)[first].astype(np.float64)
    # Episodes differ in sound, and what is learnt inside them says less across.
    alike = (same >= _ALIKE) & (series.episode[line] == series.episode[other])
    alike &= ~share_span(series)[other]  # two people at once: each is asked about by itself
    heeded: Doubles = np.where(alike, 1.0, _HEEDED) * same
    return _Links(
        begin=np.searchsorted(line, np.arange(n + 1)),
        other=other,
        alike=alike,
        heeded=heeded,
        gain=heeded * doubts.shared(line, other),
    )


def _blocks(series: Series, found: Attribution, doubtful: Bools) -> Iterator[Indices]:
    """Doubtful lines that are compared: of each episode, and of each voice without a name."""
    rows = np.flatnonzero(doubtful & has_voice(series.voices))
    unnamed = rows[found.code[rows] >= len(series.cast)]
    by_voice = unnamed[np.argsort(found.code[unnamed], kind="stable")]
    for ordered, group in ((rows, series.episode[rows]), (by_voice, found.code[by_voice])):
        edges = [0, *(np.flatnonzero(np.diff(group)) + 1).tolist(), len(group)]
        for begin, end in pairwise(edges):
            for first in range(begin, end, _BLOCK):
                yield ordered[first : min(first + _BLOCK, end)]


def _choose(
    doubt: Doubles, links: _Links, askable: Indices, count: int
) -> list[tuple[int, float, Indices]]:
    """Choose lines one after the other, each by what it is worth after those before it.

    What a question is worth only falls with what was asked before. So the line with the greatest
    worth of long ago that still has it today is the best one; others need not be looked at.

    Args:
        doubt: (N,) chance that each label is wrong.
        links: Lines that may have one speaker.
        askable: Rows that may be asked about.
        count: How many at most.

    Returns:
        Rows with what asking is worth, and the rows of the lines that have the same answer.
    """
    left = np.ones(len(doubt))

    def worth(row: int) -> float:
        pairs = links.of(row)
        return float(left[row] * doubt[row] + left[links.other[pairs]] @ links.gain[pairs])

    queue = [(-worth(row), row) for row in askable.tolist() if doubt[row] > 0]
    heapq.heapify(queue)
    chosen: list[tuple[int, float, Indices]] = []
    while queue and len(chosen) < count:
        row = queue[0][1]
        value = worth(row)
        if len(queue) > 1 and (-value, row) > min(queue[1:3]):
            heapq.heapreplace(queue, (-value, row))
            continue
        heapq.heappop(queue)
        if left[row] == 0:
            continue
        pairs = links.of(row)
        other = links.other[pairs]
        chosen.append((row, value, other[links.alike[pairs] & (left[other] > 0)]))
        left[other] *= np.where(links.alike[pairs], 0, 1 - links.heeded[pairs])
        left[row] = 0
    return chosen
