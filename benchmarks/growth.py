"""How propagation grows: synthetic series of 25,000 to 400,000 lines, a cast of 100.

Working memory is the peak of a process that loads the tables and propagates, less the arrays that
go in and come out; so interpreter, libraries and everything between count.
"""

from __future__ import annotations

import json
import shutil
import sys
import time
from typing import Any

import numpy as np

from castline.benchmark import peak_mb
from common import CACHE, measured, write_results

SIZES = (25_000, 50_000, 100_000, 200_000, 400_000)
CAST = 100


def _make(folder: str, lines: int) -> dict[str, float]:
    from castline.project import Project
    from castline.testing.series import SeriesShape, write_series

    begin = time.perf_counter()
    write_series(Project.create(folder), SeriesShape(cast=CAST, lines=lines, seed=1))
    return {"seconds": time.perf_counter() - begin, "peak_mb": peak_mb()}


def _propagate(folder: str) -> dict[str, float]:
    from castline.attribution.propagation import METHOD
    from castline.attribution.series import PROTOCOLS, load_series
    from castline.project import Project

    project = Project.open(folder)
    wall, processor = time.perf_counter(), time.process_time()
    series = load_series(project.store, project.episodes(), PROTOCOLS["released"], {})
    result = METHOD.attribute(series, METHOD.parameters())
    cost = {"seconds": time.perf_counter() - wall, "cpu_seconds": time.process_time() - processor}
    faces, times = series.faces, series.timeline
    arrays: list[np.ndarray[Any, Any]] = [series.voices, series.episode, series.seeds]
    arrays += [times.start_ms, times.end_ms, faces.start_ms, faces.end_ms]
    arrays += [faces.character, faces.score]
    went_in = sum(array.nbytes for array in arrays) / 1e6
    results = (result.code, result.offsets, result.candidate, result.score)
    came_out = sum(array.nbytes for array in results) / 1e6
    return {
        **cost,
        "inputs_mb": went_in,
        "outputs_mb": came_out,
        "peak_mb": peak_mb(),
        "working_mb": peak_mb() - went_in - came_out,
        "candidates": len(result.candidate) / len(series.lines),
    }


def main() -> None:
    """Measure every size in fresh processes and write the table."""
    rows = []
    folder = CACHE / "growth"
    for lines in SIZES:
        shutil.rmtree(folder, ignore_errors=True)
        measured("growth.py", "make", str(folder), str(lines))
        cost = measured("growth.py", "propagate", str(folder))
        rows.append(
            [
                f"{lines:,}",
                f"{cost['candidates']:.1f}",
                f"{cost['seconds']:.1f}",
                f"{cost['cpu_seconds']:.1f}",
                f"{cost['inputs_mb']:.0f}",
                f"{cost['outputs_mb']:.0f}",
                f"{cost['peak_mb']:.0f}",
                f"{cost['working_mb']:.0f}",
            ]
        )
        print(rows[-1], flush=True)
    shutil.rmtree(folder, ignore_errors=True)
    header = ["lines", "candidates a line", "seconds", "processor seconds"]
    header += ["inputs MB", "outputs MB", "peak MB", "working MB"]
    write_results("growth", header, rows)


if __name__ == "__main__":
    if len(sys.argv) == 4:
        print(json.dumps(_make(sys.argv[2], int(sys.argv[3]))))
    elif len(sys.argv) == 3:
        print(json.dumps(_propagate(sys.argv[2])))
    else:
        main()
