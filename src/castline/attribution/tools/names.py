"""Names and forms of address: those that are heard near a line, and who goes by one."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from castline.attribution.base import Series
from castline.attribution.fusion.mentions import find_mentions, tidy
from castline.attribution.tools.view import View

__all__ = ["Heard", "NameIndex", "Namesake", "names_near", "who_is_called"]

_NEAR_LINES = 8
_MOST = 5
_LEAST_LIKENESS = 0.1
_SPELLED_ALIKE = 0.75
"""Share of letters that agree from which on a name may be another one misheard or misspelt."""

_ADDRESS_ZH = (
    "爸爸|妈妈|爷爷|奶奶|姥姥|姥爷|外公|外婆|公公|婆婆|岳父|岳母|哥哥|姐姐|弟弟|妹妹|叔叔|阿姨|"
    "大爷|大妈|大娘|大叔|大哥|大姐|老公|老婆|媳妇|师傅|师父|老师|老板|书记|局长|处长|科长|厂长|校长|"
    "院长|部长|市长|县长|村长|队长|组长|班长|连长|团长|主任|经理|总裁|律师|警官|医生|大夫|先生|太太|"
    "小姐|夫人|女士|同志|同学|陛下|皇上|皇后|娘娘|殿下|公主|大人|将军|大王|王爷|公子|姑娘|"
    "爸|妈|爹|娘|哥|姐|叔|婶|伯|姑|姨|舅|嫂"
)
_ADDRESS_EN = (
    "dad(?:dy)?|mom(?:my)?|mum(?:my)?|papa|mama|father|mother|grandpa|grandma|granddad|granny|"
    "uncle|aunt(?:ie)?|brother|sister|bro|sis|son|daughter|darling|honey|sweetheart|sir|ma'am|"
    "madam|boss|chief|captain|sergeant|detective|officer|inspector|doctor|doc|nurse|professor|"
    "teacher|coach|father|reverend|your (?:majesty|highness|honou?r|grace)|my l(?:ord|ady)|"
    "m[rs]s?\\.? \\w+|miss \\w+|dr\\.? \\w+"
)
_HAN = re.compile("[\u3400-\u9fff]")


@dataclass(frozen=True)
class Heard:
    """Names in one line.

    Attributes:
        row: The line.
        speaker: Code of who says it, so far.
        named: Codes of the cast whose names it holds.
        address: Forms of address in it that are no names.
    """

    row: int
    speaker: int
    named: tuple[int, ...]
    address: tuple[str, ...]


@dataclass(frozen=True)
class Namesake:
    """Somebody who may go by a name.

    Attributes:
        code: Who.
        known_as: What is like it: a name of theirs, or what they are to somebody.
        likeness: How alike, 0 to 1.
    """

    code: int
    known_as: str
    likeness: float


class NameIndex:
    """The names of a series, read once: texts and names do not change while labels do.

    Args:
        view: The series, with any labels.
    """

    def __init__(self, view: View) -> None:
        series = view.series
        self.texts = [tidy(view.text(row)) for row in range(len(series.lines))]
        forms = series.forms or ((),) * len(series.cast)
        self.address = _address(series.cast)
        """Finds forms of address."""
        self.named: npt.NDArray[np.bool_] = find_mentions(self.texts, series.cast, forms)
        """(N, C) whose names each line holds."""
        self.known_as = list(dict.fromkeys([*_own_names(series), *_by_relation(view)]))
        """What each is known as: pairs of a code and a text."""


def _own_names(series: Series) -> Iterator[tuple[int, str]]:
    for code, name in enumerate(series.cast):
        yield code, name
        yield from ((code, each) for each in (series.forms[code] if series.forms else ()))


def _by_relation(view: View) -> Iterator[tuple[int, str]]:
    columns = view.story.relations.select("from", "to", "relation")
    for person, other, word in columns.iter_rows():
        if person in view.code_of:
            yield view.code_of[person], f"{word} ({other})"


def _address(cast: Sequence[str]) -> re.Pattern[str]:
    """Pattern of titles and words for relatives, a Chinese one with the surname before it."""
    surnames = "".join(sorted({name[0] for name in cast if _HAN.match(name)}))
    familiar = f"[老小阿][{surnames}]|" if surnames else ""
    titled = f"[{surnames}]?" if surnames else ""
    pattern = rf"{familiar}{titled}(?:{_ADDRESS_ZH})|\b(?:{_ADDRESS_EN})\b"
    return re.compile(pattern, re.IGNORECASE)


def names_near(view: View, row: int, index: NameIndex, lines: int = _NEAR_LINES) -> list[Heard]:
    """The lines around a line in which somebody is named or addressed, in order.

    Args:
        view: The series.
        row: The line.
        index: Its names.
        lines: How far to listen, in lines of the same episode.
    """
    heard = []
    for each in view.around(row, lines):
        named = tuple(np.flatnonzero(index.named[each]).tolist())
        address = tuple(dict.fromkeys(index.address.findall(index.texts[each])))
        if named or address:
            heard.append(Heard(each, int(view.labels.code[each]), named, address))
    return heard


def who_is_called(index: NameIndex, name: str) -> list[Namesake]:
    """Who may be meant by a name, a form of address or a relation, the likeliest first.

    Texts are alike when they share runs of letters, rare ones more than common ones (TF-IDF), or
    when nearly all of their letters agree in order.

    Args:
        index: The names of the series.
        name: What is heard.
    """
    from rapidfuzz import fuzz

    from castline.agents.embedding import LetterEmbedder

    wanted = tidy(name)
    known = [text for _, text in index.known_as]
    if not wanted or not known:
        return []
    rows = LetterEmbedder().embed([*known, wanted])
    best: dict[int, Namesake] = {}
    for (code, text), shared in zip(index.known_as, (rows[:-1] @ rows[-1]).tolist(), strict=True):
        spelled = fuzz.ratio(wanted.casefold(), text.casefold()) / 100
        likeness = max(shared, spelled if spelled >= _SPELLED_ALIKE else 0.0)
        if likeness >= _LEAST_LIKENESS and (code not in best or likeness > best[code].likeness):
            best[code] = Namesake(code, text, likeness)
    return sorted(best.values(), key=lambda each: (-each.likeness, each.code))[:_MOST]
