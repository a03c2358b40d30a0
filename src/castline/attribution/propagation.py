"""Label propagation: from a few lines whose speaker is known to all lines of a series.

A line may be given to a character who is near it (`nearness`) and whom it sounds like
(`similarity`); groups of neighbouring lines that sound alike are judged together (`groups`), and a
group that sounds like nobody near becomes a new voice. The demands start high and are lowered step
by step, so certain lines become references for doubtful ones.

This is the propagation of DramaSR-LRM ("affinity propagation with window"), label for label, with
its rules of counting and overwriting, from the description of its released program. It differs in
how it computes: no N x N similarities, but a bound for each line near each character and, where it
reaches the threshold, the largest few, kept up as labels arrive.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from castline.attribution.base import NOBODY, Attribution, Progress, Series, TablesOnly
from castline.attribution.candidates import score_candidates
from castline.attribution.labelling import Labelling, PropagationParams, short_line_bonus
from castline.attribution.nearness import FaceTimes, Nearness, Timeline
from castline.attribution.similarity import Workers
from castline.errors import UsageError

__all__ = [
    "METHOD",
    "PropagationMethod",
    "PropagationParams",
    "propagate",
    "short_line_bonus",
]

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int32]


def propagate(
    timeline: Timeline,
    faces: FaceTimes,
    voices: Floats,
    seeds: Ints,
    everywhere: Bools,
    duration_ms: npt.NDArray[np.int64],
    params: PropagationParams | None = None,
    *,
    progress: Callable[[int, int], None] | None = None,
) -> Attribution:
    """Spread the speakers of a few lines over all lines of a series.

    Args:
        timeline: N lines in series order, on one clock for all episodes.
        faces: Faces on the same clock, in list order.
        voices: (N, D) unit rows; zeros for a line without a usable voice.
        seeds: (N,) code of the known speaker; -1 (`NOBODY`) for lines to be labelled; -2 (`HELD`)
            for lines that take no part and go to nobody.
        everywhere: (C,) true for those of the cast who are near every line (narrators).
        duration_ms: (N,) durations of the lines.
        params: Constants; the published ones when left out.
        progress: Called with (done, total), in no particular unit; done never falls.

    Returns:
        Speakers and candidates. Deterministic for given inputs and BLAS, whatever the number of
        processors; up to four are used, and BLAS keeps to one thread meanwhile. Time O(P D) for P
        pairs of a line and a labelled line of a character near it; memory beyond inputs and result
        O(A + B k), where A counts pairs of an unlabelled line and a character near it, and B those
        whose greatest similarity reaches the threshold.

    Raises:
        UsageError: Arrays do not fit each other, or a seed is beyond the cast.
    """
    params = params or PropagationParams()
    _check(timeline, faces, voices, seeds, everywhere, duration_ms)
    nearness = Nearness(
        timeline, faces, everywhere, reach_ms=params.reach_ms, face_score=params.face_score
    )
    thresholds = list(params.thresholds())
    total = 2 * len(thresholds)
    report = progress or _silent
    with Workers() as workers:
        labelling = Labelling(
            nearness, voices, seeds, everywhere.size, duration_ms, params, workers
        )
        code, members = _label(labelling, thresholds, report)
        del labelling
        offsets, character, score = score_candidates(
            nearness,
            voices,
            members,
            params.k,
            workers,
            lambda share: report(int(total * (1 + share) / 2), total),
        )
    return Attribution(
        np.maximum(code, NOBODY), len(members) - everywhere.size, offsets, character, score
    )


def _label(
    labelling: Labelling, thresholds: list[float], report: Callable[[int, int], None]
) -> tuple[Ints, list[Ints]]:
    """Run all passes; the labels, and for each code its lines.

    Takes the labelling over, so that its stores are gone before candidates are scored.
    """
    for step, threshold in enumerate(thresholds):
        report(step, 2 * len(thresholds))
        while not labelling.finished and labelling.one_pass(threshold):
            pass
    return labelling.code, labelling.members


def _silent(done: int, total: int) -> None:
    """Report to nobody."""


def _check(
    timeline: Timeline,
    faces: FaceTimes,
    voices: Floats,
    seeds: Ints,
    everywhere: Bools,
    duration_ms: npt.NDArray[np.int64],
) -> None:
    n = seeds.size
    sizes = {timeline.start_ms.size, timeline.end_ms.size, voices.shape[0], duration_ms.size}
    if sizes != {n} or voices.ndim != 2:
        raise UsageError(
            f"The {n} seeds need as many starts, ends, durations and rows of voices; "
            f"found {sorted(sizes)}."
        )
    kinds = {faces.start_ms.size, faces.end_ms.size, faces.character.size, faces.score.size}
    if len(kinds) > 1:
        raise UsageError(f"The columns of the faces differ in length: {sorted(kinds)}.")
    highest = max(seeds.max(initial=-1), faces.character.max(initial=-1))
    if highest >= everywhere.size:
        raise UsageError(f"Code {highest} is beyond the cast of {everywhere.size}.")


class PropagationMethod(TablesOnly):
    """Label propagation as a method of attribution. See `propagate`."""

    name = "propagation"
    version = 1
    parameters = PropagationParams
    seeded = True

    def attribute(
        self, series: Series, parameters: PropagationParams, progress: Progress | None = None
    ) -> Attribution:
        """Label every line. See `Method`."""
        return propagate(
            series.timeline,
            series.faces,
            series.voices,
            series.seeds,
            series.everywhere,
            series.timeline.end_ms - series.timeline.start_ms,
            parameters,
            progress=progress,
        )


METHOD = PropagationMethod()
