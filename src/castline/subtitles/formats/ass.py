r"""Advanced SubStation Alpha (and its elder, SSA): events with a Name field and styles.

The reader is our own: pysubs2 refuses times over 99 hours and whole files for one odd number in
a style, and goes by a fixed order of fields where the `Format:` line names another. It still judges
what we write, in the tests.

Texts. `\N` is a line break and `\h` a hard space; italics, bold, underline and strike-out become
tags (`<i>`), all other overrides (`{\pos(…)}`) are dropped. Braces and backslashes of the words
themselves are written as libass reads them: `\{`, `\}`, and a word joiner after a backslash.

Colours. Each character has a style of their own, whose colour is found from the name, so that it
stays the same from episode to episode; two that would collide are moved apart.
"""

from __future__ import annotations

import dataclasses
import hashlib
import re
from collections.abc import Iterable, Mapping
from typing import Any

from castline.errors import InputError
from castline.subtitles.base import Cue, Document, Draft, Format, Kind, Losses, as_utf8
from castline.subtitles.charset import decode_text, split_lines
from castline.subtitles.conventions import MARK, compose, interpret, kind_of, plain_cue
from castline.subtitles.formats.srt import TextReading
from castline.subtitles.spelling import join_names, quote_name, split_names
from castline.subtitles.tiers import spread
from castline.timing import parse_clock

__all__ = ["AssFormat", "AssWriting", "colours_of"]

PALETTE = (
    *("#FFFFFF", "#FFE066", "#7FDBFF", "#9EF01A", "#FF9EBB", "#FFB347", "#C8B6FF", "#5EEAD4"),
    *("#FF8A80", "#B9FBC0", "#90CAF9", "#F4D06F", "#E0AAFF", "#D4E157", "#FFCCBC", "#80DEEA"),
)
"""Light colours with more than 9:1 contrast against the black outline."""

_EVENT_FIELDS = "Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text"
_STYLE_FIELDS = (
    "Name, Fontname, Fontsize, PrimaryColour, SecondaryColour, OutlineColour, BackColour, Bold, "
    "Italic, Underline, StrikeOut, ScaleX, ScaleY, Spacing, Angle, BorderStyle, Outline, Shadow, "
    "Alignment, MarginL, MarginR, MarginV, Encoding"
)
_KIND_STYLES: dict[str, Kind] = {"Sign": "sign", "Song": "song", "Sound": "sound"}
_SONG_STYLE = re.compile(r"song|lyric|karaoke", re.IGNORECASE)
_SIGN_STYLE = re.compile(r"sign|typeset", re.IGNORECASE)

_OVERRIDE = re.compile(r"(?<!\\)\{([^{}]*)\}")
_TOGGLE = re.compile(r"\\([ibus])([01])(?!\d)")
_DRAWING = re.compile(r"(?<!\\)\{[^{}]*\\p[1-9]")
_ESCAPE = re.compile(rf"\\(N|n|h|\{{|\}}|{MARK})")
_TAG = re.compile(r"<(/?)([ibus])>")
_SPECIAL = re.compile(r"[{}\\\n\u00a0]")


@dataclasses.dataclass(frozen=True, slots=True)
class AssWriting:
    """How to write ASS.

    Attributes:
        colours: Name to `#RRGGBB`, for characters whose colour is not to be found from the name.
    """

    colours: Mapping[str, str] = dataclasses.field(default_factory=dict)


class AssFormat(Format):
    """Advanced SubStation Alpha files (`.ass`, `.ssa`)."""

    name = "ass"
    title = "ASS / SSA"
    suffixes = (".ass", ".ssa")
    reading = TextReading
    writing = AssWriting
    loses = Losses(
        aspects=frozenset({"parts", "manner", "identifier", "confidence", "language"}),
        precision_ms=10,
        notes=(
            "A cue of several voices becomes one event a voice.",
            "Commas and semicolons in names are spelt `%2C` and `%3B`.",
            "Override tags other than italics, bold, underline and strike-out are dropped, as are "
            "comments and drawings.",
        ),
    )

    def sniff(self, head: bytes) -> bool:  # noqa: D102 - as in Format
        return b"[script info]" in head.replace(b"\x00", b"").lower()

    def _decode(self, data: bytes, name: str, draft: Draft, options: Any) -> None:
        decoded = decode_text(data, name, options.encoding)
        draft.encoding, draft.encoding_guessed = decoded.encoding, decoded.guessed
        draft.problems.extend(decoded.problems)
        section, fields, drawings, seen = "", _fields(_EVENT_FIELDS), 0, False
        for number, line in enumerate(split_lines(decoded.text), start=1):
            header = re.match(r"\s*\[([^\]]{1,60})\]\s*\Z", line)
            key, colon, value = line.strip(" \t").partition(":")
            if header:
                section, seen = header[1].casefold(), True
            elif section == "script info" and key.casefold() == "title":
                draft.title = value.strip() or None
            elif section == "events" and key == "Format" and colon:
                fields = _fields(value)
            elif section == "events" and key == "Dialogue" and colon:
                drawings += _event(f"line {number}", fields, value, draft, options)
        if not seen:
            raise InputError(
                name, "no section ([Script Info], [Events]) was found: this is no ASS."
            )
        if drawings:
            draft.problem("", f"{drawings} events are drawings and were left out")

    def _encode(self, document: Document, options: Any) -> bytes:
        colours = {**colours_of(document.speakers), **options.colours}
        styles = _style_names(document.speakers)
        lines = ["[Script Info]"]
        if document.title:
            lines.append(f"Title: {' '.join(document.title.split())}")
        lines += ["ScriptType: v4.00+", "PlayResX: 1280", "PlayResY: 720", "WrapStyle: 0"]
        lines += ["ScaledBorderAndShadow: yes", "", "[V4+ Styles]", f"Format: {_STYLE_FIELDS}"]
        lines.append(_style("Default", "#FFFFFF"))
        lines.append(_style("Sign", "#FFFFFF", alignment=8))
        lines += [_style("Song", "#FFFFFF", italic=True), _style("Sound", "#CCCCCC", italic=True)]
        lines += [_style(styles[name], colours[name]) for name in document.speakers]
        lines += ["", "[Events]", f"Format: {_EVENT_FIELDS}"]
        for cue in document.cues:
            lines += [_dialogue(event, styles) for event in _events(cue)]
        return as_utf8(lines)


def colours_of(names: Iterable[str]) -> dict[str, str]:
    """A colour for each name, the same wherever the name appears, if no other took it before."""
    taken: dict[str, str] = {}
    for name in dict.fromkeys(names):
        place = hashlib.sha256(name.encode("utf-8", "replace")).digest()[0] % len(PALETTE)
        order = [PALETTE[(place + step) % len(PALETTE)] for step in range(len(PALETTE))]
        free = [colour for colour in order if colour not in taken.values()]
        taken[name] = (free or order)[0]
    return taken


def _fields(line: str) -> list[str]:
    return [field.strip().casefold() for field in line.split(",")]


def _event(place: str, fields: list[str], value: str, draft: Draft, options: Any) -> int:
    """Read one dialogue event; returns 1 for a drawing, which is no text."""
    values = value.lstrip(" \t").split(",", len(fields) - 1)
    if len(values) < len(fields):
        draft.problem(place, f"the event has {len(values)} fields, expected {len(fields)}")
        return 0
    event = dict(zip(fields, values, strict=True))
    raw = event.get("text", "")
    if _DRAWING.search(raw):
        return 1
    try:
        start, end = parse_clock(event.get("start", "")), parse_clock(event.get("end", ""))
    except ValueError as error:
        draft.problem(place, f"{error}; the event is left out")
        return 0
    names = split_names(event.get("name", event.get("actor", "")))
    words = _plain(raw)
    style = event.get("style", "").strip().lstrip("*")
    facts: dict[str, Any] = {"speakers": names}
    if names or not options.conventions:
        facts["kind"] = "speech" if words.startswith(MARK) else kind_of(words)
        words = words.removeprefix(MARK).strip()
    else:
        voices = interpret(words)
        words, facts = voices.text, plain_cue(voices)
    facts["kind"] = _kind(style, raw, named=bool(names)) or facts["kind"]
    draft.add(place, start, end, words, **facts)
    return 0


def _kind(style: str, raw: str, *, named: bool) -> Kind | None:
    if style in _KIND_STYLES:
        return _KIND_STYLES[style]
    if _SONG_STYLE.search(style):
        return "song"
    placed = re.search(r"\{[^{}]*\\(?:pos|move)\(", raw)
    return "sign" if _SIGN_STYLE.search(style) or (placed and not named) else None


def _plain(raw: str) -> str:
    """An event's text as words with simple tags."""
    opened: list[str] = []

    def tags(found: re.Match[str]) -> str:
        out = ""
        for tag, on in _TOGGLE.findall(found[1]):
            if on == "1" and tag not in opened:
                opened.append(tag)
                out += f"<{tag}>"
            elif on == "0" and tag in opened:
                opened.remove(tag)
                out += f"</{tag}>"
        return out

    text = _OVERRIDE.sub(tags, raw) + "".join(f"</{tag}>" for tag in reversed(opened))
    plain = {"N": "\n", "n": "\n", "h": "\u00a0", "{": "{", "}": "}", MARK: "\\"}
    return _ESCAPE.sub(lambda found: plain[found[1]], text).strip()


def _words(text: str) -> str:
    """Words with simple tags as an event's text."""
    text = "\n".join(split_lines(text)).strip()
    spelt = {"\n": r"\N", "\u00a0": r"\h", "{": r"\{", "}": r"\}", "\\": f"\\{MARK}"}
    out, at = [], 0
    for tag in re.finditer(rf"{_TAG.pattern}|\{{\\[^{{}}]*\}}", text):
        out.append(_SPECIAL.sub(lambda found: spelt[found[0]], text[at : tag.start()]))
        out.append(f"{{\\{tag[2]}{0 if tag[1] else 1}}}" if tag[2] else "")
        at = tag.end()
    out.append(_SPECIAL.sub(lambda found: spelt[found[0]], text[at:]))
    return "".join(out)


def _events(cue: Cue) -> list[Cue]:
    """One cue for each event: together where all say the same, apart where each has own words."""
    if not any(part.speaker for part in cue.parts):
        return [cue]
    return [
        dataclasses.replace(
            cue, text=entry.text, parts=(), speakers=(entry.speaker,) if entry.speaker else ()
        )
        for entry in spread([cue])
    ]


def _dialogue(cue: Cue, styles: Mapping[str, str]) -> str:
    style = next((key for key, kind in _KIND_STYLES.items() if kind == cue.kind), "Default")
    if cue.speakers and cue.kind == "speech":
        style = styles[cue.speakers[0]]
    if cue.speakers:
        words = cue.text.replace(MARK, "")
        # What looks like a sound but is speech says so with a mark that nobody sees.
        words = MARK + words if cue.kind == "speech" != kind_of(words) else words
    elif all(line.strip() for line in cue.text.strip().split("\n")):
        words = compose(cue, keep_kind=cue.kind == "speech")
    else:
        words = MARK + cue.text.replace(MARK, "").strip()
    name = join_names(cue.speakers, ",")
    start, end = _clock(cue.start_ms), _clock(cue.end_ms)
    return f"Dialogue: 0,{start},{end},{style},{name},0,0,0,,{_words(words)}"


def _clock(ms: int) -> str:
    seconds, hundredths = divmod((ms + 5) // 10, 100)
    minutes, second = divmod(seconds, 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02d}:{second:02d}.{hundredths:02d}"


def _style_names(names: Iterable[str]) -> dict[str, str]:
    """A style name for each speaker, none of which is one of ours or another's."""
    given = {"Default", *_KIND_STYLES}
    styles = {}
    for name in names:
        style = quote_name(name, ",*")
        while style in given or _SONG_STYLE.search(style) or _SIGN_STYLE.search(style):
            style = f"voice {hashlib.sha256(style.encode('utf-8', 'replace')).hexdigest()[:8]}"
        given.add(style)
        styles[name] = style
    return styles


def _style(name: str, colour: str, *, italic: bool = False, alignment: int = 2) -> str:
    red, green, blue = colour[1:3], colour[3:5], colour[5:7]
    return (
        f"Style: {name},Arial,44,&H00{blue}{green}{red},&H000000FF,&H00000000,&H80000000,0,"
        f"{-1 if italic else 0},0,0,100,100,0,0,1,2.5,1,{alignment},40,40,36,1"
    )
