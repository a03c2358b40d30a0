"""Whether the true speaker of a line is seen near it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from castline.tables.catalog import OTHERS

if TYPE_CHECKING:
    import polars as pl

__all__ = ["FACE_SCORE", "REACH_MS", "speaker_visible"]

REACH_MS = 20_000
"""How far from a line a face still counts, on both sides, inclusive."""
FACE_SCORE = 0.45
"""Least score of a face that counts, inclusive."""


def speaker_visible(
    frame: pl.DataFrame,
    faces: pl.DataFrame,
    *,
    reach_ms: int = REACH_MS,
    face_score: float = FACE_SCORE,
) -> pl.Series:
    """Whether a face of the speaker lies within reach of each line, on the clock of its episode.

    Args:
        frame: Lines: `episode`, `start_ms`, `end_ms`, and `person`, who speaks.
        faces: `episode`, `start_ms`, `end_ms`, `character` (missing: nobody known), `score`.
        reach_ms: How far a face may be from the line.
        face_score: Least score of a face that counts.

    Returns:
        Boolean, one value a row of `frame`; missing where `person` is missing or `others`.
        Time O(F log F) for F faces.
    """
    import polars as pl

    wanted = frame.select("episode", "person", "start_ms", "end_ms").with_row_index("row")
    wanted = wanted.filter(pl.col("person") != OTHERS)
    pairs = wanted.select("episode", "person").unique().with_row_index("pair")
    wanted = wanted.join(pairs, on=["episode", "person"])
    seen = (
        faces.filter(pl.col("score").cast(pl.Float32) >= pl.lit(face_score, pl.Float32))
        .select("episode", "start_ms", "end_ms", person="character")
        .join(pairs, on=["episode", "person"])
        .sort("pair", "start_ms")
    )
    near = np.zeros(wanted.height, np.bool_)
    if wanted.height and seen.height:
        first = wanted["start_ms"].to_numpy() - reach_ms
        last = wanted["end_ms"].to_numpy() + reach_ms
        starts, ends = seen["start_ms"].to_numpy(), seen["end_ms"].to_numpy()
        # One number line for all (episode, person) pairs, each on a stretch of its own.
        lowest = int(min(first.min(), starts.min()))
        stretch = int(max(last.max(), ends.max())) - lowest + 1
        place = seen["pair"].to_numpy().astype(np.int64) * stretch - lowest
        begin = wanted["pair"].to_numpy().astype(np.int64) * stretch - lowest
        # Of the faces that start in time, the one that lasts longest decides.
        latest = np.maximum.accumulate(place + ends)
        before = np.searchsorted(place + starts, begin + last, side="right") - 1
        near = (before >= 0) & (latest[before] >= begin + first)
    visible = np.full(frame.height, -1, np.int8)
    visible[wanted["row"].to_numpy()] = near
    known = pl.Series("visible", visible)
    return known.replace_strict({0: False, 1: True, -1: None}, return_dtype=pl.Boolean)
