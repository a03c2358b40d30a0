"""What is seen and what happens around a line, in words."""

from __future__ import annotations

from dataclasses import dataclass

from castline.attribution.tools.view import View
from castline.story.evidence import caption_at

__all__ = ["Scene", "scene_of"]


@dataclass(frozen=True)
class Scene:
    """What is told of the moment of a line.

    Attributes:
        seen: What is seen in the few seconds around it; None where nobody described them.
        happens: What happens in the minute or two around it, in brief; None likewise.
    """

    seen: str | None
    happens: str | None


def scene_of(view: View, row: int) -> Scene:
    """What is seen and what happens while a line is spoken."""
    episode = view.episode(row)
    captions = view.story.captions.get(episode)
    if captions is None:
        return Scene(None, None)
    shift = view.story.shift_ms[int(view.series.episode[row])]
    start = int(view.series.timeline.start_ms[row]) - shift
    end = int(view.series.timeline.end_ms[row]) - shift
    happens = caption_at(captions, start, end, "brief") or caption_at(
        captions, start, end, "section"
    )
    return Scene(caption_at(captions, start, end, "clip"), happens)
