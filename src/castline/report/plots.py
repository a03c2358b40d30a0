"""Where everything goes in the plots: plain numbers, which the templates turn into SVG."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from castline.attribution.evaluation.results import CharacterScore, Confusion, Score, Share
from castline.report.text import shortened

__all__ = [
    "Bar",
    "Cell",
    "Column",
    "Dot",
    "Plot",
    "character_bars",
    "confusion_map",
    "episode_dots",
    "margin_columns",
    "score_bars",
]


@dataclass(frozen=True)
class Bar:
    """A horizontal bar: how many of a group of lines are right.

    Attributes:
        name: Full name of the group.
        label: The name as far as it fits.
        y: Upper edge of its row.
        width: Length of the bar.
        low: Left end of the interval, from the left edge of the bar.
        high: Right end of the interval.
        marker: Where a second value is marked; None without one.
        share: The value shown.
        second: The second value.
    """

    name: str
    label: str
    y: float
    width: float
    low: float
    high: float
    share: Share
    marker: float | None = None
    second: Share | None = None


@dataclass(frozen=True)
class Dot:
    """A value over an x axis with its interval; all coordinates in the plot."""

    name: str
    x: float
    y: float
    low: float
    high: float
    labelled: bool
    share: Share


@dataclass(frozen=True)
class Column:
    """A column of a histogram: right lines below, wrong ones on top; coordinates in the plot."""

    name: str
    x: float
    right_y: float
    right_height: float
    wrong_y: float
    wrong_height: float
    share: Share


@dataclass(frozen=True)
class Cell:
    """A cell of the map: `strength` from 0 to 1 is its share of the row."""

    x: float
    y: float
    row: str
    column: str
    lines: int
    strength: float
    diagonal: bool


@dataclass(frozen=True)
class Plot:
    """A plot of any kind.

    Attributes:
        width: Width in its own units, about pixels.
        height: Height.
        bars: Horizontal bars.
        dots: Values with intervals.
        columns: Columns of a histogram.
        cells: Cells of a map.
        ticks: Places and texts along the axis: x for horizontal bars, y otherwise.
        heads: Names along the columns of a map: place, label, full name.
        sides: Names along the rows of a map.
        line: y of a line of reference.
    """

    width: float
    height: float
    bars: tuple[Bar, ...] = ()
    dots: tuple[Dot, ...] = ()
    columns: tuple[Column, ...] = ()
    cells: tuple[Cell, ...] = ()
    ticks: tuple[tuple[float, str], ...] = ()
    heads: tuple[tuple[float, str, str], ...] = ()
    sides: tuple[tuple[float, str, str], ...] = ()
    line: float | None = None


def score_bars(scores: Sequence[Score], names: dict[str, str]) -> Plot:
    """Bars of a few groups, each with its name above; groups without lines are left out.

    Args:
        scores: The groups.
        names: What to call them.
    """
    filled = [score for score in scores if score.all.counted]
    width, row = 360.0, 46.0
    bars = tuple(
        Bar(
            name=names.get(score.name, score.name),
            label=names.get(score.name, score.name),
            y=i * row,
            width=width * (score.all.percent or 0) / 100,
            low=width * (score.all.low or 0) / 100,
            high=width * (score.all.high or 0) / 100,
            share=score.all,
        )
        for i, score in enumerate(filled)
    )
    return Plot(width, len(bars) * row, bars=bars)


CHARACTER_LEFT, CHARACTER_BAR = 128.0, 224.0
"""Left edge and full length of the bars of characters."""


def character_bars(characters: Sequence[CharacterScore], limit: int) -> Plot:
    """Bars of recall with precision marked, for the characters with most lines."""
    row, top = 24.0, 20.0
    full = CHARACTER_BAR / 100
    bars = []
    for i, each in enumerate(characters[:limit]):
        recall, precision = each.recall.all, each.precision.all
        bars.append(
            Bar(
                name=each.name,
                label=shortened(each.name, 15),
                y=top + i * row,
                width=full * (recall.percent or 0),
                low=full * (recall.low or 0),
                high=full * (recall.high or 0),
                share=recall,
                marker=None if precision.percent is None else full * precision.percent,
                second=precision,
            )
        )
    ticks = tuple((CHARACTER_LEFT + full * value, str(value)) for value in (0, 25, 50, 75, 100))
    return Plot(420, top + len(bars) * row + 4, bars=tuple(bars), ticks=ticks)


EPISODE_LEFT, EPISODE_TOP, EPISODE_HEIGHT = 44.0, 10.0, 190.0
"""Left and upper edge of the plot of episodes, and its height."""


def episode_dots(scores: Sequence[Score], total: Share) -> Plot:
    """One dot an episode; the axis begins where the lowest interval does."""
    filled = [score for score in scores if score.all.counted]
    lowest = min((score.all.low or 0 for score in filled), default=0)
    floor = 10 * math.floor(lowest / 10)
    floor = min(floor, 90)
    step = max(13.0, min(60.0, 1000 / max(1, len(filled))))
    every = max(1, math.ceil(34 / step))

    def y(value: float | None) -> float:
        return EPISODE_TOP + EPISODE_HEIGHT * (100 - (value or 0)) / (100 - floor)

    dots = tuple(
        Dot(
            name=score.name,
            x=EPISODE_LEFT + (i + 0.5) * step,
            y=y(score.all.percent),
            low=y(score.all.low),
            high=y(score.all.high),
            labelled=i % every == 0,
            share=score.all,
        )
        for i, score in enumerate(filled)
    )
    span = 20 if floor < 50 else 10
    ticks = tuple((y(value), str(value)) for value in range(100, floor - 1, -span))
    return Plot(
        width=max(200.0, EPISODE_LEFT + len(filled) * step + 8),
        height=EPISODE_TOP + EPISODE_HEIGHT + 26,
        dots=dots,
        ticks=ticks,
        line=y(total.percent) if total.counted else None,
    )


MARGIN_LEFT, MARGIN_STEP, MARGIN_HEIGHT, MARGIN_GAP = 52.0, 26.0, 130.0, 34.0
"""Left edge of the margin plot, width of a column, height of each half, space between them."""


def margin_columns(scores: Sequence[Score]) -> Plot:
    """Accuracy by margin above, and how many lines there are of each below."""
    most = max((score.all.counted for score in scores), default=0) or 1
    top = 10.0
    base = top + 2 * MARGIN_HEIGHT + MARGIN_GAP
    dots, columns = [], []
    for i, score in enumerate(scores):
        share = score.all
        x = MARGIN_LEFT + i * MARGIN_STEP
        right = MARGIN_HEIGHT * share.right / most
        wrong = MARGIN_HEIGHT * (share.counted - share.right) / most
        columns.append(
            Column(score.name, x, base - right, right, base - right - wrong, wrong, share)
        )
        if share.counted:
            ends = [share.percent or 0, share.low or 0, share.high or 0]
            y, low, high = (top + MARGIN_HEIGHT * (1 - value / 100) for value in ends)
            dots.append(Dot(score.name, x + MARGIN_STEP / 2, y, low, high, i % 2 == 0, share))
    accuracy = [(top + MARGIN_HEIGHT * (1 - v / 100), f"{v} %") for v in (0, 50, 100)]
    lines = [(base, "0"), (base - MARGIN_HEIGHT, f"{most:,}")]
    return Plot(
        width=MARGIN_LEFT + len(scores) * MARGIN_STEP + 12,
        height=base + 42,
        dots=tuple(dots),
        columns=tuple(columns),
        ticks=(*accuracy, *lines),
    )


CELL, MAP_LEFT, MAP_TOP = 40.0, 118.0, 104.0
"""Side of a cell of the map, and its left and upper edge."""

_FURTHER = ("(further cast)", "(others)", "(unknown)")


def confusion_map(confusion: Confusion) -> Plot:
    """A map of true speakers by labels; the strength of a cell is its share of the row."""
    names = [*confusion.characters, *_FURTHER]
    rows = [i for i, row in enumerate(confusion.counts) if any(row)]
    columns = [j for j in range(len(names)) if j in rows or any(row[j] for row in confusion.counts)]
    cells = []
    for at_y, i in enumerate(rows):
        total = sum(confusion.counts[i])
        for at_x, j in enumerate(columns):
            lines = confusion.counts[i][j]
            cells.append(
                Cell(
                    x=MAP_LEFT + at_x * CELL,
                    y=MAP_TOP + at_y * CELL * 0.7,
                    row=names[i],
                    column=names[j],
                    lines=lines,
                    strength=lines / total,
                    # Different people of the further cast share a cell: it may hold mistakes.
                    diagonal=i == j,
                )
            )
    return Plot(
        width=MAP_LEFT + len(columns) * CELL + 60,
        height=MAP_TOP + len(rows) * CELL * 0.7 + 6,
        cells=tuple(cells),
        heads=tuple(
            (MAP_LEFT + (at + 0.5) * CELL, shortened(names[j], 14), names[j])
            for at, j in enumerate(columns)
        ),
        sides=tuple(
            (MAP_TOP + (at + 0.5) * CELL * 0.7, shortened(names[i], 13), names[i])
            for at, i in enumerate(rows)
        ),
    )
