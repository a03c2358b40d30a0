"""How a mouth moves: small pictures of it along a track, and two numbers a frame from these.

`motion` is how much more the lips changed since the frame before than the skin around them, after
what a small turn of the head or a change of light explains is taken out: a head may move, and the
box may jitter, without a word being said. `opening` is how dark the middle of the mouth is, for an
open mouth shows its inside.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["PATCH", "mouth_patch", "mouth_signal"]

Floats = npt.NDArray[np.float32]

PATCH = (24, 32)
"""Height and width of a picture of a mouth."""
_FINE = 2
"""Each of its pixels is the mean of so many squared: a mouth may lie between pixels of the film."""
_LEAST_CONTRAST = 4.0
"""Brightness steps that are added to the spread, so that a flat patch is not blown up."""
_INTERVAL_MS = 40.0
"""Motion is the change over about this time, whatever the frame rate."""
_LIP_HEIGHTS = (-0.7, -0.45, -0.2, 0.05, 0.3)
"""Where lips may lie in a patch, from -1 at its top to 1; landmarks differ by face and engine."""
_LIP_SIZE = (0.45, 0.6)
"""Half height and half width of the lips in the same units."""
_INNER = (slice(4, 20), slice(6, 26))
"""Rows and columns in which a mouth opens."""
_DARK_SHARE = 0.15
"""Share of them that is dark in an open mouth."""
_AT_ONCE = 256
"""Frames that are worked on together: a long track at once would take gigabytes."""
_PIXELS = ((1, 2), (1, 2))


def mouth_patch(luma: npt.NDArray[np.uint8], mouth: Floats) -> Floats:
    """Cut a mouth out of a frame.

    Args:
        luma: (H, W) brightness of the frame.
        mouth: (4,) left, top, right, bottom in pixels, fractions too; may reach outside, where the
            last pixel goes on.

    Returns:
        (24, 32) brightness with mean 0 and a spread of about 1, so that light and exposure of two
        frames do not count.
    """
    import cv2

    height, width = (side * _FINE for side in PATCH)
    left, top, right, bottom = (float(side) for side in mouth)
    across, down = (right - left) / width, (bottom - top) / height
    # Pixel centres: the first sample lies half a step inside the box.
    place = np.array([[across, 0, left + across / 2 - 0.5], [0, down, top + down / 2 - 0.5]])
    how = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    fine = cv2.warpAffine(luma, place, (width, height), flags=how, borderMode=cv2.BORDER_REPLICATE)
    blocks = fine.reshape(PATCH[0], _FINE, PATCH[1], _FINE).astype(np.float32)
    patch = blocks.mean(axis=(1, 3))
    level: Floats = (patch - patch.mean()) / (patch.std() + _LEAST_CONTRAST)
    return level


def mouth_signal(patches: Floats, times_ms: npt.ArrayLike) -> tuple[Floats, Floats]:
    """Opening and motion along a track.

    Args:
        patches: (n, 24, 32) pictures of the mouth, one a frame.
        times_ms: (n,) when each frame is shown, growing.

    Returns:
        (n,) opening, of mean 0 and spread 1 within the track (0 where it never changes), and (n,)
        motion from 0, in units of the patch's own contrast; about 0.01 for a still mouth. The
        first frames have the motion of the first one that has a frame before it.
    """
    times = np.asarray(times_ms, dtype=np.float64)
    if len(patches) < 2:
        zeros = np.zeros(len(patches), dtype=np.float32)
        return zeros, zeros.copy()
    step = max(1, round(_INTERVAL_MS / float(np.median(np.diff(times)))))
    step = min(step, len(patches) - 1)
    moved = np.concatenate(
        [
            _lip_motion(patches[first : first + _AT_ONCE], patches[first + step :][:_AT_ONCE])
            for first in range(0, len(patches) - step, _AT_ONCE)
        ]
    )
    # The lips are where most moves.
    at = int(np.argmax(moved.mean(axis=0)))
    motion = np.concatenate([np.repeat(moved[:1, at], step), moved[:, at]])
    return _opening(patches), motion


def _opening(patches: Floats) -> Floats:
    """Darkness of the darkest part of the middle, standardised."""
    inner = patches[:, _INNER[0], _INNER[1]].reshape(len(patches), -1)
    count = round(inner.shape[1] * _DARK_SHARE)
    dark = -np.partition(inner, count, axis=1)[:, :count].mean(axis=1)
    spread = float(dark.std())
    if spread < 1e-4:
        return np.zeros(len(patches), dtype=np.float32)
    opening: Floats = ((dark - dark.mean()) / spread).astype(np.float32)
    return opening


def _lip_motion(before: Floats, after: Floats) -> Floats:
    """(m, heights) motion between m pairs of patches, with the lips taken to be at each height.

    What remains on the skin is the measure of what the fit cannot know: a face that turns away, a
    shadow, noise. Lips must move more than that.
    """
    unexplained = _unexplained(before[: len(after)], after)
    lips = _lips()
    there, around = (
        np.sqrt(np.tensordot(unexplained, parts / parts.sum(axis=(1, 2), keepdims=True), _PIXELS))
        for parts in (lips, 1 - lips)
    )
    motion: Floats = np.maximum(there - around, 0).astype(np.float32)
    return motion


def _unexplained(before: Floats, after: Floats) -> Floats:
    """(m, 24, 32) square of the change between m pairs of patches that the head does not explain.

    Shift, zoom, turn and shear, brightness and contrast are fitted by least squares.
    """
    y, x = _grid()
    middle, change = (before + after) / 2, (after - before).reshape(len(after), -1, 1)
    down, across = np.gradient(middle, axis=(1, 2))
    moves = [across, down, across * x, across * y, down * x, down * y]
    causes = np.stack([np.ones_like(middle), middle, *moves], axis=-1)
    causes = causes.reshape(len(after), -1, causes.shape[-1])
    turned = causes.transpose(0, 2, 1)
    # A touch of ridge: a flat patch explains nothing, and must not make the matrix singular.
    gram = turned @ causes + 1e-3 * np.eye(causes.shape[-1], dtype=np.float32)
    rest = change - causes @ np.linalg.solve(gram, turned @ change)
    squares: Floats = (rest**2).reshape(after.shape).astype(np.float32)
    return squares


def _grid() -> tuple[Floats, Floats]:
    """Rows and columns of a patch from -1 to 1."""
    rows, columns = PATCH
    y = (np.arange(rows, dtype=np.float32) - (rows - 1) / 2) / (rows / 2)
    x = (np.arange(columns, dtype=np.float32) - (columns - 1) / 2) / (columns / 2)
    return np.meshgrid(y, x, indexing="ij")


def _lips() -> Floats:
    """(heights, 24, 32) weight 1 in the middle of lips at each height, falling to 0."""
    y, x = _grid()
    high, wide = _LIP_SIZE
    heights = np.array(_LIP_HEIGHTS, dtype=np.float32)[:, None, None]
    weights: Floats = np.exp(-((x / wide) ** 2) - ((y - heights) / high) ** 2)
    return weights
