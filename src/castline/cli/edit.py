"""`castline edit`: people's corrections."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from castline.cli.output import clean, emit, table
from castline.cli.series import Json

__all__ = ["register"]

Project_ = Annotated[Path, typer.Argument(help="The project folder.")]
Author = Annotated[
    str, typer.Option(help="Who makes the edit.", envvar=["CASTLINE_AUTHOR", "USER"])
]
Reason = Annotated[str, typer.Option(help="Why.")]
To = Annotated[str, typer.Option(help="The speaker: a character, `others`, or `unknown`.")]
New = Annotated[bool, typer.Option("--new", help="The speaker is somebody new to the cast.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    group = typer.Typer(help="Correct who speaks; undo and list corrections.", no_args_is_help=True)
    group.command()(line)
    group.command()(cluster)
    group.command()(undo)
    group.command("list")(list_)
    app.add_typer(group, name="edit")


def _said(project: Path, batch: int, count: int, *, as_json: bool) -> None:
    emit(
        {"edit": batch, "lines": count},
        f"edit {batch}: {count} lines. `castline attribute {project}` spreads it, "
        f"`castline edit undo {project} {batch}` takes it back.",
        as_json=as_json,
    )


def line(
    project: Project_,
    lines: Annotated[list[str], typer.Argument(help="Line ids, such as 0003-00042.")],
    to: To,
    author: Author = "unknown",
    reason: Reason = "",
    new: New = False,
    as_json: Json = False,
) -> None:
    """Give lines to a speaker."""
    from castline.attribution.editing import edit_lines
    from castline.project import Project

    batch = edit_lines(
        Project.open(project), lines, to=to, author=author, reason=reason, new_character=new
    )
    _said(project, batch, len(lines), as_json=as_json)


def cluster(
    project: Project_,
    label: Annotated[str, typer.Argument(help="A label, such as voice-3: all its lines.")],
    to: To,
    method: Annotated[str | None, typer.Option(help="In the labels of this method.")] = None,
    protocol: Annotated[str | None, typer.Option(help="In the labels of this protocol.")] = None,
    author: Author = "unknown",
    reason: Reason = "",
    new: New = False,
    as_json: Json = False,
) -> None:
    """Give all lines of a label to a speaker."""
    from castline.attribution.editing import edit_cluster
    from castline.project import Project

    batch, count = edit_cluster(
        Project.open(project),
        label,
        to=to,
        method=method,
        protocol=protocol,
        author=author,
        reason=reason,
        new_character=new,
    )
    _said(project, batch, count, as_json=as_json)


def undo(
    project: Project_,
    edit: Annotated[int, typer.Argument(help="Number of the edit, see `castline edit list`.")],
    author: Author = "unknown",
    as_json: Json = False,
) -> None:
    """Take an edit back; what it superseded counts again."""
    from castline.attribution.editing import undo_edit
    from castline.project import Project

    count = undo_edit(Project.open(project), edit, author=author)
    emit({"edit": edit, "undone": count}, f"edit {edit}: {count} lines undone", as_json=as_json)


def list_(project: Project_, as_json: Json = False) -> None:
    """List all edits ever made."""
    import dataclasses

    from castline.project import Project
    from castline.tables.edits import EditLog

    edits = EditLog(Project.open(project).database).all()
    rows = [
        [
            *(str(e.batch), e.at, e.author, e.line, e.old or "", e.new, e.reason),
            "undone" if e.undone_at else "",
        ]
        for e in edits
    ]
    header = ["edit", "at", "author", "line", "from", "to", "reason", ""]
    text = table(header, rows) if rows else f"{clean(str(project))}: no edits"
    emit([dataclasses.asdict(e) for e in edits], text, as_json=as_json)
