"""Eyes, nose, mouth, brows, ears and hair: each painted on a canvas as relief and colour.

Shadows that a face always shows (corners of the eyes, under the nose, under the lower lip) are
painted as well as shaped: a face engine looks for them under any light.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from castline.testing.head_canvas import Canvas, Floats, bell, ridge, rise, soften

if TYPE_CHECKING:
    from castline.testing.looks import Looks

__all__ = [
    "Expression",
    "beard",
    "bones",
    "brows",
    "ears",
    "eyes",
    "glasses",
    "hair",
    "mouth",
    "nose",
    "skin",
]

_WIDEST = 0.13
"""How far the mouth opens at most."""


@dataclass(frozen=True)
class Expression:
    """What a face does.

    Attributes:
        mouth: 0 shut to 1 wide open.
        blink: 0 eyes open to 1 shut.
        smile: 0 to 1.
        brows: Raised by up to 1, or lowered by up to -1.
        look: Where the eyes turn, -1 left to 1 right.
    """

    mouth: float = 0.0
    blink: float = 0.0
    smile: float = 0.0
    brows: float = 0.0
    look: float = 0.0

    @property
    def gap(self) -> float:
        """How far the lips are apart."""
        return self.mouth * _WIDEST


def skin(canvas: Canvas, looks: Looks) -> None:
    """Uneven skin with redder cheeks, and its pores."""
    shape = looks.shape
    blotches, pores = canvas.noise("blotches", (6, 10)), canvas.noise("pores", (0.7, 1.1))
    canvas.colour *= (1 + 0.035 * blotches + 0.018 * pores)[..., None]
    canvas.relief += 0.0018 * pores
    red = np.array(looks.skin, np.float32) * np.array((1.0, 0.8, 0.77), np.float32)
    canvas.tint(0.30 * bell(canvas.side, canvas.y, (0.42, -0.2), (0.16, 0.13)) * canvas.front, red)
    tip = (0.0, _nose_tip(looks) + 0.05)
    canvas.tint(0.28 * bell(canvas.x, canvas.y, tip, (0.09, 0.07)) * canvas.front, red)
    canvas.relief += shape.cheek * bell(canvas.side, canvas.y, (0.42, -0.16), (0.17, 0.15))
    canvas.relief -= 0.02 * bell(canvas.side, canvas.y, (0.45, -0.52), (0.14, 0.16))


def bones(canvas: Canvas, looks: Looks, expression: Expression) -> None:
    """Brow ridge, eye sockets, muzzle and chin; the chin drops with the jaw."""
    shape, side, x, y = looks.shape, canvas.side, canvas.x, canvas.y
    drop = 0.5 * expression.gap
    canvas.relief += 0.035 * bell(side, y, (shape.eye_x * 0.8, shape.brow_y - 0.02), (0.2, 0.07))
    canvas.relief += 0.02 * bell(x, y, (0, shape.brow_y - 0.03), (0.1, 0.07))
    socket = (shape.eye_x * 0.95, shape.eye_y + 0.01)
    canvas.relief -= 0.075 * bell(side, y, socket, (shape.eye_width * 1.05, 0.10))
    canvas.relief -= 0.02 * bell(side, y, (0.11, shape.eye_y + 0.03), (0.04, 0.09))
    canvas.relief += 0.055 * bell(x, y, (0, shape.mouth_y + 0.02), (0.24, 0.17))
    canvas.relief += shape.chin * bell(x, y, (0, -0.9 - 0.7 * drop), (0.17, 0.12))
    under_lip = (0, shape.mouth_y - 0.17 - 0.6 * expression.gap)
    canvas.relief -= 0.025 * bell(x, y, under_lip, (0.14, 0.045))


def nose(canvas: Canvas, looks: Looks, expression: Expression) -> None:
    """A ridge that rises and widens downwards, wings, nostrils, and the folds to the mouth."""
    shape, side, x, y = looks.shape, canvas.side, canvas.x, canvas.y
    tip, top = _nose_tip(looks), shape.eye_y + 0.12
    down = np.clip((top - y) / (shape.nose_length + 0.12), 0, 1)
    width = (0.036 + 0.045 * down) * (shape.nose_width / 0.085)
    ends = rise(y, tip - 0.07, tip + 0.02) * rise(top + 0.1 - y, 0, 0.12)
    profile = np.exp(-0.5 * (x / width) ** 2)
    canvas.relief += shape.nose_height * (0.18 + 0.82 * down**1.35) * profile * ends
    ball = bell(x, y, (0, tip + 0.045), (shape.nose_width * 0.75, 0.055))
    canvas.relief += 0.25 * shape.nose_height * ball
    wings = bell(side, y, (shape.nose_width * 1.25, tip + 0.03), (0.042, 0.045))
    canvas.relief += 0.075 * wings

    fold = ridge(side - (0.12 + 0.465 * (tip + 0.05 - y)), 0.022) * canvas.front
    fold *= rise(tip + 0.06 - y, 0, 0.08) * rise(y - shape.mouth_y + 0.02, 0, 0.08)
    canvas.relief -= (0.006 + 0.010 * expression.smile + 0.007 * shape.age) * fold

    shadow = 0.36 * bell(x, y, (0, tip - 0.055), (shape.nose_width * 1.1, 0.024))
    shadow += 0.10 * bell(side, y, (shape.nose_width * 1.9, tip + 0.02), (0.025, 0.05))
    shadow += 0.10 * bell(side, y, (0.075, tip - 0.10), (0.03, 0.12))
    shadow += 0.08 * fold * (1 + 2 * expression.smile + shape.age)
    canvas.darken(0.75 * np.clip(shadow * canvas.front, 0, 0.7))
    nostrils = bell(side, y, (shape.nose_width * 0.62, tip - 0.022), (0.028, 0.016))
    canvas.tint(0.85 * nostrils * canvas.front, np.array(looks.skin, np.float32) * 0.18)


def mouth(canvas: Canvas, looks: Looks, expression: Expression) -> Floats:
    """Lips, and between them the dark of the mouth with teeth and tongue.

    Returns:
        Where lips and mouth are, 0 to 1, so that no beard grows there.
    """
    shape, x, y, gap = looks.shape, canvas.x, canvas.y, expression.gap
    half = shape.mouth_width * (1 + 0.14 * expression.smile - 0.10 * expression.mouth)
    across = np.clip(x / half, -1.3, 1.3)
    arc = np.sqrt(np.clip(1 - across**2, 0, 1))
    middle = shape.mouth_y + 0.07 * expression.smile * across**2
    cupid = 1 - 0.28 * ridge(x, 0.035)
    above = middle + 0.35 * gap * arc
    above_lip = above + shape.lip * (1 - 0.25 * expression.smile) * arc**0.8 * cupid
    below = middle - 0.9 * gap * arc
    below_lip = below - 1.2 * shape.lip * (1 - 0.2 * expression.smile) * arc**0.9

    within = (np.abs(across) < 1) * canvas.front
    upper = _between(y, above, above_lip, 0.012) * within
    lower = _between(y, below_lip, below, 0.012) * within
    hole = _between(y, below, above, 0.006) * within * (gap > 0.004)
    seam = ridge(y - middle, 0.012) * (np.abs(across) < 1.02) * canvas.front
    seam *= 1 - min(1.0, 6 * expression.mouth)

    canvas.relief += 0.035 * soften(upper, 1.6) + 0.045 * soften(lower, 1.6)
    canvas.relief -= 0.06 * soften(hole, 0.9) + 0.02 * seam

    under = bell(x, y, (0, shape.mouth_y - 0.12 - 0.95 * gap), (0.12, 0.025))
    canvas.darken(0.21 * under * canvas.front)
    lips = np.array(looks.lips, np.float32)
    canvas.tint(0.80 * soften(upper, 0.5), lips * 0.85)
    canvas.tint(0.80 * soften(lower, 0.5), lips * 1.04)
    canvas.tint(0.85 * seam, lips * 0.28)
    canvas.tint(1.1 * hole, (0.13, 0.04, 0.04))
    if gap > 0.03:
        teeth = rise(above - y, 0, 0.01) * rise(y - above + 0.035, -0.006, 0.006)
        canvas.tint(0.85 * teeth * (np.abs(across) < 0.72) * hole, (0.80, 0.77, 0.70))
        tongue = np.exp(-0.5 * ((x / (half * 0.5)) ** 2 + ((y - below - 0.01) / 0.03) ** 2))
        canvas.tint(0.6 * tongue * hole, (0.55, 0.22, 0.22))
    return np.asarray(np.clip(upper + lower + hole, 0, 1))


def beard(canvas: Canvas, looks: Looks, lips: Floats) -> None:
    """A full beard around the lips, and a moustache, if the person has them."""
    shape, side, y = looks.shape, canvas.side, canvas.y
    strands = canvas.noise("beard", (2.2, 0.8))
    colour = np.array(looks.hair, np.float32) * 0.9
    if looks.beard:
        cheeks = rise(-y, 0.42, 0.62) * rise(side + 0.55 * rise(-y, 0.6, 0.8), 0.16, 0.34)
        cheeks *= rise(canvas.forward, -0.25, 0.1)
        chin = rise(-y, 0.10 - shape.mouth_y, 0.2 - shape.mouth_y) * rise(canvas.forward, 0, 0.3)
        mask = np.maximum(cheeks, chin) * (1 - rise(lips, 0.1, 0.5))
        canvas.tint(looks.beard * mask * (0.85 + 0.10 * strands), colour)
        canvas.relief += 0.02 * looks.beard * mask
    if looks.moustache:
        at = (0.0, (_nose_tip(looks) + shape.mouth_y) / 2 - 0.03)
        mask = 1.2 * bell(canvas.x, y, at, (0.15, 0.035)) * canvas.front
        canvas.tint(mask * (0.9 + 0.10 * strands), colour)


def eyes(canvas: Canvas, looks: Looks, expression: Expression) -> None:
    """Almonds with white, iris, pupil and one highlight, under a dark upper lid."""
    shape, side, y, front = looks.shape, canvas.side, canvas.y, canvas.front
    at = (shape.eye_x, shape.eye_y)
    ball = bell(side, y, (at[0], at[1] - 0.005), (shape.eye_width * 0.62, shape.eye_height * 0.95))
    canvas.relief += 0.045 * ball
    corner = 0.30 * bell(side, y, (at[0] * 0.72, at[1] + 0.05), (0.12, 0.06))
    below = 0.20 * bell(side, y, (at[0], at[1] - 0.10), (0.13, 0.035))
    canvas.darken(0.75 * (corner + below) * front)

    across = (side - at[0]) / shape.eye_width
    inside = np.abs(across) < 1
    open_height = shape.eye_height * (1 - 0.92 * expression.blink)
    arch = np.clip(1 - np.abs(across) ** 2.2, 0, 1) * (1 - 0.12 * across)
    upper = open_height * arch
    lower = -0.62 * open_height * np.clip(1 - across**2, 0, 1)
    height = y - at[1] - 0.012 * across + 0.02 * expression.blink
    almond = _between(height, lower, upper, 0.008) * inside * front
    canvas.tint(almond, 0.82 * (1 - 0.2 * np.clip(np.abs(across), 0, 1))[..., None])

    iris = np.array(looks.iris, np.float32)
    turned = canvas.x - np.sign(canvas.x) * at[0] - 0.05 * expression.look
    distance, radius = np.hypot(turned, y - at[1] - 0.006), 1.12 * shape.eye_height
    canvas.tint(almond * rise(radius - distance, -0.006, 0.006), iris)
    rim = rise(radius - distance, 0.018, 0) * rise(radius - distance, -0.004, 0.01)
    canvas.tint(almond * rim, iris * 0.35)
    canvas.tint(almond * rise(0.46 * radius - distance, -0.006, 0.006), (0.02, 0.02, 0.02))
    spark = bell(turned, y, (0.022, at[1] + 0.028), (0.011, 0.011))
    canvas.tint(0.9 * almond * spark, (1, 1, 1))
    canvas.darken(0.35 * almond * rise(height, 0.3 * upper.max(), upper.max()))

    dark = np.minimum(np.array(looks.hair, np.float32), 0.12) * 0.6
    skin_tone = np.array(looks.skin, np.float32)
    canvas.tint(0.92 * ridge(height - upper, 0.012) * (np.abs(across) < 1.06) * front, dark)
    canvas.tint(0.45 * ridge(height - lower, 0.007) * inside * front, skin_tone * 0.45)
    crease = 1.55 * shape.eye_height * np.clip(1 - (across / 1.15) ** 2, 0, 1) + 0.004
    crease_line = ridge(height - crease, 0.010) * (np.abs(across) < 1.1) * front
    canvas.tint(0.45 * crease_line, skin_tone * 0.5)


def brows(canvas: Canvas, looks: Looks, expression: Expression) -> None:
    """Two arched strokes, thinner outwards."""
    shape = looks.shape
    across = (canvas.side - 1.02 * shape.eye_x) / (1.32 * shape.eye_width)
    line = shape.brow_y + 0.06 * expression.brows - 0.035 * np.clip(across, -1, 1) ** 2
    line += 0.06 * shape.brow_tilt * across
    half = shape.brow_thickness * (1.12 - 0.5 * rise(across, -0.2, 1))
    stroke = rise(half - np.abs(canvas.y - line), -0.014, 0.012)
    stroke *= rise(1 - np.abs(across), 0, 0.25) * canvas.front
    colour = np.minimum(np.array(looks.hair, np.float32) * 0.85, 0.45)
    canvas.tint(stroke * (0.82 + 0.12 * canvas.noise("brows", (2.2, 0.8))), colour)


def glasses(canvas: Canvas, looks: Looks) -> None:
    """Round dark frames with a bridge and temples."""
    at, side, y = looks.shape.eye_x, canvas.side, canvas.y - looks.shape.eye_y
    ring = ridge(np.hypot((side - at) / 1.15, y / 0.95) - 0.185, 0.014) * canvas.front
    bridge = ridge(y - 0.03, 0.014) * (side < 0.11) * canvas.front
    temples = ridge(y - 0.02, 0.014) * (side > at + 0.2) * (canvas.forward > -0.1)
    frame = np.maximum(np.maximum(ring, bridge), temples)
    canvas.tint(0.95 * frame, (0.05, 0.05, 0.06))
    canvas.relief += 0.03 * frame


def ears(canvas: Canvas, looks: Looks) -> None:
    """Two shells at the sides, with a hollow."""
    around = np.abs(canvas.longitude) - 1.52
    shell = ridge(around, 0.085) * ridge(canvas.y + 0.06, 0.13)
    hollow = ridge(around, 0.03)
    shell *= 1 - canvas.hair
    canvas.relief += 0.16 * shell * (1 - 0.5 * hollow)
    red = np.array(looks.skin, np.float32) * np.array((1.0, 0.8, 0.76), np.float32)
    canvas.tint(0.3 * shell, red)
    canvas.darken(0.3 * shell * hollow)


def hair(canvas: Canvas, looks: Looks) -> None:
    """Hair of the person's style: coloured, streaked, and standing off the skull."""
    mask = _bald(canvas) if looks.style == "bald" else _full_head(canvas, looks)
    streaks = canvas.noise("hair", (5.0, 0.9))
    strands = canvas.noise("strands", (9.0, 0.45))
    canvas.hair = mask
    # Strands run together at the crown, where they must not flicker.
    spread = np.sqrt(np.clip(1 - (canvas.y / canvas.skull) ** 2, 0, 1))
    shade = 1 + (0.16 * streaks + 0.10 * strands) * rise(spread, 0.1, 0.6)
    colour = np.array(looks.hair, np.float32) * np.clip(shade, 0.45, 1.7)[..., None]
    canvas.tint(1.02 * mask, colour)
    edge = soften(mask, 1.6)  # a sharp edge would stand up like a wall
    # The sides of short hair lie close.
    close = 0.55 * rise(0.55 - canvas.y, 0, 0.5) if looks.style in ("short", "part") else 0.0
    volume = (
        looks.shape.hair_volume * (1 - close) + (0.004 * streaks + 0.001 * strands) * mask * spread
    )
    canvas.relief = canvas.relief * (1 - 0.9 * edge) + edge * volume


def _bald(canvas: Canvas) -> Floats:
    wreath = rise(-canvas.forward, -0.05, 0.12) * rise(canvas.y, -0.5, -0.2)
    return np.asarray(0.6 * wreath * rise(0.45 - canvas.y, -0.1, 0.1), np.float32)


def _full_head(canvas: Canvas, looks: Looks) -> Floats:
    shape, side, y = looks.shape, canvas.side, canvas.y
    locks = 0.035 * canvas.noise("locks", (60.0, 4.0))
    temples = 0.25 * rise(side, 0.45, 0.62)
    low, high = (-0.8, -0.5) if looks.style == "long" else (-0.16, 0.0)
    top = rise(y - shape.hairline + temples - locks, -0.03, 0.05)
    sides = rise(side / shape.width, 0.86, 0.95) * rise(y, low, high)
    back = rise(-canvas.forward, -0.05, 0.1) * rise(y, -0.75, -0.5)
    mask = np.maximum(np.maximum(top, sides), back)
    if looks.style != "long":
        around = np.abs(canvas.longitude) - 1.52
        mask *= 1 - rise(ridge(around, 0.16) * ridge(y + 0.10, 0.17), 0.35, 0.75)  # free ears
    if looks.style == "part":
        slanting = rise(y - 0.42 - 0.35 * canvas.x - locks, -0.02, 0.05)
        mask = np.maximum(mask, slanting * rise(canvas.forward, 0, 0.2))
    return np.asarray(np.clip(mask, 0, 1))


def _nose_tip(looks: Looks) -> float:
    return looks.shape.eye_y - looks.shape.nose_length - 0.03


def _between(value: Floats, low: Floats, high: Floats, soft: float) -> Floats:
    return rise(high - value, -soft, soft) * rise(value - low, -soft, soft)
