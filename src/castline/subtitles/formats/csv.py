"""CSV: a header, UTF-8, one row a cue, the columns of `castline.subtitles.records`.

Several names stand in one cell, `; ` between them (`;` inside a name is spelt `%3B`). Who says what
in a cue of several voices stands as JSON in `parts`.

Formulas. A spreadsheet runs a cell that begins with `=`, `+`, `-` or `@`, and captions begin with a
dash all the time. Castline keeps such text as it is, since a mangled text would be wrong
everywhere else: import the file with all columns as *text* instead of opening it by double click,
or write with `guard=True`, which puts an apostrophe before such cells (`guard=True` takes it off
again when reading).
"""

from __future__ import annotations

import csv
import dataclasses
import io
import re
from typing import Any

import msgspec

from castline.errors import InputError
from castline.subtitles.base import Document, Draft, Format, Losses, as_utf8
from castline.subtitles.charset import decode_text
from castline.subtitles.records import COLUMNS, add_record, missing_columns, record_of
from castline.subtitles.spelling import join_names, split_names

__all__ = ["CsvFormat", "CsvReading", "CsvWriting"]

_FORMULA = re.compile(r"'*[=+\-@\t\r]")


@dataclasses.dataclass(frozen=True, slots=True)
class CsvReading:
    """How to read CSV.

    Attributes:
        encoding: The file's encoding; None finds it out and reports a guess.
        guard: Take off the apostrophe that `CsvWriting.guard` put before formulas.
    """

    encoding: str | None = None
    guard: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class CsvWriting:
    """How to write CSV.

    Attributes:
        guard: Put an apostrophe before cells that a spreadsheet would run as a formula.
    """

    guard: bool = False


class CsvFormat(Format):
    """Comma-separated values (`.csv`); tabs and semicolons are understood when reading."""

    name = "csv"
    title = "CSV"
    suffixes = (".csv", ".tsv")
    reading = CsvReading
    writing = CsvWriting
    loses = Losses(
        aspects=frozenset({"title", "language"}),
        notes=("Spreadsheets run cells that begin with `=`, `+`, `-`, `@`; see `guard=`.",),
    )

    def sniff(self, head: bytes) -> bool:  # noqa: D102 - as in Format
        line = head.split(b"\n", 1)[0]
        return b"start_ms" in line and b"end_ms" in line and b"{" not in line

    def _decode(self, data: bytes, name: str, draft: Draft, options: Any) -> None:
        decoded = decode_text(data, name, options.encoding)
        draft.encoding, draft.encoding_guessed = decoded.encoding, decoded.guessed
        draft.problems.extend(decoded.problems)
        header = re.split(r"[\r\n]", decoded.text.lstrip("\r\n"), maxsplit=1)[0]
        mark = max(",;\t", key=header.count)
        rows = csv.reader(io.StringIO(decoded.text.lstrip("\r\n"), newline=""), delimiter=mark)
        try:
            columns = [column.strip() for column in next(rows)]
        except (StopIteration, csv.Error) as error:
            raise InputError(name, "the file has no header.") from error
        if missing := missing_columns(columns):
            raise InputError(
                name,
                f"the header lacks {' and '.join(missing)}; it has: {', '.join(columns)[:200]}.",
                remedy="Times are whole milliseconds in the columns start_ms and end_ms.",
            )
        if strange := [c for c in columns if c not in (*COLUMNS, "speaker")]:
            draft.problem("header", f"columns not used: {', '.join(strange)[:200]}")
        while True:
            place = f"line {rows.line_num + 1}"
            try:
                cells = next(rows)
            except StopIteration:
                return
            except csv.Error as error:
                draft.problem(place, f"{error}; left out")
                continue
            if cells:
                _row(place, dict(zip(columns, cells, strict=False)), draft, guarded=options.guard)

    def _encode(self, document: Document, options: Any) -> bytes:
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(COLUMNS)
        for cue in document.cues:
            record = record_of(cue)
            record["speakers"] = join_names(record["speakers"])
            parts = record["parts"]
            record["parts"] = msgspec.json.encode(parts).decode() if parts else ""
            if record["confidence"] is not None:
                record["confidence"] = repr(float(record["confidence"]))
            if options.guard:
                record = {
                    key: f"'{value}" if isinstance(value, str) and _FORMULA.match(value) else value
                    for key, value in record.items()
                }
            writer.writerow(["" if record[key] is None else record[key] for key in COLUMNS])
        return as_utf8([out.getvalue()], end="")


def _row(place: str, cells: dict[str, str], draft: Draft, *, guarded: bool) -> None:
    if guarded:
        cells = {
            key: cell[1:] if re.match(rf"'{_FORMULA.pattern}", cell) else cell
            for key, cell in cells.items()
        }
    record: dict[str, Any] = {
        key: cell for key, cell in cells.items() if cell != "" and key in (*COLUMNS, "speaker")
    }
    try:
        for key in ("start_ms", "end_ms"):
            record[key] = _whole_number(key, cells.get(key, ""))
        if "confidence" in record:
            record["confidence"] = float(record["confidence"])
        if "parts" in record:
            record["parts"] = msgspec.json.decode(record["parts"])
    except (ValueError, RecursionError, msgspec.DecodeError) as error:
        draft.problem(place, f"{error}; left out")
        return
    if "speakers" in record:
        record["speakers"] = split_names(record["speakers"])
    add_record(record, place, draft)


def _whole_number(key: str, cell: str) -> int:
    if not re.fullmatch(r"\s*-?[0-9]{1,18}\s*", cell):
        raise ValueError(f"{key} is {cell[:40]!r}, expected whole milliseconds")
    return int(cell)
