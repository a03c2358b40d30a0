"""The unsupervised seed search on small scenes whose speakers are known."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from castline.attribution.base import HELD, NOBODY, Series
from castline.attribution.cluster_seeds import ClusterSeedsParams, find_cluster_seeds
from castline.attribution.nearness import FaceTimes, Timeline

LINE_MS, GAP_MS = 1_500, 500
LEAD, FRIEND = 0, 1


class Scenes:
    """Lines one after the other, each with a speaker and the faces shown while it is spoken."""

    def __init__(self, cast: int, seed: int = 0) -> None:
        self._cast = cast
        self._random = np.random.default_rng(seed)
        self._people: dict[str | int, npt.NDArray[np.float64]] = {}
        self._voices: list[npt.NDArray[np.float64]] = []
        self._faces: list[tuple[int, int]] = []
        self._episode: list[int] = []
        self._starts: list[int] = []
        self.speaker: list[str | int] = []
        self._clock = 0

    def say(self, speaker: str | int, *shown: int, lines: int = 1, episode: int = 0) -> Scenes:
        """Add lines of one speaker; a speaker by name is nobody of the cast."""
        person = self._people.setdefault(speaker, self._random.normal(size=64))
        for _ in range(lines):
            self._voices.append(person + 0.5 * self._random.normal(size=64))
            self._faces += [(self._clock + LINE_MS // 2, who) for who in shown]
            self._episode.append(episode)
            self._starts.append(self._clock)
            self.speaker.append(speaker)
            self._clock += LINE_MS + GAP_MS
        return self

    def pause(self) -> Scenes:
        """A minute in which nothing is said or seen."""
        self._clock += 60_000
        return self

    def series(self, **changes: Any) -> Series:
        n = len(self._voices)
        voices = np.array(self._voices, np.float32).reshape(n, 64)
        voices /= np.linalg.norm(voices, axis=1, keepdims=True)
        start = np.array(self._starts, np.int64)
        when = np.array([each[0] for each in self._faces], np.int64)
        who = np.array([each[1] for each in self._faces], np.int32)
        series = Series(
            lines=tuple(str(i) for i in range(n)),
            episode=np.array(self._episode, np.int32),
            timeline=Timeline(start, start + LINE_MS),
            faces=FaceTimes(when, when, who, np.full(who.size, 0.9, np.float32)),
            voices=voices,
            cast=tuple(f"person {i}" for i in range(self._cast)),
            everywhere=np.zeros(self._cast, np.bool_),
            seeds=np.full(n, NOBODY, np.int32),
        )
        return dataclasses.replace(series, **changes)


def find(series: Series, **settings: Any) -> npt.NDArray[np.int32]:
    return find_cluster_seeds(series, ClusterSeedsParams(**settings))


def together() -> Scenes:
    """A lead, and a friend seen mostly beside the lead and only sometimes alone."""
    scenes = Scenes(cast=2)
    for episode in range(4):
        for _ in range(6):
            scenes.say(LEAD, LEAD, FRIEND, lines=4, episode=episode)
            scenes.say(FRIEND, LEAD, FRIEND, lines=1, episode=episode)
        scenes.pause().say(LEAD, LEAD, lines=6, episode=episode)
        scenes.pause().say(FRIEND, FRIEND, lines=2, episode=episode)
        scenes.pause()
    return scenes


def wrong(scenes: Scenes, seeds: npt.NDArray[np.int32]) -> list[tuple[str | int, int]]:
    pairs = zip(scenes.speaker, seeds.tolist(), strict=True)
    return [(who, code) for who, code in pairs if code >= 0 and who != code]


def test_people_who_are_nearly_always_together_are_told_apart() -> None:
    scenes = together()
    seeds = find(scenes.series())
    assert wrong(scenes, seeds) == []
    assert (seeds == LEAD).sum() > 60
    assert (seeds == FRIEND).sum() > 20


def test_a_companion_who_never_speaks_gets_no_voice() -> None:
    scenes = Scenes(cast=2)
    for episode in range(3):
        scenes.say(LEAD, LEAD, FRIEND, lines=20, episode=episode).pause()
        scenes.say(LEAD, LEAD, lines=10, episode=episode).pause()
    seeds = find(scenes.series())
    assert (seeds != FRIEND).all()
    assert (seeds == LEAD).all()


def test_the_lead_s_voice_over_a_companion_s_face_stays_the_lead_s() -> None:
    scenes = Scenes(cast=2)
    for episode in range(4):
        scenes.say(LEAD, LEAD, lines=12, episode=episode)
        scenes.say(LEAD, FRIEND, lines=4, episode=episode)
        scenes.say(FRIEND, FRIEND, lines=3, episode=episode).pause()
    seeds = find(scenes.series())
    assert wrong(scenes, seeds) == []
    assert {LEAD, FRIEND} <= set(seeds.tolist())


def test_a_voice_far_from_every_face_is_nobody_s() -> None:
    scenes = together()
    scenes.pause().say("stranger", lines=8, episode=3)
    seeds = find(scenes.series())
    strangers = [code for who, code in zip(scenes.speaker, seeds, strict=True) if who == "stranger"]
    assert set(strangers) == {NOBODY}


def test_a_character_without_faces_gets_no_seed() -> None:
    series = together().series(cast=("lead", "friend", "ghost"), everywhere=np.zeros(3, np.bool_))
    assert (find(series) != 2).all()


def test_a_character_with_one_line_gets_it_in_the_second_phase() -> None:
    scenes = Scenes(cast=3)
    for episode in range(3):
        scenes.say(LEAD, LEAD, lines=15, episode=episode)
        scenes.say(FRIEND, FRIEND, lines=15, episode=episode).pause()
    scenes.say(2, 2, episode=2)
    assert find(scenes.series())[-1] == 2
    assert find(scenes.series(), fallback=1.01)[-1] == NOBODY


def test_given_lines_are_kept_and_decide_their_cluster() -> None:
    scenes = together()
    scenes.pause().say("stranger", FRIEND, lines=6, episode=3)
    series = scenes.series()
    given = series.seeds.copy()
    given[-1] = LEAD
    seeds = find(dataclasses.replace(series, seeds=given))
    assert (seeds[-6:] == LEAD).all()


def test_lines_given_to_nobody_take_their_cluster_out() -> None:
    scenes = Scenes(cast=1).say(LEAD, LEAD, lines=6).pause().say("stranger", LEAD, lines=6)
    series = scenes.series()
    assert (find(series)[-6:] == LEAD).all()  # by faces alone they are the lead's
    given = series.seeds.copy()
    given[-2] = HELD
    seeds = find(dataclasses.replace(series, seeds=given))
    assert (seeds[-6:] == NOBODY).all()
    assert (seeds[:6] == LEAD).all()


def test_a_cluster_given_to_two_people_gives_no_other_seeds() -> None:
    series = Scenes(cast=2).say(LEAD, LEAD, lines=8).series()
    given = series.seeds.copy()
    given[2], given[5] = LEAD, FRIEND
    expected = given.tolist()
    assert find(dataclasses.replace(series, seeds=given)).tolist() == expected


def test_a_given_narrator_without_faces_keeps_the_given_lines() -> None:
    scenes = together()
    scenes.pause().say("narrator", lines=5, episode=3)
    series = scenes.series(cast=("a", "b", "narrator"), everywhere=np.array([False, False, True]))
    given = series.seeds.copy()
    given[-5] = 2
    seeds = find(dataclasses.replace(series, seeds=given))
    assert (seeds[-5:] == 2).all()
    assert wrong(together(), seeds[:-5]) == []


@pytest.mark.parametrize("cast", [0, 2])
def test_no_lines_at_all(cast: int) -> None:
    assert find(Scenes(cast).series()).shape == (0,)


def test_no_faces_no_seeds() -> None:
    scenes = Scenes(cast=2).say(LEAD, lines=10).say(FRIEND, lines=10)
    assert (find(scenes.series()) == NOBODY).all()


def test_no_cast_no_seeds() -> None:
    scenes = Scenes(cast=0).say("somebody", lines=10)
    assert (find(scenes.series()) == NOBODY).all()


def test_lines_without_a_voice_are_no_seeds() -> None:
    series = together().series()
    silent = dataclasses.replace(series, voices=np.zeros_like(series.voices))
    assert (find(silent) == NOBODY).all()
    partly = series.voices.copy()
    partly[::3] = 0
    seeds = find(dataclasses.replace(series, voices=partly))
    assert (seeds[::3] == NOBODY).all()
    assert (seeds >= 0).any()


def test_one_character() -> None:
    scenes = Scenes(cast=1).say(LEAD, LEAD, lines=5)
    assert find(scenes.series()).tolist() == [LEAD] * 5


def test_one_line() -> None:
    scenes = Scenes(cast=1).say(LEAD, LEAD)
    assert find(scenes.series()).tolist() == [LEAD]


def test_episodes_longer_than_a_piece_are_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("castline.attribution.cluster_seeds._LINES_AT_ONCE", 10)
    scenes = together()
    seeds = find(scenes.series())
    assert wrong(scenes, seeds) == []
    assert {LEAD, FRIEND} <= set(seeds.tolist())


def test_the_same_series_gives_the_same_seeds_and_is_left_alone() -> None:
    series = together().series()
    before = series.voices.copy(), series.seeds.copy()
    first, second = find(series), find(series)
    assert first.dtype == np.int32
    assert first.tolist() == second.tolist()
    assert np.array_equal(series.voices, before[0])
    assert np.array_equal(series.seeds, before[1])


def test_the_order_of_face_records_does_not_matter() -> None:
    series = together().series()
    back = np.arange(series.faces.start_ms.size)[::-1]
    turned = FaceTimes(
        *(
            getattr(series.faces, name)[back]
            for name in ("start_ms", "end_ms", "character", "score")
        )
    )
    assert find(series).tolist() == find(dataclasses.replace(series, faces=turned)).tolist()


def test_a_face_that_lasts_counts_wherever_it_is_on_screen() -> None:
    """One track across all lines serves as well as a record in each of them."""
    series = Scenes(cast=1).say(LEAD, lines=6).series()
    track = FaceTimes(
        np.array([0], np.int64),
        np.array([20_000], np.int64),
        np.array([LEAD], np.int32),
        np.array([0.9], np.float32),
    )
    assert (find(dataclasses.replace(series, faces=track)) == LEAD).all()
