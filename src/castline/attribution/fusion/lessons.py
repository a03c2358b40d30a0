"""Lessons: parts of annotated series with seeds, propagation and the truth to learn.

A ranker has to serve series that it has never seen, short ones too. So it learns from thirds of
series, each with seeds of its own by the published rule and labels propagated from those alone; and
the labels that a later pass starts from come from rankers that never saw the lines in question.

In thirds nearly every seed is a good one, while in other series whole characters are lost because
their seeds do not sound like most of what they say. So each third comes again with such seeds. In
the series to learn from nearly every line is of somebody known, while in others one in seven is of
nobody known. So each third comes again with a part of its cast unknown. And it comes without faces:
rankers that never saw such a series take faces that nobody measured for faces that are nowhere.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from castline.attribution.base import NOBODY, Attribution, Series
from castline.attribution.cluster_seeds import ClusterSeedsParams, find_cluster_seeds
from castline.attribution.fusion.start import first_labels
from castline.attribution.inputs import active_edits
from castline.attribution.nearness import FaceTimes, Timeline
from castline.attribution.propagation import PropagationParams
from castline.attribution.series import PROTOCOLS, load_series, narrow_cast, narrowed_codes
from castline.attribution.tight_seeds import find_tight_seeds, tightest_lines
from castline.errors import TableError
from castline.pipeline.progress import Recorder

if TYPE_CHECKING:
    from castline.project import Project

__all__ = [
    "KINDS",
    "LACKS",
    "PARTS",
    "UNTOLD",
    "Lesson",
    "cut_lessons",
    "cut_series",
    "load_truth",
    "without",
]

Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int32]

PARTS = 3
"""Parts that a series is cut into, by episodes."""


@dataclass(frozen=True)
class _Lack:
    """What a part is made to lack.

    Attributes:
        demanding: It has no relations, which few series have, and labels by a more demanding
            propagation, which leaves more lines to others, as the published one does where voices
            are poor.
        faceless: No faces were measured.
        hidden: Some of the cast are unknown, so that more lines are of nobody known.
        misleading: Seeds of many characters are among this share of their lines, which are those
            least like their mean; 0 for good seeds.
    """

    demanding: bool = False
    faceless: bool = False
    hidden: bool = False
    misleading: float = 0.0


_LACK = {
    "plain": _Lack(),
    "no faces": _Lack(faceless=True),
    "misleading seeds": _Lack(misleading=1 / 3),
    "hidden cast, demanding propagation": _Lack(demanding=True, hidden=True),
    "hidden cast, misleading seeds": _Lack(hidden=True, misleading=1 / 6),
}
KINDS = tuple(_LACK)
"""What a part comes as."""
_DEMANDING = PropagationParams(threshold_end=0.55)
_MISLED = 0.4
"""Share of the characters whose seeds are chosen so."""
_ENOUGH_LINES = 15
"""Of a character, to tell which are unlike the others."""
_HIDDEN = 1 / 6
"""Share of a part's lines by those of the cast who are hidden, at most."""
_HIDDEN_EACH = 0.05
"""Share of a part's lines that somebody who may be hidden speaks, at most: leads are known."""
LACKS = ("faces", "words", "voices", "episodes", "seeds")
"""What a series may lack: `episodes` but one, `seeds` that people gave."""
UNTOLD = -9
"""Truth of a line that nobody annotated."""
_MARGIN_MS = 10_000


@dataclass(frozen=True)
class Lesson:
    """A part of a series.

    Attributes:
        name: Of the series.
        part: Which part, from 0.
        kind: What the part comes as, one of `KINDS`.
        series: What a method may see of it.
        truth: (N,) code of the true speaker, the size of the cast for others, or `UNTOLD`.
        propagation: What label propagation makes of it.
    """

    name: str
    part: int
    kind: str
    series: Series
    truth: Ints
    propagation: Attribution

    @property
    def plain(self) -> bool:
        """Whether it is as it is: what comes of it is what a method is worth there."""
        return self.kind == "plain"


def load_truth(project: Project) -> tuple[Series, Ints]:
    """A series and who speaks its lines, people's corrections laid over the annotation.

    Returns:
        The series with its whole cast and no seeds but corrections, and (N,) true speakers.

    Raises:
        TableError: Nothing is annotated, or a table is missing.
    """
    import polars as pl

    store, episodes = project.store, project.episodes()
    edits = active_edits(project, Recorder())
    series = load_series(store, episodes, PROTOCOLS["library"], edits, with_seeds=False)
    told = [store.read("truth", each) for each in episodes if store.exists("truth", each)]
    if not told and not edits:
        raise TableError(
            f"{project.folder}: nothing says who speaks. Import a series with annotation, or "
            "correct its labels with `castline edit`."
        )
    speaker: dict[str, str] = {}
    if told:
        valid = pl.concat(told).filter(~pl.col("deleted"))
        speaker = dict(valid.select("line", "speaker").iter_rows())
        narrators = store.read("cast").filter(pl.col("kind") == "narrator")["character"].to_list()
        heard = set(speaker.values())
        extra = tuple(each for each in narrators if each in heard and each not in series.cast)
        series = dataclasses.replace(
            series,
            cast=(*series.cast, *extra),
            forms=(*series.forms, *((each,) for each in extra)),
            everywhere=np.append(series.everywhere, np.ones(len(extra), np.bool_)),
        )
    speaker |= edits
    code = {name: number for number, name in enumerate(series.cast)}
    others = len(series.cast)
    truth = np.array(
        [code.get(speaker[line], others) if line in speaker else UNTOLD for line in series.lines],
        np.int32,
    )
    return dataclasses.replace(series, seeds=np.full(len(truth), NOBODY, np.int32)), truth


def cut_lessons(name: str, series: Series, truth: Ints, parts: int = PARTS) -> list[Lesson]:
    """Cut a series into lessons of whole episodes, each with seeds by the published rule.

    Each part comes as every kind. A part is left out where nobody known speaks, nobody's voice is
    known, or no line is left to judge by, as in episodes that nobody has corrected.

    Known in a lesson are narrators and those whose face is seen in the series; where no face is
    anybody's, all of the cast.

    Args:
        name: Of the series.
        series: With its whole cast.
        truth: (N,) true speakers as `Lesson` has them.
        parts: How many; no more than there are episodes.
    """
    episodes = int(series.episode.max(initial=-1)) + 1
    parts = max(1, min(parts, episodes))
    edges = [round(episodes * part / parts) for part in range(parts + 1)]
    lessons = []
    for part in range(parts):
        inside = (series.episode >= edges[part]) & (series.episode < edges[part + 1])
        rows = np.flatnonzero(inside)
        spoken = _lines_of_known(series, truth[rows])
        # Only those who speak in the part are known in it, as in the published setting.
        known = spoken > 0
        if not known.any():
            continue
        whole = cut_series(series, truth, rows, known)
        if not _teaches(*whole):
            continue
        for number, (kind, lack) in enumerate(_LACK.items()):
            draw = np.random.default_rng([part, number])
            cut, told = whole
            if lack.hidden:
                fewer = known & ~_some_hidden(spoken, draw)
                cut, told = cut_series(series, truth, rows, fewer)
            if lack.misleading:
                cut = _misled(cut, told, lack.misleading, draw)
            if lack.faceless:
                cut = dataclasses.replace(cut, faces=FaceTimes.none())
            if lack.demanding:
                cut = dataclasses.replace(cut, relations=())
            labels = first_labels(cut, _DEMANDING if lack.demanding else None)
            lessons.append(Lesson(name, part, kind, cut, told, labels))
    return lessons


def _teaches(series: Series, truth: Ints) -> bool:
    """Whether somebody's voice is known, and other lines are annotated to judge by."""
    judged = (truth != UNTOLD) & (series.seeds == NOBODY)
    return bool(judged.any() and (series.seeds >= 0).any())


def _lines_of_known(series: Series, told: Ints) -> npt.NDArray[np.int64]:
    """(C,) lines of each of the cast who is known, as in `cut_lessons`; 0 of the others."""
    cast = len(series.cast)
    known = series.everywhere.copy()
    seen = series.faces.character[series.faces.character >= 0]
    known[seen if len(seen) else slice(None)] = True
    return np.bincount(told[(told >= 0) & (told < cast)], minlength=cast) * known


def _some_hidden(spoken: npt.NDArray[np.int64], draw: np.random.Generator) -> Bools:
    """(C,) some of the cast at random, none of whom speaks much."""
    hidden = np.zeros(len(spoken), np.bool_)
    for character in draw.permutation(len(spoken)):
        few = spoken[character] < _HIDDEN_EACH * spoken.sum()
        hidden[character] = (
            few and spoken[hidden].sum() + spoken[character] < _HIDDEN * spoken.sum()
        )
    return hidden


def _misled(series: Series, truth: Ints, least: float, draw: np.random.Generator) -> Series:
    """As many seeds, those of some characters among the lines that sound least like them."""
    voices, seeds = series.voices, series.seeds.copy()
    for character in range(len(series.cast)):
        lines = np.flatnonzero(truth == character)
        count = int((seeds == character).sum())
        if len(lines) < _ENOUGH_LINES or not count or draw.random() > _MISLED:
            continue
        likeness = voices[lines] @ voices[lines].mean(axis=0)
        unlike = lines[np.argsort(likeness, kind="stable")]
        unlike = unlike[: max(int(len(lines) * least), count + 2)]
        chosen = unlike[tightest_lines(voices[unlike], count)]
        if len(chosen):
            seeds[seeds == character] = NOBODY
            seeds[chosen] = character
    return dataclasses.replace(series, seeds=seeds)


def cut_series(
    series: Series, truth: Ints, rows: npt.NDArray[np.intp], known: Bools
) -> tuple[Series, Ints]:
    """Some lines as a series of its own, with seeds of its own by the published rule.

    Args:
        series: The series.
        truth: (N,) true speakers as `Lesson` has them.
        rows: The lines that are left, of whole episodes.
        known: (C,) who of the cast is left; the others are nobody of it.

    Returns:
        The series, and who speaks its lines.
    """
    told, members = _narrowed_truth(truth[rows], known), int(known.sum())
    speaker = np.where((told >= 0) & (told < members), told, NOBODY).astype(np.int32)
    narrow = narrow_cast(series, known)
    cut = dataclasses.replace(
        narrow,
        lines=tuple(series.lines[row] for row in rows),
        episode=series.episode[rows] - series.episode[rows[0]],
        timeline=Timeline(series.timeline.start_ms[rows], series.timeline.end_ms[rows]),
        faces=_faces_between(
            narrow.faces,
            int(series.timeline.start_ms[rows].min()) - _MARGIN_MS,
            int(series.timeline.end_ms[rows].max()) + _MARGIN_MS,
        ),
        voices=series.voices[rows],
        seeds=find_tight_seeds(series.voices[rows], speaker, members),
        texts=tuple(series.texts[row] for row in rows),
        strength=None if series.strength is None else series.strength[rows],
    )
    return cut, told


def _narrowed_truth(truth: Ints, known: Bools) -> Ints:
    """Who speaks, as `Lesson` has it, where only a part of the cast is known."""
    speaker = narrowed_codes(known)[np.where(truth >= 0, truth, len(known))]
    named = np.where(speaker >= 0, speaker, known.sum())
    return np.where(truth == UNTOLD, UNTOLD, named).astype(np.int32)


def _faces_between(faces: FaceTimes, begin: int, end: int) -> FaceTimes:
    inside = (faces.start_ms >= begin) & (faces.start_ms <= end)
    return FaceTimes(
        start_ms=faces.start_ms[inside],
        end_ms=faces.end_ms[inside],
        character=faces.character[inside],
        score=faces.score[inside],
        box=None if faces.box is None else faces.box[inside],
    )


def without(lesson: Lesson, what: str) -> Lesson:
    """A lesson that lacks one of `LACKS`, propagated anew; of one episode it is the middle one."""
    poorer, truth = lesson.series, lesson.truth
    if what == "faces":
        poorer = dataclasses.replace(poorer, faces=FaceTimes.none())
    elif what == "words":
        poorer = dataclasses.replace(poorer, texts=("",) * len(poorer.lines))
    elif what == "voices":
        poorer = dataclasses.replace(poorer, voices=np.zeros_like(poorer.voices), strength=None)
    elif what == "episodes":
        rows = np.flatnonzero(poorer.episode == poorer.episode.max(initial=0) // 2)
        poorer, truth = cut_series(poorer, truth, rows, _lines_of_known(poorer, truth[rows]) > 0)
    elif what == "seeds":
        unseeded = dataclasses.replace(poorer, seeds=np.full_like(poorer.seeds, NOBODY))
        found = find_cluster_seeds(unseeded, ClusterSeedsParams())
        known = np.bincount(found[found >= 0], minlength=len(poorer.cast)) > 0
        poorer = narrow_cast(dataclasses.replace(poorer, seeds=found, seeds_given=False), known)
        truth = _narrowed_truth(truth, known)
    labels = first_labels(poorer)
    return dataclasses.replace(lesson, series=poorer, truth=truth, propagation=labels)
