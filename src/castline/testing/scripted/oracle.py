"""A model that knows the truth, for measuring what the best model could add to a method."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from zlib import crc32

import msgspec

from castline.errors import InputError
from castline.files import read_bytes
from castline.testing.scripted.reading import UNREADABLE, ChatRequest

__all__ = ["oracle", "read_truth"]

_REMEDY = 'Expected one JSON object from line numbers to names: {"0": "Alice", "1": "Bob"}.'


def read_truth(path: Path) -> dict[int, str]:
    """Read who says each line: `{"0": "name", ...}`, lines counted over the whole series.

    Raises:
        InputError: The file is missing, no JSON, or holds something else.
    """
    try:
        names = msgspec.json.decode(read_bytes(path), type=dict[str, str])
    except UNREADABLE as error:
        raise InputError(path, f"no truth file: {error}.", remedy=_REMEDY) from error
    for key, name in names.items():
        if not (key.isascii() and key.isdecimal()):
            problem = f"{key!r} is no line number."
            raise InputError(path, problem, place=f"key {key!r}", remedy=_REMEDY)
        if not name.strip():
            raise InputError(path, "the name is empty.", place=f"line {key}", remedy=_REMEDY)
    return {int(key): name.strip() for key, name in names.items()}


def oracle(truth: Mapping[int, str], percent: int = 100) -> Callable[[ChatRequest], str]:
    """A choice among candidates: the truth if it is one of them, else the word for all others.

    Args:
        truth: Line number to name.
        percent: Share of the lines on which that is chosen; on the others it is another candidate,
            where there is one. Which lines those are depends on their numbers alone.
    """

    def choose(request: ChatRequest) -> str:
        line = -1 if request.line is None else request.line
        known = truth.get(line, "")
        right = known if known in request.candidates else request.candidates[-1]
        wrong = [name for name in request.candidates if name != right]
        draw = crc32(b"%d" % line)
        if wrong and draw % 100 >= percent:
            return wrong[draw // 100 % len(wrong)]
        return right

    return choose
