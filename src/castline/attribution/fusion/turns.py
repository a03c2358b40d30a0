"""What the order of the lines tells: who spoke just before, who is next, who answers whom."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from castline.attribution.base import Series
from castline.attribution.fusion.rows import Columns, Rows

__all__ = ["turn_columns"]

Floats = npt.NDArray[np.float32]
Indices = npt.NDArray[np.intp]

_REACH = 3
"""Lines before and after that are looked at one by one."""
_OTHERS_REACH = 2
"""Of these, so many of which it is told whether others speak them."""
_LONGEST_GAP_S = 30.0
_LONGEST_OVERLAP_S = 2.0
"""Silence before a line, seconds: at most that much, and at most so much less than none."""
_ANSWER_S = 8.0
"""Lines with less silence between them may be an exchange."""
_USUAL_ANSWERS = 5.0
"""So many exchanges weigh as much as how often somebody speaks at all."""
_LONG_AGO = 60
"""Lines after which it makes no difference any more when somebody spoke last."""
_TINY = np.float32(1e-6)


def turn_columns(series: Series, rows: Rows, space_unit: Floats, share: Floats) -> Columns:
    """What the turns around a line tell of each candidate.

    Of each of three lines before and after (`-3` to `+3`): the candidate's share in it (`t_p`), the
    same by how alike it sounds to this line (`t_pc`, voices as measured), and that alone (`t_c`,
    voices adapted to the series); of the nearest two also the share of others (`t_o`). `gap_before`
    and `gap_after` are seconds of silence, `t_agree` how likely one person speaks both before and
    after. `t_lift_prev` and `t_lift_next` tell how much more often than usual the candidate takes
    turns with whoever speaks before and after, as logarithm. `t_since` and `t_until` count lines
    from and to the nearest that is likely the candidate's.

    Lines of other episodes tell nothing, except to `t_since` and `t_until`.

    Args:
        series: N lines, C members of the cast.
        rows: R rows of lines and candidates.
        space_unit: (N, D) voiceprints adapted to the series, unit rows or zeros.
        share: (N, C + 1) probability of each of the cast and, last, of others so far.

    Returns:
        (R,) columns, finite.
    """
    columns: Columns = {}
    for step in range(1, _REACH + 1):
        columns |= _line_columns(series, rows, space_unit, share, step)
    columns |= _exchange_columns(series, rows, share)
    columns |= _distance_columns(rows, share.argmax(1))
    return columns


def _line_columns(
    series: Series, rows: Rows, space_unit: Floats, share: Floats, step: int
) -> Columns:
    """What the line so many before tells, and the one so many after; 0 where there is none."""
    n, line = len(series.episode), rows.line
    paired = np.zeros(n + step, np.float32)
    paired[step:n] = series.episode[step:] == series.episode[:-step]
    measured, adapted = (_likeness(voices, step) * paired for voices in (series.voices, space_unit))
    columns: Columns = {}
    for sign, shift in ((-1, 0), (1, step)):
        # The pair of line i and the line before is at i, that with the line after at i + step.
        name, pair = f"{sign * step:+d}", line + shift
        there = np.clip(line + sign * step, 0, n - 1)
        columns[f"t_p{name}"] = spoken = share[there, rows.code] * paired[pair]
        columns[f"t_pc{name}"] = spoken * measured[pair]
        columns[f"t_c{name}"] = adapted[pair]
        if step <= _OTHERS_REACH:
            columns[f"t_o{name}"] = share[there, -1] * paired[pair]
    return columns


def _likeness(voices: Floats, step: int) -> Floats:
    """(N + step,) cosine of each line to the one so many before; 0 for the first and past the last.

    Args:
        voices: (N, D) unit rows or zeros.
        step: At least 1.
    """
    likeness = np.zeros(len(voices) + step, np.float32)
    likeness[step : len(voices)] = np.einsum("nd,nd->n", voices[:-step], voices[step:])
    return likeness


def _exchange_columns(series: Series, rows: Rows, share: Floats) -> Columns:
    """What the lines just before and after tell by their speakers and the silence between."""
    line, code = rows.line, rows.code
    gap = _gaps_s(series)
    same = np.concatenate([[False], np.diff(series.episode) == 0, [False]])
    nobody = np.zeros_like(share[:1])
    before, after = np.vstack([nobody, share[:-1]]), np.vstack([share[1:], nobody])
    answers = same & (gap < _ANSWER_S)
    lift = _lift(share, answers[1:-1])
    agree = np.einsum("nc,nc->n", before, after) * (same[:-1] & same[1:])
    return {
        "gap_before": gap[line],
        "gap_after": gap[line + 1],
        "t_agree": agree[line].astype(np.float32),
        "t_lift_prev": np.where(answers[line], (before @ lift)[line, code], 0),
        "t_lift_next": np.where(answers[line + 1], (after @ lift)[line, code], 0),
    }


def _gaps_s(series: Series) -> Floats:
    """(N + 1,) seconds of silence before each line and after the last."""
    gap = np.full(len(series.episode) + 1, _LONGEST_GAP_S, np.float32)
    silence = (series.timeline.start_ms[1:] - series.timeline.end_ms[:-1]) / 1000
    same = series.episode[1:] == series.episode[:-1]
    gap[1:-1][same] = np.clip(silence[same], -_LONGEST_OVERLAP_S, _LONGEST_GAP_S)
    return gap


def _lift(share: Floats, answers: npt.NDArray[np.bool_]) -> Floats:
    """How much more often than usual each takes turns with each, by the series' own labels.

    Args:
        share: (N, C + 1) probabilities so far.
        answers: (N - 1,) where a line may answer the one before.

    Returns:
        (C + 1, C + 1) logarithm; 0 where nothing is known.
    """
    turns = share[:-1][answers].T @ share[1:][answers] + _TINY
    turns += turns.T.copy()
    usual = share.sum(0) / max(float(share.sum()), float(_TINY)) + _TINY
    partners = turns.sum(1, keepdims=True) + _USUAL_ANSWERS
    lift: Floats = np.log((turns + _USUAL_ANSWERS * usual) / partners / usual)
    return lift


def _distance_columns(rows: Rows, speaker: Indices) -> Columns:
    """Lines since and until each candidate likely speaks, this line left out."""
    since, until = (np.full(len(rows.line), _LONG_AGO, np.float32) for _ in range(2))
    for code, mine in rows.of_each():
        spoken = np.flatnonzero(speaker == code)
        if spoken.size:
            line = rows.line[mine]
            before = np.searchsorted(spoken, line, side="left")
            after = np.searchsorted(spoken, line, side="right")
            # A line far away stands before the first and after the last.
            padded = np.concatenate([[-_LONG_AGO - 1], spoken, [len(speaker) + _LONG_AGO]])
            since[mine] = np.minimum(line - padded[before], _LONG_AGO)
            until[mine] = np.minimum(padded[after + 1] - line, _LONG_AGO)
    return {"t_since": since, "t_until": until}
