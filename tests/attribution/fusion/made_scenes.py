"""Made series of a few lines, with everything given by hand or drawn."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from castline.attribution.base import NOBODY, Series
from castline.attribution.fusion.rows import Rows
from castline.attribution.nearness import FaceTimes, Timeline

Floats = npt.NDArray[np.float32]

NO_FACES = FaceTimes.none()


def series(
    spans_ms: list[tuple[int, int]],
    *,
    cast: int = 2,
    episode: list[int] | None = None,
    faces: FaceTimes = NO_FACES,
    voices: Floats | None = None,
) -> Series:
    """Lines from start to end, by default in one episode and with voices that have nothing in
    common."""
    n = len(spans_ms)
    start, end = np.array(spans_ms, np.int64).reshape(n, 2).T
    return Series(
        lines=tuple(f"e-{row}" for row in range(n)),
        episode=np.array(episode if episode is not None else [0] * n, np.int32),
        timeline=Timeline(start, end),
        faces=faces,
        voices=np.eye(n, dtype=np.float32) if voices is None else voices,
        cast=tuple(f"person {code}" for code in range(cast)),
        everywhere=np.zeros(cast, np.bool_),
        seeds=np.full(n, NOBODY, np.int32),
    )


def every_row(made: Series) -> Rows:
    """Everybody is a candidate for every line."""
    return Rows.of(np.ones((len(made.lines), len(made.cast) + 1), np.bool_))


def surely(*speaker: int, cast: int) -> Floats:
    """(N, cast + 1) labels without doubt."""
    return np.eye(cast + 1, dtype=np.float32)[list(speaker)]


def drawn(
    lines: int, *, cast: int, episodes: int = 1, silent: float = 0.1, seed: int = 0
) -> tuple[Series, Floats]:
    """A series and labels drawn at random: lines overlap, come out of order and may be voiceless.

    Returns:
        The series without faces, and (N, cast + 1) probabilities.
    """
    rng = np.random.default_rng(seed)
    start = np.cumsum(rng.integers(0, 6000, lines)) + rng.integers(-5000, 5000, lines)
    end = start + rng.integers(100, 6000, lines)
    voices = unit(rng, lines, 8)
    voices[rng.random(lines) < silent] = 0
    made = series(
        list(zip(start.tolist(), end.tolist(), strict=True)),
        cast=cast,
        episode=np.sort(np.arange(lines) % episodes).tolist(),
        voices=voices,
    )
    share = rng.dirichlet(np.full(cast + 1, 0.3), lines).astype(np.float32)
    return made, share


def unit(rng: np.random.Generator, rows: int, width: int) -> Floats:
    """Rows of norm 1 that are more alike than not."""
    drawn_rows = rng.standard_normal((rows, width)) + 0.5
    drawn_rows /= np.linalg.norm(drawn_rows, axis=1, keepdims=True)
    return drawn_rows.astype(np.float32)
