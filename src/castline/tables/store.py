"""Tables on disk: `tables/<table>[/<variant>]/<unit>.parquet` with a manifest beside each.

The unit is an episode, or `series`. A file is written beside its place, flushed and renamed; its
manifest comes last. So after a crash a table file is whole or absent, and a manifest never speaks
of a file that is not there. Same rows, same bytes: a file holds no date.
"""

from __future__ import annotations

import hashlib
import io
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from castline.errors import TableError
from castline.files import read_bytes, safe_name, scrap, storage_errors
from castline.tables.catalog import table as declaration
from castline.tables.schema import check_frame

if TYPE_CHECKING:
    import polars as pl

__all__ = ["SERIES", "Manifest", "TableStore"]

SERIES = "series"
"""The unit of a table that has one file for the whole series."""


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of one table file.

    Attributes:
        table: Name of the table.
        version: Version of its declaration.
        rows: Number of rows.
        digest: SHA-256 of the file.
        stage: The stage that wrote it, with its version.
        key: Digest of everything the content depends on.
        parameters: The settings of the stage.
        inputs: What the stage read: name to digest.
    """

    table: str
    version: int
    rows: int
    digest: str
    stage: str
    key: str
    parameters: dict[str, Any]
    inputs: dict[str, str]


class TableStore:
    """The tables of one project."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, table: str, unit: str = SERIES, variant: str = "") -> Path:
        """Where a table file is, or would be."""
        base = self.folder / declaration(table).name
        if variant:
            base = base / safe_name(variant)
        return base / f"{safe_name(unit)}.parquet"

    def exists(self, table: str, unit: str = SERIES, variant: str = "") -> bool:
        """Whether the table has been written and sealed by its manifest."""
        return self.manifest(table, unit, variant) is not None

    def manifest(self, table: str, unit: str = SERIES, variant: str = "") -> Manifest | None:
        """The manifest of a table file, or None when the file is missing or not sealed.

        Raises:
            TableError: The manifest is damaged, or of a newer version of Castline.
        """
        path = self.path(table, unit, variant)
        sealed = path.with_suffix(".json")
        if not sealed.exists() or not path.exists():
            return None
        try:
            manifest = msgspec.json.decode(read_bytes(sealed), type=Manifest)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise TableError(
                f"{sealed}: the manifest is damaged ({error}). Delete it and run again; "
                "the table will be made anew."
            ) from error
        if manifest.version > declaration(table).version:
            raise TableError(
                f"{path}: table {table!r} has version {manifest.version}, this Castline knows "
                f"{declaration(table).version}. Update Castline."
            )
        return manifest

    def variants(self, table: str) -> list[str]:
        """The variants of a table that have at least one sealed file, sorted."""
        base = self.folder / declaration(table).name
        return sorted(
            {p.parent.name for p in base.glob("*/*.json") if p.with_suffix(".parquet").exists()}
        )

    def units(self, table: str, variant: str = "") -> list[str]:
        """The units of a table that have been written, sorted."""
        folder = self.path(table, SERIES, variant).parent
        return sorted(p.stem for p in folder.glob("*.json") if p.with_suffix(".parquet").exists())

    def read(
        self,
        table: str,
        unit: str = SERIES,
        variant: str = "",
        *,
        columns: Sequence[str] | None = None,
    ) -> pl.DataFrame:
        """Read one table file; `columns` limits what is read.

        Raises:
            TableError: The file is missing, damaged, or does not fit its declaration.
        """
        import polars as pl

        path = self.path(table, unit, variant)
        manifest = self.manifest(table, unit, variant)
        if manifest is None:
            raise TableError(
                f"{path}: table {table!r} has not been made yet for {unit!r}. "
                "`castline status` says what is missing."
            )
        if manifest.version != declaration(table).version:
            raise TableError(
                f"{path}: table {table!r} has version {manifest.version}, this Castline makes "
                f"{declaration(table).version}. Run the import or `castline run` again."
            )
        content = read_bytes(path)
        # Polars may panic, or give other rows, when bytes inside a file have changed.
        if hashlib.sha256(content).hexdigest() != manifest.digest:
            raise TableError(
                f"{path}: the table file is damaged or was changed by another program. "
                "Delete it and run again; it will be made anew."
            )
        try:
            frame = pl.read_parquet(io.BytesIO(content), columns=list(columns) if columns else None)
        except (pl.exceptions.PolarsError, OSError) as error:
            raise TableError(
                f"{path}: the table file is damaged ({str(error).splitlines()[0]}). "
                "Delete it and run again; it will be made anew."
            ) from error
        return frame if columns else check_frame(declaration(table), frame, str(path))

    def remove(self, table: str) -> bool:
        """Remove a table with all its units and variants; whether there was one.

        Raises:
            StorageError: The disk refused.
        """
        folder = self.path(table).parent
        if not folder.exists():
            return False
        with storage_errors(folder, "remove"):
            shutil.rmtree(folder)
        return True

    def write(
        self,
        table: str,
        frame: pl.DataFrame,
        unit: str = SERIES,
        variant: str = "",
        *,
        stage: str,
        key: str,
        parameters: dict[str, Any],
        inputs: dict[str, str],
    ) -> Manifest:
        """Check and write one table file, then its manifest.

        Raises:
            TableError: The frame does not fit its declaration.
            StorageError: The disk refused; what was there before is untouched.
        """
        path = self.path(table, unit, variant)
        frame = check_frame(declaration(table), frame, f"{stage}, {unit}")
        buffer = io.BytesIO()
        frame.write_parquet(buffer, compression="zstd", statistics=False)
        content = buffer.getbuffer()
        manifest = Manifest(
            table=table,
            version=declaration(table).version,
            rows=frame.height,
            digest=hashlib.sha256(content).hexdigest(),
            stage=stage,
            key=key,
            parameters=parameters,
            inputs=inputs,
        )
        sealed = path.with_suffix(".json")
        seal = msgspec.json.format(msgspec.json.encode(manifest), indent=1) + b"\n"
        # Both are on the disk before the old ones go: a disk that is full costs nothing then.
        with (
            scrap(path, content) as new_table,
            scrap(sealed, seal) as new_seal,
            storage_errors(path, "write"),
        ):
            # An older manifest must not vouch for the new file, if we stop between the two.
            sealed.unlink(missing_ok=True)
            new_table.replace(path)
            new_seal.replace(sealed)
        return manifest
