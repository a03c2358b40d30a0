"""Fusion on each training series, whole and as released, by a model that learnt from the other.

What fusion is worth on long series that it never saw; everything about it was chosen by thirds of
these two. One forest and one network a pass, of a single series: less than the model that comes
along has.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

import polars as pl

from castline.attribution.fusion.lessons import cut_lessons, load_truth
from castline.attribution.fusion.model import FORMAT, read_model, write_model
from castline.attribution.fusion.ranker_training import RankerSettings
from castline.attribution.fusion.training import find_sharpness, train_fusion
from castline.attribution.recipe import attribute
from castline.cli.output import TerminalReporter
from castline.processors import available_processors
from castline.project import Project
from castline.sources.recipe import import_dramasr
from common import CACHE, SERIES, TRAINING, series_folder
from fusion import PROTOCOL, compared, write_comparison


def main() -> None:
    """Train where no model is there, label, score and write results/fusion-cross.json."""
    reporter = TerminalReporter()
    projects = {
        name: import_dramasr(series_folder(name), CACHE / "projects" / name, reporter=reporter)[0]
        for name in TRAINING
    }
    frames = []
    for here, there in (TRAINING, TRAINING[::-1]):
        project, model = projects[here], trained_on(there, projects[there])
        attribute(project, method="propagation", protocol=PROTOCOL, reporter=reporter)
        settings = {"model": str(model)}
        attribute(project, method="fusion", protocol=PROTOCOL, settings=settings, reporter=reporter)
        frames.append(compared(project).with_columns(series=pl.lit(SERIES[here])))
    write_comparison("fusion-cross", frames)


def trained_on(name: str, project: Project) -> Path:
    """Folder of a model that learnt from one series alone; kept until another model comes along."""
    folder = CACHE / "cross" / f"{name}-{read_model().digest[:12]}"
    if not (folder / "card.json").exists():
        lessons = cut_lessons(name, *load_truth(project))
        settings = RankerSettings().brief()
        model, held = train_fusion(lessons, settings, threads=available_processors(), say=print)
        card = {"format": FORMAT, "series": [name]}
        write_model(dataclasses.replace(model, sharpness=find_sharpness(held), card=card), folder)
    return folder


if __name__ == "__main__":
    main()
