"""`castline mcp`: a project for agents, over the Model Context Protocol."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from castline.cli.output import clean

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command of this file."""
    app.command()(mcp)


def mcp(
    project: Annotated[Path, typer.Argument(help="The project folder.")],
    method: Annotated[
        str | None, typer.Option(help="Tell the labels of this method [the best there is].")
    ] = None,
    protocol: Annotated[
        str | None, typer.Option(help="Tell the labels of this protocol [any].")
    ] = None,
) -> None:
    """Let an agent look things up in a project: who speaks, who is seen, lines and characters.

    Serves the Model Context Protocol over standard input and output; agents start it themselves.
    It reads only, and opens no network.
    """
    from castline.project import Project
    from castline.serving.library import Library
    from castline.serving.server import serve

    folder = Project.open(project)
    if sys.stdin.isatty():
        told = f"serving {clean(folder.name)} to whoever speaks the protocol here; Ctrl-C ends it"
        print(told, file=sys.stderr)
    serve(folder.name, Library(folder, method, protocol))
