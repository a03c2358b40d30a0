"""Clips become sections of about ten, parted where the story turns."""

from __future__ import annotations

from itertools import combinations, pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from castline.story.sections import SectionSettings, part_clips


def walk(likenesses: list[float]) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    """Unit rows in which each has this likeness to the one before."""
    angles = np.cumsum([0.0, *np.arccos(likenesses)])
    return np.stack([np.cos(angles), np.sin(angles)], 1).astype(np.float32)


def test_a_section_ends_where_the_captions_change() -> None:
    likenesses = [0.9] * 7 + [0.1] + [0.9] * 11
    assert part_clips(walk(likenesses), SectionSettings()) == [(0, 8), (8, 20)]


@pytest.mark.parametrize(
    ("clips", "sections"), [(0, 0), (1, 1), (4, 1), (14, 1), (16, 2), (95, 10)]
)
def test_there_is_about_one_section_for_ten_clips(clips: int, sections: int) -> None:
    rows = np.ones((clips, 1), np.float32)
    assert abs(len(part_clips(rows, SectionSettings())) - sections) <= (clips == 95)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=60))
def test_sections_cover_all_clips_and_have_allowed_lengths(likenesses: list[float]) -> None:
    settings = SectionSettings(clips=4)
    parts = part_clips(walk(likenesses), settings)
    assert parts[0][0] == 0
    assert parts[-1][1] == len(likenesses) + 1
    assert all(one[1] == two[0] for one, two in pairwise(parts))
    if len(likenesses) >= settings.fewest:
        assert all(settings.fewest <= end - start <= settings.most for start, end in parts)


@given(st.lists(st.floats(0, 1), min_size=9, max_size=12))
def test_no_other_way_to_part_them_has_less_alike_borders(likenesses: list[float]) -> None:
    settings = SectionSettings(clips=4)
    rows = walk(likenesses)
    alike = (rows[1:] * rows[:-1]).sum(1)
    parts = part_clips(rows, settings)
    count = len(likenesses) + 1
    found = sum(alike[start - 1] for start, _ in parts[1:])
    for borders in combinations(range(1, count), len(parts) - 1):
        lengths = [b - a for a, b in pairwise([0, *borders, count])]
        if all(settings.fewest <= each <= settings.most for each in lengths):
            assert found <= sum(alike[border - 1] for border in borders) + 1e-5
