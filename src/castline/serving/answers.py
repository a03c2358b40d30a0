"""What the tools tell: short, and with ids for the next call.

Names and texts come from strangers: each is one row of plain text, cut where it is long.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

import msgspec

from castline.story.transcript import plain

__all__ = [
    "Appearance",
    "Calling",
    "CharacterPage",
    "Dialogue",
    "EpisodeFacts",
    "LineId",
    "LineList",
    "LineRow",
    "Name",
    "NameAt",
    "NamesNear",
    "Page",
    "Paged",
    "PersonRow",
    "PersonRows",
    "RelationRow",
    "Relations",
    "Rival",
    "SceneText",
    "Seen",
    "SeenRow",
    "SeriesFacts",
    "Speaker",
    "Speaking",
    "VoiceRow",
    "Voices",
    "as_json",
    "page_of",
    "pages_of",
    "rounded",
    "told",
]

Row = TypeVar("Row")

_ROWS = 20
"""Rows of a page."""
_LONGEST_TEXT = 2000
"""Letters of a caption that are told."""

LineId = Annotated[
    str, msgspec.Meta(min_length=1, max_length=100, description="Id of a line, as 0003-00042.")
]
Name = Annotated[
    str, msgspec.Meta(min_length=1, max_length=100, description="A character, by any known name.")
]
Page = Annotated[int, msgspec.Meta(ge=1, description="Which page, from 1.")]


def pages_of(total: int) -> int:
    """How many pages so many rows fill."""
    return math.ceil(total / _ROWS)


def page_of(rows: Sequence[Row], page: int) -> tuple[Row, ...]:
    """The rows of a page; none beyond the last."""
    return tuple(rows[(page - 1) * _ROWS : page * _ROWS])


def told(text: str | None) -> str | None:
    """A longer text of a stranger as one row; None where there is none."""
    return None if text is None else plain(text, _LONGEST_TEXT)


def rounded(value: float | None) -> float | None:
    """A number with as many digits as anybody reads."""
    return None if value is None else round(float(value), 3)


def as_json(answer: object) -> str:
    """An answer as JSON; what is not known is left out."""
    return msgspec.json.encode(_known(msgspec.to_builtins(answer))).decode()


def _known(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _known(each) for key, each in value.items() if each is not None}
    return [_known(each) for each in value] if isinstance(value, list | tuple) else value


@dataclass(frozen=True, kw_only=True)
class Paged:
    """A page of something longer: rows in all, which page this is, of how many."""

    total: int
    page: int
    pages: int


@dataclass(frozen=True, kw_only=True)
class Speaker:
    """A speaker as labelled, and the chance, 0 to 1, that this is right."""

    name: str
    confidence: float | None = None


@dataclass(frozen=True, kw_only=True)
class LineRow:
    """A line in a list; `likeness` is to the text that was looked for, 1 for the very words."""

    line: str
    episode: str
    start_s: float
    speakers: tuple[str, ...]
    confidence: float | None = None
    text: str
    likeness: float | None = None


@dataclass(frozen=True, kw_only=True)
class LineList(Paged):
    """A page of lines."""

    lines: tuple[LineRow, ...]


@dataclass(frozen=True, kw_only=True)
class Dialogue:
    """The lines around one, in order."""

    around: str
    lines: tuple[LineRow, ...]


@dataclass(frozen=True, kw_only=True)
class Rival:
    """Somebody else who may speak a line, and how the method scored this."""

    name: str
    score: float


@dataclass(frozen=True, kw_only=True)
class Speaking:
    """Who speaks a line and why."""

    line: str
    episode: str
    start_s: float
    end_s: float
    kind: str
    text: str
    speakers: tuple[Speaker, ...]
    status: str
    labelled_by: str
    reasons: tuple[str, ...] = ()
    margin: float | None = None
    rivals: tuple[Rival, ...] = ()
    scores_are: str | None = None


@dataclass(frozen=True, kw_only=True)
class EpisodeFacts:
    """An episode and how many lines it has."""

    episode: str
    lines: int


@dataclass(frozen=True, kw_only=True)
class SeriesFacts(Paged):
    """What there is."""

    name: str
    labels: str
    lines: int
    speakers: int
    confidences: bool
    has: tuple[str, ...]
    episodes: tuple[EpisodeFacts, ...]


@dataclass(frozen=True, kw_only=True)
class PersonRow:
    """Somebody who speaks or could."""

    name: str
    lines: int
    talk_s: float
    kind: str


@dataclass(frozen=True, kw_only=True)
class PersonRows(Paged):
    """A page of people, those with most lines first."""

    characters: tuple[PersonRow, ...]


@dataclass(frozen=True, kw_only=True)
class Appearance:
    """Somebody in an episode."""

    episode: str
    lines: int
    talk_s: float
    faces: int


@dataclass(frozen=True, kw_only=True)
class RelationRow:
    """What `person` is to `other`, and in which episodes; `holds` is about the one in question."""

    person: str
    other: str
    relation: str
    first_episode: str | None = None
    last_episode: str | None = None
    holds: bool | None = None


@dataclass(frozen=True, kw_only=True)
class CharacterPage(Paged):
    """All that is known of somebody, page by page."""

    name: str
    kind: str
    other_names: tuple[str, ...] = ()
    actor: str | None = None
    lines: int
    doubtful_lines: int
    talk_s: float
    faces: int
    first_line: str | None = None
    last_line: str | None = None
    episodes: tuple[Appearance, ...] = ()
    relations: tuple[RelationRow, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Calling:
    """Somebody who may be meant by a name."""

    name: str
    known_as: str
    likeness: float


@dataclass(frozen=True, kw_only=True)
class SeenRow:
    """Somebody who is seen around a line; without a name: all faces that nobody recognised."""

    name: str | None = None
    during: bool
    seconds_before: float | None = None
    seconds_after: float | None = None
    faces: int
    size: float | None = None
    mouth_log_odds: float | None = None


@dataclass(frozen=True, kw_only=True)
class Seen:
    """Who is seen around a line."""

    line: str
    speakers: tuple[str, ...]
    faces_measured: bool
    seen: tuple[SeenRow, ...] = ()


@dataclass(frozen=True, kw_only=True)
class SceneText:
    """The scene of a line, in words."""

    line: str
    described: bool
    seen: str | None = None
    title: str | None = None
    brief: str | None = None
    happens: str | None = None


@dataclass(frozen=True, kw_only=True)
class VoiceRow:
    """How much a line sounds like the lines of somebody."""

    name: str
    similarity: float
    lines: int
    candidate: bool


@dataclass(frozen=True, kw_only=True)
class Voices(Paged):
    """A page of people by how much they sound like a line."""

    line: str
    speakers: tuple[str, ...]
    voices: tuple[VoiceRow, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Relations:
    """What the likely speakers of a line are to others."""

    line: str
    candidates: tuple[str, ...]
    relations: tuple[RelationRow, ...] = ()


@dataclass(frozen=True, kw_only=True)
class NameAt:
    """Names in a line near another."""

    line: str
    speakers: tuple[str, ...]
    names: tuple[str, ...] = ()
    forms_of_address: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class NamesNear:
    """Names and forms of address around a line."""

    line: str
    heard: tuple[NameAt, ...] = ()
