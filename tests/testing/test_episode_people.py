"""Drawn heads and synthetic voices, one by one."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from castline.testing.episode_stage import EYES_END
from castline.testing.head_pictures import Light, Pose, render_head
from castline.testing.heads import Expression, paint_head
from castline.testing.looks import PEOPLE
from castline.testing.portraits import head_picture
from castline.testing.synthetic_voices import RATE, VOICES, speak

SHUT, WIDE, BLINK = Expression(), Expression(mouth=1.0), Expression(blink=1.0)
AHEAD = Pose()


def drawn(
    person: int, expression: Expression = SHUT, *, pose: Pose = AHEAD, height: float = 90
) -> npt.NDArray[np.floating]:
    maps = paint_head(PEOPLE[person], expression)
    return render_head(maps, height=height, pose=pose, light=Light())


def test_there_are_twelve_people_and_no_two_look_alike() -> None:
    assert len(PEOPLE) == len(VOICES) == 12
    heads = [drawn(person, WIDE)[..., :3] for person in range(12)]
    for one in range(12):
        for other in range(one):
            assert np.abs(heads[one] - heads[other]).mean() > 0.02, (one, other)


@pytest.mark.parametrize("person", range(12))
def test_a_head_is_whole_wherever_it_turns(person: int) -> None:
    for pose in (Pose(-30, 8, 6), Pose(30, -8, -6)):
        picture = drawn(person, WIDE, pose=pose)
        solid = picture[..., 3] > 0.99
        rows = np.flatnonzero(solid.any(axis=1))
        for row in rows[2:-2]:
            inside = np.flatnonzero(solid[row])
            # No holes: a row's solid part is one run, but for notches at ears and hair.
            assert np.mean(solid[row, inside[0] : inside[-1] + 1]) > 0.9, (pose, row)
        assert 0.75 < len(rows) / 115 < 1.0
        assert picture[:3, :3, 3].max() == 0
        assert picture[solid][:, :3].max() <= 1.6


@pytest.mark.parametrize("person", [0, 1, 8])
def test_the_mouth_moves_below_the_eyes_and_the_eyes_above_the_mouth(person: int) -> None:
    # Films draw the two parts apart and combine them.
    for pose in (Pose(), Pose(22, 6, 5), Pose(-22, -6, -5)):
        still, wide, blink = (drawn(person, face, pose=pose) for face in (SHUT, WIDE, BLINK))
        split = int(len(still) * EYES_END)
        assert np.abs(still - wide)[:split].max() < 0.05
        assert np.abs(still - blink)[split:].max() < 0.05
        assert np.abs(still - wide)[split:].max() > 0.2
        assert np.abs(still - blink)[:split].max() > 0.2


def test_some_rows_of_a_head_are_those_of_the_whole_head() -> None:
    maps = paint_head(PEOPLE[8])
    pose = Pose(12, 3, 2)
    whole = render_head(maps, height=120, pose=pose, light=Light())
    part = render_head(maps, height=120, pose=pose, light=Light(), rows=slice(60, 110))
    assert np.abs(part - whole[60:110]).max() < 0.02


def test_light_comes_from_where_it_is_said_to() -> None:
    maps = paint_head(PEOPLE[3])
    sides = []
    for right in (-1.0, 1.0):
        head = render_head(maps, height=100, pose=Pose(), light=Light((right, 0, 0.5)))
        middle = len(head) // 2
        sides.append(head[:, :middle, :3].sum() > head[:, middle:, :3].sum())
    assert sides == [True, False]


def test_a_picture_of_a_person_has_the_size_and_place_asked_for() -> None:
    picture = head_picture(8, size=(200, 160), height=80, at=(0.3, 0.5), seed=1)
    assert picture.shape == (160, 200, 3)
    assert picture.dtype == np.uint8
    empty = head_picture(8, size=(200, 160), height=80, at=(0.3, -4), seed=1)
    changed = np.abs(picture.astype(int) - empty).sum(axis=2) > 20
    columns = np.flatnonzero(changed[40:90].any(axis=0))
    assert columns.mean() == pytest.approx(0.3 * 200, abs=6)
    np.testing.assert_array_equal(
        picture, head_picture(8, size=(200, 160), height=80, at=(0.3, 0.5), seed=1)
    )


@given(voice=st.integers(0, 11), duration_ms=st.integers(60, 900), seed=st.integers(0, 99))
@settings(max_examples=20)
def test_speech_is_as_long_and_as_loud_as_asked_for(
    voice: int, duration_ms: int, seed: int
) -> None:
    sound = speak(VOICES[voice], duration_ms / 1000, seed)
    assert sound.shape == (duration_ms * RATE // 1000,)
    assert sound.dtype == np.float32
    assert np.abs(sound).max() == pytest.approx(0.5, abs=1e-3)
    assert abs(sound[0]) < 1e-6
    assert abs(sound[-1]) < 1e-6


def test_the_same_seed_says_the_same_and_another_something_else() -> None:
    first, again, other = (speak(VOICES[3], 0.6, seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert abs(np.corrcoef(first, other)[0, 1]) < 0.6


def test_high_voices_are_higher_than_low_ones() -> None:
    def pitch_hz(sound: npt.NDArray[np.float32]) -> float:
        powers = np.abs(np.fft.rfft(sound, 2 * len(sound))) ** 2
        likeness = np.fft.irfft(powers)[: RATE // 60]
        shortest = RATE // 400
        return RATE / (shortest + float(likeness[shortest:].argmax()))

    heard = [np.median([pitch_hz(speak(VOICES[k], 0.8, s)) for s in range(3)]) for k in (2, 3)]
    assert heard[0] < 150 < heard[1]
