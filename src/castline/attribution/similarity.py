"""Similarity of lines to what a character is known to say, without ever holding all pairs.

A voice is a unit row, so a dot product is a cosine. The score of a line for a character is the mean
of the k largest cosines to the character's known lines; blocks of a few megabytes are computed,
their largest values kept, and the blocks forgotten.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

__all__ = ["LargestSimilarities", "absent", "largest", "mean_of_largest", "top_mean"]

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int32]

_BLOCK_FLOATS = 2_000_000
"""Floats in one block of similarities with its gathered voices: 8 MB."""

_REFERENCES_AT_ONCE = 8192
"""Reference voices gathered at a time: 6 MB at 192 dimensions."""

_CHUNK_FROM = 512
"""Rows at least this long are thinned by chunk maxima before sorting; shorter ones are sorted."""


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


def _similarities(
    voices: Floats, rows: Ints, references: Ints, reference_voices: Floats, *, zero_self: bool
) -> Floats:
    """Cosines (len(rows), len(references)); optionally 0 between a line and itself."""
    block = voices[rows] @ reference_voices.T
    if zero_self:
        own = np.flatnonzero(_is_in(rows, references))
        block[own, np.searchsorted(references, rows[own])] = 0
    return block


def _largest_similarities(
    voices: Floats, rows: Ints, references: Ints, width: int, *, zero_self: bool = False
) -> Floats:
    """The `width` largest cosines of each row to the references: (R, width), ascending.

    Fewer references than `width` leave -inf in front. `references` must be ascending.
    """
    top = np.full((rows.size, width), -np.inf, np.float32)
    for begin in range(0, references.size, _REFERENCES_AT_ONCE):
        part = references[begin : begin + _REFERENCES_AT_ONCE]
        part_voices = voices[part]
        step = max(1, _BLOCK_FLOATS // (part.size + voices.shape[1]))
        for low in range(0, rows.size, step):
            block = _similarities(
                voices, rows[low : low + step], part, part_voices, zero_self=zero_self
            )
            found = largest(block, width)
            if begin:
                both = np.concatenate([top[low : low + step], found], axis=1)
                found = np.sort(both, axis=1)[:, width:]
            top[low : low + step] = found
    return top


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
        (R,) float32. Time O(R M D), memory a few blocks of 8 MB and O(R k).
    """
    return mean_of_largest(
        _largest_similarities(voices, rows, references, k, zero_self=zero_self), k
    )


class LargestSimilarities:
    """The largest similarities of some lines to some references, kept up as both sets change.

    New references are multiplied once with the lines that are held and merged where they matter;
    new lines once with all references. More values than asked for are kept, so that `k` may grow by
    a third before everything has to be computed again.

    Args:
        voices: (N, D) unit rows, not copied.
        limit: The largest k that will ever be asked for.

    Attributes:
        rows: (R,) lines held, ascending.
        references: (M,) references held, ascending.
        top: (R, width) largest similarities, ascending; -inf where there are fewer references.
    """

    def __init__(self, voices: Floats, limit: int) -> None:
        self._voices = voices
        self._limit = limit
        self.rows: Ints = np.empty(0, np.int32)
        self.references: Ints = np.empty(0, np.int32)
        self.top: Floats = np.empty((0, 0), np.float32)

    def update(self, rows: Ints, references: Ints, k: int) -> None:
        """Hold exactly these lines and references, with at least the k largest values each.

        Args:
            rows: (R,) lines, ascending.
            references: (M,) reference lines, ascending, M >= k, none of them among `rows`.
            k: At least 1, at most `limit`.
        """
        fresh = absent(references, self.references)
        lost = references.size - fresh.size != self.references.size
        if lost or k > self.top.shape[1]:
            width = min(self._limit, k + k // 3 + 1)
            self.top = np.empty((0, 0), np.float32)  # free it before the new one is made
            self.top = _largest_similarities(self._voices, rows, references, width)
        else:
            self._keep(rows)
            if fresh.size:
                self._merge(fresh)
            if self.rows.size != rows.size:
                self._add_rows(rows, references)
        self.rows, self.references = rows, references

    def mean(self, k: int) -> Floats:
        """(R,) mean of the k largest similarities of each line held; see `mean_of_largest`."""
        return mean_of_largest(self.top, k)

    def _keep(self, rows: Ints) -> None:
        kept = _is_in(self.rows, rows)
        if not kept.all():
            self.rows, self.top = self.rows[kept], self.top[kept]

    def _merge(self, fresh: Ints) -> None:
        width = self.top.shape[1]
        fresh_voices = self._voices[fresh]
        step = max(1, _BLOCK_FLOATS // (fresh.size + self._voices.shape[1]))
        for low in range(0, self.rows.size, step):
            top = self.top[low : low + step]
            block = self._voices[self.rows[low : low + step]] @ fresh_voices.T
            better = np.flatnonzero(block.max(axis=1) > top[:, 0])
            if better.size:
                found = block[better]
                if fresh.size > 2 * width:
                    found = largest(found, width)
                both = np.concatenate([top[better], found], axis=1)
                top[better] = np.sort(both, axis=1)[:, found.shape[1] :]

    def _add_rows(self, rows: Ints, references: Ints) -> None:
        new = absent(rows, self.rows)
        width = self.top.shape[1]
        top = np.empty((rows.size, width), np.float32)
        top[np.searchsorted(rows, self.rows)] = self.top
        top[np.searchsorted(rows, new)] = _largest_similarities(
            self._voices, new, references, width
        )
        self.top = top
