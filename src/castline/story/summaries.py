"""What happens in each section, in full, in brief and in a phrase, told from the captions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import msgspec

from castline.story.sections import SectionSettings, part_clips
from castline.story.telling import Answer, Form, Question, moment, object_schema
from castline.story.transcript import Spoken, between, plain
from castline.tables.catalog import table
from castline.tables.schema import build_frame

if TYPE_CHECKING:
    import polars as pl

    from castline.agents.embedding import Embedder

__all__ = ["SUMMARY", "Section", "section_questions", "sections_of", "summaries_frame"]

_KINDS = ("section", "brief", "title")
_LONGEST = 10_000


class _Summary(msgspec.Struct):
    section: Annotated[str, msgspec.Meta(pattern=r"\S", max_length=_LONGEST)]
    brief: Annotated[str, msgspec.Meta(pattern=r"\S", max_length=2000)]
    title: Annotated[str, msgspec.Meta(pattern=r"\S", max_length=200)]


SUMMARY = Form(_Summary, object_schema(**{each: {"type": "string"} for each in _KINDS}), 4096)
"""What a model answers about a section."""


@dataclass(frozen=True)
class Section:
    """Some clips in a row.

    Attributes:
        id: Its name.
        question: Name of the question about it.
        start_ms: Where its first clip starts.
        end_ms: Where its last one ends, not included.
        captions: What is seen in each.
    """

    id: str
    question: str
    start_ms: int
    end_ms: int
    captions: tuple[str, ...]


def sections_of(
    captions: pl.DataFrame, embedder: Embedder, settings: SectionSettings, episode: str
) -> list[Section]:
    """Part an episode into sections by what the captions of its clips say.

    Args:
        captions: Table `captions` of its clips.
        embedder: Says which captions are alike.
        settings: How long sections are.
        episode: The episode.

    Raises:
        EndpointError: The embedder is behind an endpoint that does not answer.
    """
    rows = captions.sort("start_ms").select("start_ms", "end_ms", "text").rows()
    parts = part_clips(embedder.embed([text for _, _, text in rows]), settings) if rows else []
    return [
        Section(
            f"{episode}-x{number:05d}",
            moment(episode, rows[first][0]),
            rows[first][0],
            rows[last - 1][1],
            tuple(text for _, _, text in rows[first:last]),
        )
        for number, (first, last) in enumerate(parts, start=1)
    ]


def section_questions(
    sections: Sequence[Section], spoken: Sequence[Spoken], series: str
) -> list[Question]:
    """A question for each section.

    Args:
        sections: The sections.
        spoken: What is said in the episode.
        series: Name of the series.
    """
    return [
        Question(
            each.question,
            {
                "series": plain(series),
                "captions": [plain(text, _LONGEST) for text in each.captions],
                "lines": between(spoken, each.start_ms, each.end_ms),
            },
        )
        for each in sections
    ]


def summaries_frame(
    sections: Sequence[Section], answers: Mapping[str, Answer], episode: str
) -> pl.DataFrame:
    """The table `captions` of the sections that got an answer."""
    told = [(each, kind) for each in sections if each.question in answers for kind in _KINDS]
    return build_frame(
        table("captions"),
        {
            "part": [each.id for each, _ in told],
            "kind": [kind for _, kind in told],
            "start_ms": [each.start_ms for each, _ in told],
            "end_ms": [each.end_ms for each, _ in told],
            "text": [plain(answers[each.question].value[kind], _LONGEST) for each, kind in told],
            "source": [answers[each.question].source for each, _ in told],
        },
        episode=episode,
    )
