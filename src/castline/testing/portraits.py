"""Single pictures of drawn people, for casts and for tests of face engines."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from castline.testing.backdrops import PLACES, paint_backdrop
from castline.testing.busts import Outfit, draw_bust, lay_over
from castline.testing.head_pictures import Light, Pose, render_head
from castline.testing.heads import Expression, paint_head
from castline.testing.looks import PEOPLE

if TYPE_CHECKING:
    from castline.testing.head_canvas import Floats

__all__ = ["draw_person", "head_picture"]


def head_picture(
    person: int,
    *,
    size: tuple[int, int] = (320, 400),
    height: float = 160,
    at: tuple[float, float] = (0.5, 0.45),
    yaw: float = 0.0,
    pitch: float = 0.0,
    roll: float = 0.0,
    mouth: float = 0.0,
    light: Light | None = None,
    outfit: Outfit | None = None,
    place: str = "window",
    seed: int = 0,
) -> npt.NDArray[np.uint8]:
    """A picture of one of the twelve people.

    Args:
        person: Number in `PEOPLE`.
        size: Width and height in pixels, even.
        height: Of the head, from chin to crown without hair, in pixels.
        at: Middle of the head, as shares of width and height.
        yaw: Degrees that the head is turned to the right.
        pitch: Degrees that it is lowered.
        roll: Degrees that it is tilted.
        mouth: 0 shut to 1 wide open.
        light: What falls on the head; that of the place if None.
        outfit: Clothes; plain ones if None.
        place: Where: a name from `PLACES`.
        seed: Draws the background and the grain.

    Returns:
        (H, W, 3) RGB.
    """
    picture = paint_backdrop(place, *size, seed)
    middle = (at[0] * size[0], at[1] * size[1])
    draw_person(
        picture, middle, person=person, height=height, pose=Pose(yaw, pitch, roll),
        expression=Expression(mouth=mouth), light=light or PLACES[place].light,
        outfit=outfit or Outfit(),
    )  # fmt: skip
    grain = np.random.default_rng(seed).normal(0, 1.5, picture.shape[:2])
    return np.clip(255 * picture + grain[..., None] + 0.5, 0, 255).astype(np.uint8)


def draw_person(
    picture: Floats,
    at: tuple[float, float],
    *,
    person: int,
    height: float,
    pose: Pose,
    expression: Expression,
    light: Light,
    outfit: Outfit,
) -> None:
    """Draw a bust and its head into an (H, W, 3) picture, with the head's middle at a pixel."""
    looks = PEOPLE[person]
    draw_bust(picture, at, looks=looks, outfit=outfit, height=height, light=light)
    head = render_head(paint_head(looks, expression), height=height, pose=pose, light=light)
    left, top = (round(middle - len(head) / 2) for middle in at)
    lay_over(picture, head, left, top)
