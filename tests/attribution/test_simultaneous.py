"""Subtitles with one span: two people at once."""

from __future__ import annotations

import dataclasses
from itertools import product

import numpy as np
import numpy.typing as npt
from hypothesis import given
from hypothesis import strategies as st

from castline.attribution.base import HELD, NOBODY, Attribution, Mouths, Series
from castline.attribution.mouths import weigh_mouths
from castline.attribution.simultaneous import pick_speakers, share_span
from tests.attribution.fusion import made_scenes

OTHERS = 3
"""Code of somebody outside a cast of three."""


def series(starts: list[int], seeds: list[int] | None = None) -> Series:
    """Lines of 900 ms of a cast of three."""
    made = made_scenes.series([(start, start + 900) for start in starts], cast=OTHERS)
    return dataclasses.replace(made, seeds=np.array(seeds or [NOBODY] * len(starts), np.int32))


def shares(*rows: list[float]) -> npt.NDArray[np.float32]:
    return np.array(rows, np.float32)


def test_the_most_probable_candidate_speaks() -> None:
    code = pick_speakers(series([0, 1000]), shares([0.1, 0.7, 0.1, 0.1], [0, 0.2, 0, 0.8]))

    assert code.tolist() == [1, OTHERS]


def test_two_lines_at_the_very_same_time_are_two_people() -> None:
    p = shares([0.6, 0.3, 0.0, 0.1], [0.7, 0.2, 0.0, 0.1])

    assert pick_speakers(series([0, 0]), p).tolist() == [1, 0]
    assert pick_speakers(series([0, 10]), p).tolist() == [0, 0]


def test_two_lines_at_the_very_same_time_may_both_be_others() -> None:
    p = shares([0.1, 0.1, 0.1, 0.7], [0.1, 0.1, 0.1, 0.7])

    assert pick_speakers(series([0, 0]), p).tolist() == [OTHERS, OTHERS]


def test_what_is_known_stays_and_the_other_line_gives_way() -> None:
    p = shares([0.0, 0.0, 1.0, 0.0], [0.1, 0.2, 0.7, 0.0])

    assert pick_speakers(series([0, 0], [2, NOBODY]), p).tolist() == [2, 1]
    assert pick_speakers(series([0, 0], [2, 2]), p).tolist() == [2, 2]


def test_lines_of_another_episode_are_never_at_the_same_time() -> None:
    pair = dataclasses.replace(series([0, 0]), episode=np.array([0, 1], np.int32))

    code = pick_speakers(pair, shares([0.6, 0.3, 0, 0.1], [0.7, 0.2, 0, 0.1]))

    assert code.tolist() == [0, 0]
    assert not share_span(pair).any()


def test_lines_of_one_span_are_found() -> None:
    assert share_span(series([0, 500, 500, 500, 900])).tolist() == [False, True, True, True, False]
    assert share_span(series([])).tolist() == []


row = st.lists(st.floats(0.125, 1, width=32), min_size=4, max_size=4)


@given(st.lists(row, min_size=2, max_size=4), st.sampled_from([NOBODY, HELD, 0, 1, 2]))
def test_lines_at_one_time_get_the_most_probable_different_people(
    rows: list[list[float]], known: int
) -> None:
    p = shares(*rows).astype(np.float64)
    if known != NOBODY:
        p[0] = np.eye(4)[OTHERS if known == HELD else known]
    at_once = series([0] * len(rows), [known] + [NOBODY] * (len(rows) - 1))

    code = pick_speakers(at_once, p)

    def named(codes: tuple[int, ...]) -> list[int]:
        return [each for each in codes if each != OTHERS]

    chance = {
        codes: np.prod(p[np.arange(len(rows)), codes])
        for codes in product(range(4), repeat=len(rows))
        if len(set(named(codes))) == len(named(codes))
    }
    assert np.isclose(chance[tuple(code.tolist())], max(chance.values()))


def test_mouths_do_not_give_two_lines_at_one_time_to_one_person() -> None:
    one, two = np.array([0, 1], np.int32), np.array([0, 0], np.int32)
    pair = dataclasses.replace(
        series([0, 0]),
        mouths=Mouths(one, two, np.array([4.0, 3.0], np.float32), np.ones(2, np.float32)),
    )
    found = Attribution(
        code=np.array([0, 1], np.int32),
        voices_found=0,
        offsets=np.zeros(3, np.int64),
        candidate=np.zeros(0, np.int32),
        score=np.zeros(0, np.float32),
        confidence=np.array([0.9, 0.55], np.float32),
    )

    code = weigh_mouths(pair, found).code

    assert code[0] == 0
    assert code[1] != 0
