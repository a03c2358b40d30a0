"""Accuracies of groups of lines: by duration, candidates, episode, character and more."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from castline.attribution.evaluation.confidence import judge_confidence
from castline.attribution.evaluation.resampling import Resampling
from castline.attribution.evaluation.results import CharacterScore, RuleResult, Score
from castline.tables.catalog import OTHERS

if TYPE_CHECKING:
    import polars as pl

    from castline.attribution.evaluation.sheet import Sheet

__all__ = ["DURATIONS_MS", "Breakdown"]

Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]

DURATIONS_MS = (("very short", 0), ("short", 500), ("medium", 1000), ("long", 2000))
"""Names of durations and where each begins; the next one begins where it ends."""

_CANDIDATES = (("0", 0), ("1-2", 1), ("3-4", 3), ("5+", 5))
_MARGIN_STEP = 0.04
_MARGIN_STEPS = 15


@dataclass(frozen=True)
class _Groups:
    """Groups of lines; a line may be in several, or in none.

    Attributes:
        names: Their names.
        line: Rows of the sheet.
        group: The group of each.
    """

    names: tuple[str, ...]
    line: Ints
    group: Ints


class Breakdown:
    """The groups of a sheet, made once; each rule is then judged over the same ones."""

    def __init__(self, sheet: Sheet, resampling: Resampling) -> None:
        frame = sheet.frame
        self._resampling = resampling
        self._seed = frame["seed"].to_numpy()
        self._confidence = frame["confidence"].to_numpy()
        self._people = (*sheet.known, OTHERS)
        n = frame.height
        everything = np.arange(n)
        duration = (frame["end_ms"] - frame["start_ms"]).to_numpy()
        self._groups = {
            "total": _Groups(("all",), everything, np.zeros(n, np.int64)),
            "duration": _ranges(DURATIONS_MS, duration, everything),
            "candidates": _given(frame["n_candidates"], _CANDIDATES),
            "visibility": _visibility(frame["visible"]),
            "episodes": _episodes(frame["episode"]),
            "margins": _given(frame["margin"].clip(0), _margins()),
            "recall": _named(frame["person"], self._people),
            "precision": _labelled(frame, self._people),
        }

    def score(self, rule: str, verdict: pl.Series) -> RuleResult:
        """All accuracies by one rule.

        Args:
            rule: Its name.
            verdict: Right, wrong or missing, for each row of the sheet.
        """
        counted = verdict.is_not_null().to_numpy()
        right = verdict.fill_null(value=False).to_numpy()
        scores = self._scores(right, counted)
        return RuleResult(
            rule=rule,
            total=scores["total"][0],
            left_out=int(np.count_nonzero(~counted)),
            duration=scores["duration"],
            candidates=scores["candidates"],
            visibility=scores["visibility"],
            episodes=scores["episodes"],
            margins=scores["margins"],
            characters=self._characters(scores["recall"], scores["precision"]),
            confidence=judge_confidence(
                self._confidence, right, counted & ~self._seed, self._resampling
            ),
        )

    def _scores(self, right: Bools, counted: Bools) -> dict[str, tuple[Score, ...]]:
        n_groups = sum(len(groups.names) for groups in self._groups.values())
        lines, numbers, offset = [], [], 0
        for groups in self._groups.values():
            lines.append(groups.line)
            numbers.append(groups.group + offset)
            offset += len(groups.names)
        line, group = np.concatenate(lines), np.concatenate(numbers)
        every = self._resampling.shares(line, group, n_groups, right, counted)
        fresh = ~self._seed[line]
        unseeded = self._resampling.shares(line[fresh], group[fresh], n_groups, right, counted)
        scores, at = {}, 0
        for dimension, groups in self._groups.items():
            scores[dimension] = tuple(
                Score(name, every[at + i], unseeded[at + i]) for i, name in enumerate(groups.names)
            )
            at += len(groups.names)
        return scores

    def _characters(
        self, recall: tuple[Score, ...], precision: tuple[Score, ...]
    ) -> tuple[CharacterScore, ...]:
        spoken = np.bincount(self._groups["recall"].group, minlength=len(self._people))
        labelled = np.bincount(self._groups["precision"].group, minlength=len(self._people))
        order = sorted(
            range(len(self._people)), key=lambda i: (-spoken[i], -labelled[i], self._people[i])
        )
        return tuple(
            CharacterScore(
                name=self._people[i],
                known=bool(i < len(self._people) - 1),
                lines=int(spoken[i]),
                labelled=int(labelled[i]),
                recall=recall[i],
                precision=precision[i],
            )
            for i in order
            if spoken[i] or labelled[i]
        )


def _ranges(
    named: tuple[tuple[str, float], ...], values: npt.NDArray[np.generic], line: Ints
) -> _Groups:
    begins = [begin for _, begin in named]
    group = np.maximum(np.searchsorted(begins, values, side="right") - 1, 0)
    return _Groups(tuple(name for name, _ in named), line, group.astype(np.int64))


def _given(values: pl.Series, named: tuple[tuple[str, float], ...]) -> _Groups:
    """Ranges of a value that may be missing; no groups at all where it always is."""
    line = values.is_not_null().arg_true().to_numpy().astype(np.int64)
    if not line.size:
        return _Groups((), line, line)
    return _ranges(named, values.drop_nulls().to_numpy(), line)


def _margins() -> tuple[tuple[str, float], ...]:
    edges = [round(i * _MARGIN_STEP, 2) for i in range(_MARGIN_STEPS + 1)]
    names = [f"{a:.2f}-{b:.2f}" for a, b in itertools.pairwise(edges)]
    # Margins are 32-bit floats: 0.04 must not fall below the edge of that name.
    return tuple(
        (name, float(np.float32(edge)))
        for name, edge in zip([*names, f"{edges[-1]:.2f}+"], edges, strict=True)
    )


def _visibility(visible: pl.Series) -> _Groups:
    line = visible.is_not_null().arg_true().to_numpy().astype(np.int64)
    if not line.size:
        return _Groups((), line, line)
    unseen = ~visible.drop_nulls().to_numpy()
    return _Groups(("seen", "unseen"), line, unseen.astype(np.int64))


def _episodes(episode: pl.Series) -> _Groups:
    names, group = np.unique(episode.to_numpy().astype(str), return_inverse=True)
    return _Groups(tuple(names.tolist()), np.arange(len(episode)), group.astype(np.int64))


def _named(who: pl.Series, people: tuple[str, ...]) -> _Groups:
    import polars as pl

    code = who.replace_strict(
        list(people), list(range(len(people))), default=None, return_dtype=pl.Int64
    )
    line = code.is_not_null().arg_true().to_numpy().astype(np.int64)
    return _Groups(people, line, code.drop_nulls().to_numpy())


def _labelled(frame: pl.DataFrame, people: tuple[str, ...]) -> _Groups:
    """A line counts once under everybody it is given to."""
    labels = (
        frame.select("label_people").with_row_index("row").explode("label_people").unique()
    ).sort("row", "label_people")
    named = _named(labels["label_people"], people)
    return _Groups(people, labels["row"].to_numpy().astype(np.int64)[named.line], named.group)
