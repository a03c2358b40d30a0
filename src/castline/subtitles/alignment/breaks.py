"""Between which two lines a cut lies, and which lines it took away."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence

import numpy as np

from castline.subtitles.alignment.tokens import Timeline

__all__ = ["Heard", "assign_lines"]

# A word this many milliseconds from where it should be was still heard.
_REACH = 600.0
# Logarithms of how much likelier a hit, or a miss, is when the line is there: with a recogniser
# that gets 60 % right, while one word in ten of any text is near by chance.
_HIT, _MISS = 1.8, -0.8
# Milliseconds by which the lines that went with a cut may be longer or shorter than the cut.
_SLACK = 500.0
# With more lines between two anchors than this, none is taken for absent: work grows with their
# square.
_MOST = 200


class Heard:
    """What was heard when: answers how well a line fits at a place."""

    def __init__(self, written: Timeline, heard: Timeline, speed: float) -> None:
        self._speed = speed
        self._written = written
        self._first = np.searchsorted(written.source, np.arange(int(written.source[-1]) + 2))
        self._times: dict[str, list[float]] = {}
        for text, time in zip(heard.texts, heard.start.tolist(), strict=True):
            self._times.setdefault(text, []).append(time)

    def fit(self, line: int, offset: float) -> float:
        """Log-likelihood ratio that a line is spoken where `offset` puts it."""
        if line + 1 >= len(self._first):
            return 0.0
        total = 0.0
        for token in range(self._first[line], self._first[line + 1]):
            expected = self._speed * self._written.start[token] + offset
            times = self._times.get(self._written.texts[token], ())
            at = bisect_left(times, expected - _REACH)
            total += _HIT if at < len(times) and times[at] <= expected + _REACH else _MISS
        return total


def assign_lines(
    spans: Sequence[tuple[int, int]],
    open_lines: Sequence[range],
    offsets: Sequence[float],
    speed: float,
    fit: Callable[[int, int], float],
) -> list[int | None]:
    """The piece of each line; None for lines that a cut took away.

    Args:
        spans: (start, end) of all lines by the subtitles, in order.
        open_lines: For each two pieces that follow each other, the lines between what surely is
            the one's and what surely is the other's; at least one line on either side is sure.
        offsets: Of the pieces, in milliseconds.
        speed: Media time for each unit of subtitle time.
        fit: How well a line suits a piece; above 0 speaks for it.
    """
    of_line: list[int | None] = [0] * len(spans)
    for later, between in enumerate(open_lines, start=1):
        earlier = later - 1
        left, right = _split(
            spans[between.start - 1 : between.stop + 1],
            [fit(line, earlier) for line in between],
            [fit(line, later) for line in between],
            (offsets[earlier] - offsets[later]) / speed,
        )
        for number, line in enumerate(between):
            of_line[line] = earlier if number < left else later if number >= right else None
        of_line[between.stop :] = [later] * (len(spans) - between.stop)
    return of_line


def _split(
    spans: Sequence[tuple[int, int]],
    before: Sequence[float],
    after: Sequence[float],
    missing: float,
) -> tuple[int, int]:
    """Split the lines that may belong to either of two pieces.

    Args:
        spans: (start, end) of these lines by the subtitles, and of the line on either side, first
            and last; so there are two more than lines to split.
        before: How well each line fits in the earlier piece.
        after: The same for the later piece.
        missing: How much subtitle time has no place in the media; negative where footage was added.

    Returns:
        How many lines belong to the earlier piece, and where those of the later one begin; lines
        between are absent. Silence decides where evidence does not.
    """
    count = len(before)
    gains = np.concatenate([[0.0], np.cumsum(before)])
    rest = np.concatenate([np.cumsum(after[::-1])[::-1], [0.0]])
    silence = [max(0, spans[at + 1][0] - spans[at][1]) for at in range(count + 1)]
    if missing <= 0 or count > _MOST:
        scores = gains + rest + np.array(silence) / 10_000
        at = int(np.argmax(scores))
        return at, at
    options = [
        (gains[left] + rest[right] + (silence[left] + silence[right]) / 20_000, -left, -right)
        for left in range(count + 1)
        for right in range(left, count + 1)
        if _fits(spans, left, right, missing)
    ]
    if not options:
        return 0, count
    _, left, right = max(options)
    return -left, -right


def _fits(spans: Sequence[tuple[int, int]], left: int, right: int, missing: float) -> bool:
    """Whether the lines from `left` up to `right` can be just those that were cut out."""
    room = spans[right + 1][0] - spans[left][1]
    taken = spans[right][1] - spans[left + 1][0] if right > left else 0
    return taken - _SLACK <= missing <= room + _SLACK
