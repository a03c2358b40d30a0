"""The pictures of a film at given moments, decoded in one pass."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from castline.errors import InputError

if TYPE_CHECKING:
    from castline.media.frames import Frame

__all__ = ["pictures_at"]


def pictures_at(path: Path, times_ms: Sequence[int]) -> Iterator[Frame]:
    """The picture that is shown at each moment.

    Args:
        path: The film.
        times_ms: The moments, ascending; before the first picture it is the first, after the last
            one the last.

    Yields:
        One picture for each moment.

    Raises:
        InputError: The film cannot be read, or not one picture of it.
    """
    from castline.media.frames import read_frames
    from castline.processors import available_processors

    wanted = iter(times_ms)
    moment = next(wanted, None)
    shown: Frame | None = None
    threads = available_processors()
    frames = read_frames(path, threads=threads) if moment is not None else iter(())
    for frame in frames:
        while moment is not None and shown is not None and moment < frame.time_ms:
            yield shown
            moment = next(wanted, None)
        if moment is None:
            return
        shown = frame
    if moment is not None and shown is None:
        raise InputError(path, "not one picture of it can be read.", remedy="Copy it again.")
    while moment is not None and shown is not None:
        yield shown
        moment = next(wanted, None)
