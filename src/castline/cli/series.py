"""`castline import`, `castline status`, `castline demo`: a series and its tables."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from castline.cli.output import TerminalReporter, clean, emit, table

__all__ = ["register"]

Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would run and why; run nothing.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command("import")(import_series)
    app.command()(status)
    app.command()(forget)
    app.command()(demo)


def import_series(
    format: Annotated[
        str, typer.Argument(help="dramasr, or a format of `castline formats`, or `auto`.")
    ],
    paths: Annotated[
        list[Path], typer.Argument(help="A series folder, or one file for each episode.")
    ],
    into: Annotated[Path, typer.Option(help="The project folder; made when it is not there.")],
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", help="Option of the format, NAME=VALUE (encoding=gbk, fps=25)."),
    ] = None,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Read a series that somebody measured or captioned already."""
    from castline.settings import parse_assignments
    from castline.sources.recipe import import_captions, import_dramasr

    reporter = TerminalReporter()
    try:
        if format == "dramasr":
            if len(paths) != 1:
                raise typer.BadParameter("give one series folder", param_hint="PATHS")
            _, summary = import_dramasr(paths[0], into, reporter=reporter, dry_run=dry_run)
        else:
            _, summary = import_captions(
                paths,
                into,
                format=None if format == "auto" else format,
                options=parse_assignments(set_ or []),
                reporter=reporter,
                dry_run=dry_run,
            )
    finally:
        reporter.close()
    verb = "would be imported" if dry_run else "imported"
    text = f"{into}: {len(summary.made)} units {verb}, {len(summary.fresh)} up to date"
    if dry_run:
        text += "".join(f"\n  {unit}: {why}" for unit, why in summary.made.items())
    facts = {
        "project": str(into),
        "made": summary.made,
        "fresh": summary.fresh,
        "warnings": reporter.warnings,
    }
    emit(facts, text, as_json=as_json)


def status(
    project: Annotated[Path, typer.Argument(help="The project folder.")], as_json: Json = False
) -> None:
    """Say what a project holds, and which labels are out of date and why."""
    from castline.attribution.recipe import stale_labels
    from castline.project import Project
    from castline.tables.catalog import CATALOG
    from castline.tables.edits import EditLog

    opened = Project.open(project)
    rows = {
        name: sum(
            manifest.rows
            for unit in opened.store.units(name)
            if (manifest := opened.store.manifest(name, unit))
        )
        for name, declared in CATALOG.items()
        if not declared.variants or opened.store.units(name)
    }
    stale = stale_labels(opened)
    edits = len(EditLog(opened.database).active())
    facts = {
        "project": str(project),
        "name": opened.name,
        "episodes": len(opened.episodes()),
        "rows": rows,
        "labels": stale,
        "edits": edits,
    }
    lines = [f"{clean(opened.name)}: {len(opened.episodes())} episodes, {edits} edits in force", ""]
    lines.append(table(["table", "rows"], [[name, str(n)] for name, n in rows.items() if n]))
    if stale:
        listed = [[variant, why or "up to date"] for variant, why in stale.items()]
        lines += ["", table(["labels", "state"], listed)]
    else:
        lines += ["", f"No labels yet: castline attribute {project}"]
    emit(facts, "\n".join(lines), as_json=as_json)


def forget(
    project: Annotated[Path, typer.Argument(help="The project folder.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do it without asking.")] = False,
    as_json: Json = False,
) -> None:
    """Remove faces and voices for good: what people look and sound like. Labels stay."""
    from castline.project import Project

    opened = Project.open(project)
    if not yes:
        typer.confirm(f"Remove all faces and voices of {clean(opened.name)}?", abort=True)
    removed = opened.forget()
    text = f"{project}: removed {', '.join(removed) or 'nothing, there were none'}"
    emit({"project": str(project), "removed": removed}, text, as_json=as_json)


def demo(
    into: Annotated[Path, typer.Argument(help="A new folder for everything it makes.")] = Path(
        "demo"
    ),
    seed: Annotated[int, typer.Option(help="Another seed makes another film.", min=0)] = 7,
    burnt_in: Annotated[
        bool, typer.Option("--burnt-in", help="Read the subtitles off the picture.")
    ] = False,
    offline: Annotated[
        bool, typer.Option("--offline", help="Refuse every network connection while running.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Make a small film and run everything on it: measure, attribute, evaluate, export."""
    from castline.demo import run_demo

    reporter = TerminalReporter()
    try:
        facts, text = run_demo(
            into, seed=seed, burnt_in=burnt_in, offline=offline, reporter=reporter
        )
    finally:
        reporter.close()
    emit(facts, text, as_json=as_json)
