"""How doubtful labels of propagation are, and which lines are sent."""

from __future__ import annotations

import dataclasses

import numpy as np

from castline.attribution.base import NOBODY
from castline.attribution.reasoning.chances import Doubts, with_chances
from castline.attribution.reasoning.choosing import allowance, close_calls, doubtful, draw_probe
from castline.attribution.reasoning.doubt import FEATURES, doubt_features, rescore, shipped_model
from castline.attribution.reasoning.params import ReasoningParams
from tests.attribution.reasoning.models import Case


def test_labels_scored_anew_have_the_candidates_that_propagation_gave_them(case: Case) -> None:
    scored = rescore(case.series, case.base.code, case.base.voices_found)
    assert np.array_equal(scored.offsets, case.base.offsets)
    assert np.array_equal(scored.candidate, case.base.candidate)
    assert np.array_equal(scored.score, case.base.score)


def test_every_feature_has_a_weight_and_a_value_for_every_line(case: Case) -> None:
    features = doubt_features(case.series, case.base)
    assert set(shipped_model().weights) == set(features) == set(FEATURES)
    assert all(np.isfinite(each).all() for each in features.values())


def test_doubtful_labels_are_wrong_more_often(case: Case) -> None:
    start = with_chances(case.series, case.base)
    assert start.confidence is not None
    free = np.flatnonzero(case.series.seeds == NOBODY)
    order = free[np.argsort(start.confidence[free], kind="stable")]
    wrong = np.array([not _right(case, row) for row in order])
    third = len(order) // 3
    assert wrong[:third].mean() > 2 * wrong[-third:].mean()


def test_probabilities_of_candidates_go_with_the_confidence(case: Case) -> None:
    start = with_chances(case.series, case.base)
    assert start.confidence is not None
    assert np.array_equal(start.code, case.base.code)
    known = case.series.seeds != NOBODY
    assert (start.confidence[known] == 1).all()
    for row in range(len(start.code)):
        span = slice(int(start.offsets[row]), int(start.offsets[row + 1]))
        codes, chances = start.candidate[span].tolist(), start.score[span]
        assert set(codes) == set(case.base.candidate[span].tolist())
        assert (np.diff(chances) <= 0).all()
        assert chances.sum() <= 1 + 1e-5
        if start.code[row] in codes:
            assert chances[codes.index(start.code[row])] == np.float32(start.confidence[row])


def test_a_method_that_states_probabilities_is_taken_at_its_word(case: Case) -> None:
    sure = np.linspace(0, 1, len(case.base.code)).astype(np.float32)
    stated = dataclasses.replace(case.base, confidence=sure)
    assert with_chances(case.series, stated) is stated
    assert np.allclose(Doubts(case.series, stated, stated).at_first, 1 - sure)


def test_doubt_moves_only_where_something_around_the_line_did(case: Case) -> None:
    start = with_chances(case.series, case.base)
    doubts = Doubts(case.series, case.base, start)
    same = doubts.now(rescore(case.series, case.base.code, case.base.voices_found))
    free = case.series.seeds == NOBODY
    assert np.allclose(same[free], doubts.at_first[free], atol=1e-3)

    code = case.base.code.copy()
    first = np.flatnonzero(case.series.episode == 0)
    code[first] = np.where(code[first] == 0, 1, code[first])
    moved = doubts.now(rescore(case.series, code, case.base.voices_found))
    assert (np.abs(moved - same)[first] > 0.01).any()


def test_no_more_lines_are_sent_than_the_share_allows_and_the_last_pass_gets_the_rest() -> None:
    parameters = ReasoningParams(share=0.2)
    first = allowance(1000, 50, parameters, last=False)
    rest = allowance(1000, 50 + first, parameters, last=True)
    assert 0 < first < 150
    assert 50 + first + rest == 200
    assert allowance(1000, 400, parameters, last=True) == 0


def test_the_most_doubtful_free_lines_are_chosen() -> None:
    doubt = np.array([0.9, 0.2, 0.5, 0.05, 0.8])
    free = np.array([False, True, True, True, True])
    assert doubtful(doubt, free, 0.1, 2).tolist() == [2, 4]
    assert doubtful(doubt, free, 0.6, 9).tolist() == [4]


def test_the_rule_of_the_paper_compares_the_two_best_candidates(case: Case) -> None:
    free = case.series.seeds == NOBODY
    rows = close_calls(case.base, free, 0.1)
    for row in np.flatnonzero(free):
        span = slice(int(case.base.offsets[row]), int(case.base.offsets[row + 1]))
        scores = [*case.base.score[span].tolist(), 0.0, 0.0][:2]
        if span.stop - span.start >= 2:
            assert (row in rows) == (np.float32(scores[0]) - np.float32(scores[1]) < 0.1)


def test_the_model_is_tried_on_settled_lines_a_third_of_them_of_nobody() -> None:
    doubt = np.full(300, 0.01)
    doubt[::3] = 0.5
    outside = np.arange(300) % 2 == 0
    free = np.arange(300) > 20
    rows = draw_probe(doubt, free, outside, ReasoningParams(probe=30))
    assert len(rows) == 30
    assert (doubt[rows] < 0.05).all()
    assert free[rows].all()
    assert outside[rows].sum() == 10
    again = draw_probe(doubt, free, outside, ReasoningParams(probe=30))
    assert np.array_equal(rows, again)


def _right(case: Case, row: int) -> bool:
    code, cast = case.base.code[row], case.series.cast
    label = cast[code] if 0 <= code < len(cast) else ""
    true = case.truth[row] if case.truth[row] in cast else ""
    return label == true
