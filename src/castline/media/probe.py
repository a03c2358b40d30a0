"""What is in a film file, and whether it is still the same file.

Times are integer milliseconds on the media clock: 0 is when the first of pictures and sound begins,
whatever the file's own clock shows then.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from castline.errors import InputError
from castline.files import storage_errors
from castline.media.display import Display
from castline.media.opening import (
    clock_zero,
    need_file,
    only,
    opened,
    picture_stream,
    played_streams,
    promised_end,
    sound_streams,
)
from castline.timing import seconds_to_ms

if TYPE_CHECKING:
    from collections.abc import Iterator

    from av.container import InputContainer
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

__all__ = ["MediaInfo", "SoundTrack", "VideoTrack", "fingerprint", "guard_unchanged", "probe"]

_BLOCK = 256 * 1024
_BLOCKS = 18
_LOOK_FOR_PICTURE = 300
"""Packets that are tried for the first picture."""


@dataclass(frozen=True)
class SoundTrack:
    """One sound track.

    Attributes:
        index: Its place among the sound streams of the file, from 0.
        language: As the file spells it ("eng"), or empty.
        channels: How many.
        rate: Samples a second.
        start_ms: When it begins on the media clock.
        duration_ms: Its own length; that of the file when it does not say.
        default: The file marks it as the one to play.
    """

    index: int
    language: str
    channels: int
    rate: int
    start_ms: int
    duration_ms: int
    default: bool


@dataclass(frozen=True)
class VideoTrack:
    """The pictures.

    Attributes:
        width: Of the picture as shown: square pixels, upright.
        height: Likewise.
        rate: Pictures a second, on average where it varies.
        rotation: Degrees counter-clockwise from the stored to the shown picture: 0, 90, 180, 270.
        coded_width: Of the picture as stored.
        coded_height: Likewise.
        frames: How many pictures the file says it has; None if it does not.
    """

    width: int
    height: int
    rate: Fraction
    rotation: int
    coded_width: int
    coded_height: int
    frames: int | None


@dataclass(frozen=True)
class MediaInfo:
    """What is in a film file.

    Attributes:
        path: The file.
        duration_ms: Until the last of pictures and sound ends; 0 when the file does not say.
        start_ms: What the file's own clock shows at 0 of the media clock.
        video: The pictures; None in a sound file. Cover art does not count.
        sound: The sound tracks that can be decoded, in the order of the file.
    """

    path: Path
    duration_ms: int
    start_ms: int
    video: VideoTrack | None
    sound: tuple[SoundTrack, ...]


def probe(path: Path) -> MediaInfo:
    """Look into a film file; reads its head, and one picture to see how it is turned.

    Raises:
        InputError: The file is missing, empty, no film, cut off before its index, or has neither
            pictures nor sound that can be decoded.
    """
    with opened(path) as container:
        zero = clock_zero(container)
        duration = _duration(container, zero)
        sound = tuple(
            SoundTrack(
                index=place,
                language="" if stream.language in (None, "und") else stream.language,
                channels=stream.channels,
                rate=stream.codec_context.sample_rate,
                start_ms=seconds_to_ms(start - zero),
                duration_ms=seconds_to_ms(
                    duration if (end := promised_end(stream)) is None else end - start
                ),
                default=bool(stream.disposition & stream.disposition.default),
            )
            for place, stream in sound_streams(container).items()
            for start in [_start(stream.start_time, stream.time_base, zero)]
        )
        pictures = picture_stream(container)
        video = None if pictures is None else _video(container, pictures)
    if video is None and not sound:
        raise InputError(
            path,
            "there are neither pictures nor sound in it that can be decoded.",
            remedy="Give a film with at least a sound track.",
        )
    return MediaInfo(path, seconds_to_ms(duration), seconds_to_ms(zero), video, sound)


def _start(ticks: int | None, time_base: Fraction | None, zero: Fraction) -> Fraction:
    return zero if ticks is None or time_base is None else ticks * time_base


def _duration(container: InputContainer, zero: Fraction) -> Fraction:
    ends = [promised_end(stream) for stream in played_streams(container)]
    known = [end - zero for end in ends if end is not None]
    if known and len(known) == len(ends):
        return max(known)
    return Fraction(container.duration or 0, 1_000_000)


def _video(container: InputContainer, stream: VideoStream) -> VideoTrack:
    display = Display.of(stream, _first_picture(container, stream))
    coded = stream.codec_context
    width, height = display.size(coded.width, coded.height)
    return VideoTrack(
        width=width,
        height=height,
        rate=stream.average_rate or stream.guessed_rate or Fraction(25),
        rotation=display.rotation,
        coded_width=coded.width,
        coded_height=coded.height,
        frames=stream.frames or None,
    )


def _first_picture(container: InputContainer, stream: VideoStream) -> VideoFrame | None:
    from av import FFmpegError

    only(container, stream)
    for packet in itertools.islice(container.demux(stream), _LOOK_FOR_PICTURE):
        with contextlib.suppress(FFmpegError):
            for frame in packet.decode():
                return frame
    return None


def fingerprint(path: Path) -> str:
    """A digest of a film that is quick for gigabytes: its size and eighteen blocks of it.

    The blocks of 256 KiB are the first, the last, and sixteen evenly between, so a file of up to
    4.5 MiB is read whole. A change that keeps the size and falls between all blocks of a larger
    file is not seen; no encoder or copy changes a film like that.

    Raises:
        InputError: The file is missing, a folder, or empty.
        StorageError: The disk refused.
    """
    size = need_file(path)
    digest = hashlib.sha256(size.to_bytes(8, "big"))
    with storage_errors(path, "read"), path.open("rb") as file:
        if size <= _BLOCK * _BLOCKS:
            digest.update(file.read())
        else:
            for block in range(_BLOCKS):
                file.seek((size - _BLOCK) * block // (_BLOCKS - 1))
                digest.update(file.read(_BLOCK))
    return digest.hexdigest()


@contextlib.contextmanager
def guard_unchanged(path: Path, before: str) -> Iterator[None]:
    """Refuse what was read inside if the film is no longer the one of this fingerprint.

    It also speaks when reading failed, since a change is then the likely cause.

    Raises:
        InputError: The file changed.
    """
    try:
        yield
    finally:
        if fingerprint(path) != before:
            raise InputError(
                path,
                "the film changed while it was read.",
                remedy="Wait until it is written to its end, then run again.",
            )
