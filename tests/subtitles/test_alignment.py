"""What `align_to_words` and `align_to_activity` promise."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from castline.engines.base import Word
from castline.errors import UsageError
from castline.subtitles import Cue
from castline.subtitles.alignment import Alignment, align_to_activity, align_to_words
from castline.subtitles.alignment.fitting import SPEEDS, find_speed, fit_staircase
from castline.subtitles.alignment.tokens import tokens_of
from castline.subtitles.base import LAST_MS

HOP_MS = 32.0
LETTERS = "bcdfghklmnprstvz"


def invented(rng: random.Random, count: int, script: str = "latin") -> list[str]:
    """Words of a made-up language; some are common, most are rare, as in any."""
    if script == "han":
        return [chr(0x4E00 + min(int(rng.expovariate(1 / 250)), 2500)) for _ in range(count)]
    base = {"latin": "aeiou", "arabic": "ابتثجحخدذر", "devanagari": "ािीुू"}[script]
    first = {"latin": LETTERS, "arabic": "سشصضطظعغف", "devanagari": "कखगघचछजझ"}[script]
    numbers = [min(int(rng.expovariate(1 / 300)), 4000) for _ in range(count)]
    return [
        "".join(first[n // 7**k % len(first)] + base[n // 5**k % len(base)] for k in range(3))
        for n in numbers
    ]


def episode(seed: int, lines: int = 220, script: str = "latin") -> list[Cue]:
    """Lines with the times at which they are spoken; scenes are a minute or so apart."""
    rng = random.Random(seed)
    cues, clock = [], 8_000
    for _ in range(lines):
        words = invented(rng, rng.randint(2, 11), script)
        length = 250 * len(words) + rng.randint(200, 600)
        cues.append(Cue(clock, clock + length, ("" if script == "han" else " ").join(words)))
        clock += length + rng.choice([80, 300, 900, 2500, 6000])
    return cues


def heard(cues: Sequence[Cue], seed: int = 0, wrong: float = 0.34) -> list[Word]:
    """What a recogniser with so many wrong words makes of it."""
    rng = random.Random(seed)
    words = []
    for cue in cues:
        tokens = tokens_of(cue.text)
        for number, token in enumerate(tokens):
            start = cue.start_ms + (cue.end_ms - cue.start_ms) * number / len(tokens)
            if rng.random() < wrong:
                if rng.random() < 0.3:
                    continue
                token = rng.choice(tokens_of(rng.choice(cues).text))
            begin = max(0, round(start + rng.gauss(0, 80)))
            words.append(Word(begin, begin + 200, token, 0.8))
    return sorted(words, key=lambda word: word.start_ms)


def speech(cues: Sequence[Cue], seed: int = 0) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    """What a detector makes of it: late ends, lines not heard, laughter and music."""
    rng = np.random.default_rng(seed)
    curve = np.full(int((cues[-1].end_ms + 20_000) / HOP_MS), 0.05)
    for start in rng.uniform(0, len(curve), 6):
        curve[int(start) : int(start) + 300] = 0.7
    for cue in cues:
        if rng.random() < 0.9:
            start = int((cue.start_ms + rng.normal(50, 100)) / HOP_MS)
            curve[max(0, start) : int((cue.end_ms - abs(rng.normal(150, 150))) / HOP_MS)] = 0.9
    noisy = np.clip(curve + rng.normal(0, 0.05, len(curve)), 0, 1)
    return np.asarray(noisy, np.float32)


def moved(cues: Sequence[Cue], shift: float = 0, speed: float = 1.0) -> list[Cue]:
    return [
        Cue(max(0, round(cue.start_ms * speed + shift)), max(0, round(cue.end_ms * speed + shift)),
            cue.text)
        for cue in cues
    ]  # fmt: skip


def without(cues: Sequence[Cue], start: int, end: int) -> list[Cue]:
    """The cues of a copy that lacks lines `start` to `end`, the time between closed up."""
    gap = cues[end].start_ms - cues[start].start_ms
    return [*cues[:start], *moved(cues[end:], -gap)]


def share_right(found: Alignment, true: Sequence[Cue], limit: int = 500) -> float:
    right = [
        line.cue is not None and abs(line.cue.start_ms - cue.start_ms) <= limit
        for line, cue in zip(found.lines, true, strict=True)
    ]
    return sum(right) / len(right)


@pytest.mark.parametrize("shift", [-7_900, 200, 100_000])
def test_a_shift_is_undone(shift: int) -> None:
    true = episode(1)
    found = align_to_words(moved(true, shift), heard(true))
    assert found.verdict == "accepted"
    assert share_right(found, true) >= 0.99
    assert len(found.pieces) == 1
    assert found.pieces[0].offset_ms == pytest.approx(-shift, abs=60)


@pytest.mark.parametrize("speed", SPEEDS)
def test_every_speed_between_frame_rates_is_found_exactly(speed: float) -> None:
    true = episode(2)
    found = align_to_words(moved(true, 3_000, 1 / speed), heard(true))
    assert found.pieces[0].scale == speed
    assert share_right(found, true) >= 0.99


def test_a_speed_that_no_frame_rates_make_is_found_too() -> None:
    true = episode(3)
    found = align_to_words(moved(true, 0, 1 / 1.02), heard(true))
    assert found.pieces[0].scale == pytest.approx(1.02, abs=2e-4)
    assert share_right(found, true) >= 0.99


def test_lines_that_the_media_lacks_are_absent_and_the_rest_moves_up() -> None:
    full = episode(4)
    found = align_to_words(full, heard(without(full, 90, 115)))
    states = [line.state for line in found.lines]
    assert len(found.pieces) == 2
    assert sum(state == "absent" for state in states[90:115]) >= 24
    assert "absent" not in states[:89] + states[116:]
    kept = [*found.lines[:90], *found.lines[115:]]
    off = [
        abs(line.cue.start_ms - cue.start_ms)
        for line, cue in zip(kept, without(full, 90, 115), strict=True)
        if line.cue
    ]
    assert np.mean(np.array(off) <= 500) >= 0.98


def test_speech_that_the_subtitles_lack_is_listed_with_what_was_recognised() -> None:
    full = episode(5)
    found = align_to_words(without(full, 60, 90), heard(full, wrong=0.0))
    missing = range(full[60].start_ms - 1000, full[89].end_ms + 1000)
    assert {span.start_ms in missing and span.end_ms in missing for span in found.uncovered} == {
        True
    }
    told = " ".join(span.text for span in found.uncovered)
    assert tokens_of(full[70].text) == [
        token for token in tokens_of(full[70].text) if token in tokens_of(told)
    ]
    spoken = sum(cue.end_ms - cue.start_ms for cue in full[60:90])
    assert sum(span.end_ms - span.start_ms for span in found.uncovered) > 0.8 * spoken


def test_a_recap_at_the_start_does_no_harm() -> None:
    true = episode(6)
    recap = moved(true[100:112], -true[100].start_ms)
    media = moved(true, 40_000)
    found = align_to_words(true, heard([*recap, *media]))
    assert found.verdict == "accepted"
    assert share_right(found, media) >= 0.99


@pytest.mark.parametrize("script", ["han", "arabic", "devanagari"])
def test_other_scripts_are_aligned_as_well(script: str) -> None:
    true = episode(7, script=script)
    found = align_to_words(moved(true, 12_345), heard(true, wrong=0.25))
    assert found.verdict == "accepted"
    assert share_right(found, true) >= 0.99


def test_another_film_is_refused_with_the_number_that_decided() -> None:
    found = align_to_words(episode(8), heard(episode(9)))
    assert found.verdict == "refused"
    assert any(char.isdigit() for char in found.reason)
    assert found.cues == ()
    assert {line.state for line in found.lines} == {"absent"}


def test_a_translation_is_refused_by_words() -> None:
    true = episode(10)
    other = [
        Cue(cue.start_ms, cue.end_ms, text.text)
        for cue, text in zip(true, episode(11, script="arabic"), strict=True)
    ]
    assert align_to_words(other, heard(true)).verdict == "refused"


def test_few_lines_that_fit_are_left_to_a_person() -> None:
    true = episode(12, lines=20)
    found = align_to_words(moved(true, 5_000), heard(true, wrong=0.1))
    assert found.verdict == "review"
    assert "fewer than 60" in found.reason
    assert share_right(found, true) == 1.0


def test_nothing_to_align_is_refused() -> None:
    true = episode(13)
    for found in (
        align_to_words([], heard(true)),
        align_to_words(true, []),
        align_to_words([Cue(0, 1000, "(DOOR OPENS)", kind="sound")], heard(true)),
        align_to_words([true[0]], heard(true)),
        align_to_activity([], speech(true), HOP_MS),
        align_to_activity(true, np.zeros(0, np.float32), HOP_MS),
        align_to_activity(true, np.zeros(9000, np.float32), HOP_MS),
        align_to_activity([true[0]], speech(true), HOP_MS),
        align_to_activity(true, np.array([0, 1], np.float32), HOP_MS),
        align_to_activity(true, np.array([0, np.inf, np.nan, 1] * 50, np.float32), HOP_MS),
    ):
        assert found.verdict == "refused"
        assert found.reason
        assert found.cues == ()


@pytest.mark.parametrize("last_ms", [24 * 3600 * 1000 - 1, LAST_MS])
def test_a_line_far_behind_the_film_spoils_nothing(last_ms: int) -> None:
    true = episode(13)
    lost = Cue(last_ms - 1000, last_ms, "Never.")
    found = align_to_activity([*moved(true, 20_000), lost], speech(true), HOP_MS)
    assert found.verdict == "accepted"
    assert share_right(found, [*true, lost]) >= 0.95
    assert found.lines[-1].state == "absent"


@pytest.mark.parametrize("hop_ms", [0.0, -32.0, float("nan"), float("inf")])
def test_a_step_between_probabilities_that_is_none_is_refused(hop_ms: float) -> None:
    with pytest.raises(UsageError, match="give hop_ms above 0"):
        align_to_activity(episode(13), np.ones(100, np.float32), hop_ms)


def test_cues_may_come_in_any_order_and_twice() -> None:
    true = episode(14)
    doubled = [*true, *true[50:60]]
    order = list(range(len(doubled)))
    random.Random(3).shuffle(order)
    found = align_to_words([moved(doubled, 2_000)[at] for at in order], heard(true))
    assert found.verdict == "accepted"
    assert share_right(found, [doubled[at] for at in order]) >= 0.99


def test_a_clock_that_passes_midnight_goes_on() -> None:
    true = episode(15)
    day = 24 * 3600 * 1000
    wrapped = [
        Cue(cue.start_ms % day, cue.start_ms % day + cue.end_ms - cue.start_ms, cue.text)
        for cue in moved(true, day - 200_000)
    ]
    found = align_to_words(wrapped, heard(true))
    assert found.verdict == "accepted"
    assert share_right(found, true) >= 0.99


def test_a_line_keeps_all_but_its_times() -> None:
    true = episode(16)
    named = Cue(true[40].start_ms, true[40].end_ms, true[40].text, speakers=("Ruth",), manner="low")
    line = align_to_words([*true[:40], named, *true[41:]], heard(true)).lines[40]
    assert line.cue is not None
    assert (line.cue.text, line.cue.speakers, line.cue.manner) == (named.text, ("Ruth",), "low")


def test_lines_beyond_the_end_of_the_media_are_absent() -> None:
    true = episode(17)
    end = true[180].start_ms - 10
    found = align_to_words(true, heard(true[:180]), last_ms=end)
    assert {line.state for line in found.lines[181:]} == {"absent"}
    assert found.lines[179].cue is not None


@pytest.mark.slow
def test_ten_thousand_lines_in_one_minute_stay_affordable() -> None:
    rng = random.Random(5)
    texts = [" ".join(invented(rng, 4)) for _ in range(2000)]
    crowd = [Cue(6 * at, 6 * at + 1500, texts[at % 2000]) for at in range(10_000)]
    began = time.process_time()
    assert align_to_words(crowd, heard(crowd[:500])).verdict == "refused"
    curve = np.random.default_rng(1).random(2000).astype(np.float32)
    assert align_to_activity(crowd, curve, HOP_MS).verdict == "refused"
    assert time.process_time() - began < 20


def test_the_same_input_gives_the_same_alignment() -> None:
    true = episode(18)
    subtitle, words = moved(true, 4_000), heard(true)
    assert align_to_words(subtitle, words) == align_to_words(subtitle, words)


@settings(max_examples=15)
@given(st.integers(0, 10**6), st.integers(-60_000, 60_000), st.sampled_from(SPEEDS))
def test_alignment_never_makes_an_overlap_nor_turns_the_order(
    seed: int, shift: int, speed: float
) -> None:
    true = episode(seed, lines=60)
    subtitle = [cue for cue in moved(true, shift, 1 / speed) if cue.end_ms > cue.start_ms]
    found = align_to_words(subtitle, heard(true, seed))
    lines = [(cue, line.cue) for cue, line in zip(subtitle, found.lines, strict=True) if line.cue]
    for (old, new), (old_next, new_next) in pairwise(lines):
        assert new.start_ms <= new_next.start_ms
        if old.end_ms <= old_next.start_ms:
            assert new.end_ms <= new_next.start_ms


@pytest.mark.parametrize("speed", [SPEEDS[1], SPEEDS[5]])
def test_speech_activity_alone_finds_shift_and_speed(speed: float) -> None:
    true = episode(20, lines=220)
    found = align_to_activity(moved(true, 70_000, 1 / speed), speech(true), HOP_MS)
    assert (found.verdict, found.evidence) == ("accepted", "activity")
    assert found.pieces[0].scale == speed
    assert share_right(found, true) >= 0.95
    assert "nothing is known" in found.warnings[0]


def test_speech_activity_alone_finds_a_cut() -> None:
    full = episode(21, lines=300)
    found = align_to_activity(full, speech(without(full, 150, 170)), HOP_MS)
    assert found.verdict == "accepted"
    assert len(found.pieces) == 2
    kept = [line for at, line in enumerate(found.lines) if not 145 <= at < 175]
    true = [cue for at, cue in enumerate(without(full, 150, 170)) if not 145 <= at < 155]
    off = [
        abs(line.cue.start_ms - cue.start_ms) if line.cue else 9999
        for line, cue in zip(kept, true, strict=True)
    ]
    assert np.mean(np.array(off) <= 500) >= 0.95


@pytest.mark.parametrize("lines", [40, 150, 400])
def test_speech_activity_of_another_film_is_refused(lines: int) -> None:
    # Longer and shorter than the media: lines that stand outside it must not count.
    found = align_to_activity(episode(30, lines), speech(episode(40, 150)), HOP_MS)
    assert found.verdict == "refused"


def test_wrong_anchors_do_not_move_a_staircase() -> None:
    rng = np.random.default_rng(2)
    x = np.sort(rng.uniform(0, 1_300_000, 300))
    y = x + np.where(x < 600_000, 5_000, -30_000) + rng.normal(0, 60, 300)
    wrong = rng.choice(300, 45, replace=False)
    y[wrong] += rng.uniform(-60_000, 60_000, 45)
    fitted = fit_staircase(x, y, np.ones(300), find_speed(x, y))
    assert fitted.speed == 1.0
    assert fitted.offsets == pytest.approx((5_000, -30_000), abs=60)
