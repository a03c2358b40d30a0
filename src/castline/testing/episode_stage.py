"""The pictures of an episode: what stands still is drawn once, heads are pasted frame by frame.

Pictures are made as video stores them: brightness for each pixel, colour for each square of four.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from castline.testing.backdrops import PLACES, paint_backdrop
from castline.testing.busts import draw_bust, lay_over
from castline.testing.episode_sound import OPENINGS
from castline.testing.head_pictures import CUT_OUT, HEAD_UNITS, Pose, render_head
from castline.testing.heads import Expression, paint_head
from castline.testing.looks import PEOPLE

if TYPE_CHECKING:
    from castline.testing.episode_script import Framing, Person, Script, Seen, Shot
    from castline.testing.head_canvas import Floats
    from castline.testing.head_pictures import Light

__all__ = ["EYES_END", "Frame", "SetUp", "film_shot"]

Bytes = npt.NDArray[np.uint8]

_SWAY = tuple((2.4 * step, 0.8 * abs(step) - 0.4) for step in (-1.0, -0.5, 0.0, 0.5, 1.0))
"""How far the poses of a head lie from its middle one: degrees of yaw and pitch."""

EYES_END = 0.58
"""Share of a head's cut-out above which mouths change nothing and below which eyes do not."""

_BLINK_MS = 120
_BLINK_EVERY_MS = (1800, 5000)
_GRAIN = 2
"""Brightness levels by which film grain changes a pixel at most."""


class Frame:
    """One picture as video stores it: Y, U and V planes in one block.

    Attributes:
        block: (height * 3 / 2, width) the planes one below the other, as PyAV takes them.
        planes: The same memory as three pictures; U and V have half the width and height.
    """

    def __init__(self, block: Bytes) -> None:
        self.block = block
        height, width = block.shape[0] * 2 // 3, block.shape[1]
        size = height * width
        flat = block.reshape(-1)
        small = (height // 2, width // 2)
        self.planes = (
            flat[:size].reshape(height, width),
            flat[size : size + size // 4].reshape(small),
            flat[size + size // 4 :].reshape(small),
        )

    @classmethod
    def of(cls, picture: Floats) -> Frame:
        """From (H, W, 3) red, green, blue."""
        height, width = picture.shape[:2]
        frame = cls(np.empty((height * 3 // 2, width), np.uint8))
        _paste(frame, _Patch(_planes(picture), 0, 0))
        return frame

    def copy(self) -> Frame:
        """A picture of its own with the same content."""
        return Frame(self.block.copy())


@dataclass(frozen=True)
class _Patch:
    """A piece of a picture and where it goes; column and row are even."""

    planes: tuple[Bytes, Bytes, Bytes]
    column: int
    row: int


def _planes(picture: Floats) -> tuple[Bytes, Bytes, Bytes]:
    """Red, green and blue to video's limited-range Y, U and V (BT.601)."""
    red, green, blue = (255 * np.clip(picture[..., k], 0, 1) for k in range(3))
    luma = 0.299 * red + 0.587 * green + 0.114 * blue
    planes = [16 + luma * (219 / 255)]
    for colour, reach in ((blue, 1.772), (red, 1.402)):
        difference = (colour - luma) / reach * (224 / 255) + 128
        planes.append(
            (
                difference[::2, ::2]
                + difference[1::2, ::2]
                + difference[::2, 1::2]
                + difference[1::2, 1::2]
            )
            / 4
        )
    y, u, v = (np.asarray(plane + 0.5, np.uint8) for plane in planes)
    return y, u, v


def _paste(frame: Frame, patch: _Patch) -> None:
    for plane, piece, half in zip(frame.planes, patch.planes, (1, 2, 2), strict=True):
        row, column = patch.row // half, patch.column // half
        plane[row : row + piece.shape[0], column : column + piece.shape[1]] = piece


class SetUp:
    """A framing ready to be filmed: its plate, and the heads drawn so far."""

    def __init__(self, script: Script, framing: Framing) -> None:
        place = PLACES[framing.place]
        seed = 2 * script.seed + framing.angle
        plate = paint_backdrop(framing.place, script.width, script.height, seed)
        people = [(seen, script.people[seen.person]) for seen in framing.seen]
        for seen, person in people:
            draw_bust(
                plate,
                (seen.x * script.width, seen.y * script.height),
                looks=PEOPLE[person.looks],
                outfit=person.outfit,
                height=seen.height * script.height,
                light=place.light,
            )
        self.plate = Frame.of(plate)
        self.heads = {
            seen.person: _Head(plate, seen, person, place.light) for seen, person in people
        }


class _Head:
    """A head in its place, drawn when first needed: eyes and mouth apart."""

    def __init__(self, plate: Floats, seen: Seen, person: Person, light: Light) -> None:
        self._plate = plate
        self._looks = PEOPLE[person.looks]
        self._light = light
        height, width = plate.shape[:2]
        self._height = seen.height * height
        self._side = int(self._height / HEAD_UNITS * CUT_OUT) // 2 * 2
        self._column = round((seen.x * width - self._side / 2) / 2) * 2
        self._row = round((seen.y * height - self._side / 2) / 2) * 2
        self._poses = [Pose(seen.yaw + yaw, seen.pitch + pitch, 0.6 * yaw) for yaw, pitch in _SWAY]
        self._drawn: dict[tuple[str, int, int], _Patch] = {}

    def paste(self, frame: Frame, pose: int, mouth: int, blink: int) -> None:
        """Put the head into a picture."""
        split = int(self._side * EYES_END) // 2 * 2
        _paste(frame, self._patch("eyes", pose, blink, slice(0, split)))
        _paste(frame, self._patch("mouth", pose, mouth, slice(split, self._side)))

    def _patch(self, part: str, pose: int, level: int, rows: slice) -> _Patch:
        key = (part, pose, level)
        if key not in self._drawn:
            if part == "eyes":
                expression = Expression(blink=float(level))
            else:
                expression = Expression(mouth=level / (OPENINGS - 1))
            self._drawn[key] = self._draw(expression, self._poses[pose], rows)
        return self._drawn[key]

    def _draw(self, expression: Expression, pose: Pose, rows: slice) -> _Patch:
        maps = paint_head(self._looks, expression)
        head = render_head(maps, height=self._height, pose=pose, light=self._light, rows=rows)
        column, row = max(0, self._column), max(0, self._row + rows.start)
        below = self._plate[row : self._row + rows.stop, column : self._column + self._side].copy()
        below = below[: below.shape[0] // 2 * 2, : below.shape[1] // 2 * 2]
        lay_over(below, head, self._column - column, self._row + rows.start - row)
        return _Patch(_planes(below), column, row)


def film_shot(
    script: Script, shot: Shot, set_up: SetUp, mouths: dict[int, npt.NDArray[np.int64]]
) -> Iterator[Frame]:
    """Every picture of a shot.

    Args:
        script: The episode.
        shot: The shot.
        set_up: Its framing.
        mouths: By person, the opening of the mouth in each picture of the shot; the others
            keep silent.

    Yields:
        Pictures that the caller may change.
    """
    frames = (shot.end_ms - shot.start_ms) * script.fps // 1000
    rng = np.random.default_rng([script.seed, shot.start_ms])
    silent = np.zeros(frames, np.int64)
    acts = [
        (head, _sway(frames, rng), mouths.get(person, silent), _blinks(frames, script.fps, rng))
        for person, head in set_up.heads.items()
    ]
    grain = _grain(script.width * script.height, script.seed)
    for number in range(frames):
        frame = set_up.plate.copy()
        for head, poses, openings, blinks in acts:
            head.paste(frame, int(poses[number]), int(openings[number]), int(blinks[number]))
        start = int(rng.integers(len(grain) - frame.planes[0].size))
        luma = frame.planes[0].reshape(-1)
        luma += grain[start : start + len(luma)]
        yield frame


def _sway(frames: int, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """Poses that drift from one to the next, with rests between."""
    poses = np.empty(frames, np.int64)
    pose = target = len(_SWAY) // 2
    wait = 0
    for number in range(frames):
        if pose == target and wait <= 0:
            target, wait = int(rng.integers(len(_SWAY))), int(rng.integers(8, 40))
        elif pose != target and number % 3 == 0:
            pose += 1 if target > pose else -1
        wait -= 1
        poses[number] = pose
    return poses


def _blinks(frames: int, fps: int, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """1 where the eyes are shut."""
    shut = np.zeros(frames, np.int64)
    length = max(1, _BLINK_MS * fps // 1000)
    at = int(rng.uniform(0.2, 1) * _BLINK_EVERY_MS[0] * fps / 1000)
    while at < frames:
        shut[at : at + length] = 1
        at += int(rng.uniform(*_BLINK_EVERY_MS) * fps / 1000)
    return shut


@lru_cache(maxsize=1)
def _grain(pixels: int, seed: int) -> Bytes:
    """A table of noise, longer than a picture; negative steps wrap around, as bytes do."""
    steps = np.rint(np.random.default_rng(seed).normal(0, 0.8, pixels * 5 // 4))
    return np.clip(steps, -_GRAIN, _GRAIN).astype(np.int8).view(np.uint8)
