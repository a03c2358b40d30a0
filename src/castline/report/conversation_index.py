"""The index of conversations with a model: each in a row, to be narrowed without a script."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from castline.report.judged import Judged
from castline.report.pages import environment

__all__ = ["Entry", "Filter", "render_index"]


@dataclass(frozen=True)
class Entry:
    """A conversation as the index shows it.

    Attributes:
        judged: The line, and what the methods say of it.
        turn: The pass that it belongs to; 0 where it tries the model.
        answer: What the model answered last; empty without an answer.
        ended: How it ended: "answered", "timeout", ...
        replies: How many there were.
        tokens: Read and written.
        seconds: What the replies took.
        page: File that it stands in.
        anchor: Where in that file.
    """

    judged: Judged
    turn: int
    answer: str
    ended: str
    replies: int
    tokens: int
    seconds: float
    page: str
    anchor: str

    @property
    def part(self) -> str:
        """What it belongs to, in words."""
        return f"pass {self.turn}" if self.turn else "trial"

    @property
    def label(self) -> str:
        """What became of the label."""
        return "changed" if self.judged.is_changed else "kept"


@dataclass(frozen=True)
class Filter:
    """Something that the index can be narrowed by.

    Attributes:
        key: Attribute of an entry.
        title: What it is called.
        choices: Each value, and how many entries have it.
    """

    key: str
    title: str
    choices: Mapping[str, int]

    def style(self, entry: Entry) -> str:
        """Class of an entry in the page: no text of strangers gets into the style sheet."""
        return f"{self.key}{list(self.choices).index(getattr(entry, self.key))}"


def render_index(entries: Sequence[Entry], facts: Mapping[str, str]) -> str:
    """Make the index.

    Args:
        entries: The conversations in the order in which they are shown.
        facts: `series`, `variant` and `version`.
    """
    by_turn = sorted(entries, key=lambda each: each.turn)
    lines = {each.judged.line: each.judged for each in entries}
    return (
        environment()
        .get_template("conversations.html.j2")
        .render(
            **facts,
            entries=entries,
            filters=[
                _filter("ended", "How it ended", by_turn),
                _filter("label", "Label of the line", by_turn),
                _filter("part", "Asked in", by_turn),
            ],
            lines=len(lines),
            changed=sum(each.is_changed for each in lines.values()),
            tokens=sum(each.tokens for each in entries),
        )
    )


def _filter(key: str, title: str, entries: Iterable[Entry]) -> Filter:
    return Filter(key, title, Counter(getattr(each, key) for each in entries))
