"""The cast of a series: a folder of portraits, or a list that a person wrote.

A folder holds one picture a portrait: `Anna.png`, `Anna_2.jpg`, or folders `Anna/*.jpg`. A list is
TOML, YAML, JSON or CSV, each character with `name` and, if known, `other_names`, `actor`, `kind`
(`character` or `narrator`) and `portraits`, whose paths start at the list::

    [[cast]]
    name = "Anna"
    other_names = ["Mrs Harlow"]
    actor = "Mary Poe"
    portraits = ["anna_1.jpg", "anna_2.jpg"]

Names are text and never paths; portraits outside the folder are refused.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath
from typing import TYPE_CHECKING, Literal

from castline.errors import InputError
from castline.files import read_bytes, storage_errors
from castline.people.cast_lists import Entry, read_entries
from castline.tables.catalog import RESERVED, table
from castline.tables.schema import build_frame

if TYPE_CHECKING:
    import polars as pl

__all__ = ["Cast", "Member", "cast_frame", "read_cast"]

PICTURES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif")

_LONGEST_NAME = 200
_NUMBER = re.compile(r"(?<=[^_\s])_\d+\Z")
# Characters that show nothing, or turn around what follows; joiners, which Persian and emoji need,
# may stay.
_UNSEEN = frozenset(
    "\u00ad\u061c\u200b\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\u2066\u2067\u2068\u2069\ufeff"
)


@dataclass(frozen=True)
class Member:
    """One character.

    Attributes:
        name: The one name used everywhere.
        other_names: Other names for the same person.
        actor: Who plays the part; None when nobody says.
        kind: `narrator` for somebody who may speak anywhere without being near.
        portraits: Pictures of the face; they exist.
    """

    name: str
    other_names: tuple[str, ...] = ()
    actor: str | None = None
    kind: Literal["character", "narrator"] = "character"
    portraits: tuple[Path, ...] = ()


@dataclass(frozen=True)
class Cast:
    """Everybody who can be named.

    Attributes:
        members: In the order of the list, or of the file names.
        problems: What is odd but was accepted, one sentence each.
    """

    members: tuple[Member, ...]
    problems: tuple[str, ...] = ()


def read_cast(path: Path) -> Cast:
    """Read a cast.

    Args:
        path: A folder of portraits, or a TOML, YAML, JSON or CSV file.

    Raises:
        InputError: The list cannot be read, a name is reserved, unusable or there twice, a portrait
            is missing, outside the folder, or belongs to two characters.
        StorageError: The disk refused.
    """
    if path.is_dir():
        members, problems = _from_folder(path)
    else:
        members, problems = [_member(*each, path) for each in read_entries(path)], []
    _check_names(members, path)
    _check_portraits(members, path)
    if not members:
        problems.append(f"{path}: the cast is empty, so nobody can be named.")
    elif not any(member.portraits for member in members):
        problems.append(f"{path}: no character has a portrait, so no face can be recognised.")
    return Cast(tuple(members), (*problems, *_shared_names(members, path)))


def cast_frame(cast: Cast) -> pl.DataFrame:
    """Table `cast`; faces are counted later."""
    members = cast.members
    return build_frame(
        table("cast"),
        {
            "character": [member.name for member in members],
            "other_names": [list(member.other_names) for member in members],
            "actor": [member.actor for member in members],
            "kind": [member.kind for member in members],
            "faces": [0] * len(members),
        },
        source="cast",
    )


def _from_folder(folder: Path) -> tuple[list[Member], list[str]]:
    found: dict[str, list[Path]] = {}
    ignored = []
    for path in _listed(folder):
        if path.name.startswith("."):
            continue
        if path.is_dir():
            pictures = [each for each in _listed(path) if _is_picture(each)]
            name = path.name
        else:
            pictures = [path] if _is_picture(path) else []
            name = _NUMBER.sub("", path.stem)
        if not pictures:
            ignored.append(path.name)
            continue
        name = _checked_name(name, folder, path.name)
        inside = [_inside(each, folder, path.name) for each in pictures]
        found.setdefault(name, []).extend(inside)
    problems = [f"{folder}: no portrait in {name!r}, ignored." for name in ignored]
    return [Member(name, portraits=tuple(paths)) for name, paths in found.items()], problems


def _listed(folder: Path) -> list[Path]:
    """What is in a folder, in the same order on every machine."""
    with storage_errors(folder, "list"):
        return sorted(folder.iterdir(), key=lambda path: path.name)


def _is_picture(path: Path) -> bool:
    return path.suffix.lower() in PICTURES and not path.name.startswith(".")


def _member(entry: Entry, place: str, path: Path) -> Member:
    folder = path.parent
    portraits = tuple(_portrait(each, folder, path, place) for each in entry.portraits)
    return Member(
        name=_checked_name(entry.name, path, place),
        other_names=tuple(_checked_text(each, path, place) for each in entry.other_names),
        actor=_checked_text(entry.actor, path, place) if entry.actor else None,
        kind=entry.kind,
        portraits=portraits,
    )


def _portrait(given: str, folder: Path, path: Path, place: str) -> Path:
    windows = PureWindowsPath(given)
    if "\0" in given or windows.anchor or Path(given).is_absolute() or ".." in windows.parts:
        raise InputError(
            path,
            f"the portrait {given!r} is not below the folder of the cast.",
            place=place,
            remedy="Copy it there and give its path from there.",
        )
    try:
        portrait = _inside(folder / given, folder, place)
        found = portrait.is_file()
    except (OSError, UnicodeEncodeError):  # no disk takes such a name
        found = False
    if not found:
        raise InputError(path, f"there is no portrait {given[:200]!r}.", place=place)
    return portrait


def _inside(portrait: Path, folder: Path, place: str) -> Path:
    """The path itself, when what it leads to lies below the folder too."""
    if not portrait.resolve().is_relative_to(folder.resolve()):
        raise InputError(
            folder,
            f"{portrait.name!r} leads out of the folder of the cast.",
            place=place,
            remedy="Copy the picture instead of linking it.",
        )
    return portrait


def _checked_text(text: str, path: Path, place: str) -> str:
    text = unicodedata.normalize("NFC", text).strip()
    problem = ""
    if not text:
        problem = "a name is empty."
    elif len(text) > _LONGEST_NAME:
        problem = f"a name has {len(text)} characters; at most {_LONGEST_NAME} are allowed."
    elif any(unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") or c in _UNSEEN for c in text):
        problem = f"the name {text!r} holds characters that cannot be seen."
    if problem:
        raise InputError(path, problem, place=place)
    return text


def _checked_name(name: str, path: Path, place: str) -> str:
    name = _checked_text(name, path, place)
    if name.casefold() in RESERVED:
        raise InputError(
            path,
            f"{name!r} has a meaning of its own and cannot name a character.",
            place=place,
            remedy='A narrator gets another name and kind = "narrator".',
        )
    return name


def _check_names(members: Iterable[Member], path: Path) -> None:
    seen: dict[str, str] = {}
    for member in members:
        known = seen.setdefault(member.name.casefold(), member.name)
        if known is not member.name:
            raise InputError(
                path,
                f"two characters are called {member.name!r}"
                + (f" and {known!r}." if known != member.name else "."),
                remedy="Put them together, or call one of them otherwise.",
            )


def _check_portraits(members: Iterable[Member], path: Path) -> None:
    owners: dict[str, tuple[Member, Path]] = {}
    for member in members:
        for portrait in member.portraits:
            digest = hashlib.sha256(read_bytes(portrait)).hexdigest()
            owner, first = owners.setdefault(digest, (member, portrait))
            if owner is not member:
                raise InputError(
                    path,
                    f"{owner.name!r} and {member.name!r} have the same portrait "
                    f"({first.name!r}, {portrait.name!r}).",
                    remedy="Remove the wrong one.",
                )


def _shared_names(members: Iterable[Member], path: Path) -> Iterator[str]:
    """Warnings of names that stand for two characters."""
    members = list(members)
    owners = {member.name.casefold(): member.name for member in members}
    for member in members:
        for name in member.other_names:
            owner = owners.setdefault(name.casefold(), member.name)
            if owner != member.name:
                yield f"{path}: {name!r} may mean {owner!r} or {member.name!r}."
