"""What the lines around a line tell of its candidates.

A line listens to the other lines of its episode: the more alike two lines sound, the nearer they
lie and the longer the other one is, the louder it is heard. What is known of the lines heard, their
labels so far, their faces, their scores by voice, is averaged with the loudness as weight; so a
short line learns from the long ones of the same voice around it.

The line itself is never heard: its own label so far must not vouch for itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from castline.attribution.base import Series
from castline.attribution.fusion.listening import Block, Ear, ask_all, gaps_s, own, steps, tiles
from castline.attribution.fusion.rows import Columns, Rows

__all__ = ["neighbour_columns", "neighbour_votes"]

Floats = npt.NDArray[np.float32]
Indices = npt.NDArray[np.intp]

_NEAR = Ear(8.0, decay_s=30.0)
_CLOSE = Ear(12.0, decay_s=20.0)
_EPISODE = Ear(10.0)
_VOTE = Ear(12.0, decay_s=20.0)
_VOTE_REACH_S = 400.0
"""Farther votes weigh e to the -20 of a near one and are left out."""
_NEAR_S = 120.0
_NEAR_LINES = 40
_CLOSE_LINES = 12
"""How far in seconds and in lines a line listens to what is near, in lines to what is close."""
_SAME_VOICE = 0.5
_SAME_VOICE_SLOPE = 25.0
"""Cosine at which two lines are half taken for one voice, and how steep that is."""
_CLEAR_S = 1.5
"""Seconds from which on a longer line is no louder."""
_SOLID_S = 4.0
"""The same where lines are pooled as one voice."""
_SILENCE = np.float32(1e-4)
"""Loudness of silence: where next to nothing is heard, averages go to 0."""
_FAINTEST = np.float32(1e-5)
"""Added to the loudness of a candidate's lines before its logarithm is taken."""
_UNLIKE = np.float32(-0.5)
"""Cosine to a candidate of whom nothing is heard."""
_LIKELY = 0.5
"""Probability from which on a line counts as spoken by its likeliest speaker."""
_REACHES_S = {"m30": 30.0, "m120": _NEAR_S}
"""Columns of the greatest cosine to a line of the candidate this near, seconds."""


def neighbour_votes(series: Series, share: Floats) -> Floats:
    """How the lines around vote, by how alike they sound and how near they are.

    Args:
        series: N lines, C members of the cast.
        share: (N, C + 1) probability of each of the cast and, last, of others so far.

    Returns:
        (N, C + 1) 0 to 1; a row adds up to 1 where much is heard, to 0 where nothing is.
    """
    votes = np.zeros(share.shape, np.float32)

    def ask(block: Block) -> None:
        for asked, heard in tiles(series.timeline, block, _VOTE_REACH_S):
            gap = gaps_s(series.timeline, asked, heard)
            loud = _VOTE.loudness(series.voices[asked] @ series.voices[heard].T, gap)
            loud[own(asked, heard)] = 0
            votes[asked] = loud @ share[heard] / (loud.sum(1, keepdims=True) + _SILENCE)

    ask_all(series, ask)
    return votes


def neighbour_columns(
    series: Series,
    rows: Rows,
    space_unit: Floats,
    share: Floats,
    targets: Mapping[str, Floats],
    length_s: Floats,
    noise: npt.NDArray[np.floating],
) -> Columns:
    """What the lines around tell of each candidate.

    Four ways of listening: `v1` to lines near by, by their voice adapted to the series; `v3` to the
    closest, by their voice as it was measured; `cp` to lines near by that may well be of the same
    voice; `ve` to the whole episode. Each has the share that a candidate has in what is heard
    (`_P`) and the loudness of it all (`_w`, logarithm, the same for all candidates of a line). `v1`
    and `ve` tell how alike the lines of the candidate are on average (`_m`, logarithm); `cp` and
    `ve` average each target (by its name). `e1`, `m30` and `m120` are the greatest cosine to a line
    that is likely the candidate's, in the episode and within 30 and 120 s, -0.5 where there is
    none. With `_d`: less the best other candidate of the line; not for `_w`.

    Results do not depend on the number of processors.

    Args:
        series: N lines, C members of the cast.
        rows: R rows of lines and candidates.
        space_unit: (N, D) voiceprints adapted to the series, unit rows or zeros.
        share: (N, C + 1) probability of each of the cast and, last, of others so far.
        targets: (N, C + 1) each, what else is known of the lines, by name; finite.
        length_s: (N,) seconds.
        noise: (N,) variance of a voiceprint of such a line, about 1, positive.

    Returns:
        (R,) columns, finite.
    """
    lines = _Lines(
        series=series,
        unit=space_unit,
        labels=share,
        tables={"P": share, **targets},
        speaker=np.where(share.max(1) >= _LIKELY, share.argmax(1), -1),
        clear=(np.clip(length_s / _CLEAR_S, 0, 1) / noise).astype(np.float32),
        solid=(np.clip(length_s, 0, _SOLID_S) / noise).astype(np.float32),
    )
    names = [f"{ear}_{told}" for ear in ("v1", "v3", "cp", "ve") for told in ("P", "w")]
    names += [f"{ear}_{told}" for ear in ("cp", "ve") for told in targets]
    names += ["v1_m", "ve_m", "e1", *_REACHES_S]
    columns = {name: np.empty(len(rows.line), np.float32) for name in names}

    def ask(block: Block) -> None:
        for asked, heard in tiles(series.timeline, block, _NEAR_S):
            answers = _Answers(rows, asked, columns)
            _listen_near(lines, heard, answers)
            _listen_to_all(lines, block.lines, answers)

    ask_all(series, ask)
    compared = [name for name in names if not name.endswith("_w")]
    return columns | {f"{name}_d": rows.lead(columns[name]) for name in compared}


@dataclass(frozen=True)
class _Lines:
    """What is known of the N lines.

    Attributes:
        series: Their times and their voices as measured.
        unit: (N, D) their voices adapted to the series.
        labels: (N, C + 1) probabilities so far.
        tables: (N, C + 1) each, what is averaged, the labels as `P` among it.
        speaker: (N,) code of the likely speaker, -1 where nobody is likely.
        clear: (N,) how loud a line votes.
        solid: (N,) how much it counts among lines of one voice.
    """

    series: Series
    unit: Floats
    labels: Floats
    tables: dict[str, Floats]
    speaker: Indices
    clear: Floats
    solid: Floats


class _Answers:
    """Where the answers of some lines go: their rows in all columns.

    Args:
        rows: Rows of all lines.
        asked: The lines.
        columns: (R,) each; only the rows of these lines are touched.

    Attributes:
        asked: The A lines.
    """

    def __init__(self, rows: Rows, asked: slice, columns: Columns) -> None:
        self.asked = asked
        self._rows = slice(int(rows.begin[asked.start]), int(rows.begin[asked.stop]))
        self._line = rows.line[self._rows] - asked.start
        self._code = rows.code[self._rows]
        self._columns = columns

    def put(self, name: str, values: Floats) -> None:
        """Fill a column from what holds for a line and a candidate, (A, C + 1)."""
        self._columns[name][self._rows] = values[self._line, self._code]

    def put_by_line(self, name: str, values: Floats) -> None:
        """Fill a column from what holds for a line, (A,)."""
        self._columns[name][self._rows] = values[self._line]

    def put_averages(self, ear: str, loud: Floats, tables: Mapping[str, Floats]) -> Floats:
        """Fill the columns of what is heard on average.

        Args:
            ear: How the lines listen; the names of the columns begin with it.
            loud: (A, M) loudness of the lines heard to those asked.
            tables: (M, C + 1) each, what is known of the lines heard, the labels first.

        Returns:
            (A, C + 1) summed loudness of the lines of each candidate.
        """
        total = loud.sum(1, keepdims=True) + _SILENCE
        self.put_by_line(f"{ear}_w", np.log(total[:, 0]))
        sums = {name: loud @ told for name, told in tables.items()}
        for name, values in sums.items():
            self.put(f"{ear}_{name}", values / total)
        return sums["P"]

    def put_likeness(self, ear: str, mass: Floats, lines: Floats) -> None:
        """Fill the column of how alike the lines of a candidate are on average.

        Args:
            ear: How the lines listen; the name of the column begins with it.
            mass: (A, C + 1) summed loudness of the lines of each candidate.
            lines: (A, C + 1) how many these are; one more is counted, of no loudness.
        """
        self.put(f"{ear}_m", np.log((mass + _FAINTEST) / (lines + 1)))

    def put_best(self, name: str, cosines: Floats, speaker: Indices, candidates: int) -> None:
        """Fill a column with the greatest cosine to a line of each candidate.

        Args:
            name: Of the column.
            cosines: (A, M) of the lines asked to those heard.
            speaker: (M,) likely speakers of the lines heard, ascending.
            candidates: C + 1.
        """
        best = np.full((len(cosines), candidates), _UNLIKE, np.float32)
        codes, first = np.unique(speaker, return_index=True)
        if codes.size:
            best[:, codes] = np.maximum(np.maximum.reduceat(cosines, first, axis=1), _UNLIKE)
        self.put(name, best)


def _listen_near(lines: _Lines, heard: slice, answers: _Answers) -> None:
    """Fill the columns about the lines near by, given lines among which all of these are."""
    asked, series = answers.asked, lines.series
    gap, step = gaps_s(series.timeline, asked, heard), np.abs(steps(asked, heard))
    near = (gap <= _NEAR_S) & (step <= _NEAR_LINES) & (step > 0)
    clear, labels = lines.clear[heard], lines.labels[heard]

    adapted = lines.unit[asked] @ lines.unit[heard].T
    adapted[own(asked, heard)] = _UNLIKE
    order = _by_speaker(lines.speaker[heard])
    alike, apart = adapted[:, order], gap[:, order]
    for name, reach_s in _REACHES_S.items():
        reached = np.where(apart <= reach_s, alike, _UNLIKE)
        answers.put_best(name, reached, lines.speaker[heard][order], labels.shape[1])

    loud = _NEAR.loudness(adapted, gap) * np.where(near, clear, 0)
    mass = answers.put_averages("v1", loud, {"P": labels})
    audible = (near & (clear > 0)).astype(np.float32)
    answers.put_likeness("v1", mass, audible @ labels)

    measured = series.voices[asked] @ series.voices[heard].T
    loud = _same_voice(measured) * np.where(near, lines.solid[heard], 0)
    answers.put_averages("cp", loud, {name: told[heard] for name, told in lines.tables.items()})

    loud = _CLOSE.loudness(measured, gap) * np.where(near & (step <= _CLOSE_LINES), clear, 0)
    answers.put_averages("v3", loud, {"P": labels})


def _listen_to_all(lines: _Lines, heard: slice, answers: _Answers) -> None:
    """Fill the columns about all lines of the episode, or of a piece of a long one."""
    asked, itself = answers.asked, own(answers.asked, heard)
    clear, labels = lines.clear[heard], lines.labels[heard]

    adapted = lines.unit[asked] @ lines.unit[heard].T
    adapted[itself] = _UNLIKE
    order = _by_speaker(lines.speaker[heard])
    answers.put_best("e1", adapted[:, order], lines.speaker[heard][order], labels.shape[1])

    loud = _EPISODE.loudness(adapted)
    loud *= clear
    loud[itself] = 0
    told = {name: table[heard] for name, table in lines.tables.items()}
    mass = answers.put_averages("ve", loud, told)
    audible = (clear > 0).astype(np.float32)
    mine = np.where(lines.clear[asked, None] > 0, lines.labels[asked], 0)
    answers.put_likeness("ve", mass, audible @ labels - mine)


def _by_speaker(speaker: Indices) -> Indices:
    """Lines with a likely speaker, those of one after those of another."""
    order = np.argsort(speaker, kind="stable")
    return order[np.searchsorted(speaker[order], 0) :]


def _same_voice(cosine: Floats) -> Floats:
    """(A, M) how likely two lines are of one voice, 0 to 1, by their voices as measured."""
    likely: Floats = 1 / (1 + np.exp(-_SAME_VOICE_SLOPE * (cosine - _SAME_VOICE)))
    return likely
