"""From bytes to text: byte order mark, then UTF-8, then a scored guess that is reported.

A guess is only made when UTF-8 is impossible. It is restricted to the encodings in which subtitles
are found; charset-normalizer scores them (how messy the text would look, how much it reads like a
language). Double-byte encodings of East Asia are looked at first, for their bytes nearly always
decode as Windows code pages too, where they look like accented letters: what decides is how many of
the characters are everyday ones, which the standards put into their first level.
"""

from __future__ import annotations

import codecs
import re
from typing import NamedTuple

from castline.errors import InputError
from castline.subtitles.base import Problem

__all__ = ["Decoded", "decode_text", "split_lines"]

_MARKS = (  # UTF-32 before UTF-16: its little-endian mark begins with that of UTF-16
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)

# For each East Asian encoding, the lead bytes of the characters in everyday use.
_EVERYDAY = {
    "gb18030": (0xB0, 0xD7),
    "big5": (0xA4, 0xC6),
    "cp949": (0xB0, 0xC8),
}
_WINDOWS = (
    *("cp1252", "cp1250", "cp1251", "cp1253", "cp1254", "cp1255", "cp1256", "cp1257"),
    *("cp1258", "cp874", "koi8_r"),
)
_CONTROLS = re.compile("[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")
_SCAFFOLD = re.compile(
    rb"^[^\r\n]*-->[^\r\n]*|^[ \t]*\d+[ \t]*$|\{\d+\}\{\d*\}|<[^<>]{0,200}>", re.MULTILINE
)


class Decoded(NamedTuple):
    """The text of a file, the encoding it was in, and whether that was guessed."""

    text: str
    encoding: str
    guessed: bool
    problems: tuple[Problem, ...] = ()


def decode_text(data: bytes, name: str, encoding: str | None = None) -> Decoded:
    """Read bytes as text.

    Args:
        data: The bytes; not empty.
        name: The file's name, for messages.
        encoding: The encoding, if the user knows it; then nothing is guessed.

    Raises:
        InputError: The bytes are no text, or not in the encoding that was given.
    """
    if encoding is not None:
        return Decoded(_given(data, name, encoding), encoding, guessed=False)
    for mark, marked in _MARKS:
        if data.startswith(mark):
            text = data.decode(marked, "replace")
            return _checked(Decoded(text, marked, guessed=False), name, replaced=True)
    wide = _wide(data)
    if wide:
        text = data.decode(wide, "replace")
        note = Problem("", f"the text has no byte order mark; read as {wide}, a guess")
        return _checked(Decoded(text, wide, guessed=True, problems=(note,)), name, replaced=True)
    try:
        return _checked(Decoded(data.decode("utf-8"), "utf-8", guessed=False), name)
    except UnicodeDecodeError:
        pass
    damaged = _damaged_utf8(data)
    if damaged is not None:
        return _checked(damaged, name)
    _refuse_binary(data.decode("latin-1"), name)
    guess = _guess(data)
    if guess is None:
        raise InputError(
            name,
            "this is no text in any encoding that subtitles are known to use.",
            remedy="If it is a subtitle file, name its encoding (encoding=…).",
        )
    note = Problem("", f"the encoding is not UTF-8; read as {guess}, a guess by likeness")
    text = data.decode(guess, "replace")
    return _checked(Decoded(text, guess, guessed=True, problems=(note,)), name, replaced=True)


def split_lines(text: str) -> list[str]:
    r"""Lines ended by CR, LF or CRLF, mixed as they come; no other character ends a line.

    >>> split_lines("a\rb\r\nc\n\nd\u2028e")
    ['a', 'b', 'c', '', 'd\u2028e']
    """
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")


def _given(data: bytes, name: str, encoding: str) -> str:
    try:
        text = data.decode(encoding)
    except LookupError as error:
        raise InputError(name, f"no encoding is called {encoding!r}.") from error
    except ValueError as error:
        raise InputError(
            name,
            f"the bytes are not {encoding}: {error}.",
            remedy="Leave the encoding out to have it guessed.",
        ) from error
    if not isinstance(text, str):  # "rot13", "hex" and their like are no character encodings
        raise InputError(name, f"{encoding!r} is no character encoding.")
    _refuse_binary(text, name)
    return text.removeprefix("\ufeff")


def _checked(decoded: Decoded, name: str, *, replaced: bool = False) -> Decoded:
    _refuse_binary(decoded.text, name)
    text = decoded.text.removeprefix("\ufeff")
    problems = decoded.problems
    if replaced and (count := text.count("\ufffd")):
        problems = (*problems, Problem("", f"{count} characters were unreadable"))
    return decoded._replace(text=text, problems=problems)


def _refuse_binary(text: str, name: str) -> None:
    """Text holds next to no control characters; pictures, films and archives are full of them."""
    controls = len(_CONTROLS.findall(text))
    if controls * 50 > len(text) or "\x00" in text[:512]:
        raise InputError(name, "this is binary data, not text.", remedy="Check the file.")


def _wide(data: bytes) -> str | None:
    """UTF-16 without a mark: every other byte of the ASCII scaffold is zero."""
    head = data[:2048]
    if len(head) < 8:
        return None
    even, odd = head[0::2].count(0), head[1::2].count(0)
    if odd * 5 > len(head) and even * 20 < odd:
        return "utf-16-le"
    if even * 5 > len(head) and odd * 20 < even:
        return "utf-16-be"
    return None


def _damaged_utf8(data: bytes) -> Decoded | None:
    """UTF-8 with a few broken bytes, as a cut-off or badly joined file has them."""
    text = data.decode("utf-8", "replace")
    broken = text.count("\ufffd")
    good = sum(1 for char in text if char > "\x7f") - broken
    if good < 4 or broken * 4 > good:
        return None
    note = Problem("", f"UTF-8 with {broken} broken places, each shown as \ufffd")
    return Decoded(text, "utf-8", guessed=False, problems=(note,))


def _guess(data: bytes) -> str | None:
    # Numbers and time lines are the same in all encodings and drown the words.
    words = b"\n".join(line for line in _SCAFFOLD.sub(b"\n", data).split(b"\n") if line.strip())
    words = words or data
    return _east_asian(words) or _by_likeness(words)


def _east_asian(words: bytes) -> str | None:
    """The double-byte encoding in which nearly all characters are everyday ones, if any."""
    scores = {}
    kana = _kana_share(words)
    if kana:
        scores[kana[0]] = kana[1]
    for encoding, (first, last) in _EVERYDAY.items():
        try:
            text = _strictly(words, encoding)
        except UnicodeDecodeError:
            continue
        codec = "cp950" if encoding == "big5" else encoding
        leads = [char.encode(codec, "replace") for char in text if char > "\x7f"]
        pairs = [lead[0] for lead in leads if len(lead) >= 2]
        # Marks and full-width forms (before the everyday range) are neither for nor against.
        letters = [lead for lead in pairs if lead > 0xA3]
        if letters and len(pairs) == len(leads):
            usual = sum(first <= lead <= last for lead in letters) / len(letters)
            # Windows code pages put single accented letters between ASCII ones; here they pair.
            lone = len(re.findall(rb"[A-Za-z][\x80-\xff]{1,2}[A-Za-z]", words))
            if lone * 4 < len(letters):
                scores[encoding] = usual
    if not scores:
        return None
    best = max(scores, key=lambda encoding: scores[encoding])
    return _settle(words, scores) if scores[best] > 0.85 else None


def _settle(words: bytes, scores: dict[str, float]) -> str:
    """Choose among East Asian encodings that all look possible.

    Most everyday GB bytes are everyday Korean bytes too, so a near tie goes to the encoding whose
    text charset-normalizer finds most like a language; Korean needs Hangul that form few oddities.
    """
    close = [name for name, score in scores.items() if score > max(scores.values()) - 0.12]
    if len(close) == 1:
        return close[0]
    ranked = _ranked(words, close)
    return ranked[0] if ranked else max(scores, key=lambda name: scores[name])


def _kana_share(words: bytes) -> tuple[str, float] | None:
    """Japanese text is known by its kana: half of the characters or more."""
    best: tuple[str, float] | None = None
    for encoding in ("cp932", "euc_jp"):
        try:
            text = _strictly(words, encoding)
        except UnicodeDecodeError:
            continue
        wide = [char for char in text if char > "\x7f"]
        kana = sum("\u3040" <= char <= "\u30ff" for char in wide) / max(len(wide), 1)
        if kana > 0.3 and (best is None or kana > best[1]):
            best = (encoding, kana)
    return (best[0], 0.9 + best[1] / 10) if best else None


def _strictly(words: bytes, encoding: str) -> str:
    # A file may be cut inside a character: forgive the last byte only.
    try:
        return words.decode(encoding)
    except UnicodeDecodeError:
        return words[:-1].decode(encoding)


def _by_likeness(words: bytes) -> str | None:
    ranked = _ranked(words, list(_WINDOWS))
    if ranked:
        return _told_by_letters(set(words)) if ranked[0] == "cp1252" else ranked[0]
    # Too few words to score: the first code page in which every byte means something.
    for encoding in ("cp1252", "cp1251", "cp1250"):
        try:
            words.decode(encoding)
        except UnicodeDecodeError:
            continue
        return encoding
    return None


def _told_by_letters(found: set[int]) -> str:
    """Which of three code pages that differ in a few letters, all of which look like words.

    What Western Europe would have to write side by side to be meant decides: Turkish `ğ ı ş` look
    Icelandic but come without its `á í ó ú`; Czech `ě ř ů č` look like `ì ø ù è`, of which no
    western language has two together with `í á ý š ž`; Hungarian `ő` looks like `õ`, which goes
    with `ã ê ç` in Portuguese and `ä` in Estonian.
    """
    if found & {0xF0, 0xFD, 0xFE} and not found & {0xE1, 0xED, 0xF3, 0xFA}:
        return "cp1254"
    if len(found & {0xEC, 0xF8, 0xF9, 0xE8}) > 1 and found & {0x9A, 0x9E, 0xED, 0xFD, 0xE1}:
        return "cp1252" if 0xF0 in found else "cp1250"
    if 0xF5 in found and found & {0xE1, 0xE9, 0xED, 0xF3}:
        return "cp1252" if found & {0xE3, 0xE4, 0xE7, 0xE8, 0xEA} else "cp1250"
    return "cp1252"


def _ranked(words: bytes, encodings: list[str]) -> list[str]:
    from charset_normalizer import from_bytes

    found = from_bytes(words, cp_isolation=encodings, enable_fallback=False)
    order = {name: place for place, name in enumerate(encodings)}
    matches = [match for match in found if match.encoding in order]
    # Least mess, then most likeness, in steps coarse enough for a tie to fall to the commoner one.
    matches.sort(
        key=lambda match: (
            round(match.chaos, 2),
            -round(match.coherence, 1),
            order[match.encoding],
        )
    )
    return [match.encoding for match in matches]
