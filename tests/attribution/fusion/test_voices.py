"""The space of voices, and the two ways to score lines in it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from castline.attribution.fusion.plda import plda_scores
from castline.attribution.fusion.ridge import ridge_scores
from castline.attribution.fusion.voice_space import VoiceSpace, adapt_voices

from .made_voices import Talk, silence, talk

Floats = npt.NDArray[np.float32]


def adapted(made: Talk, share: Floats) -> VoiceSpace:
    return adapt_voices(made.voices, made.strength, share, made.length_s)


def contrast(unit: Floats, speaker: npt.NDArray[np.int32]) -> float:
    """How far cosines of one person's lines lie above those of two, in standard deviations."""
    cosine = unit @ unit.T
    same = speaker[:, None] == speaker[None, :]
    mine, others = cosine[same & ~np.eye(len(same), dtype=bool)], cosine[~same]
    return float((mine.mean() - others.mean()) / np.sqrt(mine.var() + others.var()))


def surprise(scores: Floats, speaker: npt.NDArray[np.int32]) -> float:
    """Mean negative log of the probability of the truth, all being as likely beforehand."""
    logs = scores - np.logaddexp.reduce(scores, axis=1, keepdims=True)
    return float(-logs[np.arange(len(speaker)), speaker].mean())


def test_adapted_voices_have_norm_one_and_tell_people_apart_better() -> None:
    made = talk(1500, 10, 64)
    space = adapted(made, made.share(10))
    np.testing.assert_allclose(np.linalg.norm(space.unit, axis=1), 1, rtol=1e-5)
    assert contrast(space.unit, made.speaker) > 1.2 * contrast(made.voices, made.speaker)


def test_within_a_person_all_directions_vary_by_about_one_and_each_for_itself() -> None:
    made = talk(6000, 12, 48)
    long = made.length_s >= 0.8
    space = adapted(made, made.share(12))
    means = np.stack([space.reduced[long & (made.speaker == who)].mean(0) for who in range(12)])
    off = (space.reduced - means[made.speaker])[long]
    covariance = np.cov(off.T)
    assert space.reduced.shape[1] == 11
    # Not just one: a tenth of the covariance is taken to be the same in all directions.
    np.testing.assert_allclose(np.diag(covariance), 1, atol=0.25)
    assert np.abs(covariance - np.diag(np.diag(covariance))).max() < 0.1
    np.testing.assert_allclose(means.var(axis=0), space.between, rtol=0.5)


def test_short_lines_count_as_noisier() -> None:
    made = talk(6000, 12, 48)
    noise = adapted(made, made.share(12)).noise
    assert noise[made.length_s < 0.5].mean() > 1.3 * noise[made.length_s > 2].mean()
    assert noise.min() >= np.float32(0.4)
    assert noise.max() <= 4


def test_lines_without_a_voice_are_zeros_say_nothing_and_teach_nothing() -> None:
    mute = np.arange(0, 600, 7)
    made = silence(talk(600, 6, 48), mute)
    share = made.share(6)
    space = adapted(made, share)
    assert not space.unit[mute].any()
    assert not space.reduced[mute].any()
    assert not plda_scores(space, share)[mute].any()
    other_share = share.copy()
    other_share[mute] = np.roll(share[mute], 1, axis=1)
    other = adapted(made, other_share)
    np.testing.assert_array_equal(other.reduced, space.reduced)
    np.testing.assert_array_equal(other.noise, space.noise)
    np.testing.assert_array_equal(plda_scores(other, other_share), plda_scores(space, share))


@pytest.mark.parametrize(("lines", "width"), [(200, 256), (400, 256), (400, 192)])
def test_a_few_hundred_lines_in_more_directions_do_not_make_it_too_sure(
    lines: int, width: int
) -> None:
    """Where lines are fewer than directions, some directions seem not to vary at all."""
    made = talk(lines, 8, width, noise=1.6)
    share = made.share(8, wrong=0.1)
    space = adapted(made, share)
    scores = plda_scores(space, share)
    assert np.mean(scores.argmax(axis=1) == made.speaker) > 0.85
    # To know nothing is a surprise of log 8 = 2.1; to be wrong for sure is one without bounds.
    assert surprise(scores, made.speaker) < 1.1
    assert contrast(space.unit, made.speaker) > 0.95 * contrast(made.voices, made.speaker)


def model_odds(row: Floats, known: Floats, noise: float, between: npt.NDArray[np.float64]) -> float:
    """Log odds of a line by the two-covariance model, one direction after the other."""
    lines = len(known) / (1 + len(known) / 20)
    total = 0.0
    for x, mean, spread in zip(row, known.mean(axis=0), between, strict=True):
        precision = 1 / spread + lines
        guess, doubt = lines * mean / precision, 1 / precision
        total += log_normal(x - guess, doubt + noise) - log_normal(x, spread + noise)
    return float(total / np.sqrt(len(between) / 50 + 1))


def log_normal(x: float, variance: float) -> float:
    return float(-0.5 * (np.log(2 * np.pi * variance) + x * x / variance))


@given(seed=st.integers(0, 2**32 - 1), width=st.integers(1, 60))
@settings(max_examples=15, deadline=None)
def test_scores_follow_from_the_model_with_the_line_itself_left_out(seed: int, width: int) -> None:
    rng = np.random.default_rng(seed)
    reduced = rng.standard_normal((30, width)).astype(np.float32)
    unit = reduced / np.linalg.norm(reduced, axis=1, keepdims=True)
    noise = rng.choice(np.array([0.5, 1.0], np.float32), 30)
    space = VoiceSpace(unit, reduced, rng.uniform(0.1, 5, width), noise)
    speaker = rng.integers(0, 3, 30)
    share = np.eye(4, dtype=np.float32)[speaker]
    expected = np.zeros((30, 3))
    for line in range(30):
        for code in range(3):
            known = np.flatnonzero((speaker == code) & (np.arange(30) != line))
            if known.size:
                row, others = reduced[line], reduced[known]
                expected[line, code] = model_odds(row, others, float(noise[line]), space.between)
    np.testing.assert_allclose(plda_scores(space, share), np.clip(expected, -60, 60), atol=2e-4)


def test_a_line_that_may_be_anybodys_teaches_nothing_about_a_voice() -> None:
    made = talk(300, 4, 32)
    share = made.share(4)
    space = adapted(made, share)
    doubtful = np.vstack([share, np.full((1, 5), 0.2, np.float32)])
    wider = VoiceSpace(
        np.vstack([space.unit, space.unit[:1]]),
        np.vstack([space.reduced, space.reduced[:1]]),
        space.between,
        np.append(space.noise, space.noise[:1]),
    )
    np.testing.assert_allclose(
        plda_scores(wider, doubtful)[:-1], plda_scores(space, share), atol=1e-4
    )


@pytest.mark.parametrize("lines", [1, 2, 40])
@pytest.mark.parametrize("cast", [0, 1, 3])
@pytest.mark.parametrize("voiced", ["all", "none", "first"])
def test_it_stays_finite_with_next_to_nothing(lines: int, cast: int, voiced: str) -> None:
    made = talk(lines, 3, 16)
    mute = {"all": [], "none": np.arange(lines), "first": np.arange(1, lines)}[voiced]
    made = silence(made, np.array(mute, np.intp))
    for doubt in (0.0, 0.5):
        share = made.share(cast, doubt=doubt)
        space = adapted(made, share)
        scores = plda_scores(space, share)
        assert scores.shape == (lines, cast)
        assert scores.dtype == space.unit.dtype == space.reduced.dtype == np.float32
        for told in (space.unit, space.reduced, space.between, space.noise, scores):
            assert np.isfinite(told).all()


def test_one_known_person_is_too_few_to_learn_from_but_found_all_the_same() -> None:
    made = talk(200, 5, 64)
    share = made.share(1)
    scores = plda_scores(adapted(made, share), share)[:, 0]
    mine, others = scores[made.speaker == 0], scores[made.speaker != 0]
    assert np.mean(mine[:, None] > others[None, :]) > 0.99


def exact_ridge(unit: Floats, target: Floats, weight: Floats, line: int) -> npt.NDArray[np.float64]:
    """Kernel ridge regression by the kernel itself, from all other lines."""
    rest = np.delete(np.arange(len(unit)), line)
    gap = np.square(unit[:, None] - unit[None]).sum(axis=2)
    kernel = np.exp(-1.2 * gap)
    matrix = kernel[np.ix_(rest, rest)] + 2 * np.diag(1 / weight[rest])
    answer: npt.NDArray[np.float64] = kernel[line, rest] @ np.linalg.solve(matrix, target[rest])
    return answer


def test_ridge_comes_close_to_the_kernel_itself_without_the_line() -> None:
    made = talk(150, 3, 12, noise=0.5)
    target, weight = made.share(3), made.length_s
    scores = ridge_scores(made.voices, target, weight)
    exact = [exact_ridge(made.voices, target, weight, line) for line in range(150)]
    np.testing.assert_allclose(scores, exact, atol=0.08)
    assert np.mean(scores.argmax(axis=1) == made.speaker) > 0.97


def test_what_ridge_predicts_of_a_line_does_not_depend_on_the_line() -> None:
    made = talk(80, 3, 12)
    target, weight = made.share(3), made.length_s
    scores = ridge_scores(made.voices, target, weight)
    for line in (0, 41, 79):
        without, nonsense = weight.copy(), target.copy()
        without[line], nonsense[line] = 0, 9
        expected = ridge_scores(made.voices, nonsense, without)[line]
        np.testing.assert_allclose(scores[line], expected, atol=1e-4)


def test_ridge_is_finite_where_no_line_counts_and_where_one_counts_for_all() -> None:
    made = silence(talk(50, 2, 8), np.arange(0, 50, 3))
    target = made.share(2)
    assert not ridge_scores(made.voices, target, np.zeros(50, np.float32)).any()
    heavy = np.where(np.arange(50) == 4, 1e6, 1e-3).astype(np.float32)
    assert np.isfinite(ridge_scores(made.voices, target, heavy)).all()
