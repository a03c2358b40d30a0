"""WebVTT: cues with voice spans, `<v Name>words</v>`.

webvtt-py splits the file into cues (notes, styles, regions, mixed line ends, missing blank lines)
and keeps their raw text; the spans are read here, since the library gives the first voice only.

Voices that follow each other are parts of the cue; a span directly inside another
(`<v Anna><v Ben>Yes!</v></v>`) means both speak together. Classes on the tag (`<v.loud Anna>`) are
the manner, unless they are the standard's colours.
"""

from __future__ import annotations

import html
import re
from typing import Any

from castline.errors import InputError
from castline.subtitles.base import Cue, Document, Draft, Format, Losses, Part, as_utf8
from castline.subtitles.charset import decode_text, split_lines
from castline.subtitles.conventions import (
    MARK,
    Voices,
    compose,
    interpret,
    kind_of,
    plain_cue,
)
from castline.subtitles.formats.srt import TextReading
from castline.subtitles.markup import CAPTION_TAG
from castline.subtitles.spelling import quote_name, unquote_name
from castline.timing import format_clock, parse_clock

__all__ = ["VttFormat"]

_VOICE_TAG = re.compile(
    r"<(?:(?P<close>/v)|v(?P<classes>(?:\.[^\s.<>]*)*)(?:\s(?P<name>[^<>]*))?)\s*>"
)
_REFERENCE = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z]\w{1,30});")
_TAG = re.compile(r"<[^<>]*>")
_COLOURS = frozenset(("white", "lime", "cyan", "red", "yellow", "magenta", "blue", "black"))
_LANGUAGE = re.compile(r"Language:\s*([A-Za-z]{2,8}(?:-[A-Za-z0-9]{1,8})*)\s*\Z")


class VttFormat(Format):
    """WebVTT files (`.vtt`)."""

    name = "vtt"
    title = "WebVTT"
    suffixes = (".vtt",)
    reading = TextReading
    loses = Losses(
        aspects=frozenset({"kind", "confidence", "zero_length"}),
        notes=(
            "A cue without length is made 1 ms long, for the standard forbids such cues.",
            "Sounds and songs are told by their brackets and notes.",
            "The manner becomes classes of the voice tag; a cue has one manner for all its voices.",
        ),
    )

    def sniff(self, head: bytes) -> bool:  # noqa: D102 - as in Format
        return head.removeprefix(b"\xef\xbb\xbf").startswith(b"WEBVTT")

    def _decode(self, data: bytes, name: str, draft: Draft, options: Any) -> None:
        import webvtt

        decoded = decode_text(data, name, options.encoding)
        draft.encoding, draft.encoding_guessed = decoded.encoding, decoded.guessed
        draft.problems.extend(decoded.problems)
        # NUL would end nothing but confuses splitters; the standard replaces it as well.
        text = "\n".join(split_lines(decoded.text)).replace("\x00", "\ufffd")
        if not re.match(r"WEBVTT(?:[ \t\n]|\Z)", text):
            raise InputError(
                name,
                f"the signature is not WEBVTT: the file begins with {text[:20]!r}.",
                remedy="Check the file, or name its format (format=…).",
            )
        parsed = webvtt.from_string(text)
        draft.title = parsed.header_text.strip().removeprefix("- ").strip() or None
        for line in parsed.metadata:
            if found := _LANGUAGE.match(line):
                draft.language = found[1]
        for number, caption in enumerate(parsed.captions, start=1):
            self._cue(f"cue {number}", caption, draft, options)
        arrows = sum(1 for line in text.split("\n") if "-->" in line)
        if arrows > len(parsed.captions):
            missing = arrows - len(parsed.captions)
            draft.problem("", f"{missing} lines with --> are no time line that can be read")

    @staticmethod
    def _cue(place: str, caption: Any, draft: Draft, options: Any) -> None:
        try:
            start, end = parse_clock(caption.start), parse_clock(caption.end)
        except ValueError as error:
            draft.problem(place, f"{error}; the cue is left out")
            return
        if end <= start:
            draft.problem(
                place, f"ends at {caption.end}, at or before its start {caption.start}; left out"
            )
            return
        identifier = unquote_name(caption.identifier or "") or None
        voices = read_spans(caption.raw_text)
        if options.conventions and not voices.speakers and not voices.parts:
            voices = interpret(voices.text)
        facts = {**plain_cue(voices), "identifier": identifier}
        draft.add(place, start, end, voices.text, **facts)

    def _encode(self, document: Document, options: Any) -> bytes:  # noqa: ARG002
        header = "WEBVTT"
        if document.title:
            header += f" - {' '.join(document.title.split()).replace('-->', '->')}"
        lines = [header]
        if document.language and _LANGUAGE.match(f"Language: {document.language}"):
            lines.append(f"Language: {document.language}")
        lines.append("")
        for cue in document.cues:
            if cue.identifier:
                lines.append(quote_name(cue.identifier, "").replace("-->", "--%3E"))
            end = max(cue.end_ms, cue.start_ms + 1)
            lines.append(f"{format_clock(cue.start_ms)} --> {format_clock(end)}")
            lines += [write_spans(cue), ""]
        return as_utf8(lines)


def read_spans(raw: str) -> Voices:
    """Take the voice spans out of a cue's raw text.

    >>> read_spans("<v.loud Mary>That's awesome!")[:4]
    ("That's awesome!", ('Mary',), (), 'loud')
    """
    pieces: list[tuple[tuple[str, ...], str]] = []
    opened: list[str] = []
    manner = None
    silent = False  # a voice was opened and has said nothing yet
    at = 0
    for tag in _VOICE_TAG.finditer(raw):
        words = raw[at : tag.start()]
        at = tag.end()
        if words.strip() or (silent and tag["close"]):
            pieces.append((tuple(opened), words))
            silent = False
        if tag["close"]:
            del opened[-1:]
            continue
        if not silent:
            # Most files leave spans open: a new one ends the one before.
            opened.clear()
        name = _unescape(" ".join((tag["name"] or "").split()))
        if name:
            opened.append(name)
            silent = True
        manner = manner or _manner(tag["classes"] or "")
    rest = raw[at:]
    if rest.strip() or silent:
        pieces.append((tuple(opened), rest))
    return _voices(pieces, manner, raw)


def _voices(pieces: list[tuple[tuple[str, ...], str]], manner: str | None, raw: str) -> Voices:
    if not any(names for names, _ in pieces):
        return Voices(_unescape(_VOICE_TAG.sub("", raw)).strip())
    pieces = [
        (names, part)
        for names, words in pieces
        for part in (words.split(f"\n{MARK}") if not names else [words])
    ]
    texts = [_unescape(words).strip() for _, words in pieces]
    speakers = tuple(dict.fromkeys(name for names, _ in pieces for name in names))
    parts: tuple[Part, ...] = ()
    if len(pieces) > 1:
        parts = tuple(
            Part(" & ".join(names) or None, words)
            for (names, _), words in zip(pieces, texts, strict=True)
        )
        speakers = tuple(dict.fromkeys(part.speaker for part in parts if part.speaker))
    text = "\n".join(texts)
    return Voices(text, speakers, parts, manner, kind_of(text))


def write_spans(cue: Cue) -> str:
    """A cue's text with its voice spans, safe from any markup in names and words."""
    classes = ""
    if cue.manner:
        classes = "".join(f".{quote_name(word, '.<>&')}" for word in cue.manner.split())
    if any(part.speaker for part in cue.parts):
        spans, nameless = [], False
        for part in cue.parts:
            # Nothing but a mark can tell two nameless voices in a row from one.
            again = MARK if nameless and part.speaker is None else ""
            names = (part.speaker,) if part.speaker else ()
            spans.append(again + _span(names, classes, part.text.replace(MARK, "")))
            nameless = part.speaker is None
        return "\n".join(spans)
    if cue.speakers:
        return _span(cue.speakers, classes, cue.text)
    if all(line.strip() for line in cue.text.split("\n")):
        return _escape(compose(Cue(0, 0, cue.text)))
    # Blank lines are safe here, but the habits of plain captions know none: spell the text exactly.
    return _escape(MARK + cue.text.replace(MARK, ""))


def _span(names: tuple[str, ...], classes: str, words: str) -> str:
    opening = "".join(f"<v{classes} {_annotation(name)}>" for name in names)
    return f"{opening}{_escape(words)}{'</v>' * len(names)}"


def _annotation(name: str) -> str:
    """A name inside a tag: blanks that a reader would collapse are spelt out."""
    name = name.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    # A dash at the end would make the tag's own bracket an arrow, which no cue text may hold.
    return re.sub(r"\A\s+|\s+\Z|(?<=\s)\s|[^\S ]|-\Z", lambda found: _references(found[0]), name)


def _escape(text: str) -> str:
    """Words as WebVTT: formatting tags pass, every other character stands for itself."""
    text = "\n".join(split_lines(text)).strip()
    out, at = [], 0
    for tag in CAPTION_TAG.finditer(text):
        out += [html.escape(text[at : tag.start()], quote=False), tag[0]]
        at = tag.end()
    out.append(html.escape(text[at:], quote=False))
    # An empty line would end the cue: all but the first break in a row become references.
    return re.sub(r"\n(\n+)", lambda breaks: "\n" + "&#10;" * len(breaks[1]), "".join(out))


def _references(text: str) -> str:
    return "".join(f"&#{ord(char)};" for char in text)


def _unescape(text: str) -> str:
    """Character references outside of tags, which stay as they are."""
    out, at = [], 0
    for tag in _TAG.finditer(text):
        out += [_REFERENCE.sub(lambda ref: html.unescape(ref[0]), text[at : tag.start()]), tag[0]]
        at = tag.end()
    out.append(_REFERENCE.sub(lambda ref: html.unescape(ref[0]), text[at:]))
    return "".join(out)


def _manner(classes: str) -> str | None:
    words = [unquote_name(word) for word in classes.split(".") if word]
    kept = [word for word in words if word not in _COLOURS and not word.startswith("bg_")]
    return " ".join(kept) or None
