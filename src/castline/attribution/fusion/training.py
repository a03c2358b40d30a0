"""Training of fusion: rankers pass by pass, and what their probabilities are worth.

Each pass is learnt from labels as a method would have them at that point: those of the first pass
come from propagation, those of the next from rankers trained on the other parts of the series, so
that no line's own truth ever stands behind its cues. How sharp the probabilities may be is found on
series that were left out of training altogether, where there are at least two.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from castline.attribution.base import NOBODY
from castline.attribution.fusion.calibration import Calibration, Judged, fit_calibration
from castline.attribution.fusion.choices import Choices
from castline.attribution.fusion.cues import measure_cues, prepare
from castline.attribution.fusion.decoding import fix_seeds, initial_shares, labels_of
from castline.attribution.fusion.lessons import KINDS, LACKS, UNTOLD, Lesson, without
from castline.attribution.fusion.method import run_passes
from castline.attribution.fusion.model import Model, spread
from castline.attribution.fusion.ranker_training import RankerSettings, Task, train_rankers
from castline.attribution.fusion.rows import Columns, Rows
from castline.attribution.fusion.usual import Usual

__all__ = ["PASSES", "Held", "choices_of", "find_calibration", "train_fusion", "validate"]

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float32]
Say = Callable[[str], None]

PASSES = 3
"""Rankers of a model, one a pass."""

_KEPT = 0.3
"""Share of the easy lines that is learnt from; each stands for the others."""
_KEPT_AGAIN = 0.5
"""Share of the lines of lessons that are not plain, which hold the same lines once more."""
_FOLD_ROUNDS, _FOLD_EPOCHS = 80, 10
"""Of the rankers whose labels the next pass starts from."""


@dataclass(frozen=True)
class Held:
    """What a model made of a lesson that it was not trained on.

    Attributes:
        lesson: The lesson.
        shares: (N, C + 1) probabilities by each pass.
    """

    lesson: Lesson
    shares: tuple[Floats, ...]

    @property
    def mean(self) -> Floats:
        """(N, C + 1) mean of the passes."""
        mean: Floats = np.mean(self.shares, axis=0, dtype=np.float32)
        return mean

    @property
    def judged(self) -> Bools:
        """(N,) lines that count: annotated, and no seeds."""
        judged: Bools = (self.lesson.truth != UNTOLD) & (self.lesson.series.seeds == NOBODY)
        return judged

    @property
    def lines(self) -> Judged:
        """Those lines, and what propagation said of them."""
        label = labels_of(self.lesson.propagation.code, len(self.lesson.series.cast))
        at = self.judged
        return Judged(self.mean[at], label[at], self.lesson.truth[at])

    @property
    def percent(self) -> float:
        """Lines that are right of a hundred that count."""
        return 100 * float(self._right[self.judged].mean())

    def lead(self, poorer: Held) -> float:
        """How many of a hundred annotated lines of a poorer lesson more are right, seeds too."""
        place = {line: row for row, line in enumerate(self.lesson.series.lines)}
        rows = [place[line] for line in poorer.lesson.series.lines]
        lead = self._right[rows].astype(np.float64) - poorer._right
        return 100 * float(lead[poorer.lesson.truth != UNTOLD].mean())

    @property
    def _right(self) -> Bools:
        """(N,) whether the mean of the passes is right."""
        right: Bools = self.mean.argmax(1) == self.lesson.truth
        return right


def train_fusion(
    lessons: Sequence[Lesson],
    settings: RankerSettings | None = None,
    *,
    passes: int = PASSES,
    threads: int = 1,
    say: Say = lambda _: None,
) -> tuple[Model, list[Held]]:
    """Train a model.

    Args:
        lessons: At least two parts.
        settings: How rankers are trained.
        passes: How many.
        threads: Of the processor.
        say: Told what happens.

    Returns:
        The model, its card empty and not calibrated, and what came of each lesson when it was
        left out.
    """
    settings = settings or RankerSettings()
    brief = settings.brief(rounds=_FOLD_ROUNDS, epochs=_FOLD_EPOCHS)
    shares = [initial_shares(each.series, each.propagation) for each in lessons]
    prepared = [
        prepare(each.series, each.propagation, share)
        for each, share in zip(lessons, shares, strict=True)
    ]
    history: list[list[Floats]] = [[] for _ in lessons]
    rankers = []
    for step in range(passes):
        taught: list[Choices] = []
        measured: list[tuple[Rows, Floats]] = []
        names: tuple[str, ...] = ()
        for lesson, known, share in zip(lessons, prepared, shares, strict=True):
            say(f"pass {step + 1}: cues of {lesson.name}, part {lesson.part + 1}")
            rows, columns = measure_cues(known, share, _nothing)
            names = tuple(columns)
            features = np.stack([columns[name] for name in names], axis=1)
            taught.append(choices_of(lesson, rows, columns, features, share, step))
            measured.append((rows, features))
        say(f"pass {step + 1}: training")
        tasks = [Task(taught, settings)]
        parts = sorted({each.part for each in lessons})
        for part in parts:
            others = [each for each, of in zip(taught, lessons, strict=True) if of.part != part]
            tasks.append(Task(others or taught, brief))
        whole, *without_part = train_rankers(tasks, names, threads=threads)
        rankers.append(whole)
        for place, lesson in enumerate(lessons):
            ranker, (rows, features) = without_part[parts.index(lesson.part)], measured[place]
            score = ranker.score(features, taught[place].usual, threads=threads)
            judged = spread(rows, score, len(lesson.series.cast) + 1)
            shares[place] = fix_seeds(lesson.series, judged)
            history[place].append(shares[place])
    held = [Held(lesson, tuple(each)) for lesson, each in zip(lessons, history, strict=True)]
    return Model(tuple(rankers), Calibration(), {}), held


def validate(
    lessons: Sequence[Lesson],
    settings: RankerSettings | None = None,
    *,
    passes: int = PASSES,
    threads: int = 1,
    say: Say = lambda _: None,
) -> tuple[list[Held], dict[str, float]]:
    """Judge each series by a model that was trained on the others.

    Returns:
        What came of each lesson, and how many of a hundred lines fewer are right where each of
        `LACKS` is missing. Both are empty for a single series.
    """
    settings = settings or RankerSettings()
    held: list[Held] = []
    lost: dict[str, list[float]] = {what: [] for what in LACKS}
    for name in dict.fromkeys(each.name for each in lessons):
        rest = [each for each in lessons if each.name != name]
        if not rest:
            break
        say(f"trying on {name} what the other series teach")
        model, _ = train_fusion(rest, settings.brief(), passes=passes, threads=threads, say=say)
        for lesson in lessons:
            if lesson.name != name:
                continue
            held.append(_apply(model, lesson))
            if lesson.plain:
                for what, losses in lost.items():
                    say(f"trying on {name}, part {lesson.part + 1}, without {what}")
                    lacking = without(lesson, what)
                    if (lacking.series.seeds >= 0).any():
                        losses.append(held[-1].lead(_apply(model, lacking)))
    return held, {what: float(np.mean(losses)) for what, losses in lost.items() if losses}


def find_calibration(held: Sequence[Held]) -> Calibration:
    """How to read the mean of the passes: by the lessons that come as they are, as most series do.

    By all of them, propagation would be trusted less than it deserves there.
    """
    return fit_calibration([each.lines for each in held if each.lesson.plain])


def _apply(model: Model, lesson: Lesson) -> Held:
    share = initial_shares(lesson.series, lesson.propagation)
    prepared = prepare(lesson.series, lesson.propagation, share)
    passes = run_passes(prepared, model, share, _nothing)
    return Held(lesson, tuple(share for _, _, share in passes))


def choices_of(
    lesson: Lesson, rows: Rows, columns: Columns, features: Floats, share: Floats, step: int
) -> Choices:
    """The lines of a lesson to learn from: annotated, no seeds, the truth among the candidates.

    Of easy lines, where voice, neighbours and label agree, a part stands for all.

    Args:
        lesson: With N lines and C members of the cast.
        rows: R candidates of its lines.
        columns: (R,) each, as `measure_cues` gives them.
        features: (R, F) those of them to learn from.
        share: (N, C + 1) the labels that the columns were measured by.
        step: The pass, from 0; another one draws other easy lines.
    """
    right = (rows.code == lesson.truth[rows.line]).astype(np.float32)
    reachable = np.add.reduceat(right, rows.begin[:-1]) > 0
    used = (lesson.truth != UNTOLD) & (lesson.series.seeds == NOBODY) & reachable
    others = share.shape[1] - 1
    label = share.argmax(1)
    easy = (_first(rows, columns["plda"], others) == label) & (
        _first(rows, columns["vote"], others) == label
    )
    generator = np.random.default_rng([step, lesson.part, KINDS.index(lesson.kind)])
    draw, again = generator.random((2, len(used)))
    used &= ~easy | (draw < _KEPT)
    if not lesson.plain:
        used &= again < _KEPT_AGAIN
    weight = np.where(easy, 1 / _KEPT, 1.0)[used]
    taken = used[rows.line]
    begin = np.concatenate([[0], np.cumsum(np.diff(rows.begin)[used])])
    usual = Usual.of(columns, tuple(columns))
    return Choices(features[taken], usual, begin, right[taken], weight.astype(np.float32))


def _first(rows: Rows, column: Floats, others: int) -> npt.NDArray[np.int32]:
    """(N,) the candidate of the cast with the greatest value."""
    value = np.where(rows.code == others, -np.inf, column).astype(np.float32)
    best = np.flatnonzero(value == rows.best(value)[rows.line])
    first = np.full(len(rows.begin) - 1, others, np.int32)
    first[rows.line[best]] = rows.code[best]
    return first


def _nothing() -> None:
    """Tell nobody."""
