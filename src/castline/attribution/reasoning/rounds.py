"""One round of questions: what stays the same while a model judges many lines."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from castline.agents.dialects import Dialect
from castline.agents.messages import Request
from castline.agents.native import Native
from castline.agents.prompts import Say
from castline.agents.tagged import Tagged
from castline.attribution.base import NOBODY, Attribution, Ints
from castline.attribution.reasoning.candidates import candidates_of, most_alike
from castline.attribution.reasoning.context import Windows
from castline.attribution.reasoning.conversation import Asking, LineConversation, Question
from castline.attribution.reasoning.params import ReasoningParams
from castline.attribution.tools.names import NameIndex
from castline.attribution.tools.telling import Lookups, quoted
from castline.attribution.tools.view import View
from castline.attribution.tools.voices import VoiceLikeness

__all__ = ["Round"]

_MAIN_CHARACTERS = 60
"""Names of the cast that a model is told, those with most lines."""


class Round:
    """Asks about lines while everything that is shown with them stays as it is.

    Args:
        view: The series with the labels so far.
        start: Candidates of the base method with their probabilities.
        rows: (R,) lines to be asked about, ascending.
        near: Says who came near a line since.
        label: What somebody is called in the tables, by code.
        windows: The dialogue that is shown.
        index: Names of the series.
        say: The prompts.
        parameters: The settings.
        facts: For the trace of each conversation.
    """

    def __init__(
        self,
        view: View,
        start: Attribution,
        rows: Ints,
        *,
        near: Callable[[int], tuple[int, ...]],
        label: Callable[[int], str],
        windows: Windows,
        index: NameIndex,
        say: Say,
        parameters: ReasoningParams,
        facts: dict[str, Any],
    ) -> None:
        self._view = view
        self._start = start
        self._near = near
        self._rows = rows
        self._label = label
        self._windows = windows
        self._say = say
        self._parameters = parameters
        self._facts = facts
        self._likeness = VoiceLikeness(view, rows)
        self._lookups = Lookups(view, say, index, self._likeness, parameters.without)
        self._required = self._lookups.names(parameters.required) if parameters.tools else ()
        self._asked = np.zeros(len(view.series.lines), np.bool_)
        self._asked[rows] = True
        self._system = self._introduction()
        self._sampling = Request(
            messages=(),
            max_tokens=parameters.max_tokens,
            temperature=parameters.temperature,
            top_p=parameters.top_p,
            presence_penalty=parameters.presence_penalty,
            frequency_penalty=parameters.frequency_penalty,
        )

    def conversations(self) -> Iterator[LineConversation]:
        """A conversation for each line, made when it is taken."""
        asking = Asking(
            self._open, self._view.name, self._label, self._parameters.turns, self._parameters.tries
        )
        for row in self._rows.tolist():
            yield LineConversation(self._question(row), asking)

    def _question(self, row: int) -> Question:
        label = int(self._view.labels.code[row])
        codes = candidates_of(self._start, row, label, self._near(row))
        cast = len(self._view.series.cast)
        more = most_alike(self._likeness.of(row), cast, codes, self._parameters.widen)
        facts = {**self._facts, "label": self._label(label)}
        return Question(self._view.series.lines[row], row, codes, more, facts)

    def _open(
        self, question: Question, shown: tuple[int, ...], wider: bool
    ) -> tuple[Dialect, Request]:
        view, parameters = self._view, self._parameters
        tools = self._lookups.tools(question.row, shown) if parameters.tools else ()
        names = [view.name(code) for code in (*shown, NOBODY)]
        kind = Tagged if parameters.dialect == "tagged" else Native
        dialect = kind(tools, names, self._say, self._required)
        episode = quoted(view.episode(question.row))
        dialogue = self._say(
            "dialogue", episode=episode, rows=self._dialogue(question.row), others=view.others
        )
        task = self._say(
            "task",
            number=question.row,
            text=quoted(view.text(question.row)),
            candidates=names,
            others=view.others,
            widened=wider,
        )
        return dialect, dialect.begin(self._system, f"{dialogue}\n\n{task}", self._sampling)

    def _dialogue(self, row: int) -> list[dict[str, Any]]:
        code = self._view.labels.code
        return [
            {
                "number": each,
                "speaker": self._view.name(int(code[each])),
                "text": quoted(self._view.text(each)),
                "doubtful": bool(self._asked[each]),
                "target": each == row,
            }
            for each in self._windows.of(row)
        ]

    def _introduction(self) -> str:
        view = self._view
        lines = [len(each) for each in view.spoken[: len(view.series.cast)]]
        often = sorted(range(len(lines)), key=lambda code: (-lines[code], code))
        tools = self._lookups.declared if self._parameters.tools else ()
        return self._say(
            "system",
            tagged=self._parameters.dialect == "tagged",
            tools=[
                {
                    "name": tool.name,
                    "description": tool.description,
                    "takes": list(tool.parameters.get("properties", {})),
                }
                for tool in tools
            ],
            required=list(self._required),
            others=view.others,
            cast=[view.name(code) for code in often[:_MAIN_CHARACTERS]],
        )
