"""What each family of cues is worth to fusion: it is taken away, and the ranker trained anew.

Cross-validation inside the two training series: the ranker of the first pass learns from the thirds
of one of them and labels the thirds of the other, as they are and with seeds that mislead. Nothing
here looks at a test series. One forest and one network a ranker, by these two kinds of lessons
alone; the network is taught a quarter as long as those of the model that comes along.
"""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from castline.attribution.fusion.choices import Choices
from castline.attribution.fusion.cues import measure_cues, prepare
from castline.attribution.fusion.decoding import fix_seeds, initial_shares
from castline.attribution.fusion.lessons import Lesson, cut_lessons, load_truth
from castline.attribution.fusion.model import spread
from castline.attribution.fusion.ranker_training import RankerSettings, train_ranker
from castline.attribution.fusion.rows import Rows
from castline.attribution.fusion.training import Held, choices_of
from castline.attribution.fusion.usual import Usual
from castline.processors import available_processors
from castline.sources.recipe import import_dramasr
from common import CACHE, SERIES, TRAINING, series_folder, write_results

Floats = npt.NDArray[np.float32]

EPOCHS = 6
JUDGED = ("plain", "misleading seeds")
"""Kinds of lessons."""
FAMILIES = {
    "voice over the series: PLDA": r"plda.*|line_noise",
    "voice over the series: kernel ridge": r"kr(_.*)?",
    "voice over the series: nearest references and seeds": r"[hs]_max(_d)?",
    "whose face comes with the voice": r"kr[LN].*",
    "voices of one person": r"c[01]_.*",
    "lines around that sound alike": r"vote.*|(v1|v3|cp|ve)_.*|(e1|m30|m120)(_d)?",
    "turns": r"t_.*|gap_.*",
    "faces": r"f\d.*|f_.*|fpre|fpost|line_(frames|faces8?|unknown8?|names8?)",
    "words": r"w_.*|line_(chars|breaks|cps)",
    "relations": r"k_.*",
    "propagation's opinion": r"prop_.*",
    "whether labels may be believed": r"r_own.*|r_silent",
    "the line": r"line_(s|strength|n)",
    "the character": r"r_(share|count|seeds?|episode|seen)|is_.*",
}
"""Cues by family, as regular expressions of their names; `agree` counts several families."""
NOTHING = "nothing"
AGAIN = "nothing, another seed"


@dataclass(frozen=True)
class Measured:
    """A third of a series and the cues of all its candidates."""

    lesson: Lesson
    rows: Rows
    names: tuple[str, ...]
    features: Floats
    choices: Choices

    @classmethod
    def of(cls, lesson: Lesson) -> Measured:
        share = initial_shares(lesson.series, lesson.propagation)
        prepared = prepare(lesson.series, lesson.propagation, share)
        rows, columns = measure_cues(prepared, share, lambda: None)
        features = np.stack(list(columns.values()), axis=1)
        choices = choices_of(lesson, rows, columns, features, share, 0)
        return cls(lesson, rows, tuple(columns), features, choices)


def main() -> None:
    """Take each family away and write results/fusion-ablations.json."""
    thirds = {name: _thirds(name) for name in TRAINING}
    names = thirds[TRAINING[0]][0].names
    family = {name: [each for each in FAMILIES if _holds(each, name)] for name in names}
    unclear = [name for name, found in family.items() if len(found) != 1 and name != "agree"]
    assert not unclear, f"of no or several families: {unclear}"
    rows: list[list[Any]] = []
    for taken in (NOTHING, AGAIN, *FAMILIES):
        kept = [number for number, name in enumerate(names) if family[name] != [taken]]
        seed = 2 if taken == AGAIN else 1
        right = np.array(
            [
                _percents(thirds[there], thirds[here], kept, seed)
                for here, there in (TRAINING, TRAINING[::-1])
            ]
        )
        shown = [each for kinds in right.T for each in (*kinds, kinds.mean())]
        rows.append([taken, len(names) - len(kept), *(f"{each:.2f}" for each in shown)])
        print(*rows[-1], sep=" | ", flush=True)
    header = ["taken away", "cues"]
    for how in ("", ", seeds mislead"):
        header += [*(f"{SERIES[name]}{how} %" for name in TRAINING), f"mean{how} %"]
    write_results("fusion-ablations", header, rows)


def _thirds(name: str) -> list[Measured]:
    project, _ = import_dramasr(series_folder(name), CACHE / "projects" / name)
    lessons = cut_lessons(name, *load_truth(project))
    return [Measured.of(each) for each in lessons if each.kind in JUDGED]


def _holds(family: str, name: str) -> bool:
    return re.fullmatch(FAMILIES[family], name) is not None


def _percents(
    taught: list[Measured], asked: list[Measured], kept: list[int], seed: int
) -> tuple[float, float]:
    """Lines right of a hundred in the mean of the thirds of one series, learnt from another: as
    they are, and with seeds that mislead."""
    threads = available_processors()
    brief = RankerSettings().brief(epochs=EPOCHS)
    settings = RankerSettings(
        dataclasses.replace(brief.trees, seeds=(seed,)),
        dataclasses.replace(brief.nets, seeds=(seed,)),
    )
    names = tuple(taught[0].names[number] for number in kept)
    parts = [_narrowed(each.choices, kept) for each in taught]
    ranker = train_ranker(parts, names, settings, threads=threads)
    found: dict[bool, list[float]] = {True: [], False: []}
    for each in asked:
        usual = _narrowed_usual(each.choices.usual, kept)
        score = ranker.score(each.features[:, kept], usual, threads=threads)
        judged = spread(each.rows, score, len(each.lesson.series.cast) + 1)
        held = Held(each.lesson, (fix_seeds(each.lesson.series, judged),))
        found[each.lesson.plain].append(held.percent)
    return float(np.mean(found[True])), float(np.mean(found[False]))


def _narrowed(choices: Choices, kept: list[int]) -> Choices:
    usual = _narrowed_usual(choices.usual, kept)
    return dataclasses.replace(choices, features=choices.features[:, kept], usual=usual)


def _narrowed_usual(usual: Usual, kept: list[int]) -> Usual:
    return Usual(usual.mean[kept], usual.spread[kept])


if __name__ == "__main__":
    main()
