"""New times for every line, once it is known which piece it belongs to."""

from __future__ import annotations

import dataclasses
import math
from bisect import bisect_left
from collections.abc import Sequence

from castline.subtitles.alignment.model import Anchor, Piece, PlacedLine, State
from castline.subtitles.base import Cue

__all__ = ["ABSENT", "in_given_order", "in_order", "pieces_of", "place_lines"]

ABSENT = PlacedLine("absent", 0.0, None)

_DAY = 24 * 3600 * 1000
# Fewer lines at the end of a day are no film that goes on after midnight: advertisements are put
# there, where no player shows them.
_BEFORE_MIDNIGHT = 3
# A line is moved to the word that was heard if that is no further away.
_PULL = 400
# A line stays at least so long after its last word.
_LINGER = 100
_FRAME = 40
# Milliseconds from the nearest anchor that take confidence down to a half.
_FADING = 60_000


def in_order(cues: Sequence[Cue]) -> tuple[list[int], list[Cue]]:
    """Cues by start; a clock that passed midnight goes on to count.

    Returns:
        Where each cue of the second list stood, and the cues in order of start.
    """
    order = sorted(range(len(cues)), key=lambda place: (cues[place].start_ms, place))
    ordered = [cues[place] for place in order]
    gaps = [
        at
        for at in range(1, len(ordered))
        if ordered[at].start_ms - ordered[at - 1].start_ms > _DAY / 2
    ]
    before = len(ordered) - gaps[0] if len(gaps) == 1 else 0
    if before < _BEFORE_MIDNIGHT or ordered[-1].start_ms >= _DAY:
        return order, ordered
    wrapped = [
        dataclasses.replace(cue, start_ms=cue.start_ms + _DAY, end_ms=cue.end_ms + _DAY)
        for cue in ordered[: gaps[0]]
    ]
    return [*order[gaps[0] :], *order[: gaps[0]]], [*ordered[gaps[0] :], *wrapped]


def in_given_order(order: Sequence[int], lines: Sequence[PlacedLine]) -> tuple[PlacedLine, ...]:
    """Undo `in_order` for what was made of its cues."""
    given = [ABSENT] * len(lines)
    for place, line in zip(order, lines, strict=True):
        given[place] = line
    return tuple(given)


def pieces_of(
    cues: Sequence[Cue],
    of_line: Sequence[int | None],
    anchors: Sequence[Anchor],
    speed: float,
    offsets: Sequence[float],
) -> tuple[Piece, ...]:
    """The pieces, from the cues that belong to each; every piece has one at least."""
    pieces = []
    for number, offset in enumerate(offsets):
        own = [cue for cue, piece in zip(cues, of_line, strict=True) if piece == number]
        pieces.append(
            Piece(
                from_ms=own[0].start_ms,
                to_ms=max(cue.end_ms for cue in own),
                scale=speed,
                offset_ms=round(offset),
                anchors=sum(anchor.piece == number for anchor in anchors),
            )
        )
    return tuple(pieces)


def place_lines(
    cues: Sequence[Cue],
    pieces: Sequence[Piece],
    of_line: Sequence[int | None],
    anchors: Sequence[Anchor],
    last_ms: int | None,
) -> list[PlacedLine]:
    """Place the lines.

    Args:
        cues: In order of start.
        pieces: What was fitted.
        of_line: The piece of each cue; None where it is absent.
        anchors: With `line` counting in `cues`, `piece` and `residual_ms` set, in order.
        last_ms: Length of the media; None when unknown. Lines that would start later are absent.
    """
    found = {anchor.line: anchor for anchor in anchors if abs(anchor.residual_ms) <= 1000}
    times = [
        None if piece is None else _times(cue, pieces[piece], found.get(line))
        for line, (cue, piece) in enumerate(zip(cues, of_line, strict=True))
    ]
    times = [
        None if span is None or span[1] <= 0 or (last_ms is not None and span[0] >= last_ms)
        else (max(0, span[0]), span[1])
        for span in times
    ]  # fmt: skip
    settled = _without_new_overlaps(cues, times)
    sure = _confidence(cues, pieces, of_line, anchors)
    lines = []
    for line, (cue, span) in enumerate(zip(cues, settled, strict=True)):
        if span is None:
            lines.append(ABSENT)
            continue
        state, confidence = sure[line]
        if line in found:
            state = "anchored"
        moved = dataclasses.replace(cue, start_ms=span[0], end_ms=span[1])
        lines.append(PlacedLine(state, round(confidence, 3), moved))
    return lines


def _times(cue: Cue, piece: Piece, anchor: Anchor | None) -> tuple[int, int]:
    start = round(piece.media_ms(cue.start_ms))
    length = round(piece.scale * (cue.end_ms - cue.start_ms))
    end = start + length
    if anchor is None:
        return start, end
    if anchor.at_start and abs(anchor.media_ms - start) <= _PULL:
        start, end = anchor.media_ms, anchor.media_ms + length
    spoken = anchor.media_ms + anchor.media_length_ms + _LINGER
    if anchor.at_end and end < spoken <= end + 1000:
        end = spoken
    return start, end


def _without_new_overlaps(
    cues: Sequence[Cue], times: Sequence[tuple[int, int] | None]
) -> list[tuple[int, int] | None]:
    """Lines in their old order, one ending before the next starts where that was so before."""
    settled = list(times)
    before: int | None = None
    for line, span in enumerate(times):
        if span is None:
            continue
        start, end = span
        if before is not None:
            previous = settled[before]
            assert previous is not None
            start = max(start, previous[0])
            if previous[1] > start and cues[before].end_ms <= cues[line].start_ms:
                start = max(start, min(previous[0] + _FRAME, previous[1]))
                cut = max(previous[0], start - _FRAME)
                settled[before] = (previous[0], cut)
        settled[line] = (start, max(start, end))
        before = line
    return settled


def _confidence(
    cues: Sequence[Cue],
    pieces: Sequence[Piece],
    of_line: Sequence[int | None],
    anchors: Sequence[Anchor],
) -> list[tuple[State, float]]:
    """State and confidence of each line as if it had no anchor of its own."""
    fit, starts = [], []
    for number in range(len(pieces)):
        own = [anchor for anchor in anchors if anchor.piece == number]
        near = sum(abs(anchor.residual_ms) <= 500 for anchor in own)
        fit.append(near / len(own) if own else 0.0)
        starts.append([anchor.subtitle_ms for anchor in own])
    rated: list[tuple[State, float]] = []
    for cue, piece in zip(cues, of_line, strict=True):
        if piece is None or not starts[piece]:
            rated.append(("absent", 0.0))
            continue
        first, last = starts[piece][0], starts[piece][-1]
        inside = first <= cue.start_ms <= last
        at = bisect_left(starts[piece], cue.start_ms)
        away = min(abs(cue.start_ms - time) for time in starts[piece][max(0, at - 1) : at + 1])
        nearness = math.exp2(-away / _FADING)
        rated.append(("interpolated" if inside else "extrapolated", fit[piece] * nearness))
    return rated
