"""RTTM, the exchange format of diarization: who speaks when, and no words.

One line a turn, `SPEAKER <recording> 1 <start> <duration> <NA> <NA> <name> <confidence> <NA>`, with
times in seconds. Fields end at a blank, so names are spelt with `%20`; see
`castline.subtitles.spelling`.
"""

from __future__ import annotations

import dataclasses
import re
from fractions import Fraction
from typing import Any

from castline.errors import InputError
from castline.subtitles.base import Cue, Document, Draft, Format, Losses, as_utf8
from castline.subtitles.charset import decode_text, split_lines
from castline.subtitles.spelling import quote_name, unquote_name
from castline.subtitles.tiers import gather, spread
from castline.timing import format_seconds, seconds_to_ms

__all__ = ["RttmFormat", "RttmReading"]

_SECONDS = re.compile(r"\d{1,12}(?:\.\d{0,18})?(?:[eE][-+]?\d)?\Z")
_MISSING = "<NA>"
_UNSAFE = r"\s;"


@dataclasses.dataclass(frozen=True, slots=True)
class RttmReading:
    """How to read RTTM.

    Attributes:
        encoding: The file's encoding; None finds it out.
        recording: Which recording to take, when the file holds several.
    """

    encoding: str | None = None
    recording: str | None = None


class RttmFormat(Format):
    """Rich Transcription Time Marked files (`.rttm`)."""

    name = "rttm"
    title = "RTTM"
    suffixes = (".rttm",)
    reading = RttmReading
    loses = Losses(
        aspects=frozenset(
            {"text", "blank_lines", "parts", "kind", "manner", "identifier", "language", "empty"}
        ),
        notes=(
            "Blanks in names are spelt `%20`; other readers show the spelling.",
            "Turns of the same span come back as one cue with several speakers.",
        ),
    )

    def sniff(self, head: bytes) -> bool:  # noqa: D102 - as in Format
        return bool(re.match(rb"(?:;;[^\n]*\n)*(?:SPEAKER|SPKR-INFO|LEXEME) ", head))

    def _decode(self, data: bytes, name: str, draft: Draft, options: Any) -> None:
        decoded = decode_text(data, name, options.encoding)
        draft.encoding, draft.encoding_guessed = decoded.encoding, decoded.guessed
        draft.problems.extend(decoded.problems)
        rows = []
        for number, line in enumerate(split_lines(decoded.text), start=1):
            fields = line.split()
            if not fields or line.lstrip().startswith(";"):
                continue
            if fields[0] == "SPEAKER" and len(fields) >= 8:
                rows.append((f"line {number}", fields))
            elif fields[0] == "SPEAKER":
                draft.problem(f"line {number}", f"has {len(fields)} fields, expected 8 or more")
            elif fields[0] not in ("SPKR-INFO", "LEXEME", "NON-SPEECH", "NON-LEX"):
                draft.problem(f"line {number}", f"is no turn: it begins with {fields[0][:30]!r}")
        if not rows and not draft.problems:
            raise InputError(name, "no SPEAKER line was found, so this is no RTTM.")
        recordings = list(dict.fromkeys(fields[1] for _, fields in rows))
        wanted = quote_name(options.recording, _UNSAFE) if options.recording is not None else None
        if wanted is None and len(recordings) > 1:
            raise InputError(
                name,
                f"the file holds {len(recordings)} recordings: {', '.join(recordings[:10])}.",
                remedy="Choose one (recording=…).",
            )
        for place, fields in rows:
            if wanted is None or fields[1] == wanted:
                _turn(place, fields, draft)
        draft.cues[:] = gather(sorted(draft.cues, key=lambda cue: cue.start_ms))
        used = wanted or next(iter(recordings), _MISSING)
        draft.title = None if used == _MISSING else unquote_name(used)

    def _encode(self, document: Document, options: Any) -> bytes:  # noqa: ARG002
        recording = quote_name(document.title, _UNSAFE) if document.title else _MISSING
        lines = []
        for entry in spread(document.cues):
            speaker = _MISSING
            if entry.speaker is not None:
                # A character may be called <NA>, and need not thereby become unknown.
                unsafe = _UNSAFE + ("<" if entry.speaker == _MISSING else "")
                speaker = quote_name(entry.speaker, unsafe)
            start = format_seconds(entry.start_ms)
            length = format_seconds(entry.end_ms - entry.start_ms)
            sure = _MISSING if entry.cue.confidence is None else repr(float(entry.cue.confidence))
            lines.append(f"SPEAKER {recording} 1 {start} {length} <NA> <NA> {speaker} {sure} <NA>")
        return as_utf8(lines)


def _turn(place: str, fields: list[str], draft: Draft) -> None:
    start, length = fields[3], fields[4]
    for value in (start, length):
        if not _SECONDS.match(value):
            draft.problem(place, f"{value[:30]!r} is no time in seconds; left out")
            return
    start_ms = seconds_to_ms(Fraction(start))
    end_ms = seconds_to_ms(Fraction(start) + Fraction(length))
    speakers = () if fields[7] == _MISSING else (unquote_name(fields[7]),)
    confidence = None
    if len(fields) > 8 and re.fullmatch(r"[\d.]{1,20}(?:[eE]-\d{1,3})?", fields[8]):
        try:
            confidence = float(fields[8])
        except ValueError:
            confidence = None
    if confidence is not None and confidence > 1:
        draft.problem(place, f"the confidence {confidence} lies outside [0, 1]; left out")
        confidence = None
    try:
        draft.cues.append(Cue(start_ms, end_ms, "", speakers, confidence=confidence))
    except ValueError as error:
        draft.problem(place, f"the turn {error}; left out")
