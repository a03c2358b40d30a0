"""Import, evaluation and report of the largest series: seconds and peak memory."""

from __future__ import annotations

import json
import shutil
import sys
import time
from pathlib import Path

from castline.benchmark import peak_mb
from common import CACHE, SERIES, measured, series_folder, write_results

NAME = "zhen_huan_zhuan"


def _import(project: str) -> None:
    from castline.sources.recipe import import_dramasr

    import_dramasr(series_folder(NAME), project)


def _evaluate(project: str) -> None:
    from castline.project import Project
    from castline.report.evaluation import evaluate_project

    evaluate_project(Project.open(project), report=Path(project) / "report.html")


STEPS = {"import": _import, "import again, nothing changed": _import, "evaluate": _evaluate}


def main() -> None:
    """Measure each step in a fresh process."""
    project = CACHE / "pipeline"
    shutil.rmtree(project, ignore_errors=True)
    series_folder(NAME)
    rows = []
    for step in STEPS:
        if step == "evaluate":
            from castline.attribution.recipe import attribute
            from castline.project import Project

            attribute(Project.open(project))
        cost = measured("pipeline.py", step, str(project))
        what = f"{step} and report" if step == "evaluate" else step
        rows.append([SERIES[NAME], what, f"{cost['seconds']:.1f}", f"{cost['peak_mb']:.0f}"])
    shutil.rmtree(project)
    write_results("pipeline", ["series", "step", "seconds", "peak MB"], rows)


if __name__ == "__main__":
    if len(sys.argv) == 3:
        begin = time.perf_counter()
        STEPS[sys.argv[1]](sys.argv[2])
        print(json.dumps({"seconds": time.perf_counter() - begin, "peak_mb": peak_mb()}))
    else:
        main()
