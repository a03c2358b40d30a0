"""Plots of confidences: are they probabilities, and what is left when doubtful lines are not named.

Where everything goes, as plain numbers, which the templates turn into SVG.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from castline.attribution.evaluation.results import ConfidenceResult, RiskPoint
from castline.report.plots import Dot

__all__ = ["Chart", "reliability", "risk_coverage"]

Point = tuple[float, float]


_WIDTH, _HEIGHT, _LEFT, _RIGHT, _TOP, _BOTTOM = 460.0, 330.0, 56.0, 442.0, 10.0, 282.0


@dataclass(frozen=True, kw_only=True)
class Chart:
    """A chart with two axes; all coordinates in the chart.

    Attributes:
        across: Places and texts of the ticks of the x axis.
        up: Places and texts of the ticks of the y axis.
        dashed: Line of reference.
        curve: The curve; may be empty.
        dots: Values with intervals; their names are the values on the x axis.
        marks: Places on the curve with what is to be said of them.
        width: Width in its own units, about pixels.
        height: Height.
        left: Left edge of the field.
        right: Its right edge.
        top: Its upper edge.
        bottom: Its lower edge.
    """

    across: tuple[tuple[float, str], ...]
    up: tuple[tuple[float, str], ...]
    dashed: tuple[Point, ...]
    curve: tuple[Point, ...] = ()
    dots: tuple[Dot, ...] = ()
    marks: tuple[tuple[Point, str], ...] = ()
    width: float = _WIDTH
    height: float = _HEIGHT
    left: float = _LEFT
    right: float = _RIGHT
    top: float = _TOP
    bottom: float = _BOTTOM


_TICKS = (0, 20, 40, 60, 80, 90, 95, 99, 100)
"""Ticks of the axes of shares, in percent; they begin at 95 or lower."""
_SCALES = ((1.0, 0.25), (2.0, 0.5), (5.0, 1.0), (10.0, 2.0), (20.0, 5.0), (50.0, 10.0))
"""Upper ends of the axis of risks, in percent, and the steps of its ticks."""


def reliability(found: ConfidenceResult) -> Chart:
    """Right lines over mean confidence, one dot a bin; on the dashed line it is a probability.

    Both axes go by the root of what is wanting to 100 %: most lines of a good method are there.
    """
    lowest = min(min(each.stated, each.right.low or 0) for each in found.bins)
    floor = max(each for each in _TICKS if each <= min(max(lowest, 0), 95))
    ticks = [each for each in _TICKS if each >= floor]

    def up(value: float) -> float:
        return 1 - math.sqrt((100 - min(value, 100)) / (100 - floor))

    def x(value: float) -> float:
        return _LEFT + (_RIGHT - _LEFT) * up(value)

    def y(value: float | None) -> float:
        return _BOTTOM - (_BOTTOM - _TOP) * up(value or 0)

    return Chart(
        across=tuple((x(value), f"{value} %") for value in ticks),
        up=tuple((y(value), f"{value} %") for value in ticks),
        dashed=((x(floor), y(floor)), (x(100), y(100))),
        dots=tuple(
            Dot(
                name=f"{each.stated:.1f} %",
                x=x(each.stated),
                y=y(each.right.percent),
                low=y(each.right.low),
                high=y(each.right.high),
                labelled=False,
                share=each.right,
            )
            for each in found.bins
        ),
    )


def risk_coverage(found: ConfidenceResult) -> Chart:
    """Wrong lines over lines kept; dashed, as the confidences have it."""
    highest = max(max(each.risk, each.expected) for each in found.curve)
    top, step = next((each for each in _SCALES if each[0] >= highest), (100.0, 20.0))

    def place(coverage: float, risk: float) -> Point:
        return (
            _LEFT + (_RIGHT - _LEFT) * coverage / 100,
            _BOTTOM - (_BOTTOM - _TOP) * risk / top,
        )

    def described(point: RiskPoint) -> str:
        return (
            f"{point.coverage:.1f} % of the lines kept, confidence {point.threshold:.2f} and more: "
            f"{point.risk:.2f} % wrong, {point.expected:.2f} % expected"
        )

    return Chart(
        across=tuple((place(value, 0)[0], f"{value} %") for value in range(0, 101, 20)),
        up=tuple((place(0, i * step)[1], f"{i * step:g} %") for i in range(round(top / step) + 1)),
        dashed=tuple(place(each.coverage, each.expected) for each in found.curve),
        curve=tuple(place(each.coverage, each.risk) for each in found.curve),
        marks=tuple(
            (place(each.coverage, each.risk), described(each)) for each in found.curve[::-10][::-1]
        ),
    )
