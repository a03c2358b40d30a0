"""Every method under every protocol on four real series: accuracy, seconds, memory."""

from __future__ import annotations

from castline.attribution.series import PROTOCOLS
from castline.benchmark import run_benchmark
from castline.cli.output import TerminalReporter
from common import CACHE, SERIES, accuracy_table, series_folder, write_results

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
    header, rows = accuracy_table(records)
    write_results("attribution", header, rows, records=records)


if __name__ == "__main__":
    main()
