"""Reads the weight files of dlib (`.dat`) without dlib.

The format is dlib's own, dense and without an index: whole numbers as a control byte (low four
bits: count of bytes, top bit: negative) and little-endian bytes; numbers with a fraction as
mantissa and exponent of two, both written as whole numbers; strings behind their length; tensors as
a version, four sizes and raw float32. Only what the two face networks use is read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from castline.errors import InputError
from castline.files import read_bytes

__all__ = ["REMEDY", "Convolution", "Network", "read_network"]

Floats = npt.NDArray[np.float32]

_LAYER = re.compile(rb"\x01\x05(con_4)|\x01\x07(affine_)|\x01\x07(bn_con2)|\x01\x04(fc_2)")
"""Tags of the layers that hold numbers, behind their length."""

REMEDY = "Fetch it again:  castline models pull dlib"


@dataclass(frozen=True)
class Convolution:
    """One convolution, with what follows it (batch normalisation or affine) folded in.

    Attributes:
        weights: (filters, channels, rows, columns).
        bias: (filters,).
        stride: The same down and across.
        padding: Zeros on each side, the same down and across.
    """

    weights: Floats
    bias: Floats
    stride: int
    padding: int


@dataclass(frozen=True)
class Network:
    """The numbers of a network, in the order of its layers.

    Attributes:
        convolutions: From the picture on.
        matrix: (inputs, outputs) of the layer at the end; (0, 0) when it has none.
    """

    convolutions: tuple[Convolution, ...]
    matrix: Floats


def read_network(path: Path) -> Network:
    """Read a network of convolutions, such as the face detector and the face descriptor.

    Raises:
        InputError: There is no such file, or its content is not as expected.
        StorageError: The disk refused.
    """
    data = read_bytes(path)
    try:
        return _network(data)
    except (ValueError, IndexError) as error:
        raise InputError(
            path, f"not a dlib network as expected ({error}).", remedy=REMEDY
        ) from error


def _network(data: bytes) -> Network:
    layers: list[Convolution] = []
    matrix = np.zeros((0, 0), np.float32)
    for tag, stream in _layers(data):
        if tag == b"con_4":
            layers.append(_convolution(stream, layers[-1].bias.size if layers else 3))
        elif not layers:
            raise ValueError("it does not begin with a convolution")
        elif tag == b"affine_":
            layers[-1] = _folded(layers[-1], *_halves(stream.tensor()))
        elif tag == b"bn_con2":
            layers[-1] = _folded(layers[-1], *_normalisation(stream))
        else:
            outputs, inputs = stream.integer(), stream.integer()
            matrix = stream.tensor().reshape(inputs, outputs)
    if not layers:
        raise ValueError("it holds no convolution")
    return Network(tuple(layers), matrix)


def _layers(data: bytes) -> Iterator[tuple[bytes, _Stream]]:
    # Layers lie in forward order. Their tags are found by search; raw weights that happen to spell
    # a tag are passed over, because a search goes on behind the layer that was read last.
    position = 0
    while found := _LAYER.search(data, position):
        stream = _Stream(data, found.end())
        yield found[0][2:], stream
        position = stream.position


def _convolution(stream: _Stream, channels: int) -> Convolution:
    numbers = stream.tensor()
    filters, rows, columns, *strides_and_padding = (stream.integer() for _ in range(7))
    down, across, above, beside = strides_and_padding
    if down != across or above != beside:
        raise ValueError("a convolution treats rows and columns differently")
    weights, bias = numbers[:-filters], numbers[-filters:]
    return Convolution(weights.reshape(filters, channels, rows, columns), bias, down, above)


def _normalisation(stream: _Stream) -> tuple[Floats, Floats]:
    """Gain and bias of a batch normalisation at the end of training."""
    numbers = stream.tensor()
    for _ in range(10):  # two views into the tensor, of five sizes each
        stream.integer()
    stream.tensor(), stream.tensor()  # mean and deviation of the last batch of the training
    mean, variance = stream.tensor(), stream.tensor()
    stream.integer(), stream.integer()
    for _ in range(4):
        stream.real()
    gain, bias = _halves(numbers)
    gain = gain / np.sqrt(variance + np.float32(stream.real()))
    return gain, bias - gain * mean


def _halves(numbers: Floats) -> tuple[Floats, Floats]:
    middle = len(numbers) // 2
    return numbers[:middle], numbers[middle:]


def _folded(layer: Convolution, gain: Floats, bias: Floats) -> Convolution:
    weights = layer.weights * gain[:, None, None, None]
    return Convolution(weights, layer.bias * gain + bias, layer.stride, layer.padding)


class _Stream:
    """Reads one thing after the other."""

    def __init__(self, data: bytes, position: int) -> None:
        self.data = data
        self.position = position

    def integer(self) -> int:
        control = self.data[self.position]
        start = self.position + 1
        self.position = start + (control & 15)
        value = int.from_bytes(self.data[start : self.position], "little")
        return -value if control & 128 else value

    def real(self) -> float:
        mantissa = self.integer()
        return float(mantissa) * 2.0 ** self.integer()

    def tensor(self) -> Floats:
        """All its numbers, flat."""
        if (version := self.integer()) != 2:
            raise ValueError(f"a tensor of version {version}, expected 2")
        size = int(np.prod([self.integer() for _ in range(4)]))
        numbers = np.frombuffer(self.data, "<f4", size, self.position)
        self.position += 4 * size
        return numbers.astype(np.float32)
