"""What faces tell: who is seen when, how large, alone or among others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from castline.attribution.base import NOBODY, Series
from castline.attribution.fusion.rows import Columns, Rows

__all__ = ["FaceShares", "Seen", "face_columns", "look", "seen_shares"]

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float32]
Times = npt.NDArray[np.int64]
Indices = npt.NDArray[np.intp]
Numbers = npt.NDArray[np.floating[Any]]

_USUAL_SIZE = 0.2
"""Size of a face whose box was not measured."""
_DURING_MS = 200
"""A picture so little before or after a line counts as during it."""
_EDGE_MS = 100
"""The same where the first and the last third of a line are looked at."""
_NEAR_MS = 3_000
_WIDE_MS = 8_000
_WIDEST_MS = 20_000
_AROUND_MS = {"f1": 1_000, "f3": _NEAR_MS, "f8": _WIDE_MS, "f20": _WIDEST_MS}
"""Columns of how many faces of a candidate are seen this near."""
_APART_MS = 480
"""Pictures that are measured more densely are thinned to this distance."""
_FEW = 50
"""Of fewer pictures all are looked at."""
_FARTHEST_MS = 30_000
"""Farther faces are as good as none."""
_EPISODE_MS = 60_000
"""An episode's faces are those so long before its first line and after its last, or nearer."""
_NEIGHBOURS = (-2, -1, 1, 2)
"""Lines before and after during which it is asked who is seen."""


@dataclass(frozen=True)
class Seen:
    """F faces in order of time, with what each weighs in its picture. Faces of one time share one.

    Attributes:
        time_ms: (F,) when, on the clock of the series, ascending.
        code: (F,) who it is taken for, `NOBODY` for nobody known.
        size: (F,) square root of its share of the picture, 0 to 1.
        score: (F,) certainty of the recognition, 0 to 1.
        middle: (F,) 1 in the middle of the picture, 0 at its left or right edge.
        largest: (F,) no face of the picture is larger.
        alone: (F,) it is the only one.
        pictures_ms: (P,) times of the pictures with faces, ascending.
    """

    time_ms: Times
    code: npt.NDArray[np.int32]
    size: Floats
    score: Floats
    middle: Floats
    largest: Bools
    alone: Bools
    pictures_ms: Times

    def of(self, code: int) -> Indices:
        """Positions of the faces of one person, ascending."""
        return np.flatnonzero(self.code == code)


@dataclass(frozen=True)
class FaceShares:
    """Who is seen with the N lines; the last column counts faces of nobody known.

    Attributes:
        largest: (N, C + 1) share of the pictures during a line in which each is the largest face,
            0 to 1.
        near: (N, C + 1) faces of each for each picture within 3 s; more than 1 where several
            faces of nobody known are in one picture.
        within_8s: (N, C + 1) whether each is seen within 8 s.
        within_20s: (N, C + 1) the same within 20 s.
    """

    largest: Floats
    near: Floats
    within_8s: Bools
    within_20s: Bools


def look(series: Series) -> Seen:
    """The faces of a series in order of time, of no more than about two pictures a second.

    Boxes that were not measured count as usual ones.
    """
    faces = series.faces
    order = np.argsort(faces.start_ms, kind="stable")
    order = order[_thinned(faces.start_ms[order])]
    time = faces.start_ms[order]
    unmeasured = np.full((time.size, 4), np.nan, np.float32)
    size, middle = _measures(unmeasured if faces.box is None else faces.box[order])
    pictures, first, count = np.unique(time, return_index=True, return_counts=True)
    top = np.maximum.reduceat(size, first) if time.size else size
    return Seen(
        time_ms=time,
        code=faces.character[order],
        size=size,
        score=np.nan_to_num(faces.score[order]),
        middle=middle,
        largest=size >= np.repeat(top, count),
        alone=np.repeat(count, count) == 1,
        pictures_ms=pictures,
    )


def _thinned(time: Times) -> Bools:
    """Which faces to keep, (F,), so that pictures are as far apart as those that rankers know.

    Faces of the DramaSR release come about half a second apart; of a film every picture may be
    measured, and ten times the faces are not ten times the evidence.
    """
    pictures = np.unique(time)
    if len(pictures) < _FEW or np.median(np.diff(pictures)) >= _APART_MS / 2:
        return np.ones(len(time), np.bool_)
    kept = []
    place = 0
    while place < len(pictures):
        kept.append(place)
        place = int(np.searchsorted(pictures, pictures[place] + _APART_MS))
    return np.isin(time, pictures[kept])


def _measures(box: Floats) -> tuple[Floats, Floats]:
    """Size and place of faces in their pictures, (F,) each, from boxes (F, 4) in pixels.

    The pictures are taken to be as large as the faces need.
    """
    measured = np.isfinite(box).all(1)
    left, top, right, bottom = box[measured].T
    width, height = right.max(initial=1.0), bottom.max(initial=1.0)
    size = np.full(len(box), _USUAL_SIZE, np.float32)
    middle = np.ones(len(box), np.float32)
    share = np.maximum(right - left, 0) / width * np.maximum(bottom - top, 0) / height
    size[measured] = np.sqrt(share)
    middle[measured] = 1 - 2 * np.abs((left + right) / 2 / width - 0.5)
    return size, middle


def seen_shares(series: Series, seen: Seen) -> FaceShares:
    """Who is seen in and near each line.

    Args:
        series: N lines, C members of the cast.
        seen: Its faces.
    """
    shape = len(series.lines), len(series.cast) + 1
    largest, near = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    within_8s, within_20s = np.zeros(shape, np.bool_), np.zeros(shape, np.bool_)
    spans = {reach: _span(series, reach) for reach in (_DURING_MS, _NEAR_MS, _WIDE_MS, _WIDEST_MS)}
    pictures = np.maximum(_count(seen.pictures_ms, *spans[_DURING_MS]), 1)
    near_pictures = np.maximum(_count(seen.pictures_ms, *spans[_NEAR_MS]), 1)
    for code in np.unique(seen.code).tolist():
        mine = seen.of(code)
        time = seen.time_ms[mine]
        # Without measured boxes all faces of a picture may be its largest.
        dominated = np.unique(time[seen.largest[mine]])
        column = len(series.cast) if code == NOBODY else code
        largest[:, column] = _count(dominated, *spans[_DURING_MS]) / pictures
        near[:, column] = _count(time, *spans[_NEAR_MS]) / near_pictures
        within_8s[:, column] = _count(time, *spans[_WIDE_MS]) > 0
        within_20s[:, column] = _count(time, *spans[_WIDEST_MS]) > 0
    return FaceShares(largest, near, within_8s, within_20s)


def face_columns(series: Series, rows: Rows, seen: Seen) -> Columns:
    """What faces tell of each candidate; others have the faces of nobody known.

    How many faces of the candidate there are during a line (`f_n`), in how many pictures it is the
    largest face (`f_big`) or the only one (`f_alone`), and these by picture (`_share`); sums of
    size, score and closeness to the middle (`f_size`, `f_score`, `f_mid`) and the mean size
    (`f_max`). How many are seen in the first and the last third of the line (`f_first`, `f_last`),
    within 1, 3, 8 and 20 s (`f1` to `f20`), before it (`fpre`) and after it (`fpost`) within 3 s,
    during the two lines before and after (`f_line-2` to `f_line+2`). Seconds since the last face
    and until the next, at most 30 (`f_before`, `f_after`). Share of the faces of the episode
    (`f_episode`). Of the line, whoever the candidate is: pictures, faces, unknown faces and
    candidates seen during it and within 8 s (`line_`). With `_d`: less the best other candidate of
    the line.

    Args:
        series: N lines, at least one; C members of the cast.
        rows: R rows of lines and candidates.
        seen: The faces of the series.

    Returns:
        (R,) columns, finite.
    """
    cast = len(series.cast)
    columns: Columns = {}
    for code, mine in rows.of_each():
        faces = seen.of(code if code < cast else NOBODY)
        told = _sightings(series, seen, faces, rows.line[mine])
        columns = columns or {name: np.empty(len(rows.line), np.float32) for name in told}
        for name, values in told.items():
            columns[name][mine] = values
    columns["f_episode"] = _episode_shares(series, rows, seen)
    columns |= _line_columns(series, rows, seen)
    pictures: Floats = np.maximum(columns["line_frames"], 1)
    columns |= {f"{name}_share": columns[name] / pictures for name in ("f_n", "f_big", "f_alone")}
    columns["line_names"] = _candidates_seen(rows, columns["f_n"])
    columns["line_names8"] = _candidates_seen(rows, columns["f8"])
    compared = ("f_n", "f_size", "f_big_share", "f3", "f8")
    return columns | {f"{name}_d": rows.lead(columns[name]) for name in compared}


def _sightings(
    series: Series, seen: Seen, faces: Indices, line: npt.NDArray[np.int32]
) -> dict[str, Numbers]:
    """What the faces of one person tell of some lines, (r,) each.

    Args:
        series: The lines.
        seen: The faces of the series.
        faces: Positions of the faces of the person, ascending.
        line: (r,) the lines.
    """
    time = seen.time_ms[faces]
    start, end = series.timeline.start_ms[line], series.timeline.end_ms[line]
    third = (end - start) // 3
    told: dict[str, Numbers] = {
        **_sums_during(seen, faces, start, end),
        **{name: _count(time, start - reach, end + reach) for name, reach in _AROUND_MS.items()},
        "fpre": _count(time, start - _NEAR_MS, start),
        "fpost": _count(time, end, end + _NEAR_MS),
        "f_first": _count(time, start - _EDGE_MS, start + third),
        "f_last": _count(time, end - third, end + _EDGE_MS),
    }
    for step in _NEIGHBOURS:
        there = np.clip(line + step, 0, len(series.lines) - 1)
        same = series.episode[there] == series.episode[line]
        count = _count(time, series.timeline.start_ms[there], series.timeline.end_ms[there])
        told[f"f_line{step:+d}"] = count * same
    never = np.iinfo(np.int64).max // 2
    padded = np.concatenate([[-never], time, [never]])
    before = start - padded[np.searchsorted(time, start)]
    after = padded[np.searchsorted(time, end) + 1] - end
    told["f_before"] = np.minimum(before, _FARTHEST_MS) / 1000
    told["f_after"] = np.minimum(after, _FARTHEST_MS) / 1000
    return told


def _sums_during(seen: Seen, faces: Indices, start: Times, end: Times) -> dict[str, Numbers]:
    """Sums over the faces of one person during lines from start to end."""
    weights = {
        "f_size": seen.size,
        "f_score": seen.score,
        "f_mid": seen.middle,
        "f_big": seen.largest,
        "f_alone": seen.alone,
    }
    first, stop = _positions(seen.time_ms[faces], start - _DURING_MS, end + _DURING_MS)
    sums: dict[str, Numbers] = {"f_n": (stop - first).astype(np.float32)}
    for name, weight in weights.items():
        running = np.concatenate([[0.0], np.cumsum(weight[faces], dtype=np.float64)])
        sums[name] = running[stop] - running[first]
    sums["f_max"] = sums["f_size"] / np.maximum(sums["f_n"], 1)
    return sums


def _episode_shares(series: Series, rows: Rows, seen: Seen) -> Floats:
    """(R,) share that each candidate has in the faces of the episode."""
    cast = len(series.cast)
    edge = np.flatnonzero(np.diff(series.episode)) + 1
    begin, end = np.append(0, edge), np.append(edge, len(series.lines))
    spans = (
        series.timeline.start_ms[begin] - _EPISODE_MS,
        series.timeline.end_ms[end - 1] + _EPISODE_MS,
    )
    every = np.maximum(_count(seen.time_ms, *spans), 1)
    episode = np.repeat(np.arange(begin.size), end - begin)
    shares = np.empty(len(rows.line), np.float32)
    for code, mine in rows.of_each():
        faces = seen.of(code if code < cast else NOBODY)
        share = _count(seen.time_ms[faces], *spans) / every
        shares[mine] = share[episode[rows.line[mine]]]
    return shares


def _line_columns(series: Series, rows: Rows, seen: Seen) -> Columns:
    """How much is seen during a line and around it, whoever it is."""
    during, around = _span(series, _DURING_MS), _span(series, _WIDE_MS)
    unknown = seen.time_ms[seen.of(NOBODY)]
    counts = {
        "line_frames": _count(seen.pictures_ms, *during),
        "line_faces": _count(seen.time_ms, *during),
        "line_faces8": _count(seen.time_ms, *around),
        "line_unknown": _count(unknown, *during),
        "line_unknown8": _count(unknown, *around),
    }
    return {name: count[rows.line] for name, count in counts.items()}


def _candidates_seen(rows: Rows, faces: Floats) -> Floats:
    """(R,) how many candidates of the line have faces, others among them."""
    seen = np.add.reduceat((faces > 0).astype(np.float32), rows.begin[:-1])
    counts: Floats = seen[rows.line]
    return counts


def _span(series: Series, reach_ms: int) -> tuple[Times, Times]:
    """From when to when each line lasts, with so much before and after it."""
    return series.timeline.start_ms - reach_ms, series.timeline.end_ms + reach_ms


def _positions(time: Times, start: Times, end: Times) -> tuple[Indices, Indices]:
    """Where ascending times from start to end begin and stop; nowhere if the end comes first."""
    first = np.searchsorted(time, start, side="left")
    stop = np.searchsorted(time, end, side="right")
    return first, np.maximum(first, stop)


def _count(time: Times, start: Times, end: Times) -> Floats:
    """How many of ascending times lie from start to end, both included."""
    first, stop = _positions(time, start, end)
    count: Floats = (stop - first).astype(np.float32)
    return count
