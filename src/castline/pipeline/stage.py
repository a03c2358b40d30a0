"""One unit of work: what it reads, what it writes, and the key that says whether it is done.

On disk after a crash: every table file is whole; a unit whose outputs do not all carry its key is
simply not done, and is made again. Nothing else is remembered, so nothing else can be torn.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec

from castline.tables.catalog import table as declaration
from castline.tables.store import SERIES

if TYPE_CHECKING:
    import polars as pl

    from castline.pipeline.progress import Reporter
    from castline.tables.store import TableStore

__all__ = ["Output", "Unit", "why_stale"]


@dataclass(frozen=True)
class Output:
    """One table file that a unit writes."""

    table: str
    unit: str = SERIES
    variant: str = ""


@dataclass(frozen=True)
class Unit:
    """One unit of a stage: the stage for one episode, or for the series.

    Attributes:
        stage: Name of the stage.
        version: Raised when the stage would give other rows for the same inputs.
        name: The episode, or `series`.
        outputs: Every table file it writes.
        inputs: Everything its rows depend on: name to digest.
        parameters: Its settings, as plain values.
        make: Yields a frame for each output. Knows no paths and no clock.
    """

    stage: str
    version: int
    name: str
    outputs: tuple[Output, ...]
    inputs: Mapping[str, str]
    make: Callable[[Reporter], Iterable[tuple[Output, pl.DataFrame]]]
    parameters: Mapping[str, Any] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """Digest of stage, version, parameters and inputs."""
        facts = [self.stage, self.version, self.name, self.parameters, self.inputs]
        return hashlib.sha256(msgspec.json.encode(facts, order="sorted")).hexdigest()


def why_stale(store: TableStore, unit: Unit) -> str | None:
    """Why a unit has to be made, or None when all its outputs carry its key."""
    manifests = [store.manifest(o.table, o.unit, o.variant) for o in unit.outputs]
    missing = [o for o, m in zip(unit.outputs, manifests, strict=True) if m is None]
    if len(missing) == len(unit.outputs) and unit.outputs:
        return "not made yet"
    if missing:
        return f"unfinished: {missing[0].table}/{missing[0].unit} is missing"
    for manifest in manifests:
        if manifest is None:
            continue
        declared = declaration(manifest.table).version
        if manifest.version != declared:
            return f"table {manifest.table} had version {manifest.version}, now {declared}"
        if manifest.key == unit.key:
            continue
        if manifest.stage != f"{unit.stage}@{unit.version}":
            return f"made by {manifest.stage}, now {unit.stage}@{unit.version}"
        now = msgspec.json.decode(msgspec.json.encode(unit.parameters))
        for name in sorted(set(manifest.parameters) | set(now)):
            before, after = manifest.parameters.get(name), now.get(name)
            if before != after:
                return f"setting {name} changed: {before} → {after}"
        for name in sorted(set(manifest.inputs) | set(unit.inputs)):
            if manifest.inputs.get(name) != unit.inputs.get(name):
                return f"input {name} changed"
        return "inputs changed"
    return None
