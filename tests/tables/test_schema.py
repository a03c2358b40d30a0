from __future__ import annotations

from collections.abc import Callable
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from castline.errors import TableError, UnknownName
from castline.tables.catalog import CATALOG, RESERVED, table
from castline.tables.schema import Column, Table, build_frame, check_frame

Example = Callable[[Table, int], pl.DataFrame]

SHELF = Table(
    "shelf",
    1,
    "series",
    ("id",),
    (
        Column("id", "text", "the book"),
        Column("pages", "int", "how many", low=1, high=500),
        Column("worn", "float", "how much", low=0, high=1, nullable=True),
        Column("lent", "bool", "away"),
        Column("place", "text", "where", choices=("left", "right"), nullable=True),
        Column("words", "texts", "what about"),
        Column("print", "embedding", "what it is like"),
    ),
    "Books.",
)


@pytest.fixture
def books(example: Example) -> pl.DataFrame:
    return example(SHELF, 4)


def test_a_frame_that_fits_comes_back_with_its_columns_in_order(books: pl.DataFrame) -> None:
    shuffled = books.select(list(reversed(books.columns)))
    assert_frame_equal(check_frame(SHELF, shuffled, "here"), books)


def test_no_rows_fit_too(books: pl.DataFrame) -> None:
    assert check_frame(SHELF, books.clear(), "here").schema == books.schema


def put(name: str, row: int, value: Any) -> Callable[[pl.DataFrame], pl.DataFrame]:
    def change(frame: pl.DataFrame) -> pl.DataFrame:
        values = frame[name].to_list()
        values[row] = value
        return frame.with_columns(pl.Series(name, values, dtype=frame.schema[name]))

    return change


def cast(name: str, dtype: Any) -> Callable[[pl.DataFrame], pl.DataFrame]:
    return lambda frame: frame.with_columns(pl.col(name).cast(dtype))


BREAKS: dict[str, tuple[Callable[[pl.DataFrame], pl.DataFrame], str]] = {
    "a column is missing": (lambda f: f.drop("lent"), r"missing: lent"),
    "a column is unknown": (lambda f: f.with_columns(x=1), r"not declared: x"),
    "both": (lambda f: f.rename({"lent": "away"}), r"missing: lent; not declared: away"),
    "text is a number": (cast("pages", pl.String), r"'pages' .* is String, expected int"),
    "a number is text": (
        lambda f: f.with_columns(id=pl.lit(3, pl.Int64)),
        r"'id' .* is Int64, expected text",
    ),
    "a whole number is broken": (cast("pages", pl.Float64), r"'pages' .* is Float64"),
    "a yes is a number": (cast("lent", pl.Int8), r"'lent' .* is Int8, expected bool"),
    "a list is text": (
        lambda f: f.with_columns(words=pl.lit("a")),
        r"'words' .* is String, expected texts",
    ),
    "a voiceprint of lists": (cast("print", pl.List(pl.Float32)), r"'print' .* is List"),
    "a voiceprint of doubles": (cast("print", pl.Array(pl.Float64, 3)), r"'print' .* is Array"),
    "an id is missing": (put("id", 2, None), r"'id' .* lacks a value in row 2"),
    "a list is missing": (put("words", 1, None), r"'words' .* lacks a value in row 1"),
    "a voiceprint is missing": (put("print", 3, None), r"'print' .* lacks a value in row 3"),
    "too low": (put("pages", 1, 0), r"'pages' .* holds 0 in row 1, expected at least 1"),
    "too high": (put("pages", 3, 501), r"'pages' .* holds 501 in row 3, expected at most 500"),
    "far too high": (
        lambda f: f.with_columns(pages=pl.lit(2**63, pl.UInt64)),
        r"'shelf' do not fit into 64 bits",
    ),
    "below nothing": (put("worn", 0, -0.5), r"'worn' .* holds -0.5 in row 0, expected at least 0"),
    "above all": (put("worn", 3, 1.5), r"'worn' .* holds 1.5 in row 3, expected at most 1"),
    "endless": (put("worn", 3, float("inf")), r"'worn' .* holds inf in row 3"),
    "no number": (put("worn", 3, float("nan")), r"'worn' .* holds nan in row 3, expected a number"),
    "not among the choices": (
        put("place", 1, "up"),
        r"'place' .* holds 'up' in row 1, expected one of left, right",
    ),
    "one key twice": (
        lambda f: f.with_columns(id=pl.Series(["a", "b", "c", "b"])),
        r"two rows with the key id = b",
    ),
}


@pytest.mark.parametrize("name", BREAKS)
def test_a_frame_that_breaks_its_declaration_is_refused(name: str, books: pl.DataFrame) -> None:
    change, expected = BREAKS[name]
    with pytest.raises(TableError, match=expected) as caught:
        check_frame(SHELF, change(books), "import 0003")
    assert str(caught.value).startswith("import 0003: ")
    assert "'shelf'" in str(caught.value)


@pytest.mark.parametrize("dtype", [pl.Int16, pl.UInt64, pl.Int32])
def test_whole_numbers_of_other_widths_are_taken(dtype: Any, books: pl.DataFrame) -> None:
    assert_frame_equal(check_frame(SHELF, cast("pages", dtype)(books), "here"), books)


def test_doubles_and_whole_numbers_are_taken_for_floats(books: pl.DataFrame) -> None:
    assert check_frame(SHELF, cast("worn", pl.Float64)(books), "x").schema["worn"] == pl.Float32
    ones = books.with_columns(worn=pl.lit(1, pl.Int64))
    assert check_frame(SHELF, ones, "here")["worn"].to_list() == [1.0] * 4


def test_a_column_of_nothing_is_taken_where_values_may_be_missing(books: pl.DataFrame) -> None:
    checked = check_frame(SHELF, books.with_columns(worn=None, place=None), "here")
    assert checked.schema["worn"] == pl.Float32
    with pytest.raises(TableError, match=r"'id' .* lacks a value in row 0"):
        check_frame(SHELF, books.with_columns(id=None), "here")


def test_a_frame_is_built_from_its_interesting_columns() -> None:
    frame = build_frame(
        CATALOG["cast"],
        {"character": ["A"], "other_names": [[]], "kind": ["character"], "faces": [0]},
        source="test",
    )
    assert check_frame(CATALOG["cast"], frame, "here").row(0, named=True) == {
        "character": "A",
        "other_names": [],
        "actor": None,
        "kind": "character",
        "faces": 0,
        "source": "test",
        "confidence": None,
    }


@pytest.mark.parametrize("name", [n for n in CATALOG if n != "voices"])
def test_a_frame_of_no_rows_has_the_declared_types(name: str) -> None:
    declared = CATALOG[name]
    frame = build_frame(declared, {c.name: [] for c in declared.columns})
    assert check_frame(declared, frame, "here").height == 0


def test_the_catalog_is_sound() -> None:
    for name, declared in CATALOG.items():
        columns = [column.name for column in declared.columns]
        assert declared.name == name
        assert declared.version >= 1
        assert len(columns) == len(set(columns))
        assert set(declared.key) <= set(columns)
        assert not any(declared.column(key).nullable for key in declared.key)
        assert "source" in columns
        assert declared.scope == "series" or "episode" in columns
        assert declared.meaning.endswith(".")
        assert all(column.meaning for column in declared.columns)


def test_an_unknown_table_is_refused_with_the_nearest() -> None:
    with pytest.raises(UnknownName, match="Did you mean 'lines'"):
        table("line")
    assert len(set(RESERVED)) == 3
