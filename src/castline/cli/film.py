"""`castline new`, `castline run`, `castline doctor`: from films to named lines."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from castline.cli.output import TerminalReporter, clean, emit, table
from castline.cli.series import DryRun, Json

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command()(new)
    app.command()(run)
    app.command()(truth)
    app.command()(doctor)


def new(
    project: Annotated[Path, typer.Argument(help="The project folder that is made.")],
    episodes: Annotated[
        list[Path], typer.Option(help="A film file; again for each episode, in order.")
    ],
    subtitles: Annotated[
        list[Path] | None, typer.Option(help="Its subtitle file; again for each episode.")
    ] = None,
    cast: Annotated[
        Path | None,
        typer.Option(help="A folder of portraits (Name_1.jpg), or a TOML, YAML, JSON or CSV file."),
    ] = None,
    lines: Annotated[
        str | None,
        typer.Option(help="Where lines come from: subtitles, burnt-in, or speech."),
    ] = None,
    name: Annotated[str | None, typer.Option(help="Name of the series.")] = None,
    language: Annotated[str | None, typer.Option(help="Language of the lines: en, zh.")] = None,
    as_json: Json = False,
) -> None:
    """Make a project from films, subtitles and a cast list; nothing is measured yet."""
    from castline.measuring.intake import new_project

    film: dict[str, Any] = {}
    if lines is not None:
        film["lines"] = lines
    if language is not None:
        film["language"] = language
    made = new_project(project, episodes, subtitles=subtitles or (), cast=cast, name=name, **film)
    facts = {"project": str(project), "name": made.name, "episodes": len(episodes)}
    count = "1 episode" if len(episodes) == 1 else f"{len(episodes)} episodes"
    text = (
        f"{project}: {count} of {clean(made.name)}; castline.toml says what is measured, and how\n"
        f"next: castline run {project}"
    )
    emit(facts, text, as_json=as_json)


def run(
    project: Annotated[Path, typer.Argument(help="The project folder.")],
    method: Annotated[str, typer.Option(help="See `castline methods`.")] = "fusion",
    protocol: Annotated[str, typer.Option(help="What is known beforehand.")] = "auto",
    jobs: Annotated[
        int | None,
        typer.Option(help="Processes that look at pictures; one for each processor.", min=1),
    ] = None,
    offline: Annotated[
        bool, typer.Option("--offline", help="Refuse every network connection while running.")
    ] = False,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Measure the films of a project and say who speaks each line; run it again to go on."""
    from castline.project import Project
    from castline.running import run_project

    opened = Project.open(project)
    reporter = TerminalReporter()
    try:
        variant, summary = run_project(
            opened,
            method=method,
            protocol=protocol,
            jobs=jobs,
            offline=offline,
            reporter=reporter,
            dry_run=dry_run,
        )
    finally:
        reporter.close()
    facts: dict[str, Any] = {
        "project": str(project),
        "labels": variant,
        "made": summary.made,
        "fresh": summary.fresh,
        "warnings": reporter.warnings,
    }
    verb = "would be made" if dry_run else "made"
    text = f"{project}: {len(summary.made)} units {verb}, {len(summary.fresh)} up to date"
    if dry_run:
        text += "".join(f"\n  {unit}: {why}" for unit, why in summary.made.items())
    else:
        from castline.attribution.labels import summarise_labels

        facts.update(summarise_labels(opened, variant))
        rows = [[who, str(count)] for who, count in facts["speakers"].items()]
        text += f"\n\n{table(['speaker', 'lines'], rows)}"
        text += f"\n\nnext: castline export {project} --format vtt --to out/"
    emit(facts, text, as_json=as_json)


def truth(
    project: Annotated[Path, typer.Argument(help="The project folder.")],
    files: Annotated[
        list[str],
        typer.Argument(help="EPISODE=FILE: turns with speakers, in any format that names them."),
    ],
    as_json: Json = False,
) -> None:
    """Read who really speaks, to evaluate with; no method looks at it."""
    from castline.errors import UsageError
    from castline.project import Project
    from castline.sources.truth import import_truth

    pairs = [each.partition("=") for each in files]
    if any(not equals or not path for _, equals, path in pairs):
        raise UsageError("Write EPISODE=FILE, such as pilot=truth.rttm.")
    reporter = TerminalReporter()
    try:
        summary = import_truth(
            Project.open(project),
            {episode: Path(path) for episode, _, path in pairs},
            reporter=reporter,
        )
    finally:
        reporter.close()
    facts = {"made": summary.made, "fresh": summary.fresh, "warnings": reporter.warnings}
    emit(facts, f"{len(files)} episodes; next: castline evaluate {project}", as_json=as_json)


def doctor(as_json: Json = False) -> None:
    """Say what this machine can do, and the command that adds what it lacks."""
    from castline.doctor import abilities, commands, machine

    about, found = machine(), abilities()
    missing = commands(found)
    facts = {
        "machine": about,
        "abilities": [
            {"what": a.what, "ready": a.ready, "detail": a.detail, "remedy": a.remedy}
            for a in found
        ],
        "commands": missing,
    }
    rows = [["yes" if a.ready else "no", a.what, a.detail] for a in found]
    text = "\n".join(f"{name:11} {clean(value)}" for name, value in about.items())
    text += f"\n\n{table(['works', 'what', 'with'], rows)}"
    if missing:
        text += "\n\nto add the rest:\n" + "\n".join(f"  {command}" for command in missing)
    emit(facts, text, as_json=as_json)
