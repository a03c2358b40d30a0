"""JSON lines: one cue a line, the columns of `castline.subtitles.records`, empty ones left out."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from castline.errors import InputError
from castline.subtitles.base import Document, Draft, Format, Losses
from castline.subtitles.charset import decode_text, split_lines
from castline.subtitles.records import add_record, record_of

__all__ = ["JsonLinesFormat"]


class JsonLinesFormat(Format):
    """JSON lines files (`.jsonl`), always UTF-8."""

    name = "jsonl"
    title = "JSON lines"
    suffixes = (".jsonl", ".ndjson")
    loses = Losses(aspects=frozenset({"title", "language", "empty"}))

    def sniff(self, head: bytes) -> bool:  # noqa: D102 - as in Format
        return bool(re.match(rb'(?:\xef\xbb\xbf)?\s*\{[^\n]*"start_ms"', head))

    def _decode(self, data: bytes, name: str, draft: Draft, options: Any) -> None:  # noqa: ARG002
        decoded = decode_text(
            data, name, None if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8"
        )
        draft.encoding = decoded.encoding
        for number, line in enumerate(split_lines(decoded.text), start=1):
            if not line.strip():
                continue
            try:
                record = msgspec.json.decode(line)
            except (msgspec.DecodeError, RecursionError) as error:
                draft.problem(f"line {number}", f"is no JSON: {error}; left out")
                continue
            add_record(record, f"line {number}", draft)
        if not draft.cues and not draft.problems:
            raise InputError(name, "the file holds no line.")

    def _encode(self, document: Document, options: Any) -> bytes:  # noqa: ARG002
        rows = (record_of(cue) for cue in document.cues)
        kept = (
            {key: value for key, value in row.items() if value not in (None, [])} for row in rows
        )
        return b"".join(msgspec.json.encode(row) + b"\n" for row in kept)
