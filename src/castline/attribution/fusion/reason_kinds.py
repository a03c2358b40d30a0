"""The kinds of reasons: what each weighs, and how it reads.

Weights are log odds in round figures, after a fit of all kinds together (a conditional logit) on
parts of the two training series. Turns say little that voices nearby do not say; they keep a part
of what they say alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from castline.attribution.fusion.rows import Columns, Rows

__all__ = ["KINDS", "TOLD", "Evidence", "Kind", "Lines", "Side"]

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float32]

_VOICE = 6.0
_NEARBY = 2.0
_FACE_WITH_VOICE = 3.3
_SEEN = 0.8
_STRANGER_SEEN = 1.1
_NOT_CLOSE = -1.1
_NOT_SEEN = -2.7
_PROPAGATION = 0.7
_ADDRESSES = 1.4
_NAMED = {"w_named-1": 0.5, "w_named-2": 0.4, "w_named+1": 0.3, "w_named+0": -1.2}
_SPOKE = {"t_p-1": 0.25, "t_p+1": 0.25, "t_p-2": 0.2}

_WHEN_NAMED = {
    "w_named-1": "named in the line before",
    "w_named-2": "named two lines before",
    "w_named+1": "named in the next line",
}
_WHEN_SPOKE = {
    "t_p-1": "spoke the line before",
    "t_p+1": "speaks the next line",
    "t_p-2": "spoke the line before last",
}
_STRANGER = "a face without a name"

_CLOSE_S = 3.0
"""Seconds without a face within which it may well speak off screen."""
_WITHIN_S = 20.0
"""Seconds without a face from which on it counts as not seen: the reach of label propagation."""
_LEAST_NEARBY_S = 1.0
_LEAST_VOICE_S = 5.0
"""Seconds of like voices, nearby and in the whole series, below which they tell nothing."""
_POORLY_ALIKE = 25
"""Percent of the lines whose likeness to the best of the cast is taken for poor."""
_LIKELY = 0.5
"""Probability from which on somebody is said to speak a line nearby."""
_MINUTE_S = 60.0

_NOT_WITHIN = f"not seen within {_WITHIN_S:.0f} s"

TOLD = (
    *("h_max", "cp_P", "c0_L", "c0_size"),
    *("f_n_share", "f_alone_share", "f_before", "f_after", "is_everywhere"),
    *_NAMED,
    *_SPOKE,
)
"""The columns that reasons quote."""


@dataclass(frozen=True)
class Evidence:
    """What is told of all candidates.

    Attributes:
        rows: The candidates.
        columns: What is told about them, (R,) each.
        others: (R,) which of them are others.
    """

    rows: Rows
    columns: Columns
    others: Bools


@dataclass(frozen=True)
class Side:
    """One candidate of each line: the answer, or who else it could have been.

    Attributes:
        name: (N,) his name, or what others are called.
        known: (N,) whether he is one of the cast.
        told: What is told about him: (N,) each of `TOLD`.
    """

    name: list[str]
    known: list[bool]
    told: dict[str, list[float]]


@dataclass(frozen=True)
class Lines:
    """What reasons are made from.

    Attributes:
        answer: Who is taken for the speaker.
        rival: Who comes next.
        length_s: (N,) seconds.
    """

    answer: Side
    rival: Side
    length_s: list[float]


@dataclass(frozen=True)
class Kind:
    """A kind of reason.

    Attributes:
        weigh: (R,) log odds of each candidate by it; 0 where the kind has nothing to go by.
        tell: The reason of a line in words; the flag says whether it speaks for the answer or for
            the rival. Empty where there are no words for it.
    """

    weigh: Callable[[Evidence], Floats]
    tell: Callable[[Lines, int, bool], str]


def _weigh_voice(evidence: Evidence) -> Floats:
    return np.float32(_VOICE) * _likeness(evidence)


def _likeness(evidence: Evidence) -> Floats:
    """(R,) greatest cosine to the candidate's lines; 0 without a voice, or lines to compare."""
    likeness: Floats = np.maximum(evidence.columns["h_max"], np.float32(0))
    return likeness


def _tell_voice(lines: Lines, line: int, supports: bool) -> str:
    own, other = (max(side.told["h_max"][line], 0.0) for side in (lines.answer, lines.rival))
    if not supports:
        return f"voice nearer lines of {lines.rival.name[line]} ({other:.2f} against {own:.2f})"
    if lines.answer.known[line]:
        return f"voice {own:.2f} against {other:.2f} ({lines.rival.name[line]})"
    return f"sounds like other lines of {lines.answer.name[line]} ({own:.2f})"


def _weigh_unlike(evidence: Evidence) -> Floats:
    """Others gain where the voice is like nobody's, measured by the other lines of the series."""
    rows, others = evidence.rows, evidence.others
    heard = rows.best(evidence.columns["h_max"]) > 0
    if not heard.any():
        return np.zeros(len(others), np.float32)
    best = rows.best(np.where(others, np.float32(0), _likeness(evidence)))
    lack = np.where(heard, np.percentile(best[heard], _POORLY_ALIKE) - best, 0)
    return np.where(others, _VOICE * np.maximum(lack, 0)[rows.line], 0).astype(np.float32)


def _tell_unlike(lines: Lines, line: int, supports: bool) -> str:
    side = lines.rival if supports else lines.answer
    nearest = f" ({side.name[line]} {max(side.told['h_max'][line], 0):.2f})"
    return f"unlike every voice of the cast{nearest if side.known[line] else ''}"


def _weigh_nearby(evidence: Evidence) -> Floats:
    enough = np.exp(evidence.columns["cp_w"]) >= _LEAST_NEARBY_S
    return np.where(enough, _NEARBY * evidence.columns["cp_P"], 0).astype(np.float32)


def _tell_nearby(lines: Lines, line: int, supports: bool) -> str:
    side = lines.answer if supports else lines.rival
    return f"sounds like lines nearby of {side.name[line]} ({side.told['cp_P'][line]:.2f})"


def _weigh_face_with_voice(evidence: Evidence) -> Floats:
    enough = np.expm1(evidence.columns["c0_size"]) >= _LEAST_VOICE_S
    share = np.clip(evidence.columns["c0_L"], 0, 1)
    return np.where(enough, _FACE_WITH_VOICE * share, 0).astype(np.float32)


def _tell_face_with_voice(lines: Lines, line: int, supports: bool) -> str:
    side = lines.answer if supports else lines.rival
    face = side.name[line] if side.known[line] else _STRANGER
    share = min(side.told["c0_L"][line], 1.0)
    seconds = math.expm1(side.told["c0_size"][line])
    minutes = seconds / _MINUTE_S
    time = f"{minutes:.0f} min" if minutes >= 1 else f"{seconds:.0f} s"
    return f"this voice comes with {face} on screen ({share:.2f} of {time})"


def _weigh_face(evidence: Evidence) -> Floats:
    columns, others = evidence.columns, evidence.others
    seen = np.minimum(columns["f_n_share"], 1)
    since = np.minimum(columns["f_before"], columns["f_after"])
    # Absence tells only of those who are ever seen, and where faces are found at all.
    absent = ~others & (columns["is_everywhere"] == 0) & (seen == 0) & (columns["line_faces8"] > 0)
    absence = np.select([since >= _WITHIN_S, since >= _CLOSE_S], [_NOT_SEEN, _NOT_CLOSE], 0)
    weight = np.where(others, _STRANGER_SEEN, _SEEN) * seen + absent * absence
    return np.asarray(weight, np.float32)


def _tell_face(lines: Lines, line: int, supports: bool) -> str:
    length_s, rival = lines.length_s[line], lines.rival.name[line]
    if supports:
        if _is_absent(lines.rival, line):
            return _sight(lines.answer, line, length_s) or f"{rival} {_NOT_WITHIN}"
        return _sight(lines.answer, line, length_s)
    if _is_absent(lines.answer, line):
        return f"face {_NOT_WITHIN}"
    sight = _sight(lines.rival, line, length_s)
    return f"{rival} {sight}" if sight and lines.rival.known[line] else sight


def _sight(side: Side, line: int, length_s: float) -> str:
    """When the face is seen; empty if it is not near."""
    share = min(side.told["f_n_share"][line], 1.0)
    if share > 0:
        seen = "seen" if side.known[line] else f"{_STRANGER} seen"
        alone = "alone " if side.told["f_alone_share"][line] >= share else ""
        return f"{seen} {alone}{share * length_s:.1f} s of {length_s:.1f} s"
    before, after = side.told["f_before"][line], side.told["f_after"][line]
    if not side.known[line] or min(before, after) >= _WITHIN_S:
        return ""
    return f"seen {before:.1f} s before" if before <= after else f"seen {after:.1f} s after"


def _is_absent(side: Side, line: int) -> bool:
    """Whether it is somebody whose face ought to be near, and is not."""
    told = side.told
    expected = side.known[line] and not told["is_everywhere"][line]
    nearest = min(told["f_before"][line], told["f_after"][line])
    return expected and told["f_n_share"][line] == 0 and nearest >= _WITHIN_S


def _weigh_named(evidence: Evidence) -> Floats:
    return _weighted(evidence.columns, _NAMED)


def _tell_named(lines: Lines, line: int, supports: bool) -> str:
    pair = (lines.answer, lines.rival)
    favoured, other = pair if supports else pair[::-1]
    for name, when in _WHEN_NAMED.items():
        if favoured.told[name][line] > other.told[name][line]:
            return when if supports else f"{favoured.name[line]} {when}"
    # Whoever is named in the line itself is spoken of, or spoken to.
    when = "named in the line itself"
    return f"{other.name[line]} {when}" if supports else when


def _weigh_address(evidence: Evidence) -> Floats:
    return np.float32(_ADDRESSES) * evidence.columns["k_says"]


def _tell_address(lines: Lines, line: int, supports: bool) -> str:
    return f"says what {(lines.answer if supports else lines.rival).name[line]} calls somebody near"


def _weigh_spoke(evidence: Evidence) -> Floats:
    likely = {name: (evidence.columns[name] >= _LIKELY).astype(np.float32) for name in _SPOKE}
    return _weighted(likely, _SPOKE)


def _tell_spoke(lines: Lines, line: int, supports: bool) -> str:
    side = lines.answer if supports else lines.rival
    who = "" if supports and side.known[line] else f"{side.name[line]} "
    for name, when in _WHEN_SPOKE.items():
        if side.told[name][line] >= _LIKELY:
            return f"{who}{when}"
    return ""


def _weigh_propagation(evidence: Evidence) -> Floats:
    return np.float32(_PROPAGATION) * evidence.columns["prop_is"]


def _tell_propagation(lines: Lines, line: int, supports: bool) -> str:
    return "propagation agreed" if supports else f"propagation said {lines.rival.name[line]}"


def _weighted(columns: Columns, weights: Mapping[str, float]) -> Floats:
    total: Floats = np.sum([weight * columns[name] for name, weight in weights.items()], axis=0)
    return total


KINDS = (
    Kind(_weigh_voice, _tell_voice),
    Kind(_weigh_unlike, _tell_unlike),
    Kind(_weigh_nearby, _tell_nearby),
    Kind(_weigh_face_with_voice, _tell_face_with_voice),
    Kind(_weigh_face, _tell_face),
    Kind(_weigh_named, _tell_named),
    Kind(_weigh_address, _tell_address),
    Kind(_weigh_spoke, _tell_spoke),
    Kind(_weigh_propagation, _tell_propagation),
)
"""All kinds; those of equal weight are told in this order."""
