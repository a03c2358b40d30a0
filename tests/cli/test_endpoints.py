"""Words of `--endpoint`: what they stand for, and what is said before anything is sent."""

from __future__ import annotations

from pathlib import Path

import pytest

from castline.cli.endpoints import opened
from castline.errors import UnknownName
from castline.project import Project

SETTINGS = '[endpoints.vendor]\nurl = "https://api.example.com/v1"\nmodel = "large"\n'


@pytest.fixture
def bare(tmp_path: Path) -> Project:
    return Project.create(tmp_path / "project", settings=SETTINGS)


def test_what_leaves_the_machine_is_said_first(
    bare: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    with opened(["vendor", "http://127.0.0.1:1/v1#m"], bare, "subtitles") as endpoints:
        assert [each.host for each in endpoints] == ["api.example.com", "127.0.0.1"]
        assert capsys.readouterr().err == "This sends subtitles to api.example.com.\n"


def test_a_scripted_server_runs_for_as_long_as_it_is_needed(
    bare: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    with opened(["scripted:first-candidate"], bare, "subtitles") as endpoints:
        assert endpoints[0].is_local
        assert capsys.readouterr().err == ""


def test_no_word_is_no_endpoint(bare: Project) -> None:
    with opened(None, bare, "subtitles") as endpoints:
        assert endpoints == []


def test_an_unknown_name_is_told_with_the_nearest(bare: Project) -> None:
    with pytest.raises(UnknownName, match="Did you mean 'vendor'"), opened(["vendr"], bare, "x"):
        pass
