"""The common scale: what calibration promises, and that label propagation needs it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from castline.attribution.nearness import FaceTimes, Timeline
from castline.attribution.propagation import propagate
from castline.engines.base import Calibration
from castline.engines.calibration import (
    Reference,
    calibrate,
    equal_error,
    fit_calibration,
    measure_scale,
    shipped_calibration,
)
from castline.engines.ge2e import Ge2eVoices
from castline.errors import UsageError
from castline.testing.synthetic_voices import VOICES, speak
from tests.conftest import Weights

ROWS = arrays.arrays(
    np.float32,
    st.tuples(st.integers(1, 6), st.just(4)),
    elements=st.floats(-1, 1, width=16),
)


def people(count: int, each: int, *, apart: float, seed: int = 0) -> tuple[Any, Any, Any]:
    """Embeddings in 16 dimensions with a common direction, all pairs, and which are one person."""
    rng = np.random.default_rng(seed)
    common = np.zeros(16)
    common[0] = 1
    centres = common + apart * rng.standard_normal((count, 16))
    rows = np.repeat(centres, each, axis=0) + 0.5 * apart * rng.standard_normal((count * each, 16))
    pairs = np.stack(np.triu_indices(count * each, 1), axis=1)
    return rows.astype(np.float32), pairs, pairs[:, 0] // each == pairs[:, 1] // each


@given(ROWS)
def test_without_a_calibration_similarities_stay_as_they_are(rows: Any) -> None:
    made = calibrate(rows, Calibration())

    length = np.linalg.norm(rows, axis=1, keepdims=True)
    unit = np.divide(rows, length, out=np.zeros_like(rows), where=length > 0)
    assert made.shape == (len(rows), 5)
    np.testing.assert_allclose(made @ made.T, unit @ unit.T, atol=1e-5)
    assert not made[:, 4].any()


@given(ROWS, st.floats(0.05, 1))
def test_the_scale_moves_every_similarity_along_one_line_that_ends_at_one(
    rows: Any, scale: float
) -> None:
    held = rows[np.linalg.norm(rows, axis=1) > 0.1]
    before = calibrate(held, Calibration())
    after = calibrate(held, Calibration(scale=scale))

    np.testing.assert_allclose(after @ after.T, scale * (before @ before.T) + 1 - scale, atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(after, axis=1), 1, atol=1e-5)


def test_zeros_stay_zeros_so_that_nobody_sounds_like_silence() -> None:
    rows = np.array([[0, 0], [1, 0]], np.float32)

    made = calibrate(rows, Calibration(centre=(0.3, 0.3), scale=0.5))

    assert not made[0].any()
    assert made[1].any()


def test_the_centre_pulls_apart_what_is_alike() -> None:
    rows, pairs, same = people(6, 4, apart=0.1)

    plain = measure_scale(calibrate(rows, Calibration()), pairs, same)
    centred = measure_scale(calibrate(rows, Calibration(centre=(0.8, *[0.0] * 15))), pairs, same)

    assert centred.different < plain.different - 0.2


def test_a_calibration_of_another_engine_is_refused() -> None:
    with pytest.raises(UsageError, match="another engine"):
        calibrate(np.ones((2, 4), np.float32), Calibration(centre=(0.1, 0.2)))


@pytest.mark.parametrize("apart", [0.08, 0.15, 0.6])
def test_a_fit_brings_new_people_to_the_marks_of_the_reference(apart: float) -> None:
    reference = Reference(threshold=0.61, different=0.25)
    rows, pairs, same = people(30, 5, apart=apart)
    fitted = fit_calibration(rows, pairs, same, reference, fitted_on="made people")

    others, pairs, same = people(30, 5, apart=apart, seed=1)
    before = measure_scale(calibrate(others, Calibration()), pairs, same)
    after = measure_scale(calibrate(others, fitted), pairs, same)

    def off(found: Any) -> float:
        return float(
            abs(found.different - reference.different) + abs(found.threshold - reference.threshold)
        )

    assert off(after) < 0.6 * off(before)
    assert fitted.fitted_on == "made people"
    # Stretched or shrunk, never both.
    assert (fitted.scale < 1) != bool(fitted.centre)


def test_a_threshold_alone_can_be_the_reference() -> None:
    rows, pairs, same = people(30, 5, apart=0.1)

    fitted = fit_calibration(rows, pairs, same, Reference(threshold=0.65), fitted_on="")

    found = measure_scale(calibrate(rows, fitted), pairs, same)
    assert found.threshold == pytest.approx(0.65, abs=0.02)


def test_a_fit_needs_both_kinds_of_pairs() -> None:
    rows, pairs, same = people(3, 2, apart=0.1)

    with pytest.raises(UsageError, match="pairs of two people"):
        fit_calibration(rows, pairs[same], same[same], Reference(0.4), fitted_on="")


def test_the_equal_error_rate_is_where_both_kinds_of_error_meet() -> None:
    similarity = np.array([0.1, 0.2, 0.6, 0.3, 0.7, 0.8], np.float32)
    same = np.array([False, False, False, True, True, True])

    error, threshold = equal_error(similarity, same)

    assert error == pytest.approx(1 / 3)
    assert 0.3 < threshold < 0.6


def test_people_who_are_told_apart_perfectly_have_no_error() -> None:
    error, threshold = equal_error(np.array([0.1, 0.9], np.float32), np.array([False, True]))

    assert error == 0
    assert threshold == pytest.approx(0.5)


def test_the_shipped_calibration_of_ge2e_says_what_it_was_fitted_on() -> None:
    shipped = shipped_calibration("ge2e")

    assert Ge2eVoices.manifest.calibration == shipped
    assert len(shipped.centre) == Ge2eVoices.size
    assert "LibriSpeech" in shipped.fitted_on


CAST, GUESTS = 8, 4
TAKES = 6
LINE_MS = 1600


def film(seed: int) -> tuple[Any, Timeline, FaceTimes]:
    """Eight scenes of three of the cast and one guest: who speaks, when, and who is seen."""
    rng = np.random.default_rng(seed)
    who, start, seen = [], [], []
    for scene in range(8):
        present = rng.choice(CAST, 3, replace=False)
        guest = CAST + int(rng.integers(GUESTS))
        clock = scene * 90_000
        seen += [(clock, clock + 24_000, each) for each in present]
        who += [int(each) for each in rng.choice([*present, guest], 8)]
        start += [clock + 3000 * line for line in range(8)]
    begin, end, face = np.array(seen).T
    faces = FaceTimes(begin, end, face.astype(np.int32), np.ones(len(seen), np.float32))
    starts = np.array(start)
    return np.array(who), Timeline(starts, starts + LINE_MS), faces


def attributed(takes: Any, seed: int) -> tuple[float, float]:
    """Shares: lines of the cast that are right, and lines of guests not given to the cast.

    `takes` holds (12, TAKES, D) embeddings; a line of a film is any take of its speaker.
    """
    who, timeline, faces = film(seed)
    voices = takes[who, np.random.default_rng(seed).integers(TAKES, size=who.size)]
    seeds = np.full(who.size, -1, np.int32)
    for each in range(CAST):
        seeds[np.flatnonzero(who == each)[:1]] = each
    nowhere = np.zeros(CAST, bool)
    duration = np.full(who.size, LINE_MS)
    code = propagate(timeline, faces, voices, seeds, nowhere, duration).code
    cast = who < CAST
    kept_off = (code[~cast] < 0) | (code[~cast] >= CAST)
    return float((code[cast] == who[cast]).mean()), float(kept_off.mean())


@pytest.mark.slow
def test_label_propagation_works_on_calibrated_voices_and_fails_on_plain_ones(
    weights: Weights,
) -> None:
    engine = Ge2eVoices(weights("ge2e"))
    clips = [
        speak(voice, LINE_MS / 1000, [number, take])
        for number, voice in enumerate(VOICES)
        for take in range(TAKES)
    ]
    rows = engine.embed(clips)

    def shares(calibration: Calibration) -> tuple[float, float]:
        takes = calibrate(rows, calibration).reshape(len(VOICES), TAKES, -1)
        films = [attributed(takes, seed) for seed in range(8)]
        right, kept_off = np.mean(films, axis=0)
        return float(right), float(kept_off)

    plain_right, plain_kept_off = shares(Calibration())
    right, kept_off = shares(engine.manifest.calibration)

    # Without calibration everybody is similar enough: strangers are given to the cast.
    assert plain_kept_off < 0.4
    assert kept_off > 0.7
    assert min(right, plain_right) > 0.95
