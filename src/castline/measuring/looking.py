"""The one pass over the pictures of a film: cuts, faces, tracks, mouths and writing.

A film is looked at in parts that begin at key frames, each by itself and so in any process. Every
frame is decoded once and watched for cuts. Some are searched for faces, and between two of those
the mouth of each tracked face is cut from every frame.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import numpy as np
import numpy.typing as npt

from castline.measuring.looked import FaceRow, PrintRow, part_frame
from castline.people.mouths import mouth_patch, mouth_signal
from castline.people.quality import best_faces, quality, sharpness
from castline.people.tracks import Tracker, interpolate
from castline.story.burnt_in import BurntInReader, Repair
from castline.story.shots import LAG, CutDetector

if TYPE_CHECKING:
    import polars as pl

    from castline.engines.base import Detections, FaceEngine, TextReader
    from castline.media.frames import Frame, Part

__all__ = ["LookSettings", "PartTask", "look_at_part", "with_cuts"]

Floats = npt.NDArray[np.float32]
Luma = npt.NDArray[np.uint8]

_NEVER = -(2**62)


@dataclass(frozen=True)
class LookSettings:
    """How the pictures are looked at.

    Attributes:
        height: Pictures are looked at no larger than this many rows.
        calm_fps: Pictures a second that are searched as a whole for faces.
        speech_fps: Pictures a second in which known faces are followed while somebody speaks.
        smallest_face: Width of the smallest face box to be found, as a share of the height.
        part_s: Least length of a part in seconds. After a kill, the parts at work are lost.
    """

    height: Annotated[int, msgspec.Meta(ge=90)] = 720
    calm_fps: Annotated[float, msgspec.Meta(gt=0, le=120)] = 1.0
    speech_fps: Annotated[float, msgspec.Meta(gt=0, le=120)] = 5.0
    smallest_face: Annotated[float, msgspec.Meta(gt=0, le=1)] = 0.125
    part_s: Annotated[float, msgspec.Meta(ge=1, le=3600)] = 60.0


@dataclass(frozen=True)
class PartTask:
    """One part of a film to be looked at; may travel to another process.

    Attributes:
        path: The film.
        part: Which part.
        rate: Frames a second.
        height: Height of the picture as shown, in pixels.
        spoken_ms: (n, 2) spans in which somebody speaks, ascending, without overlap.
        settings: How to look.
    """

    path: Path
    part: Part
    rate: Fraction
    height: int
    spoken_ms: npt.NDArray[np.int64]
    settings: LookSettings


def look_at_part(
    task: PartTask,
    engine: FaceEngine,
    reader: TextReader | None = None,
    repair: Repair | None = None,
) -> dict[str, pl.DataFrame]:
    """Look at one part of a film.

    Args:
        task: What to look at and how.
        engine: Finds faces.
        reader: Reads burnt-in subtitles; None when there are none.
        repair: Asked what badly read subtitles say.

    Returns:
        `cuts` (time_ms); `faces` (time_ms, box in pixels as shown, track, score, sharpness);
        `faceprints` (row of the face in `faces`, quality, embedding); `motion` (track, time_ms,
        opening, motion); `readings` (start_ms, end_ms, text, top, bottom, score); `problems`
        (problem): what was wrong with the film. Tracks are numbered from 0 in each part.

    Raises:
        InputError: The film cannot be read.
    """
    from castline.media.frames import read_frames

    looker = _Looker(task, engine, reader, repair)
    problems: list[str] = []
    frames = read_frames(task.path, task.part, one_more=True, problems=problems)
    for frame, is_cut in with_cuts(frames, CutDetector(task.rate)):
        looker.take(frame, is_cut=is_cut)
    return {**looker.finish(), "problems": part_frame("problems", [(each,) for each in problems])}


def with_cuts(frames: Iterable[Frame], detector: CutDetector) -> Iterator[tuple[Frame, bool]]:
    """Each frame with whether a shot begins with it; the detector lags, so some frames wait."""
    waiting: deque[Frame] = deque()
    for frame in frames:
        waiting.append(frame)
        is_cut = detector.feed(frame.small())
        if len(waiting) > LAG:
            yield waiting.popleft(), is_cut
    if not waiting:
        return
    last = waiting[-1].small()  # after the end the picture stands still
    for _ in range(LAG - len(waiting)):
        detector.feed(last)
    while waiting:
        is_cut = detector.feed(last)
        yield waiting.popleft(), is_cut


@dataclass
class _Mouth:
    """The mouth of one track, frame by frame, and its box where it was last found."""

    box: Floats
    times_ms: list[int] = field(default_factory=list)
    patches: list[Floats] = field(default_factory=list)

    def add(self, time_ms: int, luma: Luma, box: Floats) -> None:
        self.times_ms.append(time_ms)
        self.patches.append(mouth_patch(luma, box))


class _Looker:
    """What is known while the frames of a part go by."""

    def __init__(
        self,
        task: PartTask,
        engine: FaceEngine,
        reader: TextReader | None,
        repair: Repair | None,
    ) -> None:
        self._task = task
        self._engine = engine
        self._height = min(task.settings.height, task.height)
        self._smallest = max(1, round(task.settings.smallest_face * self._height))
        self._tracker = Tracker()
        self._mouths: dict[int, _Mouth] = {}
        self._present: dict[int, Floats] = {}  # track to face box, where last searched
        self._between: list[tuple[int, Luma]] = []  # frames since then
        self._searched_ms = self._next_ms = self._next_whole_ms = _NEVER
        self._cuts: list[int] = []
        self._faces: list[FaceRow] = []
        self._prints: list[PrintRow] = []
        self._reader = reader
        self._repair = repair
        self._writing: BurntInReader | None = None
        self._end_ms = 0

    def take(self, frame: Frame, *, is_cut: bool) -> None:
        """Look at the next frame."""
        if is_cut:
            self._cuts.append(frame.time_ms)
        end_ms = self._task.part.end_ms
        if end_ms is not None and frame.time_ms >= end_ms:
            return  # the first of the next part, seen for the sake of cuts only
        self._end_ms = frame.time_ms
        if is_cut:
            self._follow(None, frame.time_ms)
            self._tracker.cut()
            self._present.clear()
            self._next_ms = self._next_whole_ms = _NEVER
        luma = frame.luma(self._height)
        if frame.time_ms >= self._next_ms:
            self._search(frame, luma)
        else:
            self._between.append((frame.time_ms, luma))
        if self._reader and self._writing is None:
            self._writing = BurntInReader(
                self._reader, luma.shape[0], luma.shape[1], repair=self._repair
            )
        if self._writing:
            self._writing.feed(frame.time_ms, luma)

    def _search(self, frame: Frame, luma: Luma) -> None:
        """Find the faces of a frame: all of them once in a while, else those seen before."""
        time_ms, settings = frame.time_ms, self._task.settings
        whole = time_ms >= self._next_whole_ms
        if whole:
            self._next_whole_ms = time_ms + round(1000 / settings.calm_fps)
        self._next_ms = self._when_next(time_ms)
        if not whole and not self._present:
            self._between.clear()
            return
        picture = frame.picture(self._height)
        around = None if whole else np.stack([*self._present.values()])
        faces = self._engine.detect(picture, smallest=self._smallest, around=around)
        embeddings = self._engine.embed(picture, faces) if whole and len(faces) else None
        tracks = self._tracker.update(time_ms, faces)
        mouths = {track: faces.mouths[row] for row, track in enumerate(tracks)}
        self._follow(mouths, time_ms)
        for track, box in mouths.items():
            mouth = self._mouths.setdefault(track, _Mouth(box))
            mouth.box = box
            mouth.add(time_ms, luma, box)
        self._present = {track: faces.boxes[row] for row, track in enumerate(tracks)}
        self._searched_ms = time_ms
        self._keep(time_ms, luma, faces, tracks, embeddings)

    def _when_next(self, time_ms: int) -> int:
        """When to search again: soon while somebody speaks, else when speech begins or later."""
        spoken = self._task.spoken_ms
        place = int(np.searchsorted(spoken[:, 1], time_ms, "right"))
        step = round(1000 / self._task.settings.speech_fps)
        if place == len(spoken):
            return self._next_whole_ms
        begins = int(spoken[place, 0])
        return min(max(time_ms + step, begins), self._next_whole_ms)

    def _follow(self, mouths: dict[int, Floats] | None, time_ms: int) -> None:
        """Cut the mouths out of the frames between two searches.

        Args:
            mouths: Mouth box of each track found now; None at the end of a shot, up to which faces
                are taken to have stayed where they were.
            time_ms: Now.
        """
        for track in self._present:
            mouth = self._mouths[track]
            after = mouth.box if mouths is None else mouths.get(track)
            if after is None:
                continue
            for moment, luma in self._between:
                share = (moment - self._searched_ms) / (time_ms - self._searched_ms)
                mouth.add(moment, luma, interpolate(mouth.box, after, share))
        self._between.clear()

    def _keep(
        self,
        time_ms: int,
        luma: Luma,
        faces: Detections,
        tracks: list[int],
        embeddings: Floats | None,
    ) -> None:
        """Note the faces of one picture."""
        for row, track in enumerate(tracks):
            box, score = faces.boxes[row], float(faces.scores[row])
            left, top, right, bottom = np.rint(np.maximum(box, 0)).astype(int)
            sharp = sharpness(luma[top:bottom, left:right])
            if embeddings is not None:
                worth = quality(float(box[2] - box[0]), sharp, score)
                self._prints.append(PrintRow(len(self._faces), worth, embeddings[row]))
            self._faces.append(FaceRow(time_ms, box, track, score, sharp))

    def finish(self) -> dict[str, pl.DataFrame]:
        """The rows of the part. See `look_at_part`."""
        self._follow(None, self._end_ms + 1)
        self._drop_doubtful()
        found = self._writing.finish(self._end_ms) if self._writing else []
        return {
            "cuts": part_frame("cuts", [(cut,) for cut in self._cuts]),
            "faces": part_frame("faces", self._face_rows()),
            "faceprints": part_frame("faceprints", self._best_prints(), self._engine.size),
            "motion": part_frame("motion", self._motion_rows()),
            "readings": part_frame(
                "readings",
                [(r.start_ms, r.end_ms, r.text, r.top, r.bottom, r.score) for r in found],
            ),
        }

    def _drop_doubtful(self) -> None:
        """Forget tracks that never showed a face for certain."""
        sure = {face.track for face in self._faces if face.score >= self._engine.certain}
        kept = [row for row, face in enumerate(self._faces) if face.track in sure]
        place = {row: number for number, row in enumerate(kept)}
        number = {track: n for n, track in enumerate(sorted(sure))}
        self._prints = [p._replace(row=place[p.row]) for p in self._prints if p.row in place]
        self._faces = [
            self._faces[row]._replace(track=number[self._faces[row].track]) for row in kept
        ]
        self._mouths = {number[t]: mouth for t, mouth in self._mouths.items() if t in number}

    def _face_rows(self) -> list[tuple[object, ...]]:
        scale = self._task.height / self._height
        return [
            (f.time_ms, *np.rint(f.box * scale).astype(int).tolist(), *f[2:]) for f in self._faces
        ]

    def _best_prints(self) -> list[PrintRow]:
        by_track: dict[int, list[PrintRow]] = {}
        for each in self._prints:
            by_track.setdefault(self._faces[each.row].track, []).append(each)
        kept = []
        for prints in by_track.values():
            times = [self._faces[each.row].time_ms for each in prints]
            kept += [prints[place] for place in best_faces(times, [p.quality for p in prints])]
        return sorted(kept, key=lambda each: each.row)

    def _motion_rows(self) -> list[tuple[object, ...]]:
        rows: list[tuple[object, ...]] = []
        for track, mouth in sorted(self._mouths.items()):
            opening, motion = mouth_signal(np.stack(mouth.patches), np.array(mouth.times_ms))
            signals = zip(mouth.times_ms, opening.tolist(), motion.tolist(), strict=True)
            rows += [(track, *each) for each in signals]
        return rows
