"""Lines from recognised speech, for films without subtitles."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from castline.tables.catalog import table
from castline.tables.schema import build_frame

if TYPE_CHECKING:
    import polars as pl

    from castline.engines.base import Word

__all__ = ["LONGEST_MS", "PAUSE_MS", "lines_from_words", "split_segment"]

PAUSE_MS = 600
"""A pause this long ends a line."""
LONGEST_MS = 7000
"""A line that would grow longer ends at its longest pause: captions stay no longer than this."""
_ENDS = (".", "!", "?", "…", "。", "！", "？")


def split_segment(words: Sequence[Word]) -> Iterator[list[Word]]:
    """Cut what was recognised in one piece into lines, in order.

    A line ends with a sentence, before a pause of `PAUSE_MS`, and at its longest pause when it is
    longer than `LONGEST_MS`.
    """
    line: list[Word] = []
    for word in words:
        if line and (
            word.start_ms - line[-1].end_ms >= PAUSE_MS or line[-1].text.strip().endswith(_ENDS)
        ):
            yield from _shortened(line)
            line = []
        line.append(word)
    if line:
        yield from _shortened(line)


def _shortened(line: list[Word]) -> Iterator[list[Word]]:
    if len(line) < 2 or line[-1].end_ms - line[0].start_ms <= LONGEST_MS:
        yield line
        return
    middle = len(line) / 2
    cut = max(
        range(1, len(line)),
        key=lambda place: (line[place].start_ms - line[place - 1].end_ms, -abs(place - middle)),
    )
    yield from _shortened(line[:cut])
    yield from _shortened(line[cut:])


def lines_from_words(segments: Iterable[Sequence[Word]], episode: str, source: str) -> pl.DataFrame:
    """The table `lines` of what was recognised; confidence is the mean of the words'.

    Args:
        segments: Words that belong together, in order of time.
        episode: The episode.
        source: The recogniser.
    """
    spoken = ([word for word in segment if word.text.strip()] for segment in segments)
    lines = [line for segment in spoken for line in split_segment(segment)]
    return build_frame(
        table("lines"),
        {
            "line": [f"{episode}-{number:05d}" for number in range(1, len(lines) + 1)],
            "number": list(range(len(lines))),
            "start_ms": [line[0].start_ms for line in lines],
            "end_ms": [line[-1].end_ms for line in lines],
            "text": [_written(line) for line in lines],
            "kind": ["speech"] * len(lines),
            "confidence": [sum(w.probability for w in line) / len(line) for line in lines],
        },
        episode=episode,
        source=source,
    )


def _written(line: Sequence[Word]) -> str:
    """The words as text: with spaces between them, save in scripts that have none."""
    text = ""
    for word in (each.text.strip() for each in line):
        tight = text and "W" in map(unicodedata.east_asian_width, (text[-1], word[0]))
        text += word if tight or not text else f" {word}"
    return text
