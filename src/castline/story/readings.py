"""Readings of burnt-in writing: joined over gaps and borders, told from logos, made into lines."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING

from castline.story.lines import Span, lines_frame
from castline.tables.catalog import table
from castline.tables.schema import build_frame

if TYPE_CHECKING:
    import polars as pl

    from castline.subtitles.base import Document

__all__ = [
    "Reading",
    "alike",
    "lines_from_readings",
    "merge_readings",
    "readings_frame",
    "same_place",
]

_SURE = 0.9
"""Readings of a lower score may be wrong by two more letters."""
_GAP_MS = 400
"""A text that is back after less was there all the time."""
_RECENT = 8
"""Rows of writing before a reading that are compared with it."""
_TOGETHER_MS = 300
"""Rows that come and go within this time of each other are one subtitle."""
_LASTING_MS = 60_000
"""Writing that is seen for so long in one place is no subtitle, but a logo."""
_DOUBTFUL = 0.8
"""Readings of a lower score are noted."""


@dataclass(frozen=True)
class Reading:
    """One row of writing, from when to when it was seen.

    Attributes:
        start_ms: The first frame that shows it.
        end_ms: The first frame that no longer does.
        text: What it says.
        top: Upper edge as a share of the height of the picture.
        bottom: Lower edge as a share of the height.
        score: Probability that it was read right, 0 to 1.
    """

    start_ms: int
    end_ms: int
    text: str
    top: float
    bottom: float
    score: float


def alike(one: Reading, other: Reading) -> bool:
    """Whether two readings are of the same text.

    One letter in eight may differ, and two more where either was read badly: so "I know." and
    "I knew." stay two texts when both were read well. Blanks, marks and case do not count.
    """
    first, second = _letters(one.text), _letters(other.text)
    longest = max(len(first), len(second))
    allowed = longest // 8 + (min(2, longest // 3) if min(one.score, other.score) < _SURE else 0)
    if abs(len(first) - len(second)) > allowed:
        return False
    from rapidfuzz.distance import Levenshtein

    return Levenshtein.distance(first, second, score_cutoff=allowed) <= allowed


@lru_cache(maxsize=4096)
def _letters(text: str) -> str:
    return "".join(filter(str.isalnum, text.casefold()))


def same_place(one: Reading, other: Reading) -> bool:
    """Whether two readings stand at one height: they share half of the lower one's rows."""
    shared = min(one.bottom, other.bottom) - max(one.top, other.top)
    return shared >= 0.5 * min(one.bottom - one.top, other.bottom - other.top)


def merge_readings(readings: Iterable[Reading]) -> list[Reading]:
    """Join readings of one text: over short gaps, and over the borders of separately read parts.

    Args:
        readings: In any order.

    Returns:
        In order of start. Readings of nearly equal text in one place do not overlap.
    """
    merged: list[Reading] = []
    for reading in sorted(readings, key=lambda each: (each.start_ms, each.top, each.end_ms)):
        place = _continued(merged, reading)
        if place is None:
            merged.append(reading)
            continue
        before = merged[place]
        better = before if before.score >= reading.score else reading
        end = max(before.end_ms, reading.end_ms)
        merged[place] = replace(better, start_ms=before.start_ms, end_ms=end)
    return merged


def _continued(earlier: list[Reading], reading: Reading) -> int | None:
    """Which of the earlier readings a reading goes on with."""
    latest_start = -1  # of another text in the same place
    for place in reversed(range(max(0, len(earlier) - _RECENT), len(earlier))):
        before = earlier[place]
        if not same_place(before, reading):
            continue
        if not alike(before, reading):
            latest_start = max(latest_start, before.start_ms)
        elif reading.start_ms - before.end_ms <= _GAP_MS and latest_start < before.end_ms:
            return place
    return None


def readings_frame(readings: Sequence[Reading], episode: str, source: str) -> pl.DataFrame:
    """Table `readings`.

    Args:
        readings: Merged, in order.
        episode: The id of the episode.
        source: The engine that read them.
    """
    return build_frame(
        table("readings"),
        {
            "reading": [f"{episode}-r{number + 1:05d}" for number in range(len(readings))],
            "start_ms": [each.start_ms for each in readings],
            "end_ms": [each.end_ms for each in readings],
            "text": [each.text for each in readings],
            "top": [each.top for each in readings],
            "bottom": [each.bottom for each in readings],
            "confidence": [each.score for each in readings],
        },
        episode=episode,
        source=source,
    )


def lines_from_readings(
    readings: Sequence[Reading], episode: str, *, left_out: Sequence[Span] = ()
) -> pl.DataFrame:
    """The lines of an episode whose subtitles are burnt into the picture.

    Rows that come and go together are one line, from top to bottom. Writing that stays for a minute
    is a logo and left out; writing away from where the subtitles stand is a `sign`. What was read
    with a score below 0.8 has the note `doubtful reading`.

    Args:
        readings: All readings of the episode, in any order.
        episode: Its id.
        left_out: Spans whose lines are left out, see `lines_frame`.

    Returns:
        Table `lines`; `confidence` is the score of the reading.
    """
    import polars as pl

    blocks = _blocks(_without_logos(merge_readings(readings)))
    frame = lines_frame(_document(blocks), episode, left_out=left_out)
    scores = [min(row.score for row in blocks[number]) for number in frame["number"]]
    doubtful = pl.lit(["doubtful reading"], pl.List(pl.String()))
    return frame.with_columns(confidence=pl.Series(scores, dtype=pl.Float32)).with_columns(
        notes=pl.when(pl.col("confidence") < _DOUBTFUL)
        .then(pl.concat_list("notes", doubtful))
        .otherwise(pl.col("notes"))
    )


def _without_logos(readings: list[Reading]) -> list[Reading]:
    """All but writing whose readings in one place last a minute together."""
    seen: list[tuple[Reading, int]] = []
    groups = []
    for reading in readings:
        lasts = reading.end_ms - reading.start_ms
        for group, (first, total) in enumerate(seen):
            if same_place(first, reading) and alike(first, reading):
                seen[group] = (first, total + lasts)
                groups.append(group)
                break
        else:
            groups.append(len(seen))
            seen.append((reading, lasts))
    return [
        reading
        for reading, group in zip(readings, groups, strict=True)
        if seen[group][1] < _LASTING_MS
    ]


def _blocks(readings: list[Reading]) -> list[list[Reading]]:
    """Rows that belong together, each block from top to bottom, in order of start."""
    blocks: list[list[Reading]] = []
    for reading in readings:
        for block in reversed(blocks[-_RECENT:]):
            if all(_together(row, reading) for row in block) and any(
                _stacked(row, reading) for row in block
            ):
                block.append(reading)
                break
        else:
            blocks.append([reading])
    return [sorted(block, key=lambda row: row.top) for block in blocks]


def _together(one: Reading, other: Reading) -> bool:
    starts, ends = abs(one.start_ms - other.start_ms), abs(one.end_ms - other.end_ms)
    return max(starts, ends) <= _TOGETHER_MS and not same_place(one, other)


def _stacked(one: Reading, other: Reading) -> bool:
    gap = max(one.top, other.top) - min(one.bottom, other.bottom)
    return gap <= max(one.bottom - one.top, other.bottom - other.top)


def _document(blocks: list[list[Reading]]) -> Document:
    from castline.subtitles.base import Cue, Document
    from castline.subtitles.conventions import interpret

    usual = _usual_place([row for block in blocks for row in block])
    cues = []
    for block in blocks:
        voices = interpret("\n".join(row.text for row in block))
        if not any(_stacked(usual, row) for row in block if usual is not None):
            voices = voices._replace(kind="sign")
        start, end = min(row.start_ms for row in block), max(row.end_ms for row in block)
        cues.append(Cue(start, end, **voices._asdict()))
    return Document(cues=tuple(cues), format="burnt-in")


def _usual_place(readings: list[Reading]) -> Reading | None:
    """A reading in the place where most others stand too; the lower one of equals."""
    counted = sorted(readings, key=lambda row: row.bottom)
    heights = [row.bottom for row in counted]
    best: Reading | None = None
    most = 0
    for place, reading in enumerate(counted, start=1):
        reach = 0.5 * (reading.bottom - reading.top)
        near = place - bisect_left(heights, reading.bottom - reach)
        if near >= most:
            best, most = reading, near
    return best
