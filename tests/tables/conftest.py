"""Rows that fit a declaration, made from the declaration alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

if TYPE_CHECKING:
    from castline.tables.schema import Column, Table

Example = Callable[["Table", int], pl.DataFrame]


def _values(column: Column, rows: int) -> pl.Series:
    values: list[Any]
    dtype: pl.DataType
    if column.kind == "text":
        choices = column.choices or tuple(f"{column.name}, '甄嬛'·{row}\n" for row in range(rows))
        dtype, values = pl.String(), [choices[row % len(choices)] for row in range(rows)]
    elif column.kind == "texts":
        dtype, values = pl.List(pl.String()), [["a", ""][: row % 3] for row in range(rows)]
    elif column.kind == "bool":
        dtype, values = pl.Boolean(), [row % 2 == 0 for row in range(rows)]
    elif column.kind == "embedding":
        dtype, values = pl.Array(pl.Float32, 3), [[row, 0.5, -1.0] for row in range(rows)]
    else:
        low = column.low if column.low is not None else -5
        high = column.high if column.high is not None else low + rows
        step = (high - low) / max(1, rows)
        dtype = pl.Int64() if column.kind == "int" else pl.Float32()
        values = [low + row * step for row in range(rows)]
        values = [int(value) for value in values] if column.kind == "int" else values
    if column.nullable and rows > 2:
        values[2] = None
    return pl.Series(column.name, values, dtype=dtype)


@pytest.fixture(scope="session")
def example() -> Example:
    """Makes frames of any table with any number of rows."""
    return lambda table, rows: pl.DataFrame([_values(column, rows) for column in table.columns])
