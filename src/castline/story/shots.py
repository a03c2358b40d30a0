"""Shots: where the picture is cut (PySceneDetect's adaptive detector, fed frame by frame)."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from castline.tables.catalog import table
from castline.tables.schema import build_frame

if TYPE_CHECKING:
    import polars as pl

__all__ = [
    "CUT_DETECTOR",
    "LAG",
    "LONGEST_CLIP_MS",
    "SHORTEST_CLIP_MS",
    "SHORTEST_SHOT_S",
    "CutDetector",
    "clips_frame",
    "shots_frame",
]

CUT_DETECTOR = "pyscenedetect"
"""Who says where shots begin."""

SHORTEST_SHOT_S = 0.3
"""Shorter shots are joined to the one before; a flash of light is no cut."""

SHORTEST_CLIP_MS = 2_000
"""Shorter shots are joined to their neighbours to make a clip."""
LONGEST_CLIP_MS = 6_000
"""Longer shots are cut into equal clips."""

LAG = 2
"""Frames after a cut that must be seen before it is known: half the detector's window."""


class CutDetector:
    """Tells of each frame whether a shot begins with it, `LAG` frames late.

    A cut is a frame whose change of hue, saturation and brightness stands out from that of the two
    frames before and after (PySceneDetect `AdaptiveDetector`, its default limits), so that a pan or
    a shaking camera makes none.

    Args:
        rate: Frames a second, for the shortest shot.
    """

    def __init__(self, rate: Fraction) -> None:
        from scenedetect.detectors import AdaptiveDetector

        self._rate = float(rate)
        shortest = max(1, round(SHORTEST_SHOT_S * self._rate))
        self._detector: Any = AdaptiveDetector(min_scene_len=shortest, window_width=LAG)
        self._fed = 0
        self._padding = 0

    def feed(self, picture: npt.NDArray[np.uint8]) -> bool:
        """Take the next frame, (h, w, 3) BGR; tell whether the frame `LAG` before it is a cut."""
        if self._fed == 0:
            # A window of equal frames before the first, so that the second may be a cut already.
            for _ in range(LAG + 1):
                self._feed(picture)
            self._padding = LAG + 1
        return self._feed(picture)

    def _feed(self, picture: npt.NDArray[np.uint8]) -> bool:
        from scenedetect import FrameTimecode

        cuts = self._detector.process_frame(FrameTimecode(self._fed, self._rate), picture)
        self._fed += 1
        return any(cut.frame_num - self._padding >= 0 for cut in cuts)


def shots_frame(cuts_ms: list[int], duration_ms: int, episode: str, source: str) -> pl.DataFrame:
    """The table `shots`: from the first moment to the last, parted at the cuts.

    Args:
        cuts_ms: Times of the first frames of shots, in any order.
        duration_ms: Length of the film.
        episode: The episode.
        source: The detector.
    """
    inside = sorted({cut for cut in cuts_ms if 0 < cut < duration_ms})
    starts = [0, *inside] if duration_ms > 0 else []
    ends = [*inside, duration_ms] if duration_ms > 0 else []
    return build_frame(
        table("shots"),
        {
            "shot": [f"{episode}-s{number:05d}" for number in range(1, len(starts) + 1)],
            "start_ms": starts,
            "end_ms": ends,
        },
        episode=episode,
        source=source,
    )


def clips_frame(shots: pl.DataFrame, episode: str, source: str) -> pl.DataFrame:
    """The table `clips`: what can be looked at or described in one go.

    Args:
        shots: The table `shots` of the episode.
        episode: The episode.
        source: What made them.
    """
    joined: list[list[int]] = []  # start, end, shots
    for start, end in shots.select("start_ms", "end_ms").iter_rows():
        if joined and joined[-1][1] - joined[-1][0] < SHORTEST_CLIP_MS:
            joined[-1][1:] = [end, joined[-1][2] + 1]
        else:
            joined.append([start, end, 1])
    if len(joined) > 1 and joined[-1][1] - joined[-1][0] < SHORTEST_CLIP_MS:
        _, end, count = joined.pop()
        joined[-1][1:] = [end, joined[-1][2] + count]
    rows: list[tuple[int, int, int]] = []
    for start, end, count in joined:
        pieces = max(1, -(-(end - start) // LONGEST_CLIP_MS))
        edges = [start + (end - start) * piece // pieces for piece in range(pieces + 1)]
        rows += [(low, high, count) for low, high in pairwise(edges)]
    return build_frame(
        table("clips"),
        {
            "clip": [f"{episode}-c{number:05d}" for number in range(1, len(rows) + 1)],
            "start_ms": [row[0] for row in rows],
            "end_ms": [row[1] for row in rows],
            "shots": [row[2] for row in rows],
        },
        episode=episode,
        source=source,
    )
