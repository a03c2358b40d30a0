"""Made people whose voices differ, and whose lines vary more in some directions than in others."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int32]


@dataclass(frozen=True)
class Talk:
    """N lines of P people.

    Attributes:
        speaker: (N,) who speaks.
        episode: (N,) index of the episode.
        voices: (N, D) of norm 1.
        length_s: (N,) 0.3 to 4 s.
        strength: (N,) all 1.
    """

    speaker: Ints
    episode: Ints
    voices: Floats
    length_s: Floats
    strength: Floats

    def share(self, cast: int, *, doubt: float = 0.1, wrong: float = 0.0) -> Floats:
        """(N, cast + 1) labels: the speaker, or others for those beyond the cast; some wrong."""
        rng = np.random.default_rng(7)
        code = np.minimum(self.speaker, cast)
        code = np.where(rng.random(len(code)) < wrong, rng.integers(0, cast + 1, len(code)), code)
        share = np.zeros((len(code), cast + 1), np.float32)
        share[:, -1] = doubt
        share[np.arange(len(code)), code] += 1 - doubt
        return share


def talk(
    lines: int, people: int, width: int, *, noise: float = 0.8, episodes: int = 3, seed: int = 0
) -> Talk:
    """People talk in turn, the first ones more than the last; short lines are noisier."""
    rng = np.random.default_rng(seed)
    often = 1 / np.arange(3, people + 3)
    speaker = rng.choice(people, lines, p=often / often.sum()).astype(np.int32)
    length = rng.uniform(0.3, 4, lines).astype(np.float32)
    wobble = np.exp(rng.normal(0, 0.7, width)) * noise
    off = rng.standard_normal((lines, width)) * wobble * (1 + 0.5 / length[:, None])
    voices = rng.standard_normal((people, width))[speaker] + off
    voices /= np.linalg.norm(voices, axis=1, keepdims=True)
    episode = np.sort(np.arange(lines) % episodes).astype(np.int32)
    return Talk(speaker, episode, voices.astype(np.float32), length, np.ones(lines, np.float32))


def silence(made: Talk, lines: npt.NDArray[np.intp]) -> Talk:
    """The same with no voiceprint in some lines."""
    voices, strength = made.voices.copy(), made.strength.copy()
    voices[lines], strength[lines] = 0, 0
    return Talk(made.speaker, made.episode, voices, made.length_s, strength)


def only(made: Talk, kept: npt.NDArray[np.bool_]) -> Talk:
    """Some of the lines."""
    return Talk(
        made.speaker[kept],
        made.episode[kept],
        made.voices[kept],
        made.length_s[kept],
        made.strength[kept],
    )
