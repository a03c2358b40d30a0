"""Scripts of synthetic episodes: what may be filmed, and what the two ready-made ones hold."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from castline.errors import UsageError
from castline.testing.episode_captions import subtitle_cues
from castline.testing.episode_demo import demo_script
from castline.testing.episode_long import long_script
from castline.testing.episode_script import (
    Framing,
    Line,
    Person,
    Scene,
    Script,
    Seen,
    Shot,
)
from castline.testing.episode_takes import Say, Take, make_scene

ALONE = Framing("parlour", seen=(Seen(0),))
EMPTY = Framing("dunes")
GOOD = Script(
    "Good",
    (Person("Ilse", 8, 3), Person("Tobin", 2, 0)),
    (
        Scene((Shot(0, 1000, ALONE), Shot(1000, 2000, EMPTY)), (Line(200, 1600, 0, "Hello."),)),
        Scene((Shot(2000, 3000, EMPTY),), (Line(2100, 2900, 1, "Who is there?"),)),
    ),
)


def with_scene(scene: Scene) -> Callable[[], Script]:
    return lambda: replace(GOOD, scenes=(scene,))


def with_framing(framing: Framing) -> Callable[[], Script]:
    return with_scene(Scene((Shot(0, 1000, framing),)))


def with_line(line: Line) -> Callable[[], Script]:
    return with_scene(Scene((Shot(0, 1000, EMPTY),), (line,)))


@pytest.mark.parametrize(
    ("script", "problem"),
    [
        (lambda: replace(GOOD, width=641), "641x360 is no size"),
        (lambda: replace(GOOD, fps=24), "24 pictures a second"),
        (lambda: replace(GOOD, scenes=()), "no scene"),
        (with_scene(Scene(())), "without a shot"),
        (lambda: replace(GOOD, people=GOOD.people[:1] * 2), "two people have one name"),
        (lambda: replace(GOOD, people=(Person("A", 12, 0),)), "looks or a voice"),
        (lambda: replace(GOOD, people=GOOD.people[:1]), "somebody speaks who is not among"),
        (with_framing(Framing("dunes", seen=(Seen(7),))), "somebody is seen who is not among"),
        (with_framing(Framing("moon")), "no place 'moon'"),
        (with_framing(Framing("dunes", seen=(Seen(0, height=0.05),))), "18 pixels is too small"),
        (with_framing(Framing("dunes", seen=(Seen(0, x=1.1),))), "outside the picture"),
        (with_framing(Framing("dunes", seen=(Seen(0, x=0.4), Seen(1, x=0.6)))), "heads touch"),
        (with_scene(Scene((Shot(40, 1000, EMPTY),))), "shot at 40 ms"),
        (with_scene(Scene((Shot(0, 1010, EMPTY),))), "cut in a picture"),
        (with_scene(Scene((Shot(0, 80, EMPTY), Shot(120, 200, EMPTY)))), "shot at 120 ms"),
        (with_line(Line(200, 1001, 0, "Late.")), "does not lie in its scene"),
        (with_line(Line(200, 200, 0, "Short.")), "does not lie in its scene"),
        (with_line(Line(200, 900, 0, " ")), "has no words"),
        (
            with_scene(
                Scene((Shot(0, 1000, EMPTY),), (Line(90, 95, 0, "B"), Line(50, 60, 0, "A")))
            ),
            "after one that starts later",
        ),
    ],
)
def test_a_script_that_contradicts_itself_is_refused(
    script: Callable[[], Script], problem: str
) -> None:
    with pytest.raises(UsageError, match=problem):
        script()


def test_a_line_is_on_screen_when_its_speaker_is_seen_for_half_of_it() -> None:
    # Seen until 1000 ms: 800 of 1400 ms of the first, nothing of the second.
    assert [GOOD.on_screen(line) for line in GOOD.lines] == [True, False]
    assert [GOOD.visible(line) for line in GOOD.lines] == [(0,), ()]
    late = replace(GOOD.lines[0], start_ms=700)
    assert not GOOD.on_screen(late)
    assert GOOD.visible(late) == (0,)


@given(seed=st.integers(0, 10_000))
@settings(max_examples=25)
def test_the_demonstration_holds_what_makes_attribution_hard(seed: int) -> None:
    script = demo_script(seed)
    lines = script.lines
    names = [person.name for person in script.people]
    assert 60_000 <= script.end_ms <= 90_000
    assert 25 <= len(lines) <= 30
    assert len({line.text for line in lines}) == len(lines)
    off_screen = [script.visible(line) for line in lines if not script.on_screen(line)]
    assert () in off_screen
    assert any(off_screen)
    silent = [set(script.visible(line)) - {line.person} for line in lines if script.on_screen(line)]
    assert any(silent)
    assert any(after.start_ms < line.end_ms for line, after in pairwise(lines))
    assert min(line.end_ms - line.start_ms for line in lines) == 500
    assert sum(line.end_ms - line.start_ms >= 1400 for line in lines) >= 0.9 * len(lines)
    extras = {names.index(person.name) for person in script.people if not person.in_cast}
    assert any(line.person in extras for line in lines)
    cuts = [shot.start_ms for shot in script.shots]
    assert any(line.start_ms < cut < line.end_ms for line in lines for cut in cuts)
    (music,) = (music for scene in script.scenes for music in scene.music)
    assert any(music.start_ms <= line.start_ms < line.end_ms <= music.end_ms for line in lines)


@given(seed=st.integers(0, 10_000), minutes=st.integers(1, 4), a_minute=st.integers(1, 17))
@settings(max_examples=25)
def test_a_long_script_has_the_length_and_lines_asked_for(
    seed: int, minutes: int, a_minute: int
) -> None:
    script = long_script(seed, minutes=minutes, lines=minutes * a_minute)
    assert script.end_ms == minutes * 60_000
    assert len(script.lines) == minutes * a_minute
    assert len({line.text for line in script.lines}) == len(script.lines)
    assert min(line.end_ms - line.start_ms for line in script.lines) >= 1400
    assert script == long_script(seed, minutes=minutes, lines=minutes * a_minute)


def test_the_benchmark_is_as_large_as_an_episode_of_a_series() -> None:
    script = long_script()
    assert (script.width, script.height, script.fps) == (1280, 720, 25)
    assert script.end_ms == 45 * 60_000
    assert len(script.lines) == 700
    assert sum(person.in_cast for person in script.people) == 8
    assert len(script.shots) > 300
    on_screen = sum(script.on_screen(line) for line in script.lines) / 700
    assert 0.6 < on_screen < 0.95
    speakers = {line.person for line in script.lines}
    assert set(range(8)) < speakers


@given(
    says=st.lists(st.tuples(st.booleans(), st.integers(1, 80)), min_size=1, max_size=12),
    length_ms=st.integers(0, 40).map(lambda seconds: 1000 * seconds),
    seed=st.integers(0, 100),
)
def test_takes_become_shots_without_gaps_and_lines_in_order(
    says: list[tuple[bool, int]], length_ms: int, seed: int
) -> None:
    takes = tuple(
        Take(ALONE, (Say(0, "x" * letters),), late_ms=200 if late else 0) for late, letters in says
    )
    scene = make_scene(takes, 2000, np.random.default_rng(seed), length_ms=length_ms)
    script = Script("Any", GOOD.people, (Scene((Shot(0, 2000, EMPTY),)), scene))
    assert len(script.lines) == len(says)
    spoken = max(line.end_ms for line in scene.lines) - 2000
    assert scene.end_ms - 2000 >= spoken
    if length_ms > 1.5 * spoken + 1000:
        assert scene.end_ms == 2000 + length_ms


@given(seed=st.integers(0, 10_000), long=st.booleans())
@settings(max_examples=25)
def test_every_cue_covers_its_line_and_overlaps_only_where_voices_do(seed: int, long: bool) -> None:
    script = long_script(seed, minutes=2, lines=30) if long else demo_script(seed)
    cues = subtitle_cues(script)
    assert [cue.text for cue in cues] == [line.text for line in script.lines]
    for cue, line in zip(cues, script.lines, strict=True):
        assert line.start_ms - 100 <= cue.start_ms <= line.start_ms
        assert line.end_ms <= cue.end_ms <= line.end_ms + 500
        assert not cue.speakers
    for (cue, line), (next_cue, next_line) in pairwise(zip(cues, script.lines, strict=True)):
        assert cue.start_ms <= next_cue.start_ms
        assert (next_cue.start_ms < cue.end_ms) == (next_line.start_ms < line.end_ms)
    assert sum(cue.end_ms - cue.start_ms for cue in cues) > sum(
        line.end_ms - line.start_ms for line in script.lines
    )
