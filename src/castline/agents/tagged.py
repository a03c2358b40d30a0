"""The tagged dialect: `<think>`, `<tool>` and `<answer>` in plain text, for any model.

Each reply thinks, then calls one tool or answers; what stands outside of the tags is ignored. A
tool is called as `name`, `name()`, `name(place="left", count=3)` or `name({"place": "left"})`.
A reply may open without `<think>` when the server's template has written it already, and thinking
that the server keeps apart from the text counts too.

The order in which faults are looked for is that of the released DramaSR-LRM code, whose models are
trained on it; unlike there, `name()` is right.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

from castline.agents.dialects import Answer, Calls, Dialect, Fault, fault
from castline.agents.messages import Message, Reply, Request, ToolCall

__all__ = ["Tagged"]

_CALL = re.compile(r"([\w.-]{1,64})\s*(?:\((.*)\))?", re.DOTALL)
_PAIR = re.compile(r"""\s*(\w{1,64})\s*=\s*("(?:[^"\\]|\\.)*"|[^",]*)\s*(?:,|\Z)""")
_LONGEST_CALL = 4000


class Tagged(Dialect):
    """A conversation in tagged text."""

    def read(self, reply: Reply) -> Calls | Answer | Fault:
        """What a reply says. See `Dialect`."""
        found = {tag: _contents(reply.text, tag) for tag in ("think", "tool", "answer")}
        for tag, contents in found.items():
            if len(contents) > 1:
                return fault("several-tags", tag)
        if not (found["think"] or reply.thought or "</think>" in reply.text):
            return fault("no-think")
        if found["tool"] and found["answer"]:
            return fault("tool-and-answer")
        if found["answer"]:
            return self._judge_answer(found["answer"][0])
        if not found["tool"]:
            return fault("neither")
        call = _call(found["tool"][0])
        return call if isinstance(call, Fault) else self._judge_calls([call])

    def _next(self, request: Request, reply: Reply, texts: Sequence[str]) -> Request:
        said = Message("assistant", reply.text)
        return msgspec.structs.replace(
            request, messages=(*request.messages, said, Message("user", "\n\n".join(texts)))
        )


def _contents(text: str, tag: str) -> list[str]:
    """What stands between each pair of a tag, stripped; in one pass, however often it opens."""
    opening, closing = f"<{tag}>", f"</{tag}>"
    found = []
    start = text.find(opening)
    while start >= 0:
        end = text.find(closing, start)
        if end < 0:
            break
        found.append(text[start + len(opening) : end].strip())
        start = text.find(opening, end)
    return found


def _call(text: str) -> ToolCall | Fault:
    """A call as it is written in the tag."""
    match = _CALL.fullmatch(text[:_LONGEST_CALL])
    if match is None:
        return fault("unknown-tool", text)
    name, inside = match[1], (match[2] or "").strip()
    if not inside or inside.startswith("{"):
        return ToolCall("", name, inside or "{}")
    arguments: dict[str, object] = {}
    at = 0
    while at < len(inside):
        pair = _PAIR.match(inside, at)
        if pair is None:
            return fault("wrong-arguments", inside)
        arguments[pair[1]] = _value(pair[2].strip())
        at = pair.end()
    return ToolCall("", name, msgspec.json.encode(arguments).decode())


def _value(text: str) -> object:
    """A JSON value, or the text as it stands."""
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return text
