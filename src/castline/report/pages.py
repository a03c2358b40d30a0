"""The one way in which pages are made from templates."""

from __future__ import annotations

from typing import TYPE_CHECKING

from castline.report.text import abridged, cleaned, number, percent, rows
from castline.timing import format_clock

if TYPE_CHECKING:
    import jinja2

__all__ = ["environment"]


def environment() -> jinja2.Environment:
    """Templates of this package; whatever is put into a page is escaped."""
    import jinja2

    made = jinja2.Environment(
        loader=jinja2.PackageLoader("castline.report"),
        # Always, whatever the template is called: names and subtitles come from strangers.
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=cleaned,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(
        number=number, percent=percent, clock=format_clock, rows=rows, abridged=abridged
    )
    return made
