"""Captions and annotations: read from any format, written to any other, names kept.

::

    from castline import subtitles

    document = subtitles.read("episode.srt")
    document.cues[0].speakers, document.problems
    subtitles.write(document, "episode.vtt")     # returns what could not be kept

Importing this package imports no format and no library; each comes when it is first used.
"""

from castline.subtitles.base import Cue, Document, Format, Kind, Losses, Part, Problem
from castline.subtitles.files import format_of, formats, get_format, read, write

__all__ = [
    "Cue",
    "Document",
    "Format",
    "Kind",
    "Losses",
    "Part",
    "Problem",
    "format_of",
    "formats",
    "get_format",
    "read",
    "write",
]
