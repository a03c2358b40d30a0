"""The common scale: measured on released voiceprints, and the voice engine fitted to it.

    python benchmarks/engine_scales.py            measure, fit, write the shipped calibration
    python benchmarks/engine_scales.py --check    measure what is shipped

Half of the people are fitted on, the other half measured; what is shipped is the fit on the first
half, so the figures of the second are its own.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt
import polars as pl

import castline.engines
from castline.engines.base import SOUND_RATE, Calibration
from castline.engines.calibration import (
    VOICES_REFERENCE,
    Reference,
    Scale,
    calibrate,
    fit_calibration,
    measure_scale,
    shipped_calibration,
)
from castline.engines.models import load
from castline.sources.recipe import import_dramasr
from castline.tables.catalog import RESERVED
from castline.testing.synthetic_voices import VOICES, speak
from common import SERIES, SHARED, TRAINING, series_folder, write_results
from sounds import read_sound

Floats = npt.NDArray[np.float32]

LENGTHS_MS = ((300, 800), (800, 1400), (1400, 2500), (2500, 8000))
FITTED_AT_S = 2.0
PAIRS = 20_000
FEWEST = 6
"""Lines that a person must have to take part."""


class Clips(NamedTuple):
    """Embeddings and who each is; the rows of one source are never paired with another's."""

    rows: Floats
    people: list[str]


def pairs_of(people: list[str], seed: int, count: int = PAIRS) -> tuple[Any, Any]:
    """As many pairs of one person as of two, each person as likely as any other."""
    rng = np.random.default_rng(seed)
    rows = {who: np.flatnonzero(np.array(people) == who) for who in sorted(set(people))}
    names = list(rows)
    pairs = []
    for number in range(count):
        who = names[rng.integers(len(names))]
        if number % 2:
            pairs.append(rng.choice(rows[who], 2, replace=False))
        else:
            other = names[(names.index(who) + rng.integers(1, len(names))) % len(names)]
            pairs.append(np.array([rng.choice(rows[who]), rng.choice(rows[other])]))
    return np.array(pairs), np.arange(count) % 2 == 1


def scale_of(clips: Clips, calibration: Calibration) -> Scale:
    """What pairs of one source are like after a calibration."""
    pairs, same = pairs_of(clips.people, seed=1)
    return measure_scale(calibrate(clips.rows, calibration), pairs, same)


def row(source: str, engine: str, scale: Scale) -> list[Any]:
    """One row of the table."""
    figures = (scale.different, scale.same, scale.threshold)
    return [source, engine, *(f"{each:.2f}" for each in figures), f"{100 * scale.error:.1f}"]


def released(series: str) -> list[list[Any]]:
    """The scale of the released voiceprints of a series, by length of line."""
    rows = []
    with tempfile.TemporaryDirectory() as work:
        project, _ = import_dramasr(series_folder(series), Path(work) / "project")
        store = project.store
        one = (pl.col("speakers").list.len() == 1) & ~pl.col("deleted") & ~pl.col("unknown")
        frame = pl.concat(
            store.read("lines", each)
            .select("line", length=pl.col("end_ms") - pl.col("start_ms"))
            .join(store.read("truth", each).filter(one), on="line")
            .join(store.read("voices", each).select("line", "embedding"), on="line")
            .select("length", "embedding", who=pl.col("speakers").list.first())
            for each in project.episodes()
        )
    frame = frame.filter(~pl.col("who").is_in(RESERVED), pl.col("embedding").is_not_null())
    for low, high in LENGTHS_MS:
        part = frame.filter(pl.col("length").is_between(low, high, closed="left"))
        part = part.filter(pl.len().over("who") >= FEWEST)
        clips = Clips(part["embedding"].to_numpy().astype(np.float32), part["who"].to_list())
        name = f"{SERIES[series]}, lines of {low / 1000:.1f} to {high / 1000:.1f} s"
        rows.append(row(name, "ERes2Net", scale_of(clips, Calibration())))
    return rows


def read_speech(engine: Any) -> Clips:
    """Ten readers and one talker, cut into clips of two seconds."""
    length = int(FITTED_AT_S * SOUND_RATE)
    cut, people = [], []
    for path in sorted((SHARED / "media" / "speakers").glob("*/u*.flac")):
        sound = read_sound(path)
        for first in range(0, sound.size - length + 1, length):
            cut.append(sound[first : first + length])
            people.append(path.parent.name)
    return Clips(engine.embed(cut), people)


def synthetic_speech(engine: Any) -> Clips:
    """Twenty clips of two seconds of each synthetic voice."""
    made = [
        speak(voice, FITTED_AT_S, [number, clip])
        for number, voice in enumerate(VOICES)
        for clip in range(20)
    ]
    return Clips(engine.embed(made), [f"voice {each // 20}" for each in range(len(made))])


def film_speech(engine: Any) -> Clips:
    """The ten lines of the made scene, as they are."""
    folder = SHARED / "media" / "grid_scene"
    sound = read_sound(folder / "scene.mp4")
    lines = json.loads((folder / "truth.json").read_text("utf-8"))["lines"]
    cut = [
        sound[round(each["start"] * SOUND_RATE) : round(each["end"] * SOUND_RATE)] for each in lines
    ]
    return Clips(engine.embed(cut), [each["speaker"] for each in lines])


def half(clips: Clips, which: int) -> Clips:
    """Every second person."""
    names = sorted(set(clips.people))[which::2]
    rows = [number for number, who in enumerate(clips.people) if who in names]
    return Clips(clips.rows[rows], [clips.people[number] for number in rows])


def fitted(parts: list[Clips], reference: Reference, fitted_on: str) -> Calibration:
    """The calibration of an engine; all sources weigh the same, none is paired with another."""
    rng = np.random.default_rng(3)
    size = min(len(part.people) for part in parts)
    rows, pairs, same = [], [], []
    for number, part in enumerate(parts):
        chosen = np.sort(rng.permutation(len(part.people))[:size])
        both = pairs_of([part.people[each] for each in chosen], seed=2)
        rows.append(part.rows[chosen])
        pairs.append(both[0] + number * size)
        same.append(both[1])
    return fit_calibration(
        np.concatenate(rows),
        np.concatenate(pairs),
        np.concatenate(same),
        reference,
        fitted_on=fitted_on,
    )


def ship(engine: str, calibration: Calibration) -> None:
    """Write the calibration to where the package reads it."""
    path = Path(castline.engines.__file__).parent / f"{engine}_scale.json"
    path.write_bytes(msgspec.json.encode(calibration) + b"\n")


def main() -> None:
    """Measure, fit unless told not to, and write the tables."""
    rows = [each for series in TRAINING for each in released(series)]
    engine = load("voices", "ge2e")
    sources = {
        "read speech": read_speech(engine),
        "synthetic voices": synthetic_speech(engine),
    }
    if "--check" in sys.argv:
        calibration = shipped_calibration("ge2e")
    else:
        halves = [half(each, 0) for each in sources.values()]
        words = "clips of 2 s: 6 readers of LibriSpeech and GRID, 6 synthetic voices"
        calibration = fitted(halves, VOICES_REFERENCE, words)
        ship("ge2e", calibration)
    measured = {f"{name}, {FITTED_AT_S:.0f} s, held out": half(c, 1) for name, c in sources.items()}
    measured["made scene, 10 lines, held out"] = film_speech(engine)
    for name, clips in measured.items():
        rows.append(row(name, "GE2E", scale_of(clips, Calibration())))
        rows.append(row(name, "GE2E, calibrated", scale_of(clips, calibration)))
    header = ["pairs", "voices", "different", "same", "equal-error threshold", "equal error %"]
    write_results("engine-scales", header, rows, seed=1)


if __name__ == "__main__":
    main()
