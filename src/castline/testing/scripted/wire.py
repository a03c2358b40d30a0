"""What the server says, in the shapes of the OpenAI protocol."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import msgspec

from castline.testing.scripted.reading import Function

__all__ = ["Response", "Turn", "Usage", "completion", "error", "json_response", "tokens"]

_BYTES_A_TOKEN = 4


@dataclass(frozen=True)
class Turn:
    """What the model says.

    Attributes:
        text: Text of the message.
        calls: Functions it calls.
    """

    text: str = ""
    calls: tuple[Function, ...] = ()

    @property
    def tokens(self) -> int:
        """How many tokens it takes."""
        return tokens(self.text + "".join(call.name + call.arguments for call in self.calls))


@dataclass(frozen=True)
class Usage:
    """Tokens of a reply: read, written, and those read that were known from earlier prompts."""

    prompt: int
    completion: int
    cached: int


@dataclass(frozen=True)
class Response:
    """What goes over the wire.

    Attributes:
        body: The content.
        status: HTTP status.
        headers: Further headers.
        kind: Type of the content.
        cut: Whether the connection breaks in the middle of it.
    """

    body: bytes
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    kind: str = "application/json"
    cut: bool = False


def json_response(value: Any, *, status: int = 200) -> Response:
    """A value as JSON."""
    return Response(msgspec.json.encode(value), status)


def error(
    status: int, message: str, *, code: str, headers: dict[str, str] | None = None
) -> Response:
    """An error as that protocol words it."""
    problem = {"message": message, "type": code, "param": None, "code": code}
    return Response(msgspec.json.encode({"error": problem}), status, headers or {})


def tokens(text: str) -> int:
    """How many tokens a text is taken for: one for four bytes, at least one."""
    return max(1, len(text.encode("utf-8", "surrogatepass")) // _BYTES_A_TOKEN)


def completion(turn: Turn, usage: Usage, *, model: str, number: int) -> Response:
    """A chat completion.

    Args:
        turn: What the model says.
        usage: What it took.
        model: The model that says it.
        number: The reply's own number, which makes ids unique.
    """
    calls = [
        {
            "id": f"call_{number}_{at}",
            "type": "function",
            "function": {"name": call.name, "arguments": call.arguments},
        }
        for at, call in enumerate(turn.calls)
    ]
    message: dict[str, Any] = {"role": "assistant", "content": turn.text}
    if calls:
        message |= {"content": turn.text or None, "tool_calls": calls}
    choice = {"index": 0, "message": message, "finish_reason": "tool_calls" if calls else "stop"}
    return json_response(
        {
            "id": f"chatcmpl-{number}",
            "object": "chat.completion",
            "created": 0,
            "model": model,
            "choices": [choice],
            "usage": {
                "prompt_tokens": usage.prompt,
                "completion_tokens": usage.completion,
                "total_tokens": usage.prompt + usage.completion,
                "prompt_tokens_details": {"cached_tokens": usage.cached},
            },
        }
    )
