"""What is known of the lines that a model was asked about: what each method says. No truth."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl

    from castline.project import Project

__all__ = ["Judged", "Judgements", "Neighbour", "Opinion"]

_AROUND = 4
"""Lines shown before and after a line."""
_CONSIDERED = 5
"""Candidates shown of each method."""


@dataclass(frozen=True)
class Opinion:
    """What a method says of a line.

    Attributes:
        method: Its labels, METHOD-PROTOCOL.
        speakers: Whom it names.
        confidence: Probability, 0 to 1, that it is right; None where it does not tell.
        margin: Best score minus second best; None where there is none.
        reasons: What decided, in words.
        considered: Its best candidates with their scores, best first.
    """

    method: str
    speakers: tuple[str, ...]
    confidence: float | None
    margin: float | None
    reasons: tuple[str, ...]
    considered: tuple[tuple[str, float], ...]


@dataclass(frozen=True)
class Neighbour:
    """A line as it stands in its surroundings.

    Attributes:
        line: The line.
        text: What is said.
        speakers: Who speaks it by the labels that were judged.
        is_asked: Whether it is the line in question.
    """

    line: str
    text: str
    speakers: tuple[str, ...]
    is_asked: bool


@dataclass(frozen=True)
class Judged:
    """A line that a model was asked about.

    Attributes:
        line: The line.
        start_ms: When it begins; None when the series has no such line any more.
        text: What is said.
        around: The lines around it, and itself.
        opinions: What each method says: first the labels that the model judged, last those that
            came of it.
        before: Who spoke it before the model was asked; empty when that is not known.
        now: Who speaks it now; empty when there are no labels yet.
    """

    line: str
    start_ms: int | None
    text: str
    around: tuple[Neighbour, ...]
    opinions: tuple[Opinion, ...]
    before: tuple[str, ...]
    now: tuple[str, ...]

    @property
    def is_changed(self) -> bool:
        """Whether the line got another speaker."""
        return bool(self.before and self.now) and set(self.before) != set(self.now)


class Judgements:
    """What the methods of one protocol say of some lines.

    Args:
        project: The series.
        variant: The labels that a model made of others.
        lines: The lines.
    """

    def __init__(self, project: Project, variant: str, lines: Iterable[str]) -> None:
        self._project = project
        self._variant = variant
        wanted = sorted(set(lines))
        self._base = _base_of(project, variant)
        protocol = variant.rpartition("-")[2]
        alike = [v for v in project.store.variants("labels") if v.rpartition("-")[2] == protocol]
        order = {self._base: -1, variant: 1}
        self._opinions = {
            each: _opinions(project, each, wanted)
            for each in sorted(alike, key=lambda each: (order.get(each, 0), each))
        }
        self._said = _spoken(project)
        self._place = {line: at for at, (_, line, _, _) in enumerate(self._said)}
        shown = {self._said[at][1] for line in wanted for at in self._near(line)}
        self._speakers = _speakers(project, self._base or variant, sorted(shown))

    def of(self, line: str) -> Judged:
        """What is known of a line; little of one that the series does not have."""
        at = self._place.get(line)
        start, text = (None, "") if at is None else self._said[at][2:]
        opinions = tuple(each[line] for each in self._opinions.values() if line in each)
        by_method = {each.method: each.speakers for each in opinions}
        return Judged(
            line,
            start,
            text,
            tuple(
                Neighbour(name, words, self._speakers.get(name, ()), name == line)
                for _, name, _, words in (self._said[near] for near in self._near(line))
            ),
            opinions,
            before=by_method.get(self._base, ()),
            now=by_method.get(self._variant, ()),
        )

    def place(self, line: str) -> int:
        """Where a line stands in the series; after all others if it is not there."""
        return self._place.get(line, len(self._said))

    def _near(self, line: str) -> list[int]:
        at = self._place.get(line)
        if at is None:
            return []
        span = range(max(at - _AROUND, 0), min(at + _AROUND + 1, len(self._said)))
        return [near for near in span if self._said[near][0] == self._said[at][0]]


def _base_of(project: Project, variant: str) -> str:
    """The labels that were judged; empty when that is not written down."""
    for unit in project.store.units("labels", variant):
        if manifest := project.store.manifest("labels", unit, variant):
            parameters = dict(manifest.parameters)
            if "base" in parameters:
                return f"{parameters['base']}-{variant.rpartition('-')[2]}"
    return ""


def _spoken(project: Project) -> list[tuple[str, str, int, str]]:
    """Episode, line, start in milliseconds and text of all lines, in order."""
    columns = ["line", "start_ms", "text"]
    return [
        (episode, line, start, text)
        for episode in project.episodes()
        for line, start, text in project.store.read("lines", episode, columns=columns)
        .select(columns)
        .iter_rows()
    ]


def _some(project: Project, table: str, variant: str, lines: list[str]) -> pl.DataFrame | None:
    """The rows of some lines."""
    import polars as pl

    store = project.store
    parts = [
        store.read(table, each, variant).filter(pl.col("line").is_in(lines))
        for each in project.episodes()
        if store.exists(table, each, variant)
    ]
    return pl.concat(parts) if parts else None


def _speakers(project: Project, variant: str, lines: list[str]) -> dict[str, tuple[str, ...]]:
    labels = _some(project, "labels", variant, lines)
    if labels is None:
        return {}
    return {
        line: tuple(names)
        for line, names in labels.group_by("line", maintain_order=True).agg("character").iter_rows()
    }


def _opinions(project: Project, variant: str, lines: list[str]) -> dict[str, Opinion]:
    import polars as pl

    labels = _some(project, "labels", variant, lines)
    candidates = _some(project, "candidates", variant, lines)
    if labels is None:
        return {}
    considered: dict[str, list[tuple[str, float]]] = {}
    if candidates is not None:
        best = candidates.filter(pl.col("rank") <= _CONSIDERED).sort("rank")
        for line, name, score in best.select("line", "character", "score").iter_rows():
            considered.setdefault(line, []).append((name, score))
    grouped = labels.group_by("line", maintain_order=True).agg(
        "character", pl.col("confidence", "margin", "reasons").first()
    )
    return {
        line: Opinion(
            variant,
            tuple(names),
            confidence,
            margin,
            tuple(reasons or ()),
            tuple(considered.get(line, ())),
        )
        for line, names, confidence, margin, reasons in grouped.iter_rows()
    }
