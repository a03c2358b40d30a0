"""Who is seen while a line is spoken and around it, how large, and whose mouth moves."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from castline.attribution.base import NOBODY, Mouths
from castline.attribution.tools.view import Places, View

__all__ = ["Sighting", "faces_around"]

Times = npt.NDArray[np.int64]

_REACH_MS = 20_000
"""Somebody who is seen no farther off than this may well be in the scene."""


@dataclass(frozen=True)
class Sighting:
    """Somebody who is seen around a line.

    Attributes:
        code: Who; `NOBODY` for all faces without a name together.
        during: Whether a face is seen while the line is spoken.
        before_s: Seconds from the last face before the line to its start; None where there is none.
        after_s: Seconds from its end to the next face; None where there is none.
        faces: How many faces were measured around the line.
        size: Height of the largest face during the line, or else of all, as a multiple of what is
            usual in the series; None where it was not measured.
        mouth: Logarithm of the odds that this mouth speaks the line; None where it is not seen.
    """

    code: int
    during: bool
    before_s: float | None
    after_s: float | None
    faces: int
    size: float | None
    mouth: float | None


def faces_around(view: View, row: int, reach_ms: int = _REACH_MS) -> list[Sighting]:
    """Who is seen around a line: those during it first, then the nearest.

    Args:
        view: The series.
        row: The line.
        reach_ms: How far before and after it.
    """
    faces = view.series.faces
    start = int(view.series.timeline.start_ms[row])
    end = int(view.series.timeline.end_ms[row])
    place = view.faces_between(start - reach_ms, end + reach_ms)
    moving = _moving(view.series.mouths, row)
    told = []
    for code in sorted(set(faces.character[place].tolist()) | set(moving)):
        own = place[faces.character[place] == code]
        before = start - faces.end_ms[own]
        after = faces.start_ms[own] - end
        during = (before <= 0) & (after <= 0)
        told.append(
            Sighting(
                code=code,
                during=bool(during.any()) or code in moving,
                before_s=_least(before[before > 0]),
                after_s=_least(after[after > 0]),
                faces=len(own),
                size=_size(view, own[during] if during.any() else own),
                mouth=moving.get(code),
            )
        )
    return sorted(told, key=_rank)


def _rank(seen: Sighting) -> tuple[bool, bool, float]:
    gaps = [gap for gap in (seen.before_s, seen.after_s) if gap is not None]
    return not seen.during, seen.code == NOBODY, min(gaps, default=0.0)


def _least(gaps_ms: Times) -> float | None:
    return int(gaps_ms.min()) / 1000 if len(gaps_ms) else None


def _moving(mouths: Mouths | None, row: int) -> dict[int, float]:
    """The mouths that are seen in a line: whose, and the log odds of each."""
    if mouths is None:
        return {}
    low, high = np.searchsorted(mouths.line, [row, row + 1])
    pairs = zip(
        mouths.character[low:high].tolist(), mouths.log_odds[low:high].tolist(), strict=True
    )
    return dict(pairs)


def _size(view: View, faces: Places) -> float | None:
    """Height of the largest of some faces, as a multiple of the usual one."""
    box = view.series.faces.box
    if box is None or view.face_height is None or not len(faces):
        return None
    heights = box[faces, 3] - box[faces, 1]
    heights = heights[np.isfinite(heights)]
    return float(heights.max()) / view.face_height if len(heights) else None
