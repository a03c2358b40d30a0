"""Where a film can be cut into parts that are decoded apart from each other."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from pathlib import Path

from castline.media.opening import clock_zero, need_pictures, opened
from castline.timing import seconds_to_ms

__all__ = ["WHOLE", "FrameIndex", "Part", "index_frames", "plan_parts"]

COUNTED = ("avi",)
"""Containers that store the order of pictures and no time of presentation."""


@dataclass(frozen=True)
class FrameIndex:
    """The pictures of a film, read from its packets without decoding one.

    Attributes:
        frames: How many pictures there are; damaged ones count.
        keyframes_ms: When pictures are shown that need no other.
        keyframes: The same in ticks of the stream.
        decoded: When they are decoded, in ticks; containers of broadcasts are searched by it.
        end_ms: When the last picture is shown.
        ordered: Every picture has a time of its own, and keyframes follow each other in time; only
            then can the film be cut.
    """

    frames: int
    keyframes_ms: tuple[int, ...]
    keyframes: tuple[int, ...]
    decoded: tuple[int, ...]
    end_ms: int
    ordered: bool


@dataclass(frozen=True)
class Part:
    """A stretch of a film: all pictures shown from `start` until before `end`.

    Attributes:
        number: From 0.
        start_ms: The media time of its first picture.
        end_ms: That of the first picture of the next part; None in the last.
        start: `start_ms` in ticks of the stream; None for the start of the film.
        end: `end_ms` likewise.
        seeks: Ticks to jump to, the next one if a jump leads too far or does not give the first
            picture: its own time, when it is decoded, when the keyframe before it is.
    """

    number: int
    start_ms: int
    end_ms: int | None
    start: int | None
    end: int | None
    seeks: tuple[int, ...]

    def holds(self, ticks: int | None) -> bool:
        """Whether a picture of this time is in it; a picture without a time is everywhere."""
        return ticks is None or (
            (self.start is None or ticks >= self.start) and (self.end is None or ticks < self.end)
        )


WHOLE = Part(number=0, start_ms=0, end_ms=None, start=None, end=None, seeks=())
"""The film from its first to its last picture."""


def index_frames(path: Path) -> FrameIndex:
    """Read the times of all pictures; costs about as much as reading the file.

    Raises:
        InputError: The file cannot be read, or has no pictures.
    """
    with opened(path) as container:
        stream, tick = need_pictures(path, container)
        shown = [
            (packet.pts, packet.dts, packet.is_keyframe)
            for packet in container.demux(stream)
            if packet.size and not packet.is_discard
        ]
        zero = clock_zero(container)
        timed = container.format.name not in COUNTED
    times = [ticks for ticks, _, _ in shown if ticks is not None]
    keyed = [(ticks, order) for ticks, order, key in shown if key and ticks is not None]
    keyframes = [ticks for ticks, _ in keyed]

    def media_ms(ticks: int) -> int:
        return seconds_to_ms(ticks * tick - zero)

    return FrameIndex(
        frames=len(shown),
        keyframes_ms=tuple(map(media_ms, keyframes)),
        keyframes=tuple(keyframes),
        decoded=tuple(ticks if order is None else order for ticks, order in keyed),
        end_ms=media_ms(max(times, default=0)),
        ordered=timed
        and len(set(times)) == len(shown)
        and all(one < two for one, two in itertools.pairwise(keyframes)),
    )


def plan_parts(index: FrameIndex, seconds: float) -> tuple[Part, ...]:
    """Cut a film at keyframes into parts of at least this length; one part if it cannot be cut.

    Parts meet: each picture is shown in exactly one. Pictures that are stored behind a keyframe and
    shown before it (open groups) belong to the part before.
    """
    length = seconds_to_ms(seconds)
    cuts: list[int] = []
    start = 0
    for place, at in enumerate(index.keyframes_ms if index.ordered else ()):
        if place and at - start >= length and index.end_ms - at >= length:
            cuts.append(place)
            start = at
    if not cuts:
        return (WHOLE,)
    times, keys, decoded = index.keyframes_ms, index.keyframes, index.decoded
    ends = [*cuts[1:], None]
    first = Part(0, 0, times[cuts[0]], None, keys[cuts[0]], ())
    return (
        first,
        *(
            Part(
                number,
                start_ms=times[cut],
                end_ms=None if end is None else times[end],
                start=keys[cut],
                end=None if end is None else keys[end],
                seeks=(keys[cut], decoded[cut], decoded[cut - 1]),
            )
            for number, (cut, end) in enumerate(zip(cuts, ends, strict=True), start=1)
        ),
    )
