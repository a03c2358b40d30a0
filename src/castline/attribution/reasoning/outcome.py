"""What became of the labels: kept where nothing was asked, with what was answered elsewhere."""

from __future__ import annotations

import dataclasses
from collections import Counter

import numpy as np

from castline.attribution.base import Attribution, Ints, Series
from castline.attribution.labels import new_voice
from castline.attribution.reasoning.belief import Belief
from castline.attribution.reasoning.verdicts import FAILED, Verdict
from castline.attribution.talking import Asked, Discussion
from castline.tables.catalog import OTHERS, UNKNOWN

__all__ = ["Outcome"]

_LISTED = 12
"""Candidates of a line that are kept."""


class Outcome:
    """The labels of a series while they are judged.

    Args:
        series: The series.
        start: The labels to begin with, with probabilities.

    Attributes:
        code: (N,) who speaks so far.
        asked: By row, what was asked last.
    """

    def __init__(self, series: Series, start: Attribution) -> None:
        self.code: Ints = start.code.copy()
        self.asked: dict[int, Asked] = {}
        self._series = series
        self._start = start
        self._beliefs: dict[int, Belief] = {}
        self._passes = np.zeros(len(start.code), np.int32)
        self._faults: dict[int, Verdict] = {}
        self._warnings: list[str] = []

    def settle(self, row: int, number: int, verdict: Verdict, belief: Belief | None) -> None:
        """Take a verdict down.

        Args:
            row: The line.
            number: Of the pass; 0 where the line only tried the model.
            verdict: What the model said.
            belief: Who speaks the line by it; None where that changes nothing.
        """
        self._faults.pop(row, None)
        if verdict.status == FAILED:
            self._faults[row] = verdict
        earlier = self.asked.get(row)
        tokens = verdict.tokens + (earlier.tokens if earlier else 0)
        now = Asked(row, number, verdict.status, verdict.answer, verdict.why, tokens)
        if earlier and row in self._beliefs and belief is None:
            # What was answered once stands until there is another answer.
            now = dataclasses.replace(earlier, tokens=tokens)
        self.asked[row] = now
        if belief is not None:
            self._beliefs[row] = belief
            self._passes[row] = number
            self.code[row] = belief.speaker

    def warn(self, message: str) -> None:
        """Take a warning down."""
        self._warnings.append(message)

    def name(self, code: int) -> str:
        """What somebody is called in the tables."""
        cast = self._series.cast
        if code >= len(cast):
            return new_voice(code - len(cast) + 1)
        return cast[code] if code >= 0 else OTHERS if code == -1 else UNKNOWN

    def labels(self) -> Attribution:
        """The labels so far, with the probabilities of the candidates."""
        start = self._start
        assert start.confidence is not None
        confidence = start.confidence.copy()
        size = np.diff(start.offsets)
        for row, belief in self._beliefs.items():
            confidence[row] = belief.confidence
            size[row] = min(_LISTED, len(belief.chances))
        offsets = np.concatenate([[0], np.cumsum(size)])
        candidate = np.empty(offsets[-1], np.int32)
        score = np.empty(offsets[-1], np.float32)
        kept = np.ones(len(size), np.bool_)
        kept[list(self._beliefs)] = False
        old = np.repeat(kept, np.diff(start.offsets))
        new = np.repeat(kept, size)
        candidate[new], score[new] = start.candidate[old], start.score[old]
        for row, belief in self._beliefs.items():
            span = slice(int(offsets[row]), int(offsets[row + 1]))
            listed = belief.chances[:_LISTED]
            candidate[span] = [code for code, _ in listed]
            score[span] = [chance for _, chance in listed]
        return dataclasses.replace(
            start,
            code=self.code.copy(),
            offsets=offsets,
            candidate=candidate,
            score=score,
            confidence=confidence,
            reasons=self._reasons(),
            passes=self._passes.copy(),
        )

    def result(self) -> Discussion:
        """What came of it all."""
        gave_up = sum(each.status == "gave up" for each in self.asked.values())
        if gave_up:
            self.warn(
                f"the model settled nothing about {gave_up} of {len(self.asked)} lines that it was "
                "asked about (no valid answer); they keep their label"
            )
        faults = self._faults.values()
        return Discussion(
            found=dataclasses.replace(self.labels(), warnings=tuple(self._warnings)),
            asked=tuple(sorted(self.asked.values(), key=lambda each: (each.turn, each.row))),
            failed=Counter(each.fault for each in faults),
            why={each.fault: each.why for each in faults},
        )

    def _reasons(self) -> tuple[tuple[str, ...], ...]:
        reasons = list(self._start.reasons or ((),) * len(self.code))
        for row, asked in self.asked.items():
            if asked.turn == 0:
                continue
            told = f"language model, pass {asked.turn}: {self._told(row, asked)}"
            same = self.code[row] == self._start.code[row]
            # What spoke for another speaker is no reason for this one.
            reasons[row] = (told, *(reasons[row] if same else ()))
        return tuple(reasons)

    def _told(self, row: int, asked: Asked) -> str:
        if asked.answer is None:
            return f"{asked.status}, {asked.why}"
        said = self.name(asked.answer)
        cast = len(self._series.cast)
        if asked.answer == self.code[row] or (asked.answer < 0 and self.code[row] >= cast):
            return said
        return f"{said}, which does not outweigh what else is known"
