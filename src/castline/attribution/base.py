"""What every method of attribution gets and gives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from castline.attribution.nearness import FaceTimes, Timeline

__all__ = [
    "HELD",
    "NOBODY",
    "UNSURE",
    "Attribution",
    "Method",
    "Mouths",
    "Progress",
    "Series",
    "TablesOnly",
]

Ints = npt.NDArray[np.int32]
Floats = npt.NDArray[np.float32]
Progress = Callable[[int, int], None]

NOBODY = -1
"""Code of a line that nobody of the cast speaks (`others`), and of a line without a seed."""
HELD = -2
"""Seed code of a line that is known to be nobody's of the cast: it takes no part."""
UNSURE = -3
"""Code of a line whose speaker cannot be told from what there is (`unknown`)."""


@dataclass(frozen=True)
class Mouths:
    """Mouths that are seen while lines are spoken: M pairs of a line and a person.

    Attributes:
        line: (M,) row of the line, ascending.
        character: (M,) code of the person, or `NOBODY` for a face without a name.
        log_odds: (M,) natural logarithm of the odds that this mouth speaks the line.
        share: (M,) share of the line during which it is seen, 0 to 1.
    """

    line: Ints
    character: Ints
    log_odds: Floats
    share: Floats


@dataclass(frozen=True)
class Series:
    """What a method may see of a series. The truth is not in it.

    N lines, F faces, C members of the cast, D numbers a voiceprint.

    Attributes:
        lines: (N,) line ids in order.
        episode: (N,) index of the episode of each line.
        timeline: When the lines are spoken, on one clock for the whole series.
        faces: Faces on the same clock, in the order in which they were measured.
        voices: (N, D) voiceprints of norm 1; a row of zeros where there is none.
        cast: The C names; their index is their code.
        everywhere: (C,) true for narrators, who may speak anywhere.
        seeds: (N,) code of the known speaker, `NOBODY`, or `HELD`.
        mouths: Whose mouth moves with which line; None where mouths were not measured.
        texts: (N,) what is said.
        forms: (C,) by what names each of the cast may be called.
        strength: (N,) norm of each voiceprint as it was measured, over the series' median; 1 where
            an engine gives norm 1, 0 where there is no voiceprint.
        relations: Codes of two of the cast, and what the first is to the second.
        seeds_given: Whether people gave the seeds; if not, they were found by faces and voices.
    """

    lines: tuple[str, ...]
    episode: Ints
    timeline: Timeline
    faces: FaceTimes
    voices: Floats
    cast: tuple[str, ...]
    everywhere: npt.NDArray[np.bool_]
    seeds: Ints
    mouths: Mouths | None = None
    texts: tuple[str, ...] = ()
    forms: tuple[tuple[str, ...], ...] = ()
    strength: Floats | None = None
    relations: tuple[tuple[int, int, str], ...] = ()
    seeds_given: bool = True


@dataclass(frozen=True)
class Attribution:
    """Who speaks each line.

    Attributes:
        code: (N,) code of the speaker; from C upward new voices in order of discovery;
            `NOBODY` for others, `UNSURE` for unknown.
        voices_found: Number of new voices.
        offsets: (N + 1,) where the candidates of each line begin in the two arrays below.
        candidate: Codes of the candidates, best first within a line; the first need not be the
            speaker.
        score: Their scores, higher is better.
        confidence: (N,) probability, 0 to 1, that the speaker is right; None for a method that
            cannot tell.
        reasons: For each line what decided it, in words; None for the usual ones.
        warnings: What is missing in the series and what that costs, in sentences.
        passes: (N,) the pass that decided each line, from 1; 0 for what was there before the first.
            None for a method without passes that tell.
    """

    code: Ints
    voices_found: int
    offsets: npt.NDArray[np.int64]
    candidate: Ints
    score: Floats
    confidence: Floats | None = None
    reasons: tuple[tuple[str, ...], ...] | None = None
    warnings: tuple[str, ...] = ()
    passes: Ints | None = None


class Method(Protocol):
    """A method of attribution; registered by name in `castline.attribution`.

    Attributes:
        name: Its name in commands and tables.
        version: Raised when it would label otherwise.
        parameters: Frozen dataclass of its settings, all with defaults. Texts that are paths say so
            in the metadata of their field (`path`).
        seeded: Whether it looks at seeds.
    """

    name: str
    version: int
    parameters: type[Any]
    seeded: bool

    def attribute(
        self, series: Series, parameters: Any, progress: Progress | None = None
    ) -> Attribution:
        """Label every line."""
        ...

    def rests_on(self, parameters: Any) -> dict[str, str]:
        """Digests of what it reads besides the tables, by name: a trained model."""
        ...


class TablesOnly:
    """A method that reads nothing but tables."""

    def rests_on(self, parameters: Any) -> dict[str, str]:  # noqa: ARG002 - see `Method`
        """Nothing. See `Method`."""
        return {}
