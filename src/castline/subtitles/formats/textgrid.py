"""Praat TextGrid: an interval tier for each speaker, gaps as empty labels.

The file is a sequence of quoted texts, free-standing numbers and flags, with decoration that Praat
itself skips (`xmin =`, `item [1]:`). The reader here does the same, so that the long form, the
short form and words that look like decoration all work; praatio, which looks for the decoration,
loses its way in a label such as `intervals [1]`. It still judges what we write, in the tests.
"""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Any

from castline.errors import InputError
from castline.subtitles.base import Cue, Document, Draft, Format, Losses, as_utf8
from castline.subtitles.charset import decode_text, split_lines
from castline.subtitles.spelling import quote_name, unquote_name
from castline.subtitles.tiers import Tier, gather, tiers_of
from castline.timing import format_seconds, seconds_to_ms

__all__ = ["TextGridFormat"]

_TOKEN = re.compile(
    r'"(?P<text>(?:[^"]|"")*)"|(?<!\S)(?P<number>-?\d{1,15}(?:\.\d{0,20})?(?:[eE][-+]?\d)?)(?!\S)'
    r"|(?<!\S)(?P<flag><[A-Za-z]+>)(?!\S)|(?P<comment>![^\n]*)"
)
_UNKNOWN = "unknown"
_NUMBERED = re.compile(r" #\d+\Z")
# A label of one blank is a cue without words; an empty one is a gap.
_NO_WORDS = " "


class TextGridFormat(Format):
    """Praat TextGrid files (`.TextGrid`)."""

    name = "textgrid"
    title = "Praat TextGrid"
    suffixes = (".textgrid",)
    loses = Losses(
        aspects=frozenset(
            {
                *("parts", "kind", "manner", "identifier", "confidence", "zero_length"),
                *("title", "language"),
            }
        ),
        notes=(
            "A cue of several voices becomes one interval a voice; those of the same span and "
            "words come back as one cue with several speakers.",
            "A cue without length is made 1 ms long, for Praat has no such intervals.",
            "What overlaps inside a speaker's tier goes to another, `Anna #2`.",
        ),
    )

    def sniff(self, head: bytes) -> bool:  # noqa: D102 - as in Format
        plain = head.replace(b"\x00", b"")
        return b"ooTextFile" in plain and b"TextGrid" in plain

    def _decode(self, data: bytes, name: str, draft: Draft, options: Any) -> None:  # noqa: ARG002
        decoded = decode_text(data, name)
        draft.encoding, draft.encoding_guessed = decoded.encoding, decoded.guessed
        draft.problems.extend(decoded.problems)
        tokens = _Tokens("\n".join(split_lines(decoded.text)), name)
        if not tokens.text().startswith("ooTextFile") or tokens.text() != "TextGrid":
            raise InputError(name, "the header is not that of a TextGrid.")
        tokens.number()
        tokens.number()
        cues: list[Cue] = []
        if tokens.flag() == "<exists>":
            for _ in range(tokens.count()):
                cues += _read_tier(tokens, draft)
        draft.cues[:] = gather(sorted(cues, key=lambda cue: cue.start_ms))

    def _encode(self, document: Document, options: Any) -> bytes:  # noqa: ARG002
        tiers = tiers_of(document.cues)
        last = max((entry.end_ms for tier in tiers for entry in tier.entries), default=1)
        lines = [
            'File type = "ooTextFile"',
            'Object class = "TextGrid"',
            "",
            "xmin = 0",
            f"xmax = {format_seconds(last)}",
            "tiers? <exists>",
            f"size = {len(tiers)}",
            "item []:",
        ]
        for number, tier in enumerate(tiers, start=1):
            lines += _tier_lines(number, tier, last)
        return as_utf8(lines)


class _Tokens:
    """The texts, numbers and flags of a TextGrid, one after the other."""

    def __init__(self, text: str, name: str) -> None:
        self.name = name
        self.found = (match for match in _TOKEN.finditer(text) if match["comment"] is None)

    def next(self, kind: str) -> str:
        match = next(self.found, None)
        if match is None:
            raise InputError(self.name, f"the TextGrid is cut off where a {kind} should stand.")
        if match.lastgroup != kind:
            line = match.string.count("\n", 0, match.start()) + 1
            raise InputError(
                self.name, f"found {match[0][:40]!r}, expected a {kind}.", place=f"line {line}"
            )
        return match[kind]

    def text(self) -> str:
        return self.next("text").replace('""', '"')

    def flag(self) -> str:
        return self.next("flag")

    def number(self) -> Fraction:
        return Fraction(self.next("number"))

    def count(self) -> int:
        return int(self.number())


def _read_tier(tokens: _Tokens, draft: Draft) -> list[Cue]:
    kind, label = tokens.text(), tokens.text()
    tokens.number()
    tokens.number()
    made = Draft()
    speaker: str | None = unquote_name(_NUMBERED.sub("", label)) or None
    if label in (_UNKNOWN, "") or re.fullmatch(rf"{_UNKNOWN} #\d+", label):
        speaker = None
    for number in range(1, tokens.count() + 1):
        place = f"tier {label}, interval {number}"
        if kind != "IntervalTier":
            tokens.number()
            tokens.text()
            continue
        start, end, words = tokens.number(), tokens.number(), tokens.text()
        if words:
            names = (speaker,) if speaker else ()
            made.add(place, seconds_to_ms(start), seconds_to_ms(end), words.strip(), speakers=names)
    if kind != "IntervalTier":
        made.problem(f"tier {label}", "holds points, not intervals; left out")
    draft.problems += made.problems
    return made.cues


def _tier_lines(number: int, tier: Tier, last_ms: int) -> list[str]:
    intervals: list[tuple[int, int, str]] = []
    at = 0
    for entry in tier.entries:
        if entry.start_ms > at:
            intervals.append((at, entry.start_ms, ""))
        intervals.append((entry.start_ms, entry.end_ms, entry.text or _NO_WORDS))
        at = entry.end_ms
    if at < last_ms:
        intervals.append((at, last_ms, ""))
    lines = [
        f"    item [{number}]:",
        '        class = "IntervalTier"',
        f"        name = {_quoted(_tier_name(tier))}",
        "        xmin = 0",
        f"        xmax = {format_seconds(last_ms)}",
        f"        intervals: size = {len(intervals)}",
    ]
    for place, (start, end, text) in enumerate(intervals, start=1):
        lines += [
            f"        intervals [{place}]:",
            f"            xmin = {format_seconds(start)}",
            f"            xmax = {format_seconds(end)}",
            f"            text = {_quoted(text)}",
        ]
    return lines


def _tier_name(tier: Tier) -> str:
    if tier.speaker is None:
        name = _UNKNOWN
    else:
        name = quote_name(tier.speaker, "")
        # A character may be called "unknown" or "Anna #2"; spell it so that it is no such sign.
        if name == _UNKNOWN:
            name = "%75nknown"
        elif _NUMBERED.search(name):
            name = "%23".join(name.rsplit("#", 1))
    return name if tier.number == 1 else f"{name} #{tier.number}"


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'
