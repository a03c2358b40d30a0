"""MicroDVD: `{first frame}{last frame}text`, times in frames and usually no frame rate; read only.

Some files state their rate as the text of a cue on frame 0 or 1: `{1}{1}23.976`. Without that the
rate must be given; a guess would be wrong by 4 % half of the time, which is two minutes an hour.
"""

from __future__ import annotations

import dataclasses
import re
from fractions import Fraction
from typing import Any

from castline.errors import InputError, UsageError
from castline.subtitles.base import Draft, Format, Losses
from castline.subtitles.charset import decode_text, split_lines
from castline.subtitles.conventions import interpret, plain_cue
from castline.timing import frame_to_ms

__all__ = ["MicroDvdFormat", "MicroDvdReading", "frame_rate"]

_LINE = re.compile(r"\s*\{(\d{1,12})\}\s*\{(\d{0,12})\}(.*)\Z")
_TAG = re.compile(r"\{[a-zA-Z]:[^{}]*\}")


@dataclasses.dataclass(frozen=True, slots=True)
class MicroDvdReading:
    """How to read MicroDVD.

    Attributes:
        encoding: The file's encoding; None finds it out and reports a guess.
        conventions: Take names, dashes, sounds and songs out of the text.
        fps: Frames a second, as 25, 23.976, "24000/1001"; None takes the rate the file states.
    """

    encoding: str | None = None
    conventions: bool = True
    fps: float | str | Fraction | None = None


class MicroDvdFormat(Format):
    """MicroDVD files (`.sub`); those of VobSub, which hold pictures, are refused."""

    name = "microdvd"
    title = "MicroDVD"
    suffixes = (".sub",)
    writes = False
    reading = MicroDvdReading
    loses = Losses(notes=("Read only; the frame rate must be in the file or given (`fps=`).",))

    def sniff(self, head: bytes) -> bool:  # noqa: D102 - as in Format
        return bool(re.match(rb"(?:\xef\xbb\xbf)?\s*\{\d+\}\s*\{\d*\}", head))

    def _decode(self, data: bytes, name: str, draft: Draft, options: Any) -> None:
        rate = None if options.fps is None else frame_rate(options.fps)
        decoded = decode_text(data, name, options.encoding)
        draft.encoding, draft.encoding_guessed = decoded.encoding, decoded.guessed
        draft.problems.extend(decoded.problems)
        rows: list[tuple[str, int, int | None, str]] = []
        for number, line in enumerate(split_lines(decoded.text), start=1):
            found = _LINE.match(line)
            if found:
                end = int(found[2]) if found[2] else None
                rows.append((f"line {number}", int(found[1]), end, found[3]))
            elif line.strip():
                draft.problem(f"line {number}", "is no {frame}{frame}text; left out")
        if not rows:
            raise InputError(name, "no line of the form {frame}{frame}text was found.")
        stated = _stated_rate(rows[0])
        if stated is not None:
            rows.pop(0)
        rate = rate or stated
        if rate is None:
            raise InputError(
                name,
                "the times are frames, and the file does not state its frame rate.",
                remedy="Give the rate of the film it was made for: fps=25, fps=23.976, …",
            )
        for place, first, last, raw in rows:
            if last is None:
                draft.problem(place, "has no last frame; left out")
                continue
            words = _TAG.sub("", raw).replace("|", "\n").strip()
            voices = interpret(words) if options.conventions else None
            facts = plain_cue(voices) if voices else {}
            text = voices.text if voices else words
            draft.add(place, frame_to_ms(first, rate), frame_to_ms(last, rate), text, **facts)


def frame_rate(fps: float | str | Fraction) -> Fraction:
    """The exact rate that a rounded one stands for.

    >>> frame_rate(25), frame_rate(23.976), frame_rate("30000/1001")
    (Fraction(25, 1), Fraction(24000, 1001), Fraction(30000, 1001))

    Raises:
        UsageError: It is no number above 0 and up to 1000.
    """
    try:
        rate = Fraction(str(fps)) if len(str(fps)) < 40 and "e" not in str(fps) else Fraction(0)
    except (ValueError, ZeroDivisionError):
        rate = Fraction(0)
    if not 0 < rate <= 1000:
        raise UsageError(f"fps={fps!r}: expected frames a second, such as 25 or 23.976.")
    film = Fraction(round(rate * 1001 / 1000) * 1000, 1001)
    return film if film != rate and abs(film - rate) < Fraction(1, 1000) else rate


def _stated_rate(row: tuple[str, int, int | None, str]) -> Fraction | None:
    _, first, last, text = row
    if first > 1 or last is None or last > 1:
        return None
    text = text.strip().replace(",", ".")
    if not re.fullmatch(r"\d{1,3}(?:\.\d{1,6})?", text):
        return None
    try:
        return frame_rate(text)
    except UsageError:
        return None
