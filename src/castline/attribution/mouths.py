"""Who speaks, line by line, where mouths were measured: sight, mouths and voices weighed together.

Every line has odds for each character and for nobody of the cast. Sight and mouths give them first.
Then each line listens to the others of its episode: to sound like lines that are already a
character's speaks for that character, to sound unlike them speaks against. This is repeated while
what counts as a character's grows from the certain lines to the likely ones (mean-field inference
over pairs of lines).

It is used twice: for seeds, from mouths and voices alone; and after a method, whose label is one
more piece of evidence.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from castline.attribution.base import HELD, NOBODY, UNSURE, Attribution, Mouths, Series
from castline.attribution.nearness import window_spans
from castline.attribution.series import has_voice
from castline.attribution.simultaneous import pick_speakers

__all__ = ["VERSION", "MouthParams", "find_mouth_seeds", "line_probabilities", "weigh_mouths"]

Bools = npt.NDArray[np.bool_]
Doubles = npt.NDArray[np.float64]
Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int32]

VERSION = 6
"""Raised when seeds or labels would come out otherwise."""

_LINES_AT_ONCE = 1500
"""Lines of an episode that listen to each other; longer episodes are cut."""

_DURING, _CLOSE, _NEAR, _NEVER = range(4)
"""How a character is seen around a line."""

_LENGTHS_MS = (550, 1100, 1950, 4000)
_THRESHOLD = (0.215, 0.315, 0.385, 0.42)
_SLOPE = (7.2, 13.9, 17.2, 18.8)
"""Similarity, by the shorter of two lines, at which they are as likely of one voice as of two, and
log odds for each unit above. From the equal error rates and means of the two training series
(benchmarks/results/engine-scales.json), with normal distributions of one width."""


@dataclasses.dataclass(frozen=True)
class MouthParams:
    """Constants of the inference.

    Attributes:
        close_ms: A face this near before or after a line is just off it.
        reach_ms: A face this near may belong to somebody who speaks off screen.
        sight: Relative odds that a character speaks a line during which it is seen, that is seen
            within `close_ms`, within `reach_ms`, not at all.
        usual: Share of the lines for which that holds of a usual character. Who is seen all the
            time says little by being seen.
        usual_lines: So many lines weigh as much as what is usual.
        unseen: Odds on the same scale that nobody of the cast speaks.
        voice_growth: n lines of a character speak as loud as n to this power: their errors go
            together.
        bound: Largest log odds of a pair of lines.
        rounds: Rounds of listening; what counts as a character's must be as probable as `certain`
            in the first and one half in the last.
        certain: Least probability of a seed.
        label: Log odds that a method's label adds when it is sure.
        least: Least probability of a label; below it the line is unknown.
    """

    close_ms: int = 2_000
    reach_ms: int = 20_000
    sight: tuple[float, float, float, float] = (1.0, 0.35, 0.05, 0.005)
    usual: tuple[float, float, float, float] = (0.15, 0.1, 0.25, 0.5)
    usual_lines: float = 5.0
    unseen: float = 0.15
    voice_growth: float = 0.5
    bound: float = 8.0
    rounds: int = 12
    certain: float = 0.9
    label: float = 1.0
    least: float = 0.5


def find_mouth_seeds(series: Series, parameters: MouthParams | None = None) -> Ints:
    """Lines whose speaker is certain from faces, mouths and voices.

    Args:
        series: With mouths; lines already in `seeds` are given and count for the others.
        parameters: Constants.

    Returns:
        (N,) code of the speaker at seed lines, `HELD` where a face without a name surely speaks,
        `NOBODY` elsewhere, given lines of nobody included.
    """
    parameters = parameters or MouthParams()
    p = line_probabilities(series, parameters)
    best = p.argmax(1)
    sure = (p.max(1) >= parameters.certain) & (series.seeds == NOBODY)
    nobody = best == len(series.cast)
    found = np.where(series.seeds >= 0, series.seeds, NOBODY).astype(np.int32)
    found[sure & ~nobody] = best[sure & ~nobody]
    found[sure & nobody & _nameless(series)] = HELD
    return found


def weigh_mouths(
    series: Series, found: Attribution, parameters: MouthParams | None = None
) -> Attribution:
    """Decide each line anew with what is seen of mouths; without measured mouths change nothing.

    Seeds and new voices stay. A line that nobody of the cast speaks goes to others when a face
    without a name speaks it, and is unknown otherwise: nothing tells who it is.

    Args:
        series: What the method saw.
        found: What it found; its candidates stay as they are.
        parameters: Constants.
    """
    if series.mouths is None:
        return found
    parameters = parameters or MouthParams()
    p = line_probabilities(series, parameters, found.code, found.confidence)
    code, cast = found.code.copy(), len(series.cast)
    free = (series.seeds == NOBODY) & (code < cast)
    p[code >= cast] = np.eye(cast + 1)[cast]  # a new voice keeps nobody from a line of its span
    best = pick_speakers(series, p)
    unsure = free & (p.max(1) < parameters.least)
    nobody = free & ~unsure & (best == cast)
    named = free & ~unsure & (best < cast)
    code[named] = best[named]
    code[nobody] = np.where(_nameless(series)[nobody], NOBODY, UNSURE)
    code[unsure] = UNSURE
    moved, confidence, reasons = code != found.code, found.confidence, found.reasons
    if confidence is not None:
        confidence = np.where(moved, p[np.arange(len(p)), best], confidence).astype(np.float32)
    if reasons is not None:
        # What spoke for another speaker is no reason for this one.
        reasons = tuple(() if other else why for other, why in zip(moved, reasons, strict=True))
    return dataclasses.replace(found, code=code, confidence=confidence, reasons=reasons)


def line_probabilities(
    series: Series,
    parameters: MouthParams,
    labels: Ints | None = None,
    confidence: Floats | None = None,
) -> Doubles:
    """(N, C + 1) probability of each character, and of nobody of the cast, for each line.

    Args:
        series: With mouths.
        parameters: Constants.
        labels: (N,) what a method found, as evidence; codes from C upward count as nobody's.
        confidence: (N,) how sure it was, 0 to 1; one half and less adds nothing. None: sure.
    """
    evidence = _sight(series, parameters)
    if labels is not None:
        named = np.flatnonzero((labels >= 0) & (labels < len(series.cast)))
        sure = 1.0 if confidence is None else np.clip(2 * confidence[named] - 1, 0, 1)
        evidence[named, labels[named]] += parameters.label * sure
    fixed = series.seeds != NOBODY
    evidence[fixed] = -1e9
    rows = np.flatnonzero(fixed)
    evidence[rows, np.where(series.seeds[rows] >= 0, series.seeds[rows], len(series.cast))] = 0.0
    told = np.zeros(len(series.lines), np.bool_)
    if series.mouths is not None:
        told[series.mouths.line] = True
    result = np.empty_like(evidence)
    for rows in _together(series.episode):
        likeness = _voice_odds(series, rows, parameters)
        result[rows] = _listen(evidence[rows], likeness, told[rows], parameters)
    return result


def _listen(evidence: Doubles, likeness: Floats, told: Bools, parameters: MouthParams) -> Doubles:
    """(n, C + 1) probabilities of lines that hear each other.

    Args:
        evidence: (n, C + 1) log odds of each line by itself.
        likeness: (n, n) log odds that two lines are of one voice.
        told: (n,) lines during which a mouth is seen.
        parameters: Constants.
    """
    p = _softmax(evidence)
    for demand in np.linspace(parameters.certain, 0.5, parameters.rounds):
        held = np.where(p >= demand, p, 0.0)
        # Without its own vote: a line must not vouch for itself.
        count = np.maximum(held.sum(0) - held, 1.0)
        voice = (likeness @ held) * count ** (parameters.voice_growth - 1.0)
        # Nobody of the cast is many people: to sound like one of them is enough, to sound unlike
        # them says nothing. And who is nobody only for want of a face teaches no voice.
        strangers = np.where(told, held[:, -1], 0.0)
        voice[:, -1] = np.maximum(likeness * strangers, 0.0).max(1, initial=0.0)
        p = 0.5 * p + 0.5 * _softmax(evidence + voice)
    return p


def _voice_odds(series: Series, rows: npt.NDArray[np.intp], parameters: MouthParams) -> Floats:
    """(n, n) log odds that two lines are of one voice; 0 with itself and without a voice."""
    voices = series.voices[rows]
    length = (series.timeline.end_ms - series.timeline.start_ms)[rows]
    shorter = np.minimum(length[:, None], length[None, :])
    threshold = np.interp(shorter, _LENGTHS_MS, _THRESHOLD)
    slope = np.interp(shorter, _LENGTHS_MS, _SLOPE)
    odds: Floats = (slope * (voices @ voices.T - threshold)).astype(np.float32)
    odds = np.clip(odds, -parameters.bound, parameters.bound)
    silent = ~has_voice(voices)
    odds[silent] = odds[:, silent] = 0.0
    np.fill_diagonal(odds, 0.0)
    return odds


def _sight(series: Series, parameters: MouthParams) -> Doubles:
    """(N, C + 1) log odds of each character by who is seen and whose mouth moves."""
    n, cast = len(series.lines), len(series.cast)
    seen = np.full((n, cast), _NEVER)
    seen[:, series.everywhere] = _NEAR
    for reach, how in ((parameters.reach_ms, _NEAR), (parameters.close_ms, _CLOSE), (0, _DURING)):
        line, character = _seen(series, reach)
        seen[line, character] = how
    usual, weight = np.array(parameters.usual), parameters.usual_lines
    counts = np.stack([(seen == how).sum(0) for how in range(len(usual))], 1)
    rate = (counts + weight * usual) / (n + weight)
    value = np.log(parameters.sight) + np.log(usual / rate)
    odds = np.empty((n, cast + 1))
    odds[:, :-1] = value[np.arange(cast), seen]
    odds[:, -1] = np.log(parameters.unseen)
    if series.mouths is not None:
        _add_mouths(odds, series.mouths, parameters)
    return odds


def _add_mouths(odds: Doubles, mouths: Mouths, parameters: MouthParams) -> None:
    """Add what mouths say, in place."""
    during, close = parameters.sight[_DURING], parameters.sight[_CLOSE]
    # A glimpse at the edge of a line is little more than being seen just before or after.
    part = np.log((close + (during - close) * np.sqrt(mouths.share)) / during)
    named = mouths.character >= 0
    told = (mouths.log_odds + part)[named]
    np.add.at(odds, (mouths.line[named], mouths.character[named]), told)
    speaks = _speaking_strangers(mouths)
    # Somebody without a name who is seen is as likely to speak as anybody who is.
    stranger = np.log(during) + (mouths.log_odds + part)[speaks]
    np.maximum.at(odds, (mouths.line[speaks], np.full(len(stranger), -1)), stranger)


def _seen(series: Series, reach_ms: int) -> tuple[Ints, Ints]:
    """Lines and characters that are seen within reach of them; pairs may come twice."""
    known = np.flatnonzero(series.faces.character >= 0).astype(np.int32)
    first, stop = window_spans(
        series.faces.start_ms, series.faces.end_ms, series.timeline, reach_ms, known
    )
    count = np.maximum(stop - first, 0).astype(np.int64)
    ends = np.cumsum(count)
    steps = np.arange(count.sum()) - np.repeat(ends - count, count)
    lines = (np.repeat(first, count) + steps).astype(np.int32)
    return lines, np.repeat(series.faces.character[known], count)


def _speaking_strangers(mouths: Mouths) -> Bools:
    """(M,) mouths of faces without a name that rather speak than not."""
    speaking: Bools = (mouths.character == NOBODY) & (mouths.log_odds > 0)
    return speaking


def _nameless(series: Series) -> Bools:
    """(N,) lines that a face without a name rather speaks than not."""
    lines = np.zeros(len(series.lines), np.bool_)
    if series.mouths is not None:
        lines[series.mouths.line[_speaking_strangers(series.mouths)]] = True
    return lines


def _together(episode: Ints) -> Iterator[npt.NDArray[np.intp]]:
    """Rows of lines that hear each other: those of an episode, long ones in pieces."""
    edges = np.concatenate([[0], np.flatnonzero(np.diff(episode)) + 1, [episode.size]])
    for begin, end in pairwise(edges.tolist()):
        pieces = max(1, -(-(end - begin) // _LINES_AT_ONCE))
        for low, high in pairwise(np.linspace(begin, end, pieces + 1).astype(int).tolist()):
            if high > low:
                yield np.arange(low, high)


def _softmax(logits: Doubles) -> Doubles:
    odds = np.exp(logits - logits.max(1, keepdims=True))
    p: Doubles = odds / odds.sum(1, keepdims=True)
    return p
