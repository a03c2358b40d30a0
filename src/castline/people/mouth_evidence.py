"""Does this mouth speak this line? Two measures for each line and visible mouth, and their odds.

`activity` asks whether the mouth moves more than a still one, `sync` whether it opens with the
loudness of the sound. A logistic model turns both into log-odds: positive means that this mouth
speaks this line. It is fitted on synthetic films (`benchmarks/mouths.py`), whose mouths are cleaner
than real ones; therefore its answers are shrunk, and bounded. docs/mouths.md tells the whole story.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

import msgspec
import numpy as np
import numpy.typing as npt

from castline.engines.base import SOUND_RATE
from castline.tables.catalog import table
from castline.tables.schema import build_frame

if TYPE_CHECKING:
    import polars as pl

__all__ = [
    "Loudness",
    "MouthModel",
    "loudness_of",
    "mouth_evidence",
    "mouth_model",
    "sync_score",
    "trust_by_time",
]

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
Loudness = Callable[[float, float, float], Doubles]
"""`loudness(start_ms, end_ms, hop_ms)`: the level in dB of each hop from start on, before end."""

_SOURCE = "mouths"
_SPOKEN = ("speech", "song")
_HOP_MS = 20.0
_QUIETEST_DB = -60.0
_LOUD_DB = 20.0
"""Sound less than this below the loudest of a line is taken for its speech."""
_MARGIN_MS = 400.0
"""`sync` looks so far beyond the line: that a mouth starts with the voice says much."""
_LAGS_MS = (-60.0, 180.0)
"""How far the sound may come before and after the mouth: lips part before they are heard."""
_STILL = 0.01
"""Motion of a still mouth where the track itself never shows one."""
_NOISE = 0.02
"""Motion that may be noise: added on both sides, so that two tiny motions are about equal."""
_STILL_FRAMES = 25
"""So many frames of the track's own stillness weigh as much as that."""
_QUIET_MS = 200.0
"""So far from all lines nobody is taken to speak."""
_SPEAKING_SHARE = 0.7
"""Quantile of the motion: a smile or one jump of the picture does not fill a third of a line."""
_MOUTH_SHARE = 0.5
"""Width of a mouth as a share of the width of the face's box."""


class MouthModel(msgspec.Struct, frozen=True, kw_only=True):
    """The fitted model: log-odds = shrink x (intercept + activity x a + sync x s), bounded.

    Attributes:
        intercept: Of the logistic model as fitted.
        activity: Weight of `activity`.
        sync: Weight of `sync`, as its standard score and only as far as the mouth moves at all.
        shrink: Factor on all three, for films are less clean than what they were fitted on.
        bound: Largest log-odds either way.
        fitted_on: What they were fitted on, in words.
    """

    intercept: float
    activity: float
    sync: float
    shrink: float
    bound: float
    fitted_on: str

    def log_odds(self, activity: Doubles, sync: Doubles, seen_ms: Doubles) -> Doubles:
        """(n,) log-odds of n mouths that were seen well."""
        score = self.activity * activity + self.sync * sync_score(activity, sync, seen_ms)
        result: Doubles = np.clip(self.shrink * (self.intercept + score), -self.bound, self.bound)
        return result


@cache
def mouth_model() -> MouthModel:
    """The model that comes with the package."""
    return msgspec.json.decode(
        files("castline.people").joinpath("mouth_model.json").read_bytes(), type=MouthModel
    )


def sync_score(activity: Doubles, sync: Doubles, seen_ms: Doubles) -> Doubles:
    """(n,) correlations as standard scores: they say more the longer the mouth was seen.

    Speech has about five syllables a second, so a second holds about five independent looks. A
    still mouth follows nothing: its score is 0, whatever its noise does. To run against the sound
    is no worse than not to follow it: bright teeth in dark skin turn the sign.
    """
    looks = np.sqrt(5 * np.clip(seen_ms, 0, 4000) / 1000)
    moving = np.clip(activity, 0, 1)
    result: Doubles = np.arctanh(np.clip(sync, 0, 0.95)) * looks * moving
    return result


def trust_by_time(seen_ms: npt.ArrayLike) -> Doubles:
    """How far to trust a mouth that was seen for so long: 0 up to 100 ms, 1 from 500 ms on."""
    trust: Doubles = np.clip((np.asarray(seen_ms, dtype=np.float64) - 100) / 400, 0, 1)
    return trust


def loudness_of(sound: Floats) -> Loudness:
    """The loudness of sound (16 kHz, mono, from media time 0); silence outside it."""
    grain = SOUND_RATE // 100
    whole = len(sound) // grain * grain
    grains = sound[:whole].reshape(-1, grain)
    power = np.einsum("ng,ng->n", grains, grains).astype(np.float64) / grain  # without a copy
    total = np.concatenate([[0.0], np.cumsum(power)])

    def loudness(start_ms: float, end_ms: float, hop_ms: float) -> Doubles:
        edges = np.arange(start_ms, end_ms + hop_ms * 0.5, hop_ms) / 10
        sums = np.interp(edges, np.arange(len(total)), total)
        level: Doubles = 10 * np.log10(np.diff(sums) / (hop_ms / 10) + 1e-12)
        return level

    return loudness


@dataclass(frozen=True)
class _Track:
    """One mouth: (n,) frame times, opening and motion, and how far to trust them, 0 to 1."""

    times: Doubles
    opening: Doubles
    motion: Doubles
    still: float
    trust: float
    frame_ms: float


def mouth_evidence(
    lines: pl.DataFrame,
    motion: pl.DataFrame,
    faces: pl.DataFrame,
    loudness: Loudness,
    model: MouthModel | None = None,
) -> pl.DataFrame:
    """How well each visible mouth goes with each line of an episode.

    Args:
        lines: Table `lines`; only speech and songs are spoken.
        motion: Table `motion`.
        faces: Table `faces`: how large the mouths are.
        loudness: Of the sound.
        model: Another model than the one that comes with the package.

    Returns:
        Table `mouths`, a row for each line and each track seen while it is spoken. The log-odds
        are 0 where the picture cannot tell: below 12 frames a second, mouths under 12 pixels.
    """
    import polars as pl

    model = model or mouth_model()
    spoken = lines.filter(pl.col("kind").is_in(_SPOKEN)).sort("start_ms")
    spans = spoken.select("start_ms", "end_ms").to_numpy().astype(np.float64)
    tracks = _tracks(motion, _mouth_widths(faces), spans)
    rows = []
    for line, (start, end) in zip(spoken["line"], spans, strict=True):
        for name, track in tracks.items():
            if track.times[-1] < start or track.times[0] >= end:
                continue
            inside = (track.times >= start) & (track.times < end)
            if not inside.any():
                continue
            seen = min(float(inside.sum()) * track.frame_ms, end - start)
            activity = _activity(track, inside, start, end, loudness)
            sync = _sync(track, start, end, loudness)
            odds = model.log_odds(np.array(activity), np.array(sync), np.array(seen))
            trust = track.trust * float(trust_by_time(seen))
            rows.append((line, name, round(seen), activity, sync, float(odds) * trust))
    names = ["line", "track", "seen_ms", "activity", "sync", "log_odds"]
    columns = {name: [row[place] for row in rows] for place, name in enumerate(names)}
    episode = lines["episode"][0] if lines.height else ""
    return build_frame(table("mouths"), columns, source=_SOURCE, episode=episode)


def _mouth_widths(faces: pl.DataFrame) -> dict[str, float]:
    """Pixels across the mouth of each track, from the boxes of its faces."""
    import polars as pl

    width = (pl.col("right") - pl.col("left")).median() * _MOUTH_SHARE
    measured = faces.drop_nulls(["track", "left", "right"]).group_by("track").agg(width=width)
    return dict(measured.select("track", "width").iter_rows())


def _tracks(motion: pl.DataFrame, widths: Mapping[str, float], spans: Doubles) -> dict[str, _Track]:
    """The mouths, in order of their first frame."""
    found: dict[str, _Track] = {}
    ordered = motion.sort("time_ms", "track").partition_by(
        "track", as_dict=True, maintain_order=True
    )
    for (name,), rows in ordered.items():
        if rows.height < 2:
            continue
        times = rows["time_ms"].to_numpy().astype(np.float64)
        moved = rows["motion"].to_numpy().astype(np.float64)
        frame_ms = max(float(np.median(np.diff(times))), 1.0)
        found[str(name)] = _Track(
            times,
            rows["opening"].to_numpy().astype(np.float64),
            moved,
            _still_level(moved[_far_from(times, spans)]),
            _trust(1000 / frame_ms, widths.get(str(name), 0.0)),
            frame_ms,
        )
    return found


def _far_from(times: Doubles, spans: Doubles) -> npt.NDArray[np.bool_]:
    """(n,) which frames lie far from all lines."""
    quiet = np.ones(len(times), dtype=np.bool_)
    for start, end in spans:
        low, high = np.searchsorted(times, [start - _QUIET_MS, end + _QUIET_MS])
        quiet[low:high] = False
    return quiet


def _still_level(quiet_motion: Doubles) -> float:
    """Motion of this mouth when nobody speaks, held near that of mouths in general."""
    weight = len(quiet_motion) + _STILL_FRAMES
    return (float(quiet_motion.sum()) + _STILL_FRAMES * _STILL) / weight


def _trust(frames_a_second: float, mouth_width: float) -> float:
    """0 to 1: nothing below 12 frames a second or 12 pixels, all from 18 and 24 on."""
    by_rate = np.clip((frames_a_second - 12) / 6, 0, 1)
    by_size = np.clip((mouth_width - 12) / 12, 0, 1)
    return float(by_rate * by_size)


def _activity(
    track: _Track,
    inside: npt.NDArray[np.bool_],
    start: float,
    end: float,
    loudness: Loudness,
) -> float:
    """Logarithm of motion while the line is heard over motion of a still mouth."""
    level = loudness(start, end, _HOP_MS)
    times, moved = track.times[inside], track.motion[inside]
    if len(level):
        at = np.minimum(((times - start) / _HOP_MS).astype(np.int64), len(level) - 1)
        heard = level[at] > level.max() - _LOUD_DB
        moved = moved[heard] if heard.any() else moved
    speaking = float(np.quantile(moved, _SPEAKING_SHARE))
    return math.log((speaking + _NOISE) / (track.still + _NOISE))


def _sync(track: _Track, start: float, stop: float, loudness: Loudness) -> float:
    """Largest correlation of opening and loudness over the lags, -1 to 1; 0 without change."""
    first = max(start - _MARGIN_MS, track.times[0])
    last = min(stop + _MARGIN_MS, track.times[-1] + track.frame_ms)
    hops = int((last - first) // _HOP_MS)
    if hops < 10:
        return 0.0
    places = first + _HOP_MS * (np.arange(hops) + 0.5)
    opening = np.interp(places, track.times, track.opening)
    before, after = (round(lag / _HOP_MS) for lag in _LAGS_MS)
    # One hop more on both sides, since each is averaged with its neighbours.
    begin, end = first + (before - 1) * _HOP_MS, first + (hops + after + 1) * _HOP_MS
    around = np.maximum(loudness(begin, end, _HOP_MS), _QUIETEST_DB)
    around = np.convolve(around, np.full(3, 1 / 3), mode="valid")
    shifted = np.lib.stride_tricks.sliding_window_view(around, hops)
    return float(_correlations(shifted, opening).max())


def _correlations(rows: Doubles, column: Doubles) -> Doubles:
    """(m,) correlation of each row of (m, n) with (n,); 0 where either does not change."""
    rows = rows - rows.mean(axis=1, keepdims=True)
    column = column - column.mean()
    norms = np.linalg.norm(rows, axis=1) * np.linalg.norm(column)
    result: Doubles = rows @ column / np.where(norms > 1e-9, norms, np.inf)
    return result
