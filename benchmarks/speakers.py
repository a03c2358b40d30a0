"""The embedded voice engine on named pairs of real speakers, and how it compares to the original.

    python benchmarks/speakers.py [--original PYTHON]

PYTHON is an interpreter that can run the original program (see `original_ge2e.py`); without it that
row is left out.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from castline.engines.base import SOUND_RATE
from castline.engines.calibration import equal_error
from castline.engines.models import load
from common import SHARED, write_results
from sounds import read_sound

Floats = npt.NDArray[np.float32]

FOLDER = SHARED / "media" / "speakers"
CUTS_S = (None, 1.6, 1.0, 0.5, 0.3)
"""Length that each utterance is cut to, from its middle; None for the whole."""


def cut(sound: Floats, seconds: float | None) -> Floats:
    """The middle of an utterance."""
    if seconds is None:
        return sound
    first = (sound.size - int(seconds * SOUND_RATE)) // 2
    return sound[first : first + int(seconds * SOUND_RATE)]


def pairs(names: list[str]) -> tuple[Any, Any]:
    """(p, 2) rows of utterances, and (p,) whether one person."""
    place = {name: row for row, name in enumerate(names)}
    lines = (FOLDER / "pairs.tsv").read_text("utf-8").splitlines()[1:]
    listed = [line.split("\t") for line in lines]
    rows = np.array([[place[a], place[b]] for _, a, b in listed])
    return rows, np.array([same == "1" for same, _, _ in listed])


def largest_difference(python: str, sounds: dict[str, Floats], ours: Floats) -> float:
    """Between our embeddings of whole utterances and the original program's."""
    with tempfile.TemporaryDirectory() as work:
        given, made = Path(work) / "clips.npz", Path(work) / "made.npz"
        np.savez(given, **sounds)  # type: ignore[arg-type]
        script = Path(__file__).with_name("original_ge2e.py")
        subprocess.run([python, str(script), str(given), str(made)], check=True)
        with np.load(made) as held:
            theirs = np.stack([held[name] for name in sounds])
    return float(np.abs(ours - theirs).max())


def main() -> None:
    """Measure and write the table."""
    if not FOLDER.exists():
        sys.exit(f"{FOLDER} is not there: this benchmark needs the speakers beside us")
    files = sorted(FOLDER.glob("*/u*.flac"))
    sounds = {path.relative_to(FOLDER).as_posix(): read_sound(path) for path in files}
    rows, same = pairs(list(sounds))
    engine = load("voices", "ge2e")
    engine.embed([np.ones(SOUND_RATE, np.float32)])
    table: list[list[str]] = []
    for seconds in CUTS_S:
        clips = [cut(sound, seconds) for sound in sounds.values()]
        start = time.process_time()
        voices = engine.embed(clips)
        spent = 1000 * (time.process_time() - start)
        if seconds is None:
            whole = voices
        similarity = np.einsum("pd,pd->p", voices[rows[:, 0]], voices[rows[:, 1]])
        error, threshold = equal_error(similarity, same)
        heard = sum(clip.size for clip in clips) / SOUND_RATE
        table.append([
            "whole utterances" if seconds is None else f"cut to {seconds} s",
            f"{100 * error:.1f}",
            f"{threshold:.2f}",
            f"{similarity[same].mean():.2f}",
            f"{similarity[~same].mean():.2f}",
            f"{spent / heard:.1f}",
        ])  # fmt: skip
    extra: dict[str, Any] = {"pairs": len(same), "speakers": len({p.parent for p in files})}
    if "--original" in sys.argv:
        python = sys.argv[sys.argv.index("--original") + 1]
        extra["largest_difference"] = largest_difference(python, sounds, whole)
    header = ["GE2E on", "equal error %", "at", "same", "different", "ms for 1 s of sound"]
    write_results("speakers", header, table, **extra)


if __name__ == "__main__":
    main()
