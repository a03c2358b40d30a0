"""Clips: shots that look alike, joined until there is enough to see, and not too much.

How alike two neighbours must be to be joined is a quantile of the series' own likenesses, so that
a film shot in one room and one shot all over a town are both cut into clips of a few seconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, NamedTuple

import msgspec
import numpy as np

from castline.tables.catalog import table
from castline.tables.schema import build_frame

if TYPE_CHECKING:
    import polars as pl

__all__ = ["ClipSettings", "alike_clips", "alike_threshold"]

_UNLIKE = -2.0
"""Less alike than any two shots."""


@dataclass(frozen=True)
class ClipSettings:
    """How shots are joined.

    Attributes:
        alike: Share of all neighbouring shots of the series that count as alike.
        shortest_ms: Shorter clips are joined to a neighbour where that does not get too long.
        longest_ms: No clip is longer; longer shots are cut into equal ones.
    """

    alike: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.5
    shortest_ms: Annotated[int, msgspec.Meta(ge=0)] = 5_000
    longest_ms: Annotated[int, msgspec.Meta(ge=1_000)] = 10_000


class _Clip(NamedTuple):
    """A run of shots, and how alike its first is to the shot before it."""

    start: int
    end: int
    shots: int
    likeness: float

    def with_next(self, after: _Clip) -> _Clip:
        """The clip that it makes together with the next one."""
        return _Clip(self.start, after.end, self.shots + after.shots, self.likeness)


def alike_threshold(likenesses: Sequence[pl.Series], alike: float) -> float:
    """From which likeness on two neighbouring shots are alike.

    Args:
        likenesses: Column `likeness` of each episode of the series.
        alike: Share of all neighbours that are to be alike, 0 to 1.

    Returns:
        The threshold; infinite where there are no two shots.
    """
    values = np.concatenate([each.drop_nulls().to_numpy() for each in likenesses] or [np.zeros(0)])
    return float(np.quantile(values, 1 - alike)) if len(values) else float("inf")


def alike_clips(
    shots: pl.DataFrame,
    likeness: pl.DataFrame,
    threshold: float,
    settings: ClipSettings,
    *,
    episode: str,
    source: str,
) -> pl.DataFrame:
    """The table `clips` of an episode, made by likeness.

    Args:
        shots: Table `shots`.
        likeness: Table `shot_likeness`.
        threshold: See `alike_threshold`.
        settings: How to join.
        episode: The episode.
        source: Who says what is alike.
    """
    rows = shots.join(likeness.select("shot", "likeness"), on="shot", how="left").sort("start_ms")
    clips = [
        _Clip(start, end, 1, _UNLIKE if alike is None else alike)
        for start, end, alike in rows.select("start_ms", "end_ms", "likeness").iter_rows()
    ]
    joined = _join_short(_join_alike(clips, threshold, settings.longest_ms), settings)
    cut = [
        (low, high, clip.shots)
        for clip in joined
        for low, high in _equal_pieces(clip.start, clip.end, settings.longest_ms)
    ]
    return build_frame(
        table("clips"),
        {
            "clip": [f"{episode}-c{number:05d}" for number in range(1, len(cut) + 1)],
            "start_ms": [low for low, _, _ in cut],
            "end_ms": [high for _, high, _ in cut],
            "shots": [shots_in for _, _, shots_in in cut],
        },
        episode=episode,
        source=source,
    )


def _join_alike(clips: list[_Clip], threshold: float, longest_ms: int) -> list[_Clip]:
    """Join neighbours that are alike, from the first on, while the clip is not too long."""
    joined = clips[:1]
    for clip in clips[1:]:
        if clip.likeness >= threshold and clip.end - joined[-1].start <= longest_ms:
            joined[-1] = joined[-1].with_next(clip)
        else:
            joined.append(clip)
    return joined


def _join_short(clips: list[_Clip], settings: ClipSettings) -> list[_Clip]:
    """Join what is too short to the neighbour that is more alike."""
    joined = list(clips)
    at = 0
    while at < len(joined):
        sides = [
            first
            for first in (at - 1, at)
            if 0 <= first < len(joined) - 1
            and joined[first + 1].end - joined[first].start <= settings.longest_ms
        ]
        if joined[at].end - joined[at].start >= settings.shortest_ms or not sides:
            at += 1
            continue
        at = max(sides, key=lambda first: joined[first + 1].likeness)
        joined[at : at + 2] = [joined[at].with_next(joined[at + 1])]
    return joined


def _equal_pieces(start: int, end: int, longest_ms: int) -> list[tuple[int, int]]:
    """Cut a span into the fewest equal pieces none of which is too long."""
    pieces = max(1, -(-(end - start) // longest_ms))
    edges = [start + (end - start) * piece // pieces for piece in range(pieces + 1)]
    return list(pairwise(edges))
