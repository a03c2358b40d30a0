"""What the story tells about a moment or a pair of people: the side of it that is asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from castline.tables.catalog import IMPORTED, STORY, table
from castline.tables.schema import build_frame

if TYPE_CHECKING:
    import polars as pl

    from castline.tables.store import TableStore

__all__ = [
    "OF_CLIPS",
    "OF_SECTIONS",
    "CaptionKind",
    "Relation",
    "caption_at",
    "read_captions",
    "read_relations",
    "relations_of",
]

CaptionKind = Literal["clip", "section", "brief", "title"]

OF_CLIPS = "clips"
"""Variant of the table `captions` for what was made of clips."""
OF_SECTIONS = "sections"
"""Variant of the table `captions` for what was made of sections."""


@dataclass(frozen=True)
class Relation:
    """One thing that somebody is to somebody.

    Attributes:
        person: A character.
        other: Another character.
        word: What `person` is to `other`, in free words.
        first_episode: From when on it holds; None: not known.
        last_episode: Until when it holds; None: not known.
        holds: Whether it holds in the episode that was asked about; true where nobody knows.
    """

    person: str
    other: str
    word: str
    first_episode: str | None
    last_episode: str | None
    holds: bool


def read_captions(store: TableStore, episode: str) -> pl.DataFrame:
    """All captions of an episode: those made here, else those that came with the series.

    Returns:
        Table `captions`, in order of time within each kind; empty where there are none.

    Raises:
        TableError: A table is damaged.
    """
    import polars as pl

    made = [each for each in (OF_CLIPS, OF_SECTIONS) if store.exists("captions", episode, each)]
    if not made and store.exists("captions", episode, IMPORTED):
        made = [IMPORTED]
    frames = [store.read("captions", episode, each) for each in made]
    return pl.concat(frames) if frames else _empty("captions")


def read_relations(store: TableStore) -> pl.DataFrame:
    """Who is what to whom: what was read in the series here, else what came with it.

    Returns:
        Table `relations`; empty where there is none.

    Raises:
        TableError: A table is damaged.
    """
    for variant in (STORY, ""):
        if store.exists("relations", variant=variant):
            return store.read("relations", variant=variant)
    return _empty("relations")


def caption_at(
    captions: pl.DataFrame, start_ms: int, end_ms: int, kind: CaptionKind = "clip"
) -> str | None:
    """The caption of a moment: the one that shares most time with it, else the nearest.

    Args:
        captions: Captions of the episode; see `read_captions`.
        start_ms: Where the moment starts.
        end_ms: Where it ends, not included.
        kind: Which captions.

    Returns:
        Its text, the earlier one of two that fit as well; None when there is none of this kind.
    """
    of_kind = captions.filter(kind=kind)
    if not of_kind.height:
        return None
    starts, ends = of_kind["start_ms"].to_numpy(), of_kind["end_ms"].to_numpy()
    # The time shared where they overlap, and minus the gap where they do not.
    shared = np.minimum(ends, end_ms) - np.maximum(starts, start_ms)
    return str(of_kind["text"][int(shared.argmax())])


def relations_of(
    relations: pl.DataFrame,
    person: str,
    *,
    other: str | None = None,
    episode: str = "",
    episodes: Sequence[str] = (),
) -> list[Relation]:
    """What somebody is to others.

    Args:
        relations: Table `relations`; see `read_relations`.
        person: A character.
        other: Only to this one.
        episode: When; a relation that was or comes to be is marked as not holding.
        episodes: All episodes in order.

    Returns:
        Those that hold first, else in the order of the table.
    """
    rows = relations.filter(**{"from": person}, **({"to": other} if other else {}))
    place = {name: number for number, name in enumerate(episodes)}
    now = place.get(episode)

    def holds(first: str | None, last: str | None) -> bool:
        if now is None:
            return True
        return place.get(first or "", 0) <= now <= place.get(last or "", len(place))

    columns = ("from", "to", "relation", "first_episode", "last_episode")
    found = [
        Relation(one, to, word, first, last, holds(first, last))
        for one, to, word, first, last in rows.select(columns).iter_rows()
    ]
    return sorted(found, key=lambda each: not each.holds)


def _empty(name: str) -> pl.DataFrame:
    declared = table(name)
    return build_frame(declared, {c.name: [] for c in declared.columns})
