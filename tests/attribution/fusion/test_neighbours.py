"""What the lines around tell of who speaks, against the same told one pair of lines at a time."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from castline.attribution import similarity
from castline.attribution.base import Series
from castline.attribution.fusion import listening
from castline.attribution.fusion.neighbours import neighbour_columns, neighbour_votes
from castline.attribution.fusion.rows import Columns

from .made_scenes import Floats, drawn, every_row, series, surely, unit

ANN, BO, OTHERS = 0, 1, 2


def lengths(made: Series) -> Floats:
    return ((made.timeline.end_ms - made.timeline.start_ms) / 1000).astype(np.float32)


def told(
    made: Series,
    share: Floats,
    *,
    space: Floats | None = None,
    target: Floats | None = None,
    noise: Floats | None = None,
) -> Columns:
    """All columns, with one target; everybody is a candidate of every line."""
    n = len(made.lines)
    return neighbour_columns(
        made,
        every_row(made),
        made.voices if space is None else space,
        share,
        {"T": np.zeros_like(share) if target is None else target},
        lengths(made),
        np.ones(n) if noise is None else noise,
    )


def table(columns: Columns, name: str, share: Floats) -> Floats:
    """A column as table of lines and candidates."""
    return columns[name].reshape(share.shape)


def gap_s(made: Series, i: int, j: int) -> float:
    start, end = made.timeline.start_ms, made.timeline.end_ms
    return max(0, int(start[i] - end[j]), int(start[j] - end[i])) / 1000


def loudness(made: Series, space: Floats, noise: Floats) -> dict[str, Any]:
    """How loud each line hears each other line, pair by pair, as the definition says."""
    n = len(made.lines)
    loud = {name: np.zeros((n, n)) for name in ("v1", "v3", "cp", "ve", "vote")}
    second = lengths(made)
    for i in range(n):
        for j in range(n):
            if i == j or made.episode[i] != made.episode[j]:
                continue
            gap = gap_s(made, i, j)
            measured = float(made.voices[i] @ made.voices[j])
            adapted = float(space[i] @ space[j])
            clear = min(second[j] / 1.5, 1) / noise[j]
            loud["vote"][i, j] = math.exp(12 * (measured - 1) - gap / 20)
            loud["ve"][i, j] = math.exp(10 * (adapted - 1)) * clear
            if gap > 120 or abs(i - j) > 40:
                continue
            loud["v1"][i, j] = math.exp(8 * (adapted - 1) - gap / 30) * clear
            loud["cp"][i, j] = min(second[j], 4) / noise[j] / (1 + math.exp(12.5 - 25 * measured))
            if abs(i - j) <= 12:
                loud["v3"][i, j] = math.exp(12 * (measured - 1) - gap / 20) * clear
    return loud


@pytest.mark.parametrize("seed", [1, 2])
def test_all_columns_are_as_they_are_pair_by_pair(seed: int) -> None:
    made, share = drawn(150, cast=3, episodes=2, seed=seed)
    rng = np.random.default_rng(seed)
    space, noise = unit(rng, 150, 5), rng.uniform(0.5, 2, 150).astype(np.float32)
    target = rng.standard_normal(share.shape).astype(np.float32)
    columns = told(made, share, space=space, target=target, noise=noise)
    loud = loudness(made, space, noise)
    for ear in ("v1", "v3", "cp", "ve"):
        total = loud[ear].sum(1, keepdims=True) + 1e-4
        heard = loud[ear] @ share
        assert table(columns, f"{ear}_P", share) == pytest.approx(heard / total, abs=1e-5)
        assert table(columns, f"{ear}_w", share)[:, :1] == pytest.approx(np.log(total), abs=1e-4)
        if ear in ("cp", "ve"):
            expected = loud[ear] @ target / total
            assert table(columns, f"{ear}_T", share) == pytest.approx(expected, abs=1e-4)
        if ear in ("v1", "ve"):
            likeness = np.log((heard + 1e-5) / ((loud[ear] > 0) @ share + 1))
            assert table(columns, f"{ear}_m", share) == pytest.approx(likeness, abs=1e-3)
    votes = loud["vote"] @ share / (loud["vote"].sum(1, keepdims=True) + 1e-4)
    assert neighbour_votes(made, share) == pytest.approx(votes, abs=1e-5)


def test_the_greatest_cosine_is_to_a_likely_line_within_reach() -> None:
    made, share = drawn(150, cast=3, episodes=2, seed=5)
    columns = told(made, share)
    likely = np.where(share.max(1) >= 0.5, share.argmax(1), -1)
    for name, reach in (("e1", 1e9), ("m30", 30), ("m120", 120)):
        expected = np.full(share.shape, -0.5)
        for i, j in np.argwhere(made.episode[:, None] == made.episode).tolist():
            if i != j and likely[j] >= 0 and gap_s(made, i, j) <= reach:
                cosine = float(made.voices[i] @ made.voices[j])
                expected[i, likely[j]] = max(expected[i, likely[j]], cosine)
        assert table(columns, name, share) == pytest.approx(expected, abs=1e-5), name


@settings(max_examples=20)
@given(st.integers(0, 99), st.integers(0, 199), st.integers(0, 3))
def test_a_line_tells_nothing_of_itself(seed: int, line: int, code: int) -> None:
    made, share = drawn(100, cast=3, episodes=2, seed=seed)
    line %= 100
    relabelled = share.copy()
    relabelled[line] = np.eye(4, dtype=np.float32)[code]
    mine = every_row(made).line == line
    before, after = told(made, share, target=share), told(made, relabelled, target=relabelled)
    for name in before:
        assert before[name][mine] == pytest.approx(after[name][mine], abs=1e-4), name
    votes, again = neighbour_votes(made, share), neighbour_votes(made, relabelled)
    assert votes[line] == pytest.approx(again[line], abs=1e-6)


def test_lines_of_other_episodes_are_not_heard() -> None:
    voices = np.ones((2, 1), np.float32)
    made = series([(0, 1000), (1500, 2500)], episode=[0, 1], voices=voices)
    share = surely(ANN, BO, cast=2)
    columns = told(made, share)
    for name in ("v1_P", "v3_P", "cp_P", "ve_P"):
        assert (columns[name] == 0).all()
    assert (columns["e1"] == -0.5).all()
    assert (neighbour_votes(made, share) == 0).all()


def test_a_line_votes_with_the_one_that_sounds_alike() -> None:
    voices = np.array([[1, 0], [0, 1], [0.9, 0.436]], np.float32)
    made = series([(0, 900), (1000, 1900), (2000, 2900)], voices=voices)
    share = surely(ANN, BO, OTHERS, cast=2)
    columns = told(made, share)
    assert table(columns, "v1_P", share)[2, ANN] > 0.9
    assert table(columns, "cp_P", share)[2, ANN] > 0.7
    assert table(columns, "e1", share)[2] == pytest.approx([0.9, 0.436, -0.5])
    assert table(columns, "e1_d", share)[2] == pytest.approx([0.464, -0.464, -1.4])
    assert neighbour_votes(made, share)[2, ANN] > 0.9


def test_long_episodes_are_heard_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    made, share = drawn(150, cast=3, seed=8)
    whole = told(made, share)
    monkeypatch.setattr(listening, "_LINES_AT_ONCE", 50)
    pieces = told(made, share)
    # What is near is heard across the cut; what may be far is not.
    for name in ("v1_P", "v3_w", "cp_T", "m30", "m120"):
        assert pieces[name] == pytest.approx(whole[name], abs=1e-5), name
    piece = np.arange(150) // 50
    apart = Series(**{**vars(made), "episode": piece.astype(np.int32)})
    alone = told(apart, share)
    for name in ("ve_P", "ve_m", "e1"):
        assert pieces[name] == pytest.approx(alone[name], abs=1e-5), name


def test_no_line_within_reach_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listening, "_LINES_ASKED", 7)
    made, _ = drawn(100, cast=1, seed=4)
    everything = listening.Block(slice(10, 90), slice(0, 100))
    asked_in_all: list[int] = []
    longest = 0
    for asked, heard in listening.tiles(made.timeline, everything, 10):
        asked_in_all += range(asked.start, asked.stop)
        longest = max(longest, heard.stop - heard.start)
        for i in range(asked.start, asked.stop):
            within = [j for j in range(100) if gap_s(made, i, j) <= 10]
            assert heard.start <= min(within)
            assert max(within) < heard.stop
    assert asked_in_all == list(range(10, 90))
    assert longest < 50


def test_how_many_processors_there_are_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    made, share = drawn(1200, cast=5, episodes=4, seed=3)
    results = []
    for processors in (1, 3):
        monkeypatch.setattr(similarity, "available_processors", lambda count=processors: count)
        results.append(told(made, share, target=share) | {"votes": neighbour_votes(made, share)})
    one, three = results
    for name, column in one.items():
        assert np.array_equal(column, three[name]), name


@settings(max_examples=30)
@given(st.integers(1, 70), st.integers(1, 4), st.integers(1, 3), st.sampled_from([0, 0.5, 1]))
def test_columns_are_finite_whatever_the_series(
    n: int, cast: int, episodes: int, silent: float
) -> None:
    made, share = drawn(n, cast=cast, episodes=episodes, silent=silent, seed=n)
    columns = told(made, share, target=share)
    for name, column in columns.items():
        assert column.shape == (n * (cast + 1),), name
        assert column.dtype == np.float32, name
        assert np.isfinite(column).all(), name
    votes = neighbour_votes(made, share)
    assert (votes >= 0).all()
    assert (votes.sum(1) <= 1.00001).all()


def test_lines_that_end_before_they_begin_are_not_heard() -> None:
    made = series([(0, 1000), (3000, 2000), (4000, 5000)])
    columns = told(made, surely(ANN, BO, ANN, cast=2))
    assert all(np.isfinite(column).all() for column in columns.values())
    assert table(columns, "ve_P", surely(ANN, BO, ANN, cast=2))[0, BO] == 0


def test_nobody_is_sure_of_anything() -> None:
    made, _ = drawn(30, cast=3, seed=1)
    columns = told(made, np.full((30, 4), 0.25, np.float32))
    assert (columns["e1"] == -0.5).all()
    assert (columns["e1_d"] == 0).all()
