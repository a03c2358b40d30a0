"""Voice networks that a user adds, such as ERes2Net and CAM++: any ONNX file, told how to feed it.

Most are trained on Kaldi's log mel bands with the mean of the clip taken off; some take the wave
itself. What differs between them is a few fields in the description beside the file.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec
import numpy as np
import numpy.typing as npt

from castline.engines.base import SOUND_RATE, Manifest
from castline.engines.sessions import open_network
from castline.engines.spectra import kaldi_fbank
from castline.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["OnnxVoices", "VoiceAdapter"]

Floats = npt.NDArray[np.float32]


class VoiceAdapter(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a voice network is fed and read.

    Attributes:
        input: What it takes: `frames-bands` (1, frames, bands), `bands-frames` (1, bands, frames),
            or `wave` (1, samples) at 16 kHz.
        size: Numbers of its embedding.
        bands: Bands of Kaldi's log mel spectrum.
        full_scale: What the loudest sample is in its world: 1, or 32768 if it was trained on
            16-bit numbers.
        centred: Take the mean over the clip off each band.
        shortest_ms: Shorter clips get zeros; at least one frame, 25.
        output: Name of the output that holds the embedding; the first when empty.
    """

    input: Literal["frames-bands", "bands-frames", "wave"]
    size: Annotated[int, msgspec.Meta(ge=1, le=65_536)]
    bands: Annotated[int, msgspec.Meta(ge=1, le=200)] = 80
    full_scale: Annotated[float, msgspec.Meta(gt=0, le=1e6)] = 1.0
    centred: bool = True
    shortest_ms: Annotated[int, msgspec.Meta(ge=25, le=10_000)] = 200
    output: str = ""


class OnnxVoices:
    """A `VoiceEngine` on any ONNX network.

    Args:
        folder: The models folder.
        manifest: Of the network; its first file is the ONNX file.
        adapter: How the network is fed and read.
        threads: For onnxruntime.
    """

    def __init__(
        self, folder: Path, manifest: Manifest, adapter: VoiceAdapter, threads: int = 1
    ) -> None:
        self.manifest = manifest
        self.size = adapter.size
        self._path = folder / manifest.files[0].name
        self._adapter = adapter
        self._threads = threads

    def embed(self, clips: Sequence[Floats]) -> Floats:
        """(n, size) unit embeddings of n clips at 16 kHz, zeros for clips that are too short.

        Raises:
            InputError: The network does not run on this input, or gives something else than
                `size` finite numbers.
        """
        found = np.zeros((len(clips), self.size), np.float32)
        shortest = self._adapter.shortest_ms * SOUND_RATE // 1000
        for row, clip in enumerate(clips):
            if clip.size >= shortest and clip.any():
                found[row] = self._embedded(clip)
        return found

    def _embedded(self, clip: Floats) -> Floats:
        network = self._network
        output = [self._adapter.output] if self._adapter.output else None
        try:
            answer = network.run(output, {network.get_inputs()[0].name: self._fed(clip)})[0]
        except Exception as error:
            # onnxruntime raises a family of its own that shares nothing but Exception.
            raise self._refused(f"it cannot run: {str(error).splitlines()[0][:200]}") from error
        voice: Floats = np.asarray(answer, np.float32).reshape(-1)
        length = float(np.linalg.norm(voice))
        if voice.size != self.size:
            raise self._refused(f"it gives {voice.size} numbers, {self.size} are described")
        if not np.isfinite(length) or length == 0:
            raise self._refused(
                f"it gives no direction for {clip.size / SOUND_RATE:.2f} s of sound"
            )
        return voice / np.float32(length)

    def _fed(self, clip: Floats) -> Floats:
        """The input of the network for one clip."""
        scaled = clip.astype(np.float32, copy=False) * np.float32(self._adapter.full_scale)
        if self._adapter.input == "wave":
            return scaled[None]
        bands = kaldi_fbank(scaled, self._adapter.bands)
        if self._adapter.centred:
            bands = bands - bands.mean(axis=0)
        if self._adapter.input == "bands-frames":
            bands = np.ascontiguousarray(bands.T)
        return bands[None]

    def _refused(self, problem: str) -> InputError:
        return InputError(
            self._path,
            f"this network does not fit its description: {problem}.",
            remedy="Mend the adapter fields (docs/engines.md) and add it again.",
        )

    @cached_property
    def _network(self) -> Any:
        return open_network(self._path, threads=self._threads)
