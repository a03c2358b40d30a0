"""Lines are found, read in order, and told with who speaks them."""

from __future__ import annotations

import polars as pl
import pytest

from castline.project import Project
from castline.serving.library import Library
from tests.serving.conftest import ALMOST, EDITED, LINE, Ask, Asking, labels


def test_the_speaker_of_a_line_comes_with_confidence_reasons_and_rivals(
    kept_told: Project, ask: Ask
) -> None:
    answer = ask("who_speaks", line=LINE)
    (row,) = labels(kept_told).filter(line=LINE).iter_rows(named=True)
    rivals = kept_told.store.read("candidates", "0001", "fusion-released").filter(
        (pl.col("line") == LINE) & (pl.col("character") != row["character"])
    )

    assert answer["speakers"] == [{"name": row["character"], "confidence": 0.75}]
    assert answer["reasons"] == row["reasons"]
    assert answer["status"] == row["status"]
    assert [each["name"] for each in answer["rivals"]] == rivals.sort("rank")["character"].to_list()
    assert answer["scores_are"] == "probabilities"


def test_the_labels_of_another_method_can_be_told(kept_told: Project, asking: Asking) -> None:
    answer = asking(Library(kept_told, "propagation"))("who_speaks", line=LINE)

    assert "confidence" not in answer["speakers"][0]
    assert answer["scores_are"] == "similarities"


def test_what_a_person_said_is_told_as_certain(ask: Ask) -> None:
    answer = ask("who_speaks", line=EDITED)

    assert answer["speakers"] == [{"name": "旁白", "confidence": 1.0}]
    assert answer["labelled_by"] == "human"


def test_lines_that_hold_the_very_words_come_before_those_like_them(ask: Ask) -> None:
    found = ask("find_lines", text="what did  it COST")["lines"]
    likeness = [each["likeness"] for each in found]

    assert found[0]["text"] == "What did it cost?"
    assert ALMOST in [each["line"] for each in found]
    assert likeness[0] == 1 > likeness[-1]
    assert likeness == sorted(likeness, reverse=True)


def test_words_heard_wrong_still_find_their_line(ask: Ask) -> None:
    found = ask("find_lines", text="Nobody asked the gardner")["lines"]

    assert any(each["text"] == "Nobody asked the gardener" for each in found)
    assert all(each["likeness"] < 1 for each in found)


def test_a_line_of_one_letter_is_not_like_every_text_that_holds_it(ask: Ask) -> None:
    found = ask("find_lines", text="好 不是我开的门 信在抽屉里")["lines"]

    assert "好" not in [each["text"] for each in found]


@pytest.mark.parametrize("wanted", [{}, {"episode": "0002"}, {"character": "阿兰·韦德"}])
def test_the_pages_of_a_list_hold_each_line_once_and_in_order(
    kept_told: Project, ask: Ask, wanted: dict[str, str]
) -> None:
    first = ask("find_lines", **wanted)
    pages = [ask("find_lines", page=page + 1, **wanted)["lines"] for page in range(first["pages"])]
    got = [each["line"] for page in pages for each in page]
    lines = pl.concat(kept_told.store.read("lines", each) for each in kept_told.episodes())
    if "episode" in wanted:
        lines = lines.filter(episode=wanted["episode"])
    if "character" in wanted:
        own = labels(kept_told).filter(character=wanted["character"])["line"].to_list()
        lines = lines.filter(pl.col("line").is_in(own) & (pl.col("line") != EDITED))

    assert got == lines["line"].to_list()
    assert first["total"] == len(got)
    assert ask("find_lines", page=first["pages"] + 1, **wanted)["lines"] == []


def test_a_dialogue_ends_with_its_episode(ask: Ask) -> None:
    lines = [each["line"] for each in ask("dialogue", line="0002-00002", reach=4)["lines"]]

    assert lines == [f"0002-{number:05d}" for number in range(1, 7)]
