"""How a conversation with tools is spelled: as tagged text, or as native function calls.

A dialect carries one conversation: it knows its tools, the answers that are allowed, and what was
called so far; it knows nothing of what the conversation is about. What it says comes from
templates:

=============== =============================================================================
`fault-KIND`    what was wrong with the last reply, KIND being one of `KINDS`. Values: `detail`
                (what was read, a stranger's text), `tools`, `answers`, `required`
`reminder`      what was called so far. Values: `called`
`answer-tool`   native dialect: what the tool `answer` is for
=============== =============================================================================

`tools`, `answers`, `required` and `called` are lists of text.
"""

from __future__ import annotations

import unicodedata
from abc import ABC, abstractmethod
from collections.abc import Sequence

import msgspec

from castline.agents.messages import Message, Reply, Request, ToolCall
from castline.agents.prompts import Say
from castline.agents.tools import Tool, ToolError

__all__ = ["KINDS", "Answer", "Calls", "Dialect", "Fault", "fault"]

KINDS = (
    "several-tags",
    "no-think",
    "tool-and-answer",
    "neither",
    "unknown-tool",
    "wrong-arguments",
    "repeated-call",
    "tool-first",
    "not-an-answer",
)
"""Kinds of faults, in the order in which a reply is looked through."""

_LONGEST_DETAIL = 200


class Calls(msgspec.Struct, frozen=True):
    """The reply calls tools: known ones, with arguments that fit, none of them again."""

    calls: tuple[ToolCall, ...]


class Answer(msgspec.Struct, frozen=True):
    """The reply is an answer that is allowed, spelled as it is allowed."""

    name: str


class Fault(msgspec.Struct, frozen=True):
    """The reply breaks the protocol.

    Attributes:
        kind: One of `KINDS`.
        detail: What was read instead, cut short; a stranger's text.
    """

    kind: str
    detail: str = ""


class Dialect(ABC):
    """One conversation with tools.

    Attributes:
        tools: Name to tool.
        answers: Answers that are allowed; may be replaced while the conversation goes on.
        required: Names of the tools that must have been called before an answer.
        called: Calls that were carried out, each as `name(arguments)`.
    """

    def __init__(
        self, tools: Sequence[Tool], answers: Sequence[str], say: Say, required: Sequence[str] = ()
    ) -> None:
        self.tools = {tool.name: tool for tool in tools}
        self.answers = tuple(answers)
        self.required = tuple(required)
        self.called: list[str] = []
        self._say = say

    def begin(self, system: str, user: str, sampling: Request) -> Request:
        """The first request.

        Args:
            system: The system message, which explains the tagged form where that is spoken.
            user: The user's message.
            sampling: A request whose messages and tools are replaced; all else is kept.
        """
        messages = (Message("system", system), Message("user", user))
        return msgspec.structs.replace(sampling, messages=messages, tools=())

    @abstractmethod
    def read(self, reply: Reply) -> Calls | Answer | Fault:
        """What a reply says. Changes nothing."""

    def continue_(self, request: Request, reply: Reply, read: Calls | Fault) -> Request:
        """The next request: the reply, and what its calls give or what was wrong with it.

        Args:
            request: The request that was replied to.
            reply: The reply.
            read: What `read` made of it.
        """
        if isinstance(read, Fault):
            correction = self._say(
                f"fault-{read.kind}",
                detail=read.detail,
                tools=list(self.tools),
                answers=list(self.answers),
                required=list(self.required),
            )
            return self.tell(request, reply, f"{correction}\n\n{self._reminder()}")
        results = [self._carry_out(call) for call in read.calls]
        results[-1] += f"\n\n{self._reminder()}"
        return self._next(request, reply, results)

    def tell(self, request: Request, reply: Reply, text: str) -> Request:
        """The next request: the reply, and a text in return, whatever the reply was."""
        return self._next(request, reply, [text] * max(len(reply.calls), 1))

    @abstractmethod
    def _next(self, request: Request, reply: Reply, texts: Sequence[str]) -> Request:
        """The next request: the reply, and one text for each of its native calls, or one."""

    def _carry_out(self, call: ToolCall) -> str:
        tool = self.tools[call.name]
        self.called.append(tool.shown(call.arguments))
        try:
            return tool.call(call.arguments)
        except ToolError as error:
            return str(error)

    def _reminder(self) -> str:
        return self._say("reminder", called=list(self.called))

    def _judge_calls(self, calls: Sequence[ToolCall]) -> Calls | Fault:
        before = set(self.called)
        for call in calls:
            tool = self.tools.get(call.name)
            if tool is None:
                return fault("unknown-tool", call.name)
            try:
                shown = tool.shown(call.arguments)
            except ToolError as error:
                return fault("wrong-arguments", str(error))
            if shown in before:
                return fault("repeated-call", shown)
            before.add(shown)
        return Calls(tuple(calls))

    def _judge_answer(self, text: str) -> Answer | Fault:
        names = {shown.partition("(")[0] for shown in self.called}
        if missing := [name for name in self.required if name not in names]:
            return fault("tool-first", ", ".join(missing))
        for same in (str.strip, _plain):
            fitting = [answer for answer in self.answers if same(answer) == same(text)]
            if len(fitting) == 1:
                return Answer(fitting[0])
        return fault("not-an-answer", text)


def fault(kind: str, detail: str = "") -> Fault:
    """A fault whose detail is cut short."""
    return Fault(kind, detail.strip()[:_LONGEST_DETAIL])


def _plain(text: str) -> str:
    """A name without what models add or change: width, case, quotation marks, a full stop."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return folded.strip(" \t\n\"'“”‘’「」『』`*.。")
