"""What all benchmarks share: where the data is, what the machine is, how results are written."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

from castline import __version__

ROOT = Path(__file__).resolve().parent.parent
SHARED = ROOT.parent / "shared"
RESULTS = Path(__file__).parent / "results"
CACHE = Path(__file__).parent / ".cache"

SERIES = {
    "chen_mo_de_zhen_xiang": "The Long Night",
    "zhan_chang_sha": "Battle of Changsha",
    "ren_shi_jian": "A Lifelong Journey",
    "zhen_huan_zhuan": "Empresses in the Palace",
}
"""Folder to title."""
TRAINING = ("ren_shi_jian", "zhen_huan_zhuan")
"""The training series of the paper; nothing else is ever trained on, or chosen by."""


def series_folder(name: str) -> Path:
    """A series folder of the DramaSR release, unpacked into the cache on first use."""
    folder = CACHE / name
    if not folder.exists():
        archive = SHARED / "data" / "dramasr" / f"{name}.tar.xz"
        if not archive.exists():
            sys.exit(f"{archive} is not there: this benchmark needs the DramaSR release beside us")
        CACHE.mkdir(exist_ok=True)
        with tarfile.open(archive) as packed:
            if hasattr(tarfile, "data_filter"):  # from Python 3.11.4 on
                packed.extraction_filter = tarfile.data_filter
            packed.extractall(CACHE)
    return folder


def machine() -> str:
    """Processor, cores, memory and Python in one line."""
    model = platform.processor() or platform.machine()
    memory = ""
    if Path("/proc/cpuinfo").exists():
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                model = line.partition(":")[2].strip()
                break
        total = int(Path("/proc/meminfo").read_text().split()[1]) * 1024
        memory = f", {total / 1e9:.0f} GB"
    return f"{model}, {os.cpu_count()} cores{memory}, Python {platform.python_version()}"


def write_results(name: str, header: list[str], rows: list[list[Any]], **extra: Any) -> None:
    """Write `results/<name>.json`, from which the tables in docs/ are made."""
    script = Path(sys.argv[0]).name
    content = {
        "command": f"python benchmarks/{script}",
        "machine": machine(),
        "version": __version__,
        "header": header,
        "rows": rows,
        **extra,
    }
    RESULTS.mkdir(exist_ok=True)
    text = json.dumps(content, ensure_ascii=False, indent=1)
    (RESULTS / f"{name}.json").write_text(f"{text}\n", encoding="utf-8")
    print(f"{name}: {len(rows)} rows written")


def measured(module: str, *arguments: str) -> dict[str, Any]:
    """Run a module of this folder in a fresh process and read the JSON of its last line."""
    command = [sys.executable, str(Path(__file__).parent / module), *arguments]
    child = subprocess.run(command, capture_output=True, text=True, check=False)
    if child.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{child.stderr}")
    facts: dict[str, Any] = json.loads(child.stdout.splitlines()[-1])
    return facts


def accuracy_table(records: list[dict[str, Any]]) -> tuple[list[str], list[list[Any]]]:
    """Header and rows of a table of records: one row for each series, method and protocol."""
    rules = list(dict.fromkeys(record["rule"] for record in records))
    runs: dict[tuple[str, str, str], dict[str, dict[str, Any]]] = {}
    for record in records:
        run = (record["series"], record["method"], record["protocol"])
        runs.setdefault(run, {})[record["rule"]] = record
    header = ["series", "method", "protocol", "lines", *rules]
    header += ["code-s without seeds", "seconds", "processor seconds", "peak MB"]
    rows = []
    for (series, method, protocol), by_rule in runs.items():
        first = by_rule["code-s"]
        rows.append(
            [
                *(SERIES[series], method, protocol, first["lines"]),
                *(f"{by_rule[rule]['accuracy']:.2f}" for rule in rules),
                f"{first['without_seeds_accuracy']:.2f}",
                *(f"{first['seconds']:.1f}", f"{first['cpu_seconds']:.1f}"),
                f"{first['peak_mb']:.0f}",
            ]
        )
    return header, rows
