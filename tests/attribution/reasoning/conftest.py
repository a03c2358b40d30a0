"""A series whose labels are partly wrong, and what reasoning gets of it."""

from __future__ import annotations

import pytest

from castline.project import Project
from castline.testing.series import make_series, write_series
from tests.attribution.reasoning.models import Case, case_of


@pytest.fixture(scope="session")
def noisy_project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project whose voices are poor; read only."""
    series = make_series(cast=8, lines=360, episodes=3, noise=1.0, width=24, seed=5, extras=0.15)
    made = Project.create(tmp_path_factory.mktemp("noisy") / "project", name="Noisy")
    write_series(made, series)
    return made


@pytest.fixture(scope="session")
def case(noisy_project: Project) -> Case:
    """What reasoning gets of it, with the labels of propagation."""
    return case_of(noisy_project)
