"""The embedded speech detector: silero VAD, and stretches of speech from its probabilities.

The network carries its state from frame to frame. The package brings an ONNX file that takes many
frames in one run and gives the same numbers as frame by frame, so 45 minutes of sound take seconds.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from castline.engines.base import SOUND_RATE, Manifest, WeightFile
from castline.engines.sessions import open_network

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["MANIFEST", "SileroSpeech", "segments"]

Floats = npt.NDArray[np.float32]

MANIFEST = Manifest(
    name="silero",
    kind="speech-activity",
    version=1,
    files=(
        WeightFile(
            name="silero_vad_16k_sequence.onnx",
            sha256="9ccdacc4719d8aa7e45a77536bfabec45a03ba1f2fad5e241ab4060b24238a85",
            bytes=1_246_165,
            package="silero-vad==6.2.3",
            member="silero_vad/data/silero_vad_16k_sequence.onnx",
        ),
    ),
    licence="MIT",
    source="Silero Team, silero VAD 6.2.3",
)

_FRAME = 512
"""Samples of a frame: 32 ms."""

_BEFORE = 64
"""Samples before each frame that the network sees again."""

_AT_ONCE = 512
"""Frames in one run: 16 s."""


class SileroSpeech:
    """Silero VAD on onnxruntime.

    Args:
        folder: The models folder.
        threads: For onnxruntime.
    """

    manifest = MANIFEST
    hop_ms = 1000 * _FRAME / SOUND_RATE

    def __init__(self, folder: Path, threads: int = 1) -> None:
        self._folder = folder
        self._threads = threads

    def probabilities(self, sound: Floats) -> Floats:
        """(frames,) probability of speech in each 32 ms of sound at 16 kHz; see `SpeechDetector`.

        The last frame is filled up with silence; sound of no samples has no frames.
        """
        count = -(-sound.size // _FRAME)
        memory = np.zeros((1, 1, 128), np.float32)
        state = {"h": memory, "c": memory}
        found = [np.zeros(0, np.float32)]
        for first in range(0, count, _AT_ONCE):
            frames = _frames(sound, first, min(_AT_ONCE, count - first))
            probability, h, c = self._network.run(
                ["speech_probs", "hn", "cn"], {"input": frames, **state}
            )
            found.append(probability)
            state = {"h": h, "c": c}
        return np.concatenate(found)

    @cached_property
    def _network(self) -> Any:
        return open_network(self._folder / MANIFEST.files[0].name, threads=self._threads)


def _frames(sound: Floats, first: int, count: int) -> Floats:
    """(count, 576) frames with what comes before each; silence outside of the sound."""
    start, stop = first * _FRAME - _BEFORE, (first + count) * _FRAME
    part = np.zeros(stop - start, np.float32)
    held = sound[max(0, start) : stop]
    part[max(0, -start) : max(0, -start) + held.size] = held
    windows = np.lib.stride_tricks.sliding_window_view(part, _BEFORE + _FRAME)
    return np.ascontiguousarray(windows[::_FRAME])


def segments(
    probabilities: Floats,
    hop_ms: float,
    *,
    begin: float = 0.5,
    end: float = 0.35,
    shortest_ms: float = 250,
    shortest_pause_ms: float = 100,
    margin_ms: float = 30,
) -> list[tuple[int, int]]:
    """Stretches of speech: they begin above one probability and go on until below a lower one.

    Args:
        probabilities: (frames,) of speech.
        hop_ms: Time between two frames.
        begin: Probability at which speech begins.
        end: Probability under which it ends; at most `begin`.
        shortest_ms: Shorter stretches are left out.
        shortest_pause_ms: Pauses shorter than this are speech.
        margin_ms: Added on both sides of a stretch, but not beyond half the pause to the next.

    Returns:
        Start and end of each in milliseconds, ascending, without overlap. The constants are those
        that silero VAD uses by default.
    """
    count = len(probabilities)
    # The state at a frame is that of the last frame that was clearly speech or clearly none.
    clear = (probabilities >= begin) | (probabilities < end)
    last = np.maximum.accumulate(np.where(clear, np.arange(count), -1))
    speech = (last >= 0) & (probabilities[last] >= begin)
    edges = np.flatnonzero(np.diff(speech.astype(np.int8), prepend=0, append=0))
    starts, ends = edges[::2] * hop_ms, edges[1::2] * hop_ms
    apart = starts[1:] - ends[:-1] >= shortest_pause_ms
    starts = starts[np.concatenate([[True], apart])] if starts.size else starts
    ends = ends[np.concatenate([apart, [True]])] if ends.size else ends
    long = ends - starts >= shortest_ms
    starts, ends = starts[long], ends[long]
    pause = (starts[1:] - ends[:-1]) / 2
    before = np.minimum(margin_ms, np.concatenate([starts[:1], pause]))
    after = np.minimum(margin_ms, np.concatenate([pause, count * hop_ms - ends[-1:]]))
    bounds = zip(np.round(starts - before), np.round(ends + after), strict=True)
    return [(int(start), int(stop)) for start, stop in bounds]
