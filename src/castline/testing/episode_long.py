"""The script of a long episode: as many scenes, shots and lines as a film or an hour of series."""

from __future__ import annotations

import numpy as np

from castline.testing.backdrops import PLACES
from castline.testing.busts import Outfit
from castline.testing.episode_script import Framing, Person, Scene, Script, Seen
from castline.testing.episode_takes import Say, Take, make_scene

__all__ = ["long_script"]

_SCENE_MS = 60_000
_CAST = (
    ("Amara", 7, 1), ("Tobin", 2, 0), ("Ilse", 8, 3), ("Kofi", 1, 2),
    ("Leandro", 9, 5), ("Mirjam", 3, 7), ("Sadiq", 5, 8), ("Yuna", 10, 10),
)  # fmt: skip
"""Name, looks and voice of each."""
_EXTRAS = (("Porter", 4, 9), ("Guest", 0, 11), ("Neighbour", 6, 6), ("Clerk", 11, 4))
_EXTRAS_SHARE = 0.2
"""Of scenes in which somebody outside the cast speaks."""

_WHO = (
    "The baker", "My sister", "Our teacher", "The night train", "That letter", "The old bridge",
    "Her brother", "The captain", "Nobody here", "The garden gate", "His violin", "The doctor",
    "Your neighbour", "The first snow", "A stranger", "The whole street", "The piano",
)  # fmt: skip
_DOES = (
    "was waiting", "had changed", "came back", "seemed quiet", "was repaired", "went missing",
    "looked different", "arrived early", "stayed away", "turned up", "was forgotten", "stood there",
)  # fmt: skip
_WHEN = (
    "before the storm", "at half past nine", "after the concert", "on the last Sunday",
    "when the bells rang", "near the harbour", "behind the mill", "without a word",
    "for the third time", "under the chestnut tree", "as you had promised", "in the rain",
)  # fmt: skip
_ENDS = (".", ".", ".", "?", ", I think.", ", they say.", ", believe me.", ", didn't it?")


def long_script(
    seed: int = 0, *, minutes: int = 45, lines: int = 700, width: int = 1280, height: int = 720
) -> Script:
    """Scenes of a minute: two or three people, an empty picture first, reverse and two-shots.

    One line in eight is heard over somebody else's face, one cut in six comes after the voice.

    Args:
        seed: Another seed gives another script.
        minutes: How long the episode is.
        lines: How many lines there are, at most 17 a minute; no two have the same words.
        width: Of the picture in pixels.
        height: Of the picture in pixels.
    """
    rng = np.random.default_rng(seed)
    people = tuple(
        Person(name, looks, voice, _outfit(rng), in_cast=number < len(_CAST))
        for number, (name, looks, voice) in enumerate(_CAST + _EXTRAS)
    )
    words = _different_words(lines, rng)
    scenes: list[Scene] = []
    for number in range(minutes):
        texts = words[number * lines // minutes : (number + 1) * lines // minutes]
        takes = _takes(texts, rng)
        scenes.append(make_scene(takes, number * _SCENE_MS, rng, length_ms=_SCENE_MS))
    return Script("The Long Evening", people, tuple(scenes), width, height, seed=seed)


def _outfit(rng: np.random.Generator) -> Outfit:
    red, green, blue = (float(part) for part in rng.uniform(0.15, 0.6) * rng.uniform(0.6, 1.2, 3))
    return Outfit((red, green, blue), str(rng.choice(("round", "open", "high"))))


def _different_words(count: int, rng: np.random.Generator) -> list[str]:
    """Texts that nobody says twice."""
    sizes = (len(_WHO), len(_DOES), len(_WHEN), len(_ENDS))
    texts = []
    for number in rng.choice(int(np.prod(sizes)), count, replace=False):
        who, does, when, end = (int(part) for part in np.unravel_index(number, sizes))
        texts.append(f"{_WHO[who]} {_DOES[does]} {_WHEN[when]}{_ENDS[end]}")
    return texts


def _takes(texts: list[str], rng: np.random.Generator) -> tuple[Take, ...]:
    place = str(rng.choice(list(PLACES)))
    group = [int(person) for person in rng.choice(len(_CAST), int(rng.integers(2, 4)), False)]
    if rng.random() < _EXTRAS_SHARE:
        group[-1] = len(_CAST) + int(rng.integers(len(_EXTRAS)))
    takes = [Take(Framing(place, 2), rest_ms=1500)]
    left = list(texts)
    speaker = 0
    while left:
        says = [Say(group[speaker], left.pop(0))]
        if left and rng.random() < 0.3:
            says.append(Say(group[speaker], left.pop(0)))
        late_ms = 400 if rng.random() < 1 / 6 else 0
        takes.append(Take(_framing(place, group, speaker, rng), tuple(says), late_ms=late_ms))
        speaker = (speaker + 1 + int(rng.integers(len(group) - 1))) % len(group)
    return tuple(takes)


def _framing(place: str, group: list[int], speaker: int, rng: np.random.Generator) -> Framing:
    """The speaker, or in one of eight cases a listener; or everybody."""
    if rng.random() < 0.25:
        return _everybody(place, group)
    shown = speaker if rng.random() > 1 / 6 else (speaker + 1) % len(group)
    x, yaw = ((0.40, 14.0), (0.60, -14.0), (0.5, 6.0))[shown]
    return Framing(place, shown, (Seen(group[shown], x, height=0.36, yaw=yaw),))


def _everybody(place: str, group: list[int]) -> Framing:
    height = 0.30 if len(group) == 2 else 0.26
    spots = (
        ((0.30, 16.0), (0.70, -16.0))
        if len(group) == 2
        else ((0.2, 18.0), (0.5, 0.0), (0.8, -18.0))
    )
    seen = (
        Seen(person, x, height=height, yaw=yaw)
        for person, (x, yaw) in zip(group, spots, strict=True)
    )
    return Framing(place, 3, tuple(seen))
