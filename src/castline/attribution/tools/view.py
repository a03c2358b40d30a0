"""What the look-ups look into: the series, who speaks so far, and what its story tells."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from castline.attribution.base import UNSURE, Attribution, Ints, Series
from castline.story.evidence import read_captions, read_relations
from castline.tables.catalog import OTHERS, UNKNOWN

if TYPE_CHECKING:
    import polars as pl

    from castline.tables.store import TableStore

__all__ = ["Places", "Story", "View", "read_story"]

Places = npt.NDArray[np.intp]

_SPEAKER_MARKS = str.maketrans("/／", "  ")
"""In the DramaSR release a stroke stands where an annotator parted a line among several speakers.
It tells of the truth, so nobody may see it."""


@dataclass(frozen=True)
class Story:
    """What is told of the series besides who speaks.

    Attributes:
        episodes: Their names, in order.
        shift_ms: (E,) what was added to the times of each episode to put all on one clock.
        captions: Table `captions` of the episodes that have some, by name.
        relations: Table `relations`; empty where nobody knows any.
        reread: Finds the relations anew when other people speak: gets the names of the speakers,
            line by line, and what conversations are kept under. None where nobody found them here.
    """

    episodes: tuple[str, ...]
    shift_ms: tuple[int, ...]
    captions: Mapping[str, pl.DataFrame]
    relations: pl.DataFrame
    reread: Callable[[Sequence[str], str], pl.DataFrame] | None = None

    def renewed(self, speakers: Sequence[str], task: str) -> Story:
        """The story as it is told when these speak the lines.

        Args:
            speakers: (N,) names in the tables.
            task: What conversations about it are kept under.
        """
        if self.reread is None:
            return self
        return dataclasses.replace(self, relations=self.reread(speakers, task))


def read_story(store: TableStore, episodes: Sequence[str], series: Series) -> Story:
    """Read what is told of a series.

    Args:
        store: Its tables.
        episodes: Its episodes in order.
        series: Its lines; see `load_series`.

    Raises:
        TableError: A table is damaged.
    """
    first = np.searchsorted(series.episode, np.arange(len(episodes)))
    shifts, captions = [], {}
    for episode, row in zip(episodes, first.tolist(), strict=True):
        spoken = store.read("lines", episode, columns=["start_ms", "kind"]).filter(kind="speech")
        begin = int(spoken["start_ms"][0]) if spoken.height else 0
        shifts.append(int(series.timeline.start_ms[row]) - begin if spoken.height else 0)
        told = read_captions(store, episode)
        if told.height:
            captions[episode] = told
    return Story(tuple(episodes), tuple(shifts), captions, read_relations(store))


@dataclass(frozen=True)
class View:
    """A series with its labels so far.

    Attributes:
        series: What was measured.
        labels: Who speaks so far, with the probabilities of the candidates.
        story: What is told besides.
        names: What the cast and the new voices are called, by code.
        others: What those are called who are not of the cast.
        unknown: What is said where nobody can tell.
    """

    series: Series
    labels: Attribution
    story: Story
    names: tuple[str, ...]
    others: str = OTHERS
    unknown: str = UNKNOWN

    def name(self, code: int) -> str:
        """What a speaker is called."""
        if code >= 0:
            return self.names[code]
        return self.unknown if code == UNSURE else self.others

    def text(self, row: int) -> str:
        """What is said in a line, without marks of annotators."""
        return self.series.texts[row].translate(_SPEAKER_MARKS) if self.series.texts else ""

    def episode(self, row: int) -> str:
        """The episode of a line."""
        return self.story.episodes[int(self.series.episode[row])]

    def around(self, row: int, lines: int) -> range:
        """Rows of the lines of the same episode that are no farther away than so many lines."""
        episode = self.series.episode
        first, stop = max(0, row - lines), min(len(episode), row + lines + 1)
        inside = np.flatnonzero(episode[first:stop] == episode[row])
        return range(first + int(inside[0]), first + int(inside[-1]) + 1)

    @cached_property
    def spoken(self) -> tuple[Ints, ...]:
        """For each code the rows of its lines, ascending."""
        code = self.labels.code
        order = np.argsort(code, kind="stable").astype(np.int32)
        edges = np.searchsorted(code[order], np.arange(len(self.names) + 1))
        return tuple(order[a:b] for a, b in pairwise(edges))

    @cached_property
    def code_of(self) -> Mapping[str, int]:
        """The code of each member of the cast, by the name in the tables."""
        return {name: code for code, name in enumerate(self.series.cast)}

    @cached_property
    def face_height(self) -> float | None:
        """The usual height of a face in pixels; None where faces were not measured."""
        box = self.series.faces.box
        if box is None or not np.isfinite(box).all(1).any():
            return None
        return max(1.0, float(np.nanmedian(box[:, 3] - box[:, 1])))

    def faces_between(self, start_ms: int, end_ms: int) -> Places:
        """The faces that are seen between two moments, both included, by their start."""
        order, start, longest = self._faces_by_time
        low = np.searchsorted(start, start_ms - longest, side="left")
        high = np.searchsorted(start, end_ms, side="right")
        place = order[low:high]
        return place[self.series.faces.end_ms[place] >= start_ms]

    @cached_property
    def _faces_by_time(self) -> tuple[Places, npt.NDArray[np.int64], int]:
        """Faces in order of their start, their starts, and how long the longest is seen."""
        faces = self.series.faces
        order = np.argsort(faces.start_ms, kind="stable")
        longest = int((faces.end_ms - faces.start_ms).max(initial=0))
        return order, faces.start_ms[order], longest
