"""Shared fixtures: one small synthetic series, and its folder in the layout of the release."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import settings

from castline import offline
from castline.engines.models import State, file_state, listed, models_folder
from castline.testing.dramasr import write_release
from castline.testing.series import SyntheticSeries, make_series

settings.register_profile("castline", deadline=None, max_examples=80, derandomize=True)
settings.load_profile("castline")

Contents = Callable[[Path], dict[str, bytes]]
Weights = Callable[[str], Path]


@pytest.fixture(autouse=True)
def _offline_ends_with_the_test(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A network that a test forbids in its own process is there again for the next one."""
    forbidden = True

    def add(hook: Callable[[str, tuple[object, ...]], None]) -> None:
        # There is no way to take a hook away, so this one falls silent.
        sys.addaudithook(lambda event, given: hook(event, given) if forbidden else None)

    monkeypatch.setattr(offline, "sys", SimpleNamespace(addaudithook=add))
    monkeypatch.setattr(offline, "_forbidden", False)
    yield
    forbidden = False


@pytest.fixture(scope="session")
def small() -> SyntheticSeries:
    """Three episodes of thirty lines or so."""
    return make_series(cast=5, lines=90, episodes=3, width=16, seed=11)


@pytest.fixture(scope="session")
def kept_release(small: SyntheticSeries, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small series as a folder of the release; read only."""
    return write_release(small, tmp_path_factory.mktemp("kept") / "series")


@pytest.fixture
def release(kept_release: Path, tmp_path: Path) -> Path:
    """A copy of that folder, to be broken by the test."""
    return Path(shutil.copytree(kept_release, tmp_path / "series"))


@pytest.fixture(scope="session")
def contents() -> Contents:
    """Every file below a folder with its bytes, hidden ones too."""

    def read(folder: Path) -> dict[str, bytes]:
        return {
            path.relative_to(folder).as_posix(): path.read_bytes()
            for path in sorted(folder.rglob("*"))
            if path.is_file()
        }

    return read


@pytest.fixture(scope="session")
def weights() -> Weights:
    """The models folder that holds the weights of an engine; skips the test where it does not."""

    def folder_with(engine: str) -> Path:
        folder = models_folder()
        (manifest,) = (each.manifest for each in listed(folder) if each.manifest.name == engine)
        if any(file_state(folder, file) is not State.OK for file in manifest.files):
            pytest.skip(f"weights of {engine} are not here: castline models pull {engine}")
        return folder

    return folder_with
