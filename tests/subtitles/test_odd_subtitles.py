"""Every field of the expectations for 32 odd files from the wild, checked one by one."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from castline import subtitles
from castline.errors import InputError
from castline.subtitles import Cue, Document

FOLDER = Path(__file__).parents[3] / "shared" / "media" / "odd_subtitles"

if not FOLDER.is_dir():
    pytest.skip(f"{FOLDER} is not there: shared test data", allow_module_level=True)

EXPECTED: dict[str, dict[str, Any]] = json.loads(
    (FOLDER / "expectations.json").read_text(encoding="utf-8")
)
OPTIONS: dict[str, dict[str, Any]] = {"microdvd_sdh.sub": {"fps": 25}}

CHECKED_HERE = {
    *("format", "encoding", "newlines", "cues", "first", "last", "names", "not_names", "error"),
    *("speakers", "per_cue", "problems", "speakers_in_cue_1", "first_frames", "timing_lines"),
    *("dialogue", "signs", "comments", "first_in_file", "first_in_time"),
}
PROSE = {"source", "made", "note"}

GOOD = [name for name, facts in EXPECTED.items() if facts["cues"]]
BAD = [name for name, facts in EXPECTED.items() if not facts["cues"]]


def read(name: str) -> Document:
    return subtitles.read(FOLDER / name, **OPTIONS.get(name, {}))


def with_field(field: str) -> list[str]:
    return [name for name in GOOD if EXPECTED[name].get(field) is not None]


def check_cue(cue: Cue, expected: dict[str, Any]) -> None:
    checked = {"text"}
    assert cue.text == expected["text"]
    for key, ms in (("start", cue.start_ms), ("end", cue.end_ms)):
        for field in (key, f"{key}_at_25fps"):
            if field in expected:
                assert ms == round(expected[field] * 1000)
                checked.add(field)
    if "speaker" in expected:
        assert cue.speakers == ((expected["speaker"],) if expected["speaker"] else ())
        checked.add("speaker")
    assert checked == set(expected)


def test_all_files_are_known_and_all_fields_checked() -> None:
    assert len(EXPECTED) == 32
    assert {path.name for path in FOLDER.iterdir()} == {*EXPECTED, "expectations.json"}
    for facts in EXPECTED.values():
        assert set(facts) <= CHECKED_HERE | PROSE
    assert set(BAD) == {
        *("empty.vtt", "no_milliseconds.srt", "vtt_negative_times.vtt", "vtt_not_vtt.vtt"),
    }


@pytest.mark.parametrize("name", GOOD)
def test_format_encoding_count_and_names(name: str) -> None:
    facts = EXPECTED[name]
    assert facts["error"] is None
    document = read(name)
    assert document.format == facts["format"]
    assert document.encoding == facts["encoding"]
    assert len(document.cues) == facts["cues"]
    assert list(document.speakers) == facts["names"]
    assert not set(document.speakers) & set(facts.get("not_names", []))


@pytest.mark.parametrize("name", GOOD)
def test_a_guessed_encoding_is_reported_and_a_known_one_is_not(name: str) -> None:
    document = read(name)
    certain = ("utf-8", "utf-8-sig", "utf-16")
    assert document.encoding_guessed == (document.encoding not in certain)
    told = [p for p in document.problems if "encoding" in p.message]
    assert bool(told) == document.encoding_guessed


@pytest.mark.parametrize("name", with_field("first"))
def test_first_cue(name: str) -> None:
    check_cue(read(name).cues[0], EXPECTED[name]["first"])


@pytest.mark.parametrize("name", with_field("last"))
def test_last_cue(name: str) -> None:
    check_cue(read(name).cues[-1], EXPECTED[name]["last"])


@pytest.mark.parametrize("name", with_field("newlines"))
def test_newlines_are_what_they_are_said_to_be(name: str) -> None:
    data = (FOLDER / name).read_bytes()
    if EXPECTED[name]["encoding"] == "utf-16":
        data = data.decode("utf-16").encode()
    kinds = {
        *(["CRLF"] if b"\r\n" in data else []),
        *(["CR"] if b"\r" in data.replace(b"\r\n", b"") else []),
        *(["LF"] if b"\n" in data.replace(b"\r\n", b"") else []),
    }
    assert kinds == set(re.findall("CRLF|CR|LF", EXPECTED[name]["newlines"]))
    assert not any("\r" in cue.text for cue in read(name).cues)


@pytest.mark.parametrize("name", with_field("speakers"))
def test_speaker_of_each_line(name: str) -> None:
    spoken = [cue for cue in read(name).cues if cue.kind == "speech"]
    assert [cue.speakers for cue in spoken] == [(who,) for who in EXPECTED[name]["speakers"]]


@pytest.mark.parametrize("name", with_field("per_cue"))
def test_facts_of_single_cues(name: str) -> None:
    cues = read(name).cues
    for number, facts in EXPECTED[name]["per_cue"].items():
        cue = cues[int(number) - 1]
        found = {
            "voices": cue.voices,
            "kind": cue.kind,
            "speaker": cue.speakers[0] if cue.speakers else None,
            "manner": cue.manner,
            "speakers": list(cue.speakers),
        }
        for key, value in facts.items():
            if key != "note":
                assert found[key] == value, (number, key)


@pytest.mark.parametrize("name", with_field("problems"))
def test_problems_are_reported(name: str) -> None:
    document = read(name)
    messages = " | ".join(map(str, document.problems))
    for problem in EXPECTED[name]["problems"]:
        overlap = re.match(r"cues (\d+) and (\d+) overlap(?: by ([\d.]+) s)?", problem)
        if overlap:
            first, second = int(overlap[1]) - 1, int(overlap[2]) - 1
            shared = {(a, b): ms for a, b, ms in document.overlaps()}
            assert (first, second) in shared
            if overlap[3]:
                assert shared[first, second] == round(float(overlap[3]) * 1000)
        else:
            block = re.match(r"(block \d+) (is cut off inside its time line|has text but)", problem)
            assert block is not None, problem
            assert f"{block[1]} {block[2]}" in messages


def test_files_without_a_flaw_report_none() -> None:
    quiet = [
        *("utf16le_bom.srt", "utf8_bom_no_numbers.srt", "tags_hidden_crlf.srt", "cr_only.srt"),
        *("sdh_name_prefix.srt", "hours_over_99.srt", "no_blank_lines.srt", "ttml_w3c.ttml"),
        *("vtt_note_dashes.vtt", "vtt_style.vtt", "vtt_voices.vtt", "vtt_mixed_newlines.vtt"),
        *("dashes_music_names.srt", "agents.ttml", "microdvd_sdh.sub", "dot_milliseconds.srt"),
    ]
    assert {name: read(name).problems for name in quiet} == dict.fromkeys(quiet, ())


def test_dashes_of_a_vtt_are_two_voices() -> None:
    facts = EXPECTED["vtt_note_dashes.vtt"]
    cues = read("vtt_note_dashes.vtt").cues
    assert cues[0].voices == facts["speakers_in_cue_1"]
    assert [part.text for part in cues[0].parts] == ["Ta en kopp varmt te.", "Det är inte varmt."]


def test_microdvd_needs_a_rate_and_keeps_frames() -> None:
    facts = EXPECTED["microdvd_sdh.sub"]
    with pytest.raises(InputError, match="fps=25"):
        subtitles.read(FOLDER / "microdvd_sdh.sub")
    cue = read("microdvd_sdh.sub").cues[0]
    assert [cue.start_ms * 25 / 1000, cue.end_ms * 25 / 1000] == facts["first_frames"]
    assert cue.kind == "sound"


def test_ass_signs_and_comments() -> None:
    facts = EXPECTED["names.ass"]
    cues = read("names.ass").cues
    kinds = [cue.kind for cue in cues]
    assert (kinds.count("speech"), kinds.count("sign")) == (facts["dialogue"], facts["signs"])
    raw = (FOLDER / "names.ass").read_text(encoding="utf-8-sig")
    assert raw.count("\nComment:") == facts["comments"]
    assert "not to be shown" not in [cue.text for cue in cues]
    check_cue(cues[0], facts["first_in_time"])
    check_cue(next(cue for cue in cues if cue.kind == "speech"), facts["first_in_file"])
    assert cues[0].text == "SINTEL, a film"


def test_voices_of_one_vtt_cue() -> None:
    cue = read("vtt_voices.vtt").cues[1]
    assert cue.parts == (
        ("Chris Pearce", "Okay, we're good now."),
        ("Kyle Huey", "Oh, now we're good?"),
        (None, "<i>Laughter</i>"),
    )
    assert read("vtt_voice_class.vtt").cues[0].manner == "loud"


def test_frame_times_of_ttml() -> None:
    cues = read("agents.ttml").cues
    assert (cues[2].start_ms, cues[2].end_ms) == (148_000, 151_458)
    assert (cues[1].start_ms, cues[1].end_ms) == (141_800, 145_800)


def test_overlapping_pairs_of_ttml() -> None:
    document = read("ttml_w3c.ttml")
    assert [(a, b) for a, b, _ in document.overlaps()] == [(5, 6), (9, 10)]
    assert document.cues[1].text == "that the image formed on\nthe Retina should be inverted?"
    assert document.title == "Timed Text TTML Example"


# The four files that hold no cue. `error` is prose, so each is checked in its own words.


def test_empty() -> None:
    assert EXPECTED["empty.vtt"]["error"] == "empty file"
    assert EXPECTED["empty.vtt"]["format"] is EXPECTED["empty.vtt"]["encoding"] is None
    with pytest.raises(InputError, match="the file is empty"):
        read("empty.vtt")


def test_wrong_signature() -> None:
    assert EXPECTED["vtt_not_vtt.vtt"]["error"] == "signature is not WEBVTT"
    with pytest.raises(InputError, match="signature is not WEBVTT"):
        read("vtt_not_vtt.vtt")


def test_backward_times_are_each_reported() -> None:
    facts = EXPECTED["vtt_negative_times.vtt"]
    assert facts["error"].startswith("every cue ends at or before its start: none is usable")
    with pytest.raises(InputError, match="no cue can be used") as caught:
        read("vtt_negative_times.vtt")
    told = re.findall(r"cue (\d+)", str(caught.value))
    assert told == [str(number + 1) for number in range(facts["timing_lines"])]


def test_times_without_milliseconds_are_warned_of() -> None:
    facts = EXPECTED["no_milliseconds.srt"]
    assert "may give one cue 1-10 s but must warn" in facts["error"]
    document = read("no_milliseconds.srt")
    assert [(cue.start_ms, cue.end_ms) for cue in document.cues] == [(1000, 10_000)]
    assert "no milliseconds" in str(document.problems[0])
    assert (document.format, document.encoding) == (facts["format"], facts["encoding"])
