"""Alignment to recognised words."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

import numpy as np

from castline.subtitles.alignment.anchors import anchors_of, find_runs
from castline.subtitles.alignment.breaks import Heard, assign_lines
from castline.subtitles.alignment.fitting import Staircase, find_speed, fit_staircase
from castline.subtitles.alignment.judging import judge_words
from castline.subtitles.alignment.model import (
    Alignment,
    Anchor,
    PlacedLine,
    Spoken,
    Uncovered,
)
from castline.subtitles.alignment.placing import (
    ABSENT,
    in_given_order,
    in_order,
    pieces_of,
    place_lines,
)
from castline.subtitles.alignment.tokens import Timeline, speech_of, timeline, tokens_of
from castline.subtitles.base import Cue

__all__ = ["align_to_words"]

_DISORDER_WORTH_SAYING = 0.15
# Speech is without a subtitle when at least four words, no pause of five seconds between them, all
# lie half a second or more from any line.
_PAUSE, _NEAR, _WORTH_SAYING = 5000, 500, 4


def align_to_words(
    cues: Sequence[Cue], words: Sequence[Spoken], *, last_ms: int | None = None
) -> Alignment:
    """Align subtitles to recognised words.

    Args:
        cues: The subtitles, in any order; those that are no speech or song get new times too, but
            are not looked for.
        words: What was recognised, in any order; times in milliseconds from the start of the media.
        last_ms: Length of the media, if known; lines that would start later are absent.

    Returns:
        The alignment; `refused` rather than an error when nothing fits.
    """
    order, ordered = in_order(cues)
    spoken = [cue.kind in ("speech", "song") for cue in ordered]
    written = timeline(
        [(cue.start_ms, cue.end_ms) for cue in ordered],
        [speech_of(cue.text) if said else "" for cue, said in zip(ordered, spoken, strict=True)],
    )
    said = sorted(words, key=lambda word: word.start_ms)
    heard = timeline([(word.start_ms, word.end_ms) for word in said], [word.text for word in said])
    if not len(written) or not len(heard):
        which = "the subtitles hold no words" if not len(written) else "no words were recognised"
        return _refused(cues, which)
    matches = find_runs(written, heard)
    anchors = anchors_of(matches, written, heard)
    speaking = len(np.unique(written.source))
    if not anchors:
        _, reason = judge_words(
            anchors=(), lines=speaking, pieces=0, disordered=0.0, length_ms=0, blind_ms=0
        )
        return _refused(cues, reason)
    fitted = _fit(anchors)
    anchors = _with_residuals(anchors, fitted)
    of_line = _pieces_of_lines(ordered, anchors, fitted, Heard(written, heard, fitted.speed))
    pieces = pieces_of(ordered, of_line, anchors, fitted.speed, fitted.offsets)
    length = pieces[-1].media_ms(pieces[-1].to_ms) - pieces[0].media_ms(pieces[0].from_ms)
    verdict, reason = judge_words(
        anchors=anchors,
        lines=speaking,
        pieces=len(pieces),
        disordered=matches.disordered,
        length_ms=round(length),
        blind_ms=_longest_without(anchors, written),
    )
    given = tuple(dataclasses.replace(anchor, line=order[anchor.line]) for anchor in anchors)
    if verdict == "refused":
        return dataclasses.replace(_refused(cues, reason), pieces=pieces, anchors=given)
    placed = place_lines(ordered, pieces, of_line, anchors, last_ms)
    return Alignment(
        verdict=verdict,
        reason=reason,
        evidence="words",
        pieces=pieces,
        lines=in_given_order(order, placed),
        anchors=given,
        uncovered=tuple(_uncovered(said, placed)),
        warnings=_warnings(matches.disordered),
    )


def _refused(cues: Sequence[Cue], reason: str) -> Alignment:
    return Alignment("refused", reason, "words", lines=(ABSENT,) * len(cues))


def _fit(anchors: Sequence[Anchor]) -> Staircase:
    x = np.array([anchor.subtitle_ms for anchor in anchors], float)
    y = np.array([anchor.media_ms for anchor in anchors], float)
    # Inside a line, where a word starts is a guess: such anchors count half.
    weight = np.array(
        [min(anchor.tokens, 8) * (1.0 if anchor.at_start else 0.5) for anchor in anchors]
    )
    return fit_staircase(x, y, weight, find_speed(x, y))


def _with_residuals(anchors: Sequence[Anchor], fitted: Staircase) -> list[Anchor]:
    x = np.array([anchor.subtitle_ms for anchor in anchors], float)
    y = np.array([anchor.media_ms for anchor in anchors], float)
    pieces, residuals = fitted.pieces(len(x)), fitted.residuals(x, y)
    return [
        dataclasses.replace(anchor, piece=int(piece), residual_ms=round(residual))
        for anchor, piece, residual in zip(anchors, pieces, residuals, strict=True)
    ]


def _pieces_of_lines(
    cues: Sequence[Cue], anchors: Sequence[Anchor], fitted: Staircase, heard: Heard
) -> list[int | None]:
    """The piece of each line, None for those that a cut took away."""
    open_lines = [
        range(anchors[first - 1].line + 1, anchors[first].line) for first in fitted.starts[1:]
    ]
    return assign_lines(
        [(cue.start_ms, cue.end_ms) for cue in cues],
        open_lines,
        fitted.offsets,
        fitted.speed,
        lambda line, piece: heard.fit(line, fitted.offsets[piece]),
    )


def _longest_without(anchors: Sequence[Anchor], written: Timeline) -> int:
    """The longest stretch of the subtitles, in milliseconds of lines, that no anchor is in."""
    anchored = {anchor.line for anchor in anchors}
    longest, since = 0.0, None
    for source, start, end in zip(
        written.source.tolist(), written.start.tolist(), written.end.tolist(), strict=True
    ):
        if source in anchored:
            since = None
            continue
        since = start if since is None else since
        longest = max(longest, end - since)
    return round(longest)


def _uncovered(words: Sequence[Spoken], lines: Sequence[PlacedLine]) -> Iterator[Uncovered]:
    """Stretches of recognised words that no line covers."""
    spans = sorted((line.cue.start_ms, line.cue.end_ms) for line in lines if line.cue)
    starts = np.array([start for start, _ in spans])
    ends = np.maximum.accumulate(np.array([end for _, end in spans], np.int64))
    group: list[Spoken] = []
    for word in words:
        before = int(np.searchsorted(starts, word.end_ms + _NEAR)) if len(spans) else 0
        covered = before > 0 and ends[before - 1] >= word.start_ms - _NEAR
        if group and (covered or word.start_ms - group[-1].end_ms > _PAUSE):
            yield from _told(group)
            group = []
        if not covered:
            group.append(word)
    yield from _told(group)


def _told(group: Sequence[Spoken]) -> Iterator[Uncovered]:
    text = " ".join(word.text.strip() for word in group)
    if len(tokens_of(text)) >= _WORTH_SAYING:
        yield Uncovered(group[0].start_ms, max(word.end_ms for word in group), text)


def _warnings(disordered: float) -> tuple[str, ...]:
    if disordered <= _DISORDER_WORTH_SAYING:
        return ()
    return (
        f"{disordered:.0%} of the phrases that both have come in another order: scenes were "
        "moved, or much was recognised wrongly.",
    )
