"""Run units one after the other: skip what is done, keep what succeeds, report what fails."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from castline.errors import CastlineError, StorageError, TableError
from castline.pipeline.stage import Unit, why_stale

if TYPE_CHECKING:
    from castline.pipeline.progress import Reporter
    from castline.tables.store import TableStore

__all__ = ["RunSummary", "run_units"]


@dataclass
class RunSummary:
    """What a run did.

    Attributes:
        made: Units that were made, with the reason.
        fresh: Units that were done already.
        failures: Units that failed, with the error.
    """

    made: dict[str, str] = field(default_factory=dict)
    fresh: list[str] = field(default_factory=list)
    failures: dict[str, CastlineError] = field(default_factory=dict)


def run_units(
    store: TableStore,
    units: Iterable[Unit],
    reporter: Reporter,
    *,
    total: int,
    dry_run: bool = False,
) -> RunSummary:
    """Make every unit that is stale.

    A unit that raises a `CastlineError` is noted and passed over; the next ones still run. A disk
    that refuses stops the run, since it would refuse the others too.

    Args:
        store: Where the tables are.
        units: What to make, in order; later ones may read what earlier ones wrote.
        reporter: Told about progress.
        total: How many units there are.
        dry_run: Say what would be made and why, and make nothing.

    Raises:
        StorageError: The disk refused. Everything finished before stands.
    """
    summary = RunSummary()
    for done, unit in enumerate(units):
        name = f"{unit.stage} {unit.name}"
        try:
            reason = why_stale(store, unit)
        except TableError as error:
            summary.failures[name] = error
            continue
        if reason is None:
            summary.fresh.append(name)
        elif dry_run:
            summary.made[name] = reason
        else:
            reporter.step(unit.stage, done, total, unit.name)
            try:
                _make(store, unit, reporter)
            except StorageError:
                raise
            except CastlineError as error:
                summary.failures[name] = error
            else:
                summary.made[name] = reason
            reporter.step(unit.stage, done + 1, total, unit.name)
    return summary


def _make(store: TableStore, unit: Unit, reporter: Reporter) -> None:
    expected = set(unit.outputs)
    for output, frame in unit.make(reporter):
        expected.remove(output)
        store.write(
            output.table,
            frame,
            output.unit,
            output.variant,
            stage=f"{unit.stage}@{unit.version}",
            key=unit.key,
            parameters=dict(unit.parameters),
            inputs=dict(unit.inputs),
        )
    if expected:
        raise AssertionError(f"stage {unit.stage} did not make {sorted(map(str, expected))}")
