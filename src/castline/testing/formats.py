"""The contract of caption formats, as checks that anybody can run on their own.

::

    from castline.testing.formats import check_format
    check_format(MyFormat())

`check_format` writes documents that try to break the format and reads them back. What the format
declares as lost (`Format.loses`) may be lost, and nothing else. It also feeds it junk: a reader
returns a document or raises `InputError`, never anything else.
"""

from __future__ import annotations

import itertools
import random
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from castline.errors import InputError
from castline.subtitles.base import Cue, Document, Format, Part
from castline.subtitles.tiers import spread

__all__ = [
    "HOSTILE_NAMES",
    "HOSTILE_TEXTS",
    "check_decode",
    "check_format",
    "check_round_trip",
    "hostile_documents",
]

HOSTILE_NAMES = (
    "Anna",
    "Lady Anna of Wells",
    "Smith, John",
    "Anna; the younger",
    "Anna & Ben",
    "Dr. No: the doctor",
    "Anna (young)",
    "[Anna]",
    "<b>Anna</b>",
    "<v Anna>",
    "a > b & c < d",
    "&lt;Anna&amp;",
    'Anna "the knife" O\'Hara',
    "two\nlines",
    "  blank edges  ",
    "two  blanks",
    "tab\there",
    "no\u00a0break",
    "line\u2028separator",
    "甄嬛",
    "张三：李四",
    "ليلى الأخيلية",
    "שָׂרָה",
    "नेहा",
    "Zoë\u0301",
    "👩\u200d🚀 pilot",
    "word\u2060joiner",
    '=HYPERLINK("http://x.invalid")',
    "-minus",
    "+plus",
    "@at",
    "'quoted",
    "../../etc/passwd",
    "C:\\Users\\x",
    "{\\b1}Anna",
    "100 %",
    "100%25 %2C",
    "Lady%20Anna",
    "SPEAKER_00",
    "Anna #2",
    "Anna 2",
    "unknown",
    "default",
    "Default",
    "Sign",
    "Song of Solomon",
    "<NA>",
    "None",
    "null",
    "nan",
    "0",
    "NOTE",
    "Note",
    "WEBVTT",
    "a --> b",
    "00:00:01,000 --> 00:00:02,000",
    "kind@Anna",
    "$x^2$ `rm -rf`",
    ";comment",
    "long " * 500 + "name",
)

HOSTILE_TEXTS = (
    "Hello.",
    "two\nlines",
    "a blank line\n\ninside",
    "many\n\n\n\nblank lines",
    "<i>balanced</i> & <b>both</b>",
    "1 < 2 && 3 > 2",
    "<script>alert(1)</script>",
    "<v Eve>I am not Eve</v>",
    "</v></v>",
    "&lt;i&gt; &amp;amp; &nbsp; &copy",
    "NAME: not a name",
    "HARRY (whispering): no name either",
    "[Ruth] no name",
    "Walter: no\nNora: name",
    "Note: the shop closes at 10:30.",
    "- one",
    "- one\n- two",
    "-one\n-two\n-three",
    "(sic)",
    "( clock ticking )",
    "♪ la la ♪",
    "# la la #",
    "1\n00:00:01,000 --> 00:00:02,000\nan inner cue",
    "7",
    "7\n8",
    "text\n9",
    "--> arrow",
    "NOTE\nno note",
    "STYLE\n::cue {}",
    'He said "yes, ""yes""", and; left\ttab',
    "=1+1",
    "-1",
    "@SUM(A1)",
    "'=guarded",
    "{braces} and } { more",
    "back\\slash \\N \\n \\h \\",
    'item [1]:\nintervals [1]:\n    text = "x"',
    '"IntervalTier"',
    "! comment",
    "Dialogue: 0,0:00:00.00,0:00:01.00,Default,,0,0,0,,x",
    "[Events]",
    "]]> <![CDATA[x]]>",
    "你好，世界。\n他说：走吧！",
    "مرحبا\u200f بالعالم",
    "👩\u200d🚀🎬 \U0001f1e9\U0001f1ea",
    "e\u0301 \u00a0 \u2028 \u200b",
    '{"json": [1, null]}',
    "%20 %2C 100%",
    "a  b   c",
    "trailing \n leading",
    "long " * 2000 + "text",
)

_SEED = 20260101


def hostile_documents() -> Iterator[tuple[str, Document]]:
    """Documents that try to break a format, each with what it tries."""
    named = (_at(n, f"Line {n}.", speakers=(name,)) for n, name in enumerate(HOSTILE_NAMES))
    yield "names", Document(tuple(named))
    for number, name in enumerate(HOSTILE_NAMES):
        text = HOSTILE_TEXTS[number % len(HOSTILE_TEXTS)]
        yield f"the name {name[:40]!r} alone", Document((_at(0, text, speakers=(name,)),))
    unknown = (_at(n, text) for n, text in enumerate(HOSTILE_TEXTS))
    yield "texts of unknown speakers", Document(tuple(unknown))
    known = (_at(n, text, speakers=("Anna",)) for n, text in enumerate(HOSTILE_TEXTS))
    yield "texts of a known speaker", Document(tuple(known))
    pairs = itertools.pairwise(HOSTILE_NAMES)
    together = (_at(n, "Yes!", speakers=pair) for n, pair in enumerate(pairs))
    yield "several speakers together", Document(tuple(together))
    yield "voices of one cue", Document(tuple(_voices()))
    yield (
        "times",
        Document(
            (
                Cue(0, 0, "hidden", ("Anna",)),
                Cue(0, 1, "one", ("Anna",)),
                Cue(1, 3_000, "same", ("Anna",)),
                Cue(1, 3_000, "same", ("Ben",)),
                Cue(5, 2_000, "inside", ("Anna",)),
                Cue(5, 2_000, "nobody's"),
                Cue(5, 2_000, "nobody's, too"),
                Cue(2_000, 4_000, "over the edge", ("Anna",)),
                Cue(4_000, 4_000, "", ("Ben",)),
                Cue(360_000_000, 360_000_500, "a hundred hours", ("Anna",)),
                Cue(3_600_000_000, 3_600_000_010, "a thousand hours"),
            )
        ),
    )
    yield (
        "facts",
        Document(
            (
                _at(0, "(door opens)", kind="sound"),
                _at(1, "EXIT", kind="sign"),
                _at(2, "la la", ("Anna",), kind="song"),
                _at(3, "Stay.", ("Anna",), manner="whispering"),
                _at(4, "Go!", ("Anna",), manner="loud and clear"),
                _at(5, "So?", ("Ben",), confidence=0.25),
                _at(6, "So.", ("Ben",), confidence=1.0),
                _at(7, "One.", ("Ben",), identifier="ep01-0007"),
                _at(8, "Two.", identifier="NOTE --> <7> , ;"),
                _at(9, "(sic)", ("Ben",), kind="speech"),
            ),
            title="Castline",
            language="zh-Hant",
        ),
    )


def check_format(fmt: Format) -> None:
    """Run the whole contract on a format.

    Raises:
        AssertionError: The format breaks its word; the message says where.
    """
    assert fmt.name, "a format needs a name"
    assert fmt.title, "a format needs a title"
    assert all(s.startswith(".") and s == s.lower() for s in fmt.suffixes), fmt.suffixes
    if not fmt.folder:
        for junk in _junk():
            check_decode(fmt, junk)
    if not fmt.writes:
        return
    _check_empty(fmt)
    for what, document in hostile_documents():
        check_round_trip(fmt, document, what=what)
    if not fmt.folder:
        data = fmt.encode(Document(tuple(_voices())))
        assert data == fmt.encode(Document(tuple(_voices()))), f"{fmt.name}: bytes change"
        for broken in _broken(data):
            check_decode(fmt, broken)


def check_round_trip(fmt: Format, document: Document, *, what: str = "document") -> None:
    """Write a document and read it back: only what is declared as lost may be missing."""
    back = _there_and_back(fmt, document)
    wanted, found = (
        Counter(_facts(fmt, doc, original=doc is document)) for doc in (document, back)
    )
    missing, extra = list((wanted - found).items()), list((found - wanted).items())
    assert not missing and not extra, (  # noqa: PT018 - one message for both
        f"{fmt.name}, {what}: lost {_shown(missing)}; came instead {_shown(extra)}"
    )
    for aspect in ("title", "language"):
        if aspect not in fmt.loses.aspects:
            assert getattr(back, aspect) == getattr(document, aspect), f"{fmt.name}: {aspect}"
    starts = [cue.start_ms for cue in back.cues]
    assert starts == sorted(starts), f"{fmt.name}, {what}: not in order of time"


def check_decode(fmt: Format, data: bytes, **options: Any) -> Document | None:
    """Read bytes of any kind: a document, or None for an `InputError`; all else is a failure."""
    try:
        document = fmt.decode(data, "junk", **options)
    except InputError:
        return None
    assert isinstance(document, Document)
    return document


def _at(number: int, text: str, speakers: tuple[str, ...] = (), **facts: Any) -> Cue:
    return Cue(number * 1000, number * 1000 + 900, text, speakers, **facts)


def _voices() -> Iterable[Cue]:
    cases: list[tuple[tuple[str | None, str], ...]] = [
        (("Anna", "It is only me."), ("Ben", "You scared us!")),
        (("Anna", "One."), (None, "Two."), ("Anna", "Three.")),
        ((None, "Who?"), ("Ben & Co", "We."), ("Anna (young)", "two\nlines")),
        (("=Anna", "- dash"), ("<Ben>", "NAME: text"), (None, "[Ruth] text")),
        (("甄嬛", "你好。"), ("皇上", "走吧！")),
    ]
    for number, case in enumerate(cases):
        parts = tuple(Part(*part) for part in case)
        speakers = tuple(dict.fromkeys(part.speaker for part in parts if part.speaker))
        text = "\n".join(part.text for part in parts)
        yield _at(number, text, speakers, parts=parts)


def _there_and_back(fmt: Format, document: Document) -> Document:
    if not fmt.folder:
        return fmt.decode(fmt.encode(document), f"round trip{fmt.suffixes[0]}")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"a name, with blanks{fmt.suffixes[0]}"
        fmt.write(document, path)
        return fmt.read(path)


def _check_empty(fmt: Format) -> None:
    try:
        assert _there_and_back(fmt, Document()).cues == ()
    except InputError:
        assert "empty" in fmt.loses.aspects, f"{fmt.name}: cannot read an empty document back"


def _facts(fmt: Format, document: Document, *, original: bool) -> Iterator[tuple[Any, ...]]:
    """What must agree, one row a cue, or a voice where the format knows no parts."""
    lost = fmt.loses.aspects
    for cue in document.cues:
        start, end = (_rounded(ms, fmt.loses.precision_ms) for ms in (cue.start_ms, cue.end_ms))
        if original and "zero_length" in lost:
            end = max(end, start + fmt.loses.precision_ms)
        common = (
            start,
            end,
            None if "kind" in lost else cue.kind,
            None if "manner" in lost else cue.manner,
            None if "identifier" in lost else cue.identifier,
            None if "confidence" in lost else cue.confidence,
        )
        if "parts" not in lost:
            named = cue.parts if any(part.speaker for part in cue.parts) else ()
            parts = tuple((part.speaker, _text(part.text, lost)) for part in named)
            yield (*common, cue.speakers, _text(cue.text, lost), parts)
            continue
        for entry in spread([cue]):
            yield (*common, None if "names" in lost else entry.speaker, _text(entry.text, lost))


def _rounded(ms: int, precision_ms: int) -> int:
    return (ms + precision_ms // 2) // precision_ms * precision_ms


def _text(text: str, lost: frozenset[Any]) -> str:
    if "text" in lost:
        return ""
    if "blank_lines" in lost:
        text = "\n".join(line for line in text.split("\n") if line.strip())
    return text.strip()


def _shown(rows: list[tuple[tuple[Any, ...], int]]) -> str:
    return "; ".join(ascii(row)[:300] for row, _ in rows[:3]) or "nothing"


def _junk() -> Iterator[bytes]:
    chance = random.Random(_SEED)
    yield from (b"\n", b" ", b"\x00", b"\xef\xbb\xbf", b"\xff\xfe", b"a", b"{}", b"[]", b"1\n2\n")
    yield b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + chance.randbytes(500)
    yield b"\xff\xd8\xff\xe0\x00\x10JFIF" + chance.randbytes(500)
    yield b"PK\x03\x04" + chance.randbytes(500)
    yield b'<?xml version="1.0"?><!DOCTYPE l [<!ENTITY a "x"><!ENTITY b "&a;&a;">]><tt>&b;</tt>'
    yield b"<html><body>404 Not Found</body></html>"
    for length in (3, 50, 3000):
        yield chance.randbytes(length)
        yield bytes(chance.choices(b"{}<>-:,0123456789 \n\"'/a", k=length))


def _broken(data: bytes) -> Iterator[bytes]:
    """The same file cut off, with bytes changed, doubled, or taken out."""
    chance = random.Random(_SEED)
    for _ in range(60):
        changed = bytearray(data)
        for _ in range(chance.randint(1, 6)):
            place = chance.randrange(len(changed))
            action = chance.randrange(4)
            if action == 0:
                changed[place] = chance.randrange(256)
            elif action == 1:
                del changed[place : place + chance.randint(1, 20)]
            elif action == 2:
                changed[place:place] = changed[place : place + chance.randint(1, 40)]
            elif len(changed) > 20:
                del changed[max(place, 10) :]
            if not changed:
                break
        yield bytes(changed)
