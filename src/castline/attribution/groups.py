"""Groups of neighbouring lines that sound alike, and whom each group sounds like.

A scene often gives a speaker several lines in a row; together they are stronger evidence than one
line alone, and a group that resembles nobody near it is a voice the cast does not know yet.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["GroupEvidence", "Groups", "Verdicts", "find_groups", "judge_groups", "local_similarity"]

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int32]

_BLOCK_LINES = 8192


@dataclass(frozen=True)
class Groups:
    """Groups in order: largest first, equal sizes by their first line.

    Attributes:
        offsets: (G + 1,) where each group begins in `lines`.
        lines: Lines of all groups, ascending inside a group.
        of_line: (N,) number of the group of each line, -1 for none.
    """

    offsets: Ints
    lines: Ints
    of_line: Ints

    @property
    def sizes(self) -> Ints:
        """(G,) number of lines of each group."""
        return np.diff(self.offsets)

    def members(self, groups: Ints) -> tuple[Ints, Ints]:
        """Lines of some groups and, for each line, which of them it is in (0 to len(groups)-1)."""
        sizes = self.sizes[groups]
        which = np.repeat(np.arange(groups.size, dtype=np.int32), sizes)
        shift = self.offsets[groups] - (np.cumsum(sizes) - sizes)
        return self.lines[np.arange(which.size) + shift[which]], which


@dataclass(frozen=True)
class GroupEvidence:
    """What speaks for one character in the groups it is near.

    Attributes:
        character: Its code.
        groups: (g,) numbers of groups with at least one line near the character, ascending.
        near: (g,) number of lines of the group near the character.
        score: (g,) mean over the group of its lines' scores for the character.
    """

    character: int
    groups: Ints
    near: Ints
    score: Floats


@dataclass(frozen=True)
class Verdicts:
    """What the groups are taken for.

    Attributes:
        best: (G,) score of the best candidate, 0 where there is none.
        character: (G,) best candidate, -1 where there is none.
        high: (G,) how many characters are too likely to be passed over.
    """

    best: Floats
    character: Ints
    high: Ints


def local_similarity(voices: Floats, radius: int) -> Floats:
    """Similarity of each line to the lines that follow it.

    Args:
        voices: (N, D) unit rows.
        radius: How many following lines.

    Returns:
        (radius, N); entry [d - 1, i] belongs to lines i and i + d, -inf beyond the last line.
    """
    n = voices.shape[0]
    out = np.full((radius, n), -np.inf, np.float32)
    for offset in range(1, min(radius, n - 1) + 1):
        for low in range(0, n - offset, _BLOCK_LINES):
            high = min(low + _BLOCK_LINES, n - offset)
            np.einsum(
                "ij,ij->i",
                voices[low:high],
                voices[low + offset : high + offset],
                out=out[offset - 1, low:high],
            )
    return out


def find_groups(
    similarity: Floats, open_lines: npt.NDArray[np.bool_], threshold: np.float32, smallest: int
) -> Groups:
    """Connected components of open lines that lie close together and sound alike.

    Args:
        similarity: (radius, N) from `local_similarity`.
        open_lines: (N,) lines that may take part.
        threshold: Least similarity of two joined lines, inclusive.
        smallest: Components with fewer lines are no groups.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    n = open_lines.size
    heads, tails = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    for offset, row in enumerate(similarity[: max(n - 1, 0)], start=1):
        joined = (row[: n - offset] >= threshold) & open_lines[:-offset] & open_lines[offset:]
        head = np.flatnonzero(joined)
        heads.append(head)
        tails.append(head + offset)
    head, tail = np.concatenate(heads), np.concatenate(tails)
    of_line = np.full(n, -1, np.int32)
    nodes, ends = np.unique(np.concatenate([head, tail]), return_inverse=True)
    if nodes.size == 0:
        return Groups(np.zeros(1, np.int32), np.empty(0, np.int32), of_line)
    edges = (ends[: head.size], ends[head.size :])
    graph = coo_array((np.ones(head.size, bool), edges), shape=(nodes.size, nodes.size))
    _, component = connected_components(graph, directed=False)
    _, first, size = np.unique(component, return_index=True, return_counts=True)
    order = np.lexsort((first, -size))
    order = order[size[order] >= smallest]
    number = np.full(size.size, -1, np.int32)
    number[order] = np.arange(order.size, dtype=np.int32)
    of_line[nodes] = number[component]
    grouped = np.flatnonzero(of_line >= 0).astype(np.int32)
    lines = grouped[np.argsort(of_line[grouped], kind="stable")]
    offsets = np.zeros(order.size + 1, np.int32)
    np.cumsum(size[order], out=offsets[1:])
    return Groups(offsets, lines, of_line)


def group_means(scores: Floats, which: Ints, sizes: Ints) -> Floats:
    """Mean score of each group, summed line after line in float32."""
    total = np.zeros(sizes.size, np.float32)
    np.add.at(total, which, scores)  # in order of index, unlike the pairwise np.add.reduceat
    total /= sizes.astype(np.float32)
    return total


def judge_groups(
    sizes: Ints, evidence: Iterable[GroupEvidence], threshold: np.float32, clear: np.float32
) -> Verdicts:
    """Choose the best candidate of each group and count its likely ones.

    A character is likely ("high") if it is near at least half of the lines and scores `threshold`,
    or near any of them and scores `clear`.

    Args:
        sizes: (G,) lines of each group.
        evidence: One record a character, ascending by code; ties go to the first.
        threshold: Score that suffices for a character near at least half of the group.
        clear: Score that suffices for a character near any of its lines.
    """
    best = np.full(sizes.size, -np.inf, np.float32)
    character = np.full(sizes.size, -1, np.int32)
    high = np.zeros(sizes.size, np.int32)
    for one in evidence:
        mostly_near = 2 * one.near >= sizes[one.groups]
        high[one.groups] += (mostly_near & (one.score >= threshold)) | (one.score >= clear)
        better = one.score > best[one.groups]
        best[one.groups[better]] = one.score[better]
        character[one.groups[better]] = one.character
    best[character < 0] = 0
    return Verdicts(best, character, high)
