"""Sections: about ten clips each, parted where the captions on both sides are least alike."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated

import msgspec
import numpy as np
import numpy.typing as npt

__all__ = ["SectionSettings", "part_clips"]

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class SectionSettings:
    """How long sections are.

    Attributes:
        clips: Clips that a section has on average; it may have half as many or as many again and
            a half.
    """

    clips: Annotated[int, msgspec.Meta(ge=2)] = 10

    @property
    def fewest(self) -> int:
        """Least number of clips."""
        return self.clips // 2

    @property
    def most(self) -> int:
        """Greatest number of clips."""
        return self.clips + self.clips // 2


def part_clips(embeddings: Floats, settings: SectionSettings) -> list[tuple[int, int]]:
    """Part the clips of an episode into sections.

    Of all ways to part them into so many sections of allowed length, the one whose borders run
    between the least alike neighbours is taken: their likenesses have the smallest sum.

    Args:
        embeddings: (n, d) what the caption of each clip says, in order of time, of norm 1.
        settings: How long sections are.

    Returns:
        First clip and the one after the last of each section.
    """
    count = len(embeddings)
    if count == 0:
        return []
    likeness = (embeddings[1:] * embeddings[:-1]).sum(1)
    parts = max(1, round(count / settings.clips))
    return list(pairwise([0, *_cheapest(likeness, parts, settings), count]))


def _cheapest(likeness: Floats, parts: int, settings: SectionSettings) -> list[int]:
    """The borders (indices of the clip after each) whose likenesses have the smallest sum."""
    count = len(likeness) + 1
    # best[k, i]: smallest sum of the borders when the first i clips make k sections.
    best = np.full((parts + 1, count + 1), np.inf)
    came = np.zeros((parts + 1, count + 1), np.int64)
    best[0, 0] = 0
    fewest = min(settings.fewest, count)
    for part in range(1, parts + 1):
        for end in range(fewest, count + 1):
            low, high = max(0, end - settings.most), end - fewest + 1
            at = low + int(best[part - 1, low:high].argmin())
            border = likeness[end - 1] if end < count else 0.0
            best[part, end] = best[part - 1, at] + border
            came[part, end] = at
    borders = []
    end = count
    for part in range(parts, 1, -1):
        end = int(came[part, end])
        borders.append(end)
    return borders[::-1]
