"""Finds five points of a face with dlib's regression trees, all trees of a round at once.

Kazemi and Sullivan, One Millisecond Face Alignment with an Ensemble of Regression Trees, 2014:
start from the mean shape, look at the brightness of a few hundred samples that move with the
shape, let each tree add a little, and repeat.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from castline.engines.base import Floats, Picture
from castline.engines.dlib_landmarks import Landmarks

__all__ = ["find_points"]


def find_points(landmarks: Landmarks, picture: Picture, boxes: Floats) -> Floats:
    """Find the points of faces.

    Args:
        landmarks: The predictor.
        picture: (H, W, 3) RGB; black is seen outside it.
        boxes: (n, 4) left, top, right, bottom in pixels, as the detector gives them.

    Returns:
        (n, points, 2) in pixels.
    """
    shapes = np.repeat(landmarks.mean[None], len(boxes), axis=0)
    if not len(boxes):
        return shapes
    # dlib counts a box up to its last pixel, so that its far corner lies one pixel earlier.
    corner, size = boxes[:, None, :2], boxes[:, None, 2:] - boxes[:, None, :2] - 1
    fit = _fit(landmarks.mean)
    for step in range(len(landmarks.anchors)):
        # The samples turn and stretch with the shape.
        turn = _complex(shapes) @ fit
        offsets = turn[:, None] * _complex(landmarks.offsets[step])
        anchors = _complex(shapes)[:, landmarks.anchors[step]]
        places = corner + size * (anchors + offsets).view(np.float32).reshape(len(boxes), -1, 2)
        samples = _brightness(picture, places)
        shapes = shapes + _leaves(
            samples, landmarks.pairs[step], landmarks.limits[step], landmarks.leaves[step]
        )
    return (corner + size * shapes + 0.5).astype(np.float32)


def _complex(points: Floats) -> npt.NDArray[np.complex64]:
    numbers: npt.NDArray[np.complex64] = points.view(np.complex64)[..., 0]
    return numbers


def _fit(mean: Floats) -> npt.NDArray[np.complex64]:
    """(points,) weights; shape @ weights is the turn and size, by least squares, from the mean."""
    centred = _complex(mean) - _complex(mean).mean()
    weights: npt.NDArray[np.complex64] = centred.conj() / np.square(np.abs(centred)).sum()
    return weights


def _brightness(picture: Picture, places: Floats) -> npt.NDArray[np.int16]:
    """(n, samples) mean of the three colours, 0 outside the picture."""
    height, width = picture.shape[:2]
    columns, rows = np.floor(places + 0.5).astype(np.intp).transpose(2, 0, 1)
    inside = (columns >= 0) & (columns < width) & (rows >= 0) & (rows < height)
    pixels = picture.reshape(-1, 3).take(np.where(inside, rows * width + columns, 0), axis=0)
    return np.where(inside, pixels.sum(axis=-1, dtype=np.int16) // 3, 0).astype(np.int16)


def _leaves(
    samples: npt.NDArray[np.int16], pairs: npt.NDArray[np.intp], limits: Floats, leaves: Floats
) -> Floats:
    """(n, points, 2) sum of the leaves that the trees of one round lead to."""
    trees, splits = limits.shape
    difference = samples.take(pairs[..., 0], axis=1) - samples.take(pairs[..., 1], axis=1)
    right = (difference <= limits).ravel()
    roots = (np.arange(len(samples) * trees) * splits).reshape(-1, trees)
    node = np.zeros_like(roots)
    while node[0, 0] < splits:  # all trees have one depth; below node i lie 2 i + 1 and 2 i + 2
        node = 2 * node + 1 + right.take(roots + node)
    reached = np.arange(trees) * (splits + 1) + node - splits
    added: Floats = leaves.reshape(-1, *leaves.shape[2:]).take(reached, axis=0).sum(axis=1)
    return added
