"""dlib's files are read as dlib writes them; what is no such file is refused.

The files are tiny and written here.
"""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime
import pytest
from hypothesis import given
from hypothesis import strategies as st

from castline.engines.dlib_graphs import descriptor_graph, detector_graph
from castline.engines.dlib_landmarks import (
    Landmarks,
    load_landmarks,
    read_landmarks,
    save_landmarks,
    whole_numbers,
)
from castline.engines.dlib_points import find_points
from castline.engines.dlib_weights import Network, read_network
from castline.errors import InputError

Floats = npt.NDArray[np.float32]
RNG = np.random.default_rng(3)


def whole(number: int) -> bytes:
    """A whole number as dlib writes it."""
    size = max(1, (abs(number).bit_length() + 7) // 8)
    return bytes([size | (128 if number < 0 else 0)]) + abs(number).to_bytes(size, "little")


def real(number: float | np.float32) -> bytes:
    mantissa, exponent = np.frexp(number)
    return whole(int(mantissa * 2**24)) + whole(int(exponent) - 24)


def text(tag: str) -> bytes:
    return whole(len(tag)) + tag.encode()


def tensor(values: Floats) -> bytes:
    flat = values.astype("<f4").ravel()
    return b"".join(map(whole, (2, flat.size, 1, 1, 1))) + flat.tobytes()


def convolution(weights: Floats, bias: Floats, stride: int, padding: int) -> bytes:
    numbers = np.concatenate([weights.ravel(), bias])
    sizes = (weights.shape[0], *weights.shape[2:], stride, stride, padding, padding)
    return text("con_4") + tensor(numbers) + b"".join(map(whole, sizes))


def affine(gain: Floats, bias: Floats) -> bytes:
    return text("affine_") + tensor(np.concatenate([gain, bias]))


def normalisation(gain: Floats, bias: Floats, mean: Floats, variance: Floats, eps: float) -> bytes:
    views = b"".join(map(whole, range(10)))
    rest = whole(5) + whole(100) + b"".join(map(real, (1.0, 1.0, 0.0, 0.0, eps)))
    params = tensor(np.concatenate([gain, bias]))
    return (
        text("bn_con2") + params + views + tensor(mean * 9) + tensor(mean * 7)
        + tensor(mean) + tensor(variance) + rest
    )  # fmt: skip


def random(*shape: int) -> Floats:
    return RNG.normal(0, 1, shape).astype(np.float32)


def written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


@given(st.lists(st.integers(-(2**62), 2**62), max_size=50))
def test_whole_numbers_come_back(numbers: list[int]) -> None:
    assert whole_numbers(b"".join(map(whole, numbers))).tolist() == numbers


def test_a_file_that_ends_inside_a_number_is_refused() -> None:
    with pytest.raises(ValueError, match="ends inside"):
        whole_numbers(whole(70000)[:-1])


def test_convolutions_come_back_in_order_with_what_follows_folded_in(tmp_path: Path) -> None:
    first, second = random(4, 3, 2, 2), random(5, 4, 3, 3)
    gain, bias, mean = random(4), random(4), random(4)
    variance = np.abs(random(4)) + 1
    scale, shift = random(5), random(5)
    path = written(
        tmp_path / "net.dat",
        b"anything"
        + convolution(first, random(4) * 0, 2, 0)
        + normalisation(gain, bias, mean, variance, 0.5)
        + convolution(second, bias2 := random(5), 1, 1)
        + affine(scale, shift),
    )
    one, two = read_network(path).convolutions
    folded = gain / np.sqrt(variance + 0.5)
    np.testing.assert_allclose(one.weights, first * folded[:, None, None, None], rtol=1e-5)
    np.testing.assert_allclose(one.bias, bias - folded * mean, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(two.weights, second * scale[:, None, None, None], rtol=1e-6)
    np.testing.assert_allclose(two.bias, bias2 * scale + shift, rtol=1e-5, atol=1e-6)
    assert [(each.stride, each.padding) for each in (one, two)] == [(2, 0), (1, 1)]


def test_weights_that_happen_to_spell_a_tag_are_passed_over(tmp_path: Path) -> None:
    weights = random(4, 3, 2, 2)
    weights.ravel()[:2] = np.frombuffer(b"\x01\x05con_4z", "<f4")
    path = written(tmp_path / "net.dat", convolution(weights, random(4), 2, 0))
    assert len(read_network(path).convolutions) == 1


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "no convolution"),
        (b"a text file", "no convolution"),
        (affine(random(2), random(2)), "begin with a convolution"),
        (convolution(random(4, 3, 2, 2), random(4), 2, 0)[:60], "dlib network"),
        (text("con_4") + struct.pack("<4B", 1, 1, 1, 1), "version 1"),
    ],
    ids=["empty", "text", "out of order", "cut short", "older tensor"],
)
def test_what_is_no_network_is_refused_by_name(
    tmp_path: Path, content: bytes, problem: str
) -> None:
    path = written(tmp_path / "odd.dat", content)
    with pytest.raises(InputError, match=problem) as caught:
        read_network(path)
    assert caught.value.path == path
    assert "castline models pull dlib" in caught.value.remedy


def test_the_detector_as_a_graph_equals_convolutions_done_by_hand(tmp_path: Path) -> None:
    first, last = random(2, 3, 3, 3), random(1, 2, 1, 1)
    path = written(
        tmp_path / "net.dat",
        convolution(first, bias := random(2), 2, 0) + convolution(last, random(1), 1, 0),
    )
    network = read_network(path)
    picture = RNG.integers(0, 256, (1, 9, 11, 3)).astype(np.uint8)
    mean = np.array([122.782, 117.001, 104.298])
    values = (picture[0].astype(float) - mean) / 256
    expected = np.zeros((4, 5))
    for row, column in np.ndindex(4, 5):
        seen = values[2 * row : 2 * row + 3, 2 * column : 2 * column + 3]
        hidden = np.maximum(0, np.einsum("ijc,fcij->f", seen, first) + bias)
        expected[row, column] = last[0, :, 0, 0] @ hidden + network.convolutions[1].bias[0]
    session = onnxruntime.InferenceSession(detector_graph(network))
    scores = session.run(None, {"pictures": picture})[0]
    np.testing.assert_allclose(scores[0, 0], expected, rtol=1e-3, atol=1e-4)


def test_a_descriptor_keeps_what_went_past_a_block(tmp_path: Path) -> None:
    # All convolutions of the blocks give zero: what is left is the way past them, averaged.
    zero = np.zeros(2, np.float32)
    content = convolution(random(2, 3, 7, 7), random(2), 2, 0)
    content += convolution(np.zeros((2, 2, 3, 3), np.float32), zero, 1, 1) * 2
    four = np.zeros(4, np.float32)
    content += convolution(np.zeros((4, 2, 3, 3), np.float32), four, 2, 0)
    content += convolution(np.zeros((4, 4, 3, 3), np.float32), four, 1, 1)
    matrix = np.eye(4, dtype=np.float32)
    content += text("fc_2") + whole(4) + whole(4) + tensor(matrix)
    network = read_network(written(tmp_path / "net.dat", content))
    session = onnxruntime.InferenceSession(descriptor_graph(network))
    grey = np.full((2, 150, 150, 3), 90, np.uint8)
    described = session.run(None, {"pictures": grey})[0]
    first = network.convolutions[0]
    value = (90 - np.array([122.782, 117.001, 104.298])) / 256
    level = np.maximum(0, np.einsum("fcij,c->f", first.weights, value) + first.bias)
    np.testing.assert_allclose(described, [[*level, 0, 0]] * 2, rtol=1e-3, atol=1e-4)


def test_a_network_of_another_shape_is_no_descriptor() -> None:
    with pytest.raises(ValueError, match="pairs"):
        descriptor_graph(Network((), np.zeros((0, 0), np.float32)))


def predictor(rounds: int = 2, trees: int = 3, samples: int = 6) -> tuple[bytes, Landmarks]:
    """A tiny landmark file of two points and trees of three splits, and what it holds."""
    truth = Landmarks(
        mean=np.array([[0.25, 0.5], [0.75, 0.5]], np.float32),
        pairs=RNG.integers(0, samples, (rounds, trees, 3, 2)),
        limits=random(rounds, trees, 3),
        leaves=random(rounds, trees, 4, 2, 2) * np.float32(0.02),
        anchors=RNG.integers(0, 2, (rounds, samples)),
        offsets=random(rounds, samples, 2) * np.float32(0.1),
    )
    content = whole(1) + whole(-4) + whole(-1) + b"".join(map(real, truth.mean.ravel()))
    content += whole(rounds)
    for step in range(rounds):
        content += whole(trees)
        for tree in range(trees):
            content += whole(3)
            for pair, limit in zip(truth.pairs[step, tree], truth.limits[step, tree], strict=True):
                content += whole(int(pair[0])) + whole(int(pair[1])) + real(float(limit))
            content += whole(4)
            for leaf in truth.leaves[step, tree]:
                content += whole(-4) + whole(-1) + b"".join(map(real, leaf.ravel()))
    content += whole(rounds)
    for anchors in truth.anchors:
        content += whole(samples) + b"".join(whole(int(each)) for each in anchors)
    content += whole(rounds)
    for offsets in truth.offsets:
        content += whole(samples) + b"".join(map(real, offsets.ravel()))
    return content, truth


def test_landmarks_come_back_and_are_kept_for_the_next_time(tmp_path: Path) -> None:
    content, truth = predictor()
    found = read_landmarks(written(tmp_path / "points.dat", content))
    save_landmarks(tmp_path / "kept" / "points.npz", found)
    kept = load_landmarks(tmp_path / "kept" / "points.npz")
    for name, expected in vars(truth).items():
        np.testing.assert_allclose(getattr(found, name), expected, rtol=1e-6, err_msg=name)
        assert (getattr(kept, name) == getattr(found, name)).all()


@pytest.mark.parametrize("cut", [0, 1, 40, -1])
def test_a_landmark_file_cut_short_is_refused(tmp_path: Path, cut: int) -> None:
    content, _ = predictor()
    with pytest.raises(InputError, match="landmark predictor"):
        read_landmarks(written(tmp_path / "points.dat", content[:cut]))


def test_kept_landmarks_that_were_damaged_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="damaged"):
        load_landmarks(written(tmp_path / "points.npz", b"PK nonsense"))
    save_landmarks(tmp_path / "points.npz", predictor()[1])
    whole = (tmp_path / "points.npz").read_bytes()
    for flag in (1, 32, 64):  # said to be encrypted, patched, strongly encrypted
        at = whole.index(b"PK\x01\x02") + 8
        changed = whole[:at] + bytes([whole[at] | flag]) + whole[at + 1 :]
        with pytest.raises(InputError, match="damaged"):
            load_landmarks(written(tmp_path / "changed.npz", changed))


def test_points_are_those_of_trees_walked_one_by_one() -> None:
    _, trees = predictor(rounds=3, trees=20, samples=15)
    picture = RNG.integers(0, 256, (60, 70, 3)).astype(np.uint8)
    boxes = np.array([[10, 8, 51, 49], [-20, 30, 40, 90]], np.float32)
    found = find_points(trees, picture, boxes)
    for box, points in zip(boxes, found, strict=True):
        np.testing.assert_allclose(points, walked(trees, picture, box), atol=1e-3)


def walked(trees: Landmarks, picture: npt.NDArray[np.uint8], box: Floats) -> Floats:
    """The same, plainly: the trees of every round, split by split."""
    corner, size = box[:2], box[2:] - box[:2] - 1
    shape = trees.mean.astype(np.float64)
    for step in range(len(trees.anchors)):
        # Turn and size between two pairs of points follow from their difference alone.
        was, now = trees.mean[1] - trees.mean[0], shape[1] - shape[0]
        turn = complex(now[0], now[1]) / complex(was[0], was[1])
        seen = []
        for anchor, (x, y) in zip(trees.anchors[step], trees.offsets[step], strict=True):
            moved = turn * complex(x, y)
            place = corner + size * (shape[anchor] + [moved.real, moved.imag])
            column, row = np.floor(place + 0.5).astype(int)
            inside = 0 <= row < picture.shape[0] and 0 <= column < picture.shape[1]
            seen.append(int(picture[row, column].sum()) // 3 if inside else 0)
        for tree in range(len(trees.limits[step])):
            node = 0
            while node < 3:
                one, other = trees.pairs[step, tree, node]
                left = seen[one] - seen[other] > trees.limits[step, tree, node]
                node = 2 * node + (1 if left else 2)
            shape = shape + trees.leaves[step, tree, node - 3]
    return np.asarray(corner + size * shape + 0.5, np.float32)


def test_no_boxes_no_points() -> None:
    _, trees = predictor()
    picture = np.zeros((8, 8, 3), np.uint8)
    assert find_points(trees, picture, np.zeros((0, 4), np.float32)).shape == (0, 2, 2)
