"""Labels as tables: made from what a method found, read back with people's edits laid over."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from castline.attribution.base import (
    HELD,
    NOBODY,
    UNSURE,
    Attribution,
    Floats,
    Ints,
    Mouths,
    Series,
)
from castline.attribution.inputs import active_edits
from castline.attribution.series import PROTOCOLS
from castline.errors import UsageError
from castline.pipeline.progress import Recorder
from castline.tables.catalog import IMPORTED, OTHERS, UNKNOWN, table
from castline.tables.schema import build_frame

if TYPE_CHECKING:
    import polars as pl

    from castline.project import Project

Places = npt.NDArray[np.intp]

__all__ = [
    "DOUBT_MARGIN",
    "SURE",
    "choose_variant",
    "is_new_voice",
    "label_frames",
    "margins",
    "new_voice",
    "read_labels",
    "summarise_asked",
    "summarise_labels",
]

_OF_TWO = "the line holds two voices"
_LEAST_SECOND = 0.1
"""Probability from which somebody may be the second of two voices."""

DOUBT_MARGIN = 0.10
"""Below this margin a label is doubtful: the threshold of the paper's main experiments (5.1)."""
SURE = 0.9
"""From this confidence on a label is settled: one in ten such labels is wrong at most."""


def new_voice(number: int) -> str:
    """Name of the n-th voice that belongs to nobody in the cast, from 1."""
    return f"voice-{number}"


def is_new_voice(name: str) -> bool:
    """Whether a label is that of a new voice.

    >>> is_new_voice(new_voice(3)), is_new_voice("Bo")
    (True, False)
    """
    return re.fullmatch(r"voice-\d+", name) is not None


def label_frames(
    series: Series,
    result: Attribution,
    names: list[str],
    rows: Places,
    *,
    episode: str,
    method: str,
    of_two: Collection[str] = (),
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The candidates and labels of one episode.

    A line of two voices gets the two most probable speakers, the more probable one first, where the
    method gives probabilities and the second one is not out of the question.

    Args:
        series: What the method saw.
        result: What it found.
        names: The name of each code: the cast, then the new voices.
        rows: The lines of the episode, one after the other.
        episode: The episode.
        method: Name of the method.
        of_two: Ids of lines that hold the words of two voices.
    """
    import polars as pl

    first = int(rows[0]) if len(rows) else 0
    begins = result.offsets[first : first + len(rows) + 1]
    span = slice(int(begins[0]), int(begins[-1]))
    code, score = result.candidate[span], result.score[span]
    begins = begins - begins[0]
    counts = np.diff(begins)
    owner = np.repeat(np.arange(len(rows)), counts)
    line = pl.Series([series.lines[row] for row in rows], dtype=pl.String)
    candidates = build_frame(
        table("candidates"),
        {
            "line": line.gather(owner),
            "character": _spelled(code, names),
            "rank": np.arange(len(code)) - begins[:-1][owner] + 1,
            "score": score,
        },
        episode=episode,
        source=method,
    )
    label, seed = result.code[rows], series.seeds[rows]
    own = np.full(len(rows), np.nan, np.float32)
    is_own = code == label[owner]
    own[owner[is_own]] = score[is_own]
    calibrated = result.confidence is not None
    margin = margins(begins, score, released=not calibrated)
    known, left = seed != NOBODY, label == UNSURE
    sure = (label >= 0) & (margin >= DOUBT_MARGIN)
    confidence = np.full(len(rows), np.nan, np.float32)
    if result.confidence is not None:
        confidence = np.where(known, np.float32(1), result.confidence[rows])
        sure = confidence >= SURE
        # A label that claims nothing cannot be right.
        confidence[left] = np.nan
    labels = build_frame(
        table("labels"),
        {
            "line": line,
            "character": _spelled(label, names),
            "pass": np.zeros(len(rows), np.int64) if result.passes is None else result.passes[rows],
            "score": pl.Series(own, dtype=pl.Float32).fill_nan(None),
            "margin": margin,
            "status": np.select([left, known | sure], ["abstained", "settled"], "doubtful").astype(
                object
            ),
            "reasons": _with_mouths(_reasons(series, result, rows), label, series.mouths, rows),
            "confidence": pl.Series(confidence, dtype=pl.Float32).fill_nan(None),
        },
        episode=episode,
        method=method,
        source=method,
    )
    if calibrated and of_two:
        two = np.isin(series.lines[first : first + len(rows)], list(of_two))
        several = begins[:-1][two & ~known & ~left & (counts >= 2)]
        # Who was decided against the probabilities, by mouths for one, leaves nobody second to it.
        second = several[is_own[several]] + 1
        second = second[score[second] >= _LEAST_SECOND]
        labels = _with_seconds(labels, owner[second], _spelled(code[second], names), score[second])
    return candidates, labels


def _with_seconds(
    labels: pl.DataFrame, place: Places, speaker: pl.Series, probability: Floats
) -> pl.DataFrame:
    """The labels with a second speaker behind the first at some places."""
    import polars as pl

    sure = pl.Series(probability, dtype=pl.Float32)
    second = labels.with_row_index("place")[place].with_columns(
        character=speaker,
        score=sure,
        confidence=sure,
        status=pl.when(sure >= SURE).then(pl.lit("settled")).otherwise(pl.lit("doubtful")),
        reasons=pl.lit([_OF_TWO]),
    )
    whole = pl.concat([labels.with_row_index("place"), second.select("place", *labels.columns)])
    return whole.sort("place", maintain_order=True).drop("place")


def _spelled(code: Ints, names: list[str]) -> pl.Series:
    """The name of each code."""
    import polars as pl

    place = np.select([code == UNSURE, code < 0], [len(names) + 1, len(names)], code)
    return pl.Series([*names, OTHERS, UNKNOWN], dtype=pl.String).gather(place)


def _reasons(series: Series, result: Attribution, rows: Places) -> list[list[str]]:
    """What decided each line: what the method says, the usual for seeds and where it is silent."""
    label, seed = result.code[rows], series.seeds[rows]
    usual = np.select(
        [seed == HELD, seed != NOBODY, label >= len(series.cast), label >= 0, label == UNSURE],
        [
            "known to be somebody outside the cast",
            "seed",
            "a new voice",
            "voice, among those near",
            "neither voice nor mouth tells",
        ],
        "nobody near sounds alike",
    )
    told = [[each] for each in usual.tolist()]
    if result.reasons is not None:
        for place in np.flatnonzero(seed == NOBODY):
            told[place] = list(result.reasons[rows[place]]) or told[place]
    return told


def _with_mouths(
    told: list[list[str]], label: Ints, mouths: Mouths | None, rows: Places
) -> list[list[str]]:
    """The reasons of each line, and what the speaker's mouth says where it was seen."""
    if mouths is None or not len(rows):
        return told
    first = int(rows[0])
    low, high = np.searchsorted(mouths.line, [first, first + len(rows)])
    for line, who, odds in zip(
        mouths.line[low:high], mouths.character[low:high], mouths.log_odds[low:high], strict=True
    ):
        if who >= 0 and label[line - first] == who:
            told[line - first].append(f"mouth, log odds {odds:+.1f}")
    return told


def margins(begins: npt.NDArray[np.int64], score: Floats, *, released: bool) -> Floats:
    """Best score minus second best of each line; without candidates 0, with one its score.

    Args:
        begins: (N + 1,) where the candidates of each line begin.
        score: Their scores, best first within a line.
        released: Take 0.25 off a similarity below 1 that stands alone, as the release does. A
            probability that stands alone says as much as any other.

    Returns:
        (N,)
    """
    counts = np.diff(begins)
    best = np.zeros(len(counts), np.float32)
    second = np.zeros(len(counts), np.float32)
    best[counts > 0] = score[begins[:-1][counts > 0]]
    second[counts > 1] = score[begins[:-1][counts > 1] + 1]
    chance = (counts == 1) & (best < 1) if released else np.zeros(len(counts), np.bool_)
    return np.where(chance, best - np.float32(0.25), best - second).astype(np.float32)


def _lay_over(labels: pl.DataFrame, edits: Mapping[str, str]) -> pl.DataFrame:
    """Replace the labels of edited lines by what the person said: one row, and certain."""
    import polars as pl

    edited = pl.col("line").is_in(list(edits))
    if not edits or not labels.select(edited.any()).item():
        return labels
    changed = labels.filter(edited).unique("line", keep="first", maintain_order=True)
    speaker = pl.Series("character", [edits[line] for line in changed["line"]], dtype=pl.String)
    changed = changed.with_columns(
        speaker,
        pl.lit("human").alias("source"),
        pl.lit(1.0, pl.Float32).alias("confidence"),
        pl.lit(None, pl.Float32).alias("score"),
        pl.Series("status", ["abstained" if who == UNKNOWN else "settled" for who in speaker]),
        pl.Series("reasons", [["given by a person"]] * changed.height),
    )
    order = labels.select("line").unique(maintain_order=True).with_row_index("place")
    whole = pl.concat([labels.filter(~edited), changed]).join(order, on="line")
    return whole.sort("place", maintain_order=True).drop("place")


def choose_variant(project: Project, method: str | None = None, protocol: str | None = None) -> str:
    """The labels that are meant: those of a method and protocol, else the best there are.

    Raises:
        UsageError: There are no such labels yet.
    """
    made = project.store.variants("labels")
    # The best method first; whatever else there is, by name.
    best = ["reasoning", "fusion", "reasoning-propagation", "propagation"]
    order = [*best, *sorted({each.rpartition("-")[0] for each in made}.difference(best))]
    wanted = [
        f"{m}-{p}"
        for m in ([method] if method else order)
        for p in ([protocol] if protocol and protocol != "auto" else PROTOCOLS)
    ]
    # Speakers that came with the files are what is shown when no method has run.
    wanted += [IMPORTED] if method in (None, IMPORTED) else []
    for variant in wanted:
        if variant in made:
            return variant
    raise UsageError(
        f"{project.folder}: no labels of {method or 'any method'}"
        + (f" under protocol {protocol}" if protocol else "")
        + f" (there are: {', '.join(made) or 'none'}). Run `castline attribute` first."
    )


def read_labels(project: Project, variant: str) -> pl.DataFrame:
    """The labels of all episodes with people's edits laid over them.

    Edits show at once; `attribute` spreads them to other lines.
    """
    import polars as pl

    labels = [project.store.read("labels", each, variant) for each in project.episodes()]
    return _lay_over(pl.concat(labels), active_edits(project, Recorder()))


def summarise_labels(project: Project, variant: str) -> dict[str, Any]:
    """Counts over the labels: lines, speakers by number of lines, doubtful ones."""
    labels = read_labels(project, variant)
    counts = labels["character"].value_counts(sort=True)
    speakers = dict(counts.sort(["count", "character"], descending=[True, False]).iter_rows())
    # A line of several speakers is one line, by the first of them.
    lines = labels.unique("line", keep="first", maintain_order=True)
    voices = sum(map(is_new_voice, lines["character"]))
    others = lines["character"].is_in([OTHERS, UNKNOWN]).sum()
    return {
        "lines": lines.height,
        "named": lines.height - others - voices,
        "new_voices": voices,
        "others": others,
        "unknown": int((lines["character"] == UNKNOWN).sum()),
        "doubtful": int((lines["status"] == "doubtful").sum()),
        "speakers": speakers,
    }


def summarise_asked(project: Project, variant: str) -> dict[str, Any] | None:
    """Counts over the lines that a language model was asked about; None where none was."""
    import polars as pl

    if not project.store.exists("asked", variant=variant):
        return None
    asked = project.store.read("asked", variant=variant)
    lines = sum(project.store.read("labels", e, variant).height for e in project.episodes())
    return {
        "lines": asked.height,
        "percent": 100 * asked.height / max(lines, 1),
        "probe": asked.filter(pl.col("pass") == 0).height,
        "answered": asked.filter(status="answered").height,
        "gave_up": asked.filter(status="gave up").height,
        "changed": int(asked["changed"].sum()),
        "tokens": int(asked["tokens"].sum()),
    }
