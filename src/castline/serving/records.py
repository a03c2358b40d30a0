"""The tables of a project as the tools see them, each read when it is first asked for."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from castline.agents.tools import ToolError
from castline.attribution.inputs import active_edits
from castline.attribution.labels import new_voice, read_labels
from castline.attribution.reading import attribution_of
from castline.attribution.series import PROTOCOLS, load_series
from castline.attribution.tools.names import NameIndex
from castline.attribution.tools.view import View, read_story
from castline.errors import UnknownName
from castline.pipeline.progress import Recorder
from castline.story.evidence import read_captions, read_relations
from castline.story.transcript import plain
from castline.tables.catalog import table
from castline.tables.schema import build_frame

if TYPE_CHECKING:
    import polars as pl

    from castline.project import Project

__all__ = ["Label", "Line", "Member", "Records"]

_CANDIDATES = table("candidates")
_NEAREST = 21
"""Names that an error may choose its suggestions from."""


@dataclass(frozen=True)
class Line:
    """A line; `place` counts through the series."""

    place: int
    id: str
    episode: str
    start_ms: int
    end_ms: int
    text: str
    kind: str


@dataclass(frozen=True)
class Label:
    """One speaker of a line; the fields are columns of the table `labels`."""

    character: str
    confidence: float | None
    margin: float | None
    status: str
    reasons: tuple[str, ...]
    source: str


@dataclass(frozen=True)
class Member:
    """Somebody of the cast; the fields are columns of the table `cast`."""

    character: str
    other_names: tuple[str, ...]
    actor: str | None
    kind: str


class Records:
    """What is known of a series under one set of labels.

    Args:
        project: The series.
        variant: Of the table `labels`.
    """

    def __init__(self, project: Project, variant: str) -> None:
        self.variant = variant
        self.title = project.name
        self.episodes = project.episodes()
        self.store = project.store
        self._project = project
        self._candidates: dict[str, Mapping[str, list[tuple[str, float]]]] = {}
        self._candidate_frames: dict[str, pl.DataFrame] = {}
        self._captions: dict[str, pl.DataFrame] = {}

    @cached_property
    def lines(self) -> Sequence[Line]:
        """All lines in order, those too that nobody speaks."""
        columns = ["line", "episode", "start_ms", "end_ms", "text", "kind"]
        frames = [self.store.read("lines", each, columns=columns) for each in self.episodes]
        rows = (row for frame in frames for row in frame.select(columns).iter_rows())
        return [Line(place, *row) for place, row in enumerate(rows)]

    @cached_property
    def _line_of(self) -> Mapping[str, Line]:
        return {each.id: each for each in self.lines}

    def line(self, name: str) -> Line:
        """A line by its id.

        Raises:
            UnknownName: There is no such line.
        """
        try:
            return self._line_of[name]
        except KeyError:
            raise _unknown("line", name, self._line_of) from None

    def episode(self, name: str) -> str:
        """An episode by its name.

        Raises:
            UnknownName: There is no such episode.
        """
        if name not in self.episodes:
            raise _unknown("episode", name, self.episodes)
        return name

    @cached_property
    def _labels(self) -> pl.DataFrame:
        return read_labels(self._project, self.variant)

    @cached_property
    def labels(self) -> Mapping[str, Sequence[Label]]:
        """The labels of each line, people's edits among them."""
        told: dict[str, list[Label]] = defaultdict(list)
        columns = ["line", "character", "confidence", "margin", "status", "reasons", "source"]
        for line, who, confidence, margin, status, reasons, source in self._labels.select(
            columns
        ).iter_rows():
            label = Label(who, confidence, margin, status, tuple(reasons or ()), source)
            told[line].append(label)
        return dict(told)

    def speakers(self, line: Line) -> tuple[str, ...]:
        """Who speaks a line, as it is told."""
        return tuple(plain(each.character) for each in self.labels.get(line.id, ()))

    @cached_property
    def has_confidences(self) -> bool:
        """Whether the method tells how sure it is, so that its scores are probabilities."""
        import polars as pl

        by_method = self._labels.filter(pl.col("source") != "human")
        return not by_method["confidence"].is_null().all()

    @cached_property
    def spoken(self) -> Mapping[str, Sequence[Line]]:
        """The lines of everybody who has some, in order; most lines first."""
        lines: dict[str, list[Line]] = defaultdict(list)
        for line in self.lines:
            for label in self.labels.get(line.id, ()):
                lines[label.character].append(line)
        return dict(sorted(lines.items(), key=lambda item: -len(item[1])))

    def candidates(self, line: Line) -> Sequence[tuple[str, float]]:
        """Who may speak a line with the scores of the method, best first."""
        if line.episode not in self._candidates:
            listed: dict[str, list[tuple[str, float]]] = defaultdict(list)
            frame = self._candidate_frame(line.episode).sort("line", "rank")
            for name, who, score in frame.select("line", "character", "score").iter_rows():
                listed[name].append((who, score))
            self._candidates[line.episode] = dict(listed)
        return self._candidates[line.episode].get(line.id, ())

    def _candidate_frame(self, episode: str) -> pl.DataFrame:
        if episode not in self._candidate_frames:
            there = self.store.exists("candidates", episode, self.variant)
            # Speakers that came with the files have no rivals.
            self._candidate_frames[episode] = (
                self.store.read("candidates", episode, self.variant)
                if there
                else build_frame(_CANDIDATES, {each.name: [] for each in _CANDIDATES.columns})
            )
        return self._candidate_frames[episode]

    def captions(self, episode: str) -> pl.DataFrame:
        """The captions of an episode; see `read_captions`."""
        if episode not in self._captions:
            self._captions[episode] = read_captions(self.store, episode)
        return self._captions[episode]

    @cached_property
    def relations(self) -> pl.DataFrame:
        """Who is what to whom; see `read_relations`."""
        return read_relations(self.store)

    @cached_property
    def cast(self) -> Mapping[str, Member]:
        """The cast by name."""
        if not self.store.exists("cast"):
            return {}
        columns = ["character", "other_names", "actor", "kind"]
        rows = self.store.read("cast", columns=columns).select(columns).iter_rows()
        return {
            name: Member(name, tuple(others or ()), actor, kind)
            for name, others, actor, kind in rows
        }

    @cached_property
    def faces(self) -> Mapping[str, Mapping[str, int]]:
        """How many faces of everybody were recognised in each episode."""
        counts: dict[str, dict[str, int]] = defaultdict(dict)
        for episode in self.episodes:
            if self.store.exists("face_names", episode):
                named = self.store.read("face_names", episode, columns=["character"])["character"]
                for name, count in named.drop_nulls().value_counts().iter_rows():
                    counts[name][episode] = count
        return dict(counts)

    def character(self, name: str) -> str:
        """Whoever speaks or could, by any of their names.

        Raises:
            UnknownName: Nobody is called so.
            ToolError: Several are.
        """
        people = dict.fromkeys((*self.cast, *self.spoken))
        if name in people:
            return name
        meant = self._called.get(_key(name), ())
        if len(meant) > 1:
            names = ", ".join(repr(each) for each in meant)
            raise ToolError(f"Several are called {name!r}: {names}. Take one of these.")
        if not meant:
            raise _unknown("character", name, people)
        return meant[0]

    @cached_property
    def _called(self) -> Mapping[str, Sequence[str]]:
        """By each name and other name, without regard to case, those who bear it."""
        bearers: dict[str, dict[str, None]] = defaultdict(dict)
        for name in (*self.cast, *self.spoken):
            others = self.cast[name].other_names if name in self.cast else ()
            for each in (name, *others):
                bearers[_key(each)][name] = None
        return {key: list(names) for key, names in bearers.items()}

    @cached_property
    def view(self) -> View:
        """What the look-ups of `attribution.tools` look into, for the whole series.

        Raises:
            TableError: A table that is needed is missing.
        """
        import polars as pl

        protocol = PROTOCOLS.get(self.variant.rpartition("-")[2])
        everybody = dataclasses.replace(protocol or PROTOCOLS["library"], whole_cast=True)
        edits = active_edits(self._project, Recorder())
        series = load_series(
            self.store, self.episodes, everybody, edits, with_seeds=protocol is not None
        )
        candidates = pl.concat([self._candidate_frame(each) for each in self.episodes])
        labels = attribution_of(series, self._labels, candidates)
        voices = (new_voice(number + 1) for number in range(labels.voices_found))
        story = read_story(self.store, self.episodes, series)
        return View(series, labels, story, (*series.cast, *voices))

    @cached_property
    def _row_of(self) -> Mapping[str, int]:
        return {line: row for row, line in enumerate(self.view.series.lines)}

    def row(self, line: Line) -> int:
        """The row of a line in the view.

        Raises:
            ToolError: Nobody speaks it.
        """
        if line.id not in self._row_of:
            raise ToolError(f"Line {line.id} is a {line.kind}: nobody says it.")
        return self._row_of[line.id]

    @cached_property
    def index(self) -> NameIndex:
        """The names of the series."""
        return NameIndex(self.view)


def _key(name: str) -> str:
    return plain(name).casefold()


def _unknown(kind: str, name: str, known: Iterable[str]) -> UnknownName:
    """The error that there is no such name, with those that look most like it."""
    from rapidfuzz import process

    nearest = process.extract(name, list(known), limit=_NEAREST)
    return UnknownName(kind, plain(name), [plain(match) for match, _, _ in nearest])
