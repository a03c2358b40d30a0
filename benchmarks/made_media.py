"""Whether real engines accept the made films: heads found and told apart, voices told apart.

    python benchmarks/made_media.py

Heads are looked for in decoded pictures of the demonstration's film, where they face the camera
within 30 degrees, and told apart in pictures of all twelve people in new poses.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from castline.engines.calibration import equal_error
from castline.engines.models import load
from castline.media.frames import read_frames
from castline.testing.episode import write_episode
from castline.testing.episode_demo import demo_script
from castline.testing.looks import PEOPLE
from castline.testing.synthetic_voices import VOICES, speak
from common import write_results
from engine_scales import Clips
from face_scales import PICTURES, drawn_heads

EVERY = 12
"""One picture of the film in so many is looked at."""
SEEDS = (7, 8)
LENGTHS_S = (1.4, 1.6, 2.0, 2.4, 3.0)
SHORT_S = (0.7, 0.9, 1.1)


def found_in_film(engine: Any, seed: int) -> tuple[int, int]:
    """Heads that are in the pictures of a film, and faces found in them."""
    with tempfile.TemporaryDirectory() as folder:
        film = write_episode(demo_script(seed), Path(folder))
        shots = json.loads(film.truth.read_text("utf-8"))["shots"]
        shown = found = 0
        for number, frame in enumerate(read_frames(film.video)):
            if number % EVERY:
                continue
            shot = next(s for s in shots if s["start_ms"] <= frame.time_ms < s["end_ms"])
            faces = engine.detect(frame.picture(), smallest=54)
            certain = int((faces.scores >= engine.certain).sum())
            shown += len(shot["visible"])
            found += min(certain, len(shot["visible"]))
    return shown, found


def error_of(clips: Clips) -> float:
    """Equal error rate over all pairs, in percent."""
    people = np.array(clips.people)
    first, second = np.triu_indices(len(people), 1)
    same = people[first] == people[second]
    return 100 * equal_error((clips.rows @ clips.rows.T)[first, second], same)[0]


def voices(engine: Any, lengths_s: tuple[float, ...]) -> Clips:
    """Clips of these lengths of each made voice, other syllables each time."""
    made = [
        (number, speak(voice, length, [100 + number, place]))
        for number, voice in enumerate(VOICES)
        for place, length in enumerate(lengths_s)
    ]
    return Clips(engine.embed([clip for _, clip in made]), [str(who) for who, _ in made])


def main() -> None:
    faces, ears = load("faces", "dlib"), load("voices", "ge2e")
    rows: list[list[Any]] = []
    for seed in SEEDS:
        shown, found = found_in_film(faces, seed)
        rows.append([f"heads found in film {seed}", f"{100 * found / shown:.1f} %", shown])
    people = drawn_heads(faces)
    posed = len(PEOPLE) * PICTURES
    rows += [
        ["heads found in new poses", f"{100 * len(people.people) / posed:.1f} %",
         posed],
        ["equal error of faces, a picture", f"{error_of(people):.1f} %", len(people.people)],
    ]  # fmt: skip
    for name, lengths in (("1.4 s and more", LENGTHS_S), ("0.7 to 1.1 s", SHORT_S)):
        clips = voices(ears, lengths)
        rows.append(
            [f"equal error of voices, {name}", f"{error_of(clips):.1f} %", len(clips.people)]
        )
    write_results("made-media", ["what", "figure", "heads or clips"], rows)


if __name__ == "__main__":
    main()
