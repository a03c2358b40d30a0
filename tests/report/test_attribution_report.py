"""The report: whole for any input, one file, and no name ever becomes markup."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence

import polars as pl
import pytest

from castline.attribution.evaluate import Evaluation, compare, evaluate
from castline.errors import UsageError
from castline.report.attribution import render_report
from castline.report.confidence import reliability, risk_coverage
from castline.report.text import cleaned, shortened
from tests.report.outlines import EVIL, PAGE_TAGS, outline

NAMES = [
    "甄嬛",
    "عبد الرحمن الناصر",
    "👩‍👩‍👧‍👦 family",
    "नमस्ते",
    "Zoë Ångström-Østergård of the Very Long Name",
    "a\x00b\u202ec\nd",
    *EVIL,
]


def made(
    names: Sequence[str],
    *,
    lines: int = 120,
    candidates: bool = True,
    method: str = "m",
    confident: bool = False,
) -> Evaluation:
    """An evaluation of a series whose people have these names; every fifth line is wrong."""
    ids = [f"{i // 60 + 1:04d}-{i % 60 + 1:05d}" for i in range(lines)]
    episodes = [each[:4] for each in ids]
    truth = [names[i % len(names)] for i in range(lines)]
    label = [names[(i + (i % 5 == 0)) % len(names)] for i in range(lines)]
    text = [f"{name} says {i}" for i, name in enumerate(truth)]
    frame = pl.DataFrame(
        {
            "line": ids,
            "episode": episodes,
            "start_ms": [3000 * i for i in range(lines)],
            "end_ms": [3000 * i + 400 + 23 * (i % 99) for i in range(lines)],
            "text": text,
            "speaker": truth,
            "character": label,
            "margin": [0.01 * (i % 80) for i in range(lines)],
            "confidence": [0.6 + 0.4 * (i % 13) / 13 if confident else None for i in range(lines)],
        },
        schema={
            "line": pl.String,
            "episode": pl.String,
            "start_ms": pl.Int64,
            "end_ms": pl.Int64,
            "text": pl.String,
            "speaker": pl.String,
            "character": pl.String,
            "margin": pl.Float32,
            "confidence": pl.Float32,
        },
    )
    return evaluate(
        lines=frame,
        truth=frame.select(
            "line",
            "episode",
            "speaker",
            pl.concat_list("speaker").alias("speakers"),
            deleted=pl.lit(value=False),
            unknown=pl.lit(value=False),
        ),
        labels=frame.select(
            "line",
            "character",
            "margin",
            "confidence",
            score=pl.col("margin"),
            method=pl.lit(method),
        ),
        candidates=frame.select("line", character="speaker", rank=pl.lit(1), score=pl.col("margin"))
        if candidates
        else None,
        faces=frame.select("episode", "start_ms", "end_ms", "character", score=pl.lit(0.9)),
        cast=pl.DataFrame(
            {"character": names, "kind": ["character"] * len(names), "faces": [1] * len(names)}
        ),
    )


def test_names_never_become_markup() -> None:
    page = render_report(
        made(NAMES, method=EVIL[0]),
        series=EVIL[1],
        protocol=EVIL[2],
        facts={EVIL[0]: EVIL[3]},
        language=EVIL[2],
        version=EVIL[0],
    )
    found = outline(page)
    assert set(found.tags) <= PAGE_TAGS
    assert not [name for _, name, _ in found.attributes if name.startswith("on")]
    for name in EVIL:
        assert name in found.text


def test_names_in_plots_are_the_names() -> None:
    found = outline(render_report(made(NAMES), series="names"))
    for name in NAMES:
        assert f"{cleaned(name)}: recall" in found.text


def test_the_page_needs_nothing_else() -> None:
    page = render_report(made(["Anna", "Bert"]), series="offline")
    found = outline(page)
    assert not {"script", "link", "img", "iframe", "object", "use", "image"} & set(found.tags)
    assert not [a for a in found.attributes if a[1] in ("src", "href", "xlink:href", "srcset")]
    assert "http:" not in page
    assert "https:" not in page
    assert "url(" not in page
    assert "@import" not in page
    assert ("meta", "content", "default-src 'none'; style-src 'unsafe-inline'") in found.attributes


def test_the_page_can_be_read_without_seeing_it() -> None:
    found = outline(render_report(made(["Anna", "Bert"]), series="accessible"))
    svgs = found.tags.count("svg")
    assert svgs == 7
    assert sum(a == ("svg", "role", "img") for a in found.attributes) == svgs
    ids = [value for _, name, value in found.attributes if name == "id"]
    assert len(ids) == len(set(ids))
    named = [value for tag, name, value in found.attributes if name == "aria-labelledby"]
    assert set(named) <= set(ids)
    assert found.tags.count("caption") == found.tags.count("table")
    levels = [int(tag[1]) for tag in found.tags if re.fullmatch(r"h\d", tag)]
    assert levels[0] == 1
    assert all(b - a <= 1 for a, b in itertools.pairwise(levels))


def test_confidences_have_two_plots_and_a_table_in_place_of_the_margins() -> None:
    evaluation = made(["Anna", "Bert"], confident=True)
    found = outline(render_report(evaluation, series="confident"))
    assert (
        found.tags.count("svg") == sum(a == ("svg", "role", "img") for a in found.attributes) == 8
    )
    assert set(found.tags) <= PAGE_TAGS
    ids = [value for _, name, value in found.attributes if name == "id"]
    assert len(ids) == len(set(ids))
    assert found.tags.count("caption") == found.tags.count("table")
    confidence = evaluation.rules["code-s"].confidence
    assert confidence is not None
    assert f"{confidence.error:.2f} points" in found.text
    for each in confidence.bins:
        assert f"Mean confidence {each.stated:.1f} %: {each.right.percent:.1f}" in found.text


def test_without_confidences_the_page_does_not_speak_of_them() -> None:
    page = render_report(made(["Anna", "Bert"]), series="none")
    assert "confidence" not in outline(page).text


@pytest.mark.parametrize("lines", [1, 2, 3])
def test_the_smallest_confidences_have_plots_inside_their_frame(lines: int) -> None:
    found = made(["Anna", "Bert"], lines=lines, confident=True).rules["code-s"].confidence
    assert found is not None
    for chart in (reliability(found), risk_coverage(found)):
        for x, y in (*chart.curve, *chart.dashed, *((dot.x, dot.y) for dot in chart.dots)):
            assert chart.left <= x <= chart.right
            assert chart.top <= y <= chart.bottom


def test_ids_stay_apart_with_several_methods() -> None:
    both = [made(["Anna", "Bert"], method="one"), made(["Anna", "Bert"], method="two")]
    found = outline(render_report(both, series="two methods"))
    ids = [value for _, name, value in found.attributes if name == "id"]
    assert len(ids) == len(set(ids))
    assert "one and two compared" in found.text


def test_a_comparison_made_elsewhere_is_shown() -> None:
    a, b = made(["Anna", "Bert"], method="old"), made(["Anna", "Bert"], method="new")
    page = render_report(b, series="compared", comparison=compare(a, b))
    assert "old and new compared" in outline(page).text


def test_every_rule_stands_with_its_figure_and_explanation() -> None:
    evaluation = made(["Anna", "Bert"])
    text = outline(render_report(evaluation, series="rules")).text
    for name in evaluation.rules:
        assert name in text
    assert "80.00\N{NO-BREAK SPACE}%" in text
    assert "Without seeds" in text
    assert "never considered the true speaker" in text


@pytest.mark.parametrize("lines", [0, 1, 2])
@pytest.mark.parametrize("names", [["Anna"], ["Anna", "Bert"]], ids=["alone", "two"])
@pytest.mark.parametrize("candidates", [True, False], ids=["candidates", "none"])
def test_the_smallest_series_have_a_report(lines: int, names: list[str], candidates: bool) -> None:
    page = render_report(made(names, lines=lines, candidates=candidates), series="small")
    text = outline(page).text
    assert "nan" not in page.lower()
    if not lines:
        assert "no line counts" in text


def test_a_rule_that_leaves_everything_out_says_so() -> None:
    evaluation = made(["Anna", "Bert"], candidates=False)
    text = outline(render_report(evaluation, series="no candidates")).text
    assert "120 lines left out" in text
    assert "By candidates" not in text


def test_a_report_of_nothing_is_refused() -> None:
    with pytest.raises(UsageError, match="at least one"):
        render_report([], series="none")


def test_the_page_is_the_same_each_time_and_can_be_written() -> None:
    first = render_report(made(NAMES), series="half \ud83d a character")
    assert first == render_report(made(NAMES), series="half \ud83d a character")
    first.encode("utf-8")


def test_names_are_never_cut_inside_a_character() -> None:
    family = "\U0001f469\u200d\U0001f469\u200d\U0001f467"
    assert shortened(family + " at home", 6) == "…"
    assert shortened("e\u0301e\u0301e\u0301e\u0301", 3) == "e\u0301e\u0301…"
    assert shortened("甄嬛传奇人物", 7) == "甄嬛传…"
    assert shortened("", 3) == ""
    assert shortened("甄", 1) == "…"
