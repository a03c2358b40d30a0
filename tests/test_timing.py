from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from castline.timing import (
    format_clock,
    format_seconds,
    frame_to_ms,
    parse_clock,
    seconds_to_ms,
)

# Up to more than a hundred hours.
TIMES = st.integers(0, 500 * 3_600_000)
RATES = st.sampled_from(
    [Fraction(24), Fraction(25), Fraction(24000, 1001), Fraction(30000, 1001), Fraction(60)]
)


@given(TIMES, st.sampled_from(".,"))
def test_a_time_written_and_read_is_the_same(ms: int, separator: str) -> None:
    assert parse_clock(format_clock(ms, separator=separator)) == ms


@given(TIMES)
def test_written_times_of_equal_hours_sort_as_text(ms: int) -> None:
    later = ms + 1
    if len(format_clock(ms)) == len(format_clock(later)):
        assert format_clock(ms) < format_clock(later)


@given(TIMES, st.integers(0, 3))
def test_fewer_decimals_stay_within_half_a_unit(ms: int, decimals: int) -> None:
    unit = 10 ** (3 - decimals)
    assert abs(parse_clock(format_clock(ms, decimals=decimals)) - ms) * 2 <= unit


@given(st.integers(-(10**9), 10**9), st.integers(0, 3))
def test_a_negative_time_is_the_positive_one_with_a_sign(ms: int, decimals: int) -> None:
    positive = format_clock(abs(ms), decimals=decimals)
    shown = format_clock(ms, decimals=decimals)
    assert shown.removeprefix("-") == positive
    # No minus nothing.
    assert shown.startswith("-") == (ms < 0 and any(digit in "123456789" for digit in positive))


@given(st.integers(0, 99), st.integers(0, 59), st.integers(0, 59), st.integers(0, 999))
def test_the_fast_and_the_general_way_read_the_same(h: int, m: int, s: int, ms: int) -> None:
    usual = f"{h:02d}:{m:02d}:{s:02d}.{ms:03d}"
    expected = ((h * 60 + m) * 60 + s) * 1000 + ms
    assert parse_clock(usual) == expected
    assert parse_clock(f" {usual} ") == expected
    assert parse_clock(f"{usual}000") == expected
    assert parse_clock(f"{h}:{m}:{s},{ms:03d}") == expected


@pytest.mark.parametrize(
    "text",
    [
        "", "1", "x", "00:00:60.000", "00:60:00.000", "0:99:00", "00:00:01.", "-00:00:01.000",
        "00:00:0a.000", "00:00:01.000x", "00:00:00:00", "00:00:²1.000", "00;00:01.000", "1:2:3:4",
    ],
)  # fmt: skip
def test_what_is_no_time_is_refused_with_the_text_in_the_message(text: str) -> None:
    with pytest.raises(ValueError, match=r"time of the form|60 or more") as caught:
        parse_clock(text)
    assert repr(text) in str(caught.value)


@given(st.integers(-(10**10), 10**10))
def test_halves_are_rounded_away_from_zero(half: int) -> None:
    tick = Fraction(2 * half + 1, 2000)
    assert abs(seconds_to_ms(tick)) == abs(tick * 1000) + Fraction(1, 2)
    assert seconds_to_ms(-tick) == -seconds_to_ms(tick)


@given(st.decimals(-(10**6), 10**6, places=4))
def test_seconds_are_rounded_by_their_decimal_text(seconds: Decimal) -> None:
    expected = int((seconds * 1000).quantize(Decimal(1), ROUND_HALF_UP))
    assert seconds_to_ms(float(seconds)) == expected


@given(st.integers(0, 10**7), RATES)
def test_frames_begin_in_order_and_near_their_exact_time(frame: int, rate: Fraction) -> None:
    assert frame_to_ms(frame, rate) < frame_to_ms(frame + 1, rate)
    assert abs(frame_to_ms(frame, rate) - 1000 * frame / rate) <= Fraction(1, 2)


@given(st.integers(-(10**12), 10**12))
def test_seconds_are_written_exactly(ms: int) -> None:
    assert Decimal(format_seconds(ms)) == Decimal(ms) / 1000
    assert format_seconds(ms)[-4] == "."
