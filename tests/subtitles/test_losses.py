"""The table of losses in the documentation is the one that the formats declare."""

from __future__ import annotations

from pathlib import Path

from castline.subtitles import Cue, Document, get_format
from castline.subtitles.losses import loss_table

PAGE = Path(__file__).parents[2] / "docs" / "formats.md"
START, END = "<!-- generated: formats -->\n", "<!-- end -->"


def test_the_page_holds_the_current_table() -> None:
    inside = PAGE.read_text(encoding="utf-8").split(START)[1].split(END)[0]
    assert inside.strip() == loss_table().strip(), "docs/formats.md is old: run make docs"


def test_a_writer_says_what_it_drops_of_this_very_document() -> None:
    cue = Cue(5, 1000, "Hi.", ("Anna",), confidence=0.5, kind="song")
    told = [problem.message for problem in get_format("srt").losses_in(Document((cue, cue)))]
    assert told == [
        "2 cues have a kind other than speech, which SubRip does not keep",
        "2 cues have a confidence, which SubRip does not keep",
    ]
    assert [p.message for p in get_format("ass").losses_in(Document((cue,)))] == [
        "1 cues have a confidence, which ASS / SSA does not keep",
        "1 cues have times finer than 10 ms, which ASS / SSA does not keep",
    ]
    assert get_format("parquet").losses_in(Document((cue,))) == ()
