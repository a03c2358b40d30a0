"""All formats keep their word: hostile names, texts and files; properties over many more."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from castline.subtitles import Cue, Document, Part, formats, get_format
from castline.testing.formats import check_decode, check_format, check_round_trip

WRITTEN = [name for name in formats.names() if formats.get(name).writes]
FILES = [name for name in formats.names() if not formats.get(name).folder]
QUICK = [name for name in WRITTEN if name in FILES]
NEEDS = {"datasets": "datasets", "eaf": "pympi"}


def fmt(name: str):  # type: ignore[no-untyped-def]
    if name in NEEDS:
        pytest.importorskip(NEEDS[name])
    return get_format(name)


# Pieces of the syntax of all formats: what a random text of characters would hardly ever hit.
PIECES = (
    *(
        "a",
        "Z",
        "7",
        " ",
        "  ",
        "\n",
        "\n\n",
        ":",
        ": ",
        "：",
        "-",
        "- ",
        "--",
        "-->",
        "<",
        ">",
        "&",
    ),
    *(
        "(",
        ")",
        "[",
        "]",
        "{",
        "}",
        "\\",
        "\\N",
        "♪",
        "#",
        '"',
        '""',
        "'",
        ",",
        ";",
        "; ",
        "%",
        "%2",
    ),
    *("%20", "&lt;", "&#10;", "<v X>", "</v>", "<c>", "00:00:01,000 --> 00:00:02,000", "NAME:"),
    *(
        "MAN 2: ",
        "[Ruth] ",
        " & ",
        "Note: ",
        "=",
        "@",
        "|",
        "\t",
        "\u00a0",
        "\u2028",
        "中",
        "ب",
        "é",
    ),
    *("\u0301", "👩\u200d🚀", "<NA>", "unknown", "NOTE ", "WEBVTT", "Dialogue: ", "!", "1\n"),
)
# Control characters have no place in XML, and U+2060 is the mark of our own; both documented.
CHARACTERS = st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="\u2060")
LETTERS = st.lists(st.one_of(st.sampled_from(PIECES), CHARACTERS), max_size=12).map("".join)
# ASS drops override tags, as documented.
TEXTS = LETTERS.map(str.strip).filter(lambda text: not re.search(r"\{\\", text))
NAMES = LETTERS.filter(bool)
MANNERS = st.one_of(st.none(), st.sampled_from(["whispering", "off screen", "très bas"]))


@st.composite
def cues(draw: st.DrawFn) -> Cue:
    start = draw(st.integers(0, 400_000_000))
    end = start + draw(st.integers(0, 10_000))
    if draw(st.integers(0, 3)) == 0:
        parts = tuple(
            Part(draw(st.one_of(st.none(), NAMES)), draw(TEXTS.filter(bool)))
            for _ in range(draw(st.integers(2, 3)))
        )
        speakers = tuple(dict.fromkeys(part.speaker for part in parts if part.speaker))
        if speakers:
            return Cue(start, end, "\n".join(part.text for part in parts), speakers, parts=parts)
    speakers = tuple(draw(st.lists(NAMES, max_size=3, unique=True)))
    manner = draw(MANNERS) if speakers else None
    confidence = draw(st.one_of(st.none(), st.floats(0, 1)))
    return Cue(start, end, draw(TEXTS), speakers, manner=manner, confidence=confidence)


@st.composite
def documents(draw: st.DrawFn) -> Document:
    drawn = draw(st.lists(cues(), min_size=1, max_size=4))
    return Document(tuple(sorted(drawn, key=lambda cue: cue.start_ms)))


@pytest.mark.parametrize("name", formats.names())
def test_contract(name: str) -> None:
    check_format(fmt(name))


@pytest.mark.parametrize("name", QUICK)
@settings(max_examples=60, deadline=None)
@given(document=documents())
def test_round_trip(name: str, document: Document) -> None:
    check_round_trip(fmt(name), document)


@pytest.mark.parametrize("name", FILES)
@settings(max_examples=60, deadline=None)
@given(data=st.binary(min_size=1, max_size=400))
def test_random_bytes_give_a_document_or_an_input_error(name: str, data: bytes) -> None:
    check_decode(fmt(name), data)


@pytest.mark.parametrize("name", FILES)
@settings(max_examples=60, deadline=None)
@given(text=st.lists(st.sampled_from([*PIECES, "\r", "{1}{2}", "SPEAKER x 1 0 1 "]), max_size=60))
def test_random_syntax_gives_a_document_or_an_input_error(name: str, text: list[str]) -> None:
    head = {"vtt": "WEBVTT\n\n", "ass": "[Events]\n", "csv": "start_ms,end_ms,text\n"}
    check_decode(fmt(name), (head.get(name, "") + "".join(text)).encode() or b"x")
