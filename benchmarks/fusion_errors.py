"""What stands behind fusion's errors: 200 of them, drawn from the two series it was not trained on.

Each error is put into the first kind that fits. The kinds go by what the tables hold, so that
anybody can look the lines up: results/fusion-errors.json lists all by line, not what is said.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from asking import ABSENT, Case, released_case
from castline.attribution.base import NOBODY
from castline.attribution.fusion.candidates import owners
from castline.attribution.fusion.cues import measure_cues, prepare
from castline.attribution.fusion.decoding import fix_seeds, labels_of
from castline.attribution.fusion.lessons import UNTOLD
from castline.attribution.fusion.method import fuse
from castline.attribution.fusion.start import first_labels
from common import series_folder, write_results

TEST = ("chen_mo_de_zhen_xiang", "zhan_chang_sha")
DRAWN = 100
"""Errors of each series."""
SURE = 0.97
SHORT_S = 0.5

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Facts:
    """What is known of N lines.

    Attributes:
        label: (N,) code given, the size of the cast for others.
        confidence: (N,) stated.
        plda: (N, C + 1) how much each sounds like it, 0 for others.
        listed: (N, C + 1) who was considered.
        seen: (N, C + 1) whether each one's face is seen in or near the line.
        seconds: (N,).
    """

    label: npt.NDArray[np.int32]
    confidence: Floats
    plda: Floats
    listed: npt.NDArray[np.bool_]
    seen: npt.NDArray[np.bool_]
    seconds: Floats


def main() -> None:
    """Draw, sort and write."""
    rows, listed = [], []
    for case in [released_case(series_folder(name)) for name in TEST]:
        facts = _facts(case)
        wrong = (facts.label != case.truth) & (case.truth != UNTOLD)
        errors = np.flatnonzero(wrong & (case.series.seeds == NOBODY))
        drawn = np.sort(np.random.default_rng(0).choice(errors, DRAWN, replace=False))
        kinds = [_kind(case, facts, int(line)) for line in drawn]
        rows += [[case.name, kind, kinds.count(kind)] for kind in KINDS]
        rows.append([case.name, "all errors of the series", len(errors)])
        listed += [
            [case.series.lines[line], kind, f"{facts.confidence[line]:.2f}"]
            for line, kind in zip(drawn.tolist(), kinds, strict=True)
        ]
    header = ["series", f"what stands behind it, of {DRAWN} errors each", "errors"]
    write_results("fusion-errors", header, rows, drawn=listed)


KINDS = (
    "known to the release, but without a seed: nobody could be named",
    "under half a second",
    "the true speaker was not considered",
    "sure, and the voice is not the annotated one's: the annotation may be wrong",
    "somebody outside the cast taken for one of it, whom the voice is like",
    "somebody outside the cast taken for one of it, whom the voice is not like",
    "one of the cast taken for somebody outside, face not seen and voice unlike the seeds'",
    "one of the cast taken for somebody outside, though face or voice spoke for them",
    "one of the cast taken for another, whose voice it is more like",
    "one of the cast taken for another, though the voice spoke for them",
)


def _kind(case: Case, facts: Facts, line: int) -> str:
    others = len(case.series.cast)
    truth, label = int(case.truth[line]), int(facts.label[line])
    if truth == ABSENT:
        return KINDS[0]
    if facts.seconds[line] < SHORT_S:
        return KINDS[1]
    if not facts.listed[line, truth]:
        return KINDS[2]
    sound = facts.plda[line]
    if facts.confidence[line] >= SURE and sound[label] > sound[truth]:
        return KINDS[3]
    if truth == others:
        return KINDS[4] if sound[label] > 0 else KINDS[5]
    if label == others:
        spoke = facts.seen[line, truth] or sound[truth] > 0
        return KINDS[7] if spoke else KINDS[6]
    return KINDS[9] if sound[truth] > sound[label] else KINDS[8]


def _facts(case: Case) -> Facts:
    series, cast = case.series, len(case.series.cast)
    found = fuse(series, case.model)
    assert found.confidence is not None
    share = np.zeros((len(series.lines), cast + 1), np.float32)
    share[owners(found), labels_of(found.candidate, cast)] = found.score
    share = fix_seeds(series, share)
    prepared = prepare(series, first_labels(series), share)
    rows, columns = measure_cues(prepared, share, lambda: None)
    plda = np.zeros_like(share)
    plda[rows.line, rows.code] = columns["plda"]
    listed = np.zeros(share.shape, np.bool_)
    listed[rows.line, rows.code] = True
    near = prepared.shares.near > 0
    return Facts(
        labels_of(found.code, cast), found.confidence, plda, listed, near, prepared.length_s
    )


if __name__ == "__main__":
    main()
