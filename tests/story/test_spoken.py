from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from castline.engines.base import Word
from castline.story.spoken import LONGEST_MS, PAUSE_MS, lines_from_words, split_segment
from castline.tables.catalog import table
from castline.tables.schema import check_frame


def words(*spoken: tuple[int, int, str]) -> list[Word]:
    return [Word(start, end, text, 0.9) for start, end, text in spoken]


def test_a_sentence_ends_a_line() -> None:
    heard = words((0, 300, "Go"), (300, 600, "home."), (700, 900, "Now"))
    frame = lines_from_words([heard], "e", "test")
    check_frame(table("lines"), frame, "test")
    assert frame.select("start_ms", "end_ms", "text").rows() == [
        (0, 600, "Go home."),
        (700, 900, "Now"),
    ]


def test_a_pause_ends_a_line() -> None:
    heard = words((0, 300, "well"), (300 + PAUSE_MS, 1200, "no"))
    assert [len(line) for line in split_segment(heard)] == [1, 1]


def test_chinese_words_stand_without_spaces() -> None:
    frame = lines_from_words([words((0, 300, "你好"), (300, 600, "吗？"))], "e", "test")
    assert frame["text"].to_list() == ["你好吗？"]


def test_nothing_heard_gives_no_lines() -> None:
    assert lines_from_words([], "e", "test").height == 0
    assert lines_from_words([words((0, 100, " "))], "e", "test").height == 0


@given(st.lists(st.tuples(st.integers(0, 900), st.integers(50, 1500)), min_size=1, max_size=40))
def test_splitting_keeps_every_word_in_order_and_no_line_of_many_words_is_too_long(
    gaps: list[tuple[int, int]],
) -> None:
    heard, now = [], 0
    for gap, length in gaps:
        heard.append(Word(now + gap, now + gap + length, "x", 1.0))
        now += gap + length
    lines = list(split_segment(heard))
    assert [word for line in lines for word in line] == heard
    assert all(line[-1].end_ms - line[0].start_ms <= LONGEST_MS or len(line) == 1 for line in lines)
