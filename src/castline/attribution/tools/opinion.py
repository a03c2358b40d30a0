"""What the labels so far say of a line, how sure they are, and why."""

from __future__ import annotations

from dataclasses import dataclass

from castline.attribution.tools.view import View

__all__ = ["Chance", "Opinion", "opinion_on"]

_LEAST = 0.005
_MOST = 6


@dataclass(frozen=True)
class Chance:
    """Somebody who may have spoken a line, by its code, and the probability, 0 to 1."""

    code: int
    probability: float


@dataclass(frozen=True)
class Opinion:
    """What a method thinks of a line.

    Attributes:
        speaker: Code of who is thought to speak it.
        probability: That this is right, 0 to 1.
        rivals: Who else may, the likeliest first.
        reasons: What decided, in words.
    """

    speaker: int
    probability: float
    rivals: tuple[Chance, ...]
    reasons: tuple[str, ...]


def opinion_on(view: View, row: int) -> Opinion:
    """What the labels so far say of a line; they carry probabilities."""
    labels = view.labels
    speaker = int(labels.code[row])
    span = slice(int(labels.offsets[row]), int(labels.offsets[row + 1]))
    chances = sorted(
        (
            Chance(code, probability)
            for code, probability in zip(
                labels.candidate[span].tolist(), labels.score[span].tolist(), strict=True
            )
            if code != speaker and probability >= _LEAST
        ),
        key=lambda each: -each.probability,
    )
    assert labels.confidence is not None
    return Opinion(
        speaker=speaker,
        probability=float(labels.confidence[row]),
        rivals=tuple(chances[:_MOST]),
        reasons=labels.reasons[row] if labels.reasons is not None else (),
    )
