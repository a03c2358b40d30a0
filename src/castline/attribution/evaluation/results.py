"""What an evaluation found: frozen values, and their plain form for JSON."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import polars as pl

__all__ = [
    "CharacterScore",
    "ConfidenceBin",
    "ConfidenceResult",
    "Confusion",
    "Counts",
    "Evaluation",
    "Example",
    "RiskPoint",
    "RuleResult",
    "Score",
    "Share",
]


@dataclass(frozen=True)
class Share:
    """A share of lines that are right.

    Attributes:
        right: Lines judged right.
        counted: Lines judged at all.
        low: Lower end of the 95 % interval in percent; None when nothing was counted.
        high: Its upper end.
    """

    right: int
    counted: int
    low: float | None = None
    high: float | None = None

    @property
    def percent(self) -> float | None:
        """Right lines of a hundred counted ones; None when nothing was counted.

        >>> Share(3, 4).percent
        75.0
        """
        return 100 * self.right / self.counted if self.counted else None


@dataclass(frozen=True)
class Score:
    """The shares of one group of lines.

    Attributes:
        name: Name of the group.
        all: Over all its lines.
        unseeded: Over its lines that were no seeds: the method had to find out.
    """

    name: str
    all: Share
    unseeded: Share


@dataclass(frozen=True)
class CharacterScore:
    """How well one character is found.

    Attributes:
        name: The character; the last one may stand for everybody who is not known.
        known: False for that one.
        lines: Lines that the character speaks alone.
        labelled: Lines that were given to the character.
        recall: Of the lines spoken alone, those judged right.
        precision: Of the lines given to the character, those judged right.
    """

    name: str
    known: bool
    lines: int
    labelled: int
    recall: Score
    precision: Score


@dataclass(frozen=True)
class ConfidenceBin:
    """Lines of like confidence.

    Attributes:
        stated: Their mean confidence in percent: so many should be right.
        right: How many are.
    """

    stated: float
    right: Share


@dataclass(frozen=True)
class RiskPoint:
    """What is left when only labels from some confidence on are kept.

    Attributes:
        threshold: The lowest confidence that is kept, 0 to 1.
        coverage: Lines kept, in percent of all.
        risk: Wrong lines among those kept, in percent.
        expected: The same as the confidences have it: what is wanting in their mean to certainty.
    """

    threshold: float
    coverage: float
    risk: float
    expected: float


@dataclass(frozen=True)
class ConfidenceResult:
    """What the confidences are worth by one rule, over lines that were no seeds.

    Attributes:
        lines: Lines on which the rule judges.
        stated: Those of them whose label carries a confidence; what is left unknown has none.
        error: Expected calibration error in points: by how much the share of right lines is off the
            mean confidence, on average over the bins, each by its lines.
        bins: Up to 15 bins of equally many lines, lowest confidence first; lines of one confidence
            share a bin.
        curve: Risk against coverage at each whole percent of the lines that carry a confidence,
            fewest lines first.
        area: Area under the whole curve: mean risk over the coverages it reaches, in percent.
        coverage_at_risk: Most lines that can be kept, in percent of all, at a risk of at most so
            many percent; 0 where not even the most confident lines are that good.
    """

    lines: int
    stated: int
    error: float
    bins: tuple[ConfidenceBin, ...]
    curve: tuple[RiskPoint, ...]
    area: float
    coverage_at_risk: dict[str, float]


@dataclass(frozen=True)
class RuleResult:
    """Everything by one rule.

    Attributes:
        rule: Name of the rule.
        total: All lines.
        left_out: Lines on which the rule does not judge.
        duration: By how long a line is.
        candidates: By the number of candidates; empty when the method names none.
        visibility: By whether the true speaker's face is near; empty when no faces are known.
        episodes: By episode.
        margins: By how far the best candidate lies before the second; empty without margins.
        characters: By character, most lines first.
        confidence: What the confidences are worth; None when labels carry none.
    """

    rule: str
    total: Score
    left_out: int
    duration: tuple[Score, ...]
    candidates: tuple[Score, ...]
    visibility: tuple[Score, ...]
    episodes: tuple[Score, ...]
    margins: tuple[Score, ...]
    characters: tuple[CharacterScore, ...]
    confidence: ConfidenceResult | None


@dataclass(frozen=True)
class Confusion:
    """Who is taken for whom, over lines that one person speaks and the annotator could tell.

    Attributes:
        characters: The characters who speak most, most lines first; k of them.
        counts: (k + 2) rows of (k + 3) numbers of lines. Rows are true speakers: the characters,
            further known ones, others. Columns are labels: the same, then `unknown`.
        pairs: Commonest mistakes: true speaker, label, lines.
    """

    characters: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]
    pairs: tuple[tuple[str, str, int], ...]


@dataclass(frozen=True)
class Example:
    """A line that the first rule judges wrong.

    Attributes:
        line: Its id.
        episode: Its episode.
        start_ms: Start on the media clock.
        end_ms: End on the media clock.
        text: What is said.
        truth: The annotation as written.
        labels: The speakers given, the main one first.
        candidates: Who was considered, best first, with scores.
        wrong_by: The rules that judge it wrong.
    """

    line: str
    episode: str
    start_ms: int
    end_ms: int
    text: str
    truth: str
    labels: tuple[str, ...]
    candidates: tuple[tuple[str, float], ...]
    wrong_by: tuple[str, ...]


@dataclass(frozen=True)
class Counts:
    """What was evaluated.

    Attributes:
        lines: Annotated lines without the deleted ones.
        deleted: Lines that the annotator struck; no rule counts them.
        seeds: Lines of `lines` whose speaker was known beforehand.
        several: Lines of more than one speaker.
        unknown: Lines whose speaker the annotator could not tell.
        others: Lines of one speaker who is not known.
        unlabelled: Lines without any label; they count as labelled `unknown`.
        known: Known characters.
    """

    lines: int
    deleted: int
    seeds: int
    several: int
    unknown: int
    others: int
    unlabelled: int
    known: int


@dataclass(frozen=True)
class Evaluation:
    """How good the labels of one method are.

    Attributes:
        method: Name of the method.
        counts: What was evaluated.
        rules: Rule name to its result, in the order asked for.
        confusion: Who is taken for whom.
        examples: A sample of lines that the first rule judges wrong, in series order.
        judged: One row a line in series order: `line`, `episode`, `seed`, and for each rule a
            column of its name: right, wrong, or missing where the rule leaves the line out.
    """

    method: str
    counts: Counts
    rules: dict[str, RuleResult]
    confusion: Confusion
    examples: tuple[Example, ...]
    judged: pl.DataFrame = field(repr=False, compare=False)

    def to_dict(self) -> dict[str, Any]:
        """Everything but the single lines, as values that JSON knows."""
        named = (each.name for each in dataclasses.fields(self))
        return {name: _plain(getattr(self, name)) for name in named if name != "judged"}


def _plain(value: Any) -> Any:
    if isinstance(value, Share):
        return {
            "right": value.right,
            "counted": value.counted,
            "percent": _rounded(value.percent),
            "low": _rounded(value.low),
            "high": _rounded(value.high),
        }
    if dataclasses.is_dataclass(value):
        return {each.name: _plain(getattr(value, each.name)) for each in dataclasses.fields(value)}
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return _rounded(value) if isinstance(value, float) else value


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
