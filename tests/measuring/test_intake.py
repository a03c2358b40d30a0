from __future__ import annotations

from pathlib import Path

import pytest

from castline.errors import InputError, ProjectError, SettingsError, UsageError
from castline.measuring.intake import new_project, read_intake
from castline.project import Project


@pytest.fixture
def film(tmp_path: Path) -> Path:
    path = tmp_path / "pilot.mp4"
    path.write_bytes(b"film")
    return path


@pytest.fixture
def subtitles(tmp_path: Path) -> Path:
    path = tmp_path / "pilot.srt"
    path.write_text("1\n00:00:01,000 --> 00:00:02,000\nHello.\n")
    return path


def test_a_new_project_says_what_is_to_be_measured(
    tmp_path: Path, film: Path, subtitles: Path
) -> None:
    new_project(tmp_path / "p", [film], subtitles=[subtitles], name="A “name”\\n")
    intake = read_intake(Project.open(tmp_path / "p"))
    assert [each.name for each in intake.episodes] == ["pilot"]
    assert Path(intake.episodes[0].video) == film
    assert Path(intake.episodes[0].subtitles) == subtitles
    assert intake.film.lines == "subtitles"


def test_without_subtitles_lines_come_from_speech_unless_it_is_said_otherwise(
    tmp_path: Path, film: Path
) -> None:
    assert read_intake(new_project(tmp_path / "p", [film])).film.lines == "speech"
    burnt = new_project(tmp_path / "q", [film], lines="burnt-in")
    assert read_intake(burnt).film.lines == "burnt-in"


def test_file_names_of_strangers_stay_text(tmp_path: Path, subtitles: Path) -> None:
    odd = tmp_path / 'a"]\n[project]\nformat = 99 \\ \x7f ü.mp4'
    odd.write_bytes(b"film")
    project = new_project(tmp_path / "p", [odd], subtitles=[subtitles])
    assert Path(read_intake(project).episodes[0].video) == odd


def test_films_and_subtitles_must_pair(tmp_path: Path, film: Path, subtitles: Path) -> None:
    with pytest.raises(UsageError, match="1 films and 2 subtitle files"):
        new_project(tmp_path / "p", [film], subtitles=[subtitles, subtitles])
    assert not (tmp_path / "p").exists()


def test_two_films_of_one_name_are_refused(tmp_path: Path, film: Path) -> None:
    (tmp_path / "other").mkdir()
    twin = tmp_path / "other" / film.name
    twin.write_bytes(b"another")
    with pytest.raises(UsageError, match="'pilot'"):
        new_project(tmp_path / "p", [film, twin])


def test_a_file_that_is_not_there_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        new_project(tmp_path / "p", [tmp_path / "gone.mp4"])
    assert not (tmp_path / "p").exists()


def test_a_project_is_never_made_over_another(tmp_path: Path, film: Path) -> None:
    new_project(tmp_path / "p", [film])
    with pytest.raises(ProjectError, match="a project already"):
        new_project(tmp_path / "p", [film])


def test_an_unknown_setting_is_refused_with_a_suggestion(tmp_path: Path, film: Path) -> None:
    with pytest.raises(SettingsError, match="Did you mean 'language'"):
        new_project(tmp_path / "p", [film], langage="en")


def test_an_episode_name_cannot_lead_out_of_the_project(tmp_path: Path, film: Path) -> None:
    project = new_project(tmp_path / "p", [film])
    toml = project.folder / "castline.toml"
    toml.write_text(toml.read_text().replace('name = "pilot"', 'name = "../x"'))
    with pytest.raises(SettingsError, match="cannot name an episode"):
        read_intake(Project.open(project.folder))


def test_a_project_without_films_says_so(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match="names no film"):
        read_intake(Project.create(tmp_path / "p"))
