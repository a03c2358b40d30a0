"""The units of one episode beside its lines and pictures: probe, listen, voices, mouths.

Each reads what the ones before wrote. What a unit needs beside tables (the film, its decoded sound)
lies at the edge, here; the work itself is in `media`, `story` and `people`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import msgspec
import numpy as np
import numpy.typing as npt

from castline.measuring.episode import Episode, open_sound, spans_of
from castline.media.probe import fingerprint, probe
from castline.pipeline.stage import Output, Unit
from castline.tables.catalog import table
from castline.tables.schema import build_frame

if TYPE_CHECKING:
    import polars as pl

    from castline.engines.base import Manifest, VoiceEngine
    from castline.pipeline.progress import Reporter

__all__ = ["listen_unit", "mouths_unit", "probe_unit", "voices_unit"]

Floats = npt.NDArray[np.float32]

_VOICES_AT_ONCE = 100
"""Lines that are heard before progress is told."""


def probe_unit(episode: Episode) -> Unit:
    """What kind of file the film is: table `media`."""
    output = Output("media", episode.name)
    content = fingerprint(episode.video)

    def make(reporter: Reporter) -> Iterator[tuple[Output, pl.DataFrame]]:
        info = probe(episode.video)
        video, sound = info.video, None
        if info.sound:
            from castline.media.sound import choose_track

            sound = episode.files.sound
            sound = choose_track(info).index if sound is None else sound
        else:
            reporter.warn(f"{episode.video}: the film has no sound, so its voices are not known")
        if video is None:
            reporter.warn(f"{episode.video}: there are no pictures, so nobody is seen")
        yield (
            output,
            build_frame(
                table("media"),
                {
                    "duration_ms": [info.duration_ms],
                    "width": [video.width if video else None],
                    "height": [video.height if video else None],
                    "rate_num": [video.rate.numerator if video else None],
                    "rate_den": [video.rate.denominator if video else None],
                    "sound": [sound],
                },
                episode=episode.name,
                path=str(episode.files.video),
                fingerprint=content,
                source="pyav",
            ),
        )

    return Unit(
        stage="probe",
        version=1,
        name=episode.name,
        outputs=(output,),
        inputs={"film": content},
        parameters={"sound": episode.files.sound},
        make=make,
    )


def listen_unit(episode: Episode, manifest: Manifest) -> Unit:
    """When somebody speaks: table `speech`."""
    output = Output("speech", episode.name)

    def make(reporter: Reporter) -> Iterator[tuple[Output, pl.DataFrame]]:
        from castline.engines.models import load
        from castline.engines.silero import segments

        reporter.step("listen", 0, 2, episode.name)
        sound = open_sound(episode, reporter)
        reporter.step("listen", 1, 2, episode.name)
        spans: list[tuple[int, int]] = []
        if sound is not None:
            detector = load("speech-activity", manifest.name, folder=episode.models)
            spans = segments(
                detector.probabilities(sound.samples(0, sound.duration_ms)), detector.hop_ms
            )
        columns = {"start_ms": [a for a, _ in spans], "end_ms": [b for _, b in spans]}
        yield (
            output,
            build_frame(table("speech"), columns, episode=episode.name, source=manifest.name),
        )

    return Unit(
        stage="listen",
        version=1,
        name=episode.name,
        outputs=(output,),
        inputs={**episode.digest("media"), "engine": manifest.fingerprint},
        make=make,
    )


def voices_unit(episode: Episode, manifest: Manifest) -> Unit:
    """What each line sounds like: table `voices`."""
    output = Output("voices", episode.name)

    def make(reporter: Reporter) -> Iterator[tuple[Output, pl.DataFrame]]:
        from castline.engines.models import load
        from castline.people.voices import voices_frame

        sound = open_sound(episode, reporter)
        engine = load("voices", manifest.name, folder=episode.models)
        yield (
            output,
            voices_frame(
                episode.read("lines"),
                spans_of(episode.read("speech")),
                sound.samples if sound is not None else _silence,
                _Telling(engine, reporter, episode.name),
                episode=episode.name,
            ),
        )

    return Unit(
        stage="voices",
        version=1,
        name=episode.name,
        outputs=(output,),
        inputs={
            **episode.digest("media"),
            **episode.digest("lines"),
            **episode.digest("speech"),
            "engine": manifest.fingerprint,
        },
        make=make,
    )


class _Telling:
    """A voice engine that tells how far it came."""

    def __init__(self, engine: VoiceEngine, reporter: Reporter, episode: str) -> None:
        self.manifest = engine.manifest
        self.size = engine.size
        self._engine = engine
        self._reporter = reporter
        self._episode = episode

    def embed(self, clips: Sequence[Floats]) -> Floats:
        """See `VoiceEngine`."""
        found = [np.zeros((0, self.size), np.float32)]
        for first in range(0, len(clips), _VOICES_AT_ONCE):
            self._reporter.step("voices", first, len(clips), self._episode)
            found.append(self._engine.embed(clips[first : first + _VOICES_AT_ONCE]))
        return np.concatenate(found)


def _silence(_start_ms: int, _end_ms: int) -> Floats:
    """What is heard in a film without sound."""
    return np.zeros(0, np.float32)


_MOUTHS_READ = ("media", "lines", "motion", "faces")
"""Tables that say which mouths move with which lines."""


def mouths_unit(episode: Episode) -> Unit:
    """Which mouths move with which lines: table `mouths`."""
    from castline.people.mouth_evidence import mouth_model

    output = Output("mouths", episode.name)

    def make(reporter: Reporter) -> Iterator[tuple[Output, pl.DataFrame]]:
        from castline.people.mouth_evidence import loudness_of, mouth_evidence

        sound = open_sound(episode, reporter)
        heard = _silence(0, 0) if sound is None else sound.samples(0, sound.duration_ms)
        yield (
            output,
            mouth_evidence(
                episode.read("lines"),
                episode.read("motion"),
                episode.read("faces"),
                loudness_of(heard),
            ),
        )

    return Unit(
        stage="mouths",
        version=1,
        name=episode.name,
        outputs=(output,),
        inputs={name: digest for t in _MOUTHS_READ for name, digest in episode.digest(t).items()},
        parameters={"model": msgspec.to_builtins(mouth_model())},
        make=make,
    )
