"""From probabilities to speakers."""

from __future__ import annotations

import dataclasses

import numpy as np
import numpy.typing as npt
from hypothesis import given
from hypothesis import strategies as st

from castline.attribution.base import HELD, NOBODY, Attribution, Series
from castline.attribution.fusion.decoding import (
    fix_seeds,
    initial_shares,
    name_strangers,
    pick_speakers,
)
from castline.attribution.nearness import FaceTimes, Timeline

CAST = ("Ana", "Bo", "Cy")


def series(starts: list[int], seeds: list[int] | None = None) -> Series:
    n = len(starts)
    start = np.array(starts, np.int64)
    none = np.zeros(0, np.int64)
    return Series(
        lines=tuple(f"0001-{number:05}" for number in range(n)),
        episode=np.zeros(n, np.int32),
        timeline=Timeline(start, start + 900),
        faces=FaceTimes(none, none, none.astype(np.int32), none.astype(np.float32)),
        voices=np.zeros((n, 4), np.float32),
        cast=CAST,
        everywhere=np.zeros(3, np.bool_),
        seeds=np.array(seeds or [NOBODY] * n, np.int32),
    )


def shares(*rows: list[float]) -> npt.NDArray[np.float32]:
    return np.array(rows, np.float32)


def test_the_most_probable_candidate_speaks() -> None:
    code = pick_speakers(series([0, 1000]), shares([0.1, 0.7, 0.1, 0.1], [0, 0.2, 0, 0.8]))

    assert code.tolist() == [1, 3]


def test_two_lines_at_the_very_same_time_are_two_people() -> None:
    p = shares([0.6, 0.3, 0.0, 0.1], [0.7, 0.2, 0.0, 0.1])

    assert pick_speakers(series([0, 0]), p).tolist() == [1, 0]
    assert pick_speakers(series([0, 10]), p).tolist() == [0, 0]


def test_two_lines_at_the_very_same_time_may_both_be_others() -> None:
    p = shares([0.1, 0.1, 0.1, 0.7], [0.1, 0.1, 0.1, 0.7])

    assert pick_speakers(series([0, 0]), p).tolist() == [3, 3]


row = st.lists(st.floats(0.125, 1, width=32), min_size=4, max_size=4)


@given(row, row)
def test_a_pair_gets_the_most_probable_two_different_people(
    first: list[float], second: list[float]
) -> None:
    p = shares(first, second)

    one, two = pick_speakers(series([0, 0]), p).tolist()

    assert one != two or one == 3
    allowed = [p[0, a] * p[1, b] for a in range(4) for b in range(4) if a != b or a == 3]
    assert p[0, one] * p[1, two] == max(allowed)


def test_known_lines_are_certain_and_known_strangers_are_others() -> None:
    fixed = fix_seeds(series([0, 1000, 2000], [1, HELD, NOBODY]), np.full((3, 4), 0.25, np.float32))

    assert fixed.tolist() == [[0, 1, 0, 0], [0, 0, 0, 1], [0.25] * 4]


def test_labels_start_as_probable_and_new_voices_as_others() -> None:
    found = Attribution(
        code=np.array([2, 5, NOBODY], np.int32),
        voices_found=3,
        offsets=np.zeros(4, np.int64),
        candidate=np.zeros(0, np.int32),
        score=np.zeros(0, np.float32),
    )

    share = initial_shares(series([0, 1000, 2000]), found)

    assert share.argmax(1).tolist() == [2, 3, 3]
    assert np.allclose(share.sum(1), 1)


def test_alike_lines_of_others_become_one_voice_and_a_single_one_none() -> None:
    code = np.array([3, 0, 3, 3, 3, 3, 3], np.int32)
    cluster = np.array([9, 9, 4, 9, 9, -1, -1])

    label, voices = name_strangers(code, cluster, 3)

    assert voices == 1
    assert label.tolist() == [3, 0, NOBODY, 3, 3, NOBODY, NOBODY]


def test_lines_of_another_episode_are_never_at_the_same_time() -> None:
    pair = dataclasses.replace(series([0, 0]), episode=np.array([0, 1], np.int32))

    code = pick_speakers(pair, shares([0.6, 0.3, 0, 0.1], [0.7, 0.2, 0, 0.1]))

    assert code.tolist() == [0, 0]
