"""`castline train`: models of one's own from annotated series."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from castline.cli.output import TerminalReporter, emit, table
from castline.cli.series import Json

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    group = typer.Typer(no_args_is_help=True, help="Train models on annotated series.")
    group.command()(fusion)
    app.add_typer(group, name="train")


def fusion(
    projects: Annotated[list[Path], typer.Argument(help="Project folders with annotation.")],
    out: Annotated[Path, typer.Option("--out", help="Folder for the model.")],
    data: Annotated[
        str, typer.Option(help="Where the annotation comes from and its licence, for the card.")
    ] = "",
    looks: Annotated[
        list[str] | None,
        typer.Option(help="What test series were looked at, for the card; once for each look."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Train the ranker of fusion: who speaks, from voices, faces, words and the lines around.

    Use it with  castline attribute SERIES --set model=FOLDER.
    """
    from castline.attribution.fusion.recipe import train_model
    from castline.project import Project

    reporter = TerminalReporter()
    notes = {"data": data, "looks": looks or []}
    try:
        model = train_model(
            [Project.open(each) for each in projects], out, notes=notes, reporter=reporter
        )
    finally:
        reporter.close()
    tried = model.card["left out series"] or model.card["left out parts"]
    rows = [
        [
            f"{each['series']}, part {each['part'] + 1}",
            each["kind"],
            str(each["lines"]),
            f"{each['propagation']:.2f}",
            f"{each['answer']:.2f}",
        ]
        for each in tried
    ]
    text = table(["left out of training", "taken as", "lines", "propagation %", "fusion %"], rows)
    emit(model.card, f"{text}\n\nThe model is in {out}.", as_json=as_json)
