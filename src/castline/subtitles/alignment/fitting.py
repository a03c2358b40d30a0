"""One speed and a staircase of shifts, fitted to pairs of times of which some are wrong.

All times are float milliseconds: `x` by the subtitles, ascending, `y` in the media.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import numpy.typing as npt

__all__ = ["SPEEDS", "Staircase", "find_speed", "fit_staircase"]

Floats = npt.NDArray[np.float64]

_FILM, _PAL, _NTSC = Fraction(24), Fraction(25), Fraction(24000, 1001)
SPEEDS: tuple[float, ...] = tuple(
    float(made / shown)
    for made, shown in (
        (_PAL, _PAL), (_PAL, _FILM), (_FILM, _PAL), (_PAL, _NTSC), (_NTSC, _PAL), (_FILM, _NTSC),
        (_NTSC, _FILM),
    )
)  # fmt: skip
"""Media time for each unit of subtitle time, after the frame rates that occur (30/29.97 is
24/23.976); 1 first."""

# Pairs of anchors closer than this say little about speed; between those further apart lie cuts.
_NEAR, _FAR = 60_000.0, 600_000.0
# More pairs than this are thinned out.
_PAIRS = 400_000
# How far the distance between two anchors may be off and still speak for a speed.
_TOLERANCE = 400.0
# A speed that is none of the named ones must explain so much more.
_FREE_GAIN = 1.1

# An anchor further off than this is wrong, and no further off is worse.
_LIMIT = 1500.0
# The price of a piece, times the logarithm of the anchors; how few anchors may make one.
_PENALTY, _FEWEST = 3.0, 4
# A piece may begin where the medians of so many anchors on either side differ by so much; only the
# largest of these jumps are tried, since work grows with their square.
_SIDE, _JUMP, _BREAKS = 5, 300.0, 60
# Shifts that differ by less are one.
_SAME = 350.0
# The speed is mended when a piece at least so long drifts by more than this.
_DRIFT, _LONG = 200.0, 300_000.0


@dataclass(frozen=True)
class Staircase:
    """`y = speed * x + offsets[piece]`.

    Attributes:
        speed: Media time for each unit of subtitle time.
        starts: The first anchor of each piece; the first is 0.
        offsets: (pieces,) milliseconds.
    """

    speed: float
    starts: tuple[int, ...]
    offsets: tuple[float, ...]

    def pieces(self, count: int) -> npt.NDArray[np.int64]:
        """(count,) the piece of each anchor."""
        return np.searchsorted(np.array(self.starts), np.arange(count), side="right") - 1

    def residuals(self, x: Floats, y: Floats) -> Floats:
        """(n,) what is left of each anchor."""
        return np.asarray(y - self.speed * x - np.array(self.offsets)[self.pieces(len(x))])


def find_speed(x: Floats, y: Floats) -> float:
    """The speed that explains most distances between anchors a minute to ten apart.

    Distances do not care where cuts are, except those that reach across one; these agree with no
    speed and do not count. A named speed is taken unless a free one is clearly better.
    """
    dx, dy = _distances(x, y)
    if not len(dx):
        return 1.0

    def explained(speed: float) -> float:
        off = np.abs(dy - speed * dx)
        return float(np.sum(np.maximum(0, 1 - off / _TOLERANCE)))

    named = max(SPEEDS, key=explained)
    free = float(np.median(dy / dx))
    for _ in range(5):
        near = np.abs(dy - free * dx) < _TOLERANCE
        if not near.any():
            break
        free = float(np.sum(dx[near] * dy[near]) / np.sum(dx[near] ** 2))
    likely = 0.5 < free < 2
    return free if likely and explained(free) > _FREE_GAIN * explained(named) else named


def fit_staircase(x: Floats, y: Floats, weight: Floats, speed: float) -> Staircase:
    """Fit the shifts at this speed, then mend the speed if a long piece still drifts.

    Args:
        x: (n,) subtitle times, ascending.
        y: (n,) media times.
        weight: (n,) how much each anchor counts.
        speed: Media time for each unit of subtitle time.
    """
    fitted = _at_speed(x, y, weight, speed)
    drift = _drift(x, y, fitted)
    if drift:
        fitted = _at_speed(x, y, weight, speed + drift)
    return fitted


def _distances(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """Differences between pairs of anchors that are neither too close nor too far apart."""
    span = float(x[-1] - x[0]) if len(x) else 0.0
    near = min(_NEAR, span / 3)
    step = max(1, math.ceil(len(x) ** 2 / 2 / _PAIRS))
    left, right = np.triu_indices(len(x), 1) if step == 1 else _some_pairs(len(x))
    dx, dy = x[right] - x[left], y[right] - y[left]
    fit = (dx >= max(near, 1.0)) & (dx <= _FAR)
    return dx[fit], dy[fit]


def _some_pairs(count: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Pairs at distances that grow by a constant factor, when all would be too many."""
    left: list[npt.NDArray[np.int64]] = []
    right: list[npt.NDArray[np.int64]] = []
    gap = 1.0
    while gap < count and len(left) * count < _PAIRS:
        first = np.arange(count - int(gap))
        left.append(first)
        right.append(first + int(gap))
        gap = max(gap + 1, gap * 1.1)
    return np.concatenate(left), np.concatenate(right)


def _at_speed(x: Floats, y: Floats, weight: Floats, speed: float) -> Staircase:
    offset = y - speed * x
    edges = [0, *_possible_breaks(offset), len(x)]
    starts = _cheapest(offset, weight, edges)
    while True:
        offsets = [
            _median(offset[a:b], weight[a:b])
            for a, b in zip(starts, [*starts[1:], len(x)], strict=True)
        ]
        steps = np.abs(np.diff(offsets)).tolist()
        if not steps or min(steps) >= _SAME:
            return Staircase(speed, tuple(starts), tuple(offsets))
        del starts[steps.index(min(steps)) + 1]


def _possible_breaks(offset: Floats) -> list[int]:
    """Where the medians before and after differ most; others would cost time and give nothing."""
    places = np.arange(_FEWEST, len(offset) - _FEWEST + 1)
    if not len(places):
        return []
    jumps = np.array(
        [
            abs(np.median(offset[max(0, at - _SIDE) : at]) - np.median(offset[at : at + _SIDE]))
            for at in places
        ]
    )
    order = np.argsort(-jumps, kind="stable")[:_BREAKS]
    return sorted(places[order[jumps[order] > _JUMP]].tolist())


def _cheapest(offset: Floats, weight: Floats, edges: list[int]) -> list[int]:
    """The first anchors of the pieces, by dynamic programming over the possible breaks."""
    penalty = _PENALTY * math.log(max(2, len(offset)))
    best: list[tuple[float, int]] = [(0.0, -1)]
    for here in range(1, len(edges)):
        options = [
            (best[there][0] + penalty + _cost(offset[a:b], weight[a:b]), there)
            for there in range(here)
            if (b := edges[here]) - (a := edges[there]) >= _FEWEST or len(edges) == 2
        ]
        best.append(min(options, default=(math.inf, 0)))
    starts = []
    at = best[-1][1]
    while at > 0:
        starts.append(edges[at])
        at = best[at][1]
    return [0, *starts[::-1]]


def _cost(offset: Floats, weight: Floats) -> float:
    """In units of a wrong anchor's second, weighted."""
    off = np.abs(offset - _median(offset, weight))
    return float(np.sum(weight * np.minimum(off, _LIMIT))) / 1000


def _median(values: Floats, weight: Floats) -> float:
    order = np.argsort(values, kind="stable")
    total = np.cumsum(weight[order])
    return float(values[order[np.searchsorted(total, total[-1] / 2)]])


def _drift(x: Floats, y: Floats, fitted: Staircase) -> float:
    """What to add to the speed; 0 when no long piece drifts by what a viewer would notice."""
    pieces = fitted.pieces(len(x))
    residual = fitted.residuals(x, y)
    centred = x.copy()
    longest = 0.0
    for piece in range(len(fitted.starts)):
        of_piece = pieces == piece
        centred[of_piece] -= x[of_piece].mean()
        longest = max(longest, float(np.ptp(x[of_piece])))
    if longest < _LONG:
        return 0.0
    slope = 0.0
    for _ in range(10):  # Huber's weights: beyond a quarter of a second an anchor pulls no harder
        off = np.abs(residual - slope * centred)
        pull = np.minimum(1.0, 250.0 / np.maximum(off, 1.0)) * (off < _LIMIT)
        slope = float(np.sum(pull * centred * residual) / max(1.0, np.sum(pull * centred**2)))
    return slope if abs(slope) * longest > _DRIFT else 0.0
