"""Subtitles of another edition against real sound, heard by the real detector."""

from __future__ import annotations

import wave
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from castline.calibrating import calibrate_subtitles
from castline.subtitles import get_format, read
from castline.subtitles.base import Cue, Document
from castline.testing.episode_long import long_script
from castline.testing.synthetic_voices import RATE, VOICES, speak
from tests.conftest import Weights


def sound_of(minutes: int, into: Path) -> list[Cue]:
    """Write what is said in the first minutes of a long film; the lines that are said."""
    script = long_script(3)
    lines = [line for line in script.lines if line.end_ms < minutes * 60_000]
    sound = np.random.default_rng(0).normal(0, 0.003, minutes * 60 * RATE).astype(np.float32)
    for number, line in enumerate(lines):
        voice = script.people[line.person].voice
        said = speak(VOICES[voice], (line.end_ms - line.start_ms) / 1000, [number, 1])
        start = line.start_ms * RATE // 1000
        sound[start : start + said.size] += said[: sound.size - start]
    with wave.open(str(into), "wb") as file:
        file.setparams((1, 2, RATE, 0, "NONE", ""))
        file.writeframes((np.clip(sound, -1, 1) * 32767).astype("<i2").tobytes())
    return [Cue(line.start_ms, line.end_ms, line.text) for line in lines]


def write_srt(cues: list[Cue], path: Path) -> None:
    get_format("srt").write(Document(cues=tuple(cues), format="srt"), path)


@pytest.mark.slow
def test_a_shifted_and_stretched_file_comes_back_to_where_it_is_spoken(
    tmp_path: Path, weights: Weights
) -> None:
    weights("silero")
    film = tmp_path / "film.wav"
    spoken = sound_of(8, film)
    scale = 25 / 23.976
    moved = [
        replace(
            cue,
            start_ms=round(cue.start_ms * scale) + 31_000,
            end_ms=round(cue.end_ms * scale) + 31_000,
        )
        for cue in spoken
    ]
    write_srt(moved, tmp_path / "old.srt")

    found = calibrate_subtitles(
        tmp_path / "old.srt", film, tmp_path / "new.srt", page=tmp_path / "why.html"
    )

    assert found.alignment.verdict != "refused", found.alignment.reason
    starts = [cue.start_ms for cue in read(tmp_path / "new.srt").cues]
    near = [abs(a - b.start_ms) <= 500 for a, b in zip(starts, spoken, strict=True)]
    assert np.mean(near) >= 0.95
    assert "<svg" in (tmp_path / "why.html").read_text(encoding="utf-8")


def test_lines_of_another_film_are_refused_and_nothing_is_written(
    tmp_path: Path, weights: Weights
) -> None:
    weights("silero")
    film = tmp_path / "film.wav"
    sound_of(1, film)
    rng = np.random.default_rng(5)
    starts = np.sort(rng.integers(0, 60_000, 30))
    write_srt([Cue(int(s), int(s) + 1500, "Words of another film.") for s in starts],
              tmp_path / "other.srt")  # fmt: skip

    found = calibrate_subtitles(tmp_path / "other.srt", film, tmp_path / "new.srt")

    assert found.alignment.verdict == "refused"
    assert found.alignment.reason
    assert not (tmp_path / "new.srt").exists()
