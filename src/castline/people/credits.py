"""A first draft of the cast, from credits that were read by OCR; a person checks it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from castline.engines.base import TextFound
from castline.files import write_atomically
from castline.people.cast import Member
from castline.settings import toml_value

__all__ = ["draft_cast", "write_cast_draft"]

_LEADER = re.compile(r"\s*(?:[.·…‥・_]{3,}|\s{3,}|…+|[-–—]{2,})\s*")
_AS = re.compile(r"(?P<actor>.+?)\s+(?:as|饰演?|飾演?)\s+(?P<name>.+)\Z")
_HEADING = re.compile(
    r"(?:the\s+)?cast(?:\s+\(.*\))?|starring|with|featuring|in order of appearance"
    r"|演员表?|演員表?|主演|领衔主演|領銜主演",
    re.IGNORECASE,
)
_WORK = re.compile(
    r"direct|produc|writ|editor|edited|music|photograph|cinemato|camera|sound|costume|make-?up"
    r"|design|casting|assistant|manager|supervis|coordinat|effects|animat|stunt|script|score"
    r"|导演|導演|编剧|編劇|制片|製片|监制|監製|摄影|攝影|剪辑|剪輯|美术|美術|音乐|音樂|录音|錄音|造型|策划",
    re.IGNORECASE,
)
_LEAST_SCORE = 0.6


def draft_cast(pages: Sequence[Sequence[TextFound]]) -> list[Member]:
    """Guess characters and their actors from pages of credits.

    Understood are rows of two columns or with dots between, the character on the left, and
    `ACTOR as CHARACTER`. Headings, and rows whose left side is a trade ("Director"), are skipped.

    Args:
        pages: The lines of writing found on each page.

    Returns:
        Each character once, in order of appearance.
    """
    drafted: dict[str, Member] = {}
    for page in pages:
        for row in _rows([each for each in page if each.score >= _LEAST_SCORE]):
            pair = _pair([piece.text.strip() for piece in row])
            if pair is not None:
                name, actor = pair
                drafted.setdefault(name.casefold(), Member(name, actor=actor))
    return list(drafted.values())


def write_cast_draft(path: Path, members: Sequence[Member]) -> None:
    """Write a draft as a TOML list for a person to correct.

    Raises:
        StorageError: The disk refused.
    """
    lines = [
        "# Read from the credits by a machine: check every name, then add portraits.",
        "# portraits are paths from this file, as in portraits = ['anna_1.jpg'].",
    ]
    for member in members:
        lines += ["", "[[cast]]", f"name = {toml_value(member.name)}"]
        lines += [f"actor = {toml_value(member.actor)}"] if member.actor else []
        lines += ["portraits = []"]
    write_atomically(path, ("\n".join(lines) + "\n").encode("utf-8", "replace"))


def _rows(found: Sequence[TextFound]) -> list[list[TextFound]]:
    """Lines of writing that stand side by side, rows from top to bottom."""
    rows: list[list[TextFound]] = []
    for each in sorted(found, key=lambda line: line.box[1] + line.box[3]):
        _, top, _, bottom = each.box
        middle = (top + bottom) / 2
        if rows and any(line.box[1] < middle < line.box[3] for line in rows[-1]):
            rows[-1].append(each)
        else:
            rows.append([each])
    return [sorted(row, key=lambda line: line.box[0]) for row in rows]


def _pair(pieces: list[str]) -> tuple[str, str] | None:
    """Character and actor of one row, when it holds such."""
    if len(pieces) == 1:
        spoken = _AS.match(pieces[0])
        if spoken:
            return _cleaned(spoken["name"], spoken["actor"])
        pieces = _LEADER.split(pieces[0])
    pieces = [piece for piece in (piece.strip(" .·…_-–—:：") for piece in pieces) if piece]
    return _cleaned(*pieces) if len(pieces) == 2 else None


def _cleaned(name: str, actor: str) -> tuple[str, str] | None:
    named = any(map(str.isalpha, name)) and any(map(str.isalpha, actor))
    if not named or _HEADING.fullmatch(name) or _WORK.search(name):
        return None
    return " ".join(name.split()), " ".join(actor.split())
