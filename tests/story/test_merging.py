"""What is said of single episodes becomes relations over spans of the series."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from castline.story.merging import CastNames, Merged, Triple, merge_triples, plain_word
from castline.tables.catalog import table
from castline.tables.schema import build_frame

EPISODES = ["1", "2", "3", "4", "5"]


def cast(**others: list[str]) -> pl.DataFrame:
    columns = {
        "character": list(others),
        "other_names": list(others.values()),
        "kind": ["character"] * len(others),
        "faces": [0] * len(others),
    }
    return build_frame(table("cast"), columns, source="test")


NAMES = CastNames(cast(Ann=["Annie", "Sis"], Bo=["Sis", "老陈"], Cy=[]))


def merged(**said: list[tuple[str, str, str]]) -> Merged:
    triples = {
        name.removeprefix("e"): [Triple(*row) for row in rows] for name, rows in said.items()
    }
    return merge_triples(triples, EPISODES, NAMES)


def spans(result: Merged) -> list[tuple[str, str, str, str, str]]:
    return [(*triple, *span) for triple, span in result.spans.items()]


def test_a_relation_holds_from_the_first_to_the_last_episode_that_says_it() -> None:
    result = merged(
        e1=[("Ann", "Bo", "colleague")],
        e3=[("Ann", "Bo", "Colleague.")],
        e4=[("Ann", "Bo", "rival")],
    )
    assert spans(result) == [
        ("Ann", "Bo", "colleague", "1", "3"),
        ("Ann", "Bo", "rival", "4", "4"),
    ]


def test_other_names_are_those_of_the_character() -> None:
    result = merged(e2=[("annie", " 老陈", "the friend")])
    assert spans(result) == [("Ann", "Bo", "friend", "2", "2")]


@pytest.mark.parametrize("name", ["Dee", "Sis", "", "<b>Ann</b>"])
def test_a_name_of_nobody_or_of_several_is_left_out_and_counted(name: str) -> None:
    result = merged(e1=[("Ann", name, "friend"), (name, "Ann", "friend")])
    assert (result.spans, result.unknown) == ({}, 2)


def test_what_says_nothing_is_left_out_and_counted() -> None:
    rows = [("Ann", "Annie", "sister"), ("Ann", "Bo", " . "), ("Ann", "Bo", "x" * 200)]
    assert merged(e1=rows).useless == 3


def test_of_two_opposites_the_one_that_more_episodes_say_stays() -> None:
    result = merged(
        e1=[("Ann", "Bo", "mother")], e2=[("Bo", "Ann", "son")], e5=[("Bo", "Ann", "mother")]
    )
    assert spans(result) == [("Ann", "Bo", "mother", "1", "1"), ("Bo", "Ann", "son", "2", "2")]
    assert result.contradicted == 1


def test_of_two_opposites_said_as_often_neither_stays() -> None:
    result = merged(e1=[("Ann", "Bo", "father"), ("Bo", "Ann", "father"), ("Ann", "Bo", "friend")])
    assert spans(result) == [("Ann", "Bo", "friend", "1", "1")]
    assert result.contradicted == 2


def test_ranks_may_turn_round_in_the_course_of_time() -> None:
    result = merged(e1=[("Ann", "Bo", "boss")], e4=[("Bo", "Ann", "boss")])
    assert len(result.spans) == 2
    at_once = merged(e1=[("Ann", "Bo", "boss")], e2=[("Bo", "Ann", "boss"), ("Ann", "Bo", "boss")])
    assert spans(at_once) == [("Ann", "Bo", "boss", "1", "2")]


def test_relations_that_go_both_ways_are_no_opposites() -> None:
    result = merged(e1=[("Ann", "Bo", "friend"), ("Bo", "Ann", "friend")])
    assert len(result.spans) == 2


def test_whose_relation_it_is_is_left_out_of_the_word() -> None:
    assert plain_word("老陈的妹妹", "老陈") == "妹妹"
    assert plain_word("“同事”") == "同事"


_words = st.sampled_from(["friend", "Mother", "son", "boss", "", "subordinate"])
_people = st.sampled_from(["Ann", "annie", "Bo", "Cy", "Nobody"])


@given(st.dictionaries(st.sampled_from(EPISODES), st.lists(st.tuples(_people, _people, _words))))
def test_every_triple_is_kept_once_or_counted(
    said: dict[str, list[tuple[str, str, str]]],
) -> None:
    triples = {name: [Triple(*row) for row in rows] for name, rows in said.items()}
    result = merge_triples(triples, EPISODES, NAMES)
    assert all({one, two} <= {"Ann", "Bo", "Cy"} and one != two for one, two, _ in result.spans)
    assert all(first <= last for first, last in result.spans.values())
    total = sum(map(len, triples.values()))
    assert result.unknown + result.useless <= total
    good = total - result.unknown - result.useless
    assert len(result.spans) + result.contradicted <= good
    assert (len(result.spans) + result.contradicted == 0) == (good == 0)


@given(st.permutations(EPISODES))
def test_the_order_in_which_episodes_are_read_does_not_matter(order: list[str]) -> None:
    said = {name: [Triple("Ann", "Bo", "friend")] for name in EPISODES[:3]}
    shuffled = {name: said[name] for name in order if name in said}
    assert merge_triples(shuffled, EPISODES, NAMES) == merge_triples(said, EPISODES, NAMES)
