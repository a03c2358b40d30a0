"""Characters are found by any name and told with all that is known of them."""

from __future__ import annotations

import polars as pl
import pytest

from castline.agents.tools import ToolError
from castline.attribution.labels import new_voice
from castline.errors import UnknownName
from castline.project import Project
from tests.serving.conftest import EDITED, LINE, Ask, labels


def test_a_characters_page_counts_lines_talk_and_faces(kept_told: Project, ask: Ask) -> None:
    page = ask("character", name="林小满")
    own = labels(kept_told).filter(pl.col("line") != EDITED, character="林小满")["line"].to_list()
    lines = pl.concat(kept_told.store.read("lines", each) for each in kept_told.episodes())
    spoken = lines.filter(pl.col("line").is_in(own))
    names = pl.concat(kept_told.store.read("face_names", each) for each in kept_told.episodes())

    assert page["lines"] == len(own) == sum(each["lines"] for each in page["episodes"])
    assert page["talk_s"] == round((spoken["end_ms"] - spoken["start_ms"]).sum() / 1000, 1)
    assert page["faces"] == names.filter(character="林小满").height
    assert page["other_names"] == ["Xiaoman", "Boss"]
    assert (page["first_line"], page["last_line"]) == (own[0], own[-1])


def test_relations_are_told_in_both_directions(ask: Ask) -> None:
    told = {
        (each["person"], each["relation"], each["other"])
        for each in ask("character", name="林小满")["relations"]
    }

    assert told == {
        ("林小满", "friend", "Niamh d'Arvenne"),
        ("Niamh d'Arvenne", "friend", "林小满"),
    }


def test_another_name_in_any_case_means_its_character(ask: Ask) -> None:
    assert ask("character", name="XIAOMAN") == ask("character", name="林小满")
    assert ask("who_is_called", name="xiaoman")[0]["name"] == "林小满"


def test_a_name_of_two_people_is_refused_with_both(ask: Ask) -> None:
    with pytest.raises(ToolError, match=r"林小满.*Niamh"):
        ask("character", name="boss")


@pytest.mark.parametrize(
    ("tool", "arguments", "hint"),
    [
        ("who_speaks", {"line": "0001-0005"}, LINE),
        ("character", {"name": "Osei Kofi"}, "Osei, Kofi"),
        ("find_lines", {"character": "voice-"}, new_voice(1)),
        ("find_lines", {"episode": "2"}, "0002"),
    ],
)
def test_an_unknown_name_is_refused_with_what_is_like_it(
    ask: Ask, tool: str, arguments: dict[str, str], hint: str
) -> None:
    with pytest.raises(UnknownName, match=hint):
        ask(tool, **arguments)
