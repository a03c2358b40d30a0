"""The conversation about one line: tools, an answer, and where need be a wider choice."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from castline.agents.conversation import End
from castline.agents.dialects import Answer, Dialect
from castline.agents.messages import Reply, Request
from castline.attribution.base import NOBODY
from castline.attribution.reasoning.belief import Stage

__all__ = ["ANSWERED", "GAVE_UP", "Asking", "LineConversation", "Question", "stages_of"]

ANSWERED, GAVE_UP = "answered", "gave up"


@dataclass(frozen=True)
class Question:
    """What is asked about a line.

    Attributes:
        id: The line.
        row: Its number in the series.
        codes: Candidates, in the order in which they are shown.
        more: Who is considered, too, when it was none of them; empty where that is nobody.
        facts: More for the trace.
    """

    id: str
    row: int
    codes: tuple[int, ...]
    more: tuple[int, ...]
    facts: dict[str, Any]


@dataclass(frozen=True)
class Asking:
    """How questions are asked, the same for all lines of a pass.

    Attributes:
        open: Makes the dialect and the first request of a question with some candidates: all of
            them, and whether they are the wider choice.
        name: What somebody is called in the prompts; others too.
        label: What somebody is called in the tables.
        turns: Replies until a try is given up.
        tries: How often a question is tried.
    """

    open: Callable[[Question, tuple[int, ...], bool], tuple[Dialect, Request]]
    name: Callable[[int], str]
    label: Callable[[int], str]
    turns: int
    tries: int


class LineConversation:
    """Asks about a line until there is an answer.

    Attributes:
        id: The line.
    """

    def __init__(self, question: Question, asking: Asking) -> None:
        self.id = question.id
        self._question = question
        self._asking = asking
        self._shown = question.codes
        self._stages: list[Stage] = []
        self._dialect: Dialect
        self._request: Request
        self._tries = self._turns = 0
        # Where nobody is near, the wider choice is the first.
        if not question.codes:
            self._shown = question.more

    def open(self) -> Request:
        """The first request. See `Conversation`."""
        self._tries += 1
        return self._begin()

    def hear(self, reply: Reply) -> Request | End:
        """The next request, or how it came out. See `Conversation`."""
        self._turns += 1
        read = self._dialect.read(reply)
        if isinstance(read, Answer):
            return self._answered(read.name)
        if self._turns < self._asking.turns:
            self._request = self._dialect.continue_(self._request, reply, read)
            return self._request
        if self._tries < self._asking.tries:
            return self.open()
        return self._end(GAVE_UP, f"no valid answer in {self._tries} tries")

    def _begin(self) -> Request:
        self._turns = 0
        wider = bool(self._stages) or not self._question.codes
        self._dialect, self._request = self._asking.open(self._question, self._shown, wider)
        return self._request

    def _answered(self, name: str) -> Request | End:
        by_name = {self._asking.name(code): code for code in self._shown}
        answer = by_name.get(name, NOBODY)
        self._stages.append(Stage(self._shown, answer))
        more = [code for code in self._question.more if code not in self._shown]
        if answer == NOBODY and len(self._stages) == 1 and more:
            self._shown = tuple(sorted((*self._shown, *more)))
            return self._begin()
        return self._end(ANSWERED, "")

    def _end(self, status: str, why: str) -> End:
        stages = [{"shown": list(each.shown), "answer": each.answer} for each in self._stages]
        answer = self._asking.label(self._stages[-1].answer) if status == ANSWERED else None
        facts = {**self._question.facts, "row": self._question.row, "stages": stages}
        return End(status, answer, why, facts)


def stages_of(facts: dict[str, Any]) -> Sequence[Stage]:
    """The questions and answers of a conversation that ended, from its facts."""
    return [Stage(tuple(each["shown"]), each["answer"]) for each in facts["stages"]]
