"""The tables of the DramaSR-LRM paper on reasoning, with any model.

    python benchmarks/reasoning.py                          what a perfect model would make of it
    python benchmarks/reasoning.py --endpoint http://...    what yours makes of it
    python benchmarks/reasoning.py tools passes --endpoint http://... --base fusion

Without `--endpoint` a scripted server in a process of its own plays a model that knows the truth:
it calls two tools, then names the true speaker if it is among the candidates it was shown, else
`others`. With it only `threshold`, `share` and `passes` mean something, which are what runs then;
tools and context cannot matter to it. `oracle-80` is right on 80 % of the lines.

    threshold   margins of 0.02 to 0.20, one pass (tables 5 and 6)
    share       accuracy against the share of lines sent, by our own choice of lines
    passes      with and without a wider choice after `others`, with and without a second pass
    models      perfect, and right on 95, 90, 80 and 70 % of the lines (scripted only)
    tools       each look-up switched off in turn (table 3)
    context     lines of context before and after
    direct      no look-ups at all
"""

from __future__ import annotations

import argparse
import contextlib
import json
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import polars as pl

from castline.agents.endpoints import Endpoint, endpoint_of
from castline.attribution.labels import summarise_asked
from castline.attribution.recipe import attribute
from castline.attribution.tools.telling import LOOKUPS
from castline.cli.output import TerminalReporter
from castline.project import Project
from castline.report.evaluation import evaluate_variant
from castline.sources.recipe import import_dramasr
from castline.testing.scripted import start_scripted
from common import CACHE, SERIES, series_folder, write_results

PROTOCOL, RULE = "released", "code-s"
THRESHOLDS = tuple(round(0.02 * step, 2) for step in range(1, 11))
SHARES = (0.025, 0.05, 0.075, 0.1, 0.15, 0.2)
CONTEXTS = (0, 10, 20, 30, 60)
PERFECT = ("threshold", "share", "passes", "models")
REAL = ("threshold", "share", "passes", "tools", "context", "direct")
SCRIPTS = ("oracle", "oracle-95", "oracle-90", "oracle-80", "oracle-70")

Settings = Mapping[str, Any]


def main() -> None:
    """Run the tables that were asked for, and write them."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("tables", nargs="*", choices=[*REAL, "models", []], default=[])
    parser.add_argument("--endpoint", action="append", default=[])
    parser.add_argument("--base", action="append", default=[])
    parser.add_argument("--series", default="chen_mo_de_zhen_xiang", choices=SERIES)
    wanted = parser.parse_args()
    project, _ = import_dramasr(series_folder(wanted.series), CACHE / "projects" / wanted.series)
    tables = wanted.tables or (REAL if wanted.endpoint else PERFECT)
    if unknown := set(tables) - {*REAL, *PERFECT}:
        parser.error(f"no such table: {', '.join(sorted(unknown))}")
    rows: list[list[Any]] = []
    for base in wanted.base or ("propagation", "fusion"):
        attribute(project, method=base, protocol=PROTOCOL, reporter=TerminalReporter())
        for table in tables:
            for script, name, settings in runs(table):
                with served(project, wanted.endpoint, script) as endpoints:
                    figures = measured(project, base, endpoints, settings)
                    rows.append([SERIES[wanted.series], base, table, name, *figures])
                    print(*rows[-1], sep=" | ", flush=True)
    header = ["series", "base", "table", "setting", "% lines sent", "% of the errors among them"]
    header += ["base %", f"{RULE} %", "labels changed", "changed that were not sent", "tokens"]
    header += ["long %", "1-2 s %", "0.5-1 s %", "very short %"]
    asked = wanted.endpoint or ["scripted: knows the truth"]
    name = "reasoning" if not wanted.endpoint else "reasoning-model"
    write_results(name, header, rows, protocol=PROTOCOL, rule=RULE, endpoints=asked)


def runs(table: str) -> Iterator[tuple[str, str, Settings]]:
    """The runs of a table: script to play without a model, name, settings."""
    if table == "threshold":
        for each in THRESHOLDS:
            yield "oracle", f"margin < {each:.2f}", {"threshold": each, "passes": 1}
        yield "oracle", "margin < 0.10, no widening", {"threshold": 0.1, "passes": 1, "widen": 0}
    elif table == "share":
        for each in SHARES:
            yield "oracle", f"{100 * each:g} % at most", {"share": each, "doubt": 0.0}
    elif table == "passes":
        for passes in (1, 2, 3):
            for widen in (0, 5):
                name = f"{passes} pass{'es' * (passes > 1)}, {widen or 'none'} more after others"
                yield "oracle", name, {"passes": passes, "widen": widen}
    elif table == "models":
        for script in SCRIPTS:
            yield script, f"right on {script.partition('-')[2] or 100} %", {}
    elif table == "tools":
        yield "oracle", "all", {}
        for lookup in LOOKUPS:
            yield "oracle", f"without {lookup}", {"without": [lookup]}
    elif table == "context":
        for each in CONTEXTS:
            yield "oracle", f"{each} lines", {"context": each}
    else:
        yield "oracle", "no tools", {"tools": False}


@contextlib.contextmanager
def served(project: Project, words: list[str], script: str) -> Iterator[list[Endpoint]]:
    """The models to ask: those of the command line, else a scripted one that knows the truth."""
    if words:
        yield [endpoint_of(word, project.settings) for word in words]
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "truth.json"
        path.write_text(json.dumps(truth(project), ensure_ascii=False), encoding="utf-8")
        with start_scripted(f"{script}={path}") as endpoint:
            yield [endpoint]


def truth(project: Project) -> dict[str, str]:
    """Who speaks each line, by its number in the series."""
    store, episodes = project.store, project.episodes()
    lines = pl.concat(
        [store.read("lines", e).filter(kind="speech").select("line") for e in episodes]
    )
    told = pl.concat([store.read("truth", each) for each in episodes])
    speaker = dict(told.select("line", "speaker").iter_rows())
    return {
        str(number): speaker[line]
        for number, line in enumerate(lines["line"])
        if speaker.get(line, "").strip()
    }


def measured(
    project: Project, base: str, endpoints: list[Endpoint], settings: Settings
) -> list[Any]:
    """Label, and compare with the base method."""
    variant, _ = attribute(
        project,
        method="reasoning",
        protocol=PROTOCOL,
        settings=settings,
        base=base,
        endpoints=endpoints,
        reporter=TerminalReporter(),
    )
    result = evaluate_variant(project, variant)
    before = evaluate_variant(project, f"{base}-{PROTOCOL}")
    asked = project.store.read("asked", variant=variant)
    told = summarise_asked(project, variant)
    assert told is not None
    wrong = before.judged.filter(~pl.col(RULE))["line"]
    caught = 100 * int(wrong.is_in(asked["line"].to_list()).sum()) / len(wrong)
    durations = {each.name: each.all.percent for each in result.rules[RULE].duration}
    return [
        *(f"{told['percent']:.1f}", f"{caught:.1f}"),
        *(f"{each.rules[RULE].total.all.percent:.2f}" for each in (before, result)),
        *(told["changed"], _moved(project, variant, base, asked), told["tokens"]),
        *("–" if each is None else f"{each:.2f}" for each in list(durations.values())[::-1]),
    ]


def _moved(project: Project, variant: str, base: str, asked: pl.DataFrame) -> int:
    """Lines that were not sent and have another label than the base method gave: none, that is."""
    store, episodes = project.store, project.episodes()

    def labels(of: str) -> pl.DataFrame:
        return pl.concat([store.read("labels", each, of) for each in episodes])

    both = labels(variant).join(labels(f"{base}-{PROTOCOL}"), on="line", suffix=" of base")
    unsent = both.join(asked, on="line", how="anti")
    return unsent.filter(pl.col("character") != pl.col("character of base")).height


if __name__ == "__main__":
    main()
