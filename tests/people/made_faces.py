"""Invented people for tests: unit embeddings around a centre each, and tables that hold them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from castline.tables.catalog import table
from castline.tables.schema import build_frame, check_frame

Floats = npt.NDArray[np.float32]
SIZE = 64


@dataclass
class People:
    """People whose embeddings share a common part, as those of real face engines do.

    Attributes:
        base: Cosine of two different people, about.
        same: Cosine of two faces of one person, about.
    """

    base: float
    same: float
    seed: int = 0
    _rng: np.random.Generator = field(init=False)
    _centres: dict[str, Floats] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self._rng = np.random.default_rng(self.seed)
        self._shared = self._direction()

    def faces(self, name: str, count: int) -> Floats:
        """(count, SIZE) faces of that person."""
        if name not in self._centres:
            self._centres[name] = self._direction()
        own, shared = np.sqrt(self.same - self.base), np.sqrt(self.base)
        noise = np.stack([self._direction() for _ in range(count)])
        rows = shared * self._shared + own * self._centres[name]
        return _unit(rows + np.sqrt(1 - self.same) * noise)

    def _direction(self) -> Floats:
        return _unit(self._rng.normal(size=SIZE))


def _unit(rows: npt.NDArray[Any]) -> Floats:
    unit: Floats = (rows / np.linalg.norm(rows, axis=-1, keepdims=True)).astype(np.float32)
    return unit


def portraits(rows: Sequence[tuple[str, str, Floats]], *, origin: str = "given") -> pl.DataFrame:
    """Table `portraits` from (portrait, character, embedding)."""
    columns = {
        "portrait": [row[0] for row in rows],
        "character": [row[1] for row in rows],
        "origin": [origin] * len(rows),
        "quality": [0.9] * len(rows),
        "embedding": _embeddings([row[2] for row in rows]),
    }
    return build_frame(table("portraits"), columns, source="test")


@dataclass
class Film:
    """Tables `faces` and `faceprints`, filled track by track."""

    _faces: list[tuple[str, str, int, str]] = field(default_factory=list)
    _prints: list[tuple[str, str, str, float, Floats]] = field(default_factory=list)

    def track(
        self, name: str, rows: Floats, *, at: int, episode: str = "0001", quality: float = 0.9
    ) -> None:
        """A track of faces, one a second from `at` seconds on."""
        for number, row in enumerate(rows):
            face = f"{episode}-{name}-{number}"
            self._faces.append((face, episode, (at + number) * 1000, name))
            self._prints.append((face, episode, name, quality, row))

    @property
    def faces(self) -> pl.DataFrame:
        times = [row[2] for row in self._faces]
        columns = {
            "face": [row[0] for row in self._faces],
            "episode": [row[1] for row in self._faces],
            "start_ms": times,
            "end_ms": times,
            "track": [row[3] for row in self._faces],
        }
        return check_frame(
            table("faces"), build_frame(table("faces"), columns, source="test"), "test"
        )

    @property
    def faceprints(self) -> pl.DataFrame:
        columns = {
            "face": [row[0] for row in self._prints],
            "episode": [row[1] for row in self._prints],
            "track": [row[2] for row in self._prints],
            "quality": [row[3] for row in self._prints],
            "embedding": _embeddings([row[4] for row in self._prints]),
        }
        return build_frame(table("faceprints"), columns, source="test")


def _embeddings(rows: Sequence[Floats]) -> pl.Series:
    size = len(rows[0]) if rows else SIZE
    return pl.Series([row.tolist() for row in rows], dtype=pl.Array(pl.Float32, size))


def names_of(frame: pl.DataFrame, faces: pl.DataFrame) -> dict[str, str | None]:
    """Track to character, from `face_names` and `faces`."""
    joined = frame.join(faces.select("face", "track"), on="face")
    return dict(joined.select("track", "character").iter_rows())
