"""Real clips from media to labels. The clips lie beside the project."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from castline.attribution.labels import read_labels
from castline.engines.models import load
from castline.measuring.intake import new_project
from castline.media.frames import read_frames
from castline.running import run_project
from castline.tables.catalog import OTHERS, UNKNOWN
from tests.conftest import Weights

MEDIA = Path(__file__).parents[3] / "shared" / "media"

pytestmark = pytest.mark.slow


def labels_of(folder: Path, video: str, subtitles: str, into: Path, weights: Weights) -> list[str]:
    """Who speaks each line, from the film, its subtitles and its portraits."""
    if not folder.exists():
        pytest.skip(f"{folder} is not there: this test needs the shared clips beside the project")
    for engine in ("dlib", "ge2e", "silero"):
        weights(engine)
    project = new_project(
        into / "p",
        [folder / video],
        subtitles=[folder / subtitles],
        cast=folder / "cast",
    )
    variant, _ = run_project(project, jobs=1, offline=True)
    found: list[str] = read_labels(project, variant)["character"].to_list()
    return found


def truth_of(folder: Path) -> list[dict[str, Any]]:
    lines: list[dict[str, Any]] = json.loads((folder / "truth.json").read_text("utf-8"))["lines"]
    return lines


def test_the_made_scene_is_named_from_portraits_alone(tmp_path: Path, weights: Weights) -> None:
    folder = MEDIA / "grid_scene"
    labels = labels_of(folder, "scene.mp4", "scene.srt", tmp_path, weights)
    truth = truth_of(folder)

    right = [
        label == line["speaker"] or (label in (OTHERS, UNKNOWN) and not line["on_screen"])
        for label, line in zip(labels, truth, strict=True)
    ]

    assert sum(right) >= 8, list(zip(labels, (line["speaker"] for line in truth), strict=True))
    assert labels[3] != "Harry", "his mouth moves to another sentence"


def test_voices_off_screen_in_the_trailer_are_not_guessed_wrong(
    tmp_path: Path, weights: Weights
) -> None:
    folder = MEDIA / "sintel_trailer"
    labels = labels_of(folder, "trailer.mp4", "trailer.en.srt", tmp_path, weights)
    speakers = [line["speaker"] for line in truth_of(folder)]

    assert labels[0] == speakers[0]
    assert all(a in (b, UNKNOWN) for a, b in zip(labels[1:], speakers[1:], strict=True))


def test_an_unseen_narrator_is_given_to_nobody_on_screen(tmp_path: Path, weights: Weights) -> None:
    clips = MEDIA / "described" / "perspective"
    if not clips.exists():
        pytest.skip(f"{clips} is not there: this test needs the shared clips beside the project")
    folder = tmp_path / "film"
    shutil.copytree(clips, folder)
    for name, at_ms in (("Woman", 6000), ("Man", 15_500)):
        portrait_from(folder / "perspective-video.mp4", at_ms, folder / "cast" / f"{name}_1.png")

    labels = labels_of(
        folder, "perspective-video.mp4", "perspective-caption.vtt", tmp_path, weights
    )

    assert not set(labels) & {"Woman", "Man"}


def portrait_from(film: Path, at_ms: int, into: Path) -> None:
    """Cut the best face out of a frame."""
    from PIL import Image

    engine = load("faces", "dlib")
    frame = next(each for each in read_frames(film) if each.time_ms >= at_ms)
    picture = frame.picture()
    left, top, right, bottom = engine.detect(picture, smallest=80).boxes[0].round().astype(int)
    side = right - left
    crop = picture[max(0, top - side) : bottom + side, max(0, left - side) : right + side]
    into.parent.mkdir(exist_ok=True)
    Image.fromarray(crop).save(into)
