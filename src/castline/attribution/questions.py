"""Questions about the labels of a project: from its tables to what a person is asked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from castline.attribution.asking import Question, rank_questions
from castline.attribution.inputs import active_edits
from castline.attribution.reading import attribution_of
from castline.attribution.series import PROTOCOLS, load_series
from castline.errors import UnknownName
from castline.pipeline.progress import Recorder
from castline.tables.catalog import UNKNOWN

if TYPE_CHECKING:
    import polars as pl

    from castline.project import Project

__all__ = ["AskedLine", "ask"]


@dataclass(frozen=True)
class AskedLine:
    """A question, with what a person wants to know to answer it.

    Attributes:
        question: The question.
        episode: The episode of the line.
        start_ms: When the line begins in it.
        text: What is said.
        speaker: Who is thought to say it: a character, a new voice, `others` or `unknown`.
        confidence: Chance that this is right, 0 to 1; None for `unknown`.
        runner_up: Who else may say it; None where there is nobody.
    """

    question: Question
    episode: str
    start_ms: int
    text: str
    speaker: str
    confidence: float | None
    runner_up: str | None


def ask(project: Project, variant: str, count: int) -> list[AskedLine]:
    """The lines whose check would put most labels right, best first.

    People's edits count as known, whether or not the labels rest on them already.

    Args:
        project: The series.
        variant: Labels of a method and protocol, METHOD-PROTOCOL.
        count: How many questions at most.

    Raises:
        UnknownName: There are no such labels.
        UsageError: The labels carry no confidences, though voices are known.
        TableError: A table that is needed is missing.
    """
    import polars as pl

    store, episodes = project.store, project.episodes()
    protocol = PROTOCOLS.get(variant.rpartition("-")[2])
    if protocol is None or variant not in store.variants("labels"):
        raise UnknownName("labels", variant, store.variants("labels"))
    series = load_series(store, episodes, protocol, active_edits(project, Recorder()))
    labels = pl.concat([store.read("labels", each, variant) for each in episodes])
    labels = labels.unique("line", keep="first", maintain_order=True)
    candidates = pl.concat([store.read("candidates", each, variant) for each in episodes])
    asked = rank_questions(series, attribution_of(series, labels, candidates), count)
    columns = ["line", "episode", "start_ms", "text"]
    lines = pl.concat([store.read("lines", each, columns=columns) for each in episodes])
    facts = _facts([each.line for each in asked], lines, labels, candidates)
    return [
        AskedLine(question=question, **row)
        for question, row in zip(asked, facts.iter_rows(named=True), strict=True)
    ]


def _facts(
    asked: list[str], lines: pl.DataFrame, labels: pl.DataFrame, candidates: pl.DataFrame
) -> pl.DataFrame:
    """What is shown of the lines asked about, in their order: the other fields of `AskedLine`."""
    import polars as pl

    wanted = pl.DataFrame({"line": asked}, schema={"line": pl.String})
    spoken = labels.select("line", "confidence", speaker="character")
    others = (
        wanted.join(candidates, on="line")
        .join(spoken.select("line", "speaker"), on="line")
        .filter(pl.col("character") != pl.col("speaker"))
        .sort("line", "rank")
        .unique("line", keep="first", maintain_order=True)
        .select("line", runner_up="character")
    )
    for more in (lines, spoken, others):
        wanted = wanted.join(more, on="line", how="left", maintain_order="left")
    return wanted.with_columns(pl.col("speaker").fill_null(UNKNOWN)).drop("line")
