"""What the relations of the cast tell: who belongs together, and who calls whom father or sir.

Whoever is related to those who speak around is the likelier speaker. A form of address tells of two
people at once: "Dad" is said by somebody's child to somebody who is near, and it is he who answers.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from castline.attribution.base import Series
from castline.attribution.fusion.rows import Columns, Rows
from castline.attribution.fusion.shifts import shifted

__all__ = ["Ties", "read_ties", "relation_columns"]

Floats = npt.NDArray[np.float32]

_ADDRESS = (
    ("父亲 父親 爸爸 father dad", "爸|爹|父亲|父親|阿玛|父皇|父王", "dad daddy papa pa father"),
    ("母亲 母親 妈妈 媽媽 mother mom", "妈|媽|(?<![姑娘])娘(?![娘子家])|母亲|母親", "mom mum mama"),
    ("哥哥 兄长 brother", "哥|兄长", "bro brother"),
    ("弟弟", "(?<![兄徒子])弟(?!子)", ""),
    ("姐姐 sister", "(?<!小)姐", "sis sister"),
    ("妹妹", "妹", ""),
    ("爷爷 爺爺 祖父 grandfather", "爷爷|爺爺", "grandpa granddad grandfather"),
    ("奶奶 祖母 grandmother", "奶奶", "grandma granny grandmother"),
    ("孙子 孫子 孙女 孫女 grandson granddaughter", "[孙孫][子女儿兒]", ""),
    ("儿子 兒子 son", "儿子|兒子|孩儿", "son"),
    ("女儿 女兒 daughter", "女儿|女兒|闺女", "daughter"),
    ("丈夫 夫君 husband", "老公|丈夫|夫君|相公", "husband"),
    ("夫君", "皇上|陛下", ""),
    ("妻子 wife", "老婆|媳妇|妻子|夫人", "wife"),
    ("君主 king queen", "皇上|陛下|万岁|圣上", "majesty"),
    ("主人 master", "小主|主子|娘娘|主儿|老爷|少爷|小姐|太太", "master mistress lord lady milady"),
    ("老师 老師 师父 teacher", "老师|老師|师父|师傅", "professor teacher"),
    ("上级 superior boss", "主任|书记|厂长|局长|队长|长官", "sir ma'am boss chief"),
    ("医生 doctor", "大夫|医生", "doctor doc"),
)
"""What somebody is to another, in full as relations have it, and how the other calls him: a pattern
of Chinese, and words of English."""

_LED = ("k_prev", "k_next", "k_near", "k_says", "k_told-1", "k_told+1")
_COLUMNS = (*_LED, *(f"{name}_d" for name in _LED), "k_many", "k_call", "k_call-1")
_LINES_AROUND = 6
_FADING_LINES = 3.0
"""Lines after which somebody who spoke counts e times less for who is near."""


@dataclass(frozen=True)
class Ties:
    """The relations of C members of the cast in N lines.

    Attributes:
        related: (C + 1, C + 1) 1 where two are related, either way; others never are.
        calls: For each form of address: (C + 1, C + 1) 1 where the first calls the second so.
        called: For each form of address: rows of the lines that hold it, ascending.
    """

    related: Floats
    calls: tuple[Floats, ...]
    called: tuple[npt.NDArray[np.intp], ...]


def read_ties(series: Series, texts: Sequence[str]) -> Ties:
    """Read the relations of a series, and who may be addressed in its lines.

    Args:
        series: With C members of the cast.
        texts: (N,) what is said.
    """
    width = len(series.cast) + 1
    related = np.zeros((width, width), np.float32)
    calls, called = [], []
    relations = [each for each in series.relations if each[0] != each[1]]
    texts = [text.replace("’", "'") for text in texts]
    for one, other, _ in relations:
        related[one, other] = related[other, one] = 1
    for relation, chinese, english in _ADDRESS:
        pairs = [
            (other, one)
            for one, other, what in relations
            if what.strip().lower() in relation.split()
        ]
        if pairs:
            matrix = np.zeros((width, width), np.float32)
            matrix[tuple(np.array(pairs).T)] = 1
            words = [rf"\b{word}\b" for word in english.split()]
            said = re.compile("|".join([chinese, *words]), re.IGNORECASE)
            calls.append(matrix)
            called.append(np.flatnonzero([said.search(text) is not None for text in texts]))
    return Ties(related, tuple(calls), tuple(called))


def relation_columns(series: Series, rows: Rows, share: Floats, ties: Ties) -> Columns:
    """What relations say for each candidate; all 0 where none are known.

    * `k_prev`, `k_next`: probability that somebody related to him speaks the line before (after);
      `k_near`: how many lines around, nearer ones counting more, are of people related to him.
    * `k_says`: 1 where the line holds what he calls somebody who is surely near, 0 where nobody is.
    * `k_told-1`, `k_told+1`: probability that the speaker of the line before (after) calls him by
      what that line holds.
    * `_d`: lead over the other candidates.
    * `k_many`: log(1 + number) of people related to him; `k_call`, `k_call-1`: 1 where the line
      (before) holds a form of address.

    Args:
        series: N lines, C members of the cast.
        rows: R candidates of lines.
        share: (N, C + 1) probability of each speaker of each line, others last.
        ties: Of the series.

    Returns:
        (R,) each, finite.
    """
    line, code = rows.line, rows.code
    if not ties.related.any():
        return {name: np.zeros(len(line), np.float32) for name in _COLUMNS}
    known = share.copy()
    known[:, -1] = 0
    near = np.zeros_like(known)
    for offset in range(1, _LINES_AROUND + 1):
        weight = np.float32(np.exp(-offset / _FADING_LINES))
        near += weight * (shifted(known, offset, series) + shifted(known, -offset, series))
    present = 1 - np.exp(-near)
    told, says = np.zeros_like(known), np.zeros_like(known)
    call = np.zeros(len(known), np.float32)
    for matrix, at in zip(ties.calls, ties.called, strict=True):
        told[at] = np.maximum(told[at], np.minimum(known[at] @ matrix, 1))
        says[at] = np.maximum(says[at], np.minimum(present[at] @ matrix.T, 1))
        call[at] = 1
    columns: Columns = {
        "k_prev": (shifted(known, -1, series) @ ties.related)[line, code],
        "k_next": (shifted(known, 1, series) @ ties.related)[line, code],
        "k_near": (near @ ties.related)[line, code],
        "k_says": says[line, code],
    }
    for offset in (-1, 1):
        columns[f"k_told{offset:+d}"] = shifted(told, offset, series)[line, code]
    columns |= {f"{name}_d": rows.lead(columns[name]) for name in _LED}
    columns["k_many"] = np.log1p(ties.related.sum(0))[code]
    columns["k_call"] = call[line]
    columns["k_call-1"] = shifted(call, -1, series)[line]
    return columns
