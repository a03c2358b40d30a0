"""The embedded voice engine: GE2E, as trained by the makers of Resemblyzer.

Three layers of LSTM over a mel power spectrum (Wan et al., "Generalized end-to-end loss for speaker
verification", 2018; arXiv 1710.10467). The weights come as a file of PyTorch and are converted to
ONNX once. A clip is brought to -30 dBFS if it is quieter, cut into windows of 1.6 s that overlap by
half; the mean of their unit embeddings, made a unit vector, is the clip's.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from castline.engines.base import SOUND_RATE, Manifest, WeightFile
from castline.engines.calibration import shipped_calibration
from castline.engines.sessions import open_converted
from castline.engines.spectra import HOP, slaney_mel
from castline.engines.torch_files import read_torch_file
from castline.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["MANIFEST", "Ge2eVoices"]

Floats = npt.NDArray[np.float32]

MANIFEST = Manifest(
    name="ge2e",
    kind="voices",
    version=1,
    files=(
        WeightFile(
            name="ge2e.pt",
            sha256="39373b86598fa3da9fcddee6142382efe09777e8d37dc9c0561f41f0070f134e",
            bytes=17_090_379,
            package="Resemblyzer==0.1.4",
            member="resemblyzer/pretrained.pt",
        ),
    ),
    licence="Apache-2.0",
    remarks="Trained on LibriSpeech and VoxCeleb, its authors say; the package does not say it.",
    source="Resemble AI, Resemblyzer 0.1.4",
    calibration=shipped_calibration("ge2e"),
)

_SIZE = 256
_BANDS = 40
_LAYERS = 3

_WINDOW = 160
"""Frames of a window: 1.6 s."""

_STEP = 77
"""Frames from one window to the next: 1.3 windows a second."""

_COVERED = 0.75
"""Share of the last window that must be sound, for it to count."""

_LEVEL = 10 ** (-30 / 20)
"""Root mean square that quieter clips are raised to: -30 dBFS."""

_SILENCE = 1e-5
"""Root mean square under which there is nothing to hear: -100 dBFS, less than a 16-bit step."""

_SHORTEST = SOUND_RATE // 5
"""Samples that a clip must have: 0.2 s."""

_AT_ONCE = 32
"""Windows in one run of the network."""


class Ge2eVoices:
    """GE2E on onnxruntime.

    Args:
        folder: The models folder.
        threads: For onnxruntime.
    """

    manifest = MANIFEST
    size = _SIZE

    def __init__(self, folder: Path, threads: int = 1) -> None:
        self._folder = folder
        self._threads = threads

    def embed(self, clips: Sequence[Floats]) -> Floats:
        """(n, 256) unit embeddings of n clips at 16 kHz; see `VoiceEngine`.

        A clip under 0.2 s, or of silence, gets zeros.
        """
        windows = [(row, window) for row, clip in enumerate(clips) for window in _windows(clip)]
        # Windows of one length share a batch.
        windows.sort(key=lambda each: len(each[1]))
        total = np.zeros((len(clips), self.size), np.float32)
        for batch in _batches(windows):
            rows = [row for row, _ in batch]
            np.add.at(total, rows, self.embed_windows(np.stack([mel for _, mel in batch])))
        length = np.linalg.norm(total, axis=1, keepdims=True)
        unit: Floats = np.divide(total, length, out=total, where=length > 0)
        return unit

    def embed_windows(self, mels: Floats) -> Floats:
        """(n, 256) unit embeddings of n windows of (n, frames, 40) mel power."""
        (found,) = self._network.run(None, {"mels": mels})
        rows: Floats = found
        return rows

    @cached_property
    def _network(self) -> Any:
        (weights,) = MANIFEST.files
        path = self._folder / weights.name
        name = f"ge2e-{MANIFEST.version}-{weights.sha256[:16]}"
        return open_converted(self._folder, name, lambda: _to_onnx(path), threads=self._threads)


def _windows(clip: Floats) -> Iterator[Floats]:
    """Mel power of the windows of a clip; none when there is not enough sound."""
    level = float(np.sqrt(np.mean(np.square(clip, dtype=np.float64)))) if clip.size else 0.0
    if clip.size < _SHORTEST or level < _SILENCE:
        return
    loud = clip * np.float32(max(1.0, _LEVEL / level))
    count = _count(clip.size)
    whole = ((count - 1) * _STEP + _WINDOW) * HOP
    if clip.size < _WINDOW * HOP:
        yield slaney_mel(loud, _BANDS)
        return
    mel = slaney_mel(np.pad(loud, (0, max(0, whole - clip.size))), _BANDS)
    for number in range(count):
        yield mel[number * _STEP : number * _STEP + _WINDOW]


def _count(samples: int) -> int:
    """How many windows a clip has: the last one counts when three quarters of it are sound."""
    frames = -(-(samples + 1) // HOP)
    count = len(range(0, max(1, frames - _WINDOW + _STEP + 1), _STEP))
    covered = (samples / HOP - (count - 1) * _STEP) / _WINDOW
    return count - 1 if covered < _COVERED and count > 1 else count


def _batches(windows: list[tuple[int, Floats]]) -> Iterator[list[tuple[int, Floats]]]:
    """Neighbours of equal length, at most `_AT_ONCE` together."""
    batch: list[tuple[int, Floats]] = []
    for each in windows:
        if batch and (len(batch) == _AT_ONCE or len(batch[0][1]) != len(each[1])):
            yield batch
            batch = []
        batch.append(each)
    if batch:
        yield batch


def _to_onnx(path: Path) -> bytes:
    """The network in ONNX: (n, frames, 40) `mels` in, (n, 256) unit `voices` out."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    try:
        state = read_torch_file(path)["model_state"]
        arrays = _arrays(state)
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise InputError(
            path,
            f"these are not the weights of GE2E ({type(error).__name__}: {error}).",
            remedy="Fetch them again:  castline models pull ge2e",
        ) from error
    nodes = [helper.make_node("Transpose", ["mels"], ["x0"], perm=[1, 0, 2])]
    for layer in range(_LAYERS):
        inputs = [f"x{layer}", f"w{layer}", f"r{layer}", f"b{layer}"]
        # Of the last layer only the state at the end is wanted, of the others every step.
        every, end = ("", "end") if layer == _LAYERS - 1 else (f"y{layer}", "")
        nodes.append(helper.make_node("LSTM", inputs, [every, end], hidden_size=_SIZE))
        if every:
            nodes.append(helper.make_node("Squeeze", [every, "one"], [f"x{layer + 1}"]))
    nodes += [
        helper.make_node("Squeeze", ["end", "zero"], ["last"]),
        helper.make_node("Gemm", ["last", "matrix", "bias"], ["raw"], transB=1),
        helper.make_node("Relu", ["raw"], ["positive"]),
        helper.make_node("LpNormalization", ["positive"], ["voices"], axis=1, p=2),
    ]
    graph = helper.make_graph(
        nodes,
        "ge2e",
        [helper.make_tensor_value_info("mels", TensorProto.FLOAT, ["n", "frames", _BANDS])],
        [helper.make_tensor_value_info("voices", TensorProto.FLOAT, ["n", _SIZE])],
        [numpy_helper.from_array(array, name) for name, array in arrays.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    content: bytes = model.SerializeToString()
    return content


def _arrays(state: dict[str, npt.NDArray[Any]]) -> dict[str, npt.NDArray[Any]]:
    """Name in the graph to array, from the names of PyTorch."""
    arrays: dict[str, npt.NDArray[Any]] = {
        "one": np.array([1], np.int64),
        "zero": np.array([0], np.int64),
        "matrix": state["linear.weight"],
        "bias": state["linear.bias"],
    }
    for layer in range(_LAYERS):
        arrays[f"w{layer}"] = _gates(state[f"lstm.weight_ih_l{layer}"])[None]
        arrays[f"r{layer}"] = _gates(state[f"lstm.weight_hh_l{layer}"])[None]
        biases = [_gates(state[f"lstm.bias_{way}_l{layer}"]) for way in ("ih", "hh")]
        arrays[f"b{layer}"] = np.concatenate(biases)[None]
    return {name: np.ascontiguousarray(array) for name, array in arrays.items()}


def _gates(rows: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Rows in the order of ONNX (input, output, forget, cell) from PyTorch's (i, f, c, o)."""
    i, f, c, o = np.split(rows, 4)
    return np.concatenate([i, o, f, c])
