"""What networks for voices see: the energy of sound in bands that follow the ear, over time.

Two recipes are in use, and a network only works with the one it was trained on. Both take frames
of 25 ms every 10 ms of sound at 16 kHz.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from castline.engines.base import SOUND_RATE

__all__ = ["HOP", "kaldi_fbank", "slaney_mel"]

Floats = npt.NDArray[np.float32]

HOP = SOUND_RATE // 100
"""Samples between the starts of two frames: 10 ms."""

_FRAME = SOUND_RATE // 40
"""Samples of a frame: 25 ms."""

_KALDI_BINS = 512
"""Length of the Fourier transform of Kaldi: the power of two above the frame."""

_AT_ONCE = 16_384
"""Frames transformed at a time: some 30 MB."""


def slaney_mel(sound: Floats, bands: int = 40) -> Floats:
    """Mel power spectrum as librosa makes it: Slaney's scale, equal areas, centred frames, no log.

    Args:
        sound: (samples,) at 16 kHz.
        bands: How many bands from 0 to 8 kHz.

    Returns:
        (1 + samples // 160, bands); frame i is centred on sample 160 i, zeros surround the sound.
    """
    padded = np.pad(sound.astype(np.float32, copy=False), _FRAME // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, _FRAME)[::HOP]
    weights = _slaney_weights(bands)
    window = _hann()
    parts = [
        _power(frames[first : first + _AT_ONCE] * window, _FRAME) @ weights
        for first in range(0, len(frames), _AT_ONCE)
    ]
    return np.concatenate(parts)


def kaldi_fbank(sound: Floats, bands: int = 80) -> Floats:
    """Log mel power spectrum as Kaldi makes it by default, without dither.

    Each frame loses its mean, its high tones are raised (0.97) and its ends faded (Povey's window).

    Args:
        sound: (samples,) at 16 kHz.
        bands: How many bands from 20 Hz to 8 kHz.

    Returns:
        (frames, bands), natural logarithms; only whole frames, so none for under 25 ms of sound.
    """
    sound = sound.astype(np.float32, copy=False)
    if sound.size < _FRAME:
        return np.zeros((0, bands), np.float32)
    frames = np.lib.stride_tricks.sliding_window_view(sound, _FRAME)[::HOP]
    parts = [
        _kaldi_frames(frames[first : first + _AT_ONCE], bands)
        for first in range(0, len(frames), _AT_ONCE)
    ]
    return np.concatenate(parts)


def _kaldi_frames(frames: Floats, bands: int) -> Floats:
    level = frames - frames.mean(axis=1, keepdims=True)
    before = np.concatenate([level[:, :1], level[:, :-1]], axis=1)
    shaped = (level - np.float32(0.97) * before) * _povey()
    energy = _power(shaped, _KALDI_BINS)[:, :-1] @ _kaldi_weights(bands)
    logs: Floats = np.log(np.maximum(energy, np.finfo(np.float32).eps))
    return logs


def _power(frames: Floats, length: int) -> Floats:
    """(n, length // 2 + 1) squared magnitudes of the Fourier transform of each frame."""
    spectrum = np.fft.rfft(frames, length, axis=1)
    power: Floats = (spectrum.real**2 + spectrum.imag**2).astype(np.float32, copy=False)
    return power


@cache
def _hann() -> Floats:
    phase = 2 * np.pi * np.arange(_FRAME) / _FRAME
    return (0.5 - 0.5 * np.cos(phase)).astype(np.float32)


@cache
def _povey() -> Floats:
    phase = 2 * np.pi * np.arange(_FRAME) / (_FRAME - 1)
    return ((0.5 - 0.5 * np.cos(phase)) ** 0.85).astype(np.float32)


@cache
def _slaney_weights(bands: int) -> Floats:
    """(201, bands): triangles between equal steps of Slaney's mel scale, each of area one.

    The scale (M. Slaney, Auditory Toolbox, 1998) is linear up to 1 kHz, 15 mel, and then grows by
    a factor of 6.4 every 27 mel.
    """
    top = 15 + 27 * np.log(SOUND_RATE / 2 / 1000) / np.log(6.4)
    mels = np.linspace(0, top, bands + 2)
    corners = np.where(mels < 15, mels * 200 / 3, 1000 * 6.4 ** ((mels - 15) / 27))
    bins = np.linspace(0, SOUND_RATE / 2, _FRAME // 2 + 1)
    area = 2 / (corners[2:] - corners[:-2])
    return (_triangles(bins, corners) * area).astype(np.float32)


@cache
def _kaldi_weights(bands: int) -> Floats:
    """(256, bands): triangles on the mel scale 1127 ln(1 + f / 700), without the topmost bin."""

    def mel(hertz: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
        scaled: npt.NDArray[np.float64] = 1127 * np.log1p(hertz / 700)
        return scaled

    low, high = mel(np.array([20.0, SOUND_RATE / 2]))
    bins = mel(np.arange(_KALDI_BINS // 2) * (SOUND_RATE / _KALDI_BINS))
    return _triangles(bins, np.linspace(low, high, bands + 2)).astype(np.float32)


def _triangles(
    at: npt.NDArray[np.float64], corners: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """(n, corners - 2): height at n places of triangles over three neighbouring corners each."""
    left, peak, right = corners[:-2], corners[1:-1], corners[2:]
    rising = (at[:, None] - left) / (peak - left)
    falling = (right - at[:, None]) / (right - peak)
    return np.clip(np.minimum(rising, falling), 0, None)
