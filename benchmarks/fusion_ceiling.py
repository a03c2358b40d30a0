"""What fusion would make of each line if the speakers of all other lines were known.

A line's own label takes no part in its cues, so rankers can be given the truth of a series as the
labels so far, and asked about every line. It is not quite absent: the true speaker is always among
those considered, and counts of lines hold it, so the figures are rather too high. What is still
wrong then is wrong because a line's own voice, faces and words say too little, or because the
annotation is wrong; what lies between that and the labels is wrong because other lines are. The
Long Night and Battle of Changsha by the model that comes along, the two training series each by a
model that learnt from the other.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl

from asking import Case, released_case
from castline.attribution.fusion.cues import measure_cues, prepare
from castline.attribution.fusion.decoding import labels_of
from castline.attribution.fusion.model import SHIPPED, read_model
from castline.attribution.fusion.start import first_labels
from castline.project import Project
from castline.sources.recipe import import_dramasr
from common import CACHE, TRAINING, series_folder, write_results
from fusion import PROTOCOL, RULE, TEST, compared, label_by, line_kinds, percent
from fusion_cross import trained_on


def main() -> None:
    """Judge and write results/fusion-ceiling.json."""
    rows = []
    for name, folder in _models():
        project = _project(name)
        label_by(project, folder)
        case = _case(name, folder)
        reached = _with_all_others_known(case)
        frame = compared(project).filter(~pl.col("seed")).join(reached, on="line")
        for kind, holds in line_kinds().items():
            part = frame.filter(holds)
            shares = [percent(part[right]) for right in ("fusion", "reached")]
            stay = percent(~part.filter(~pl.col("fusion"))["reached"])
            rows.append([case.name, kind, part.height, *shares, stay])
            print(*rows[-1], sep=" | ", flush=True)
    header = ["series", "lines without a seed", "how many"]
    header += ["fusion %", "all others known %", "of fusion's errors still wrong %"]
    write_results("fusion-ceiling", header, rows, protocol=PROTOCOL, rule=RULE)


def left_out_cases() -> Iterator[Case]:
    """The four series as released, each with a model that did not learn from it."""
    for name, folder in _models():
        yield _case(name, folder)


def _case(name: str, folder: Path) -> Case:
    return dataclasses.replace(released_case(series_folder(name)), model=read_model(folder))


def _models() -> Iterator[tuple[str, Path]]:
    """Each series, and the folder of the model that did not learn from it."""
    for name in TEST:
        yield name, SHIPPED
    for here, there in (TRAINING, TRAINING[::-1]):
        yield here, trained_on(there, _project(there))


def _project(name: str) -> Project:
    return import_dramasr(series_folder(name), CACHE / "projects" / name)[0]


def _with_all_others_known(case: Case) -> pl.DataFrame:
    """Whether the ranker of the last pass is right, given all other speakers: `line`, `reached`."""
    series, model, cast = case.series, case.model, len(case.series.cast)
    speaker = np.where((case.truth >= 0) & (case.truth < cast), case.truth, cast)
    share = np.eye(cast + 1, dtype=np.float32)[speaker]
    found = first_labels(series)
    rows, columns = measure_cues(prepare(series, found, share), share, lambda: None)
    judged = model.judge(len(model.rankers) - 1, rows, columns, cast + 1)
    best = model.calibration.read(judged, labels_of(found.code, cast)).argmax(axis=1)
    return pl.DataFrame({"line": series.lines, "reached": best == case.truth})


if __name__ == "__main__":
    main()
