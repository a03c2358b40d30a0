"""Files written whole or not at all, under names that cannot lead out of their folder."""

from __future__ import annotations

import contextlib
import errno
import os
import tempfile
import unicodedata
from pathlib import Path
from typing import TYPE_CHECKING

from castline.errors import InputError, StorageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from typing_extensions import Buffer

__all__ = [
    "is_scrap",
    "read_bytes",
    "remove_scraps",
    "safe_name",
    "scrap",
    "storage_errors",
    "write_atomically",
]

_SCRAP = (".castline-", ".part")
"""Beginning and end of the name of a file that is being written."""

_REMEDY = {
    errno.ENOSPC: "The disk is full: free some space and run again.",
    errno.EDQUOT: "The disk quota is used up: free some space and run again.",
    errno.EFBIG: "The file grew over the allowed size: raise the limit and run again.",
    errno.EACCES: "No permission: check who owns the folder.",
    errno.EPERM: "No permission: check who owns the folder.",
    errno.EROFS: "The disk is read-only.",
    errno.ENAMETOOLONG: "The name is too long for this disk.",
}


@contextlib.contextmanager
def storage_errors(path: Path, doing: str) -> Iterator[None]:
    """Turn an operating-system error into one sentence that names the file and the way out."""
    try:
        yield
    except OSError as error:
        remedy = _REMEDY.get(error.errno or 0, "")
        reason = error.strerror or str(error)
        raise StorageError(f"{path}: cannot {doing} ({reason}). {remedy}".rstrip()) from error


def read_bytes(path: Path) -> bytes:
    """The content of a file.

    Raises:
        InputError: There is no such file, or it is a folder.
        StorageError: The disk refused.
    """
    if not path.is_file():
        kind = "is a folder, expected a file" if path.is_dir() else "does not exist"
        raise InputError(path, f"the file {kind}.", remedy="Check the path.")
    with storage_errors(path, "read"):
        return path.read_bytes()


def write_atomically(path: Path, content: Buffer) -> None:
    """Write a file beside its place, flush it to the disk, then rename it.

    Whatever happens, the place holds the old content or the new, never a part.

    Raises:
        StorageError: The disk refused; the old content stands and no scrap is left.
    """
    with scrap(path, content) as written, storage_errors(path, "write"):
        written.replace(path)


@contextlib.contextmanager
def scrap(path: Path, content: Buffer) -> Iterator[Path]:
    """Write and flush a file beside its place, for the caller to rename; removed if it is not.

    Raises:
        StorageError: The disk refused; no scrap is left.
    """
    with storage_errors(path, "write"):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=_SCRAP[0], suffix=_SCRAP[1])
    written = Path(name)
    try:
        with storage_errors(path, "write"):
            with os.fdopen(handle, "wb") as stream:
                stream.write(content)
                stream.flush()
                os.fsync(stream.fileno())
            written.chmod(0o666 & ~_umask())
        yield written
    finally:
        written.unlink(missing_ok=True)


def is_scrap(path: Path) -> bool:
    """Whether a file is a half-written one, by its name."""
    return path.name.startswith(_SCRAP[0]) and path.name.endswith(_SCRAP[1])


def remove_scraps(folder: Path, *, below: bool = False) -> None:
    """Remove what killed runs left half-written in a folder, and below it if so asked.

    Only for who holds the folder: the scraps of a live run look the same.
    """
    with storage_errors(folder, "remove half-written files"):
        for path in folder.glob(("**/" if below else "") + "*".join(_SCRAP)):
            path.unlink(missing_ok=True)


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current


def safe_name(name: str) -> str:
    """Spell a stranger's name as one file name that stays in its folder.

    Letters and digits of every script stay; separators, control characters and whatever some
    disk refuses become `_`. Not reversible: the real name belongs into a table.

    >>> safe_name("../x"), safe_name("a/b: c"), safe_name("甄嬛"), safe_name("..")
    ('_x', 'a_b_ c', '甄嬛', '_')
    """
    name = unicodedata.normalize("NFC", name)
    kept = "".join(
        "_" if char in '/\\:*?"<>|' or unicodedata.category(char)[0] == "C" else char
        for char in name
    ).strip(". ")
    while len(kept.encode()) > 120:
        kept = kept[:-1].rstrip(". ")
    return kept or "_"
