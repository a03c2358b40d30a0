"""Where weights live, whether they are whole, and engines made from them."""

from __future__ import annotations

import hashlib
import importlib.util
import os
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from castline.engines.added import added_engine, added_manifests
from castline.engines.base import Manifest, WeightFile
from castline.engines.registry import KINDS
from castline.errors import InputError, MissingExtra, UnknownName
from castline.files import storage_errors

__all__ = [
    "EngineState",
    "FileState",
    "State",
    "file_state",
    "listed",
    "load",
    "manifest_of",
    "models_folder",
    "need",
    "recognisers",
    "verify",
]


class State(StrEnum):
    """How a file of weights is."""

    OK = "ok"
    MISSING = "missing"
    DAMAGED = "damaged"


@dataclass(frozen=True)
class FileState:
    """One file of weights, and how it is."""

    file: WeightFile
    state: State


@dataclass(frozen=True)
class EngineState:
    """One engine, and how its weights are."""

    manifest: Manifest
    files: tuple[FileState, ...]

    @property
    def state(self) -> State:
        """That of its worst file."""
        states = {each.state for each in self.files}
        worst = (State.DAMAGED, State.MISSING)
        return next((state for state in worst if state in states), State.OK)


def models_folder() -> Path:
    """The folder of all weights: `CASTLINE_MODELS`, or one for this user."""
    if chosen := os.environ.get("CASTLINE_MODELS"):
        return Path(chosen)
    import platformdirs

    return Path(platformdirs.user_data_dir("castline")) / "models"


def listed(folder: Path | None = None) -> list[EngineState]:
    """Every engine whose weights lie in the models folder; files are judged by their size.

    Text readers are not among them: their weights come with their package.
    """
    return _states(folder, digests=False)


def verify(folder: Path | None = None) -> list[EngineState]:
    """The same, with every file read and compared with its digest."""
    return _states(folder, digests=True)


def _states(folder: Path | None, *, digests: bool) -> list[EngineState]:
    folder = folder or models_folder()
    added = added_manifests(folder)
    known = [
        registry.get(name).manifest
        for kind, registry in KINDS.items()
        if kind != "text"
        for name in registry.names()
        if name not in added
    ]
    return [
        EngineState(
            manifest,
            tuple(
                FileState(file, file_state(folder, file, digest=digests)) for file in manifest.files
            ),
        )
        for manifest in [*known, *added.values()]
        if manifest.files
    ]


def file_state(folder: Path, file: WeightFile, *, digest: bool = True) -> State:
    """How one file of weights is, by its size and, if asked for, its digest.

    Raises:
        StorageError: The disk refused to read it.
    """
    path = folder / file.name
    with storage_errors(path, "read"):
        if not path.is_file():
            return State.MISSING
        if path.stat().st_size != file.bytes:
            return State.DAMAGED
        if digest:
            with path.open("rb") as stream:
                if hashlib.file_digest(stream, "sha256").hexdigest() != file.sha256:
                    return State.DAMAGED
    return State.OK


def manifest_of(kind: str, name: str, folder: Path | None = None) -> Manifest | None:
    """The manifest of an engine, or None when no engine of that kind has the name."""
    added = added_manifests(folder or models_folder()).get(name)
    if added is not None and added.kind == kind:
        return added
    if name not in KINDS[kind]:
        return None
    manifest: Manifest = KINDS[kind].get(name).manifest
    return manifest


def need(kind: str, name: str, folder: Path | None = None, *, digest: bool = False) -> Manifest:
    """The manifest of an engine whose weights are there.

    Args:
        kind: `faces`, `voices`, `speech-activity`, `speech` or `text`.
        name: Of an engine of Castline, of another distribution, or of a user's own.
        folder: The models folder; this user's when left out.
        digest: Read the weights and compare them with their digests, not just their sizes.

    Raises:
        UnknownName: No such kind, or no engine of that kind has the name.
        InputError: Its weights are not in the models folder, or damaged; says how to get them.
        MissingExtra: It needs a package that is not installed.
    """
    folder = folder or models_folder()
    if kind not in KINDS:
        raise UnknownName("kind of engine", kind, KINDS)
    manifest = manifest_of(kind, name, folder)
    if manifest is None:
        added = [each for each, held in added_manifests(folder).items() if held.kind == kind]
        raise UnknownName(KINDS[kind].kind, name, (*KINDS[kind].names(), *added))
    for file in manifest.files:
        package = file.package.partition("==")[0]
        if kind == "text" and package:
            # The weights of text readers stay inside the package that reads with them.
            if importlib.util.find_spec(package) is None:
                raise MissingExtra("Reading writing in pictures", package=package, extra="ocr")
        elif (state := file_state(folder, file, digest=digest)) is not State.OK:
            mend = f"Fetch it:  castline models pull {name}"
            raise InputError(
                folder / file.name,
                f"this file of the engine {name!r} is {state}.",
                remedy=mend if package else "Add it again:  castline models add FILE",
            )
    return manifest


def load(kind: str, name: str, *, folder: Path | None = None, threads: int = 1) -> Any:
    """An engine, ready to be used; its weights are compared with their digests.

    Args:
        kind: See `need`.
        name: See `need`.
        folder: The models folder; this user's when left out.
        threads: That it may use.

    Raises:
        UnknownName: See `need`.
        InputError: See `need`.
        MissingExtra: See `need`.
    """
    folder = folder or models_folder()
    need(kind, name, folder, digest=True)
    added = added_manifests(folder).get(name)
    if added is not None and added.kind == kind:
        return added_engine(folder, name, threads=threads)
    return KINDS[kind].get(name)(folder, threads=threads)


def recognisers(folder: Path | None = None) -> list[str]:
    """The models for recognising speech that the user added, sorted by name."""
    added = added_manifests(folder or models_folder())
    return sorted(name for name, manifest in added.items() if manifest.kind == "speech")
