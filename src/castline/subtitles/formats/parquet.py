"""Parquet: the columns of `castline.subtitles.records`, typed; title and language as metadata."""

from __future__ import annotations

import io
from typing import Any

from castline.errors import InputError
from castline.subtitles.base import Document, Draft, Format, Losses
from castline.subtitles.records import add_record, missing_columns, record_of

__all__ = ["ParquetFormat"]


class ParquetFormat(Format):
    """Parquet files (`.parquet`), through polars."""

    name = "parquet"
    title = "Parquet"
    suffixes = (".parquet",)
    loses = Losses()

    def sniff(self, head: bytes) -> bool:  # noqa: D102 - as in Format
        return head.startswith(b"PAR1")

    def _decode(self, data: bytes, name: str, draft: Draft, options: Any) -> None:  # noqa: ARG002
        import polars as pl
        from polars.exceptions import PanicException

        if not data.startswith(b"PAR1") or not data.endswith(b"PAR1"):
            raise InputError(name, "this is no Parquet file, or a cut-off one.")
        try:
            metadata = pl.read_parquet_metadata(io.BytesIO(data))
            rows = pl.read_parquet(io.BytesIO(data), use_statistics=False)
            records = rows.to_dicts()
        except (Exception, PanicException) as error:
            # A damaged file may fail anywhere in the decoder, with polars' panic among the ways.
            raise InputError(name, f"this Parquet file is damaged: {str(error)[:200]}.") from error
        if missing := missing_columns(rows.columns):
            held = ", ".join(rows.columns)[:200]
            raise InputError(name, f"the table lacks {' and '.join(missing)}; it has: {held}.")
        draft.title = metadata.get("castline.title")
        draft.language = metadata.get("castline.language")
        for number, record in enumerate(records, start=1):
            add_record(record, f"row {number}", draft)

    def _encode(self, document: Document, options: Any) -> bytes:  # noqa: ARG002
        import polars as pl

        part = pl.Struct({"speaker": pl.String, "text": pl.String})
        schema: dict[str, Any] = {
            "start_ms": pl.Int64,
            "end_ms": pl.Int64,
            "text": pl.String,
            "speakers": pl.List(pl.String),
            "kind": pl.String,
            "manner": pl.String,
            "line": pl.String,
            "confidence": pl.Float64,
            "parts": pl.List(part),
        }
        rows = pl.DataFrame([record_of(cue) for cue in document.cues], schema=schema, orient="row")
        metadata = {}
        if document.title:
            metadata["castline.title"] = document.title
        if document.language:
            metadata["castline.language"] = document.language
        out = io.BytesIO()
        rows.write_parquet(out, metadata=metadata)
        return out.getvalue()
