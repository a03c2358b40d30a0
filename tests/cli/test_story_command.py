"""`castline story`, as a user would call it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from castline.project import Project
from castline.story.evidence import read_relations

from .conftest import Run

pytestmark = pytest.mark.slow

VENDOR = "https://models.example/v1#large"


@pytest.fixture
def project(kept_project: Project, tmp_path: Path) -> Project:
    """A copy of the attributed series; it has no films."""
    return Project.open(Path(shutil.copytree(kept_project.folder, tmp_path / "project")))


def test_relations_are_told_of_a_series_without_films(run: Run, project: Project) -> None:
    done = run("story", project.folder, "--endpoint", "scripted:story", "--json")
    assert done.code == 0, done.err
    assert list(done.json["made"]) == ["story-relations series"]
    assert any("No film" in each for each in done.json["warnings"])
    assert done.json["counts"]["relation"] == read_relations(project.store).height > 0
    again = run("story", project.folder, "--endpoint", "scripted:story", "--step", "relations")
    assert again.code == 0, again.err
    assert "0 units made, 1 up to date; 0 tokens" in again.out
    listed = run("traces", project.folder, "--task", "relations")
    assert "answered" in listed.out


def test_what_leaves_this_machine_is_said_before_it_does(run: Run, project: Project) -> None:
    done = run("story", project.folder, "--endpoint", VENDOR, "--dry-run")
    assert done.code == 0, done.err
    assert "models.example" in done.err
    assert "biometric" in done.err
    words_only = run(
        "story", project.folder, "--endpoint", VENDOR, "--step", "relations", "--dry-run"
    )
    assert "models.example" in words_only.err
    assert "biometric" not in words_only.err
    assert not (project.folder / "replies.sqlite").exists()


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        ([], 2, "--endpoint"),
        (["--endpoint", "scripted:bad-key"], 8, "bad key"),
        (["--endpoint", "scripted:story", "--budget-tokens", "0"], 9, "budget"),
        (["--endpoint", "scripted:other-json"], 7, "no usable JSON"),
    ],
    ids=["no endpoint", "bad key", "budget of nothing", "wrong JSON"],
)
def test_what_goes_wrong_is_one_sentence_and_an_exit_code(
    run: Run, project: Project, words: list[str], code: int, told: str
) -> None:
    done = run("story", project.folder, "--step", "relations", *words)
    assert done.code == code, done.err
    assert told in done.err
    assert "Traceback" not in done.err
