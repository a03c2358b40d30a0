"""Who is seen when, and what that tells of who speaks."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from castline.attribution.base import NOBODY, Series
from castline.attribution.fusion.faces import face_columns, look, seen_shares
from castline.attribution.fusion.rows import Columns, Rows
from castline.attribution.nearness import FaceTimes

from .made_scenes import every_row, series

ANN, BO, OTHERS = 0, 1, 2
SMALL, LARGE = (0, 0, 20, 20), (60, 0, 100, 40)
NOT_MEASURED = (np.nan,) * 4


def faces(*seen: tuple[int, int, tuple[float, ...]]) -> FaceTimes:
    """Faces at a time, of somebody, in a box."""
    time, who, box = zip(*seen, strict=True)
    return FaceTimes(
        start_ms=np.array(time, np.int64),
        end_ms=np.array(time, np.int64),
        character=np.array(who, np.int32),
        score=np.full(len(seen), 0.8, np.float32),
        box=np.array(box, np.float32),
    )


def told(made: Series) -> tuple[Rows, Columns]:
    rows = every_row(made)
    return rows, face_columns(made, rows, look(made))


def of(columns: Columns, name: str, code: int, line: int = 0) -> float:
    """A column of a candidate among Ann, Bo and others."""
    return float(columns[name][line * 3 + code])


def test_faces_come_in_order_of_time_with_what_they_weigh_in_their_picture() -> None:
    seen = look(series([(0, 1)], faces=faces((70, BO, SMALL), (50, ANN, SMALL), (70, ANN, LARGE))))
    assert seen.time_ms.tolist() == [50, 70, 70]
    assert seen.code.tolist() == [ANN, BO, ANN]
    assert seen.largest.tolist() == [True, False, True]
    assert seen.alone.tolist() == [True, False, False]
    assert seen.pictures_ms.tolist() == [50, 70]
    # The pictures must be 100 wide and 40 high.
    assert seen.size == pytest.approx([(0.2 * 0.5) ** 0.5] * 2 + [0.4**0.5])
    assert seen.middle == pytest.approx([0.2, 0.2, 0.4])


def test_a_face_whose_box_was_not_measured_is_of_usual_size_in_the_middle() -> None:
    half = (np.nan, 0, 50, 50)
    seen = look(series([(0, 1)], faces=faces((5, ANN, NOT_MEASURED), (9, BO, half))))
    assert seen.size == pytest.approx([0.2, 0.2])
    assert seen.middle == pytest.approx([1, 1])


def test_without_boxes_everybody_in_a_picture_is_its_largest_face() -> None:
    both = dataclasses.replace(faces((5, ANN, SMALL), (5, BO, LARGE)), box=None)
    made = series([(0, 100)], faces=both)
    assert look(made).largest.all()
    assert seen_shares(made, look(made)).largest.tolist() == [[1, 1, 0]]


def test_shares_are_of_the_pictures_during_and_near_a_line() -> None:
    made = series(
        [(10_000, 11_000), (18_900, 19_000), (60_000, 61_000)],
        faces=faces(
            (10_100, ANN, LARGE),
            (10_100, NOBODY, SMALL),
            (10_900, BO, LARGE),
            (11_900, BO, LARGE),
            (12_900, BO, LARGE),
        ),
    )
    shares = seen_shares(made, look(made))
    assert shares.largest == pytest.approx(np.array([[0.5, 0.5, 0], [0, 0, 0], [0, 0, 0]]))
    assert shares.near[0] == pytest.approx([0.25, 0.75, 0.25])
    assert shares.within_8s.tolist() == [[True] * 3, [False, True, False], [False] * 3]
    assert shares.within_20s.tolist() == [[True] * 3, [True] * 3, [False] * 3]


def test_strangers_stand_for_others() -> None:
    made = series([(0, 1000)], faces=faces((500, NOBODY, LARGE), (500, NOBODY, SMALL)))
    _, columns = told(made)
    assert [of(columns, "f_n", who) for who in (ANN, BO, OTHERS)] == [0, 0, 2]
    assert of(columns, "line_unknown", ANN) == 2
    assert of(columns, "line_frames", ANN) == 1
    assert seen_shares(made, look(made)).largest.tolist() == [[0, 0, 1]]


def test_who_is_seen_during_a_line_is_told_by_number_size_and_company() -> None:
    made = series(
        [(1000, 2000)],
        faces=faces((1100, ANN, LARGE), (1500, ANN, LARGE), (1500, BO, SMALL), (2300, BO, LARGE)),
    )
    _, columns = told(made)
    assert [of(columns, name, ANN) for name in ("f_n", "f_big", "f_alone")] == [2, 2, 1]
    assert [of(columns, name, BO) for name in ("f_n", "f_big", "f_alone")] == [1, 0, 0]
    assert of(columns, "f_size", ANN) == pytest.approx(2 * 0.4**0.5)
    assert of(columns, "f_max", ANN) == pytest.approx(0.4**0.5)
    assert of(columns, "f_score", BO) == pytest.approx(0.8)
    assert of(columns, "f_alone_share", ANN) == 0.5
    assert of(columns, "f_n_d", ANN) == 1
    assert of(columns, "f_n_d", BO) == -1
    assert of(columns, "line_names", OTHERS) == 2
    assert of(columns, "f_episode", BO) == 0.5


def test_faces_around_a_line_are_counted_by_how_near_they_are() -> None:
    made = series(
        [(30_000, 33_000)],
        faces=faces(
            (12_000, ANN, SMALL), (24_000, ANN, SMALL), (29_950, ANN, SMALL), (34_000, ANN, SMALL)
        ),
    )
    _, columns = told(made)
    counts = {name: of(columns, name, ANN) for name in ("f1", "f3", "f8", "f20", "fpre", "fpost")}
    assert counts == {"f1": 2, "f3": 2, "f8": 3, "f20": 4, "fpre": 1, "fpost": 1}
    assert of(columns, "f_before", ANN) == pytest.approx(0.05)
    assert of(columns, "f_after", ANN) == 1
    assert (of(columns, "f_first", ANN), of(columns, "f_last", ANN)) == (1, 0)


def test_the_lines_before_and_after_tell_who_is_seen_in_the_same_episode_only() -> None:
    seen = faces((500, ANN, LARGE), (2500, BO, LARGE), (4500, ANN, LARGE))
    made = series([(0, 999), (2000, 2999), (4000, 4999)], episode=[0, 0, 1], faces=seen)
    _, columns = told(made)
    assert of(columns, "f_line-1", ANN, line=1) == 1
    assert of(columns, "f_line+1", ANN, line=1) == 0
    assert of(columns, "f_line+1", BO, line=0) == 1
    assert of(columns, "f_line+2", ANN, line=0) == 0


def test_an_episode_without_lines_does_not_shift_the_others() -> None:
    seen = faces((500, ANN, LARGE), (500_500, BO, LARGE))
    made = series([(0, 1000), (500_000, 501_000)], episode=[0, 2], faces=seen)
    _, columns = told(made)
    assert [of(columns, "f_episode", who, line=0) for who in (ANN, BO)] == [1, 0]
    assert [of(columns, "f_episode", who, line=1) for who in (ANN, BO)] == [0, 1]


def test_where_nobody_is_seen_nobody_is_near() -> None:
    made = series([(0, 1000)])
    _, columns = told(made)
    zeros = set(columns) - {"f_before", "f_after"}
    assert all((columns[name] == 0).all() for name in zeros)
    assert (columns["f_before"] == 30).all()
    assert (columns["f_after"] == 30).all()
    assert not seen_shares(made, look(made)).within_20s.any()


box = st.tuples(*[st.floats(-50, 4000, width=32) | st.just(float("nan"))] * 4)
shown = st.tuples(st.integers(0, 40_000), st.integers(-1, 1), box)


@given(st.lists(shown, min_size=1, max_size=20), st.randoms(use_true_random=False))
def test_columns_are_finite_and_do_not_depend_on_the_order_of_the_faces(drawn, random) -> None:  # type: ignore[no-untyped-def]
    spans = [(1000, 900), (2000, 9000), (8000, 30_000)]
    mixed = random.sample(drawn, len(drawn))
    (rows, columns), (_, again) = (
        told(series(spans, episode=[0, 0, 1], faces=faces(*given))) for given in (drawn, mixed)
    )
    for name, column in columns.items():
        assert column.shape == rows.line.shape
        assert column.dtype == np.float32
        assert np.isfinite(column).all()
        assert column == pytest.approx(again[name], abs=1e-5)


def test_every_picture_of_a_film_tells_no_more_than_two_a_second() -> None:
    dense = faces(*((40 * n, ANN if n % 2 else BO, LARGE) for n in range(500)))
    sparse = faces(*((500 * n, ANN, LARGE) for n in range(40)))

    pictures = look(series([(0, 1)], faces=dense)).pictures_ms
    assert (np.diff(pictures) >= 480).all()
    assert len(pictures) >= 500 * 40 / 520
    assert len(look(series([(0, 1)], faces=sparse)).pictures_ms) == 40
