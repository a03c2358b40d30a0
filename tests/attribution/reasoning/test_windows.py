"""Which dialogue is shown with a line."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from castline.attribution.reasoning.context import Windows

episodes = st.lists(st.integers(1, 70), min_size=1, max_size=4)


def _episode(sizes: list[int]) -> np.ndarray:
    return np.repeat(np.arange(len(sizes), dtype=np.int32), sizes)


@given(episodes, st.integers(0, 30), st.integers(1, 25))
def test_a_line_is_shown_with_so_many_before_and_after_as_its_episode_has(
    sizes: list[int], context: int, block: int
) -> None:
    episode = _episode(sizes)
    windows = Windows(episode, context, block)
    for row in range(len(episode)):
        shown = windows.of(row)
        near = [
            each
            for each in range(row - context, row + context + 1)
            if 0 <= each < len(episode) and episode[each] == episode[row]
        ]
        assert set(near) <= set(shown)
        assert len(shown) < 2 * context + block + 1
        assert set(episode[list(shown)]) == {episode[row]}


def test_lines_of_one_block_are_shown_the_same_and_alone_each_its_own() -> None:
    episode = np.zeros(200, np.int32)
    shared, own = Windows(episode, 30, 20), Windows(episode, 30, 1)
    assert len({shared.of(row) for row in range(100, 120)}) == 1
    assert own.of(100) == range(70, 131)


def test_the_share_that_changed_leaves_the_line_itself_out() -> None:
    windows = Windows(np.zeros(5, np.int32), 5, 1)
    before, now = np.zeros(5, np.int32), np.array([0, 1, 0, 1, 0], np.int32)
    assert windows.changed(before, now).tolist() == [0.5, 0.25, 0.5, 0.25, 0.5]
