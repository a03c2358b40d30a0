"""Film files are opened here and nowhere else: local files, known containers, clear errors.

A file that calls itself a film may be a playlist that names other files or hosts. Only the file
itself is opened, and only containers that carry their own streams.
"""

from __future__ import annotations

import contextlib
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from castline.errors import InputError
from castline.files import storage_errors
from castline.timing import parse_clock

if TYPE_CHECKING:
    from collections.abc import Iterator

    from av.audio.stream import AudioStream
    from av.container import InputContainer
    from av.video.stream import VideoStream

__all__ = [
    "clock_zero",
    "last_believed",
    "need_file",
    "need_pictures",
    "only",
    "opened",
    "picture_stream",
    "played_streams",
    "promised_end",
    "sound_streams",
]

_CONTAINERS = (
    "aac,ac3,aiff,asf,avi,caf,dv,eac3,flac,flv,h264,hevc,m4v,matroska,mov,mp3,mpeg,mpegts,"
    "mpegvideo,mxf,nut,ogg,rm,w64,wav,wtv"
)
_SLACK = 60
"""Seconds that a stream may go on after its promised end."""
_LONGEST = 48 * 3600
"""Seconds after which no film goes on, whatever it promises: silence up to there would fill the
disk."""
_OPTIONS = {"protocol_whitelist": "file", "format_whitelist": _CONTAINERS}


def need_file(path: Path) -> int:
    """The size in bytes of a file that must be there and hold something.

    Raises:
        InputError: There is no such file, it is a folder, or it is empty.
    """
    if not path.is_file():
        kind = "is a folder, expected a film" if path.is_dir() else "does not exist"
        raise InputError(path, f"the file {kind}.", remedy="Check the path.")
    size = path.stat().st_size
    if not size:
        raise InputError(path, "the file is empty (0 bytes).", remedy="Copy it again.")
    return size


@contextlib.contextmanager
def opened(path: Path) -> Iterator[InputContainer]:
    """Open a film file; whatever PyAV raises inside becomes an error that names the file.

    Raises:
        InputError: The file is missing, empty, no film, cut off before its index, or cannot be
            read further.
        StorageError: The disk refused.
    """
    import av

    need_file(path)
    try:
        # The prefix keeps a name like `http:x` from being taken for an address.
        with av.open(f"file:{path}", options=_OPTIONS) as container:
            if not container.streams:
                raise _unreadable(path)
            yield container
    except av.FFmpegError as error:
        raise _unreadable(path, error.strerror or "") from error


def _unreadable(path: Path, reason: str = "") -> InputError:
    with storage_errors(path, "read"), path.open("rb") as file:
        head = file.read(12)
    if head[4:8] == b"ftyp":
        return InputError(
            path,
            "the film has no index that can be read (`moov`); it was not written to its end.",
            remedy="Copy or download it again.",
        )
    detail = f" ({reason})" if reason else ""
    return InputError(
        path,
        f"this is no film file of a known kind, or it is damaged{detail}.",
        remedy="Check that it plays; if not, copy it again.",
    )


def picture_stream(container: InputContainer) -> VideoStream | None:
    """The stream of the film's pictures: the default one, else the first; never cover art."""
    from av.stream import Disposition

    still = Disposition.attached_pic | Disposition.timed_thumbnails | Disposition.still_image
    films = [
        stream
        for stream in container.streams.video
        if not stream.disposition & still and stream.codec_context and stream.codec_context.width
    ]
    return next((s for s in films if s.disposition & Disposition.default), next(iter(films), None))


def need_pictures(path: Path, container: InputContainer) -> tuple[VideoStream, Fraction]:
    """The stream of the film's pictures, the only one that is read on, and its tick in seconds.

    Raises:
        InputError: There is none.
    """
    stream = picture_stream(container)
    if stream is None or stream.time_base is None:
        raise InputError(path, "the film has no pictures.", remedy="Give one that has.")
    only(container, stream)
    return stream, stream.time_base


def sound_streams(container: InputContainer) -> dict[int, AudioStream]:
    """Sound streams that can be decoded, by their place among all sound streams."""
    return {
        place: stream
        for place, stream in enumerate(container.streams.audio)
        if stream.codec_context and stream.codec_context.sample_rate
    }


def played_streams(container: InputContainer) -> list[VideoStream | AudioStream]:
    """The pictures, if any, and all sound."""
    pictures = picture_stream(container)
    return [*([pictures] if pictures else []), *sound_streams(container).values()]


def clock_zero(container: InputContainer) -> Fraction:
    """The moment in seconds, on the file's own clock, that is 0 on the media clock.

    It is the start of whichever begins first, pictures or sound.
    """
    return min(
        (
            stream.start_time * stream.time_base
            for stream in played_streams(container)
            if stream.start_time is not None and stream.time_base
        ),
        default=Fraction(0),
    )


def promised_end(stream: VideoStream | AudioStream) -> Fraction | None:
    """When a stream ends by its own account, in seconds on the file's clock; None if unsaid."""
    if stream.duration and stream.time_base:
        return ((stream.start_time or 0) + stream.duration) * stream.time_base
    for key, text in stream.metadata.items():
        # Matroska says it in a tag, with the language of the tag behind its name.
        if key.upper().startswith("DURATION"):
            with contextlib.suppress(ValueError):
                return Fraction(parse_clock(text), 1000)
    return None


def last_believed(stream: VideoStream | AudioStream) -> Fraction:
    """The last time in a stream that can be meant, in seconds on the file's clock.

    Damage in a broadcast can give a piece a time hours ahead, and all that follows would seem late.
    """
    latest = (stream.start_time or 0) * (stream.time_base or Fraction(0)) + _LONGEST
    end = promised_end(stream)
    return latest if end is None else min(end + _SLACK, latest)


def only(container: InputContainer, stream: VideoStream | AudioStream) -> None:
    """Let the container pass over the packets of all other streams."""
    from av.stream import Discard

    for other in container.streams:
        if other.index != stream.index:
            other.discard = Discard.all
