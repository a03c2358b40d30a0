"""A cue as a flat record, the shape shared by CSV, JSON lines, Parquet and Hugging Face datasets.

==============  ========================================================================
`start_ms`      integer, milliseconds on the media clock
`end_ms`        integer, milliseconds, exclusive
`text`          the words; see `castline.subtitles.base`
`speakers`      names, in order; empty when nobody is named
`kind`          `speech`, `sound`, `song` or `sign`
`manner`        how it is said, or null
`line`          the line's id, or null
`confidence`    in [0, 1], or null
`parts`         `{"speaker": name or null, "text": words}` for each voice, when there are several
==============  ========================================================================
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from castline.subtitles.base import Cue, Draft, Kind, Part

__all__ = ["COLUMNS", "add_record", "record_of"]

COLUMNS = (
    *("start_ms", "end_ms", "text", "speakers", "kind", "manner", "line", "confidence", "parts"),
)
_HALF_PAIR = re.compile("[\ud800-\udfff]")


class _PartRow(msgspec.Struct):
    text: str
    speaker: str | None = None


class _Row(msgspec.Struct):
    start_ms: int
    end_ms: int
    text: str | None = None
    speakers: list[str] | None = None
    speaker: str | None = None
    kind: Kind | None = None
    manner: str | None = None
    line: str | None = None
    confidence: float | None = None
    parts: list[_PartRow] | None = None


def record_of(cue: Cue) -> dict[str, Any]:
    """A cue as a record of plain values; half surrogate pairs become U+FFFD."""
    return {
        "start_ms": cue.start_ms,
        "end_ms": cue.end_ms,
        "text": _whole(cue.text),
        "speakers": [_whole(name) for name in cue.speakers],
        "kind": cue.kind,
        "manner": None if cue.manner is None else _whole(cue.manner),
        "line": None if cue.identifier is None else _whole(cue.identifier),
        "confidence": cue.confidence,
        "parts": [
            {"speaker": part.speaker and _whole(part.speaker), "text": _whole(part.text)}
            for part in cue.parts
        ],
    }


def add_record(record: object, place: str, draft: Draft) -> None:
    """Add the cue that a record stands for; one that breaks the shape is left out and noted.

    A column `speaker` (one name) is taken where `speakers` is missing.
    """
    try:
        row = msgspec.convert(record, _Row)
    except (msgspec.ValidationError, OverflowError) as error:
        draft.problem(place, f"{error}; left out")
        return
    names = row.speakers if row.speakers is not None else [row.speaker or ""]
    draft.add(
        place,
        row.start_ms,
        row.end_ms,
        row.text or "",
        speakers=tuple(dict.fromkeys(name for name in names if name)),
        kind=row.kind or "speech",
        manner=row.manner or None,
        parts=tuple(Part(part.speaker or None, part.text) for part in row.parts or ()),
        identifier=row.line or None,
        confidence=row.confidence,
    )


def missing_columns(columns: Mapping[str, Any] | list[str]) -> list[str]:
    """Which columns that a record cannot do without are not among these."""
    return [name for name in ("start_ms", "end_ms") if name not in columns]


def _whole(text: str) -> str:
    return _HALF_PAIR.sub("\ufffd", text)
