"""`castline new`, `run`, `truth` and `doctor`, as a user calls them."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from castline.cli import main
from castline.project import Project
from tests.conftest import Weights

from .conftest import Result, Run


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run the command line in this process: the same words, no start of Python for each."""

    def call(*words: object, cwd: Path | None = None) -> Result:
        monkeypatch.setattr(sys, "argv", ["castline", *map(str, words)])
        if cwd is not None:
            monkeypatch.chdir(cwd)
        capsys.readouterr()
        with pytest.raises(SystemExit) as left:
            main()
        said = capsys.readouterr()
        return Result(int(left.value.code or 0), said.out, said.err)

    return call


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    """A file called a film, and subtitles."""
    film, subtitles = tmp_path / "pilot.mp4", tmp_path / "pilot.srt"
    film.write_bytes(b"no film at all")
    subtitles.write_text("1\n00:00:01,000 --> 00:00:02,000\nHello.\n")
    return film, subtitles


@pytest.fixture
def made(run: Run, tmp_path: Path, files: tuple[Path, Path]) -> Path:
    """A project that nothing was measured of."""
    film, subtitles = files
    project = tmp_path / "p"
    assert run("new", project, "--episodes", film, "--subtitles", subtitles).code == 0
    return project


def test_new_writes_settings_and_says_what_comes_next(
    run: Run, tmp_path: Path, files: tuple[Path, Path]
) -> None:
    film, subtitles = files
    project = tmp_path / "p"
    done = run("new", project, "--episodes", film, "--subtitles", subtitles, "--language", "en")
    assert done.code == 0
    assert "1 episode of p" in done.out
    assert f"next: castline run {project}" in done.out
    film_section = Project.open(project).settings["film"]
    assert film_section == {"cast": "", "language": "en"}
    assert run("new", project, "--episodes", film).code == 3


def test_new_gives_json(run: Run, tmp_path: Path, files: tuple[Path, Path]) -> None:
    done = run("new", tmp_path / "p", "--episodes", files[0], "--name", "Lamp", "--json")
    assert done.json == {"project": str(tmp_path / "p"), "name": "Lamp", "episodes": 1}


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["--episodes", "gone.mp4"], 5, "no such file"),
        (["--episodes", "."], 5, "folder"),
        (["--episodes", "pilot.mp4", "--lines", "subtitels"], 2, "subtitels"),
        (["--episodes", "pilot.mp4", "--subtitles", "gone.srt"], 5, "gone.srt"),
        (["--episodes", "pilot.mp4", "--cast", "gone"], 5, "gone"),
    ],
)
def test_new_refuses_in_one_sentence_and_makes_nothing(
    run: Run, tmp_path: Path, files: tuple[Path, Path], words: list[str], code: int, says: str
) -> None:
    done = run("new", "p", *words, cwd=tmp_path)
    assert done.code == code, done.err
    assert done.err.startswith("castline: ")
    assert says in done.err
    assert not (tmp_path / "p").exists()


def test_run_needs_weights_and_says_how_to_get_them(
    run: Run, made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CASTLINE_MODELS", str(tmp_path / "empty"))
    done = run("run", made)
    assert done.code == 5
    assert done.err.count("\n") == 1
    assert "castline models pull" in done.err
    assert run("run", made, "--json").json["error"] == "InputError"


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["--method", "propagatoin"], 2, "Did you mean 'propagation'"),
        (["--protocol", "relased"], 2, "Did you mean 'released'"),
        (["--jobs", "0"], 2, "jobs"),
    ],
)
def test_run_refuses_what_makes_no_sense(
    run: Run, made: Path, words: list[str], code: int, says: str
) -> None:
    done = run("run", made, *words)
    assert done.code == code
    assert says in done.err
    assert not list((made / "tables").iterdir())


def test_run_without_a_project_says_so(run: Run, tmp_path: Path) -> None:
    assert run("run", tmp_path).code == 3


def test_run_of_a_broken_film_names_it(
    run: Run, made: Path, files: tuple[Path, Path], weights: Weights
) -> None:
    for engine in ("dlib", "ge2e", "silero"):
        weights(engine)
    done = run("run", made)
    assert done.code == 7
    assert "1 of the units failed" in done.err
    assert f"probe pilot: {files[0]}" in done.err
    assert "Traceback" not in done.err


def test_truth_wants_episodes_and_files(run: Run, made: Path) -> None:
    done = run("truth", made, "pilot")
    assert done.code == 2
    assert "EPISODE=FILE" in done.err


def test_doctor_says_what_works_and_what_would_add_the_rest(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CASTLINE_MODELS", str(tmp_path / "empty"))
    done = run("doctor")
    assert done.code == 0
    assert "castline models pull" in done.out
    facts = run("doctor", "--json").json
    assert {"python", "processors", "weights"} <= set(facts["machine"])
    by_name = {each["what"]: each for each in facts["abilities"]}
    assert not by_name["see faces"]["ready"]
    assert facts["commands"].count("castline models pull") == 1
    assert not (tmp_path / "empty").exists()
