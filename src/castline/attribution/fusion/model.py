"""The trained model: a ranker for each pass, and how its probabilities are to be read."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from castline.attribution.fusion.calibration import Calibration
from castline.attribution.fusion.ranker import Ranker, softmax_by_line
from castline.attribution.fusion.rows import Columns, Rows
from castline.attribution.fusion.usual import Usual
from castline.errors import InputError
from castline.files import read_bytes, write_atomically
from castline.processors import available_processors

__all__ = ["FORMAT", "SHIPPED", "Model", "read_model", "spread", "write_model"]

Floats = npt.NDArray[np.float32]

SHIPPED = Path(__file__).parent / "model"
"""The model that comes with Castline."""

FORMAT = 3
"""Of the folder; 1 had trees alone, 2 no trust in propagation."""

_CARD = "card.json"
_AGAIN = "Train it again, with this version:  castline train fusion SERIES... --out FOLDER"
_ROWS_AT_ONCE = 16_384


@dataclass(frozen=True)
class Model:
    """What `castline train fusion` makes.

    Attributes:
        rankers: One for each pass.
        calibration: How the mean of the passes is read.
        card: Where it comes from, for people.
    """

    rankers: tuple[Ranker, ...]
    calibration: Calibration
    card: dict[str, Any]

    @property
    def digest(self) -> str:
        """Changes when the model would judge otherwise."""
        facts = hashlib.sha256(repr(self.calibration).encode())
        for ranker in self.rankers:
            facts.update(hashlib.sha256(ranker.content).digest())
        return facts.hexdigest()

    def judge(
        self, step: int, rows: Rows, columns: Columns, width: int, *, trees_only: bool = False
    ) -> Floats:
        """(N, C + 1) probability of each candidate by the ranker of a pass; `width` is C + 1.

        Networks are lost where nothing is as in training: `trees_only` does without them.

        Raises:
            InputError: The ranker was trained on other cues.
        """
        ranker = self.rankers[step]
        unknown = sorted(set(ranker.names).difference(columns))
        if unknown:
            problem = (
                f"it was trained on cues that this Castline does not measure: {unknown[0]}, ..."
            )
            raise InputError("a fusion model", problem, remedy=_AGAIN)
        usual = Usual.of(columns, ranker.names, ranker.usual)
        score = np.empty(len(rows.line), np.float32)
        for begin in range(0, len(score), _ROWS_AT_ONCE):
            span = slice(begin, begin + _ROWS_AT_ONCE)
            block = np.stack([columns[name][span] for name in ranker.names], axis=1)
            score[span] = ranker.score(
                block, usual, threads=available_processors(), trees_only=trees_only
            )
        return spread(rows, score, width)


def spread(rows: Rows, score: Floats, width: int) -> Floats:
    """(N, C + 1) probability of each candidate from its score (R,); `width` is C + 1."""
    share = np.zeros((len(rows.begin) - 1, width), np.float32)
    share[rows.line, rows.code] = softmax_by_line(score, rows.begin)
    return share


def read_model(folder: Path = SHIPPED) -> Model:
    """A model from its folder; read once, unless its card has changed.

    Raises:
        InputError: The folder holds none, or a file of it is broken.
    """
    return _read(folder, read_bytes(folder / _CARD))


@cache
def _read(folder: Path, content: bytes) -> Model:
    path = folder / _CARD
    remedy = "Give the folder that `castline train fusion` wrote."
    try:
        card = json.loads(content)
        format_, passes = card["format"], int(card["passes"])
        if format_ != FORMAT:
            problem = f"this is a model of format {format_}, and this Castline reads {FORMAT}."
            raise InputError(path, problem, remedy=_AGAIN)
        calibration = Calibration(float(card["sharpness"]), float(card["trust"]))
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(
            path, f"this is no card of a fusion model: {error!r}", remedy=remedy
        ) from error
    rankers = tuple(Ranker(read_bytes(_ranker_path(folder, step))) for step in range(passes))
    return Model(rankers, calibration, card)


def write_model(model: Model, folder: Path) -> None:
    """Write a model to a folder, the card last: without it there is no model.

    What is there is no model any more until the new one is.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / _CARD).unlink(missing_ok=True)
    _read.cache_clear()
    for step, ranker in enumerate(model.rankers):
        ranker.write(_ranker_path(folder, step))
    card = {
        **model.card,
        "passes": len(model.rankers),
        **dataclasses.asdict(model.calibration),
        "columns": list(model.rankers[0].names),
    }
    text = json.dumps(card, ensure_ascii=False, indent=1)
    write_atomically(folder / _CARD, f"{text}\n".encode())


def _ranker_path(folder: Path, step: int) -> Path:
    return folder / f"pass-{step + 1}.onnx"
