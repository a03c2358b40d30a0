"""From films to tables: the story of `castline run`, up to where attribution begins."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from castline.engines.registry import SPEECH_DETECTOR
from castline.engines.vision import VisionEndpoint
from castline.errors import CastlineError, RunError, TableError, UsageError
from castline.files import remove_scraps
from castline.measuring.episode import SOUND, Episode
from castline.measuring.episode_units import listen_unit, mouths_unit, probe_unit, voices_unit
from castline.measuring.intake import Intake, read_intake, section
from castline.measuring.line_units import (
    read_lines_unit,
    spoken_lines_unit,
    subtitle_lines_unit,
)
from castline.measuring.look_unit import PARTS, forget_parts, look_unit
from castline.measuring.looking import LookSettings
from castline.measuring.looking_pool import Eyes, processes
from castline.measuring.portraits_unit import portraits_unit
from castline.measuring.series_units import cast_unit, episodes_unit, names_unit
from castline.people.cast import Cast, read_cast
from castline.people.library import LibrarySettings
from castline.pipeline.progress import Recorder
from castline.pipeline.run import RunSummary, run_units
from castline.pipeline.stage import why_stale

if TYPE_CHECKING:
    from pathlib import Path

    from castline.engines.base import Manifest
    from castline.pipeline.progress import Reporter
    from castline.pipeline.stage import Unit
    from castline.project import Project

__all__ = ["measure"]

TEXT_READER = "rapidocr"
_UNITS_OF_AN_EPISODE = 6
_UNITS_OF_THE_SERIES = 4


def measure(
    project: Project,
    *,
    jobs: int | None = None,
    offline: bool = False,
    reporter: Reporter | None = None,
    dry_run: bool = False,
) -> RunSummary:
    """Measure all films of a project: lines, shots, faces, voices, names and mouths.

    What is up to date stays; a film that is broken is reported at the end and passed over.

    Args:
        project: The series; its castline.toml names films, subtitles and cast.
        jobs: Processes that look at pictures; one for each processor when None.
        offline: Forbid the network, in all processes.
        reporter: Told about progress and warnings.
        dry_run: Say what would be made and why, and make nothing.

    Raises:
        ProjectError: The project names no film.
        SettingsError: castline.toml holds something it may not hold.
        UnknownName: There is no such engine.
        UsageError: Lines are to come from speech, and nothing can write it down.
        InputError: Weights of an engine are missing, or the cast is broken.
        MissingExtra: An optional package is needed.
        StorageError: The disk refused; everything finished before stands.
        ProjectBusy: Another run works in the project.
        RunError: Some units failed; all others were kept.
    """
    reporter = reporter or Recorder()
    if offline:
        from castline.offline import forbid_network

        forbid_network()
    work = _prepare(project, reporter, jobs=jobs, offline=offline, dry_run=dry_run)
    total = _UNITS_OF_AN_EPISODE * len(work.intake.episodes) + _UNITS_OF_THE_SERIES
    with project.lock():
        for folder in (SOUND, PARTS):
            remove_scraps(project.folder / folder, below=True)
        summary = run_units(project.store, work.units(), reporter, total=total, dry_run=dry_run)
        summary.failures.update(work.failures)
        if summary.failures:
            raise RunError(summary.failures)
        if not dry_run:
            forget_parts(project)
    return summary


@dataclass(frozen=True)
class _Engines:
    """The engines of a run; their weights are there."""

    faces: Manifest
    voices: Manifest
    speech: Manifest
    recogniser: Manifest | None
    reader: Manifest | None
    models: Path

    @property
    def looking(self) -> list[Manifest]:
        """Those that look at pictures."""
        return [self.faces, *([self.reader] if self.reader else [])]


def _prepare(
    project: Project, reporter: Reporter, *, jobs: int | None, offline: bool, dry_run: bool
) -> _Work:
    """Check everything that can be checked before hours of work begin.

    Raises:
        CastlineError: See `measure`.
    """
    intake = read_intake(project)
    path = intake.cast_path(project)
    engines = _engines(intake)
    reader = engines.reader.name if engines.reader else ""
    vision = None
    if intake.film.vision and reader and not offline:
        vision = VisionEndpoint(
            intake.film.vision, intake.film.vision_model, intake.film.vision_key
        )
        reporter.warn(
            f"pictures of burnt-in subtitles that are read badly are sent to {vision.host}, "
            "as castline.toml says"
        )
    return _Work(
        project=project,
        intake=intake,
        look=section(project, "look", LookSettings),
        library=section(project, "library", LibrarySettings),
        cast=read_cast(path) if path else Cast(()),
        engines=engines,
        eyes=Eyes(engines.faces.name, reader, engines.models, offline, vision),
        jobs=processes(jobs),
        dry_run=dry_run,
    )


def _engines(intake: Intake) -> _Engines:
    """The engines that are asked for.

    Raises:
        UnknownName: There is no such engine.
        InputError: Weights are missing or damaged; says how to get them.
        MissingExtra: A package is missing.
    """
    from castline.engines.models import models_folder, need

    film, folder = intake.film, models_folder()
    return _Engines(
        faces=need("faces", film.faces, folder),
        voices=need("voices", film.voices, folder),
        speech=need("speech-activity", SPEECH_DETECTOR, folder),
        recogniser=_recogniser(film.recogniser, folder) if film.lines == "speech" else None,
        reader=need("text", TEXT_READER, folder) if film.lines == "burnt-in" else None,
        models=folder,
    )


def _recogniser(name: str, folder: Path) -> Manifest:
    from castline.engines.models import need, recognisers

    name = name or next(iter(recognisers(folder)), "")
    if not name:
        raise UsageError(
            "There are no subtitles, and no model that writes down speech. Name subtitle files in "
            'castline.toml, or set lines = "burnt-in" there if they are part of the picture, or '
            "add a model:  castline models add FOLDER  (docs/engines.md)"
        )
    return need("speech", name, folder=folder)


@dataclass(frozen=True)
class _Work:
    """All units of a run, made up one after the other: later ones depend on earlier tables."""

    project: Project
    intake: Intake
    look: LookSettings
    library: LibrarySettings
    cast: Cast
    engines: _Engines
    eyes: Eyes
    jobs: int
    dry_run: bool
    failures: dict[str, CastlineError] = field(default_factory=dict)

    def units(self) -> Iterator[Unit]:
        """The units in order; an episode that fails is left where it failed."""
        episodes = [
            Episode(self.project, files, self.intake.film, self.engines.models)
            for files in self.intake.episodes
        ]
        for episode in episodes:
            try:
                for unit in self._episode(episode):
                    yield unit
                    if not self._done(unit):
                        break
            except CastlineError as error:  # a file is not there: the other episodes go on
                self.failures[f"episode {episode.name}"] = error
        yield from self._series(episodes)

    def _episode(self, episode: Episode) -> Iterator[Unit]:
        engines = self.engines
        yield probe_unit(episode)
        yield listen_unit(episode, engines.speech)
        if (subtitles := episode.subtitles) is not None:
            yield subtitle_lines_unit(episode, subtitles)
        elif engines.recogniser is not None:
            yield spoken_lines_unit(episode, engines.recogniser)
        yield look_unit(episode, self.look, self.eyes, engines.looking, jobs=self.jobs)
        if engines.reader is not None:
            yield read_lines_unit(episode)
        yield voices_unit(episode, engines.voices)
        yield mouths_unit(episode)

    def _series(self, episodes: Sequence[Episode]) -> Iterator[Unit]:
        measured = [each.name for each in episodes if self._have(each, "lines", "faceprints")]
        yield episodes_unit(episodes, measured)
        yield cast_unit(self.cast, self.intake.cast_path(self.project))
        yield portraits_unit(self.cast, self.engines.faces, self.engines.models)
        if measured:
            yield names_unit(self.project, measured, self.library, self.engines.faces)

    def _done(self, unit: Unit) -> bool:
        """Whether a unit was made; a dry run goes on as if it had been."""
        try:
            return self.dry_run or why_stale(self.project.store, unit) is None
        except TableError:  # reported by the run
            return False

    def _have(self, episode: Episode, *tables: str) -> bool:
        """Whether an episode came so far, now or in an earlier run."""
        store = self.project.store
        return self.dry_run or all(store.exists(each, episode.name) for each in tables)
