"""`castline traces`: conversations with models in a terminal, in a pipe, and for programs."""

from __future__ import annotations

from pathlib import Path

import pytest

from castline.agents.messages import Message, Reply, ToolCall, Usage
from castline.agents.traces import Said, Trace, TraceWriter, Turn, trace_file
from castline.project import Project
from tests.cli.conftest import Run

NASTY = "\x1b[31mred\x07\nsecond \u202eline"


def trace(task: str, number: int, **values: object) -> Trace:
    calls = (ToolCall("1", "voices", '{"who": "\x1b]0;x"}'),)
    reply = Reply(NASTY, calls, "stop", Usage(90, 10), 1.25, "m", "here")
    messages = tuple(
        Said.of(message) for message in (Message("user", "谁说的？"), reply.as_message())
    )
    facts = {
        "status": "answered",
        "answer": "甄嬛",
        "messages": messages,
        "turns": (Turn(reply, from_store=number == 0),),
        "tokens": 100,
        "seconds": 1.25,
        **values,
    }
    return Trace(task, f"ep01:{number:04d}", number, **facts)  # type: ignore[arg-type]


@pytest.fixture
def talked(tmp_path: Path) -> Project:
    """A project with the traces of two tasks."""
    project = Project.create(tmp_path / "project")
    late = {"status": "failed", "fault": "timeout", "answer": None, "why": NASTY, "turns": ()}
    for task, traces in {
        "reasoning-1": [trace("reasoning-1", 1), trace("reasoning-1", 0)],
        "reasoning-2": [trace("reasoning-2", 0, **late)],
    }.items():
        writer = TraceWriter(trace_file(project.folder / "traces", task))
        for each in traces:
            writer.add(each)
        writer.close()
    return project


def test_traces_are_counted_and_listed_in_the_order_in_which_they_began(
    run: Run, talked: Project
) -> None:
    shown = run("traces", talked.folder)
    facts = run("traces", talked.folder, "--json").json

    assert shown.out.splitlines()[:3] == [
        "task         ended     conversations",
        "reasoning-1  answered              2",
        "reasoning-2  timeout               1",
    ]
    assert [(each["task"], each["id"]) for each in facts["conversations"]] == [
        ("reasoning-1", "ep01:0000"),
        ("reasoning-1", "ep01:0001"),
        ("reasoning-2", "ep01:0000"),
    ]
    assert {each["ended"]: each["conversations"] for each in facts["counts"]} == {
        "answered": 2,
        "timeout": 1,
    }


def test_traces_are_chosen_by_task_and_by_how_they_ended(run: Run, talked: Project) -> None:
    def chosen(*words: str) -> list[str]:
        found = run("traces", talked.folder, *words, "--json").json["conversations"]
        return [f"{each['task']} {each['id']}" for each in found]

    assert chosen("--status", "failed") == chosen("--status", "timeout")
    assert chosen("--status", "timeout") == ["reasoning-2 ep01:0000"]
    assert chosen("--task", "reasoning-1", "--status", "failed") == []
    missing = run("traces", talked.folder, "--task", "reasoning-3")
    assert missing.code == 2
    assert "Did you mean 'reasoning-2'" in missing.err


def test_one_conversation_is_shown_whole_and_harms_no_terminal(run: Run, talked: Project) -> None:
    shown = run("traces", talked.folder, "ep01:0001")

    assert "answer: 甄嬛" in shown.out
    assert "谁说的？" in shown.out
    assert "␛[31mred␇\nsecond �line\n" in shown.out
    assert '→ voices {"who": "␛]0;x"}' in shown.out
    assert all(line.isprintable() for line in shown.out.splitlines())


def test_a_conversation_of_several_tasks_is_shown_in_each(run: Run, talked: Project) -> None:
    shown = run("traces", talked.folder, "ep01:0000")
    facts = run("traces", talked.folder, "ep01:0000", "--json").json

    assert "turns: 1, 1 of them paid for before" in shown.out
    assert "ended: failed: timeout" in shown.out
    assert all(line.isprintable() for line in shown.out.splitlines())
    assert [each["task"] for each in facts] == ["reasoning-1", "reasoning-2"]
    assert facts[0]["messages"][1]["text"] == NASTY


def test_a_conversation_that_there_is_not_is_told_with_the_nearest(
    run: Run, talked: Project
) -> None:
    missing = run("traces", talked.folder, "ep01:0002", "--task", "reasoning-1")
    assert missing.code == 2
    assert "Did you mean 'ep01:000" in missing.err


def test_a_project_that_never_asked_a_model_has_none(run: Run, tmp_path: Path) -> None:
    project = Project.create(tmp_path / "new")
    assert run("traces", project.folder).out == "no conversations\n"
    assert run("traces", project.folder, "x").code == 2
