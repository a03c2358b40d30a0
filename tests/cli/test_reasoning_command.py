"""`castline attribute --method reasoning`: what is said, and what the exit status tells."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from castline.project import Project
from castline.testing.series import SyntheticSeries, write_series
from tests.cli.conftest import Run

pytestmark = pytest.mark.slow

QUICK = ("--base", "propagation", "--set", "probe=8", "--set", "share=0.3")


@pytest.fixture
def project(small: SyntheticSeries, tmp_path: Path) -> Path:
    made = Project.create(tmp_path / "project")
    write_series(made, small)
    return made.folder


def test_the_summary_tells_what_was_sent_and_what_came_of_it(run: Run, project: Path) -> None:
    words = ("attribute", project, "--method", "reasoning", *QUICK, "--set", "probe_limit=1")
    done = run(*words, "--endpoint", "scripted:first-candidate", "--json")

    assert done.code == 0, done.err
    told = done.json
    assert told["labels"] == "reasoning-propagation-released"
    assert told["unanswered"] is None
    asked = told["asked"]
    assert asked["lines"] == asked["answered"] + asked["gave_up"]
    assert asked["probe"] == 8
    assert asked["percent"] <= 30
    again = run(*words, "--endpoint", "scripted:first-candidate")
    assert "lines up to date" in again.out
    assert "8 of them to try it" in again.out


def test_lines_without_a_reply_are_counted_and_the_exit_status_is_7(
    run: Run, project: Path
) -> None:
    done = run(
        *("attribute", project, "--method", "reasoning", *QUICK),
        *("--endpoint", "scripted:wrong-json"),
    )
    assert done.code == 7
    assert "lines labelled" in done.out
    assert "8 of 8 lines (no JSON)" in done.err
    assert "keep the label of propagation" in done.err
    assert "Traceback" not in done.err


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ((), 2, "add --endpoint"),
        (("--endpoint", "local"), 2, "No endpoint is called 'local'"),
        (("--endpoint", "scripted:bad-key"), 8, "bad key"),
        (("--endpoint", "scripted:first-candidate", "--budget-tokens", "0"), 9, "budget"),
        (("--endpoint", "scripted:first-candidate", "--base", "nobody"), 2, "No method is called"),
    ],
)
def test_what_cannot_be_done_has_a_code_of_its_own(
    run: Run, project: Path, words: tuple[str, ...], code: int, said: str
) -> None:
    done = run("attribute", project, "--method", "reasoning", *QUICK, *words)
    assert done.code == code, done.err
    assert said in done.err
    assert "Traceback" not in done.err


def test_what_leaves_this_machine_is_said_before(run: Run, project: Path) -> None:
    shutil.rmtree(project / "tables" / "voices")  # so that nothing is sent in this test
    done = run(
        *("attribute", project, "--method", "reasoning", *QUICK),
        *("--endpoint", "https://models.invalid/v1#m"),
    )
    assert "the dialogue around each line in doubt" in done.err
    assert "models.invalid" in done.err
    assert done.code == 3


def test_the_method_is_listed(run: Run) -> None:
    assert "with a language model (--endpoint): reasoning" in run("methods").out
