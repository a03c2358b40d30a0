"""What was seen in one part of a film, as rows of plain frames.

They become tables once all parts are there: rows and tracks are numbered from 0 in each part.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import polars as pl

__all__ = ["FaceRow", "PrintRow", "nothing_seen", "part_frame"]


class FaceRow(NamedTuple):
    """One face in one picture; `box` is (4,) in pixels of the picture that was searched."""

    time_ms: int
    box: npt.NDArray[np.float32]
    track: int
    score: float
    sharpness: float


class PrintRow(NamedTuple):
    """What the face of a row looks like; `embedding` is (size,)."""

    row: int
    quality: float
    embedding: npt.NDArray[np.float32]


_COLUMNS: dict[str, dict[str, type]] = {
    "cuts": {"time_ms": int},
    "faces": {
        "time_ms": int, "left": int, "top": int, "right": int, "bottom": int,
        "track": int, "score": float, "sharpness": float,
    },
    "faceprints": {"row": int, "quality": float, "embedding": list},
    "motion": {"track": int, "time_ms": int, "opening": float, "motion": float},
    "readings": {
        "start_ms": int, "end_ms": int, "text": str, "top": float, "bottom": float, "score": float,
    },
    "problems": {"problem": str},
}  # fmt: skip


def part_frame(name: str, rows: Sequence[Sequence[object]], size: int = 1) -> pl.DataFrame:
    """Rows of one kind as a frame; `size` is that of embeddings."""
    import polars as pl

    kinds: dict[type, pl.DataType | type[pl.DataType]] = {
        int: pl.Int64,
        float: pl.Float32,
        str: pl.String,
        list: pl.Array(pl.Float32, size),
    }
    schema = {column: kinds[kind] for column, kind in _COLUMNS[name].items()}
    return pl.DataFrame(list(rows), schema=schema, orient="row")


def nothing_seen() -> dict[str, pl.DataFrame]:
    """What `look_at_part` gives for a film without pictures."""
    return {name: part_frame(name, []) for name in _COLUMNS}
