"""Face networks that a user adds, such as YuNet and SFace, SCRFD and ArcFace, FaceNet.

Two ONNX files, told by a description how to feed and read them. Values of published networks:

============  ======  ===========================  =========  ==========  ==================
network       colour  mean                         scale      decoding    weights
============  ======  ===========================  =========  ==========  ==================
YuNet         BGR     0                            1          yunet       MIT
SCRFD         RGB     127.5                        1/128      scrfd       research use only
RetinaFace    BGR     104, 117, 123                1          retinaface  MIT
SFace         RGB     0                            1          -           Apache-2.0
ArcFace       RGB     127.5                        1/127.5    -           research use only
FaceNet       RGB     127.5                        1/128      -           MIT
============  ======  ===========================  =========  ==========  ==================

FaceNet takes 160 pixels of the plain box, the others 112 pixels with the face brought upright.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec
import numpy as np
import numpy.typing as npt

from castline.engines.base import Detections, Floats, Manifest, Picture
from castline.engines.face_chips import cut, placed, similarity, suppress, upright
from castline.engines.face_decoding import DECODINGS, Decoded
from castline.engines.sessions import open_network
from castline.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Describing", "FaceAdapter", "Feeding", "Finding", "OnnxFaces"]

_FOLDED = 32
"""Inputs of free size are filled up to a multiple of this, the widest grid of most detectors."""

_CLOSE = 64
"""Width in pixels that a known face gets in a search around it."""

_UPRIGHT = np.array(
    [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655],
     [70.7299, 92.2041]],
    np.float32,
) / np.float32(112)  # fmt: skip
"""Where eyes, nose and corners of the mouth lie in a picture that ArcFace takes, 0 to 1."""

_MOUTH = np.array([[56.0, 100.5], [21.5, 19.5]], np.float32) / np.float32(112)
"""Middle and half size of lips and chin in the same picture: 76 by 69 mm of an adult's face."""


_Level = Annotated[float, msgspec.Meta(ge=0, le=255)]


class Feeding(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a picture becomes numbers: (pixel - mean) * scale.

    Attributes:
        colour: Order of the channels.
        layout: Order of the axes: batch, channels, height, width.
        mean: For each channel, in their order.
        scale: Factor.
    """

    colour: Literal["RGB", "BGR"] = "RGB"
    layout: Literal["NCHW", "NHWC"] = "NCHW"
    mean: tuple[_Level, _Level, _Level] = (127.5, 127.5, 127.5)
    scale: Annotated[float, msgspec.Meta(gt=0, le=255)] = 1 / 128


class Finding(Feeding, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The network that finds faces. Whether its input has a fixed size is read from the file.

    Attributes:
        decoding: How its outputs are read.
        score: Faces score above.
        overlap: The most that two faces may overlap, area shared by area covered.
        smallest: Width in pixels of the smallest face it finds in its input.
    """

    decoding: Literal["yunet", "scrfd", "retinaface"]
    score: Annotated[float, msgspec.Meta(ge=0, lt=1)] = 0.6
    overlap: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.4
    smallest: Annotated[int, msgspec.Meta(ge=1, le=1024)] = 16


class Describing(Feeding, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The network that describes a face.

    Attributes:
        size: Numbers of its embedding.
        side: Of its square input, in pixels.
        alignment: `arcface` turns and stretches eyes, nose and mouth to fixed places; `box` takes
            the box of the detector.
        margin: Added to the box, shared by its two sides, in units of its size.
        output: Name of the output that holds the embedding; the first when empty.
    """

    size: Annotated[int, msgspec.Meta(ge=1, le=65_536)]
    side: Annotated[int, msgspec.Meta(ge=1, le=1024)] = 112
    alignment: Literal["arcface", "box"] = "arcface"
    margin: Annotated[float, msgspec.Meta(ge=0, le=4)] = 0.0
    output: str = ""


class FaceAdapter(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the two networks of a face engine are fed and read.

    Attributes:
        detector: The network in the first file.
        embedder: The network in the second file.
    """

    detector: Finding
    embedder: Describing


class OnnxFaces:
    """A `FaceEngine` on any pair of ONNX networks.

    `points` of its detections are five: the eye on the left of the picture, the eye on the right,
    the nose, the left and right corner of the mouth.

    Args:
        folder: The models folder.
        manifest: Of the networks; its files are the detector, then the embedder.
        adapter: How they are fed and read.
        threads: For onnxruntime.

    Raises:
        InputError: The manifest names another number of files.
    """

    def __init__(
        self, folder: Path, manifest: Manifest, adapter: FaceAdapter, threads: int = 1
    ) -> None:
        if len(manifest.files) != 2:
            raise InputError(
                folder,
                f"the engine {manifest.name!r} has {len(manifest.files)} files, a face engine has "
                "two.",
                remedy="Add the detector and the embedder together.",
            )
        self.manifest = manifest
        self.size = adapter.embedder.size
        self.certain = adapter.detector.score
        self._paths = [folder / file.name for file in manifest.files]
        self._adapter = adapter
        self._threads = threads

    def detect(
        self, picture: Picture, *, smallest: int, around: Floats | None = None
    ) -> Detections:
        """Find faces; see `FaceEngine.detect`.

        Raises:
            InputError: The network is missing, or does not fit its description.
        """
        finding = self._adapter.detector
        if around is None:
            whole = np.array([[0, 0, picture.shape[1], picture.shape[0]]], np.float32)
            parts = [(whole[0], finding.smallest / smallest)]
        else:
            width = np.maximum(around[:, 2:] - around[:, :2], 1)
            near = np.hstack([around[:, :2] - width / 2, around[:, 2:] + width / 2])
            parts = [(box, _CLOSE / w) for box, w in zip(near, width[:, 0], strict=True)]
        found = [self._search(picture, box, scale) for box, scale in parts]
        boxes = np.concatenate([np.zeros((0, 4), np.float32), *(each[0] for each in found)])
        scores = np.concatenate([np.zeros(0, np.float32), *(each[1] for each in found)])
        points = np.concatenate([np.zeros((0, 5, 2), np.float32), *(each[2] for each in found)])
        mouths = placed(similarity(_UPRIGHT[None], points), *_MOUTH)
        return Detections(boxes, scores, points, mouths).take(
            suppress(boxes, scores, finding.overlap)
        )

    def embed(self, picture: Picture, faces: Detections) -> Floats:
        """(n, size) unit embeddings; see `FaceEngine.embed`.

        Raises:
            InputError: The network is missing, or does not fit its description.
        """
        describing = self._adapter.embedder
        found = np.zeros((len(faces), self.size), np.float32)
        if describing.alignment == "arcface":
            # The published places count from the middle of the first pixel.
            matrices = similarity(_UPRIGHT[None] * describing.side + 0.5, faces.points)
        else:
            more = (faces.boxes[:, 2:] - faces.boxes[:, :2]) * describing.margin / 2
            matrices = upright(faces.boxes + np.hstack([-more, more]), describing.side)
        chips = _fed(cut(picture, matrices, describing.side), describing)
        for row in range(len(faces)):  # many exports take one face at a time
            found[row] = self._described(chips[row : row + 1])
        return found

    def _search(self, picture: Picture, part: Floats, scale: float) -> Decoded:
        """Faces in a part of a picture, which is enlarged at most twice, in its pixels."""
        size, scale = self._input_size(part, min(scale, 2.0))
        matrix = np.array([[[1 / scale, 0, part[0]], [0, 1 / scale, part[1]]]])
        pixels = cut(picture, matrix, size)
        finding = self._adapter.detector
        session = self._detector
        values = self._run(0, session, None, _fed(pixels, finding))
        names = [each.name for each in session.get_outputs()]
        try:
            boxes, scores, points = DECODINGS[finding.decoding](
                dict(zip(names, values, strict=True)), size, finding.score
            )
        except (ValueError, KeyError, IndexError) as error:
            raise self._refused(0, f"its outputs cannot be read ({error})") from error
        return boxes / scale + np.tile(part[:2], 2), scores, points / scale + part[:2]

    def _input_size(self, part: Floats, scale: float) -> tuple[tuple[int, int], float]:
        """Height and width of the detector's input for a part of a picture, and the scale."""
        width, height = part[2] - part[0], part[3] - part[1]
        shape = self._detector.get_inputs()[0].shape
        rows, columns = shape[2:4] if self._adapter.detector.layout == "NCHW" else shape[1:3]
        if isinstance(rows, int) and isinstance(columns, int):
            return (rows, columns), min(rows / height, columns / width)
        folded = (max(1, -(-int(side * scale) // _FOLDED)) * _FOLDED for side in (height, width))
        return (next(folded), next(folded)), scale

    def _described(self, chip: Floats) -> Floats:
        output = self._adapter.embedder.output
        answer = self._run(1, self._embedder, [output] if output else None, chip)[0]
        face: Floats = np.asarray(answer, np.float32).reshape(-1)
        length = float(np.linalg.norm(face))
        if face.size != self.size:
            raise self._refused(1, f"it gives {face.size} numbers, {self.size} are described")
        if not np.isfinite(length) or length == 0:
            raise self._refused(1, "it gives no direction for a face")
        return face / np.float32(length)

    def _run(self, which: int, session: Any, outputs: list[str] | None, values: Floats) -> Any:
        try:
            return session.run(outputs, {session.get_inputs()[0].name: values})
        except Exception as error:
            # onnxruntime raises a family of its own that shares nothing but Exception.
            reason = str(error).splitlines()[0][:200]
            raise self._refused(which, f"it cannot run: {reason}") from error

    def _refused(self, which: int, problem: str) -> InputError:
        return InputError(
            self._paths[which],
            f"this network does not fit its description: {problem}.",
            remedy="Mend the adapter fields (docs/engines.md) and add it again.",
        )

    @cached_property
    def _detector(self) -> Any:
        return open_network(self._paths[0], threads=self._threads)

    @cached_property
    def _embedder(self) -> Any:
        return open_network(self._paths[1], threads=self._threads)


def _fed(pictures: Picture, feeding: Feeding) -> npt.NDArray[np.float32]:
    """The input of a network for pictures of one size."""
    ordered = pictures if feeding.colour == "RGB" else pictures[..., ::-1]
    values = (ordered - np.array(feeding.mean, np.float32)) * np.float32(feeding.scale)
    moved = values.transpose(0, 3, 1, 2) if feeding.layout == "NCHW" else values
    return np.ascontiguousarray(moved, np.float32)
