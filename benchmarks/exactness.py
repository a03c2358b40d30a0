"""The Long Night against the released labels file: labels, candidates, scores, line for line."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import polars as pl

from castline.attribution.recipe import attribute
from castline.sources.dramasr.read import released_name
from castline.sources.recipe import import_dramasr
from common import SERIES, series_folder, write_results

NAME = "chen_mo_de_zhen_xiang"


def main() -> None:
    """Compare and write the table."""
    folder = series_folder(NAME)
    released = json.loads((folder / "prop_labels_1pct_apw.json").read_text("utf-8"))
    names = {each["code"]: each["name"] for each in released["character_list"]}
    names[-3] = "其他"
    with tempfile.TemporaryDirectory() as work:
        project, _ = import_dramasr(folder, Path(work) / "project")
        variant, _ = attribute(project, method="propagation", protocol="released")
        store, episodes = project.store, project.episodes()
        labels = pl.concat([store.read("labels", each, variant) for each in episodes])
        table = pl.concat([store.read("candidates", each, variant) for each in episodes])
    found: dict[str, dict[str, float]] = {line: {} for line in labels["line"]}
    for line, name, score in table.select("line", "character", "score").iter_rows():
        found[line][released_name(name)] = score
    same_label = same_list = 0
    worst = 0.0
    for (line, name), truth in zip(
        labels.select("line", "character").iter_rows(), released["utterance_label"], strict=True
    ):
        same_label += released_name(name) == names[truth["code"]]
        same_list += list(found[line]) == truth["rel_info"]["_list"]
        for who, score in truth["rel_info"]["_dict"].items():
            worst = max(worst, abs(found[line].get(who, 0.0) - score))
    count = labels.height
    rows = [
        [SERIES[NAME], "labels", f"{same_label:,} of {count:,}"],
        [SERIES[NAME], "candidate lists, in order", f"{same_list:,} of {count:,}"],
        [SERIES[NAME], "largest difference of a score", f"{worst:.1e}"],
    ]
    write_results("exactness", ["series", "compared with the released file", "equal"], rows)


if __name__ == "__main__":
    main()
