"""Tools about the moment of a line: who is seen, what happens, which voices and names are heard."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from castline.attribution.base import NOBODY
from castline.attribution.tools.faces import faces_around
from castline.attribution.tools.names import names_near
from castline.attribution.tools.relations import relations_around
from castline.attribution.tools.voices import compare_voices
from castline.serving.answers import (
    LineId,
    NameAt,
    NamesNear,
    Page,
    RelationRow,
    Relations,
    SceneText,
    Seen,
    SeenRow,
    VoiceRow,
    Voices,
    page_of,
    pages_of,
    rounded,
    told,
)
from castline.serving.library import Library
from castline.serving.records import Line, Records
from castline.story.evidence import CaptionKind, caption_at
from castline.story.transcript import plain

__all__ = ["MomentTools"]


@dataclass(frozen=True)
class MomentTools:
    """Tools about the moment of a line."""

    library: Library

    def who_is_seen(self, line: LineId) -> Seen:
        """Who is seen while a line is spoken and within 20 seconds of it, how large, whose mouth.

        `size` is a multiple of a usual face. `mouth_log_odds` above 1: the mouth moves as if it
        spoke the line; below -1: it does not. Speakers may be off screen, and listeners be shown.
        """
        records = self.library.records()
        asked = records.line(line)
        found = faces_around(records.view, records.row(asked))
        seen = [
            SeenRow(
                name=None if each.code == NOBODY else plain(records.view.name(each.code)),
                during=each.during,
                seconds_before=rounded(each.before_s),
                seconds_after=rounded(each.after_s),
                faces=each.faces,
                size=rounded(each.size),
                mouth_log_odds=rounded(each.mouth),
            )
            for each in found
        ]
        return Seen(
            line=asked.id,
            speakers=records.speakers(asked),
            faces_measured=len(records.view.series.faces.start_ms) > 0,
            seen=tuple(seen),
        )

    def scene(self, line: LineId) -> SceneText:
        """What is seen in the seconds of a line, and what happens in the minute or two around it.

        Only what somebody described: captions and summaries may be missing.
        """
        records = self.library.records()
        asked = records.line(line)
        captions = records.captions(asked.episode)

        def caption(kind: CaptionKind) -> str | None:
            return told(caption_at(captions, asked.start_ms, asked.end_ms, kind))

        return SceneText(
            line=asked.id,
            described=captions.height > 0,
            seen=caption("clip"),
            title=caption("title"),
            brief=caption("brief"),
            happens=caption("section"),
        )

    def voices_alike(self, line: LineId, page: Page = 1) -> Voices:
        """Whose other lines a line sounds like, the most alike first; 20 a page.

        `similarity` is 1 at most; `candidate` marks those near enough to have spoken it. A small
        lead says little, and short lines measure badly.
        """
        records = self.library.records()
        asked = records.line(line)
        row = records.row(asked)
        likely = set(_candidates(records, asked))
        compared = compare_voices(records.view, row, range(len(records.view.names)))
        rows = [
            VoiceRow(
                name=plain(name := records.view.name(each.code)),
                similarity=round(each.similarity, 3),
                lines=each.lines,
                candidate=name in likely,
            )
            for each in compared
            if each.similarity is not None
        ]
        return Voices(
            line=asked.id,
            speakers=records.speakers(asked),
            total=len(rows),
            page=page,
            pages=pages_of(len(rows)),
            voices=page_of(rows, page),
        )

    def relations(self, line: LineId) -> Relations:
        """What the likely speakers of a line are to each other and to people nearby.

        `holds` tells whether that is so in the episode of the line.
        """
        records = self.library.records()
        asked = records.line(line)
        row = records.row(asked)
        names = [each for each in _candidates(records, asked) if each in records.view.code_of]
        codes = [records.view.code_of[each] for each in names]
        return Relations(
            line=asked.id,
            candidates=tuple(map(plain, names)),
            relations=tuple(
                RelationRow(
                    person=plain(each.person),
                    other=plain(each.other),
                    relation=plain(each.word),
                    first_episode=each.first_episode,
                    last_episode=each.last_episode,
                    holds=each.holds,
                )
                for each in relations_around(records.view, row, codes)
            ),
        )

    def names_near(self, line: LineId) -> NamesNear:
        """Names and forms of address that are heard in the lines around a line."""
        records = self.library.records()
        asked = records.line(line)
        view = records.view
        heard = []
        for each in names_near(view, records.row(asked), records.index):
            near = records.line(view.series.lines[each.row])
            heard.append(
                NameAt(
                    line=near.id,
                    speakers=records.speakers(near),
                    names=tuple(plain(view.name(code)) for code in each.named),
                    forms_of_address=tuple(map(plain, each.address)),
                )
            )
        return NamesNear(line=asked.id, heard=tuple(heard))


def _candidates(records: Records, line: Line) -> Sequence[str]:
    """Who may speak a line: its speakers, then the others by score."""
    labels = records.labels.get(line.id, ())
    scored = (name for name, _ in records.candidates(line))
    return list(dict.fromkeys((*(each.character for each in labels), *scored)))
