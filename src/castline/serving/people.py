"""Tools about the series and its people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain

from castline.attribution.labels import is_new_voice
from castline.attribution.tools.names import who_is_called
from castline.serving.answers import (
    Appearance,
    Calling,
    CharacterPage,
    EpisodeFacts,
    Name,
    Page,
    PersonRow,
    PersonRows,
    RelationRow,
    SeriesFacts,
    page_of,
    pages_of,
)
from castline.serving.library import Library
from castline.serving.records import Line, Records
from castline.story.evidence import Relation, relations_of
from castline.story.transcript import plain

__all__ = ["PeopleTools"]

_OPTIONAL = ("faces", "mouths", "captions", "relations")
"""What a series may have besides lines, voices and labels."""


@dataclass(frozen=True)
class PeopleTools:
    """Tools about the series and its people."""

    library: Library

    def series(self, page: Page = 1) -> SeriesFacts:
        """What this series is: its episodes, whose labels are told, and what was measured."""
        records = self.library.records()
        counts = Counter(line.episode for line in records.lines)
        return SeriesFacts(
            name=plain(records.title),
            labels=records.variant,
            lines=len(records.lines),
            speakers=len(records.spoken),
            confidences=records.has_confidences,
            has=tuple(each for each in _OPTIONAL if _has(records, each)),
            total=len(records.episodes),
            page=page,
            pages=pages_of(len(records.episodes)),
            episodes=tuple(
                EpisodeFacts(episode=each, lines=counts[each])
                for each in page_of(records.episodes, page)
            ),
        )

    def characters(self, page: Page = 1) -> PersonRows:
        """Everybody who speaks or is of the cast, those with most lines first; 20 a page."""
        records = self.library.records()
        names = list(dict.fromkeys((*records.spoken, *records.cast)))
        rows = []
        for name in page_of(names, page):
            lines = records.spoken.get(name, ())
            rows.append(
                PersonRow(
                    name=plain(name),
                    lines=len(lines),
                    talk_s=_talk_s(lines),
                    kind=_kind(records, name),
                )
            )
        total = len(names)
        return PersonRows(total=total, page=page, pages=pages_of(total), characters=tuple(rows))

    def character(self, name: Name, page: Page = 1) -> CharacterPage:
        """A character's page: lines, talk time, faces, episodes, relations, other names.

        Episodes and relations come 20 a page. For the lines themselves call `find_lines`.
        """
        records = self.library.records()
        who = records.character(name)
        member = records.cast.get(who)
        lines = records.spoken.get(who, ())
        appearances = list(_appearances(records, who))
        relations = [_told(each) for each in _relations(records, who)]
        doubtful = (
            label.character == who and label.status == "doubtful"
            for line in lines
            for label in records.labels[line.id]
        )
        return CharacterPage(
            name=plain(who),
            kind=_kind(records, who),
            other_names=tuple(map(plain, member.other_names)) if member else (),
            actor=plain(member.actor) if member and member.actor else None,
            lines=len(lines),
            doubtful_lines=sum(doubtful),
            talk_s=_talk_s(lines),
            faces=sum(records.faces.get(who, {}).values()),
            first_line=lines[0].id if lines else None,
            last_line=lines[-1].id if lines else None,
            total=max(len(appearances), len(relations)),
            page=page,
            pages=pages_of(max(len(appearances), len(relations))),
            episodes=page_of(appearances, page),
            relations=page_of(relations, page),
        )

    def who_is_called(self, name: Name) -> tuple[Calling, ...]:
        """Who may be meant by a nickname, a title or a relation such as "Ann's father"."""
        records = self.library.records()
        return tuple(
            Calling(
                name=plain(records.view.name(each.code)),
                known_as=plain(each.known_as),
                likeness=round(each.likeness, 3),
            )
            for each in who_is_called(records.index, name)
        )


def _has(records: Records, name: str) -> bool:
    if name == "relations":
        return records.relations.height > 0
    if name == "captions":
        return any(records.captions(each).height for each in records.episodes)
    return any(records.store.exists(name, each) for each in records.episodes)


def _kind(records: Records, name: str) -> str:
    if name in records.cast:
        return records.cast[name].kind
    return "unnamed voice" if is_new_voice(name) else "nobody of the cast"


def _talk_s(lines: Iterable[Line]) -> float:
    return round(sum(line.end_ms - line.start_ms for line in lines) / 1000, 1)


def _appearances(records: Records, who: str) -> Iterable[Appearance]:
    """Where somebody speaks or is seen, in order."""
    faces = records.faces.get(who, {})
    lines = records.spoken.get(who, ())
    for episode in records.episodes:
        here = [line for line in lines if line.episode == episode]
        if here or episode in faces:
            yield Appearance(
                episode=episode,
                lines=len(here),
                talk_s=_talk_s(here),
                faces=faces.get(episode, 0),
            )


def _relations(records: Records, who: str) -> Iterable[Relation]:
    """What somebody is to others, then what others are to them."""
    others = records.relations.filter(to=who)["from"].unique(maintain_order=True)
    back = (relations_of(records.relations, other, other=who) for other in others)
    return chain(relations_of(records.relations, who), *back)


def _told(relation: Relation) -> RelationRow:
    return RelationRow(
        person=plain(relation.person),
        other=plain(relation.other),
        relation=plain(relation.word),
        first_episode=relation.first_episode,
        last_episode=relation.last_episode,
    )
