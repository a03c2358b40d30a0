"""Shots that look alike become clips of a few seconds."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from castline.story.clips import ClipSettings, alike_clips, alike_threshold
from castline.story.likeness import ColoursAndShades, likeness_frame
from castline.story.shots import shots_frame
from castline.tables.catalog import table
from castline.tables.schema import check_frame

Likenesses = list[float | None]


def clips_of(
    ends_s: list[float], likenesses: Likenesses, threshold: float, **settings: int
) -> list[tuple[float, float, int]]:
    cuts = [round(end * 1000) for end in ends_s]
    shots = shots_frame(cuts[:-1], cuts[-1], "e", "test")
    likeness = likeness_frame(shots, likenesses, episode="e", source="test")
    chosen = ClipSettings(**settings)
    frame = alike_clips(shots, likeness, threshold, chosen, episode="e", source="test")
    check_frame(table("clips"), frame, "test")
    rows = frame.select("start_ms", "end_ms", "shots").rows()
    return [(start / 1000, end / 1000, count) for start, end, count in rows]


def test_neighbours_that_are_alike_are_joined() -> None:
    made = clips_of([6, 9, 12, 18], [None, 0.2, 0.9, 0.1], 0.5)
    assert made == [(0, 6, 1), (6, 12, 2), (12, 18, 1)]


def test_no_clip_gets_longer_than_allowed_however_alike() -> None:
    made = clips_of([4, 8, 12, 16], [None, 1.0, 1.0, 1.0], 0.5)
    assert made == [(0, 8, 2), (8, 16, 2)]


def test_a_short_clip_joins_the_neighbour_that_is_more_alike() -> None:
    made = clips_of([6, 8, 14], [None, 0.1, 0.3], 0.5)
    assert made == [(0, 6, 1), (6, 14, 2)]


def test_a_short_clip_between_two_that_are_full_stays_as_it_is() -> None:
    made = clips_of([9, 11, 20], [None, 0.1, 0.3], 0.5)
    assert made == [(0, 9, 1), (9, 11, 1), (11, 20, 1)]


def test_a_long_shot_is_cut_into_equal_clips() -> None:
    assert clips_of([24], [None], 0.5) == [(0, 8, 1), (8, 16, 1), (16, 24, 1)]


def test_an_episode_without_pictures_has_no_clips() -> None:
    shots = shots_frame([], 0, "e", "test")
    likeness = likeness_frame(shots, [], episode="e", source="test")
    made = alike_clips(shots, likeness, 0.5, ClipSettings(), episode="e", source="test")
    assert made.height == 0


def test_the_threshold_is_a_quantile_over_all_episodes() -> None:
    columns = [pl.Series([None, 0.0, 0.2]), pl.Series([None, 0.4, 0.6, 0.8])]
    assert alike_threshold(columns, 0.5) == pytest.approx(0.4)
    assert alike_threshold(columns, 0.25) == pytest.approx(0.6)


def test_where_there_are_no_two_shots_nothing_is_alike() -> None:
    assert alike_threshold([pl.Series([None], dtype=pl.Float32)], 0.5) == float("inf")
    assert alike_threshold([], 0.5) == float("inf")


@given(
    st.lists(st.tuples(st.integers(40, 30_000), st.floats(-1, 1)), min_size=1, max_size=30),
    st.floats(-1, 1),
)
def test_clips_cover_the_film_and_begin_with_shots(
    shots: list[tuple[int, float]], threshold: float
) -> None:
    ends = np.cumsum([length for length, _ in shots]) / 1000
    likenesses: Likenesses = [None, *(alike for _, alike in shots[1:])]
    made = clips_of(ends.tolist(), likenesses, threshold)
    assert made[0][0] == 0
    assert made[-1][1] == ends[-1]
    assert [clip[0] for clip in made[1:]] == [clip[1] for clip in made[:-1]]
    assert all(round(1000 * (end - start)) <= 10_000 for start, end, _ in made)
    inner = {start for start, _, count in made if count > 1}
    assert inner <= {0, *ends.tolist()}


def picture(
    seed: int, *, shift: int = 0, light: float = 1.0
) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    rng = np.random.default_rng(seed)
    blocks = rng.integers(0, 255, (4, 8, 3)).repeat(9, 0).repeat(8, 1)
    moved = np.roll(blocks, shift, 1).astype(float) * light
    return np.clip(moved + rng.normal(0, 3, moved.shape), 0, 255).astype(np.uint8)


def test_the_same_place_looks_more_alike_than_another_one() -> None:
    embedder = ColoursAndShades()
    here = embedder.embed(picture(1))
    moved, darker, elsewhere = (
        float(here @ embedder.embed(each))
        for each in (picture(1, shift=2), picture(1, light=0.9), picture(2))
    )
    assert np.linalg.norm(here) == pytest.approx(1, abs=1e-5)
    assert min(moved, darker) > elsewhere + 0.2


def test_black_pictures_are_alike_and_finite() -> None:
    embedder = ColoursAndShades()
    black = np.zeros((36, 64, 3), np.uint8)
    assert float(embedder.embed(black) @ embedder.embed(black)) == pytest.approx(1, abs=1e-5)
