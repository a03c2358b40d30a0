"""What commands show: results on stdout (text or JSON), progress and warnings on stderr."""

from __future__ import annotations

import json
import sys
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

__all__ = ["TerminalReporter", "clean", "emit", "table"]


def clean(text: str) -> str:
    """Make a stranger's text safe for a terminal: control characters become visible.

    >>> clean("a" + chr(27) + "[31mb")
    'a␛[31mb'
    """
    return "".join(
        char if char.isprintable() else (chr(0x2400 + ord(char)) if ord(char) < 32 else "�")
        for char in text
    )


def emit(facts: Any, text: str, *, as_json: bool) -> None:
    """Print a result: as JSON for programs, or as text for people."""
    if as_json:
        print(json.dumps(facts, ensure_ascii=False, indent=2))
    elif text:
        print(text)


def table(header: list[str], rows: list[list[str]]) -> str:
    """Rows under a header, columns aligned by what a terminal shows (wide scripts count two).

    >>> print(table(["who", "lines"], [["甄嬛", "12"], ["Bo", "7"]]))
    who   lines
    甄嬛     12
    Bo        7
    """
    from rich.cells import cell_len

    rows = [[clean(cell) for cell in row] for row in rows]
    widths = [max(map(cell_len, column)) for column in zip(header, *rows, strict=True)]

    def numeric(column: int) -> bool:
        cells = [row[column] for row in rows]
        return column > 0 and all(c == "" or c[0].isdigit() or c[0] in "-–" for c in cells)

    right = [numeric(column) for column in range(len(header))]

    def pad(cell: str, column: int) -> str:
        gap = " " * (widths[column] - cell_len(cell))
        return gap + cell if right[column] else cell + gap

    lines = [[pad(cell, i) for i, cell in enumerate(row)] for row in [header, *rows]]
    return "\n".join("  ".join(line).rstrip() for line in lines)


class TerminalReporter:
    """Progress on stderr: a bar on a terminal, a line now and then in a pipe.

    Nothing is shown of what takes less than two seconds.
    """

    _PATIENCE_S = 2.0
    _PIPE_EVERY_S = 10.0

    def __init__(self) -> None:
        self.warnings: list[str] = []
        self._start = self._said = time.monotonic()
        self._bar: Progress | None = None
        self._tasks: dict[str, TaskID] = {}

    def step(self, stage: str, done: int, total: int, unit: str) -> None:
        """Show progress. See `Reporter`."""
        now = time.monotonic()
        if now - self._start < self._PATIENCE_S:
            return
        if not sys.stderr.isatty():
            if now - self._said >= self._PIPE_EVERY_S:
                print(f"{stage}: {done} of {total} ({unit})", file=sys.stderr)
                self._said = now
            return
        bar = self._bar or self._open()
        if stage not in self._tasks:
            self._tasks[stage] = bar.add_task(stage, total=total, unit=unit)
        bar.update(self._tasks[stage], completed=done, total=total, unit=clean(unit))

    def warn(self, message: str) -> None:
        """Show a warning and keep it."""
        self.warnings.append(message)
        if self._bar:
            self._bar.console.print(f"warning: {clean(message)}", markup=False, highlight=False)
        else:
            print(f"warning: {clean(message)}", file=sys.stderr)

    def close(self) -> None:
        """Take the bar away."""
        if self._bar:
            self._bar.stop()
            self._bar = None

    def _open(self) -> Progress:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeElapsedColumn

        self._bar = Progress(
            "{task.description}",
            BarColumn(),
            MofNCompleteColumn(),
            "{task.fields[unit]}",
            TimeElapsedColumn(),
            console=Console(stderr=True),
            transient=True,
        )
        self._bar.start()
        return self._bar
