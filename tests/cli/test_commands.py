"""The command line as a user meets it: results, messages, exit codes."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest

from castline.project import Project
from tests.cli.conftest import Run
from tests.conftest import Weights


def test_the_main_job_runs_from_a_release_folder_to_captions(
    run: Run, release: Path, tmp_path: Path
) -> None:
    project = tmp_path / "project"

    imported = run("import", "dramasr", release, "--into", project, "--json")
    attributed = run("attribute", project, "--method", "propagation", "--json")
    evaluated = run("evaluate", project, "--json")
    exported = run("export", project, "--format", "vtt", "--to", tmp_path / "out", "--json")

    assert [r.code for r in (imported, attributed, evaluated, exported)] == [0, 0, 0, 0]
    assert attributed.json["labels"] == "propagation-released"
    assert attributed.json["lines"] == 90
    assert 50 < evaluated.json["rules"]["code-s"]["total"]["all"]["percent"] <= 100
    assert Path(evaluated.json["report"]).read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    files = [Path(path) for path in exported.json["files"]]
    assert [path.name for path in files] == ["0001.vtt", "0002.vtt", "0003.vtt"]
    assert "<v " in files[0].read_text(encoding="utf-8")


@pytest.mark.slow
def test_a_second_run_of_anything_does_nothing(run: Run, release: Path, tmp_path: Path) -> None:
    project = tmp_path / "project"
    run("import", "dramasr", release, "--into", project)
    run("attribute", project)

    again = run("import", "dramasr", release, "--into", project, "--json")
    attributed = run("attribute", project, "--json")

    assert again.json["made"] == {}
    assert attributed.json["made"] == {}


@pytest.mark.slow
def test_a_dry_run_says_what_would_run_and_why(run: Run, project: Project) -> None:
    by_propagation = ("attribute", project.folder, "--method", "propagation")
    run(*by_propagation)

    result = run(*by_propagation, "--set", "threshold_end=0.5", "--dry-run", "--json")

    assert result.json["made"] == {
        "attribute-propagation series": "setting threshold_end changed: 0.45 → 0.5"
    }
    again = run(*by_propagation, "--json")
    assert again.json["made"] == {}, "the dry run changed nothing"


@pytest.mark.slow
def test_status_says_what_is_out_of_date(run: Run, project: Project) -> None:
    before = run("status", project.folder, "--json").json
    run("edit", "line", project.folder, "0001-00003", "--to", "others", "--author", "Ann")
    after = run("status", project.folder, "--json").json

    assert before["labels"] == {"propagation-released": None}
    assert before["rows"]["lines"] == 90
    assert after["labels"] == {"propagation-released": "input edits changed"}
    assert after["edits"] == 1


@pytest.mark.slow
def test_an_edit_shows_in_exports_at_once_and_can_be_undone(
    run: Run, project: Project, tmp_path: Path
) -> None:
    character = project.store.read("cast")["character"][0]

    def exported() -> str:
        run("export", project.folder, "--format", "csv", "--to", tmp_path / "out")
        return (tmp_path / "out" / "0001.csv").read_text(encoding="utf-8")

    before = exported()
    made = run("edit", "line", project.folder, "0001-00002", "--to", "unknown", "--json")
    edited = exported()
    given = run("edit", "line", project.folder, "0001-00002", "--to", character, "--json")
    run("edit", "undo", project.folder, made.json["edit"])
    run("edit", "undo", project.folder, given.json["edit"])

    assert edited != before
    assert exported() == before
    assert [e["new"] for e in run("edit", "list", project.folder, "--json").json] == [
        "unknown",
        character,
    ]


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["attribute", "{empty}"], 3, "no Castline project"),
        (["attribute", "{project}", "--method", "propagatoin"], 2, "Did you mean 'propagation'?"),
        (["attribute", "{project}", "--protocol", "relased"], 2, "Did you mean 'released'?"),
        (["attribute", "{project}", "--set", "modle=ours"], 2, "Did you mean 'model'?"),
        (["attribute", "{project}", "--set", "model=3"], 2, "model"),
        (["evaluate", "{project}", "--method", "diarization"], 2, "castline attribute"),
        (["edit", "line", "{project}", "0009-00001", "--to", "others"], 2, "No line is called"),
        (["edit", "line", "{project}", "0001-00001", "--to", "Nobody"], 2, "No character"),
        (["edit", "cluster", "{project}", "voice-99", "--to", "others"], 2, "No label is called"),
        (["edit", "undo", "{project}", "4"], 2, "No active edit is called '4'"),
        (["export", "{project}", "--format", "vt", "--to", "{empty}"], 2, "Did you mean 'vtt'?"),
        (["export", "{project}", "--format", "ttml", "--to", "{empty}"], 2, "not written"),
        (["import", "dramasr", "{empty}", "--into", "{new}"], 5, "subtitle_data"),
        (["import", "srt", "{new}/no.srt", "--into", "{new}"], 7, "does not exist"),
        (["benchmark", "other", "{empty}"], 2, "dramasr"),
        (["nonsense"], 2, "No such command"),
    ],
)
def test_a_wrong_call_gives_one_clear_sentence_and_its_exit_code(
    run: Run, project: Project, tmp_path: Path, words: list[str], code: int, says: str
) -> None:
    (tmp_path / "empty").mkdir()
    places = {"project": project.folder, "empty": tmp_path / "empty", "new": tmp_path / "new"}

    result = run(*(word.format(**places) for word in words))

    assert result.code == code, result.err
    assert says in result.err
    assert "Traceback" not in result.err


def test_an_error_is_json_too_when_json_was_asked_for(run: Run, tmp_path: Path) -> None:
    result = run("status", tmp_path, "--json")

    assert result.code == 3
    assert result.json["error"] == "ProjectError"
    assert str(tmp_path) in result.json["message"]


def test_a_damaged_edit_file_is_one_clear_error(run: Run, project: Project) -> None:
    project.database.write_bytes(b"this is no database, whatever its name says" * 100)

    result = run("export", project.folder, "--format", "srt", "--to", project.folder / "out")

    assert result.code == 6
    assert str(project.database) in result.err


def test_names_of_strangers_cannot_steer_the_terminal(run: Run, project: Project) -> None:
    run("edit", "line", project.folder, "0001-00001", "--to", "\x1b[2Jgone", "--new")

    result = run("edit", "list", project.folder)

    assert "\x1b" not in result.out
    assert "␛[2Jgone" in result.out


@pytest.mark.slow
def test_the_benchmark_writes_one_record_for_each_rule_and_labels_by_position(
    run: Run, release: Path, tmp_path: Path
) -> None:
    result = run(
        *("benchmark", "dramasr", release, "--method", "propagation"),
        *("--method", "nearest-seed", "--protocol", "released"),
        *("--json", tmp_path / "results.json", "--labels", tmp_path / "labels"),
    )

    assert result.code == 0, result.err
    records = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))
    assert {(r["method"], r["protocol"], r["rule"]) for r in records} == {
        (method, "released", rule)
        for method in ("propagation", "nearest-seed")
        for rule in ("code-s", "code-c", "paper", "strict")
    }
    for record in records:
        assert record["series"] == "series"
        assert record["accuracy"] == pytest.approx(100 * record["correct"] / record["lines"])
        assert record["seconds"] > 0
        assert record["cpu_seconds"] > 0
        assert 20 < record["peak_mb"] < 1000
        assert record["ece"] is None, "similarities are no confidences"
    labels = json.loads(
        (tmp_path / "labels" / "series" / "propagation-released.json").read_text(encoding="utf-8")
    )
    assert list(labels) == [str(position) for position in range(90)]
    assert "others" not in labels.values(), "the release has a word of its own"


@pytest.mark.slow
def test_the_demo_makes_a_film_captions_and_a_report(
    run: Run, tmp_path: Path, weights: Weights
) -> None:
    for engine in ("dlib", "ge2e", "silero"):
        weights(engine)

    result = run("demo", tmp_path / "demo", "--offline", "--json")

    assert result.code == 0, result.err
    assert Path(result.json["report"]).exists()
    assert "<v Ilse>" in Path(result.json["captions"][0]).read_text(encoding="utf-8")
    assert result.json["accuracy"] >= 90
    taken = run("demo", tmp_path / "demo")
    assert taken.code == 2
    assert "taken" in taken.err


def test_edits_survive_in_a_plain_database_that_others_can_read(run: Run, project: Project) -> None:
    run("edit", "line", project.folder, "0001-00001", "--to", "others", "--author", "Ann O'Neil")

    with sqlite3.connect(project.database) as connection:
        rows = connection.execute("SELECT author, line, new FROM edits").fetchall()
    connection.close()

    assert rows == [("Ann O'Neil", "0001-00001", "others")]
