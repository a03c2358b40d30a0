"""How names and numbers are written in a report. Names and texts come from strangers."""

from __future__ import annotations

import re
import unicodedata
from typing import Any

from markupsafe import Markup

__all__ = ["abridged", "cleaned", "number", "percent", "rows", "shortened"]

_BLANK = re.compile(r"[\t\n\r\x0b\x0c\x85\u2028\u2029]+")
# What would break the file, or turn around the text that follows it.
_HARMFUL = re.compile("[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]")
_JOINER = "\u200d"
_BEFORE = ("\u200d", "\ufe0f", "\ufe0e", "\u200c")


def cleaned(value: Any) -> Any:
    """Text without control characters and half characters; anything else as it is.

    >>> cleaned("a" + chr(10) + "b" + chr(0)), cleaned(3)
    ('a b�', 3)
    """
    # Exactly str: text that the template engine has already made safe is of another type.
    if type(value) is not str:
        return value
    return _HARMFUL.sub("\ufffd", _BLANK.sub(" ", value))


def shortened(text: str, width: int) -> str:
    """Text cut to a width in half-width columns, with an ellipsis; Chinese takes two a character.

    >>> shortened("Jiang Yang", 7), shortened("张晓倩", 6), shortened("张晓倩", 5)
    ('Jiang…', '张晓倩', '张晓…')
    """
    text = cleaned(text)
    columns = [_columns(char) for char in text]
    if sum(columns) <= width:
        return str(text)
    kept, used = 0, 1
    while used + columns[kept] <= width:
        used += columns[kept]
        kept += 1
    # Never cut inside what is drawn as one character.
    while kept and (_joined(text[kept]) or text[kept - 1] == _JOINER):
        kept -= 1
    return text[:kept].rstrip() + "…"


def abridged(text: str, most: int = 8000) -> str:
    """Text of at most so many characters: what is too much is taken out before its end.

    >>> abridged("x" * 20, 8).splitlines()
    ['xxxxxx', '[… 12 characters left out …]', 'xx']
    """
    if len(text) <= most:
        return text
    end = most // 4
    left_out = number(len(text) - most)
    return f"{text[: most - end]}\n[… {left_out} characters left out …]\n{text[-end:]}"


def rows(text: str) -> Markup:
    """Text for an element that keeps line breaks: escaped, each row cleaned."""
    return Markup("\n").join(cleaned(row) for row in text.splitlines())


def _columns(char: str) -> int:
    if unicodedata.combining(char) or char in _BEFORE:
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def _joined(char: str) -> bool:
    """Whether a character is drawn together with the one before."""
    return bool(unicodedata.combining(char)) or char in _BEFORE or "🏻" <= char <= "🏿"


def number(value: int) -> str:
    """A whole number with groups of three digits.

    >>> number(54060)
    '54,060'
    """
    return f"{value:,}"


def percent(value: float | None, digits: int = 1) -> str:
    """A percentage; a dash when there is none.

    >>> percent(87.923).split(), percent(None)
    (['87.9', '%'], '–')
    """
    return "–" if value is None else f"{value:.{digits}f}\N{NO-BREAK SPACE}%"
