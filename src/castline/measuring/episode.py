"""One episode that is measured: its files, its tables, and its sound."""

from __future__ import annotations

import glob
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from castline.errors import UsageError
from castline.files import storage_errors
from castline.media.probe import guard_unchanged

if TYPE_CHECKING:
    import polars as pl

    from castline.measuring.intake import EpisodeFiles, FilmSettings
    from castline.media.sound import Sound
    from castline.pipeline.progress import Reporter
    from castline.project import Project

__all__ = ["SOUND", "Episode", "open_sound", "spans_of"]

SOUND = "sound"
"""Folder of a project in which decoded sound is kept."""


@dataclass(frozen=True)
class Episode:
    """One episode that is measured, and what with.

    Attributes:
        project: The project.
        files: Its film and subtitles.
        film: Settings of the whole film.
        models: Folder of the weights.
    """

    project: Project
    files: EpisodeFiles
    film: FilmSettings
    models: Path

    @property
    def name(self) -> str:
        """The episode."""
        return self.files.name

    @property
    def video(self) -> Path:
        """The film file."""
        return self.project.folder / self.files.video

    @property
    def subtitles(self) -> Path | None:
        """The subtitle file, if lines come from one."""
        if self.film.lines != "subtitles":
            return None
        if not self.files.subtitles:
            raise UsageError(
                f"Episode {self.name!r} has no subtitles. Name the file in castline.toml, or set "
                'lines = "burnt-in" or lines = "speech" there.'
            )
        return self.project.folder / self.files.subtitles

    def digest(self, name: str) -> dict[str, str]:
        """The digest of a table of this episode, as an input of a unit."""
        manifest = self.project.store.manifest(name, self.name)
        return {f"{name}/{self.name}": manifest.digest} if manifest else {}

    def read(self, name: str, **options: Any) -> pl.DataFrame:
        """A table of this episode."""
        return self.project.store.read(name, self.name, **options)

    def media(self) -> dict[str, Any]:
        """The one row of the table `media`."""
        return self.read("media").row(0, named=True)


def _sound_path(episode: Episode) -> Path:
    """Where the decoded sound of the film is kept; another film, another name."""
    media = episode.media()
    key = hashlib.sha256(f"{media['fingerprint']} {media['sound']}".encode()).hexdigest()
    return episode.project.folder / SOUND / f"{episode.name}-{key[:16]}.wav"


def open_sound(episode: Episode, reporter: Reporter) -> Sound | None:
    """The sound of the film, decoded on first use; None when it has none.

    Raises:
        InputError: It cannot be decoded, or the film changed meanwhile.
        StorageError: The disk refused.
    """
    from castline.media.sound import Sound, write_sound

    media = episode.media()
    if media["sound"] is None:
        return None
    path = _sound_path(episode)
    if not path.exists():
        with storage_errors(path.parent, "write"):
            path.parent.mkdir(exist_ok=True)
            for old in path.parent.glob(f"{glob.escape(episode.name)}-{'?' * 16}.wav"):
                old.unlink()
        with guard_unchanged(episode.video, media["fingerprint"]):
            written = write_sound(episode.video, path, media["sound"])
        for problem in written.problems:
            reporter.warn(f"{episode.video}: {problem}")
    return Sound(path)


def spans_of(frame: pl.DataFrame) -> npt.NDArray[np.int64]:
    """(n, 2) starts and ends of the rows of a table."""
    return frame.select("start_ms", "end_ms").to_numpy().astype(np.int64).reshape(-1, 2)
