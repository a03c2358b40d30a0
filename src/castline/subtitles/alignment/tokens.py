"""Texts as tokens that a subtitle and a recogniser can agree on, each with a time."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from castline.subtitles.markup import strip_tags

__all__ = ["Timeline", "is_spaceless", "speech_of", "timeline", "tokens_of"]

_ASIDE = re.compile(r"\[[^\]]*\]|\([^)]*\)|（[^）]*）|【[^】]*】|＊[^＊]*＊|[♪♫♬]+")
_DIGITS = re.compile(r"\d+")
_UP_TO_NINETEEN = """
    zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen
    sixteen seventeen eighteen nineteen
"""
_ONES = _UP_TO_NINETEEN.split()
_FROM_TWENTY = "twenty thirty forty fifty sixty seventy eighty ninety"
_TENS = _FROM_TWENTY.split()
# Scripts that put no space between words: kana, Han, Thai, Lao, Burmese, Khmer.
_SPACELESS = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff]")


def speech_of(text: str) -> str:
    """What a caption says aloud: no tags, no descriptions in brackets, no notes.

    >>> speech_of("<i>Well</i> (sighs) come [door] in ♪")
    'Well   come   in'
    """
    return _ASIDE.sub(" ", strip_tags(text)).strip()


def tokens_of(text: str) -> list[str]:
    """Words in lower case, apostrophes kept, numbers spelt; single characters without spaces.

    >>> tokens_of("Don’t wait 21 days!"), tokens_of("你好, Bob")
    (["don't", 'wait', 'twenty', 'one', 'days'], ['你', '好', 'bob'])
    """
    text = unicodedata.normalize("NFKC", text).casefold().replace("’", "'")
    text = _DIGITS.sub(lambda found: f" {_spelt(found[0])} ", text)
    text = _SPACELESS.sub(r" \g<0> ", text)
    kept = "".join(char if _in_words(char) else " " for char in text)
    return [word for part in kept.split() if (word := part.strip("'"))]


def is_spaceless(token: str) -> bool:
    """Whether a token is one character of a script without spaces."""
    return _SPACELESS.match(token) is not None


@dataclass(frozen=True)
class Timeline:
    """All tokens of the subtitles, or of the recogniser, in order.

    Attributes:
        texts: The tokens.
        start: (n,) float milliseconds.
        end: (n,) float milliseconds.
        source: (n,) which cue or word each comes from.
    """

    texts: list[str]
    start: npt.NDArray[np.float64]
    end: npt.NDArray[np.float64]
    source: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.texts)


def timeline(spans: Iterable[tuple[int, int]], texts: Sequence[str]) -> Timeline:
    """Tokens spread over the time of their text, in proportion to their characters.

    Args:
        spans: (start, end) of each text in milliseconds, in order of start.
        texts: As many texts.
    """
    found: list[str] = []
    start: list[float] = []
    end: list[float] = []
    source: list[int] = []
    for number, ((begin, stop), text) in enumerate(zip(spans, texts, strict=True)):
        tokens = tokens_of(text)
        if not tokens:
            continue
        edges = np.cumsum([0, *(len(token) for token in tokens)])
        times = begin + max(0, stop - begin) * edges / edges[-1]
        found += tokens
        start += times[:-1].tolist()
        end += times[1:].tolist()
        source += [number] * len(tokens)
    return Timeline(found, np.array(start), np.array(end), np.array(source, np.int64))


@cache
def _in_words(char: str) -> bool:
    return char == "'" or unicodedata.category(char)[0] in "LMN"


def _spelt(digits: str) -> str:
    """A number in English words; what is longer than six digits is read digit by digit."""
    if len(digits) > 6:
        return " ".join(_ONES[int(digit)] for digit in digits)
    return " ".join(_words(int(digits)))


def _words(value: int) -> list[str]:
    for unit, name in ((1000, "thousand"), (100, "hundred")):
        if value >= unit:
            rest = _words(value % unit) if value % unit else []
            return [*_words(value // unit), name, *rest]
    if value < 20:
        return [_ONES[value]]
    return [_TENS[value // 10 - 2], *([_ONES[value % 10]] if value % 10 else [])]
