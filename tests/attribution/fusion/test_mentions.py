"""Who is named: forms of names, and what only looks like one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from castline.attribution.fusion.mentions import find_mentions, tidy


def named(text: str, cast: tuple[str, ...], forms: tuple[tuple[str, ...], ...] = ()) -> set[str]:
    held = find_mentions([text], cast, forms or ((),) * len(cast))
    assert held.shape == (1, len(cast))
    return {name for name, is_named in zip(cast, held[0].tolist(), strict=True) if is_named}


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("周秉昆来了", "周秉昆"),
        ("秉昆来了", "周秉昆"),
        ("胤禛 请坐", "爱新觉罗·胤禛"),
        ("玉娆在哪", "玉娆(成年)"),
        ("Where is Anna?", "Anna Berg"),
        ("Ms Berg's coat", "Anna Berg"),
        ("问Anna吧", "Anna Berg"),
        ("Анна, сюда!", "Анна Петрова"),
        ("राम आया", "राम"),
        ("Jose\u0301, mira", "Jos\u00e9"),
        ("Anna\nBerg", "Anna  Berg"),
    ],
)
def test_a_name_is_heard_in_any_of_its_forms(text: str, name: str) -> None:
    assert named(tidy(text), (name, "Somebody Else")) == {name}


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("An annabel in bloom", "Anna Berg"),
        ("Annabel", "Anna Berg"),
        ("Joanna", "Anna Berg"),
        ("anna", "Anna Berg"),
        ("the icebergs", "Anna Berg"),
        ("रामा", "राम"),
        ("昆明", "周秉昆"),
        ("The door!", "The Doctor"),
        ("old and of", "Lady of Shalott"),
        ("J. K.", "J. Smith"),
        ("成年人", "玉娆(成年)"),
        ("a1c", "a.c"),
    ],
)
def test_what_only_looks_like_a_name_is_none(text: str, name: str) -> None:
    assert named(text, (name,)) == set()


def test_a_form_that_two_share_names_neither() -> None:
    assert named("Berg!", ("Anna Berg", "Carl Berg")) == set()
    assert named("皇后驾到", ("宜修", "富察"), (("皇后",), ("皇后",))) == set()


def test_a_full_name_is_its_owners_whoever_else_is_called_so() -> None:
    assert named("周蓉回来了", ("少年周蓉", "周蓉"), (("周蓉",), ())) == {"周蓉"}
    assert named("周蓉回来了", ("周蓉", "少年周蓉"), ((), ("周蓉",))) == {"周蓉"}


def test_the_longest_of_names_that_overlap_counts() -> None:
    cast = ("乔春燕", "春燕妈")
    assert named("春燕妈说的", cast) == {"春燕妈"}
    assert named("春燕说的", cast) == {"乔春燕"}
    assert named("Mary Anne", ("Mary Ann", "Mary")) == {"Mary"}


def test_other_names_count_as_well() -> None:
    assert named("太后吉祥", ("乌雅·成璧",), (("乌雅·成璧", "太后"),)) == {"乌雅·成璧"}


@given(st.lists(st.text(max_size=6), max_size=6, unique=True), st.text(max_size=20))
def test_names_of_strangers_are_text_and_no_patterns(names: list[str], text: str) -> None:
    held = find_mentions([text, ""], names, [(name,) for name in names])
    for name, is_named in zip(names, held[0].tolist(), strict=True):
        assert not is_named or name.strip()
    assert not held[1].any()


@given(st.text("ab.*+?()[]{}|^$\\", min_size=1, max_size=6))
def test_a_name_of_signs_is_found_where_it_stands(name: str) -> None:
    assert find_mentions([name], [name], [()]).all()


def test_nobody_is_named_where_there_is_nobody_or_nothing() -> None:
    assert find_mentions([], ["Bo"], [()]).shape == (0, 1)
    assert find_mentions(["Bo"], [], []).shape == (1, 0)
    assert not find_mentions(["", "x"], ["", " "], [(), ("",)]).any()
