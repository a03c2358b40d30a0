"""Benchmark whole series: import once, then each method in a fresh process, then score.

What is measured is the method, from project tables to written labels, everything it depends on
included. Memory is the highest resident size of a process that does just that.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from castline._version import __version__
from castline.errors import CastlineError, UnknownName
from castline.files import safe_name, storage_errors, write_atomically

if TYPE_CHECKING:
    from castline.pipeline.progress import Reporter
    from castline.project import Project

__all__ = ["peak_mb", "run_benchmark", "table_rows"]


def peak_mb() -> float:
    """Highest resident memory of this process so far, in MB (1e6 bytes)."""
    status = Path("/proc/self/status")
    if status.exists():
        # Not getrusage: on Linux its figure starts with that of the parent process.
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024 / 1e6
    import resource

    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


def run_benchmark(
    source: str,
    folders: Sequence[Path],
    *,
    methods: Sequence[str],
    protocols: Sequence[str] | None,
    reporter: Reporter,
    labels: Path | None = None,
    results: Path | None = None,
    work: Path | None = None,
) -> list[dict[str, Any]]:
    """Attribute and score whole series.

    Args:
        source: What the folders are: `dramasr`.
        folders: One for each series.
        methods: Names of methods.
        protocols: Names of protocols; all when None.
        reporter: Told about progress.
        labels: Where to write each method's labels, if at all.
        results: A JSON file for the records, written anew after each series.
        work: Where to keep the projects; a temporary folder when None.

    Returns:
        One record for each series, method, protocol and rule.

    Raises:
        UnknownName: No such source, method or protocol.
        CastlineError: A series could not be imported or attributed.
    """
    from castline.attribution.recipe import METHODS
    from castline.attribution.series import PROTOCOLS
    from castline.sources.recipe import import_dramasr

    if source != "dramasr":
        raise UnknownName("benchmark source", source, ["dramasr"])
    chosen = list(protocols or PROTOCOLS)
    for method in methods:
        METHODS.get(method)
    for protocol in chosen:
        if protocol not in PROTOCOLS:
            raise UnknownName("protocol", protocol, PROTOCOLS)
    records: list[dict[str, Any]] = []
    total = len(folders) * len(methods) * len(chosen)
    done = 0
    with _folder(work) as base:
        for folder in folders:
            series = folder.resolve().name
            project, _ = import_dramasr(folder, base / safe_name(series), reporter=reporter)
            for method in methods:
                for protocol in chosen:
                    reporter.step("benchmark", done, total, f"{series} {method} {protocol}")
                    cost = _measure(project.folder, method, protocol)
                    records += _score(project, series, method, protocol, cost)
                    if labels:
                        _write_labels(project, labels / safe_name(series), method, protocol)
                    done += 1
                    reporter.step("benchmark", done, total, f"{series} {method} {protocol}")
                    if results:
                        text = json.dumps(records, ensure_ascii=False, indent=1)
                        write_atomically(results, f"{text}\n".encode())
    return records


@contextmanager
def _folder(work: Path | None) -> Iterator[Path]:
    if work is not None:
        with storage_errors(work, "create"):
            work.mkdir(parents=True, exist_ok=True)
        yield work
        return
    with tempfile.TemporaryDirectory(prefix="castline-") as scratch:
        yield Path(scratch)


def _measure(project: Path, method: str, protocol: str) -> dict[str, float]:
    """Run one method in a fresh process."""
    command = [sys.executable, "-m", "castline.benchmark", str(project), method, protocol]
    child = subprocess.run(command, capture_output=True, text=True, check=False)
    if child.returncode:
        raise CastlineError(f"{method} under {protocol} failed on {project}:\n{child.stderr}")
    cost: dict[str, float] = json.loads(child.stdout.splitlines()[-1])
    return cost


def _measured(project: str, method: str, protocol: str) -> dict[str, float]:
    """What the fresh process does; labels that are there already are made anew."""
    wall, processor = time.perf_counter(), time.process_time()
    from castline.attribution.recipe import attribute
    from castline.project import Project

    opened = Project.open(project)
    for name, variant in (("labels", f"{method}-{protocol}"), ("seeds", "cluster")):
        for unit in opened.store.units(name, variant):
            opened.store.path(name, unit, variant).with_suffix(".json").unlink()
    attribute(opened, method=method, protocol=protocol)
    return {
        "seconds": round(time.perf_counter() - wall, 3),
        "cpu_seconds": round(time.process_time() - processor, 3),
        "peak_mb": round(peak_mb(), 1),
    }


def _score(
    project: Project, series: str, method: str, protocol: str, cost: dict[str, float]
) -> list[dict[str, Any]]:
    from castline.report.evaluation import evaluate_variant

    evaluation = evaluate_variant(project, f"{method}-{protocol}")
    return [
        {
            "series": series,
            "method": method,
            "protocol": protocol,
            "rule": rule,
            "lines": result.total.all.counted,
            "correct": result.total.all.right,
            "accuracy": result.total.all.percent,
            **cost,
            "version": __version__,
            "without_seeds_lines": result.total.unseeded.counted,
            "without_seeds_correct": result.total.unseeded.right,
            "without_seeds_accuracy": result.total.unseeded.percent,
            "ece": result.confidence.error if result.confidence else None,
        }
        for rule, result in evaluation.rules.items()
    ]


def _write_labels(project: Project, folder: Path, method: str, protocol: str) -> None:
    """`{"0": "name", ...}` by the line's position in the series, in the release's own words."""
    from castline.sources.dramasr.read import released_name

    names: dict[str, str] = {}
    for episode in project.episodes():
        numbers = project.store.read("lines", episode, columns=["line", "number"])
        labels = project.store.read("labels", episode, f"{method}-{protocol}")
        position = dict(zip(numbers["line"], numbers["number"], strict=True))
        offset = len(names)
        ordered = sorted(
            (offset + position[line], released_name(character))
            for line, character in labels.unique("line", keep="first")
            .select("line", "character")
            .iter_rows()
        )
        names.update((str(index), name) for index, name in ordered)
    content = json.dumps(names, ensure_ascii=False, indent=0)
    write_atomically(folder / f"{method}-{protocol}.json", f"{content}\n".encode())


def table_rows(records: Sequence[dict[str, Any]]) -> tuple[list[str], list[list[str]]]:
    """The records as a table for people: one row for each series, method and protocol.

    The expected calibration error is by the first rule; its column is there when any method gives
    confidences.
    """
    rules = list(dict.fromkeys(record["rule"] for record in records))
    calibrated = ["ECE"] if any(record["ece"] is not None for record in records) else []
    header = [
        *("series", "method", "protocol", "lines", *rules, *calibrated),
        *("seconds", "cpu", "peak MB"),
    ]
    runs: dict[tuple[str, str, str], dict[str, dict[str, Any]]] = {}
    for record in records:
        run = (record["series"], record["method"], record["protocol"])
        runs.setdefault(run, {})[record["rule"]] = record
    rows = []
    for run, by_rule in runs.items():
        first = next(iter(by_rule.values()))
        rows.append(
            [
                *run,
                str(first["lines"]),
                *(f"{by_rule[rule]['accuracy']:.2f}" if rule in by_rule else "" for rule in rules),
                *("–" if first["ece"] is None else f"{first['ece']:.2f}" for _ in calibrated),
                f"{first['seconds']:.1f}",
                f"{first['cpu_seconds']:.1f}",
                f"{first['peak_mb']:.0f}",
            ]
        )
    return header, rows


if __name__ == "__main__":
    print(json.dumps(_measured(*sys.argv[1:4])))
