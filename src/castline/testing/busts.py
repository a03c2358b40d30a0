"""What is below and behind a head: neck, shoulders in clothes, and long hair."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from castline.testing.head_canvas import Floats, rise
from castline.testing.head_pictures import Light, units_across
from castline.testing.looks import Colour, Looks

__all__ = ["Outfit", "draw_bust", "lay_over"]

_REACH = (2.3, 3.6)
"""How far a bust reaches from the middle of the head, sideways and down, in head units."""
_TOP = 1.5
_DEEP = 0.55
"""How far the chest stands out."""


@dataclass(frozen=True)
class Outfit:
    """Clothes.

    Attributes:
        colour: Of the cloth.
        collar: `round`, `open` (a deep V) or `high`.
    """

    colour: Colour = (0.25, 0.30, 0.38)
    collar: str = "round"


def lay_over(picture: Floats, layer: Floats, left: int, top: int) -> None:
    """Lay a (h, w, 4) layer over an (H, W, 3) picture, in place; what sticks out is cut off."""
    first_row, first_column = max(0, -top), max(0, -left)
    below = picture[max(0, top) :, max(0, left) :]
    layer = layer[first_row:, first_column:][: below.shape[0], : below.shape[1]]
    below = below[: layer.shape[0], : layer.shape[1]]
    below += layer[..., 3:] * (layer[..., :3] - below)


def draw_bust(
    picture: Floats, at: tuple[float, float], *, looks: Looks, outfit: Outfit, height: float,
    light: Light,
) -> None:  # fmt: skip
    """Draw a bust into a picture; the head itself is laid over it.

    Args:
        picture: (H, W, 3), changed.
        at: Column and row of the middle of the head.
        looks: Whose bust it is.
        outfit: What they wear.
        height: Of the head, in pixels.
        light: What falls on it.
    """
    unit = units_across(2, height)[1] * 2
    wide, up, down = (round(units / unit) for units in (_REACH[0], _TOP, _REACH[1]))
    x, y = np.meshgrid(units_across(2 * wide, height), -units_across(2 * down, height)[down - up :])
    left, top = round(at[0]) - wide, round(at[1]) - up
    for layer in (_back_hair(x, y, looks), _neck(x, y, looks, light)):
        lay_over(picture, layer, left, top)
    lay_over(picture, _shoulders(x, y, outfit, light), left, top)


def _back_hair(x: Floats, y: Floats, looks: Looks) -> Floats:
    if looks.style != "long":
        return np.zeros((*x.shape, 4), np.float32)
    half = looks.shape.width + 0.22
    wave = 0.03 * np.sin(7 * y + 2 * np.sign(x))
    inside = 1 - (np.abs(x + wave) / half) ** 2.8 - (np.abs(y + 0.28) / 1.30) ** 3.2
    strands = 0.5 + 0.10 * np.sin(46 * x + 3 * np.sin(3 * y)) + 0.18 * rise(np.abs(x), 0.4, 0.9)
    colour = strands[..., None] * np.array(looks.hair)
    return _layer(colour, rise(inside, -0.03, 0.09))


def _neck(x: Floats, y: Floats, looks: Looks, light: Light) -> Floats:
    half = 0.49 * looks.shape.width / 0.74 + 0.35 * np.clip(-y - 1.1, 0, 1) ** 1.5
    across = np.clip(x / half, -1, 1)
    normals = np.dstack([0.9 * across, np.full_like(x, -0.1), np.sqrt(1.02 - 0.81 * across**2)])
    shade = light.ambient * 0.9 + light.key * 0.8 * light.on(normals)
    shade *= 1 - 0.50 * rise(y, -1.55, -1.0)  # the head's shadow
    sinews = 0.06 * np.exp(-(((np.abs(x) - 0.16 - 0.1 * (y + 1.6)) / 0.05) ** 2))
    colour = (shade * (1 - sinews))[..., None] * np.array(looks.skin) * np.array(light.tint)
    return _layer(colour, rise(half - np.abs(x), -0.01, 0.035) * rise(-y, 0.35, 0.5))


def _shoulders(x: Floats, y: Floats, outfit: Outfit, light: Light) -> Floats:
    """Cloth over a rounded chest, cut out at the neck."""
    slope = -1.16 - 0.30 * np.abs(x) ** 1.3 - 4 * np.clip(np.abs(x) - 1.4, 0, 1) ** 2
    below = slope - y
    chest = _DEEP * np.sqrt(np.clip(1 - (x / 2.2) ** 2, 0, 1) * rise(below, -0.3, 2.6))
    folds = 0.012 * np.sin(9 * x + 4 * y) * rise(below, 0.2, 0.8)
    down, right = np.gradient(chest + folds, abs(float(x[0, 1] - x[0, 0])))
    normals = np.dstack([-right, down, np.ones_like(x)])
    normals /= np.linalg.norm(normals, axis=2, keepdims=True)
    shade = 0.9 * light.ambient + 0.85 * light.key * light.on(normals)

    neckline = _neckline(x, y, outfit.collar)
    hem = np.exp(-(((neckline - 0.05) / 0.035) ** 2))
    shade *= (1 - 0.28 * hem) * (1 - 0.35 * rise(0.25 - neckline, 0, 0.4) * rise(y, -1.8, -1.3))
    colour = shade[..., None] * np.array(outfit.colour) * np.array(light.tint)
    edge = 0.02
    return _layer(colour, rise(below, -edge, edge) * rise(neckline, -edge, edge))


def _neckline(x: Floats, y: Floats, collar: str) -> Floats:
    """How far inside the cloth a point is; negative at the throat."""
    if collar == "high":
        return np.asarray(0.6 * (np.hypot(x / 0.64, (y + 0.95) / 0.36) - 1))
    if collar == "open":
        return np.asarray(np.abs(x) - 0.55 * np.clip(y + 2.2, -1, 2))
    return np.asarray(0.6 * (np.hypot(x / 0.72, (y + 1.20) / 0.38) - 1))


def _layer(colour: Floats, opacity: Floats) -> Floats:
    return np.asarray(np.dstack([colour, opacity]), np.float32)
