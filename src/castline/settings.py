"""castline.toml and `--set`: plain values into frozen dataclasses, unknown keys refused."""

from __future__ import annotations

import dataclasses
import difflib
import json
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from castline.errors import SettingsError
from castline.files import read_bytes

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    T = TypeVar("T", bound="DataclassInstance")
else:
    T = TypeVar("T")

__all__ = ["build", "parse_assignments", "read_toml", "toml_value"]


def read_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file.

    Raises:
        SettingsError: The file is no TOML; says the line.
    """
    try:
        return tomllib.loads(read_bytes(path).decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: not a readable TOML file: {error}") from error


def parse_assignments(assignments: Sequence[str]) -> dict[str, Any]:
    """Read `name=value` words; values are TOML (numbers, true, "text"), bare words are text.

    >>> parse_assignments(["threshold_end=0.5", "name=x"])
    {'threshold_end': 0.5, 'name': 'x'}

    Raises:
        SettingsError: A word has no `=`.
    """
    values: dict[str, Any] = {}
    for word in assignments:
        name, equals, text = word.partition("=")
        if not equals or not name.strip():
            raise SettingsError(f"{word!r} is no setting: write name=value")
        try:
            read = tomllib.loads(f"value = {text}")
        except tomllib.TOMLDecodeError:
            read = {}
        # A text of several lines could be TOML with more names in it: it is text.
        values[name.strip()] = read["value"] if read.keys() == {"value"} else text
    return values


def toml_value(value: Any) -> str:
    """Text, numbers, booleans and lists of them as TOML writes them, on one line.

    What JSON writes of these is TOML too, save for one character.

    >>> toml_value("a"), toml_value(True), toml_value(["x"])
    ('"a"', 'true', '["x"]')
    """
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def build(kind: type[T], values: Mapping[str, Any], where: str) -> T:
    """Make a frozen dataclass of settings from plain values.

    Args:
        kind: The dataclass; annotations may carry `msgspec.Meta` ranges.
        values: Name to value; names left out keep their default.
        where: What to call the place in a message.

    Raises:
        SettingsError: An unknown name (with the nearest known one), a wrong type, out of range.
    """
    known = [each.name for each in dataclasses.fields(kind)]
    for name in values:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise SettingsError(
                f"{where}: there is no setting {name!r}.{hint} Known: {', '.join(known)}."
            )
    try:
        return msgspec.convert(dict(values), kind)
    except (msgspec.ValidationError, ValueError) as error:
        raise SettingsError(f"{where}: {error}") from error
