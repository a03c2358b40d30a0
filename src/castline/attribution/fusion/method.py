"""Fusion: voices, faces, words and the lines around weighed together by a trained ranker.

Label propagation makes the first labels. Then, pass by pass, cues are measured from the labels so
far and a ranker gives each line a distribution over its candidates, from which the next pass
starts. They end when the labels stay. The answer is the mean of the passes: no single one is always
the best.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from castline.attribution.base import NOBODY, Attribution, Progress, Series
from castline.attribution.fusion.cues import STEPS, Prepared, Step, measure_cues, prepare
from castline.attribution.fusion.decoding import (
    fix_seeds,
    initial_shares,
    labels_of,
    name_strangers,
)
from castline.attribution.fusion.model import SHIPPED, Model, read_model
from castline.attribution.fusion.reasons import line_reasons
from castline.attribution.fusion.rows import Columns, Rows
from castline.attribution.fusion.seed_check import seeds_in_doubt
from castline.attribution.fusion.start import first_labels
from castline.attribution.nearness import FaceTimes
from castline.attribution.series import narrow_cast
from castline.attribution.simultaneous import pick_speakers
from castline.tables.catalog import OTHERS

__all__ = ["METHOD", "FusionMethod", "FusionParams", "fuse", "missing", "run_passes"]

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int32]

_LISTED = 12
"""Candidates of a line that are kept."""

_SHOWN = 5
"""Seeds in doubt that a warning names."""

_SETTLED = 1e-3
"""Share of the lines below which a pass changes too few for another one to be worth its time."""


@dataclass(frozen=True)
class FusionParams:
    """Settings of fusion.

    Attributes:
        model: Folder of a model that `castline train fusion` made; the shipped one when empty. In
            castline.toml it starts from the project's folder.
    """

    model: str = field(default="", metadata={"path": True})


def fuse(series: Series, model: Model, progress: Progress | None = None) -> Attribution:
    """Label every line.

    Those of the cast whose voice nobody knows are not considered, and what is seen of them counts
    for others: on screen while a stranger speaks is often the one who listens. Nothing is learnt
    from seeds in doubt, who keep their speaker all the same.

    Args:
        series: What is known.
        model: The trained model.
        progress: Called with (done, total).

    Returns:
        Speakers, the distribution over candidates as their scores, confidences and reasons. Where
        no line has a known speaker, what propagation finds: new voices.
    """
    doubt = seeds_in_doubt(series)
    if len(doubt):
        seeds = series.seeds.copy()
        seeds[doubt] = NOBODY
        found = _fuse_known(dataclasses.replace(series, seeds=seeds), model, progress)
        code = found.code.copy()
        code[doubt] = series.seeds[doubt]
        warnings = (*found.warnings, _doubtful(series, doubt))
        return dataclasses.replace(found, code=code, warnings=warnings)
    return _fuse_known(series, model, progress)


def _doubtful(series: Series, doubt: npt.NDArray[np.intp]) -> str:
    """A warning about seeds."""
    listed = ", ".join(series.lines[row] for row in doubt[:_SHOWN])
    more = f" and {len(doubt) - _SHOWN} more" if len(doubt) > _SHOWN else ""
    return (
        "known lines that sound like somebody else's, so that nothing was learnt from them; are "
        f"they rightly known? {listed}{more}"
    )


def _fuse_known(series: Series, model: Model, progress: Progress | None) -> Attribution:
    """Label every line by those of the cast whose voice somebody knows."""
    known = np.zeros(len(series.cast), np.bool_)
    known[series.seeds[series.seeds >= 0]] = True
    if known.all() or not known.any():
        return _fuse(series, model, progress)
    found = _fuse(narrow_cast(series, known), model, progress)
    return dataclasses.replace(
        found,
        code=_in_whole_cast(found.code, known),
        candidate=_in_whole_cast(found.candidate, known),
    )


def _in_whole_cast(code: Ints, known: npt.NDArray[np.bool_]) -> Ints:
    """Codes among those who are known as codes of the whole cast; new voices begin behind it."""
    members = np.flatnonzero(known)
    whole = np.where(code < len(members), code, code - len(members) + len(known))
    inside = (code >= 0) & (code < len(members))
    whole[inside] = members[code[inside]]
    return whole.astype(np.int32)


def _fuse(series: Series, model: Model, progress: Progress | None) -> Attribution:
    warnings = missing(series, model)
    if not (series.faces.character >= 0).any():
        # Faces of strangers alone would tell as much as a cast that is never on screen.
        series = dataclasses.replace(series, faces=FaceTimes.none())
    report = progress or _silent
    passes = len(model.rankers)
    total = (passes + 1) * STEPS
    done = 0

    def step() -> None:
        nonlocal done
        done += 1
        report(min(done, total), total)

    found = first_labels(
        series, progress=lambda part, whole: report(int(part / max(whole, 1) * STEPS), total)
    )
    done = STEPS
    if not (series.seeds >= 0).any():
        # Nobody's voice is known, so there is nothing to weigh.
        return dataclasses.replace(found, warnings=warnings)
    share = initial_shares(series, found)
    prepared = prepare(series, found, share)
    mean, speaker = np.zeros_like(share), share.argmax(1)
    judgements = run_passes(prepared, model, share, step)
    for number, (rows, columns, judged) in enumerate(judgements, 1):  # noqa: B007 - told below
        mean += (judged - mean) / number
        before, speaker = speaker, judged.argmax(1)
        if (speaker != before).mean() < _SETTLED:
            break
    del judged  # memory is at its greatest while reasons are told
    report(total, total)
    mean = model.calibration.read(mean, labels_of(found.code, len(series.cast)))
    code = pick_speakers(series, mean)
    reasons = line_reasons(rows, columns, code, (*series.cast, OTHERS), prepared.length_s)
    result = _attribution(series, prepared, mean, code, reasons)
    return dataclasses.replace(result, warnings=warnings)


def run_passes(
    prepared: Prepared, model: Model, share: Floats, step: Step
) -> Iterator[tuple[Rows, Columns, Floats]]:
    """Measure cues and judge by them, pass after pass, each from what the one before gave.

    Args:
        prepared: What is known of the series whatever its labels.
        model: The trained model.
        share: (N, C + 1) probabilities to begin with.
        step: Called as `measure_cues` does.

    Yields:
        The rows, their columns, which the next pass empties, and (N, C + 1) probabilities.
    """
    columns: Columns = {}
    silent = not prepared.series.voices.any()
    for number in range(len(model.rankers)):
        columns.clear()  # the largest thing there is: never two of them
        rows, columns = measure_cues(prepared, share, step)
        judged = model.judge(number, rows, columns, share.shape[1], trees_only=silent)
        share = fix_seeds(prepared.series, judged)
        yield rows, columns, share


def _silent(done: int, total: int) -> None:
    """Report to nobody."""


def missing(series: Series, model: Model) -> tuple[str, ...]:
    """What the series lacks and what that costs by the model's card, in sentences."""
    measured, named = len(series.faces.start_ms) > 0, (series.faces.character >= 0).any()
    unseen = "no face is known to be one of the cast's" if measured else "no faces were measured"
    lacking = {
        "faces": (unseen, not named),
        "words": ("the lines have no text", not any(map(str.strip, series.texts))),
        "voices": ("no voices were measured", not series.voices.any()),
        "episodes": (
            "voices are known from one episode alone",
            series.voices.any() and not series.episode.any(),
        ),
        "seeds": (
            "known lines were found by faces and voices, not given by people",
            not series.seeds_given and (series.seeds >= 0).any(),
        ),
    }
    costs: dict[str, float] = model.card.get("costs", {})
    return tuple(
        f"{what}, so names are less certain"
        + (
            f": on the series it was tried on, {costs[name]:.1f} more lines of a hundred are wrong"
            if name in costs
            else ""
        )
        for name, (what, lacks) in lacking.items()
        if lacks
    )


def _attribution(
    series: Series,
    prepared: Prepared,
    share: Floats,
    code: Ints,
    reasons: tuple[tuple[str, ...], ...],
) -> Attribution:
    """What was found, with the candidates of each line from the most to the least probable."""
    cast = len(series.cast)
    listed = min(_LISTED, cast + 1)
    best = np.argsort(-share, axis=1, kind="stable")[:, :listed].astype(np.int32)
    probability = np.take_along_axis(share, best, axis=1)
    kept = probability > 0
    kept[:, 0] = True
    label, voices = name_strangers(code, prepared.clusters[:, 1], cast)
    # Others go by the name of the new voice where the line has one.
    candidate = np.where(best == cast, np.where(label >= cast, label, NOBODY)[:, None], best)
    return Attribution(
        code=label,
        voices_found=voices,
        offsets=np.concatenate([[0], np.cumsum(kept.sum(1))]),
        candidate=candidate[kept].astype(np.int32),
        score=probability[kept],
        confidence=share[np.arange(len(code)), code],
        reasons=reasons,
    )


class FusionMethod:
    """Fusion as a method of attribution. See `fuse`."""

    name = "fusion"
    version = 4
    parameters = FusionParams
    seeded = True

    def attribute(
        self, series: Series, parameters: FusionParams, progress: Progress | None = None
    ) -> Attribution:
        """Label every line. See `Method`."""
        return fuse(series, self._model(parameters), progress)

    def rests_on(self, parameters: FusionParams) -> dict[str, str]:
        """The model, by its digest."""
        return {"model": self._model(parameters).digest}

    def _model(self, parameters: FusionParams) -> Model:
        return read_model(Path(parameters.model) if parameters.model else SHIPPED)


METHOD = FusionMethod()
