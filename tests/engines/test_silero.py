"""Speech activity: probabilities from the network, stretches from probabilities."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from castline.engines.silero import SileroSpeech, segments
from castline.testing.synthetic_voices import VOICES, speak
from tests.conftest import Weights

HOP = 32.0


@pytest.fixture(scope="module")
def engine(weights: Weights) -> SileroSpeech:
    return SileroSpeech(weights("silero"))


def test_a_voice_between_silences_is_found_where_it_is(engine: SileroSpeech) -> None:
    rng = np.random.default_rng(0)
    sound = (rng.standard_normal(16_000 * 6) * 1e-4).astype(np.float32)
    sound[32_000:64_000] += speak(VOICES[8], 2.0, 4)[:32_000]

    found = segments(engine.probabilities(sound), engine.hop_ms)

    assert found
    assert 1850 <= found[0][0] <= 2250
    assert 3750 <= found[-1][1] <= 4250


def test_there_is_one_probability_for_each_32_ms_begun(engine: SileroSpeech) -> None:
    assert engine.hop_ms == HOP
    for samples, frames in ((0, 0), (1, 1), (512, 1), (513, 2), (16_000, 32)):
        made = engine.probabilities(np.zeros(samples, np.float32))
        assert made.shape == (frames,)
        assert made.dtype == np.float32


def test_long_sound_is_heard_in_parts_as_if_in_one(
    engine: SileroSpeech, monkeypatch: pytest.MonkeyPatch
) -> None:
    sound = np.concatenate([speak(VOICES[each], 1.5, each) for each in range(3)])
    whole = engine.probabilities(sound)
    monkeypatch.setattr("castline.engines.silero._AT_ONCE", 7)

    np.testing.assert_allclose(engine.probabilities(sound), whole, atol=1e-5)


def test_a_dip_above_the_lower_limit_does_not_end_a_stretch() -> None:
    probabilities = np.array([0.1, 0.9, 0.4, 0.36, 0.9, 0.1, 0.1], np.float32)

    assert segments(probabilities, 100, margin_ms=0) == [(100, 500)]
    assert segments(probabilities, 100, end=0.5, shortest_ms=0, margin_ms=0) == [
        (100, 200), (400, 500),
    ]  # fmt: skip


def test_what_never_reaches_the_upper_limit_is_no_speech() -> None:
    assert segments(np.full(50, 0.49, np.float32), HOP) == []
    assert segments(np.zeros(0, np.float32), HOP) == []


def test_short_pauses_are_closed_before_short_stretches_are_dropped() -> None:
    speech = np.array([1, 1, 0, 1, 1, 0, 0, 0, 0, 1, 0], np.float32)

    found = segments(speech, 60, shortest_ms=250, shortest_pause_ms=100, margin_ms=0)

    assert found == [(0, 300)]


def test_margins_stop_at_the_ends_of_the_sound_and_halfway_to_the_next() -> None:
    speech = np.array([1, 0, 1, 1], np.float32)

    found = segments(speech, 100, shortest_ms=0, margin_ms=80)

    assert found == [(0, 150), (150, 400)]


@given(
    st.lists(st.floats(0, 1, width=32), max_size=80),
    st.floats(0, 300),
    st.floats(0, 200),
    st.floats(0, 100),
)
def test_stretches_are_ordered_apart_and_within_the_sound(
    values: list[float], shortest: float, pause: float, margin: float
) -> None:
    probabilities = np.array(values, np.float32)

    found = segments(
        probabilities, HOP, shortest_ms=shortest, shortest_pause_ms=pause, margin_ms=margin
    )

    edges = [edge for stretch in found for edge in stretch]
    assert edges == sorted(edges)
    assert all(0 <= edge <= round(len(values) * HOP) for edge in edges)
    assert all(end - start >= shortest - 1 for start, end in found)


@given(st.lists(st.floats(0, 1, width=32), max_size=80))
def test_without_smoothing_every_frame_above_the_limit_is_inside_and_every_other_outside(
    values: list[float],
) -> None:
    probabilities = np.array(values, np.float32)

    found = segments(probabilities, HOP, end=0.5, shortest_ms=0, shortest_pause_ms=0, margin_ms=0)

    inside = [
        any(start <= frame * HOP < end for start, end in found) for frame in range(len(values))
    ]
    assert inside == [value >= 0.5 for value in probabilities]
