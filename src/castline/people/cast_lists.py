"""Lists of a cast that a person wrote: TOML, YAML, JSON or CSV, one entry a character."""

from __future__ import annotations

import csv
import io
import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import msgspec

from castline.errors import InputError
from castline.files import read_bytes

__all__ = ["Entry", "read_entries"]

_ENDINGS = (".toml", ".yaml", ".yml", ".json", ".csv")
_LARGEST = 10_000_000
"""Bytes of a list; a cast of thousands takes a tenth of it."""


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One character as it was written; see `Member`, which is checked."""

    name: str
    other_names: tuple[str, ...] = ()
    actor: str | None = None
    kind: Literal["character", "narrator"] = "character"
    portraits: tuple[str, ...] = ()


def read_entries(path: Path) -> Iterator[tuple[Entry, str]]:
    """The entries of a list, each with its place."""
    suffix = path.suffix.lower()
    if suffix not in _ENDINGS:
        raise InputError(
            path,
            "this is no cast.",
            remedy=f"Give a folder of portraits, or {', '.join(_ENDINGS)}.",
        )
    data = read_bytes(path)
    if len(data) > _LARGEST:
        raise InputError(path, f"{len(data):,} bytes are too many for a list of a cast.")
    if suffix == ".csv":
        rows = list(_csv_rows(data, path))
    else:
        rows = [(row, f"entry {n + 1}") for n, row in enumerate(_parsed(data, suffix, path))]
    for row, place in rows:
        try:
            yield msgspec.convert(row, Entry), place
        except msgspec.ValidationError as error:
            raise InputError(
                path, f"{error}.", place=place, remedy="Names are text: put them into quotes."
            ) from error


def _parsed(data: bytes, suffix: str, path: Path) -> list[Any]:
    """The rows of a TOML, JSON or YAML list; YAML without anything that makes objects."""
    import yaml

    try:
        text = data.decode("utf-8-sig")
        if suffix == ".toml":
            content: Any = tomllib.loads(text)
        elif suffix == ".json":
            content = json.loads(text)
        else:
            content = yaml.safe_load(text)
    except (ValueError, yaml.YAMLError, RecursionError) as error:
        raise InputError(path, f"not readable: {' '.join(str(error).split())}.") from error
    if isinstance(content, dict):
        content = content.get("cast", content)
    if content is None or content == {}:
        return []
    if not isinstance(content, list):
        raise InputError(
            path, "expected a list of characters.", remedy="Begin each with [[cast]] and a name."
        )
    return content


def _csv_rows(data: bytes, path: Path) -> Iterator[tuple[dict[str, Any], str]]:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:  # a guess would be wrong too often for a few names
        raise InputError(path, "not UTF-8.", remedy="Save it as 'CSV UTF-8'.") from error
    header = text.partition("\n")[0]
    delimiter = max(",;\t", key=header.count)
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        for row in reader:
            place = f"line {reader.line_num}"
            if None in row:
                raise InputError(path, "more cells than columns.", place=place)
            cells = {key.strip().lower(): (row[key] or "").strip() for key in row if key}
            if any(cells.values()):
                lists = {key: _several(cells.pop(key, "")) for key in ("other_names", "portraits")}
                yield {key: cell for key, cell in cells.items() if cell} | lists, place
    except csv.Error as error:
        raise InputError(
            path, f"not readable: {error}.", place=f"line {reader.line_num}"
        ) from error


def _several(cell: str) -> list[str]:
    """What one cell lists, parted by semicolons or bars."""
    return [each.strip() for each in re.split(r"[;|]", cell) if each.strip()]
