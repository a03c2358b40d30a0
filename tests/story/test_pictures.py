"""The picture that is shown at a moment."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from castline.errors import InputError
from castline.story.likeness import ColoursAndShades, shot_likeness
from castline.story.pictures import pictures_at
from tests.media.films import scene, write_film


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seconds at 25 pictures a second; after one second everything changes."""

    def look(number: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
        return scene(0) if number < 25 else 255 - scene(7)

    return write_film(tmp_path_factory.mktemp("film") / "film.mp4", look=look)


def shown(film: Path, times: list[int]) -> list[int]:
    return [frame.time_ms for frame in pictures_at(film, times)]


def test_a_moment_shows_the_last_picture_that_began_before_it(film: Path) -> None:
    assert shown(film, [0, 39, 40, 41, 1000]) == [0, 0, 40, 40, 1000]


def test_moments_outside_the_film_show_its_first_and_last_picture(film: Path) -> None:
    assert shown(film, [-5, 99_000, 99_000]) == [0, 1960, 1960]


def test_no_moments_open_no_film(tmp_path: Path) -> None:
    assert shown(tmp_path / "none.mp4", []) == []


def test_a_film_without_one_readable_picture_is_one_clear_error(
    film: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("castline.media.frames.read_frames", lambda *_, **__: iter(()))
    with pytest.raises(InputError, match="not one picture"):
        shown(film, [0])


def test_a_shot_of_the_same_scene_is_more_alike_than_one_of_another(film: Path) -> None:
    spans = [(0, 480), (480, 1000), (1000, 1480), (1480, 2000)]
    first, *others = shot_likeness(film, spans, ColoursAndShades())
    assert first is None
    same, changed, same_again = (each or 0.0 for each in others)
    assert min(same, same_again) > 0.95
    assert changed < 0.5


def test_a_film_without_shots_has_no_likenesses(film: Path) -> None:
    assert shot_likeness(film, [], ColoursAndShades()) == []
