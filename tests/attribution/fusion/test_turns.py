"""What the order of the lines tells of who speaks."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from castline.attribution.base import Series
from castline.attribution.fusion.rows import Columns
from castline.attribution.fusion.turns import turn_columns

from .made_scenes import Floats, drawn, every_row, series, surely

ANN, BO, OTHERS = 0, 1, 2


def lines(n: int, *, pause_ms: int = 500) -> list[tuple[int, int]]:
    """Lines of a second each, with pauses between."""
    return [(at * (1000 + pause_ms), at * (1000 + pause_ms) + 1000) for at in range(n)]


def told(made: Series, share: Floats, unit: Floats | None = None) -> dict[str, Floats]:
    """Each column as table of lines and candidates."""
    columns = turn_columns(made, every_row(made), made.voices if unit is None else unit, share)
    return {name: column.reshape(share.shape) for name, column in columns.items()}


def test_each_line_before_and_after_tells_who_speaks_it() -> None:
    share = surely(ANN, BO, OTHERS, ANN, cast=2)
    columns = told(series(lines(4)), share)
    for step in (-3, -2, -1, 1, 2, 3):
        for line in range(4):
            there = line + step
            expected = share[there] if 0 <= there < 4 else np.zeros(3)
            assert columns[f"t_p{step:+d}"][line].tolist() == expected.tolist(), (line, step)
    assert columns["t_o+2"][:, ANN].tolist() == [1, 0, 0, 0]
    assert columns["t_o-1"][:, ANN].tolist() == [0, 0, 0, 1]


def test_who_speaks_a_line_that_sounds_alike_counts_as_much_as_it_does() -> None:
    voices = np.array([[1, 0], [0.6, 0.8], [0, 0]], np.float32)
    turned = np.array([[1, 0], [0.8, 0.6], [0, 1]], np.float32)
    columns = told(series(lines(3), voices=voices), surely(ANN, BO, BO, cast=2), turned)
    assert columns["t_pc-1"] == pytest.approx(np.array([[0, 0, 0], [0.6, 0, 0], [0, 0, 0]]))
    assert columns["t_c+1"][:, ANN] == pytest.approx([0.8, 0.6, 0])
    assert columns["t_c-2"][:, ANN] == pytest.approx([0, 0, 0])


def test_lines_of_other_episodes_are_not_before_or_after() -> None:
    share = surely(ANN, BO, BO, ANN, cast=2)
    columns = told(series(lines(4), episode=[0, 0, 1, 1]), share)
    assert columns["t_p+1"][1].tolist() == [0, 0, 0]
    assert columns["t_p-2"][2].tolist() == [0, 0, 0]
    assert columns["gap_before"][:, ANN].tolist() == [30, 0.5, 30, 0.5]
    assert columns["gap_after"][:, ANN].tolist() == [0.5, 30, 0.5, 30]
    assert columns["t_agree"].max() == 0
    assert columns["t_lift_next"][1].tolist() == [0, 0, 0]


def test_silence_is_told_within_limits() -> None:
    made = series([(0, 9000), (1000, 9500), (99_500, 99_600)])
    assert told(made, surely(ANN, BO, BO, cast=2))["gap_before"][:, 0].tolist() == [30, -2, 30]


def test_one_person_before_and_after_agrees() -> None:
    columns = told(series(lines(4)), surely(ANN, BO, ANN, OTHERS, cast=2))
    assert columns["t_agree"][:, ANN].tolist() == [0, 1, 0, 0]


def test_whoever_takes_turns_with_somebody_is_expected_to_do_so_again() -> None:
    # Ann and Bo talk to each other, the third and the fourth to each other.
    share = surely(*[0, 1] * 20, *[2, 3] * 20, cast=4)
    columns = told(series(lines(80), cast=4), share)
    after_ann, before_ann = columns["t_lift_prev"][11], columns["t_lift_next"][9]
    for lift in (after_ann, before_ann):
        assert lift[1] > 0
        assert lift[1] > lift[0]
        assert lift[2] < 0


def test_after_a_long_silence_nobody_answers() -> None:
    columns = told(series(lines(6, pause_ms=9000)), surely(0, 1, 0, 1, 0, 1, cast=2))
    assert not columns["t_lift_prev"].any()
    assert not columns["t_lift_next"].any()


def test_lines_since_and_until_somebody_speaks_leave_the_line_itself_out() -> None:
    columns = told(series(lines(5)), surely(ANN, BO, BO, OTHERS, ANN, cast=2))
    assert columns["t_since"][:, ANN].tolist() == [60, 1, 2, 3, 4]
    assert columns["t_until"][:, ANN].tolist() == [4, 3, 2, 1, 60]
    assert columns["t_until"][:, BO].tolist() == [1, 1, 60, 60, 60]


@settings(max_examples=30)
@given(st.integers(1, 70), st.integers(1, 4), st.integers(1, 3), st.integers(0, 99))
def test_columns_are_finite_whatever_the_series(
    n: int, cast: int, episodes: int, seed: int
) -> None:
    made, share = drawn(n, cast=cast, episodes=episodes, seed=seed)
    rows = every_row(made)
    columns: Columns = turn_columns(made, rows, made.voices, share)
    for name, column in columns.items():
        assert column.shape == rows.line.shape, name
        assert column.dtype == np.float32, name
        assert np.isfinite(column).all(), name
    assert columns["t_since"].max() <= 60
    assert columns["t_since"].min() >= 1
