"""Groups of neighbouring lines and their verdicts."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from castline.attribution.groups import (
    GroupEvidence,
    find_groups,
    group_means,
    judge_groups,
    local_similarity,
)

from .reference import components


def voices_of(kinds: list[int]) -> np.ndarray:
    return np.eye(8, dtype=np.float32)[kinds] if kinds else np.empty((0, 8), np.float32)


@given(st.lists(st.integers(0, 3), max_size=40), st.data())
def test_groups_are_components_of_open_neighbours_in_order(
    kinds: list[int], data: st.DataObject
) -> None:
    n = len(kinds)
    is_open = data.draw(st.lists(st.booleans(), min_size=n, max_size=n))
    nodes = [i for i in range(n) if is_open[i]]
    edges = [(i, j) for i in nodes for j in nodes if i < j <= i + 5 and kinds[i] == kinds[j]]
    expected = [group for group in components(nodes, edges) if len(group) >= 3]
    found = find_groups(
        local_similarity(voices_of(kinds), 5), np.array(is_open, bool), np.float32(0.9), 3
    )
    bounds = found.offsets.tolist()
    assert [found.lines[a:b].tolist() for a, b in pairwise(bounds)] == expected
    assert {i for i in range(n) if found.of_line[i] >= 0} == set(found.lines.tolist())
    numbers = np.arange(len(expected), dtype=np.int32)[::2]
    lines, which = found.members(numbers)
    assert lines.tolist() == [line for group in expected[::2] for line in group]
    assert which.tolist() == [i for i, group in enumerate(expected[::2]) for _ in group]


def test_local_similarity_reaches_no_further_than_the_series() -> None:
    found = local_similarity(voices_of([0, 0, 1]), 5)
    assert found.shape == (5, 3)
    assert found[0].tolist() == [1, 0, -np.inf]
    assert found[1].tolist() == [0, -np.inf, -np.inf]
    assert np.isneginf(found[2:]).all()


def test_group_means_are_summed_line_after_line() -> None:
    scores = np.random.default_rng(0).random(40, np.float32)
    total = np.float32(0)
    for score in scores:
        total = np.float32(total + score)
    found = group_means(scores, np.zeros(40, np.int32), np.array([40], np.int32))
    assert found.tolist() == [np.float32(total / np.float32(40))]


def evidence(character: int, near: int, score: float) -> GroupEvidence:
    return GroupEvidence(
        character,
        np.array([0], np.int32),
        np.array([near], np.int32),
        np.array([score], np.float32),
    )


def judge(*found: GroupEvidence) -> tuple[float, int, int]:
    verdicts = judge_groups(np.array([4], np.int32), found, np.float32(0.5), np.float32(0.75))
    return float(verdicts.best[0]), int(verdicts.character[0]), int(verdicts.high[0])


def test_half_of_a_group_near_and_the_threshold_reached_is_likely() -> None:
    assert judge(evidence(3, 2, 0.5)) == (0.5, 3, 1)


def test_fewer_lines_near_need_a_clear_score() -> None:
    assert judge(evidence(3, 1, 0.625)) == (0.625, 3, 0)
    assert judge(evidence(3, 1, 0.75)) == (0.75, 3, 1)


def test_the_best_candidate_need_not_be_the_likely_one() -> None:
    assert judge(evidence(0, 4, 0.5), evidence(1, 1, 0.625)) == (0.625, 1, 1)


def test_equal_scores_go_to_the_lower_code() -> None:
    assert judge(evidence(2, 4, 0.5), evidence(5, 4, 0.5)) == (0.5, 2, 2)


def test_a_group_with_nobody_near_has_no_candidate() -> None:
    assert judge() == (0.0, -1, 0)
