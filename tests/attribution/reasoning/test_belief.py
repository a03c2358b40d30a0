"""What answers are worth: probabilities before and after them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from castline.attribution.base import NOBODY
from castline.attribution.reasoning.belief import Stage, agree, reliability, weigh

CAST = 6
chances = st.dictionaries(st.integers(-1, CAST + 1), st.floats(0.001, 1), min_size=1, max_size=6)
codes = st.lists(st.integers(0, CAST + 1), min_size=1, max_size=6, unique=True)


@given(
    chances, codes, st.integers(0, 6), st.floats(0.5, 0.98), st.integers(-3, CAST + 1), st.data()
)
def test_what_is_believed_is_a_distribution_with_the_speaker_in_it(
    prior: dict[int, float],
    shown: list[int],
    pick: int,
    right: float,
    label: int,
    data: st.DataObject,
) -> None:
    total = sum(prior.values()) * data.draw(st.floats(1, 2))
    prior = {code: value / total for code, value in prior.items()}
    answer = [*shown, NOBODY][pick % (len(shown) + 1)]

    found = weigh(prior, label, [Stage(tuple(shown), answer)], right, CAST)

    told = dict(found.chances)
    assert len(told) == len(found.chances)
    assert sum(told.values()) <= 1 + 1e-6
    assert told[found.speaker] == found.confidence
    # What is missing to 1 is others'.
    known = prior.get(label, 0) + (1 - sum(prior.values()) if label == NOBODY else 0)
    assert 0 <= found.confidence <= max(right, known) + 1e-9
    assert list(told.values()) == sorted(told.values(), reverse=True)


def test_a_good_model_decides_and_a_poor_one_only_where_nothing_speaks_against_it() -> None:
    sure, torn = {0: 0.9, 1: 0.05}, {0: 0.5, 1: 0.3}
    says_one = [Stage((0, 1, 2), 1)]

    assert weigh(sure, 0, says_one, 0.98, CAST).speaker == 1
    assert weigh(sure, 0, says_one, 0.5, CAST).speaker == 0
    assert weigh(torn, 0, says_one, 0.6, CAST).speaker == 1


def test_agreement_makes_nobody_surer_than_the_surer_of_the_two() -> None:
    agreed = [Stage((0, 1), 0)]
    assert weigh({0: 0.6, 1: 0.3}, 0, agreed, 0.9, CAST).confidence == pytest.approx(0.9)
    assert weigh({0: 0.95, 1: 0.03}, 0, agreed, 0.9, CAST).confidence == pytest.approx(0.95)


def test_a_new_voice_stays_one_when_the_model_says_others() -> None:
    voice = CAST + 1
    found = weigh({voice: 0.6, 0: 0.3}, voice, [Stage((0, voice), NOBODY)], 0.9, CAST)
    assert found.speaker == voice
    assert weigh({0: 0.6}, 0, [Stage((0, 1), NOBODY)], 0.95, CAST).speaker == NOBODY


def test_a_name_from_the_wider_choice_counts_because_the_narrower_one_was_refused() -> None:
    narrow, wide = Stage((0, 1), NOBODY), Stage((0, 1, 4, 5), 4)
    prior = {0: 0.6, 1: 0.2}
    assert weigh(prior, 0, [narrow, wide], 0.95, CAST).speaker == 4
    assert weigh(prior, 0, [wide], 0.7, CAST).speaker == 0


@given(st.integers(1, 60), st.integers(0, 60), st.floats(0.9, 1))
def test_reliability_grows_with_agreement_and_stays_within_its_bounds(
    tried: int, agreed: int, settled: float
) -> None:
    agreed = min(agreed, tried)
    found = reliability(agreed, tried, settled)
    assert 0.5 <= found <= 0.98
    assert found <= reliability(min(agreed + 1, tried), tried, settled)


def test_a_model_that_confirms_all_of_fifty_lines_is_trusted_and_one_of_forty_is_not() -> None:
    assert reliability(50, 50, 0.99) > 0.95
    assert reliability(40, 50, 0.99) < 0.7


def test_all_who_are_outside_the_cast_agree() -> None:
    assert agree(NOBODY, CAST + 1, CAST)
    assert agree(2, 2, CAST)
    assert not agree(2, NOBODY, CAST)
    assert not agree(None, 2, CAST)
