"""The film of an episode: pictures and sound, encoded as they are made."""

from __future__ import annotations

import contextlib
import queue
import threading
from bisect import bisect_right
from collections.abc import Callable, Iterator
from fractions import Fraction
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

from castline.testing.episode_captions import burn_in
from castline.testing.episode_sound import SceneSound, record_scene
from castline.testing.episode_stage import Frame, SetUp, film_shot
from castline.testing.synthetic_voices import RATE

if TYPE_CHECKING:
    import av

    from castline.subtitles import Cue
    from castline.testing.episode_script import Framing, Scene, Script

__all__ = ["Progress", "write_video"]

Progress = Callable[[int, int], None]
"""Told how many milliseconds of how many are filmed."""

_SOUND_RATE = 48_000
_QUALITY = {"preset": "superfast", "crf": "23"}
"""Slower presets look ahead, and then x264 does not always give the same bytes."""
_SET_UPS_KEPT = 8
_FRAMES_AHEAD = 16
_BT601 = 6
"""Number of the colour space that the planes are in."""


def write_video(
    script: Script, cues: tuple[Cue, ...], path: Path, progress: Progress | None
) -> None:
    """Film a script into an MP4 file, H.264 and AAC, with its index in front.

    Args:
        script: What to film.
        cues: The subtitles, for scripts that burn them in.
        path: Where to.
        progress: Told after each scene.
    """
    import av

    options = {"movflags": "+faststart", "fflags": "+bitexact"}
    with av.open(str(path), "w", options=options) as container:
        picture = container.add_stream("libx264", rate=script.fps, options=_QUALITY)
        picture.width, picture.height, picture.pix_fmt = script.width, script.height, "yuv420p"
        picture.codec_context.colorspace = _BT601
        sound = container.add_stream("aac", rate=_SOUND_RATE, layout="mono")
        for stream in (picture, sound):  # the number of threads changes the bytes
            stream.codec_context.thread_count = 1
        ready = lru_cache(_SET_UPS_KEPT)(partial(SetUp, script))
        first_line = number = 0
        for scene in script.scenes:
            recorded = record_scene(script, scene, first_line)
            first_line += len(scene.lines)
            container.mux(sound.encode(_sound_frame(recorded, scene)))
            for frame in _ahead(_film_scene(script, scene, recorded, ready)):
                if script.burnt_in:
                    burn_in(frame, _shown(cues, number * 1000 // script.fps))
                pictured = av.VideoFrame.from_ndarray(frame.block, format="yuv420p")
                pictured.pts = number
                container.mux(picture.encode(pictured))
                number += 1
            if progress is not None:
                progress(scene.end_ms, script.end_ms)
        for stream in (sound, picture):
            container.mux(stream.encode(None))


def _film_scene(
    script: Script, scene: Scene, recorded: SceneSound, ready: Callable[[Framing], SetUp]
) -> Iterator[Frame]:
    for shot in scene.shots:
        first, last = (
            (ms - scene.start_ms) * script.fps // 1000 for ms in (shot.start_ms, shot.end_ms)
        )
        mouths = {person: moved[first:last] for person, moved in recorded.mouths.items()}
        yield from film_shot(script, shot, ready(shot.framing), mouths)


def _sound_frame(recorded: SceneSound, scene: Scene) -> av.AudioFrame:
    import av

    frame = av.AudioFrame.from_ndarray(recorded.samples[None], format="flt", layout="mono")
    frame.sample_rate = RATE
    frame.time_base = Fraction(1, RATE)
    frame.pts = scene.start_ms * RATE // 1000
    return frame


def _shown(cues: tuple[Cue, ...], at_ms: int) -> tuple[str, ...]:
    """The texts on screen at a moment; only a few cues can be."""
    last = bisect_right(cues, at_ms, key=lambda cue: cue.start_ms)
    return tuple(cue.text for cue in cues[max(0, last - 4) : last] if at_ms < cue.end_ms)


def _ahead(frames: Iterator[Frame]) -> Iterator[Frame]:
    """The same pictures, made in a thread of its own while others are encoded."""
    made: queue.Queue[Frame | BaseException | None] = queue.Queue(_FRAMES_AHEAD)
    stop = threading.Event()

    def make() -> None:
        last: BaseException | None = None
        try:
            for frame in frames:
                made.put(frame)
                if stop.is_set():
                    return
        except BaseException as error:  # handed over to whoever waits for pictures
            last = error
        made.put(last)

    maker = threading.Thread(target=make, daemon=True)
    maker.start()
    try:
        while isinstance(item := made.get(), Frame):
            yield item
        if item is not None:
            raise item
    finally:
        stop.set()
        while maker.is_alive():
            with contextlib.suppress(queue.Empty):
                made.get(timeout=0.05)
