"""How a synthetic episode comes about: who is in a scene, who speaks when, what is seen and heard.

Plain arrays; `series` makes tables of them. People are numbers: first the cast with the narrator
last, then people outside the cast who come back, then those of this one episode.
"""

from __future__ import annotations

from bisect import bisect
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from castline.testing.words import NARRATOR_NAME, address, invent_names, invent_trades, phrases

__all__ = ["Episode", "People", "make_episode", "make_people"]

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]
Rng = np.random.Generator

_FRAME_MS = 40
_COMING_BACK = 8
_SCENE_LINES = 18
_TURN_LINES = 2.4
_EXTRAS_SCENES = 3.0
"""Scenes with people outside the cast, as a multiple of their share of lines."""
_NARRATED_SCENES = 0.15
_OFF_SCREEN = 0.04
_ADDRESSED = 0.08
_FACE_MS = 1000
_MISSED, _MISTAKEN, _UNRECOGNISED, _PASSERS = 0.12, 0.015, 0.03, 0.06
_LIKENESS = (0.4, 0.2, 0.4)
"""Squared parts of a voice: what all share, what its kind shares, its own."""
_MOOD = 0.4
"""Part of the noise that the lines of one person in one scene share: how they feel in it."""
_MANNERS = 2
"""Ways in which a person's voice varies from scene to scene. Few, so that scenes resemble each
other by degrees, as they do in real series: a voice heard in one scene leads on to the next."""


@dataclass(frozen=True)
class People:
    """Who is there in the whole series.

    Attributes:
        cast: Names, the narrator last if there is one.
        other_names: Other names of each.
        actors: Who plays each, if known.
        seen: How many of the cast have a face: all but the narrator.
        coming_back: Labels of people outside the cast who come back.
        kinds: (4, width) directions of the kinds of voices.
        voices: (people, width) unit rows, cast first.
        manners: (people, manners, width) unit rows: how each voice varies.
        share: (seen,) how much each of the cast talks, sums to 1.
    """

    cast: list[str]
    other_names: list[list[str]]
    actors: list[str | None]
    seen: int
    coming_back: list[str]
    kinds: Floats
    voices: Floats
    manners: Floats
    share: npt.NDArray[np.float64]


@dataclass(frozen=True)
class Episode:
    """One episode as plain columns; what they mean is said in the catalog of tables.

    Attributes:
        name: Its id.
        start_ms: (n,) starts of the lines, not falling.
        end_ms: (n,) ends.
        texts: What is said.
        speaker: The annotation.
        speakers: Its single speakers.
        deleted: Struck by the annotator.
        unknown: The annotator could not tell.
        voices: (n, width) voiceprints, norms 160 to 1500.
        face_ms: (f,) when a face was measured, not falling.
        face_character: Whose it is taken for.
        face_cluster: The unknown person it was grouped with.
        face_score: (f,) similarity, three decimals.
        boxes: (f, 4) left, top, right, bottom in pixels.
    """

    name: str
    start_ms: Ints
    end_ms: Ints
    texts: list[str]
    speaker: list[str]
    speakers: list[list[str]]
    deleted: list[bool]
    unknown: list[bool]
    voices: Floats
    face_ms: Ints
    face_character: list[str | None]
    face_cluster: list[str | None]
    face_score: Floats
    boxes: Ints


@dataclass(frozen=True)
class _Play:
    """Who speaks each line: person, scene, and who else is present in each scene."""

    speaker: Ints
    scene: Ints
    present: list[list[int]]
    labels: list[str]
    voices: Floats
    manners: Floats


def _unit(rows: Floats) -> Floats:
    # Not np.linalg.norm: BLAS may sum in another order on another machine.
    length = np.sqrt((rows * rows).sum(axis=-1, keepdims=True, dtype=np.float64))
    unit: Floats = (rows / length).astype(np.float32)
    return unit


def _voices(count: int, kinds: Floats, rng: Rng) -> Floats:
    common, kind, own = np.sqrt(np.array(_LIKENESS, np.float32))
    of_kind = kinds[1 + rng.integers(len(kinds) - 1, size=count)]
    unique = _unit(rng.standard_normal((count, kinds.shape[1]), np.float32))
    return _unit(common * kinds[0] + kind * of_kind + own * unique)


def _manners(count: int, width: int, rng: Rng) -> Floats:
    return _unit(rng.standard_normal((count, _MANNERS, width), np.float32))


def make_people(cast: int, narrator: bool, width: int, seed: int) -> People:
    """Invent the people of a series; the arguments are those of `SeriesShape`."""
    rng = np.random.default_rng([seed, 0])
    names = invent_names(cast, rng)
    actors = [
        f"{name} *" if player < 0.9 else None
        for name, player in zip(invent_names(cast, rng), rng.random(cast).tolist(), strict=True)
    ]
    others = [
        [f"{name} ({number})"] if nick < 0.2 else []
        for number, (name, nick) in enumerate(zip(names, rng.random(cast).tolist(), strict=True))
    ]
    if narrator:
        names, actors, others = [*names, NARRATOR_NAME], [*actors, None], [*others, []]
    kinds = _unit(rng.standard_normal((4, width), np.float32))
    share = 1 / (np.arange(cast) + 2.5)
    return People(
        names,
        others,
        actors,
        cast,
        invent_trades(1, _COMING_BACK, rng),
        kinds,
        _voices(len(names) + _COMING_BACK, kinds, rng),
        _manners(len(names) + _COMING_BACK, width, rng),
        share / share.sum(),
    )


def make_episode(
    people: People,
    number: int,
    lines: int,
    *,
    noise: float,
    seed: int,
    extras: float,
    oddities: float,
) -> Episode:
    """Make an episode; it depends on nothing but these arguments.

    Args:
        people: The people of the series.
        number: Its position in the series, from 0.
        lines: How many lines, at least 1.
        noise: See `SeriesShape`, like the others.
        seed: See there.
        extras: See there.
        oddities: See there.
    """
    rng = np.random.default_rng([seed, 2, number])
    name = f"{number + 1:04d}"
    play = _cast_scenes(people, number, lines, extras, rng)
    start, end = _times(play, rng)
    odd = np.where(rng.random(lines) < oddities, rng.integers(1, 5, lines), 0)
    odd[0] = 0
    voices = _line_voices(play, end - start, noise, rng)
    texts = _texts(people, play, rng)
    speaker, speakers = _annotate(play, odd.tolist(), voices, texts, rng)
    return Episode(
        name,
        start,
        end,
        texts,
        speaker,
        speakers,
        (odd == 3).tolist(),
        (odd == 4).tolist(),
        voices,
        *_faces(people, play, start, end, name, rng),
    )


def _cast_scenes(people: People, number: int, lines: int, extras: float, rng: Rng) -> _Play:
    # Each episode is about some of the cast more than about others.
    share = people.share * rng.gamma(1.5, 1.0, people.seen) + 1e-9
    share /= share.sum()
    narrator = people.seen if len(people.cast) > people.seen else -1
    labels = [*people.cast, *people.coming_back]
    speaker: list[int] = []
    scene: list[int] = []
    present: list[list[int]] = []
    passing = 0
    often = min(1.0, _EXTRAS_SCENES * extras)
    while len(speaker) < lines:
        size = min(int(rng.integers(2, 7)), people.seen)
        here = rng.choice(people.seen, size, replace=False, p=share).tolist()
        weights = share[here] ** 0.5
        if rng.random() < often:
            strangers = []
            for _ in range(int(rng.integers(1, 3))):
                if rng.random() < 0.4:
                    strangers.append(len(people.cast) + int(rng.integers(_COMING_BACK)))
                else:
                    strangers.append(len(labels) + passing)
                    passing += 1
            strangers = sorted(set(strangers))
            # Their lines in these scenes make up their share of all lines.
            part = min(0.95, extras / often)
            loud = weights.sum() * part / (1 - part) / len(strangers)
            here += strangers
            weights = np.append(weights, np.full(len(strangers), loud))
        length = min(lines - len(speaker), 3 + int(rng.geometric(1 / (_SCENE_LINES - 3))))
        spoken = _turns(here, weights, length, rng)
        first = number == 0 and not present
        if narrator >= 0 and (first or rng.random() < _NARRATED_SCENES):
            spoken[:2] = [narrator] * min(2, length)
        speaker += spoken
        scene += [len(present)] * length
        present.append(here)
    new = invent_trades(number * 1000 + _COMING_BACK + 1, passing, rng)
    voices = np.concatenate([people.voices, _voices(passing, people.kinds, rng)])
    manners = np.concatenate([people.manners, _manners(passing, voices.shape[1], rng)])
    return _Play(np.array(speaker), np.array(scene), present, labels + new, voices, manners)


def _turns(here: list[int], weights: npt.NDArray[np.float64], length: int, rng: Rng) -> list[int]:
    """Who speaks the lines of a scene: turns of some lines each, by weight."""
    bounds = (weights.cumsum() / weights.sum()).tolist()
    draws = rng.random(length).tolist()
    stays = (rng.random(length) < 1 - 1 / _TURN_LINES).tolist()
    spoken: list[int] = []
    for draw, stay in zip(draws, stays, strict=True):
        if spoken and stay:
            spoken.append(spoken[-1])
        else:
            spoken.append(here[min(bisect(bounds, draw), len(here) - 1)])
    return spoken


def _times(play: _Play, rng: Rng) -> tuple[Ints, Ints]:
    """Starts and ends on the grid of frames: median 1.6 s, 40 ms to 8 s."""
    n = play.speaker.size
    duration = np.exp(rng.normal(np.log(1620), 0.45, n))
    tiny = rng.random(n) < 0.015
    duration[tiny] = rng.uniform(40, 500, int(tiny.sum()))
    gap = np.where(rng.random(n) < 0.5, _FRAME_MS, rng.exponential(1500, n))
    new_scene = np.diff(play.scene, prepend=-1) > 0
    gap[new_scene] = 2000 + rng.exponential(6000, int(new_scene.sum()))
    gap[0] = rng.uniform(30_000, 90_000)
    # A few lines begin before the one before has ended.
    early = (rng.random(n) < 0.01) & ~new_scene
    gap[early] = -rng.uniform(0, 800, int(early.sum()))
    frames = np.clip(np.rint(duration / _FRAME_MS), 1, 8000 // _FRAME_MS).astype(np.int64)
    pauses = np.rint(gap / _FRAME_MS).astype(np.int64)
    steps = np.maximum(1, np.append(0, frames[:-1]) + pauses)
    start = steps.cumsum()
    return start * _FRAME_MS, (start + frames) * _FRAME_MS


def _line_voices(play: _Play, duration_ms: Ints, noise: float, rng: Rng) -> Floats:
    n, width = play.speaker.size, play.voices.shape[1]
    pairs, pair = np.unique(play.scene * len(play.labels) + play.speaker, return_inverse=True)
    weight = _unit(rng.standard_normal((pairs.size, _MANNERS), np.float32))
    mood = (weight[:, :, None] * play.manners[pairs % len(play.labels)]).sum(axis=1)
    own = rng.standard_normal((n, width), np.float32) / np.float32(np.sqrt(width))
    # Short lines are noisy; the mood is that of the scene, however short the line.
    rough = np.minimum(3, (2000 / duration_ms) ** 0.4).astype(np.float32)[:, None] * own
    loud = np.float32(noise)
    rows = play.voices[play.speaker] + loud * (
        np.float32(_MOOD**0.5) * mood[pair] + np.float32((1 - _MOOD) ** 0.5) * rough
    )
    norms = np.clip(rng.normal(770, 140, n), 160, 1500).astype(np.float32)
    return _unit(rows) * norms[:, None]


def _texts(people: People, play: _Play, rng: Rng) -> list[str]:
    n = play.speaker.size
    texts = phrases(n, rng)
    which = rng.integers(1 << 30, size=n)
    for at in np.flatnonzero(rng.random(n) < _ADDRESSED).tolist():
        speaker = int(play.speaker[at])
        here = [p for p in play.present[play.scene[at]] if p < people.seen and p != speaker]
        if here:
            name = play.labels[here[int(which[at]) % len(here)]]
            texts[at] = address(texts[at], name, int(which[at]) // 64)
    return texts


def _annotate(
    play: _Play, odd: list[int], voices: Floats, texts: list[str], rng: Rng
) -> tuple[list[str], list[list[str]]]:
    """Write the truth as annotators do; changes voices and texts of lines with two speakers."""
    speaker = [play.labels[person] for person in play.speaker.tolist()]
    speakers = [[each] for each in speaker]
    for at, kind in enumerate(odd):
        if kind in (1, 2):
            others = [p for p in play.present[play.scene[at]] if p != play.speaker[at]]
            if not others:
                continue
            second = others[int(rng.integers(len(others)))]
            speakers[at] = [speaker[at], play.labels[second]]
            speaker[at] = "|/"[kind - 1].join(speakers[at])
            length = np.sqrt((voices[at] * voices[at]).sum())
            mixed = voices[at] / length + play.voices[second]
            voices[at] = mixed * (length / np.sqrt((mixed * mixed).sum()))
            if kind == 2:
                texts[at] += "/" + phrases(1, rng)[0]
        elif kind:
            speaker[at] = f"!删除!{speaker[at]}!" if kind == 3 else "未知"
            speakers[at] = [speaker[at]]
    return speaker, speakers


def _faces(people: People, play: _Play, start: Ints, end: Ints, name: str, rng: Rng) -> Any:
    """Faces of an episode: times, characters, clusters, scores, boxes."""
    scenes, most = len(play.present), max(map(len, play.present))
    present = np.array([(here * most)[:most] for here in play.present])
    hidden = rng.random((scenes, len(play.labels))) < _OFF_SCREEN
    hidden[:, people.seen : len(people.cast)] = True
    # Scene by scene: seen from somewhat before the first line until after the last.
    edges = np.searchsorted(play.scene, np.arange(scenes + 1))
    opens = np.maximum(0, start[edges[:-1]] - 1520)
    when = np.arange(opens[0], end.max() + 1500, _FACE_MS)
    when = when + rng.integers(-5, 6, when.size) * _FRAME_MS
    scene = np.clip(np.searchsorted(opens, when, side="right") - 1, 0, scenes - 1)
    line = np.clip(np.searchsorted(start, when, side="right") - 1, 0, start.size - 1)
    listener = present[scene, rng.integers(most, size=when.size)]
    second = present[scene, rng.integers(most, size=when.size)]
    on_speaker = (rng.random(when.size) < 0.6) & (play.scene[line] == scene)
    first = np.where(on_speaker, play.speaker[line], listener)
    both = (rng.random(when.size) < 0.3) & (second != first)
    passing = rng.random(when.size) < _PASSERS

    person = np.concatenate([first, second[both], np.full(int(passing.sum()), -1)])
    time = np.concatenate([when, when[both], when[passing]])
    scene = np.concatenate([scene, scene[both], scene[passing]])
    kept = rng.random(time.size) >= _MISSED
    kept &= (person < 0) | ~hidden[scene, person]
    person, time, scene = person[kept], time[kept], scene[kept]
    order = np.argsort(time, kind="stable")
    person, time, scene = person[order], np.maximum(0, time[order]), scene[order]

    n = time.size
    score = np.clip(rng.normal(0.72, 0.12, n), 0.44, 1.0)
    known = (person >= 0) & (person < people.seen)
    mistaken = known & (rng.random(n) < _MISTAKEN)
    person[mistaken] = rng.integers(people.seen, size=int(mistaken.sum()))
    score[mistaken] = rng.uniform(0.44, 0.6, int(mistaken.sum()))
    known &= rng.random(n) >= _UNRECOGNISED
    stranger = np.where(person < 0, len(play.labels) + rng.integers(3, size=n), person)
    named, who, place = known.tolist(), person.tolist(), scene.tolist()
    character = [
        people.cast[p] if is_known else None for p, is_known in zip(who, named, strict=True)
    ]
    cluster = [
        None if is_known else f"{name}_pro{s}_id{p}"
        for s, p, is_known in zip(place, stranger.tolist(), named, strict=True)
    ]
    left, top = rng.integers(0, 1500, n), rng.integers(0, 500, n)
    size = rng.integers(60, 420, n)
    boxes = np.stack([left, top, left + size, top + size * 5 // 4], axis=1)
    return time, character, cluster, np.rint(score * 1000).astype(np.float32) / 1000, boxes
