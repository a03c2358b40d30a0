"""`castline attribute`, `evaluate`, `benchmark`: who says each line, and how right that is."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from castline.cli.endpoints import BudgetCost, BudgetTokens, Endpoints, opened
from castline.cli.output import TerminalReporter, clean, emit, table
from castline.cli.series import DryRun, Json

if TYPE_CHECKING:
    from castline.attribution.evaluation.results import Evaluation
    from castline.errors import LimitReached, RunError
    from castline.project import Project

__all__ = ["register"]

Method = Annotated[str, typer.Option(help="The method, see `castline methods`.")]

_SHOWN = 24
"""Characters of a line that are shown in a table."""
_SENT = "the dialogue around each line in doubt, with who speaks and who is seen"
"""What models get to know."""


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command()(attribute)
    app.command()(evaluate)
    app.command()(benchmark)
    app.command()(methods)


def attribute(
    project: Annotated[Path, typer.Argument(help="The project folder.")],
    method: Method = "fusion",
    protocol: Annotated[
        str, typer.Option(help="released, library, unsupervised, or auto: by the seeds there are.")
    ] = "auto",
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="Setting of the method, NAME=VALUE.")
    ] = None,
    max_risk: Annotated[
        float | None,
        typer.Option(
            help="Share of wrong names to be expected at most (0.05); doubtful lines are unknown "
            "then [every line gets the best guess].",
        ),
    ] = None,
    ask: Annotated[
        int,
        typer.Option(
            min=0, help="Also name so many lines whose check by a person would help most."
        ),
    ] = 0,
    base: Annotated[
        str, typer.Option(help="For reasoning: the method whose labels are judged.")
    ] = "fusion",
    endpoint: Endpoints = None,
    budget_tokens: BudgetTokens = None,
    budget_cost: BudgetCost = None,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Say who speaks each line, and on demand which lines to check next.

    With --method reasoning, a language model judges the lines that the base method is in doubt
    about. Run it again to go on: what was paid for is not asked again.
    """
    from castline.agents.driver import DriverParams
    from castline.attribution.labels import summarise_asked, summarise_labels
    from castline.attribution.recipe import attribute as run
    from castline.attribution.recipe import variant_of
    from castline.errors import LimitReached, RunError
    from castline.pipeline.run import RunSummary
    from castline.project import Project
    from castline.settings import parse_assignments

    reporter = TerminalReporter()
    folder = Project.open(project)
    failed: RunError | LimitReached | None = None
    with opened(endpoint, folder, _SENT) as endpoints:
        try:
            variant, summary = run(
                folder,
                method=method,
                protocol=protocol,
                settings=parse_assignments(set_ or []),
                max_risk=max_risk,
                base=base,
                endpoints=endpoints,
                driver=DriverParams(budget_tokens=budget_tokens, budget_cost=budget_cost),
                reporter=reporter,
                dry_run=dry_run,
            )
        except (RunError, LimitReached) as error:
            # All lines are labelled: some keep what they had.
            failed, summary = error, RunSummary()
            variant = variant_of(folder, method, protocol, base)
        finally:
            reporter.close()
    facts: dict[str, Any] = {
        "project": str(project),
        "labels": variant,
        "made": summary.made,
        "fresh": summary.fresh,
        "warnings": reporter.warnings,
        "unanswered": str(failed) if failed else None,
    }
    if dry_run:
        text = "\n".join(f"{unit}: {why}" for unit, why in summary.made.items())
        emit(facts, text or f"{variant}: up to date", as_json=as_json)
        return
    counts = summarise_labels(folder, variant)
    facts |= counts
    speakers = [[name, str(count)] for name, count in list(counts["speakers"].items())[:12]]
    done = "up to date" if summary.fresh and not summary.made else "labelled"
    left = f" ({counts['unknown']} left unknown)" if counts["unknown"] else ""
    text = (
        f"{variant}: {counts['lines']} lines {done}; {counts['named']} with somebody of the cast, "
        f"{counts['new_voices']} with one of the new voices, {counts['others']} with others{left}; "
        f"{counts['doubtful']} are doubtful\n\n" + table(["speaker", "lines"], speakers)
    )
    # Where replies are missing, what is kept of those that were asked is of an earlier run.
    if not failed and (sent := summarise_asked(folder, variant)):
        facts["asked"] = sent
        text += (
            f"\n\n{sent['lines']} lines ({sent['percent']:.1f} %) went to the model, "
            f"{sent['probe']} of them to try it: {sent['answered']} answered, "
            f"{sent['gave_up']} without a valid answer; {sent['changed']} labels changed; "
            f"{sent['tokens']:,} tokens"
        )
    if ask:
        asked = _questions(folder, variant, ask)
        facts["questions"] = asked
        text += f"\n\n{_question_table(asked)}" if asked else "\n\nNo line is in doubt."
    emit(facts, text, as_json=as_json)
    if failed:
        for line in f"castline: {failed}".splitlines():
            print(clean(line), file=sys.stderr)
        raise typer.Exit(failed.exit_code)


def _questions(project: Project, variant: str, count: int) -> list[dict[str, Any]]:
    """What to check next, each with the command that gives the answer."""
    from castline.attribution.questions import ask

    rows = []
    for each in ask(project, variant, count):
        line, alike = each.question.line, each.question.alike
        words = ["castline", "edit", "line", "--to", "NAME", "--", str(project.folder)]
        rows.append(
            {
                "line": line,
                "episode": each.episode,
                "start_ms": each.start_ms,
                "text": each.text,
                "speaker": each.speaker,
                "confidence": each.confidence,
                "runner_up": each.runner_up,
                "expected": each.question.expected,
                "alike": list(alike),
                "reason": each.question.reason,
                "command": shlex.join([*words, line, *alike]),
            }
        )
    return rows


def _question_table(asked: list[dict[str, Any]]) -> str:
    """The lines to check, and below them the commands."""
    header = ["line", "at", "text", "speaker", "sure", "or", "follow", "worth", "why"]
    rows = [
        [
            *(each["line"], _clock(each["start_ms"]), _shortened(each["text"]), each["speaker"]),
            "–" if each["confidence"] is None else f"{each['confidence']:.2f}",
            *(each["runner_up"] or "", str(len(each["alike"])), f"{each['expected']:.1f}"),
            each["reason"],
        ]
        for each in asked
    ]
    commands = "\n".join(clean(each["command"]) for each in asked)
    return (
        f"{table(header, rows)}\n\n"
        "worth: lines that the answer is expected to put right. Put who speaks for NAME (a "
        "character,\nothers, unknown); the lines that follow get the same answer. Then attribute "
        f"again.\n\n{commands}"
    )


def _clock(ms: int) -> str:
    """Hours, minutes and seconds of a time."""
    minutes, seconds = divmod(ms // 1000, 60)
    return f"{minutes // 60}:{minutes % 60:02}:{seconds:02}"


def _shortened(text: str) -> str:
    """The beginning of what is said."""
    text = " ".join(text.split())
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"


def evaluate(
    project: Annotated[Path, typer.Argument(help="The project folder.")],
    method: Annotated[str | None, typer.Option(help="Labels of this method only.")] = None,
    protocol: Annotated[str | None, typer.Option(help="Labels of this protocol only.")] = None,
    against: Annotated[
        str | None, typer.Option(help="Compare with these labels, METHOD-PROTOCOL (McNemar).")
    ] = None,
    report: Annotated[
        Path | None, typer.Option(help="Where the HTML report goes [PROJECT/reports/…].")
    ] = None,
    as_json: Json = False,
) -> None:
    """Compare labels with the truth and write a report."""
    from castline.project import Project
    from castline.report.evaluation import evaluate_project

    outcome = evaluate_project(
        Project.open(project), method=method, protocol=protocol, against=against, report=report
    )
    evaluation = outcome.evaluation
    facts = {
        "project": str(project),
        "labels": outcome.variant,
        "report": str(outcome.report),
        **evaluation.to_dict(),
        "comparison": outcome.comparison,
    }
    rows = []
    for name, result in evaluation.rules.items():
        whole, unseeded = result.total.all, result.total.unseeded
        rows.append(
            [
                *(name, str(whole.counted), str(whole.right), _percent(whole.percent)),
                f"{_percent(whole.low)} to {_percent(whole.high)}",
                _percent(unseeded.percent),
            ]
        )
    header = ["rule", "lines", "right", "%", "95 % interval", "% without seeds"]
    text = f"{outcome.variant}\n\n{table(header, rows)}"
    for name, each in (outcome.comparison or {"rules": {}})["rules"].items():
        text += (
            f"\n{name}: {each['difference']:+.2f} points against {against}, "
            f"p = {each['p']:.2g} (McNemar)"
        )
    text += f"{_confidence(evaluation)}\n\nreport: {outcome.report}"
    if outcome.conversations:
        facts["conversations"] = str(outcome.conversations)
        text += f"\nconversations: {outcome.conversations}"
    emit(facts, text, as_json=as_json)


def _confidence(evaluation: Evaluation) -> str:
    """A table of what the confidences are worth; nothing when there are none."""
    found = {n: each.confidence for n, each in evaluation.rules.items() if each.confidence}
    if not found:
        return ""
    risks = next(iter(found.values())).coverage_at_risk
    header = ["confidence", "lines", "calibration error", *(f"kept at {r} % wrong" for r in risks)]
    rows = [
        [name, str(each.lines), *map(_percent, (each.error, *each.coverage_at_risk.values()))]
        for name, each in found.items()
    ]
    return f"\n\n{table(header, rows)}"


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


def benchmark(
    source: Annotated[str, typer.Argument(help="What the folders are: dramasr.")],
    folders: Annotated[list[Path], typer.Argument(help="One folder for each series.")],
    method: Annotated[
        list[str] | None, typer.Option(help="A method; may be given several times.")
    ] = None,
    protocol: Annotated[
        list[str] | None, typer.Option(help="A protocol; may be given several times [all].")
    ] = None,
    json_: Annotated[
        Path | None, typer.Option("--json", help="Write the records here; - for stdout.")
    ] = None,
    labels: Annotated[
        Path | None, typer.Option(help="Also write DIR/<series>/<method>-<protocol>.json.")
    ] = None,
    work: Annotated[
        Path | None, typer.Option(help="Keep the projects in this folder [a temporary one].")
    ] = None,
) -> None:
    """Import, attribute and score whole series, each method in a fresh process."""
    from castline.benchmark import run_benchmark, table_rows

    reporter = TerminalReporter()
    try:
        records = run_benchmark(
            source,
            folders,
            methods=method or ["fusion", "propagation"],
            protocols=protocol,
            labels=labels,
            results=None if json_ is None or str(json_) == "-" else json_,
            work=work,
            reporter=reporter,
        )
    finally:
        reporter.close()
    header, rows = table_rows(records)
    emit(records, table(header, rows), as_json=str(json_) == "-")


def methods(as_json: Json = False) -> None:
    """List the methods, protocols and scoring rules."""
    from castline.attribution.evaluate import RULES
    from castline.attribution.recipe import METHODS, TALKING
    from castline.attribution.series import PROTOCOLS

    facts = {
        "methods": list(METHODS.names()),
        "with a language model": list(TALKING.names()),
        "protocols": {name: each.meaning for name, each in PROTOCOLS.items()},
        "rules": list(RULES),
    }
    text = "methods:   " + ", ".join(METHODS.names())
    text += "\n           with a language model (--endpoint): " + ", ".join(TALKING.names())
    text += "\nprotocols: " + "\n           ".join(
        f"{name}: {each.meaning}" for name, each in PROTOCOLS.items()
    )
    text += "\nrules:     " + ", ".join(RULES)
    emit(facts, text, as_json=as_json)
