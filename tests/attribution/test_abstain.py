"""Confidences on their way to the labels, and `unknown` below a chosen risk."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

import castline
from castline.attribution.abstain import AbstainParams, abstain, choose_threshold
from castline.attribution.base import NOBODY, UNSURE, Attribution, Progress, Series, TablesOnly
from castline.attribution.labels import SURE, read_labels
from castline.attribution.mouths import weigh_mouths
from castline.attribution.recipe import METHODS, stale_labels
from castline.cli import app
from castline.errors import SettingsError, UsageError
from castline.project import Project
from castline.tables.catalog import OTHERS, UNKNOWN
from castline.testing.series import SyntheticSeries, write_series
from tests.attribution.test_mouths import ANN, BO, found, seen, series

VARIANT = "told-released"

Floats = npt.NDArray[np.float32]


@dataclasses.dataclass(frozen=True)
class Nothing:
    """No settings."""


class Told(TablesOnly):
    """A method that says how sure it is: names go round, confidences from 0.3 to 1.

    Every fifth line is nobody's of the cast; every seventh has one candidate, the others two.
    """

    name = "told"
    version = 1
    parameters = Nothing
    seeded = False

    def attribute(
        self, series: Series, parameters: Nothing, progress: Progress | None = None
    ) -> Attribution:
        n, cast = len(series.lines), len(series.cast)
        at = np.arange(n)
        code = np.where(at % 5 == 0, NOBODY, at % cast)
        code = np.where(series.seeds >= 0, series.seeds, code).astype(np.int32)
        sure = np.random.default_rng(0).permutation(np.linspace(0.3, 1, n)).astype(np.float32)
        both = np.stack([code, (code + 1) % cast], 1)
        kept = np.ones((n, 2), np.bool_)
        kept[::7, 1] = False
        return Attribution(
            code=code,
            voices_found=0,
            offsets=np.append(0, np.cumsum(kept.sum(1))),
            candidate=both[kept].astype(np.int32),
            score=np.stack([sure, 0.9 * (1 - sure)], 1)[kept],
            confidence=sure,
            reasons=tuple(("voice 0.71 against 0.44",) if i % 2 else () for i in at),
        )


@pytest.fixture
def project(small: SyntheticSeries, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A series, and a method that tells how sure it is."""
    monkeypatch.setitem(METHODS._builtin, "told", "elsewhere:Told")
    monkeypatch.setitem(METHODS._loaded, "told", Told())
    made = Project.create(tmp_path / "project")
    write_series(made, small)
    return made


def whole(project: Project, table: str) -> pl.DataFrame:
    return pl.concat([project.store.read(table, each, VARIANT) for each in project.episodes()])


probabilities = st.lists(
    st.one_of(st.floats(0, 1, width=32), st.sampled_from([0.5, 0.95])), max_size=60
).map(lambda values: np.array(values, np.float32))
risks = st.floats(0, 1)


@given(probabilities, risks)
def test_the_labels_kept_are_expected_to_be_wrong_no_more_often_than_chosen(
    confidence: Floats, risk: float
) -> None:
    kept = confidence[confidence >= choose_threshold(confidence, risk)]

    assert kept.size == 0 or np.mean(1 - kept.astype(np.float64)) <= risk + 2e-6


@given(probabilities, risks)
def test_no_lower_threshold_would_do(confidence: Floats, risk: float) -> None:
    threshold = choose_threshold(confidence, risk)

    for lower in np.unique(confidence[confidence < threshold]):
        assert np.mean(1 - confidence[confidence >= lower].astype(np.float64)) > risk


@given(probabilities, risks, risks)
def test_a_smaller_risk_never_keeps_more(confidence: Floats, one: float, other: float) -> None:
    small, large = sorted([one, other])

    assert choose_threshold(confidence, small) >= choose_threshold(confidence, large)


@given(probabilities)
def test_any_risk_keeps_all_and_none_keeps_the_certain(confidence: Floats) -> None:
    assert (confidence >= choose_threshold(confidence, 1.0)).all()
    certain = confidence[confidence >= choose_threshold(confidence, 0.0)]
    assert (certain >= 1 - 1e-4).all()


def test_labels_of_one_confidence_stay_together() -> None:
    """0.95 is no binary number: rounding must not cost the whole series."""
    same = np.full(10_000, 0.95, np.float32)

    assert choose_threshold(same, 0.05) == same[0]
    assert choose_threshold(same, 0.04) == np.inf


def test_seeds_and_lines_that_are_unknown_already_stay_and_buy_no_guesses() -> None:
    lines = series(4, mouths=None, seeds={0: ANN, 1: BO})
    told = dataclasses.replace(
        found(ANN, BO, BO, UNSURE), confidence=np.array([0.1, 1.0, 0.8, 1.0], np.float32)
    )

    kept = abstain(lines, told, AbstainParams(0.2), method="m")
    left = abstain(lines, told, AbstainParams(0.1), method="m")

    assert kept.code.tolist() == [ANN, BO, BO, UNSURE]
    assert left.code.tolist() == [ANN, BO, UNSURE, UNSURE]
    assert left.reasons is not None
    assert left.reasons[2] == ("confidence 0.80, too low for the chosen risk",)
    assert left.reasons[0] == ()


def test_without_a_risk_nothing_is_touched() -> None:
    told = found(ANN, BO)
    assert abstain(series(2, mouths=None), told, AbstainParams(), method="m") is told


def test_mouths_keep_the_confidence_of_labels_they_leave_alone() -> None:
    lines = series(2, mouths=seen((0, ANN, 2.0), (0, BO, -2.0), (1, ANN, -3.0), (1, BO, 3.0)))
    told = dataclasses.replace(
        found(ANN, ANN),
        confidence=np.array([0.625, 0.75], np.float32),
        reasons=(("a voice",), ("a voice",)),
    )

    after = weigh_mouths(lines, told)

    assert after.code.tolist() == [ANN, BO]
    assert after.confidence is not None
    assert after.confidence[0] == 0.625
    assert 0.5 < after.confidence[1] <= 1
    assert after.confidence[1] != 0.75
    assert after.reasons == (("a voice",), ())


def test_confidences_reach_the_labels_and_settle_them(project: Project) -> None:
    castline.attribute(project, method="told")

    labels, seeds = whole(project, "labels"), project.store.read("seeds", variant="given")
    seeded = pl.col("line").is_in(seeds["line"].to_list())
    assert set(labels.filter(seeded)["confidence"]) == {1.0}
    assert set(labels.filter(seeded)["status"]) == {"settled"}
    rest = labels.filter(~seeded)
    assert rest["confidence"].is_between(0.3, 1).all()
    assert ((rest["confidence"] >= SURE) == (rest["status"] == "settled")).all()
    assert set(rest["status"]) == {"settled", "doubtful"}


def test_the_method_says_why_except_where_a_seed_does(project: Project) -> None:
    castline.attribute(project, method="told")

    labels, seeds = whole(project, "labels"), project.store.read("seeds", variant="given")
    given = set(seeds["line"])
    for place, (line, who, why) in enumerate(
        labels.select("line", "character", "reasons").iter_rows()
    ):
        silent = "nobody near sounds alike" if who == OTHERS else "voice, among those near"
        said = "voice 0.71 against 0.44" if place % 2 else silent
        assert why == (["seed"] if line in given else [said])


def test_the_margin_of_a_lone_probability_is_the_probability(project: Project) -> None:
    castline.attribute(project, method="told")

    listed = (
        whole(project, "candidates").group_by("line").agg(pl.col("score").sort(descending=True))
    )
    joined = whole(project, "labels").join(listed, on="line", suffix="_listed")
    lone = joined.filter(pl.col("score_listed").list.len() == 1)
    assert lone.height > 5
    assert (lone["margin"] == lone["score"]).all()
    assert np.min(lone["margin"].to_numpy()) < 0.75, "a similarity would have lost a quarter"


def test_nobody_of_the_cast_can_be_a_candidate(project: Project) -> None:
    castline.attribute(project, method="told")

    first = whole(project, "candidates").filter(pl.col("rank") == 1)
    joined = whole(project, "labels").join(first, on="line", suffix="_first")
    assert (joined["character"] == joined["character_first"]).all()
    assert OTHERS in set(first["character"])


def test_below_the_chosen_risk_lines_are_unknown_and_keep_their_candidates(
    project: Project,
) -> None:
    castline.attribute(project, method="told")
    forced, candidates = whole(project, "labels"), whole(project, "candidates")

    castline.attribute(project, method="told", max_risk=0.1)

    labels = whole(project, "labels")
    assert whole(project, "candidates").equals(candidates)
    seeds = project.store.read("seeds", variant="given")["line"].to_list()
    guessed = ~labels["line"].is_in(seeds)
    unknown = labels["character"] == UNKNOWN
    assert 0 < unknown.sum() < guessed.sum()
    assert not (unknown & ~guessed).any()
    assert ((labels["status"] == "abstained") == unknown).all()
    assert (labels["confidence"].is_null() == unknown).all(), "an unknown cannot be right"
    before = forced["confidence"]
    kept = guessed & ~unknown
    assert np.min(before.filter(kept).to_numpy()) > np.max(before.filter(unknown).to_numpy())
    assert np.mean(1 - before.filter(kept).to_numpy()) <= 0.1
    assert (labels["character"] == forced["character"]).filter(~unknown).all()
    (why,) = set(labels.filter(unknown)["reasons"].list.first().str.slice(15))
    assert why == ", too low for the chosen risk"


def test_another_risk_makes_the_labels_anew_and_the_same_does_not(project: Project) -> None:
    castline.attribute(project, method="told")
    _, first = castline.attribute(project, method="told", max_risk=0.1)
    assert list(first.made.values()) == ["setting max_risk changed: None → 0.1"]
    assert stale_labels(project) == {VARIANT: None}

    _, again = castline.attribute(project, method="told", max_risk=0.1)
    assert again.made == {}

    _, back = castline.attribute(project, method="told")
    assert list(back.made.values()) == ["setting max_risk changed: 0.1 → None"]
    assert UNKNOWN not in set(whole(project, "labels")["character"])


def test_the_risk_may_stand_in_the_settings_of_the_project(
    project: Project, small: SyntheticSeries, tmp_path: Path
) -> None:
    castline.attribute(project, method="told", max_risk=0.1)
    other = Project.create(tmp_path / "other", settings="[abstain]\nmax_risk = 0.1\n")
    write_series(other, small)

    castline.attribute(other, method="told")

    assert whole(other, "labels").equals(whole(project, "labels"))
    castline.attribute(other, method="told", max_risk=1)
    assert UNKNOWN not in set(whole(other, "labels")["character"])


def test_a_method_without_confidences_cannot_be_asked_for_a_risk(project: Project) -> None:
    with pytest.raises(UsageError, match=r"propagation carry no confidence.*--max-risk"):
        castline.attribute(project, method="propagation", max_risk=0.05)


@pytest.mark.parametrize("risk", [-0.1, 5.0, float("nan")])
def test_a_risk_is_a_share(project: Project, risk: float) -> None:
    with pytest.raises(SettingsError, match="max_risk"):
        castline.attribute(project, method="told", max_risk=risk)


def shown(*words: object) -> str:
    result = CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)
    assert result.exit_code == 0
    return result.output


def test_the_commands_take_a_risk_and_show_what_confidences_are_worth(project: Project) -> None:
    folder = project.folder
    text = shown("attribute", folder, "--method", "told", "--max-risk", "0.1")
    facts: dict[str, Any] = json.loads(shown("evaluate", folder, "--json"))
    table = shown("evaluate", folder)

    unknown = (read_labels(project, VARIANT)["character"] == UNKNOWN).sum()
    assert f"({unknown} left unknown)" in text
    confidence = facts["rules"]["code-s"]["confidence"]
    assert confidence["stated"] == confidence["lines"] - unknown
    row = next(line for line in table.splitlines() if line.startswith("confidence"))
    assert re.split(r"  +", row) == [
        *("confidence", "lines", "calibration error"),
        *("kept at 1 % wrong", "kept at 2 % wrong", "kept at 5 % wrong"),
    ]
    assert f"{confidence['error']:.2f}" in table
    page = Path(facts["report"]).read_text(encoding="utf-8")
    assert "What its confidence is worth" in page


def test_labels_without_confidences_are_shown_without_them(project: Project) -> None:
    castline.attribute(project, method="propagation")
    assert "calibration" not in shown("evaluate", project.folder)
