"""What each format loses, as a table for the documentation, made from the declarations."""

from __future__ import annotations

from castline.subtitles.base import Aspect, Format
from castline.subtitles.files import formats, get_format

__all__ = ["loss_table"]

_COLUMNS: tuple[tuple[str, Aspect], ...] = (
    ("names", "names"),
    ("unknown", "unknown"),
    ("several together", "several"),
    ("who says what", "parts"),
    ("words", "text"),
    ("kind", "kind"),
    ("manner", "manner"),
    ("line id", "identifier"),
    ("confidence", "confidence"),
    ("overlaps", "overlaps"),
    ("no length", "zero_length"),
    ("title", "title"),
    ("language", "language"),
)


def loss_table() -> str:
    """A Markdown table of all built-in formats, then their notes; ends with a line break."""
    head = ["format", "name", "endings", "times", *(title for title, _ in _COLUMNS)]
    lines = [_row(head), _row(["---"] * len(head))]
    notes = []
    for name in formats.builtin_names():
        fmt = get_format(name)
        lines.append(_row(_cells(fmt)))
        when = "Reading and writing need" if fmt.folder else "Writing needs"
        needs = [f"{when} the extra `{fmt.extra}`."] if fmt.extra else []
        if told := " ".join([*fmt.loses.notes, *needs]):
            notes.append(f"- **{fmt.title}.** {told}")
    return "\n".join([*lines, "", *notes]) + "\n"


def _cells(fmt: Format) -> list[str]:
    endings = ", ".join(f"`{suffix}`" for suffix in fmt.suffixes)
    if not fmt.writes:
        return [fmt.title, f"`{fmt.name}`", endings, "read only", *([""] * len(_COLUMNS))]
    marks = ["–" if aspect in fmt.loses.aspects else "✓" for _, aspect in _COLUMNS]
    return [fmt.title, f"`{fmt.name}`", endings, f"{fmt.loses.precision_ms} ms", *marks]


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"
