"""Tracks join what is one face in one shot, and nothing else."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from castline.engines.base import Detections
from castline.people.quality import best_faces, quality, sharpness
from castline.people.tracks import Tracker, interpolate

Floats = npt.NDArray[np.float32]


def _faces(*centres: tuple[float, float], size: float = 100) -> Detections:
    middle = np.array(centres, dtype=np.float32).reshape(-1, 2)
    half = np.float32(size / 2)
    boxes = np.concatenate([middle - half, middle + half], axis=1)
    scores = np.ones(len(boxes), dtype=np.float32)
    return Detections(boxes, scores, np.zeros((len(boxes), 5, 2), np.float32), boxes)


def test_a_face_that_hardly_moves_is_one_track() -> None:
    tracker = Tracker()
    found = [tracker.update(t * 1000, _faces((200 + 20 * t, 150))) for t in range(5)]
    assert found == [[0]] * 5


def test_two_faces_keep_their_tracks_in_whatever_order_they_are_found() -> None:
    tracker = Tracker()
    assert tracker.update(0, _faces((100, 100), (400, 100))) == [0, 1]
    assert tracker.update(200, _faces((405, 100), (102, 100))) == [1, 0]


def test_people_who_swap_places_at_a_cut_are_not_joined() -> None:
    tracker = Tracker()
    tracker.update(0, _faces((100, 100), (400, 100)))
    tracker.cut()
    assert tracker.update(40, _faces((100, 100), (400, 100))) == [2, 3]


def test_a_face_may_be_missed_for_a_second_but_not_for_longer() -> None:
    tracker = Tracker()
    tracker.update(0, _faces((100, 100)))
    tracker.update(1000, _faces())
    assert tracker.update(1200, _faces((100, 100))) == [0]
    assert tracker.update(2401, _faces((100, 100))) == [1]


def test_a_face_elsewhere_or_of_another_size_is_another_track() -> None:
    tracker = Tracker()
    tracker.update(0, _faces((100, 100)))
    assert tracker.update(200, _faces((300, 100))) == [1]
    assert tracker.update(400, _faces((300, 100), size=250)) == [2]


@given(
    st.lists(st.lists(st.tuples(st.integers(0, 900), st.integers(0, 500)), max_size=4), max_size=8)
)
def test_every_face_has_one_track_and_no_track_two_faces_in_a_frame(
    frames: list[list[tuple[int, int]]],
) -> None:
    first, second = Tracker(), Tracker()
    for t, centres in enumerate(frames):
        found = first.update(t * 300, _faces(*centres))
        assert len(found) == len(set(found)) == len(centres)
        assert found == second.update(t * 300, _faces(*centres)), "the same again"


def test_boxes_between_two_samples_lie_on_the_way() -> None:
    before = np.array([0, 0, 10, 10], np.float32)
    after = np.array([10, 20, 30, 50], np.float32)
    assert interpolate(before, after, 0).tolist() == before.tolist()
    assert interpolate(before, after, 1).tolist() == after.tolist()
    assert interpolate(before, after, 0.5).tolist() == [5, 10, 20, 30]


def _texture(side: int, blur: float, seed: int = 1) -> npt.NDArray[np.uint8]:
    from scipy.ndimage import gaussian_filter

    noise = gaussian_filter(np.random.default_rng(seed).normal(size=(side, side)), blur)
    grey: npt.NDArray[np.uint8] = np.clip(128 + 40 * noise / noise.std(), 0, 255).astype(np.uint8)
    return grey


def test_a_blurred_face_is_less_sharp_and_a_blank_one_not_at_all() -> None:
    assert sharpness(_texture(120, 2)) > 2 * sharpness(_texture(120, 5)) > 0
    assert sharpness(np.full((50, 40), 90, np.uint8)) == 0
    assert sharpness(np.zeros((0, 7), np.uint8)) == 0


def test_sharpness_does_not_grow_with_the_picture() -> None:
    small = _texture(64, 3)
    large = np.repeat(np.repeat(small, 4, axis=0), 4, axis=1)
    assert sharpness(large) == pytest.approx(sharpness(small), rel=0.05)


@given(st.floats(1, 500), st.floats(0, 5000), st.floats(-1, 2))
def test_quality_grows_with_size_sharpness_and_certainty(
    width: float, sharp: float, score: float
) -> None:
    here = quality(width, sharp, score)
    assert 0 <= here <= 1
    assert quality(width * 1.5, sharp, score) >= here
    assert quality(width, sharp * 1.5, score) >= here
    assert quality(width, sharp, score + 0.3) >= here


def test_a_tiny_or_blurred_face_is_worth_nothing() -> None:
    assert quality(18, 900) == 0
    assert quality(200, 5) == 0
    assert quality(200, 900) == 1


def test_the_best_faces_of_a_track_are_spread_over_its_time() -> None:
    times = np.arange(0, 10_000, 100)
    worth = np.where(times < 2000, 0.9, 0.5)
    chosen = best_faces(times, worth)
    assert len(chosen) == 5
    assert [int(times[i]) // 2000 for i in chosen] == [0, 1, 2, 3, 4]


@given(st.lists(st.tuples(st.integers(0, 9000), st.floats(0, 1)), max_size=30, unique=True))
def test_best_faces_are_few_distinct_and_hold_the_best_one(
    rows: list[tuple[int, float]],
) -> None:
    times, worth = [row[0] for row in rows], [row[1] for row in rows]
    chosen = best_faces(times, worth, most=3)
    assert len(chosen) == len(set(chosen)) <= 3
    assert bool(chosen) == bool(rows)
    if rows:
        assert max(worth) in [worth[i] for i in chosen]
