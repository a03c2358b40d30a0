"""Reads writing with RapidOCR: PP-OCRv6 small, Latin and Chinese in one.

The weights lie inside the package `rapidocr` (Apache-2.0, as are the models), so nothing is ever
downloaded: the files are named to it, after their digests were checked.
"""

from __future__ import annotations

import hashlib
import importlib.util
from pathlib import Path
from typing import Any

import numpy as np

from castline.engines.base import Manifest, Picture, TextFound, WeightFile
from castline.errors import InputError, MissingExtra
from castline.files import read_bytes

__all__ = ["MANIFEST", "RapidOcr"]

_PACKAGE = "rapidocr==3.10.0"
_DETECTOR = WeightFile(
    name="PP-OCRv6_det_small.onnx",
    sha256="090f04abcd9d9a7498bc4ebf677e4cb9bdce1fe4197ddb7e529f1ef44e1ff94f",
    bytes=9_929_594,
    package=_PACKAGE,
    member="rapidocr/models/PP-OCRv6_det_small.onnx",
)
_RECOGNISER = WeightFile(
    name="PP-OCRv6_rec_small.onnx",
    sha256="6f327246b50388f3c176ae304bd95767ea6dc0c9ae92153ef8cbe210b3c14884",
    bytes=21_234_383,
    package=_PACKAGE,
    member="rapidocr/models/PP-OCRv6_rec_small.onnx",
)

MANIFEST = Manifest(
    name="rapidocr",
    kind="text",
    version=1,
    files=(_DETECTOR, _RECOGNISER),
    licence="Apache-2.0",
    source="PP-OCRv6 small (PaddleOCR), packed by RapidOCR",
)

_LONGEST_SIDE = 960
"""Pictures are made smaller than this for the detector, in pixels, and never larger."""

_CELL = 32
"""The detector looks at cells of so many pixels and needs one at least each way."""


class RapidOcr:
    """A `TextReader` on RapidOCR; the package is loaded on the first call.

    Args:
        _folder: The models folder, which all engines are given; the weights lie in the package.
        threads: Processor threads of one call.
    """

    manifest = MANIFEST

    def __init__(self, _folder: Path | None = None, threads: int = 1) -> None:
        self._threads = threads
        self._engine: Any = None

    def read(self, picture: Picture) -> list[TextFound]:
        """Every line of writing, from top to bottom.

        Args:
            picture: (H, W, 3) RGB.

        Raises:
            MissingExtra: RapidOCR is not installed.
            InputError: Its weights are not those that this engine stands for.
        """
        if self._engine is None:
            self._engine = _load(self._threads)
        if not picture.size:
            return []
        # All flags on every call: RapidOCR remembers them from the call before.
        result = self._engine(
            np.ascontiguousarray(_filled_up(picture)[:, :, ::-1]),
            use_det=True,
            use_cls=False,
            use_rec=True,
        )
        if result.txts is None:
            return []
        found = []
        for corners, text, score in zip(result.boxes, result.txts, result.scores, strict=True):
            (left, top), (right, bottom) = corners.min(axis=0), corners.max(axis=0)
            box = (float(left), float(top), float(right), float(bottom))
            found.append(TextFound(box, text, float(score)))
        return sorted(found, key=lambda line: (line.box[1], line.box[0]))


def _filled_up(picture: Picture) -> Picture:
    """A thin picture with black at its lower or right end, so that it is as wide as a cell."""
    least = -(-_CELL * max(_LONGEST_SIDE, *picture.shape[:2]) // _LONGEST_SIDE)
    rows, columns = (max(0, least - side) for side in picture.shape[:2])
    return np.pad(picture, ((0, rows), (0, columns), (0, 0))) if rows or columns else picture


def _load(threads: int) -> Any:
    spec = importlib.util.find_spec("rapidocr")
    if spec is None or spec.origin is None:
        raise MissingExtra("Reading writing in pictures", package="rapidocr", extra="ocr")
    package = Path(spec.origin).parent.parent
    detector, recogniser = (_weights(package, file) for file in MANIFEST.files)

    import cv2
    from rapidocr import RapidOCR

    # RapidOCR turns and scales with OpenCV, whose threads would compete with other workers.
    cv2.setNumThreads(threads)
    return RapidOCR(
        params={
            "Global.log_level": "critical",
            "Global.use_cls": False,
            "Global.text_score": 0.0,  # whoever asked judges the scores
            # By default the shorter side is enlarged to 736, which costs seconds on a thin band.
            "Det.limit_type": "max",
            "Det.limit_side_len": _LONGEST_SIDE,
            "Det.model_path": str(detector),
            "Rec.model_path": str(recogniser),
            "EngineConfig.onnxruntime.intra_op_num_threads": threads,
            "EngineConfig.onnxruntime.inter_op_num_threads": 1,
        }
    )


def _weights(package: Path, expected: WeightFile) -> Path:
    path = package / expected.member
    remedy = f"Install it again: pip install --force-reinstall '{expected.package}'"
    if not path.is_file():
        raise InputError(path, "the installed RapidOCR lacks this file.", remedy=remedy)
    if hashlib.sha256(read_bytes(path)).hexdigest() != expected.sha256:
        problem = "these weights are not those that this engine stands for."
        raise InputError(path, problem, remedy=remedy)
    return path
