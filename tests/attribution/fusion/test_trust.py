"""Whether what is known of somebody may be believed: by the voices that their face comes with."""

from __future__ import annotations

import numpy as np
import pytest

from castline.attribution.base import NOBODY
from castline.attribution.fusion.trust import trust_columns
from tests.attribution.fusion.made_scenes import drawn, every_row, series, surely


@pytest.mark.parametrize("seed", range(5))
def test_columns_are_what_their_words_say(seed: int) -> None:
    made, share = drawn(60, cast=3, seed=seed)
    rng = np.random.default_rng(seed)
    lift = rng.standard_normal(share.shape, dtype=np.float32)
    seen_s = 50 * rng.random(share.shape[1:], dtype=np.float32)
    seeds = np.where(rng.random(60) < 0.1, rng.integers(0, 3, 60), NOBODY).astype(np.int32)
    rows = every_row(made)

    columns = trust_columns(rows, share, seeds, lift, seen_s)

    for row, (line, who) in enumerate(zip(rows.line, rows.code, strict=True)):
        others = np.arange(60) != line
        labelled = (share[others, who] * lift[others, who]).sum() / (share[others, who].sum() + 1)
        assert columns["r_own"][row] == pytest.approx(labelled, abs=1e-4)
        mine = lift[seeds == who, who]
        assert columns["r_own_seeds"][row] == pytest.approx(
            mine.mean() if len(mine) else 0, abs=1e-5
        )
        best = np.sort(lift[:, who])[-20:].mean()
        assert columns["r_own_best"][row] == pytest.approx(best, abs=1e-5)
        silent = np.log1p(seen_s[who]) - np.log1p(share[:, who].sum())
        assert columns["r_silent"][row] == pytest.approx(silent, abs=1e-5)


def test_a_face_that_comes_with_other_voices_than_the_seeds_shows() -> None:
    made = series([(k * 1000, k * 1000 + 800) for k in range(12)], cast=2)
    share = surely(*[0] * 4, *[1] * 2, *[2] * 6, cast=2)
    seeds = np.full(12, NOBODY, np.int32)
    seeds[[0, 4]] = [0, 1]
    lift = np.zeros((12, 3), np.float32)
    lift[:4, 0] = 2  # the first one is seen where their voice is heard
    lift[6:, 1] = 2  # the second one where a stranger is
    rows = every_row(made)

    columns = trust_columns(rows, share, seeds, lift, np.array([4, 6, 0], np.float32))

    first, second = rows.code == 0, rows.code == 1
    assert (columns["r_own_seeds"][first] > columns["r_own_seeds"][second]).all()
    assert (columns["r_own"][first] > columns["r_own"][second]).all()
    assert (columns["r_silent"][second] > columns["r_silent"][first]).all()


def test_it_is_finite_with_one_line_and_nobody_known() -> None:
    made = series([(0, 900)], cast=1)

    columns = trust_columns(
        every_row(made),
        surely(1, cast=1),
        np.full(1, NOBODY, np.int32),
        np.zeros((1, 2), np.float32),
        np.zeros(2, np.float32),
    )

    assert all(np.isfinite(each).all() for each in columns.values())
