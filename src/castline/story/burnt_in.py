"""Reads subtitles that are part of the picture, while somebody else feeds frames in order.

Reading is dear (a tenth of a second), so most frames are only looked at: narrow bright strokes are
found where subtitles stand, and the reader is asked when new strokes stay for two samples, when a
known text changes in part, or again when it was unsure. What moves behind a text does not matter,
for its strokes stay.

Five frames a second are enough (`BurntInReader.wants`). Who feeds every frame gets times that are
right to the frame: on each change the frames since the last sample are searched.

A film may be read in parts, each by a reader of its own: what crosses a border comes out as two
readings that `merge_readings` joins.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from castline.engines.base import Picture, TextFound, TextReader
from castline.story.lines import odd_duration
from castline.story.readings import Reading, alike, merge_readings
from castline.story.strokes import (
    Mask,
    shrunk,
    spread,
    step_of,
    still_there,
    strokes_of,
    written_rows,
)

__all__ = ["PERIOD_MS", "BurntInReader", "Repair"]

Repair = Callable[[Reading, Picture], str]
"""Corrects a doubtful reading, given its picture: what the writing really says."""

PERIOD_MS = 200
"""Time between two frames that are looked at."""

_BAND = 2 / 3
"""Subtitles are looked for below this share of the height."""
_PATIENCE_MS = 20_000
"""After so long without writing the whole height is looked at, though ..."""
_SELDOM_MS = 5_000
"""... no more often than this."""
_LONGEST_PAUSE_MS = 1_000
"""How long to wait at most when strokes turn out again and again not to be writing."""
_MEMORY_MS = 1_400
"""How far back the start of a text is searched."""
_BRIEFEST_MS = 250
"""What is seen for less is no text that anybody could read."""
_TRIES = 2
"""Looks in a row without a new text after which strokes are taken for part of the scene."""
_LEAST_SCORE = 0.5
"""Writing of a lower score is not taken for writing."""
_SURE = 0.9
"""Texts of a lower score are read again, up to `_LOOKS` times; the best counts."""
_LOOKS = 3
_THERE = 0.7
"""A text is there while this share of its strokes is; another text in its place has half of it."""
_CHANGED = 0.4
"""A text may have changed when a stretch of it keeps less than this share of its strokes."""
_GROWN = 1.4
"""A text was still fading in when its place later holds this many times its strokes."""
_NO_PICTURE = np.empty((0, 0, 3), np.uint8)
_MARGIN = 40
"""Rows read above and below new strokes, in the shrunk picture: the next row of a text, and no band
so thin that a reader would pad it."""


@dataclass
class _Shown:
    """A row of writing that is in the picture; boxes are in the shrunk picture."""

    left: int
    top: int
    right: int
    bottom: int
    strokes: Mask
    reading: Reading  # its end is that of the last frame known to show it
    picture: Picture
    looks: int = 1
    looked_ms: int = 0

    def cut(self, mask: Mask) -> Mask:
        """The part of a mask in this place."""
        return mask[self.top : self.bottom, self.left : self.right]


class BurntInReader:
    """Reads the subtitles of one part of a film.

    Args:
        reader: Reads writing in pictures.
        height: Height of the frames.
        width: Width of the frames.
        repair: Called for texts that were read badly or last oddly long or short.
    """

    def __init__(
        self, reader: TextReader, height: int, width: int, *, repair: Repair | None = None
    ) -> None:
        self._reader = reader
        self._size = (height, width)
        self._repair = repair
        self._step = min(step_of(width), height)
        self._shape = (height // self._step, width // self._step)
        self._lowest_top = int(self._shape[0] * _BAND)
        self._top = self._lowest_top  # of the band that is looked at
        self._everywhere = False
        self._frames: deque[tuple[int, int, npt.NDArray[np.uint8]]] = deque()
        self._sampled: npt.NDArray[np.uint8] | None = None
        self._before: Mask | None = None
        self._known = np.zeros(self._shape, np.bool_)  # strokes that are not worth another look
        self._shown: list[_Shown] = []
        self._done: list[_Shown] = []
        self._first_ms: int | None = None
        self._due_ms = 0
        self._fruitless = 0
        self._looked_ms = -_SELDOM_MS
        self._written_ms = 0
        self.calls = 0
        """How often the reader was asked so far."""

    def wants(self, time_ms: int) -> bool:
        """Whether to feed this frame, for who does not feed every one."""
        return self._first_ms is None or time_ms >= self._due_ms

    def feed(self, time_ms: int, luma: npt.NDArray[np.uint8]) -> None:
        """Look at a frame.

        Args:
            time_ms: Its time; later than that of the frame before.
            luma: (height, width) its brightness; kept, so it must not change afterwards.

        Raises:
            ValueError: The frame has another size or is not later than the one before.
        """
        if luma.shape != self._size:
            raise ValueError(f"the frame is {luma.shape}, expected {self._size}")
        if self._frames and time_ms <= self._frames[-1][0]:
            raise ValueError(f"the frame at {time_ms} ms is not later than the one before")
        if self._first_ms is None:
            self._first_ms = self._due_ms = self._written_ms = time_ms
        self._widen(time_ms)
        band = shrunk(luma[self._top * self._step :], self._step)
        self._frames.append((time_ms, self._top, band))
        while self._frames[0][0] < time_ms - _MEMORY_MS:
            self._frames.popleft()
        if time_ms >= self._due_ms:
            self._sample(time_ms, luma)
            self._due_ms = time_ms + PERIOD_MS

    def finish(self, end_ms: int) -> list[Reading]:
        """What was read.

        Args:
            end_ms: Where the part ends; texts still shown end here.

        Returns:
            In order of start; readings of one place do not overlap.
        """
        if self._frames:
            time_ms = self._frames[-1][0]
            mask = self._mask()
            self._close_gone(time_ms, mask)
            rows = written_rows(self._fresh(mask))
            if rows is not None and self._sampled is not None:
                self._look(time_ms, self._sampled, mask, rows)
            for shown in list(self._shown):
                self._close(shown, end_ms, cut_off=True)
        return merge_readings(each.reading for each in self._done)

    def _sample(self, time_ms: int, luma: npt.NDArray[np.uint8]) -> None:
        mask = self._mask()
        steady = mask if self._before is None else mask & self._before
        self._known &= spread(mask)
        self._close_gone(time_ms, mask)
        rows = _union(
            written_rows(self._fresh(steady)),
            *((each.top, each.bottom) for each in self._shown if self._unsure(each, time_ms, mask)),
        )
        if rows is None:
            self._fruitless = 0
        elif time_ms >= self._looked_ms + self._pause():
            self._look(time_ms, luma, mask, rows)
        self._before, self._sampled = mask, luma

    def _mask(self) -> Mask:
        """The strokes of the last frame, in the full height of the shrunk picture."""
        _, top, small = self._frames[-1]
        mask = np.zeros(self._shape, np.bool_)
        mask[top : top + len(small)] = strokes_of(small)
        return mask

    def _fresh(self, mask: Mask) -> Mask:
        """Strokes that are neither known nor where a text is shown."""
        fresh: Mask = mask & ~self._known
        for shown in self._shown:
            shown.cut(fresh)[:] = False
        return fresh

    def _unsure(self, shown: _Shown, time_ms: int, mask: Mask) -> bool:
        now = shown.cut(mask)
        if still_there(shown.strokes, now)[1] < _CHANGED:
            return True
        if np.count_nonzero(now) > _GROWN * np.count_nonzero(shown.strokes):
            return shown.looks < _LOOKS
        late = time_ms >= shown.looked_ms + 2 * PERIOD_MS
        return late and shown.reading.score < _SURE and shown.looks < _LOOKS

    def _pause(self) -> int:
        if self._everywhere:
            return _SELDOM_MS
        return min(_LONGEST_PAUSE_MS, PERIOD_MS << min(self._fruitless, 8))

    def _widen(self, time_ms: int) -> None:
        """Look everywhere when nothing was found for long where subtitles use to be."""
        if self._shown:
            self._written_ms = time_ms
        elif time_ms >= self._written_ms + _PATIENCE_MS:
            self._everywhere, self._top = True, 0

    def _look(
        self, time_ms: int, luma: npt.NDArray[np.uint8], mask: Mask, rows: tuple[int, int]
    ) -> None:
        """Read the rows around new or doubtful strokes and bring what is shown up to date."""
        first = max(self._top, rows[0] - _MARGIN)
        last = min(self._shape[0], rows[1] + _MARGIN)
        cut = luma[first * self._step : last * self._step]
        picture = np.repeat(cut[:, :, None], 3, axis=2)
        self.calls += 1
        self._looked_ms = time_ms
        found = _rows(self._reader.read(picture))
        placed = [self._placed(time_ms, each, first, mask, picture) for each in found]
        lines = [each for each in placed if each is not None]
        for shown in [each for each in self._shown if first <= each.top and each.bottom <= last]:
            if not any(_overlap(shown, line) for line in lines):
                self._close(shown, time_ms)
        news = [self._take(line, time_ms) for line in lines]
        self._fruitless = 0 if any(news) else self._fruitless + 1
        if self._fruitless >= _TRIES:
            self._known[first:last] |= spread(mask)[first:last]
        if lines:
            self._everywhere, self._written_ms = False, time_ms
            highest = min(each.top for each in self._shown) - _MARGIN
            self._top = min(self._lowest_top, max(0, highest))

    def _placed(
        self, time_ms: int, found: TextFound, first: int, mask: Mask, picture: Picture
    ) -> _Shown | None:
        """A row that was read, with its strokes; None where there are too few to follow it."""
        height, width = self._shape
        left, top, right, bottom = (edge / self._step for edge in found.box)
        box = (max(0, int(left)), max(0, first + int(top)),
               min(width, int(right) + 1), min(height, first + int(bottom) + 1))  # fmt: skip
        strokes = mask[box[1] : box[3], box[0] : box[2]].copy()
        if np.count_nonzero(strokes) < 12:
            return None
        edges = (box[1] / height, box[3] / height)
        reading = Reading(time_ms, time_ms, found.text, *edges, found.score)
        return _Shown(*box, strokes, reading, picture, looked_ms=time_ms)

    def _take(self, line: _Shown, time_ms: int) -> bool:
        """Put a row that was read among those shown; whether it is a new one."""
        new = True
        start = time_ms
        for frame_ms, top, small in reversed(self._frames):
            if not self._shows(line, top, small):
                break
            start = frame_ms
        for old in [each for each in self._shown if _overlap(each, line)]:
            same = alike(old.reading, line.reading)
            if same or time_ms - old.reading.start_ms <= 2 * PERIOD_MS:
                # Either read again, or read while it was still coming up.
                start = min(start, old.reading.start_ms)
                if same and old.reading.score > line.reading.score:
                    line.reading = replace(
                        line.reading, text=old.reading.text, score=old.reading.score
                    )
                    line.picture = old.picture
                line.looks, new = old.looks + 1, not same
                self._shown.remove(old)
            else:
                self._close(old, max(start, old.reading.start_ms))
        for old in self._done[-8:]:
            if _overlap(old, line):
                start = max(start, old.reading.end_ms)
        line.reading = replace(line.reading, start_ms=start)
        self._shown.append(line)
        return new

    def _close_gone(self, time_ms: int, mask: Mask) -> None:
        for shown in list(self._shown):
            if still_there(shown.strokes, shown.cut(mask))[0] >= _THERE:
                shown.reading = replace(shown.reading, end_ms=time_ms)
                continue
            end = next(
                (
                    frame_ms
                    for frame_ms, top, small in self._frames
                    if frame_ms > shown.reading.end_ms and not self._shows(shown, top, small)
                ),
                time_ms,
            )
            self._close(shown, end)

    def _shows(self, line: _Shown, top: int, small: npt.NDArray[np.uint8]) -> bool:
        """Whether a frame, of which the part below `top` is given, shows a row."""
        if line.top < top:
            return False
        strokes = strokes_of(small[line.top - top : line.bottom - top])
        whole, worst = still_there(line.strokes, strokes[:, line.left : line.right])
        return whole >= _THERE and worst >= _CHANGED

    def _close(self, shown: _Shown, end_ms: int, *, cut_off: bool = False) -> None:
        self._shown.remove(shown)
        shown.cut(self._known)[:] = False
        shown.reading = reading = replace(shown.reading, end_ms=end_ms)
        lasts = end_ms - reading.start_ms
        cut_off = cut_off or reading.start_ms == self._first_ms  # another part has the rest
        if lasts < (1 if cut_off else _BRIEFEST_MS):
            return
        if self._repair and (reading.score < _SURE or odd_duration(reading.text, lasts)):
            shown.reading = replace(reading, text=self._repair(reading, shown.picture))
        self._done.append(replace(shown, picture=_NO_PICTURE))


def _rows(found: list[TextFound]) -> list[TextFound]:
    """What was read, the pieces of one row joined from left to right."""
    rows: list[TextFound] = []
    for piece in sorted(found, key=lambda each: each.box[0]):
        if piece.score < _LEAST_SCORE or not any(map(str.isalnum, piece.text)):
            continue
        left, top, right, bottom = piece.box
        for place, row in enumerate(rows):
            shared = min(bottom, row.box[3]) - max(top, row.box[1])
            height = min(bottom - top, row.box[3] - row.box[1])
            if shared >= 0.5 * height and left - row.box[2] <= 2 * height:
                box = (row.box[0], min(top, row.box[1]), max(right, row.box[2]),
                       max(bottom, row.box[3]))  # fmt: skip
                text = f"{row.text} {piece.text.strip()}"
                rows[place] = TextFound(box, text, min(row.score, piece.score))
                break
        else:
            rows.append(replace(piece, text=piece.text.strip()))
    return sorted(rows, key=lambda row: row.box[1])


def _overlap(one: _Shown, other: _Shown) -> bool:
    """Whether two rows stand in one place: half of the height and some of the width is shared."""
    height = min(one.bottom, other.bottom) - max(one.top, other.top)
    lower = min(one.bottom - one.top, other.bottom - other.top)
    width = min(one.right, other.right) - max(one.left, other.left)
    return 2 * height >= lower and width > 0


def _union(*rows: tuple[int, int] | None) -> tuple[int, int] | None:
    given = [each for each in rows if each is not None]
    return (min(each[0] for each in given), max(each[1] for each in given)) if given else None
