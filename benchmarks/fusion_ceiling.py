"""What fusion would make of each line if the speakers of all other lines were known.

A line's own label takes no part in its cues, so rankers can be given the truth of a series as the
labels so far, and asked about every line. It is not quite absent: the true speaker is always among
those considered, and counts of lines hold it, so the figures are rather too high. What is still
wrong then is wrong because a line's own voice, faces and words say too little, or because the
annotation is wrong; what lies between that and the labels is wrong because other lines are. The
Long Night and Battle of Changsha by the model that comes along, the two training series each by a
model that learnt from the other.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from asking import Case, released_case
from castline.attribution.base import NOBODY
from castline.attribution.fusion.cues import measure_cues, prepare
from castline.attribution.fusion.decoding import labels_of
from castline.attribution.fusion.lessons import UNTOLD
from castline.attribution.fusion.method import fuse
from castline.attribution.fusion.model import read_model
from castline.attribution.fusion.start import first_labels
from castline.sources.recipe import import_dramasr
from common import CACHE, TRAINING, series_folder, write_results
from fusion import TEST
from fusion_cross import trained_on

Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int32]


def main() -> None:
    """Judge and write results/fusion-ceiling.json."""
    rows = []
    for case in _cases():
        cast = len(case.series.cast)
        judged = (case.truth != UNTOLD) & (case.series.seeds == NOBODY)
        found = labels_of(fuse(case.series, case.model).code, cast) == case.truth
        reached = _with_all_others_known(case) == case.truth
        for kind, lines in _kinds(case).items():
            at = judged & lines
            row = [case.name, kind, int(at.sum())]
            rows.append([*row, *(f"{100 * right[at].mean():.2f}" for right in (found, reached))])
            print(*rows[-1], sep=" | ", flush=True)
    header = ["series", "lines without a seed", "how many", "fusion %", "all others known %"]
    write_results("fusion-ceiling", header, rows)


def _cases() -> Iterator[Case]:
    for name in TEST:
        yield released_case(series_folder(name))
    for here, there in (TRAINING, TRAINING[::-1]):
        project, _ = import_dramasr(series_folder(there), CACHE / "projects" / there)
        model = read_model(trained_on(there, project))
        yield dataclasses.replace(released_case(series_folder(here)), model=model)


def _with_all_others_known(case: Case) -> Ints:
    """(N,) what the ranker of the last pass makes of each line, given all other speakers."""
    series, cast = case.series, len(case.series.cast)
    speaker = np.where((case.truth >= 0) & (case.truth < cast), case.truth, cast)
    share = np.eye(cast + 1, dtype=np.float32)[speaker]
    found = first_labels(series)
    rows, columns = measure_cues(prepare(series, found, share), share, lambda: None)
    judged = case.model.judge(len(case.model.rankers) - 1, rows, columns, cast + 1)
    read = case.model.calibration.read(judged, labels_of(found.code, cast))
    best: Ints = read.argmax(axis=1).astype(np.int32)
    return best


def _kinds(case: Case) -> dict[str, Bools]:
    seconds = (case.series.timeline.end_ms - case.series.timeline.start_ms) / 1000
    others = len(case.series.cast)
    return {
        "all": np.ones(len(seconds), np.bool_),
        "2 s and more": seconds >= 2,
        "1 to 2 s": (seconds >= 1) & (seconds < 2),
        "0.5 to 1 s": (seconds >= 0.5) & (seconds < 1),
        "under 0.5 s": seconds < 0.5,
        "one of the cast": (case.truth >= 0) & (case.truth < others),
        "one of the cast, face not seen during the line": _unseen(case),
        "somebody outside it, or several": case.truth == others,
    }


def _unseen(case: Case) -> Bools:
    """(N,) lines of somebody of the cast, not a narrator, whose face is in no picture of it."""
    faces, timeline = case.series.faces, case.series.timeline
    unseen = np.zeros(len(case.truth), np.bool_)
    for code in np.flatnonzero(~case.series.everywhere):
        mine, lines = faces.character == code, np.flatnonzero(case.truth == code)
        begun = np.searchsorted(np.sort(faces.start_ms[mine]), timeline.end_ms[lines], "right")
        ended = np.searchsorted(np.sort(faces.end_ms[mine]), timeline.start_ms[lines], "left")
        unseen[lines] = begun == ended
    return unseen


if __name__ == "__main__":
    main()
