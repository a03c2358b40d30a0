"""The script of the demonstration: somebody has moved the lamp of a lighthouse."""

from __future__ import annotations

from functools import partial

import numpy as np

from castline.testing.busts import Outfit
from castline.testing.episode_script import Framing, Person, Scene, Script, Seen
from castline.testing.episode_takes import Say, Take, make_scene

__all__ = ["demo_script"]

_AMARA, _TOBIN, _ILSE, _KOFI, _FERRYMAN = range(5)

_PEOPLE = (
    Person("Amara", looks=7, voice=1, outfit=Outfit((0.20, 0.36, 0.34), "high")),
    Person("Tobin", looks=2, voice=0, outfit=Outfit((0.30, 0.34, 0.46), "round")),
    Person("Ilse", looks=8, voice=3, outfit=Outfit((0.55, 0.24, 0.22), "open")),
    Person("Kofi", looks=1, voice=2, outfit=Outfit((0.62, 0.55, 0.40), "round")),
    Person("Ferryman", looks=6, voice=8, outfit=Outfit((0.22, 0.24, 0.28), "high"), in_cast=False),
)


def demo_script(seed: int = 0, *, burnt_in: bool = False) -> Script:
    """A little more than a minute with what makes attribution hard.

    Four people of the cast and one who is not; reverse shots, two-shots with a silent listener,
    voices over a listener's face and over an empty landscape, a short answer, two people at once,
    a line that begins before its cut, and music.

    Args:
        seed: Another seed gives other pauses, syllables, backgrounds and motion.
        burnt_in: Whether the subtitles are drawn into the picture.
    """
    rng = np.random.default_rng(seed)
    scenes: list[Scene] = []
    for takes in (_parlour(), _quay(), _workshop()):
        scenes.append(make_scene(takes, scenes[-1].end_ms if scenes else 0, rng))
    return Script(
        "The Lamp on the Quay", _PEOPLE, tuple(scenes), width=768, height=432, burnt_in=burnt_in,
        seed=seed,
    )  # fmt: skip


def _single(place: str, person: int, *, left: bool) -> Framing:
    """One person, looking across the picture."""
    x, yaw, angle = (0.40, 14.0, 0) if left else (0.60, -14.0, 1)
    return Framing(place, angle, (Seen(person, x, height=0.42, yaw=yaw),))


def _both(place: str, one: int, other: int) -> Framing:
    """Two people who face each other."""
    return Framing(
        place, 2, (Seen(one, 0.29, height=0.35, yaw=18), Seen(other, 0.71, height=0.35, yaw=-18))
    )


def _parlour() -> tuple[Take, ...]:
    ilse = _single("parlour", _ILSE, left=True)
    tobin = _single("parlour", _TOBIN, left=False)
    both = _both("parlour", _ILSE, _TOBIN)
    asks, answers = partial(Say, _ILSE), partial(Say, _TOBIN)
    return (
        Take(both, (asks("You are late. The tea is cold again."),), rest_ms=200),
        Take(tobin, (answers("I walked along the quay. It was too dark to hurry."),)),
        Take(ilse, (asks("Too dark? The lamp is always lit by six."),)),
        Take(tobin, (answers("That is why I came."), answers("The lamp is gone."))),
        Take(ilse, (asks("Gone? A lamp as big as a door?"),)),
        Take(ilse, (answers("Somebody carried it down the stairs last night."),), music=True),
        Take(
            both,
            (
                answers("Did you hear anything?"),
                asks("Yes.", length_ms=500),
                asks("Wheels, and someone who whistled."),
            ),
        ),
        Take(tobin, (answers("Then we ask Amara first."),), late_ms=520),
    )


def _quay() -> tuple[Take, ...]:
    amara = _single("quay", _AMARA, left=True)
    ferryman = _single("quay", _FERRYMAN, left=False)
    both = _both("quay", _AMARA, _TOBIN)
    amara_says, tobin_says = partial(Say, _AMARA), partial(Say, _TOBIN)
    return (
        Take(Framing("quay", 2), (tobin_says("Amara! Come down for a moment!"),), rest_ms=300),
        Take(
            both,
            (
                amara_says("I was asleep by nine, like every honest person."),
                tobin_says("Nobody says it was you."),
            ),
        ),
        Take(amara, (amara_says("Ask the ferryman. He sees every boat."),)),
        Take(
            ferryman,
            (
                Say(_FERRYMAN, "One cart came through, with a blanket over it."),
                tobin_says("Who pulled it?"),
                Say(_FERRYMAN, "A tall man with glasses. He paid me in apples."),
            ),
        ),
        Take(
            both,
            (
                amara_says("Apples! That can only be"),
                tobin_says("It must be Kofi's garden!", into_ms=700),
            ),
            rest_ms=200,
        ),
    )


def _workshop() -> tuple[Take, ...]:
    kofi = _single("workshop", _KOFI, left=True)
    ilse = _single("workshop", _ILSE, left=False)
    both = _both("workshop", _KOFI, _ILSE)
    kofi_says, ilse_says = partial(Say, _KOFI), partial(Say, _ILSE)
    return (
        Take(kofi, (kofi_says("Careful, the glass is still wet."),), rest_ms=200),
        Take(ilse, (ilse_says("So it is you who took our light."),)),
        Take(kofi, (kofi_says("I took it to mend it. The rim was cracked."),)),
        Take(both, (ilse_says("You could have left a note."), kofi_says("I did leave one."))),
        Take(ilse, (kofi_says("It is under your cold cup of tea."),)),
        Take(both, (ilse_says("Oh."), Say(_TOBIN, "Then let us carry it home together."))),
        Take(
            Framing("dunes", 2),
            (Say(_AMARA, "And so the ships came in again that night."),),
            rest_ms=600,
        ),
    )
