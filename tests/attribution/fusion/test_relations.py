"""What relations tell, on conversations made up for the purpose."""

from __future__ import annotations

import dataclasses

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from castline.attribution.base import NOBODY, Series
from castline.attribution.fusion.relations import read_ties, relation_columns
from castline.attribution.fusion.rows import Rows
from castline.attribution.fusion.words import clean_texts
from castline.attribution.nearness import FaceTimes, Timeline

Floats = npt.NDArray[np.float32]

CAST = ("Ann", "Bo", "Cy")
ANN, BO, CY, OTHERS = range(4)
FATHER = ((BO, ANN, "father"), (ANN, BO, "daughter"))


def series(
    texts: list[str],
    relations: tuple[tuple[int, int, str], ...] = FATHER,
    episode: list[int] | None = None,
) -> Series:
    n = len(texts)
    start = np.arange(n, dtype=np.int64) * 2000
    return Series(
        lines=tuple(map(str, range(n))),
        episode=np.array(episode or [0] * n, np.int32),
        timeline=Timeline(start, start + 1000),
        faces=FaceTimes.none(),
        voices=np.zeros((n, 4), np.float32),
        cast=CAST,
        everywhere=np.zeros(len(CAST), np.bool_),
        seeds=np.full(n, NOBODY, np.int32),
        texts=tuple(texts),
        relations=relations,
    )


def tables(made: Series, spoken: list[int]) -> dict[str, Floats]:
    """The columns as tables of lines and candidates, everybody listed."""
    share = np.eye(len(CAST) + 1, dtype=np.float32)[spoken]
    rows = Rows.of(np.ones(share.shape, np.bool_))
    columns = relation_columns(made, rows, share, read_ties(made, clean_texts(made)))
    return {name: column.reshape(share.shape) for name, column in columns.items()}


@pytest.mark.parametrize(
    ("relations", "text"),
    [
        (FATHER, "Can you hear me, Dad?"),
        (((BO, ANN, "父亲"),), "爸，你听见了吗"),
        (((BO, ANN, "上级"),), "局长好"),
        (((BO, ANN, " Boss "),), "Yes, sir!"),
    ],
)
def test_who_is_called_by_the_line_before_is_marked_and_so_is_who_may_call(
    relations: tuple[tuple[int, int, str], ...], text: str
) -> None:
    told = tables(series([text, "I can."], relations), [ANN, BO])

    assert told["k_told-1"][1].tolist() == [0, 1, 0, 0]
    assert told["k_says"][0].argmax() == ANN
    assert 0 < told["k_says"][0, ANN] < 1
    assert told["k_says_d"][0, ANN] == told["k_says"][0, ANN]
    assert told["k_call"][:, 0].tolist() == [1, 0]
    assert told["k_call-1"][:, 0].tolist() == [0, 1]


def test_nobody_is_called_by_part_of_a_word_nor_by_whom_he_is_nothing_to() -> None:
    told = tables(series(["Dadaism is dead.", "Dad!", "What?"]), [ANN, CY, BO])

    assert not told["k_told-1"].any()
    assert not told["k_call"][0].any()
    assert told["k_call"][1].all()


def test_people_related_to_those_who_speak_around_are_marked() -> None:
    told = tables(series(["a", "b", "c"]), [ANN, CY, CY])

    assert told["k_prev"][1].tolist() == [0, 1, 0, 0]
    assert told["k_prev_d"][1].tolist() == [-1, 1, -1, -1]
    assert told["k_near"][1].argmax() == BO
    assert not told["k_next"].any()
    assert told["k_many"][0].tolist() == pytest.approx([np.log(2), np.log(2), 0, 0])


def test_an_episode_ends_what_is_near() -> None:
    told = tables(series(["Dad!", "Yes?"], episode=[0, 1]), [ANN, BO])

    assert not told["k_told-1"].any()
    assert not told["k_prev"].any()
    assert not told["k_near"].any()


def test_where_no_relations_are_known_nothing_is_told() -> None:
    told = tables(series(["Dad!", "Yes?"], relations=()), [ANN, BO])

    assert all(not column.any() for column in told.values())


def test_a_series_without_texts_keeps_its_relations() -> None:
    told = tables(dataclasses.replace(series(["x", "y"]), texts=()), [ANN, BO])

    assert told["k_prev"][1, BO] == 1
    assert not told["k_call"].any()


@pytest.mark.parametrize(
    ("relation", "text", "called"),
    [
        ("mother", "Yes, ma’am.", False),
        ("boss", "Yes, ma’am.", True),
        ("母亲", "皇后娘娘万安", False),
        ("主人", "皇后娘娘万安", True),
        ("母亲", "娘，我回来了", True),
        ("弟弟", "兄弟们", False),
        ("弟弟", "弟，过来", True),
        ("姐姐", "小姐请", False),
        ("孙子", "孙先生", False),
        ("孫子", "我的乖孫兒", True),
    ],
)
def test_forms_of_address_are_told_from_words_that_only_hold_them(
    relation: str, text: str, called: bool
) -> None:
    told = tables(series([text, "..."], ((BO, ANN, relation),)), [ANN, BO])

    assert bool(told["k_call"][0].all()) == called


def test_nobody_is_related_to_himself() -> None:
    told = tables(series(["Dad!", "Yes?"], ((ANN, ANN, "father"),)), [ANN, BO])

    assert all(not column.any() for column in told.values())


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2), st.text(max_size=8)), max_size=6))
def test_whatever_relations_are_called_columns_are_finite_and_others_have_none(
    relations: list[tuple[int, int, str]],
) -> None:
    told = tables(series(["爸", "Dad (?!", "["], tuple(relations)), [ANN, BO, OTHERS])

    for name, column in told.items():
        assert np.isfinite(column).all()
        if name in {"k_prev", "k_next", "k_near", "k_says", "k_told-1", "k_told+1"}:
            assert not column[:, OTHERS].any()
            assert (column >= 0).all()
