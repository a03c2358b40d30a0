"""Similarity of lines to what a character is known to say, without ever holding all pairs.

A voice is a unit row, so a dot product is a cosine. The score of a line for a character is the mean
of the k largest cosines to the character's known lines; blocks of a few megabytes are computed,
their largest values kept, and the blocks forgotten. `Workers` compute for several characters at
once.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from typing import Self, TypeVar

import numpy as np
import numpy.typing as npt

from castline.processors import available_processors

__all__ = [
    "LargestSimilarities",
    "Workers",
    "absent",
    "largest",
    "mean_of_largest",
    "top_mean",
]

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int32]

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")

_BLOCK_FLOATS = 1_000_000
"""Floats in one block of similarities with its gathered voices: 4 MB."""

_REFERENCES_AT_ONCE = 4096
"""Reference voices gathered at a time: 3 MB at 192 dimensions."""

_CHUNK_FROM = 512
"""Rows at least this long are thinned by chunk maxima before sorting; shorter ones are sorted."""

_MOST_WORKERS = 4

_IN_FLIGHT = 16
"""Tasks begun per worker before their results are taken."""

_SMALL = 256
"""Tasks with fewer reference lines than this are done at once: a thread would cost more."""


class Workers:
    """Threads that share the tasks of one propagation, while BLAS keeps to one thread each.

    NumPy lets go of the interpreter during its long loops, so tasks on different characters run
    side by side, and no core spins for another inside a product. A context manager: outside of it
    BLAS is as it was. Results do not depend on the number of workers.

    Args:
        count: How many; as many as there are processors for this process, at most 4, when left out.
    """

    def __init__(self, count: int | None = None) -> None:
        self._count = min(available_processors(), _MOST_WORKERS) if count is None else count
        self._open = ExitStack()
        self._pool: ThreadPoolExecutor | None = None

    def __enter__(self) -> Self:
        from threadpoolctl import threadpool_limits

        self._open.enter_context(threadpool_limits(1, user_api="blas"))
        if self._count > 1:
            self._pool = ThreadPoolExecutor(self._count)
            self._open.callback(self._pool.shutdown, cancel_futures=True)
        return self

    def __exit__(self, *_: object) -> None:
        self._pool = None
        self._open.close()

    def map(
        self,
        task: Callable[[_Item], _Result],
        items: Iterable[_Item],
        references: Callable[[_Item], int],
    ) -> Iterator[_Result]:
        """Results of a task on each item, in order; items are taken as workers come free.

        Args:
            task: Called with each item, from several threads.
            items: What to work on.
            references: How many reference lines an item has; small ones are done in this thread.
        """
        begun: deque[Future[_Result]] = deque()
        for item in items:
            if self._pool is not None and references(item) >= _SMALL:
                begun.append(self._pool.submit(task, item))
            elif begun:
                begun.append(_finished(task(item)))
            else:
                yield task(item)
            while begun and (begun[0].done() or len(begun) > _IN_FLIGHT * self._count):
                yield begun.popleft().result()
        while begun:
            yield begun.popleft().result()


def _finished(result: _Result) -> Future[_Result]:
    future: Future[_Result] = Future()
    future.set_result(result)
    return future


def absent(wanted: Ints, held: Ints) -> Ints:
    """The values of ascending `wanted` that are not in ascending `held`."""
    return wanted[~_is_in(wanted, held)]


def _is_in(values: Ints, held: Ints) -> npt.NDArray[np.bool_]:
    """For ascending values without repeats: which are in `held`."""
    if held.size == 0:
        return np.zeros(values.shape, bool)
    place = np.searchsorted(held, values)
    np.minimum(place, held.size - 1, out=place)
    found: npt.NDArray[np.bool_] = held[place] == values
    return found


def largest(values: Floats, count: int) -> Floats:
    """The `count` largest values of each row, ascending, exactly.

    Of a long row the maxima of equal chunks are taken first: the `count`-th largest of them bounds
    the wanted values from below, and little else in the row lies above it.

    Args:
        values: (R, M), no NaN.
        count: How many to keep.

    Returns:
        (R, count); rows shorter than `count` are filled up with -inf in front.
    """
    rows, length = values.shape
    if count >= length:
        padded = np.full((rows, count), -np.inf, np.float32)
        padded[:, count - length :] = np.sort(values, axis=1)
        return padded
    if length < max(_CHUNK_FROM, 4 * count):
        return np.ascontiguousarray(np.sort(values, axis=1)[:, length - count :])
    # A chunk is a column of the row written as a table: its maxima are taken along whole vectors.
    height = max(2, math.isqrt(length // count))
    width = length // height
    peaks = values[:, : height * width].reshape(rows, height, width).max(axis=1)
    floor = np.partition(peaks, width - count, axis=1)[:, width - count, None]
    found = np.flatnonzero(values >= floor)
    per_row = np.bincount(found // length, minlength=rows)
    widest = int(per_row.max(initial=count))
    shift = np.arange(rows) * widest - (np.cumsum(per_row) - per_row)
    picked = np.full((rows, widest), -np.inf, np.float32)
    picked.ravel()[np.arange(found.size) + np.repeat(shift, per_row)] = values.ravel()[found]
    picked.sort(axis=1)
    return np.ascontiguousarray(picked[:, widest - count :])


def mean_of_largest(top: Floats, k: int) -> Floats:
    """Mean of the k largest values of each row, in float32, summed from the largest down.

    Args:
        top: (R, W) ascending rows, W >= k.
        k: At least 1.

    Returns:
        (R,). The order of the sum is fixed so that a score does not depend on the block it was
        computed in.
    """
    width = top.shape[1]
    total = top[:, width - 1].copy()
    for column in range(width - 2, width - k - 1, -1):
        total += top[:, column]
    total /= np.float32(k)
    return total


def _blocks(voices: Floats, rows: Ints, references: Ints) -> Iterator[tuple[slice, slice, Floats]]:
    """Cosines of lines to references, block after block: which rows, which references, (r, m)."""
    if rows.size == 0:
        return
    for begin in range(0, references.size, _REFERENCES_AT_ONCE):
        columns = slice(begin, begin + _REFERENCES_AT_ONCE)
        reference_voices = voices[references[columns]]
        step = max(1, _BLOCK_FLOATS // (reference_voices.shape[0] + voices.shape[1]))
        for low in range(0, rows.size, step):
            part = slice(low, low + step)
            yield part, columns, voices[rows[part]] @ reference_voices.T


def _largest_similarities(
    voices: Floats, rows: Ints, references: Ints, width: int, *, zero_self: bool = False
) -> Floats:
    """The `width` largest cosines of each row to the references: (R, width), ascending.

    Fewer references than `width` leave -inf in front. `references` must be ascending.
    """
    top = np.full((rows.size, width), -np.inf, np.float32)
    for part, columns, block in _blocks(voices, rows, references):
        if zero_self:
            lines, others = rows[part], references[columns]
            own = np.flatnonzero(_is_in(lines, others))
            block[own, np.searchsorted(others, lines[own])] = 0
        found = largest(block, width)
        if columns.start:
            found = np.sort(np.concatenate([top[part], found], axis=1), axis=1)[:, width:]
        top[part] = found
    return top


def _peaks(voices: Floats, rows: Ints, references: Ints) -> Floats:
    """The largest cosine of each row to the references: (R,), -inf without references."""
    peak = np.full(rows.size, -np.inf, np.float32)
    for part, _, block in _blocks(voices, rows, references):
        np.maximum(peak[part], block.max(axis=1), out=peak[part])
    return peak


def top_mean(
    voices: Floats, rows: Ints, references: Ints, k: int, *, zero_self: bool = False
) -> Floats:
    """Mean of the k largest cosines of lines to a set of reference lines.

    Args:
        voices: (N, D) unit rows; a row of zeros has similarity 0 to everything.
        rows: (R,) lines to score, ascending.
        references: (M,) reference lines, ascending, M >= k.
        k: How many of the largest count, at least 1.
        zero_self: Count a line that is its own reference as similarity 0 instead of 1.

    Returns:
        (R,) float32. Time O(R M D), memory a few blocks of 4 MB and O(R k).
    """
    return mean_of_largest(
        _largest_similarities(voices, rows, references, k, zero_self=zero_self), k
    )


class LargestSimilarities:
    """How similar some lines are to some references, kept up as both sets change.

    Of every line only a bound is kept, which no mean of its largest similarities exceeds (save by
    rounding): the largest ever met. The largest values themselves are made when the mean of a line
    is first asked for, and kept up while it goes on being asked for. New references are multiplied
    once with the lines that are held, new lines once with all references, and lines whose mean is
    wanted once more. More values than asked for are kept, so that `k` may grow by a third before
    they have to be made again.

    Args:
        voices: (N, D) unit rows, not copied.
        limit: The largest k that will ever be asked for.

    Attributes:
        rows: (R,) lines held, ascending.
        bound: (R,) largest similarity of each to any reference held now or earlier.
        references: (M,) references held, ascending.
        warm: (W,) lines of which the largest similarities are kept, ascending.
        top: (W, width) these, ascending; -inf where there are fewer references.
    """

    def __init__(self, voices: Floats, limit: int) -> None:
        self._voices = voices
        self._limit = limit
        self.rows: Ints = np.empty(0, np.int32)
        self.bound: Floats = np.empty(0, np.float32)
        self.references: Ints = np.empty(0, np.int32)
        self.warm: Ints = np.empty(0, np.int32)
        self.top: Floats = np.empty((0, 0), np.float32)

    def update(self, rows: Ints, references: Ints) -> None:
        """Hold exactly these lines and references, with a bound for each line.

        Args:
            rows: (R,) lines, ascending.
            references: (M,) reference lines, ascending, none of them among `rows`.
        """
        fresh = absent(references, self.references)
        if references.size - fresh.size != self.references.size:
            self._cool()  # a reference is lost; the bounds hold all the same
        kept = _is_in(self.rows, rows)
        if not kept.all():
            self.rows, self.bound = self.rows[kept], self.bound[kept]
            self._keep_warm(rows)
        if fresh.size:
            self._merge(fresh)
        if self.rows.size != rows.size:
            new = absent(rows, self.rows)
            bound = np.empty(rows.size, np.float32)
            bound[np.searchsorted(rows, self.rows)] = self.bound
            bound[np.searchsorted(rows, new)] = _peaks(self._voices, new, references)
            self.bound = bound
        self.rows, self.references = rows, references

    def means(self, lines: Ints, k: int) -> Floats:
        """Mean of the k largest similarities of some of the lines held; see `mean_of_largest`.

        Args:
            lines: (L,) lines, ascending. The largest values of all others are dropped.
            k: At least 1, at most `limit` and the number of references.
        """
        if k > self.top.shape[1]:
            self._cool(min(self._limit, k + k // 3 + 1))
        self._keep_warm(lines)
        new = absent(lines, self.warm)
        if new.size:
            width = self.top.shape[1]
            top = np.empty((lines.size, width), np.float32)
            top[np.searchsorted(lines, self.warm)] = self.top
            top[np.searchsorted(lines, new)] = _largest_similarities(
                self._voices, new, self.references, width
            )
            self.warm, self.top = lines, top
        return mean_of_largest(self.top, k)

    def _cool(self, width: int = 0) -> None:
        """Forget all largest similarities."""
        self.warm, self.top = np.empty(0, np.int32), np.empty((0, width), np.float32)

    def _keep_warm(self, lines: Ints) -> None:
        """Forget the largest similarities of all but some lines."""
        kept = _is_in(self.warm, lines)
        if not kept.all():
            self.warm, self.top = self.warm[kept], self.top[kept]

    def _merge(self, fresh: Ints) -> None:
        """Let all lines held meet references that are new."""
        width = self.top.shape[1]
        for part, _, block in _blocks(self._voices, self.rows, fresh):
            peak = block.max(axis=1)
            np.maximum(self.bound[part], peak, out=self.bound[part])
            lines = self.rows[part]
            first, stop = np.searchsorted(self.warm, [lines[0], lines[-1] + 1])
            if first == stop:
                continue
            at = np.searchsorted(lines, self.warm[first:stop])
            better = np.flatnonzero(peak[at] > self.top[first:stop, 0])
            if better.size:
                found = block[at[better]]
                if found.shape[1] > 2 * width:
                    found = largest(found, width)
                both = np.concatenate([self.top[first + better], found], axis=1)
                self.top[first + better] = np.sort(both, axis=1)[:, found.shape[1] :]
