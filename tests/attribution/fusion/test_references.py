"""Comparing lines with the lines known best of each candidate."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from castline.attribution.fusion.references import reference_columns
from castline.attribution.fusion.rows import Columns, Rows
from castline.attribution.fusion.voice_space import VoiceSpace, adapt_voices

from .made_voices import Talk, silence, talk

Floats = npt.NDArray[np.float32]
NOBODY = -1


def everybody(share: Floats) -> Rows:
    return Rows.of(np.ones(share.shape, bool))


def some_seeds(made: Talk, cast: int, every: int = 10) -> npt.NDArray[np.int32]:
    known = (np.arange(len(made.speaker)) % every == 0) & (made.speaker < cast)
    return np.where(known, made.speaker, NOBODY).astype(np.int32)


def measure(
    made: Talk, share: Floats, seeds: npt.NDArray[np.int32]
) -> tuple[Rows, VoiceSpace, Columns]:
    rows = everybody(share)
    space = adapt_voices(made.voices, made.strength, share, made.length_s)
    columns = reference_columns(rows, space.unit, share, made.length_s, seeds=seeds)
    return rows, space, columns


def one_by_one(unit: Floats, share: Floats, length_s: Floats, line: int, code: int) -> Floats:
    """Cosines of a line to somebody's references."""
    worth = share[:, code] * np.minimum(length_s, 3)
    most = 400 if code == share.shape[1] - 1 else 200
    chosen = [at for at in np.argsort(-worth, kind="stable")[:most] if worth[at] > 0.3]
    rest = np.array([at for at in chosen if at != line], int)
    cosine: Floats = unit[rest] @ unit[line]
    return cosine


def test_likeness_is_that_to_the_best_references_without_the_line_itself() -> None:
    made = talk(1400, 4, 24)
    share = made.share(3, wrong=0.05)
    assert (share > 0.8).sum(axis=0).max() > 400, "somebody has more lines than are compared"
    seeds = some_seeds(made, 3)
    rows, space, columns = measure(made, share, seeds)
    known = np.eye(4, dtype=np.float32)[np.where(seeds < 0, 3, seeds)] * (seeds >= 0)[:, None]
    for row in np.random.default_rng(1).choice(len(rows.line), 300, replace=False):
        at = made.length_s, int(rows.line[row]), int(rows.code[row])
        expected = {
            "h_max": one_by_one(space.unit, share, *at).max(),
            "s_max": one_by_one(space.unit, known, *at).max(initial=-0.5),
        }
        for name, value in expected.items():
            assert columns[name][row] == pytest.approx(value, abs=1e-4), name


def test_leads_are_over_the_best_other_candidate_of_the_line() -> None:
    made = talk(200, 4, 24)
    rows, _, columns = measure(made, made.share(3), some_seeds(made, 3))
    assert len(columns) == 4
    for name in ("h_max", "s_max"):
        np.testing.assert_array_equal(columns[f"{name}_d"], rows.lead(columns[name]))


def test_who_is_known_by_one_line_is_unknown_to_this_line() -> None:
    made = talk(60, 3, 96)
    share = np.zeros((60, 4), np.float32)
    share[:, 3] = 1
    only = int(np.flatnonzero(made.length_s > 1)[0])
    share[only] = [1, 0, 0, 0]
    seeds = np.full(60, NOBODY, np.int32)
    seeds[only] = 0
    rows, _, columns = measure(made, share, seeds)
    own = (rows.line == only) & (rows.code == 0)
    nobodys = (rows.code == 1) | (rows.code == 2)
    for name in ("h_max", "s_max"):
        assert (columns[name][own | nobodys] == -0.5).all(), name
        assert (columns[name][(rows.code == 0) & ~own] > -0.5).all(), name


def test_a_line_without_a_voice_is_no_reference() -> None:
    made = talk(300, 3, 24)
    mute = np.flatnonzero(made.speaker == 1)
    made = silence(made, mute)
    rows, _, columns = measure(made, made.share(3), some_seeds(made, 3))
    assert (columns["h_max"][rows.code == 1] == -0.5).all()
    assert (columns["s_max"][rows.code == 1] == -0.5).all()
    known = (rows.code == 0) | (rows.code == 2)
    assert not columns["h_max"][np.isin(rows.line, mute) & known].any()
    assert columns["h_max"][~np.isin(rows.line, mute) & known].all()


@pytest.mark.parametrize("lines", [1, 2, 30])
@pytest.mark.parametrize("cast", [0, 1, 3])
def test_columns_are_finite_with_next_to_nothing(lines: int, cast: int) -> None:
    for made in (talk(lines, 3, 8), silence(talk(lines, 3, 8), np.arange(lines))):
        for doubt in (0.0, 1.0):
            share = made.share(cast, doubt=doubt)
            rows, _, columns = measure(made, share, np.full(lines, -2, np.int32))
            for name, column in columns.items():
                assert column.dtype == np.float32, name
                assert column.shape == rows.line.shape, name
                assert np.isfinite(column).all(), name
