"""What the words tell, on texts made up for the purpose."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from castline.attribution.base import NOBODY, Series
from castline.attribution.fusion.rows import Columns, Rows
from castline.attribution.fusion.words import read_wording, word_columns
from castline.attribution.nearness import FaceTimes, Timeline

Floats = npt.NDArray[np.float32]

CAST = ("Anna Berg", "Bo")
FLAGS = ("w_any", "w_q", "w_you", "w_me")


def series(
    texts: list[str], episode: list[int] | None = None, cast: tuple[str, ...] = CAST
) -> Series:
    n = len(texts)
    start = np.arange(n, dtype=np.int64) * 2000
    return Series(
        lines=tuple(f"{number}" for number in range(n)),
        episode=np.array(episode or [0] * n, np.int32),
        timeline=Timeline(start, start + 1000),
        faces=FaceTimes.none(),
        voices=np.zeros((n, 4), np.float32),
        cast=cast,
        everywhere=np.zeros(len(cast), np.bool_),
        seeds=np.full(n, NOBODY, np.int32),
        texts=tuple(texts),
        forms=tuple((name,) for name in cast),
    )


def all_rows(given_: Series) -> Rows:
    return Rows.of(np.ones((len(given_.lines), len(given_.cast) + 1), np.bool_))


def spoken(given_: Series, code: list[int]) -> Floats:
    return np.eye(len(given_.cast) + 1, dtype=np.float32)[code]


def tables(given_: Series, share: Floats | None = None) -> dict[str, Floats]:
    """The columns as tables of lines and candidates, all candidates listed."""
    shape = (len(given_.lines), len(given_.cast) + 1)
    if share is None:
        share = np.full(shape, 1 / shape[1], np.float32)
    columns = word_columns(given_, all_rows(given_), share, read_wording(given_))
    return {name: column.reshape(shape) for name, column in columns.items()}


def same(first: Columns, second: Columns) -> bool:
    assert first.keys() == second.keys()
    return all(np.array_equal(first[name], second[name]) for name in first)


# Each of two speakers uses words of their own, and the same words to the end.
TALK = ["red apples again", "blue ships again"] * 60
SPEAKERS = [0, 1] * 60


@pytest.mark.parametrize(
    ("texts", "speakers"),
    [
        (TALK, SPEAKERS),
        (["微臣告退", "朕知道了"] * 60, SPEAKERS),
        (["яблоки снова", "корабли снова"] * 60, SPEAKERS),
        (["हिन्दी बोलो", "हिनदा बोलो"] * 60, SPEAKERS),
        (["りんごです", "ふねです"] * 60, SPEAKERS),
    ],
    ids=["english", "chinese", "russian", "hindi", "japanese"],
)
def test_words_tell_who_uses_them(texts: list[str], speakers: list[int]) -> None:
    talk = series(texts)
    odds = tables(talk, spoken(talk, speakers))["w_own"]
    assert (odds[:, :2].argmax(1) == speakers).all()
    lead = tables(talk, spoken(talk, speakers))["w_own_d"]
    assert (lead[np.arange(len(texts)), speakers] > 0).all()


def test_the_words_of_the_neighbours_tell_who_answers_and_who_is_answered() -> None:
    talk = series(["ask one", "yes", "ask two", "no", "hm"] * 40)
    code = [2, 0, 2, 1, 2] * 40
    told = tables(talk, spoken(talk, code))
    answers = np.flatnonzero(np.array(code) != 2)
    # "one" and "two" are asked by the same, and answered by different ones.
    assert (told["w_prev"][answers, :2].argmax(1) == np.array(code)[answers]).all()
    talk = series(["call", "sir", "call", "madam"] * 50)
    code = [0, 2, 1, 2] * 50
    told = tables(talk, spoken(talk, code))
    calls = np.flatnonzero(np.array(code) != 2)
    assert (told["w_next"][calls, :2].argmax(1) == np.array(code)[calls]).all()


def test_a_line_does_not_learn_from_its_own_speaker() -> None:
    talk = series(TALK)
    code = list(SPEAKERS)
    before = tables(talk, spoken(talk, code))["w_own"]
    code[0] = 1
    after = tables(talk, spoken(talk, code))["w_own"]
    assert np.array_equal(before[:10], after[:10])
    assert not np.array_equal(before[10:], after[10:])


def test_neighbours_are_of_the_same_episode() -> None:
    texts = ["Bo?", "hm", "you", "hm"] * 15
    talk = series(texts, [0] * 30 + [1] * 30)
    told = tables(talk, spoken(talk, [0, 1, 2, 1] * 15))
    for at in (0, 30):
        for name in ("w_prev", "w_named-1", "w_named-2", *(f"{flag}-1" for flag in FLAGS)):
            assert not told[name][at].any(), name
    for at in (29, 59):
        for name in ("w_next", "w_named+1", "w_named+2"):
            assert not told[name][at].any(), name
    alone = series(texts[:30])
    told_alone = tables(alone, spoken(alone, [0, 1, 2, 1] * 7 + [0, 1]))
    for name in ("w_named-2", "w_named+2", "w_any-1", "w_you-1"):
        assert np.array_equal(told[name][:30], told_alone[name])


def test_each_is_told_where_the_name_is_said() -> None:
    talk = series(["hm", "Bo!", "hm", "Anna", "hm"])
    told = tables(talk)
    for offset in (-2, -1, 0, 1, 2):
        for code, at in ((1, 1), (0, 3)):
            expected = [float(line + offset == at) for line in range(5)]
            assert told[f"w_named{offset:+d}"][:, code].tolist() == expected
        assert not told[f"w_named{offset:+d}"][:, 2].any()
    assert told["w_any"][:, 0].tolist() == [0, 1, 0, 1, 0]
    assert told["w_any-1"][:, 0].tolist() == [0, 0, 1, 0, 1]


@pytest.mark.parametrize(
    ("text", "flags"),
    [
        ("Who is it", {"w_q"}),
        ("你在吗", {"w_q", "w_you"}),
        ("妳說什麼", {"w_q", "w_you"}),
        ("是谁", {"w_q"}),
        ("I know your name", {"w_you", "w_me"}),
        ("朕累了", {"w_me"}),
        ("Whoever showed his thyme", set()),
        ("", set()),
    ],
)
def test_questions_and_persons_are_heard(text: str, flags: set[str]) -> None:
    told = tables(series([text, "hm"], cast=("X Y",)))
    assert {flag for flag in FLAGS if told[flag][0, 0]} == flags
    assert {flag for flag in FLAGS if told[f"{flag}-1"][1, 0]} == flags


def test_characters_and_breaks_are_counted() -> None:
    told = tables(series(["走吧 哥", "- Hi\n- Hi", " a  b ", ""]))
    assert told["line_chars"][:, 0].tolist() == [3, 6, 2, 0]
    assert told["line_breaks"][:, 0].tolist() == [1, 5, 1, 0]


@given(
    st.lists(st.text("我你吗Bo ab-哥", max_size=8), min_size=1, max_size=12),
    st.data(),
)
def test_the_mark_of_annotators_reaches_no_column(texts: list[str], data: st.DataObject) -> None:
    marked = []
    for text in texts:
        at = data.draw(st.integers(0, len(text)))
        mark = data.draw(st.sampled_from(["", "/", "／", "//"]))
        marked.append(text[:at] + mark + text[at:])
    share = np.random.default_rng(0).random((len(texts), 3)).astype(np.float32)
    assert same(tables(series(texts), share), tables(series(marked), share))


@given(
    st.lists(st.text(max_size=10), max_size=30),
    st.integers(0, 4),
    st.booleans(),
    st.integers(0, 2**32 - 1),
)
def test_any_text_gives_finite_numbers(texts: list[str], cast: int, whole: bool, seed: int) -> None:
    rng = np.random.default_rng(seed)
    talk = series(
        texts, sorted(rng.integers(0, 3, len(texts)).tolist()), tuple(f"N{k}" for k in range(cast))
    )
    listed = rng.random((len(texts), cast + 1)) < (1 if whole else 0.4)
    listed[:, -1] = True
    rows = Rows.of(listed)
    share = rng.dirichlet(np.ones(cast + 1), len(texts)).astype(np.float32)
    columns = word_columns(talk, rows, share.reshape(len(texts), cast + 1), read_wording(talk))
    for name, column in columns.items():
        assert column.shape == rows.line.shape, name
        assert column.dtype == np.float32, name
        assert np.isfinite(column).all(), name


def test_a_series_without_texts_tells_nothing() -> None:
    told = tables(dataclasses.replace(series(["Bo"] * 20), texts=(), forms=()))
    assert not any(column.any() for column in told.values())


def test_the_share_of_nobody_does_no_harm() -> None:
    talk = series(TALK)
    odds = tables(talk, np.zeros((len(TALK), 3), np.float32))["w_own"]
    assert not odds.any()


def test_the_numbers_do_not_depend_on_how_strings_are_hashed() -> None:
    code = (
        "import numpy as np\n"
        "from castline.attribution.fusion.words import _gram_matrix\n"
        "grams = _gram_matrix(['five red apples fell', 'apples fell on five'] * 4)\n"
        "print(grams.indices.tolist())"
    )
    seen = {
        subprocess.run(
            [sys.executable, "-c", code],
            env=os.environ | {"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(seen) == 1
