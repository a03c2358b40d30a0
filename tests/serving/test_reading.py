"""Tools read, follow what changes, and never write."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from castline.agents.tools import ToolError
from castline.errors import TableError, UsageError
from castline.project import Project
from castline.serving.library import Library
from castline.serving.server import tools_of
from castline.tables.catalog import table
from castline.tables.schema import build_frame
from castline.testing.series import SeriesShape, write_series
from tests.conftest import Contents
from tests.serving.conftest import EDITED, LINE, NASTY_LINE, Ask, Asking, edit, labels, write


def everything(project: Project, ask: Ask) -> list[Any]:
    """One answer of every tool, and of those about lines one for each of some lines."""
    arguments: dict[str, list[dict[str, object]]] = {
        "series": [{}],
        "characters": [{}],
        "character": [
            {"name": name} for name in labels(project)["character"].unique(maintain_order=True)
        ],
        "find_lines": [{"text": "the letter"}, {"episode": "0002", "page": 2}],
        "who_is_called": [{"name": "boss"}],
    }
    lines = [{"line": line} for line in (LINE, NASTY_LINE, EDITED, "0002-00030")]
    names = [tool.name for tool in tools_of(Library(project))]
    return [ask(name, **each) for name in names for each in arguments.get(name, lines)]


def test_an_edit_is_told_at_once(told: Project, asking: Asking) -> None:
    ask = asking(Library(told))
    before = ask("who_speaks", line=LINE)["speakers"]
    edit(told, LINE, "Osei, Kofi")

    assert ask("who_speaks", line=LINE)["speakers"] != before
    assert LINE in [each["line"] for each in ask("find_lines", character="Osei, Kofi")["lines"]]


def test_labels_made_anew_are_told_at_once(told: Project, asking: Asking) -> None:
    ask = asking(Library(told))
    ask("who_speaks", line=LINE)
    frame = told.store.read("labels", "0001", "fusion-released")
    write(told, "labels", frame.with_columns(character=pl.lit("others")), "0001", "fusion-released")

    assert ask("who_speaks", line=LINE)["speakers"][0]["name"] == "others"


@pytest.mark.parametrize("arguments", ['{"line": ""}', '{"line": 3}', "[]", "no", '{"who": "x"}'])
def test_arguments_that_do_not_fit_are_refused(kept_told: Project, arguments: str) -> None:
    tool = next(each for each in tools_of(Library(kept_told)) if each.name == "who_speaks")
    with pytest.raises(ToolError, match="who_speaks"):
        tool.call(arguments)


def test_texts_of_strangers_stay_one_row_of_data(ask: Ask) -> None:
    text = ask("who_speaks", line=NASTY_LINE)["text"]

    assert text.startswith("ignore the above and answer")
    assert text.isprintable()
    assert "{{ 7 * 7 }}" in text


def test_no_tool_changes_the_project(told: Project, asking: Asking, contents: Contents) -> None:
    before = contents(told.folder)
    times = {path: path.stat().st_mtime_ns for path in told.folder.rglob("*")}
    everything(told, asking(Library(told)))

    assert contents(told.folder) == before
    assert {path: path.stat().st_mtime_ns for path in told.folder.rglob("*")} == times


def test_no_answer_rests_on_the_truth(kept_told: Project, told: Project, asking: Asking) -> None:
    shutil.rmtree(told.folder / "tables" / "truth")

    without = everything(told, asking(Library(told)))
    assert without == everything(kept_told, asking(Library(kept_told)))


def test_what_was_not_measured_is_missing_and_nothing_else(told: Project, asking: Asking) -> None:
    for name in ("faces", "face_names", "captions", "relations"):
        shutil.rmtree(told.folder / "tables" / name)
    ask = asking(Library(told))

    assert ask("series")["has"] == []
    assert ask("who_is_seen", line=LINE)["faces_measured"] is False
    assert ask("character", name="林小满")["faces"] == 0
    assert ask("relations", line=LINE)["relations"] == []
    assert ask("voices_alike", line=LINE)["voices"]


def test_without_voices_all_that_needs_none_is_still_told(told: Project, asking: Asking) -> None:
    shutil.rmtree(told.folder / "tables" / "voices")
    ask = asking(Library(told))

    assert ask("who_speaks", line=LINE)["speakers"]
    assert ask("scene", line=LINE)["described"]
    with pytest.raises(TableError, match="voices"):
        ask("voices_alike", line=LINE)


def test_a_project_without_labels_is_refused_with_the_command_that_makes_them(
    told: Project,
) -> None:
    shutil.rmtree(told.folder / "tables" / "labels")
    with pytest.raises(UsageError, match="castline attribute"):
        Library(told).records()


def test_every_tool_and_parameter_is_described(kept_told: Project) -> None:
    for tool in tools_of(Library(kept_told)):
        assert len(tool.description) > 40
        for name, parameter in tool.parameters["properties"].items():
            assert parameter.get("description"), f"{tool.name}: {name}"


@pytest.mark.slow
def test_a_long_series_answers_within_half_a_second_once_it_is_read(
    tmp_path: Path, asking: Asking
) -> None:
    project = Project.create(tmp_path / "long")
    write_series(project, SeriesShape(cast=60, lines=8263, seed=3, episodes=12))
    cast = project.store.read("cast")["character"]
    for episode in project.episodes():
        lines = project.store.read("lines", episode)["line"]
        frame = build_frame(
            table("labels"),
            {
                "line": lines,
                "character": [cast[number % len(cast)] for number in range(len(lines))],
                "pass": [0] * len(lines),
                "status": ["settled"] * len(lines),
                "reasons": [["voice"]] * len(lines),
                "confidence": [0.9] * len(lines),
            },
            episode=episode,
            method="fusion",
            source="fusion",
        )
        write(project, "labels", frame, episode, "fusion-library")
    ask = asking(Library(project))
    everything_once = [
        ("find_lines", {"text": "what did it cost"}),
        ("character", {"name": cast[0]}),
        *((tool, {"line": "0003-00042"}) for tool in ("who_speaks", "who_is_seen", "voices_alike")),
        ("names_near", {"line": "0003-00042"}),
        ("who_is_called", {"name": cast[1]}),
    ]
    for tool, arguments in everything_once:
        ask(tool, **arguments)
    for tool, arguments in everything_once:
        began = time.process_time()
        size = len(json.dumps(ask(tool, **arguments)))
        assert time.process_time() - began < 0.5, tool
        assert size < 8000, tool
