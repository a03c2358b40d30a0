"""Where a picture may hold writing, cheaply: narrow bright strokes, and whether they stay.

Writing is made of strokes narrower than a few pixels that differ from what is beside them, and
unlike the film behind it, it stays where it is. All sizes here are those of a picture that was made
640 pixels wide or a little more.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["Mask", "shrunk", "spread", "step_of", "still_there", "strokes_of", "written_rows"]

Luma = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]

_WIDTH = 640
_STROKE = 9
"""Strokes are narrower than this, in pixels."""
_CONTRAST = 50
"""How much brighter a stroke is than what lies beside it, of 255."""
_WINDOW = (36, 12)
"""Width and height of the window in which strokes are counted: three narrow letters."""
_DENSITY = 0.12
"""Share of a window that strokes of writing fill; they fill about 0.3."""
_FEWEST = 12
"""Strokes of fewer pixels say nothing about a stretch of writing."""


def step_of(width: int) -> int:
    """By how much pictures of a width are shrunk before strokes are looked for."""
    return max(1, round(width / _WIDTH))


def shrunk(luma: Luma, step: int) -> Luma:
    """A picture shrunk by a whole number, each pixel the mean of those it stands for.

    Args:
        luma: (H, W).
        step: The divisor; rows and columns that are left over are dropped.

    Returns:
        (H // step, W // step).
    """
    if step == 1:
        return luma.copy()
    import cv2

    height, width = luma.shape[0] // step, luma.shape[1] // step
    kept = np.ascontiguousarray(luma[: height * step, : width * step])
    small = cv2.resize(kept, (width, height), interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.uint8)


def strokes_of(small: Luma) -> Mask:
    """Where narrow bright strokes are; each row is looked at by itself.

    Args:
        small: (h, w), see `shrunk`.

    Returns:
        (h, w).
    """
    import cv2

    kernel = np.ones((1, _STROKE), np.uint8)
    mask: Mask = cv2.morphologyEx(small, cv2.MORPH_TOPHAT, kernel) > _CONTRAST
    return mask


def spread(mask: Mask) -> Mask:
    """The mask and its neighbours, for comparing pictures that tremble by a pixel."""
    import cv2

    wider: Mask = cv2.dilate(mask.view(np.uint8), np.ones((3, 3), np.uint8)).view(np.bool_)
    return wider


def written_rows(mask: Mask) -> tuple[int, int] | None:
    """First row, and the row after the last, where strokes stand as densely as in writing."""
    if np.count_nonzero(mask) < _DENSITY * _WINDOW[0] * _WINDOW[1]:
        return None
    import cv2

    density = cv2.boxFilter(
        mask.astype(np.float32), -1, _WINDOW, normalize=True, borderType=cv2.BORDER_CONSTANT
    )
    rows = np.flatnonzero((density > _DENSITY).any(axis=1))
    return (int(rows[0]), int(rows[-1]) + 1) if rows.size else None


def still_there(strokes: Mask, mask: Mask) -> tuple[float, float]:
    """How much of a line of writing a picture still shows.

    Args:
        strokes: (h, w) the strokes of the line when it was read.
        mask: (h, w) the strokes there are now in its place.

    Returns:
        The share of its strokes that are still there, and the share in the worst stretch of it
        that is as wide as the line is high. Another text in its place keeps about half.
    """
    whole = strokes.sum(axis=0, dtype=np.int64)
    kept = (strokes & mask).sum(axis=0, dtype=np.int64)
    starts = np.arange(0, strokes.shape[1], max(1, strokes.shape[0]))
    parts, kept_parts = np.add.reduceat(whole, starts), np.add.reduceat(kept, starts)
    telling = parts >= _FEWEST
    worst = float((kept_parts[telling] / parts[telling]).min()) if telling.any() else 0.0
    return float(kept.sum() / max(1, whole.sum())), worst
