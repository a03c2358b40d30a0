"""A user's own face networks: fed as described, read as their makers publish, refused if unfit.

The detectors here are graphs of constants, so that what comes out is known; the embedders hand back
what they were fed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from castline.engines.base import Detections, FaceEngine, Manifest, WeightFile
from castline.engines.face_decoding import DECODINGS
from castline.engines.onnx_faces import Describing, FaceAdapter, Finding, OnnxFaces
from castline.errors import InputError

Floats = npt.NDArray[np.float32]
Make = Callable[..., OnnxFaces]

FACE = np.array([[30, 40], [60, 40], [45, 55], [33, 72], [57, 72]], np.float32)
"""Eyes, nose, corners of the mouth."""


def constants(path: Path, outputs: Mapping[str, Floats], shape: list[Any]) -> None:
    """A network that gives the same whatever it sees."""
    names = {name: f"{name}_value" for name in outputs}
    graph = helper.make_graph(
        [helper.make_node("Identity", [names[name]], [name]) for name in outputs],
        "constants",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, v.shape) for n, v in outputs.items()],
        [numpy_helper.from_array(v.astype(np.float32), names[n]) for n, v in outputs.items()],
    )
    save(graph, path)


def echo(path: Path, shape: list[Any]) -> None:
    """A network whose embedding is its input, all numbers in a row."""
    graph = helper.make_graph(
        [helper.make_node("Flatten", ["x"], ["y"])],
        "echo",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
    )
    save(graph, path)


def save(graph: Any, path: Path) -> None:
    opset = [helper.make_opsetid("", 18)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), path)


def grids(widths: Mapping[str, int], each: int, size: int) -> dict[str, Floats]:
    """Outputs full of zeros for three grids of a square input."""
    return {
        f"{name}_{stride}": np.zeros((1, each * (size // stride) ** 2, width), np.float32)
        for name, width in widths.items()
        for stride in (8, 16, 32)
    }


def yunet_outputs() -> dict[str, Floats]:
    """A face of 48 by 64 pixels with its middle at (84, 68), seen by the grid of 16."""
    outputs = grids({"cls": 1, "obj": 1, "bbox": 4, "kps": 10}, 1, 128)
    cell = 4 * 8 + 5  # row 4, column 5
    outputs["cls_16"][0, cell], outputs["obj_16"][0, cell] = 0.81, 1.5
    outputs["bbox_16"][0, cell] = [0.25, 0.25, np.log(3), np.log(4)]
    outputs["kps_16"][0, cell] = ((FACE + 30) / 16 - [5, 4]).ravel()
    return outputs


def scrfd_outputs() -> dict[str, Floats]:
    """A face from (70, 50) to (100, 110), seen by the second box of a cell of the grid of 8."""
    outputs = grids({"score": 1, "box": 4, "point": 10}, 2, 128)
    cell = 2 * (9 * 16 + 10) + 1  # row 9, column 10: at (80, 72)
    outputs["score_8"][0, cell] = 0.9
    outputs["box_8"][0, cell] = np.array([10, 22, 20, 38]) / 8
    outputs["point_8"][0, cell] = ((FACE + 30 - [80, 72]) / 8).ravel()
    # Names and order are those of some export: only shapes can tell them apart.
    return {f"{400 + i}": value[0] for i, value in enumerate(reversed(outputs.values()))}


def retinaface_outputs() -> dict[str, Floats]:
    """A face of 128 by 64 pixels at (88, 72), started from the square of 128 of the grid of 16."""
    count = 2 * (16**2 + 8**2 + 4**2)
    box, sure = np.zeros((1, count, 4), np.float32), np.zeros((1, count, 2), np.float32)
    point = np.zeros((1, count, 10), np.float32)
    prior = 2 * 16**2 + 2 * (4 * 8 + 5) + 1  # row 4, column 5, second square: middle at (88, 72)
    sure[0, :, 0] = 1
    sure[0, prior] = [0.2, 0.8]
    box[0, prior] = [0, 0, 0, np.log(0.5) / 0.2]
    point[0, prior] = ((FACE + 30 - [88, 72]) / 128 / 0.1).ravel()
    return {"loc": box, "conf": sure, "landms": point}


CASES = {
    "yunet": (yunet_outputs(), [60, 36, 108, 100], 0.9),
    "scrfd": (scrfd_outputs(), [70, 50, 100, 110], 0.9),
    "retinaface": (retinaface_outputs(), [24, 40, 152, 104], 0.8),
}


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Make an engine around a detector of constants and an embedder that echoes."""

    def engine(
        decoding: str = "yunet",
        *,
        outputs: Mapping[str, Floats] | None = None,
        shape: list[Any] | None = None,
        finding: Mapping[str, Any] | None = None,
        **describing: Any,
    ) -> OnnxFaces:
        given = CASES[decoding][0] if outputs is None else outputs
        constants(tmp_path / "find.onnx", given, shape or [1, 3, 128, 128])
        echo(tmp_path / "describe.onnx", ["n", "a", "b", "c"])
        files = tuple(
            WeightFile(name=name, sha256="", bytes=0) for name in ("find.onnx", "describe.onnx")
        )
        manifest = Manifest(name="own", kind="faces", version=1, files=files, licence="", source="")
        adapter = FaceAdapter(
            detector=Finding(decoding=decoding, **(finding or {})),  # type: ignore[arg-type]
            embedder=Describing(**{"size": 3 * 8 * 8, "side": 8, **describing}),
        )
        return OnnxFaces(tmp_path, manifest, adapter)

    return engine


def noise(height: int, width: int) -> npt.NDArray[np.uint8]:
    return np.random.default_rng(1).integers(0, 256, (height, width, 3)).astype(np.uint8)


def one_face(box: list[float], points: Floats = FACE) -> Detections:
    return Detections(
        np.array([box], np.float32), np.ones(1, np.float32), points[None],
        np.zeros((1, 4), np.float32),
    )  # fmt: skip


@pytest.mark.parametrize("decoding", CASES)
def test_outputs_of_published_detectors_are_read(decoding: str) -> None:
    outputs, box, score = CASES[decoding]
    boxes, scores, points = DECODINGS[decoding](outputs, (128, 128), 0.5)
    np.testing.assert_allclose(boxes, [box], atol=1e-3)
    np.testing.assert_allclose(scores, [score], atol=1e-6)
    # They count from the middle of the first pixel, the project from its edge.
    np.testing.assert_allclose(points, [FACE + 30.5], atol=1e-3)


@pytest.mark.parametrize("decoding", CASES)
def test_what_scores_too_low_is_no_face(decoding: str) -> None:
    outputs, _, score = CASES[decoding]
    boxes, scores, points = DECODINGS[decoding](outputs, (128, 128), score + 0.01)
    assert (boxes.shape, scores.shape, points.shape) == ((0, 4), (0,), (0, 5, 2))


@pytest.mark.parametrize("decoding", CASES)
def test_faces_come_back_in_pixels_of_the_picture(make: Make, decoding: str) -> None:
    # 256 by 192 goes into 128 by 128 at half its size.
    found = make(decoding).detect(noise(192, 256), smallest=20)
    np.testing.assert_allclose(found.boxes, [2 * np.array(CASES[decoding][1])], atol=1e-2)
    np.testing.assert_allclose(found.points, [2 * (FACE + 30.5)], atol=1e-2)
    left, top, right, bottom = found.mouths[0]
    corners = found.points[0, 3:]
    assert left < corners[:, 0].min() < corners[:, 0].max() < right
    assert top < corners[:, 1].min() <= corners[:, 1].max() < bottom


def test_an_input_of_free_size_is_made_for_the_smallest_face(make: Make) -> None:
    # 20 pixels are to be seen as 16: 160 by 160 becomes 128 by 128.
    engine = make(shape=[1, 3, "h", "w"])
    found = engine.detect(noise(160, 160), smallest=20)
    np.testing.assert_allclose(found.boxes, [np.array(CASES["yunet"][1]) / 0.8], atol=1e-2)


def test_an_input_with_channels_last_has_its_size_read_from_there(make: Make) -> None:
    engine = make(shape=[1, 128, 128, 3], finding={"layout": "NHWC"})
    found = engine.detect(noise(256, 256), smallest=20)
    np.testing.assert_allclose(found.boxes, [2 * np.array(CASES["yunet"][1])], atol=1e-2)


def test_a_search_around_a_face_is_moved_to_its_place(make: Make) -> None:
    engine = make(shape=[1, 3, "h", "w"])
    # 64 pixels across, half of it on each side: 128 by 128, from (68, 18) on, at its own size.
    around = np.array([[100, 50, 164, 114]], np.float32)
    found = engine.detect(noise(300, 400), smallest=20, around=around)
    expected = np.array(CASES["yunet"][1]) + np.array([68, 18, 68, 18])
    np.testing.assert_allclose(found.boxes, [expected], atol=1e-2)
    np.testing.assert_allclose(found.points, [FACE + 30.5 + [68, 18]], atol=1e-2)


def test_every_face_it_gives_is_certain(make: Make) -> None:
    engine: FaceEngine = make(finding={"score": 0.7})
    found = engine.detect(noise(128, 128), smallest=20)
    assert (found.scores >= engine.certain).all()
    assert engine.certain == 0.7


def test_a_face_found_around_two_neighbours_is_one_face(make: Make) -> None:
    engine = make(shape=[1, 3, "h", "w"])
    around = np.array([[100, 50, 164, 114], [102, 50, 166, 114]], np.float32)
    assert len(engine.detect(noise(300, 400), smallest=20, around=around)) == 1
    assert len(engine.detect(noise(300, 400), smallest=20, around=around[:0])) == 0


def test_the_embedder_gets_colours_mean_scale_and_layout_as_described(make: Make) -> None:
    picture = noise(8, 8)
    engine = make(alignment="box", colour="BGR", mean=(10.0, 20.0, 30.0), scale=0.5, layout="NHWC")
    fed = engine.embed(picture, one_face([0, 0, 8, 8]))[0]
    expected = ((picture[..., ::-1] - np.array([10.0, 20.0, 30.0])) * 0.5).ravel()
    np.testing.assert_allclose(fed, expected / np.linalg.norm(expected), atol=1e-6)
    first = make(alignment="box", mean=(127.5,) * 3, scale=1 / 128)
    fed = first.embed(picture, one_face([0, 0, 8, 8]))[0]
    expected = ((picture.transpose(2, 0, 1) - 127.5) / 128).ravel()
    np.testing.assert_allclose(fed, expected / np.linalg.norm(expected), atol=1e-6)


def test_a_box_may_get_a_margin(make: Make) -> None:
    picture = noise(30, 30)
    plain = make(alignment="box", margin=1.0, mean=(0.0,) * 3, scale=1.0)
    fed = plain.embed(picture, one_face([10, 10, 14, 14]))[0]
    expected = picture[8:16, 8:16].transpose(2, 0, 1).astype(float).ravel()
    np.testing.assert_allclose(fed, expected / np.linalg.norm(expected), atol=1e-6)


def test_eyes_nose_and_mouth_come_to_the_places_that_arcface_wants(make: Make) -> None:
    # Published for 112 pixels, counted from the middle of the first one.
    places = np.array(
        [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655],
         [70.7299, 92.2041]]
    )  # fmt: skip
    turn = 2 * np.array([[np.cos(0.4), -np.sin(0.4)], [np.sin(0.4), np.cos(0.4)]])
    points = ((places + 0.5) @ turn.T + [150, 20]).astype(np.float32)
    picture = np.zeros((320, 320, 3), np.uint8)
    for x, y in points:
        picture[int(y) - 3 : int(y) + 4, int(x) - 3 : int(x) + 4] = 255
    engine = make(size=3 * 112 * 112, side=112, mean=(0.0,) * 3, scale=1.0)
    chip = engine.embed(picture, one_face([0, 0, 9, 9], points))[0].reshape(3, 112, 112)
    for x, y in places:
        near = chip[0, int(y) - 6 : int(y) + 8, int(x) - 6 : int(x) + 8]
        rows, columns = np.mgrid[int(y) - 6 : int(y) + 8, int(x) - 6 : int(x) + 8]
        assert (near * columns).sum() / near.sum() == pytest.approx(x, abs=0.5)
        assert (near * rows).sum() / near.sum() == pytest.approx(y, abs=0.5)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"decoding": "yunet", "outputs": {"scores": np.zeros((1, 9, 1))}}, "cannot be read"),
        ({"decoding": "scrfd", "outputs": {"scores": np.zeros((1, 9, 1))}}, "cannot be read"),
        ({"decoding": "retinaface", "outputs": {"loc": np.zeros((1, 9, 4))}}, "cannot be read"),
        ({"shape": [1, 4, 128, 128]}, "cannot run"),
    ],
    ids=["no yunet", "no scrfd", "no retinaface", "other channels"],
)
def test_a_detector_that_does_not_fit_is_refused_by_name(
    make: Make, change: dict[str, Any], problem: str
) -> None:
    with pytest.raises(InputError, match=problem) as caught:
        make(**change).detect(noise(128, 128), smallest=20)
    assert caught.value.path.name == "find.onnx"


def test_an_embedder_that_does_not_fit_is_refused_by_name(make: Make) -> None:
    face = one_face([0, 0, 8, 8])
    with pytest.raises(InputError, match="192 numbers, 128 are described") as caught:
        make(size=128).embed(noise(20, 20), face)
    assert caught.value.path.name == "describe.onnx"
    with pytest.raises(InputError, match="no direction"):
        make(alignment="box", scale=0.0).embed(noise(20, 20), face)
    with pytest.raises(InputError, match="cannot run"):
        make(output="missing").embed(noise(20, 20), face)


def test_one_file_is_not_enough(tmp_path: Path) -> None:
    file = WeightFile(name="find.onnx", sha256="", bytes=0)
    manifest = Manifest(name="own", kind="faces", version=1, files=(file,), licence="", source="")
    adapter = FaceAdapter(detector=Finding(decoding="yunet"), embedder=Describing(size=128))
    with pytest.raises(InputError, match="two"):
        OnnxFaces(tmp_path, manifest, adapter)
