"""Largest values and their means against plain sorting."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from castline.attribution import similarity
from castline.attribution.similarity import (
    LargestSimilarities,
    absent,
    largest,
    mean_of_largest,
    top_mean,
)


def unit_rows(n: int, seed: int = 0) -> np.ndarray:
    """Rows whose products are exact in float32, so that no two ways of computing differ."""
    signs = np.random.default_rng(seed).integers(0, 2, (n, 64)) * 2 - 1
    return (signs * 0.125).astype(np.float32)


@pytest.mark.parametrize("length", [1, 3, 50, 511, 512, 700, 4099])
@pytest.mark.parametrize("count", [1, 4, 50])
@pytest.mark.parametrize("levels", [3, 10**6])
def test_the_largest_values_are_those_of_a_full_sort(length: int, count: int, levels: int) -> None:
    rng = np.random.default_rng(length + count)
    values = (rng.integers(0, levels, (7, length)) / levels).astype(np.float32)
    expected = np.sort(np.pad(values, ((0, 0), (count, 0)), constant_values=-np.inf), axis=1)
    assert np.array_equal(largest(values, count), expected[:, -count:])


def test_no_rows_have_no_largest_values() -> None:
    assert largest(np.empty((0, 700), np.float32), 4).shape == (0, 4)


def test_the_mean_is_summed_from_the_largest_down_in_float32() -> None:
    top = np.sort(np.random.default_rng(0).random((5, 50), np.float32), axis=1)
    for row, mean in zip(top, mean_of_largest(top, 20), strict=True):
        total = np.float32(0)
        for value in row[::-1][:20]:
            total = np.float32(total + value)
        assert mean == np.float32(total / np.float32(20))


@pytest.mark.parametrize("block", [1, 1000, 10**6])
@pytest.mark.parametrize("at_once", [7, 1000])
def test_block_sizes_do_not_change_a_score(
    block: int, at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(similarity, "_BLOCK_FLOATS", block)
    monkeypatch.setattr(similarity, "_REFERENCES_AT_ONCE", at_once)
    voices = unit_rows(60)
    rows, references = np.arange(5, 40, dtype=np.int32), np.arange(0, 60, 2, dtype=np.int32)
    product = voices[rows] @ voices[references].T
    product[rows[:, None] == references] = 0
    expected = mean_of_largest(np.sort(product, axis=1), 9)
    assert np.array_equal(top_mean(voices, rows, references, 9, zero_self=True), expected)


def test_without_zeroing_a_line_is_fully_like_itself() -> None:
    rows = np.arange(4, dtype=np.int32)
    assert top_mean(unit_rows(4), rows, rows, 1).tolist() == [1, 1, 1, 1]


subsets = st.frozensets(st.integers(0, 39), max_size=40)


def ascending(values: frozenset[int]) -> np.ndarray:
    return np.array(sorted(values), np.int32)


@settings(deadline=None)
@given(st.lists(st.tuples(subsets, subsets, st.integers(1, 6)), min_size=1, max_size=8))
def test_a_store_kept_up_equals_one_made_anew(
    steps: list[tuple[frozenset[int], frozenset[int], int]],
) -> None:
    voices = unit_rows(80, seed=1)
    store, held = LargestSimilarities(voices, 6), frozenset[int]()
    for lines, more, k in steps:
        # References mostly grow, as they do while labels spread; now and then they are replaced.
        held = more if len(more) % 4 == 0 else held | more
        rows, references = ascending(lines), ascending(held) + np.int32(40)
        k = min(k, references.size)
        if k == 0:
            continue
        store.update(rows, references, k)
        anew = np.sort(voices[rows] @ voices[references].T, axis=1)
        assert np.array_equal(store.rows, rows)
        assert np.array_equal(store.mean(k), mean_of_largest(anew, k))


@given(subsets, subsets)
def test_absent_values_are_the_set_difference(a: frozenset[int], b: frozenset[int]) -> None:
    assert absent(ascending(a), ascending(b)).tolist() == sorted(a - b)
