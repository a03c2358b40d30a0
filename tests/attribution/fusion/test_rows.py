"""Rows of lines and candidates: what is best in a line, and by how much."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from castline.attribution.fusion.rows import Rows

lines = st.lists(
    st.lists(st.floats(-5, 5, width=32), min_size=1, max_size=6), min_size=1, max_size=8
)


def rows_of(values: list[list[float]]) -> Rows:
    listed = np.zeros((len(values), 7), np.bool_)
    for line, row in enumerate(values):
        listed[line, : len(row) - 1] = True
    listed[:, -1] = True
    return Rows.of(listed)


@given(lines)
def test_the_best_of_a_line_is_its_greatest_value(values: list[list[float]]) -> None:
    rows = rows_of(values)

    best = rows.best(np.array([each for row in values for each in row], np.float32))

    assert best.tolist() == [np.float32(max(row)) for row in values]


@given(lines)
def test_the_lead_is_over_the_best_other_candidate(values: list[list[float]]) -> None:
    rows = rows_of(values)

    lead = rows.lead(np.array([each for row in values for each in row], np.float32))

    expected = [
        float(np.float32(each) - np.float32(max(row[:place] + row[place + 1 :])))
        if len(row) > 1
        else 0.0
        for row in values
        for place, each in enumerate(row)
    ]
    assert np.allclose(lead, expected, atol=1e-6)


def test_others_are_the_last_row_of_each_line() -> None:
    rows = Rows.of(np.array([[True, False, True], [False, False, True]]))

    assert rows.line.tolist() == [0, 0, 1]
    assert rows.code.tolist() == [0, 2, 2]
    assert {code: found.tolist() for code, found in rows.of_each()} == {0: [0], 2: [1, 2]}
