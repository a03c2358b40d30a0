"""How good labels are: accuracy by several rules, where it is lost, and whether methods differ."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from castline.attribution.evaluation.breakdown import Breakdown
from castline.attribution.evaluation.confusion import count_confusion
from castline.attribution.evaluation.resampling import BLOCK_LINES, REPLICATES, Resampling
from castline.attribution.evaluation.results import Counts, Evaluation, Example
from castline.attribution.evaluation.rules import RULES, Rule, rule
from castline.attribution.evaluation.sheet import Sheet, build_sheet
from castline.errors import UsageError
from castline.tables.catalog import OTHERS

if TYPE_CHECKING:
    import polars as pl

__all__ = ["RULES", "Evaluation", "Rule", "compare", "evaluate", "mcnemar_p"]

Bools = npt.NDArray[np.bool_]


def evaluate(
    *,
    lines: pl.DataFrame,
    truth: pl.DataFrame,
    labels: pl.DataFrame,
    cast: pl.DataFrame,
    candidates: pl.DataFrame | None = None,
    faces: pl.DataFrame | None = None,
    seeds: pl.DataFrame | None = None,
    rules: Iterable[str] = tuple(RULES),
    method: str = "",
    block: int = BLOCK_LINES,
    replicates: int = REPLICATES,
    examples: int = 40,
    seed: int = 0,
) -> Evaluation:
    """Judge the labels of one method.

    Frames hold all episodes of the series, in any order of rows. Only annotated lines that are not
    deleted count; a line without a label counts as labelled `unknown`. The rules of the release
    and the paper know one speaker a line: of several labels they judge the one with the best score.

    Args:
        lines: Table `lines`.
        truth: Table `truth`.
        labels: Table `labels` of the method.
        cast: Table `cast`. Known are those with faces, and narrators; without any faces, all.
        candidates: Table `candidates` of the method. Without it, rule `code-c` leaves all out.
        faces: Table `faces` joined with `face_names`, for the breakdown by visibility.
        seeds: Table `seeds`, for the second column: accuracy on lines that were none.
        rules: Names of the rules, the main one first.
        method: Name of the method; as the labels have it when left out.
        block: Consecutive lines that are drawn together for the intervals.
        replicates: How many draws.
        examples: How many wrong lines to pick out.
        seed: Of the random generator for intervals and examples.

    Raises:
        UnknownName: A rule does not exist.
        UsageError: No rule, or labels of more than one method.
    """
    chosen = [rule(name) for name in dict.fromkeys(rules)]
    if not chosen:
        raise UsageError(f"No rule to evaluate by. Known: {', '.join(RULES)}.")
    sheet = build_sheet(
        lines=lines,
        truth=truth,
        labels=labels,
        cast=cast,
        candidates=candidates,
        faces=faces,
        seeds=seeds,
    )
    frame = sheet.frame
    judged = frame.select("line", "episode", "seed").with_columns(
        each.judge(frame) for each in chosen
    )
    resampling = Resampling(frame.height, block=block, replicates=replicates, seed=seed)
    breakdown = Breakdown(sheet, resampling)
    return Evaluation(
        method=method or (labels["method"][0] if labels.height else ""),
        counts=_counts(sheet),
        rules={each.name: breakdown.score(each.name, judged[each.name]) for each in chosen},
        confusion=count_confusion(sheet),
        examples=_examples(frame, judged, candidates, [r.name for r in chosen], examples, seed),
        judged=judged,
    )


def _counts(sheet: Sheet) -> Counts:
    frame = sheet.frame
    return Counts(
        lines=frame.height,
        deleted=sheet.deleted,
        seeds=int(frame["seed"].sum()),
        several=int((frame["several"] & ~frame["unknown"]).sum()),
        unknown=int(frame["unknown"].sum()),
        others=int((frame["person"] == OTHERS).sum()),
        unlabelled=int((~frame["labelled"]).sum()),
        known=len(sheet.known),
    )


def _examples(
    frame: pl.DataFrame,
    judged: pl.DataFrame,
    candidates: pl.DataFrame | None,
    rules: list[str],
    wanted: int,
    seed: int,
) -> tuple[Example, ...]:
    import polars as pl

    wrong = (~judged[rules[0]].fill_null(value=True)).arg_true().to_numpy()
    picked = np.random.default_rng(seed).choice(wrong, min(wanted, wrong.size), replace=False)
    rows = frame.with_columns(judged[rules])[np.sort(picked).astype(np.int64)]
    considered: dict[str, list[tuple[str, float]]] = {}
    if candidates is not None:
        listed = candidates.filter(pl.col("line").is_in(rows["line"].to_list())).sort(
            "line", "rank"
        )
        for line, character, score in listed.select("line", "character", "score").iter_rows():
            considered.setdefault(line, []).append((character, score))
    return tuple(
        Example(
            line=row["line"],
            episode=row["episode"],
            start_ms=row["start_ms"],
            end_ms=row["end_ms"],
            text=row["text"],
            truth=row["speaker"],
            labels=tuple(row["labels"]),
            candidates=tuple(considered.get(row["line"], ())),
            wrong_by=tuple(name for name in rules if row[name] is False),
        )
        for row in rows.iter_rows(named=True)
    )


def mcnemar_p(only_first: int, only_second: int) -> float:
    """McNemar's exact test: could two methods be equally good?

    Args:
        only_first: Lines on which only the first is right.
        only_second: Lines on which only the second is right.

    Returns:
        Two-sided p value by the binomial distribution; 1 when they never differ.

    >>> mcnemar_p(1, 9)
    0.021484375
    """
    from scipy.special import bdtr

    differ = only_first + only_second
    # The distribution function is computed as a whole, not summed: exact enough for any count.
    return min(1.0, 2 * float(bdtr(min(only_first, only_second), differ, 0.5))) if differ else 1.0


def compare(a: Evaluation, b: Evaluation) -> dict[str, Any]:
    """Compare two methods on the lines that both were judged on.

    Args:
        a: The first.
        b: The second.

    Returns:
        `a` and `b`: names of the methods. `rules`: for each rule that both have: `lines`;
        `both`, `only_a`, `only_b`, `neither`: numbers of right lines; `percent_a`, `percent_b`;
        `difference`: by how many points b is better, `low` and `high`: its 95 % interval;
        `p`: McNemar's exact two-sided p value. Missing where a rule counts no line of both.

    Raises:
        UsageError: They share no line or no rule.
    """
    shared = [name for name in a.rules if name in b.rules]
    pairs = a.judged.with_row_index("row").join(b.judged, on="line", suffix=" of b").sort("row")
    if not shared or not pairs.height:
        what = "line" if shared else "rule"
        raise UsageError(f"The evaluations share no {what}; evaluate both over the same series.")
    resampling = Resampling(pairs.height)
    rules = {}
    for name in shared:
        counted = (pairs[name].is_not_null() & pairs[f"{name} of b"].is_not_null()).to_numpy()
        first = pairs[name].fill_null(value=False).to_numpy() & counted
        second = pairs[f"{name} of b"].fill_null(value=False).to_numpy() & counted
        rules[name] = _difference(first, second, counted, resampling)
    return {"a": a.method, "b": b.method, "rules": rules}


def _difference(
    first: Bools, second: Bools, counted: Bools, resampling: Resampling
) -> dict[str, Any]:
    def by_block(which: Bools) -> npt.NDArray[np.float32]:
        line = np.flatnonzero(which)
        blocks: npt.NDArray[np.float32] = resampling.sums(line, np.zeros_like(line), 1)[0]
        return blocks

    lines = int(np.count_nonzero(counted))
    only_a = int(np.count_nonzero(first & ~second))
    only_b = int(np.count_nonzero(second & ~first))
    both = int(np.count_nonzero(first & second))
    low, high = resampling.difference(by_block(first), by_block(second), by_block(counted))
    return {
        "lines": lines,
        "both": both,
        "only_a": only_a,
        "only_b": only_b,
        "neither": lines - both - only_a - only_b,
        "percent_a": 100 * (both + only_a) / lines if lines else None,
        "percent_b": 100 * (both + only_b) / lines if lines else None,
        "difference": 100 * (only_b - only_a) / lines if lines else None,
        "low": low if lines else None,
        "high": high if lines else None,
        "p": mcnemar_p(only_a, only_b) if lines else None,
    }
