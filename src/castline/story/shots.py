"""Shots: where the picture is cut (PySceneDetect's adaptive detector, fed frame by frame)."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from castline.tables.catalog import table
from castline.tables.schema import build_frame

if TYPE_CHECKING:
    import polars as pl

__all__ = ["LAG", "SHORTEST_SHOT_S", "CutDetector", "shots_frame"]

SHORTEST_SHOT_S = 0.3
"""Shorter shots are joined to the one before; a flash of light is no cut."""

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
