"""Networks that a user adds: copied into the models folder, with a manifest beside them.

Each gets a folder of its own, `added/NAME/`, with its files and `manifest.json`. The manifest is
written last, so an engine that was being added when the power failed is not there at all.
"""

from __future__ import annotations

import hashlib
import mmap
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from castline.engines.base import Calibration, Manifest, WeightFile
from castline.engines.registry import KINDS
from castline.errors import InputError, UsageError
from castline.files import read_bytes, safe_name, storage_errors, write_atomically

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Description", "add", "added_engine", "added_manifests"]

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")


class Description(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a user says about a network: the TOML or JSON file beside it.

    Attributes:
        name: In small letters, digits, dots, dashes and underscores.
        kind: What it does.
        licence: Of the weights.
        source: Who made them.
        version: To be raised when it would give other numbers for the same file and adapter.
        research_only: The weights forbid commercial use.
        calibration: To the common scale.
        adapter: How the network is fed and read: the fields of `VoiceAdapter` or `FaceAdapter`;
            empty for speech.
    """

    name: str
    kind: Literal["faces", "voices", "speech"]
    licence: str
    source: str
    version: int = 1
    research_only: bool = False
    calibration: Calibration = Calibration()
    adapter: dict[str, Any] = {}


class _Added(msgspec.Struct, frozen=True, kw_only=True):
    """The content of `manifest.json`."""

    manifest: Manifest
    adapter: dict[str, Any]


def add(files: Sequence[Path], folder: Path, *, description: Path | None = None) -> Manifest:
    """Copy a network into the models folder.

    Args:
        files: One ONNX file; for faces the detector, then the descriptor; for speech the folder of
            a Whisper model as faster-whisper takes it.
        folder: The models folder.
        description: A TOML or JSON file with the fields of `Description`; when left out, the file
            beside the first one that differs from it in its ending only.

    Raises:
        InputError: A file is missing, or the description breaks its declaration.
        UsageError: The name is taken by an engine of Castline, or not fit for a file name; or two
            files have one name.
        StorageError: The disk refused.
    """
    if not files:
        raise UsageError("No file was given to be added: name the ONNX file of the network.")
    path = description or _beside(files[0])
    said = _described(path)
    _check_name(said)
    _adapter(said.kind, said.adapter, path)
    home = Path("added") / said.name
    sources = [each for given in files for each in _whole(given)]
    if len({safe_name(each.name) for each in sources}) < len(sources):
        raise UsageError("Two of the files have the same name: rename one.")
    weights = tuple(_copied(source, folder, home) for source in sources)
    manifest = Manifest(
        name=said.name,
        kind=said.kind,
        version=said.version,
        files=weights,
        licence=said.licence,
        source=said.source,
        research_only=said.research_only,
        calibration=said.calibration,
        adapter=_digest(said.adapter),
    )
    content = msgspec.json.encode(_Added(manifest=manifest, adapter=said.adapter))
    write_atomically(folder / home / "manifest.json", msgspec.json.format(content) + b"\n")
    _remove_others(folder / home, {"manifest.json", *(Path(file.name).name for file in weights)})
    return manifest


def added_manifests(folder: Path) -> dict[str, Manifest]:
    """Name to manifest of every engine that a user added, sorted by name.

    Raises:
        InputError: A manifest was damaged.
    """
    found = sorted((folder / "added").glob("*/manifest.json"))
    return {path.parent.name: _read(path).manifest for path in found}


def added_engine(folder: Path, name: str, *, threads: int = 1) -> Any:
    """An engine that a user added; its files are not checked here.

    Raises:
        InputError: Its manifest is missing or damaged.
        MissingExtra: It needs a package that is not installed.
    """
    path = folder / "added" / name / "manifest.json"
    added = _read(path)
    if added.manifest.kind == "speech":
        from castline.engines.speech import WhisperSpeech

        return WhisperSpeech(folder, threads, manifest=added.manifest)
    adapter = _adapter(added.manifest.kind, added.adapter, path)
    _, engine = _adapted(added.manifest.kind)
    return engine(folder, added.manifest, adapter, threads=threads)


def _remove_others(home: Path, kept: set[str]) -> None:
    """Remove what an earlier network of the same name left: a recogniser has gigabytes."""
    with storage_errors(home, "remove old weights"):
        for path in home.iterdir():
            if path.name not in kept and path.is_file():
                path.unlink()


def _digest(fields: dict[str, Any]) -> str:
    return hashlib.sha256(msgspec.json.encode(fields, order="sorted")).hexdigest()


def _beside(file: Path) -> Path:
    for ending in (".toml", ".json"):
        path = file.with_name(file.stem + ending) if file.is_file() else Path(f"{file}{ending}")
        if path.is_file():
            return path
    raise InputError(
        file,
        "there is no description of this network beside it.",
        remedy=f"Write {file.stem}.toml (docs/engines.md says what belongs in it), "
        "or name one with --manifest.",
    )


def _described(path: Path) -> Description:
    content = read_bytes(path)
    decode = msgspec.toml.decode if path.suffix == ".toml" else msgspec.json.decode
    try:
        return decode(content, type=Description)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InputError(
            path,
            f"this is no description of a network ({error}).",
            remedy="docs/engines.md shows one.",
        ) from error


def _check_name(said: Description) -> None:
    if not _NAME.fullmatch(said.name):
        raise UsageError(
            f"{said.name!r} cannot be the name of an engine: up to 64 small letters a-z, digits, "
            "dots, dashes and underscores, the first a letter or digit."
        )
    for registry in KINDS.values():
        if said.name in registry and registry.get(said.name).manifest.files:
            raise UsageError(
                f"The name {said.name!r} belongs to an engine that is there already: "
                "choose another in the description."
            )


def _adapted(kind: str) -> tuple[Any, Any]:
    """The fields and the engine of a kind of ONNX network."""
    if kind == "voices":
        from castline.engines.onnx_voices import OnnxVoices, VoiceAdapter

        return VoiceAdapter, OnnxVoices
    from castline.engines.onnx_faces import FaceAdapter, OnnxFaces

    return FaceAdapter, OnnxFaces


def _adapter(kind: str, fields: dict[str, Any], path: Path) -> Any:
    """The fields of a description as the adapter of its kind; speech has none."""
    if kind == "speech":
        return None
    try:
        return msgspec.convert(fields, type=_adapted(kind)[0])
    except msgspec.ValidationError as error:
        raise InputError(
            path, f"{error}.", place="adapter", remedy="docs/engines.md names the fields."
        ) from error


def _whole(given: Path) -> list[Path]:
    """The file itself, or the files of a folder."""
    if not given.is_dir():
        return [given]
    files = sorted(each for each in given.iterdir() if each.is_file() and each.name[0] != ".")
    if not files:
        raise InputError(given, "this folder holds no files.", remedy="Check the path.")
    return files


def _copied(source: Path, folder: Path, home: Path) -> WeightFile:
    if not source.is_file() or source.stat().st_size == 0:
        raise InputError(source, "there is no such file, or it is empty.", remedy="Check the path.")
    name = (home / safe_name(source.name)).as_posix()
    # Mapped, not read: a recogniser has gigabytes.
    with (
        storage_errors(source, "read"),
        source.open("rb") as stream,
        mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as content,
    ):
        digest = hashlib.sha256(content).hexdigest()
        size = len(content)
        write_atomically(folder / name, content)
    return WeightFile(name=name, sha256=digest, bytes=size)


def _read(path: Path) -> _Added:
    try:
        added = msgspec.json.decode(read_bytes(path), type=_Added)
    except msgspec.DecodeError as error:
        raise InputError(
            path,
            f"this manifest is damaged ({error}).",
            remedy=f"Remove the folder {path.parent.name} and add the network again.",
        ) from error
    home = f"added/{path.parent.name}/"
    names = [file.name for file in added.manifest.files]
    if any(not name.startswith(home) or "/" in name[len(home) :] for name in names):
        raise InputError(
            path,
            "this manifest names files outside of its folder.",
            remedy="Remove the folder and add the network again.",
        )
    return added
