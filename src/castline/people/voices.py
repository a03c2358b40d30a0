"""Voices: the clip of sound that belongs to each line, and what it sounds like."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from castline.tables.catalog import table
from castline.tables.schema import build_frame

if TYPE_CHECKING:
    import polars as pl

    from castline.engines.base import VoiceEngine

__all__ = ["LONGEST_MS", "MARGIN_MS", "clip_spans", "overlap_shares", "voices_frame"]

Floats = npt.NDArray[np.float32]
Spans = npt.NDArray[np.int64]
Samples = Callable[[int, int], Floats]
"""Sound from a start to an end in milliseconds: mono, `SOUND_RATE` samples a second."""

MARGIN_MS = 200
"""Sound taken before and after a line: subtitles come late and go early by about this much."""

LEAST_SPEECH_MS = 300
"""With less speech than this in a clip, all of its sound is taken: the detector missed it."""

LONGEST_MS = 20_000
"""More of one clip says nothing new about a voice; without an end to it, a subtitle that is never
taken away would bring the whole film along."""

_AT_ONCE_MS = 300_000
"""So much sound is embedded at a time, whatever the length of the film."""

_SILENCE_DB = -100.0


def clip_spans(lines: Spans, margin_ms: int = MARGIN_MS) -> Spans:
    """The clip of each line: its span with a margin, cut at the midpoint to its neighbours.

    Args:
        lines: (n, 2) start and end, in order of start.
        margin_ms: Margin on both sides.

    Returns:
        (n, 2). A line that overlaps its neighbour keeps its own span on that side, and no clip
        starts below 0.
    """
    if not len(lines):
        return lines.copy()
    clips = lines + np.array([-margin_ms, margin_ms])
    # The end of whatever came before may be that of a long line further up.
    ended = np.maximum.accumulate(lines[:, 1])[:-1]
    middle = (ended + lines[1:, 0]) // 2
    apart = lines[1:, 0] >= ended
    clips[1:, 0] = np.where(apart, np.maximum(clips[1:, 0], middle), lines[1:, 0])
    next_start = lines[1:, 0]
    middle = (lines[:-1, 1] + next_start) // 2
    apart = next_start >= lines[:-1, 1]
    clips[:-1, 1] = np.where(apart, np.minimum(clips[:-1, 1], middle), lines[:-1, 1])
    result: Spans = np.maximum(clips, 0)
    return result


def overlap_shares(lines: Spans) -> Floats:
    """(n,) share of each line that lies under other lines, 0 to 1; `lines` as in `clip_spans`."""
    edges = np.unique(lines)
    # How many lines cover each piece between two neighbouring edges.
    cover = np.zeros(len(edges), np.int64)
    np.add.at(cover, np.searchsorted(edges, lines[:, 0]), 1)
    np.add.at(cover, np.searchsorted(edges, lines[:, 1]), -1)
    shared = np.diff(edges) * (np.cumsum(cover)[:-1] > 1)
    upto = np.concatenate([[0], np.cumsum(shared)])
    under = upto[np.searchsorted(edges, lines[:, 1])] - upto[np.searchsorted(edges, lines[:, 0])]
    shares: Floats = (under / np.maximum(lines[:, 1] - lines[:, 0], 1)).astype(np.float32)
    return shares


def voices_frame(
    lines: pl.DataFrame, speech: Spans, samples: Samples, engine: VoiceEngine, *, episode: str
) -> pl.DataFrame:
    """What lines of one episode sound like.

    Silence and noise inside a clip would blur the voiceprint, so only its speech is heard, as long
    as there is enough of it, and of long ones the first 20 s.

    Args:
        lines: Rows of the table `lines`, in order of time, all of the episode: neighbours matter.
        speech: (m, 2) spans of speech in milliseconds, ascending, without overlap.
        samples: Gives the sound of a span.
        engine: Makes the voiceprints.
        episode: The episode.

    Returns:
        The table `voices`, a row for each line of speech; zeros where a clip holds too little.
    """
    spans = lines.select("start_ms", "end_ms").to_numpy().astype(np.int64).reshape(-1, 2)
    said = np.flatnonzero((lines["kind"] == "speech").to_numpy())
    overlap = overlap_shares(spans)[said]
    prints = [np.zeros((0, engine.size), np.float32)]
    clips: list[Floats] = []
    speech_ms: list[int] = []
    loudness: list[float] = []
    waiting_ms = 0
    for start, end in clip_spans(spans)[said].tolist():
        heard = _within(speech, start, end)
        length = int(np.diff(heard, axis=1).sum())
        pieces = heard.tolist() if length >= LEAST_SPEECH_MS else [(start, end)]
        clip = np.concatenate([samples(*piece) for piece in _beginning(pieces)])
        speech_ms.append(length)
        loudness.append(_loudness_db(clip))
        clips.append(clip)
        waiting_ms += min(end - start, LONGEST_MS)
        if waiting_ms >= _AT_ONCE_MS:
            prints.append(engine.embed(clips))
            clips, waiting_ms = [], 0
    if clips:
        prints.append(engine.embed(clips))
    return build_frame(
        table("voices"),
        {
            "line": lines["line"].gather(said),
            "embedding": np.concatenate(prints),
            "speech_ms": speech_ms,
            "overlap": overlap,
            "loudness_db": loudness,
        },
        episode=episode,
        source=engine.manifest.name,
    )


def _beginning(pieces: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """The first `LONGEST_MS` of pieces of sound."""
    kept: list[tuple[int, int]] = []
    left = LONGEST_MS
    for start, end in pieces:
        kept.append((start, min(end, start + left)))
        left -= end - start
        if left <= 0:
            break
    return kept


def _within(spans: Spans, start: int, end: int) -> Spans:
    """The parts of spans that lie between two moments."""
    low = int(np.searchsorted(spans[:, 1], start, "right"))
    high = int(np.searchsorted(spans[:, 0], end, "left"))
    return np.clip(spans[low:high], start, end)


def _loudness_db(sound: Floats) -> float:
    power = float(np.mean(np.square(sound, dtype=np.float64))) if sound.size else 0.0
    return max(10 * np.log10(power), _SILENCE_DB) if power > 0 else _SILENCE_DB
