"""Probabilities that say how often they are right."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from castline.attribution.fusion.calibration import Calibration, Judged, fit_calibration

Floats = npt.NDArray[np.float32]


def made(lines: int, width: int, seed: int = 0) -> tuple[Floats, npt.NDArray[np.int32]]:
    """Probabilities of some lines, and a label of each that is often the most probable."""
    draw = np.random.default_rng(seed)
    mean = draw.dirichlet(np.full(width, 0.3), lines).astype(np.float32)
    other = draw.integers(0, width, lines)
    label = np.where(draw.random(lines) < 0.7, mean.argmax(1), other)
    return mean, label.astype(np.int32)


def test_without_any_calibration_probabilities_stay_as_they_are() -> None:
    mean, label = made(50, 5)
    np.testing.assert_allclose(Calibration().read(mean, label), mean, rtol=1e-5, atol=1e-7)


def test_what_propagation_said_gains_odds_against_everybody_else() -> None:
    mean = np.array([[0.5, 0.4, 0.1]], np.float32)
    read = Calibration(trust=np.log(2)).read(mean, np.array([1], np.int32))
    np.testing.assert_allclose(read, [[0.5 / 1.4, 0.8 / 1.4, 0.1 / 1.4]], rtol=1e-5)


@given(st.floats(0.3, 2), st.floats(-1, 2), st.integers(0, 99))
def test_they_stay_probabilities_and_the_impossible_stays_so(
    sharpness: float, trust: float, seed: int
) -> None:
    mean, label = made(20, 4, seed)
    mean[:, 2] = 0
    read = Calibration(sharpness, trust).read(mean / mean.sum(1, keepdims=True), label)
    np.testing.assert_allclose(read.sum(1), 1, rtol=1e-5)
    assert (read[:, 2] == 0).all()


@pytest.mark.parametrize(("sharpness", "trust"), [(0.8, 0.5), (1.3, -0.3)])
def test_it_is_found_again_from_lines_that_follow_it(sharpness: float, trust: float) -> None:
    mean, label = made(20_000, 20)
    read = Calibration(sharpness, trust).read(mean, label).astype(float).cumsum(axis=1)
    chance = np.random.default_rng(1).random((len(mean), 1))
    truth = (chance > read / read[:, -1:]).sum(1).astype(np.int32)

    half = len(mean) // 2
    parts = [Judged(mean[at], label[at], truth[at]) for at in (slice(half), slice(half, None))]
    found = fit_calibration(parts)

    assert found.sharpness == pytest.approx(sharpness, abs=0.05)
    assert found.trust == pytest.approx(trust, abs=0.1)


def test_lines_whose_speaker_was_not_considered_tell_nothing() -> None:
    mean, label = made(2000, 3)
    truth = np.random.default_rng(1).integers(0, 3, 2000).astype(np.int32)
    lost = np.array([[0.9, 0.1, 0]], np.float32), np.array([0], np.int32), np.array([2], np.int32)
    known = Judged(mean, label, truth)
    assert fit_calibration([known]) == fit_calibration([known, Judged(*lost)])
