"""Pieces of decoded sound, laid one after the other where their times say."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from av.audio.frame import AudioFrame

__all__ = ["RATE", "Timeline"]

Floats = npt.NDArray[np.float32]

RATE = 16_000
"""Samples a second of what comes out."""
_SILENCE = np.zeros(RATE, np.float32)
_GAP = 0.01
"""Seconds between a frame's time and the end of the one before that are a gap, not inexactness."""
_DRIFT = 0.001
"""Seconds that frames may on average be off before the sound is put right again."""
_SMOOTHING = 1 / 50


class Timeline:
    """Lays frames one after the other at 16 kHz and keeps them at their times.

    Attributes:
        written: Samples given so far.
    """

    def __init__(self) -> None:
        self.written = 0
        self._run: _Run | None = None
        self._skip = 0

    def add(self, frame: AudioFrame, at: float | None) -> Iterator[Floats]:
        """Samples that are sure now; `at` is the frame's time in seconds, if it has one."""
        if self._run is None or not self._run.continues(frame, at):
            yield from self.finish()
            self._run = _Run(frame, self.written / RATE if at is None else at)
            place = round(self._run.start * RATE)
            yield from self._silence(place - self.written)
            self._skip = self.written - place
        for samples in self._run.resample(frame):
            yield from self._give(samples)

    def finish(self) -> Iterator[Floats]:
        """What the resampler still holds."""
        if self._run is not None:
            for samples in self._run.resample(None):
                yield from self._give(samples)
        self._run = None

    def _silence(self, length: int) -> Iterator[Floats]:
        for start in range(0, length, RATE):
            yield from self._give(_SILENCE[: length - start])

    def _give(self, samples: Floats) -> Iterator[Floats]:
        kept = samples[self._skip :]
        self._skip -= len(samples) - len(kept)
        if len(kept):
            self.written += len(kept)
            yield kept


class _Run:
    """Frames that follow each other without a gap, and their resampler.

    Attributes:
        start: Seconds on the media clock.
    """

    def __init__(self, frame: AudioFrame, start: float) -> None:
        from av import AudioResampler

        self.start = start
        self._kind = _kind(frame)
        self._samples = 0
        self._late = 0.0
        # Without the limit a loud film would leave the range when its channels are added up.
        self._resampler = AudioResampler(
            format="flt", layout="mono", rate=RATE, options={"rematrix_maxval": "1.0"}
        )

    def continues(self, frame: AudioFrame, at: float | None) -> bool:
        """Whether the frame begins where the one before ended."""
        if _kind(frame) != self._kind:
            return False
        if at is None:
            return True
        # Times in files are rounded, so single ones are not trusted to the millisecond.
        late = at - self.start - self._samples / frame.sample_rate
        self._late += (late - self._late) * _SMOOTHING
        return abs(late) < _GAP and abs(self._late) < _DRIFT

    def resample(self, frame: AudioFrame | None) -> Iterator[Floats]:
        if frame is not None:
            self._samples += frame.samples
            frame.pts = None
        for piece in self._resampler.resample(frame):
            yield piece.to_ndarray().reshape(-1).astype(np.float32, copy=False)


def _kind(frame: AudioFrame) -> tuple[int, str, str]:
    return frame.sample_rate, frame.layout.name, frame.format.name
