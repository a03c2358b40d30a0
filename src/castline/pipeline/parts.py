"""Sealed parts of long work, so that a unit that was killed goes on where it stopped.

A part is one file beside the tables, named by the key of its unit. It is written whole and carries
its own digest, so a torn or changed part is the same as none. Parts are thrown away once their unit
is done.
"""

from __future__ import annotations

import hashlib
import io
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from castline.files import read_bytes, safe_name, storage_errors, write_atomically

if TYPE_CHECKING:
    import polars as pl

__all__ = ["Parts"]

_DIGEST_BYTES = 32


class Parts:
    """The finished parts of one unit: frames by name, for each part.

    Args:
        folder: Where parts of all units are kept.
        unit: Name of the unit; one folder each.
        key: Key of the unit. Parts of another key are removed: they are of other inputs.
    """

    def __init__(self, folder: Path, unit: str, key: str) -> None:
        self._home = folder / safe_name(unit)
        self._folder = self._home / key[:32]

    def get(self, number: int) -> dict[str, pl.DataFrame] | None:
        """The frames of a part, or None when it is not finished or damaged."""
        import polars as pl

        path = self._path(number)
        if not path.exists():
            return None
        content = read_bytes(path)
        digest, body = content[:_DIGEST_BYTES], content[_DIGEST_BYTES:]
        if hashlib.sha256(body).digest() != digest:
            return None
        packed = msgspec.msgpack.decode(body, type=dict[str, bytes])
        return {name: pl.read_parquet(io.BytesIO(each)) for name, each in packed.items()}

    def put(self, number: int, frames: Mapping[str, pl.DataFrame]) -> None:
        """Seal a part.

        Raises:
            StorageError: The disk refused.
        """
        self._remove_others()
        packed = {}
        for name, frame in frames.items():
            buffer = io.BytesIO()
            frame.write_parquet(buffer, compression="zstd", statistics=False)
            packed[name] = buffer.getvalue()
        body = msgspec.msgpack.encode(packed)
        write_atomically(self._path(number), hashlib.sha256(body).digest() + body)

    def clear(self) -> None:
        """Throw all parts of the unit away."""
        with storage_errors(self._home, "remove"):
            if self._home.exists():
                shutil.rmtree(self._home)
            if self._home.parent.exists() and not any(self._home.parent.iterdir()):
                self._home.parent.rmdir()

    def _path(self, number: int) -> Path:
        return self._folder / f"{number:05d}.part"

    def _remove_others(self) -> None:
        if not self._home.exists():
            return
        with storage_errors(self._home, "remove"):
            for each in self._home.iterdir():
                if each != self._folder:
                    shutil.rmtree(each)
