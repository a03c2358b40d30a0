"""Places to stand in front of: soft, out of focus, each with its own light."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from castline.testing.head_canvas import Floats, rise
from castline.testing.head_pictures import Light
from castline.testing.looks import Colour

__all__ = ["PLACES", "Place", "paint_backdrop"]

_COARSE = 4
"""Pixels of the picture for one of the painting, which is out of focus anyway."""


@dataclass(frozen=True)
class Place:
    """Where people are.

    Attributes:
        light: What falls on them there.
        paint: Paints the view.
    """

    light: Light
    paint: Callable[[_View], None]


def paint_backdrop(place: str, width: int, height: int, seed: int) -> npt.NDArray[np.float32]:
    """Paint the view in a place.

    Args:
        place: A name from `PLACES`.
        width: Of the picture, in pixels.
        height: Of the picture, in pixels.
        seed: Another seed looks in another direction; odd ones are the other way round.

    Returns:
        (height, width, 3) red, green, blue, 0 to 1.
    """
    view = _View(width / height, height // _COARSE, np.random.default_rng([seed, *place.encode()]))
    PLACES[place].paint(view)
    return view.finish(width, height, mirrored=bool(seed % 2))


class _View:
    """A small painting; x runs from 0 to `aspect` and y from 0 at the top to 1."""

    def __init__(self, aspect: float, rows: int, rng: np.random.Generator) -> None:
        self.aspect = aspect
        self.rng = rng
        across = (np.arange(round(rows * aspect), dtype=np.float32) + 0.5) / rows
        down = (np.arange(rows, dtype=np.float32) + 0.5) / rows
        self.x, self.y = np.meshgrid(across, down)
        self.colour = np.zeros((*self.x.shape, 3), np.float32)

    def muted(self, dark: float, bright: float) -> Colour:
        """A random colour that does not shout."""
        red, green, blue = self.rng.uniform(dark, bright) * self.rng.uniform(0.75, 1.2, 3)
        return float(red), float(green), float(blue)

    def cover(self, mask: Floats, colour: Colour | Floats) -> None:
        """Paint over with a colour where the mask says."""
        self.colour += mask[..., None] * (np.asarray(colour, np.float32) - self.colour)

    def sweep(self, top: Colour, bottom: Colour) -> None:
        """Fill with a gradient from above to below."""
        share = self.y[..., None]
        self.colour[:] = np.array(top) * (1 - share) + np.array(bottom) * share

    def box(
        self, left: float, top: float, right: float, bottom: float, colour: Colour, soft: float
    ) -> None:
        """Paint a rectangle with soft edges."""
        inside = rise(self.x - left, -soft, soft) * rise(right - self.x, -soft, soft)
        inside = inside * rise(self.y - top, -soft, soft) * rise(bottom - self.y, -soft, soft)
        self.cover(inside, colour)

    def glow(self, x: float, y: float, size: float, colour: Colour) -> None:
        """Add light around a point."""
        near = np.exp(-((self.x - x) ** 2 + (self.y - y) ** 2) / (2 * size * size))
        self.colour += near[..., None] * np.array(colour, np.float32)

    def disc(self, x: float, y: float, size: float, colour: Colour) -> None:
        """Add a lamp out of focus: an even disc of light."""
        far = np.hypot(self.x - x, self.y - y)
        self.colour += rise(size - far, 0, 0.012)[..., None] * np.array(colour, np.float32)

    def hills(self, level: float, height: float, colour: Colour, soft: float) -> None:
        """Paint rolling ground below a wavy line."""
        phases, lengths = self.rng.uniform(0, 6.28, 3), self.rng.uniform(2, 5, 3)
        line = level - height * sum(
            np.sin(self.x * length + phase) / (number + 1.5)
            for number, (length, phase) in enumerate(zip(lengths, phases, strict=True))
        )
        shade = 1 - 0.35 * np.clip((self.y - line) / (1 - level), 0, 1)
        self.cover(
            rise(self.y - line, -soft, soft), shade[..., None] * np.array(colour, np.float32)
        )

    def finish(self, width: int, height: int, *, mirrored: bool) -> npt.NDArray[np.float32]:
        """Blur, darken the corners, and enlarge to the picture's size."""
        from PIL import Image
        from scipy.ndimage import gaussian_filter

        colour = gaussian_filter(self.colour, (len(self.y) / 90, len(self.y) / 90, 0))
        far = np.hypot(self.x / self.aspect - 0.5, self.y - 0.5)
        colour *= (1 - 0.45 * rise(far, 0.35, 0.8))[..., None]
        if mirrored:
            colour = colour[:, ::-1]
        planes = [
            Image.fromarray(np.ascontiguousarray(colour[..., k])).resize(
                (width, height), Image.Resampling.BICUBIC
            )
            for k in range(3)
        ]
        picture = np.dstack([np.asarray(plane) for plane in planes])
        return np.asarray(np.clip(picture, 0, 1), np.float32)


def _parlour(view: _View) -> None:
    view.sweep((0.34, 0.24, 0.18), (0.20, 0.13, 0.10))
    for shelf in range(4):
        top = 0.04 + 0.24 * shelf
        view.box(0.08, top + 0.19, 0.95, top + 0.215, (0.12, 0.07, 0.04), 0.004)
        at = 0.10
        while at < 0.92:
            thick = view.rng.uniform(0.02, 0.05)
            tall = view.rng.uniform(0.02, 0.07)
            view.box(at, top + tall, at + thick, top + 0.19, view.muted(0.12, 0.45), 0.003)
            at += thick + 0.006
    lamp = view.aspect - 0.35
    view.glow(lamp, 0.30, 0.30, (0.55, 0.36, 0.16))
    view.box(lamp - 0.12, 0.20, lamp + 0.12, 0.40, (0.98, 0.83, 0.55), 0.02)
    view.box(lamp - 0.012, 0.40, lamp + 0.012, 0.85, (0.10, 0.07, 0.05), 0.006)
    view.box(0, 0.88, view.aspect, 1, (0.11, 0.07, 0.05), 0.02)


def _window(view: _View) -> None:
    view.sweep((0.44, 0.46, 0.45), (0.30, 0.31, 0.31))
    left, right = view.aspect - 0.72, view.aspect - 0.14
    view.glow((left + right) / 2, 0.35, 0.42, (0.32, 0.36, 0.40))
    view.box(left, 0.06, right, 0.72, (0.78, 0.88, 0.97), 0.01)
    view.box(left, 0.50, right, 0.72, (0.50, 0.62, 0.48), 0.05)
    for bar in (left, (left + right) / 2, right):
        view.box(bar - 0.014, 0.05, bar + 0.014, 0.73, (0.93, 0.93, 0.90), 0.005)
    view.box(left, 0.36, right, 0.385, (0.93, 0.93, 0.90), 0.005)
    view.box(left - 0.05, 0.72, right + 0.05, 0.76, (0.86, 0.85, 0.82), 0.008)
    view.box(left - 0.16, 0, left - 0.01, 0.95, (0.58, 0.38, 0.32), 0.03)
    view.box(0.12, 0.16, 0.42, 0.46, (0.22, 0.19, 0.16), 0.006)
    view.box(0.145, 0.19, 0.395, 0.43, view.muted(0.35, 0.7), 0.02)


def _street(view: _View) -> None:
    view.sweep((0.03, 0.05, 0.12), (0.09, 0.08, 0.12))
    at = 0.0
    while at < view.aspect:
        wide, tall = view.rng.uniform(0.18, 0.4), view.rng.uniform(0.05, 0.3)
        view.box(at, tall, at + wide, 0.86, view.muted(0.03, 0.09), 0.012)
        at += wide + 0.02
    for _ in range(26):
        warm = view.rng.uniform(0.25, 1.0)
        lamp = (0.55 * warm, 0.38 * warm, 0.18 * warm + 0.3 * (1 - warm))
        x, y = view.rng.uniform(0, view.aspect), view.rng.uniform(0.12, 0.85)
        view.disc(x, y, view.rng.uniform(0.012, 0.05), lamp)
    view.box(0, 0.86, view.aspect, 1, (0.05, 0.05, 0.07), 0.02)
    for _ in range(5):
        x = view.rng.uniform(0, view.aspect)
        view.glow(x, 0.93, 0.06, (0.22, 0.15, 0.08))


def _dunes(view: _View) -> None:
    view.sweep((0.42, 0.58, 0.80), (0.98, 0.82, 0.62))
    view.glow(view.aspect * 0.72, 0.42, 0.16, (0.40, 0.28, 0.12))
    view.hills(0.52, 0.035, (0.80, 0.66, 0.54), 0.02)
    view.hills(0.62, 0.05, (0.86, 0.68, 0.46), 0.012)
    view.hills(0.76, 0.06, (0.76, 0.56, 0.34), 0.012)
    view.hills(0.92, 0.05, (0.60, 0.44, 0.27), 0.02)


def _quay(view: _View) -> None:
    view.sweep((0.60, 0.68, 0.74), (0.84, 0.84, 0.80))
    view.box(-0.1, 0.54, view.aspect + 0.1, 1.1, (0.30, 0.42, 0.47), 0.01)
    for _ in range(30):
        x, y = view.rng.uniform(0, view.aspect), view.rng.uniform(0.56, 0.95)
        wide = view.rng.uniform(0.05, 0.25)
        view.box(x, y, x + wide, y + 0.008, (0.46, 0.57, 0.60), 0.006)
    for x in view.rng.uniform(0.05, view.aspect - 0.05, 3):
        view.box(x - 0.006, 0.08, x + 0.006, 0.56, (0.28, 0.24, 0.22), 0.004)
        view.box(x - 0.10, 0.52, x + 0.12, 0.60, view.muted(0.2, 0.6), 0.012)
    view.box(-0.1, 0.88, view.aspect + 0.1, 1.1, (0.36, 0.31, 0.27), 0.012)


def _workshop(view: _View) -> None:
    view.sweep((0.27, 0.32, 0.30), (0.16, 0.19, 0.18))
    for board in range(3):
        y = 0.22 + 0.2 * board
        view.box(0.05, y, view.aspect - 0.05, y + 0.022, (0.42, 0.31, 0.20), 0.004)
        for _ in range(9):
            x = view.rng.uniform(0.06, view.aspect - 0.12)
            wide, tall = view.rng.uniform(0.03, 0.09), view.rng.uniform(0.04, 0.13)
            view.box(x, y - tall, x + wide, y, view.muted(0.12, 0.5), 0.006)
    view.glow(view.aspect / 2, -0.05, 0.40, (0.35, 0.36, 0.30))
    view.box(0, 0.84, view.aspect, 1, (0.34, 0.25, 0.16), 0.015)


PLACES: dict[str, Place] = {
    "parlour": Place(Light((0.7, 0.35, 0.65), 0.40, 0.74, (1.06, 0.98, 0.86)), _parlour),
    "window": Place(Light((0.65, 0.3, 0.75), 0.44, 0.72, (0.98, 1.0, 1.03)), _window),
    "street": Place(Light((-0.6, 0.45, 0.75), 0.33, 0.66, (1.0, 0.95, 0.92)), _street),
    "dunes": Place(Light((0.5, 0.5, 0.75), 0.46, 0.78, (1.05, 1.0, 0.92)), _dunes),
    "quay": Place(Light((-0.4, 0.6, 0.75), 0.50, 0.62, (0.97, 1.0, 1.03)), _quay),
    "workshop": Place(Light((0.1, 0.75, 0.75), 0.40, 0.72, (1.02, 1.02, 0.95)), _workshop),
}
