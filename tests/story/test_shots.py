from __future__ import annotations

from fractions import Fraction

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from castline.story.shots import (
    LAG,
    LONGEST_CLIP_MS,
    SHORTEST_CLIP_MS,
    CutDetector,
    clips_frame,
    shots_frame,
)
from castline.tables.catalog import table
from castline.tables.schema import check_frame

Picture = npt.NDArray[np.uint8]


def scene(seed: int, length: int, *, noise: float = 2.0, pan: int = 0) -> list[Picture]:
    """Frames of one shot: coloured blocks, slightly noisy, moving by `pan` pixels a frame."""
    rng = np.random.default_rng(seed)
    blocks = rng.integers(0, 255, (9, 64, 3)).repeat(10, 0).repeat(10, 1)
    frames = []
    for number in range(length):
        view = blocks[:90, number * pan : number * pan + 160].astype(float)
        view = view + rng.normal(0, noise, view.shape)
        frames.append(np.clip(view, 0, 255).astype(np.uint8))
    return frames


def cuts_in(frames: list[Picture], rate: Fraction = Fraction(25)) -> list[int]:
    detector = CutDetector(rate)
    padded = [*frames, *[frames[-1]] * LAG]
    return [number - LAG for number, frame in enumerate(padded) if detector.feed(frame)]


def test_a_hard_cut_is_found_at_its_first_frame() -> None:
    assert cuts_in(scene(1, 30) + scene(2, 30) + scene(3, 40)) == [30, 60]


def test_one_shot_has_no_cut() -> None:
    assert cuts_in(scene(1, 60)) == []


def test_a_moving_camera_makes_no_cut() -> None:
    assert cuts_in(scene(1, 60, pan=3)) == []


def test_a_still_picture_makes_no_cut() -> None:
    assert cuts_in(scene(1, 1) * 60) == []


def test_a_cut_soon_after_the_start_is_found() -> None:
    assert cuts_in(scene(1, 9) + scene(2, 40)) == [9]


def test_shots_cover_the_film_without_gaps() -> None:
    frame = shots_frame([4000, 1000, 4000], 9000, "e", "test")
    check_frame(table("shots"), frame, "test")
    assert frame.select("start_ms", "end_ms").rows() == [(0, 1000), (1000, 4000), (4000, 9000)]


@pytest.mark.parametrize("cuts", [[], [0], [9000, 12_000]])
def test_a_film_without_a_cut_inside_is_one_shot(cuts: list[int]) -> None:
    assert shots_frame(cuts, 9000, "e", "test").select("start_ms", "end_ms").rows() == [(0, 9000)]


def clips_of(cuts: list[int], duration: int) -> list[tuple[int, int, int]]:
    frame = clips_frame(shots_frame(cuts, duration, "e", "test"), "e", "test")
    check_frame(table("clips"), frame, "test")
    return frame.select("start_ms", "end_ms", "shots").rows()


def test_short_shots_are_joined_and_long_ones_cut() -> None:
    assert clips_of([1000, 1500, 3000], 13_000) == [
        (0, 3000, 3),
        (3000, 8000, 1),
        (8000, 13_000, 1),
    ]


def test_a_short_last_shot_joins_the_clip_before_it() -> None:
    assert clips_of([4000], 4500) == [(0, 4500, 2)]


@given(st.lists(st.integers(1, 60_000), max_size=20), st.integers(0, 60_000))
def test_clips_cover_the_film_and_last_a_few_seconds(cuts: list[int], duration: int) -> None:
    clips = clips_of(cuts, duration)
    assert [clip[0] for clip in clips[1:]] == [clip[1] for clip in clips[:-1]]
    assert sum(end - start for start, end, _ in clips) == duration
    assert all(end - start <= LONGEST_CLIP_MS for start, end, _ in clips)
    if duration >= SHORTEST_CLIP_MS:
        assert all(end - start >= SHORTEST_CLIP_MS for start, end, _ in clips)
