"""From takes (a framing and what is said in it) to scenes with times."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from castline.testing.episode_script import Framing, Line, Music, Scene, Shot

__all__ = ["Say", "Take", "make_scene"]

_FRAME_MS = 40
_LETTER_MS = 58
_SHORTEST_MS = 1400
_PAUSE_MS = (220, 480)
_TAIL_MS = 120
"""What is left of a shot after its last word."""


@dataclass(frozen=True)
class Say:
    """Something to be said.

    Attributes:
        person: Number of the speaker.
        text: The words.
        length_ms: How long it takes; None goes by the number of letters, 1.4 s or more.
        into_ms: Starts this long before the line before it ends, instead of after a pause.
    """

    person: int
    text: str
    length_ms: int | None = None
    into_ms: int = 0


@dataclass(frozen=True)
class Take:
    """One shot to be.

    Attributes:
        framing: What is seen.
        says: What is said, in order.
        rest_ms: How long the picture stays without speech, beyond the usual pauses.
        late_ms: The cut to it comes this much after the first line has begun, so that this
            line starts over the picture before; 0 for a cut in the pause.
        music: Whether there is music under it.
    """

    framing: Framing
    says: tuple[Say, ...] = ()
    rest_ms: int = 0
    late_ms: int = 0
    music: bool = False


def make_scene(
    takes: tuple[Take, ...], start_ms: int, rng: np.random.Generator, *, length_ms: int = 0
) -> Scene:
    """Give every shot and line its time.

    Args:
        takes: The shots, in order.
        start_ms: When the scene starts.
        rng: Draws the pauses.
        length_ms: How long the scene is to be: takes rest longer until it is. 0 goes by what is
            said; so does a length that is too short for it.
    """
    pauses = rng.integers(*_PAUSE_MS, sum(len(take.says) for take in takes)).tolist()
    scene = _lay_out(takes, start_ms, pauses)
    spare = start_ms + length_ms - scene.end_ms
    if spare <= 0:
        return scene
    resting = tuple(replace(take, rest_ms=take.rest_ms + spare // len(takes)) for take in takes)
    scene = _lay_out(resting, start_ms, pauses)
    last = replace(scene.shots[-1], end_ms=start_ms + length_ms)
    return replace(scene, shots=(*scene.shots[:-1], last))


def _lay_out(takes: tuple[Take, ...], start_ms: int, pauses: list[int]) -> Scene:
    lines: list[Line] = []
    music: list[Music] = []
    cuts: list[int] = []
    left = iter(pauses)
    clock = start_ms
    for take in takes:
        begun = clock
        first = len(lines)
        for say in take.says:
            pause = next(left)
            begin = lines[-1].end_ms - say.into_ms if say.into_ms else clock + pause
            length = say.length_ms or max(_SHORTEST_MS, _LETTER_MS * len(say.text))
            lines.append(Line(begin, begin + length, say.person, say.text))
            clock = max(clock, begin + length)
        late = take.late_ms and cuts  # there is nothing to stay on before the first picture
        cut = lines[first].start_ms + take.late_ms if late else begun
        cuts.append(_on_frame(cut))
        clock += _TAIL_MS + take.rest_ms
        if take.music:
            music.append(Music(begun, clock))
    cuts.append(_on_frame(clock))
    shots = tuple(
        Shot(cut, after, take.framing)
        for take, (cut, after) in zip(takes, pairwise(cuts), strict=True)
    )
    return Scene(shots, tuple(lines), tuple(music))


def _on_frame(ms: int) -> int:
    """The next cut that is possible."""
    return -(-ms // _FRAME_MS) * _FRAME_MS
