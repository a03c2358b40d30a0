"""Largest values and their means against plain sorting."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from castline.attribution import similarity
from castline.attribution.similarity import (
    LargestSimilarities,
    Workers,
    absent,
    largest,
    mean_of_largest,
    top_mean,
)
from castline.processors import available_processors


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


updates = st.lists(st.tuples(subsets, subsets, subsets, st.integers(1, 6)), min_size=1, max_size=8)


@settings(deadline=None)
@given(updates, st.sampled_from([(1, 5), (700, 16), (10**6, 8192)]))
def test_a_store_kept_up_equals_one_made_anew(
    steps: list[tuple[frozenset[int], frozenset[int], frozenset[int], int]],
    blocks: tuple[int, int],
) -> None:
    voices = unit_rows(80, seed=1)
    store, held, met = LargestSimilarities(voices, 6), frozenset[int](), frozenset[int]()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(similarity, "_BLOCK_FLOATS", blocks[0])
        patch.setattr(similarity, "_REFERENCES_AT_ONCE", blocks[1])
        for lines, wanted, more, k in steps:
            # References mostly grow, as they do while labels spread; now and then some are lost.
            held = more if len(more) % 4 == 0 else held | more
            met |= held
            rows, references = ascending(lines), ascending(held) + np.int32(40)
            asked = ascending(lines & wanted)
            k = min(k, references.size)
            if k == 0:
                continue
            store.update(rows, references)
            means = store.means(asked, k)
            anew = np.sort(voices[rows] @ voices[references].T, axis=1)
            ever = voices[rows] @ voices[ascending(met) + np.int32(40)].T
            assert np.array_equal(store.rows, rows)
            assert (store.bound >= anew[:, -1]).all()
            assert (store.bound <= ever.max(axis=1)).all()
            assert np.array_equal(store.warm, asked)
            assert np.array_equal(means, mean_of_largest(anew[np.isin(rows, asked)], k))


def test_of_lines_whose_mean_nobody_asks_for_one_number_is_kept() -> None:
    rows, references = np.arange(30, dtype=np.int32), np.arange(30, 60, dtype=np.int32)
    store = LargestSimilarities(unit_rows(60), 6)
    store.update(rows, references)
    assert (store.bound.size, store.top.size) == (30, 0)
    store.means(rows[:4], 3)
    assert store.top.shape[0] == 4
    store.means(rows[4:5], 3)
    assert store.warm.tolist() == [4]


@given(subsets, subsets)
def test_absent_values_are_the_set_difference(a: frozenset[int], b: frozenset[int]) -> None:
    assert absent(ascending(a), ascending(b)).tolist() == sorted(a - b)


@pytest.mark.parametrize("count", [1, 2, 4])
@pytest.mark.parametrize("smallest", [0, 10, 10**6])
def test_results_come_in_order_whatever_the_workers(
    count: int, smallest: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(similarity, "_SMALL", smallest)
    with Workers(count) as workers:
        squares = list(workers.map(lambda x: x * x, range(300), lambda x: x % 20))
    assert squares == [x * x for x in range(300)]


@pytest.mark.parametrize("count", [1, 2])
def test_an_error_in_a_task_reaches_the_caller(count: int) -> None:
    with Workers(count) as workers, pytest.raises(ZeroDivisionError):
        list(workers.map(lambda x: 1 // x, [1, 0, 2], lambda _: 10**6))


def blas_threads() -> list[int]:
    from threadpoolctl import threadpool_info

    return [each["num_threads"] for each in threadpool_info() if each["user_api"] == "blas"]


def test_blas_keeps_to_one_thread_while_workers_are_open() -> None:
    before = blas_threads()
    with Workers(2) as workers:
        assert set(blas_threads()) <= {1}
        assert list(workers.map(lambda _: set(blas_threads()) <= {1}, [0], lambda _: 10**6)) == [
            True
        ]
    assert blas_threads() == before


def test_there_are_as_many_workers_as_processors_but_four_at_most(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert available_processors() >= 1
    for processors, workers in [(1, 1), (3, 3), (64, 4)]:
        monkeypatch.setattr(similarity, "available_processors", lambda n=processors: n)
        assert Workers()._count == workers
