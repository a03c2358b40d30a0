"""Which faces are worth asking whose they are: large, sharp and surely faces.

The rule. A face of `SMALL` pixels width, or one without any detail, is worth nothing; one of
`LARGE` pixels with the detail of a focused picture is worth as much as its detector is sure of it.
In between, size and sharpness count on a logarithmic scale, since each doubling helps about as
much as the one before, and the three are multiplied: a face that lacks one of them is not saved by
the others. `WORTH_ASKING` is about a face of 35 pixels in focus, or of 80 a little out of it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

__all__ = ["LARGE", "SMALL", "WORTH_ASKING", "best_faces", "quality", "sharpness"]

SMALL = 20.0
"""Width in pixels below which a face tells nothing."""
LARGE = 100.0
"""Width from which on more pixels add nothing: embedders look at 100 to 160."""
BLURRED = 15.0
"""Sharpness below which a face tells nothing."""
FOCUSED = 250.0
"""Sharpness from which on more adds nothing."""
WORTH_ASKING = 0.3
"""Least quality of a face that may join the character library."""

_SIDE = 64


def sharpness(luma: npt.NDArray[np.uint8]) -> float:
    """Detail of a face: variance of the Laplacian at a fixed size.

    Args:
        luma: (H, W) brightness of the face box, 0 to 255. Faces are compared at 64 x 64, so a
            large picture of a blurred face is not taken for a sharp one, nor noise for detail.

    Returns:
        The variance; 0 for a blank or empty box.
    """
    import cv2

    if min(luma.shape) < 2:
        return 0.0
    smaller = min(luma.shape) > _SIDE
    method = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
    resized = cv2.resize(luma, (_SIDE, _SIDE), interpolation=method)
    return float(cv2.Laplacian(resized, cv2.CV_32F).var())


def quality(width: float, sharp: float, score: float = 1.0) -> float:
    """How much a face is worth asking, 0 to 1, by the rule above.

    Args:
        width: Width of its box in pixels.
        sharp: Its `sharpness`.
        score: The detector's certainty; taken as 1 from there on.
    """
    certainty = min(max(score, 0.0), 1.0)
    return _ramp(width, SMALL, LARGE) * _ramp(sharp, BLURRED, FOCUSED) * certainty


def best_faces(
    times_ms: Sequence[int] | npt.NDArray[np.int64],
    qualities: Sequence[float] | npt.NDArray[np.float64],
    *,
    most: int = 5,
) -> list[int]:
    """Which faces of a track to embed: good ones, spread over its time.

    The time of the track is cut into `most` equal parts; the best face of each part is taken.
    Neighbouring frames show the same view of a face, and tell no more than one of them.

    Args:
        times_ms: (n,) when each face was seen.
        qualities: (n,) what each is worth.
        most: How many to take at most.

    Returns:
        Their positions in order of time; none for an empty track.
    """
    times = np.asarray(times_ms, dtype=np.float64)
    if not times.size:
        return []
    span = max(float(np.ptp(times)), 1.0)
    part = np.minimum((times - times.min()) / span * most, most - 1).astype(np.int64)
    best: dict[int, int] = {}
    for position in np.argsort(-np.asarray(qualities, dtype=np.float64), kind="stable"):
        best.setdefault(int(part[position]), int(position))
    return sorted(best.values(), key=lambda position: (times[position], position))


def _ramp(value: float, low: float, high: float) -> float:
    """0 at `low` and below, 1 at `high` and above, even on a logarithmic scale between."""
    if value <= low:
        return 0.0
    return min(math.log(value / low) / math.log(high / low), 1.0)
