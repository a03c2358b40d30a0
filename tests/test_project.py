from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import castline
from castline.errors import ProjectBusy, ProjectError, SettingsError, StorageError
from castline.files import scrap
from castline.project import FORMAT, Project
from castline.testing.series import SyntheticSeries, write_series

HOLDER = """
import sys
from castline.project import Project
with Project.open(sys.argv[1]).lock():
    print("held", flush=True)
    sys.stdin.read()
"""


@contextmanager
def another_run(folder: Path) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "held\n"
            yield process
        finally:
            process.kill()


def test_a_new_project_can_be_opened_and_made_again(tmp_path: Path) -> None:
    made = Project.create(tmp_path / "new" / "series", name="甄嬛传")
    assert (made.name, Project.open(made.folder).name) == ("甄嬛传", "甄嬛传")
    assert Project.create(made.folder, name="other").name == "甄嬛传"
    assert made.episodes() == []
    assert made.settings["project"]["format"] == FORMAT


def test_without_a_name_the_project_is_called_as_its_folder(tmp_path: Path) -> None:
    assert Project.create(tmp_path / "O'Dara, 九").name == "O'Dara, 九"


@settings(max_examples=30)
@given(st.text(st.characters(codec=None), min_size=1, max_size=40))
def test_any_name_gives_a_project_that_opens(name: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        made = Project.create(Path(folder) / "p", name=name)
        assert made.name == "".join(char if char.isprintable() else " " for char in name)
        assert set(made.settings) == {"project"}


@pytest.mark.parametrize("name", ['a"b', "a\\", 'x"\n[other]\nkey = 1', "tab\there", "'''"])
def test_quotes_and_newlines_in_a_name_stay_in_the_name(name: str, tmp_path: Path) -> None:
    made = Project.create(tmp_path / "p", name=name)
    assert set(made.settings) == {"project"}
    assert set(made.settings["project"]) == {"format", "name"}
    assert made.name == name.replace("\n", " ").replace("\t", " ")


def test_a_folder_without_a_marker_is_no_project(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match=r"castline\.toml is missing.*castline import"):
        Project.open(tmp_path)
    with pytest.raises(ProjectError):
        Project.open(tmp_path / "nowhere")


@pytest.mark.parametrize("taken", ["file", ".hidden", "tables"])
def test_a_folder_with_other_things_is_not_taken_over(taken: str, tmp_path: Path) -> None:
    (tmp_path / taken).mkdir()
    with pytest.raises(ProjectError, match="the place is taken"):
        Project.create(tmp_path)
    assert [each.name for each in tmp_path.iterdir()] == [taken]


def test_a_file_is_no_place_for_a_project(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"mine")
    with pytest.raises(ProjectError, match="the place is taken"):
        Project.create(tmp_path / "file")
    with pytest.raises(StorageError):
        Project.create(tmp_path / "file" / "below")
    assert (tmp_path / "file").read_bytes() == b"mine"


def test_what_a_killed_creation_left_does_not_take_the_place(tmp_path: Path) -> None:
    with scrap(tmp_path / "castline.toml", b"[proj"):
        project = Project.create(tmp_path)
    assert sorted(each.name for each in project.folder.iterdir()) == ["castline.toml", "tables"]


def test_a_project_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    Project.create(tmp_path / "p")
    marker = tmp_path / "p" / "castline.toml"
    marker.write_text(marker.read_text().replace(f"= {FORMAT}", f"= {FORMAT + 1}"))
    with pytest.raises(ProjectError, match=f"format {FORMAT + 1}.*knows {FORMAT}. Update"):
        Project.open(tmp_path / "p")


@pytest.mark.parametrize("content", ["", "[project]\n", "project = 3", '[project]\nformat = "1"'])
def test_a_marker_without_a_format_is_refused(content: str, tmp_path: Path) -> None:
    (tmp_path / "castline.toml").write_text(content)
    with pytest.raises(ProjectError, match="format is missing"):
        Project.open(tmp_path)


def test_a_damaged_marker_is_a_settings_error(tmp_path: Path) -> None:
    (tmp_path / "castline.toml").write_text("[project")
    with pytest.raises(SettingsError, match=r"castline\.toml"):
        Project.open(tmp_path)


def test_a_project_held_by_another_process_is_busy_until_that_is_done(tmp_path: Path) -> None:
    project = Project.create(tmp_path / "p")
    with another_run(project.folder) as other:
        with pytest.raises(ProjectBusy, match="another run"), project.lock():
            pytest.fail("two runs held the project at once")
        assert other.stdin is not None
        other.stdin.close()
        assert other.wait(10) == 0
        with project.lock():
            pass


def test_a_killed_holder_lets_go(tmp_path: Path) -> None:
    project = Project.create(tmp_path / "p")
    with another_run(project.folder) as other:
        other.send_signal(signal.SIGKILL)
        assert other.wait(10) == -signal.SIGKILL
        with project.lock():
            pass


def test_a_project_is_let_go_when_its_run_fails(tmp_path: Path) -> None:
    project = Project.create(tmp_path / "p")
    with pytest.raises(ZeroDivisionError), project.lock():
        raise ZeroDivisionError
    with project.lock(), pytest.raises(ProjectBusy), Project.open(project.folder).lock():
        pass


def test_who_holds_the_project_removes_what_killed_runs_left_in_the_tables(tmp_path: Path) -> None:
    project = Project.create(tmp_path / "p")
    table = project.folder / "tables" / "lines" / "0001.parquet"
    with scrap(table, b"half") as left, project.lock():
        assert not left.exists()


def test_forgetting_removes_what_people_look_and_sound_like_and_nothing_else(
    small: SyntheticSeries, tmp_path: Path
) -> None:
    project = Project.create(tmp_path / "p")
    write_series(project, small)
    castline.attribute(project)
    for name in ("sound", "parts"):
        (project.folder / name).mkdir()
        (project.folder / name / "x").write_bytes(b"voice")
    kept = {p for p in (project.folder / "tables").glob("*") if p.name in ("lines", "labels")}

    removed = project.forget()

    assert {"faces", "face_names", "voices", "sound", "parts"} <= set(removed)
    left = {p.name for p in (project.folder / "tables").iterdir()}
    assert not left & {"faces", "face_names", "voices"}
    assert all(any(folder.rglob("*.parquet")) for folder in kept)
    assert not (project.folder / "sound").exists()
    assert castline.read_labels(project, "fusion-released").height
    assert project.forget() == []


def test_an_episode_that_was_taken_out_of_the_settings_is_out(
    small: SyntheticSeries, tmp_path: Path
) -> None:
    project = Project.create(tmp_path / "p")
    write_series(project, small)
    first, *_, last = project.episodes()
    marker = project.folder / "castline.toml"
    films = "".join(f'\n[[episode]]\nname = "{name}"\nvideo = "x"\n' for name in (first, last))
    marker.write_text(marker.read_text() + films)

    assert Project.open(project.folder).episodes() == [first, last]
