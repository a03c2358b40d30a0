"""What is found in film files, and what is refused."""

from __future__ import annotations

import os
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import av
import numpy as np
import pytest
from av.stream import Disposition

from castline.errors import InputError
from castline.media.opening import last_believed
from castline.media.probe import fingerprint, guard_unchanged, probe
from tests.media.films import SHARED, clicks, cut_short, write_film, write_sound_tracks

if TYPE_CHECKING:
    from av.video.stream import VideoStream


def test_a_film_is_described(tmp_path: Path) -> None:
    info = probe(write_film(tmp_path / "film.mp4"))
    assert (info.duration_ms, info.start_ms, info.sound) == (2000, 0, ())
    assert info.video is not None
    assert (info.video.width, info.video.height, info.video.rotation) == (64, 48, 0)
    assert (info.video.rate, info.video.frames) == (Fraction(25), 50)


@pytest.mark.parametrize(("name", "ticks"), [("late.mp4", 35), ("hour.ts", 90_000)])
def test_the_media_clock_starts_where_the_film_starts(
    tmp_path: Path, name: str, ticks: int
) -> None:
    info = probe(write_film(tmp_path / name, times=range(ticks, ticks + 50)))
    assert (info.start_ms, info.duration_ms) == (40 * ticks, 2000)


@pytest.mark.parametrize("name", ["film.mp4", "film.mkv"])
@pytest.mark.parametrize(
    ("degrees", "size"), [(90, (48, 64)), (180, (64, 48)), (270, (48, 64)), (0, (64, 48))]
)
def test_a_film_on_its_side_is_measured_as_it_is_shown(
    tmp_path: Path, name: str, degrees: int, size: tuple[int, int]
) -> None:
    video = probe(write_film(tmp_path / name, times=5, turn=(degrees, False, False))).video
    assert video is not None
    assert (video.rotation, (video.width, video.height)) == (degrees, size)
    assert (video.coded_width, video.coded_height) == (64, 48)


def test_pixels_that_are_not_square_count_with_their_width(tmp_path: Path) -> None:
    film = write_film(tmp_path / "odd.mp4", times=5, aspect=Fraction(9))
    assert probe(film).video.width == 64, "such a shape is damage"  # type: ignore[union-attr]
    video = probe(write_film(tmp_path / "wide.mp4", times=5, aspect=Fraction(3, 2))).video
    assert video is not None
    assert (video.width, video.height, video.coded_width) == (96, 48, 64)


def test_sound_tracks_have_languages_and_a_default(tmp_path: Path) -> None:
    sound = clicks(1, 16_000)
    path = write_sound_tracks(
        tmp_path / "tracks.mkv",
        [sound, sound, sound],
        rate=16_000,
        languages=("ger", "eng", "und"),
        default=1,
        step=1600,
    )
    info = probe(path)
    assert info.video is None
    assert [(t.index, t.language, t.default) for t in info.sound] == [
        (0, "ger", False),
        (1, "eng", True),
        (2, "", False),
    ]
    assert {(t.channels, t.rate, t.start_ms, t.duration_ms) for t in info.sound} == {
        (1, 16_000, 0, 1000)
    }


def test_sound_that_begins_after_the_pictures_says_when(tmp_path: Path) -> None:
    path = write_sound_tracks(
        tmp_path / "late.mkv", [clicks(1, 48_000)], at=lambda n: n + 12_000, pictures_at=0
    )
    (track,) = probe(path).sound
    assert (track.start_ms, track.duration_ms) == (250, 1000)


def test_cover_art_is_no_film(tmp_path: Path) -> None:
    path = tmp_path / "song.mp4"
    with av.open(str(path), "w") as song:
        sound = song.add_stream("aac", rate=16_000, layout="mono")
        cover = song.add_stream("mjpeg", rate=1)
        cover.width, cover.height, cover.pix_fmt = 32, 32, "yuvj420p"
        cover.disposition = Disposition.attached_pic
        picture = av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8), "rgb24")
        song.mux(cover.encode(picture.reformat(format="yuvj420p")))
        song.mux(cover.encode())
        for start in range(0, 16_384, 1024):
            piece = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
            piece.sample_rate, piece.pts = 16_000, start
            song.mux(sound.encode(piece))
        song.mux(sound.encode())
    info = probe(path)
    assert info.video is None
    assert len(info.sound) == 1


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        probe(tmp_path / "none.mp4")
    with pytest.raises(InputError, match="is a folder"):
        probe(tmp_path)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        pytest.param("", "is empty", id="nothing"),
        pytest.param("This is no film.\n" * 200, "no film file", id="text"),
        pytest.param("1\n00:00:01,000 --> 00:00:02,000\nHi\n\n", "no film file", id="subtitles"),
        pytest.param("ffconcat version 1.0\nfile 'film.mp4'\n", "no film file", id="list"),
        pytest.param("#EXTM3U\n#EXTINF:2,\nfilm.mp4\n#EXT-X-ENDLIST\n", "no film file", id="m3u"),
    ],
)
def test_what_only_calls_itself_a_film_is_refused(
    tmp_path: Path, content: str, problem: str
) -> None:
    write_film(tmp_path / "film.mp4", times=5)
    path = tmp_path / "no.mp4"
    path.write_text(content)
    with pytest.raises(InputError, match=problem) as caught:
        probe(path)
    assert caught.value.path == path
    assert caught.value.remedy


def test_a_film_that_was_cut_off_before_its_index_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no index"):
        probe(cut_short(write_film(tmp_path / "film.mp4"), share=0.6))


def test_a_file_without_pictures_and_sound_is_refused(tmp_path: Path) -> None:
    words, path = tmp_path / "words.srt", tmp_path / "words.mkv"
    words.write_text("1\n00:00:01,000 --> 00:00:02,000\nHello\n")
    with av.open(str(words)) as source, av.open(str(path), "w") as film:
        stream = film.add_stream_from_template(source.streams[0])
        for packet in source.demux():
            if packet.size:
                packet.stream = stream
                film.mux(packet)
    with pytest.raises(InputError, match="neither pictures nor sound"):
        probe(path)


@pytest.mark.parametrize("name", ["http:x.mp4", "concat:a.mp4", "%03d.mp4", "-i.mp4", "片 a#?.mp4"])
def test_a_name_is_only_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.chdir(tmp_path)
    assert probe(write_film(Path("made.mp4"), times=5).rename(name)).duration_ms == 200


def test_a_fingerprint_tells_films_of_equal_size_apart(tmp_path: Path) -> None:
    path = tmp_path / "film.bin"
    path.write_bytes(bytes(1000))
    before = fingerprint(path)
    assert fingerprint(path) == before
    path.write_bytes(bytes(500) + b"x" + bytes(499))
    assert fingerprint(path) != before


@pytest.mark.parametrize("place", [0, 1_000_000_000, 1_999_999_999])
def test_a_fingerprint_of_a_large_film_sees_its_ends_and_its_size(
    tmp_path: Path, place: int
) -> None:
    path = tmp_path / "film.bin"
    path.touch()
    os.truncate(path, 2_000_000_000)
    before = fingerprint(path)
    os.truncate(path, 2_000_000_001)
    longer = fingerprint(path)
    os.truncate(path, 2_000_000_000)
    if place != 1_000_000_000:
        with path.open("r+b") as file:
            file.seek(place)
            file.write(b"x")
        assert fingerprint(path) != before
    assert longer != before


def test_a_film_that_changes_while_it_is_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "film.bin"
    path.write_bytes(b"before")
    before = fingerprint(path)
    with guard_unchanged(path, before):
        pass
    with (
        pytest.raises(InputError, match="changed while it was read"),
        guard_unchanged(path, before),
    ):
        path.write_bytes(b"after")


@pytest.mark.skipif(not SHARED.is_dir(), reason=f"{SHARED} is not there: shared test data")
@pytest.mark.parametrize(
    ("name", "size", "duration_ms", "tracks"),
    [
        ("grid_scene/scene.mp4", (640, 360), 19_240, 1),
        ("sintel_trailer/trailer.mp4", (480, 204), 52_209, 1),
        ("described/perspective/perspective-video.mp4", (1280, 720), 16_500, 1),
        ("described/rabbit/video.mp4", (320, 240), 13_700, None),
        ("described/focusedad_41/video/41.mp4", (1280, 704), 1_210, 0),
    ],
)
def test_real_films_are_as_they_are_known(
    name: str, size: tuple[int, int], duration_ms: int, tracks: int | None
) -> None:
    info = probe(SHARED / name)
    assert info.video is not None
    assert (info.video.width, info.video.height) == size
    assert abs(info.duration_ms - duration_ms) < 100
    assert tracks is None or len(info.sound) == tracks


def test_a_time_days_ahead_is_damage_even_where_a_film_promises_no_end() -> None:
    endless = SimpleNamespace(
        start_time=1000, duration=None, time_base=Fraction(1, 1000), metadata={}
    )
    boasting = SimpleNamespace(**{**vars(endless), "duration": 10**15})
    honest = SimpleNamespace(**{**vars(endless), "duration": 60_000})
    assert last_believed(cast("VideoStream", endless)) == 1 + 48 * 3600
    assert last_believed(cast("VideoStream", boasting)) == 1 + 48 * 3600
    assert last_believed(cast("VideoStream", honest)) == 1 + 60 + 60
