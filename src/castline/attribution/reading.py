"""Labels and candidates from the tables, as the method gave them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from castline.attribution.base import NOBODY, UNSURE, Attribution, Ints, Series
from castline.attribution.labels import is_new_voice
from castline.tables.catalog import UNKNOWN

if TYPE_CHECKING:
    import polars as pl

__all__ = ["attribution_of"]


def attribution_of(series: Series, labels: pl.DataFrame, candidates: pl.DataFrame) -> Attribution:
    """What a method found, from its tables.

    Of several speakers of a line the first counts. A line that has no label yet is unknown and all
    doubt. New voices keep their numbers.

    Args:
        series: What the method saw.
        labels: Table `labels` of all episodes.
        candidates: Table `candidates` of all episodes.
    """
    import polars as pl

    labels = labels.unique("line", keep="first", maintain_order=True)
    cast = {name: code for code, name in enumerate(series.cast)}
    names = {*labels["character"].unique(), *candidates["character"].unique()} - cast.keys()
    numbers = {int(name.rpartition("-")[2]): name for name in names if is_new_voice(name)}
    codes = cast | {name: len(cast) + number - 1 for number, name in numbers.items()}
    rows = pl.DataFrame({"line": series.lines}, schema={"line": pl.String}).with_row_index("row")
    listed = rows.join(candidates, on="line").sort("row", "rank")
    size = np.bincount(listed["row"].to_numpy(), minlength=len(rows))
    best = listed.group_by("line").agg(pl.col("score").max())
    told = rows
    for more in (labels.select("line", "character", "confidence", "reasons"), best):
        told = told.join(more, on="line", how="left", maintain_order="left")
    # An unknown line has no confidence of its own: how sure would the best guess be?
    sure = told["confidence"].fill_null(told["score"]).fill_null(0.0)
    return Attribution(
        code=_coded(told["character"].fill_null(UNKNOWN), codes),
        voices_found=max(numbers, default=0),
        offsets=np.concatenate([[0], np.cumsum(size)]),
        candidate=_coded(listed["character"], codes),
        score=listed["score"].to_numpy(),
        confidence=None if labels["confidence"].is_null().all() else sure.to_numpy(),
        reasons=tuple(tuple(each or ()) for each in told["reasons"].to_list()),
    )


def _coded(names: pl.Series, codes: dict[str, int]) -> Ints:
    """The code of each name; `NOBODY` for others, `UNSURE` for unknown."""
    import polars as pl

    known = {**codes, UNKNOWN: UNSURE}
    coded = names.replace_strict(known, default=NOBODY, return_dtype=pl.Int32)
    return coded.to_numpy()
