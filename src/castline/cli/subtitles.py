"""`castline calibrate`: subtitles of another edition, moved to where they are spoken."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from castline.cli.output import TerminalReporter, clean, emit
from castline.cli.series import Json

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command()(calibrate)


def calibrate(
    subtitles: Annotated[Path, typer.Argument(help="The subtitle file.")],
    film: Annotated[Path, typer.Argument(help="The film, or its sound.")],
    out: Annotated[Path, typer.Option(help="Where the file with the right times goes.")],
    page: Annotated[
        Path | None, typer.Option(help="Where a page with the discrepancies goes.")
    ] = None,
    recogniser: Annotated[
        str, typer.Option(help="A model that writes down speech; the first that was added.")
    ] = "",
    language: Annotated[str | None, typer.Option(help="Language of the film: en, zh.")] = None,
    as_json: Json = False,
) -> None:
    """Move subtitles to where they are spoken, or say why they do not belong to a film."""
    from castline.calibrating import calibrate_subtitles

    reporter = TerminalReporter()
    try:
        found = calibrate_subtitles(
            subtitles,
            film,
            out,
            page=page,
            recogniser=recogniser,
            language=language,
            reporter=reporter,
        )
    finally:
        reporter.close()
    alignment = found.alignment
    states = [line.state for line in alignment.lines]
    facts = {
        "verdict": alignment.verdict,
        "reason": alignment.reason,
        "evidence": alignment.evidence,
        "pieces": [
            {"from_ms": p.from_ms, "to_ms": p.to_ms, "scale": p.scale, "offset_ms": p.offset_ms}
            for p in alignment.pieces
        ],
        "lines": {state: states.count(state) for state in dict.fromkeys(states)},
        "written": str(found.written) if found.written else None,
        "page": str(found.page) if found.page else None,
        "warnings": [*reporter.warnings, *alignment.warnings],
    }
    rows = [
        f"  from {p.from_ms / 1000:.1f} s: speed {p.scale:.6f}, shift {p.offset_ms / 1000:+.2f} s"
        for p in alignment.pieces
    ]
    text = "\n".join(
        [
            f"{alignment.verdict} (by {alignment.evidence}): {clean(alignment.reason)}",
            *rows,
            *map(clean, alignment.warnings),
            f"written: {found.written}" if found.written else "nothing written",
        ]
    )
    emit(facts, text, as_json=as_json)
    if alignment.verdict == "refused":
        raise typer.Exit(1)
