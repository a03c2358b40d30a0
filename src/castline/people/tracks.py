"""Tracks: the run of one face through a shot, made frame by frame from what was detected.

Boxes are joined by where they are and how large they are: between two sampled frames a face moves
by less than about its own width, and two people do not stand in each other's place. What a face
looks like is not asked: where one person stands where another did, there is a cut between.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from castline.engines.base import Detections

__all__ = ["Tracker", "interpolate"]

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]

_GAP_MS = 1200
"""A face that was not found for longer than this starts a new track."""
_REACH = 0.5
"""How far the centre of a face may move within one frame, in widths of the face: the detector's own
unrest."""
_SPEED = 0.8
"""How far it may move beyond that in a second."""
_GROWTH = 1.8
"""How many times larger or smaller it may be in the next sampled frame."""
_FORBIDDEN = 1e3


@dataclass
class _Open:
    """A track that may go on."""

    number: int
    time_ms: int
    box: Doubles


class Tracker:
    """Gives every detected face the number of its track, online and in order of time."""

    def __init__(self) -> None:
        self._open: list[_Open] = []
        self._started = 0

    def cut(self) -> None:
        """End all tracks: the next frame belongs to another shot."""
        self._open.clear()

    def update(self, time_ms: int, detections: Detections) -> list[int]:
        """Join the faces of one frame to the tracks.

        Args:
            time_ms: When the frame is shown; later than at the call before.
            detections: The n faces found in it.

        Returns:
            The track of each face, in the order of `detections`. Numbers count up from 0 and are
            never used twice.
        """
        self._open = [each for each in self._open if time_ms - each.time_ms <= _GAP_MS]
        faces = [_Open(-1, time_ms, box) for box in detections.boxes.astype(np.float64)]
        for old, new in self._joins(faces):
            faces[new].number = self._open[old].number
        for face in faces:
            if face.number < 0:
                face.number = self._started
                self._started += 1
        found = {face.number for face in faces}
        self._open = [each for each in self._open if each.number not in found] + faces
        return [face.number for face in faces]

    def _joins(self, faces: list[_Open]) -> list[tuple[int, int]]:
        """Pairs (open track, face) that belong together, each at most once."""
        if not self._open or not faces:
            return []
        from scipy.optimize import linear_sum_assignment

        costs = np.array([[_cost(old, new) for new in faces] for old in self._open])
        rows, columns = linear_sum_assignment(costs)
        return [
            (int(row), int(column))
            for row, column in zip(rows, columns, strict=True)
            if costs[row, column] < _FORBIDDEN
        ]


def _cost(old: _Open, new: _Open) -> float:
    """Distance in face widths, plus what the boxes do not share."""
    sizes = np.maximum([_size(old.box), _size(new.box)], 1.0)
    centres = np.hypot(*(_centre(old.box) - _centre(new.box))) / sizes.mean()
    allowed = _REACH + _SPEED * (new.time_ms - old.time_ms) / 1000
    if centres > allowed or sizes.max() > _GROWTH * sizes.min():
        return _FORBIDDEN
    return float(centres + 1 - _overlap(old.box, new.box))


def interpolate(before: Floats, after: Floats, share: float) -> Floats:
    """The box between two boxes of one track.

    Args:
        before: (4,) box in the sampled frame before.
        after: (4,) box in the sampled frame after.
        share: How much of the time between the two has gone by, 0 to 1.

    Returns:
        (4,) the box, moved at even speed.
    """
    return (before + (after - before) * np.float32(share)).astype(np.float32)


def _centre(box: Doubles) -> Doubles:
    return (box[:2] + box[2:]) / 2


def _size(box: Doubles) -> float:
    """Mean of width and height in pixels."""
    return float((box[2] - box[0] + box[3] - box[1]) / 2)


def _overlap(a: Doubles, b: Doubles) -> float:
    """Intersection over union of two boxes, 0 to 1."""
    inner = np.clip(np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2]), 0, None).prod()
    total = (a[2:] - a[:2]).prod() + (b[2:] - b[:2]).prod() - inner
    return float(inner / total) if total > 0 else 0.0
