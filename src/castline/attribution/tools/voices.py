"""How much a line sounds like what somebody says elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from castline.attribution.base import Floats, Ints
from castline.attribution.labelling import PropagationParams
from castline.attribution.series import has_voice
from castline.attribution.similarity import Workers, top_mean
from castline.attribution.tools.view import View

__all__ = ["Likeness", "VoiceLikeness", "compare_voices"]

_K = PropagationParams().k


@dataclass(frozen=True)
class Likeness:
    """How much a line sounds like somebody.

    Attributes:
        code: Who.
        similarity: Mean of the greatest cosines with lines of theirs, -1 to 1; None where there is
            no line to compare with.
        lines: How many lines are theirs so far.
    """

    code: int
    similarity: float | None
    lines: int


class VoiceLikeness:
    """Lines compared with everybody at once, which is faster than one by one.

    The similarity is that of propagation: the mean of the k largest cosines with the lines that are
    somebody's so far, k growing with their number; a line is not compared with itself.

    Args:
        view: The series.
        rows: (R,) lines that will be asked about, ascending.
    """

    def __init__(self, view: View, rows: Ints) -> None:
        self._rows = rows
        self.similarity: Floats = np.full((len(rows), len(view.names)), -np.inf, np.float32)
        """(R, V) similarity to everybody; minus infinity where there is nothing to compare."""
        voices = view.series.voices
        sounding = has_voice(voices)
        usable = [lines[sounding[lines]] for lines in view.spoken]

        def compare(code: int) -> Floats:
            return top_mean(voices, rows, usable[code], _K(len(usable[code])), zero_self=True)

        heard = [code for code, lines in enumerate(usable) if len(lines)]
        with Workers() as workers:
            found = workers.map(compare, heard, lambda code: len(usable[code]))
            for code, column in zip(heard, found, strict=True):
                self.similarity[:, code] = column
                if len(usable[code]) == 1:
                    self.similarity[rows == usable[code][0], code] = -np.inf
        self.similarity[~sounding[rows]] = -np.inf

    def of(self, row: int) -> Floats:
        """(V,) similarity of a line to everybody."""
        similar: Floats = self.similarity[int(np.searchsorted(self._rows, row))]
        return similar


def compare_voices(
    view: View, row: int, codes: Sequence[int], likeness: VoiceLikeness | None = None
) -> list[Likeness]:
    """How much a line sounds like each of some people, the most alike first.

    Args:
        view: The series.
        row: The line.
        codes: People: of the cast, or new voices.
        likeness: Where the line was compared already.
    """
    likeness = likeness or VoiceLikeness(view, np.array([row], np.int32))
    similar = likeness.of(row)
    told = [
        Likeness(
            code,
            float(similar[code]) if np.isfinite(similar[code]) else None,
            len(view.spoken[code]),
        )
        for code in codes
    ]
    return sorted(told, key=lambda each: 9.0 if each.similarity is None else -each.similarity)
