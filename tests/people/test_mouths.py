"""Mouths: what counts as motion of the lips, and what is made of it."""

from __future__ import annotations

import itertools

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from castline.people.mouth_evidence import (
    Loudness,
    MouthModel,
    loudness_of,
    mouth_evidence,
    mouth_model,
)
from castline.people.mouths import PATCH, mouth_patch, mouth_signal
from castline.tables.catalog import table
from castline.tables.schema import build_frame, check_frame

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
FRAME_MS = 40


def _face(
    openness: float,
    *,
    shift: tuple[float, float] = (0, 0),
    light: float = 1.0,
    size: float = 60,
    seed: int = 0,
) -> npt.NDArray[np.uint8]:
    """A crude lower face, 120 x 160: cheeks with texture, lips, and a dark opening."""
    from scipy.ndimage import gaussian_filter

    y, x = np.mgrid[0:120, 0:160].astype(np.float32)
    y, x = (y - 55 - shift[1]) / size, (x - 80 - shift[0]) / size
    skin = 150 + 25 * np.sin(3 * x + 1) + 20 * np.cos(4 * y) - 30 * np.exp(-((y - 0.75) ** 2) * 30)
    lips = np.exp(-((x / 0.45) ** 4) - ((y / (0.12 + 0.12 * openness)) ** 4))
    hole = np.exp(-((x / 0.35) ** 4) - ((y / (0.01 + 0.12 * openness)) ** 4))
    picture = (skin * (1 - 0.4 * lips)) * (1 - 0.8 * hole * min(openness * 4, 1)) * light
    picture = gaussian_filter(picture, 1) + np.random.default_rng(seed).normal(0, 1, picture.shape)
    grey: npt.NDArray[np.uint8] = np.clip(picture, 0, 255).astype(np.uint8)
    return grey


BOX = np.array([35, 20, 125, 90], np.float32)


def _patches(faces: list[npt.NDArray[np.uint8]]) -> Floats:
    return np.stack([mouth_patch(face, BOX) for face in faces])


def _talk(frames: int, seed: int) -> Doubles:
    """(frames,) how open a talking mouth is, about five syllables a second."""
    from scipy.ndimage import gaussian_filter1d

    noise = gaussian_filter1d(np.random.default_rng(seed).normal(size=frames), 1.5)
    openness: Doubles = np.clip(0.4 + 0.4 * noise / noise.std(), 0, 1)
    return openness


# Pictures of mouths ------------------------------------------------------------------------------


def test_a_patch_has_its_size_whatever_the_box() -> None:
    face = _face(0.5)
    for box in ([0, 0, 8, 6], [-30, -20, 60, 40], [150, 110, 300, 260], [0.3, 0.7, 99.1, 70.2]):
        patch = mouth_patch(face, np.array(box, np.float32))
        assert patch.shape == PATCH
        assert patch.dtype == np.float32
        assert np.isfinite(patch).all()
        assert abs(float(patch.mean())) < 1e-4


def test_a_patch_does_not_depend_on_the_light() -> None:
    dim, bright = (mouth_patch(_face(0.5, light=light), BOX) for light in (0.5, 1.0))
    assert np.abs(dim - bright).mean() < 0.1


def test_half_a_pixel_is_half_a_pixel() -> None:
    ramp = np.tile(np.arange(0, 240, 2, dtype=np.uint8), (60, 1))
    here, there = (
        mouth_patch(ramp, np.array([x, 10, x + 64, 58], np.float32)) for x in (20.0, 20.5)
    )
    assert np.allclose(here, there, atol=1e-2), "a ramp looks the same after a small step"
    assert np.all(np.diff(here, axis=1) > 0)


# Motion and opening ------------------------------------------------------------------------------


def test_lips_move_and_heads_do_not_count() -> None:
    times = np.arange(30) * FRAME_MS
    sway = np.sin(np.arange(30) / 4)
    still = _patches([_face(0.1, seed=n) for n in range(30)])
    turning = _patches([_face(0.1, shift=(2 * s, s), seed=n) for n, s in enumerate(sway)])
    light = _patches([_face(0.1, light=0.8 + 0.2 * s, seed=n) for n, s in enumerate(sway)])
    nearing = _patches([_face(0.1, size=60 + 2 * s, seed=n) for n, s in enumerate(sway)])
    talking = _patches([_face(o, seed=n) for n, o in enumerate(_talk(30, seed=1))])
    typical = {
        name: float(np.quantile(mouth_signal(patches, times)[1], 0.7))
        for name, patches in {
            "still": still, "turning": turning, "light": light, "nearing": nearing
        }.items()
    }  # fmt: skip
    speaking = float(np.quantile(mouth_signal(talking, times)[1], 0.7))
    assert all(speaking > 4 * moved for moved in typical.values()), (speaking, typical)


def test_the_opening_follows_the_mouth() -> None:
    openness = _talk(60, seed=2)
    patches = _patches([_face(o, seed=n) for n, o in enumerate(openness)])
    opening, _ = mouth_signal(patches, np.arange(60) * FRAME_MS)
    assert np.corrcoef(opening, openness)[0, 1] > 0.75
    assert abs(float(opening.mean())) < 1e-4
    assert float(opening.std()) == pytest.approx(1, abs=1e-3)


def test_motion_is_about_the_same_at_twice_the_frame_rate() -> None:
    openness = np.repeat(_talk(30, seed=3), 2)
    patches = _patches([_face(o, seed=n) for n, o in enumerate(openness)])
    _, fast = mouth_signal(patches, np.arange(60) * FRAME_MS / 2)
    _, slow = mouth_signal(patches[::2], np.arange(30) * FRAME_MS)
    assert np.quantile(fast, 0.7) == pytest.approx(np.quantile(slow, 0.7), rel=0.2)


def test_long_tracks_are_worked_on_in_pieces_that_leave_no_trace() -> None:
    from castline.people import mouths

    openness = np.tile(_talk(20, seed=4), 30)
    patches = np.tile(_patches([_face(o, seed=n) for n, o in enumerate(openness[:20])]), (30, 1, 1))
    _, motion = mouth_signal(patches, np.arange(600) * FRAME_MS)
    assert len(motion) == 600 > 2 * mouths._AT_ONCE
    assert motion[20:40] == pytest.approx(motion[500:520], abs=1e-5)
    assert motion[255:275] == pytest.approx(motion[15:35], abs=1e-5)


@pytest.mark.parametrize("frames", [0, 1, 2])
def test_very_short_tracks_are_no_trouble(frames: int) -> None:
    patches = np.zeros((frames, *PATCH), np.float32)
    opening, motion = mouth_signal(patches, np.arange(frames) * FRAME_MS)
    assert opening.tolist() == motion.tolist() == [0.0] * frames


# Evidence ----------------------------------------------------------------------------------------


def _loudness(times: Ints, level: Doubles) -> Loudness:
    """Loudness from openness: 0 is silence at -60 dB, 1 speech at -20 dB."""

    def loudness(start_ms: float, end_ms: float, hop_ms: float) -> Doubles:
        places = np.arange(start_ms, end_ms - hop_ms * 0.5, hop_ms) + hop_ms / 2
        return -60 + 40 * np.interp(places, times, level, left=0, right=0)

    return loudness


def _lines(*spans: tuple[int, int], kind: str = "speech") -> pl.DataFrame:
    columns = {
        "line": [f"0001-{n:05}" for n in range(len(spans))],
        "number": list(range(len(spans))),
        "start_ms": [start for start, _ in spans],
        "end_ms": [end for _, end in spans],
        "text": ["..."] * len(spans),
        "kind": [kind] * len(spans),
    }
    return build_frame(table("lines"), columns, source="test", episode="0001")


def _motion(tracks: dict[str, tuple[Ints, Doubles, Doubles]]) -> pl.DataFrame:
    """Table `motion` from times, opening and motion of each track."""
    parts = [
        pl.DataFrame({"time_ms": times, "opening": opening, "motion": moved}).with_columns(
            track=pl.lit(name)
        )
        for name, (times, opening, moved) in tracks.items()
    ]
    columns = pl.concat(parts).cast({"time_ms": pl.Int64, "opening": pl.Float32})
    return build_frame(table("motion"), columns, source="test", episode="0001")


def _boxes(width: int, *tracks: str) -> pl.DataFrame:
    columns = {
        "face": [f"0001-f{n}" for n in range(len(tracks))],
        "start_ms": [0] * len(tracks),
        "end_ms": [0] * len(tracks),
        "left": [100] * len(tracks),
        "right": [100 + width] * len(tracks),
        "track": list(tracks),
    }
    return build_frame(table("faces"), columns, source="test", episode="0001")


def _scene(
    *, frame_ms: int = FRAME_MS, width: int = 120, seed: int = 0
) -> tuple[pl.DataFrame, pl.DataFrame, Loudness]:
    """Four seconds: one mouth speaks from 1 s to 3 s, one is still, one moves to other words."""
    times = np.arange(0, 4000, frame_ms, dtype=np.int64)
    rng = np.random.default_rng(seed)
    spoken = (times >= 1000) & (times < 3000)
    own, other = (_talk(len(times), seed=seed + k) * spoken for k in (1, 2))
    noise = rng.normal(0, 0.2, (3, len(times)))
    tracks = {
        "speaker": (times, own + 0.3 * noise[0], 0.01 + 0.12 * spoken),
        "listener": (times, noise[1], np.full(len(times), 0.01)),
        "mimic": (times, other + 0.3 * noise[2], 0.01 + 0.12 * spoken),
    }
    return _motion(tracks), _boxes(width, *tracks), _loudness(times, own)


def _odds(frame: pl.DataFrame) -> dict[str, float]:
    return dict(frame.select("track", "log_odds").iter_rows())


def test_the_mouth_that_moves_with_the_voice_speaks_and_the_still_one_does_not() -> None:
    motion, faces, loudness = _scene()
    found = mouth_evidence(_lines((1000, 3000)), motion, faces, loudness)
    check_frame(table("mouths"), found, "test")
    odds = _odds(found)
    assert odds["speaker"] > 0.7
    assert odds["listener"] < -0.7
    assert odds["speaker"] > odds["mimic"] > odds["listener"]
    assert found["seen_ms"].to_list() == [2000] * 3


def test_no_answer_is_surer_than_the_bound() -> None:
    model = MouthModel(intercept=50, activity=50, sync=50, shrink=1, bound=4, fitted_on="test")
    motion, faces, loudness = _scene()
    found = mouth_evidence(_lines((1000, 3000)), motion, faces, loudness, model)
    assert found["log_odds"].abs().max() == 4
    assert mouth_model().bound <= 4
    assert mouth_model().shrink < 1


@pytest.mark.parametrize(
    ("frame_ms", "width"), [(100, 120), (40, 22)], ids=["10 frames a second", "tiny mouths"]
)
def test_where_the_picture_cannot_tell_nothing_is_said(frame_ms: int, width: int) -> None:
    motion, faces, loudness = _scene(frame_ms=frame_ms, width=width)
    found = mouth_evidence(_lines((1000, 3000)), motion, faces, loudness)
    assert found.height == 3
    assert set(found["log_odds"]) == {0.0}


def test_a_glimpse_says_less_than_a_whole_line() -> None:
    motion, faces, loudness = _scene()
    whole, glimpse = (
        _odds(mouth_evidence(_lines((1000, end)), motion, faces, loudness)) for end in (3000, 1200)
    )
    assert 0 < abs(glimpse["listener"]) < 0.4 * abs(whole["listener"])


def test_sounds_and_signs_are_not_spoken_and_unseen_lines_have_no_rows() -> None:
    motion, faces, loudness = _scene()
    for lines in (_lines((1000, 3000), kind="sound"), _lines((9000, 9900)), _lines()):
        found = mouth_evidence(lines, motion, faces, loudness)
        check_frame(table("mouths"), found, "test")
        assert not found.height


def test_nothing_seen_gives_an_empty_table() -> None:
    motion, faces, loudness = _scene()
    found = mouth_evidence(_lines((1000, 3000)), motion.clear(), faces.clear(), loudness)
    assert not check_frame(table("mouths"), found, "test").height


@settings(max_examples=25)
@given(st.integers(0, 500), st.integers(0, 3900), st.integers(1, 3000))
def test_evidence_fits_its_table_for_any_line(seed: int, start: int, length: int) -> None:
    motion, faces, loudness = _scene(seed=seed)
    found = mouth_evidence(_lines((start, start + length)), motion, faces, loudness)
    check_frame(table("mouths"), found, "test")
    assert found["sync"].is_between(-1.001, 1.001).all()
    assert (found["log_odds"].abs() <= 4).all()


def test_silence_tells_nothing_about_sync() -> None:
    motion, faces, _ = _scene()
    found = mouth_evidence(
        _lines((1000, 3000)), motion, faces, loudness_of(np.zeros(64_000, np.float32))
    )
    assert found["sync"].to_list() == [0, 0, 0]


def test_loudness_of_sound_is_its_power_in_decibels() -> None:
    sound = np.concatenate([np.zeros(16_000), 0.1 * np.ones(16_000)]).astype(np.float32)
    loudness = loudness_of(sound)
    assert loudness(1000, 1200, 20) == pytest.approx(np.full(10, -20))
    assert (loudness(0, 900, 20) < -100).all()
    assert (loudness(-400, -200, 20) < -100).all()
    assert (loudness(2100, 2300, 20) < -100).all()
    assert len(loudness(0, 100, 20)) == 5
    assert loudness(990, 1010, 20)[0] == pytest.approx(-20 + 10 * np.log10(0.5))


def test_the_model_that_comes_along_orders_mouths_sensibly() -> None:
    model = mouth_model()
    grid = list(itertools.product([-0.3, 0.5, 1.5], [-0.3, 0.2, 0.8], [300.0, 3000.0]))
    activity, sync, seen = (np.array(column) for column in zip(*grid, strict=True))
    here = model.log_odds(activity, sync, seen)
    assert (model.log_odds(activity + 0.5, np.maximum(sync, 0), seen) >= here).all()
    assert (model.log_odds(activity, sync + 0.1, seen) >= here).all()
    assert "synthetic" in model.fitted_on
