"""What the people who may have spoken a line are to one another and to those around."""

from __future__ import annotations

from collections.abc import Sequence

from castline.attribution.tools.view import View
from castline.story.evidence import Relation, relations_of

__all__ = ["relations_around"]

_NEAR_LINES = 10
_MOST = 8
"""Relations of one person that are told."""


def relations_around(view: View, row: int, codes: Sequence[int]) -> list[Relation]:
    """What some people are to others: to each other and to the speakers near the line first.

    Args:
        view: The series.
        row: The line; tells the episode in which a relation holds or does not.
        codes: People; new voices have no relations.

    Returns:
        For each person in turn at most a few: those with people near first, then those that hold
        in the episode, else in the order of the table.
    """
    cast = view.series.cast
    near = {*codes, *(int(view.labels.code[each]) for each in view.around(row, _NEAR_LINES))}
    here = {cast[code] for code in near if 0 <= code < len(cast)}
    told: list[Relation] = []
    for code in codes:
        if not 0 <= code < len(cast):
            continue
        found = relations_of(
            view.story.relations,
            cast[code],
            episode=view.episode(row),
            episodes=view.story.episodes,
        )
        told += sorted(found, key=lambda each: each.other not in here)[:_MOST]
    return told
