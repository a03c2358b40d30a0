"""Reading and writing caption files by path: which format it is, and what goes wrong where."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from castline.errors import InputError, UsageError
from castline.files import read_bytes
from castline.registry import Registry
from castline.subtitles.base import Document, Format, Problem

__all__ = ["formats", "get_format", "read", "write"]

_MODULES = "castline.subtitles.formats"

formats: Registry[type[Format]] = Registry(
    kind="format",
    entry_point_group="castline.formats",
    builtin={
        "ass": f"{_MODULES}.ass:AssFormat",
        "csv": f"{_MODULES}.csv:CsvFormat",
        "datasets": f"{_MODULES}.datasets:DatasetsFormat",
        "eaf": f"{_MODULES}.eaf:EafFormat",
        "jsonl": f"{_MODULES}.jsonl:JsonLinesFormat",
        "microdvd": f"{_MODULES}.microdvd:MicroDvdFormat",
        "parquet": f"{_MODULES}.parquet:ParquetFormat",
        "rttm": f"{_MODULES}.rttm:RttmFormat",
        "srt": f"{_MODULES}.srt:SrtFormat",
        "textgrid": f"{_MODULES}.textgrid:TextGridFormat",
        "ttml": f"{_MODULES}.ttml:TtmlFormat",
        "vtt": f"{_MODULES}.vtt:VttFormat",
    },
)
"""The formats there are: `formats.names()`, `formats.get(name)`."""

# Others first: text with an arrow could be anything that quotes a subtitle.
_SNIFF_LAST = ("srt",)
_HEAD = 4096


def get_format(name: str) -> Format:
    """The format of a name.

    Raises:
        UnknownName: There is none; the error offers the nearest.
    """
    return formats.get(name)()


def read(path: Path | str, format: str | None = None, **options: Any) -> Document:
    """Read captions.

    The format is chosen by the file's ending; a file with an unknown ending is looked into.

    Args:
        path: The file, or the folder of a Hugging Face dataset.
        format: The format's name, if the ending does not tell.
        **options: Those of the format's `reading`, such as `encoding` or `fps`.

    Raises:
        InputError: There is no such file, or it is broken; says where and what to do.
        UnknownName: No format or option is called so.
    """
    path = Path(path)
    if format is not None:
        return get_format(format).read(path, **options)
    named = format_of(path)
    if named is None:
        return _recognised(path).read(path, **options)
    try:
        return named.read(path, **options)
    except InputError as error:
        other = None if named.folder or not path.is_file() else _sniff(read_bytes(path)[:_HEAD])
        if other is None or other.name == named.name or error.remedy.startswith("Give"):
            raise
        raise InputError(
            error.path,
            error.problem,
            place=error.place,
            remedy=f"It looks like {other.title}: try format={other.name!r}.",
        ) from error


def write(
    document: Document,
    path: Path | str,
    format: str | None = None,
    **options: Any,
) -> tuple[Problem, ...]:
    """Write captions, whole or not at all, and say what the format could not keep.

    Args:
        document: The captions.
        path: Where to; an existing file is replaced.
        format: The format's name; None goes by the file's ending.
        **options: Those of the format's `writing`.

    Returns:
        What of this document is lost in this format, in words.

    Raises:
        UsageError: The ending belongs to no format, or the format can only be read.
        MissingExtra: The format needs a package that is not installed.
        StorageError: The disk refused.
    """
    path = Path(path)
    chosen = get_format(format) if format is not None else format_of(path)
    if chosen is None:
        raise UsageError(
            f"{path.name!r} has no ending that belongs to a format. "
            f"Name one of {', '.join(formats.names())} (format=…)."
        )
    if not chosen.writes:
        raise UsageError(f"The format {chosen.name!r} is only read, never written.")
    chosen.write(document, path, **options)
    return chosen.losses_in(document)


def format_of(path: Path) -> Format | None:
    """The format that a file name's ending belongs to, whatever the case of its letters."""
    suffix = path.suffix.lower()
    for name in formats.names():
        if suffix and suffix in formats.get(name).suffixes:
            return get_format(name)
    return None


def _recognised(path: Path) -> Format:
    if path.is_dir():
        if (path / "dataset_info.json").is_file() or (path / "dataset_dict.json").is_file():
            return get_format("datasets")
        raise InputError(path, "this folder is no Hugging Face dataset.")
    found = _sniff(read_bytes(path)[:_HEAD])
    if found is None:
        raise InputError(
            path,
            "neither the ending nor the content tells what format this is.",
            remedy=f"Name one of {', '.join(formats.names())} (format=…).",
        )
    return found


def _sniff(head: bytes) -> Format | None:
    names = sorted(formats.names(), key=lambda name: name in _SNIFF_LAST)
    return next((f for f in map(get_format, names) if f.sniff(head)), None)
