"""Who is what to whom, in the words of a language model that reads what is said in each episode."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import msgspec

from castline.story.merging import CastNames, Merged, Triple, merge_triples
from castline.story.telling import Answer, Form, Question, Teller, object_schema
from castline.story.transcript import Spoken, plain
from castline.tables.catalog import table
from castline.tables.schema import build_frame

if TYPE_CHECKING:
    import polars as pl

    from castline.pipeline.progress import Reporter

__all__ = [
    "RelationSettings",
    "find_relations",
    "relation_form",
    "relation_questions",
]


@dataclass(frozen=True)
class RelationSettings:
    """How episodes are read.

    Attributes:
        lines: Longer episodes are read in equal parts of at most so many lines.
    """

    lines: Annotated[int, msgspec.Meta(ge=20)] = 500


class _Relation(msgspec.Struct, rename={"person": "from", "other": "to", "word": "relation"}):
    person: str
    other: str
    word: str


class _Relations(msgspec.Struct):
    relations: Annotated[list[_Relation], msgspec.Meta(max_length=1000)]


def relation_form(cast: pl.DataFrame) -> Form:
    """What a model answers about a part of an episode; both names are to be of the cast.

    Servers that cannot hold a model to it may answer other names; those are left out later.

    Args:
        cast: Table `cast`.
    """
    name = {"type": "string", "enum": cast["character"].to_list()}
    triple: dict[str, Any] = {"from": name, "to": name, "relation": {"type": "string"}}
    found = object_schema(**triple)
    return Form(_Relations, object_schema(relations={"type": "array", "items": found}), 4096)


def find_relations(
    teller: Teller,
    spoken: Mapping[str, Sequence[Spoken]],
    cast: pl.DataFrame,
    settings: RelationSettings,
    *,
    series: str,
    task: str,
    reporter: Reporter,
) -> pl.DataFrame:
    """Read all episodes and merge what is said in them.

    Args:
        teller: Who is asked.
        spoken: What is said and by whom, by episode, in the order of the series.
        cast: Table `cast`.
        settings: How episodes are read.
        series: Name of the series.
        task: What replies and traces are kept under.
        reporter: Told what is left out.

    Returns:
        Table `relations`.

    Raises:
        CastlineError: As `Teller.ask`.
    """
    questions = relation_questions(spoken, cast, settings, series)
    answers = teller.ask(questions, task, len(questions), reporter)
    merged = merge_triples(_said_in(answers), list(spoken), CastNames(cast))
    left_out = {
        "name somebody outside the cast": merged.unknown,
        "say nothing": merged.useless,
        "contradict others": merged.contradicted,
    }
    if told := [f"{count} {why}" for why, count in left_out.items() if count]:
        reporter.warn(f"{task}: relations left out: {', '.join(told)}")
    sources = sorted({each.source for each in answers.values()})
    return _frame(merged, "; ".join(sources))


def relation_questions(
    spoken: Mapping[str, Sequence[Spoken]],
    cast: pl.DataFrame,
    settings: RelationSettings,
    series: str,
) -> list[Question]:
    """Questions about all episodes; those of one follow each other.

    Args:
        spoken: What is said, by episode.
        cast: Table `cast`.
        settings: How episodes are read.
        series: Name of the series.

    Returns:
        Questions, each with the id `EPISODE:PART`; none about episodes in which nothing is said.
    """
    people = [
        {"name": plain(name), "others": [plain(other) for other in others]}
        for name, others in cast.select("character", "other_names").rows()
    ]
    questions: list[Question] = []
    for episode, lines in spoken.items():
        parts = math.ceil(len(lines) / settings.lines)
        for part in range(parts):
            some = lines[len(lines) * part // parts : len(lines) * (part + 1) // parts]
            values = {
                "series": plain(series),
                "cast": people,
                "episode": plain(episode),
                "lines": some,
            }
            questions.append(Question(f"{episode}:{part + 1}", values))
    return questions


def _said_in(answers: Mapping[str, Answer]) -> dict[str, list[Triple]]:
    """What was answered about each episode.

    Args:
        answers: By the ids of `relation_questions`.
    """
    said: dict[str, list[Triple]] = {}
    for id_, answer in answers.items():
        found = msgspec.convert(answer.value, _Relations).relations
        episode = id_.rpartition(":")[0]
        said.setdefault(episode, []).extend(Triple(r.person, r.other, r.word) for r in found)
    return said


def _frame(merged: Merged, source: str) -> pl.DataFrame:
    """The table `relations`."""
    rows = [(*triple, *span) for triple, span in merged.spans.items()]
    names = ("from", "to", "relation", "first_episode", "last_episode")
    columns = {name: [row[at] for row in rows] for at, name in enumerate(names)}
    return build_frame(table("relations"), columns, source=source)
