"""`castline export`, `castline formats`: what leaves."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from castline.cli.output import TerminalReporter, emit, table
from castline.cli.series import Json

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command()(export)
    app.command()(formats)


def export(
    project: Annotated[Path, typer.Argument(help="The project folder.")],
    format: Annotated[str, typer.Option(help="A format of `castline formats`.")],
    to: Annotated[Path, typer.Option(help="The folder for the files, one an episode.")],
    method: Annotated[str | None, typer.Option(help="Labels of this method only.")] = None,
    protocol: Annotated[str | None, typer.Option(help="Labels of this protocol only.")] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="Option of the format, NAME=VALUE.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Write the lines with their speakers, one file an episode."""
    from castline.exports import export as run
    from castline.project import Project
    from castline.settings import parse_assignments

    reporter = TerminalReporter()
    try:
        written = run(
            Project.open(project),
            format=format,
            to=to,
            method=method,
            protocol=protocol,
            options=parse_assignments(set_ or []),
            reporter=reporter,
        )
    finally:
        reporter.close()
    facts = {"files": [str(path) for path in written], "warnings": reporter.warnings}
    emit(facts, f"{to}: {len(written)} files written", as_json=as_json)


def formats(as_json: Json = False) -> None:
    """List the formats: what each is for, and what it loses."""
    from castline import subtitles

    known = [subtitles.get_format(name) for name in subtitles.formats.names()]
    facts = [
        {
            "name": each.name,
            "title": each.title,
            "suffixes": list(each.suffixes),
            "reads": True,
            "writes": each.writes,
            "extra": each.extra,
        }
        for each in known
    ]
    rows = [
        [
            *(each.name, each.title, " ".join(each.suffixes)),
            "read and write" if each.writes else "read",
            f"castline[{each.extra}]" if each.extra else "",
        ]
        for each in known
    ]
    emit(facts, table(["format", "", "files", "", "needs"], rows), as_json=as_json)
