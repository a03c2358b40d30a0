"""Reads dlib's landmark predictor (`.dat`) without dlib.

The file is whole numbers from end to end, written as in `dlib_weights`, and nearly all of them are
the leaves of regression trees: so all are read at once and then cut into tables.
"""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from castline.engines.dlib_weights import REMEDY
from castline.errors import InputError
from castline.files import read_bytes, write_atomically

__all__ = ["Landmarks", "load_landmarks", "read_landmarks", "save_landmarks", "whole_numbers"]

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Landmarks:
    """A landmark predictor: rounds of regression trees that look at differences of brightness.

    Attributes:
        mean: (points, 2) mean shape, in units of the face's box.
        pairs: (rounds, trees, splits, 2) which two samples each split compares.
        limits: (rounds, trees, splits) left when the difference is above.
        leaves: (rounds, trees, splits + 1, points, 2) what a leaf adds to the shape.
        anchors: (rounds, samples) the point of the shape that a sample goes by.
        offsets: (rounds, samples, 2) from that point, in units of the box.
    """

    mean: Floats
    pairs: npt.NDArray[np.intp]
    limits: Floats
    leaves: Floats
    anchors: npt.NDArray[np.intp]
    offsets: Floats


def read_landmarks(path: Path) -> Landmarks:
    """Read a landmark predictor.

    Raises:
        InputError: There is no such file, or its content is not as expected.
        StorageError: The disk refused.
    """
    data = read_bytes(path)
    try:
        return _landmarks(_Numbers(whole_numbers(data)))
    except (ValueError, IndexError) as error:
        raise InputError(
            path, f"not a dlib landmark predictor as expected ({error}).", remedy=REMEDY
        ) from error


def save_landmarks(path: Path, landmarks: Landmarks) -> None:
    """Keep a predictor as a file that is read at once.

    Raises:
        StorageError: The disk refused.
    """
    content = io.BytesIO()
    np.savez(content, **vars(landmarks))
    write_atomically(path, content.getbuffer())


def load_landmarks(path: Path) -> Landmarks:
    """Read what `save_landmarks` kept.

    Raises:
        InputError: There is no such file, or it was damaged.
        StorageError: The disk refused.
    """
    try:
        with np.load(io.BytesIO(read_bytes(path)), allow_pickle=False) as arrays:
            return Landmarks(**arrays)
    except (ValueError, TypeError, OSError, EOFError, RuntimeError, zipfile.BadZipFile) as error:
        raise InputError(path, "this file was damaged.", remedy="Remove it.") from error


def whole_numbers(data: bytes) -> npt.NDArray[np.int64]:
    """All numbers of a file that holds nothing but whole numbers.

    Raises:
        ValueError: The file ends inside a number, or a number is longer than eight bytes.
    """
    starts = []
    position, end = 0, len(data)
    while position < end:  # the one step that cannot be done for all numbers at once
        starts.append(position)
        position += 1 + (data[position] & 15)
    if position != end:
        raise ValueError("it ends inside a number")
    at = np.array(starts, np.int64)
    content = np.frombuffer(data, np.uint8)
    lengths = content[at] & 15
    if len(at) and lengths.max() > 8:
        raise ValueError("a number of more than eight bytes")
    values = np.zeros(len(at), np.int64)
    for byte in range(int(lengths.max(initial=0))):
        long = np.flatnonzero(lengths > byte)
        values[long] |= content[at[long] + 1 + byte].astype(np.int64) << (8 * byte)
    return np.where(content[at] & 128, -values, values)


class _Numbers:
    """Takes whole numbers from the front, checking those that say how many follow."""

    def __init__(self, values: npt.NDArray[np.int64]) -> None:
        self.values = values
        self.position = 0

    def take(self, count: int) -> npt.NDArray[np.int64]:
        start, self.position = self.position, self.position + count
        if self.position > len(self.values):
            raise ValueError("it ends too early")
        return self.values[start : self.position]

    def peek(self, ahead: int) -> int:
        return int(self.values[self.position + ahead])


def _landmarks(numbers: _Numbers) -> Landmarks:
    version, rows, columns = (int(n) for n in numbers.take(3))
    if version != 1 or rows >= 0 or columns != -1 or rows % 2:
        raise ValueError("its mean shape is no column of points")
    size = -rows  # sizes of matrices are stored negative
    mean = _reals(numbers.take(2 * size)).reshape(-1, 2)
    pairs, limits, leaves = _forests(numbers, size)
    rounds = len(pairs)
    if numbers.take(1)[0] != rounds:
        raise ValueError("it has not as many anchors as rounds")
    samples = numbers.peek(0)
    anchors = _lists(numbers.take(rounds * (1 + samples)), rounds, samples)
    if numbers.take(1)[0] != rounds:
        raise ValueError("it has not as many offsets as rounds")
    offsets = _lists(numbers.take(rounds * (1 + 4 * samples)), rounds, samples)
    if anchors.max() >= len(mean) or pairs.max() >= samples:
        raise ValueError("it points at samples or points that it does not have")
    return Landmarks(
        mean,
        pairs,
        limits,
        leaves.reshape(*leaves.shape[:3], -1, 2),
        anchors.astype(np.intp),
        _reals(offsets).reshape(rounds, samples, 2),
    )


def _forests(numbers: _Numbers, size: int) -> tuple[npt.NDArray[np.intp], Floats, Floats]:
    rounds = int(numbers.take(1)[0])
    trees, splits = numbers.peek(0), numbers.peek(1)
    tree = 1 + 4 * splits + 1 + (splits + 1) * (2 + 2 * size)
    table = numbers.take(rounds * (1 + trees * tree)).reshape(rounds, -1)
    forest = table[:, 1:].reshape(rounds, trees, tree)
    split = forest[:, :, 1 : 1 + 4 * splits].reshape(rounds, trees, splits, 4)
    leaf = forest[:, :, 2 + 4 * splits :].reshape(rounds, trees, splits + 1, 2 + 2 * size)
    regular = (
        (table[:, 0] == trees).all()
        and (forest[:, :, 0] == splits).all()
        and (forest[:, :, 1 + 4 * splits] == splits + 1).all()
        and (leaf[..., 0] == -size).all()
        and (leaf[..., 1] == -1).all()
    )
    if not regular:
        raise ValueError("its trees differ in size")
    return split[..., :2].astype(np.intp), _reals(split[..., 2:])[..., 0], _reals(leaf[..., 2:])


def _lists(values: npt.NDArray[np.int64], rounds: int, length: int) -> npt.NDArray[np.int64]:
    """(rounds, ...) the lists of one length that lie behind each other, without their lengths."""
    table = values.reshape(rounds, -1)
    if (table[:, 0] != length).any():
        raise ValueError("its rounds differ in the number of samples")
    return table[:, 1:]


def _reals(numbers: npt.NDArray[np.int64]) -> Floats:
    """(..., n) from (..., 2n) mantissas and exponents in turn."""
    mantissas, exponents = numbers[..., 0::2], numbers[..., 1::2]
    if np.abs(exponents).max(initial=0) > 1000:  # dlib marks infinite numbers so
        raise ValueError("a number is not finite")
    return np.ldexp(mantissas.astype(np.float64), exponents).astype(np.float32)
