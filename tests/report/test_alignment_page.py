"""The picture of an alignment."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

import pytest

from castline.report.alignment import render_alignment
from castline.subtitles import Cue
from castline.subtitles.alignment import Alignment, Anchor, Piece, PlacedLine, Uncovered


def an_alignment(**changes: object) -> Alignment:
    anchors = tuple(
        Anchor(n, 10_000 * n, 10_000 * n + 5_000 + (n >= 20) * 30_000, 2000, 1900, True, True, 5,
               int(n >= 20), 900 if n == 7 else 20)
        for n in range(40)
    )  # fmt: skip
    facts: dict[str, object] = {
        "verdict": "accepted",
        "reason": "it fits <b>well</b>",
        "evidence": "words",
        "pieces": (Piece(0, 200_000, 1.0, 5_000, 20), Piece(200_000, 400_000, 1.0, 35_000, 20)),
        "lines": (PlacedLine("anchored", 1.0, Cue(5000, 7000, "hello")),),
        "anchors": anchors,
        "uncovered": (Uncovered(206_000, 230_000, "<script>buy</script>"),),
        **changes,
    }
    return Alignment(**facts)  # type: ignore[arg-type]


def pictures(page: str) -> list[ET.Element]:
    return [ET.fromstring(each) for each in re.findall(r"<svg.*?</svg>", page, re.DOTALL)]


def test_each_panel_shows_every_anchor_and_marks_those_far_off() -> None:
    panels = pictures(render_alignment(an_alignment(), "Episode"))
    assert len(panels) == 3
    for panel in panels:
        dots = panel.findall("circle")
        assert [dot.get("class") for dot in dots].count("far") == 1
        assert len(dots) == 40


def test_everything_stays_inside_its_panel() -> None:
    for panel in pictures(render_alignment(an_alignment(), "Episode")):
        _, _, width, height = map(float, (panel.get("viewBox") or "").split())
        for dot in panel.findall("circle"):
            assert 0 <= float(dot.get("cx") or -1) <= width
            assert 0 <= float(dot.get("cy") or -1) <= height


def test_steps_of_the_fit_are_drawn_where_the_anchors_are() -> None:
    first = pictures(render_alignment(an_alignment(), "Episode"))[0]
    fits = [path.get("d") or "" for path in first.findall("path") if path.get("class") == "fit"]
    heights = [float(fit.split("L")[0].split()[1]) for fit in fits]
    dots = [float(dot.get("cy") or 0) for dot in first.findall("circle")]
    assert heights == pytest.approx([dots[0], dots[-1]], abs=1)


def test_strangers_texts_stay_text() -> None:
    page = render_alignment(an_alignment(), "<img src=x>")
    assert "<script>" not in page
    assert "<img" not in page
    assert "&lt;b&gt;well" in page
    assert not re.search(r"https?://", page)


@pytest.mark.parametrize(
    "changes",
    [
        {"anchors": (), "pieces": (), "lines": (), "uncovered": ()},
        {"verdict": "refused", "lines": (), "pieces": ()},
        {"anchors": (Anchor(0, 5, 5, 0, 0, True, True, 1),), "pieces": (Piece(5, 5, 1.0, 0, 1),)},
    ],
)
def test_alignments_without_much_in_them_are_drawn_too(changes: dict[str, object]) -> None:
    assert "</html>" in render_alignment(an_alignment(**changes), "Episode")
