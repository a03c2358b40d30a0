"""Fusion on each training series, whole and as released, by a model that learnt from the other.

What fusion is worth on long series that it never saw; everything about it was chosen by thirds of
these two. One forest and one network a pass, of a single series: less than the model that comes
along has; calibrated without the series that is labelled. And what it would cost to break fewer of
the lines that propagation had right: its label kept unless another is more probable by some margin.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

import polars as pl

from castline.attribution.fusion.calibration import Calibration
from castline.attribution.fusion.lessons import cut_lessons, load_truth
from castline.attribution.fusion.model import FORMAT, read_model, write_model
from castline.attribution.fusion.ranker_training import RankerSettings
from castline.attribution.fusion.training import train_fusion
from castline.cli.output import TerminalReporter
from castline.processors import available_processors
from castline.project import Project
from castline.sources.recipe import import_dramasr
from castline.tables.catalog import OTHERS
from common import CACHE, SERIES, TRAINING, series_folder, write_results
from fusion import PROTOCOL, RULE, compared, label_by, whole_table, write_comparison

MARGINS = (0.0, 0.1, 0.2, 0.4, 0.6, 0.8, 0.9)


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
        label_by(project, model, reporter)
        frame = compared(project).with_columns(series=pl.lit(SERIES[here]))
        frames.append(frame.join(lead_over_propagation(project), on="line"))
    write_comparison("fusion-cross", frames)
    rows = [cautious(pl.concat(frames), margin) for margin in MARGINS]
    header = ["more probable by", "right %", "broken %", "mended %"]
    write_results("fusion-caution", header, rows, protocol=PROTOCOL, rule=RULE)


def lead_over_propagation(project: Project) -> pl.DataFrame:
    """How much more probable the answer is than what propagation said: `line`, `lead`."""
    cast = project.store.read("cast")["character"].to_list()
    known = pl.col("character").is_in(cast)
    person = pl.when(known).then("character").otherwise(pl.lit(OTHERS)).alias("person")

    listed = whole_table(project, "candidates", f"fusion-{PROTOCOL}")
    judged = listed.group_by("line", person).agg(pl.max("score"))
    said = whole_table(project, "labels", f"propagation-{PROTOCOL}").select("line", person)
    said = said.join(judged, on=["line", "person"], how="left").select("line", said="score")
    best = judged.group_by("line").agg(best=pl.max("score"))
    lead = pl.col("best") - pl.col("said").fill_null(0)
    return best.join(said, on="line").select("line", lead=lead)


def cautious(frame: pl.DataFrame, margin: float) -> list[str]:
    """A row of the table: lines right, broken and mended where fusion has to be so much surer."""
    right = pl.when(pl.col("lead") > margin).then("fusion").otherwise("propagation")
    broken, mended = pl.col("propagation") & ~right, ~pl.col("propagation") & right
    shares = frame.select(right=right.mean(), broken=broken.mean(), mended=mended.mean()).row(0)
    return [f"{margin:.1f}", *(f"{100 * share:.2f}" for share in shares)]


def trained_on(name: str, project: Project) -> Path:
    """Folder of a model that learnt from one series alone; kept until another model comes along."""
    shipped = read_model()
    folder = CACHE / "cross" / f"{name}-{shipped.digest[:12]}"
    if not (folder / "card.json").exists():
        lessons = cut_lessons(name, *load_truth(project))
        settings = RankerSettings().brief()
        model, _ = train_fusion(lessons, settings, threads=available_processors(), say=print)
        card = {"format": FORMAT, "series": [name]}
        [other] = set(TRAINING) - {name}
        calibration = Calibration(**shipped.card["calibrated without"][other])
        model = dataclasses.replace(model, calibration=calibration, card=card)
        write_model(model, folder)
    return folder


if __name__ == "__main__":
    main()
