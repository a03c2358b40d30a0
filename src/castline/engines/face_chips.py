"""Geometry that face engines share: overlaps, similar transforms, cutting out aligned faces.

Coordinates are those of the edges of pixels: the first pixel reaches from 0 to 1 and its middle is
at 0.5, so that positions scale with the picture.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from castline.engines.base import Floats, Picture

__all__ = ["cut", "overlap", "placed", "similarity", "suppress", "upright"]


def overlap(boxes: Floats, others: Floats) -> Floats:
    """(n, m) shared area of each pair of boxes divided by their common area, 0 to 1."""
    low = np.maximum(boxes[:, None, :2], others[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], others[None, :, 2:])
    shared = np.prod(np.clip(high - low, 0, None), axis=2)
    area = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)
    other_area = np.prod(others[:, 2:] - others[:, :2], axis=1)
    union = area[:, None] + other_area[None] - shared
    part: Floats = np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)
    return part


def suppress(boxes: Floats, scores: Floats, limit: float) -> npt.NDArray[np.int64]:
    """Rows to keep when boxes that overlap a better one by more than a limit go, best first.

    Equal scores keep their order.
    """
    left = np.argsort(-scores, kind="stable")
    kept = []
    while len(left):
        best, left = left[0], left[1:]
        kept.append(best)
        left = left[overlap(boxes[best : best + 1], boxes[left])[0] <= limit]
    return np.array(kept, np.int64)


def similarity(source: Floats, target: Floats) -> npt.NDArray[np.float64]:
    """The turn, size and shift that bring points nearest to others, by least squares.

    Args:
        source: (..., k, 2) points.
        target: (..., k, 2) where they should come to lie.

    Returns:
        (..., 2, 3) matrices to multiply with (x, y, 1).
    """
    # As complex numbers a turn and a size are one factor, and least squares is one division.
    a = source[..., 0] + 1j * source[..., 1].astype(np.float64)
    b = target[..., 0] + 1j * target[..., 1].astype(np.float64)
    middle_a, middle_b = a.mean(axis=-1, keepdims=True), b.mean(axis=-1, keepdims=True)
    spread = (np.abs(a - middle_a) ** 2).sum(axis=-1)
    factor = ((a - middle_a).conj() * (b - middle_b)).sum(axis=-1) / np.maximum(spread, 1e-12)
    shift = middle_b[..., 0] - factor * middle_a[..., 0]
    rows = [factor.real, -factor.imag, shift.real, factor.imag, factor.real, shift.imag]
    return np.stack(rows, axis=-1).reshape(*factor.shape, 2, 3)


def placed(matrices: npt.NDArray[np.float64], middle: Floats, half: Floats) -> Floats:
    """(n, 4) upright boxes: one box, by its middle and half size, moved by each similarity."""
    moved = matrices @ [*middle, 1.0]
    size = np.hypot(matrices[:, 0, 0], matrices[:, 1, 0])[:, None] * half
    return np.hstack([moved - size, moved + size]).astype(np.float32)


def upright(boxes: Floats, side: int) -> npt.NDArray[np.float64]:
    """(n, 2, 3) matrices from positions in a square of that side to positions in each box."""
    matrices = np.zeros((len(boxes), 2, 3))
    matrices[:, [0, 1], [0, 1]] = (boxes[:, 2:] - boxes[:, :2]) / side
    matrices[:, :, 2] = boxes[:, :2]
    return matrices


def cut(
    picture: Picture, matrices: npt.NDArray[np.float64], size: int | tuple[int, int]
) -> Picture:
    """Cut aligned rectangles out of a picture.

    Where a rectangle takes in more pixels than it has, the picture is first averaged down, so that
    fine patterns do not turn into false ones. Outside the picture everything is black.

    Args:
        picture: (H, W, 3) RGB.
        matrices: (n, 2, 3) from positions in the rectangle to positions in the picture.
        size: Height and width of the rectangle in pixels, or the side of a square.

    Returns:
        (n, height, width, 3).
    """
    from PIL import Image

    height, width = (size, size) if isinstance(size, int) else size
    whole = Image.fromarray(picture)
    chips = np.zeros((len(matrices), height, width, 3), np.uint8)
    for chip, matrix in zip(chips, matrices, strict=True):
        corners = matrix @ [[0, width, 0, width], [0, 0, height, height], [1, 1, 1, 1]]
        low = np.maximum(np.floor(corners.min(axis=1)).astype(int) - 2, 0)
        high = np.minimum(np.ceil(corners.max(axis=1)).astype(int) + 2, whole.size)
        if (high <= low).any():
            continue
        part = whole.crop((*low, *high))
        shrink = max(1, int(np.hypot(*matrix[:, 0])))
        if shrink > 1:
            part = part.reduce(shrink)
        inner = matrix.copy()
        inner[:, 2] -= low
        values = tuple((inner / shrink).ravel())
        chip[:] = np.asarray(
            part.transform(
                (width, height), Image.Transform.AFFINE, values, Image.Resampling.BILINEAR
            )
        )
    return chips
