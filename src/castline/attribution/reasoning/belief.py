"""What a model's answer is worth: the probabilities of a line before and after it.

The probabilities of the base method are weighed with the answers by Bayes' rule. A model that is
right with probability a names the right candidate so often, and each of the others equally often
else. So the answer of a good model decides, and that of a poor one only where nothing else speaks
against it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from castline.attribution.base import NOBODY

__all__ = ["Belief", "Stage", "agree", "reliability", "weigh"]

_ELSEWHERE = 0.05
"""Share of the wrong labels whose speaker is of the cast and no candidate: 3 to 4 % on the training
series of the paper, more where faces are missing."""
_HARDER = 2.0
"""How much more often a model errs on a line in doubt than on a settled one. In the paper it is
wrong on about one in ten lines of all, and on two in ten of those in doubt (tables 2 and 5)."""
_LEAST, _MOST = 0.5, 0.98


@dataclass(frozen=True)
class Stage:
    """One question about a line and its answer.

    Attributes:
        shown: Codes of the candidates; others were one more.
        answer: Code of the answer; `NOBODY` for others.
    """

    shown: tuple[int, ...]
    answer: int


@dataclass(frozen=True)
class Belief:
    """Who speaks a line, as far as can be told.

    Attributes:
        speaker: Code of the most probable speaker.
        confidence: The probability that it is right.
        chances: Codes and their probabilities, the likeliest first; they sum to 1 at most.
    """

    speaker: int
    confidence: float
    chances: tuple[tuple[int, float], ...]


def reliability(agreed: int, tried: int, settled: float) -> float:
    """The probability that the model is right about a line in doubt.

    Args:
        agreed: Settled lines of which the model said what their label says.
        tried: Settled lines it was asked about.
        settled: Mean probability that these labels are right.
    """
    # One line more of either kind (Laplace): few lines prove little.
    wrong = 1 - (agreed + 1) / (tried + 2) / max(settled, 0.5)
    return min(_MOST, max(_LEAST, 1 - _HARDER * wrong))


def weigh(
    prior: Mapping[int, float], label: int, stages: Sequence[Stage], right: float, cast: int
) -> Belief:
    """Weigh a model's answers with what was known before.

    Args:
        prior: Codes and probabilities; what is missing to 1 is others'.
        label: Code of the label so far.
        stages: What the model was asked and what it said, at least one.
        right: The probability that it is right.
        cast: Number of the cast; codes from there on are new voices.
    """
    chance = dict(prior)
    chance[NOBODY] = max(0.0, chance.get(NOBODY, 0.0) + 1 - sum(prior.values()))
    added = {code for stage in stages for code in stage.shown if code not in chance}
    known = chance.get(label, 0.0)
    for code in added:
        chance[code] = _ELSEWHERE * (1 - known) / len(added)
    for stage in stages:
        wrong = (1 - right) / max(len(stage.shown), 1)
        for code in chance:
            chance[code] *= right if _fits(code, stage, cast) else wrong
    total = sum(chance.values()) or 1.0
    chance = {code: value / total for code, value in chance.items()}
    outside = {code for code in chance if not 0 <= code < cast}
    strange = sum(chance.pop(code) for code in outside)
    named = max(chance, key=lambda code: (chance[code], -code), default=NOBODY)
    stranger = _stranger(stages[-1].answer, label, cast)
    speaker = stranger if strange > chance.get(named, 0.0) else named
    return _told({**chance, stranger: strange}, speaker, max(known, right))


def agree(answer: int | None, label: int, cast: int) -> bool:
    """Whether an answer is what a label says; all who are outside the cast are one."""
    if answer is None:
        return False
    return answer == label or (not 0 <= answer < cast and not 0 <= label < cast)


def _fits(code: int, stage: Stage, cast: int) -> bool:
    """Whether a model that is right gives this answer when this is the speaker."""
    if stage.answer == NOBODY:
        return code not in stage.shown or code >= cast
    return code == stage.answer


def _stranger(answer: int, label: int, cast: int) -> int:
    """Which of those outside the cast: what the model said, else what the label was."""
    if answer >= cast:
        return answer
    return label if label >= cast else NOBODY


def _told(chance: Mapping[int, float], speaker: int, most: float) -> Belief:
    """The belief, all who are outside the cast being one."""
    # Model and base method judge by the same voices and faces, so their errors go together: that
    # they agree makes nobody surer than the surer of the two.
    own = chance[speaker]
    confidence = min(own, most)
    scale = (1 - confidence) / (1 - own) if own < 1 else 0.0
    rest = [(code, value * scale) for code, value in chance.items() if code != speaker]
    ordered = sorted([(speaker, confidence), *rest], key=lambda each: (-each[1], each[0]))
    return Belief(speaker, confidence, tuple(ordered))
