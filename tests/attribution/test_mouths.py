from __future__ import annotations

import dataclasses

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from castline.attribution.base import HELD, NOBODY, UNSURE, Attribution, Mouths, Series
from castline.attribution.mouths import (
    MouthParams,
    find_mouth_seeds,
    line_probabilities,
    weigh_mouths,
)
from castline.attribution.nearness import FaceTimes, Timeline

ANN, BO = 0, 1


def series(n: int, *, mouths: Mouths | None, seeds: dict[int, int] | None = None) -> Series:
    """n lines of a second each; Ann and Bo are both seen all the time."""
    start = np.arange(n, dtype=np.int64) * 1500
    given = np.full(n, NOBODY, np.int32)
    for row, code in (seeds or {}).items():
        given[row] = code
    return Series(
        lines=tuple(f"e-{row}" for row in range(n)),
        episode=np.zeros(n, np.int32),
        timeline=Timeline(start, start + 1000),
        faces=FaceTimes(
            start_ms=np.repeat(start, 2) + np.tile([0, 1], n),
            end_ms=np.repeat(start, 2) + 1000,
            character=np.tile([ANN, BO], n).astype(np.int32),
            score=np.ones(2 * n, np.float32),
        ),
        voices=np.eye(n, dtype=np.float32),
        cast=("Ann", "Bo"),
        everywhere=np.zeros(2, np.bool_),
        seeds=given,
        mouths=mouths,
    )


def seen(*rows: tuple[int, int, float]) -> Mouths:
    line, character, odds = zip(*rows, strict=True) if rows else ((), (), ())
    return Mouths(
        np.array(line, np.int32),
        np.array(character, np.int32),
        np.array(odds, np.float32),
        np.ones(len(rows), np.float32),
    )


def found(*codes: int) -> Attribution:
    """Labels without candidates."""
    return Attribution(
        code=np.array(codes, np.int32),
        voices_found=0,
        offsets=np.zeros(len(codes) + 1, np.int64),
        candidate=np.empty(0, np.int32),
        score=np.empty(0, np.float32),
    )


def voices_of(*speakers: int) -> npt.NDArray[np.float32]:
    """Unit rows; lines of one speaker are alike, as much as those of a good engine are."""
    rng = np.random.default_rng(3)
    centres = rng.normal(size=(4, 64))
    rows = centres[list(speakers)] + 0.7 * rng.normal(size=(len(speakers), 64))
    unit: npt.NDArray[np.float32] = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return unit.astype(np.float32)


def test_without_measured_mouths_nothing_changes() -> None:
    before = found(ANN, NOBODY)
    assert weigh_mouths(series(2, mouths=None), before) is before


def test_a_line_goes_to_the_mouth_that_moves() -> None:
    lines = series(1, mouths=seen((0, ANN, -2.0), (0, BO, 2.0)))
    assert weigh_mouths(lines, found(NOBODY)).code.tolist() == [BO]


def test_what_a_method_found_decides_where_mouths_do_not() -> None:
    lines = series(1, mouths=seen((0, ANN, 0.0), (0, BO, 0.0)))
    assert weigh_mouths(lines, found(BO)).code.tolist() == [BO]
    assert weigh_mouths(lines, found(ANN)).code.tolist() == [ANN]


def test_a_voice_that_is_clearly_another_outweighs_a_moving_mouth() -> None:
    # In the last line Ann's mouth moves while Bo is heard: she says something else.
    told = seen((0, ANN, 3.0), (0, BO, -3.0), (1, BO, 3.0), (1, ANN, -3.0), (2, BO, 3.0),
                (2, ANN, -3.0), (3, ANN, 1.7))  # fmt: skip
    lines = dataclasses.replace(series(4, mouths=told), voices=voices_of(ANN, BO, BO, BO))
    assert weigh_mouths(lines, found(ANN, BO, BO, NOBODY)).code.tolist() == [ANN, BO, BO, BO]


def test_a_line_that_nothing_tells_of_is_unknown_and_not_others() -> None:
    quiet = dataclasses.replace(
        series(1, mouths=seen((0, ANN, -4.0), (0, BO, -4.0))), voices=np.zeros((1, 4), np.float32)
    )
    assert weigh_mouths(quiet, found(NOBODY)).code.tolist() == [UNSURE]


def test_a_line_that_a_nameless_mouth_speaks_belongs_to_others() -> None:
    told = seen((0, NOBODY, 3.0), (0, ANN, -3.0), (0, BO, -3.0))
    assert weigh_mouths(series(1, mouths=told), found(NOBODY)).code.tolist() == [NOBODY]


def test_somebody_outside_the_cast_is_known_again_by_voice() -> None:
    # The second line of the stranger has no mouth that tells.
    told = seen((0, NOBODY, 4.0), (0, ANN, -4.0), (0, BO, -4.0), (1, NOBODY, 0.1),
                (1, ANN, -0.5), (1, BO, -0.5))  # fmt: skip
    lines = dataclasses.replace(series(2, mouths=told), voices=voices_of(2, 2))
    assert weigh_mouths(lines, found(NOBODY, ANN)).code.tolist() == [NOBODY, NOBODY]


def test_seeds_and_new_voices_stay_whatever_mouths_do() -> None:
    lines = series(2, mouths=seen((0, BO, 4.0), (1, BO, 4.0)), seeds={0: ANN})
    assert weigh_mouths(lines, found(ANN, 2)).code.tolist() == [ANN, 2]


def test_mouths_and_voices_find_seeds_together() -> None:
    speakers = [ANN, BO, ANN, BO, ANN, BO]
    told = seen(*[(row, who, 3.0 if who == says else -3.0)
                  for row, says in enumerate(speakers[:4]) for who in (ANN, BO)])  # fmt: skip
    lines = dataclasses.replace(series(6, mouths=told), voices=voices_of(*speakers))
    assert find_mouth_seeds(lines).tolist() == speakers


def test_a_line_is_a_seed_only_when_it_is_certain() -> None:
    sure = series(1, mouths=seen((0, ANN, 4.0), (0, BO, -4.0)))
    weak = series(1, mouths=seen((0, ANN, 0.5), (0, BO, -0.5)))
    assert find_mouth_seeds(sure).tolist() == [ANN]
    assert find_mouth_seeds(weak).tolist() == [NOBODY]


def test_a_line_of_a_stranger_is_held_back_from_the_cast() -> None:
    told = seen((0, NOBODY, 4.0), (0, ANN, -4.0), (0, BO, -4.0))
    assert find_mouth_seeds(series(1, mouths=told)).tolist() == [HELD]


def test_given_seeds_are_kept_and_speak_for_lines_that_sound_alike() -> None:
    blind = seen((0, ANN, 0.0))
    lines = dataclasses.replace(
        series(4, mouths=blind, seeds={0: BO, 1: BO}), voices=voices_of(BO, BO, BO, BO)
    )
    assert find_mouth_seeds(lines).tolist() == [BO, BO, BO, BO]


@given(
    st.lists(
        st.tuples(st.integers(0, 5), st.sampled_from([NOBODY, ANN, BO]), st.floats(-4, 4)),
        max_size=12,
        unique_by=lambda row: row[:2],
    )
)
def test_probabilities_are_probabilities_whatever_mouths_say(
    rows: list[tuple[int, int, float]],
) -> None:
    lines = dataclasses.replace(
        series(6, mouths=seen(*sorted(rows))), voices=voices_of(0, 1, 2, 3, 0, 1)
    )
    p = line_probabilities(lines, MouthParams())
    assert p.shape == (6, 3)
    assert p.sum(1) == pytest.approx(np.ones(6))
    assert (p >= 0).all()
