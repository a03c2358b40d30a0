"""What a table is: its columns, key and meaning, and the check of a frame against that."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from castline.errors import TableError

if TYPE_CHECKING:
    import polars as pl

__all__ = ["Column", "Table", "build_frame", "check_frame"]

Kind = Literal["text", "int", "float", "bool", "texts", "embedding"]
Scope = Literal["episode", "series"]


@dataclass(frozen=True)
class Column:
    """One column.

    Attributes:
        name: Its name; a number with a unit carries the unit in it.
        kind: `text`, `int` (64 bits), `float` (32 bits), `bool`, `texts` (a list of text) or
            `embedding` (a fixed-size array of 32-bit floats).
        meaning: One line for the documentation page.
        low: Smallest value allowed, if any.
        high: Largest value allowed, if any.
        nullable: May be missing in a row.
        choices: The only texts allowed, if limited.
    """

    name: str
    kind: Kind
    meaning: str
    low: float | None = None
    high: float | None = None
    nullable: bool = False
    choices: tuple[str, ...] = ()


@dataclass(frozen=True)
class Table:
    """One table.

    Attributes:
        name: Its name, and that of its folder.
        version: Raised when a column changes its meaning.
        scope: One file an episode, or one for the series.
        key: The columns that identify a row within the file.
        columns: All columns in order.
        meaning: One line for the documentation page.
        variants: Several results may stand side by side (one folder each): labels of each method.
        biometric: It holds what somebody looks or sounds like; `castline forget` removes it.
    """

    name: str
    version: int
    scope: Scope
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    meaning: str
    variants: bool = False
    biometric: bool = False

    def column(self, name: str) -> Column:
        """The column of that name."""
        return next(column for column in self.columns if column.name == name)


def _matches(dtype: pl.DataType, kind: Kind) -> bool:
    import polars as pl

    if kind == "embedding":
        return isinstance(dtype, pl.Array) and dtype.inner == pl.Float32
    return dtype == _dtypes()[kind]


def _dtypes() -> Mapping[str, pl.DataType]:
    import polars as pl

    return {
        "text": pl.String(),
        "int": pl.Int64(),
        "float": pl.Float32(),
        "bool": pl.Boolean(),
        "texts": pl.List(pl.String()),
        "embedding": pl.Array(pl.Float32, 1),
    }


def build_frame(
    table: Table, columns: Mapping[str, Any] | pl.DataFrame, **constants: str | None
) -> pl.DataFrame:
    """Make a frame of a table from its interesting columns.

    Args:
        table: The declaration; it gives the types, so that empty columns have one too.
        columns: Column name to values, or a frame of them.
        constants: Columns that hold one value in all rows (`source`, `episode`).

    Returns:
        The frame with all declared columns; nullable ones that were not given are missing.
    """
    import polars as pl

    types = _dtypes()
    if not isinstance(columns, pl.DataFrame):
        plain = {c.name: types[c.kind] for c in table.columns if c.kind != "embedding"}
        overrides = {name: plain[name] for name in columns if name in plain}
        columns = pl.DataFrame(dict(columns), schema_overrides=overrides)
    constant = [
        pl.lit(constants.get(c.name), types[c.kind]).alias(c.name)
        for c in table.columns
        if c.name in constants or (c.nullable and c.name not in columns.columns)
    ]
    return columns.with_columns(constant).select([c.name for c in table.columns])


def check_frame(table: Table, frame: pl.DataFrame, where: str) -> pl.DataFrame:
    """Check a frame against its declaration and return it with the columns in declared order.

    Integers of other widths and 64-bit floats are cast; anything else must fit as it is.

    Args:
        table: The declaration.
        frame: The rows.
        where: What to call the frame in a message (a path, or the stage that made it).

    Raises:
        TableError: A column is missing, unknown or of another type, a value is missing or out of
            range, or a key occurs twice.
    """
    import polars as pl

    expected = [column.name for column in table.columns]
    missing = [name for name in expected if name not in frame.columns]
    unknown = [name for name in frame.columns if name not in expected]
    if missing or unknown:
        found = "; ".join(
            part
            for part in (
                f"missing: {', '.join(missing)}" if missing else "",
                f"not declared: {', '.join(unknown)}" if unknown else "",
            )
            if part
        )
        raise TableError(f"{where}: the columns do not fit table {table.name!r} ({found})")
    frame = frame.select(expected)
    casts = {
        column.name: _dtypes()[column.kind]
        for column in table.columns
        if not _matches(frame.schema[column.name], column.kind)
        and (
            (column.kind == "int" and frame.schema[column.name].is_integer())
            or (column.kind == "float" and frame.schema[column.name].is_numeric())
            or frame.schema[column.name] == pl.Null()
        )
    }
    if casts:
        try:
            frame = frame.cast(casts)  # type: ignore[arg-type]
        except pl.exceptions.PolarsError as error:
            raise TableError(
                f"{where}: columns of table {table.name!r} do not fit into 64 bits "
                f"({str(error).splitlines()[0]})"
            ) from error
    for column in table.columns:
        _check_column(table, column, frame[column.name], where)
    if table.key and frame.height and frame.select(table.key).is_duplicated().any():
        twice = frame.filter(frame.select(table.key).is_duplicated()).select(table.key).row(0)
        raise TableError(
            f"{where}: table {table.name!r} has two rows with the key "
            f"{', '.join(table.key)} = {', '.join(map(str, twice))}"
        )
    return frame


def _check_column(table: Table, column: Column, values: pl.Series, where: str) -> None:
    problem = ""
    if not _matches(values.dtype, column.kind):
        problem = f"is {values.dtype}, expected {column.kind}"
    elif not column.nullable and values.null_count():
        problem = f"lacks a value in row {values.is_null().arg_true()[0]}"
    elif column.choices and not values.drop_nulls().is_in(column.choices).all():
        row = (~values.is_in(column.choices)).fill_null(value=False).arg_true()[0]
        wanted = ", ".join(column.choices)
        problem = f"holds {values[row]!r} in row {row}, expected one of {wanted}"
    elif column.low is not None or column.high is not None:
        for wrong, bound in (
            (values.is_nan() if column.kind == "float" else None, "a number"),
            (values < column.low if column.low is not None else None, f"at least {column.low}"),
            (values > column.high if column.high is not None else None, f"at most {column.high}"),
        ):
            if wrong is not None and wrong.any():
                row = wrong.arg_true()[0]
                problem = f"holds {values[row]} in row {row}, expected {bound}"
                break
    if problem:
        raise TableError(f"{where}: column {column.name!r} of table {table.name!r} {problem}")
