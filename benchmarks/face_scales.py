"""The face engine fitted to the published threshold.

    python benchmarks/face_scales.py            fit, write the shipped calibration, measure
    python benchmarks/face_scales.py --check    measure what is shipped

No embeddings behind the published threshold were released, so the one mark is the threshold itself:
the equal-error threshold of drawn heads and of the people of the made scene is brought to it.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import numpy as np

from castline.engines.base import Calibration
from castline.engines.calibration import FACES_REFERENCE, shipped_calibration
from castline.engines.models import load
from castline.testing.backdrops import PLACES
from castline.testing.portraits import head_picture
from common import SHARED, write_results
from engine_scales import Clips, fitted, half, row, scale_of, ship

PICTURES = 10
"""Of each drawn person."""


def drawn_heads(engine: Any) -> Clips:
    """Twelve drawn people in poses, lights and places drawn at random."""
    rng = np.random.default_rng(4)
    rows, people = [], []
    for person in range(12):
        for seed in range(PICTURES):
            picture = head_picture(
                person,
                height=rng.uniform(120, 180),
                yaw=rng.uniform(-25, 25),
                pitch=rng.uniform(-8, 8),
                roll=rng.uniform(-8, 8),
                mouth=rng.uniform(0, 1),
                place=sorted(PLACES)[rng.integers(len(PLACES))],
                seed=seed,
            )
            found = engine.detect(picture, smallest=60)
            if len(found):
                rows.append(engine.embed(picture, found.take(np.array([0])))[0])
                people.append(f"person {person:02}")
    return Clips(np.array(rows), people)


def scene_faces(engine: Any) -> Clips:
    """Every fifth frame of the made scene where one person is seen."""
    import av

    folder = SHARED / "media" / "grid_scene"
    shots = json.loads((folder / "truth.json").read_text("utf-8"))["shots"]
    rows, people = [], []
    with av.open(str(folder / "scene.mp4")) as opened:
        for number, frame in enumerate(opened.decode(video=0)):
            seen = [each["faces"] for each in shots if each["start"] <= frame.time < each["end"]]
            if number % 5 or not seen or len(seen[0]) != 1:
                continue
            picture = frame.to_ndarray(format="rgb24")
            found = engine.detect(picture, smallest=60)
            if len(found) == 1:
                rows.append(engine.embed(picture, found)[0])
                people.append(seen[0][0])
    return Clips(np.array(rows), people)


def main() -> None:
    """Fit unless told not to, measure, write the table."""
    engine = load("faces", "dlib")
    drawn, scene = drawn_heads(engine), scene_faces(engine)
    if "--check" in sys.argv:
        calibration = shipped_calibration("dlib")
    else:
        words = "pictures: 6 drawn people, 3 people of the made scene"
        calibration = fitted([half(drawn, 0), scene], FACES_REFERENCE, words)
        ship("dlib", calibration)
    rows = []
    measured = {"drawn heads, held out": half(drawn, 1), "made scene, 3 people, fitted on": scene}
    for name, clips in measured.items():
        rows.append(row(name, "dlib", scale_of(clips, Calibration())))
        rows.append(row(name, "dlib, calibrated", scale_of(clips, calibration)))
    header = ["pairs", "faces", "different", "same", "equal-error threshold", "equal error %"]
    write_results("face-scales", header, rows, seed=4)


if __name__ == "__main__":
    main()
