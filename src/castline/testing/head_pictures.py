"""Pictures of drawn heads: turned, lit, and cut out with a soft edge."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from castline.testing.head_canvas import COLUMNS, ROWS, Floats, rise

if TYPE_CHECKING:
    from castline.testing.heads import HeadMaps

__all__ = ["CUT_OUT", "HEAD_UNITS", "Light", "Pose", "render_head", "units_across"]

CUT_OUT = 2.7
"""Side of the square that holds a head with its hair, in units of half the head's height."""

HEAD_UNITS = 2.1
"""From chin to crown, in the same units; the chin stands out a little."""

_NEAR = 0.045
"""How far from the surface a ray may end; more makes a bright rim, less leaves holes."""


@dataclass(frozen=True)
class Pose:
    """How a head is turned, in degrees.

    Attributes:
        yaw: To the viewer's right.
        pitch: Downwards.
        roll: Tilted counter-clockwise.
    """

    yaw: float = 0.0
    pitch: float = 0.0
    roll: float = 0.0


@dataclass(frozen=True)
class Light:
    """What falls on a head.

    Attributes:
        towards: Direction towards the light: right, up, towards the viewer.
        ambient: Light from everywhere; 0.25 to 0.5 looks right.
        key: Light from that direction; 0.55 to 0.85 looks right.
        tint: Colour of both.
    """

    towards: tuple[float, float, float] = (-0.5, 0.5, 0.8)
    ambient: float = 0.38
    key: float = 0.78
    tint: tuple[float, float, float] = (1.0, 1.0, 1.0)

    def on(self, normals: Floats) -> Floats:
        """How squarely the light falls on surfaces, 0 to 1; it reaches a little around edges."""
        return np.asarray(np.clip((normals @ self.direction + 0.22) / 1.22, 0, 1))

    @property
    def direction(self) -> Floats:
        """`towards` as a unit vector."""
        towards = np.array(self.towards, np.float32)
        return np.asarray(towards / np.linalg.norm(towards), np.float32)


def units_across(pixels: int, height: float) -> Floats:
    """(pixels,) coordinates of pixel centres around a head's middle, in head units."""
    return np.asarray(((np.arange(pixels) + 0.5) - pixels / 2) / (height / HEAD_UNITS), np.float32)


def render_head(
    maps: HeadMaps, *, height: float, pose: Pose, light: Light, rows: slice | None = None
) -> Floats:
    """Draw a head seen from far away.

    Args:
        maps: The painted head.
        height: From chin to crown without hair, in pixels.
        pose: How it is turned, around its own middle.
        light: What falls on it.
        rows: Only these rows of the picture, when the others are known.

    Returns:
        (n, n, 4) red, green, blue, opacity; n is `CUT_OUT` head units, rounded down to even.
    """
    side = int(height / HEAD_UNITS * CUT_OUT) // 2 * 2
    across = units_across(side, height)
    wanted = range(side)[rows or slice(None)]
    margin = 8  # so that smoothing sees what lies beyond the cut
    first, last = max(0, wanted.start - margin), min(side, wanted.stop + margin)
    x, y = np.meshgrid(across, -across[first:last])
    turn = _turn(pose)
    depth, hit = _march(maps.radius, x, y, turn)
    solid, surface = _mend(depth, hit, blur=max(0.6, height / 170))
    normals = _normals(surface, across[1] - across[0])
    column, row, up = _cells(x[solid], y[solid], surface[solid], turn)
    colour = np.zeros((*solid.shape, 3), np.float32)
    colour[solid] = _shade(_look_up(maps.skin, column, row), normals[solid], up, light)
    picture = _cut_out(colour, solid)
    return picture[wanted.start - first : wanted.stop - first]


def _turn(pose: Pose) -> Floats:
    """The rotation from the viewer's coordinates to the head's."""
    yaw, pitch, roll = np.radians((pose.yaw, pose.pitch, pose.roll))
    around_y = [[np.cos(yaw), 0, np.sin(yaw)], [0, 1, 0], [-np.sin(yaw), 0, np.cos(yaw)]]
    around_x = [
        [1, 0, 0],
        [0, np.cos(pitch), -np.sin(pitch)],
        [0, np.sin(pitch), np.cos(pitch)],
    ]
    around_z = [[np.cos(roll), -np.sin(roll), 0], [np.sin(roll), np.cos(roll), 0], [0, 0, 1]]
    return np.asarray((np.array(around_z) @ around_x @ around_y).T, np.float32)


def _cells(x: Floats, y: Floats, z: Floats, turn: Floats) -> tuple[Floats, Floats, Floats]:
    """Column and row of the maps that points lie over, and their height on the head."""
    right = turn[0, 0] * x + turn[0, 1] * y + turn[0, 2] * z
    up = turn[1, 0] * x + turn[1, 1] * y + turn[1, 2] * z
    forward = turn[2, 0] * x + turn[2, 1] * y + turn[2, 2] * z
    level = np.sqrt(right * right + forward * forward)
    # Half-angle forms, as arctan is several times faster than arctan2.
    longitude = 2 * np.arctan(right / (level + forward + 1e-6))
    latitude = np.arctan(up / (level + 1e-6))
    column = (longitude + np.pi) * (COLUMNS / 2 / np.pi) - 0.5
    row = (latitude + np.pi / 2) * (ROWS / np.pi) - 0.5
    return column, row, up


def _march(radius: Floats, x: Floats, y: Floats, turn: Floats) -> tuple[Floats, np.ndarray]:
    """Walk along each ray from the front until it meets the surface.

    Each step is a share of the distance that is left along the line to the middle: longer ones
    jump over the nose.

    Returns:
        Depth towards the viewer, and whether the surface was met.
    """
    largest = float(radius.max())
    flat = x * x + y * y
    inside = flat < largest * largest
    x, y, flat = x[inside], y[inside], flat[inside]
    z = np.sqrt(largest * largest - flat)
    cells = radius.ravel()
    for step in (0.8,) * 9 + (0.5,) * 5:
        column, row, _ = _cells(x, y, z, turn)
        at = np.rint(row).astype(np.intp) * COLUMNS + np.rint(column).astype(np.intp) % COLUMNS
        left = np.sqrt(flat + z * z) - cells.take(at, mode="clip")
        z = np.maximum(z - step * left, -0.4)
    column, row, _ = _cells(x, y, z, turn)
    missed = np.sqrt(flat + z * z) - _look_up(radius[..., None], column, row)[..., 0]
    depth = np.zeros(inside.shape, np.float32)
    hit = np.zeros(inside.shape, bool)
    depth[inside], hit[inside] = z, missed < _NEAR
    return depth, hit


def _look_up(maps: Floats, column: Floats, row: Floats) -> Floats:
    """(n, channels) values between the cells of maps, at n places."""
    left, below = np.floor(column), np.floor(row)
    right_share, up_share = (column - left)[..., None], (row - below)[..., None]
    left, below = left.astype(np.intp), below.astype(np.intp)
    lower, upper = np.clip(below, 0, ROWS - 1), np.clip(below + 1, 0, ROWS - 1)
    right = (left + 1) % COLUMNS
    left %= COLUMNS
    cells = maps.reshape(ROWS * COLUMNS, -1)
    under, over = cells[lower * COLUMNS + left], cells[upper * COLUMNS + left]
    under += right_share * (cells[lower * COLUMNS + right] - under)
    over += right_share * (cells[upper * COLUMNS + right] - over)
    return np.asarray(under + up_share * (over - under), np.float32)


def _mend(depth: Floats, hit: np.ndarray, *, blur: float) -> tuple[np.ndarray, Floats]:
    """Fill holes that rays left, and smooth the surface from inside the outline only."""
    from scipy.ndimage import binary_fill_holes, distance_transform_edt, gaussian_filter, label

    pieces, _ = label(hit)
    hit = pieces == np.bincount(pieces[hit]).argmax()  # slivers beside steep edges fall away
    solid = binary_fill_holes(hit)
    nearest = distance_transform_edt(~hit, return_distances=False, return_indices=True)
    filled = np.where(solid, depth[tuple(nearest)], 0)
    weight = gaussian_filter(solid.astype(np.float32), blur) + 1e-3
    return solid, gaussian_filter(filled, blur) / weight


def _normals(surface: Floats, unit: float) -> Floats:
    down, right = np.gradient(surface, unit)
    length = np.sqrt(right * right + down * down + 1)
    return np.asarray(np.dstack([-right, down, np.ones_like(down)]) / length[..., None], np.float32)


def _shade(skin: Floats, normals: Floats, up: Floats, light: Light) -> Floats:
    """Light on the skin: soft, darker at grazing edges and under the chin, a little shine."""
    hair = skin[:, 3]
    lit = light.on(normals)
    grazing = np.clip(1 - normals[:, 2], 0, 1)
    shade = light.ambient * (1 - 0.45 * grazing)
    shade += light.key * lit * (1 - 0.35 * rise(grazing, 0.55, 1))
    shade *= 1 - 0.35 * rise(-up, 0.75, 1.05) * rise(grazing, 0.3, 0.8)
    colour = skin[:, :3] * shade[:, None] * np.array(light.tint, np.float32)
    # Skin glows red where light turns into shadow.
    glow = 0.4 * lit * (1 - lit) * (1 - hair)
    colour *= 1 + glow[:, None] * np.array((1, -0.3, -0.6), np.float32)
    halfway = light.direction + np.array((0, 0, 1), np.float32)
    shine = np.clip(normals @ (halfway / np.linalg.norm(halfway)), 0, 1) ** 22
    colour += (0.10 * light.key * shine * (1 - 0.4 * hair))[:, None]
    return colour


def _cut_out(colour: Floats, solid: np.ndarray) -> Floats:
    """Add a soft edge, with the head's own colour under it."""
    from scipy.ndimage import gaussian_filter

    mask = solid.astype(np.float32)
    opacity = np.clip((gaussian_filter(mask, 1.0) - 0.28) / 0.6, 0, 1)
    weight = gaussian_filter(mask, 1.2)[..., None] + 1e-4
    spread = gaussian_filter(colour * mask[..., None], (1.2, 1.2, 0)) / weight
    return np.dstack([np.where(solid[..., None], colour, spread), opacity])
