"""Pictures for a model: the faces of recognised people boxed, with their names.

A name is written above its box where a font of this machine has all its letters. Otherwise the box
gets a number, and a legend in the text says whose it is: Pillow brings the letters of European
languages along, and few machines without a screen have Chinese ones.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from PIL.ImageDraw import ImageDraw
    from PIL.ImageFont import FreeTypeFont

    from castline.story.keyframes import Known

__all__ = ["draw_people", "legend_of", "writable"]

Pixels = npt.NDArray[np.uint8]

_FONTS = (
    *("NotoSansCJK-Regular.ttc", "NotoSerifCJK-Regular.ttc", "SourceHanSansSC-Regular.otf"),
    *("msyh.ttc", "PingFang.ttc", "STHeiti Light.ttc", "wqy-zenhei.ttc", "DroidSansFallback.ttf"),
    *("DejaVuSans.ttf", "Arial Unicode.ttf", "arial.ttf"),
)
"""Fonts that are looked for by name where the system keeps its fonts."""
_RED = (220, 20, 20)
_WHITE = (255, 255, 255)
_LETTERS = 0.045
"""Height of the letters as a share of the picture's height."""
_SMALLEST_LETTERS = 14
_QUALITY = 85
_MISSING = "\U0010fffe"
"""A code that no font has a letter for: it shows what a missing letter looks like."""


def legend_of(names: Sequence[str]) -> dict[str, str]:
    """What is written on the box of each person: the name, or a number where it cannot be.

    Args:
        names: Everybody recognised in the pictures that are shown together.

    Returns:
        Name to what is written, in the order of first appearance.
    """
    marks: dict[str, str] = {}
    numbers = 0
    for name in dict.fromkeys(names):
        if writable(name):
            marks[name] = name
        else:
            numbers += 1
            marks[name] = str(numbers)
    return marks


def writable(name: str) -> bool:
    """Whether a font of this machine has all letters of a name."""
    return _font_for(name, _SMALLEST_LETTERS) is not None


def draw_people(
    picture: Pixels, known: Sequence[Known], marks: dict[str, str], *, scale: float
) -> bytes:
    """Box the people in a picture and write who they are.

    Args:
        picture: (h, w, 3) RGB.
        known: Who is where, in pixels of the film.
        marks: What is written on the box of each; see `legend_of`.
        scale: Pixels of the picture for one of the film.

    Returns:
        A JPEG file; the same bytes for the same picture on one machine.
    """
    from PIL import Image, ImageDraw

    image = Image.fromarray(picture)
    draw = ImageDraw.Draw(image)
    for person in known:
        box = tuple(round(side * scale) for side in person.box)
        _draw_box(draw, (box[0], box[1], box[2], box[3]), marks[person.name], image.size)
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=_QUALITY)
    return buffer.getvalue()


def _draw_box(
    draw: ImageDraw, box: tuple[int, int, int, int], mark: str, size: tuple[int, int]
) -> None:
    """A red frame around the face, and above it what is written, white on red."""
    width, height = size
    line = max(2, round(height / 200))
    letters = max(_SMALLEST_LETTERS, round(_LETTERS * height))
    font = _font_for(mark, letters)
    draw.rectangle(box, outline=_RED, width=line)
    left, top, right, bottom = draw.textbbox((0, 0), mark, font=font)
    wide, tall = right - left + 2 * line, bottom - top + 2 * line
    x = min(max(0, box[0]), max(0, width - wide))
    y = box[1] - tall
    if y < 0:  # no room above the face
        y = min(box[3], height - tall)
    draw.rectangle((x, y, x + wide, y + tall), fill=_RED)
    draw.text((x + line - left, y + line - top), mark, font=font, fill=_WHITE)


@lru_cache(maxsize=4096)
def _font_for(text: str, size: int) -> FreeTypeFont | None:
    """The first font that has all letters of a text."""
    return next((font for font in _fonts(size) if _has_all(font, text)), None)


@lru_cache(maxsize=8)
def _fonts(size: int) -> tuple[FreeTypeFont, ...]:
    """The font that Pillow brings, then those that are found."""
    from PIL import ImageFont

    found = [ImageFont.load_default(size)]
    for name in _FONTS:
        try:
            found.append(ImageFont.truetype(name, size))
        except OSError:
            continue
    return tuple(font for font in found if isinstance(font, ImageFont.FreeTypeFont))


def _has_all(font: FreeTypeFont, text: str) -> bool:
    """Whether a font has a letter for each character: what it lacks it shows as an empty box."""
    missing = bytes(font.getmask(_MISSING))
    return all(bytes(font.getmask(char)) != missing for char in text if not char.isspace())
