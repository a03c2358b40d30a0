"""What decided a line, in words: on made columns."""

from __future__ import annotations

import re

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from castline.attribution.fusion.reasons import line_reasons
from castline.attribution.fusion.rows import Columns, Rows

NAMES = ("Ann", "Bo", "others")
ANN, BO, OTHERS = 0, 1, 2
Told = dict[str, tuple[float, float, float]]

BLANK = {
    "h_max": -0.5,
    "f_before": 30.0,
    "f_after": 30.0,
    "cp_w": float(np.log(1e-4)),
}
"""What the columns hold where there is nothing to tell; all others hold 0."""
NUMBERS = (
    *("h_max", "cp_P", "cp_w", "c0_L", "c0_size", "prop_is", "is_everywhere"),
    *("f_n_share", "f_alone_share", "f_before", "f_after", "line_faces8"),
    *("t_p-1", "t_p-2", "t_p+1", "w_named-2", "w_named-1", "w_named+0", "w_named+1", "k_says"),
)


def blank(rows: Rows) -> Columns:
    return {name: np.full(len(rows.line), BLANK.get(name, 0.0), np.float32) for name in NUMBERS}


def reasons(told: Told, answer: int = ANN) -> tuple[str, ...]:
    """Of one line with the candidates Ann, Bo and others; each column by its three numbers."""
    rows = Rows.of(np.ones((1, 3), np.bool_))
    columns = blank(rows)
    for name, values in told.items():
        columns[name][:] = values
    (line,) = line_reasons(
        rows, columns, np.array([answer], np.int32), NAMES, np.array([2.1], np.float32)
    )
    return line


NEAR: Told = {"cp_w": (1.0, 1.0, 1.0)}
MANY: Told = {"c0_size": (6.7, 6.7, 6.7)}
FACES: Told = {"line_faces8": (3.0, 3.0, 3.0)}


@pytest.mark.parametrize(
    ("reason", "told"),
    [
        ("voice 0.71 against 0.44 (Bo)", {"h_max": (0.71, 0.44, 0.1)}),
        ("sounds like lines nearby of Ann (0.82)", {"cp_P": (0.82, 0.1, 0.0)} | NEAR),
        ("this voice comes with Ann on screen (0.52 of 14 min)", {"c0_L": (0.52, 0.1, 0)} | MANY),
        ("seen 1.9 s of 2.1 s", {"f_n_share": (0.9, 0.2, 0.0)}),
        (
            "seen alone 2.1 s of 2.1 s",
            {"f_n_share": (1.2, 0.0, 0.0), "f_alone_share": (1.0, 0.0, 0.0)},
        ),
        ("seen 1.5 s before", {"f_before": (1.5, 9, 30), "cp_P": (0.9, 0.9, 0)} | NEAR | FACES),
        (
            "seen 2.5 s after",
            {"f_after": (2.5, 30.0, 30.0), "cp_P": (0.9, 0.9, 0.0)} | NEAR | FACES,
        ),
        ("spoke the line before", {"t_p-1": (0.9, 0.1, 0.0)}),
        ("spoke the line before last", {"t_p-2": (0.9, 0.1, 0.0)}),
        ("speaks the next line", {"t_p+1": (0.9, 0.1, 0.0)}),
        ("named in the line before", {"w_named-1": (1, 0, 0)}),
        ("named two lines before", {"w_named-2": (1, 0, 0)}),
        ("named in the next line", {"w_named+1": (1, 0, 0)}),
        ("says what Ann calls somebody near", {"k_says": (1, 0, 0)}),
        ("propagation agreed", {"prop_is": (1, 0, 0)}),
    ],
)
def test_what_speaks_for_one_of_the_cast(reason: str, told: Told) -> None:
    assert reasons(told) == (reason,)


@pytest.mark.parametrize(
    ("reason", "told"),
    [
        ("voice nearer lines of Bo (0.71 against 0.44)", {"h_max": (0.44, 0.71, 0.1)}),
        ("sounds like lines nearby of Bo (0.82)", {"cp_P": (0.1, 0.82, 0.0)} | NEAR),
        ("this voice comes with Bo on screen (0.52 of 14 min)", {"c0_L": (0.1, 0.52, 0)} | MANY),
        ("Bo seen 2.1 s of 2.1 s", {"f_n_share": (0.0, 1.0, 0.0), "f_before": (2, 0, 30)}),
        (
            "a face without a name seen 2.1 s of 2.1 s",
            {"f_n_share": (0.0, 0.0, 1.0), "f_before": (2, 2, 30)},
        ),
        ("named in the line itself", {"w_named+0": (1, 0, 0)}),
        ("says what Bo calls somebody near", {"k_says": (0, 1, 0)}),
        ("propagation said Bo", {"prop_is": (0, 1, 0)}),
        ("propagation said nobody in the cast", {"prop_is": (0, 0, 1), "h_max": (0.5, 0.3, 0.5)}),
        (
            "face not seen within 20 s",
            {"f_before": (30, 1, 30), "h_max": (0.8, 0.5, 0.1)} | FACES,
        ),
    ],
)
def test_what_speaks_against_the_answer_comes_last_and_is_said_to(reason: str, told: Told) -> None:
    assert reasons(told)[-1] == f"but {reason}"


@pytest.mark.parametrize(
    ("reason", "told"),
    [
        ("sounds like other lines of nobody in the cast (0.71)", {"h_max": (0.3, 0.3, 0.71)}),
        ("sounds like lines nearby of nobody in the cast (0.82)", {"cp_P": (0.1, 0, 0.82)} | NEAR),
        ("a face without a name seen 1.9 s of 2.1 s", {"f_n_share": (0.0, 0.0, 0.9)}),
        ("nobody in the cast spoke the line before", {"t_p-1": (0.0, 0.1, 0.9)}),
        (
            "this voice comes with a face without a name on screen (0.30 of 30 s)",
            {"c0_L": (0.0, 0.0, 0.3), "c0_size": (3.43, 3.43, 3.43)},
        ),
        ("Ann not seen within 20 s", {"h_max": (0.9, 0.1, 0.1), **FACES}),
        ("propagation agreed", {"prop_is": (0, 0, 1)}),
    ],
)
def test_what_speaks_for_nobody_of_the_cast(reason: str, told: Told) -> None:
    assert reason in reasons(told, OTHERS)


def test_a_voice_is_unlike_every_other_by_the_measure_of_its_series() -> None:
    rows = Rows.of(np.ones((20, 3), np.bool_))
    columns = blank(rows)
    columns["h_max"][:] = np.tile([0.6, 0.2, 0.2], 20)
    columns["h_max"][:3] = [0.2, 0.1, 0.2]
    told = line_reasons(
        rows, columns, np.array([OTHERS] + [ANN] * 19, np.int32), NAMES, np.ones(20, np.float32)
    )
    assert told[0] == ("unlike every voice of the cast (Ann 0.20)",)
    columns["h_max"] *= np.float32(0.5)
    assert line_reasons(
        rows, columns, np.array([OTHERS] + [ANN] * 19, np.int32), NAMES, np.ones(20, np.float32)
    )[0] == ("unlike every voice of the cast (Ann 0.10)",)


@pytest.mark.parametrize("answer", [ANN, BO, OTHERS])
def test_columns_that_are_blank_give_no_reason(answer: int) -> None:
    assert reasons({}, answer) == ("little to tell by",)


def test_absence_says_nothing_where_no_faces_are_found_and_of_narrators() -> None:
    voice: Told = {"h_max": (0.7, 0.4, 0.1)}
    missing: Told = {"f_before": (30.0, 1.0, 30.0)}
    assert "but face not seen within 20 s" in reasons(voice | missing | FACES)
    assert not any("seen" in each for each in reasons(voice | missing))
    everywhere: Told = {"is_everywhere": (1.0, 0.0, 0.0)}
    assert not any("seen" in each for each in reasons(voice | missing | FACES | everywhere))


def test_few_seconds_of_like_voices_say_nothing() -> None:
    assert reasons({"cp_P": (0.9, 0, 0), "cp_w": (-1, -1, -1)}) == ("little to tell by",)
    assert reasons({"c0_L": (0.9, 0, 0), "c0_size": (1, 1, 1)}) == ("little to tell by",)


def test_the_most_telling_comes_first() -> None:
    told: Told = {"h_max": (0.7, 0.6, 0.0), "cp_P": (0.9, 0.0, 0.0), "prop_is": (0, 1, 0), **NEAR}
    assert reasons(told) == (
        "sounds like lines nearby of Ann (0.90)",
        "voice 0.70 against 0.60 (Bo)",
        "but propagation said Bo",
    )


def test_an_answer_that_is_no_candidate_has_little_to_tell_by() -> None:
    rows = Rows.of(np.array([[False, True, True]]))
    columns = blank(rows)
    columns["h_max"][:] = [0.8, 0.1]
    (told,) = line_reasons(rows, columns, np.array([ANN], np.int32), NAMES, np.ones(1, np.float32))
    assert told == ("little to tell by",)


def test_a_line_of_one_candidate_is_told_without_a_rival() -> None:
    rows = Rows.of(np.array([[False, False, True]]))
    columns = blank(rows)
    columns["f_n_share"][:] = 0.5
    (told,) = line_reasons(
        rows, columns, np.array([OTHERS], np.int32), NAMES, np.full(1, 2, np.float32)
    )
    assert told == ("a face without a name seen 1.0 s of 2.0 s",)


def test_names_of_strangers_are_shown_as_they_are() -> None:
    rows = Rows.of(np.ones((1, 3), np.bool_))
    columns = blank(rows)
    columns["h_max"][:] = [0.9, 0.4, 0.1]
    names = ("Ann", "<b>{0} %s\\</b>", "others")
    (told,) = line_reasons(rows, columns, np.array([ANN], np.int32), names, np.ones(1, np.float32))
    assert told == ("voice 0.90 against 0.40 (<b>{0} %s\\</b>)",)


def any_columns(rows: Rows, rng: np.random.Generator) -> Columns:
    columns = blank(rows)
    for name, column in columns.items():
        low, high = (
            (0.0, 30.0)
            if name in ("f_before", "f_after")
            else (-0.5 if name == "h_max" else 0.0, 1.2)
        )
        drawn: npt.NDArray[np.float64] = rng.uniform(low, high, len(column))
        columns[name] = np.where(rng.random(len(column)) < 0.7, drawn, column).astype(np.float32)
    return columns


@given(st.integers(0, 2**32 - 1), st.integers(0, 12), st.integers(0, 4))
def test_every_line_gets_one_to_four_short_reasons(seed: int, lines: int, cast: int) -> None:
    rng = np.random.default_rng(seed)
    listed = rng.random((lines, cast + 1)) < 0.6
    listed[:, -1] = True
    rows = Rows.of(listed)
    names = (*(f"N{number}" for number in range(cast)), "others")
    told = line_reasons(
        rows,
        any_columns(rows, rng),
        rng.integers(0, cast + 1, lines).astype(np.int32),
        names,
        rng.uniform(0, 5, lines).astype(np.float32),
    )
    assert len(told) == lines
    for line in told:
        assert 1 <= len(line) <= 4
        assert len(set(line)) == len(line)
        for reason in line:
            assert 3 < len(reason) < 70
            assert "nan" not in reason
            assert not re.search(r"\d\.\d{3}|-\d", reason)
            assert reason == line[-1] or not reason.startswith("but ")
