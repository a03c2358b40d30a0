"""What the drawn people look like: proportions and colours, and twelve people told apart.

The twelve were chosen out of eighty random ones because a face engine's numbers lie far apart for
them; four were then given longer noses and fewer folds, to look at home beside the others. Women
read best as 0, 3, 7, 8 and 10; the others wear beards.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["PEOPLE", "Colour", "Looks", "Proportions"]

Colour = tuple[float, float, float]
"""Red, green and blue, 0 to 1."""


@dataclass(frozen=True)
class Proportions:
    """The shape of a head.

    Lengths are in units of half the head's height, from chin to crown without hair; the middle of
    the head is at 0 and up is positive.

    Attributes:
        width: Half the width of the skull.
        depth: Half its depth.
        taper: How much narrower the chin is, 0 to 1.
        jaw: Width added at the jaw.
        eye_x: Distance of each eye from the middle.
        eye_y: Height of the eyes.
        eye_width: Half the width of an eye.
        eye_height: Half its height when open.
        nose_length: From the eyes down to the tip.
        nose_width: Half the width of the nose.
        nose_height: How far it stands out.
        mouth_y: Height of the mouth.
        mouth_width: Half its width.
        lip: Thickness of the upper lip.
        brow_y: Height of the brows.
        brow_thickness: Half their thickness.
        brow_tilt: Outer ends up (positive) or down.
        chin: How far the chin stands out.
        cheek: How far the cheekbones stand out.
        hairline: Height at which hair begins.
        hair_volume: How far hair stands off the skull.
        age: Depth of the folds, about 0 to 2.
    """

    width: float
    depth: float
    taper: float
    jaw: float
    eye_x: float
    eye_y: float
    eye_width: float
    eye_height: float
    nose_length: float
    nose_width: float
    nose_height: float
    mouth_y: float
    mouth_width: float
    lip: float
    brow_y: float
    brow_thickness: float
    brow_tilt: float
    chin: float
    cheek: float
    hairline: float
    hair_volume: float
    age: float


@dataclass(frozen=True, kw_only=True)
class Looks:
    """One person's head.

    Attributes:
        shape: Its proportions.
        style: Hair: `short`, `part` (a slanting hairline), `long` or `bald`.
        skin: Colour of the skin.
        hair: Colour of hair, brows and beard.
        iris: Colour of the eyes.
        lips: Colour of the lips.
        beard: Strength of a beard, 0 to 1.
        moustache: Whether there is a moustache.
        glasses: Whether there are glasses.
        seed: Draws pores and strands.
    """

    shape: Proportions
    style: str
    skin: Colour
    hair: Colour
    iris: Colour
    lips: Colour
    beard: float = 0.0
    moustache: bool = False
    glasses: bool = False
    seed: int = 0


_SHAPES: dict[str, tuple[float, ...]] = {
    "width":          (71, 78, 68, 84, 83, 72, 86, 64, 72, 66, 69, 75),
    "depth":          (80, 90, 78, 83, 85, 86, 78, 83, 91, 81, 81, 88),
    "taper":          (51, 21, 17, 37, 15, 50, 39, 34, 55, 51, 29, 50),
    "jaw":            (-1, -6, -2,  3, 12,  7,  9,  5, -3,  0, -3,  2),
    "eye_x":          (32, 32, 30, 29, 28, 35, 31, 24, 30, 34, 34, 25),
    "eye_y":          ( 4,  4,  4, -2,  4,  2,  1,  3,  4,  4,  0, -4),
    "eye_width":      (13.7, 11.5, 12.7, 11.0, 16.0, 13.8, 17.5, 16.4, 17.9, 17.8, 16.0, 12.0),
    "eye_height":     (6.6, 8.6, 4.4, 4.4, 7.4, 5.5, 7.7, 5.6, 6.2, 4.2, 4.5, 6.2),
    "nose_length":    (34, 36, 44, 24, 48, 46, 31, 34, 33, 46, 35, 40),
    "nose_width":     (11.0,  9.2, 10.2,  5.6, 11.5, 12.1,  8.8,  9.4,  9.6,  5.9,  5.9, 13.4),
    "nose_height":    (21, 20, 26, 25, 19, 19, 12, 23, 24, 24, 24, 13),
    "mouth_y":        (-58, -62, -64, -70, -58, -62, -62, -68, -63, -68, -63, -56),
    "mouth_width":    (16, 26, 19, 25, 23, 26, 15, 17, 29, 32, 21, 26),
    "lip":            (8.5, 5.6, 3.9, 3.6, 6.5, 6.4, 3.7, 7.3, 7.4, 3.1, 6.0, 4.8),
    "brow_y":         (13, 20, 20, 12, 17, 20, 23, 17, 23, 15, 23, 23),
    "brow_thickness": (4.4, 3.9, 3.4, 1.7, 4.4, 3.2, 2.8, 1.5, 1.2, 3.4, 1.1, 1.9),
    "brow_tilt":      (-49,  10,  83, -33, -87, -76, -53,  42,  19,  53, -46, -86),
    "chin":           (14,  2,  2, 12,  6,  9, 10, 10,  3,  5,  5,  8),
    "cheek":          ( 1,  0,  1,  2,  5, -1,  9,  3,  4,  3,  3, -2),
    "hairline":       (58, 61, 43, 70, 44, 58, 50, 66, 45, 64, 63, 50),
    "hair_volume":    (18, 10, 12,  7, 14, 14, 19, 16,  8, 16,  6, 16),
    "age":            (150,  40,  12, 103, 149,  42, 130,  60,  30, 188,  92,  62),
}  # fmt: skip
"""Each proportion of the twelve in their order, in hundredths."""

_BROWN, _DARK, _PALE, _GREEN = (
    (0.20, 0.12, 0.06), (0.11, 0.07, 0.04), (0.25, 0.40, 0.55), (0.30, 0.42, 0.30)
)  # fmt: skip
_BLACK, _UMBER, _CHESTNUT, _BLOND, _GREY, _WHITE = (
    (0.06, 0.05, 0.04), (0.16, 0.10, 0.06), (0.34, 0.21, 0.10),
    (0.72, 0.57, 0.32), (0.66, 0.65, 0.64), (0.90, 0.89, 0.86),
)  # fmt: skip


def _shape(number: int) -> Proportions:
    return Proportions(**{name: values[number] / 100 for name, values in _SHAPES.items()})


PEOPLE: tuple[Looks, ...] = (
    Looks(
        shape=_shape(0), style="short", seed=0, hair=_CHESTNUT, iris=_DARK,
        skin=(0.62, 0.45, 0.39), lips=(0.55, 0.28, 0.24),
    ),
    Looks(
        shape=_shape(1), style="part", seed=1, hair=_BLACK, iris=_BROWN,
        skin=(0.39, 0.24, 0.17), lips=(0.34, 0.15, 0.11), beard=1.0, glasses=True,
    ),
    Looks(
        shape=_shape(2), style="part", seed=2, hair=_BLACK, iris=_DARK,
        skin=(0.88, 0.69, 0.57), lips=(0.77, 0.43, 0.35), beard=0.6, moustache=True,
    ),
    Looks(
        shape=_shape(3), style="part", seed=3, hair=_GREY, iris=_PALE,
        skin=(0.65, 0.47, 0.45), lips=(0.57, 0.29, 0.28),
    ),
    Looks(
        shape=_shape(4), style="short", seed=4, hair=_BLOND, iris=_BROWN,
        skin=(0.49, 0.33, 0.28), lips=(0.43, 0.2, 0.17), beard=1.0, glasses=True,
    ),
    Looks(
        shape=_shape(5), style="short", seed=5, hair=_BLACK, iris=_DARK,
        skin=(0.41, 0.27, 0.2), lips=(0.36, 0.17, 0.12), beard=0.7, glasses=True,
    ),
    Looks(
        shape=_shape(6), style="bald", seed=6, hair=_WHITE, iris=_BROWN,
        skin=(0.46, 0.32, 0.25), lips=(0.4, 0.2, 0.15), beard=0.9,
    ),
    Looks(
        shape=_shape(7), style="long", seed=7, hair=_UMBER, iris=_GREEN,
        skin=(0.64, 0.48, 0.4), lips=(0.56, 0.3, 0.25), glasses=True,
    ),
    Looks(
        shape=_shape(8), style="long", seed=8, hair=_BLOND, iris=_PALE,
        skin=(0.78, 0.6, 0.5), lips=(0.66, 0.24, 0.24),
    ),
    Looks(
        shape=_shape(9), style="short", seed=9, hair=_GREY, iris=_PALE,
        skin=(0.59, 0.43, 0.36), lips=(0.52, 0.27, 0.22), beard=0.7,
    ),
    Looks(
        shape=_shape(10), style="long", seed=10, hair=_BLOND, iris=_GREEN,
        skin=(0.66, 0.51, 0.46), lips=(0.62, 0.28, 0.3), glasses=True,
    ),
    Looks(
        shape=_shape(11), style="short", seed=11, hair=_BLACK, iris=_DARK,
        skin=(0.71, 0.56, 0.44), lips=(0.62, 0.35, 0.27), beard=1.0, moustache=True,
    ),
)  # fmt: skip
"""The twelve."""
