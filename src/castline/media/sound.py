"""The sound of a film as engines want it: 16 kHz, mono, sample 0 at media time 0.

Samples lie where the times in the file say: silence fills what is missing, what comes before 0 or
twice is left out. Channels are mixed and rates changed by libswresample (PyAV).
"""

from __future__ import annotations

import os
import struct
import wave
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from castline.errors import InputError, UnknownName
from castline.files import scrap, storage_errors
from castline.media.opening import (
    clock_zero,
    last_believed,
    need_file,
    only,
    opened,
    promised_end,
    sound_streams,
)
from castline.media.probe import MediaInfo, SoundTrack
from castline.media.timeline import RATE, Timeline
from castline.timing import format_clock, seconds_to_ms

if TYPE_CHECKING:
    from av.audio.frame import AudioFrame
    from av.audio.stream import AudioStream
    from av.container import InputContainer

__all__ = ["Sound", "SoundFile", "choose_track", "decode_sound", "write_sound"]

Floats = npt.NDArray[np.float32]

_HEADER = struct.Struct("<4sI4s4sIHHIIHH4sI")
_MISSING = 0.5
"""Seconds by which sound may end before the file's word without being called cut off."""


def choose_track(info: MediaInfo, *, language: str | None = None) -> SoundTrack:
    """The track to listen to: of this language if given; the default one, else the first.

    Args:
        info: What is in the film.
        language: As the file spells it, such as "eng"; case does not matter.

    Raises:
        InputError: The film has no sound.
        UnknownName: No track is in that language.
    """
    if not info.sound:
        raise _silent(info.path)
    tracks = info.sound
    if language is not None:
        tracks = tuple(t for t in tracks if t.language.casefold() == language.casefold())
        if not tracks:
            raise UnknownName(
                "sound track language", language, sorted({t.language for t in info.sound} - {""})
            )
    return next((track for track in tracks if track.default), tracks[0])


def _silent(path: Path) -> InputError:
    return InputError(
        path, "the film has no sound that can be decoded.", remedy="Give one with a sound track."
    )


def decode_sound(
    path: Path, track: int | None = None, *, problems: list[str] | None = None
) -> Iterator[Floats]:
    """Decode one sound track in pieces of at most a few thousand samples.

    Args:
        path: The film.
        track: Its place among the sound tracks; None for the default one, else the first.
        problems: Sentences about what is missing are added here when the end is reached.

    Yields:
        (n,) samples, -1 to 1, at 16 kHz; the first is that of media time 0.

    Raises:
        InputError: The file cannot be read, or has no such sound track.
    """
    with opened(path) as container:
        stream = _stream(path, container, track)
        only(container, stream)
        zero = float(clock_zero(container))
        end, latest = promised_end(stream), last_believed(stream)
        promised = None if end is None else float(end) - zero
        timeline = Timeline()
        damaged = 0
        for frame in _decoded(container, stream):
            at = None
            if frame is not None and frame.pts is not None and frame.time_base is not None:
                at = frame.pts * frame.time_base.numerator / frame.time_base.denominator - zero
            beyond = at is not None and at + zero > latest
            if frame is None or frame.is_corrupt or beyond:
                damaged += 1
            else:
                yield from timeline.add(frame, at)
        yield from timeline.finish()
    if problems is None:
        return
    if damaged:
        problems.append(f"Damaged pieces of sound replaced by silence: {damaged}.")
    if promised is not None and promised - timeline.written / RATE > _MISSING:
        problems.append(
            f"The sound ends at {format_clock(seconds_to_ms(timeline.written / RATE))}, the file "
            f"promises {format_clock(seconds_to_ms(promised))}: it is cut off or damaged."
        )


def _stream(path: Path, container: InputContainer, track: int | None) -> AudioStream:
    streams = sound_streams(container)
    if not streams:
        raise _silent(path)
    if track is None:
        marked = (s for s in streams.values() if s.disposition & s.disposition.default)
        return next(marked, next(iter(streams.values())))
    if track not in streams:
        known = ", ".join(map(str, streams))
        raise InputError(
            path, f"there is no sound track {track}.", remedy=f"Tracks in this film: {known}."
        )
    return streams[track]


def _decoded(container: InputContainer, stream: AudioStream) -> Iterator[AudioFrame | None]:
    """Frames, None for each packet that the decoder refused."""
    from av import FFmpegError

    for packet in container.demux(stream):
        try:
            yield from packet.decode()
        except FFmpegError:
            yield None


@dataclass(frozen=True)
class SoundFile:
    """What `write_sound` wrote.

    Attributes:
        path: The WAV file.
        samples: How many, at 16 kHz.
        problems: What is missing in it, a sentence each.
    """

    path: Path
    samples: int
    problems: tuple[str, ...]

    @property
    def duration_ms(self) -> int:
        """Its length."""
        return seconds_to_ms(Fraction(self.samples, RATE))


def write_sound(path_in: Path, path_out: Path, track: int | None = None) -> SoundFile:
    """Write a sound track as WAV (16 kHz, mono, 16 bit), piece by piece, whole or not at all.

    Raises:
        InputError: The film cannot be read, or has no such sound track.
        StorageError: The disk refused; nothing half-written is left.
    """
    problems: list[str] = []
    count = 0
    with scrap(path_out, b"") as written, storage_errors(path_out, "write"):
        with written.open("wb") as file:
            file.write(_header(0))
            for samples in decode_sound(path_in, track, problems=problems):
                whole = np.clip(np.rint(samples * 32768), -32768, 32767)
                file.write(whole.astype("<i2").tobytes())
                count += len(samples)
            file.seek(0)
            file.write(_header(count))
            file.flush()
            os.fsync(file.fileno())
        if not count:
            raise _silent(path_in)
        written.replace(path_out)
    return SoundFile(path_out, count, tuple(problems))


def _header(samples: int) -> bytes:
    size = 2 * samples
    return _HEADER.pack(
        b"RIFF", size + 36, b"WAVE", b"fmt ", 16, 1, 1, RATE, 2 * RATE, 2, 16, b"data", size
    )


class Sound:
    """A WAV file of `write_sound`, read from the disk only where it is listened to.

    Raises:
        InputError: The file is missing, no such WAV file, or cut off.
    """

    def __init__(self, path: Path) -> None:
        need_file(path)
        try:
            with storage_errors(path, "read"), wave.open(str(path)) as file:
                kind = (file.getframerate(), file.getnchannels(), file.getsampwidth())
                count = file.getnframes()
        except (wave.Error, EOFError) as error:
            raise _no_sound_file(path) from error
        if kind != (RATE, 1, 2) or path.stat().st_size != _HEADER.size + 2 * count:
            raise _no_sound_file(path)
        self._samples = (
            np.memmap(path, dtype="<i2", mode="r", offset=_HEADER.size, shape=(count,))
            if count
            else np.zeros(0, "<i2")
        )

    @property
    def duration_ms(self) -> int:
        """Its length."""
        return seconds_to_ms(Fraction(len(self._samples), RATE))

    def samples(self, start_ms: int, end_ms: int) -> Floats:
        """(16 * (end_ms - start_ms),) samples, -1 to 1; silence outside the film."""
        start, end = (ms * RATE // 1000 for ms in (start_ms, end_ms))
        sound = np.zeros(max(0, end - start), np.float32)
        inside = self._samples[max(0, start) : max(0, end)]
        at = max(0, -start)
        sound[at : at + len(inside)] = inside
        sound /= 32768
        return sound


def _no_sound_file(path: Path) -> InputError:
    return InputError(
        path,
        "this is no whole WAV file of 16 kHz, one channel, 16 bit.",
        remedy="Delete it and run again: it is made from the film.",
    )
