"""Geometry of faces: overlaps, suppression, similar transforms, cutting out."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from castline.engines.face_chips import cut, overlap, placed, similarity, suppress, upright

Floats = npt.NDArray[np.float32]


@st.composite
def boxes(draw: st.DrawFn) -> Floats:
    corner = draw(arrays(np.float32, (12, 2), elements=st.floats(-50, 50, width=32)))
    size = draw(arrays(np.float32, (12, 2), elements=st.floats(1, 40, width=32)))
    return np.hstack([corner, corner + size])


scores = arrays(np.float32, 12, elements=st.floats(-2, 2, width=32))
shapes = arrays(np.float32, (5, 2), elements=st.integers(-100, 100)).filter(
    lambda points: float(np.ptp(points, axis=0).max()) > 10
)


def test_overlap_is_shared_area_by_covered_area() -> None:
    a = np.array([[0, 0, 2, 2]], np.float32)
    others = np.array([[0, 0, 2, 2], [1, 0, 3, 2], [5, 5, 6, 6], [2, 0, 4, 2]], np.float32)
    assert overlap(a, others)[0].tolist() == [1.0, np.float32(1 / 3), 0.0, 0.0]


@given(boxes(), scores, st.floats(0.1, 0.9))
def test_what_is_kept_does_not_overlap_and_what_goes_overlaps_something_better(
    given_boxes: Floats, given_scores: Floats, limit: float
) -> None:
    kept = suppress(given_boxes, given_scores, limit)
    shared = overlap(given_boxes, given_boxes)
    assert (np.diff(given_scores[kept]) <= 0).all()
    for row in range(12):
        others = kept[kept != row]
        better = others[given_scores[others] >= given_scores[row]]
        assert (row in kept) == bool((shared[better, row] <= limit).all())


def test_suppression_of_nothing_is_nothing() -> None:
    assert suppress(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), 0.3).shape == (0,)


@given(shapes, st.floats(-3, 3), st.floats(0.2, 5), st.floats(-50, 50), st.floats(-50, 50))
def test_a_similarity_finds_turn_size_and_shift(
    points: Floats, angle: float, size: float, x: float, y: float
) -> None:
    turn = size * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    target = points @ turn.T + [x, y]
    found = similarity(points, target.astype(np.float32))
    np.testing.assert_allclose(found, np.hstack([turn, [[x], [y]]]), atol=2e-3)


@given(shapes, shapes, st.floats(-0.1, 0.1), st.floats(-3, 3))
def test_no_similarity_near_by_fits_better(
    points: Floats, target: Floats, more: float, shift: float
) -> None:
    def error(matrix: npt.NDArray[np.float64]) -> float:
        moved = points @ matrix[:, :2].T + matrix[:, 2]
        return float(np.square(moved - target).sum())

    best = similarity(points, target)
    other = best + np.array([[more, 0, shift], [0, more, 0]])
    turned = best + np.array([[0, -more, 0], [more, 0, shift]])
    assert error(best) <= min(error(other), error(turned)) * (1 + 1e-6) + 1e-3


def test_a_box_is_moved_and_stretched_but_stays_upright() -> None:
    quarter_turn = np.array([[[0, -2, 10], [2, 0, 20]]], float)
    box = placed(quarter_turn, np.array([1, 0], np.float32), np.array([3, 1], np.float32))
    assert box.tolist() == [[4, 20, 16, 24]]


def test_cutting_at_its_own_size_copies_the_pixels() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (40, 60, 3)).astype(np.uint8)
    box = np.array([[10, 5, 30, 25]], np.float32)
    assert (cut(picture, upright(box, 20), 20)[0] == picture[5:25, 10:30]).all()


def test_outside_the_picture_it_is_black() -> None:
    picture = np.full((20, 20, 3), 200, np.uint8)
    chip = cut(picture, upright(np.array([[10, -10, 30, 10]], np.float32), 20), 20)[0]
    assert (chip[12:, :8] == 200).all()
    assert not chip[:8].any()
    assert not chip[:, 12:].any()
    far = upright(np.array([[500, 500, 520, 520]], np.float32), 20)
    assert not cut(picture, far, 20).any()


def test_a_large_box_is_averaged_not_sampled() -> None:
    # Columns of black and white: picking single pixels would give stripes again.
    picture = np.zeros((160, 160, 3), np.uint8)
    picture[:, ::2] = 255
    chip = cut(picture, upright(np.array([[0, 0, 160, 160]], np.float32), 20), 20)[0]
    assert np.abs(chip[2:-2, 2:-2].astype(int) - 127).max() <= 2


def test_rows_and_columns_of_a_rectangle_are_not_mixed_up() -> None:
    picture = np.zeros((20, 40, 3), np.uint8)
    picture[:, :, 0] = np.arange(40)
    matrix = np.array([[[1.0, 0, 0], [0, 1.0, 0]]])
    chip = cut(picture, matrix, (20, 40))[0]
    assert chip.shape == (20, 40, 3)
    assert (chip == picture).all()
