"""Burnt-in subtitles: what is seen and when, with a scripted reader and with the real one."""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from castline.engines.base import Manifest, Picture, TextFound
from castline.story.burnt_in import PERIOD_MS, BurntInReader
from castline.story.readings import (
    Reading,
    alike,
    lines_from_readings,
    merge_readings,
    readings_frame,
)
from castline.tables.catalog import table
from castline.tables.schema import check_frame

HEIGHT, WIDTH = 180, 320
ROW, TALL, LEFT, LONG = 150, 18, 60, 192
TEXTS = ["Where were you?", "At home.", "No.", "你去哪里了？", "Nobody saw him there.", "Go!"]

Luma = npt.NDArray[np.uint8]


@cache
def pattern(text: str) -> Luma:
    """Strokes that stand for a text: half of the places for one are taken, by chance."""
    rng = np.random.default_rng(TEXTS.index(text))
    places = rng.permutation(np.arange(3 * LONG // 8) < 3 * LONG // 16).reshape(3, LONG // 8)
    strokes = np.kron(places, np.ones((TALL // 3, 8), np.uint8)) * (np.arange(LONG) % 8 < 3)
    return (255 * strokes).astype(np.uint8)


def frame(*placed: tuple[str, int], ground: Luma | None = None) -> Luma:
    """A frame that shows texts, each at its row."""
    picture = np.full((HEIGHT, WIDTH), 60, np.uint8) if ground is None else ground.copy()
    for text, row in placed:
        part = picture[row : row + TALL, LEFT : LEFT + LONG]
        np.maximum(part, pattern(text), out=part)
    return picture


@dataclass
class Scripted:
    """Knows the patterns and reads them exactly, wherever they stand."""

    score: Callable[[int], float] = lambda _: 0.97
    garble: Callable[[str, int], str] = lambda text, _: text
    calls: int = 0
    manifest: Manifest = field(
        default_factory=lambda: Manifest(
            name="scripted", kind="text", version=1, files=(), licence="", source=""
        )
    )

    def read(self, picture: Picture) -> list[TextFound]:
        self.calls += 1
        bright = picture[:, LEFT : LEFT + LONG, 0] == 255
        found = []
        for top in range(len(bright) - TALL + 1):
            for text in TEXTS:
                if np.array_equal(bright[top : top + TALL], pattern(text) == 255):
                    box = (float(LEFT), float(top), float(LEFT + LONG), float(top + TALL))
                    said = self.garble(text, self.calls)
                    found.append(TextFound(box, said, self.score(self.calls)))
        return found


def read(
    shown: list[str | None], reader: Scripted, *, step: int = PERIOD_MS, start: int = 0
) -> list[Reading]:
    """Feed one frame a step, each with the text that is shown then."""
    burnt = BurntInReader(reader, HEIGHT, WIDTH)
    for place, text in enumerate(shown):
        burnt.feed(start + place * step, frame(*([(text, ROW)] if text else [])))
    return burnt.finish(start + len(shown) * step)


def runs(shown: list[str | None], step: int = PERIOD_MS) -> list[tuple[int, int, str]]:
    """Start, end and text of each run; runs of one text with up to 400 ms between are joined."""
    found: list[tuple[int, int, str]] = []
    for place, text in enumerate(shown):
        if text is None:
            continue
        at = place * step
        if found and found[-1][2] == text and at - found[-1][1] <= 400:
            found[-1] = (found[-1][0], at + step, text)
        else:
            found.append((at, at + step, text))
    return found


# Whatever comes and goes

CHANGES = st.lists(
    st.tuples(st.sampled_from([None, *TEXTS]), st.integers(1, 6)), min_size=1, max_size=10
)


@settings(max_examples=60)
@given(CHANGES)
def test_readings_are_in_order_and_do_not_overlap(changes: list[tuple[str | None, int]]) -> None:
    shown = [text for text, count in changes for _ in range(count)]
    found = read(shown, Scripted())
    for one, other in pairwise(found):
        assert one.start_ms < one.end_ms <= other.start_ms
    if found:
        assert found[0].start_ms >= 0
        assert found[-1].end_ms <= len(shown) * PERIOD_MS


@settings(max_examples=60)
@given(CHANGES)
def test_what_stays_for_two_samples_is_read_with_its_times(
    changes: list[tuple[str | None, int]],
) -> None:
    shown = [text for text, count in changes for _ in range(count + 1)]
    found = [(each.start_ms, each.end_ms, each.text) for each in read(shown, Scripted())]
    assert found == runs(shown)


@settings(max_examples=30)
@given(CHANGES, st.integers(1, 40))
def test_a_film_read_in_two_parts_gives_what_it_gives_in_one(
    changes: list[tuple[str | None, int]], cut: int
) -> None:
    shown = [text for text, count in changes for _ in range(count + 1)]
    cut = min(cut, len(shown) - 1)
    first = read(shown[:cut], Scripted())
    second = read(shown[cut:], Scripted(), start=cut * PERIOD_MS)
    found = [(each.start_ms, each.end_ms, each.text) for each in merge_readings(first + second)]
    assert found == runs(shown)


# How it is fed


def test_times_are_right_to_the_frame_when_every_frame_is_fed() -> None:
    shown = [None] * 33 + [TEXTS[0]] * 41 + [TEXTS[1]] * 29 + [None] * 22
    found = [(each.start_ms, each.end_ms) for each in read(shown, Scripted(), step=40)]
    assert found == [(33 * 40, 74 * 40), (74 * 40, 103 * 40)]


def test_it_wants_five_frames_a_second() -> None:
    burnt = BurntInReader(Scripted(), HEIGHT, WIDTH)
    fed = 0
    for time_ms in range(0, 10_000, 40):
        if burnt.wants(time_ms):
            fed += 1
            burnt.feed(time_ms, frame())
    assert fed == 50


def test_frames_of_another_size_or_out_of_order_are_refused() -> None:
    burnt = BurntInReader(Scripted(), HEIGHT, WIDTH)
    burnt.feed(100, frame())
    with pytest.raises(ValueError, match="not later"):
        burnt.feed(100, frame())
    with pytest.raises(ValueError, match="expected"):
        burnt.feed(300, frame()[:, :200])


def test_nothing_fed_gives_nothing() -> None:
    assert BurntInReader(Scripted(), HEIGHT, WIDTH).finish(1000) == []


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 5000), (3000, 1), (9, 9)])
def test_pictures_too_small_for_writing_hold_none(height: int, width: int) -> None:
    burnt = BurntInReader(Scripted(), height, width)
    rng = np.random.default_rng(1)
    for time_ms in range(0, 2000, PERIOD_MS):
        burnt.feed(time_ms, rng.integers(0, 256, (height, width), np.uint8))
    assert burnt.finish(2000) == []


# When the reader is asked


def test_a_text_that_stays_is_read_once_whatever_moves_behind_it() -> None:
    rng = np.random.default_rng(3)
    reader = Scripted()
    burnt = BurntInReader(reader, HEIGHT, WIDTH)
    grounds = rng.integers(40, 120, (80, HEIGHT // 4, WIDTH // 4), np.uint8)
    for place, ground in enumerate(grounds):
        blurred = np.kron(ground, np.ones((4, 4), np.uint8))
        burnt.feed(place * PERIOD_MS, frame((TEXTS[0], ROW), ground=blurred))
    (reading,) = burnt.finish(80 * PERIOD_MS)
    assert (reading.start_ms, reading.end_ms) == (0, 80 * PERIOD_MS)
    assert reader.calls <= 3


def test_a_still_scene_full_of_strokes_is_not_read_again_and_again() -> None:
    ground = np.random.default_rng(4).choice(np.array([30, 200], np.uint8), (HEIGHT, WIDTH))
    reader = Scripted()
    burnt = BurntInReader(reader, HEIGHT, WIDTH)
    for place in range(60):
        burnt.feed(place * PERIOD_MS, ground)
    assert burnt.finish(60 * PERIOD_MS) == []
    assert reader.calls <= 4


def test_a_moving_scene_full_of_strokes_is_read_at_most_once_a_second() -> None:
    rng = np.random.default_rng(5)
    ground = rng.choice(np.array([30, 200], np.uint8), (HEIGHT, WIDTH + 60))
    reader = Scripted()
    burnt = BurntInReader(reader, HEIGHT, WIDTH)
    for place in range(60):
        burnt.feed(place * PERIOD_MS, ground[:, place : place + WIDTH])
    assert burnt.finish(60 * PERIOD_MS) == []
    assert reader.calls <= 60 * PERIOD_MS / 1000 + 4


def test_an_unsure_reading_is_read_again_and_the_best_one_counts() -> None:
    scores = {1: 0.6, 2: 0.97}
    reader = Scripted(
        score=lambda call: scores.get(call, 0.7),
        garble=lambda text, call: text if call == 2 else text.replace("o", "0"),
    )
    (reading,) = read([None, *[TEXTS[4]] * 12, None], reader)
    assert (reading.text, reading.score, reader.calls) == (TEXTS[4], 0.97, 2)


def test_a_reading_that_stays_unsure_is_given_up_after_three_looks() -> None:
    reader = Scripted(score=lambda _: 0.6)
    (reading,) = read([None, *[TEXTS[4]] * 30, None], reader)
    assert (reading.score, reader.calls) == (0.6, 3)


def test_subtitles_at_the_top_are_found_when_the_usual_place_stays_empty() -> None:
    burnt = BurntInReader(Scripted(), HEIGHT, WIDTH)
    for place in range(240):
        on = place // 10 % 2
        burnt.feed(place * PERIOD_MS, frame(*([(TEXTS[place // 20 % 2], 20)] if on else [])))
    found = burnt.finish(240 * PERIOD_MS)
    assert len(found) >= 5
    assert all(each.bottom < 0.3 for each in found)


# What a reading is worth


def test_a_doubtful_reading_is_repaired_with_its_picture() -> None:
    seen = []

    def repair(reading: Reading, picture: Picture) -> str:
        seen.append((reading.text, picture.ndim, len(picture) < HEIGHT))
        return "repaired"

    burnt = BurntInReader(Scripted(score=lambda _: 0.6), HEIGHT, WIDTH, repair=repair)
    for place in range(10):
        burnt.feed(place * PERIOD_MS, frame((TEXTS[0], ROW)))
    (reading,) = burnt.finish(2000)
    assert reading.text == "repaired"
    assert seen == [(TEXTS[0], 3, True)]


def reading(start: int, end: int, text: str, row: float = 0.9, score: float = 0.98) -> Reading:
    return Reading(start, end, text, row, row + 0.05, score)


@pytest.mark.parametrize(
    ("one", "other", "scores", "same"),
    [
        ("Where were you?", "Where were y0u?", (0.98, 0.98), True),
        ("I know.", "I knew.", (0.98, 0.98), False),
        ("I know.", "I knew.", (0.98, 0.7), True),
        ("No.", "No!", (0.98, 0.98), True),
        ("No.", "Yes.", (0.98, 0.7), False),
        ("你去哪里了", "你去哪里呢", (0.98, 0.98), False),
    ],
)
def test_how_alike_two_readings_must_be(
    one: str, other: str, scores: tuple[float, float], same: bool
) -> None:
    first, second = reading(0, 1, one, score=scores[0]), reading(0, 1, other, score=scores[1])
    assert alike(first, second) is alike(second, first) is same


def test_merging_keeps_the_better_text_and_the_whole_time() -> None:
    parts = [reading(0, 1000, "Where were y0u?", score=0.8), reading(1000, 2100, "Where were you?")]
    assert merge_readings(reversed(parts)) == [reading(0, 2100, "Where were you?")]


def test_merging_twice_changes_nothing_and_another_text_between_parts_two() -> None:
    parts = [reading(0, 900, "No."), reading(900, 1250, "Yes."), reading(1250, 2000, "No.")]
    assert merge_readings(parts) == parts
    assert merge_readings(merge_readings(parts)) == parts


# Lines


def lines(*readings: Reading) -> list[dict[str, object]]:
    frame = lines_from_readings(readings, "0001")
    return check_frame(table("lines"), frame, "lines").to_dicts()


def test_rows_that_come_and_go_together_are_one_line_from_top_to_bottom() -> None:
    (line,) = lines(
        reading(0, 2000, "- Nobody. Go to sleep."), reading(0, 2040, "- Who is there?", 0.83)
    )
    assert line["text"] == "- Who is there?\n- Nobody. Go to sleep."
    assert (line["start_ms"], line["end_ms"], line["notes"]) == (0, 2040, ["two voices"])


def test_a_logo_is_left_out_and_a_sign_is_a_sign() -> None:
    talk = [reading(5000 * n, 5000 * n + 2000, f"This is line number {n}.") for n in range(12)]
    logo = [reading(9000 * n, 9000 * n + 8500, "CHANNEL 9", 0.05) for n in range(8)]
    found = lines(*talk, *logo, reading(12_000, 14_000, "POLICE", 0.4))
    assert [line["text"] for line in found if line["kind"] == "sign"] == ["POLICE"]
    assert sum(line["kind"] == "speech" for line in found) == 12
    assert len(found) == 13


def test_doubtful_readings_and_odd_lengths_are_noted() -> None:
    first, second = lines(
        reading(0, 2000, "Where were you?", score=0.7), reading(5000, 5100, "I was at home, sir.")
    )
    assert first["notes"] == ["doubtful reading"]
    assert first["confidence"] == pytest.approx(0.7)
    assert second["notes"] == ["odd duration"]


def test_readings_fit_their_table() -> None:
    frame = readings_frame([reading(0, 2000, "No.")], "0001", "rapidocr")
    assert check_frame(table("readings"), frame, "readings")["reading"].to_list() == ["0001-r00001"]
    assert lines_from_readings([], "0001").height == 0


# With the real engine

SPOKEN = [
    *("Where were you last night?", "I told you, I was at home.", "Nobody came back.", "No."),
    *("- Who is there?\n- Nobody. Go to sleep.", "You could have called.", "I know.", "I knew."),
    *("The train leaves at half past seven,\nand we still have to pack.", "Don't move.", "Stop!"),
    *("It rained so hard that nobody saw him.", "Give me the letter, Walter.", "What letter?"),
    *("The one in your coat pocket!", "We found the car near the bridge.", "Was anybody in it?"),
    *("Only the dog, and he will not talk.", "That is not funny, Ruth.", "Go home. All of you."),
]


@dataclass
class Clip:
    """A made film of moving texture with burnt-in lines; times are multiples of 40 ms."""

    height: int
    width: int
    seed: int

    def __post_init__(self) -> None:
        from PIL import Image

        rng = np.random.default_rng(self.seed)
        tall, wide = 2 * self.height, 2 * self.width
        self.scenes = []
        for _ in range(8):
            layers = []
            for scale in (40, 6):
                rough = rng.normal(0, 1, (tall // scale + 2, wide // scale + 2)).astype(np.float32)
                smooth = Image.fromarray(rough).resize((wide, tall), Image.Resampling.BICUBIC)
                layer = np.asarray(smooth)
                layers.append((layer - layer.min()) / np.ptp(layer))
            self.scenes.append(255 * (0.6 * layers[0] + 0.4 * layers[1]))
        self.noise = rng.normal(0, 4, (4, self.height, self.width))
        self.lines: list[tuple[int, int, str]] = []
        start = 1000
        for text in SPOKEN:
            end = start + int(max(900, len(text) * 70 * rng.uniform(0.8, 1.3))) // 40 * 40
            self.lines.append((start, end, text))
            start = end + int(rng.choice([0, 40, 480, 920, 1520]))
        self.end_ms = start + 1000
        self.drawn = {text: self._draw(text) for text in SPOKEN}

    def _draw(self, text: str) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """The letters, and the letters with their dark edge."""
        from PIL import Image, ImageDraw, ImageFont

        font = ImageFont.load_default(self.height / 17)
        layers = []
        for edge in (0, 2):
            layer = Image.new("L", (self.width, self.height))
            ImageDraw.Draw(layer).multiline_text(
                (self.width / 2, self.height * 0.95), text, 255, font, "md",
                align="center", stroke_width=edge, stroke_fill=255,
            )  # fmt: skip
            layers.append(np.asarray(layer) / 255)
        return layers[0], layers[1]

    def frame(self, time_ms: int) -> Luma:
        """The brightness of the picture; the camera pans, and cuts every 7.5 s."""
        scene = self.scenes[time_ms // 7500 % 8]
        pan = int(time_ms % 7500 / 1000 * 24)
        ground = scene[pan // 3 : pan // 3 + self.height, pan : pan + self.width]
        picture = ground + self.noise[time_ms // 40 % 4]
        for start, end, text in self.lines:
            if start <= time_ms < end:
                letters, edged = self.drawn[text]
                picture = picture * (1 - edged) + 240 * letters
        shown: Luma = np.clip(picture, 0, 255).astype(np.uint8)
        return shown

    def right(self, readings: list[Reading]) -> int:
        """Lines whose text is right to 5 % of its letters and whose times to 200 ms."""
        from rapidfuzz.distance import Levenshtein

        found = lines_from_readings(readings, "0001").select("start_ms", "end_ms", "text").rows()
        return sum(
            any(
                abs(start - one) <= 200
                and abs(end - other) <= 200
                and Levenshtein.normalized_distance(text, said) <= 0.05
                for one, other, said in found
            )
            for start, end, text in self.lines
        )


needs_rapidocr = pytest.mark.skipif(
    importlib.util.find_spec("rapidocr") is None, reason="the extra 'ocr' is not installed"
)


@needs_rapidocr
@pytest.mark.slow
@pytest.mark.parametrize(
    ("height", "width", "seed"), [(360, 640, 1), (360, 640, 2), (720, 1280, 3)]
)
@pytest.mark.parametrize("every", [1, 5])
def test_twenty_lines_over_a_moving_scene(height: int, width: int, seed: int, every: int) -> None:
    from castline.engines.rapid_ocr import RapidOcr

    clip = Clip(height, width, seed)
    burnt = BurntInReader(RapidOcr(), height, width)
    cost = 0.0
    for time_ms in range(0, clip.end_ms, 40 * every):
        picture = clip.frame(time_ms)
        begin = time.process_time()
        burnt.feed(time_ms, picture)
        cost += time.process_time() - begin
    right = clip.right(burnt.finish(clip.end_ms))
    minutes = clip.end_ms / 60_000
    print(f"{right} of 20; {burnt.calls / minutes:.0f} calls, {cost / minutes:.1f} s a minute")
    assert right >= 18  # the engine drops a blank or mistakes a letter now and then
    assert burnt.calls / minutes <= 30


@needs_rapidocr
def test_two_lines_of_a_made_film_are_read_to_the_frame() -> None:
    from castline.engines.rapid_ocr import RapidOcr

    clip = Clip(360, 640, 1)
    burnt = BurntInReader(RapidOcr(), 360, 640)
    until = clip.lines[1][1] + 400
    for time_ms in range(0, until, 40):
        burnt.feed(time_ms, clip.frame(time_ms))
    found = [(each.start_ms, each.end_ms, each.text) for each in burnt.finish(until)]
    assert found[:2] == clip.lines[:2]
