"""The unsupervised seed search: each idea taken away in turn, and what it is compared with.

    python benchmarks/unsupervised_seeds.py                     the two training series
    python benchmarks/unsupervised_seeds.py FOLDER... [--last-look]

Series are imported into a temporary project. The truth is read here, for scoring, and nowhere else.
`--last-look` adds rows of the chosen setting alone for the given folders to the results there are:
for series on which nothing was tuned.
"""

from __future__ import annotations

import dataclasses
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from castline.attribution.base import NOBODY, Series
from castline.attribution.baselines import NEAREST_SEED, NearestSeedParams
from castline.attribution.cluster_seeds import ClusterSeedsParams, find_cluster_seeds
from castline.attribution.nearness import Nearness
from castline.attribution.propagation import METHOD, PropagationParams
from castline.attribution.series import PROTOCOLS, load_series
from castline.project import Project
from castline.sources.recipe import import_dramasr
from castline.tables.catalog import NARRATOR
from common import RESULTS, SERIES, TRAINING, series_folder, write_results

SETTINGS: dict[str, dict[str, Any]] = {
    "chosen": {},
    "seen anywhere within 20 s, as published": {"sight": (1.0, 1.0, 1.0, 1.0, 0.005)},
    "faces only, no voices across clusters": {"rounds": 0},
    "one round": {"rounds": 1},
    "no doubt about voices of few lines (few 0.1)": {"few": 0.1},
    "few 30": {"few": 30.0},
    "lines of a scene independent by picture (sight_growth 1)": {"sight_growth": 1.0},
    "sight_growth 0.35": {"sight_growth": 0.35},
    "sight_growth 0.7": {"sight_growth": 0.7},
    "voice_growth 0.3": {"voice_growth": 0.3},
    "voice_growth 0.7": {"voice_growth": 0.7},
    "likeness 0.5": {"likeness": 0.5},
    "likeness 0.55": {"likeness": 0.55},
    "likeness 0.65": {"likeness": 0.65},
    "voice_slope 0.75": {"voice_slope": 0.75},
    "voice_slope 1.5": {"voice_slope": 1.5},
    "voice_bound 1.5": {"voice_bound": 1.5},
    "voice_bound 2.5": {"voice_bound": 2.5},
    "unseen 0.1": {"unseen": 0.1},
    "unseen 0.02": {"unseen": 0.02},
    "certain 0.9": {"certain": 0.9},
    "certain 0.999": {"certain": 0.999},
    "smallest 1": {"smallest": 1},
    "smallest 4": {"smallest": 4},
    "no second phase": {"fallback": 1.01},
}

HEADER = [
    "series", "setting", "seeds", "purity", "speaking characters", "with a seed",
    "with mostly right seeds", "accuracy (code-s)", "processor seconds of the search",
]  # fmt: skip


def main() -> None:
    """Measure and write results/unsupervised-seeds.json."""
    arguments = [each for each in sys.argv[1:] if not each.startswith("--")]
    last_look = "--last-look" in sys.argv
    folders = [Path(each) for each in arguments] or [series_folder(name) for name in TRAINING]
    rows: list[list[Any]] = []
    if last_look:
        rows = json.loads((RESULTS / "unsupervised-seeds.json").read_text("utf-8"))["rows"]
    for folder in folders:
        with tempfile.TemporaryDirectory() as work:
            project, _ = import_dramasr(folder, Path(work) / "project")
            for row in _measure(project, chosen_only=last_look):
                rows.append([SERIES.get(folder.name, folder.name), *row])
                print(*rows[-1], sep=" | ", flush=True)
    write_results("unsupervised-seeds", HEADER, rows)


def _measure(project: Project, *, chosen_only: bool) -> Iterator[list[Any]]:
    episodes = project.episodes()
    truth = pl.concat([project.store.read("truth", each) for each in episodes])
    cast = project.store.read("cast")
    known = set(cast.filter((pl.col("faces") > 0) | (pl.col("kind") == NARRATOR))["character"])
    released = load_series(project.store, episodes, PROTOCOLS["released"], {})
    speaker = _codes(truth, known, released)
    given = METHOD.attribute(released, PropagationParams()).code
    yield _row("given seeds, propagation", released, speaker, released.seeds, given, None)
    nearest = NEAREST_SEED.attribute(released, NearestSeedParams())
    yield _row("given seeds, nearest seed", released, speaker, released.seeds, nearest.code, None)
    near = _nearest_in_window(released)
    yield _row("given seeds, nearest seed near", released, speaker, released.seeds, near, None)
    bare = load_series(project.store, episodes, PROTOCOLS["unsupervised"], {}, with_seeds=False)
    speaker = _codes(truth, known, bare)
    for name, changes in SETTINGS.items():
        if chosen_only and name != "chosen":
            continue
        started = time.process_time()
        seeds = find_cluster_seeds(bare, ClusterSeedsParams(**changes))
        seconds = time.process_time() - started
        seeded = dataclasses.replace(bare, seeds=seeds)
        code = METHOD.attribute(seeded, PropagationParams()).code
        yield _row(name, bare, speaker, seeds, code, seconds)


_OTHER_KNOWN, _DELETED = -2, -3
"""Truth that no label can meet (a narrator outside the cast), and truth that is not counted."""


def _codes(truth: pl.DataFrame, known: set[str], series: Series) -> np.ndarray[Any, Any]:
    code = {name: number for number, name in enumerate(series.cast)}
    return np.array(
        [
            _DELETED if deleted else code.get(who, _OTHER_KNOWN) if who in known else NOBODY
            for who, deleted in truth.select("speaker", "deleted").iter_rows()
        ]
    )


def _row(
    name: str,
    series: Series,
    speaker: np.ndarray[Any, Any],
    seeds: np.ndarray[Any, Any],
    code: np.ndarray[Any, Any],
    seconds: float | None,
) -> list[Any]:
    cast = len(series.cast)
    counted = speaker != _DELETED
    seeded = counted & (seeds >= 0)
    right = seeded & (seeds == speaker)
    speaks = np.bincount(speaker[speaker >= 0], minlength=cast) > 0
    all_seeds = np.bincount(seeds[seeded], minlength=cast)
    right_seeds = np.bincount(seeds[right], minlength=cast)
    named = np.where(code >= cast, NOBODY, code)  # a new voice is nobody of the cast
    return [
        name,
        int(seeded.sum()),
        f"{100 * right.sum() / max(1, seeded.sum()):.2f}",
        int(speaks.sum()),
        int((speaks & (all_seeds > 0)).sum()),
        int((speaks & (2 * right_seeds > all_seeds)).sum()),
        f"{100 * (named == speaker)[counted].mean():.2f}",
        "" if seconds is None else f"{seconds:.1f}",
    ]


def _nearest_in_window(series: Series) -> np.ndarray[Any, Any]:
    """The nearest seed among characters seen, or heard in a seed, within 20 s of the line."""
    published = PropagationParams()
    nearness = Nearness(
        series.timeline,
        series.faces,
        series.everywhere,
        reach_ms=published.reach_ms,
        face_score=published.face_score,
    )
    score = np.full((len(series.lines), len(series.cast)), -1, np.float32)
    for character in range(len(series.cast)):
        spoken = np.flatnonzero(series.seeds == character).astype(np.int32)
        near = nearness.near(character, spoken)
        if spoken.size and near.size:
            score[near, character] = (series.voices[near] @ series.voices[spoken].T).max(1)
    code = np.where(score.max(1) >= NearestSeedParams().threshold, score.argmax(1), NOBODY)
    return np.where(series.seeds >= 0, series.seeds, code)


if __name__ == "__main__":
    main()
