"""Whether what is known of somebody may be believed.

A character whose seeds are unlike most of their lines is lost to everything that starts from seeds:
those lines sound like a stranger. Their face tells. It comes with other voices than those that are
labelled theirs, and is seen more often than so few lines would need.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from castline.attribution.fusion.rows import Columns, Rows

__all__ = ["trust_columns"]

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int32]

_MOST_ALIKE = 20
"""Lines whose voices a face comes with most, by which it is told how closely it follows a voice."""


def trust_columns(rows: Rows, share: Floats, seeds: Ints, lift: Floats, seen_s: Floats) -> Columns:
    """Compare what is labelled as a candidate's with the voices that their face comes with.

    Args:
        rows: Lines and their candidates.
        share: (N, C + 1) probability of each of the cast and, last, of others so far.
        seeds: (N,) code of the known speaker, below 0 elsewhere.
        lift: (N, C + 1) logarithm of how much more than usual each one's face is seen near lines
            that sound like a line, by the other lines.
        seen_s: (C + 1,) seconds of lines in which each one's face is the largest.

    Returns:
        Columns over the rows: means of the lift of a candidate's face, `r_own` over the other
        lines that are labelled theirs, `r_own_seeds` over their seeds, `r_own_best` over the lines
        where it is greatest; and `r_silent`, the logarithm of (1 + seconds seen) over (1 + lines).
    """
    line, code = rows.line, rows.code
    own = share * lift
    labels = share.sum(0)[code] - share[line, code]
    known = np.flatnonzero(seeds >= 0)
    count = np.bincount(seeds[known], minlength=share.shape[1])
    seeded = np.bincount(seeds[known], lift[known, seeds[known]], minlength=share.shape[1])
    most = max(len(lift) - _MOST_ALIKE, 0)
    columns = {
        "r_own": (own.sum(0)[code] - own[line, code]) / (labels + 1),
        "r_own_seeds": (seeded / np.maximum(count, 1))[code],
        "r_own_best": np.partition(lift, most, axis=0)[most:].mean(0)[code],
        "r_silent": (np.log1p(seen_s) - np.log1p(share.sum(0)))[code],
    }
    return {name: column.astype(np.float32) for name, column in columns.items()}
