"""`castline story`: what is seen, what happens, and who is what to whom, told by models."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from castline.cli.endpoints import BudgetCost, BudgetTokens, Endpoints, opened
from castline.cli.output import TerminalReporter, emit, table
from castline.cli.series import DryRun, Json

if TYPE_CHECKING:
    from castline.project import Project

__all__ = ["register"]

_SENT = "all that is said, with the names of who says it"
_SHOWN = (
    "pictures of the film in which people's faces are boxed and named (biometric data), and "
    + _SENT
)


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command()(story)


def story(
    project: Annotated[Path, typer.Argument(help="The project folder.")],
    endpoint: Endpoints = None,
    vision: Annotated[
        list[str] | None,
        typer.Option(help="Models that look at pictures, written likewise [those of --endpoint]."),
    ] = None,
    embedding: Annotated[
        str | None,
        typer.Option(help="A model that says which captions are alike [by their letters]."),
    ] = None,
    step: Annotated[
        list[str] | None,
        typer.Option(help="captions, summaries, relations; may be given several times [all]."),
    ] = None,
    labels: Annotated[
        str, typer.Option(help="Labels that say who speaks, METHOD-PROTOCOL [newest of fusion].")
    ] = "",
    language: Annotated[
        str, typer.Option(help="Language of the prompts: en, zh [that of the lines].")
    ] = "",
    prompts: Annotated[
        Path | None,
        typer.Option(help="A folder with your own captions/, summaries/, relations/ templates."),
    ] = None,
    in_flight: Annotated[int, typer.Option(min=1, help="Questions at once.")] = 32,
    budget_tokens: BudgetTokens = None,
    budget_cost: BudgetCost = None,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Have models caption the film, retell it, and say how people are related.

    Run it again to go on: what was paid for is not asked again.
    """
    from castline.agents.driver import DriverParams
    from castline.project import Project
    from castline.story.recipe import STEPS, Models, tell_story

    folder = Project.open(project)
    steps = step or list(STEPS)
    looks = "captions" in steps
    reporter = TerminalReporter()
    with contextlib.ExitStack() as open_:
        sent = _SHOWN if looks and not vision else _SENT
        models = Models(
            open_.enter_context(opened(endpoint, folder, sent)),
            open_.enter_context(opened(vision, folder, _SHOWN)),
            next(
                iter(open_.enter_context(opened(embedding and [embedding], folder, "captions"))),
                None,
            ),
        )
        try:
            told = tell_story(
                folder,
                models,
                steps=steps,
                labels=labels,
                language=language,
                prompts=prompts,
                driver=DriverParams(
                    in_flight=in_flight, budget_tokens=budget_tokens, budget_cost=budget_cost
                ),
                reporter=reporter,
                dry_run=dry_run,
            )
        finally:
            reporter.close()
    facts: dict[str, Any] = {
        "project": str(project),
        "made": told.summary.made,
        "fresh": told.summary.fresh,
        "tokens": told.tokens,
        "cost": told.cost,
        "warnings": reporter.warnings,
    }
    made, fresh = len(told.summary.made), len(told.summary.fresh)
    if dry_run:
        text = f"{project}: {made} units would be made, {fresh} up to date"
        text += "".join(f"\n  {unit}: {why}" for unit, why in told.summary.made.items())
    else:
        counts = _counts(folder)
        facts["counts"] = counts
        rows = [[name, str(count)] for name, count in counts.items()]
        text = (
            f"{project}: {made} units made, {fresh} up to date; {told.tokens:,} tokens"
            + (f", {told.cost:.2f} by the prices given" if told.cost else "")
            + f"\n\n{table(['what is told', 'rows'], rows)}"
        )
    emit(facts, text, as_json=as_json)


def _counts(project: Project) -> dict[str, int]:
    """How much is told of the series."""
    from castline.story.evidence import read_captions, read_relations

    counts = dict.fromkeys(("clip", "section", "brief", "title"), 0)
    for episode in project.episodes():
        for kind, count in read_captions(project.store, episode)["kind"].value_counts().rows():
            counts[kind] += count
    return counts | {"relation": read_relations(project.store).height}
