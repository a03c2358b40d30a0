"""Seeds that disagree with the other seeds of their character."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from castline.attribution.base import NOBODY, Series
from castline.attribution.fusion.method import fuse
from castline.attribution.fusion.model import read_model
from castline.attribution.fusion.seed_check import seeds_in_doubt
from castline.attribution.series import unit_rows
from tests.attribution.fusion import made_scenes


def series(voices: list[int], seeds: list[int], length_ms: int = 2000) -> Series:
    """Lines that are spoken in voices of these numbers; nobody else says anything."""
    n, cast = len(voices), max(voices) + 1
    draw = np.random.default_rng(0)
    sound = np.eye(cast, 32, dtype=np.float32)[voices]
    sound += draw.normal(0, 0.05, sound.shape).astype(np.float32)
    spans_ms = [(3000 * line, 3000 * line + length_ms) for line in range(n)]
    made = made_scenes.series(spans_ms, cast=cast, voices=unit_rows(sound))
    return dataclasses.replace(
        made,
        seeds=np.array(seeds, np.int32),
        texts=("",) * n,
        forms=tuple((who,) for who in made.cast),
    )


THREE_EACH = [0, 0, 0, 1, 1, 1, 2, 2, 2]


def test_a_seed_in_somebody_elses_voice_is_in_doubt() -> None:
    wrong = [0, 0, 0, 0, 1, 1, 2, 2, 2]

    assert seeds_in_doubt(series(THREE_EACH, wrong)).tolist() == [3]


def test_seeds_that_agree_are_not_in_doubt() -> None:
    assert seeds_in_doubt(series(THREE_EACH, THREE_EACH)).tolist() == []


def test_of_two_seeds_the_one_in_somebody_elses_voice_is_in_doubt() -> None:
    assert seeds_in_doubt(series([0, 1, 1, 1], [0, 0, 1, 1])).tolist() == [1]


def test_the_last_seed_of_a_character_stays() -> None:
    doubt = seeds_in_doubt(series([1, 1, 1, 1, 1, 2, 2], [0, 0, 1, 1, 1, 2, 2]))

    assert len(doubt) <= 1
    assert set(doubt) <= {0, 1}


def test_a_voice_of_less_than_a_second_says_too_little() -> None:
    wrong = [0, 0, 0, 0, 1, 1, 2, 2, 2]

    assert seeds_in_doubt(series(THREE_EACH, wrong, length_ms=900)).tolist() == []


def test_lines_without_a_voice_are_never_in_doubt() -> None:
    made = series(THREE_EACH, [0, 0, 0, 0, 1, 1, 2, 2, 2])

    silent = dataclasses.replace(made, voices=np.zeros_like(made.voices))

    assert seeds_in_doubt(silent).tolist() == []


@given(st.lists(st.sampled_from([NOBODY, 0, 1, 2]), min_size=9, max_size=9))
def test_only_seeds_are_in_doubt_and_never_all_of_one_character(seeds: list[int]) -> None:
    known = np.array(seeds)

    doubt = seeds_in_doubt(series(THREE_EACH, seeds))

    assert (known[doubt] >= 0).all()
    assert set(np.delete(known, doubt)) == set(known)


def test_a_wrong_seed_keeps_its_name_teaches_nothing_and_is_told_of() -> None:
    voices = THREE_EACH * 12
    seeds = [0, 0, 0, 0, 1, 1, 2, 2, 2, NOBODY, NOBODY, NOBODY, 1] + [NOBODY] * 95
    right = np.array(voices, np.int32)

    found = fuse(series(voices, seeds), read_model())

    assert found.code[3] == 0
    assert any(each.endswith("e-3") for each in found.warnings)
    other = np.delete(np.arange(len(voices)), 3)
    assert (found.code[other] == right[other]).mean() == pytest.approx(1, abs=0.05)
