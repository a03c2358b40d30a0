"""Pictures in order of time, whole and in parts."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from castline.errors import InputError
from castline.media.frames import Frame, FrameIndex, index_frames, plan_parts, read_frames
from tests.media.films import (
    SHARED,
    clicks,
    corner,
    cut_short,
    damage,
    with_a_foreign_piece,
    write_film,
    write_sound_tracks,
)

OPEN_GROUPS = {"bf": "3", "x264-params": "open-gop=1:scenecut=0"}
REFRESH = {"g": "20", "x264-params": "intra-refresh=1"}
HEVC_OPEN = {"x265-params": "keyint=10:min-keyint=10:open-gop=1:log-level=none"}
ALL_KEYS = {"g": "1"}
UNEVEN = [0, 40, 1001, 1002, 1500, 2400, *range(2500, 5000, 33)]


def shown(frames: Iterable[Frame]) -> list[tuple[int, bytes]]:
    return [(frame.time_ms, frame.picture().tobytes()) for frame in frames]


@pytest.mark.parametrize(
    ("name", "codec", "options"),
    [
        ("film.mp4", "libx264", {"bf": "3"}),
        ("film.mkv", "libx264", OPEN_GROUPS),
        ("film.ts", "libx264", OPEN_GROUPS),
        ("film.mp4", "libx264", OPEN_GROUPS),
        ("film.ts", "libx264", REFRESH),
        ("film.mkv", "libx265", HEVC_OPEN),
        ("film.mp4", "libx264", ALL_KEYS),
        ("film.ts", "mpeg2video", {"bf": "2"}),
        ("film.webm", "libvpx-vp9", {"deadline": "realtime", "cpu-used": "8"}),
    ],
)
def test_parts_give_each_picture_of_the_whole_once(
    tmp_path: Path, name: str, codec: str, options: dict[str, str]
) -> None:
    path = write_film(tmp_path / name, times=100, codec=codec, options=options)
    parts = plan_parts(index_frames(path), 0.7)
    assert len(parts) > 1
    pieces = [shown(read_frames(path, part)) for part in parts]
    assert list(itertools.chain(*pieces)) == shown(read_frames(path))
    assert sum(map(len, pieces)) == 100
    for part, piece in zip(parts, pieces, strict=True):
        assert piece[0][0] == part.start_ms


def test_threads_change_no_pixel(tmp_path: Path) -> None:
    path = write_film(tmp_path / "film.mkv", times=100, options=OPEN_GROUPS)
    parts = plan_parts(index_frames(path), 1)
    for part in (None, parts[1]):
        assert shown(read_frames(path, part, threads=3)) == shown(read_frames(path, part))


def test_the_first_picture_of_the_next_part_comes_on_request(tmp_path: Path) -> None:
    path = write_film(tmp_path / "film.mp4", times=100, options=OPEN_GROUPS)
    parts = plan_parts(index_frames(path), 1)
    for part, following in itertools.pairwise(parts):
        *inside, more = shown(read_frames(path, part, one_more=True))
        assert inside == shown(read_frames(path, part))
        assert more == shown(read_frames(path, following))[0]
    assert shown(read_frames(path, parts[-1], one_more=True)) == shown(read_frames(path, parts[-1]))


@given(
    st.lists(st.integers(1, 5000), min_size=0, max_size=60),
    st.integers(0, 5000),
    st.floats(0.5, 20),
)
def test_planned_parts_meet_and_are_long_enough(
    steps: list[int], rest: int, seconds: float
) -> None:
    times = [sum(steps[:place]) for place in range(len(steps) + 1)]
    index = FrameIndex(
        frames=len(times),
        keyframes_ms=tuple(times),
        keyframes=tuple(90 * ms for ms in times),
        decoded=tuple(90 * ms - 7 for ms in times),
        end_ms=times[-1] + rest,
        ordered=True,
    )
    parts = plan_parts(index, seconds)
    assert parts[0].start is None
    assert parts[-1].end is None
    assert [part.end for part in parts[:-1]] == [part.start for part in parts[1:]]
    assert {part.start for part in parts[1:]} <= set(index.keyframes)
    ends = [part.end_ms for part in parts[:-1]] + [index.end_ms]
    if len(parts) > 1:
        assert all(
            end is not None and end - part.start_ms >= 1000 * seconds - 1
            for part, end in zip(parts, ends, strict=True)
        )


def test_a_film_with_one_keyframe_is_one_part(tmp_path: Path) -> None:
    path = write_film(tmp_path / "film.mp4", options={"g": "1000", "sc_threshold": "0"})
    index = index_frames(path)
    assert (index.frames, index.keyframes_ms, index.ordered) == (50, (0,), True)
    assert len(plan_parts(index, 0.1)) == 1


def test_uneven_times_are_kept_to_the_millisecond(tmp_path: Path) -> None:
    path = write_film(tmp_path / "film.mp4", times=UNEVEN, tick=Fraction(1, 1000))
    assert [frame.time_ms for frame in read_frames(path)] == UNEVEN
    parts = plan_parts(index_frames(path), 1)
    assert len(parts) > 2
    assert [f.time_ms for part in parts for f in read_frames(path, part)] == UNEVEN


@pytest.mark.parametrize(("name", "ticks"), [("late.mp4", 35), ("hour.ts", 90_000)])
def test_a_late_start_of_the_files_clock_does_not_show(
    tmp_path: Path, name: str, ticks: int
) -> None:
    path = write_film(tmp_path / name, times=range(ticks, ticks + 30))
    assert [frame.time_ms for frame in read_frames(path)] == list(range(0, 1200, 40))
    assert index_frames(path).keyframes_ms[0] == 0


def test_a_film_rate_of_24000_1001_is_rounded_by_the_one_rule(tmp_path: Path) -> None:
    path = write_film(
        tmp_path / "film.mp4", times=range(0, 48 * 1001, 1001), tick=Fraction(1, 24000)
    )
    expected = [int(Fraction(1001 * n, 24) + Fraction(1, 2)) for n in range(48)]
    assert [frame.time_ms for frame in read_frames(path)] == expected


@pytest.mark.parametrize(("codec", "options"), [("mpeg4", {"bf": "2"}), ("libx264", {"bf": "3"})])
def test_a_container_that_only_counts_pictures_is_read_whole_and_in_order(
    tmp_path: Path, codec: str, options: dict[str, str]
) -> None:
    path = write_film(tmp_path / "film.avi", codec=codec, options=options)
    assert len(plan_parts(index_frames(path), 0.5)) == 1
    assert [frame.time_ms for frame in read_frames(path)] == list(range(0, 2000, 40))


@pytest.mark.parametrize(
    ("turn", "red", "green"),
    [
        ((0, False, False), "top left", "top right"),
        ((90, False, False), "bottom left", "top left"),
        ((180, False, False), "bottom right", "bottom left"),
        ((270, False, False), "top right", "bottom right"),
        ((0, True, False), "top right", "top left"),
        ((0, False, True), "bottom left", "bottom right"),
    ],
)
def test_pictures_are_upright(
    tmp_path: Path, turn: tuple[float, bool, bool], red: str, green: str
) -> None:
    path = write_film(tmp_path / "film.mp4", times=3, look=corner, turn=turn)
    frame = next(read_frames(path))
    for picture in (frame.picture(), frame.picture(24), frame.small()[..., ::-1]):
        corners = {
            f"{row} {column}": picture[y, x].tolist()
            for row, y in (("top", 2), ("bottom", -3))
            for column, x in (("left", 2), ("right", -3))
        }
        assert max(corners, key=lambda c: corners[c][0] - corners[c][1]) == red
        assert max(corners, key=lambda c: corners[c][1] - corners[c][0]) == green
    grey = frame.picture() @ np.array([0.299, 0.587, 0.114])
    assert np.abs(frame.luma() - (16 + grey * 219 / 255)).mean() < 3


def test_pictures_have_square_pixels_and_the_height_asked_for(tmp_path: Path) -> None:
    path = write_film(tmp_path / "wide.mp4", times=3, aspect=Fraction(3, 2))
    frame = next(read_frames(path))
    assert frame.picture().shape == (48, 96, 3)
    assert frame.picture(24).shape == (24, 48, 3)
    assert frame.picture(96).shape == (96, 192, 3)
    assert frame.luma(24).shape == (24, 48)
    assert frame.small().shape == (48, 96, 3)
    assert frame.picture().dtype == frame.luma().dtype == frame.small().dtype == np.uint8


def test_small_pictures_hold_what_large_ones_hold(tmp_path: Path) -> None:
    path = write_film(tmp_path / "film.mp4", times=3)
    frame = next(read_frames(path))
    large = frame.picture().astype(float)
    small = large.reshape(24, 2, 32, 2, 3).mean(axis=(1, 3))
    assert np.abs(frame.picture(24) - small).mean() < 6
    assert np.abs(frame.small()[..., ::-1] - large).mean() < 6


def test_a_film_cut_short_gives_what_is_there_and_says_so(tmp_path: Path) -> None:
    whole = write_film(tmp_path / "whole.mp4", container={"movflags": "faststart"})
    path = tmp_path / "short.mp4"
    path.write_bytes(whole.read_bytes())
    cut_short(path, share=0.6)
    problems: list[str] = []
    left = shown(read_frames(path, problems=problems))
    assert 5 < len(left) < 50
    assert left[:-2] == shown(read_frames(whole))[: len(left) - 2]
    assert any("the file promises 00:00:02.000" in problem for problem in problems)
    whole_problems: list[str] = []
    assert len(shown(read_frames(whole, problems=whole_problems))) == 50
    assert not whole_problems
    said: list[str] = []
    for part in plan_parts(index_frames(path), 0.4):
        assert shown(read_frames(path, part, problems=said))
    assert said == problems


def test_damaged_pictures_are_left_out_and_counted(tmp_path: Path) -> None:
    whole = write_film(tmp_path / "film.mp4")
    before = shown(read_frames(whole))
    path = damage(whole, at=0.5, length=1000)
    problems: list[str] = []
    after = shown(read_frames(path, problems=problems))
    assert 25 < len(after) < 50
    assert after[:10] == before[:10]
    assert after[-10:] == before[-10:]
    (problem,) = problems
    assert problem.startswith("Damaged pictures left out: ")


def test_times_that_go_back_are_left_out_and_counted(tmp_path: Path) -> None:
    path = write_film(tmp_path / "film.ts", times=30)
    path.write_bytes(path.read_bytes() * 2)
    problems: list[str] = []
    times = [frame.time_ms for frame in read_frames(path, problems=problems)]
    assert times == list(range(0, 1200, 40))
    assert "Pictures left out because their times go back: 30." in problems
    assert len(plan_parts(index_frames(path), 0.1)) == 1


def test_a_time_far_behind_the_end_is_damage(tmp_path: Path) -> None:
    path = write_film(tmp_path / "film.ts")
    hour = write_film(tmp_path / "hour.ts", times=range(90_000, 90_005))
    problems: list[str] = []
    mixed = read_frames(with_a_foreign_piece(path, hour), problems=problems)
    times = [frame.time_ms for frame in mixed]
    assert times[0] == 0
    assert times[-1] == 1960
    assert len(times) > 35
    assert problems[0].startswith("Damaged pictures left out: ")


def test_a_sound_file_has_no_pictures_to_read(tmp_path: Path) -> None:
    path = write_sound_tracks(tmp_path / "sound.mkv", [clicks(1, 16_000)], rate=16_000)
    with pytest.raises(InputError, match="no pictures"):
        next(read_frames(path))
    with pytest.raises(InputError, match="no pictures"):
        index_frames(path)


@pytest.mark.slow
@pytest.mark.skipif(not SHARED.is_dir(), reason=f"{SHARED} is not there: shared test data")
@pytest.mark.parametrize(
    "name",
    [
        "grid_scene/scene.mp4",
        "sintel_trailer/trailer.mp4",
        "described/rabbit/video.mp4",
        "described/focusedad_41/video/41.mp4",
    ],
)
def test_parts_of_real_films_give_each_picture_once(name: str) -> None:
    path = SHARED / name
    index = index_frames(path)
    problems: list[str] = []
    whole = [(f.time_ms, f.small().tobytes()) for f in read_frames(path, problems=problems)]
    parts = plan_parts(index, 4)
    cut = [(f.time_ms, f.small().tobytes()) for part in parts for f in read_frames(path, part)]
    assert cut == whole
    assert len(whole) == index.frames
    assert not problems


def test_a_broadcast_that_changes_its_picture_size_keeps_its_shape(tmp_path: Path) -> None:
    narrow, wide = (write_film(tmp_path / f"{width}.h264", size=(width, 48)) for width in (64, 96))
    film = tmp_path / "both.h264"
    film.write_bytes(narrow.read_bytes() + wide.read_bytes())
    frames = list(read_frames(film))
    assert len(frames) == 100
    assert {frame.small().shape for frame in frames} == {(48, 64, 3)}
    assert {frame.picture(24).shape for frame in frames} == {(24, 32, 3)}
