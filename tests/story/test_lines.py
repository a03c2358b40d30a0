"""From captions to lines: kinds, notes, what is left out, what is warned of."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from castline.errors import SettingsError
from castline.story.lines import (
    is_credit,
    lines_frame,
    named_labels,
    odd_duration,
    overcrowded,
    parse_spans,
)
from castline.subtitles.base import Cue, Document, Part
from castline.subtitles.conventions import interpret, plain_cue
from castline.tables.catalog import table
from castline.tables.schema import check_frame


def cue(text: str, start: int = 0, lasts: int = 2000) -> Cue:
    """A cue as a reader of plain captions makes it."""
    voices = interpret(text)
    return Cue(start, start + lasts, voices.text, **plain_cue(voices))  # type: ignore[arg-type]


def rows(*cues: Cue, left_out: tuple[tuple[int, int], ...] = ()) -> list[dict[str, object]]:
    frame = lines_frame(Document(cues, format="srt"), "0001", left_out=left_out)
    return check_frame(table("lines"), frame, "lines").to_dicts()


def test_each_cue_is_a_line_with_its_place_in_the_file() -> None:
    first, second = rows(cue("Hello."), cue("Who is there?", 5000))
    assert first == {
        "line": "0001-00001",
        "episode": "0001",
        "number": 0,
        "start_ms": 0,
        "end_ms": 2000,
        "text": "Hello.",
        "kind": "speech",
        "notes": [],
        "source": "srt",
        "confidence": None,
    }
    assert (second["line"], second["start_ms"]) == ("0001-00002", 5000)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("(DOOR OPENS)", "sound"),
        ("♪ Over the hills ♪", "song"),
        ("Stay here.", "speech"),
        ("Subtitles by Anna and Otto", "sign"),
        ("Downloaded From www.AllSubs.org", "sign"),
        ("字幕组：远方  校对：小明", "sign"),
    ],
)
def test_the_kind_of_a_line(text: str, kind: str) -> None:
    assert rows(cue(text))[0]["kind"] == kind


@pytest.mark.parametrize(
    ("text", "lasts", "notes"),
    [
        ("- Who is there?\n- Nobody.", 2500, ["two voices"]),
        ("WALTER: Now?\nNORA: Yes.", 2500, ["two voices"]),
        ("I have told you so many times already.", 300, ["odd duration"]),
        ("No.", 9000, ["odd duration"]),
        ("Synced and corrected by X\nwww.x.org", 100, ["credits"]),
        ("Episode 12", 2000, ["title"]),
        ("第三集", 2000, ["title"]),
        ("(sighs)", 30_000, []),
    ],
)
def test_what_is_odd_is_noted(text: str, lasts: int, notes: list[str]) -> None:
    assert rows(cue(text, 0, lasts))[0]["notes"] == notes


@pytest.mark.parametrize(
    "text",
    [
        "A letter written by my mother.",
        "It was directed at me.",
        "By the way, I sync my watch.",
        "He was created equal.",
        "I'm subtitling it myself.",
        "Meet me at half past. Come alone.",
        "字幕在哪里？",
    ],
)
def test_what_people_say_is_not_taken_for_credits(text: str) -> None:
    assert not is_credit(text)


def test_a_named_speaker_says_even_an_address() -> None:
    (line,) = rows(cue("RUTH: Look at www.example.org."))
    assert (line["kind"], line["notes"]) == ("speech", [])


@given(st.text(max_size=60), st.tuples(*[st.integers(0, 30_000)] * 3))
def test_what_lies_between_two_plausible_lengths_is_plausible(
    text: str, lengths: tuple[int, int, int]
) -> None:
    short, middle, long = sorted(lengths)
    if not odd_duration(text, short) and not odd_duration(text, long):
        assert not odd_duration(text, middle)


def test_a_trade_is_no_speaker() -> None:
    trade = Cue(0, 2000, "远方", ("字幕组",))
    labels = named_labels(Document((trade, cue("RUTH: Hm."))), "0001")
    assert labels["character"].to_list() == ["unknown", "RUTH"]


def test_lines_inside_left_out_spans_go_and_the_others_keep_their_ids() -> None:
    cues = (cue("Theme.", 10_000), cue("Edge.", 89_500), cue("Hello.", 95_000))
    spans = parse_spans(["0:00:00-0:01:30"], "castline.toml")
    kept = rows(*cues, left_out=spans)
    assert [line["line"] for line in kept] == ["0001-00002", "0001-00003"]
    labels = named_labels(Document(cues), "0001", left_out=spans)
    assert labels["line"].to_list() == ["0001-00002", "0001-00003"]


def test_spans_are_read_with_any_dash_and_fractions() -> None:
    assert parse_spans(["0:10-0:20", "1:00:00.5 – 1:00:01,5"], "here") == (
        (10_000, 20_000),
        (3_600_500, 3_601_500),
    )


@pytest.mark.parametrize("text", ["", "0:10", "0:10-", "a-b", "0:10-0:20-0:30", "0:10-0:99"])
def test_a_text_that_is_no_span_is_refused_with_the_form(text: str) -> None:
    with pytest.raises(SettingsError, match=r"castline\.toml, leave_out: .* write START-END"):
        parse_spans([text], "castline.toml, leave_out")


@pytest.mark.parametrize("text", ["0:20-0:10", "0:10-0:10"])
def test_a_span_must_end_after_its_start(text: str) -> None:
    with pytest.raises(SettingsError, match="does not end after its start"):
        parse_spans([text], "castline.toml")


def test_named_speakers_become_labels_and_the_others_are_unknown() -> None:
    parts = (Part("Walter", "Now?"), Part("Nora", "Yes."))
    both = Cue(0, 900, "Now?\nYes.", ("Walter", "Nora"), parts=parts, confidence=0.5)
    labels = named_labels(Document((both, cue("Hm.", 2000)), format="vtt"), "0001")
    found = check_frame(table("labels"), labels, "labels")
    assert found.select("line", "character", "status", "confidence").rows() == [
        ("0001-00001", "Walter", "settled", 0.5),
        ("0001-00001", "Nora", "settled", 0.5),
        ("0001-00002", "unknown", "abstained", None),
    ]


def test_no_captions_give_empty_tables() -> None:
    assert rows() == []
    assert named_labels(Document(), "0001").height == 0
    assert overcrowded(Document()) is None


def test_ten_thousand_lines_in_a_minute_are_warned_of_and_fast() -> None:
    document = Document(tuple(cue(f"Line number {n}.", 600_000 + 6 * n) for n in range(10_000)))
    begin = time.process_time()
    warning = overcrowded(document)
    frame = lines_frame(document, "0001")
    assert time.process_time() - begin < 3
    assert frame.height == 10_000
    assert warning is not None
    assert "10,000 lines of speech begin in the minute from 00:10:00" in warning


def test_fast_dialogue_and_crowds_of_signs_are_not_warned_of() -> None:
    talk = tuple(cue("Yes. No.", 600 * n, 500) for n in range(1000))
    signs = tuple(Cue(10 * n, 10 * n + 900, "SHOP", kind="sign") for n in range(1000))
    assert overcrowded(Document(talk)) is None
    assert overcrowded(Document(signs)) is None
