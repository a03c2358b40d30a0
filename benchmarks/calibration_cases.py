"""Episodes with a subtitle of another edition, a recogniser's words and speech activity, all made.

The texts and true times are those of real episodes; what is done to them is drawn by seed.
"""

from __future__ import annotations

import bisect
import csv
import json
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from castline.engines.base import Word
from castline.subtitles import Cue
from castline.subtitles.alignment.tokens import tokens_of
from castline.timing import parse_clock

HOP_MS = 32.0


@dataclass(frozen=True)
class Line:
    """What is really said: milliseconds in the film as it was made, and the text."""

    start: float
    end: float
    text: str


@dataclass(frozen=True)
class Case:
    """One trial.

    Attributes:
        kind: What was done.
        cues: The subtitle file to align.
        truth: For each cue its start and end in the media; None when it is not in there.
        words: What a recogniser made of the media.
        activity: Probability of speech, one each `HOP_MS`.
    """

    kind: str
    cues: list[Cue]
    truth: list[tuple[float, float] | None]
    words: list[Word]
    activity: npt.NDArray[np.float32]


def sitcoms(folder: Path) -> dict[str, list[Line]]:
    """English episodes: `start,end,speaker,text` in seconds."""
    found = {}
    for path in sorted(folder.glob("*.csv")):
        with path.open(encoding="utf-8", newline="") as file:
            found[path.stem] = [
                Line(float(row[0]) * 1000, float(row[1]) * 1000, row[3])
                for row in csv.reader(file)
                if len(row) > 3
            ]
    return found


def dramas(folder: Path, count: int) -> dict[str, list[Line]]:
    """Chinese episodes of a series folder of the DramaSR release."""
    found = {}
    for path in sorted((folder / "subtitle_data").glob("*.json"))[:count]:
        objects = json.loads(path.read_text(encoding="utf-8"))["object_list"].values()
        lines = [
            Line(parse_clock(each["start_time"]), parse_clock(each["end_time"]), each["text"])
            for each in objects
        ]
        found[f"{folder.name}_{path.stem}"] = sorted(lines, key=lambda line: line.start)
    return found


Clock = Callable[[float], float | None]
"""From the film as it was made to a copy of it: milliseconds, or None where that copy has a cut."""


def straight(scale: float = 1.0, shift: float = 0.0) -> Clock:
    """A copy that runs faster or slower, or begins later."""
    return lambda time: scale * time + shift


def without(cuts: Sequence[tuple[float, float]]) -> Clock:
    """A copy that lacks some spans."""

    def clock(time: float) -> float | None:
        if any(start <= time < end for start, end in cuts):
            return None
        return time - sum(end - start for start, end in cuts if end <= time)

    return clock


def with_added(places: Sequence[float], lengths: Sequence[float]) -> Clock:
    """A copy that holds something else at some places."""
    return lambda time: (
        time + sum(length for place, length in zip(places, lengths, strict=True) if place <= time)
    )


@dataclass(frozen=True)
class Recogniser:
    """How badly it hears.

    Attributes:
        wrong: Share of words that are wrong or missing.
        bursts: Errors come in runs: a third of the time nearly all is wrong.
        jitter: Spread of word times in milliseconds; one word in thirty is off by up to a second.
    """

    wrong: float = 0.34
    bursts: bool = False
    jitter: float = 80.0

    def hear(
        self, lines: Sequence[Line], clock: Clock, vocabulary: Sequence[str], rng: random.Random
    ) -> list[Word]:
        """The words that it makes of what is said."""
        words = []
        bad = False
        for line in lines:
            start, end = clock(line.start), clock(line.end)
            if start is None or end is None or end < start:
                continue
            tokens = tokens_of(line.text)
            edges = np.cumsum([0, *map(len, tokens)]) / max(1, sum(map(len, tokens)))
            for token, left, right in zip(tokens, edges, edges[1:], strict=False):
                if self.bursts:
                    bad = rng.random() < (0.95 if bad else 0.02)
                wrong = (0.9 if bad else self.wrong * 0.3) if self.bursts else self.wrong
                text = token
                if rng.random() < wrong:
                    if rng.random() < 0.35:
                        continue
                    text = rng.choice(vocabulary)
                off = rng.gauss(0, self.jitter)
                if rng.random() < 1 / 30:
                    off = rng.uniform(-1000, 1000)
                begin = max(0.0, start + left * (end - start) + off)
                stop = max(begin, start + right * (end - start) + rng.gauss(0, self.jitter))
                words.append(Word(round(begin), round(stop), text, 1.0))
        return sorted(words, key=lambda word: word.start_ms)


def activity_of(
    lines: Sequence[Line], clock: Clock, length: float, rng: random.Random
) -> npt.NDArray[np.float32]:
    """What a speech detector makes of the media.

    Subtitles stay longer than speech, lines hold pauses, one line in twelve is not heard at all,
    one in twenty-five that is spoken has no subtitle, laughter and music pass for speech.
    """
    heard = np.zeros(int(length / HOP_MS) + 1)

    def mark(start: float, end: float, level: float) -> None:
        if end > start:
            heard[max(0, int(start / HOP_MS)) : max(0, int(end / HOP_MS))] = level

    for _ in range(max(2, int(length / 240_000))):
        place, stay = rng.uniform(0, length), rng.uniform(4_000, 30_000)
        while stay > 0:
            piece = rng.uniform(300, 4000)
            mark(place, place + piece, rng.uniform(0.3, 0.9))
            place += piece + rng.uniform(200, 2500)
            stay -= piece
    for line in lines:
        begin, stop = clock(line.start), clock(line.end)
        if begin is None or stop is None or stop < begin:
            continue
        start, end = begin, stop
        if rng.random() < 1 / 12:
            mark(start, end, rng.uniform(0.05, 0.35))
            continue
        start += rng.gauss(60, 120)
        end -= abs(rng.gauss(200, 250))
        mark(start, end, rng.uniform(0.75, 0.99))
        if end - start > 2000 and rng.random() < 0.4:
            pause = rng.uniform(start + 300, end - 900)
            mark(pause, pause + rng.uniform(250, 700), 0.15)
        if rng.random() < 1 / 8:  # laughter
            mark(end + 200, end + rng.uniform(500, 2500), rng.uniform(0.2, 0.8))
        if rng.random() < 1 / 25:
            mark(end + 300, end + rng.uniform(800, 2500), 0.9)
    noise = np.array([rng.gauss(0, 0.08) for _ in range(len(heard))])
    return np.asarray(np.clip(heard + noise + 0.03, 0, 1), np.float32)


def make_case(
    kind: str,
    lines: Sequence[Line],
    *,
    subtitle: Clock,
    media: Clock,
    seed: int,
    recogniser: Recogniser | None = None,
    dropped: float = 0.0,
    adverts: Sequence[tuple[float, Sequence[Line]]] = (),
    written: Sequence[Line] | None = None,
) -> Case:
    """Make a case.

    Args:
        kind: Its name.
        lines: What is said in the film.
        subtitle: The edition that the subtitles were made for.
        media: The edition that is at hand.
        seed: Everything random comes from it.
        recogniser: How it hears; the usual third of words wrong by default.
        dropped: Share of lines that the subtitles leave out.
        adverts: Media time, and what is said in the advertisements there.
        written: What the subtitles say, if not `lines`; then nothing is true.
    """
    rng = random.Random(f"{kind} {seed}")
    cues: list[Cue] = []
    truth: list[tuple[float, float] | None] = []
    for line in lines if written is None else written:
        first, last = subtitle(line.start), subtitle(line.end)
        if first is None or last is None or last < 0 or rng.random() < dropped:
            continue
        start = max(0, round(first + rng.gauss(0, 30)))
        cues.append(Cue(start, max(start, round(last + rng.gauss(0, 30))), line.text))
        begin, stop = media(line.start), media(line.end)
        gone = begin is None or stop is None or written is not None
        truth.append(None if gone else (begin, stop))  # type: ignore[arg-type]
    spoken = list(lines)
    vocabulary = [token for line in spoken for token in tokens_of(line.text)]
    recogniser = recogniser or Recogniser()
    words = recogniser.hear(spoken, media, vocabulary, rng)
    ends = [time for line in spoken if (time := media(line.end)) is not None]
    length = max(ends, default=0.0)
    activity = activity_of(spoken, media, length + 10_000, rng)
    for place, said in adverts:
        shown = straight(1.0, place - said[0].start)
        words += recogniser.hear(said, shown, vocabulary, rng)
        stop = place + said[-1].end - said[0].start
        of_advert = activity_of(said, shown, stop + 1000, rng)
        first, last = int(place / HOP_MS), int(stop / HOP_MS)
        activity[first:last] = of_advert[first:last][: len(activity[first:last])]
    words.sort(key=lambda word: word.start_ms)
    return Case(kind, cues, truth, words, activity)


def cut_places(lines: Sequence[Line], count: int, rng: random.Random) -> list[float]:
    """Times of cuts, between lines, apart from each other and from both ends."""
    length = lines[-1].end
    places = []
    for number in range(count):
        near = length * (number + rng.uniform(0.7, 1.3)) / (count + 1)
        line = max(1, bisect.bisect_left([each.start for each in lines], near))
        line = min(line, len(lines) - 1)
        places.append((lines[line - 1].end + lines[line].start) / 2)
    return places
