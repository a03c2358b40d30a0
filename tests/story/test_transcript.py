"""What is said with whose names, as rows for a prompt."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from castline.errors import TableError, UnknownName
from castline.project import Project
from castline.story.transcript import (
    Spoken,
    between,
    choose_labels,
    plain,
    prompt_language,
    read_transcript,
)
from castline.tables.catalog import IMPORTED, table
from castline.tables.schema import build_frame
from castline.tables.store import TableStore

FACTS = {"stage": "test@1", "key": "k", "parameters": {}, "inputs": {}}
LINES = (("l1", 2000, 3000, "two\nrows\x1b[31m", "speech"), ("l0", 0, 900, "first", "song"),
         ("l2", 3000, 4000, "[door]", "sound"), ("l3", 5000, 5900, "who?", "speech"))  # fmt: skip


@pytest.fixture
def store(tmp_path: Path) -> TableStore:
    store = Project.create(tmp_path / "p").store
    names = ("line", "start_ms", "end_ms", "text", "kind")
    columns = {name: [row[at] for row in LINES] for at, name in enumerate(names)}
    frame = build_frame(
        table("lines"), {**columns, "number": [0, 1, 2, 3]}, episode="e", source="t"
    )
    store.write("lines", frame, "e", **FACTS)  # type: ignore[arg-type]
    return store


def label(store: TableStore, variant: str, *rows: tuple[str, str]) -> Path:
    columns = {
        "line": [row[0] for row in rows],
        "character": [row[1] for row in rows],
        "pass": [0] * len(rows),
        "status": ["settled"] * len(rows),
        "reasons": [[] for _ in rows],
    }
    frame = build_frame(table("labels"), columns, episode="e", method="t", source="t")
    store.write("labels", frame, "e", variant, **FACTS)  # type: ignore[arg-type]
    return store.path("labels", "e", variant)


def test_spoken_lines_come_in_order_with_everybody_who_speaks_them(store: TableStore) -> None:
    label(store, "fusion-x", ("l0", "Ann"), ("l1", "Ann"), ("l1", "Bo\n- Cy"))
    assert read_transcript(store, "e", "fusion-x") == [
        Spoken(0, 900, ("Ann",), "first"),
        Spoken(2000, 3000, ("Ann", "Bo - Cy"), "two rows [31m"),
        Spoken(5000, 5900, ("unknown",), "who?"),
    ]


def test_the_newest_labels_of_fusion_are_taken(store: TableStore) -> None:
    for age, variant in enumerate([IMPORTED, "propagation-a", "fusion-b", "fusion-a"]):
        path = label(store, variant, ("l0", "Ann"))
        os.utime(path, ns=(10**18 - age, 10**18 - age))
    assert choose_labels(store) == "fusion-b"
    assert choose_labels(store, "propagation-a") == "propagation-a"


def test_names_from_files_are_taken_where_there_is_nothing_else(store: TableStore) -> None:
    label(store, IMPORTED, ("l0", "Ann"))
    assert choose_labels(store) == IMPORTED


def test_labels_that_are_not_there_are_one_clear_error(store: TableStore) -> None:
    with pytest.raises(TableError, match="castline attribute"):
        choose_labels(store)
    label(store, "fusion-a", ("l0", "Ann"))
    with pytest.raises(UnknownName, match="fusion-a"):
        choose_labels(store, "fusion-b")


def test_a_line_belongs_to_every_span_in_which_a_part_of_it_is_spoken() -> None:
    lines = [Spoken(0, 1000, (), "a"), Spoken(1000, 2000, (), "b")]
    assert [each.text for each in between(lines, 999, 1000)] == ["a"]
    assert [each.text for each in between(lines, 500, 1001)] == ["a", "b"]


def test_a_text_of_any_length_becomes_one_short_row() -> None:
    assert len(plain("x" * 100_000)) == 300
    assert plain("a\u2028b\tc\r\n") == "a b c"


@pytest.mark.parametrize(
    ("texts", "language"), [(["你好", "OK, Ann"], "zh"), (["Hello", "你"], "en"), ([], "en")]
)
def test_prompts_are_in_the_language_of_the_lines(texts: list[str], language: str) -> None:
    assert prompt_language([Spoken(0, 1, (), text) for text in texts]) == language
