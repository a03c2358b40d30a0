"""Things are made ahead of who takes them."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from castline.story.ahead import ahead


@given(st.lists(st.integers()), st.integers(1, 5))
def test_the_same_items_come_in_the_same_order(items: list[int], count: int) -> None:
    assert list(ahead(iter(items), count)) == items


def test_so_many_are_made_before_the_first_is_taken() -> None:
    made: list[int] = []

    def items() -> Iterator[int]:
        for number in range(9):
            made.append(number)
            yield number

    taken = ahead(items(), 3)
    assert next(taken) == 0
    assert len(made) >= 3
    taken.close()
    assert len(made) < 9


def test_an_error_reaches_who_takes_them() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise ValueError("no film")

    with pytest.raises(ValueError, match="no film"):
        list(ahead(items(), 4))


def test_no_thread_is_left_when_nobody_takes_any_more() -> None:
    before = threading.active_count()
    taken = ahead(iter(range(100)), 4)
    next(taken)
    taken.close()
    assert threading.active_count() == before
