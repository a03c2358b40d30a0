"""Seeds that disagree with the other seeds of their character.

One wrong seed of a minor character misleads everything that starts from it. Where it sounds like
somebody else's seeds, and not like its character's others, nothing is learnt from it.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from castline.attribution.base import Series
from castline.attribution.fusion.sums import weighted_sums
from castline.attribution.series import has_voice, unit_rows

__all__ = ["seeds_in_doubt"]

Places = npt.NDArray[np.intp]

_LEAST_MS = 1000
"""Length of a line from which its voice says enough to doubt what is known of it."""

_NEARER = 0.3
"""By how much the cosine to the seeds of somebody else has to be greater than to its own."""


def seeds_in_doubt(series: Series) -> Places:
    """Rows of the seeds that sound much more like the seeds of somebody else, in order.

    How alike seeds are is the mean of the cosines of voiceprints less the mean of the series. Each
    character loses the most doubtful seed first; then all are compared anew. The last one stays.

    Args:
        series: What is known.
    """
    heard = has_voice(series.voices)
    rows = np.flatnonzero((series.seeds >= 0) & heard)
    if not len(rows):
        return rows
    unit = unit_rows(series.voices[rows] - series.voices.mean(axis=0, where=heard[:, None]))
    people, own = np.unique(series.seeds[rows], return_inverse=True)
    place = np.arange(len(rows))
    long = (series.timeline.end_ms - series.timeline.start_ms)[rows] >= _LEAST_MS
    believed = np.ones(len(rows), np.bool_)
    while True:
        weight = believed.astype(np.float32)
        count = np.bincount(own, weight, len(people))
        sums = weighted_sums(own, weight, unit, len(people))
        likeness = unit @ (sums / count[:, None]).astype(np.float32).T
        # A seed is like itself: that is left out.
        mine = (likeness[place, own] * count[own] - 1) / np.maximum(count[own] - 1, 1)
        likeness[place, own] = -np.inf
        lead = likeness.max(axis=1) - mine
        lead[~believed | ~long | (count[own] < 2)] = -np.inf
        worst = np.lexsort((lead, own))[np.cumsum(np.bincount(own)) - 1]
        worst = worst[lead[worst] > _NEARER]
        if not len(worst):
            doubtful: Places = rows[~believed]
            return doubtful
        believed[worst] = False
