"""The native dialect: function calling, the answer being a call of `answer(name)`.

The tools are told in the same words to every conversation, and the answers that are allowed are
told in the user's message, not in the tool's schema: servers put tools at the very beginning of
what the model reads, where any difference would spoil the prefix cache.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from castline.agents.dialects import Answer, Calls, Dialect, Fault, fault
from castline.agents.messages import Message, Reply, Request, ToolSpec

__all__ = ["Native"]

_ANSWER = "answer"
_NAME = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}


class _Named(msgspec.Struct):
    name: str


class Native(Dialect):
    """A conversation in function calls."""

    def begin(self, system: str, user: str, sampling: Request) -> Request:
        """The first request. See `Dialect`."""
        answer = ToolSpec(_ANSWER, self._say("answer-tool"), _NAME)
        specs = (*(tool.spec for tool in self.tools.values()), answer)
        return msgspec.structs.replace(super().begin(system, user, sampling), tools=specs)

    def read(self, reply: Reply) -> Calls | Answer | Fault:
        """What a reply says. See `Dialect`."""
        if not reply.calls:
            return fault("neither", reply.text)
        answers = [call for call in reply.calls if call.name == _ANSWER]
        if not answers:
            return self._judge_calls(reply.calls)
        if len(reply.calls) > 1:
            return fault("tool-and-answer")
        try:
            named = msgspec.json.decode(answers[0].arguments, type=_Named)
        except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
            return fault("wrong-arguments", answers[0].arguments)
        return self._judge_answer(named.name)

    def _next(self, request: Request, reply: Reply, texts: Sequence[str]) -> Request:
        if reply.calls:
            replies = tuple(
                Message("tool", text, call_id=call.id)
                for call, text in zip(reply.calls, texts, strict=True)
            )
        else:
            replies = (Message("user", "\n\n".join(texts)),)
        return msgspec.structs.replace(
            request, messages=(*request.messages, reply.as_message(), *replies)
        )
