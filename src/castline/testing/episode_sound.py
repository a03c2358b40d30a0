"""The sound of an episode, scene by scene: voices, music and the noise of a room."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from castline.testing.synthetic_voices import RATE, VOICES, speak

if TYPE_CHECKING:
    from castline.testing.episode_script import Music, Scene, Script

__all__ = ["OPENINGS", "SceneSound", "record_scene"]

OPENINGS = 6
"""How many openings of the mouth there are, shut included."""

_WIDE_OPEN = 85
"""Percentile of the loudness of a line's frames that opens the mouth wide."""
_ROOM = 0.0015
_MUSIC = 0.03
_CHORDS_HZ = ((220.0, 277.2, 329.6), (196.0, 246.9, 293.7), (174.6, 220.0, 261.6))
_CHORD_S = 2.0


@dataclass(frozen=True)
class SceneSound:
    """What is heard in a scene, and what the mouths do.

    Attributes:
        samples: (n,) sound, `RATE` a second, -1 to 1.
        mouths: By person, (frames,) opening from 0 to `OPENINGS - 1`; the silent are left out.
    """

    samples: npt.NDArray[np.float32]
    mouths: dict[int, npt.NDArray[np.int64]]


def record_scene(script: Script, scene: Scene, first_line: int) -> SceneSound:
    """Speak all lines of a scene.

    Args:
        script: The episode.
        scene: One of its scenes.
        first_line: Number of the scene's first line in the episode.
    """
    length_ms = scene.end_ms - scene.start_ms
    rng = np.random.default_rng([script.seed, scene.start_ms])
    samples = _room(_samples(length_ms), rng)
    for music in scene.music:
        start = _samples(music.start_ms - scene.start_ms)
        notes = _chords(music)[: len(samples) - start]
        samples[start : start + len(notes)] += notes
    mouths: dict[int, npt.NDArray[np.int64]] = {}
    for number, line in enumerate(scene.lines, start=first_line):
        voice = VOICES[script.people[line.person].voice]
        clip = speak(voice, (line.end_ms - line.start_ms) / 1000, [script.seed, number])
        start = _samples(line.start_ms - scene.start_ms)
        clip = clip[: len(samples) - start]
        samples[start : start + len(clip)] += clip
        frames = length_ms * script.fps // 1000
        moved = mouths.setdefault(line.person, np.zeros(frames, np.int64))
        np.maximum(moved, _openings(clip, start, frames, script.fps), out=moved)
    return SceneSound(np.clip(samples, -1, 1), mouths)


def _samples(ms: int) -> int:
    return ms * RATE // 1000


def _openings(
    clip: npt.NDArray[np.float32], start: int, frames: int, fps: int
) -> npt.NDArray[np.int64]:
    """The mouth follows the loudness of each frame; the loudest ones open it wide."""
    samples = RATE // fps
    padded = np.zeros(frames * samples, np.float32)
    padded[start : start + len(clip)] = clip
    loudness = np.sqrt(np.mean(padded.reshape(frames, samples) ** 2, axis=1))
    speaking = loudness[loudness > 0]
    widest = np.percentile(speaking, _WIDE_OPEN) if len(speaking) else 1.0
    openness = np.clip(loudness / widest, 0, 1)
    return np.asarray(np.rint(openness * (OPENINGS - 1)), np.int64)


def _room(samples: int, rng: np.random.Generator) -> npt.NDArray[np.float32]:
    """Faint noise, duller than white."""
    noise = rng.standard_normal(samples + 2).astype(np.float32)
    return np.asarray(_ROOM * (noise[:-2] + noise[1:-1] + noise[2:]) / 1.7, np.float32)


def _chords(music: Music) -> npt.NDArray[np.float32]:
    """Soft chords, one after the other, each swelling and fading."""
    time = np.arange(_samples(music.end_ms - music.start_ms)) / RATE
    swell = np.sin(np.pi * (time % _CHORD_S) / _CHORD_S) ** 0.7
    which = (time // _CHORD_S).astype(np.intp) % len(_CHORDS_HZ)
    notes = np.zeros_like(time)
    for chord, tones in enumerate(_CHORDS_HZ):
        for hertz in tones:
            tone = np.sin(2 * np.pi * hertz * time) + 0.3 * np.sin(4 * np.pi * hertz * time)
            notes += (which == chord) * tone
    return np.asarray(_MUSIC * swell * notes, np.float32)
