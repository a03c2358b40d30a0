"""From probabilities to speakers."""

from __future__ import annotations

import numpy as np

from castline.attribution.base import HELD, NOBODY, Attribution, Series
from castline.attribution.fusion.decoding import (
    fix_seeds,
    initial_shares,
    name_strangers,
)
from castline.attribution.nearness import FaceTimes, Timeline

CAST = ("Ana", "Bo", "Cy")


def series(starts: list[int], seeds: list[int] | None = None) -> Series:
    n = len(starts)
    start = np.array(starts, np.int64)
    return Series(
        lines=tuple(f"0001-{number:05}" for number in range(n)),
        episode=np.zeros(n, np.int32),
        timeline=Timeline(start, start + 900),
        faces=FaceTimes.none(),
        voices=np.zeros((n, 4), np.float32),
        cast=CAST,
        everywhere=np.zeros(3, np.bool_),
        seeds=np.array(seeds or [NOBODY] * n, np.int32),
    )


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
