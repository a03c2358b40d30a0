"""Tools about lines: find them, read the dialogue, see who speaks."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import msgspec
import numpy as np

from castline.attribution.base import Floats
from castline.serving.answers import (
    Dialogue,
    LineId,
    LineList,
    LineRow,
    Page,
    Rival,
    Speaker,
    Speaking,
    page_of,
    pages_of,
    rounded,
)
from castline.serving.library import Library
from castline.serving.records import Line, Records
from castline.story.transcript import plain

__all__ = ["LineTools"]

_CLOSE = 75.0
"""Share of letters in percent that agree from which on a line is a match."""
_RIVALS = 6
_UNKNOWN = "unlabelled"

Text = Annotated[
    str, msgspec.Meta(max_length=200, description="Words of the line; may be inexact.")
]
Who = Annotated[
    str, msgspec.Meta(max_length=100, description="Only lines of this character, by any name.")
]
Where = Annotated[str, msgspec.Meta(max_length=100, description="Only in this episode.")]
Reach = Annotated[int, msgspec.Meta(ge=1, le=30, description="Lines before, and after.")]


@dataclass(frozen=True)
class LineTools:
    """Tools about lines."""

    library: Library

    def find_lines(
        self, text: Text = "", character: Who = "", episode: Where = "", page: Page = 1
    ) -> LineList:
        """Find lines by their words, speaker, episode, or several of these; 20 a page.

        Lines that hold the very words come first, then similar ones, the most alike first. Without
        a text: all lines of the character or episode, in order.
        """
        records = self.library.records()
        lines = records.spoken.get(records.character(character), ()) if character else records.lines
        if episode:
            wanted = records.episode(episode)
            lines = [line for line in lines if line.episode == wanted]
        found: Sequence[tuple[Line, float | None]] = [(line, None) for line in lines]
        if text.strip():
            found = _search(lines, text)
        shown = (_row(records, line, likeness) for line, likeness in page_of(found, page))
        total = len(found)
        return LineList(total=total, page=page, pages=pages_of(total), lines=tuple(shown))

    def dialogue(self, line: LineId, reach: Reach = 6) -> Dialogue:
        """The lines before and after a line of the same episode, each with who speaks it."""
        records = self.library.records()
        middle = records.line(line)
        near = records.lines[max(0, middle.place - reach) : middle.place + reach + 1]
        rows = (_row(records, each) for each in near if each.episode == middle.episode)
        return Dialogue(around=middle.id, lines=tuple(rows))

    def who_speaks(self, line: LineId) -> Speaking:
        """Who speaks a line: how sure that is, why, and who else it may be.

        `others` is somebody outside the cast, `voice-N` one unnamed voice throughout the series,
        `unknown` nobody can tell. A status of `doubtful` means: check the other evidence.
        """
        records = self.library.records()
        asked = records.line(line)
        labels = records.labels.get(asked.id, ())
        named = {each.character for each in labels}
        rivals = [each for each in records.candidates(asked) if each[0] not in named][:_RIVALS]
        scores = "probabilities" if records.has_confidences else "similarities"
        return Speaking(
            line=asked.id,
            episode=asked.episode,
            start_s=asked.start_ms / 1000,
            end_s=asked.end_ms / 1000,
            kind=asked.kind,
            text=plain(asked.text),
            speakers=tuple(
                Speaker(name=plain(each.character), confidence=rounded(each.confidence))
                for each in labels
            ),
            status=labels[0].status if labels else _UNKNOWN,
            labelled_by=plain(labels[0].source) if labels else "nobody",
            reasons=tuple(plain(each) for each in labels[0].reasons) if labels else (),
            margin=rounded(labels[0].margin) if labels else None,
            rivals=tuple(Rival(name=plain(who), score=round(score, 3)) for who, score in rivals),
            scores_are=scores if rivals else None,
        )


def _row(records: Records, line: Line, likeness: float | None = None) -> LineRow:
    labels = records.labels.get(line.id, ())
    return LineRow(
        line=line.id,
        episode=line.episode,
        start_s=line.start_ms / 1000,
        speakers=records.speakers(line),
        confidence=rounded(labels[0].confidence) if labels else None,
        text=plain(line.text),
        likeness=rounded(likeness),
    )


def _search(lines: Sequence[Line], text: str) -> list[tuple[Line, float | None]]:
    """Lines that hold a text, in order, then those like it, the most alike first."""
    wanted = _folded(text)
    texts = [_folded(line.text) for line in lines]
    exact = np.array([wanted in each for each in texts], np.bool_)
    likeness = np.where(exact, np.float32(1), _likeness(wanted, texts) / np.float32(100))
    order = np.lexsort((np.arange(len(lines)), -likeness, ~exact))
    return [(lines[at], float(likeness[at])) for at in order if 100 * likeness[at] >= _CLOSE]


def _likeness(wanted: str, texts: Sequence[str]) -> Floats:
    """(N,) how much of a text agrees with each of some, in percent: with a part of longer ones."""
    from rapidfuzz import fuzz
    from rapidfuzz.process import cdist

    if not texts:
        return np.empty(0, np.float32)
    part = cdist([wanted], texts, scorer=fuzz.partial_ratio, dtype=np.float32)[0]
    whole = cdist([wanted], texts, scorer=fuzz.ratio, dtype=np.float32)[0]
    # The best part of the longer text: a line of one letter would be like everything.
    longer = np.array([len(each) >= len(wanted) for each in texts], np.bool_)
    likeness: Floats = np.where(longer, part, whole)
    return likeness


def _folded(text: str) -> str:
    """A text without regard to case, width and spaces."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())
