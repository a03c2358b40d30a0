"""Whether unknown voices should be named by the face they keep appearing with, before propagation.

On the thirds of the two training series: lines are grouped by voice alone, and a voice without a
seed whose lines mostly show one known face is named after it. How many such names are right, how
many more lines would be right if the voices were given those names, and what propagation makes of
one more seed for each. The ranker of fusion sees the same facts as cues and decides for itself.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from castline.attribution.base import NOBODY
from castline.attribution.fusion.cues import Prepared, prepare
from castline.attribution.fusion.decoding import initial_shares
from castline.attribution.fusion.lessons import UNTOLD, Lesson, cut_lessons, load_truth
from castline.attribution.fusion.start import first_labels
from castline.sources.recipe import import_dramasr
from common import CACHE, SERIES, TRAINING, series_folder, write_results

Ints = npt.NDArray[np.int32]

LEAST_LINES = 8
"""Lines of a voice that is considered."""
FINENESS = 1
"""Of the two groupings of `voice_clusters` the finer, where voices are purer."""
STRICTNESS = {"a third of the time": (0.35, 3.0), "half of the time": (0.5, 5.0)}
"""How long one face is the largest on screen, and how many times as long as any other's."""
UNUSUAL = 4.0
"""How many times as often as in the whole series it is seen."""


@dataclass
class Tally:
    """What came of naming: voices considered, named, named rightly, and lines."""

    voices: int = 0
    named: int = 0
    right: int = 0
    gained: int = 0
    before: int = 0
    after: int = 0
    lines: int = 0


def main() -> None:
    """Name voices and write results/fusion-naming.json."""
    rows: list[list[Any]] = []
    for name in TRAINING:
        project, _ = import_dramasr(series_folder(name), CACHE / "projects" / name)
        lessons = [each for each in cut_lessons(name, *load_truth(project)) if each.plain]
        for label, strictness in STRICTNESS.items():
            tally = Tally()
            for lesson in lessons:
                _name_voices(lesson, *strictness, tally)
            rows.append(
                [
                    SERIES[name],
                    label,
                    tally.voices,
                    tally.named,
                    tally.right,
                    f"{tally.gained:+d}",
                    f"{100 * tally.before / tally.lines:.2f}",
                    f"{100 * tally.after / tally.lines:.2f}",
                ]
            )
            print(*rows[-1], sep=" | ", flush=True)
    header = ["series", "one face is seen", "voices without a seed", "named", "of them rightly"]
    header += ["lines right if they get the name", "propagation %", "with a seed for each %"]
    write_results("fusion-naming", header, rows)


def _name_voices(lesson: Lesson, seen: float, times: float, tally: Tally) -> None:
    series, truth = lesson.series, lesson.truth
    share = initial_shares(series, lesson.propagation)
    prepared = prepare(series, lesson.propagation, share)
    voice, label = prepared.clusters[:, FINENESS], share.argmax(axis=1)
    seeds = series.seeds.copy()
    for number in range(int(voice.max()) + 1):
        lines = np.flatnonzero(voice == number)
        if len(lines) < LEAST_LINES or (series.seeds[lines] != NOBODY).any():
            continue
        tally.voices += 1
        face = _usual_face(prepared, lines, seen, times)
        told = truth[lines][truth[lines] != UNTOLD]
        if face is None or not len(told):
            continue
        tally.named += 1
        tally.right += int(np.bincount(told).argmax() == face)
        tally.gained += int((told == face).sum() - (label[lines] == truth[lines]).sum())
        centre = series.voices[lines].mean(axis=0)
        seeds[lines[(series.voices[lines] @ centre).argmax()]] = face
    more = dataclasses.replace(series, seeds=seeds)
    again = initial_shares(more, first_labels(more)).argmax(axis=1)
    counted = (truth != UNTOLD) & (series.seeds == NOBODY)
    tally.before += int((label == truth)[counted].sum())
    tally.after += int((again == truth)[counted].sum())
    tally.lines += int(counted.sum())


def _usual_face(
    prepared: Prepared, lines: npt.NDArray[Any], seen: float, times: float
) -> int | None:
    """Whose face is the largest during most of some lines, if one stands out."""
    length = prepared.length_s
    largest = prepared.shares.largest[:, :-1]
    here = length[lines] @ largest[lines] / length[lines].sum()
    usual = length @ largest / length.sum()
    second, first = np.sort(here)[-2:] if len(here) > 1 else (0.0, here[0])
    face = int(here.argmax())
    clear = first >= seen and first >= times * second and first >= UNUSUAL * usual[face]
    return face if clear else None


if __name__ == "__main__":
    main()
