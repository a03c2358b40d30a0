"""Who is named in a line."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import numpy.typing as npt

from castline.attribution.base import NOBODY

__all__ = ["MARKS", "SPACELESS", "find_mentions", "tidy"]

SPACELESS = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"
    "\U00020000-\U0003ffff"
)
"""Letters of scripts without spaces between words, as the inside of a character class."""
MARKS = "\u0300-\u036f\u0591-\u05c7\u0610-\u061a\u064b-\u065f\u0900-\u0963\u0971-\u0dff\u200c\u200d"
"""Signs that belong to the letter before them, which `re` does not count among letters."""

_HAN = re.compile("[\u3400-\u9fff]+")
_ASIDE = re.compile(r"\([^)]*\)|（[^）]*）|\[[^\]]*\]|【[^】]*】")
_MIDDLE_DOT = re.compile("[·•‧・]")
_LETTER = f"(?:[^\\W{SPACELESS}]|[{MARKS}])"
_SPACED = re.compile(_LETTER)

_FULL_HAN_NAME = 3
"""Characters of a surname and a given name of two."""
_SHORTEST_PART = 2
"""Characters; a single one is seldom a name."""
_NO_NAMES = frozenset({"The", "An", "Mr", "Mrs", "Ms", "Miss", "Dr", "Old", "Young", "Man"})
"""English words of names that are said of anybody."""


def tidy(text: str) -> str:
    """The text with composed letters and single spaces, so that equal texts compare equal."""
    return unicodedata.normalize("NFC", " ".join(text.split()))


def find_mentions(
    texts: Sequence[str], cast: Sequence[str], forms: Sequence[Sequence[str]]
) -> npt.NDArray[np.bool_]:
    """Who is named in each line.

    Where names overlap, the longest counts: "Ann's mother" is not Ann when both are in the cast.

    Args:
        texts: (N,) as `tidy` leaves them.
        cast: (C,) full names.
        forms: (C,) by what other names each is called.

    Returns:
        (N, C) whether the line holds a name of each.
    """
    named = np.zeros((len(texts), len(cast)), np.bool_)
    owners = _owners(cast, forms)
    if not owners:
        return named
    pattern = _pattern_of(owners)
    for line, text in enumerate(texts):
        for form in pattern.findall(text):
            if owners[form] != NOBODY:
                named[line, owners[form]] = True
    return named


def _owners(cast: Sequence[str], forms: Sequence[Sequence[str]]) -> dict[str, int]:
    """Whom each form names; a form of several names nobody, but a full name is its owner's."""
    owners: dict[str, int] = {}
    for code, (name, others) in enumerate(zip(cast, forms, strict=True)):
        for form in {part for full in (name, *others) for part in _ways_to_say(full)}:
            owners[form] = code if owners.get(form, code) == code else NOBODY
    owners.update((tidy(name), code) for code, name in enumerate(cast) if tidy(name))
    return owners


def _ways_to_say(name: str) -> Iterator[str]:
    """The name itself, the name without asides, its parts, and the given name."""
    yield from filter(None, (tidy(name), plain := tidy(_ASIDE.sub(" ", name))))
    parts = _MIDDLE_DOT.split(plain)
    words = plain.split()
    if len(words) > 1:
        parts += [words[0], words[-1]]
    for part in map(str.strip, parts):
        if len(part) >= _SHORTEST_PART and _could_name(part):
            yield part
        if len(part) == _FULL_HAN_NAME and _HAN.fullmatch(part):
            yield part[1:]


def _could_name(word: str) -> bool:
    """Whether a part of a name can stand for the name: no title, abbreviation or number."""
    return word[0].isalpha() and not (word[0].islower() or word.endswith(".") or word in _NO_NAMES)


def _pattern_of(forms: Iterable[str]) -> re.Pattern[str]:
    """Pattern that finds the longest of the forms at each place, but no part of a longer word.

    Only scripts that part words by spaces have longer words. Forms are grouped by their first
    letter, so that few are tried at each place, and the costly classes of letters are few.
    """
    groups: dict[str, list[str]] = {}
    for form in sorted(forms, key=len, reverse=True):
        groups.setdefault(form[0], []).append(re.escape(form[1:]))
    starts = (f"{_word_start(first)}(?:{'|'.join(rest)})" for first, rest in groups.items())
    return re.compile(f"(?:{'|'.join(starts)})(?:(?<!{_LETTER})|(?!{_LETTER}))")


def _word_start(first: str) -> str:
    """Pattern of a letter that begins a word; looking back after it keeps the search fast."""
    literal = re.escape(first)
    return f"{literal}(?<!{_LETTER}{literal})" if _SPACED.match(first) else literal
