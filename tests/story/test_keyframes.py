"""The pictures of a clip, and who is in them."""

from __future__ import annotations

import io

import numpy as np
import polars as pl
import pytest
from PIL import Image

from castline.story import drawing
from castline.story.drawing import draw_people, legend_of, writable
from castline.story.keyframes import (
    Keyframe,
    KeyframeSettings,
    Known,
    choose_keyframes,
    named_faces,
)
from castline.tables.catalog import table
from castline.tables.schema import build_frame


def seen(*moments: tuple[int, int]) -> list[Keyframe]:
    return [Keyframe(time_ms, faces) for time_ms, faces in moments]


def times(frames: list[Keyframe]) -> list[int]:
    return [each.time_ms for each in frames]


def test_there_is_a_picture_for_each_second() -> None:
    assert times(choose_keyframes(1000, 4000, [], KeyframeSettings())) == [1500, 2500, 3500]


def test_the_moment_with_the_most_faces_stands_for_its_second() -> None:
    moments = seen((1100, 1), (1300, 2), (1900, 1), (2900, 1))
    assert times(choose_keyframes(1000, 3000, moments, KeyframeSettings())) == [1300, 2900]


def test_of_moments_with_as_many_faces_the_one_in_the_middle_is_taken() -> None:
    moments = seen((1100, 1), (1480, 1), (1900, 1))
    assert times(choose_keyframes(1000, 2000, moments, KeyframeSettings())) == [1480]


def test_when_there_are_too_many_those_with_the_most_faces_stay_in_order() -> None:
    moments = seen((500, 1), (2500, 3), (4500, 2))
    chosen = choose_keyframes(0, 5000, moments, KeyframeSettings(most=3))
    assert [(each.time_ms, each.faces) for each in chosen] == [(500, 1), (2500, 3), (4500, 2)]


def test_the_shortest_clip_has_a_picture() -> None:
    assert times(choose_keyframes(0, 40, [], KeyframeSettings())) == [20]


def faces_and_names(*rows: tuple[int, str | None, int | None]) -> tuple[pl.DataFrame, pl.DataFrame]:
    ids = [f"f{number}" for number in range(len(rows))]
    sides = ("left", "top", "right", "bottom")
    faces = build_frame(
        table("faces"),
        {
            "face": ids,
            "start_ms": [row[0] for row in rows],
            "end_ms": [row[0] for row in rows],
            **{side: [row[2] for row in rows] for side in sides},
        },
        episode="e",
        source="test",
    )
    names = build_frame(
        table("face_names"),
        {
            "face": ids,
            "character": [row[1] for row in rows],
            "score": [0.9] * len(rows),
        },
        episode="e",
        source="test",
    )
    return faces, names


def test_only_recognised_people_with_a_box_are_known() -> None:
    found = named_faces(*faces_and_names((10, "Ann\n", 5), (10, None, 6), (20, "Bo", None)))
    assert [(each.time_ms, each.faces, [k.name for k in each.known]) for each in found] == [
        (10, 2, ["Ann"]),
        (20, 1, []),
    ]


PICTURE = np.full((240, 426, 3), 90, np.uint8)


def pixels(jpeg: bytes) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return np.asarray(Image.open(io.BytesIO(jpeg)).convert("RGB"))


def reddish(picture: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> int:
    values = picture.astype(int)
    return int(((values[..., 0] > 150) & (values[..., 1] < 90)).sum())


def test_a_face_is_framed_at_the_scale_of_the_picture_with_its_name_above() -> None:
    known = [Known("Ann", (400, 200, 600, 400))]
    made = pixels(draw_people(PICTURE, known, legend_of(["Ann"]), scale=0.5))
    assert made.shape == PICTURE.shape
    assert reddish(made[95:106, 200:300]) > 0
    assert reddish(made[110:190, 210:290]) == 0
    assert reddish(made[75:100, 200:260]) > 300
    assert reddish(made[210:]) == 0


@pytest.mark.parametrize("box", [(0, 0, 50, 50), (400, 200, 500, 300), (-20, -20, 900, 900)])
def test_names_stay_inside_the_picture(box: tuple[int, int, int, int]) -> None:
    made = pixels(draw_people(PICTURE, [Known("Annabel", box)], {"Annabel": "Annabel"}, scale=1))
    assert reddish(made) > 500


def test_names_that_pillow_can_write_are_written() -> None:
    assert legend_of(["Ann", "Zoë", "Ann"]) == {"Ann": "Ann", "Zoë": "Zoë"}


def test_names_that_no_font_can_write_become_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drawing, "_FONTS", ())
    drawing._fonts.cache_clear()
    drawing._font_for.cache_clear()
    try:
        assert not writable("阿宝")
        marks = legend_of(["阿宝", "Ann", "小安", "阿宝"])
        assert marks == {"阿宝": "1", "Ann": "Ann", "小安": "2"}
        drawn = draw_people(PICTURE, [Known("阿宝", (100, 100, 200, 200))], marks, scale=1)
        assert reddish(pixels(drawn)) > 300
    finally:
        drawing._fonts.cache_clear()
        drawing._font_for.cache_clear()


def test_the_same_picture_gives_the_same_file() -> None:
    known = [Known("Ann", (100, 100, 200, 200))]
    one, two = (draw_people(PICTURE, known, {"Ann": "Ann"}, scale=1) for _ in range(2))
    assert one == two
