"""`castline credits`, `castline faces`: a cast list to begin with, and who is missing in it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from castline.cli.output import TerminalReporter, emit, table
from castline.cli.series import Json

__all__ = ["register"]

CREDITS_SHARE = 0.1
"""Credits are looked for in this last part of a film, unless it is said where they are."""


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command("credits")(credits_)
    app.command()(faces)


def credits_(
    film: Annotated[Path, typer.Argument(help="The film.")],
    out: Annotated[Path, typer.Option(help="Where the draft goes: a TOML cast list.")],
    span: Annotated[
        str, typer.Option(help="Where the credits are, 0:42:10-0:44:00; the last tenth if empty.")
    ] = "",
    as_json: Json = False,
) -> None:
    """Read who plays whom off the credits, as a draft for a person to check."""
    from castline.engines.models import load
    from castline.media.probe import probe
    from castline.people.credit_pages import read_credits
    from castline.people.credits import draft_cast, write_cast_draft
    from castline.story.lines import parse_spans

    duration = probe(film).duration_ms
    start, end = (
        parse_spans([span], "--span")[0]
        if span
        else (
            round(duration * (1 - CREDITS_SHARE)),
            duration,
        )
    )
    reporter = TerminalReporter()
    try:
        pages = read_credits(
            film,
            load("text", "rapidocr"),
            start,
            end,
            progress=lambda done, total: reporter.step("credits", done, total, film.name),
        )
    finally:
        reporter.close()
    members = draft_cast(pages)
    write_cast_draft(out, members)
    facts = {
        "draft": str(out),
        "pages": len(pages),
        "cast": [{"name": each.name, "actor": each.actor} for each in members],
    }
    text = f"{out}: {len(members)} characters on {len(pages)} pages; check every name"
    emit(facts, text, as_json=as_json)


def faces(
    project: Annotated[Path, typer.Argument(help="The project folder.")],
    to: Annotated[
        Path | None, typer.Option(help="A folder for one picture of each, to be used as portrait.")
    ] = None,
    as_json: Json = False,
) -> None:
    """List people who come back without a name, with pictures to name them by."""
    from castline.project import Project
    from castline.timing import format_clock
    from castline.unknown_faces import list_unknown_faces, write_pictures

    opened = Project.open(project)
    found = list_unknown_faces(opened)
    written = write_pictures(opened, found, to) if to else []
    facts = [
        {
            "cluster": each.cluster,
            "tracks": each.tracks,
            "episodes": list(each.episodes),
            "episode": each.episode,
            "time_ms": each.time_ms,
        }
        for each in found
    ]
    rows = [
        [e.cluster, str(e.tracks), str(len(e.episodes)), f"{e.episode} {format_clock(e.time_ms)}"]
        for e in found
    ]
    text = table(["face", "tracks", "episodes", "best seen"], rows) if rows else "nobody"
    if written:
        text += f"\n\npictures: {to}; name one by moving it to the cast folder as NAME_1.png"
    emit(facts, text, as_json=as_json)
