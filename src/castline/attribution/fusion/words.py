"""What the words tell: how each of the series speaks, who is named, who is asked.

No language model: counts of words, and lists of a few words in Chinese and English. Words of any
script are counted.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from castline.attribution.base import Series
from castline.attribution.fusion.mentions import MARKS, SPACELESS, find_mentions, tidy
from castline.attribution.fusion.rows import Columns, Rows
from castline.attribution.fusion.shifts import shifted

if TYPE_CHECKING:
    from scipy.sparse import csr_array

__all__ = ["Wording", "clean_texts", "read_wording", "word_columns"]

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float32]

_SPEAKER_MARK = re.compile("[/／]")
"""In the DramaSR release, where an annotator parted a line among several speakers. It tells of the
truth, so nothing may depend on it."""
_CHARACTER = re.compile(f"[{SPACELESS}]")
_WORD = re.compile(f"(?:[^\\W\\d_{SPACELESS}]+|[{MARKS}]+)+")
_QUESTION = re.compile(
    r"[?？؟吗呢谁嗎誰]|什么|怎么|为何|什麼|怎麼|為何|\b(?:who|what|why|how|where|when)\b",
    re.IGNORECASE,
)
_YOU = re.compile(r"[你您妳]|\byou", re.IGNORECASE)
_ME = re.compile(r"[我俺朕]|\b(?:i|me|my)\b", re.IGNORECASE)
_BREAK = re.compile(r"[\s\-–—]")

_LEAST_LINES = 3
"""Lines a gram must be in to be counted."""
_FOLDS = 5
_FOLD_LINES = 10
"""Lines that follow each other are left out together: they repeat one another's words."""
_PRIOR_GRAMS = 100.0
"""Weight of the series' own use of words in what is known of each speaker's."""
_RARE = 0.1
"""Added to the count of each gram, so that none has probability 0."""
_NAMED_AROUND = (-2, -1, 0, 1, 2)


@dataclass(frozen=True)
class Wording:
    """What the texts of N lines hold; G grams are single words and pairs.

    Attributes:
        grams: (N, G) sparse, 1 where the line holds the gram.
        named: (N, C) whether a name of each of the cast is said.
        question: (N,) whether the line asks something.
        you: (N,) whether it speaks to somebody.
        me: (N,) whether its speaker speaks of himself.
        characters: (N,) characters without spaces.
        breaks: (N,) spaces and dashes.
    """

    grams: csr_array
    named: Bools
    question: Bools
    you: Bools
    me: Bools
    characters: Floats
    breaks: Floats


def read_wording(series: Series) -> Wording:
    """Read the texts of a series; lines without text are as good as silent."""
    texts = clean_texts(series)
    forms = series.forms or ((),) * len(series.cast)
    breaks = [len(_BREAK.findall(text)) for text in texts]
    characters = [len(text) - text.count(" ") for text in texts]
    return Wording(
        grams=_gram_matrix(texts),
        named=find_mentions(texts, series.cast, forms),
        question=_holds(_QUESTION, texts),
        you=_holds(_YOU, texts),
        me=_holds(_ME, texts),
        characters=np.array(characters, np.float32),
        breaks=np.array(breaks, np.float32),
    )


def clean_texts(series: Series) -> list[str]:
    """What is said in each line, without annotation; nothing where there are no texts."""
    texts = [tidy(_SPEAKER_MARK.sub("", text)) for text in series.texts]
    return texts or [""] * len(series.lines)


def word_columns(series: Series, rows: Rows, share: Floats, wording: Wording) -> Columns:
    """What the words say for each candidate.

    * `w_own`: log odds of the line's words with this speaker against all, over the square root of
      the number of grams; how a speaker speaks is learnt from `share`, other lines only.
    * `w_prev`, `w_next`: the same of the words of the line before (after), as those that this one
      answers (that answer him). 0 at the ends of episodes. `_d`: lead over the other candidates.
    * `w_named-2` to `w_named+2`: 1 where his name is said so many lines on, in the same episode.
    * `w_any`, `w_q`, `w_you`, `w_me`: 1 where the line holds a name, a question, you, I; with
      `-1` the line before.
    * `line_chars`, `line_breaks`: characters; spaces and dashes.

    Args:
        series: N lines, C members of the cast.
        rows: R candidates of lines.
        share: (N, C + 1) probability of each speaker of each line, others last.
        wording: Of the series.

    Returns:
        (R,) each, finite.
    """
    line, code = rows.line, rows.code
    columns: Columns = {"w_own": _word_odds(wording.grams, share)[line, code]}
    # What is said before somebody speaks, and after him.
    asking = _word_odds(wording.grams, shifted(share, +1, series))
    columns["w_prev"] = shifted(asking, -1, series)[line, code]
    del asking
    answering = _word_odds(wording.grams, shifted(share, -1, series))
    columns["w_next"] = shifted(answering, +1, series)[line, code]
    for name in tuple(columns):
        columns[f"{name}_d"] = rows.lead(columns[name])
    columns |= _named_columns(series, rows, wording.named)
    flags: dict[str, npt.NDArray[np.bool_]] = {
        "w_any": np.asarray(wording.named.any(1)),
        "w_q": wording.question,
        "w_you": wording.you,
        "w_me": wording.me,
    }
    for name, flag in flags.items():
        here = flag.astype(np.float32)
        columns[name] = here[line]
        columns[f"{name}-1"] = shifted(here, -1, series)[line]
    columns["line_chars"] = wording.characters[line]
    columns["line_breaks"] = wording.breaks[line]
    return columns


def _named_columns(series: Series, rows: Rows, named: Bools) -> Columns:
    """Whether each candidate is named in a line nearby; others never are."""
    columns: Columns = {}
    named = np.pad(named, ((0, 0), (0, 1)))
    last = len(named) - 1
    for offset in _NAMED_AROUND:
        at = rows.line + offset
        there = np.clip(at, 0, last)
        same = (at == there) & (series.episode[there] == series.episode[rows.line])
        columns[f"w_named{offset:+d}"] = (named[there, rows.code] & same).astype(np.float32)
    return columns


def _holds(pattern: re.Pattern[str], texts: Sequence[str]) -> Bools:
    return np.array([pattern.search(text) is not None for text in texts], np.bool_)


def _grams(text: str) -> list[str]:
    """Characters and pairs of them where words are not parted, else words and pairs, each once."""
    characters = _CHARACTER.findall(text)
    words = _WORD.findall(text.lower())
    pairs = [first + second for first, second in pairwise(characters)]
    # In order, not as a set: sums of floats must not depend on the seed of string hashes.
    return list(dict.fromkeys([*characters, *pairs, *words, *map(" ".join, pairwise(words))]))


def _gram_matrix(texts: Sequence[str]) -> csr_array:
    from scipy.sparse import csr_array

    numbers: dict[str, int] = {}
    held: list[int] = []
    ends = [0]
    for text in texts:
        held.extend(numbers.setdefault(gram, len(numbers)) for gram in _grams(text))
        ends.append(len(held))
    found = np.array(held, np.int32)
    lines = np.bincount(found, minlength=len(numbers))
    matrix = csr_array(
        (np.ones(len(found), np.float32), found, np.array(ends, np.int32)),
        shape=(len(texts), len(numbers)),
    )
    return matrix[:, np.flatnonzero(lines >= _LEAST_LINES)]


def _word_odds(grams: csr_array, share: Floats) -> Floats:
    """(N, C + 1) log odds of the grams of each line with each speaker, learnt from other lines."""
    fold = np.arange(len(share)) // _FOLD_LINES % _FOLDS
    parts = [np.flatnonzero(fold == number) for number in range(_FOLDS)]
    counts = [grams[part].T @ share[part] for part in parts]
    total = sum(counts)
    odds = np.empty(share.shape, np.float32)
    for part, inside in zip(parts, counts, strict=True):
        odds[part] = grams[part] @ _log_ratio(np.maximum(total - inside, 0))
    size = np.diff(grams.indptr).astype(np.float32)
    odds /= np.sqrt(np.maximum(size, 1))[:, None]
    return odds


def _log_ratio(counts: Floats) -> Floats:
    """(G, C + 1) how much more often each speaker uses a gram than the series does, as logarithm.

    Args:
        counts: (G, C + 1) how often each does, 0 or more.
    """
    common = counts.sum(1, keepdims=True) + np.float32(_RARE)
    common /= common.sum()
    smooth: Floats = counts / common
    smooth += np.float32(_PRIOR_GRAMS)
    smooth /= counts.sum(0) + np.float32(_PRIOR_GRAMS)
    np.log(smooth, out=smooth)
    return smooth
