"""The propagation against its rules written down plainly, and its answers at the edges."""

from __future__ import annotations

import dataclasses
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from castline.attribution import candidates as candidates_module
from castline.attribution import similarity
from castline.attribution.base import HELD, NOBODY, Attribution, Series
from castline.attribution.nearness import FaceTimes, Timeline
from castline.attribution.propagation import (
    METHOD,
    PropagationParams,
    propagate,
    short_line_bonus,
)
from castline.errors import SettingsError, UsageError

from .reference import Outcome, Reference, SmallSeries


def run(series: SmallSeries, **more: Any) -> Attribution:
    start, end = np.array(series.start, np.int64), np.array(series.end, np.int64)
    columns = list(zip(*series.faces, strict=True)) or [(), (), (), ()]
    faces = FaceTimes(
        np.array(columns[0], np.int64),
        np.array(columns[1], np.int64),
        np.array(columns[2], np.int32),
        np.array(columns[3], np.float32),
    )
    return propagate(
        Timeline(start, end),
        faces,
        series.voices,
        np.array(series.seeds, np.int32),
        np.array(series.everywhere, bool),
        end - start,
        **more,
    )


def candidates(found: Attribution) -> list[list[tuple[int, float]]]:
    pairs = list(zip(found.candidate.tolist(), found.score.tolist(), strict=True))
    bounds = found.offsets.tolist()
    return [pairs[a:b] for a, b in pairwise(bounds)]


def assert_same(series: SmallSeries) -> Outcome:
    expected = Reference(series).run()
    found = run(series)
    assert found.code.tolist() == expected.code
    assert found.voices_found == expected.voices_found
    assert candidates(found) == expected.candidates
    return expected


def exact_voice(signs: int, blanks: int) -> np.ndarray:
    """A unit row whose products with its like are exact in float32, so that ties are ties.

    Four quarters of one sixteenth each, or sixteen entries of plus or minus a quarter.
    """
    row = np.array([0.25 if signs >> bit & 1 else -0.25 for bit in range(16)], np.float32)
    if blanks < 4:
        row[:] = np.where(np.arange(16) // 4 == blanks, 2 * row, 0)
    return row


@st.composite
def small_series(draw: st.DrawFn) -> SmallSeries:
    n = draw(st.integers(1, 40))
    n_cast = draw(st.integers(1, 4))
    seed = draw(st.integers(0, 2**32 - 1))
    spread = draw(st.sampled_from([0.0, 0.05, 0.1, 0.2]))
    rng = np.random.default_rng(seed)
    step = draw(st.sampled_from([800, 3000, 9000]))
    start = np.cumsum(rng.integers(-step // 8, step, n))
    duration = rng.choice([40, 200, 500, 640, 799, 800, 960, 1000, 1500, 4000], n)
    n_voices = n_cast + 2
    bases = rng.integers(0, 2**16, n_voices)
    voices = np.zeros((n, 16), np.float32)
    truth = rng.integers(0, n_voices, n)
    truth = np.where(rng.random(n) < 0.6, np.roll(truth, 1), truth)
    for i in range(n):
        flips = sum(1 << bit for bit in range(16) if rng.random() < spread)
        voices[i] = exact_voice(int(bases[truth[i]]) ^ flips, int(rng.integers(4, 5)))
        if rng.random() < 0.05:
            voices[i] = exact_voice(int(bases[truth[i]]), int(rng.integers(0, 4)))
        if rng.random() < 0.05:
            voices[i] = 0
    share = draw(st.sampled_from([0.0, 0.1, 0.3]))
    seeds = np.where((truth < n_cast) & (rng.random(n) < share), truth, -1)
    n_faces = draw(st.integers(0, 40))
    at = rng.integers(int(start.min()) - 30000, int(start.max()) + 30000, n_faces)
    at = np.sort(at) + np.where(rng.random(n_faces) < 0.2, rng.integers(-9000, 9000, n_faces), 0)
    faces = [
        (int(t), int(t + rng.choice([0, 0, 4000])), int(rng.integers(-1, n_cast)), float(score))
        for t, score in zip(at, rng.choice([0.3, 0.45, 0.9], n_faces), strict=True)
    ]
    everywhere = [bool(rng.random() < 0.15) for _ in range(n_cast)]
    return SmallSeries(
        start.tolist(), (start + duration).tolist(), faces, voices, seeds.tolist(), everywhere
    )


@settings(max_examples=150, deadline=None)
@given(small_series())
def test_every_label_and_candidate_follows_the_published_rules(series: SmallSeries) -> None:
    assert_same(series)


@pytest.mark.slow
@settings(max_examples=3000, deadline=None)
@given(small_series())
def test_every_label_follows_the_rules_in_thousands_of_small_series(series: SmallSeries) -> None:
    assert_same(series)


def talkative(n: int, seed: int, spread: float) -> SmallSeries:
    """A longer series, so that k grows, references are rebuilt and labels are overruled."""
    rng = np.random.default_rng(seed)
    bases = rng.integers(0, 2, (6, 64))
    truth = np.repeat(rng.integers(0, 6, n), rng.integers(1, 5, n))[:n]
    bits = bases[truth] ^ (rng.random((n, 64)) < spread * rng.uniform(0.3, 1.7, (n, 1)))
    voices = ((2 * bits - 1) * 0.125).astype(np.float32)
    start = np.cumsum(rng.integers(200, 4000, n))
    duration = rng.choice([300, 700, 900, 1600, 2500], n)
    seeds = np.where((truth < 4) & (rng.random(n) < 0.04), truth, -1)
    at = np.sort(rng.integers(0, int(start[-1]), n // 2))
    faces = [(int(t), int(t), int(rng.integers(-1, 4)), 0.8) for t in at]
    return SmallSeries(
        start.tolist(), (start + duration).tolist(), faces, voices, seeds.tolist(), [False] * 4
    )


@pytest.mark.parametrize("seed", range(6))
def test_longer_series_follow_the_published_rules(seed: int) -> None:
    expected = assert_same(talkative(160, seed, spread=0.09 + 0.02 * (seed % 3)))
    assert sum(code >= 0 for code in expected.code) > 20


def test_the_number_of_workers_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(similarity, "_SMALL", 2)  # so that threads work on a small series, too
    monkeypatch.setattr(candidates_module, "_SCORE_LINES", 64)
    series = talkative(600, 7, 0.1)
    rng = np.random.default_rng(7)
    voices = series.voices + rng.normal(0, 0.02, series.voices.shape)
    voices /= np.linalg.norm(voices, axis=1, keepdims=True)
    series.voices = voices.astype(np.float32)  # products are rounded: order would show
    found = []
    for workers in (1, 2, 4):
        monkeypatch.setattr(similarity, "available_processors", lambda n=workers: n)
        one = run(series)
        arrays = (one.code, one.offsets, one.candidate, one.score)
        found.append([array.tobytes() for array in arrays])
        assert one.voices_found > 0
    assert found[0] == found[1] == found[2]


def blank(n: int, n_cast: int) -> SmallSeries:
    start = [2000 * i for i in range(n)]
    voices = np.tile(np.full(16, 0.25, np.float32), (n, 1))
    return SmallSeries(start, [s + 1500 for s in start], [], voices, [-1] * n, [False] * n_cast)


def test_a_series_without_lines_gives_nothing() -> None:
    series = blank(0, 3)
    series.voices = np.empty((0, 16), np.float32)
    found = run(series)
    assert found.code.size == 0
    assert found.offsets.tolist() == [0]
    assert found.voices_found == 0


def test_a_single_line_without_seeds_goes_to_nobody() -> None:
    found = run(blank(1, 2))
    assert found.code.tolist() == [-1]
    assert found.candidate.size == 0


def test_two_alike_lines_without_seeds_are_too_few_for_a_new_voice() -> None:
    assert run(blank(2, 0)).code.tolist() == [-1, -1]


def test_three_alike_lines_without_seeds_become_a_new_voice() -> None:
    found = run(blank(3, 2))
    assert found.code.tolist() == [2, 2, 2]
    assert found.voices_found == 1


def test_a_seed_spreads_over_alike_lines_nearby() -> None:
    series = blank(6, 1)
    series.seeds[2] = 0
    assert run(series).code.tolist() == [0] * 6


def test_a_seed_does_not_reach_beyond_its_window() -> None:
    series = blank(2, 1)
    series.seeds[0] = 0
    series.start[1], series.end[1] = 1500 + 20_000, 30_000
    assert run(series).code.tolist() == [0, 0]
    series.start[1] += 1
    assert run(series).code.tolist() == [0, -1]


def test_a_narrator_reaches_everywhere() -> None:
    series = blank(2, 1)
    series.seeds[0] = 0
    series.start[1], series.end[1] = 900_000, 901_500
    series.everywhere[0] = True
    assert run(series).code.tolist() == [0, 0]


def test_lines_without_a_voice_have_no_candidates() -> None:
    series = blank(4, 1)
    series.seeds[0] = 0
    series.voices[3] = 0
    found = run(series)
    assert found.code.tolist() == [0, 0, 0, -1]
    assert candidates(found)[3] == []


def test_the_only_line_of_a_character_does_not_vouch_for_itself() -> None:
    series = blank(2, 1)
    series.seeds[0] = 0
    series.voices[1] = [0.25, -0.25] * 8
    found = run(series)
    assert found.code.tolist() == [0, -1]
    assert candidates(found) == [[], []]


def test_equal_scores_go_to_the_lower_code() -> None:
    series = blank(3, 2)
    series.seeds[0], series.seeds[2] = 1, 0
    found = run(series)
    assert found.code.tolist() == [1, 0, 0]
    assert candidates(found)[1] == [(0, 1.0), (1, 1.0)]


def test_a_label_that_a_group_overrules_is_a_reference_in_its_own_pass_only() -> None:
    # Line x sounds most like p, but its group of three sounds like q. Line y sounds like x alone.
    gram = np.array(
        [  # p, q, x, g, y
            [1.00, 0.54, 0.78, 0.55, 0.29],
            [0.54, 1.00, 0.74, 0.78, 0.18],
            [0.78, 0.74, 1.00, 0.87, 0.57],
            [0.55, 0.78, 0.87, 1.00, 0.24],
            [0.29, 0.18, 0.57, 0.24, 1.00],
        ]
    )
    p, q, x, g, y = np.linalg.cholesky(gram).astype(np.float32)
    lines = [p, q, x, g, g, q, q, q, q, q, q, y]
    series = SmallSeries(
        [1000 * i for i in range(len(lines))],
        [1000 * i + 900 for i in range(len(lines))],
        [],
        np.array(lines),
        [0, 1] + [-1] * (len(lines) - 2),
        [False, False],
    )
    expected = [0, *[1] * (len(lines) - 2), -1]
    assert Reference(series).run().code == expected
    assert run(series).code.tolist() == expected


def test_held_lines_take_no_part_and_go_to_nobody() -> None:
    series = blank(5, 1)
    series.seeds[0], series.seeds[2] = 0, HELD
    found = run(series)
    assert found.code.tolist() == [0, 0, NOBODY, 0, 0]
    assert candidates(found)[2] == [(0, 1.0)]


def test_inputs_are_left_as_they_were() -> None:
    series = talkative(60, 1, 0.1)
    series.voices.flags.writeable = False
    before = series.voices.copy()
    run(series)
    assert (series.voices == before).all()


def test_progress_never_falls_and_ends_complete() -> None:
    seen: list[tuple[int, int]] = []
    run(talkative(60, 2, 0.1), progress=lambda done, total: seen.append((done, total)))
    done = [d for d, _ in seen]
    assert done == sorted(done)
    assert seen[-1][0] == seen[-1][1]
    assert len({total for _, total in seen}) == 1


def test_the_method_answers_like_the_function() -> None:
    small = talkative(60, 3, 0.1)
    start, end = np.array(small.start), np.array(small.end)
    none = FaceTimes.none()
    series = Series(
        lines=tuple(map(str, range(60))),
        episode=np.zeros(60, np.int32),
        timeline=Timeline(start, end),
        faces=none,
        voices=small.voices,
        cast=("a", "b", "c", "d"),
        everywhere=np.zeros(4, bool),
        seeds=np.array(small.seeds, np.int32),
    )
    small.faces = []
    found, direct = METHOD.attribute(series, METHOD.parameters()), run(small)
    assert found.code.tolist() == direct.code.tolist()
    assert found.candidate.tolist() == direct.candidate.tolist()


def test_sixteen_thresholds_run_from_075_to_045() -> None:
    steps = list(PropagationParams().thresholds())
    assert len(steps) == 16
    assert steps[0] == 0.75
    assert steps[-1] == pytest.approx(0.45)


@pytest.mark.parametrize(
    ("n", "k"),
    [
        *[(1, 1), (5, 1), (6, 2), (31, 3), (32, 4), (242, 8), (243, 9), (1024, 16), (3125, 25)],
        *[(7776, 36), (17_677, 49), (17_678, 50), (10**6, 50)],
    ],
)
def test_k_grows_with_the_power_of_two_fifths(n: int, k: int) -> None:
    assert PropagationParams().k(n) == k


def test_the_bonus_of_short_lines_falls_to_nothing_at_one_second() -> None:
    bonus = short_line_bonus(np.array([0, 500, 750, 1000, 4000]), PropagationParams())
    assert bonus.dtype == np.float32
    assert bonus.tolist() == pytest.approx([0.1, 0.1, 0.05, 0, 0])


def test_a_seed_beyond_the_cast_is_refused() -> None:
    series = blank(3, 1)
    series.seeds[0] = 1
    with pytest.raises(UsageError, match="beyond the cast of 1"):
        run(series)


def test_columns_of_different_length_are_refused() -> None:
    series = blank(3, 1)
    series.voices = series.voices[:2]
    with pytest.raises(UsageError, match="3 seeds"):
        run(series)


@pytest.mark.parametrize("name", ["threshold_step", "threshold_end", "k_limit"])
def test_a_constant_that_would_never_end_is_refused(name: str) -> None:
    with pytest.raises(SettingsError, match=name):
        dataclasses.replace(PropagationParams(), **{name: 0})
