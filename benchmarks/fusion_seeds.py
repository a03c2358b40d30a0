"""How many wrong seeds are found by their voice before propagation, and right ones doubted.

On the thirds of the two training series, with seeds as they come along and with seeds drawn at
random from everybody's lines; each as it is, and with one in ten that names another of the cast.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import numpy.typing as npt

from castline.attribution.base import NOBODY, Series
from castline.attribution.fusion.lessons import Lesson, cut_lessons, load_truth
from castline.attribution.fusion.seed_check import seeds_in_doubt
from castline.sources.recipe import import_dramasr
from common import CACHE, SERIES, TRAINING, series_folder, write_results
from fusion_limits import WRONG, with_wrong_seeds

DRAWN = 0.03
"""Share of everybody's lines that are known where they are drawn at random."""


def main() -> None:
    """Doubt seeds and write results/fusion-seeds.json."""
    rows: list[list[Any]] = []
    for name in TRAINING:
        project, _ = import_dramasr(series_folder(name), CACHE / "projects" / name)
        lessons = [each for each in cut_lessons(name, *load_truth(project)) if each.plain]
        kinds = {
            "as they come": [each.series for each in lessons],
            "drawn at random": [_drawn(each) for each in lessons],
        }
        for kind, series in kinds.items():
            for wrong in (False, True):
                counts = np.sum([_counts(each, wrong=wrong) for each in series], axis=0)
                how = f"{kind}, one in {WRONG} wrong" if wrong else kind
                rows.append([SERIES[name], how, *counts.tolist()])
                print(*rows[-1], sep=" | ", flush=True)
    header = ["series", "seeds", "how many", "wrong", "of them doubted", "right, but doubted"]
    write_results("fusion-seeds", header, rows)


def _counts(series: Series, *, wrong: bool) -> npt.NDArray[np.int64]:
    """How many seeds, wrong ones, wrong ones that are doubted, and right ones that are."""
    given = with_wrong_seeds(series) if wrong else series
    false = given.seeds != series.seeds
    doubted = false[seeds_in_doubt(given)]
    return np.array([(series.seeds >= 0).sum(), false.sum(), doubted.sum(), (~doubted).sum()])


def _drawn(lesson: Lesson) -> Series:
    """With seeds drawn from everybody's lines (by seed 0), one at least of each."""
    draw = np.random.default_rng(0)
    seeds = np.full_like(lesson.series.seeds, NOBODY)
    for character in range(len(lesson.series.cast)):
        lines = np.flatnonzero(lesson.truth == character)
        seeds[draw.choice(lines, max(1, int(DRAWN * len(lines))), replace=False)] = character
    return dataclasses.replace(lesson.series, seeds=seeds)


if __name__ == "__main__":
    main()
