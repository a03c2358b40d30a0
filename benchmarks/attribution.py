"""Every method under every protocol on four real series: accuracy, seconds, memory."""

from __future__ import annotations

from typing import Any

from castline.attribution.series import PROTOCOLS
from castline.benchmark import run_benchmark
from castline.cli.output import TerminalReporter
from common import CACHE, SERIES, series_folder, write_results

METHODS = ["propagation", "nearest-seed", "diarization", "most-frequent-face"]


def main() -> None:
    """Run the benchmark and write its tables."""
    records = run_benchmark(
        "dramasr",
        [series_folder(name) for name in SERIES],
        methods=METHODS,
        protocols=list(PROTOCOLS),
        reporter=TerminalReporter(),
        work=CACHE / "projects",
    )
    rules = list(dict.fromkeys(record["rule"] for record in records))
    runs: dict[tuple[str, str, str], list[dict[str, Any]]] = {}
    for record in records:
        run = (record["series"], record["method"], record["protocol"])
        runs.setdefault(run, []).append(record)
    header = ["series", "method", "protocol", "lines", *rules]
    header += ["code-s without seeds", "seconds", "processor seconds", "peak MB"]
    rows = []
    for (series, method, protocol), group in runs.items():
        by_rule = {record["rule"]: record for record in group}
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
    write_results("attribution", header, rows, records=records)


if __name__ == "__main__":
    main()
