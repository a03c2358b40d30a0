"""The ranker: boosted trees and small networks that score each candidate of each line.

The softmax over the scores of a line's rows gives the probabilities of its candidates. It all
runs in onnxruntime; making them is the business of `ranker_training`.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import numpy.typing as npt

from castline.attribution.fusion.ranker_graph import NAMES_KEY, USUAL_KEY
from castline.attribution.fusion.usual import Usual
from castline.engines.sessions import open_network
from castline.errors import InputError
from castline.files import write_atomically

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Ranker", "softmax_by_line"]

Doubles = npt.NDArray[np.float64]
Floats = npt.NDArray[np.float32]
Offsets = npt.NDArray[np.int64]

_BLOCK = 2_048
"""Rows in one run of the network."""


@dataclass(frozen=True)
class Ranker:
    """A trained ranker.

    Attributes:
        content: The ONNX file; see `ranker_graph`.
    """

    content: bytes = field(repr=False)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """What the columns are called that it takes, in their order.

        Raises:
            InputError: The content is no ranker.
        """
        stated = self._network.get_modelmeta().custom_metadata_map.get(NAMES_KEY, "")
        try:
            names = msgspec.json.decode(stated, type=tuple[str, ...])
        except msgspec.DecodeError as error:
            raise InputError(
                "a ranker in memory", f"it does not say which features it takes ({error})."
            ) from error
        ends = (*self._network.get_inputs(), *self._network.get_outputs())
        taken = [(each.name, *each.shape[1:]) for each in ends]
        width = len(names)
        if taken != [("features", width), ("mean",), ("spread",), ("scores", 1), ("by_trees", 1)]:
            raise InputError(
                "a ranker in memory", f"it names {len(names)} features, but has the ends {taken}."
            )
        return names

    @cached_property
    def usual(self) -> Usual:
        """What was usual in training for each of `names`.

        Raises:
            InputError: The content is no ranker.
        """
        stated = self._network.get_modelmeta().custom_metadata_map.get(USUAL_KEY, "")
        try:
            mean, spread = msgspec.json.decode(stated, type=tuple[list[float], list[float]])
        except msgspec.DecodeError as error:
            raise InputError(
                "a ranker in memory", f"it does not say what is usual ({error})."
            ) from error
        usual = Usual(np.array(mean, np.float32), np.array(spread, np.float32))
        width = len(self.names)
        if len(mean) != width or len(spread) != width or not (usual.spread > 0).all():
            raise InputError("a ranker in memory", "what it calls usual does not fit its features.")
        return usual

    def score(
        self, features: Floats, usual: Usual, *, threads: int = 1, trees_only: bool = False
    ) -> Floats:
        """How well each row's candidate fits its line; only differences within a line mean much.

        The scores do not depend on the number of threads.

        Args:
            features: (R, F) in the order of `names`; finite.
            usual: What is usual for them in the series.
            threads: Of the processor.
            trees_only: Leave the networks out.

        Returns:
            (R,) scores, without bounds.

        Raises:
            ValueError: The features have another shape, or one is not finite.
        """
        if features.ndim != 2 or features.shape[1] != len(self.names):
            raise ValueError(f"features are {features.shape}, expected {len(self.names)} columns")
        scores = np.empty(len(features), np.float32)
        wanted = "by_trees" if trees_only else "scores"

        def fill(start: int) -> None:
            block = np.ascontiguousarray(features[start : start + _BLOCK], np.float32)
            if not np.isfinite(block).all():
                raise ValueError(f"a feature of rows {start} to {start + len(block)} is not finite")
            given = {"features": block, "mean": usual.mean, "spread": usual.spread}
            scores[start : start + _BLOCK] = self._network.run([wanted], given)[0][:, 0]

        # Threads of onnxruntime would add things up in an order that depends on their number.
        with ThreadPoolExecutor(max(1, threads)) as pool:
            list(pool.map(fill, range(0, len(features), _BLOCK)))
        return scores

    def write(self, path: Path) -> None:
        """Keep it as an ONNX file."""
        write_atomically(path, self.content)

    @cached_property
    def _network(self) -> Any:
        return open_network(self.content)


def softmax_by_line(scores: npt.NDArray[np.floating[Any]], begin: Offsets) -> Doubles:
    """Probabilities of the candidates of each line.

    Args:
        scores: (R,) finite.
        begin: (N + 1,) where the rows of each line begin, from 0 to R; no line is without.

    Returns:
        (R,) probabilities, 0 to 1, that add up to one over each line.

    Raises:
        ValueError: A line has no rows, or the lines do not cover all rows.
    """
    rows = np.diff(begin)
    if begin[0] != 0 or begin[-1] != len(scores) or (rows < 1).any():
        raise ValueError("begin must rise from 0 to the number of scores")
    if not len(rows):
        return np.empty(0)
    # The best of a line gets exp(0), so nothing overflows and no sum is zero.
    best = np.maximum.reduceat(scores, begin[:-1])
    share: Doubles = np.exp(np.subtract(scores, np.repeat(best, rows), dtype=np.float64))
    share /= np.repeat(np.add.reduceat(share, begin[:-1]), rows)
    return share
