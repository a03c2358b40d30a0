"""Error rates and accuracies of subtitles, on examples small enough to count by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from castline import subtitles
from castline.engines.base import Word
from castline.subtitles import Cue
from castline.subtitles.alignment import align_to_words
from castline.subtitles.alignment.measures import (
    start_accuracy,
    timestamp_accuracy,
    wer_text,
    wer_timed,
)
from castline.subtitles.alignment.tokens import speech_of, timeline, tokens_of

FILM = Path(__file__).parents[3] / "shared" / "media" / "sintel_sub_pair"

LINES = [Cue(0, 4000, "one two three four"), Cue(5000, 7000, "five six")]


def test_right_words_at_wrong_times_are_errors_of_the_timed_rate_only() -> None:
    late = [Cue(cue.start_ms + 2000, cue.end_ms + 2000, cue.text) for cue in LINES]
    assert wer_text(LINES, late) == 0
    # "one two" are now where "three four" should be: both lost, two wrong; "five six" left.
    assert wer_timed(LINES, late) == pytest.approx((2 + 2) / 6)


def test_words_wrong_missing_and_too_many_count_alike() -> None:
    times = {"one": 100, "too": 1100, "three": 2100, "five": 5100, "six": 6100, "oh": 6300}
    words = [Word(start, start + 100, text, 1.0) for text, start in times.items()]
    assert wer_text(LINES, words) == pytest.approx(3 / 6)
    assert wer_timed(LINES, words) == pytest.approx(3 / 6)


def test_words_outside_all_lines_count_in_the_text_only() -> None:
    extra = [*LINES, Cue(9000, 9500, "advertisement")]
    assert wer_text(LINES, extra) == pytest.approx(1 / 6)
    assert wer_timed(LINES, extra) == 0


def test_a_time_is_right_within_half_a_second_at_the_start_and_one_at_the_end() -> None:
    true = [(10_000, 12_000)] * 4
    found = [(10_500, 13_000), (10_501, 12_000), (10_000, 13_001), None]
    assert timestamp_accuracy(found, true) == 0.25
    assert start_accuracy(found, true, 500) == 0.5


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("It’s 1,200 — no, 15!", ["it's", "one", "two", "hundred", "no", "fifteen"]),
        ("等天亮 OK", ["等", "天", "亮", "ok"]),
        ("ﬁne ＡＢＣ", ["fine", "abc"]),
        ("हिन्दी", ["हिन्दी"]),
        ("♪ 'cause ♪", ["cause"]),
        ("...", []),
    ],
)
def test_tokens_are_what_both_sides_can_agree_on(text: str, tokens: list[str]) -> None:
    assert tokens_of(text) == tokens


def test_descriptions_are_not_said() -> None:
    assert tokens_of(speech_of("<i>(door opens)</i> Hello [sighs] （旁白） you")) == [
        "hello",
        "you",
    ]


def test_tokens_share_the_time_of_their_line_by_length() -> None:
    line = timeline([(1000, 2000)], ["a bcd"])
    assert line.start.tolist() == [1000, 1250]
    assert line.end.tolist() == [1250, 2000]


@pytest.mark.skipif(not FILM.exists(), reason="the media beside the repository are not there")
class TestOnTheSubtitleOfARealFilm:
    def heard(self) -> list[Word]:
        cues = subtitles.read(FILM / "film.en.srt").cues
        line = timeline([(cue.start_ms, cue.end_ms) for cue in cues], [cue.text for cue in cues])
        return [
            Word(round(start), round(end), text, 1.0)
            for text, start, end in zip(
                line.texts, line.start.tolist(), line.end.tolist(), strict=True
            )
        ]

    @pytest.mark.parametrize("name", ["shift", "early", "stretch", "stretch_shift", "cut"])
    def test_transformed_files_come_back_to_the_film(self, name: str) -> None:
        film = subtitles.read(FILM / "film.en.srt").cues
        cues = subtitles.read(FILM / f"film.en.{name}.srt").cues
        found = align_to_words(cues, self.heard())
        assert found.verdict == "review"  # twenty-six lines are too few to go unseen
        starts = [line.cue.start_ms for line in found.lines if line.cue]
        true = {cue.start_ms for cue in film}
        assert all(min(abs(start - each) for each in true) <= 100 for start in starts)
        assert len(starts) == len(cues)

    @pytest.mark.parametrize(
        "name", ["other_film.en.vtt", "other_film.sv.vtt", "excerpt.de.vtt", "excerpt.es.vtt"]
    )
    def test_other_films_and_languages_are_refused(self, name: str) -> None:
        cues = subtitles.read(FILM / name).cues
        assert align_to_words(cues, self.heard()).verdict == "refused"
