"""Subtitles from elsewhere, aligned to the speech of this film, or refused.

::

    from castline.subtitles.alignment import align_to_words

    alignment = align_to_words(document.cues, words)
    alignment.verdict, alignment.reason, alignment.cues

A subtitle file of another edition has the right words at wrong times: shifted, stretched by
another frame rate, with scenes cut out or advertisements put in. What was recognised in the sound
has the right times and wrong words. Where both agree there is an anchor (`anchors`); a speed and a
staircase of shifts are fitted to the anchors (`fitting`), each step of it is laid between two lines
(`breaks`), the lines get their new times (`placing`), and the fit is judged (`judging`).

Without a recogniser all shifts are tried on the curve of a speech detector (`activity_fit`), and
the anchors are the moments at which somebody begins to speak (`onsets`).
"""

from castline.subtitles.alignment.activity import align_to_activity
from castline.subtitles.alignment.model import (
    Alignment,
    Anchor,
    Piece,
    PlacedLine,
    Spoken,
    Uncovered,
)
from castline.subtitles.alignment.words import align_to_words

__all__ = [
    "Alignment",
    "Anchor",
    "Piece",
    "PlacedLine",
    "Spoken",
    "Uncovered",
    "align_to_activity",
    "align_to_words",
]
