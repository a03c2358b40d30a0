"""Synthetic voices that speak nonsense: a voice engine tells them apart, nobody understands them.

Pulses of a larynx pass formant resonators; noise makes the consonants; pitch rises and falls with
accents; a fixed equaliser colours each speaker. Syllables are drawn at random, so no two clips hold
the same "words" unless they are given the same seed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["RATE", "VOICES", "Voice", "speak"]

Floats = npt.NDArray[np.float64]
Sound = npt.NDArray[np.float32]

RATE = 16_000
"""Samples a second."""

_LOUDEST = 0.5
_HOP = 160
"""Samples between two changes of the resonators: 10 ms."""
_LONG = 1024
"""Samples until the resonators are silent again."""
_GLIDE_S, _ONSET_S = 0.045, 0.018
"""How fast formants and levels move from sound to sound."""
_BANDWIDTHS = (70.0, 90.0, 130.0, 220.0)
_EQUALISER_HZ = (0, 500, 1000, 2000, 3200, 5000, 8000)
_HIGHEST_HZ = 7400.0


@dataclass(frozen=True)
class Voice:
    """One speaker.

    Attributes:
        pitch: Base frequency, Hz.
        tract: Multiplies all formants; short vocal tracts have more than 1.
        formants: Multiply the first three formants one by one.
        fourth: The fourth formant, Hz.
        breadth: Multiplies the formants' bandwidths.
        tilt: Darkness of the larynx, 0 to 1.
        open_share: Part of each period in which the larynx is open.
        jitter: Unevenness of the periods.
        shimmer: Unevenness of their strength.
        breath: Noise in the voice.
        pace: Speed of speech.
        melody: How far accents raise the pitch.
        decline: How far the pitch falls to the end.
        nasal: Strength of the nose's dip; none under 0.3.
        nasal_hz: Where it lies, Hz.
        vibrato: Depth of a slow tremor.
        equaliser: Decibels at 0, 500, 1000, 2000, 3200, 5000 and 8000 Hz.
        creak: Whether the end of each clip creaks.
    """

    pitch: float
    tract: float
    formants: tuple[float, float, float]
    fourth: float
    breadth: float
    tilt: float
    open_share: float
    jitter: float
    shimmer: float
    breath: float
    pace: float
    melody: float
    decline: float
    nasal: float
    nasal_hz: float
    vibrato: float
    equaliser: tuple[float, float, float, float, float, float, float]
    creak: bool = False


VOICES = (
    Voice(115, 0.99, (1.14, 0.83, 1.06), 3445, 1.37, 0.869, 0.78, 0.005, 0.07, 0.04, 1.2,
          0.11, 0.12, 0.65, 1010, 0.001, (-4, 6, -4, -3, 2, 3, 0), creak=True),
    Voice(195, 1.39, (1.17, 1.17, 0.92), 3927, 0.8, 0.866, 0.63, 0.027, 0.09, 0.04, 0.85,
          0.19, 0.06, 0.44, 1079, 0.01, (-8, 0, -8, 10, 11, 2, 4), creak=True),
    Voice(95, 1.02, (0.82, 1.11, 1.15), 3328, 1.68, 0.934, 0.56, 0.02, 0.07, 0.07, 1.04,
          0.31, 0.23, 0.37, 1134, 0.006, (10, -7, 3, 4, -14, 5, -6)),
    Voice(237, 1.31, (1.11, 1.03, 1.1), 3872, 0.77, 0.858, 0.75, 0.019, 0.09, 0.07, 1.13,
          0.33, 0.22, 0.22, 901, 0.003, (3, -2, -1, 7, 7, 4, 1), creak=True),
    Voice(210, 1.15, (0.85, 1.07, 0.85), 3694, 1.31, 0.935, 0.53, 0.019, 0.12, 0.11, 1.13,
          0.16, 0.18, 0.82, 1038, 0.018, (8, -5, 10, 6, 5, -8, -4)),
    Voice(115, 1.16, (1.08, 1.08, 1.11), 3177, 1.69, 0.82, 0.79, 0.012, 0.03, 0.06, 0.96,
          0.15, 0.21, 0.92, 1255, 0.001, (-4, 3, 8, 5, -5, 3, -5)),
    Voice(191, 1.32, (0.85, 0.93, 1.12), 3692, 1.46, 0.901, 0.48, 0.009, 0.08, 0.04, 1.01,
          0.23, 0.1, 0.15, 1052, 0.017, (-5, 2, 4, -3, -4, 5, -1)),
    Voice(243, 1.28, (1.07, 0.88, 0.96), 4040, 1.66, 0.968, 0.58, 0.024, 0.06, 0.11, 1.21,
          0.12, 0.28, 0.76, 1027, 0.013, (8, -6, 7, -1, -11, 0, 0), creak=True),
    Voice(125, 1.15, (0.96, 1.15, 0.94), 3144, 1.5, 0.958, 0.77, 0.01, 0.12, 0.08, 1.2,
          0.2, 0.08, 0.45, 1042, 0.018, (0, -6, 3, 1, 4, 1, -4)),
    Voice(94, 0.87, (1.05, 1.17, 1.09), 3223, 1.18, 0.89, 0.6, 0.021, 0.04, 0.09, 1.07,
          0.22, 0.28, 0.25, 1164, 0.017, (-11, 2, -1, 4, -2, -7, -2)),
    Voice(238, 1.29, (1.04, 1.17, 0.87), 3925, 1.14, 0.848, 0.48, 0.016, 0.07, 0.03, 0.84,
          0.1, 0.28, 0.49, 1032, 0.013, (-2, 8, -9, -9, -9, 8, 6)),
    Voice(181, 1.02, (0.91, 0.87, 0.85), 3661, 1.05, 0.865, 0.63, 0.013, 0.03, 0.03, 1.1,
          0.12, 0.25, 0.05, 792, 0.005, (-3, 4, 3, 0, 1, -3, -1), creak=True),
)  # fmt: skip
"""Twelve speakers, chosen out of forty-eight because a voice engine hears them far apart.
Women read best as 1, 3, 4, 6, 7 and 10."""

_NEUTRAL = (400.0, 1500.0, 2500.0)


@dataclass(frozen=True)
class _Phone:
    """One sound: voiced and noisy parts, each 0 to 1.

    Attributes:
        length_s: How long it usually lasts.
        voiced: Level of the larynx.
        noise: Level of the noise.
        noise_hz: Middle and width of the noise.
        formants: The first three, Hz.
        burst: The noise comes in the last third only.
    """

    length_s: float
    voiced: float = 0.0
    noise: float = 0.0
    noise_hz: tuple[float, float] = (4000.0, 2000.0)
    formants: tuple[float, float, float] = _NEUTRAL
    burst: bool = False


_VOWELS = tuple(
    _Phone(0.12, voiced=1.0, formants=formants)
    for formants in (
        (280.0, 2250.0, 2950.0), (400.0, 1950.0, 2550.0), (530.0, 1840.0, 2480.0),
        (730.0, 1200.0, 2500.0), (640.0, 1190.0, 2390.0), (500.0, 880.0, 2450.0),
        (310.0, 900.0, 2240.0), (440.0, 1020.0, 2240.0), (500.0, 1450.0, 2450.0),
    )
)  # fmt: skip

_CONSONANTS = (
    _Phone(0.11, noise=0.35, noise_hz=(5500, 2200)),  # s
    _Phone(0.11, noise=0.35, noise_hz=(3000, 1500)),  # sh
    _Phone(0.09, noise=0.35, noise_hz=(4500, 4500)),  # f
    _Phone(0.06, noise=0.12, noise_hz=(1500, 2500)),  # h
    _Phone(0.07, noise=0.6, noise_hz=(4000, 2500), burst=True),  # t
    _Phone(0.08, noise=0.6, noise_hz=(2000, 1200), burst=True),  # k
    _Phone(0.07, noise=0.6, noise_hz=(900, 900), burst=True),  # p
    _Phone(0.06, voiced=0.15, noise=0.3, noise_hz=(3500, 2500), burst=True),  # d
    _Phone(0.06, voiced=0.15, noise=0.3, noise_hz=(800, 900), burst=True),  # b
    _Phone(0.06, voiced=0.15, noise=0.3, noise_hz=(1900, 1200), burst=True),  # g
    _Phone(0.07, voiced=0.45, formants=(250, 1100, 2500)),  # m
    _Phone(0.07, voiced=0.45, formants=(280, 1600, 2500)),  # n
    _Phone(0.06, voiced=0.7, formants=(360, 1250, 2500)),  # l
    _Phone(0.07, voiced=0.7, formants=(420, 1200, 2500)),  # r
    _Phone(0.06, voiced=0.7, formants=(300, 700, 2500)),  # w
    _Phone(0.06, voiced=0.7, formants=(290, 2200, 2500)),  # y
    _Phone(0.09, voiced=0.35, noise=0.2, noise_hz=(5200, 2200)),  # z
    _Phone(0.06, voiced=0.35, noise=0.2, noise_hz=(3500, 4000)),  # v
)


def speak(voice: Voice, duration_s: float, seed: int | list[int]) -> Sound:
    """Say something in a voice.

    Args:
        voice: Who speaks.
        duration_s: How long.
        seed: Another seed says something else.

    Returns:
        (duration x RATE,) samples, the loudest at 0.5, with soft ends.
    """
    rng = np.random.default_rng(seed)
    score = _Score.draw(voice, duration_s, rng)
    sound = _resonate(voice, score, _larynx(voice, score, rng), rng)
    sound = _colour(voice, sound)[: round(duration_s * RATE)]
    fade = min(len(sound) // 4, RATE // 100)
    ramp = np.linspace(0, 1, fade)
    sound[:fade] *= ramp
    sound[len(sound) - fade :] *= ramp[::-1]
    return np.asarray(_LOUDEST * sound / (np.abs(sound).max() + 1e-9), np.float32)


@dataclass(frozen=True)
class _Score:
    """What is to be said, sample by sample: (n,) levels and noise, (4, n) formants."""

    voiced: Floats
    noise: Floats
    noise_hz: Floats
    noise_width: Floats
    formants: Floats

    @classmethod
    def draw(cls, voice: Voice, duration_s: float, rng: np.random.Generator) -> _Score:
        """Draw syllables until the time is filled."""
        phones: list[tuple[_Phone, int]] = []
        length = 0
        vowels, consonants = _deck(_VOWELS, rng), _deck(_CONSONANTS, rng)
        while length < duration_s * RATE:
            for phone, stretch in _syllable(vowels, consonants, rng):
                phones.append((phone, int(phone.length_s * stretch / voice.pace * RATE)))
                length += phones[-1][1]
        tracks = np.concatenate([_tracks(phone, samples) for phone, samples in phones], axis=1)
        voiced, noise = (_smooth(track, _ONSET_S) for track in tracks[:2])
        scale = voice.tract * np.array(voice.formants)
        formants = [
            _smooth(track, _GLIDE_S) * by for track, by in zip(tracks[4:], scale, strict=True)
        ]
        fourth = np.full(length, voice.fourth)
        return cls(voiced, noise, tracks[2], tracks[3], np.stack([*formants, fourth]))


def _deck(phones: tuple[_Phone, ...], rng: np.random.Generator) -> Iterator[_Phone]:
    """All sounds in random order, again and again: even short clips hold many of them."""
    while True:
        yield from (phones[number] for number in rng.permutation(len(phones)))


def _syllable(
    vowels: Iterator[_Phone], consonants: Iterator[_Phone], rng: np.random.Generator
) -> Iterator[tuple[_Phone, float]]:
    if rng.random() < 0.85:
        yield next(consonants), rng.uniform(0.7, 1.2)
    yield next(vowels), rng.uniform(0.6, 1.4)


def _tracks(phone: _Phone, samples: int) -> Floats:
    """(7, samples) voiced, noise, its middle and width, three formants."""
    steady = (phone.voiced, phone.noise, *phone.noise_hz, *phone.formants)
    tracks = np.repeat(np.array(steady, np.float64)[:, None], samples, axis=1)
    if phone.burst:
        tracks[1, : samples * 2 // 3] = 0
    return tracks


def _smooth(track: Floats, seconds: float) -> Floats:
    from scipy.signal import fftconvolve

    kernel = np.hanning(int(seconds * RATE))
    half = len(kernel) // 2
    padded = np.pad(track, (half, len(kernel) - 1 - half), mode="edge")
    return np.asarray(fftconvolve(padded, kernel / kernel.sum(), mode="valid"))


def _melody(voice: Voice, samples: int, rng: np.random.Generator) -> Floats:
    """The pitch in Hz: accents on a falling line, with a tremor."""
    time = np.arange(samples) / RATE
    accents = np.zeros(samples)
    for _ in range(max(1, int(2 * samples / RATE))):
        at, strength = rng.uniform(0, time[-1]), rng.uniform(0.3, 1)
        accents += strength * np.exp(-0.5 * ((time - at) / 0.09) ** 2)
    fall = voice.decline * time / max(time[-1], 1)
    tremor = 1 + voice.vibrato * np.sin(2 * np.pi * 5.3 * time)
    return np.asarray(voice.pitch * np.exp(voice.melody * (accents - 0.4) - fall) * tremor)


def _larynx(voice: Voice, score: _Score, rng: np.random.Generator) -> Floats:
    """Pulse after pulse, darkened by the voice's tilt, with breath."""
    from scipy.signal import lfilter

    samples = len(score.voiced)
    pitch = _melody(voice, samples, rng)
    source = np.zeros(samples)
    at = 0.0
    while at < samples - 4:
        period = RATE / pitch[int(at)] * (1 + voice.jitter * rng.standard_normal())
        if voice.creak and at > 0.85 * samples:
            period *= 1.9
        first, length = int(at), int(period * voice.open_share)
        if length > 3 and first + length < samples:
            phase = np.arange(length) / length
            strength = (1 + voice.shimmer * rng.standard_normal()) * score.voiced[first]
            source[first : first + length] += 6 * strength * phase * phase * (3 - 4 * phase)
        at += max(period, 4.0)
    dark = lfilter([1 - voice.tilt], [1, -voice.tilt], source) * np.sqrt(0.6 / (1 - voice.tilt))
    source = np.diff(dark, prepend=0) + 0.15 * dark
    breath = 0.35 * voice.breath * rng.standard_normal(samples) * score.voiced
    return np.asarray(source + breath)


def _resonate(voice: Voice, score: _Score, source: Floats, rng: np.random.Generator) -> Floats:
    """Four resonators in series for the voice and one for the noise, tuned anew for each hop.

    Overlapping pieces of the sound are multiplied by the resonators' responses and added up.
    """
    starts = np.arange(0, len(source), _HOP)
    turns = np.exp(-2j * np.pi * np.fft.rfftfreq(_LONG, 1 / RATE) / RATE)
    mouth = np.ones((len(starts), len(turns)), np.complex128)
    for number, width in enumerate(_BANDWIDTHS):
        hertz = score.formants[number, starts]
        mouth *= _response(hertz, width * voice.breadth * (1 + 0.1 * number), turns)
    noise_hz = score.noise_hz[starts] * np.sqrt(voice.tract)
    teeth = _response(noise_hz, score.noise_width[starts], turns)
    hiss = rng.standard_normal(len(source)) * score.noise
    spectra = 0.8 * mouth * _pieces(source, starts) + 0.25 * teeth * _pieces(hiss, starts)
    sound = np.zeros(len(source) + _LONG)
    for start, piece in zip(starts, np.fft.irfft(spectra, _LONG), strict=True):
        sound[start : start + _LONG] += piece
    return sound[_HOP : _HOP + len(source)]


def _pieces(sound: Floats, starts: npt.NDArray[np.int64]) -> npt.NDArray[np.complex128]:
    """Spectra of pieces two hops long that fade into each other."""
    padded = np.pad(sound, (_HOP, 2 * _HOP))
    fade = 0.5 - 0.5 * np.cos(np.pi * np.arange(2 * _HOP) / _HOP)
    return np.fft.rfft(fade * padded[starts[:, None] + np.arange(2 * _HOP)], _LONG)


def _response(
    hertz: Floats, width: Floats | float, turns: npt.NDArray[np.complex128]
) -> npt.NDArray[np.complex128]:
    """(pieces, frequencies) response of a resonator that is 1 at 0 Hz."""
    radius = np.exp(-np.pi * np.broadcast_to(width, hertz.shape) / RATE)[:, None]
    swing = 2 * radius * np.cos(2 * np.pi * np.minimum(hertz, _HIGHEST_HZ) / RATE)[:, None]
    response = (1 - swing + radius**2) / (1 - swing * turns + radius**2 * turns**2)
    return np.asarray(response, np.complex128)


def _colour(voice: Voice, sound: Floats) -> Floats:
    """The nose's dip and the speaker's equaliser."""
    spectrum = np.fft.rfft(sound)
    hertz = np.fft.rfftfreq(len(sound), 1 / RATE)
    if voice.nasal > 0.3:
        turns = np.exp(-2j * np.pi * hertz / RATE)
        nose = _response(np.array([voice.nasal_hz]), 200.0, turns)[0]
        spectrum *= 1 - 0.5 * voice.nasal * nose
    spectrum *= 10 ** (np.interp(hertz, _EQUALISER_HZ, voice.equaliser) / 20)
    return np.asarray(np.fft.irfft(spectrum, len(sound)))
