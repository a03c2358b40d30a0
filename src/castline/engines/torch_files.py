"""Read old weight files of PyTorch without PyTorch, and without running what is in them.

Before version 1.6 PyTorch wrote a file as five pickles (a magic number, the protocol, facts of the
machine, the object, the keys of its storages), followed by each storage: its number of elements in
eight bytes, then the elements. A pickle may call anything its reader lets it name, so this reader
lets it name three things: an ordered dictionary, a tensor, and the kinds of storage.
"""

from __future__ import annotations

import io
import math
import pickle
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from castline.errors import InputError
from castline.files import read_bytes

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

__all__ = ["read_torch_file"]

_MAGIC = 0x1950A86A20F9469CFC6C
_PROTOCOL = 1001

_STORAGES = {
    "FloatStorage": "<f4",
    "DoubleStorage": "<f8",
    "HalfStorage": "<f2",
    "LongStorage": "<i8",
    "IntStorage": "<i4",
    "ShortStorage": "<i2",
    "CharStorage": "<i1",
    "ByteStorage": "<u1",
    "BoolStorage": "?",
}


@dataclass(frozen=True)
class _Kind:
    """Stands for a class of storages while the pickle is read."""

    dtype: str


@dataclass(frozen=True)
class _Tensor:
    """A view of a storage whose elements come later in the file."""

    storage: tuple[str, str, int]
    offset: int
    shape: tuple[int, ...]
    stride: tuple[int, ...]


def read_torch_file(path: Path) -> Any:
    """The object in a file that `torch.save` wrote before version 1.6.

    Returns:
        The object with its dictionaries, lists, tuples, numbers and texts; tensors become arrays.

    Raises:
        InputError: The file is missing, of another format, cut short, or names anything that
            weights have no need of.
    """
    stream = io.BytesIO(read_bytes(path))
    try:
        return _held(stream)
    except Exception as error:
        # A damaged pickle may fail in any way the pickle machine knows.
        problem = f"the weights cannot be read ({type(error).__name__}: {error})."
        raise InputError(path, problem, remedy="Fetch the file again.") from error


def _held(stream: io.BytesIO) -> Any:
    if _unpickle(stream) != _MAGIC or _unpickle(stream) != _PROTOCOL:
        message = "no weight file of PyTorch before 1.6"
        raise ValueError(message)
    _unpickle(stream)  # byte order and sizes of the machine: always little-endian in practice
    held = _unpickle(stream)
    return _filled(held, _storages(stream, _sizes(held)))


class _Unpickler(pickle.Unpickler):
    """An unpickler that knows tensors and nothing else that could be called."""

    def find_class(self, module: str, name: str) -> Any:
        allowed: dict[tuple[str, str], Callable[..., Any]] = {
            ("collections", "OrderedDict"): OrderedDict,
            ("torch._utils", "_rebuild_tensor_v2"): _tensor,
        }
        if (module, name) in allowed:
            return allowed[module, name]
        if module == "torch" and name in _STORAGES:
            return _Kind(_STORAGES[name])
        message = f"{module}.{name} has no place among weights"
        raise pickle.UnpicklingError(message)

    def persistent_load(self, pid: Any) -> tuple[str, str, int]:
        _, kind, key, _, count, *_ = pid
        return kind.dtype, str(key), int(count)


def _tensor(
    storage: tuple[str, str, int],
    offset: int,
    shape: tuple[int, ...],
    stride: tuple[int, ...],
    *_: object,
) -> _Tensor:
    return _Tensor(storage, offset, shape, stride)


def _unpickle(stream: io.BytesIO) -> Any:
    return _Unpickler(stream).load()


def _sizes(held: Any) -> dict[str, tuple[str, int]]:
    """Key to type and number of elements of every storage that a tensor views."""
    if isinstance(held, _Tensor):
        dtype, key, count = held.storage
        return {key: (dtype, count)}
    parts = held.values() if isinstance(held, dict) else held
    if not isinstance(held, dict | list | tuple):
        return {}
    found: dict[str, tuple[str, int]] = {}
    for part in parts:
        found.update(_sizes(part))
    return found


def _storages(stream: io.BytesIO, sizes: dict[str, tuple[str, int]]) -> dict[str, npt.NDArray[Any]]:
    found: dict[str, npt.NDArray[Any]] = {}
    for key in _unpickle(stream):
        dtype, expected = sizes[str(key)]
        count = int.from_bytes(stream.read(8), "little")
        content = stream.read(count * np.dtype(dtype).itemsize)
        if count != expected:
            message = f"storage {key} holds {count} numbers, {expected} are named"
            raise ValueError(message)
        found[str(key)] = np.frombuffer(content, dtype, count)
    return found


def _filled(held: Any, storages: dict[str, npt.NDArray[Any]]) -> Any:
    """The same object with arrays in place of tensors."""
    if isinstance(held, _Tensor):
        return _view(storages[held.storage[1]], held)
    if isinstance(held, dict):
        return {key: _filled(part, storages) for key, part in held.items()}
    if isinstance(held, list | tuple):
        return type(held)(_filled(part, storages) for part in held)
    return held


def _view(storage: npt.NDArray[Any], tensor: _Tensor) -> npt.NDArray[Any]:
    """Elements of a storage by offset and stride, by index so that none can lie outside of it."""
    if math.prod(tensor.shape) > storage.size:
        message = f"a tensor of shape {tensor.shape} has {storage.size} numbers"
        raise ValueError(message)
    index = np.full(tensor.shape, tensor.offset)
    for axis, step in enumerate(tensor.stride):
        along = [1] * len(tensor.shape)
        along[axis] = -1
        index = index + step * np.arange(tensor.shape[axis]).reshape(along)
    if index.size and index.min() < 0:
        message = "a tensor begins before its storage"
        raise ValueError(message)
    elements: npt.NDArray[Any] = storage[index]
    return elements
