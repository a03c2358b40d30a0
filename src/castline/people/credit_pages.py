"""The writing of a film's credits, page by page."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from castline.engines.base import TextFound, TextReader

__all__ = ["read_credits"]

PAGE_MS = 1000
"""Credits are looked at this often: nobody could read faster."""

CHANGED = 4.0
"""Mean change of brightness, of 255, from which a picture is another page."""


def read_credits(
    film: Path,
    reader: TextReader,
    start_ms: int,
    end_ms: int,
    *,
    progress: Callable[[int, int], None] | None = None,
) -> list[list[TextFound]]:
    """Read what stands in a stretch of a film.

    Args:
        film: The film.
        reader: Reads writing.
        start_ms: Where credits begin.
        end_ms: Where they end.
        progress: Called with (milliseconds looked at, milliseconds in all).

    Returns:
        The lines of each page; a page that stands still is read once, and a roll of credits once a
        second, so that most of its lines come several times.

    Raises:
        InputError: The film cannot be read.
    """
    from castline.media.frames import index_frames, plan_parts, read_frames

    pages: list[list[TextFound]] = []
    last: npt.NDArray[np.uint8] | None = None
    due = start_ms
    for part in plan_parts(index_frames(film), PAGE_MS / 1000):
        if part.start_ms >= end_ms or (part.end_ms is not None and part.end_ms <= start_ms):
            continue
        for frame in read_frames(film, part):
            if not due <= frame.time_ms < end_ms:
                continue
            due = frame.time_ms + PAGE_MS
            small = frame.small()
            if last is not None and _change(last, small) < CHANGED:
                continue
            last = small
            pages.append(reader.read(frame.picture()))
            if progress is not None:
                progress(frame.time_ms - start_ms, end_ms - start_ms)
    return pages


def _change(one: npt.NDArray[np.uint8], other: npt.NDArray[np.uint8]) -> float:
    return float(np.abs(one.astype(np.int16) - other).mean())
