"""What is said, with the names that some method gave, as rows for a prompt.

Names and lines come from strangers. Here they become one row of plain text each; that they are
data and no instruction is for the prompts to say.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from castline.errors import TableError, UnknownName
from castline.tables.catalog import IMPORTED, UNKNOWN

if TYPE_CHECKING:
    from castline.tables.store import TableStore

__all__ = ["Spoken", "between", "choose_labels", "plain", "prompt_language", "read_transcript"]

_LONGEST_ROW = 300
"""Letters of a line or name that reach a prompt."""
_SPOKEN_KINDS = ("speech", "song")
_FUSION = "fusion-"
_CHINESE_SHARE = 0.2
"""Share of Chinese letters from which on a transcript is Chinese."""


@dataclass(frozen=True)
class Spoken:
    """A line with who speaks it.

    Attributes:
        start_ms: Its start.
        end_ms: Its end, not included.
        speakers: Characters, new voices, `others` or `unknown`; several speak at once or in turn.
        text: What is said.
    """

    start_ms: int
    end_ms: int
    speakers: tuple[str, ...]
    text: str


def plain(text: str, longest: int = _LONGEST_ROW) -> str:
    """A stranger's text as one row without control characters, of at most so many letters.

    >>> plain("two " + chr(10) + "rows" + chr(27))
    'two rows'
    """
    row = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return row if len(row) <= longest else row[: longest - 1] + "…"


def choose_labels(store: TableStore, wanted: str = "") -> str:
    """Whose labels are shown: those that are wanted, else the newest of fusion, else the newest.

    Names that came with the files are taken only where nothing else is.

    Raises:
        UnknownName: There are no labels of that name.
        TableError: There are no labels at all.
    """
    made = store.variants("labels")
    if wanted:
        if wanted not in made:
            raise UnknownName("labels", wanted, made)
        return wanted
    if not made:
        raise TableError(
            f"{store.folder}: nobody's lines have names yet. Run `castline attribute` first."
        )

    def rank(variant: str) -> tuple[bool, bool, int]:
        files = [store.path("labels", unit, variant) for unit in store.units("labels", variant)]
        # Tables hold no date; the disk knows which were written last.
        newest = max(path.stat().st_mtime_ns for path in files)
        return variant != IMPORTED, variant.startswith(_FUSION), newest

    return max(made, key=rank)


def read_transcript(store: TableStore, episode: str, labels: str) -> list[Spoken]:
    """The spoken lines of an episode in order of time.

    Args:
        store: The tables.
        episode: The episode.
        labels: Variant of the table `labels`; see `choose_labels`.

    Raises:
        TableError: A table is missing or damaged.
    """
    columns = ["line", "start_ms", "end_ms", "text", "kind"]
    lines = store.read("lines", episode, columns=columns)
    speakers: dict[str, list[str]] = {}
    if store.exists("labels", episode, labels):
        named = store.read("labels", episode, labels, columns=["line", "character"])
        for line, character in named.iter_rows():
            speakers.setdefault(line, []).append(plain(character))
    return [
        Spoken(start, end, tuple(speakers.get(line, [UNKNOWN])), plain(text))
        for line, start, end, text, kind in lines.sort("start_ms").iter_rows()
        if kind in _SPOKEN_KINDS
    ]


def between(spoken: Sequence[Spoken], start_ms: int, end_ms: int) -> list[Spoken]:
    """The lines of which a part is spoken in a span."""
    return [each for each in spoken if each.start_ms < end_ms and each.end_ms > start_ms]


def prompt_language(spoken: Sequence[Spoken]) -> str:
    """`zh` for a transcript in Chinese, else `en`."""
    letters = [char for each in spoken for char in each.text if char.isalpha()]
    chinese = sum("㐀" <= char <= "鿿" for char in letters)
    return "zh" if chinese > _CHINESE_SHARE * len(letters) else "en"
