"""The command line: one file a noun, each command a thin front to a library call.

Exit codes: 0 done; 1 another refusal of Castline; 2 wrong usage or settings, or a missing extra;
3 no project, or a damaged table; 4 the project is busy; 5 broken input; 6 the disk refused;
7 some units failed and the others were kept; 8 no endpoint gives usable replies; 9 a limit was
reached; 130 interrupted. A traceback is a bug of ours.
"""

from __future__ import annotations

import json
import os
import sys

import typer

from castline.cli import (
    attribution,
    cast,
    edit,
    exports,
    film,
    mcp,
    models,
    series,
    story,
    subtitles,
    traces,
    train,
)
from castline.cli.output import clean
from castline.errors import CastlineError

__all__ = ["app", "main"]

_INTERRUPTED = 130

app = typer.Typer(
    name="castline",
    help="Say who speaks each line of a film or series, with the evidence.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


def _version(wanted: bool) -> None:
    if wanted:
        from castline import __version__

        print(f"castline {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: bool = typer.Option(
        False, "--version", callback=_version, is_eager=True, help="Show the version and stop."
    ),
) -> None:
    pass


for noun in (
    film,
    series,
    cast,
    subtitles,
    attribution,
    story,
    traces,
    mcp,
    edit,
    exports,
    models,
    train,
):
    noun.register(app)


def main() -> None:
    """Run the command line; see the module for exit codes."""
    try:
        app()
    except CastlineError as error:
        if "--json" in sys.argv:
            facts = {"error": type(error).__name__, "message": str(error)}
            print(json.dumps(facts, ensure_ascii=False))
        print(f"castline: {clean_lines(str(error))}", file=sys.stderr)
        raise SystemExit(error.exit_code) from None
    except SystemExit as leaving:
        if leaving.code == _INTERRUPTED:  # Typer turns Ctrl-C into this, and says nothing
            print("castline: interrupted; run the same command again to go on", file=sys.stderr)
        raise
    except BrokenPipeError:
        # The reader of our pipe left (`| head`): not an error, and nobody to tell.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(141) from None


def clean_lines(text: str) -> str:
    """Make text safe for a terminal, keeping its line breaks."""
    return "\n".join(clean(line) for line in text.split("\n"))
