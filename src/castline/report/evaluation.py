"""Evaluate the labels of a project and write the report: tables in, figures and a page out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from castline._version import __version__
from castline.errors import TableError
from castline.files import write_atomically

if TYPE_CHECKING:
    import polars as pl

    from castline.attribution.evaluation.results import Evaluation
    from castline.project import Project

__all__ = ["Outcome", "evaluate_project", "evaluate_variant"]


@dataclass(frozen=True)
class Outcome:
    """What an evaluation of a project gave.

    Attributes:
        variant: The labels that were evaluated.
        evaluation: The figures.
        comparison: The paired comparison with other labels, if one was asked for.
        report: Where the page was written.
        conversations: Where the conversations with a model begin that made the labels; None where
            there were none.
    """

    variant: str
    evaluation: Evaluation
    comparison: dict[str, Any] | None
    report: Path
    conversations: Path | None = None


def evaluate_variant(project: Project, variant: str) -> Evaluation:
    """Judge one variant of the labels by all rules.

    Raises:
        TableError: The project has no truth.
    """
    import polars as pl

    from castline.attribution.evaluate import evaluate
    from castline.attribution.labels import read_labels
    from castline.attribution.series import PROTOCOLS
    from castline.tables.edits import EditLog

    store = project.store
    episodes = project.episodes()

    def whole(table: str, of: str = "") -> pl.DataFrame | None:
        parts = [store.read(table, each, of) for each in episodes if store.exists(table, each, of)]
        return pl.concat(parts) if parts else None

    truth = whole("truth")
    lines = whole("lines")
    if truth is None or lines is None or not truth.height:
        raise TableError(
            f"{project.folder}: nobody has said who really speaks (the table 'truth' is empty), "
            "so there is nothing to compare with."
        )
    faces, names = whole("faces"), whole("face_names")
    if faces is not None and names is not None:
        faces = faces.join(names.drop("episode", "source", "confidence"), on="face")
    labels = read_labels(project, variant)
    known = [edit.line for edit in EditLog(project.database).active()]
    given = variant.rpartition("-")[2]
    if given in PROTOCOLS and store.exists("seeds", variant=PROTOCOLS[given].seeds):
        known += store.read("seeds", variant=PROTOCOLS[given].seeds)["line"].to_list()
    return evaluate(
        lines=lines,
        truth=truth,
        labels=labels,
        cast=store.read("cast"),
        candidates=whole("candidates", variant),
        faces=faces,
        seeds=pl.DataFrame({"line": known}, schema={"line": pl.String}).unique(),
        method=variant,
    )


def evaluate_project(
    project: Project,
    *,
    method: str | None = None,
    protocol: str | None = None,
    against: str | None = None,
    report: Path | str | None = None,
) -> Outcome:
    """Compare labels with the truth, and write the report.

    Where a model was asked, the pages of the conversations are written beside it.

    Args:
        project: The series.
        method: Labels of this method; the best there are when None.
        protocol: Labels of this protocol.
        against: Another variant of the labels (METHOD-PROTOCOL) to compare with, line by line.
        report: Where the page goes; `PROJECT/reports/<variant>.html` when None.

    Raises:
        UsageError: There are no such labels.
        TableError: The project has no truth.
        InputError: The traces of the conversations are damaged.
        StorageError: The disk refused.
    """
    from castline.attribution.evaluate import compare
    from castline.attribution.labels import choose_variant
    from castline.errors import UnknownName
    from castline.report.attribution import render_report
    from castline.report.conversations import write_conversations

    variant = choose_variant(project, method, protocol)
    made = project.store.variants("labels")
    if against is not None and against not in made:
        raise UnknownName("variant of the labels", against, made)
    evaluation = evaluate_variant(project, variant)
    comparison = None
    if against is not None:
        comparison = compare(evaluate_variant(project, against), evaluation)
    path = Path(report) if report else project.folder / "reports" / f"{variant}.html"
    talks = write_conversations(project, variant, path.with_name(f"{path.stem}-conversations"))
    page = render_report(
        evaluation,
        series=project.name,
        version=__version__,
        comparison=comparison,
        conversations=f"{talks.parent.name}/{talks.name}" if talks else "",
    )
    write_atomically(path, page.encode("utf-8"))
    return Outcome(variant, evaluation, comparison, path, talks)
