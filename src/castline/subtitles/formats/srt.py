"""SubRip: numbered blocks of a time line and text, and a habit of writing `NAME:`.

The reader goes by the time lines alone, because everything else is missing in some file: numbers,
blank lines, the right line ends. A block that has a number and text but no time line is reported
and left out; glueing it to the cue before would put words into the wrong mouth.
"""

from __future__ import annotations

import dataclasses
import re
from typing import Any, Literal

from castline.errors import InputError, UsageError
from castline.subtitles.base import Document, Draft, Format, Losses, as_utf8
from castline.subtitles.charset import decode_text, split_lines
from castline.subtitles.conventions import MARK, compose, interpret, plain_cue
from castline.timing import format_clock, parse_clock

__all__ = ["SrtFormat", "SrtWriting", "TextReading"]

# Without milliseconds a time needs its hours, or it may be the stump of a longer one.
_CLOCK = r"(?:\d+:\d{1,2}:\d{1,2}|\d{1,2}:\d{1,2}(?=[.,]\d))(?:[.,]\d{1,9})?"
_TIME_LINE = re.compile(rf"\s*(?P<start>{_CLOCK})\s*--?>\s*(?P<end>{_CLOCK})(?P<rest>(?:\s.*)?)\Z")
_HALF_LINE = re.compile(r"\s*(?:\d+:)?\d{1,2}:\d{1,2}[\d:.,]*\s*-.*")
_NUMBER = re.compile(r"\s*\d{1,9}\s*\Z")


@dataclasses.dataclass(frozen=True, slots=True)
class TextReading:
    """How to read a text format.

    Attributes:
        encoding: The file's encoding; None finds it out and reports a guess.
        conventions: Take names, dashes, sounds and songs out of the text, where the format itself
            names nobody.
    """

    encoding: str | None = None
    conventions: bool = True


@dataclasses.dataclass(frozen=True, slots=True)
class SrtWriting:
    """How to write SubRip.

    Attributes:
        names: `NAME:` before every cue ("always"), where the speaker changes ("changes"), "never".
    """

    names: Literal["always", "changes", "never"] = "always"


class SrtFormat(Format):
    """SubRip files (`.srt`)."""

    name = "srt"
    title = "SubRip"
    suffixes = (".srt",)
    reading = TextReading
    writing = SrtWriting
    loses = Losses(
        aspects=frozenset(
            {"kind", "identifier", "confidence", "blank_lines", "empty", "title", "language"}
        ),
        notes=(
            "Names are written as `NAME: text` by habit; where that would be misread, invisible "
            "marks (U+2060) make it exact. `names=` writes fewer, or none.",
            "Sounds and songs are told by their brackets and notes.",
        ),
    )

    def sniff(self, head: bytes) -> bool:  # noqa: D102 - as in Format
        return b"-->" in head.replace(b"\x00", b"")

    def _decode(self, data: bytes, name: str, draft: Draft, options: Any) -> None:
        decoded = decode_text(data, name, options.encoding)
        draft.encoding, draft.encoding_guessed = decoded.encoding, decoded.guessed
        draft.problems.extend(decoded.problems)
        lines = split_lines(decoded.text)
        times = [place for place, line in enumerate(lines) if _TIME_LINE.match(line)]
        if not times:
            raise InputError(
                name,
                "no time line was found (00:00:01,000 --> 00:00:02,000), so this is no SubRip.",
                remedy="Check the file, or name its format (format=…).",
            )
        for block, place in enumerate(times):
            after = times[block + 1] if block + 1 < len(times) else len(lines)
            self._block(lines, place, after, draft, options)
        self._stray(lines, 0, times[0], draft)

    def _block(self, lines: list[str], place: int, after: int, draft: Draft, options: Any) -> None:
        """Read the block whose time line is at `place`; the next one begins before `after`."""
        text = lines[place + 1 : after]
        if after < len(lines) and text and _NUMBER.match(text[-1]):
            text.pop()  # the number of the next block
        for blank in range(1, len(text)):
            if text[blank - 1].strip() == "" and self._begins_block(text, blank):
                self._stray(lines, place + 1 + blank, place + 1 + len(text), draft)
                text = text[:blank]
                break
        where = f"line {place + 1}"
        found = _TIME_LINE.match(lines[place])
        assert found is not None
        try:
            start, end = parse_clock(found["start"]), parse_clock(found["end"])
        except ValueError as error:
            draft.problem(where, f"{error}; the cue is left out")
            return
        exact = [bool(re.search(r"[.,]", found[part])) for part in ("start", "end")]
        if exact == [True, False] and not any(line.strip() for line in lines[place + 1 :]):
            draft.problem(where, "the last block is cut off inside its time line; left out")
            return
        if not all(exact):
            draft.problem(where, "the time has no milliseconds; read as whole seconds")
        words = "\n".join(text).replace(f"--{MARK}>", "-->").strip()
        if options.conventions:
            voices = interpret(words)
            draft.add(where, start, end, voices.text, **plain_cue(voices))
        else:
            draft.add(where, start, end, words)

    @staticmethod
    def _begins_block(text: list[str], at: int) -> bool:
        """A number, then something else than a blank line: a block that lost its time line."""
        following = text[at + 1] if at + 1 < len(text) else ""
        return bool(_NUMBER.match(text[at]) and following.strip()) or bool(
            _HALF_LINE.match(text[at])
        )

    @staticmethod
    def _stray(lines: list[str], start: int, end: int, draft: Draft) -> None:
        """Report blocks without a time line, one by one."""
        at = start
        while at < end:
            if not lines[at].strip():
                at += 1
                continue
            stop = next((i for i in range(at, end) if not lines[i].strip()), end)
            block = lines[at:stop]
            if not (stop - at == 1 and stop >= end and _NUMBER.match(block[0])):
                label = f"block {block[0].strip()}" if _NUMBER.match(block[0]) else "a block"
                half = any(_HALF_LINE.match(line) for line in block)
                what = "is cut off inside its time line" if half else "has text but no time line"
                draft.problem(f"line {at + 1}", f"{label} {what}; left out")
            at = stop

    def _encode(self, document: Document, options: Any) -> bytes:
        if options.names not in ("always", "changes", "never"):
            raise UsageError(f"names={options.names!r}: expected 'always', 'changes' or 'never'.")
        lines: list[str] = []
        before: object = None
        for number, cue in enumerate(document.cues, start=1):
            who = (cue.speakers, cue.manner)
            hide = options.names == "never" or (options.names == "changes" and who == before)
            before = who if len(cue.parts) < 2 else None
            if hide:
                cue = dataclasses.replace(cue, speakers=(), parts=(), manner=None)
            start, end = (format_clock(ms, separator=",") for ms in (cue.start_ms, cue.end_ms))
            # A time line of its own inside a text would open a new block.
            text = compose(cue).replace("-->", f"--{MARK}>")
            lines += [str(number), f"{start} --> {end}", *text.split("\n"), ""]
        return as_utf8(lines)
