"""The picture of an alignment: how far subtitles and sound disagree, before and after."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, get_args

from castline.report.pages import environment
from castline.subtitles.alignment.model import Alignment, Anchor, Piece, State
from castline.timing import format_clock

if TYPE_CHECKING:
    pass

__all__ = ["Panel", "render_alignment"]

LEFT, RIGHT, WIDTH, HEIGHT = 62.0, 34.0, 1000.0, 190.0
"""Margins of the plots, their full width, and the height of a panel."""

_MOST_DOTS = 4000
_MOST_ROWS = 60
_CLOSE_MS = 500


@dataclass(frozen=True)
class Panel:
    """One plot over subtitle time; all coordinates in the plot.

    Attributes:
        title: What it shows.
        about: How to read it.
        dots: x, y, class and words of each anchor.
        lines: x, y, x, y of the fit.
        ticks: Places and texts along the y axis.
        zero: y of zero; None when it is out of sight.
    """

    title: str
    about: str
    dots: tuple[tuple[float, float, str, str], ...]
    lines: tuple[tuple[float, float, float, float], ...]
    ticks: tuple[tuple[float, str], ...]
    zero: float | None


def render_alignment(alignment: Alignment, title: str) -> str:
    """Draw an alignment.

    Args:
        alignment: A refused one is drawn too, as far as there was a fit.
        title: What was aligned; shown as it is, whatever it holds.

    Returns:
        The page: no script, nothing loaded from elsewhere.
    """
    counts = Counter(line.state for line in alignment.lines)
    first, last = _span(alignment)
    return (
        environment()
        .get_template("alignment.html.j2")
        .render(
            title=title,
            alignment=alignment,
            states={state: counts[state] for state in get_args(State)},
            panels=_panels(alignment, first, last) if alignment.anchors else (),
            axis=[(_across(at, first, last), text) for at, text in _clock_ticks(first, last)],
            steps=[_across(piece.from_ms, first, last) for piece in alignment.pieces[1:]],
            uncovered=alignment.uncovered[:_MOST_ROWS],
            left=LEFT,
            width=WIDTH,
            height=HEIGHT,
        )
    )


def _span(alignment: Alignment) -> tuple[int, int]:
    times = [anchor.subtitle_ms for anchor in alignment.anchors]
    for piece in alignment.pieces:
        times += [piece.from_ms, piece.to_ms]
    return (min(times), max(max(times), min(times) + 1000)) if times else (0, 1000)


def _panels(alignment: Alignment, first: int, last: int) -> list[Panel]:
    anchors = alignment.anchors[:: math.ceil(len(alignment.anchors) / _MOST_DOTS)]
    pieces = alignment.pieces

    def across(time: float) -> float:
        return _across(time, first, last)

    return [
        _panel(
            "Start: subtitles minus sound",
            "Before anything was mended. A level line: a shift. Steps: cuts or added scenes. "
            "A slope: another speed.",
            anchors,
            lambda anchor: anchor.start_discrepancy_ms,
            [
                (
                    piece,
                    piece.from_ms - piece.media_ms(piece.from_ms),
                    piece.to_ms - piece.media_ms(piece.to_ms),
                )
                for piece in pieces
            ],
            across,
            least=1000,
        ),
        _panel(
            "Length: subtitles minus sound",
            "Of the words that were found. Cuts do not show here; another speed moves all dots "
            "up or down together.",
            anchors,
            lambda anchor: anchor.duration_discrepancy_ms,
            [],
            across,
            least=1000,
        ),
        _panel(
            "What is left of the start",
            "After the fit. Orange dots are more than half a second off.",
            anchors,
            lambda anchor: -anchor.residual_ms,
            [(piece, 0.0, 0.0) for piece in pieces],
            across,
            least=1500,
        ),
    ]


def _panel(
    title: str,
    about: str,
    anchors: Sequence[Anchor],
    value: Callable[[Anchor], int],
    fits: Sequence[tuple[Piece, float, float]],
    across: Callable[[float], float],
    least: float,
) -> Panel:
    """A panel whose axis leaves out the few anchors that are far off; they stand at its edge."""
    values = sorted(map(value, anchors))
    margin = len(values) // 50
    ends = [end for _, *both in fits for end in both]
    low = min([values[margin], *ends])
    high = max([values[-1 - margin], *ends])
    middle, half = (low + high) / 2, max(least, (high - low) * 0.62)
    low, high = middle - half, middle + half

    def up(ms: float) -> float:
        return round(HEIGHT * (high - min(max(ms, low), high)) / (high - low), 1)

    dots = []
    for anchor in anchors:
        kind = "near" if abs(anchor.residual_ms) <= _CLOSE_MS else "far"
        words = (
            f"{format_clock(anchor.subtitle_ms)}: {value(anchor) / 1000:+.2f} s; after the fit "
            f"{-anchor.residual_ms / 1000:+.2f} s"
        )
        dots.append((across(anchor.subtitle_ms), up(value(anchor)), kind, words))
    lines = [
        (across(piece.from_ms), up(begin), across(piece.to_ms), up(end))
        for piece, begin, end in fits
    ]
    ticks = tuple((up(tick), f"{tick / 1000:g} s") for tick in _ticks(low, high))
    zero = up(0) if low <= 0 <= high else None
    return Panel(title, about, tuple(dots), tuple(lines), ticks, zero)


def _across(time: float, first: int, last: int) -> float:
    return round(LEFT + (WIDTH - LEFT - RIGHT) * (time - first) / (last - first), 1)


def _ticks(low: float, high: float) -> list[float]:
    """Round values, three to six of them."""
    rough = (high - low) / 5
    unit = 10.0 ** math.floor(math.log10(rough))
    step = next(unit * each for each in (1, 2, 5, 10) if unit * each >= rough)
    return [step * at for at in range(math.ceil(low / step), math.floor(high / step) + 1)]


def _clock_ticks(first: int, last: int) -> list[tuple[int, str]]:
    """Times along the lower edge, at whole seconds, minutes or hours."""
    steps = (1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14400, 43200)
    wanted = (last - first) / 8000
    step = 1000 * next((each for each in steps if each >= wanted), steps[-1])
    return [
        (at, format_clock(at, decimals=0)) for at in range(-(-first // step) * step, last, step)
    ]
