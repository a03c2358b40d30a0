"""Shifts under which lines meet speech and pauses meet silence, found on all shifts at once.

Each line asks of each shift: how much more speech is there while I am shown than in the pauses
beside me? Answers are sums over stretches of the detector's curve, so a running total of the curve
gives those of all shifts by one subtraction. The best path through lines and shifts, with a price
on each change of shift, gives the pieces.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["Path", "answers", "best_path", "contrast", "strong_path"]

Floats = npt.NDArray[np.float32]
Span = tuple[float, float]

# Milliseconds of a pause, at either end, that are expected to be silent: what lies further from a
# line may hold speech that nobody wrote down.
_BESIDE = 2500.0
# Lines further behind the end of the media come from a damaged clock; to look there costs memory.
_FARTHEST_MS = 48 * 3600 * 1000.0
# A change of shift must gain as much as this many lines' usual scatter.
_PRICE = 30.0
# Shifts that differ by less are one; shifts nearer than the second to the best share its lines, and
# are no rivals.
_SAME_MS, _PEAK_MS = 350.0, 2500.0


@dataclass(frozen=True)
class Path:
    """Pieces of lines under one speed.

    Attributes:
        starts: The first line of each piece; the first is 0.
        shifts: The column of each piece's shift.
        score: What the lines say to it, less the price of the changes.
    """

    starts: tuple[int, ...]
    shifts: tuple[int, ...]
    score: float


def answers(
    spans: Sequence[Span], curve: Floats, hop_ms: float, reach_ms: float, together: int = 1
) -> Floats:
    """What each line says to each shift.

    Args:
        spans: (start, end) of the lines in milliseconds, in order of start, speed applied.
        curve: (frames,) speech, centred on zero, one value each `hop_ms`.
        hop_ms: Milliseconds between two values.
        reach_ms: Shifts from minus to plus this are tried.
        together: So many lines that follow each other share a row, their sum.

    Returns:
        (lines / together, shifts); column c is a shift of `c * hop_ms - reach_ms`, to the hop.
    """
    reach = round(reach_ms / hop_ms)
    beside = round(_BESIDE / hop_ms) + 1
    farthest = len(curve) * hop_ms + _FARTHEST_MS
    spans = [(min(start, farthest), min(end, farthest)) for start, end in spans]
    last = round(max((end for _, end in spans), default=0.0) / hop_ms)
    # Outside the media stands its mirror image: were it silent there, shifts that push lines out
    # would differ from the others, and a wrong one at the edge would stand out.
    after = max(0, last + reach + beside + 1 - len(curve))
    padded = np.pad(curve.astype(np.float64), (reach + beside, after), mode="symmetric")
    total = np.concatenate([[0.0], np.cumsum(padded)])
    width = 2 * reach + 1

    def running(time: float) -> npt.NDArray[np.float64]:
        at = beside + round(time / hop_ms)
        return total[at : at + width]

    said = np.zeros((-(-len(spans) // together), width), np.float32)
    shown = 0.0
    for number, (start, end) in enumerate(spans):
        # A pause belongs half to the line before it, half to the one after.
        before = min(_BESIDE, max(0.0, start - shown) / 2)
        following = spans[number + 1][0] if number + 1 < len(spans) else end + 2 * _BESIDE
        after_it = min(_BESIDE, max(0.0, following - end) / 2)
        inside = running(end) - running(start)
        quiet = running(start) - running(start - before) + running(end + after_it) - running(end)
        said[number // together] += inside - quiet
        shown = max(shown, end)
    return said


def best_path(said: Floats) -> Path:
    """The pieces that please the lines most."""
    lines, width = said.shape
    price = _PRICE * float(np.mean(np.std(said[:, ::8], axis=1)))
    change = np.empty((lines, width), bool)
    winner = np.empty(lines, np.int64)
    score = said[0].astype(np.float64)
    for line in range(1, lines):
        winner[line] = int(np.argmax(score))
        jump = score[winner[line]] - price
        np.less(score, jump, out=change[line])
        np.maximum(score, jump, out=score)
        score += said[line]
    at = int(np.argmax(score))
    best = float(score[at])
    starts, shifts = [0], [at]
    for line in range(lines - 1, 0, -1):
        if change[line, at]:
            at = int(winner[line])
            starts.insert(1, line)
            shifts.insert(0, at)
    return Path(tuple(starts), tuple(shifts), best)


def contrast(said: Floats, shift: int, hop_ms: float) -> float:
    """By how many standard deviations lines prefer a shift to those that are not near it."""
    curve = said.sum(axis=0, dtype=np.float64)
    near = round(_PEAK_MS / hop_ms)
    others = np.concatenate([curve[: max(0, shift - near)], curve[shift + near + 1 :]])
    spread = float(np.std(others)) if len(others) else 0.0
    return (float(curve[shift]) - float(np.mean(others))) / spread if spread > 0 else 0.0


def strong_path(said: Floats, path: Path, hop_ms: float, strong: float) -> tuple[Path, list[float]]:
    """The path without pieces that mean nothing, and how strong each piece was.

    Pieces weaker than `strong` are given up, and the lines go to the piece before them (after them
    at the beginning); the strengths are those of all pieces of the old path. A path without any
    strong piece stays.
    """
    edges = [*path.starts, len(said)]
    strengths = [
        contrast(said[first:end], shift, hop_ms)
        for first, end, shift in zip(edges, edges[1:], path.shifts, strict=False)
    ]
    starts: list[int] = []
    shifts: list[int] = []
    for first, shift, strength in zip(path.starts, path.shifts, strengths, strict=True):
        if strength < strong or (shifts and abs(shift - shifts[-1]) * hop_ms < _SAME_MS):
            continue
        starts.append(first if starts else 0)
        shifts.append(shift)
    if not starts:
        return path, strengths
    return Path(tuple(starts), tuple(shifts), path.score), strengths
