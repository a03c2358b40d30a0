"""A film of eight seconds, filmed once, and the project in which it was measured once."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from castline.measuring.intake import new_project
from castline.pipeline.progress import Recorder
from castline.project import Project
from castline.running import run_project
from castline.testing.busts import Outfit
from castline.testing.episode import EpisodeFiles, write_episode
from castline.testing.episode_script import Framing, Person, Script, Seen
from castline.testing.episode_takes import Say, Take, make_scene
from tests.conftest import Weights

Copied = Callable[..., Project]

AMARA, TOBIN, FERRYMAN = range(3)

PEOPLE = (
    Person("Amara", looks=7, voice=1, outfit=Outfit((0.20, 0.36, 0.34), "high")),
    Person("Tobin", looks=2, voice=0, outfit=Outfit((0.30, 0.34, 0.46), "round")),
    Person("Ferryman", looks=5, voice=2, outfit=Outfit((0.5, 0.4, 0.3), "open"), in_cast=False),
)


def short_script(*, burnt_in: bool = False) -> Script:
    """Amara and Tobin by turns, then the ferryman, who is not in the cast."""
    amara = Framing("quay", 0, (Seen(AMARA, 0.40, height=0.5, yaw=8),))
    tobin = Framing("parlour", 1, (Seen(TOBIN, 0.60, height=0.5, yaw=-8),))
    ferryman = Framing("dunes", 1, (Seen(FERRYMAN, 0.50, height=0.5),))
    scene = make_scene(
        (
            Take(amara, (Say(AMARA, "I was asleep by nine."),)),
            Take(tobin, (Say(TOBIN, "Nobody says it was you."),)),
            Take(ferryman, (Say(FERRYMAN, "One cart came through."),)),
            Take(amara, (Say(AMARA, "Who pulled the cart?"),)),
        ),
        0,
        np.random.default_rng(5),
    )
    return Script("Quay", PEOPLE, (scene,), width=320, height=180, burnt_in=burnt_in, seed=3)


SPEAKERS = ["Amara", "Tobin", "others", "Amara"]
"""Who speaks the lines of the short script, as labels say it."""


@pytest.fixture(scope="session")
def film(tmp_path_factory: pytest.TempPathFactory) -> EpisodeFiles:
    """The film with its subtitles and cast; read only."""
    return write_episode(short_script(), tmp_path_factory.mktemp("film"))


class Listener(Recorder):
    """A reporter that keeps the steps too: stage, done and total."""

    def __init__(self) -> None:
        super().__init__()
        self.steps: set[tuple[str, int, int]] = set()

    def step(self, stage: str, done: int, total: int, unit: str) -> None:
        """Keep the step."""
        self.steps.add((stage, done, total))


@pytest.fixture(scope="session")
def told() -> Listener:
    """What the run that measured the film said."""
    return Listener()


@pytest.fixture(scope="session")
def kept(
    film: EpisodeFiles, weights: Weights, told: Listener, tmp_path_factory: pytest.TempPathFactory
) -> Project:
    """The project that measured it; read only."""
    for engine in ("dlib", "ge2e", "silero"):
        weights(engine)
    project = new_project(
        tmp_path_factory.mktemp("kept") / "project",
        [film.video],
        subtitles=[film.subtitles],
        cast=film.cast,
        name="Quay",
    )
    run_project(project, jobs=1, reporter=told)
    return project


@pytest.fixture
def measured(kept: Project, tmp_path: Path) -> Copied:
    """A copy of that project; text of its castline.toml may be replaced, and some added."""

    def copy(old: str = "", new: str = "", *, more: str = "") -> Project:
        folder = Path(shutil.copytree(kept.folder, tmp_path / "project"))
        toml = folder / "castline.toml"
        text = toml.read_text(encoding="utf-8")
        assert old in text
        toml.write_text(text.replace(old, new, 1) + more, encoding="utf-8")
        return Project.open(folder)

    return copy


def speakers(project: Project, episode: str = "episode") -> list[str]:
    """Whom the labels name, line by line."""
    (variant,) = [each for each in project.store.variants("labels") if each != "imported"]
    return project.store.read("labels", episode, variant).sort("line")["character"].to_list()
