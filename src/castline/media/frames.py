"""The pictures of a film in order of time, whole or in parts.

A picture is decoded once and made into pixels only as far as somebody asks: scaling and colour are
done by libswscale (PyAV) in one pass from the decoded planes to the size that is wanted.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from castline.media.display import Display, Scaler
from castline.media.opening import (
    clock_zero,
    last_believed,
    need_pictures,
    opened,
    promised_end,
)
from castline.media.splitting import COUNTED, WHOLE, FrameIndex, Part, index_frames, plan_parts
from castline.timing import format_clock, seconds_to_ms

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.packet import Packet
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

__all__ = ["Frame", "FrameIndex", "Part", "index_frames", "plan_parts", "read_frames"]

Pixels = npt.NDArray[np.uint8]

SMALL_HEIGHT = 144
"""Rows of `Frame.small`; pictures that have fewer keep theirs."""
_MISSING = Fraction(1, 2)
"""Seconds by which pictures may end before the file's word without being called cut off."""


class Frame:
    """One picture of a film, as it is shown: upright and with square pixels.

    Attributes:
        time_ms: When it is shown, on the media clock.
    """

    __slots__ = ("_picture", "_scaler", "time_ms")

    def __init__(self, time_ms: int, picture: VideoFrame, scaler: Scaler) -> None:
        self.time_ms = time_ms
        self._picture = picture
        self._scaler = scaler

    def picture(self, height: int | None = None) -> Pixels:
        """(H, W, 3) RGB of this height, or of the film's own."""
        return self._scaler.pixels(self._picture, "rgb24", height)

    def luma(self, height: int | None = None) -> Pixels:
        """(H, W) brightness as the film stores it, 16 to 235 in most; reads no colour."""
        return self._scaler.pixels(self._picture, "gray", height)

    def small(self) -> Pixels:
        """(H, W, 3) BGR of at most 144 rows, for finding cuts."""
        return self._scaler.pixels(self._picture, "bgr24", SMALL_HEIGHT, enlarge=False)


def read_frames(
    path: Path,
    part: Part | None = None,
    *,
    threads: int = 1,
    one_more: bool = False,
    problems: list[str] | None = None,
) -> Iterator[Frame]:
    """Decode the pictures of a film, or of one part of it, in order of time.

    The parts of a film give together exactly the pictures of the whole, with the same pixels.

    Args:
        path: The film.
        part: One of `plan_parts`; None for the whole film.
        threads: Of the decoder; they change nothing but the time it takes.
        one_more: Give the first picture of the next part too, as the last one.
        problems: Sentences about what is missing are added here when the end is reached: damaged
            pictures that were left out, a film that ends before its own word.

    Raises:
        InputError: The file cannot be read, or has no pictures.
    """
    part = part or WHOLE
    # None, at last, is the start of the film: slow and always right.
    for goal in (*part.seeks, None):
        with opened(path) as container:
            film = _Film(path, container, part, threads)
            pictures = film.pictures() if goal is None else film.pictures_from(goal)
            if pictures is None:
                continue
            for ticks, picture in pictures:
                past = part.end is not None and ticks >= part.end
                if past and not one_more:
                    break
                yield film.frame(ticks, picture)
                if past:
                    break
            if problems is not None:
                problems.extend(film.problems())
            return


class _Film:
    """The picture stream of an open file."""

    def __init__(self, path: Path, container: InputContainer, part: Part, threads: int) -> None:
        stream, self._tick = need_pictures(path, container)
        stream.codec_context.thread_count = threads
        # What the file says, not what the first picture of this part is: the same for all parts.
        self._size = (stream.codec_context.width, stream.codec_context.height)
        self._container = container
        self._part = part
        self._stream = stream
        self._zero = clock_zero(container)
        # Before the start of a film come the leading pictures of a recording that was cut: they
        # lack what they build on.
        begin = math.ceil(self._zero / self._tick)
        self._first = begin if part.start is None else part.start
        self._latest = math.ceil(last_believed(stream) / self._tick)
        self._counted = container.format.name in COUNTED
        self._step = max(1, round(1 / (self._tick * (stream.average_rate or Fraction(25)))))
        self._packets: Iterator[Packet[VideoStream]] = container.demux(stream)
        self._scaler: Scaler | None = None
        self._damaged = 0
        self._stale = 0
        self._last: int | None = None
        self._delay: int | None = None

    def pictures_from(self, goal: int) -> Iterator[tuple[int, VideoFrame]] | None:
        """The pictures of the part after a jump to about this tick; None if it leads astray."""
        from av import FFmpegError

        try:
            self._container.seek(goal, stream=self._stream)
        except FFmpegError:
            return None
        key = next((packet for packet in self._packets if packet.is_keyframe), None)
        if key is None or key.pts is None or key.pts > self._first:
            return None
        self._packets = itertools.chain([key], self._packets)
        pictures = self.pictures()
        first = next(pictures, None)
        if first is None or (first[0] != self._first and key.pts == self._first):
            # A film that is refreshed bit by bit must be decoded from further back.
            return None
        return itertools.chain([first], pictures)

    def pictures(self) -> Iterator[tuple[int, VideoFrame]]:
        """Each undamaged picture of the part and after, with its tick, which always grows."""
        for picture in self._decoded():
            ticks = self._ticks(picture)
            if picture.is_corrupt or ticks > self._latest:
                self._damaged += self._part.holds(ticks)
                continue
            if ticks < self._first:
                continue
            if self._last is not None and ticks <= self._last:
                self._stale += 1
                continue
            self._last = ticks
            yield ticks, picture

    def _decoded(self) -> Iterator[VideoFrame]:
        from av import FFmpegError

        for packet in self._packets:
            try:
                yield from packet.decode()
            except FFmpegError:
                self._damaged += self._part.holds(packet.pts)

    def _ticks(self, picture: VideoFrame) -> int:
        ticks = picture.dts if self._counted else picture.pts
        if ticks is None:
            start = self._stream.start_time or 0
            return start if self._last is None else self._last + self._step
        if self._counted:
            # The first picture comes out late by as much as the decoder had to look ahead.
            if self._delay is None:
                self._delay = ticks - (self._stream.start_time or 0)
            ticks -= self._delay
        return ticks

    def frame(self, ticks: int, picture: VideoFrame) -> Frame:
        """The picture with its time on the media clock."""
        if self._scaler is None:
            self._scaler = Scaler(Display.of(self._stream, picture), self._size)
        return Frame(self._ms(ticks), picture, self._scaler)

    def _ms(self, ticks: int) -> int:
        # One fraction a picture and not three, which would take longer than all else here.
        tick, zero = self._tick, self._zero
        return seconds_to_ms(
            Fraction(
                ticks * tick.numerator * zero.denominator - zero.numerator * tick.denominator,
                tick.denominator * zero.denominator,
            )
        )

    def problems(self) -> Iterator[str]:
        """What was found wrong, a sentence each."""
        if self._damaged:
            yield f"Damaged pictures left out: {self._damaged}."
        if self._stale:
            yield f"Pictures left out because their times go back: {self._stale}."
        end = promised_end(self._stream)
        if self._part.end is None and end is not None:
            last = self._zero if self._last is None else (self._last + self._step) * self._tick
            if end - last > _MISSING:
                yield (
                    f"The pictures end at {format_clock(seconds_to_ms(last - self._zero))}, "
                    f"the file promises {format_clock(seconds_to_ms(end - self._zero))}: "
                    "it is cut off or damaged."
                )
