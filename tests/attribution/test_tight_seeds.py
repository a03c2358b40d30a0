"""Tight seeds against bisection over all pairs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from castline.attribution import tight_seeds
from castline.attribution.tight_seeds import find_tight_seeds, tightest_lines
from castline.errors import UsageError

from .reference import tight_seeds as by_the_rules


def rows(n: int, seed: int, spread: float) -> np.ndarray:
    rng = np.random.default_rng(seed)
    values = rng.standard_normal((1, 24)) + spread * rng.standard_normal((n, 24))
    values /= np.linalg.norm(values, axis=1, keepdims=True)
    return values.astype(np.float32)


@settings(deadline=None, max_examples=150)
@given(
    st.integers(1, 45),
    st.integers(0, 2**32 - 1),
    st.sampled_from([0.1, 0.5, 1.0]),
    st.integers(1, 12),
)
def test_seeds_follow_the_published_bisection(
    n: int, seed: int, spread: float, target: int
) -> None:
    voices = rows(n, seed, spread)
    assert tightest_lines(voices, target).tolist() == by_the_rules(voices, target)


def test_forgetting_distant_pairs_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    voices = rows(600, 5, 0.4)
    whole = tightest_lines(voices, 6)
    monkeypatch.setattr(tight_seeds, "_BLOCK_FLOATS", 3000)
    monkeypatch.setattr(tight_seeds, "_SPARE_PAIRS", 10)
    assert tightest_lines(voices, 6).tolist() == whole.tolist()


def test_lines_that_are_all_alike_give_no_seed() -> None:
    same = np.tile(np.full(16, 0.25, np.float32), (5, 1))
    assert tightest_lines(same, 2).tolist() == []


def test_of_two_lines_the_first_is_the_seed() -> None:
    assert tightest_lines(rows(2, 0, 0.5), 1).tolist() == [0]


def test_each_character_gets_one_line_in_a_hundred_but_at_least_one() -> None:
    voices = np.concatenate([rows(300, 1, 0.3), rows(20, 2, 0.3), rows(30, 3, 0.3)])
    speaker = np.repeat([0, 2, -1], [300, 20, 30]).astype(np.int32)
    order = np.random.default_rng(0).permutation(350)
    seeds = find_tight_seeds(voices[order], speaker[order], 3)
    chosen = seeds >= 0
    assert (seeds[chosen] == speaker[order][chosen]).all()
    assert np.bincount(seeds[chosen], minlength=3).tolist() == [3, 0, 1]


def test_no_lines_have_no_seeds() -> None:
    none = find_tight_seeds(np.empty((0, 4), np.float32), np.empty(0, np.int32), 2)
    assert none.tolist() == []


def test_a_speaker_beyond_the_cast_is_refused() -> None:
    with pytest.raises(UsageError, match="beyond the cast of 1"):
        find_tight_seeds(rows(2, 0, 0.5), np.array([0, 1], np.int32), 1)
