"""Tight seeds: the small share of a character's lines that lies closest together by voice.

The published experiments start from these. They need the true speaker of every line, so they serve
comparison with the published figures; nobody would sample or annotate lines like this.

The published rule bisects on a threshold: a largest connected component of the lines that are at
least that similar is taken while it is small enough. Its graphs need all pairs; here only the most
similar ones are kept, enough to prove that any lower threshold joins too many.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from castline.errors import UsageError

__all__ = ["VERSION", "find_tight_seeds", "tightest_lines"]

VERSION = 1
"""Raised when other lines would be chosen."""

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int32]
Places = npt.NDArray[np.int64]

_LOWEST, _HIGHEST, _PRECISION = 0.4, 1.0, 1e-8
"""Where the bisection on the similarity begins and when it ends."""

_BLOCK_FLOATS = 2_000_000
"""Floats in one block of similarities: 8 MB."""

_SPARE_PAIRS = 100_000
"""How many pairs too many may gather before the least similar are forgotten."""


def find_tight_seeds(
    voices: Floats, speaker: Ints, n_cast: int, share: float = 0.01
) -> npt.NDArray[np.int32]:
    """Choose about one line in a hundred of each character, the closest together by voice.

    Args:
        voices: (N, D) unit rows; zeros for a line without a usable voice.
        speaker: (N,) code of the true speaker, -1 for lines that may not be chosen.
        n_cast: Number of characters.
        share: Share of a character's lines wanted, rounded down, but at least one line.

    Returns:
        (N,) code of the speaker at chosen lines, -1 elsewhere. A character may get fewer lines than
        wanted where no threshold gives a component of that very size, and none if its lines are
        all alike.

    Raises:
        UsageError: The arrays differ in length or name somebody beyond the cast.
    """
    if voices.ndim != 2 or voices.shape[0] != speaker.size:
        raise UsageError(f"{speaker.size} speakers do not fit voices of shape {voices.shape}.")
    if speaker.max(initial=-1) >= n_cast:
        raise UsageError(f"Speaker {speaker.max()} is beyond the cast of {n_cast}.")
    seeds = np.full(speaker.size, -1, np.int32)
    for character in range(n_cast):
        lines = np.flatnonzero(speaker == character)
        if lines.size:
            target = max(1, int(share * lines.size))
            seeds[lines[tightest_lines(voices[lines], target)]] = character
    return seeds


def tightest_lines(voices: Floats, target: int) -> Places:
    """Find at most `target` of n lines that form one component at the lowest threshold possible.

    Args:
        voices: (n, D) unit rows, n >= 1.
        target: Most lines wanted, at least 1.

    Returns:
        Places of the lines, ascending. Time O(n^2 D), memory O(n target) and a block.
    """
    n = voices.shape[0]
    head, tail, likeness = _closest_pairs(voices, n * (target - 1) // 2)
    # One pair more than components of `target` lines can hold: at its similarity, too many join.
    crowded = likeness[-1] if likeness.size > n * (target - 1) // 2 else -np.inf
    low, high = _LOWEST, _HIGHEST
    best = np.empty(0, np.int64)
    while high - low >= _PRECISION:
        middle = (low + high) / 2
        threshold = np.float32(middle)
        if threshold <= crowded:
            low = middle
            continue
        count = int(np.searchsorted(-likeness, -threshold, side="right"))
        component = _components(head[:count], tail[:count], n)
        sizes = np.bincount(component)
        largest = int(sizes.max())
        if largest > target:
            low = middle
            continue
        best, high = np.flatnonzero(sizes[component] == largest), middle
        best_component = component[best]
        if largest == target:
            break
    if best.size == 0:
        return best
    return _most_central(voices, best, best_component)


def _components(head: Ints, tail: Ints, n: int) -> Ints:
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    graph = coo_array((np.ones(head.size, bool), (head, tail)), shape=(n, n))
    component: Ints = connected_components(graph, directed=False)[1]
    return component


def _mean_similarity(voices: Floats, lines: Places) -> Floats:
    """Mean similarity of some lines to all n lines, counting 0 for a line and itself."""
    n = voices.shape[0]
    if n * n <= _BLOCK_FLOATS:
        # A product with itself is exactly symmetric, so lines that are alike by symmetry do tie.
        square = voices @ voices.T
        np.fill_diagonal(square, 0)
        means: Floats = square[lines].mean(axis=1)
        return means
    out = np.empty(lines.size, np.float32)
    step = max(1, _BLOCK_FLOATS // n)
    for low in range(0, lines.size, step):
        part = lines[low : low + step]
        block = voices[part] @ voices.T
        block[np.arange(part.size), part] = 0
        out[low : low + step] = block.mean(axis=1)
    return out


def _closest_pairs(voices: Floats, count: int) -> tuple[Ints, Ints, Floats]:
    """The count + 1 most similar pairs of lines above the lowest threshold, most similar first."""
    floor = np.float32(_LOWEST)
    heads, tails = [np.empty(0, np.int32)], [np.empty(0, np.int32)]
    values = [np.empty(0, np.float32)]
    held = 0

    def kept() -> tuple[Ints, Ints, Floats]:
        head, tail, value = np.concatenate(heads), np.concatenate(tails), np.concatenate(values)
        if value.size > count + 1:
            top = np.argpartition(value, value.size - count - 1)[value.size - count - 1 :]
            head, tail, value = head[top], tail[top], value[top]
        return head, tail, value

    n = voices.shape[0]
    step = max(1, _BLOCK_FLOATS // n)
    for low in range(0, n, step):
        block = voices[low : low + step] @ voices[low:].T
        found = np.flatnonzero(block >= floor)
        row, column = np.divmod(found, n - low)
        later = column > row  # each pair once, and no line with itself
        heads.append((row[later] + low).astype(np.int32))
        tails.append((column[later] + low).astype(np.int32))
        values.append(block.ravel()[found[later]])
        held += values[-1].size
        if held > 2 * (count + 1) + _SPARE_PAIRS:
            head, tail, value = kept()
            heads, tails, values, held = [head], [tail], [value], value.size
            # Ties with the last pair kept may go: the floor itself is already too crowded.
            floor = np.float32(np.nextafter(value.min(), np.float32(2)))
    head, tail, value = kept()
    order = np.argsort(-value, kind="stable")
    return head[order], tail[order], value[order]


def _most_central(voices: Floats, lines: Places, component: Ints) -> Places:
    """The lines of the component that is most similar to all lines; the first of equals."""
    names, first = np.unique(component, return_index=True)
    if names.size == 1:
        return lines
    likeness = _mean_similarity(voices, lines)
    best, chosen = -np.inf, names[0]
    for name in names[np.argsort(first)]:
        centrality = float(likeness[component == name].mean())
        if centrality > best:
            best, chosen = centrality, name
    central: Places = lines[component == chosen]
    return central
