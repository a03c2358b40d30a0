from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from castline.people.voices import (
    LONGEST_MS,
    MARGIN_MS,
    clip_spans,
    overlap_shares,
    voices_frame,
)
from castline.tables.catalog import table
from castline.tables.schema import build_frame, check_frame


def spans(*pairs: tuple[int, int]) -> np.ndarray:
    return np.array(pairs, np.int64).reshape(-1, 2)


any_lines = st.lists(
    st.tuples(st.integers(0, 20_000), st.integers(0, 5_000)), min_size=1, max_size=20
).map(lambda rows: spans(*sorted((start, start + length) for start, length in rows)))


def test_a_line_alone_gets_its_margin_on_both_sides() -> None:
    assert clip_spans(spans((5000, 6000))).tolist() == [[5000 - MARGIN_MS, 6000 + MARGIN_MS]]


def test_clips_of_neighbours_meet_at_the_midpoint() -> None:
    clips = clip_spans(spans((1000, 2000), (2100, 3000)))
    assert clips[0, 1] == clips[1, 0] == 2050


def test_a_clip_never_begins_before_the_film() -> None:
    assert clip_spans(spans((50, 900)))[0, 0] == 0


def test_overlapping_lines_keep_their_own_span_where_they_overlap() -> None:
    clips = clip_spans(spans((1000, 3000), (2500, 4000)))
    assert clips[0, 1] == 3000
    assert clips[1, 0] == 2500


@given(any_lines)
def test_every_clip_holds_its_line_and_no_more_than_the_margin(lines: np.ndarray) -> None:
    clips = clip_spans(lines)
    assert (clips[:, 0] <= lines[:, 0]).all()
    assert (clips[:, 1] >= lines[:, 1]).all()
    assert (lines[:, 0] - clips[:, 0] <= MARGIN_MS).all()
    assert (clips[:, 1] - lines[:, 1] <= MARGIN_MS).all()


@given(any_lines)
def test_clips_of_lines_that_do_not_overlap_do_not_overlap(lines: np.ndarray) -> None:
    apart = lines[np.append(True, lines[1:, 0] >= np.maximum.accumulate(lines[:, 1])[:-1])]
    clips = clip_spans(apart)
    assert (clips[1:, 0] >= clips[:-1, 1]).all()


@given(any_lines)
def test_overlap_is_what_counting_milliseconds_gives(lines: np.ndarray) -> None:
    cover = np.zeros(30_000, int)
    for start, end in lines:
        cover[start:end] += 1
    expected = [(cover[start:end] > 1).mean() if end > start else 0 for start, end in lines]
    assert overlap_shares(lines) == pytest.approx(expected, abs=1e-6)


class _Listener:
    """An engine that keeps what it hears."""

    size = 3

    def __init__(self) -> None:
        from castline.engines.base import Manifest

        self.heard: list[np.ndarray] = []
        self.calls = 0
        self.manifest = Manifest(
            name="listener", kind="voices", version=1, files=(), licence="", source=""
        )

    def embed(self, clips: Sequence[np.ndarray]) -> np.ndarray:
        self.heard = list(clips)
        self.calls += 1
        return np.ones((len(clips), 3), np.float32)


def _sound(start_ms: int, end_ms: int) -> np.ndarray:
    return np.arange(start_ms, end_ms, dtype=np.float32)  # each sample tells when it was taken


def _lines(*pairs: tuple[int, int], kind: str = "speech"):  # type: ignore[no-untyped-def]
    columns = {
        "line": [f"e-{n}" for n in range(len(pairs))],
        "number": list(range(len(pairs))),
        "start_ms": [a for a, _ in pairs],
        "end_ms": [b for _, b in pairs],
        "text": ["words"] * len(pairs),
    }
    return build_frame(table("lines"), columns, episode="e", kind=kind, source="test")


def test_only_the_speech_of_a_clip_is_heard() -> None:
    engine = _Listener()
    frame = voices_frame(
        _lines((1000, 3000)), spans((1200, 1700), (2000, 2600)), _sound, engine, episode="e"
    )
    check_frame(table("voices"), frame, "test")
    assert frame["speech_ms"].to_list() == [1100]
    assert engine.heard[0][0] == 1200
    assert engine.heard[0][-1] == 2599
    assert engine.heard[0].size == 1100


def test_a_clip_in_which_no_speech_was_found_is_heard_as_a_whole() -> None:
    engine = _Listener()
    frame = voices_frame(_lines((1000, 3000)), spans((0, 900)), _sound, engine, episode="e")
    assert frame["speech_ms"].to_list() == [100]
    assert engine.heard[0].size == 2000 + 2 * MARGIN_MS


def test_sounds_and_signs_have_no_voice() -> None:
    engine = _Listener()
    frame = voices_frame(_lines((1000, 3000), kind="sound"), spans(), _sound, engine, episode="e")
    assert frame.height == 0
    check_frame(table("voices"), frame, "test")


def test_silence_has_a_loudness_that_is_a_number() -> None:
    engine = _Listener()
    frame = voices_frame(
        _lines((1000, 3000)), spans(), lambda a, b: np.zeros(b - a, np.float32), engine, episode="e"
    )
    assert frame["loudness_db"].to_list() == [-100.0]


def test_a_subtitle_that_is_never_taken_away_does_not_bring_the_whole_film() -> None:
    engine = _Listener()
    frame = voices_frame(_lines((1000, 360_000_000)), spans(), _sound, engine, episode="e")
    assert frame["speech_ms"].to_list() == [0]
    assert engine.heard[0].size == LONGEST_MS

    talk = [(at, at + 9000) for at in range(0, 100_000, 10_000)]
    frame = voices_frame(_lines((0, 100_000)), spans(*talk), _sound, engine, episode="e")
    assert frame["speech_ms"].to_list() == [90_000]
    expected = [_sound(0, 9000), _sound(10_000, 19_000), _sound(20_000, 22_000)]
    assert engine.heard[0].tolist() == np.concatenate(expected).tolist()


def test_many_long_lines_at_one_time_are_heard_a_few_at_a_time() -> None:
    engine = _Listener()
    frame = voices_frame(_lines(*[(0, 60_000)] * 40), spans(), _sound, engine, episode="e")
    assert frame.height == 40
    assert engine.calls == 3
    assert len(engine.heard) < 20
