"""Names spelt for fields that cannot hold every character, and back again.

The spelling is that of URLs, for the characters in question only: `Lady Ann` is `Lady%20Ann` where
a space would end the field. Underscores would read better, but `SPEAKER_00` and `Lady Ann` could
then not be told apart on the way back. A `%` is spelt `%25` only where it could be mistaken for
the start of such a spelling, so `100 %` stays what it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

__all__ = ["join_names", "quote_name", "split_names", "unquote_name"]

_SPELT = re.compile(r"(?:%[0-9A-Fa-f]{2})+")
_AMBIGUOUS = re.compile(r"%(?=[0-9A-Fa-f]{2})")
_CONTROL = "\x00-\x1f\x7f\x85\u2028\u2029\ud800-\udfff"


def quote_name(name: str, unsafe: str) -> str:
    r"""Spell a name without certain characters; edges that are blank and controls always go.

    Args:
        name: Any text.
        unsafe: The characters to avoid, as the inside of a character class.

    >>> quote_name("Smith, John", ","), quote_name("Lady Ann", r"\s"), quote_name("100 %", ",")
    ('Smith%2C John', 'Lady%20Ann', '100 %')
    """
    name = _AMBIGUOUS.sub("%25", name)
    return re.sub(rf"[{unsafe}{_CONTROL}]|\A\s+|\s+\Z", lambda found: _spell(found[0]), name)


def unquote_name(name: str) -> str:
    """Undo `quote_name`; what was never a spelling stays.

    >>> unquote_name("Lady%20Ann"), unquote_name("100%"), unquote_name("%FF")
    ('Lady Ann', '100%', '%FF')
    """
    return _SPELT.sub(_read, name)


def join_names(names: Iterable[str], unsafe: str = "") -> str:
    """Several names in one field, `; ` between them; `unsafe` as in `quote_name`.

    >>> join_names(["Anna", "Ben; the elder"])
    'Anna; Ben%3B the elder'
    """
    return "; ".join(quote_name(name, f";{unsafe}") for name in names)


def split_names(field: str) -> tuple[str, ...]:
    """Undo `join_names`; an empty field is nobody."""
    names = (unquote_name(name.strip()) for name in field.split(";"))
    return tuple(dict.fromkeys(name for name in names if name))


def _spell(text: str) -> str:
    return "".join(f"%{byte:02X}" for byte in text.encode("utf-8", "replace"))


def _read(found: re.Match[str]) -> str:
    try:
        return bytes.fromhex(found[0].replace("%", "")).decode("utf-8")
    except UnicodeDecodeError:
        return found[0]
