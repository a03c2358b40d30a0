"""What a script reads out of a conversation, as a model would: tools, line, candidates, schema.

The task stands in the messages before the first reply. Prompts in both languages keep one shape:
a line `Line: 17` or `台词：17`, whose number counts over the whole series, and the candidates as
rows `- NAME` below `Candidates:` or `候选人：`, the word for everybody else being the last. Where a
prompt quotes subtitles that imitate this shape, the last mention counts.

A request that offers functions is answered by calling them, the final answer being a call of
`answer`. Any other is answered in tagged text; its tools are rows `- NAME: what it tells`, or
`- NAME(PARAMETER): ...`, of the system message.
"""

from __future__ import annotations

import re
import zlib
from functools import cached_property
from typing import Annotated, Any

import msgspec

__all__ = ["ANSWER", "UNREADABLE", "ChatRequest", "Function", "Message", "Tool", "read_request"]

ANSWER = "answer"
"""The tool that takes the final answer in native function calling."""

UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
"""What decoding raises about JSON that is none, is of another shape, or is nested too deeply."""

_LINE = re.compile(r"^(?:Line|台词)[:：][ \t]*(\d{1,9})[ \t]*$", re.MULTILINE)
_CANDIDATES = re.compile(r"^(?:Candidates|候选人)[:：][ \t]*\n((?:- .*(?:\n|\Z))+)", re.MULTILINE)
_TOOL_ROW = re.compile(r"^- `?([a-z][a-z0-9_]*)`?(?:\(([^()\n]*)\))?[ \t]*[:：]", re.MULTILINE)
_TOOL_TAG = re.compile(r"<tool>\s*([A-Za-z0-9_]+)")
_ANSWER_TAG = "<answer>"
_IMAGE_LETTERS = 1024


class Function(msgspec.Struct, frozen=True):
    """A function that is offered, or one that is called.

    Attributes:
        name: What it is called.
        parameters: JSON schema of what it takes, where it is offered.
        arguments: JSON text of what it is given, where it is called.
    """

    name: str
    parameters: dict[str, Any] | None = None
    arguments: str = ""

    @property
    def takes(self) -> dict[str, Any] | None:
        """The schema of its parameters; None where it can be called without any."""
        return self.parameters if self.parameters and self.parameters.get("required") else None


class Tool(msgspec.Struct, frozen=True):
    """An entry of `tools` or of `tool_calls`."""

    function: Function


class Message(msgspec.Struct):
    """One message of a request.

    Attributes:
        role: `system`, `user`, `assistant` or `tool`.
        content: Text, parts of text and pictures, or nothing.
        tool_calls: What the assistant called.
    """

    role: str
    content: str | list[dict[str, Any]] | None = None
    tool_calls: list[Tool] | None = None

    @property
    def text(self) -> str:
        """The text; a picture stands as so many letters, the same for the same picture."""
        if isinstance(self.content, list):
            return "\n".join(map(_part_text, self.content))
        return self.content or ""

    @property
    def words(self) -> list[str]:
        """The words of the text, without pictures."""
        parts = self.content if isinstance(self.content, list) else [{"text": self.text}]
        return " ".join(str(part.get("text", "")) for part in parts).split()

    @property
    def called(self) -> list[str]:
        """Names of the tools that this message calls, in either dialect; not the answer."""
        names = [call.function.name for call in self.tool_calls or ()]
        return [name for name in names or _TOOL_TAG.findall(self.text) if name != ANSWER]

    @property
    def answers(self) -> bool:
        """Whether this message gives a final answer, in either dialect."""
        native = any(call.function.name == ANSWER for call in self.tool_calls or ())
        return native or _ANSWER_TAG in self.text


class ChatRequest(msgspec.Struct, dict=True):
    """The body of a chat completion, as far as the scripts read it; other fields are let be."""

    messages: Annotated[list[Message], msgspec.Meta(min_length=1)]
    model: str = ""
    tools: list[Tool] | None = None
    response_format: dict[str, Any] | None = None
    stream: bool | None = None

    @cached_property
    def opening(self) -> list[Message]:
        """The messages before the first reply."""
        replies = (at for at, each in enumerate(self.messages) if each.role == "assistant")
        return self.messages[: next(replies, None)]

    @cached_property
    def native(self) -> bool:
        """Whether functions are offered."""
        return bool(self.tools)

    @cached_property
    def offered(self) -> list[Function]:
        """Tools to find something out with; those that need nothing come first."""
        tools = [tool.function for tool in self.tools or () if tool.function.name != ANSWER]
        return sorted(tools or self._tagged_tools(), key=lambda tool: tool.takes is not None)

    @cached_property
    def replies(self) -> list[Message]:
        """What the model said so far."""
        return [each for each in self.messages if each.role == "assistant"]

    @cached_property
    def called(self) -> list[str]:
        """Names of the tools called so far."""
        return [name for reply in self.replies for name in reply.called]

    @property
    def refused(self) -> int:
        """Answers given so far; none was taken, or nobody would ask again."""
        return sum(reply.answers for reply in self.replies)

    @cached_property
    def line(self) -> int | None:
        """Number of the line in the series; None where no line is asked about."""
        found = _LINE.findall(self._task)
        return int(found[-1]) if found else None

    @cached_property
    def candidates(self) -> list[str]:
        """Names to choose from, the word for everybody else last; empty where there are none."""
        found = _CANDIDATES.findall(self._task)
        return [row.removeprefix("- ").strip() for row in found[-1].splitlines()] if found else []

    @property
    def schema(self) -> dict[str, Any] | None:
        """The JSON schema that the reply must fit, if one was sent."""
        asked: dict[str, Any] = (self.response_format or {}).get("json_schema") or {}
        return asked.get("schema")

    def prompt(self) -> str:
        """All that a model reads, as one text: tools first, then the messages."""
        tools = msgspec.json.encode(self.tools).decode() if self.tools else ""
        return tools + "\n".join(map(_rendered, self.messages))

    @cached_property
    def _task(self) -> str:
        return "\n\n".join(each.text for each in self.opening if each.role == "user")

    def _tagged_tools(self) -> list[Function]:
        rules = "\n".join(each.text for each in self.opening if each.role == "system")
        return [Function(name, _texts(inside)) for name, inside in _TOOL_ROW.findall(rules)]


def read_request(body: bytes) -> ChatRequest:
    """Read the body of a chat completion.

    Raises:
        UNREADABLE: It is no JSON, or not of that shape.
    """
    return msgspec.json.decode(body, type=ChatRequest)


def _texts(named: str) -> dict[str, Any]:
    """The schema of parameters that are only named, as in `name, place`: they are texts."""
    names = re.findall(r"\w+", named)
    texts = {name: {"type": "string"} for name in names}
    return {"type": "object", "properties": texts, "required": names}


def _rendered(message: Message) -> str:
    calls = msgspec.json.encode(message.tool_calls).decode() if message.tool_calls else ""
    return f"{message.role}: {message.text}{calls}"


def _part_text(part: dict[str, Any]) -> str:
    if part.get("type") == "text":
        return str(part.get("text", ""))
    mark = f"{zlib.crc32(msgspec.json.encode(part)):08x}"
    return mark * (_IMAGE_LETTERS // len(mark))
