"""Confidences against the truth: calibration error, risk and coverage."""

from __future__ import annotations

import itertools
import json

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from castline.attribution.evaluate import evaluate
from castline.attribution.evaluation.confidence import BINS, judge_confidence
from castline.attribution.evaluation.resampling import Resampling
from castline.attribution.evaluation.results import ConfidenceResult
from tests.attribution.test_evaluation import Said, frames

Judged = list[tuple[float, bool]]


def judge(confidence: npt.ArrayLike, right: npt.ArrayLike) -> ConfidenceResult:
    """All lines count."""
    stated, hit = np.asarray(confidence, np.float32), np.asarray(right, np.bool_)
    resampling = Resampling(stated.size, replicates=50)
    found = judge_confidence(stated, hit, np.ones(stated.size, np.bool_), resampling)
    assert found is not None
    return found


def judged_lines() -> st.SearchStrategy[Judged]:
    """Confidences, some of them equal, and whether their labels are right."""
    some = st.one_of(st.floats(0, 1, width=32), st.sampled_from([0.0, 0.5, 1.0]))
    return st.lists(st.tuples(some, st.booleans()), min_size=1, max_size=120)


@pytest.mark.parametrize("seed", range(3))
def test_confidences_that_are_probabilities_have_next_to_no_error(seed: int) -> None:
    rng = np.random.default_rng(seed)
    stated = rng.beta(4, 1, 40_000)

    found = judge(stated, rng.random(stated.size) < stated)

    assert found.error < 1.0
    (last,) = found.curve[-1:]
    assert last.risk == pytest.approx(last.expected, abs=1.0)


def test_confidences_that_are_ten_points_too_high_have_an_error_of_ten() -> None:
    rng = np.random.default_rng(0)
    stated = rng.uniform(0.2, 1.0, 40_000)

    found = judge(stated, rng.random(stated.size) < stated - 0.1)

    assert found.error == pytest.approx(10, abs=1)
    assert all(each.right.percent < each.stated for each in found.bins if each.right.percent)


def test_too_high_here_and_too_low_there_do_not_cancel_out() -> None:
    found = judge(
        [0.5] * 100 + [0.8] * 100, [True] * 80 + [False] * 20 + [True] * 50 + [False] * 50
    )

    assert found.error == pytest.approx(30, abs=1e-4)


@given(stated=st.floats(0, 1, width=32), right=st.lists(st.booleans(), min_size=1))
def test_one_confidence_for_all_lines_is_one_bin_and_one_choice(
    stated: float, right: list[bool]
) -> None:
    found = judge([stated] * len(right), right)

    accuracy = 100 * sum(right) / len(right)
    assert len(found.bins) == len(found.curve) == 1
    assert found.error == pytest.approx(abs(accuracy - 100 * stated), abs=1e-4)
    assert found.area == found.curve[0].risk == pytest.approx(100 - accuracy)
    assert set(found.coverage_at_risk.values()) <= {0.0, 100.0}


@given(n=st.integers(1, 400))
def test_bins_are_of_equal_mass(n: int) -> None:
    found = judge(np.linspace(0, 1, n), np.arange(n) % 3 > 0)

    sizes = [each.right.counted for each in found.bins]
    assert len(sizes) == min(n, BINS)
    assert max(sizes) - min(sizes) <= 1


@given(judged_lines())
def test_every_line_is_in_one_bin_and_the_curve_ends_with_all_of_them(lines: Judged) -> None:
    stated, right = zip(*lines, strict=True)

    found = judge(stated, right)

    assert found.lines == found.stated == sum(each.right.counted for each in found.bins)
    assert sum(right) == sum(each.right.right for each in found.bins)
    assert 0 <= found.error <= 100
    assert found.curve[-1].coverage == pytest.approx(100)
    assert found.curve[-1].risk == pytest.approx(100 - 100 * sum(right) / len(right))
    assert found.curve[-1].threshold == np.float32(min(stated))


@given(judged_lines())
def test_keeping_more_lines_lowers_the_bar_and_raises_the_risk_to_be_expected(
    lines: Judged,
) -> None:
    curve = judge(*zip(*lines, strict=True)).curve

    for fewer, more in itertools.pairwise(curve):
        assert fewer.coverage < more.coverage
        assert fewer.threshold > more.threshold
        assert fewer.expected <= more.expected + 1e-9


@given(judged_lines())
def test_more_risk_never_keeps_fewer_lines(lines: Judged) -> None:
    at = judge(*zip(*lines, strict=True)).coverage_at_risk

    assert 0 <= at["1"] <= at["2"] <= at["5"] <= 100


@given(judged_lines())
def test_the_order_of_lines_changes_no_figure(lines: Judged) -> None:
    one, two = (judge(*zip(*each, strict=True)) for each in (lines, sorted(lines)))

    assert one.error == pytest.approx(two.error)
    assert one.area == pytest.approx(two.area)
    assert one.coverage_at_risk == two.coverage_at_risk
    assert one.curve == two.curve
    assert [each.right.right for each in one.bins] == [each.right.right for each in two.bins]


def test_the_area_is_the_mean_risk_over_all_coverages() -> None:
    rng = np.random.default_rng(5)
    stated = rng.permutation(np.linspace(0.1, 0.99, 300))
    right = rng.random(300) < stated

    wrong = ~right[np.argsort(-stated)]
    expected = 100 * np.mean(np.cumsum(wrong) / np.arange(1, 301))

    assert judge(stated, right).area == pytest.approx(expected)


def test_lines_of_one_confidence_share_one_risk_in_the_area() -> None:
    found = judge([0.9, 0.9, 0.9, 0.5], [True, False, True, False])

    assert [(round(each.risk, 2), each.coverage) for each in found.curve] == [
        (33.33, 75),
        (50, 100),
    ]
    assert found.area == pytest.approx((3 * 100 / 3 + 50) / 4)


def test_confidences_that_put_the_right_lines_first_keep_them_all_at_no_risk() -> None:
    found = judge(np.linspace(1, 0.1, 200), np.arange(200) < 150)

    assert found.coverage_at_risk == {"1": 75.5, "2": 76.5, "5": 78.5}
    assert [point.risk for point in found.curve[:75]] == [0.0] * 75


def test_lines_without_a_confidence_are_lines_that_are_not_kept() -> None:
    stated = np.array([0.9, np.nan, 0.8, np.nan], np.float32)
    right = np.array([True, True, True, False])
    every = np.ones(4, np.bool_)

    found = judge_confidence(stated, right, every, Resampling(4))

    assert found is not None
    assert (found.lines, found.stated) == (4, 2)
    assert found.curve[-1].coverage == 50
    assert found.coverage_at_risk["1"] == 50


def test_without_confidences_there_is_nothing_to_judge() -> None:
    said: list[Said] = [("Anna", "Anna"), ("Anna", "Bert")]
    found = evaluate(**frames(said))

    assert all(each.confidence is None for each in found.rules.values())
    assert found.to_dict()["rules"]["code-s"]["confidence"] is None


def test_each_rule_judges_the_confidence_of_the_main_label_without_seeds() -> None:
    tables = frames(
        [("Anna", "Anna"), ("Anna", "Bert"), ("未知", "Anna"), ("Bert", ["Bert", "Anna"])]
    )
    stated = pl.Series([1.0, 0.75, 0.5, 0.25, 0.875], dtype=pl.Float32)
    tables["labels"] = tables["labels"].with_columns(confidence=stated)

    found = evaluate(**tables, seeds=pl.DataFrame({"line": ["0001-00001"]}))

    loose, strict = (found.rules[name].confidence for name in ("paper", "strict"))
    assert loose is not None
    assert strict is not None
    # The strict rule leaves out the line whose speaker nobody could tell.
    assert (loose.lines, strict.lines) == (3, 2)
    assert [(each.stated, each.right.right) for each in loose.bins] == [(25, 1), (50, 1), (75, 0)]
    assert [(each.stated, each.right.right) for each in strict.bins] == [(25, 0), (75, 0)]
    assert strict.error == pytest.approx(50)
    plain = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    bins = plain["rules"]["paper"]["confidence"]["bins"]
    assert [(each["stated"], each["right"]["right"]) for each in bins] == [
        (25, 1),
        (50, 1),
        (75, 0),
    ]
