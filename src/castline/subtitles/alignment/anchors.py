"""Where subtitles and recogniser say the same: runs of words that occur once in each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from castline.subtitles.alignment.model import Anchor
from castline.subtitles.alignment.tokens import Timeline, is_spaceless

__all__ = ["Matches", "Run", "anchors_of", "find_runs"]

# Shorter runs of words, or of characters, are often the same by chance.
_WORDS, _CHARACTERS = (6, 5, 4, 3), (8, 7, 6, 5)


class Run(NamedTuple):
    """`length` tokens that are the same from `written` in the subtitles, `heard` in the sound."""

    written: int
    heard: int
    length: int


@dataclass(frozen=True)
class Matches:
    """The runs in order of both, and the share of all runs that broke the order."""

    runs: list[Run]
    disordered: float


def find_runs(written: Timeline, heard: Timeline) -> Matches:
    """Find what both say, in the same order.

    Sequences of six down to three words (eight down to five characters in scripts without spaces)
    that occur exactly once in each are extended while both agree. Of these runs the heaviest set
    is kept that has one order in both: what breaks it is a recap, a catch-phrase, or, when there is
    much of it, the sign of another film.
    """
    characters = sum(map(is_spaceless, written.texts)) > len(written) / 2
    runs = sorted(_common_runs(written, heard, _CHARACTERS if characters else _WORDS))
    kept = _in_order(runs)
    disordered = 1 - len(kept) / len(runs) if runs else 0.0
    return Matches(kept, disordered)


def anchors_of(matches: Matches, written: Timeline, heard: Timeline) -> list[Anchor]:
    """One anchor for each line with a word in a run, in order; `line` counts as `written` does."""
    pairs: dict[int, list[tuple[int, int]]] = {}
    for run in matches.runs:
        for step in range(run.length):
            line = int(written.source[run.written + step])
            pairs.setdefault(line, []).append((run.written + step, run.heard + step))
    return [_anchor(line, found, written, heard) for line, found in pairs.items()]


def _anchor(line: int, pairs: list[tuple[int, int]], written: Timeline, heard: Timeline) -> Anchor:
    (first, first_heard), (last, last_heard) = pairs[0], pairs[-1]
    start, media = written.start[first], heard.start[first_heard]
    return Anchor(
        line=line,
        subtitle_ms=round(start),
        media_ms=round(media),
        subtitle_length_ms=round(written.end[last] - start),
        media_length_ms=max(0, round(heard.end[last_heard] - media)),
        at_start=first == 0 or written.source[first - 1] != line,
        at_end=last + 1 == len(written) or written.source[last + 1] != line,
        tokens=len(pairs),
    )


def _common_runs(written: Timeline, heard: Timeline, sizes: tuple[int, ...]) -> Iterator[Run]:
    numbers: dict[str, int] = {}
    both = np.array(
        [numbers.setdefault(text, len(numbers)) for text in (*written.texts, *heard.texts)],
        np.int64,
    )
    edge = len(written)
    ours, theirs = both[:edge].tolist(), both[edge:].tolist()
    used = np.zeros(edge, bool)
    for size in sizes:
        for i, j in _unique_hits(both, edge, size):
            if used[i : i + size].any():
                continue
            left, right = 0, size
            while (
                i > left and j > left and not used[i - left - 1]
                and ours[i - left - 1] == theirs[j - left - 1]
            ):  # fmt: skip
                left += 1
            while (
                i + right < edge and j + right < len(theirs) and not used[i + right]
                and ours[i + right] == theirs[j + right]
            ):  # fmt: skip
                right += 1
            used[i - left : i + right] = True
            yield Run(i - left, j - left, left + right)


def _unique_hits(both: npt.NDArray[np.int64], edge: int, size: int) -> list[tuple[int, int]]:
    """Where a sequence of `size` tokens starts that occurs once before and once after `edge`."""
    if min(edge, len(both) - edge) < size:
        return []
    names = both
    for step in range(1, size):
        # Sequences are numbered anew at each length, so that no two ever share a number.
        longer = names[:-1] * (int(both.max()) + 1) + both[step:]
        names = np.unique(longer, return_inverse=True)[1].reshape(-1)
    ours, theirs = names[: edge - size + 1], names[edge:]
    kinds = int(names.max()) + 1
    once = (np.bincount(ours, minlength=kinds) == 1) & (np.bincount(theirs, minlength=kinds) == 1)
    place = np.zeros(kinds, np.int64)
    place[theirs] = np.arange(len(theirs))
    starts = np.flatnonzero(once[ours])
    return list(zip(starts.tolist(), place[ours[starts]].tolist(), strict=True))


def _in_order(runs: list[Run]) -> list[Run]:
    """The runs, sorted by `written`, of greatest total length whose `heard` rises too."""
    if not runs:
        return []
    ranks = {heard: rank for rank, heard in enumerate(sorted({run.heard for run in runs}), 1)}
    best: list[tuple[int, int]] = [(0, -1)] * (len(ranks) + 1)  # a Fenwick tree of maxima
    previous = []
    for number, run in enumerate(runs):
        weight, before = 0, -1
        at = ranks[run.heard] - 1
        while at > 0:
            if best[at][0] > weight:
                weight, before = best[at]
            at &= at - 1
        previous.append(before)
        at = ranks[run.heard]
        while at < len(best):
            if weight + run.length > best[at][0]:
                best[at] = (weight + run.length, number)
            at += at & -at
    total, last = 0, -1
    at = len(ranks)
    while at > 0:
        if best[at][0] > total:
            total, last = best[at]
        at &= at - 1
    chain: list[Run] = []
    while last >= 0:
        chain.append(runs[last])
        last = previous[last]
    return _trimmed(chain[::-1])


def _trimmed(chain: list[Run]) -> list[Run]:
    """Runs that share no recognised word: what two claim stays with the first."""
    kept: list[Run] = []
    end = 0
    for run in chain:
        extra = max(0, end - run.heard)
        if extra < run.length:
            kept.append(Run(run.written + extra, run.heard + extra, run.length - extra))
            end = run.heard + run.length
    return kept
