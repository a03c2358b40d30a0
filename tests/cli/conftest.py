"""A command line to call, and a project that has been attributed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import castline
from castline.project import Project
from castline.testing.series import SyntheticSeries, write_series


class Result(NamedTuple):
    """What a command gave."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The standard output as JSON."""
        return json.loads(self.out)


Run = Callable[..., Result]


@pytest.fixture(scope="session")
def run() -> Run:
    """Run the command line in a process of its own, as a user would."""

    def call(*words: object, cwd: Path | None = None) -> Result:
        done = subprocess.run(
            [sys.executable, "-m", "castline", *map(str, words)],
            capture_output=True,
            text=True,
            check=False,
            cwd=cwd,
            env={**os.environ, "COLUMNS": "100"},
        )
        return Result(done.returncode, done.stdout, done.stderr)

    return call


@pytest.fixture(scope="session")
def kept_project(small: SyntheticSeries, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The small series, attributed; read only."""
    made = Project.create(tmp_path_factory.mktemp("kept") / "project", name="Small")
    write_series(made, small)
    castline.attribute(made, method="propagation")
    return made


@pytest.fixture
def project(kept_project: Project, tmp_path: Path) -> Project:
    """A copy of it."""
    return Project.open(shutil.copytree(kept_project.folder, tmp_path / "project"))
