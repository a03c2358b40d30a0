"""The rules: what makes a label right.

A rule looks at the sheet (`castline.attribution.evaluation.sheet`) and says of every line whether
it is right, wrong, or left out (missing). The first two are those of the released program of
DramaSR-LRM, which never takes an annotation apart; the third is the wording of its paper, section
3.3; the last is ours.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from castline.errors import UnknownName
from castline.tables.catalog import OTHERS, UNKNOWN

if TYPE_CHECKING:
    import polars as pl

__all__ = ["RULES", "Rule", "rule"]


@dataclass(frozen=True)
class Rule:
    """One rule.

    Attributes:
        name: Its name in options and files.
        title: A few words for people.
        explanation: What is right by it, in plain words.
        right: Makes the expression over the sheet: true, false, or missing for left out.
    """

    name: str
    title: str
    explanation: str
    right: Callable[[], pl.Expr]

    def judge(self, sheet: pl.DataFrame) -> pl.Series:
        """Right, wrong or missing for every line of a sheet."""
        return sheet.select(self.right().alias(self.name)).to_series()


def _code_s() -> pl.Expr:
    import polars as pl

    same = pl.col("label") == pl.col("speaker")
    return pl.when("truth_known").then(same).otherwise(~pl.col("label_known"))


def _code_c() -> pl.Expr:
    import polars as pl

    same = pl.col("label") == pl.col("truth")
    others = pl.col("label") == OTHERS
    nobody = others | (pl.col("label") == UNKNOWN) | pl.col("label_voice")
    return (
        # Without candidate lists there is nothing to judge by, and everything would be lenient.
        pl.when(pl.col("n_candidates").is_null())
        .then(None)
        .when("truth_listed")
        .then(same)
        .when("truth_known")
        .then(same | others)
        .otherwise(same | nobody)
    )


def _paper() -> pl.Expr:
    import polars as pl

    named = pl.col("speakers").list.contains(pl.col("label"))
    return (
        pl.when("unknown")
        .then(pl.lit(value=True))
        .when("several")
        .then(named | ~pl.col("label_known"))
        .otherwise(_code_s())
    )


def _strict() -> pl.Expr:
    import polars as pl

    return pl.when("unknown").then(None).otherwise(pl.col("people") == pl.col("label_people"))


RULES: dict[str, Rule] = {
    each.name: each
    for each in (
        Rule(
            "code-s",
            "released program, by label",
            "A line of a known character is right only if it is given to that character. A line "
            "of anybody else, of several speakers at once, or of a speaker nobody could tell is "
            "right as long as it is given to no known character. This is the rule behind the "
            "label propagation figures of the DramaSR-LRM paper.",
            _code_s,
        ),
        Rule(
            "code-c",
            "released program, by candidates",
            "Like code-s, but milder where the method never considered the true speaker: if a "
            "known speaker is missing from the line's candidates, the answer “others” counts as "
            "right, too. If the true speaker is a candidate, only that name is right.",
            _code_c,
        ),
        Rule(
            "paper",
            "as the paper words it",
            "Like code-s, but a line of several speakers is right if it is given to any one of "
            "them or to no known character, and a line whose speaker nobody could tell is always "
            "right.",
            _paper,
        ),
        Rule(
            "strict",
            "exactly who speaks",
            "A line is right only if exactly its speakers are named; people outside the known "
            "characters count as “others”, and each of several speakers must be found. “Unknown” "
            "is never right. Lines whose speaker nobody could tell are left out.",
            _strict,
        ),
    )
}
"""All rules by name."""


def rule(name: str) -> Rule:
    """The rule of that name.

    Raises:
        UnknownName: There is none.
    """
    if name not in RULES:
        raise UnknownName("rule", name, RULES)
    return RULES[name]
