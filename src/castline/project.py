"""A series is one folder: `castline.toml`, `castline.db` (people's edits) and `tables/`."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from castline.errors import InputError, ProjectBusy, ProjectError
from castline.files import is_scrap, remove_scraps, storage_errors, write_atomically
from castline.settings import read_toml
from castline.tables.catalog import CATALOG
from castline.tables.store import TableStore

__all__ = ["FORMAT", "Project"]

FORMAT = 1
"""Version of the folder's layout."""

_MARKER = "castline.toml"


class Project:
    """An open project folder.

    Attributes:
        folder: Where it is.
        store: Its tables.
        settings: The content of `castline.toml`.
    """

    def __init__(self, folder: Path, settings: dict[str, Any]) -> None:
        self.folder = folder
        self.settings = settings
        self.store = TableStore(folder / "tables")

    @property
    def name(self) -> str:
        """The name of the series."""
        return str(self.settings.get("project", {}).get("name") or self.folder.name)

    @property
    def database(self) -> Path:
        """The SQLite file with people's edits."""
        return self.folder / "castline.db"

    @classmethod
    def create(cls, folder: Path | str, *, name: str | None = None, settings: str = "") -> Project:
        """Make a new project, or open the one that is there.

        Args:
            folder: A new folder, or an empty one.
            name: Name of the series; that of the folder when None.
            settings: More of `castline.toml`, as TOML.

        Raises:
            ProjectError: The folder holds other things and no project.
            StorageError: The disk refused.
        """
        folder = Path(folder)
        if (folder / _MARKER).exists():
            return cls.open(folder)
        if folder.exists() and not _is_free(folder):
            raise ProjectError(
                f"{folder}: the place is taken and is no Castline project. "
                "Choose a new folder, or an empty one."
            )
        remove_scraps(folder)
        title = (name or folder.resolve().name).replace("\\", "\\\\").replace('"', '\\"')
        title = "".join(char if char.isprintable() else " " for char in title)
        head = f'[project]\nformat = {FORMAT}\nname = "{title}"\n'
        write_atomically(folder / _MARKER, (head + settings).encode())
        # After the marker: a run killed in between leaves a project, not a folder that is taken.
        with storage_errors(folder, "create"):
            (folder / "tables").mkdir(exist_ok=True)
        return cls.open(folder)

    @classmethod
    def open(cls, folder: Path | str) -> Project:
        """Open a project.

        Raises:
            ProjectError: No project there, or one of a newer version.
            SettingsError: `castline.toml` is damaged.
        """
        folder = Path(folder)
        try:
            settings = read_toml(folder / _MARKER)
        except InputError as error:
            raise ProjectError(
                f"{folder}: no Castline project ({_MARKER} is missing). "
                "Make one with `castline import`, or check the path."
            ) from error
        section = settings.get("project")
        found = section.get("format") if isinstance(section, dict) else None
        if not isinstance(found, int):
            raise ProjectError(
                f"{folder / _MARKER}: [project] format is missing; expected format = {FORMAT}."
            )
        if found > FORMAT:
            raise ProjectError(
                f"{folder}: the project has format {found}, this Castline knows {FORMAT}. "
                "Update Castline."
            )
        return cls(folder, settings)

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the project for writing; a killed run lets go by itself.

        Raises:
            ProjectBusy: Another run holds it.
        """
        import filelock

        guard = filelock.FileLock(self.folder / ".lock", timeout=0)
        with storage_errors(self.folder, "lock"):
            try:
                guard.acquire()
            except filelock.Timeout as error:
                raise ProjectBusy(
                    f"{self.folder}: another run is working in this project. "
                    "Wait until it is done, then run again."
                ) from error
        try:
            remove_scraps(self.folder / "tables", below=True)
            yield
        finally:
            guard.release()

    def forget(self) -> list[str]:
        """Remove all that people look and sound like; labels, lines and edits stay.

        Returns:
            What was removed: tables, and the folders `sound` and `parts`.

        Raises:
            ProjectBusy: A run is working in the project.
            StorageError: The disk refused.
        """
        with self.lock():
            biometric = [name for name, table in CATALOG.items() if table.biometric]
            removed = [name for name in biometric if self.store.remove(name)]
            for name in ("sound", "parts"):
                folder = self.folder / name
                if folder.exists():
                    with storage_errors(folder, "remove"):
                        shutil.rmtree(folder)
                    removed.append(name)
        return removed

    def episodes(self) -> list[str]:
        """The episodes that have lines, in the order of the series.

        Where `castline.toml` lists films, only those: one that was taken out there is out.
        """
        present = self.store.units("lines")
        films = self.settings.get("episode")
        if isinstance(films, list) and films:
            named = {film.get("name") for film in films if isinstance(film, dict)}
            present = [episode for episode in present if episode in named]
        if not self.store.exists("episodes"):
            return present
        listed = self.store.read("episodes", columns=["episode"])["episode"].to_list()
        order = {episode: place for place, episode in enumerate(listed)}
        return sorted(present, key=lambda episode: (order.get(episode, len(order)), episode))


def _is_free(folder: Path) -> bool:
    """Whether a folder holds nothing but what a killed `create` leaves."""
    return folder.is_dir() and all(map(is_scrap, folder.iterdir()))
