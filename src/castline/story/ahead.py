"""Making things ahead of who takes them, in a thread."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

__all__ = ["ahead"]

T = TypeVar("T")


class _End:
    """Stands where there is nothing more."""


def ahead(items: Iterator[T], count: int) -> Generator[T]:
    """The same items in the same order, so many of them made before the first is given.

    Whoever takes them while replies are awaited, as conversations are, must not be kept waiting for
    a film to be decoded.

    Args:
        items: Is run in one other thread.
        count: How many are made ahead.
    """
    end = _End()
    thread = ThreadPoolExecutor(1)
    try:
        waiting = deque(thread.submit(next, items, end) for _ in range(count))
        if waiting:
            waiting[-1].exception()
        while waiting:
            item = waiting.popleft().result()
            if isinstance(item, _End):
                return
            waiting.append(thread.submit(next, items, end))
            yield item
    finally:
        thread.shutdown(cancel_futures=True)
