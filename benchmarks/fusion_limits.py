"""Fusion with less to go by: short series, few or many people, poorer voices, no faces, no words.

The two series that it was not trained on, each line judged by code-s, as they are and with
something taken away. What is taken away is taken from everybody: no result of the whole series
helps the poorer one.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import numpy.typing as npt

from asking import Case, released_case
from castline.attribution.base import NOBODY, Attribution, Series
from castline.attribution.fusion.decoding import labels_of
from castline.attribution.fusion.lessons import (
    UNTOLD,
    Lesson,
    cut_lessons,
    cut_series,
    load_truth,
    without,
)
from castline.attribution.fusion.method import fuse, missing
from castline.attribution.fusion.start import first_labels
from castline.attribution.nearness import FaceTimes, Timeline
from castline.sources.recipe import import_dramasr
from common import series_folder, write_results

TEST = ("chen_mo_de_zhen_xiang", "zhan_chang_sha")
CROWD = ("ren_shi_jian", "zhen_huan_zhuan")
"""Whose casts make the crowd of a hundred and fifty."""
EPISODES = 4
"""Episodes that are labelled alone, spread over each series."""
WRONG = 10
"""Of so many seeds one is given to somebody else."""
WIDTH = 64
"""Numbers of a voiceprint by the poorer engine."""

Judged = tuple[int, float, float]
"""Lines judged, and right by propagation and by fusion, in percent."""


def main() -> None:
    """Label each series as it is and with less, and write the table."""
    rows = []
    for case in [released_case(series_folder(name)) for name in TEST]:
        for name, parts in _poorer(case):
            judged = [_judge(part) for part in parts]
            lines = sum(each[0] for each in judged)
            rights = [sum(each[0] * each[k] for each in judged) / max(lines, 1) for k in (1, 2)]
            warned = missing(parts[0].series, parts[0].model)
            row = [case.name, name, len(parts[0].series.cast), lines]
            rows.append([*row, *(f"{each:.2f}" for each in rights), "; ".join(warned)])
            print(*rows[-1], sep=" | ", flush=True)
    header = ["series", "with", "cast", "lines judged", "propagation %", "fusion %", "it warns"]
    write_results("fusion-limits", header, rows)


def _poorer(case: Case) -> Iterator[tuple[str, list[Case]]]:
    """Names of what is taken away, each with the series that are left."""
    yield "everything", [case]
    lesson = Lesson(
        case.name, 0, kind="plain", series=case.series, truth=case.truth,
        propagation=first_labels(case.series),
    )  # fmt: skip
    for what, name in (
        ("faces", "no faces"),
        ("words", "no words"),
        ("voices", "no voices"),
        ("seeds", "seeds found, not given"),
    ):
        poorer = without(lesson, what)
        yield name, [dataclasses.replace(case, series=poorer.series, truth=poorer.truth)]
    yield "no relations", [_of(case, dataclasses.replace(case.series, relations=()))]
    yield f"one seed in {WRONG} wrong", [_of(case, with_wrong_seeds(case.series))]
    yield f"voiceprints of {WIDTH} numbers", [_of(case, _poorer_voices(case.series))]
    count = int(case.series.episode.max()) + 1
    chosen = np.linspace(0, count - 1, EPISODES).round().astype(int)
    yield "one episode alone", [_episode(case, each) for each in chosen.tolist()]
    yield "two characters", [_leading(case, 2)]
    yield "a crowd of two more series", [_among(case)]


def _of(case: Case, series: Series) -> Case:
    return dataclasses.replace(case, series=series)


def _judge(case: Case) -> Judged:
    """Percent of lines right; those who cannot be named count as wrong for everybody."""
    cast = len(case.series.cast)
    counted = case.truth != UNTOLD

    def percent(found: Attribution) -> float:
        return 100 * float((labels_of(found.code, cast) == case.truth)[counted].mean())

    found = first_labels(case.series)
    return int(counted.sum()), percent(found), percent(fuse(case.series, case.model))


def with_wrong_seeds(series: Series) -> Series:
    """With some seeds given to others of the cast by mistake (drawn by seed 0)."""
    draw = np.random.default_rng(0)
    given = np.flatnonzero(series.seeds >= 0)
    wrong = draw.choice(given, len(given) // WRONG, replace=False)
    seeds, cast = series.seeds.copy(), len(series.cast)
    seeds[wrong] = (seeds[wrong] + draw.integers(1, cast, len(wrong))) % cast
    return dataclasses.replace(series, seeds=seeds)


def _poorer_voices(series: Series) -> Series:
    """Voiceprints as of an engine that tells less: a random projection (seed 0)."""
    width = series.voices.shape[1]
    turned = series.voices @ np.random.default_rng(0).normal(size=(width, WIDTH)).astype(np.float32)
    norm = np.linalg.norm(turned, axis=1, keepdims=True)
    return dataclasses.replace(series, voices=(turned / np.maximum(norm, 1e-9)).astype(np.float32))


def _episode(case: Case, episode: int) -> Case:
    """One episode, with seeds of its own by the published rule: one of a hundred lines."""
    series = case.series
    rows = np.flatnonzero(series.episode == episode)
    speaks = np.bincount(case.truth[rows][_named(case, rows)], minlength=len(series.cast)) > 0
    return _part(case, rows, speaks)


def _leading(case: Case, count: int) -> Case:
    """Only those who speak most are known; everybody else is nobody of the cast."""
    rows = np.arange(len(case.truth))
    talk = np.bincount(case.truth[_named(case, rows)], minlength=len(case.series.cast))
    return _part(case, rows, talk >= np.sort(talk)[-count])


def _named(case: Case, rows: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    named: npt.NDArray[np.bool_] = (case.truth[rows] >= 0) & (
        case.truth[rows] < len(case.series.cast)
    )
    return named


def _part(case: Case, rows: npt.NDArray[Any], known: npt.NDArray[np.bool_]) -> Case:
    """Some lines, of whose speakers some are known."""
    series, truth = cut_series(case.series, case.truth, rows, known)
    return dataclasses.replace(case, series=series, truth=truth)


def _among(case: Case) -> Case:
    """The series with thirds of two more, in which nothing is judged: their casts stand by."""
    series, truth = case.series, case.truth
    for name in CROWD:
        with TemporaryDirectory() as work:
            project, _ = import_dramasr(series_folder(name), Path(work) / "project")
            more = cut_lessons(name, *load_truth(project))[0].series
        truth = np.where(truth == len(series.cast), len(series.cast) + len(more.cast), truth)
        truth = np.append(truth, np.full(len(more.lines), UNTOLD)).astype(np.int32)
        series = _joined(series, more)
    return dataclasses.replace(case, series=series, truth=truth)


def _joined(one: Series, more: Series) -> Series:
    """Two series as one, the second after the first."""
    shift, cast = int(one.timeline.end_ms.max()) + 20_000, len(one.cast)
    later = shift - int(more.timeline.start_ms.min())
    moved = np.where(more.faces.character >= 0, more.faces.character + cast, NOBODY)
    box = None
    if one.faces.box is not None and more.faces.box is not None:
        box = np.concatenate([one.faces.box, more.faces.box])
    strength = None
    if one.strength is not None and more.strength is not None:
        strength = np.concatenate([one.strength, more.strength])
    return Series(
        lines=(*one.lines, *(f"{cast}:{line}" for line in more.lines)),
        episode=np.concatenate([one.episode, more.episode + one.episode.max() + 1]).astype(
            np.int32
        ),
        timeline=Timeline(
            np.concatenate([one.timeline.start_ms, more.timeline.start_ms + later]),
            np.concatenate([one.timeline.end_ms, more.timeline.end_ms + later]),
        ),
        faces=FaceTimes(
            start_ms=np.concatenate([one.faces.start_ms, more.faces.start_ms + later]),
            end_ms=np.concatenate([one.faces.end_ms, more.faces.end_ms + later]),
            character=np.concatenate([one.faces.character, moved]).astype(np.int32),
            score=np.concatenate([one.faces.score, more.faces.score]),
            box=box,
        ),
        voices=np.concatenate([one.voices, more.voices]),
        cast=(*one.cast, *more.cast),
        everywhere=np.concatenate([one.everywhere, more.everywhere]),
        seeds=np.concatenate(
            [one.seeds, np.where(more.seeds >= 0, more.seeds + cast, more.seeds)]
        ).astype(np.int32),
        texts=(*one.texts, *more.texts),
        forms=(*one.forms, *more.forms),
        strength=strength,
        relations=(
            *one.relations,
            *((here + cast, there + cast, what) for here, there, what in more.relations),
        ),
    )


if __name__ == "__main__":
    main()
