"""Tracks, names and mouths on a real scene: twelve tracks of four people in ten lines."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest

from castline.engines.base import Detections, FaceEngine
from castline.engines.models import load
from castline.errors import InputError
from castline.media.frames import read_frames
from castline.media.sound import decode_sound
from castline.people.library import LibrarySettings, build_library
from castline.people.mouth_evidence import loudness_of, mouth_evidence
from castline.people.mouths import mouth_patch, mouth_signal
from castline.people.naming import name_tracks
from castline.people.quality import best_faces
from castline.people.tracks import Tracker, interpolate
from castline.tables.catalog import table
from castline.tables.schema import build_frame

pytestmark = pytest.mark.slow

SCENE = Path(__file__).parents[3] / "shared" / "media" / "grid_scene"
Floats = npt.NDArray[np.float32]


@dataclass
class _Watched:
    """What was seen of the scene, by track."""

    times: dict[str, list[int]] = field(default_factory=dict)
    boxes: dict[str, list[Floats]] = field(default_factory=dict)
    prints: dict[str, list[Floats]] = field(default_factory=dict)
    frames: dict[str, list[tuple[int, Floats]]] = field(default_factory=dict)


@pytest.fixture(scope="module")
def truth() -> dict[str, Any]:
    if not SCENE.exists():
        pytest.skip("the scene ../shared/media/grid_scene is not beside this project")
    content: dict[str, Any] = json.loads((SCENE / "truth.json").read_text(encoding="utf-8"))
    return content


@pytest.fixture(scope="module")
def engine() -> FaceEngine:
    try:
        found: FaceEngine = load("faces", "dlib")
    except InputError as error:
        pytest.skip(f"no weights for the embedded face engine: {error}")
    return found


@pytest.fixture(scope="module")
def watched(truth: dict[str, Any], engine: FaceEngine) -> _Watched:
    """Faces five times a second, mouths in every frame."""
    seen, tracker = _Watched(), Tracker()
    cuts = [round(shot["start"] * 1000) for shot in truth["shots"]]
    waiting: list[tuple[int, npt.NDArray[np.uint8]]] = []
    before: dict[str, Floats] = {}
    before_ms = due = 0
    for frame in read_frames(SCENE / "scene.mp4"):
        if cuts and frame.time_ms >= cuts[0]:
            cuts.pop(0)
            tracker.cut()
            waiting, before, due = [], {}, frame.time_ms
        if frame.time_ms >= due:
            picture = frame.picture()
            found: Detections = engine.detect(picture, smallest=60)
            numbers = [f"t{n}" for n in tracker.update(frame.time_ms, found)]
            now = dict(zip(numbers, found.mouths, strict=True))
            for time_ms, luma in waiting:
                share = (time_ms - before_ms) / (frame.time_ms - before_ms)
                for track in before.keys() & now.keys():
                    mouth = interpolate(before[track], now[track], share)
                    seen.frames[track].append((time_ms, mouth_patch(luma, mouth)))
            for row, (track, described) in enumerate(
                zip(numbers, engine.embed(picture, found), strict=True)
            ):
                seen.times.setdefault(track, []).append(frame.time_ms)
                seen.boxes.setdefault(track, []).append(found.boxes[row])
                seen.prints.setdefault(track, []).append(described)
                seen.frames.setdefault(track, [])
            waiting, before, before_ms = [], now, frame.time_ms
            due = frame.time_ms + 200
        waiting.append((frame.time_ms, frame.luma()))
    return seen


@pytest.fixture(scope="module")
def faces(watched: _Watched) -> pl.DataFrame:
    rows = [
        (f"{track}-{n}", "0001", at, at, int(box[0]), int(box[2]), track)
        for track, times in watched.times.items()
        for n, (at, box) in enumerate(zip(times, watched.boxes[track], strict=True))
    ]
    names = ["face", "episode", "start_ms", "end_ms", "left", "right", "track"]
    return build_frame(
        table("faces"), pl.DataFrame(rows, schema=names, orient="row"), source="dlib"
    )


def _embeddings(rows: list[Floats]) -> pl.Series:
    return pl.Series([row.tolist() for row in rows], dtype=pl.Array(pl.Float32, len(rows[0])))


@pytest.fixture(scope="module")
def owners(watched: _Watched, truth: dict[str, Any]) -> dict[str, str]:
    """Who each track is, by the shot and, where two are seen, the order from left to right."""
    found = {}
    for track, times in watched.times.items():
        shot = next(s for s in truth["shots"] if s["start"] * 1000 <= times[0] < s["end"] * 1000)
        beside = sorted(
            (other for other, seen in watched.times.items() if seen[0] == times[0]),
            key=lambda other: float(watched.boxes[other][0][0]),
        )
        found[track] = shot["faces"][beside.index(track)]
    return found


def test_every_track_is_one_person_and_gets_the_right_name(
    watched: _Watched, faces: pl.DataFrame, owners: dict[str, str], engine: FaceEngine
) -> None:
    from PIL import Image

    given: dict[str, list[Any]] = {"portrait": [], "character": [], "rows": []}
    for path in sorted((SCENE / "cast").glob("*.jpg")):
        picture = np.asarray(Image.open(path).convert("RGB"))
        found = engine.detect(picture, smallest=60)
        given["portrait"].append(path.name)
        given["character"].append(path.stem.partition("_")[0])
        given["rows"].append(engine.embed(picture, found)[0])
    count = len(given["rows"])
    portraits = build_frame(
        table("portraits"),
        {
            "portrait": given["portrait"],
            "character": given["character"],
            "origin": ["given"] * count,
            "quality": [0.9] * count,
            "embedding": _embeddings(given["rows"]),
        },
        source="test",
    )
    chosen = [
        (f"{track}-{n}", track, watched.prints[track][n])
        for track, times in watched.times.items()
        for n in best_faces(times, [1.0] * len(times))
    ]
    prints = build_frame(
        table("faceprints"),
        {
            "face": [row[0] for row in chosen],
            "track": [row[1] for row in chosen],
            "quality": [0.9] * len(chosen),
            "embedding": _embeddings([row[2] for row in chosen]),
        },
        source="dlib",
        episode="0001",
    )
    # dlib's own limit: 0.6 between descriptors, which are about 1.5 long.
    made = build_library(portraits, prints, faces, LibrarySettings(prior=0.92))
    named = name_tracks(prints, faces, made.library)
    tracks = named.join(faces.select("face", "track"), on="face")
    assert dict(tracks.select("track", "character").iter_rows()) == owners
    assert len(owners) == 12


def test_mouths_that_speak_are_above_zero_and_silent_ones_below(
    watched: _Watched, faces: pl.DataFrame, owners: dict[str, str], truth: dict[str, Any]
) -> None:
    parts = []
    for track, taken in watched.frames.items():
        times = [time_ms for time_ms, _ in taken]
        opening, moved = mouth_signal(np.stack([patch for _, patch in taken]), times)
        columns = {"time_ms": times, "opening": opening, "motion": moved}
        parts.append(pl.DataFrame(columns).with_columns(track=pl.lit(track)))
    motion = build_frame(table("motion"), pl.concat(parts), source="test", episode="0001")
    lines = build_frame(
        table("lines"),
        {
            "line": [f"{line['line']}" for line in truth["lines"]],
            "number": list(range(len(truth["lines"]))),
            "start_ms": [round(line["start"] * 1000) for line in truth["lines"]],
            "end_ms": [round(line["end"] * 1000) for line in truth["lines"]],
            "text": [line["text"] for line in truth["lines"]],
            "kind": ["speech"] * len(truth["lines"]),
        },
        source="test",
        episode="0001",
    )
    sound = np.concatenate([*decode_sound(SCENE / "scene.mp4")])
    found = mouth_evidence(lines, motion, faces, loudness_of(sound))
    by_line = {str(line["line"]): line for line in truth["lines"]}
    for row in found.iter_rows(named=True):
        line, owner = by_line[row["line"]], owners[row["track"]]
        if line["mouth"].get(owner) == "still":
            assert row["log_odds"] < 0, row
        # Line 4 shows a mouth that moves to other words; the picture alone cannot know.
        elif owner == line["speaker"]:
            assert row["log_odds"] > 0, row
        assert abs(row["log_odds"]) <= 4
    assert found.height >= 10
