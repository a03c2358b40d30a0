"""Sound on the media clock: 16 kHz, mono, in place to the millisecond."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from castline.errors import InputError, StorageError, UnknownName
from castline.media.probe import probe
from castline.media.sound import Sound, choose_track, decode_sound, write_sound
from tests.media.films import (
    SHARED,
    clicks,
    cut_short,
    with_a_foreign_piece,
    write_film,
    write_sound_tracks,
)

Floats = npt.NDArray[np.float32]


def heard(path: Path, track: int | None = None) -> Floats:
    return np.concatenate(list(decode_sound(path, track)))


def click_times(sound: Floats) -> list[float]:
    """When clicks begin, in milliseconds; those within a tenth of a second are one."""
    loud = np.flatnonzero(np.abs(sound) > 0.2)
    return [float(at) / 16 for at in loud[np.diff(loud, prepend=-9999) > 1600]]


@pytest.mark.parametrize("rate", [8_000, 16_000, 22_050, 44_100, 48_000])
@pytest.mark.parametrize("name", ["sound.mkv", "sound.mov", "sound.wav"])
def test_sound_of_any_rate_stays_where_it_was(tmp_path: Path, name: str, rate: int) -> None:
    path = write_sound_tracks(tmp_path / name, [clicks(2.5, rate)], rate=rate)
    sound = heard(path)
    assert sound.dtype == np.float32
    assert abs(len(sound) - 40_000) <= 1
    assert click_times(sound) == pytest.approx([0, 500, 1000, 1500, 2000], abs=0.6)


@pytest.mark.slow
def test_an_hour_of_sound_does_not_drift(tmp_path: Path) -> None:
    rate = 11_025
    quiet = np.zeros(3600 * rate, np.float32)
    quiet[-rate:] = clicks(1, rate)
    path = write_sound_tracks(tmp_path / "long.mkv", [quiet], rate=rate, step=rate)
    written = write_sound(path, tmp_path / "long.wav")
    assert abs(written.duration_ms - 3_600_000) <= 1
    end = Sound(written.path).samples(3_598_000, 3_600_000)
    assert click_times(end) == pytest.approx([1000, 1500], abs=0.6)


def test_sound_that_begins_later_follows_silence(tmp_path: Path) -> None:
    path = write_sound_tracks(
        tmp_path / "late.mkv", [clicks(1, 48_000)], at=lambda n: n + 12_000, pictures_at=0
    )
    sound = heard(path)
    assert len(sound) == 20_000
    assert not sound[:3990].any()
    assert click_times(sound) == pytest.approx([250, 750], abs=0.6)


def test_the_media_clock_starts_with_the_sound_if_that_is_first(tmp_path: Path) -> None:
    path = write_sound_tracks(
        tmp_path / "film.mkv", [clicks(1, 48_000)], at=lambda n: n + 96_000, pictures_at=2.4
    )
    info = probe(path)
    assert (info.start_ms, info.sound[0].start_ms) == (2000, 0)
    assert click_times(heard(path)) == pytest.approx([0, 500], abs=0.6)


@pytest.mark.parametrize(
    ("at", "length", "times"),
    [
        pytest.param(
            lambda n: n if n < 48_000 else n + 24_000, 40_000, [0, 500, 1500, 2000], id="gap"
        ),
        pytest.param(lambda n: n + n % 7 * 20, 32_000, [0, 500, 1000, 1500], id="inexact"),
    ],
)
def test_the_times_in_the_file_decide(
    tmp_path: Path, at: Callable[[int], int], length: int, times: list[float]
) -> None:
    path = write_sound_tracks(tmp_path / "film.mkv", [clicks(2, 48_000)], at=at)
    sound = heard(path)
    assert abs(len(sound) - length) <= 2 * 16
    assert click_times(sound) == pytest.approx(times, abs=2)


def test_a_slow_clock_in_the_file_is_followed(tmp_path: Path) -> None:
    path = write_sound_tracks(
        tmp_path / "film.mkv",
        [clicks(20, 8_000, every=5)],
        rate=8_000,
        at=lambda n: round(1.001 * n),
        step=160,
    )
    sound = heard(path)
    assert click_times(sound) == pytest.approx([0, 5005, 10_010, 15_015], abs=2.2)
    assert len(sound) == pytest.approx(16 * 20_020, abs=2.2 * 16)


def test_what_is_said_twice_is_heard_once(tmp_path: Path) -> None:
    path = write_sound_tracks(tmp_path / "film.ts", [clicks(2, 48_000)], codec="mp2")
    once = heard(path)
    path.write_bytes(path.read_bytes() * 2)
    assert np.array_equal(heard(path)[:30_000], once[:30_000])
    assert abs(len(heard(path)) - len(once)) < 16


def test_a_time_far_behind_the_end_is_damage(tmp_path: Path) -> None:
    path, hour = (
        write_sound_tracks(tmp_path / name, [clicks(2, 48_000)], at=at, codec="mp2")
        for name, at in (("film.ts", lambda n: n), ("hour.ts", lambda n: n + 3600 * 48_000))
    )
    once = heard(path)
    problems: list[str] = []
    mixed = decode_sound(with_a_foreign_piece(path, hour), problems=problems)
    assert abs(len(np.concatenate(list(mixed))) - len(once)) < 16
    assert problems[0].startswith("Damaged pieces of sound ")


def test_rounded_times_leave_the_sound_whole(tmp_path: Path) -> None:
    # Matroska rounds the time of each frame to the millisecond; a container that does not is heard
    # beside it.
    tone = 0.5 * np.sin(np.arange(2 * 44_100) * 0.05).astype(np.float32)
    paths = [
        write_sound_tracks(tmp_path / name, [tone], rate=44_100, step=441 + 100)
        for name in ("film.mkv", "film.wav")
    ]
    assert np.array_equal(heard(paths[0]), heard(paths[1]))


def test_pieces_stay_small_whatever_the_gap(tmp_path: Path) -> None:
    path = write_sound_tracks(
        tmp_path / "film.mkv",
        [clicks(1, 16_000)],
        rate=16_000,
        at=lambda n: n if n < 8_000 else n + 16_000 * 600,
    )
    lengths = [len(piece) for piece in decode_sound(path)]
    assert abs(sum(lengths) - 601 * 16_000) <= 32
    assert max(lengths) <= 16_000


@pytest.mark.parametrize(("layout", "channels"), [("stereo", 2), ("5.1", 6)])
def test_channels_are_mixed_without_leaving_the_range(
    tmp_path: Path, layout: str, channels: int
) -> None:
    loud = np.sin(np.arange(48_000) * 0.05).astype(np.float32)
    path = write_sound_tracks(tmp_path / "loud.mkv", [np.stack([loud] * channels)], layout=layout)
    assert 0.95 < np.abs(heard(path)).max() <= 1
    silent_but_one = np.zeros((channels, 48_000), np.float32)
    silent_but_one[min(2, channels - 1)] = loud
    path = write_sound_tracks(tmp_path / "one.mkv", [silent_but_one], layout=layout)
    assert 0.2 < np.abs(heard(path)[800:-800]).max() < 0.6


@pytest.fixture
def three_tracks(tmp_path: Path) -> Path:
    loud = np.full(16_000, 0.75, np.float32)
    return write_sound_tracks(
        tmp_path / "tracks.mkv",
        [0.25 * loud, loud, 0.5 * loud],
        rate=16_000,
        languages=("ger", "eng", "ger"),
        default=1,
    )


@pytest.mark.parametrize(("language", "index"), [(None, 1), ("ger", 0), ("ENG", 1)])
def test_a_track_is_chosen_by_language_or_by_default(
    three_tracks: Path, language: str | None, index: int
) -> None:
    assert choose_track(probe(three_tracks), language=language).index == index


def test_an_unknown_language_is_answered_with_those_there_are(three_tracks: Path) -> None:
    with pytest.raises(UnknownName, match="Known: eng, ger"):
        choose_track(probe(three_tracks), language="jpn")


def test_each_track_is_heard_by_its_number(three_tracks: Path) -> None:
    levels = [float(np.median(heard(three_tracks, track))) for track in (0, 1, 2, None)]
    assert levels == pytest.approx([0.1875, 0.75, 0.375, 0.75], abs=1e-3)
    with pytest.raises(InputError, match="no sound track 3"):
        heard(three_tracks, 3)


def test_a_silent_film_has_no_sound_and_leaves_no_file(tmp_path: Path) -> None:
    film = write_film(tmp_path / "film.mp4", times=5)
    with pytest.raises(InputError, match="no sound"):
        write_sound(film, tmp_path / "sound.wav")
    with pytest.raises(InputError, match="no sound"):
        choose_track(probe(film))
    assert [path.name for path in tmp_path.iterdir()] == ["film.mp4"]


def test_a_failed_write_keeps_the_old_sound(tmp_path: Path) -> None:
    out = tmp_path / "sound.wav"
    out.write_bytes(b"old")
    with pytest.raises(InputError):
        write_sound(tmp_path / "missing.mkv", out)
    assert out.read_bytes() == b"old"
    with pytest.raises(StorageError):
        write_sound(
            write_sound_tracks(tmp_path / "film.mkv", [clicks(1, 16_000)], rate=16_000),
            out / "below.wav",
        )
    assert {path.name for path in tmp_path.iterdir()} == {"sound.wav", "film.mkv"}


def test_sound_cut_short_is_kept_up_to_there_and_said(tmp_path: Path) -> None:
    path = tmp_path / "film.mkv"
    with av.open(str(path), "w") as film:
        track = film.add_stream("aac", rate=16_000, layout="mono")
        for start in range(0, 48_000, 1024):
            noise = np.random.default_rng(start).normal(0, 0.1, (1, 1024)).astype(np.float32)
            piece = av.AudioFrame.from_ndarray(noise, "fltp", "mono")
            piece.sample_rate, piece.pts = 16_000, start
            film.mux(track.encode(piece))
        film.mux(track.encode())
    whole = write_sound(path, tmp_path / "whole.wav")
    short = write_sound(cut_short(path, share=0.6), tmp_path / "short.wav")
    assert not whole.problems
    assert any("the file promises 00:00:03" in problem for problem in short.problems)
    assert 1000 < short.duration_ms < 2500
    end = short.duration_ms - 100
    assert np.array_equal(Sound(short.path).samples(0, end), Sound(whole.path).samples(0, end))


def test_written_sound_is_the_decoded_sound(tmp_path: Path) -> None:
    tone = 0.9 * np.sin(np.arange(24_000) * 0.05).astype(np.float32)
    path = write_sound_tracks(tmp_path / "film.mkv", [tone], rate=24_000)
    written = write_sound(path, tmp_path / "sound.wav")
    sound = Sound(written.path)
    assert written.duration_ms == sound.duration_ms == 1000
    assert np.abs(sound.samples(0, 1000) - heard(path)).max() <= 0.51 / 32768
    with av.open(str(written.path)) as file:
        assert file.streams.audio[0].rate == 16_000
    again = write_sound(path, tmp_path / "again.wav")
    assert again.path.read_bytes() == written.path.read_bytes()


@given(start=st.integers(-3000, 3000), length=st.integers(-10, 3000))
def test_silence_lies_outside_of_the_film(
    tmp_path_factory: pytest.TempPathFactory, start: int, length: int
) -> None:
    folder = tmp_path_factory.getbasetemp() / "outside"
    path = folder / "sound.wav"
    if not path.exists():
        folder.mkdir()
        ones = np.full(16_000, 0.5, np.float32)
        write_sound(write_sound_tracks(folder / "film.mkv", [ones], rate=16_000), path)
    samples = Sound(path).samples(start, start + length)
    assert len(samples) == 16 * max(0, length)
    inside = (np.arange(len(samples)) + 16 * start) // 16_000 == 0
    assert np.abs(samples[inside] - 0.5).max(initial=0) < 1e-3
    assert not samples[~inside].any()


@pytest.mark.parametrize("content", [b"", b"no sound", b"RIFF\x24\0\0\0WAVEfmt "])
def test_what_is_no_sound_file_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "sound.wav"
    path.write_bytes(content)
    with pytest.raises(InputError):
        Sound(path)


def test_a_sound_file_cut_short_is_refused(tmp_path: Path) -> None:
    film = write_sound_tracks(tmp_path / "film.mkv", [clicks(1, 16_000)], rate=16_000)
    written = write_sound(film, tmp_path / "sound.wav")
    with pytest.raises(InputError, match="no whole WAV file"):
        Sound(cut_short(written.path, share=0.9))
    wrong = write_sound_tracks(tmp_path / "wrong.wav", [clicks(1, 8_000)], rate=8_000)
    with pytest.raises(InputError, match="no whole WAV file"):
        Sound(wrong)


@pytest.mark.skipif(not SHARED.is_dir(), reason=f"{SHARED} is not there: shared test data")
@pytest.mark.parametrize(
    ("name", "duration_ms"),
    [
        ("grid_scene/scene.mp4", 19_240),
        ("sintel_trailer/trailer.mp4", 52_209),
        ("described/rabbit/audio-description.mp3", None),
    ],
)
def test_real_sound_is_as_long_as_the_film(
    tmp_path: Path, name: str, duration_ms: int | None
) -> None:
    written = write_sound(SHARED / name, tmp_path / "sound.wav")
    assert not written.problems
    assert duration_ms is None or abs(written.duration_ms - duration_ms) < 100
    assert np.abs(Sound(written.path).samples(0, written.duration_ms)).max() > 0.1
