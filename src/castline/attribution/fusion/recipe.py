"""From annotated projects to a model with its card: the story of `castline train fusion`."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from castline._version import __version__
from castline.attribution.fusion.lessons import LACKS, PARTS, cut_lessons, load_truth
from castline.attribution.fusion.model import FORMAT, Model, write_model
from castline.attribution.fusion.ranker_training import RankerSettings
from castline.attribution.fusion.training import (
    PASSES,
    Held,
    find_calibration,
    train_fusion,
    validate,
)
from castline.errors import UsageError
from castline.pipeline.progress import Recorder
from castline.processors import available_processors

if TYPE_CHECKING:
    from castline.attribution.fusion.calibration import Calibration
    from castline.attribution.fusion.lessons import Lesson
    from castline.pipeline.progress import Reporter
    from castline.project import Project

__all__ = ["train_model"]


def train_model(
    projects: Sequence[Project],
    folder: Path,
    *,
    settings: RankerSettings | None = None,
    notes: dict[str, Any] | None = None,
    threads: int | None = None,
    reporter: Reporter | None = None,
) -> Model:
    """Train a model for fusion on annotated series and write it to a folder.

    Args:
        projects: Series whose speakers are annotated or corrected by people.
        folder: Where to write it.
        settings: How rankers are trained.
        notes: What else the card should say: where the data is from and under which licence.
        threads: Of the processor; as many as there are when None. The model is the same.
        reporter: Told about progress.

    Raises:
        UsageError: No project, or two of one name.
        TableError: A project lacks annotation or a table.
        MissingExtra: LightGBM is not installed.
    """
    names = [project.folder.resolve().name for project in projects]
    if not names or len(set(names)) < len(names):
        raise UsageError("Give at least one series to train on, each with a name of its own.")
    settings = settings or RankerSettings()
    reporter = reporter or Recorder()
    threads = threads or available_processors()
    lessons: list[Lesson] = []
    for number, (name, project) in enumerate(zip(names, projects, strict=True)):
        reporter.step("read", number, len(names), name)
        lessons += cut_lessons(name, *load_truth(project))
    if len({(each.name, each.part) for each in lessons}) < 2:
        raise UsageError(
            "There is too little to train on: at least two episodes need lines of people who are "
            "known by face and whose voice was measured, some of them besides their seeds."
        )
    # Every training says the same number of things: cues of each lesson, and its rankers.
    held_out = len(names) if len(names) > 1 else 0
    says = PASSES * (len(lessons) * (1 + max(0, held_out - 1)) + 1 + held_out)
    plain = sum(each.plain for each in lessons)
    says += held_out + plain * len(LACKS) if held_out else 0
    said = 0

    def say(what: str) -> None:
        nonlocal said
        said += 1
        reporter.step("train", min(said, says), says, what)

    tried, costs = validate(lessons, settings, threads=threads, say=say)
    model, left_out = train_fusion(lessons, settings, threads=threads, say=say)
    # Series that took no part at all are the better judges; a single one judges by its parts.
    calibration = find_calibration(tried or left_out)
    # What is said of a series must not rest on it, not even by two numbers.
    without = {
        name: find_calibration(others)
        for name in names
        if (others := [each for each in tried if each.lesson.name != name])
    }
    card = {
        "format": FORMAT,
        "castline": __version__,
        "series": {name: _series(lessons, name) for name in names},
        "parts": PARTS,
        "seeds": "one line in a hundred of each character by the published rule, in each part",
        "settings": dataclasses.asdict(settings),
        "costs": {what: round(cost, 2) for what, cost in costs.items()},
        "calibrated without": {name: dataclasses.asdict(each) for name, each in without.items()},
        "left out series": _figures(tried, without),
        "left out parts": _figures(left_out, {} if tried else {names[0]: calibration}),
        **(notes or {}),
    }
    model = dataclasses.replace(model, calibration=calibration, card=card)
    write_model(model, folder)
    return model


def _series(lessons: Sequence[Lesson], name: str) -> dict[str, Any]:
    mine = [each for each in lessons if each.name == name and each.plain]
    return {
        "lines": sum(len(each.series.lines) for each in mine),
        "annotated": int(sum((each.truth >= 0).sum() for each in mine)),
        "seeds": int(sum((each.series.seeds >= 0).sum() for each in mine)),
        "characters": [len(each.series.cast) for each in mine],
    }


def _figures(held: Sequence[Held], calibrations: Mapping[str, Calibration]) -> list[dict[str, Any]]:
    """How each lesson fared that was left out: percent of its lines that are right, no seeds.

    Answers are read by the calibration for the series, where there is one.
    """
    rows = []
    for each in held:
        lines = each.lines
        row = {
            "series": each.lesson.name,
            "part": each.lesson.part,
            "kind": each.lesson.kind,
            "lines": len(lines.truth),
            "propagation": _percent(lines.label == lines.truth),
            "passes": [
                _percent((s.argmax(1) == each.lesson.truth)[each.judged]) for s in each.shares
            ],
            "mean": _percent(lines.mean.argmax(1) == lines.truth),
        }
        if calibration := calibrations.get(each.lesson.name):
            read = calibration.read(lines.mean, lines.label)
            row["answer"] = _percent(read.argmax(1) == lines.truth)
            row["stated"] = _percent(read.max(1))
        rows.append(row)
    return rows


def _percent(values: Any) -> float:
    return round(100 * float(np.mean(values)), 2) if len(values) else 0.0
