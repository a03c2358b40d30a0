"""`castline traces`: conversations with models, as they went."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from castline.cli.output import clean, emit, table
from castline.cli.series import Json

if TYPE_CHECKING:
    from castline.agents.traces import Said, Trace
    from castline.project import Project

__all__ = ["register"]

_SHOWN = 40
"""Characters of a text that are shown in a table."""


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command()(traces)


def traces(
    project: Annotated[Path, typer.Argument(help="The project folder.")],
    conversation: Annotated[
        str | None, typer.Argument(help="Show this conversation, such as 0003-00042.")
    ] = None,
    task: Annotated[str | None, typer.Option(help="Only of this task: reasoning-1.")] = None,
    status: Annotated[
        str | None, typer.Option(help="Only those that ended so: answered, failed, timeout, ...")
    ] = None,
    report: Annotated[
        bool,
        typer.Option("--report", help="Write pages of them beside what each method says."),
    ] = False,
    as_json: Json = False,
) -> None:
    """List conversations with models, or show one of them from its first word to its last."""
    from castline.project import Project

    opened = Project.open(project)
    if report:
        if conversation or task or status:
            raise typer.BadParameter(
                "the pages show all conversations: choose none", param_hint="--report"
            )
        _write(opened, as_json=as_json)
        return
    files = _files(opened.folder / "traces", task)
    if conversation is None:
        _list(files, status, as_json=as_json)
    else:
        _show(files, conversation, as_json=as_json)


def _write(project: Project, *, as_json: bool) -> None:
    from castline.report.conversations import judged_variants, write_conversations

    folder = project.folder / "reports"
    written = {
        variant: str(index)
        for variant in judged_variants(project)
        if (index := write_conversations(project, variant, folder / f"{variant}-conversations"))
    }
    text = "\n".join(f"{clean(variant)}: {clean(index)}" for variant, index in written.items())
    emit({"reports": written}, text or "no conversations about labels", as_json=as_json)


def _files(folder: Path, task: str | None) -> list[Path]:
    from castline.agents.traces import trace_file
    from castline.errors import UnknownName

    there = sorted(folder.glob("*.jsonl"))
    if task is None:
        return there
    if trace_file(folder, task) not in there:
        raise UnknownName("task with traces", task, [path.stem for path in there])
    return [trace_file(folder, task)]


def _list(files: list[Path], status: str | None, *, as_json: bool) -> None:
    from castline.agents.traces import read_traces

    counts: Counter[tuple[str, str]] = Counter()
    records: list[dict[str, Any]] = []
    for trace in (trace for path in files for trace in read_traces(path)):
        if status is not None and status not in (trace.status, trace.fault):
            continue
        counts[trace.task, trace.fault or trace.status] += 1
        names = ("task", "id", "number", "status", "fault", "answer", "why", "tokens", "seconds")
        facts = {name: getattr(trace, name) for name in names}
        records.append({**facts, "turns": len(trace.turns)})
    records.sort(key=lambda each: (each["task"], each["number"]))
    summary = [[task, ended, str(count)] for (task, ended), count in sorted(counts.items())]
    rows = [
        [
            *(each["task"], each["id"], each["fault"] or each["status"]),
            *(str(each["turns"]), str(each["tokens"]), f"{each['seconds']:.1f}"),
            _cut(each["why"] if each["answer"] is None else _spelled(each["answer"])),
        ]
        for each in records
    ]
    header = ["task", "conversation", "ended", "turns", "tokens", "seconds", "answer"]
    listed = [table(["task", "ended", "conversations"], summary), "", table(header, rows)]
    facts = {
        "counts": [{"task": t, "ended": e, "conversations": n} for (t, e), n in counts.items()],
        "conversations": records,
    }
    emit(facts, "\n".join(listed) if rows else "no conversations", as_json=as_json)


def _show(files: list[Path], conversation: str, *, as_json: bool) -> None:
    import msgspec

    from castline.agents.traces import find_trace
    from castline.errors import UnknownName

    shown: list[Trace] = []
    missing = UnknownName("conversation", conversation, [])
    for path in files:
        try:
            shown.append(find_trace(path, conversation))
        except UnknownName as error:
            missing = error
    if not shown:
        raise missing
    text = "\n\n".join(_whole(trace) for trace in shown)
    emit([msgspec.to_builtins(trace) for trace in shown], text, as_json=as_json)


def _whole(trace: Trace) -> str:
    """A conversation for people."""
    models = sorted({f"{turn.reply.model} at {turn.reply.endpoint}" for turn in trace.turns})
    kept = sum(turn.from_store for turn in trace.turns)
    facts = {
        "task": trace.task,
        "conversation": trace.id,
        "ended": f"{trace.status}: {trace.fault}" if trace.failed else trace.status,
        "answer": "" if trace.answer is None else _spelled(trace.answer),
        "why": trace.why,
        "turns": f"{len(trace.turns)}, {kept} of them paid for before",
        "tokens": str(trace.tokens),
        "seconds": f"{trace.seconds:.1f}",
        "model": ", ".join(models),
        **{name: _spelled(value) for name, value in trace.facts.items()},
    }
    head = [f"{clean(name)}: {clean(value)}" for name, value in facts.items() if value]
    parts: list[str] = []
    for messages in (*trace.earlier, trace.messages):
        parts += ["", "══ asked anew ═══════════"] if parts else []
        parts += [line for said in messages for line in _lines(said)]
    return "\n".join([*head, *parts])


def _lines(said: Said) -> Iterator[str]:
    yield ""
    yield f"── {said.role} " + "─" * (60 - len(said.role))
    if said.text:
        yield from (clean(line) for line in said.text.splitlines())
    for picture in said.pictures:
        yield f"[picture {clean(picture[:12])}]"
    for call in said.calls:
        yield f"→ {clean(call.name)} {clean(call.arguments)}"


def _spelled(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _cut(text: str) -> str:
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"
