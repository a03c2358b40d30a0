"""How many lines somebody has to check: a simulated annotator, who knows the truth.

    python benchmarks/asking.py                 The Long Night, with the model that comes along
    python benchmarks/asking.py FOLDER...       other series of the release
    python benchmarks/asking.py --training      thirds of the two training series, each with a
                                                model that was trained on the other series alone

The annotator is asked about one line in a hundred, best first by some strategy; the answers become
seeds; everything is labelled anew; and so on until 99 % of all lines are right by code-s, or too
many were asked. Touched is a line that the annotator has listened to. Where a question names lines
that sound the same, they get the same answer, right or wrong.
"""

from __future__ import annotations

import dataclasses
import math
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from castline.attribution.asking import rank_questions
from castline.attribution.base import HELD, NOBODY, Attribution, Series
from castline.attribution.evaluation.sheet import known_characters
from castline.attribution.fusion.decoding import labels_of
from castline.attribution.fusion.lessons import UNTOLD, cut_lessons, load_truth
from castline.attribution.fusion.method import fuse
from castline.attribution.fusion.model import SHIPPED, Model, read_model
from castline.attribution.fusion.training import train_fusion
from castline.attribution.series import PROTOCOLS, load_series
from castline.processors import available_processors
from castline.sources.recipe import import_dramasr
from common import SERIES, TRAINING, series_folder, write_results

GOAL = 99.0
"""Percent of lines right (code-s) at which the annotator may go home."""
BATCH = 0.01
"""Share of the lines that is asked about before everything is labelled anew."""
BUDGET = 0.25
"""Share of the lines after which a strategy is given up."""
SHOWN = (1, 2, 5, 10)
"""Percent of the lines touched at which accuracy is shown."""
ABSENT = -4
"""Truth of a line whose speaker is known to the release and cannot be named: no seed."""

Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int32]
Asked = list[tuple[int, list[int]]]
"""Rows to ask about, best first, each with the rows that get the same answer."""
Strategy = Callable[[Series, Attribution, int], Asked]


@dataclass(frozen=True)
class Case:
    """A series to correct: truth is (N,) codes, the size of the cast for others, or `UNTOLD`."""

    name: str
    series: Series
    truth: Ints
    model: Model


@dataclass(frozen=True)
class Curve:
    """Accuracy (%) after each batch, by lines touched, and lines touched at the goal, if ever."""

    points: list[tuple[int, float]]
    needed: int | None

    def at(self, touched: float) -> float | None:
        """Accuracy after the first batch with so many lines touched; None if it ended before."""
        return next((right for count, right in self.points if count >= touched), None)


def expected_change(series: Series, found: Attribution, count: int) -> Asked:
    """What `castline attribute --ask` asks."""
    row = {line: number for number, line in enumerate(series.lines)}
    return [
        (row[each.line], [row[other] for other in each.alike])
        for each in rank_questions(series, found, count)
    ]


def one_by_one(series: Series, found: Attribution, count: int) -> Asked:
    """The same lines, each answer for its own line only."""
    return [(row, []) for row, _ in expected_change(series, found, count)]


def lowest_confidence(series: Series, found: Attribution, count: int) -> Asked:
    """The least sure lines, the earlier first where they are equal."""
    assert found.confidence is not None
    rows = np.flatnonzero(series.seeds == NOBODY)
    order = np.argsort(found.confidence[rows], kind="stable")[:count]
    return [(int(row), []) for row in rows[order]]


def at_random(series: Series, _found: Attribution, count: int) -> Asked:
    """Any lines."""
    rows = np.flatnonzero(series.seeds == NOBODY)
    draw = np.random.default_rng(len(rows))
    return [(int(row), []) for row in draw.permutation(rows)[:count]]


STRATEGIES: dict[str, tuple[Strategy, bool]] = {
    "lowest confidence, labelled once": (lowest_confidence, False),
    "lowest confidence": (lowest_confidence, True),
    "expected change": (expected_change, True),
    "expected change, without lines alike": (one_by_one, True),
    "random": (at_random, True),
}
"""Each with whether everything is labelled anew after each batch."""
BASES = ("lowest confidence, labelled once", "lowest confidence")
"""What the others are compared with."""


def main() -> None:
    """Measure all strategies and write results/asking.json."""
    folders = [Path(each) for each in sys.argv[1:] if not each.startswith("--")]
    training = "--training" in sys.argv
    named = folders or [series_folder("chen_mo_de_zhen_xiang")]
    cases = _training_cases() if training else map(released_case, named)
    rows: list[list[Any]] = []
    curves: dict[str, dict[str, Any]] = {}
    for case in cases:
        found = {name: _annotate(case, name) for name in STRATEGIES}
        lines = len(case.series.lines)
        curves[case.name] = {name: curve.points for name, curve in found.items()}
        for name, curve in found.items():
            shown = (curve.at(lines * percent / 100) for percent in SHOWN)
            rows.append(
                [
                    *(case.name, name),
                    *("" if each is None else f"{each:.2f}" for each in shown),
                    *_needed(curve, lines),
                    *(_share(curve, found[base]) for base in BASES),
                ]
            )
    header = ["series", "asked by", *(f"% right after {percent} % touched" for percent in SHOWN)]
    header += [
        f"lines touched at {GOAL:.0f} %",
        "% of lines",
        *(f"% of “{each}”" for each in BASES),
    ]
    write_results(f"asking{'-training' * training}", header, rows, curves=curves)


def _needed(curve: Curve, lines: int) -> list[str]:
    if curve.needed is None:
        return [f"more than {curve.points[-1][0]:,}", f"more than {100 * BUDGET:.0f}"]
    return [f"{curve.needed:,}", f"{100 * curve.needed / lines:.1f}"]


def _share(curve: Curve, base: Curve) -> str:
    """Percent of the lines touched that another strategy needs; empty where one never got there."""
    return f"{100 * curve.needed / base.needed:.0f}" if curve.needed and base.needed else ""


def _annotate(case: Case, name: str) -> Curve:
    """Ask, answer and label anew until the goal is reached or the budget is spent."""
    choose, anew = STRATEGIES[name]
    lines, cast = len(case.series.lines), len(case.series.cast)
    batch = math.ceil(lines * BATCH)
    series, touched = case.series, np.zeros(lines, np.bool_)
    found = fuse(series, case.model)
    right = _right(case, found, touched)
    points = [(0, _percent(case, right))]
    while points[-1][1] < GOAL and touched.sum() < BUDGET * lines:
        asked = choose(series, found, batch)
        if not asked:
            break
        seeds = series.seeds.copy()
        for row, alike in asked:
            touched[row] = True
            # Lines that were struck from the annotation are nobody's, too.
            answer = case.truth[row] if 0 <= case.truth[row] < cast else HELD
            seeds[[row, *alike]] = answer
            right[alike] = case.truth[alike] == (cast if answer == HELD else answer)
            right[row] = True
            if _percent(case, right) >= GOAL:
                break
        series = dataclasses.replace(series, seeds=seeds)
        if anew and _percent(case, right) < GOAL:
            found = fuse(series, case.model)
            right = _right(case, found, touched)
        points.append((int(touched.sum()), _percent(case, right)))
    print(case.name, name, points[0], points[-1], sep=" | ", flush=True)
    return Curve(points, points[-1][0] if points[-1][1] >= GOAL else None)


def _right(case: Case, found: Attribution, touched: Bools) -> Bools:
    """(N,) which labels are right by code-s; lines that were touched are."""
    right: Bools = touched | (labels_of(found.code, len(case.series.cast)) == case.truth)
    return right


def _percent(case: Case, right: Bools) -> float:
    return round(100 * float(right[case.truth != UNTOLD].mean()), 3)


def released_case(folder: Path) -> Case:
    """A series with its given seeds."""
    with tempfile.TemporaryDirectory() as work:
        project, _ = import_dramasr(folder, Path(work) / "project")
        store, episodes = project.store, project.episodes()
        series = load_series(store, episodes, PROTOCOLS["released"], {})
        told = pl.concat([store.read("truth", each) for each in episodes])
        known = known_characters(store.read("cast"))
    speaker = dict(told.filter(~pl.col("deleted")).select("line", "speaker").iter_rows())
    code = dict.fromkeys(known, ABSENT) | {name: k for k, name in enumerate(series.cast)}
    truth = [
        code.get(speaker[line], len(series.cast)) if line in speaker else UNTOLD
        for line in series.lines
    ]
    name = SERIES.get(folder.name, folder.name)
    return Case(name, series, np.array(truth, np.int32), read_model(SHIPPED))


def _training_cases() -> Iterator[Case]:
    """The first third of each training series."""
    lessons = {}
    for name in TRAINING:
        with tempfile.TemporaryDirectory() as work:
            project, _ = import_dramasr(series_folder(name), Path(work) / "project")
            lessons[name] = cut_lessons(name, *load_truth(project))
    for name, other in (TRAINING, TRAINING[::-1]):
        model, _ = train_fusion(lessons[other], threads=available_processors())
        first = lessons[name][0]
        yield Case(f"{SERIES[name]}, a third", first.series, first.truth, model)


if __name__ == "__main__":
    main()
