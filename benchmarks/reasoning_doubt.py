"""The regression that tells what labels of propagation are in doubt, fitted anew.

    python benchmarks/reasoning_doubt.py

It learns on sixths of the two training series, each with seeds of its own by the published rule, so
that they are as long as the shortest series. Written are the weights that come with Castline
(`attribution/reasoning/doubt.json`) and, as results, what came of each series when the other one
was learnt from.
"""

from __future__ import annotations

import tempfile
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize

from castline.attribution.base import NOBODY
from castline.attribution.fusion.decoding import labels_of
from castline.attribution.fusion.lessons import UNTOLD, Lesson, cut_lessons, load_truth
from castline.attribution.labels import margins
from castline.attribution.reasoning import doubt
from castline.attribution.reasoning.doubt import FEATURES, DoubtModel, doubt_features
from castline.sources.recipe import import_dramasr
from common import SERIES, TRAINING, series_folder, write_results

PARTS = 6
SHARES = (0.05, 0.1, 0.15, 0.2)
BINS = (0.0, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 1.0)

Doubles = npt.NDArray[np.float64]


def main() -> None:
    """Fit, check across the series, and write."""
    parts = {name: [_measured(each) for each in _lessons(name)] for name in TRAINING}
    rows: list[list[Any]] = []
    calibration: dict[str, list[list[float]]] = {}
    for name, other in (TRAINING, TRAINING[::-1]):
        model = fit(parts[other])
        for rule in ("margin", "regression"):
            caught = [
                _caught(part, model if rule == "regression" else None) for part in parts[name]
            ]
            rows.append([SERIES[name], rule, *(f"{100 * v:.1f}" for v in np.mean(caught, axis=0))])
        calibration[SERIES[name]] = _calibration(parts[name], model)
    header = ["series", "lines chosen by", *(f"% of errors in {100 * s:.0f} %" for s in SHARES)]
    write_results("reasoning-doubt", header, rows, calibration=calibration, parts=PARTS)
    model = fit([part for name in TRAINING for part in parts[name]])
    Path(doubt.__file__).with_name("doubt.json").write_bytes(
        msgspec.json.format(msgspec.json.encode(model), indent=1) + b"\n"
    )


class Part(msgspec.Struct):
    """A sixth of a series: features of its free lines, whether their labels are wrong, margins."""

    features: dict[str, Any]
    wrong: Any
    margin: Any
    judged: Any


def fit(parts: list[Part], decay: float = 1.0) -> DoubtModel:
    """A logistic regression with a little weight decay on standardised features."""
    x = np.concatenate([_matrix(part)[part.judged] for part in parts])
    y = np.concatenate([part.wrong[part.judged] for part in parts]).astype(np.float64)
    mean, spread = x.mean(0), x.std(0)
    z = np.column_stack([(x - mean) / spread, np.ones(len(x))])

    def loss(w: Doubles) -> tuple[float, Doubles]:
        log_odds = z @ w
        slope = z.T @ (1 / (1 + np.exp(-log_odds)) - y)
        kept = np.append(w[:-1], 0)
        value = (np.logaddexp(0, log_odds) - y * log_odds).sum() + decay / 2 * (kept**2).sum()
        return float(value), slope + decay * kept

    w = minimize(loss, np.zeros(z.shape[1]), jac=True, method="L-BFGS-B").x
    weights = w[:-1] / spread
    return DoubtModel(
        bias=round(float(w[-1] - weights @ mean), 4),
        weights={name: round(float(v), 4) for name, v in zip(FEATURES, weights, strict=True)},
    )


def _lessons(name: str) -> list[Lesson]:
    with tempfile.TemporaryDirectory() as work:
        project, _ = import_dramasr(series_folder(name), Path(work) / "project")
        lessons = cut_lessons(name, *load_truth(project), PARTS)
    return [each for each in lessons if each.plain]


def _measured(lesson: Lesson) -> Part:
    found, cast = lesson.propagation, len(lesson.series.cast)
    return Part(
        features=doubt_features(lesson.series, found),
        wrong=labels_of(found.code, cast) != lesson.truth,
        margin=margins(found.offsets, found.score, released=True),
        judged=(lesson.truth != UNTOLD) & (lesson.series.seeds == NOBODY),
    )


def _matrix(part: Part) -> Doubles:
    return np.column_stack([part.features[name] for name in FEATURES])


def _caught(part: Part, model: DoubtModel | None) -> list[float]:
    """Share of the wrong labels among the lines in greatest doubt, for each share of lines."""
    score = -part.margin if model is None else model.log_odds(part.features)
    wrong = part.wrong[part.judged][np.argsort(-score[part.judged], kind="stable")]
    return [float(wrong[: int(share * len(wrong))].sum() / wrong.sum()) for share in SHARES]


def _calibration(parts: list[Part], model: DoubtModel) -> list[list[float]]:
    """For each range of stated probabilities: from, to, lines, share that is wrong."""
    stated = np.concatenate(
        [1 / (1 + np.exp(-model.log_odds(part.features)[part.judged])) for part in parts]
    )
    wrong = np.concatenate([part.wrong[part.judged] for part in parts])
    rows = []
    for low, high in pairwise(BINS):
        inside = (stated >= low) & (stated < high)
        rows.append([low, high, int(inside.sum()), round(float(wrong[inside].mean()), 4)])
    return rows


if __name__ == "__main__":
    main()
