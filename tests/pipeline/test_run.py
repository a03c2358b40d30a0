from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from castline.errors import InputError, StorageError, TableError
from castline.pipeline.progress import Recorder, Reporter
from castline.pipeline.run import run_units
from castline.pipeline.stage import Output, Unit, why_stale
from castline.tables.catalog import CATALOG
from castline.tables.schema import build_frame
from castline.tables.store import TableStore

FROM = Output("relations")
SEEDS = Output("seeds", variant="given")


class Watcher(Recorder):
    def __init__(self) -> None:
        super().__init__()
        self.steps: list[tuple[str, int, int, str]] = []

    def step(self, stage: str, done: int, total: int, unit: str) -> None:
        self.steps.append((stage, done, total, unit))


def relations(*names: str) -> pl.DataFrame:
    columns = {"from": list(names), "to": ["x"] * len(names), "relation": ["y"] * len(names)}
    return build_frame(CATALOG["relations"], columns, source="test")


def seeds() -> pl.DataFrame:
    columns = {"line": ["1"], "episode": ["1"], "character": ["A"]}
    return build_frame(CATALOG["seeds"], columns, origin="given", source="test")


def unit(
    name: str = "series",
    *,
    outputs: tuple[Output, ...] = (FROM,),
    yields: tuple[Output, ...] | None = None,
    error: Exception | None = None,
    inputs: Mapping[str, str] | None = None,
    parameters: Mapping[str, Any] | None = None,
) -> Unit:
    def make(_reporter: Reporter) -> Iterator[tuple[Output, pl.DataFrame]]:
        for output in outputs if yields is None else yields:
            yield output, seeds() if output.table == "seeds" else relations(name)
        if error is not None:
            raise error

    return Unit("stage", 1, name, outputs, inputs or {}, make, parameters or {})


@pytest.fixture
def store(tmp_path: Path) -> TableStore:
    return TableStore(tmp_path / "tables")


def run(store: TableStore, *units: Unit, dry_run: bool = False) -> Any:
    return run_units(store, units, Recorder(), total=len(units), dry_run=dry_run)


def test_what_is_done_is_skipped(store: TableStore) -> None:
    first = run(store, unit())
    assert first.made == {"stage series": "not made yet"}
    assert why_stale(store, unit()) is None
    never = unit(error=AssertionError("made again"))
    second = run(store, never)
    assert (second.made, second.fresh, second.failures) == ({}, ["stage series"], {})


BOTH = unit(outputs=(FROM, SEEDS), inputs={"a": "1", "b": "1"}, parameters={"x": 1, "y": 0.5})


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        (replace(BOTH, version=2), "made by stage@1, now stage@2"),
        (replace(BOTH, stage="other"), "made by stage@1, now other@1"),
        (replace(BOTH, parameters={"x": 2, "y": 0.5}), "setting x changed: 1 → 2"),
        (replace(BOTH, parameters={"x": 1}), "setting y changed: 0.5 → None"),
        (replace(BOTH, parameters={"x": 1, "y": 0.5, "z": "n"}), "setting z changed: None → n"),
        (replace(BOTH, inputs={"a": "1", "b": "2"}), "input b changed"),
        (replace(BOTH, inputs={"a": "1"}), "input b changed"),
        (replace(BOTH, inputs={"a": "1", "b": "1", "c": "1"}), "input c changed"),
        (replace(BOTH, name="0002"), "inputs changed"),
    ],
)
def test_a_change_makes_a_unit_stale_and_the_reason_names_it(
    changed: Unit, reason: str, store: TableStore
) -> None:
    assert why_stale(store, BOTH) == "not made yet"
    run(store, BOTH)
    assert why_stale(store, BOTH) is None
    assert why_stale(store, changed) == reason
    assert list(run(store, changed).made.values()) == [reason]
    assert why_stale(store, changed) is None


def test_the_order_of_settings_and_inputs_changes_nothing(store: TableStore) -> None:
    run(store, BOTH)
    turned = replace(BOTH, parameters={"y": 0.5, "x": 1}, inputs={"b": "1", "a": "1"})
    assert why_stale(store, turned) is None


def test_a_unit_that_was_stopped_between_its_tables_is_unfinished(store: TableStore) -> None:
    run(store, BOTH)
    store.path("seeds", variant="given").with_suffix(".json").unlink()
    assert why_stale(store, BOTH) == "unfinished: seeds/series is missing"


def test_a_failing_unit_is_passed_over_and_reported(store: TableStore) -> None:
    broken = unit("0001", error=InputError("1.json", "cut off."))
    summary = run(store, broken, unit("0002", outputs=(SEEDS,)))
    assert {name: str(error) for name, error in summary.failures.items()} == {
        "stage 0001": "1.json: cut off."
    }
    assert isinstance(summary.failures["stage 0001"], InputError)
    assert summary.made == {"stage 0002": "not made yet"}


def test_a_unit_that_fails_keeps_its_older_result(store: TableStore) -> None:
    run(store, unit("old"))
    run(store, unit("new", yields=(), error=InputError("1.json", "cut off.")))
    assert store.read("relations")["from"].to_list() == ["old"]


def test_a_disk_that_refuses_stops_the_run(store: TableStore) -> None:
    after = unit("0002", outputs=(SEEDS,))
    with pytest.raises(StorageError):
        run(store, unit("0001", error=StorageError("full")), after)
    assert why_stale(store, after) == "not made yet"


def test_a_damaged_manifest_fails_its_unit_and_no_other(store: TableStore) -> None:
    run(store, unit())
    store.path("relations").with_suffix(".json").write_bytes(b"{")
    summary = run(store, unit(), unit("0002", outputs=(SEEDS,)))
    assert "manifest is damaged" in str(summary.failures["stage series"])
    assert list(summary.made) == ["stage 0002"]
    store.path("relations").with_suffix(".json").unlink()
    assert run(store, unit()).made == {"stage series": "not made yet"}


def test_an_output_that_was_not_made_is_our_bug(store: TableStore) -> None:
    with pytest.raises(AssertionError, match=r"did not make .*seeds"):
        run(store, unit(outputs=(FROM, SEEDS), yields=(FROM,)))
    assert why_stale(store, unit(outputs=(FROM, SEEDS))) == "unfinished: seeds/series is missing"


def test_an_output_that_was_not_announced_is_our_bug(store: TableStore) -> None:
    with pytest.raises(KeyError):
        run(store, unit(yields=(FROM, SEEDS)))


def test_any_other_exception_is_a_bug_and_escapes(store: TableStore) -> None:
    with pytest.raises(ZeroDivisionError):
        run(store, unit(error=ZeroDivisionError()))


def test_rows_that_do_not_fit_fail_their_unit(store: TableStore) -> None:
    def make(_reporter: Reporter) -> Iterator[tuple[Output, pl.DataFrame]]:
        yield FROM, seeds()

    summary = run(store, Unit("stage", 1, "series", (FROM,), {}, make))
    assert "stage@1, series: the columns do not fit" in str(summary.failures["stage series"])
    with pytest.raises(TableError):
        store.read("relations")


def test_a_dry_run_says_why_and_makes_nothing(store: TableStore) -> None:
    never = unit(error=AssertionError("made"))
    assert run(store, never, dry_run=True).made == {"stage series": "not made yet"}
    assert not store.folder.exists()


def test_progress_is_told_before_and_after_each_unit(store: TableStore) -> None:
    watcher = Watcher()
    units = [unit("0001"), unit("0002", outputs=(SEEDS,))]
    run_units(store, units, watcher, total=2)
    assert watcher.steps == [
        ("stage", 0, 2, "0001"),
        ("stage", 1, 2, "0001"),
        ("stage", 1, 2, "0002"),
        ("stage", 2, 2, "0002"),
    ]


def test_later_units_are_made_up_when_their_turn_comes(store: TableStore) -> None:
    def listed() -> Iterator[Unit]:
        yield unit()
        digest = store.manifest("relations")
        assert digest is not None
        yield unit("0002", outputs=(SEEDS,), inputs={"relations": digest.digest})

    assert len(run_units(store, listed(), Recorder(), total=2).made) == 2
    assert len(run_units(store, listed(), Recorder(), total=2).fresh) == 2
