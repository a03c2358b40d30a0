"""Who is taken for whom."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from castline.attribution.evaluation.results import Confusion
from castline.tables.catalog import OTHERS, UNKNOWN

if TYPE_CHECKING:
    from castline.attribution.evaluation.sheet import Sheet

__all__ = ["count_confusion"]


def count_confusion(sheet: Sheet, *, largest: int = 15, pairs: int = 30) -> Confusion:
    """Count true speakers against main labels, over lines that one person speaks.

    Args:
        sheet: The lines.
        largest: How many characters get a row of their own; those who speak most.
        pairs: How many mistakes are listed.
    """
    import polars as pl

    label = (
        pl.when(pl.col("label_known") | (pl.col("label") == UNKNOWN))
        .then("label")
        .otherwise(pl.lit(OTHERS))
    )
    counted = (
        sheet.frame.filter(pl.col("person").is_not_null())
        .group_by("person", label.alias("label"))
        .agg(pl.len().alias("lines"))
    )
    spoken = (
        counted.filter(pl.col("person") != OTHERS)
        .group_by("person")
        .agg(pl.col("lines").sum())
        .sort("lines", "person", descending=[True, False])
    )
    characters = tuple(spoken["person"].head(largest))
    k = len(characters)
    place = {name: i for i, name in enumerate(characters)} | {OTHERS: k + 1, UNKNOWN: k + 2}
    matrix = np.zeros((k + 3, k + 3), np.int64)
    for person, named, lines in counted.iter_rows():
        matrix[place.get(person, k), place.get(named, k)] += lines
    wrong = counted.filter(pl.col("person") != pl.col("label")).sort(
        "lines", "person", "label", descending=[True, False, False]
    )
    return Confusion(
        characters=characters,
        counts=tuple(tuple(row) for row in matrix[:-1].tolist()),
        pairs=tuple(wrong.head(pairs).iter_rows()),
    )
