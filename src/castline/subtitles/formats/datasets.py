"""A Hugging Face dataset folder, as `save_to_disk` writes it and `load_from_disk` reads it.

The columns are those of `castline.subtitles.records`, all names plain strings, plus `speaker`, the
first name or None. Strings on purpose: a ClassLabel comes back from JSON or CSV as a bare number
whose name is lost, and refuses names it has not seen.
"""

from __future__ import annotations

import dataclasses
import shutil
import tempfile
from pathlib import Path
from typing import Any

from castline.errors import InputError, MissingExtra
from castline.files import storage_errors
from castline.subtitles.base import Document, Draft, Format, Losses
from castline.subtitles.records import add_record, missing_columns, record_of

__all__ = ["DatasetsFormat", "DatasetsReading"]


@dataclasses.dataclass(frozen=True, slots=True)
class DatasetsReading:
    """How to read a dataset folder.

    Attributes:
        split: Which split to take, when the folder holds several.
    """

    split: str | None = None


class DatasetsFormat(Format):
    """Hugging Face dataset folders."""

    name = "datasets"
    title = "Hugging Face dataset"
    suffixes = (".dataset",)
    extra = "datasets"
    folder = True
    reading = DatasetsReading
    loses = Losses(
        aspects=frozenset({"title", "language", "empty"}),
        notes=("The library cannot load a dataset without rows.",),
    )

    def sniff(self, head: bytes) -> bool:  # noqa: ARG002, D102 - as in Format
        return False  # a folder; see castline.subtitles.files

    def _read_folder(self, path: Path, draft: Draft, options: Any) -> None:
        library = _library()
        try:
            found: Any = library.load_from_disk(str(path))
        except Exception as error:  # the library lets out whatever its layers raise
            raise InputError(path, f"this is no dataset folder: {str(error)[:200]}.") from error
        if isinstance(found, library.DatasetDict):
            splits = list(found)
            split = options.split or (splits[0] if len(splits) == 1 else None)
            if split not in splits:
                raise InputError(
                    path, f"the folder holds the splits {splits}.", remedy="Choose one (split=…)."
                )
            found = found[split]
        if missing := missing_columns(list(found.column_names)):
            raise InputError(
                path,
                f"the dataset lacks {' and '.join(missing)}; it has: {found.column_names}.",
            )
        for number, record in enumerate(found, start=1):
            add_record(record, f"row {number}", draft)

    def _write_folder(self, document: Document, path: Path, options: Any) -> None:  # noqa: ARG002
        library = _library()
        text, number = library.Value("string"), library.Value("int64")
        features = library.Features(
            {
                "start_ms": number,
                "end_ms": number,
                "text": text,
                "speaker": text,
                "speakers": library.List(text),
                "kind": text,
                "manner": text,
                "line": text,
                "confidence": library.Value("float64"),
                "parts": library.List({"speaker": text, "text": text}),
            }
        )
        records = [record_of(cue) for cue in document.cues]
        for record in records:
            record["speaker"] = next(iter(record["speakers"]), None)
        columns = {key: [record[key] for record in records] for key in features}
        made = library.Dataset.from_dict(columns, features=features)
        # A folder cannot be replaced in one step: the new one is whole before the old one goes.
        with storage_errors(path, "write"):
            path.parent.mkdir(parents=True, exist_ok=True)
            scrap = Path(tempfile.mkdtemp(dir=path.parent, prefix=".", suffix=".part"))
            try:
                _save(library, made, scrap / "new")
                if path.exists():
                    path.rename(scrap / "old")
                (scrap / "new").rename(path)
            finally:
                shutil.rmtree(scrap, ignore_errors=True)


def _save(library: Any, made: Any, path: Path) -> None:
    """Save without the library's progress bar, which would draw over our caller's."""
    quiet = library.are_progress_bars_disabled()
    library.disable_progress_bars()
    try:
        made.save_to_disk(str(path))
    finally:
        if not quiet:
            library.enable_progress_bars()


def _library() -> Any:
    try:
        import datasets
    except ImportError as error:
        raise MissingExtra("The format 'datasets'", package="datasets", extra="datasets") from error
    return datasets
