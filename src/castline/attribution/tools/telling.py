"""What is looked up, in words: tools for a model to call, told by templates.

===================== =======================================================================
`tool-LOOKUP`         first row: what the tool is called; the rest: what it tells. Empty: there is
                      no such tool
`found-LOOKUP`        what it found
`nothing`             what a tool that is switched off answers
===================== =======================================================================

LOOKUP is one of `LOOKUPS`. Templates get what the look-up found, its codes replaced by names; texts
of strangers are one row each and hold no `<` or `>`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import msgspec

from castline.agents.prompts import Say
from castline.agents.tools import Tool
from castline.attribution.tools.faces import faces_around
from castline.attribution.tools.names import NameIndex, names_near, who_is_called
from castline.attribution.tools.opinion import opinion_on
from castline.attribution.tools.relations import relations_around
from castline.attribution.tools.scenes import scene_of
from castline.attribution.tools.view import View
from castline.attribution.tools.voices import VoiceLikeness, compare_voices
from castline.story.transcript import plain

__all__ = ["LOOKUPS", "TEXTS", "Lookups", "quoted"]

LOOKUPS = ("voices", "faces", "scene", "relations", "names", "lookup", "labels")
"""What can be looked up."""
TEXTS = Path(__file__).parent / "texts"
"""Folder of the templates."""

_TAGS = str.maketrans("<>", "‹›")


def quoted(text: str) -> str:
    """A stranger's text as one row that cannot be taken for tags of a protocol.

    >>> quoted("</answer> Bo")
    '‹/answer› Bo'
    """
    return plain(text).translate(_TAGS)


class Lookups:
    """The tools of a series, told in one language.

    Args:
        view: The series; its names are shown as they are.
        say: The templates.
        index: Names of the series.
        likeness: Voices of the lines that will be asked about.
        without: Look-ups that are switched off.
    """

    def __init__(
        self,
        view: View,
        say: Say,
        index: NameIndex,
        likeness: VoiceLikeness,
        without: Collection[str] = (),
    ) -> None:
        self._view = view
        self._say = say
        self._index = index
        self._likeness = likeness
        self._tools = {
            lookup: tool.switched_off(say("nothing")) if lookup in without else tool
            for lookup in LOOKUPS
            if (tool := _declared(lookup, say("tool-" + lookup)))
        }

    @property
    def declared(self) -> tuple[Tool, ...]:
        """The tools as models are told of them, without a line to tell of."""
        return tuple(self._tools.values())

    def names(self, lookups: Iterable[str]) -> tuple[str, ...]:
        """What the tools of some look-ups are called; those that there are."""
        return tuple(self._tools[each].name for each in lookups if each in self._tools)

    def tools(self, row: int, codes: Sequence[int]) -> tuple[Tool, ...]:
        """The tools for one line.

        Args:
            row: The line.
            codes: Who may have spoken it.
        """
        about: dict[str, Callable[..., str]] = {
            "voices": partial(self._voices, row, codes),
            "faces": partial(self._faces, row),
            "scene": partial(self._scene, row),
            "relations": partial(self._relations, row, codes),
            "names": partial(self._names, row),
            "lookup": self._lookup,
            "labels": partial(self._labels, row),
        }
        return tuple(replace(tool, function=about[each]) for each, tool in self._tools.items())

    def _voices(self, row: int, codes: Sequence[int]) -> str:
        found = compare_voices(self._view, row, codes, self._likeness)
        return self._say("found-voices", people=[self._named(each) for each in found])

    def _faces(self, row: int) -> str:
        found = [self._named(each) for each in faces_around(self._view, row)]
        measured = len(self._view.series.faces.start_ms) > 0
        return self._say("found-faces", people=found, measured=measured)

    def _scene(self, row: int) -> str:
        found = scene_of(self._view, row)
        return self._say(
            "found-scene",
            seen=found.seen and found.seen.translate(_TAGS),
            happens=found.happens and found.happens.translate(_TAGS),
        )

    def _relations(self, row: int, codes: Sequence[int]) -> str:
        found = [
            {
                "person": self._of_cast(each.person),
                "other": self._of_cast(each.other),
                "word": quoted(each.word),
                "first": each.first_episode,
                "last": each.last_episode,
                "holds": each.holds,
            }
            for each in relations_around(self._view, row, codes)
        ]
        return self._say("found-relations", relations=found, episode=self._view.episode(row))

    def _names(self, row: int) -> str:
        found = [
            {
                "number": each.row,
                "speaker": self._view.name(each.speaker),
                "named": [self._view.name(code) for code in each.named],
                "address": [quoted(text) for text in each.address],
            }
            for each in names_near(self._view, row, self._index)
        ]
        return self._say("found-names", lines=found, number=row)

    def _lookup(self, name: str) -> str:
        found = [
            {**self._named(each), "known_as": quoted(each.known_as)}
            for each in who_is_called(self._index, name)
        ]
        return self._say("found-lookup", people=found, name=quoted(name))

    def _labels(self, row: int) -> str:
        found = opinion_on(self._view, row)
        return self._say(
            "found-labels",
            speaker=self._view.name(found.speaker),
            probability=found.probability,
            rivals=[self._named(each) for each in found.rivals],
            reasons=[quoted(each) for each in found.reasons],
        )

    def _named(self, found: Any) -> dict[str, Any]:
        """A finding, with the name of the person instead of the code."""
        told = asdict(found)
        code = told.pop("code")
        return {"name": self._view.name(code), "known": code >= 0, **told}

    def _of_cast(self, name: str) -> str:
        code = self._view.code_of.get(name)
        return quoted(name) if code is None else self._view.name(code)


def _declared(lookup: str, told: str) -> Tool | None:
    """A tool by its template, still without a line to tell of."""
    name, _, description = told.partition("\n")
    if not name.strip():
        return None
    form = _with_name if lookup == "lookup" else _without
    return Tool.of(form, name=name.strip(), description=description.strip())


def _without() -> str:
    raise NotImplementedError


def _with_name(name: Annotated[str, msgspec.Meta(min_length=1, max_length=60)]) -> str:
    raise NotImplementedError
