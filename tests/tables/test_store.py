from __future__ import annotations

import errno
import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from castline.errors import StorageError, TableError, UnknownName
from castline.tables.catalog import CATALOG
from castline.tables.schema import Table
from castline.tables.store import SERIES, Manifest, TableStore

Example = Callable[[Table, int], pl.DataFrame]
FACTS: dict[str, Any] = {
    "stage": "test@1",
    "key": "k",
    "parameters": {"a": 1.5, "名": ["x", None]},
    "inputs": {"file": "d"},
}
CAST = CATALOG["cast"]


@pytest.fixture
def store(tmp_path: Path) -> TableStore:
    return TableStore(tmp_path / "project" / "tables")


@pytest.mark.parametrize("rows", [0, 1, 7])
@pytest.mark.parametrize("name", CATALOG)
def test_every_declared_table_comes_back_as_it_was_written(
    name: str, rows: int, store: TableStore, example: Example
) -> None:
    declared = CATALOG[name]
    unit = SERIES if declared.scope == "series" else "0001"
    variant = "apw" if declared.variants else ""
    frame = example(declared, rows)
    manifest = store.write(name, frame, unit, variant, **FACTS)
    assert_frame_equal(store.read(name, unit, variant), frame)
    assert store.manifest(name, unit, variant) == manifest
    assert (manifest.rows, manifest.version) == (rows, declared.version)
    assert manifest.parameters == FACTS["parameters"]
    assert store.units(name, variant) == [unit]
    if rows:
        some = list(declared.key)
        assert_frame_equal(store.read(name, unit, variant, columns=some), frame.select(some))


@pytest.mark.parametrize("name", CATALOG)
def test_same_rows_same_bytes(name: str, tmp_path: Path, example: Example) -> None:
    found = []
    for place in ("a", "b"):
        store = TableStore(tmp_path / place)
        store.write(name, example(CATALOG[name], 50), **FACTS)
        found.append([p.read_bytes() for p in sorted((tmp_path / place).rglob("*.*"))])
    assert found[0] == found[1]
    assert len(found[0]) == 2


def test_a_table_that_was_not_made_says_so(store: TableStore) -> None:
    assert not store.exists("lines", "0001")
    assert store.units("lines") == []
    with pytest.raises(TableError, match="has not been made yet for '0001'"):
        store.read("lines", "0001")
    with pytest.raises(UnknownName):
        store.path("line", "0001")


def test_a_frame_that_does_not_fit_leaves_the_old_table(
    store: TableStore, example: Example
) -> None:
    store.write("cast", example(CAST, 3), **FACTS)
    with pytest.raises(TableError, match="test@1, series: "):
        store.write("cast", example(CAST, 3).drop("kind"), **FACTS)
    assert store.read("cast").height == 3


def test_a_table_file_without_its_manifest_counts_as_not_made(
    store: TableStore, example: Example
) -> None:
    store.write("cast", example(CAST, 3), **FACTS)
    store.path("cast").with_suffix(".json").unlink()
    assert not store.exists("cast")
    with pytest.raises(TableError, match="not been made"):
        store.read("cast")


def test_a_manifest_without_its_table_counts_as_not_made(
    store: TableStore, example: Example
) -> None:
    store.write("seeds", example(CATALOG["seeds"], 3), SERIES, "given", **FACTS)
    assert store.variants("seeds") == ["given"]
    store.path("seeds", SERIES, "given").unlink()
    assert not store.exists("seeds", SERIES, "given")
    assert store.units("seeds", "given") == []
    assert store.variants("seeds") == []


def test_variants_stand_side_by_side(store: TableStore, example: Example) -> None:
    for rows, variant in ((2, "apw"), (3, "fusion")):
        store.write("labels", example(CATALOG["labels"], rows), "0001", variant, **FACTS)
    assert store.variants("labels") == ["apw", "fusion"]
    assert store.read("labels", "0001", "apw").height == 2
    assert store.read("labels", "0001", "fusion").height == 3


def test_any_damage_to_a_table_file_is_told_and_nothing_else_is_raised(
    store: TableStore, example: Example
) -> None:
    store.write("cast", example(CAST, 40), **FACTS)
    path = store.path("cast")
    whole = path.read_bytes()
    chance = random.Random(1)
    for turn in range(60):
        broken = bytearray(whole)
        if turn % 2:
            broken = broken[: chance.randrange(len(whole))]
        else:
            broken[chance.randrange(len(whole))] ^= 1 << chance.randrange(8)
        path.write_bytes(broken)
        with pytest.raises(TableError, match=r"damaged.*Delete it and run again") as caught:
            store.read("cast")
        assert str(path) in str(caught.value)


def test_rows_under_a_true_manifest_are_still_checked(store: TableStore, example: Example) -> None:
    # Somebody made this project by hand: the digest is right, the table is not.
    store.write("cast", example(CAST, 3), **FACTS)
    path = store.path("cast")
    other = store.write("relations", example(CATALOG["relations"], 3), **FACTS)
    path.write_bytes(store.path("relations").read_bytes())
    seal = msgspec.structs.replace(other, table="cast")
    path.with_suffix(".json").write_bytes(msgspec.json.encode(seal))
    with pytest.raises(TableError, match="the columns do not fit table 'cast'"):
        store.read("cast")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b"\xff",
        b'{"table": "\xff"}',
        b'{"table": "cast"}',
        b'{"a":' * 9999,
    ],
    ids=["empty", "cut", "null", "list", "binary", "not UTF-8", "fields missing", "very deep"],
)
def test_a_damaged_manifest_is_told_with_its_path(
    content: bytes, store: TableStore, example: Example
) -> None:
    store.write("cast", example(CAST, 3), **FACTS)
    sealed = store.path("cast").with_suffix(".json")
    sealed.write_bytes(content)
    with pytest.raises(TableError, match=r"manifest is damaged.*Delete it") as caught:
        store.read("cast")
    assert str(sealed) in str(caught.value)


def test_a_table_of_a_newer_version_is_refused(store: TableStore, example: Example) -> None:
    manifest = store.write("cast", example(CAST, 3), **FACTS)
    newer = msgspec.structs.replace(manifest, version=CAST.version + 1)
    store.path("cast").with_suffix(".json").write_bytes(msgspec.json.encode(newer))
    with pytest.raises(TableError, match=r"version 2, this Castline knows 1\. Update Castline"):
        store.read("cast")


def test_a_manifest_with_fields_of_a_later_castline_is_read(
    store: TableStore, example: Example
) -> None:
    manifest = store.write("cast", example(CAST, 3), **FACTS)
    sealed = store.path("cast").with_suffix(".json")
    sealed.write_bytes(sealed.read_bytes().replace(b"{", b'{"later": [1],', 1))
    assert store.manifest("cast") == manifest
    assert isinstance(manifest, Manifest)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(unit=st.text(min_size=1), variant=st.text())
def test_names_cannot_leave_the_folder(unit: str, variant: str, store: TableStore) -> None:
    path = store.path("labels", unit, variant)
    inside = path.relative_to(store.folder / "labels")
    assert len(inside.parts) == (2 if variant else 1)
    assert ".." not in inside.parts


@pytest.mark.parametrize("name", ["../../x", "..", "/etc/x", "C:\\x", "a\0b", "x" * 500, " . "])
def test_tables_of_names_from_strangers_stay_inside(
    name: str, store: TableStore, example: Example
) -> None:
    store.write("labels", example(CATALOG["labels"], 1), name, name, **FACTS)
    outside = store.folder.parent.parent
    written = [path for path in outside.rglob("*") if path.is_file()]
    assert len(written) == 2
    assert all(path.parent.parent == store.folder / "labels" for path in written)
    assert store.read("labels", name, name).height == 1


@pytest.mark.parametrize("refused_call", [1, 2])
def test_a_full_disk_leaves_the_old_table_readable(
    refused_call: int, store: TableStore, example: Example, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.write("cast", example(CAST, 3), **FACTS)
    real, calls = os.fsync, 0

    def full(descriptor: int) -> None:
        nonlocal calls
        calls += 1
        if calls == refused_call:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageError, match="free some space"):
        store.write("cast", example(CAST, 5), **FACTS)
    assert store.read("cast").height == 3
    assert len(list(store.folder.rglob("*.*"))) == 2


@pytest.mark.parametrize("stop", [1, 2])
def test_a_stop_while_a_table_is_replaced_leaves_no_manifest_that_lies(
    stop: int, store: TableStore, example: Example, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.write("cast", example(CAST, 3), **FACTS)
    real, calls = os.replace, 0

    def stopped(source: Path, target: Path) -> None:
        nonlocal calls
        calls += 1
        if calls == stop:
            raise KeyboardInterrupt
        real(source, target)

    monkeypatch.setattr(os, "replace", stopped)
    with pytest.raises(KeyboardInterrupt):
        store.write("cast", example(CAST, 5), **FACTS)
    assert not store.exists("cast")


def test_a_file_where_a_folder_should_be_is_a_storage_error(
    store: TableStore, example: Example
) -> None:
    store.folder.mkdir(parents=True)
    (store.folder / "cast").write_bytes(b"")
    with pytest.raises(StorageError, match="cast"):
        store.write("cast", example(CAST, 3), **FACTS)
