"""The engine that reads writing: what it reads, and that it is quiet, offline and checked."""

from __future__ import annotations

import importlib.util
import socket
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image, ImageDraw, ImageFont

from castline.engines import rapid_ocr
from castline.engines.rapid_ocr import MANIFEST, RapidOcr
from castline.errors import InputError, MissingExtra

needs_rapidocr = pytest.mark.skipif(
    importlib.util.find_spec("rapidocr") is None, reason="the extra 'ocr' is not installed"
)
CHINESE_FONTS = (
    "/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc",
    "/usr/share/fonts/truetype/wqy/wqy-zenhei.ttc",
)


@pytest.fixture(scope="module")
def engine() -> RapidOcr:
    return RapidOcr()


def page(*rows: tuple[str, int], font: str | None = None) -> npt.NDArray[np.uint8]:
    """White writing with a dark edge on a grey picture, each row at a height."""
    image = Image.new("RGB", (640, 120), (90, 100, 80))
    draw = ImageDraw.Draw(image)
    face = ImageFont.truetype(font, 26) if font else ImageFont.load_default(26)
    for text, y in rows:
        draw.text((320, y), text, "white", face, "mm", stroke_width=2, stroke_fill="black")
    return np.asarray(image)


@needs_rapidocr
def test_rows_are_read_from_top_to_bottom_inside_their_boxes(engine: RapidOcr) -> None:
    found = engine.read(page(("Nobody. Go to sleep.", 85), ("Who is there?", 35)))
    assert [line.text for line in found] == ["Who is there?", "Nobody. Go to sleep."]
    for line, middle in zip(found, (35, 85), strict=True):
        left, top, right, bottom = line.box
        assert left < 320 < right
        assert top < middle < bottom
        assert 0.9 < line.score <= 1


@needs_rapidocr
@pytest.mark.parametrize("shape", [(0, 0), (1, 1), (1, 3000), (12, 3840), (3000, 1)])
def test_pictures_too_thin_for_writing_hold_none(engine: RapidOcr, shape: tuple[int, int]) -> None:
    assert engine.read(np.zeros((*shape, 3), np.uint8)) == []


@needs_rapidocr
def test_a_thin_band_of_a_wide_picture_is_read(engine: RapidOcr) -> None:
    band = page(("Nobody. Go to sleep.", 60))[40:80]
    wide = np.pad(band, ((0, 0), (0, 2200), (0, 0)), mode="edge")
    (line,) = engine.read(wide)
    assert line.text == "Nobody. Go to sleep."
    assert line.box[2] < 640


@needs_rapidocr
def test_chinese_is_read_letter_for_letter(engine: RapidOcr) -> None:
    font = next((each for each in CHINESE_FONTS if Path(each).exists()), None)
    if font is None:
        pytest.skip("no font with Chinese characters on this machine")
    found = engine.read(page(("你昨天晚上到底去哪里了？", 60), font=font))
    assert [line.text for line in found] == ["你昨天晚上到底去哪里了？"]


@needs_rapidocr
@pytest.mark.parametrize("shape", [(120, 640, 3), (4, 4, 3), (8, 900, 3)])
def test_a_picture_without_writing_gives_nothing(
    engine: RapidOcr, shape: tuple[int, int, int]
) -> None:
    assert engine.read(np.zeros(shape, np.uint8)) == []


@needs_rapidocr
def test_the_same_picture_gives_the_same_numbers(engine: RapidOcr) -> None:
    picture = page(("Where were you?", 60))
    assert engine.read(picture) == engine.read(picture)


@needs_rapidocr
def test_it_loads_without_network_and_without_a_word(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "create_connection", refuse)
    fresh = RapidOcr()
    fresh.read(page(("Quiet.", 60)))
    fresh.read(np.zeros((60, 60, 3), np.uint8))
    assert capfd.readouterr() == ("", "")


def test_without_the_package_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(MissingExtra, match=r"castline\[ocr\]"):
        RapidOcr().read(np.zeros((60, 60, 3), np.uint8))


@needs_rapidocr
def test_other_weights_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    other = msgspec.structs.replace(MANIFEST.files[0], sha256="0" * 64)
    changed = msgspec.structs.replace(MANIFEST, files=(other, MANIFEST.files[1]))
    monkeypatch.setattr(rapid_ocr, "MANIFEST", changed)
    with pytest.raises(InputError, match="not those that this engine stands for"):
        RapidOcr().read(np.zeros((60, 60, 3), np.uint8))
