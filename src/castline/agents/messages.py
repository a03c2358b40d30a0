"""What is said to a model and what it replies, whatever the server: plain values that never change.

`wire.py` turns them into the JSON of the OpenAI chat protocol and back.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

__all__ = ["Image", "Message", "Reply", "Request", "Role", "ToolCall", "ToolSpec", "Usage"]

Role = Literal["system", "user", "assistant", "tool"]


class Image(msgspec.Struct, frozen=True):
    """A picture that goes with a message.

    Attributes:
        jpeg: The file, as it is sent.
    """

    jpeg: bytes


class ToolCall(msgspec.Struct, frozen=True):
    """A model's wish that a tool be called.

    Attributes:
        id: What the result is matched by; empty where the dialect has no such thing.
        name: The tool, as the model wrote it.
        arguments: JSON text, as the model wrote it: it may be no JSON at all.
    """

    id: str
    name: str
    arguments: str


class Message(msgspec.Struct, frozen=True):
    """One message of a conversation.

    Attributes:
        role: Who says it.
        text: What is said.
        images: Pictures shown with it, after the text.
        calls: Tools that the assistant wants called with it.
        call_id: For the role `tool`: the call that this is the result of.
    """

    role: Role
    text: str = ""
    images: tuple[Image, ...] = ()
    calls: tuple[ToolCall, ...] = ()
    call_id: str = ""


class ToolSpec(msgspec.Struct, frozen=True):
    """A tool as a model is told of it.

    Attributes:
        name: What it is called by.
        description: What it tells, in a sentence.
        parameters: JSON schema of its arguments, an object.
    """

    name: str
    description: str
    parameters: dict[str, Any]


class Request(msgspec.Struct, frozen=True):
    """All that a model is asked with: a server keeps nothing between two requests.

    Attributes:
        messages: The conversation so far.
        tools: Tools that the model may call natively.
        max_tokens: Longest reply, in tokens.
        temperature: 0 for the likeliest reply; see the server's manual, as for the next three.
        top_p: Share of the probability that is drawn from.
        presence_penalty: Against words that occurred.
        frequency_penalty: Against words by how often they occurred.
        schema: JSON schema that the reply should follow, for servers that can force it.
        extra: More fields of the body, as the server knows them.
    """

    messages: tuple[Message, ...]
    tools: tuple[ToolSpec, ...] = ()
    max_tokens: int = 1024
    temperature: float = 0.6
    top_p: float = 0.95
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    schema: dict[str, Any] | None = None
    extra: dict[str, Any] | None = None


class Usage(msgspec.Struct, frozen=True):
    """Tokens of one reply.

    Attributes:
        prompt: Tokens read.
        completion: Tokens written.
        cached: Tokens read that the server had in its prefix cache; part of `prompt`.
    """

    prompt: int
    completion: int
    cached: int = 0

    @property
    def total(self) -> int:
        """Tokens read and written."""
        return self.prompt + self.completion


class Reply(msgspec.Struct, frozen=True):
    """What a model answered. All of its text comes from a stranger.

    Attributes:
        text: What it said.
        calls: Tools that it wants called.
        finish: Why it stopped, in the server's word: `stop`, `length`, `tool_calls`, ...
        usage: Tokens.
        seconds: From asking to the whole reply.
        model: The model, as the server names it.
        endpoint: Name of the endpoint.
        thought: What it thought, where the server keeps thinking apart from the text.
    """

    text: str
    calls: tuple[ToolCall, ...]
    finish: str
    usage: Usage
    seconds: float
    model: str
    endpoint: str
    thought: str = ""

    def as_message(self) -> Message:
        """The reply as a message of the conversation that goes on."""
        return Message("assistant", self.text, calls=self.calls)
