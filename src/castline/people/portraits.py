"""Portraits as arrays, whatever a stranger's file holds."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from castline.errors import InputError
from castline.files import read_bytes

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["read_portrait"]

# Only these: some of Pillow's readers start other programs.
_FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF")
_MOST_BYTES = 64_000_000
_MOST_PIXELS = 64_000_000
_LEAST_SIDE = 16


def read_portrait(path: Path) -> npt.NDArray[np.uint8]:
    """Read a picture as it is meant to be seen.

    Turned as its EXIF orientation says; the first picture of an animation; sixteen bits, greys,
    palettes and CMYK brought to RGB; what is transparent is white.

    Args:
        path: A JPEG, PNG, WebP, BMP, TIFF or GIF file.

    Returns:
        (H, W, 3) RGB.

    Raises:
        InputError: The file is none of these, broken, too large or too small.
    """
    import io

    from PIL import Image, ImageOps

    data = read_bytes(path)
    if len(data) > _MOST_BYTES:
        raise InputError(path, f"{len(data):,} bytes are too many for a portrait.")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of odd metadata, and of sizes that are checked below
        try:
            with Image.open(io.BytesIO(data), formats=_FORMATS) as image:
                _check_size(image.size, path)
                return _as_rgb(ImageOps.exif_transpose(image))
        except InputError:
            raise
        except Exception as error:  # decoders of broken files raise anything
            raise InputError(
                path,
                "this is no picture that can be read.",
                remedy="Save it again as JPEG or PNG.",
            ) from error


def _check_size(size: tuple[int, int], path: Path) -> None:
    width, height = size
    if width * height > _MOST_PIXELS:
        raise InputError(
            path,
            f"{width} x {height} pixels are too many for a portrait.",
            remedy="Make it smaller.",
        )
    if min(size) < _LEAST_SIDE:
        raise InputError(path, f"{width} x {height} pixels are too few for a face.")


def _as_rgb(image: Image) -> npt.NDArray[np.uint8]:
    from PIL import Image as Images

    if image.mode.startswith("I"):  # sixteen bits, whatever the order of the bytes
        grey = (np.asarray(image).astype(np.int64) >> 8).clip(0, 255).astype(np.uint8)
        return np.repeat(grey[:, :, None], 3, axis=2)
    if image.has_transparency_data:
        ground = Images.new("RGBA", image.size, "white")
        image = Images.alpha_composite(ground, image.convert("RGBA"))
    return np.asarray(image.convert("RGB"), np.uint8)
