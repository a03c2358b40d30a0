"""Tiny films made for the tests: 64x48 pixels, a second or two."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Literal, cast

import av
import numpy as np
import numpy.typing as npt
from av.stream import Disposition
from av.video.stream import VideoStream

WIDTH, HEIGHT = 64, 48
SHARED = Path(__file__).parents[3] / "shared" / "media"

Picture = npt.NDArray[np.uint8]


def scene(number: int) -> Picture:
    """(48, 64, 3) RGB: rough texture that moves, so that no two pictures are alike."""
    texture = np.random.default_rng(5).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    picture = np.kron(texture, np.ones((8, 8, 1), np.uint8))
    return np.roll(picture, (3 * number, 5 * number), axis=(0, 1))


def corner(_: int) -> Picture:
    """Black, with a red square top left and a green one top right."""
    picture = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    picture[:16, :16] = (255, 0, 0)
    picture[:16, -16:] = (0, 255, 0)
    return picture


def write_film(
    path: Path,
    *,
    times: Sequence[int] | int = 50,
    tick: Fraction = Fraction(1, 25),
    look: Callable[[int], Picture] = scene,
    codec: str = "libx264",
    options: dict[str, str] | None = None,
    container: dict[str, str] | None = None,
    aspect: Fraction | None = None,
    turn: tuple[float, bool, bool] | None = None,
    size: tuple[int, int] = (WIDTH, HEIGHT),
) -> Path:
    """A silent film with a picture at each of these ticks."""
    shown = range(times) if isinstance(times, int) else times
    with av.open(str(path), "w", options=container or {}) as film:
        rate = round(1 / tick) if tick > Fraction(1, 99) else 25
        stream = cast("VideoStream", film.add_stream(codec, rate=rate))
        (stream.width, stream.height), stream.pix_fmt = size, "yuv420p"
        stream.codec_context.time_base = tick
        # With a look-ahead x264 gives other bytes once in a while, even on one thread.
        steady = {"rc-lookahead": "0"} if codec == "libx264" else {}
        stream.options = {"g": "10", "preset": "veryfast", "threads": "1", **steady}
        stream.options = {**stream.options, **(options or {})}
        if aspect is not None:
            stream.codec_context.sample_aspect_ratio = aspect
        if turn is not None:
            stream.set_display_rotation(*turn)
        for number, ticks in enumerate(shown):
            frame = av.VideoFrame.from_ndarray(look(number), "rgb24")
            frame.pts, frame.time_base = ticks, tick
            film.mux(stream.encode(frame))
        film.mux(stream.encode())
    return path


def clicks(seconds: float, rate: int, *, every: float = 0.5) -> npt.NDArray[np.float32]:
    """(n,) silence with a click of five samples at the start and after each step of time."""
    sound = np.zeros(round(seconds * rate), np.float32)
    for at in np.arange(0, seconds, every):
        sound[round(at * rate) :][:5] = 0.9
    return sound


def write_sound_tracks(
    path: Path,
    sounds: Sequence[npt.NDArray[np.float32]],
    *,
    rate: int = 48_000,
    at: Callable[[int], int] = lambda sample: sample,
    languages: Sequence[str] = (),
    default: int = 0,
    pictures_at: float | None = None,
    layout: str = "mono",
    step: int = 1000,
    codec: Literal["pcm_s16le", "mp2"] = "pcm_s16le",
) -> Path:
    """Tracks of equal length, each (n,) or (channels, n); `at` gives their ticks.

    With `pictures_at`, one second of film begins at that second.
    """
    with av.open(str(path), "w") as film:
        tracks = [film.add_stream(codec, rate=rate, layout=layout) for _ in sounds]
        for number, track in enumerate(tracks):
            track.disposition = Disposition.default if number == default else Disposition(0)
            if number < len(languages):
                track.metadata["language"] = languages[number]
        if pictures_at is not None:
            stream = film.add_stream("libx264", rate=25)
            stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
            for number in range(25):
                frame = av.VideoFrame.from_ndarray(scene(number), "rgb24")
                frame.pts = number + round(25 * pictures_at)
                film.mux(stream.encode(frame))
            film.mux(stream.encode())
        for track, sound in zip(tracks, sounds, strict=True):
            channels = np.atleast_2d(sound)
            for start in range(0, channels.shape[1], step):
                whole = np.round(channels[:, start : start + step] * 32767).astype(np.int16)
                piece = av.AudioFrame.from_ndarray(whole.T.reshape(1, -1), "s16", layout)
                piece.sample_rate, piece.pts, piece.time_base = rate, at(start), Fraction(1, rate)
                film.mux(track.encode(piece))
            film.mux(track.encode())
    return path


def damage(path: Path, *, at: float, length: int = 200) -> Path:
    """Overwrite some bytes at a share of the file."""
    content = bytearray(path.read_bytes())
    start = int(len(content) * at)
    content[start : start + length] = b"\xff" * length
    path.write_bytes(content)
    return path


def cut_short(path: Path, *, share: float) -> Path:
    """Keep only the beginning of a file."""
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    return path


def with_a_foreign_piece(film: Path, foreign: Path) -> Path:
    """Put one broadcast (.ts) into the middle of another, far from what a reader tries first."""
    packet = 188
    nothing = (b"\x47\x1f\xff\x10" + bytes(packet - 4)) * 30_000
    content = film.read_bytes()
    half = len(content) // packet // 2 * packet
    film.write_bytes(content[:half] + nothing + foreign.read_bytes() + nothing + content[half:])
    return film
