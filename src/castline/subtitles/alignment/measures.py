"""How good the times and words of a subtitle are, measured against a trusted one.

Word error rates count tokens as `tokens_of` makes them; scripts without spaces count characters.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from castline.subtitles.alignment.model import Spoken
from castline.subtitles.alignment.tokens import Timeline, speech_of, timeline
from castline.subtitles.base import Cue

__all__ = ["start_accuracy", "timestamp_accuracy", "wer_text", "wer_timed"]

Span = tuple[int, int]


def timestamp_accuracy(found: Sequence[Span | None], true: Sequence[Span]) -> float:
    """Share of lines that start within half a second of the truth and end within one second.

    Args:
        found: (start, end) of each line in milliseconds; None for lines that are not there.
        true: The same lines, as they are.
    """
    right = [
        span is not None and abs(span[0] - real[0]) <= 500 and abs(span[1] - real[1]) <= 1000
        for span, real in zip(found, true, strict=True)
    ]
    return sum(right) / max(1, len(right))


def start_accuracy(found: Sequence[Span | None], true: Sequence[Span], limit_ms: int) -> float:
    """Share of lines that start within `limit_ms` of the truth; arguments as above."""
    right = [
        span is not None and abs(span[0] - real[0]) <= limit_ms
        for span, real in zip(found, true, strict=True)
    ]
    return sum(right) / max(1, len(right))


def wer_text(reference: Sequence[Cue], words: Sequence[Spoken]) -> float:
    """Word error rate of the whole text, whatever the times say.

    Args:
        reference: The trusted subtitles, in order.
        words: Recognised words, or the cues of another subtitle, in order.

    Returns:
        Errors for each word of the reference; above 1 when there are many words too many.
    """
    from rapidfuzz.distance import Levenshtein

    true, given = _of_cues(reference), _of_any(words)
    return Levenshtein.distance(true.texts, given.texts) / max(1, len(true))


def wer_timed(reference: Sequence[Cue], words: Sequence[Spoken]) -> float:
    """Word error rate inside the time of each line: right words at wrong times are errors.

    A word belongs to the line in whose time its middle lies; words outside all lines do not count.
    Arguments and result as in `wer_text`; the words of a cue are spread over its time.
    """
    from rapidfuzz.distance import Levenshtein

    true, given = _of_cues(reference), _of_any(words)
    spans = np.array([(cue.start_ms, cue.end_ms) for cue in reference]).reshape(-1, 2)
    middle = (given.start + given.end) / 2
    line = np.searchsorted(spans[:, 0], middle, side="right") - 1
    inside = (line >= 0) & (middle < spans[np.maximum(line, 0), 1]) if len(spans) else line >= 0
    heard: list[list[str]] = [[] for _ in reference]
    for token in np.flatnonzero(inside).tolist():
        heard[line[token]].append(given.texts[token])
    said: list[list[str]] = [[] for _ in reference]
    for text, source in zip(true.texts, true.source.tolist(), strict=True):
        said[source].append(text)
    wrong = sum(Levenshtein.distance(a, b) for a, b in zip(said, heard, strict=True))
    return wrong / max(1, len(true))


def _of_cues(cues: Sequence[Cue]) -> Timeline:
    spans = [(cue.start_ms, cue.end_ms) for cue in cues]
    return timeline(spans, [speech_of(cue.text) for cue in cues])


def _of_any(words: Sequence[Spoken]) -> Timeline:
    spans = [(word.start_ms, word.end_ms) for word in words]
    return timeline(spans, [speech_of(word.text) for word in words])
