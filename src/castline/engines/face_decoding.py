"""From the outputs of published face detectors to boxes, scores and points.

All of them look at the picture on several grids, fine to coarse, and say for each cell whether a
face is there and where, relative to the cell. They differ in the units of "where". Every function
takes outputs by name and the size of the network's input, and gives everything in pixels of that
input: (n, 4) left, top, right, bottom; (n,) scores above a limit; (n, 5, 2) the eye on the left of
the picture, the one on the right, the nose, the corners of the mouth, left and right.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from castline.engines.base import Floats

__all__ = ["DECODINGS", "Decoded"]

Decoded = tuple[Floats, Floats, Floats]
Outputs = Mapping[str, Floats]
Size = tuple[int, int]
"""Height and width in pixels."""

_MIDDLE = 0.5
"""Detectors count points from the middle of the first pixel, we from its edge."""

_PRIORS = {8: (16, 32), 16: (64, 128), 32: (256, 512)}
"""Sides in pixels of the squares RetinaFace starts from, by the stride of their grid."""


def _yunet(outputs: Outputs, size: Size, limit: float) -> Decoded:
    """YuNet (libfacedetection, OpenCV's model zoo, from 2023 on)."""
    found: list[Decoded] = []
    for stride in (8, 16, 32):
        named = (outputs[f"{part}_{stride}"] for part in ("cls", "obj", "bbox", "kps"))
        sure, there, box, point = (each.reshape(-1, each.shape[-1]) for each in named)
        score = np.sqrt(np.clip(sure, 0, 1) * np.clip(there, 0, 1))[:, 0]
        kept = np.flatnonzero(score > limit)
        cell = _cells(size, stride, 1)[kept]
        middle = (cell + box[kept, :2]) * stride
        half = np.exp(box[kept, 2:]) * stride / 2
        points = (cell[:, None] + point[kept].reshape(-1, 5, 2)) * stride
        found.append((np.hstack([middle - half, middle + half]), score[kept], points))
    return _joined(found)


def _scrfd(outputs: Outputs, size: Size, limit: float) -> Decoded:
    """SCRFD with points (InsightFace): distances from the cell to the four sides, in strides."""
    # Exports name and order their outputs as they like: they are told apart by their width, and
    # the grids by their length.
    scores, boxes, points = (_by_length(outputs, width) for width in (1, 4, 10))
    if not len(scores) == len(boxes) == len(points) or not scores:
        raise ValueError("it does not give scores, boxes and five points for each grid")
    found: list[Decoded] = []
    for level, (score, box, point) in enumerate(zip(scores, boxes, points, strict=True)):
        stride = 8 << level
        cells = -(-size[0] // stride) * -(-size[1] // stride)
        kept = np.flatnonzero(score[:, 0] > limit)
        place = _cells(size, stride, len(score) // cells)[kept] * stride
        sides = np.hstack([place - box[kept, :2] * stride, place + box[kept, 2:] * stride])
        moved = place[:, None] + point[kept].reshape(-1, 5, 2) * stride
        found.append((sides, score[kept, 0], moved))
    return _joined(found)


def _retinaface(outputs: Outputs, size: Size, limit: float) -> Decoded:
    """RetinaFace as trained in PyTorch (biubug6), with the probabilities taken in the network."""
    (box,), (sure,), (point,) = (_by_length(outputs, width) for width in (4, 2, 10))
    middle, side = [], []
    for stride, sides in _PRIORS.items():
        cells = _cells(size, stride, len(sides))
        middle.append((cells + 0.5) * stride)
        side.append(np.tile(sides, len(cells) // len(sides)))
    kept = np.flatnonzero(sure[:, 1] > limit)
    start = np.concatenate(middle)[kept]
    unit = np.concatenate(side)[kept, None]
    centre = start + box[kept, :2] * 0.1 * unit
    half = unit * np.exp(box[kept, 2:] * 0.2) / 2
    points = start[:, None] + point[kept].reshape(-1, 5, 2) * 0.1 * unit[:, None]
    return _joined([(np.hstack([centre - half, centre + half]), sure[kept, 1], points)])


DECODINGS: dict[str, Callable[[Outputs, Size, float], Decoded]] = {
    "yunet": _yunet,
    "scrfd": _scrfd,
    "retinaface": _retinaface,
}
"""By the name that descriptions use.

Each raises ValueError, KeyError or IndexError when the outputs are those of another network.
"""


def _cells(size: Size, stride: int, each: int) -> Floats:
    """(cells * each, 2) column and row of every cell, repeated for boxes that share one."""
    rows, columns = np.mgrid[: -(-size[0] // stride), : -(-size[1] // stride)]
    grid = np.stack([columns.ravel(), rows.ravel()], axis=1).astype(np.float32)
    return np.repeat(grid, each, axis=0)


def _by_length(outputs: Outputs, width: int) -> list[Floats]:
    """Outputs of so many numbers a row, flat, the longest first."""
    flat = [each.reshape(-1, width) for each in outputs.values() if each.shape[-1] == width]
    return sorted(flat, key=len, reverse=True)


def _joined(found: list[Decoded]) -> Decoded:
    boxes, scores, points = (np.concatenate(parts) for parts in zip(*found, strict=True))
    return boxes.astype(np.float32), scores, (points + _MIDDLE).astype(np.float32)
