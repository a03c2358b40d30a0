"""How much each shot looks like the one before, by its first, middle and last picture.

What a picture looks like is told by an embedder. The one that is built in needs no model: it keeps
the colours of the picture and its coarse light and dark. Others can take its place.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
import numpy.typing as npt

from castline.story.pictures import pictures_at
from castline.tables.catalog import table
from castline.tables.schema import build_frame

if TYPE_CHECKING:
    import polars as pl

__all__ = ["ColoursAndShades", "PictureEmbedder", "likeness_frame", "shot_likeness"]

Floats = npt.NDArray[np.float32]
Pixels = npt.NDArray[np.uint8]

_LEVELS = 4
"""Shades of each colour that are told apart."""
_GRID = (9, 16)
"""Rows and columns of the fields whose light is compared."""
_PICTURES = 3
"""Pictures of a shot that are looked at: the first, the middle and the last."""


class PictureEmbedder(Protocol):
    """Says what a picture looks like.

    Attributes:
        name: What the tables call it; another name when it would give other numbers.
        height: Rows of the pictures that it wants.
    """

    name: str
    height: int

    def embed(self, picture: Pixels) -> Floats:
        """Describe a picture, (h, w, 3) RGB.

        Returns:
            (d,) of norm 1; pictures that look alike have a large dot product.
        """


class ColoursAndShades:
    """Which colours there are, and where it is light and dark; both count the same."""

    name = "colours-and-shades"
    height = 36

    def embed(self, picture: Pixels) -> Floats:
        """Describe a picture. See `PictureEmbedder`."""
        both: Floats = np.concatenate([_colours(picture), _shades(picture)])
        return both * np.float32(0.5**0.5)


def _colours(picture: Pixels) -> Floats:
    """(64,) root of the share of each colour: the dot product is the overlap of histograms."""
    levels = picture.reshape(-1, 3).astype(np.int64) * _LEVELS // 256
    codes = levels @ np.array([_LEVELS**2, _LEVELS, 1])
    counts = np.bincount(codes, minlength=_LEVELS**3)
    return np.sqrt(counts / max(1, len(codes))).astype(np.float32)


def _shades(picture: Pixels) -> Floats:
    """(144,) mean light of each field against that of the whole, of norm 1."""
    light = picture.astype(np.float32).mean(2)
    rows = [part.mean(0) for part in np.array_split(light, _GRID[0])]
    fields = np.stack([[f.mean() for f in np.array_split(row, _GRID[1])] for row in rows]).ravel()
    fields -= fields.mean()
    norm = float(np.linalg.norm(fields))
    if norm < 1e-3 * len(fields):  # one even field: all such pictures are alike
        return np.full(len(fields), 1 / np.sqrt(len(fields)), np.float32)
    return (fields / norm).astype(np.float32)


def shot_likeness(
    path: Path, spans: Iterable[tuple[int, int]], embedder: PictureEmbedder
) -> list[float | None]:
    """How much each shot looks like the one before.

    Args:
        path: The film.
        spans: Start and end of each shot in milliseconds, in order.
        embedder: Says what a picture looks like.

    Returns:
        Mean of the dot products of the first, middle and last pictures, -1 to 1; None in the first.

    Raises:
        InputError: The film cannot be read.
    """
    spans = list(spans)
    times = [t for start, end in spans for t in (start, (start + end) // 2, end - 1)]
    pictures = pictures_at(path, times)
    rows = [embedder.embed(frame.picture(embedder.height)) for frame in pictures]
    if not rows:
        return [None] * len(spans)
    shots = np.stack(rows).reshape(len(spans), -1)
    alike = (shots[1:] * shots[:-1]).sum(1) / _PICTURES
    return [None, *np.clip(alike, -1, 1).tolist()]


def likeness_frame(
    shots: pl.DataFrame, likenesses: list[float | None], *, episode: str, source: str
) -> pl.DataFrame:
    """The table `shot_likeness` of an episode."""
    columns = {"shot": shots["shot"], "likeness": likenesses}
    return build_frame(table("shot_likeness"), columns, episode=episode, source=source)
