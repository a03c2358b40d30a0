"""From what models say of single episodes to relations that hold over spans of the series."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from castline.story.one_sided import Rank, rank_of

if TYPE_CHECKING:
    import polars as pl

__all__ = ["CastNames", "Merged", "Triple", "merge_triples", "plain_word"]

_LONGEST_WORD = 40
"""Letters of a relation; more is a sentence, not a word."""
_ARTICLES = ("the ", "a ", "an ", "his ", "her ", "their ")


class Triple(NamedTuple):
    """What somebody is to somebody, in free words: `person` is the `word` of `other`."""

    person: str
    other: str
    word: str


class CastNames:
    """Finds the character that a name stands for.

    Args:
        cast: Table `cast`.
    """

    def __init__(self, cast: pl.DataFrame) -> None:
        self._found: dict[str, str | None] = {}
        rows = cast.select("character", "other_names").rows()
        for character, others in rows:
            for name in others:
                key = _folded(name)
                # A name that several bear says nobody.
                known = self._found.setdefault(key, character)
                self._found[key] = character if known == character else None
        self._found.update((_folded(character), character) for character, _ in rows)

    def find(self, name: str) -> str | None:
        """The character of that name or other name; None for nobody, or for several."""
        return self._found.get(_folded(name))


def _folded(name: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())


def plain_word(word: str, other: str = "") -> str:
    """A relation as it is compared: one spelling, without articles and whose it is.

    >>> plain_word(" The Father. "), plain_word("Bob's boss", "Bob")
    ('father', 'boss')

    Args:
        word: What a model wrote.
        other: Whose relation it is.

    Returns:
        Empty when it is no word but a sentence, or nothing.
    """
    plain = _folded(word).strip(" .。,，;；:：!！'\"“”‘’`()（）")
    owner = _folded(other)
    for mark in ("'s ", "’s ", "的"):
        if owner and plain.startswith(owner + mark):
            plain = plain.removeprefix(owner + mark)
    for article in _ARTICLES:
        plain = plain.removeprefix(article)
    return plain if len(plain) <= _LONGEST_WORD and plain.isprintable() else ""


@dataclass(frozen=True)
class Merged:
    """Relations over the series.

    Attributes:
        spans: Each relation with the first and last episode in which it was said.
        unknown: Triples left out because a name is not in the cast.
        useless: Triples left out because they say nothing: somebody to themselves, no word.
        contradicted: Relations left out because others said the opposite as often or more.
    """

    spans: dict[Triple, tuple[str, str]]
    unknown: int
    useless: int
    contradicted: int


def merge_triples(
    said: Mapping[str, Iterable[Triple]], episodes: Sequence[str], names: CastNames
) -> Merged:
    """Merge what was said of single episodes.

    The same relation said again is one relation, from the first to the last episode that says it.
    Who is somebody's elder or superior cannot be their child or subordinate too: of such opposites
    the one that more episodes say stays, and neither when it is even. Kinship lasts for ever;
    ranks may turn round, so they are opposites only where their spans overlap.

    Args:
        said: Triples as models wrote them, by episode.
        episodes: All episodes in order.
        names: The cast.
    """
    unknown = useless = 0
    places: dict[Triple, set[int]] = {}
    for place, episode in enumerate(episodes):
        for triple in said.get(episode, ()):
            person, other = names.find(triple.person), names.find(triple.other)
            if person is None or other is None:
                unknown += 1
                continue
            word = plain_word(triple.word, triple.other)
            if person == other or not word:
                useless += 1
                continue
            places.setdefault(Triple(person, other, word), set()).add(place)
    wrong = set(_contradicted(places))
    order = sorted(places.keys() - wrong, key=lambda each: (min(places[each]), each))
    spans = {each: (episodes[min(places[each])], episodes[max(places[each])]) for each in order}
    return Merged(spans, unknown, useless, len(wrong))


def _contradicted(places: Mapping[Triple, set[int]]) -> Iterator[Triple]:
    """Relations whose opposite is said in as many episodes or more."""
    ranked = [(triple, rank) for triple in places if (rank := rank_of(triple.word))]
    by_pair: dict[frozenset[str], list[tuple[Triple, Rank]]] = {}
    for triple, rank in ranked:
        by_pair.setdefault(frozenset(triple[:2]), []).append((triple, rank))
    for claims in by_pair.values():
        for triple, rank in claims:
            against = [
                places[other]
                for other, its in claims
                if its.scale == rank.scale
                and _higher(other, its) != _higher(triple, rank)
                and (rank.lasts or _overlap(places[other], places[triple]))
            ]
            same = [
                places[other]
                for other, its in claims
                if its.scale == rank.scale and _higher(other, its) == _higher(triple, rank)
            ]
            if against and len(set().union(*against)) >= len(set().union(*same)):
                yield triple


def _higher(triple: Triple, rank: Rank) -> str:
    """Who is the elder or superior of the two."""
    return triple.person if rank.above else triple.other


def _overlap(one: set[int], two: set[int]) -> bool:
    return min(one) <= max(two) and min(two) <= max(one)
