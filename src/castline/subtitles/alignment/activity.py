"""Alignment to speech activity alone: nothing is known of what is said, only when."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from castline.errors import UsageError
from castline.subtitles.alignment.activity_fit import Path, answers, best_path, strong_path
from castline.subtitles.alignment.breaks import assign_lines
from castline.subtitles.alignment.fitting import SPEEDS
from castline.subtitles.alignment.judging import STRONG, judge_activity
from castline.subtitles.alignment.model import Alignment
from castline.subtitles.alignment.onsets import (
    on_onsets,
    onset_anchors,
    stretches,
    uncovered,
)
from castline.subtitles.alignment.placing import (
    ABSENT,
    in_given_order,
    in_order,
    pieces_of,
    place_lines,
)
from castline.subtitles.base import Cue

__all__ = ["align_to_activity"]

Floats = npt.NDArray[np.float32]

# Shifts that are tried: what is usual, and what a few cuts or advertisements add up to; and the
# step between them, since the onsets of speech say the rest.
_REACH_MS, _STEP_MS = 360_000.0, 100.0
_FEWEST_LINES = 10
# Memory grows with rows times shifts; of a longer file, lines share rows.
_MOST_ROWS = 1500
# Lines so close to where the shift changes, beyond what a cut took away, may belong to either side.
_DOUBT_MS, _DOUBT_LINES = 15_000.0, 80
_WARNING = "Aligned by speech activity alone: nothing is known of whether the words are those said."


@dataclass(frozen=True)
class _Fit:
    """Lines of speech with the pieces found.

    Attributes:
        cues: The lines.
        speed: Media time for each unit of subtitle time.
        said: As in `activity_fit.answers`.
        together: How many lines share a row of it.
        path: Its pieces, counted in rows.
        hop_ms: The step between its columns.
    """

    cues: Sequence[Cue]
    speed: float
    said: Floats
    together: int
    path: Path
    hop_ms: float

    @property
    def offsets(self) -> list[float]:
        """Of the pieces, in milliseconds."""
        middle = self.said.shape[1] // 2
        return [(shift - middle) * self.hop_ms for shift in self.path.shifts]


def align_to_activity(cues: Sequence[Cue], activity: Floats, hop_ms: float) -> Alignment:
    """Align subtitles to speech activity.

    The seven speeds that frame rates make and shifts up to six minutes are tried; the lines are
    cut into pieces where another shift suits them clearly better. A fit is refused unless its
    pieces prefer their shifts to all others far more than lines of another film do.

    Args:
        cues: The subtitles, in any order.
        activity: (frames,) probability of speech, one each `hop_ms` from the start of the media.
        hop_ms: Milliseconds between two probabilities, above 0.

    Returns:
        The alignment; its anchors are the moments at which speech begins near a line's start, and
        `uncovered` holds no text.

    Raises:
        UsageError: `hop_ms` is not above 0, or not finite.
    """
    if not 0 < hop_ms < math.inf:
        raise UsageError(f"Two probabilities cannot lie {hop_ms} ms apart: give hop_ms above 0.")
    order, ordered = in_order(cues)
    speaking = [line for line, cue in enumerate(ordered) if cue.kind in ("speech", "song")]
    curve = np.nan_to_num(np.asarray(activity, np.float32)).clip(0, 1)
    if len(speaking) < _FEWEST_LINES:
        return _refused(cues, f"{len(speaking)} lines are too few to be known by their times")
    if not len(curve) or float(np.ptp(curve)) < 0.1:
        return _refused(cues, "no change between speech and silence was heard")
    found = _best_fit([ordered[line] for line in speaking], curve, hop_ms)
    rows = np.diff([*found.path.starts, len(found.said)])
    path, strengths = strong_path(found.said, found.path, found.hop_ms, STRONG)
    verdict, reason = judge_activity(strengths, rows.tolist())
    if verdict == "refused":
        return _refused(cues, reason)
    found = dataclasses.replace(found, path=path)
    speech = stretches(curve, hop_ms)
    of_line = _for_all(_pieces_of_lines(found), speaking, len(ordered))
    offsets = on_onsets(ordered, of_line, found.speed, found.offsets, speech)
    anchors = onset_anchors(ordered, of_line, found.speed, offsets, speech)
    pieces = pieces_of(ordered, of_line, anchors, found.speed, offsets)
    placed = place_lines(ordered, pieces, of_line, anchors, round(len(curve) * hop_ms))
    return Alignment(
        verdict=verdict,
        reason=reason,
        evidence="activity",
        pieces=pieces,
        lines=in_given_order(order, placed),
        anchors=tuple(dataclasses.replace(each, line=order[each.line]) for each in anchors),
        uncovered=tuple(uncovered(speech, placed)),
        warnings=(_WARNING,),
    )


def _refused(cues: Sequence[Cue], reason: str) -> Alignment:
    return Alignment(
        "refused", reason, "activity", lines=(ABSENT,) * len(cues), warnings=(_WARNING,)
    )


def _best_fit(cues: Sequence[Cue], curve: Floats, hop_ms: float) -> _Fit:
    bound = max(1, round(_STEP_MS / hop_ms))
    # The end is filled up with itself, so that a short film has a curve too.
    whole = np.pad(curve, (0, -len(curve) % bound), mode="edge").reshape(-1, bound).mean(axis=1)
    together = math.ceil(len(cues) / _MOST_ROWS)
    reach = min(_REACH_MS, len(curve) * hop_ms)
    best: _Fit | None = None
    for speed in SPEEDS:
        spans = [(cue.start_ms * speed, cue.end_ms * speed) for cue in cues]
        said = answers(spans, whole - whole.mean(), bound * hop_ms, reach, together)
        fit = _Fit(cues, speed, said, together, best_path(said), bound * hop_ms)
        if best is None or fit.path.score > best.path.score:
            best = fit
    assert best is not None
    return best


def _pieces_of_lines(found: _Fit) -> list[int | None]:
    """The piece of each line of speech; where the shift changes, the curve decides line by line."""
    path, offsets = found.path, found.offsets
    edges = [*(start * found.together for start in path.starts), len(found.cues)]
    open_lines = []
    for piece, change in enumerate(edges[1:-1]):
        reach = _DOUBT_MS + max(0.0, offsets[piece] - offsets[piece + 1]) / found.speed
        at = found.cues[change].start_ms
        first, last = (edges[piece] + change) // 2, (change + edges[piece + 2]) // 2
        near = [
            line
            for line in range(max(first + 1, change - _DOUBT_LINES), change + _DOUBT_LINES)
            if line < last and abs(found.cues[line].start_ms - at) <= reach
        ]
        open_lines.append(range(near[0], near[-1] + 1) if near else range(change, change))
    return assign_lines(
        [(cue.start_ms, cue.end_ms) for cue in found.cues],
        open_lines,
        offsets,
        found.speed,
        lambda line, piece: float(found.said[line // found.together, path.shifts[piece]]),
    )


def _for_all(
    of_spoken: Sequence[int | None], speaking: Sequence[int], count: int
) -> list[int | None]:
    """Sounds and signs go with the line of speech before them."""
    of_line: list[int | None] = []
    spoken = dict(zip(speaking, of_spoken, strict=True))
    piece: int | None = 0
    for line in range(count):
        piece = spoken.get(line, piece)
        of_line.append(piece)
    return of_line
