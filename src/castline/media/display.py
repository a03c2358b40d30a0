"""How a stored picture is shown: pixels that are not square, pictures that lie on their side."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from av.video.frame import VideoFrame
    from av.video.reformatter import VideoReformatter
    from av.video.stream import VideoStream

__all__ = ["Display", "Scaler"]

Pixels = npt.NDArray[np.uint8]

_WIDEST = 8
"""No film has pixels so much wider than high, or higher than wide: such a ratio is damage, and a
picture of that width would fill the memory."""


@dataclass(frozen=True)
class Display:
    """The way from stored pixels to the shown picture.

    Attributes:
        aspect: Width of a stored pixel over its height.
        transposed: Rows and columns change places, before the two below.
        mirrored: Left and right change places.
        upturned: Top and bottom change places.
    """

    aspect: Fraction = Fraction(1)
    transposed: bool = False
    mirrored: bool = False
    upturned: bool = False

    @classmethod
    def of(cls, stream: VideoStream, frame: VideoFrame | None) -> Display:
        """What the stream and the display matrix beside its first picture say."""
        aspect = stream.sample_aspect_ratio or Fraction(1)
        if not 1 / _WIDEST <= aspect <= _WIDEST:
            aspect = Fraction(1)
        beside = None if frame is None else frame.side_data.get("DISPLAYMATRIX")
        if beside is None:
            return cls(aspect)
        # x' = a x + c y and y' = b x + d y, each row with a third number that is of no use here.
        a, b, _, c, d = np.frombuffer(cast("bytes", beside), dtype=np.int32)[:5].tolist()
        if abs(b) > abs(a):
            return cls(aspect, transposed=True, mirrored=c < 0, upturned=b < 0)
        return cls(aspect, mirrored=a < 0, upturned=d < 0)

    @property
    def rotation(self) -> int:
        """Degrees counter-clockwise, 0, 90, 180 or 270; a mirror image counts as not turned."""
        if self.transposed:
            return 90 if self.upturned else 270
        return 180 if self.mirrored and self.upturned else 0

    def size(self, width: int, height: int) -> tuple[int, int]:
        """Shown width and height of a stored picture, in square pixels."""
        width = max(1, round(width * self.aspect))
        return (height, width) if self.transposed else (width, height)

    def turned(self, pixels: Pixels) -> Pixels:
        """Put (H, W) or (H, W, 3) stored pixels upright."""
        if self.transposed:
            pixels = pixels.swapaxes(0, 1)
        if self.mirrored:
            pixels = pixels[:, ::-1]
        if self.upturned:
            pixels = pixels[::-1]
        return np.ascontiguousarray(pixels)


@dataclass(frozen=True)
class _Recipe:
    """How pictures of one stored size are made into those of one wish, for `reformat`."""

    reformatter: VideoReformatter
    arguments: dict[str, Any]


class Scaler:
    """Scales the pictures of one stream; keeps what libswscale has set up for each wish.

    Broadcasts may change the size of their pictures in the middle. All are given in the shape of
    the film, for whoever looks at them compares one with the next.

    Args:
        display: The way from its stored pixels to the shown picture.
        size: Stored width and height that the film begins with.
    """

    def __init__(self, display: Display, size: tuple[int, int]) -> None:
        self._display = display
        self._shown = display.size(*size)
        self._recipes: dict[tuple[object, ...], _Recipe] = {}

    def pixels(
        self, frame: VideoFrame, form: str, height: int | None = None, *, enlarge: bool = True
    ) -> Pixels:
        """A picture as shown, in a pixel format of FFmpeg, of this height or its own."""
        wish = (form, height, enlarge, frame.width, frame.height)
        recipe = self._recipes.get(wish) or self._recipes.setdefault(wish, self._recipe(*wish))
        scaled = recipe.reformatter.reformat(frame, **recipe.arguments)
        return self._display.turned(scaled.to_ndarray().astype(np.uint8, copy=False))

    def _recipe(
        self, form: str, height: int | None, enlarge: bool, _width: int, stored_height: int
    ) -> _Recipe:
        from av.video.reformatter import ColorRange, Interpolation, VideoReformatter

        shown_width, shown_height = self._shown
        tall = height or shown_height
        if not enlarge:
            tall = min(tall, shown_height)
        wide = max(1, round(shown_width * tall / shown_height))
        stored = (tall, wide) if self._display.transposed else (wide, tall)
        # Brightness stays as stored: one word for both sides saves a pass over it.
        span = ColorRange.JPEG if form == "gray" else ColorRange.UNSPECIFIED
        arguments = {
            "width": stored[0],
            "height": stored[1],
            "format": form,
            "interpolation": (
                Interpolation.AREA if stored[1] < stored_height else Interpolation.BILINEAR
            ),
            "src_color_range": span,
            "dst_color_range": span,
            "threads": 1,
        }
        return _Recipe(VideoReformatter(), arguments)
