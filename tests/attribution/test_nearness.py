"""Windows against cursors walked by hand."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from castline.attribution.nearness import FaceTimes, Nearness, Timeline, expand_spans, window_spans

from .reference import SmallSeries, active

times = st.lists(
    st.tuples(st.integers(-5000, 120_000), st.integers(0, 30_000)), min_size=0, max_size=25
)


def arrays(pairs: list[tuple[int, int]]) -> tuple[np.ndarray, np.ndarray]:
    start = np.array([a for a, _ in pairs], np.int64)
    return start, start + np.array([d for _, d in pairs], np.int64)


@given(times, times, st.data())
def test_nearness_is_what_the_cursors_see_sorted_or_not(
    lines: list[tuple[int, int]], faces: list[tuple[int, int]], data: st.DataObject
) -> None:
    n, n_cast = len(lines), 3
    code = data.draw(st.lists(st.integers(-1, n_cast - 1), min_size=n, max_size=n))
    names = data.draw(
        st.lists(st.integers(-1, n_cast - 1), min_size=len(faces), max_size=len(faces))
    )
    scores = data.draw(
        st.lists(st.sampled_from([0.2, 0.45, 0.8]), min_size=len(faces), max_size=len(faces))
    )
    start, end = arrays(lines)
    face_start, face_end = arrays(faces)
    everywhere = [False, False, True]
    expected = active(
        SmallSeries(
            start.tolist(),
            end.tolist(),
            list(zip(face_start.tolist(), face_end.tolist(), names, scores, strict=True)),
            np.empty((n, 0), np.float32),
            code,
            everywhere,
        ),
        code,
        n_cast,
    )
    nearness = Nearness(
        Timeline(start, end),
        FaceTimes(face_start, face_end, np.array(names, np.int32), np.array(scores, np.float32)),
        np.array(everywhere),
        reach_ms=20_000,
        face_score=0.45,
    )
    for character in range(n_cast):
        spoken = np.flatnonzero(np.array(code) == character).astype(np.int32)
        near = nearness.near(character, spoken)
        assert near.dtype == np.int32
        assert near.tolist() == [i for i in range(n) if character in expected[i]]


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), max_size=12))
def test_spans_expand_to_each_covered_line_once(spans: list[tuple[int, int]]) -> None:
    first = np.array([a for a, _ in spans], np.int32)
    stop = np.array([b for _, b in spans], np.int32)
    covered = sorted({line for a, b in spans for line in range(a, b)})
    assert expand_spans(first, stop).tolist() == covered


def test_windows_include_both_ends() -> None:
    lines = Timeline(np.array([0, 50_000]), np.array([1000, 51_000]))
    at = np.array([20_999, 21_000, 21_001, 29_999, 30_000, 71_000, 71_001])
    first, stop = window_spans(at, at, lines, 20_000)
    spans = list(zip(first.tolist(), stop.tolist(), strict=True))
    assert spans == [(0, 1), (0, 1), (1, 1), (1, 1), (1, 2), (1, 2), (2, 2)]


def test_a_record_waits_behind_an_earlier_one_that_is_not_due() -> None:
    lines = Timeline(np.array([0, 40_000]), np.array([1000, 41_000]))
    at = np.array([50_000, 10_000])  # the second would be near line 0, were the list sorted
    first, stop = window_spans(at, at, lines, 20_000)
    assert (first.tolist(), stop.tolist()) == ([1, 1], [2, 2])


def test_some_positions_can_be_asked_for_alone() -> None:
    lines = Timeline(np.array([0, 40_000]), np.array([1000, 41_000]))
    at = np.array([5000, 25_000, 45_000])
    first, stop = window_spans(at, at, lines, 20_000, np.array([2], np.int32))
    assert (first.tolist(), stop.tolist()) == ([1], [2])


def test_new_voices_beyond_the_cast_are_near_their_own_lines_only() -> None:
    lines = Timeline(np.array([0, 10_000, 90_000]), np.array([1000, 11_000, 91_000]))
    nearness = Nearness(
        lines, FaceTimes.none(), np.zeros(1, bool), reach_ms=20_000, face_score=0.45
    )
    assert nearness.near(7, np.array([2], np.int32)).tolist() == [2]
    assert nearness.near(0, np.empty(0, np.int32)).tolist() == []
