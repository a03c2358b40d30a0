"""What a film project is made from: its videos, subtitles and cast, as `castline.toml` says.

::

    [film]
    cast = "/films/cast"             folder of portraits, or a TOML, YAML, JSON or CSV file
    lines = "subtitles"              subtitles, burnt-in or speech
    language = "en"
    faces = "dlib"                   engines: `castline models list`
    voices = "ge2e"

    [[episode]]
    name = "pilot"
    video = "/films/pilot.mkv"       relative paths start at the project folder
    subtitles = "/films/pilot.srt"
    leave_out = ["0:00:00-0:01:30"]  opening titles, credits

The user names these files by hand; they are read and never written.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from castline.errors import InputError, ProjectError, SettingsError, UsageError
from castline.files import safe_name
from castline.project import Project
from castline.settings import build, toml_value

if TYPE_CHECKING:
    from collections.abc import Mapping

    from _typeshed import DataclassInstance

    T = TypeVar("T", bound=DataclassInstance)
else:
    T = TypeVar("T")

__all__ = ["EpisodeFiles", "FilmSettings", "Intake", "new_project", "read_intake", "section"]

LinesFrom = Literal["subtitles", "burnt-in", "speech"]


@dataclass(frozen=True)
class FilmSettings:
    """The section `[film]`.

    Attributes:
        cast: Folder of portraits or cast file; empty for none.
        lines: Where lines come from.
        language: Language of the lines (BCP 47), if it is known.
        faces: Face engine.
        voices: Voice engine.
        recogniser: Model that writes down speech; the first that was added when empty.
        vision: Address of a vision endpoint that is asked about burnt-in subtitles which were read
            badly; their pictures are sent there. Empty for none.
        vision_model: Name of the model there.
        vision_key: Environment variable that holds the key for it.
        calibrate: Move subtitles to where the speech of this file is, when that is certain.
    """

    cast: str = ""
    lines: LinesFrom = "subtitles"
    language: str | None = None
    faces: str = "dlib"
    voices: str = "ge2e"
    recogniser: str = ""
    vision: str = ""
    vision_model: str = ""
    vision_key: str = ""
    calibrate: bool = True


@dataclass(frozen=True)
class EpisodeFiles:
    """One `[[episode]]`.

    Attributes:
        name: Name of the episode.
        video: The film file.
        subtitles: Its subtitles; empty for none.
        sound: Number of the sound track from 0; the default track when None.
        leave_out: Spans without lines: opening titles, credits.
    """

    name: str
    video: str
    subtitles: str = ""
    sound: int | None = None
    leave_out: tuple[str, ...] = ()


@dataclass(frozen=True)
class Intake:
    """What is to be measured, with paths made whole."""

    film: FilmSettings
    episodes: tuple[EpisodeFiles, ...]

    def cast_path(self, project: Project) -> Path | None:
        """Where the cast is."""
        return project.folder / self.film.cast if self.film.cast else None


def new_project(
    folder: Path | str,
    episodes: Sequence[Path | str],
    *,
    subtitles: Sequence[Path | str] = (),
    cast: Path | str | None = None,
    name: str | None = None,
    **film: Any,
) -> Project:
    """Make a project for films that are to be measured.

    Args:
        folder: The project; new or empty.
        episodes: The film files, in order.
        subtitles: One subtitle file for each, in the same order; none for all.
        cast: Folder of portraits, or cast file.
        name: Name of the series.
        film: More of `[film]`: `lines`, `language`, `faces`, `voices`, `calibrate`.

    Raises:
        UsageError: No film, another number of subtitles than of films, two of one name.
        InputError: A file is not there.
        ProjectError: The folder is taken.
        SettingsError: An unknown setting.
    """
    folder = Path(folder)
    if (folder / "castline.toml").exists():
        raise ProjectError(
            f"{folder}: there is a project already. Add episodes in its castline.toml, "
            "or name a new folder."
        )
    if not episodes:
        raise UsageError("Name at least one film file.")
    if subtitles and len(subtitles) != len(episodes):
        raise UsageError(
            f"{len(episodes)} films and {len(subtitles)} subtitle files: give one for each film, "
            "in the same order, or none."
        )
    if not subtitles:
        film.setdefault("lines", "speech")
    values = {"cast": _whole(cast) if cast else "", **film}
    build(FilmSettings, values, "[film]")
    listed = []
    for place, video in enumerate(episodes):
        entry = {"name": safe_name(Path(video).stem), "video": _whole_file(video)}
        if subtitles:
            entry["subtitles"] = _whole_file(subtitles[place])
        listed.append(entry)
    _refuse_twins([entry["name"] for entry in listed])
    text = "\n[film]\n" + _toml(values)
    text += "".join("\n[[episode]]\n" + _toml(entry) for entry in listed)
    return Project.create(folder, name=name, settings=text)


def read_intake(project: Project) -> Intake:
    """What `castline.toml` says is to be measured.

    Raises:
        ProjectError: It names no film.
        SettingsError: An unknown setting, or one of the wrong kind.
    """
    where = str(project.folder / "castline.toml")
    sections = project.settings.get("episode", [])
    if not isinstance(sections, list) or not sections:
        raise ProjectError(
            f"{where}: the project names no film, so there is nothing to measure. "
            "Make one with `castline new`, or add an [[episode]] with name and video."
        )
    film = section(project, "film", FilmSettings)
    episodes = tuple(
        _episode(values, f"{where}, [[episode]] {number}")
        for number, values in enumerate(sections, 1)
    )
    _refuse_twins([each.name for each in episodes])
    return Intake(film, episodes)


def section(project: Project, name: str, kind: type[T]) -> T:
    """One section of `castline.toml`, checked; its defaults where it is left out.

    Raises:
        SettingsError: It is no section, or holds something it may not hold.
    """
    where = f"{project.folder / 'castline.toml'}, [{name}]"
    values = project.settings.get(name, {})
    if not isinstance(values, dict):
        raise SettingsError(f"{where}: expected a section, found {values!r}.")
    return build(kind, values, where)


def _episode(values: object, where: str) -> EpisodeFiles:
    if not isinstance(values, dict):
        raise SettingsError(f"{where}: expected name and video.")
    episode = build(EpisodeFiles, values, where)
    if safe_name(episode.name) != episode.name:
        raise SettingsError(
            f"{where}: {episode.name!r} cannot name an episode; use {safe_name(episode.name)!r}."
        )
    return episode


def _refuse_twins(names: list[str]) -> None:
    seen: dict[str, str] = {}
    for name in names:  # some disks do not tell capitals from small letters
        if seen.setdefault(name.casefold(), name) != name or names.count(name) > 1:
            raise UsageError(f"Two episodes would be called {name!r}. Rename one of the files.")


def _whole(path: Path | str) -> str:
    """The full path of something that must be there, as text."""
    full = Path(path).resolve()
    if not full.exists():
        raise InputError(Path(path), "there is no such file.", remedy="Check the path.")
    try:
        str(full).encode("utf-8")
    except UnicodeEncodeError as error:
        raise InputError(Path(path), "its name is no text.", remedy="Rename it.") from error
    return str(full)


def _whole_file(path: Path | str) -> str:
    """The same, of a file."""
    full = _whole(path)
    if Path(full).is_dir():
        raise InputError(Path(path), "this is a folder, expected a file.", remedy="Name the file.")
    return full


def _toml(values: Mapping[str, Any]) -> str:
    return "".join(
        f"{name} = {toml_value(value)}\n" for name, value in values.items() if value is not None
    )
