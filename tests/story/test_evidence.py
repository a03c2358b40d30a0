"""What the story tells of a moment, and of two people."""

from __future__ import annotations

from pathlib import Path

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from castline.story.evidence import (
    OF_CLIPS,
    OF_SECTIONS,
    caption_at,
    read_captions,
    read_relations,
    relations_of,
)
from castline.tables.catalog import IMPORTED, STORY, table
from castline.tables.schema import build_frame
from castline.tables.store import TableStore


def captions(*rows: tuple[int, int], kind: str = "clip") -> pl.DataFrame:
    columns = {
        "part": [f"c{number}" for number in range(len(rows))],
        "kind": [kind] * len(rows),
        "start_ms": [start for start, _ in rows],
        "end_ms": [end for _, end in rows],
        "text": [f"{start}-{end}" for start, end in rows],
    }
    return build_frame(table("captions"), columns, episode="e", source="test")


def test_the_caption_that_shares_most_time_is_taken() -> None:
    frame = captions((0, 1000), (1000, 5000), (5000, 9000))
    assert caption_at(frame, 900, 1500) == "1000-5000"
    assert caption_at(frame, 4000, 6500) == "5000-9000"


def test_without_an_overlap_the_nearest_is_taken_and_of_two_the_earlier() -> None:
    frame = captions((0, 1000), (3000, 4000))
    assert caption_at(frame, 1200, 1400) == "0-1000"
    assert caption_at(frame, 2200, 2400) == "3000-4000"
    assert caption_at(frame, 1500, 2500) == "0-1000"
    assert caption_at(frame, 9000, 9100) == "3000-4000"


def test_only_captions_of_the_kind_count() -> None:
    frame = pl.concat([captions((0, 1000)), captions((0, 60_000), kind="brief")])
    assert caption_at(frame, 50_000, 51_000, "brief") == "0-60000"
    assert caption_at(frame, 50_000, 51_000, "title") is None


_gaps = st.lists(st.tuples(st.integers(0, 3000), st.integers(1, 9000)), min_size=1, max_size=12)


@given(_gaps, st.integers(-2000, 90_000), st.integers(0, 4000))
def test_it_is_the_caption_that_a_scan_along_the_episode_finds(
    gaps: list[tuple[int, int]], start: int, length: int
) -> None:
    rows, at = [], 0
    for gap, lasts in gaps:
        rows.append((at + gap, at + gap + lasts))
        at += gap + lasts
    end = start + length
    # From the last caption that is over, up to the first that begins afterwards.
    first = max((n for n, row in enumerate(rows) if row[1] <= start), default=0)
    best, found = None, ""
    for low, high in rows[first:]:
        value = min(high, end) - max(low, start)
        if best is None or value > best:
            best, found = value, f"{low}-{high}"
        if low >= end:
            break
    assert caption_at(captions(*rows), start, end) == found


def relations(*rows: tuple[str, str, str, str | None, str | None]) -> pl.DataFrame:
    names = ("from", "to", "relation", "first_episode", "last_episode")
    columns = {name: [row[at] for row in rows] for at, name in enumerate(names)}
    return build_frame(table("relations"), columns, source="test")


SERIES = relations(
    ("Ann", "Bo", "rival", "10", "12"),
    ("Ann", "Bo", "colleague", "1", "9"),
    ("Ann", "Cy", "sister", None, None),
    ("Bo", "Ann", "rival", "10", "12"),
)
EPISODES = [str(number) for number in range(1, 13)]


def test_relations_that_hold_in_the_episode_come_first() -> None:
    found = relations_of(SERIES, "Ann", episode="9", episodes=EPISODES)
    assert [(each.word, each.holds) for each in found] == [
        ("colleague", True),
        ("sister", True),
        ("rival", False),
    ]


def test_relations_to_one_person_may_be_asked_for() -> None:
    found = relations_of(SERIES, "Ann", other="Bo", episode="11", episodes=EPISODES)
    assert [(each.word, each.first_episode, each.last_episode) for each in found if each.holds] == [
        ("rival", "10", "12")
    ]


def test_without_an_episode_all_relations_hold() -> None:
    assert all(each.holds for each in relations_of(SERIES, "Ann"))
    assert relations_of(SERIES, "Nobody") == []


FACTS = {"stage": "test@1", "key": "k", "parameters": {}, "inputs": {}}


def test_what_was_made_here_counts_before_what_came_with_the_series(tmp_path: Path) -> None:
    store = TableStore(tmp_path)
    assert read_captions(store, "e").height == 0
    assert read_relations(store).height == 0
    store.write("captions", captions((0, 1)), "e", IMPORTED, **FACTS)  # type: ignore[arg-type]
    store.write("relations", SERIES, **FACTS)  # type: ignore[arg-type]
    assert read_captions(store, "e")["text"].to_list() == ["0-1"]
    assert read_relations(store).height == 4
    store.write("captions", captions((0, 2)), "e", OF_CLIPS, **FACTS)  # type: ignore[arg-type]
    brief = captions((0, 9), kind="brief")
    store.write("captions", brief, "e", OF_SECTIONS, **FACTS)  # type: ignore[arg-type]
    store.write("relations", SERIES[:1], variant=STORY, **FACTS)  # type: ignore[arg-type]
    assert read_captions(store, "e")["text"].to_list() == ["0-2", "0-9"]
    assert read_relations(store).height == 1
