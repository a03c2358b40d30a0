"""Write the generated parts of docs/ and README.md, or check that they are current.

A part stands between `<!-- generated: NAME -->` and `<!-- end -->`; each name has a function here.

    python scripts/docs.py           write
    python scripts/docs.py --check   exit 1 when something is out of date
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "benchmarks" / "results"
_PART = re.compile(r"(<!-- generated: ([\w-]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def tables() -> str:
    """Every table with its columns."""
    from castline.tables.catalog import CATALOG

    parts = []
    for table in CATALOG.values():
        where = "one file an episode" if table.scope == "episode" else "one file for the series"
        folder = f"{where}, in a folder for each variant" if table.variants else where
        parts.append(f"## {table.name}\n\n{table.meaning}\n")
        parts.append(f"Version {table.version}; key: {', '.join(table.key)}; {folder}.\n")
        parts.append("| column | type | meaning |\n| --- | --- | --- |")
        for column in table.columns:
            meaning = column.meaning
            if column.choices:
                meaning += ": " + ", ".join(f"`{choice}`" for choice in column.choices)
            bounds = [f"{v:g}" for v in (column.low, column.high) if v is not None]
            if column.low is not None or column.high is not None:
                low = "" if column.low is None else f"{column.low:g}"
                high = "" if column.high is None else f"{column.high:g}"
                meaning += f" ({low} to {high})" if len(bounds) == 2 else f" (at least {low})"
            kind = column.kind + (", may be missing" if column.nullable else "")
            parts.append(f"| `{column.name}` | {kind} | {meaning} |")
        parts.append("")
    return "\n".join(parts)


def commands() -> str:
    """The help text of every command."""
    import typer

    from castline.cli import app

    root = typer.main.get_command(app)
    return "\n".join(_help(root, ["castline"]))


def _help(command: Any, path: list[str]) -> Iterator[str]:
    from typer.testing import CliRunner

    from castline.cli import app

    runner = CliRunner(env={"COLUMNS": "96", "NO_COLOR": "1", "TERM": "dumb"})
    text = runner.invoke(app, [*path[1:], "--help"], prog_name="castline").output
    level = "#" * (1 + len(path))
    yield f"{level} {' '.join(path)}\n\n```text\n{_tidy(text)}\n```\n"
    for name, child in getattr(command, "commands", {}).items():
        yield from _help(child, [*path, name])


def _tidy(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.strip("\n").splitlines())


def formats() -> str:
    """What each format keeps and loses."""
    from castline.subtitles.losses import loss_table

    return loss_table()


def results(name: str) -> str:
    """A results table that a benchmark wrote, as Markdown."""
    path = RESULTS / f"{name}.json"
    if not path.exists():
        return "Not measured yet."
    content = json.loads(path.read_text(encoding="utf-8"))
    header, rows = content["header"], content["rows"]
    lines = ["| " + " | ".join(header) + " |", "|" + " --- |" * len(header)]
    lines += ["| " + " | ".join(map(str, row)) + " |" for row in rows]
    made = f"Made by `{content['command']}` on {content['machine']}, Castline {content['version']}."
    return "\n".join([*lines, "", made])


PARTS: dict[str, Callable[[], str]] = {"tables": tables, "commands": commands, "formats": formats}


def main() -> int:
    """Write or check all generated parts."""
    check = "--check" in sys.argv[1:]
    stale = []
    for page in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]:
        text = page.read_text(encoding="utf-8")

        def fill(match: re.Match[str], page: Path = page) -> str:
            name = match.group(2)
            if name.startswith("results-"):
                part = results(name.removeprefix("results-"))
            elif name in PARTS:
                part = PARTS[name]()
            else:
                raise SystemExit(f"{page}: nothing generates the part {name!r}")
            return f"{match.group(1)}\n{part.strip()}\n\n{match.group(3)}"

        made = _PART.sub(fill, text)
        if made != text:
            stale.append(page.relative_to(ROOT))
            if not check:
                page.write_text(made, encoding="utf-8")
    for page in stale:
        print(f"{page}: {'out of date; run make docs' if check else 'written'}")
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
