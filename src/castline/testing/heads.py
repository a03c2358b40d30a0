"""Drawn heads: a person's proportions and an expression become a solid with a painted skin."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from castline.testing import head_features as paint
from castline.testing.head_canvas import Canvas, Floats
from castline.testing.head_features import Expression

if TYPE_CHECKING:
    from castline.testing.looks import Looks

__all__ = ["Expression", "HeadMaps", "paint_head"]


@dataclass(frozen=True, eq=False)
class HeadMaps:
    """A head as maps over all directions, longitude along the columns and latitude up the rows.

    Attributes:
        radius: (ROWS, COLUMNS) distance of the surface from the middle of the head.
        skin: (ROWS, COLUMNS, 4) red, green, blue, and how much of it is hair; 0 to 1.
    """

    radius: Floats
    skin: Floats


@lru_cache(maxsize=28)
def paint_head(looks: Looks, expression: Expression = Expression()) -> HeadMaps:  # noqa: B008
    """Paint one head; 0.1 s, and remembered for a while, since films repeat expressions."""
    canvas = Canvas(looks)
    paint.skin(canvas, looks)
    paint.bones(canvas, looks, expression)
    paint.nose(canvas, looks, expression)
    lips = paint.mouth(canvas, looks, expression)
    paint.beard(canvas, looks, lips)
    paint.eyes(canvas, looks, expression)
    paint.brows(canvas, looks, expression)
    if looks.glasses:
        paint.glasses(canvas, looks)
    paint.hair(canvas, looks)
    paint.ears(canvas, looks)
    skin = np.dstack([np.clip(canvas.colour, 0, 1), canvas.hair])
    return HeadMaps(canvas.skull + canvas.relief, skin)
