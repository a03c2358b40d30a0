"""The subtitles of an episode: their times, and how they are burnt into the picture."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from castline.subtitles.base import Cue

if TYPE_CHECKING:
    from PIL.ImageFont import FreeTypeFont, ImageFont

    from castline.testing.episode_script import Script
    from castline.testing.episode_stage import Frame

__all__ = ["burn_in", "subtitle_cues"]

_EARLY_MS = 80
_LATE_MS = (150, 450)

_SIZE = 0.058
"""Height of the letters' box, as a share of the picture's height."""
_WIDEST = 0.84
"""Share of the picture's width that a row of text may fill."""


def subtitle_cues(script: Script) -> tuple[Cue, ...]:
    """One cue for each line, without names.

    As in real subtitles they come a little early and stay a little longer than the voice, but
    they overlap only where voices do.
    """
    rng = np.random.default_rng([script.seed, 1])
    cues: list[Cue] = []
    lines = script.lines
    for number, line in enumerate(lines):
        start = max(0, line.start_ms - int(rng.integers(_EARLY_MS + 1)))
        end = min(script.end_ms, line.end_ms + int(rng.integers(*_LATE_MS)))
        if number and lines[number - 1].end_ms <= line.start_ms:
            start = max(start, cues[-1].end_ms)
        if number + 1 < len(lines) and line.end_ms <= lines[number + 1].start_ms:
            end = min(end, lines[number + 1].start_ms)
        cues.append(Cue(max(start, cues[-1].start_ms if cues else 0), end, line.text))
    return tuple(cues)


def burn_in(frame: Frame, texts: tuple[str, ...]) -> None:
    """Draw subtitles into a picture, bottom centre, white with a dark outline.

    Letters come from the font that Pillow carries, which has those of European languages.

    Args:
        frame: The picture, changed.
        texts: The cues shown at this moment.
    """
    if not texts:
        return
    luma, *colours = frame.planes
    writing = _write(texts, luma.shape[1], luma.shape[0])
    rows = slice(writing.row, writing.row + len(writing.cover))
    below = luma[rows].astype(np.float32)
    bright = 16 + 219 * writing.light
    luma[rows] = (below + writing.cover * (bright - below) + 0.5).astype(np.uint8)
    cover = writing.cover.reshape(len(writing.cover) // 2, 2, -1, 2).mean(axis=(1, 3))
    for plane in colours:
        piece = plane[writing.row // 2 : writing.row // 2 + len(cover)]
        grey = piece + cover * (128.0 - piece)
        piece[:] = (grey + 0.5).astype(np.uint8)


@dataclass(frozen=True)
class _Writing:
    """A strip of text across the picture.

    Attributes:
        row: Where it starts, even.
        cover: (h, width) how much it hides, 0 to 1; h is even.
        light: (h, width) how bright it is, 0 to 1.
    """

    row: int
    cover: npt.NDArray[np.float32]
    light: npt.NDArray[np.float32]


@lru_cache(maxsize=2)
def _write(texts: tuple[str, ...], width: int, height: int) -> _Writing:
    from PIL import Image, ImageDraw, ImageFont

    font = ImageFont.load_default(max(10, round(_SIZE * height)))
    text = "\n".join(_wrap(text, font, _WIDEST * width) for text in texts)
    outline = max(1, round(0.004 * height))
    measure = ImageDraw.Draw(Image.new("L", (1, 1)))
    box = measure.multiline_textbbox((0, 0), text, font=font, stroke_width=outline)
    tall = (int(box[3] - box[1]) + 3) // 2 * 2
    at = ((width - box[2] - box[0]) / 2, 1 - box[1])
    layers = []
    for outside in (255, 0):
        layer = Image.new("L", (width, tall))
        ImageDraw.Draw(layer).multiline_text(
            at, text, fill=255, font=font, align="center", stroke_width=outline,
            stroke_fill=outside,
        )  # fmt: skip
        layers.append(np.asarray(layer, np.float32) / np.float32(255))
    row = max(0, int(0.955 * height) - tall) // 2 * 2
    return _Writing(row, layers[0][: height - row], layers[1][: height - row])


def _wrap(text: str, font: FreeTypeFont | ImageFont, width: float) -> str:
    rows: list[str] = []
    for word in text.split():
        if rows and font.getlength(f"{rows[-1]} {word}") <= width:
            rows[-1] += f" {word}"
        else:
            rows.append(word)
    return "\n".join(rows)
