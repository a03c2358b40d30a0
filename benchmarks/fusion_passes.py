"""What each pass of fusion adds, and how often the true speaker is considered at all.

The Long Night and Battle of Changsha by the model that comes along, the two training series each by
a model that learnt from the other, all whole and as released. Right are answers that name the
speaker, or others where nobody of the cast or several speak; lines with a seed do not count.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from asking import Case
from castline.attribution.base import NOBODY
from castline.attribution.fusion.cues import prepare
from castline.attribution.fusion.decoding import initial_shares, labels_of
from castline.attribution.fusion.lessons import UNTOLD
from castline.attribution.fusion.method import run_passes
from castline.attribution.fusion.start import first_labels
from common import write_results
from fusion_ceiling import left_out_cases


def main() -> None:
    """Label pass by pass and write results/fusion-passes.json."""
    rows = []
    for case in left_out_cases():
        for row in _passes(case):
            rows.append([case.name, *row])
            print(*rows[-1], sep=" | ", flush=True)
    header = ["series", "after", "lines right %", "speaker considered %", "candidates a line"]
    write_results("fusion-passes", header, rows)


def _passes(case: Case) -> Iterator[list[Any]]:
    series, width = case.series, len(case.series.cast) + 1
    judged = (case.truth != UNTOLD) & (series.seeds == NOBODY)

    def percent(right: np.ndarray[Any, np.dtype[np.bool_]]) -> str:
        return f"{100 * right[judged].mean():.2f}"

    def considered(listed: np.ndarray[Any, np.dtype[np.bool_]]) -> tuple[str, str]:
        """How often the speaker is listed, and how many are."""
        speaker = np.where(judged, case.truth, 0)
        return percent(listed[np.arange(len(speaker)), speaker]), f"{listed.sum(1).mean():.1f}"

    found = first_labels(series)
    said = labels_of(found.code, width - 1)
    yield ["propagation", percent(said == case.truth), "", ""]
    share = initial_shares(series, found)
    prepared = prepare(series, found, share)
    shares = []
    ever = np.zeros((len(series.lines), width), np.bool_)
    for rows, _, judgement in run_passes(prepared, case.model, share, lambda: None):
        shares.append(judgement)
        listed = np.zeros_like(ever)
        listed[rows.line, rows.code] = True
        ever |= listed
        right = percent(judgement.argmax(axis=1) == case.truth)
        yield [f"pass {len(shares)}", right, *considered(listed)]
    answer = case.model.calibration.read(np.mean(shares, axis=0, dtype=np.float32), said)
    right = percent(answer.argmax(axis=1) == case.truth)
    yield ["all passes, as answered", right, *considered(ever)]


if __name__ == "__main__":
    main()
