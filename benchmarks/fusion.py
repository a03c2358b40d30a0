"""Fusion against propagation on the series it was not trained on: where lines are won and lost."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from castline.attribution.evaluation.visibility import speaker_visible
from castline.attribution.fusion.model import SHIPPED
from castline.attribution.recipe import attribute
from castline.attribution.series import PROTOCOLS
from castline.benchmark import run_benchmark
from castline.cli.output import TerminalReporter
from castline.pipeline.progress import Reporter
from castline.project import Project
from castline.report.evaluation import evaluate_variant
from castline.sources.recipe import import_dramasr
from common import CACHE, SERIES, accuracy_table, series_folder, write_results

TEST = ("chen_mo_de_zhen_xiang", "zhan_chang_sha")
"""Neither was trained on."""
LONGEST = "zhen_huan_zhuan"
PROTOCOL = "released"
RULE = "code-s"
_BINS = 15


def main() -> None:
    """Label, score and write the table."""
    reporter = TerminalReporter()
    frames = []
    for name in TEST:
        project, _ = import_dramasr(
            series_folder(name), CACHE / "projects" / name, reporter=reporter
        )
        label_by(project, SHIPPED, reporter)
        frames.append(compared(project).with_columns(series=pl.lit(SERIES[name])))
    write_comparison("fusion", frames)
    records = run_benchmark(
        "dramasr",
        [series_folder(name) for name in TEST],
        methods=["propagation", "fusion"],
        protocols=list(PROTOCOLS),
        reporter=reporter,
        work=CACHE / "projects",
    )
    header, rows = accuracy_table(records)
    write_results("fusion-accuracy", header, rows, records=records)
    # It was trained on this one, so only what it takes is worth a look.
    [taken, *_] = run_benchmark(
        "dramasr",
        [series_folder(LONGEST)],
        methods=["fusion"],
        protocols=[PROTOCOL],
        reporter=reporter,
        work=CACHE / "projects",
    )
    cost = [f"{taken['seconds']:.1f}", f"{taken['cpu_seconds']:.1f}", f"{taken['peak_mb']:.0f}"]
    header = ["series", "lines", "seconds", "processor seconds", "peak MB"]
    write_results("fusion-cost", header, [[SERIES[LONGEST], taken["lines"], *cost]])


def label_by(project: Project, model: Path, reporter: Reporter | None = None) -> None:
    """Label by propagation and by fusion with a model; labels that are there already are kept."""
    reporter = reporter or TerminalReporter()
    attribute(project, method="propagation", protocol=PROTOCOL, reporter=reporter)
    # The model that comes along is not named: its labels are those that everybody gets.
    settings = {} if model == SHIPPED else {"model": str(model)}
    attribute(project, method="fusion", protocol=PROTOCOL, settings=settings, reporter=reporter)


def write_comparison(name: str, frames: list[pl.DataFrame]) -> None:
    """Write the figures of two series, together and each, as `results/<name>.json`."""
    rows = []
    for title, part in [
        ("both", pl.concat(frames)),
        *((each["series"][0], each) for each in frames),
    ]:
        rows += [[title, *row] for row in figures(part)]
    header = ["series", "lines", "of which", "propagation %", "fusion %"]
    write_results(name, header, rows, protocol=PROTOCOL, rule=RULE)


def whole_table(project: Project, name: str, variant: str = "") -> pl.DataFrame:
    """A table of all episodes."""
    read = [project.store.read(name, each, variant) for each in project.episodes()]
    return pl.concat(read)


def compared(project: Project) -> pl.DataFrame:
    """One row a judged line: whether each method is right, and what kind of line it is."""
    store = project.store
    whole = partial(whole_table, project)
    frame = whole("lines").select("line", "episode", "start_ms", "end_ms")
    for method in ("propagation", "fusion"):
        judged = evaluate_variant(project, f"{method}-{PROTOCOL}").judged
        frame = frame.join(judged.select("line", pl.col(RULE).alias(method)), on="line")
    labels = whole("labels", f"fusion-{PROTOCOL}").select("line", "confidence")
    faces = whole("faces").join(whole("face_names").select("face", "character", "score"), on="face")
    known = set(faces["character"].drop_nulls()) | set(
        store.read("cast").filter(pl.col("kind") == "narrator")["character"]
    )
    listed = whole("candidates", f"propagation-{PROTOCOL}").select(
        "line", pl.col("character").alias("speaker"), pl.lit(value=True).alias("listed")
    )
    seeds = store.read("seeds", variant="given").select("line", pl.lit(value=True).alias("seed"))
    frame = (
        frame.join(whole("truth").select("line", "speaker"), on="line")
        .join(listed, on=["line", "speaker"], how="left")
        .join(seeds, on="line", how="left")
        .join(labels, on="line")
        .with_columns(pl.col("listed", "seed").fill_null(value=False))
        .with_columns(known=pl.col("speaker").is_in(list(known)))
    )
    during = speaker_visible(
        frame.with_columns(pl.when("known").then("speaker").alias("person")), faces, reach_ms=0
    )
    return frame.with_columns(during=during).drop_nulls(["propagation", "fusion"])


def line_kinds() -> dict[str, pl.Expr]:
    """Which lines of a frame of `compared` are of which kind."""
    length, known = pl.col("end_ms") - pl.col("start_ms"), pl.col("known")
    unseen = pl.col("during") == pl.lit(value=False)
    missing = ~pl.col("listed") & ~pl.col("seed")
    return {
        "all": pl.lit(value=True),
        "2 s and more": length >= 2000,
        "1 to 2 s": (length >= 1000) & (length < 2000),
        "0.5 to 1 s": (length >= 500) & (length < 1000),
        "under 0.5 s": length < 500,
        "speaker known, not among propagation's candidates": known & missing,
        "speaker known, face not seen during the line": known & unseen,
        "speaker known": known,
        "speaker not known, or several": ~known,
    }


def figures(frame: pl.DataFrame) -> list[list[Any]]:
    """Rows of the table for some lines."""
    rows = []
    for name, kind in line_kinds().items():
        part = frame.filter(kind)
        shares = [percent(part["propagation"]), percent(part["fusion"])]
        rows.append([part.height, name, *shares])
    broken = frame["propagation"] & ~frame["fusion"]
    mended = ~frame["propagation"] & frame["fusion"]
    rows.append([int(broken.sum()), "right by propagation, broken by fusion", "", percent(broken)])
    rows.append([int(mended.sum()), "wrong by propagation, mended by fusion", "", percent(mended)])
    guessed = frame.filter(~pl.col("seed"))
    error = calibration_error(
        guessed["confidence"].to_numpy(), guessed["fusion"].to_numpy().astype(np.float64)
    )
    rows.append([guessed.height, "expected calibration error, points", "", f"{error:.2f}"])
    return rows


def calibration_error(stated: npt.NDArray[Any], right: npt.NDArray[Any]) -> float:
    """Mean difference of stated and true shares over bins of equal mass, in points of a hundred."""
    order = np.argsort(stated, kind="stable")
    bins = np.array_split(order, _BINS)
    return float(100 * sum(abs(stated[b].sum() - right[b].sum()) for b in bins) / len(order))


def percent(values: pl.Series) -> str:
    """How many of a hundred are true, as text; nothing where there are none."""
    return f"{100 * float(values.mean() or 0):.2f}" if len(values) else ""  # type: ignore[arg-type]


if __name__ == "__main__":
    main()
