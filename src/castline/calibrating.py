"""Subtitles of one edition for the film of another: align, write, and show why."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from castline.errors import InputError

if TYPE_CHECKING:
    from castline.pipeline.progress import Reporter
    from castline.subtitles.alignment import Alignment

__all__ = ["Calibrated", "calibrate_subtitles"]


@dataclass(frozen=True)
class Calibrated:
    """What came of it.

    Attributes:
        alignment: Verdict, reason, pieces, lines.
        written: The subtitles with new times; None when they were refused.
        page: The page with the discrepancies; None when it was not asked for.
    """

    alignment: Alignment
    written: Path | None
    page: Path | None


def calibrate_subtitles(
    subtitles: Path,
    film: Path,
    out: Path,
    *,
    page: Path | None = None,
    recogniser: str = "",
    language: str | None = None,
    reporter: Reporter | None = None,
) -> Calibrated:
    """Move the lines of a subtitle file to where they are spoken in a film.

    Recognised words are the better anchors; without a recogniser only the rhythm of speech is
    compared, which tells shift, speed and cuts but not another translation of the same film.

    Args:
        subtitles: A file in any format that can be read and written.
        film: The film, or a sound file.
        out: Where the calibrated file goes, in the format of the given one.
        page: Where a page with the discrepancies goes.
        recogniser: A model that writes down speech; the first that was added when empty.
        language: Language of the film, for the recogniser.
        reporter: Told about progress and problems.

    Raises:
        InputError: A file cannot be read, the film has no sound, or weights are missing.
        StorageError: The disk refused.
    """
    from castline.engines.models import load, recognisers
    from castline.engines.registry import SPEECH_DETECTOR
    from castline.files import write_atomically
    from castline.media.sound import Sound, write_sound
    from castline.pipeline.progress import Recorder
    from castline.report.alignment import render_alignment
    from castline.subtitles import get_format, read
    from castline.subtitles.alignment import align_to_activity, align_to_words

    reporter = reporter or Recorder()
    document = read(subtitles)
    if not document.cues:
        raise InputError(subtitles, "there is no line in it.")
    model = recogniser or next(iter(recognisers()), "")
    with tempfile.TemporaryDirectory(prefix="castline-") as folder:
        reporter.step("calibrate", 0, 3, "decode the sound")
        written = write_sound(film, Path(folder) / "sound.wav")
        for problem in written.problems:
            reporter.warn(f"{film}: {problem}")
        sound = Sound(written.path)
        whole = np.array(sound.samples(0, sound.duration_ms))
        del sound  # the file goes away with its folder
    reporter.step("calibrate", 1, 3, "listen")
    if model:
        segments = load("speech", model).words(whole, language=language)
        alignment = align_to_words(document.cues, [word for words in segments for word in words])
    else:
        detector = load("speech-activity", SPEECH_DETECTOR)
        alignment = align_to_activity(document.cues, detector.probabilities(whole), detector.hop_ms)
    reporter.step("calibrate", 2, 3, "write")
    kept = None
    if alignment.verdict != "refused":
        get_format(document.format).write(replace(document, cues=alignment.cues), out)
        kept = out
    if page is not None:
        write_atomically(page, render_alignment(alignment, subtitles.name).encode("utf-8"))
    reporter.step("calibrate", 3, 3, "done")
    return Calibrated(alignment, kept, page)
