"""The embedded face engine on drawn people, on odd pictures, and without its weights."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from castline.engines.base import Detections, FaceEngine
from castline.engines.calibration import equal_error
from castline.engines.dlib_faces import MANIFEST, DlibFaces
from castline.engines.face_chips import overlap
from castline.errors import InputError
from castline.testing.portraits import head_picture

Picture = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]

SCENE = Path(__file__).parents[3] / "shared" / "media" / "grid_scene"


@pytest.fixture(scope="module")
def engine(weights: Callable[[str], Path]) -> DlibFaces:
    return DlibFaces(weights("dlib"))


@functools.cache
def person(number: int, view: int = 0) -> Picture:
    """One of the drawn people in one of two views."""
    yaw, mouth, height, place = [(0, 0, 160, "window"), (18, 0.7, 130, "parlour")][view]
    return head_picture(
        number, height=height, yaw=yaw, mouth=mouth, place=place, seed=10 * number + view
    )


@pytest.fixture(scope="module")
def face(engine: DlibFaces) -> tuple[Picture, Detections]:
    picture = person(0)
    return picture, engine.detect(picture, smallest=60)


def test_it_is_a_face_engine(engine: FaceEngine) -> None:
    assert engine.manifest is MANIFEST
    assert engine.size == 128


def test_a_face_has_a_box_round_its_points_and_a_mouth_below_its_nose(
    face: tuple[Picture, Detections],
) -> None:
    picture, found = face
    assert len(found) == 1
    (left, top, right, bottom), points, mouth = found.boxes[0], found.points[0], found.mouths[0]
    assert right - left == pytest.approx(bottom - top, abs=0.01)
    assert ((points > [left, top]) & (points < [right, bottom])).all()
    # Outer corner, inner corner, on the right; the same on the left.
    assert points[0, 0] > points[1, 0] > points[3, 0] > points[2, 0]
    assert mouth[1] >= points[4, 1] - 2
    # Lips are redder than the skin around them: the reddest rows of the mouth lie inside its box.
    middle = int(points[4, 0])
    strip = picture[int(points[4, 1]) : int(bottom) + 20, middle - 5 : middle + 5].astype(float)
    redness = (strip[..., 0] - strip[..., 1:].mean(axis=-1)).mean(axis=1)
    assert mouth[1] < points[4, 1] + redness.argmax() < mouth[3]


def test_boxes_move_with_the_picture_by_the_pixel(
    engine: DlibFaces, face: tuple[Picture, Detections]
) -> None:
    # The detector's own boxes jump by a tenth of their size.
    picture, found = face
    for shift in (3, 7, 13):
        moved = engine.detect(np.roll(picture, shift, axis=1), smallest=60)
        off = moved.boxes[0] - found.boxes[0] - [shift, 0, shift, 0]
        assert np.abs(off).max() < 0.03 * (found.boxes[0, 2] - found.boxes[0, 0])


def test_searching_around_finds_the_face_that_a_whole_search_finds(
    engine: DlibFaces, face: tuple[Picture, Detections]
) -> None:
    picture, found = face
    side = found.boxes[0, 2] - found.boxes[0, 0]
    for shift, size in [((0, 0), 0), ((0.3, -0.2), 0), ((0, 0), 0.15), ((-0.2, 0.1), -0.15)]:
        before = found.boxes + side * np.array([*shift, *shift] + size * np.array([-1, -1, 1, 1]))
        near = engine.detect(picture, smallest=60, around=before.astype(np.float32))
        assert len(near) == 1
        assert overlap(near.boxes, found.boxes)[0, 0] > 0.85
        assert (engine.embed(picture, near) @ engine.embed(picture, found).T)[0, 0] > 0.98


def test_searching_around_one_of_two_finds_that_one(engine: DlibFaces) -> None:
    both = np.hstack([person(0), person(3)])
    found = engine.detect(both, smallest=60)
    assert len(found) == 2
    for row in range(2):
        near = engine.detect(both, smallest=60, around=found.boxes[row : row + 1])
        assert overlap(near.boxes, found.boxes).argmax() == row
        assert len(near) == 1
    at_once = engine.detect(both, smallest=60, around=found.boxes)
    assert overlap(at_once.boxes, found.boxes).max(axis=0).min() > 0.93


def test_searching_around_nothing_finds_nothing(engine: DlibFaces) -> None:
    nothing = np.zeros((0, 4), np.float32)
    found = engine.detect(person(0), smallest=60, around=nothing)
    assert len(found) == 0
    assert engine.embed(person(0), found).shape == (0, 128)


@pytest.mark.parametrize("shape", [(1, 1), (2, 900), (79, 79), (90, 900)])
def test_pictures_too_small_or_long_for_a_face_hold_none(
    engine: DlibFaces, shape: tuple[int, int]
) -> None:
    found = engine.detect(np.full((*shape, 3), 90, np.uint8), smallest=40)
    assert found.boxes.shape == (0, 4)
    assert found.points.shape == (0, 5, 2)
    assert found.mouths.shape == (0, 4)


def test_a_picture_that_may_not_be_written_and_is_a_part_of_another_is_taken(
    engine: DlibFaces, face: tuple[Picture, Detections]
) -> None:
    picture, found = face
    wide = np.hstack([picture, picture])
    part = wide[:, : picture.shape[1]]
    part.setflags(write=False)
    again = engine.detect(part, smallest=60)
    assert (again.boxes == found.boxes).all()
    described = engine.embed(part, again)
    assert (described == engine.embed(picture, found)).all()
    assert np.linalg.norm(described, axis=1) == pytest.approx(1, abs=1e-5)


def test_smaller_faces_need_a_smaller_limit(engine: DlibFaces) -> None:
    small = head_picture(0, size=(200, 240), height=84)
    assert len(engine.detect(small, smallest=120)) == 0
    assert len(engine.detect(small, smallest=48)) == 1


def test_one_person_turned_and_talking_is_nearer_than_another(
    engine: DlibFaces, face: tuple[Picture, Detections]
) -> None:
    picture, found = face
    others = [person(0, 1), person(3), person(3, 1)]
    each = [engine.embed(other, engine.detect(other, smallest=60)) for other in others]
    prints = np.vstack([engine.embed(picture, found), *each])
    similar = prints @ prints.T
    assert min(similar[0, 1], similar[2, 3]) > similar[:2, 2:].max() + 0.02


@pytest.mark.slow
def test_drawn_people_are_found_and_told_apart(engine: DlibFaces) -> None:
    people, prints = [], []
    for number in range(12):
        for view in (0, 1):
            picture = person(number, view)
            found = engine.detect(picture, smallest=60)
            if len(found):
                people.append(number)
                prints.append(engine.embed(picture, found)[0])
    assert len(people) >= 23  # 95 % of 24
    who, embeddings = np.array(people), np.array(prints)
    first, second = np.triu_indices(len(who), 1)
    similar = np.einsum("pd,pd->p", embeddings[first], embeddings[second])
    error, _ = equal_error(similar, who[first] == who[second])
    assert error <= 0.05


@pytest.mark.slow
def test_real_people_are_found_and_told_apart(engine: DlibFaces) -> None:
    from PIL import Image

    if not SCENE.exists():
        pytest.skip("the scene ../shared/media/grid_scene is not beside this project")
    names, prints = [], []
    for path in sorted((SCENE / "cast").glob("*.jpg")):
        picture = np.asarray(Image.open(path).convert("RGB"))
        found = engine.detect(picture, smallest=60)
        assert len(found) == 1, path.name
        names.append(path.stem.split("_")[0])
        prints.append(engine.embed(picture, found)[0])
    similar = np.array(prints) @ np.array(prints).T
    same = np.array(names)[:, None] == np.array(names)
    assert similar[same].min() > similar[~same].max() + 0.05


def test_weights_that_are_missing_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="mmod_human_face_detector") as caught:
        DlibFaces(tmp_path).detect(np.zeros((100, 100, 3), np.uint8), smallest=40)
    assert "castline models pull dlib" in caught.value.remedy


@pytest.mark.slow
def test_the_second_engine_reads_what_the_first_converted(
    engine: DlibFaces,
    face: tuple[Picture, Detections],
    tmp_path: Path,
    weights: Callable[[str], Path],
) -> None:
    picture, found = face
    folder = weights("dlib")
    for file in MANIFEST.files:
        (tmp_path / file.name).symlink_to(folder / file.name)
    first = DlibFaces(tmp_path)
    once = first.embed(picture, first.detect(picture, smallest=60))
    kept = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "converted").iterdir()}
    assert len(kept) == 3
    second = DlibFaces(tmp_path)
    twice = second.embed(picture, second.detect(picture, smallest=60))
    assert {p.name: p.stat().st_mtime_ns for p in (tmp_path / "converted").iterdir()} == kept
    assert (once == twice).all()
    assert (twice == engine.embed(picture, found)).all()
