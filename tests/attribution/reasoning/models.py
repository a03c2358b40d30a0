"""A model that plays by the rules in the process of the test, and what it is asked about."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import polars as pl

from castline.agents.conversation import Conversation, End
from castline.agents.driver import Session, Tally
from castline.agents.messages import Reply, Request, ToolCall, Usage
from castline.agents.traces import Trace
from castline.agents.wire import to_wire
from castline.attribution.base import Attribution, Ints, Series
from castline.attribution.propagation import METHOD as PROPAGATION
from castline.attribution.propagation import PropagationParams
from castline.attribution.series import PROTOCOLS, load_series
from castline.attribution.tools.view import Story, read_story
from castline.errors import EndpointError
from castline.project import Project
from castline.testing.scripted.playing import play
from castline.testing.scripted.reading import ChatRequest, read_request

Choose = Callable[[ChatRequest], str]
Fails = Callable[[str], str]


class Model(Session):
    """A session without servers: every reply is made by a function.

    Args:
        choose: Says the answer to a conversation.
        fails: Says of which fault a conversation fails, by its id; empty for none.
        gone_after: So many conversations, after which no endpoint answers any more.

    Attributes:
        openings: Every first request, in order, by task.
    """

    def __init__(
        self, choose: Choose, fails: Fails = lambda _id: "", gone_after: int | None = None
    ) -> None:
        self._choose = choose
        self._fails = fails
        self._left = gone_after
        self.openings: dict[str, list[Request]] = {}
        self.replies = 0

    def run(
        self,
        conversations: Iterable[Conversation],
        task: str,
        on_end: Callable[[Trace], None],
        total: int | None = None,
    ) -> Tally:
        """Hold conversations one after the other."""
        tally = Tally()
        for number, each in enumerate(conversations):
            if self._left == 0:
                raise EndpointError("served", "unreachable", "nobody is there")
            self._left = None if self._left is None else self._left - 1
            trace = self._held(each, task, number)
            on_end(trace)
            tally.add(trace)
        assert total == tally.conversations
        tally.stopped = "budget" if tally.failed["budget"] else ""
        return tally

    def _held(self, conversation: Conversation, task: str, number: int) -> Trace:
        request = conversation.open()
        self.openings.setdefault(task, []).append(request)
        if fault := self._fails(conversation.id):
            return Trace(task, conversation.id, number, "failed", fault, why=f"because of {fault}")
        while True:
            self.replies += 1
            step = conversation.hear(reply_to(request, self._choose))
            if isinstance(step, End):
                return Trace(
                    *(task, conversation.id, number, step.status),
                    answer=step.answer,
                    why=step.why,
                    facts=step.facts,
                    tokens=110,
                )
            request = step


def reply_to(request: Request, choose: Choose) -> Reply:
    """What a model says that calls two tools and then answers as it is told."""
    turn = play(read_request(to_wire(request, "m")), choose)
    calls = tuple(
        ToolCall(f"call-{number}", call.name, call.arguments)
        for number, call in enumerate(turn.calls)
    )
    return said(turn.text, calls)


def said(text: str, calls: tuple[ToolCall, ...] = ()) -> Reply:
    """A reply."""
    return Reply(text, calls, "stop", Usage(100, 10), 0.1, "m", "served")


@dataclass(frozen=True)
class Case:
    """A series, the labels of propagation, what is told of it, and who really speaks."""

    series: Series
    base: Attribution
    story: Story
    truth: tuple[str, ...]

    def perfect(self, request: ChatRequest) -> str:
        """The truth if it is a candidate, else the word for others."""
        assert request.line is not None
        true = self.truth[request.line]
        return true if true in request.candidates else request.candidates[-1]

    def right(self, code: Ints) -> float:
        """Share of the lines whose label is right, everybody outside the cast being one."""
        names = [*self.series.cast, *([""] * (int(code.max(initial=0)) + 1)), ""]
        labels = [names[each] for each in code.tolist()]
        true = [each if each in self.series.cast else "" for each in self.truth]
        return float(np.mean([a == b for a, b in zip(labels, true, strict=True)]))


def case_of(project: Project) -> Case:
    """What reasoning gets of a project."""
    store, episodes = project.store, project.episodes()
    series = load_series(store, episodes, PROTOCOLS["released"], {})
    told = pl.concat([store.read("truth", each) for each in episodes])
    speaker = dict(told.select("line", "speaker").iter_rows())
    return Case(
        series,
        PROPAGATION.attribute(series, PropagationParams()),
        read_story(store, episodes, series),
        tuple(speaker[line] for line in series.lines),
    )
