"""The surface that heads are painted on: every direction from the middle of the head.

A head is star-shaped: for each direction (longitude, latitude) there is one radius and one colour.
Features are placed in front-view coordinates, as on a photograph taken from far away.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from castline.testing.looks import Colour, Looks

__all__ = ["COLUMNS", "ROWS", "Canvas", "Floats", "bell", "ridge", "rise", "soften"]

Floats = npt.NDArray[np.floating[Any]]

COLUMNS, ROWS = 416, 288
"""Cells around the head and from below to above."""

_LONGITUDE, _LATITUDE = np.meshgrid(
    ((np.arange(COLUMNS) + 0.5) / COLUMNS * 2 - 1).astype(np.float32) * np.float32(np.pi),
    ((np.arange(ROWS) + 0.5) / ROWS - 0.5).astype(np.float32) * np.float32(np.pi),
)
_RIGHT = np.sin(_LONGITUDE) * np.cos(_LATITUDE)
_UP = np.sin(_LATITUDE)
_FORWARD = np.cos(_LONGITUDE) * np.cos(_LATITUDE)

_ROUNDNESS = 2.25
"""Exponent of the super-ellipsoid; 2 would be an egg."""


def bell(x: Floats, y: Floats, at: tuple[float, float], size: tuple[float, float]) -> Floats:
    """A soft spot: 1 at its middle, falling off as a Gaussian of this size."""
    return np.asarray(np.exp(-0.5 * (((x - at[0]) / size[0]) ** 2 + ((y - at[1]) / size[1]) ** 2)))


def ridge(distance: Floats, width: float) -> Floats:
    """A soft line: 1 where the distance is 0."""
    return np.asarray(np.exp(-0.5 * (distance / width) ** 2))


def rise(value: Floats, low: float, high: float) -> Floats:
    """A soft step from 0 at `low` to 1 at `high`, which may be the smaller one."""
    share = np.clip((value - low) / (high - low), 0, 1)
    return np.asarray(share * share * (3 - 2 * share))


def soften(mask: Floats, degrees: float) -> Floats:
    """Blur a mask by this angle."""
    from scipy.ndimage import gaussian_filter

    size = (degrees / 180 * ROWS, degrees / 360 * COLUMNS)
    return np.asarray(gaussian_filter(mask, size, mode=("nearest", "wrap")), np.float32)


class Canvas:
    """A head while it is painted.

    Attributes:
        longitude: (ROWS, COLUMNS) angle around the head, 0 in front, in radians.
        x: Distance to the right of the face as the viewer sees it.
        y: Height.
        side: Distance from the middle, `abs(x)`: most features come in pairs.
        forward: 1 in front, -1 behind.
        front: 1 on the face, 0 behind.
        skull: Radius of the bare skull.
        relief: What is added to it.
        colour: (ROWS, COLUMNS, 3).
        hair: Where there is hair, 0 to 1.
    """

    def __init__(self, looks: Looks) -> None:
        self.longitude = _LONGITUDE
        self.forward = _FORWARD
        self.skull = _skull(looks)
        self.x = self.skull * _RIGHT
        self.y = self.skull * _UP
        self.side = np.abs(self.x)
        self.front = rise(_FORWARD, 0, 0.25)
        self.relief = np.zeros_like(self.skull)
        self.colour = np.empty((*self.skull.shape, 3), np.float32)
        self.colour[:] = looks.skin
        self.hair = np.zeros_like(self.skull)
        self._seed = looks.seed

    def tint(self, mask: Floats, colour: Colour | Floats) -> None:
        """Paint with a colour, or with one for each cell, as thick as the mask says."""
        there = mask > 1e-3
        thick = np.minimum(mask[there], 1)[:, None]
        paint = np.asarray(colour, np.float32)
        old = self.colour[there]
        self.colour[there] = old + thick * ((paint[there] if paint.ndim > 1 else paint) - old)

    def darken(self, mask: Floats) -> None:
        """Take away this share of the light."""
        there = mask > 1e-3
        self.colour[there] *= 1 - mask[there][:, None]

    def noise(self, name: str, degrees: tuple[float, float]) -> Floats:
        """Random texture of unit spread; the same for every expression of a head.

        Args:
            name: Another name gives another texture.
            degrees: Size of its grain up and down, and around.
        """
        return _noise(self._seed, name, degrees)


@lru_cache(maxsize=64)
def _noise(seed: int, name: str, degrees: tuple[float, float]) -> Floats:
    from scipy.ndimage import gaussian_filter

    rng = np.random.default_rng([seed, *name.encode()])
    grain = (degrees[0] / 180 * ROWS, degrees[1] / 360 * COLUMNS)
    field = gaussian_filter(
        rng.standard_normal((ROWS, COLUMNS), np.float32), grain, mode=("nearest", "wrap")
    )
    return np.asarray(field / field.std(), np.float32)


@lru_cache(maxsize=16)
def _skull(looks: Looks) -> Floats:
    """Radius of a super-ellipsoid that is narrower towards the chin."""
    shape = looks.shape
    radius = np.ones_like(_UP)
    for _ in range(6):  # its width depends on the height, which depends on the radius
        height = radius * _UP
        width = 1 - shape.taper * rise(-height, 0.1, 1.3) + 0.03 * rise(height, 0.1, 0.6)
        width += shape.jaw * ridge(height + 0.55, 0.25)
        radius = (
            np.abs(_RIGHT / (shape.width * width)) ** _ROUNDNESS
            + np.abs(_UP) ** _ROUNDNESS
            + np.abs(_FORWARD / shape.depth) ** _ROUNDNESS
        ) ** (-1 / _ROUNDNESS)
    return np.asarray(radius, np.float32)
