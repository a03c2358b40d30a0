"""A user's own voice network: fed as described, refused when it does not fit."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from castline.engines.base import Manifest, WeightFile
from castline.engines.onnx_voices import OnnxVoices, VoiceAdapter
from castline.engines.spectra import kaldi_fbank
from castline.errors import InputError
from castline.testing.synthetic_voices import VOICES, speak

CLIP = speak(VOICES[0], 1.0, 1)
Make = Callable[..., OnnxVoices]


def mean_network(path: Path, shape: list[Any], axis: int, *, second: bool = False) -> None:
    """A network whose embedding is the mean of its input along an axis; or twice its negative."""
    nodes = [
        helper.make_node("ReduceMean", ["x", "axis"], ["mean"], keepdims=0),
        helper.make_node("Mul", ["mean", "minus"], ["twice"]),
    ]
    outputs = ["mean", "twice"] if second else ["mean"]
    graph = helper.make_graph(
        nodes,
        "mean",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs],
        [
            numpy_helper.from_array(np.array([axis]), "axis"),
            numpy_helper.from_array(np.array([-2], np.float32), "minus"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    onnx.save(model, path)


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Make an engine around the mean network."""

    def engine(shape: list[Any], axis: int, *, second: bool = False, **adapter: Any) -> OnnxVoices:
        mean_network(tmp_path / "net.onnx", shape, axis, second=second)
        file = WeightFile(name="net.onnx", sha256="", bytes=0)
        manifest = Manifest(
            name="net", kind="voices", version=1, files=(file,), licence="", source=""
        )
        return OnnxVoices(tmp_path, manifest, VoiceAdapter(**adapter))

    return engine


def unit(row: Any) -> Any:
    return row / np.linalg.norm(row)


def test_bands_come_as_rows_of_frames(make: Make) -> None:
    engine = make(["n", "t", 80], 1, input="frames-bands", size=80, centred=False)

    np.testing.assert_allclose(
        engine.embed([CLIP])[0], unit(kaldi_fbank(CLIP).mean(axis=0)), atol=1e-6
    )


def test_bands_come_as_columns_of_frames(make: Make) -> None:
    engine = make(["n", 80, "t"], 2, input="bands-frames", size=80, centred=False)

    np.testing.assert_allclose(
        engine.embed([CLIP])[0], unit(kaldi_fbank(CLIP).mean(axis=0)), atol=1e-6
    )


def test_the_mean_of_the_clip_is_taken_off_each_band(make: Make) -> None:
    engine = make(["n", "t", 80], 2, input="frames-bands", size=98)
    bands = kaldi_fbank(CLIP)

    made = engine.embed([CLIP])[0]

    np.testing.assert_allclose(made, unit((bands - bands.mean(axis=0)).mean(axis=1)), atol=1e-5)


def test_the_full_scale_of_16_bit_numbers_is_taken_into_account(make: Make) -> None:
    engine = make(
        ["n", "t", 40], 1, input="frames-bands", size=40, bands=40, centred=False, full_scale=32768
    )

    np.testing.assert_allclose(
        engine.embed([CLIP])[0], unit(kaldi_fbank(CLIP * 32768, 40).mean(axis=0)), atol=1e-6
    )


def test_a_network_may_take_the_wave_itself(make: Make) -> None:
    engine = make(["n", "t"], 0, input="wave", size=CLIP.size)

    np.testing.assert_allclose(engine.embed([CLIP])[0], unit(CLIP), atol=1e-6)


def test_the_named_output_is_taken(make: Make) -> None:
    fields: dict[str, Any] = {"input": "frames-bands", "size": 80, "centred": False}

    first = make(["n", "t", 80], 1, second=True, **fields).embed([CLIP])
    named = make(["n", "t", 80], 1, second=True, output="twice", **fields).embed([CLIP])

    np.testing.assert_allclose(named, -first, atol=1e-6)


def test_clips_that_are_too_short_or_silent_get_zeros(make: Make) -> None:
    engine = make(["n", "t", 80], 1, input="frames-bands", size=80, shortest_ms=500)

    made = engine.embed([CLIP[:7999], np.zeros(16_000, np.float32), np.zeros(0, np.float32)])

    assert made.shape == (3, 80)
    assert not made.any()


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"size": 192}, "gives 80 numbers, 192 are described"),
        ({"size": 80, "bands": 40}, "cannot run"),
        ({"size": 80, "output": "nothing"}, "cannot run"),
    ],
    ids=["size", "bands", "output"],
)
def test_a_description_that_does_not_fit_is_an_error_that_names_the_file(
    make: Make, fields: dict[str, Any], problem: str
) -> None:
    engine = make(["n", "t", 80], 1, input="frames-bands", centred=False, **fields)

    with pytest.raises(InputError, match=rf"net\.onnx.*{problem}"):
        engine.embed([CLIP])


def test_an_answer_without_direction_is_an_error_and_no_zeros(make: Make) -> None:
    engine = make(["n", "t", 80], 1, input="frames-bands", size=80, full_scale=float("nan"))

    with pytest.raises(InputError, match="no direction"):
        engine.embed([CLIP])


def test_a_file_that_is_no_network_is_an_error_that_names_it(make: Make, tmp_path: Path) -> None:
    engine = make(["n", "t", 80], 1, input="frames-bands", size=80)
    (tmp_path / "net.onnx").write_bytes(b"not a network")

    with pytest.raises(InputError, match=r"net\.onnx.*cannot run this network"):
        engine.embed([CLIP])
