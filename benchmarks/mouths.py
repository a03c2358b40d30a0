"""Fits the model of mouth evidence on synthetic episodes, and measures it on others.

Writes `src/castline/people/mouth_model.json` and `results/mouths.json`. The episodes are filmed
into the cache on the first run; the face engine's weights must be in the models folder
(`castline models pull`). Real faces are only looked at, never fitted on.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from copy import copy
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import numpy.typing as npt

import castline.people.mouth_evidence as evidence
from castline.engines.base import SOUND_RATE
from castline.engines.models import load
from castline.media.frames import read_frames
from castline.media.sound import decode_sound
from castline.people.mouths import PATCH, mouth_patch, mouth_signal
from castline.people.tracks import Tracker, interpolate
from castline.subtitles import read
from castline.testing.episode import write_episode
from castline.testing.episode_long import long_script
from common import CACHE, ROOT, SHARED, write_results

if TYPE_CHECKING:
    import polars as pl

    from castline.engines.base import FaceEngine
    from castline.testing.episode_script import Script

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]

FITTED, HELD_OUT = range(101, 105), range(201, 205)
"""Seeds of the episodes."""
MINUTES, LINES = 2, 32
WIDTH, HEIGHT = 640, 360
SIZE = PATCH[0] * PATCH[1]
SAMPLE_MS = 200
"""Faces are looked for five times a second, mouths followed in every frame."""

OPENING_NOISE = 1.0
"""Drawn mouths follow the loudness exactly. So noise of this spread, as slow as syllables, is added
to the opening (whose own spread is 1) before the fit."""
ACTIVITY_NOISE = 0.3
"""Drawn listeners only blink and sway. So noise of this spread is added to the activity."""
OTHER_VOICE = 0.1
"""Weight of mouths that move to another sentence than the one that is heard."""
SHRINK, BOUND = 0.7, 4.0
RIDGE = 1.0
LENGTHS_MS = (10_000, 1000, 500)
"""Lines as they are (2 to 3 s), and cut into pieces of about a second and half a second."""


class Looked:
    """What was seen and heard of one film.

    Attributes:
        faces: Track, time, and left and right edge of every face.
        motion: The columns of table `motion`.
        sound: All of it.
        loudness: Of the sound.
    """

    def __init__(self, patches: pl.DataFrame, faces: pl.DataFrame, sound: Floats) -> None:
        """Take (track, time_ms, patch) of every mouth, in order of time."""
        import polars as pl

        parts = []
        for _, rows in patches.group_by("track", maintain_order=True):
            signal = mouth_signal(rows["patch"].to_numpy().reshape(-1, *PATCH), rows["time_ms"])
            part = rows.select("track", "time_ms")
            parts.append(
                part.with_columns(opening=pl.Series(signal[0]), motion=pl.Series(signal[1]))
            )
        self.patches, self.faces, self.sound = patches, faces, sound
        self.motion = pl.concat(parts)
        self.loudness = evidence.loudness_of(sound)

    def keep(self, folder: Path) -> None:
        self.patches.write_parquet(folder / "patches.parquet")
        self.faces.write_parquet(folder / "faces.parquet")
        np.save(folder / "sound.npy", self.sound)

    @classmethod
    def kept(cls, folder: Path) -> Looked:
        import polars as pl

        patches, faces = (pl.read_parquet(folder / f"{n}.parquet") for n in ("patches", "faces"))
        return cls(patches, faces, np.load(folder / "sound.npy"))


def look(path: Path, cuts_ms: Sequence[int], engine: FaceEngine, smallest: int) -> Looked:
    """Tracks and mouths of a film whose cuts are known."""
    import polars as pl

    tracker, cuts = Tracker(), [*sorted(cuts_ms), sys.maxsize]
    seen: list[tuple[str, int, list[int]]] = []
    patches: dict[int, list[tuple[int, Floats]]] = {}
    waiting: list[tuple[int, npt.NDArray[np.uint8]]] = []
    before: dict[int, Floats] = {}
    boxes: Floats | None = None
    before_ms = due = samples = 0

    def follow(now: dict[int, Floats], now_ms: int) -> None:
        for time_ms, luma in waiting:
            share = (time_ms - before_ms) / max(now_ms - before_ms, 1)
            for track, box in before.items():
                mouth = interpolate(box, now.get(track, box), share)
                patches.setdefault(track, []).append((time_ms, mouth_patch(luma, mouth)))
        waiting.clear()

    for frame in read_frames(path):
        if frame.time_ms >= cuts[0]:
            follow({}, frame.time_ms)
            tracker.cut()
            before, due, boxes = {}, frame.time_ms, None
            while frame.time_ms >= cuts[0]:
                cuts.pop(0)
        if frame.time_ms >= due:
            # The whole picture once a second and after cuts, else where the faces were.
            whole = boxes is None or samples % 5 == 0
            found = engine.detect(
                frame.picture(), smallest=smallest, around=None if whole else boxes
            )
            numbers = tracker.update(frame.time_ms, found)
            boxes, samples = found.boxes, samples + 1
            now = dict(zip(numbers, found.mouths, strict=True))
            follow(now, frame.time_ms)
            before, before_ms, due = now, frame.time_ms, frame.time_ms + SAMPLE_MS
            for number, box in zip(numbers, boxes.round().astype(int), strict=True):
                seen.append((f"t{number}", frame.time_ms, box.tolist()))
        waiting.append((frame.time_ms, frame.luma()))
    follow({}, sys.maxsize)
    rows = [
        (f"t{track}", time_ms, patch.ravel())
        for track, taken in patches.items()
        for time_ms, patch in taken
    ]
    columns: dict[str, Any] = {"track": pl.String, "time_ms": pl.Int64}
    columns["patch"] = pl.Array(pl.Float32, SIZE)
    cut_out = pl.DataFrame(rows, schema=columns, orient="row")
    spans = [(name, at, box[0], box[2]) for name, at, box in seen]
    faces = pl.DataFrame(spans, schema=["track", "start_ms", "left", "right"], orient="row")
    return Looked(cut_out, faces, np.concatenate([*decode_sound(path)]))


def lines_frame(rows: Sequence[tuple[str, int, int]]) -> pl.DataFrame:
    """The columns of table `lines` that matter here, from (line, start, end)."""
    import polars as pl

    frame = pl.DataFrame(rows, schema=["line", "start_ms", "end_ms"], orient="row")
    return frame.with_columns(episode=pl.lit("0001"), kind=pl.lit("speech"))


def episode(seed: int, engine: FaceEngine) -> tuple[Script, Looked]:
    """A synthetic episode and what was seen of it; both from the cache if they are there."""
    script = long_script(seed, minutes=MINUTES, lines=LINES, width=WIDTH, height=HEIGHT)
    folder = CACHE / "mouths" / str(seed)
    if not (folder / "sound.npy").exists():
        video = folder / "episode.mp4"
        if not video.exists():
            write_episode(script, folder)
        look(video, [shot.start_ms for shot in script.shots], engine, 60).keep(folder)
    return script, Looked.kept(folder)


def people(script: Script, looked: Looked) -> dict[str, int]:
    """Who each track is, by where the script puts people in the shot."""
    owners = {}
    for track, at, left, right in looked.faces.unique("track", maintain_order=True).iter_rows():
        shot = next(each for each in script.shots if each.start_ms <= at < each.end_ms)
        middle = (left + right) / 2 / script.width
        if shot.framing.seen:
            nearest = min(shot.framing.seen, key=lambda seen: abs(seen.x - middle))
            owners[track] = nearest.person
    return owners


def pieces(script: Script, longest_ms: int) -> list[tuple[str, int, int]]:
    """The lines as (number.piece, start, end), cut into equal pieces of about that length."""
    found = []
    for number, line in enumerate(script.lines):
        count = max(1, round((line.end_ms - line.start_ms) / longest_ms))
        edges = np.linspace(line.start_ms, line.end_ms, count + 1).round().astype(int).tolist()
        found += [(f"{number}.{k}", *edge) for k, edge in enumerate(pairwise(edges))]
    return found


def measured(
    script: Script, looked: Looked, longest_ms: int, model: evidence.MouthModel | None = None
) -> list[dict[str, Any]]:
    """A row for each (piece of a) line and visible mouth: what was measured, and the truth."""
    frame = evidence.mouth_evidence(
        lines_frame(pieces(script, longest_ms)),
        looked.motion,
        looked.faces,
        looked.loudness,
        model,
    )
    owners = people(script, looked)
    return [
        {**row, "speaks": owners.get(row["track"]) == script.lines[int(number)].person}
        for row in frame.iter_rows(named=True)
        for number in [row["line"].partition(".")[0]]
    ]


def with_other_voices(script: Script, looked: Looked) -> Looked:
    """The same pictures with each line heard in the place of the one before."""
    sound = looked.sound.copy()
    for line, following in pairwise(script.lines):
        start, source, length = (
            ms * SOUND_RATE // 1000
            for ms in (line.start_ms, following.start_ms, line.end_ms - line.start_ms)
        )
        heard = looked.sound[source : source + length]
        sound[start : start + len(heard)] = heard
    changed = copy(looked)
    changed.sound, changed.loudness = sound, evidence.loudness_of(sound)
    return changed


def handicapped(looked: Looked, seed: int) -> Looked:
    """The same with openings that follow the sound as loosely as those of real mouths do."""
    import polars as pl
    from scipy.ndimage import gaussian_filter1d

    rng = np.random.default_rng(seed)
    noise = gaussian_filter1d(rng.normal(size=looked.motion.height), 2)
    noise *= OPENING_NOISE / noise.std()
    worse = copy(looked)
    worse.motion = looked.motion.with_columns(pl.col("opening") + pl.Series(noise))
    return worse


def fit(episodes: Sequence[tuple[Script, Looked]]) -> evidence.MouthModel:
    """The model, fitted on the handicapped episodes."""
    rows: list[dict[str, Any]] = []
    weights: list[float] = []
    for number, (script, looked) in enumerate(episodes):
        worse = handicapped(looked, number)
        strange = with_other_voices(script, worse)
        for longest_ms in LENGTHS_MS:
            rows += measured(script, worse, longest_ms)
            weights += [1.0] * (len(rows) - len(weights))
            others = [row for row in measured(script, strange, longest_ms) if row["speaks"]]
            rows += [{**row, "speaks": False} for row in others]
            weights += [OTHER_VOICE] * len(others)
    activity, sync, seen = (
        np.array([row[name] for row in rows]) for name in ("activity", "sync", "seen_ms")
    )
    activity += np.random.default_rng(0).normal(scale=ACTIVITY_NOISE, size=len(activity))
    inputs = np.stack(
        [np.ones(len(rows)), activity, evidence.sync_score(activity, sync, seen)], axis=1
    )
    speaks = np.array([row["speaks"] for row in rows], dtype=np.float64)
    trust = np.array(weights) * evidence.trust_by_time(seen)
    found = logistic(inputs, speaks, trust)
    return evidence.MouthModel(
        intercept=round(float(found[0]), 4),
        activity=round(float(found[1]), 4),
        sync=round(float(found[2]), 4),
        shrink=SHRINK,
        bound=BOUND,
        fitted_on=f"{len(episodes)} synthetic episodes of {MINUTES} minutes, {len(rows)} mouths",
    )


def logistic(inputs: Doubles, speaks: Doubles, weights: Doubles) -> Doubles:
    """Weights of a logistic regression with a ridge, by Newton's method."""
    found = np.zeros(inputs.shape[1])
    ridge = RIDGE * np.diag([0.0, *np.ones(inputs.shape[1] - 1)])
    for _ in range(30):
        chance = 1 / (1 + np.exp(-inputs @ found))
        slope = inputs.T @ (weights * (speaks - chance)) - ridge @ found
        curve = (inputs * (weights * chance * (1 - chance))[:, None]).T @ inputs + ridge
        found = found + np.linalg.solve(curve, slope)
    return found


def calibration_error(odds: Doubles, speaks: Doubles) -> float:
    """Expected calibration error over ten equal bins of probability."""
    chance = 1 / (1 + np.exp(-odds))
    bins = np.minimum((chance * 10).astype(int), 9)
    gaps = [
        abs(chance[bins == b].mean() - speaks[bins == b].mean()) * (bins == b).mean()
        for b in np.unique(bins)
    ]
    return float(sum(gaps))


def row_of_results(name: str, rows: Sequence[dict[str, Any]]) -> list[Any]:
    """One row of the table."""
    odds = np.array([row["log_odds"] for row in rows])
    speaks = np.array([row["speaks"] for row in rows], dtype=np.float64)
    lines: dict[Any, list[dict[str, Any]]] = {}
    for row in rows:
        lines.setdefault((row["film"], row["line"]), []).append(row)
    several = [own for own in lines.values() if len(own) > 1 and any(r["speaks"] for r in own)]
    right = [max(own, key=lambda row: row["log_odds"])["speaks"] for own in several]
    nobody = [own for own in lines.values() if not any(r["speaks"] for r in own)]
    silent = [all(row["log_odds"] < 0 for row in own) for own in nobody]
    return [
        *(name, len(rows), f"{np.mean((odds > 0) == (speaks > 0)):.1%}"),
        f"{calibration_error(odds, speaks):.3f}",
        *(len(several), f"{np.mean(right):.1%}" if right else "-"),
        *(len(nobody), f"{np.mean(silent):.1%}" if silent else "-"),
    ]


def real_films(engine: FaceEngine) -> dict[str, Any]:
    """Log-odds of every visible mouth of two real clips; nothing is fitted on them."""
    folder, found = SHARED / "media", {}
    if not folder.exists():
        return {}
    truth = json.loads((folder / "grid_scene/truth.json").read_text())
    cuts = [round(shot["start"] * 1000) for shot in truth["shots"][1:]]
    grid = look(folder / "grid_scene/scene.mp4", cuts, engine, 60)
    spans = [
        (f"{line['line']}: {line['speaker']}, seen: {', '.join(line['visible']) or '-'}",
         round(line["cue_start"] * 1000), round(line["cue_end"] * 1000))
        for line in truth["lines"]
    ]  # fmt: skip
    found["grid_scene"] = odds_of(grid, spans)
    described = folder / "described/perspective"
    cues = read(described / "perspective-caption.vtt").cues
    silent = look(described / "perspective-video.mp4", [], engine, 60)
    spans = [(str(n), cue.start_ms, cue.end_ms) for n, cue in enumerate(cues, start=1)]
    found["perspective (nobody seen speaks)"] = odds_of(silent, spans)
    return found


def odds_of(looked: Looked, spans: Sequence[tuple[str, int, int]]) -> list[dict[str, Any]]:
    """What is said about each line, rounded."""
    frame = evidence.mouth_evidence(
        lines_frame(spans), looked.motion, looked.faces, looked.loudness
    )
    left = dict(looked.faces.group_by("track").agg(looked_left()).iter_rows())
    return [
        {
            "line": row["line"],
            "face at": round(left[row["track"]]),
            "seen_ms": row["seen_ms"],
            **{name: round(row[name], 2) for name in ("activity", "sync", "log_odds")},
        }
        for row in frame.iter_rows(named=True)
    ]


def looked_left() -> pl.Expr:
    """The left edge of a track."""
    import polars as pl

    return pl.col("left").median()


def main() -> None:
    """Fit, write the model, measure, write the table."""
    engine = load("faces", "dlib")
    model = fit([episode(seed, engine) for seed in FITTED])
    path = ROOT / "src/castline/people/mouth_model.json"
    path.write_bytes(msgspec.json.format(msgspec.json.encode(model), indent=1) + b"\n")
    evidence.mouth_model.cache_clear()

    table = []
    films = {seed: episode(seed, engine) for seed in HELD_OUT}
    for name, change in (("as drawn", lambda looked, _: looked), ("handicapped", handicapped)):
        for longest_ms in LENGTHS_MS:
            rows = [
                {**row, "film": seed}
                for seed, (script, looked) in films.items()
                for row in measured(script, change(looked, seed), longest_ms)
            ]
            length = "whole" if longest_ms == max(LENGTHS_MS) else f"{longest_ms / 1000:g} s"
            table.append(row_of_results(f"{name}, {length}", rows))
    header = ["lines", "mouths", "sign right", "calibration error"]
    header += ["several seen", "speaker first", "nobody seen speaks", "all below 0"]
    write_results("mouths", header, table, real=real_films(engine))


if __name__ == "__main__":
    main()
