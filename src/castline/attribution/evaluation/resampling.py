"""Intervals of accuracies, by drawing the series anew from its own stretches."""

from __future__ import annotations

import hashlib

import numpy as np
import numpy.typing as npt

from castline.attribution.evaluation.results import Share

__all__ = ["BLOCK_LINES", "REPLICATES", "Resampling"]

Floats = npt.NDArray[np.float64]

BLOCK_LINES = 50
"""Consecutive lines that are drawn together: mistakes come in runs, a scene long."""
REPLICATES = 1000
"""How often a series is drawn anew."""

_LEAST_BLOCKS = 20
_TAIL = 0.025
_DEVIATIONS = 1.959963984540054


class Resampling:
    """Block bootstrap over the lines of a series; the same draws for everything asked of it.

    A series is cut into stretches of `block` consecutive lines and drawn anew from them, with
    replacement. Series of fewer than 20 stretches are cut finer, down to single lines.

    Where that tells nothing - all lines right, all wrong, or fewer than five stretches with a line
    that counts - the interval is Wilson's, which takes the lines to be independent.

    Args:
        n_lines: Length of the series.
        block: Lines drawn together.
        replicates: Number of draws.
        seed: Of the generator; same seed, same intervals.
    """

    def __init__(
        self,
        n_lines: int,
        *,
        block: int = BLOCK_LINES,
        replicates: int = REPLICATES,
        seed: int = 0,
    ) -> None:
        length = max(1, min(block, n_lines // _LEAST_BLOCKS))
        self.block_of = np.arange(n_lines, dtype=np.int64) // length
        self.blocks = -(-n_lines // length)
        drawn = np.random.default_rng(seed).integers(
            0, max(1, self.blocks), (replicates, self.blocks)
        )
        cells = drawn + np.arange(replicates)[:, None] * self.blocks
        count = np.bincount(cells.ravel(), minlength=replicates * self.blocks)
        # How often each stretch is in each draw: sums over a draw become one matrix product.
        # Numbers of lines are far below 2 ** 24, so 32-bit floats hold them exactly.
        self._weights = count.reshape(replicates, self.blocks).T.astype(np.float32)
        self._drawn: dict[bytes, npt.NDArray[np.float32]] = {}

    def sums(
        self, line: npt.NDArray[np.int64], group: npt.NDArray[np.int64], n_groups: int
    ) -> npt.NDArray[np.float32]:
        """Numbers of lines: (n_groups, blocks), from (line, group) pairs."""
        cells = group * self.blocks + self.block_of[line]
        count = np.bincount(cells, minlength=n_groups * self.blocks)
        return count.reshape(n_groups, self.blocks).astype(np.float32)

    def shares(
        self,
        line: npt.NDArray[np.int64],
        group: npt.NDArray[np.int64],
        n_groups: int,
        right: npt.NDArray[np.bool_],
        counted: npt.NDArray[np.bool_],
    ) -> list[Share]:
        """The share of right lines in each group with its interval, from (line, group) pairs.

        Args:
            line: Rows of the series; one may be in several groups.
            group: The group of each.
            n_groups: How many groups there are.
            right: (N,) lines that are right; only counted ones are.
            counted: (N,) lines that count.
        """
        judged, hit = counted[line], right[line]
        n_counted = self.sums(line[judged], group[judged], n_groups)
        n_right = self.sums(line[hit], group[hit], n_groups)
        low, high = self.intervals(n_right, n_counted)
        return [
            Share(int(r), int(c), float(a), float(b)) if c else Share(0, 0)
            for r, c, a, b in zip(n_right.sum(1), n_counted.sum(1), low, high, strict=True)
        ]

    def intervals(
        self, right: npt.NDArray[np.float32], counted: npt.NDArray[np.float32]
    ) -> tuple[Floats, Floats]:
        """95 % intervals of accuracies in percent.

        Args:
            right: (G, blocks) right lines.
            counted: (G, blocks) counted lines.

        Returns:
            Lower and upper ends, (G,) each, around the accuracy itself; NaN where nothing counts.
        """
        n_right, n_counted = right.sum(1, dtype=np.float64), counted.sum(1, dtype=np.float64)
        with np.errstate(invalid="ignore"):
            share = n_right / n_counted
        low, high = _wilson(n_right, n_counted)
        tells = (np.count_nonzero(counted, axis=1) >= 5) & (n_right > 0) & (n_right < n_counted)
        if tells.any():
            ratio, drawn = right[tells] @ self._weights, self._draw(counted)[tells]
            missed = drawn == 0
            np.divide(ratio, drawn, out=ratio, where=~missed)
            # A draw may miss a rare group altogether; it then says nothing against the estimate.
            np.copyto(ratio, share[tells, None], where=missed, casting="same_kind")
            ends = np.quantile(ratio, (_TAIL, 1 - _TAIL), axis=1, overwrite_input=True).astype(
                np.float64
            )
            low[tells] = np.minimum(ends[0], share[tells])
            high[tells] = np.maximum(ends[1], share[tells])
        return 100 * low, 100 * high

    def _draw(self, counted: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Numbers of lines in each draw: (G, replicates); rules that count alike share them."""
        key = hashlib.sha256(counted.tobytes()).digest()
        if key not in self._drawn:
            self._drawn[key] = counted @ self._weights
        return self._drawn[key]

    def difference(
        self,
        first: npt.NDArray[np.float32],
        second: npt.NDArray[np.float32],
        counted: npt.NDArray[np.float32],
    ) -> tuple[float, float]:
        """95 % interval of how many points the second is better, both judged on the same lines.

        Args:
            first: (blocks,) lines on which the first is right.
            second: (blocks,) lines on which the second is right.
            counted: (blocks,) lines.
        """
        drawn = (second - first) @ self._weights
        ends = np.quantile(100 * drawn / np.maximum(counted @ self._weights, 1), (_TAIL, 1 - _TAIL))
        return float(ends[0]), float(ends[1])


def _wilson(right: Floats, counted: Floats) -> tuple[Floats, Floats]:
    """Wilson's interval of a share: (G,) ends from 0 to 1; NaN where nothing counts."""
    z = _DEVIATIONS
    with np.errstate(invalid="ignore", divide="ignore"):
        share = right / counted
        middle = (share + z * z / (2 * counted)) / (1 + z * z / counted)
        reach = np.sqrt(share * (1 - share) / counted + z * z / (4 * counted * counted))
        reach *= z / (1 + z * z / counted)
    return np.minimum(np.maximum(middle - reach, 0), share), np.maximum(
        np.minimum(middle + reach, 1), share
    )
