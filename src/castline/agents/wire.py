"""The JSON of the OpenAI chat protocol: requests to it, replies from it.

A reply comes from a stranger: whatever is no reply, or larger than any reply may be, is refused
with the kind of the fault.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from castline.agents.messages import Message, Reply, Request, ToolCall, Usage
from castline.errors import EndpointError

__all__ = ["from_wire", "longest_body", "longest_text", "served_models", "to_wire", "vectors"]

_LETTERS_A_TOKEN = 16
"""Letters of a token that no real reply reaches on average."""
_LONGEST_NAME = 200
_MOST_CALLS = 32


class _Function(msgspec.Struct):
    name: str
    arguments: Any = ""


class _Call(msgspec.Struct):
    function: _Function
    id: str | None = None


class _Said(msgspec.Struct):
    content: Any = None
    tool_calls: list[_Call] | None = None
    reasoning_content: str | None = None
    reasoning: Any = None


class _Choice(msgspec.Struct):
    message: _Said
    finish_reason: str | None = None


class _Completion(msgspec.Struct):
    choices: list[_Choice]
    model: str | None = None
    usage: Any = None


class _Model(msgspec.Struct):
    id: str


class _Models(msgspec.Struct):
    data: list[_Model]


class _Vector(msgspec.Struct):
    embedding: list[float]
    index: int = 0


class _Vectors(msgspec.Struct):
    data: list[_Vector]


_completion = msgspec.json.Decoder(_Completion)


def longest_text(max_tokens: int) -> int:
    """Letters that no reply of so many tokens can have."""
    return max(_LETTERS_A_TOKEN * max_tokens, 2000)


def longest_body(max_tokens: int) -> int:
    """Bytes of a reply after which reading stops: each letter escaped, and all around it."""
    return 6 * 2 * longest_text(max_tokens) + 65_536


def to_wire(
    request: Request, model: str, extra: Mapping[str, Any] | None = None, omit: Sequence[str] = ()
) -> bytes:
    """The body of a request.

    Args:
        request: What is asked.
        model: Name of the model on that server.
        extra: More fields, which win over those of the request.
        omit: Fields that the server does not know and that are left out.
    """
    body: dict[str, Any] = {
        "model": model,
        "messages": [_message(each) for each in request.messages],
        "max_tokens": request.max_tokens,
        "temperature": request.temperature,
        "top_p": request.top_p,
    }
    if request.presence_penalty:
        body["presence_penalty"] = request.presence_penalty
    if request.frequency_penalty:
        body["frequency_penalty"] = request.frequency_penalty
    if request.tools:
        body["tools"] = [{"type": "function", "function": each} for each in request.tools]
    if request.schema is not None:
        form = {"name": "reply", "schema": request.schema, "strict": True}
        body["response_format"] = {"type": "json_schema", "json_schema": form}
    body |= {**(request.extra or {}), **(extra or {})}
    for field in omit:
        body.pop(field, None)
    return msgspec.json.encode(body)


def _message(message: Message) -> dict[str, Any]:
    made: dict[str, Any] = {"role": message.role, "content": message.text}
    if message.images:
        pictures = [
            {"type": "image_url", "image_url": {"url": _url(i.jpeg)}} for i in message.images
        ]
        made["content"] = [{"type": "text", "text": message.text}, *pictures]
    if message.calls:
        made["content"] = message.text or None
        made["tool_calls"] = [
            {
                "id": call.id,
                "type": "function",
                "function": {"name": call.name, "arguments": _arguments(call.arguments)},
            }
            for call in message.calls
        ]
    if message.role == "tool":
        made["tool_call_id"] = message.call_id
    return made


def _url(jpeg: bytes) -> str:
    return "data:image/jpeg;base64," + base64.b64encode(jpeg).decode()


def _arguments(text: str) -> str:
    """Arguments that a server can read back: many fail on their own model's broken JSON."""
    try:
        return text if isinstance(msgspec.json.decode(text), dict) else "{}"
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        return "{}"


def from_wire(body: bytes, request: Request, endpoint: str, seconds: float) -> Reply:
    """Read the body of a reply.

    Args:
        body: The bytes, of any content.
        request: What was asked.
        endpoint: Name of the endpoint, for the reply and for messages.
        seconds: What the reply took.

    Raises:
        EndpointError: Of kind "no JSON", "empty" or "too long".
    """
    try:
        read = _completion.decode(body)
        choice = read.choices[0]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, IndexError) as error:
        raise EndpointError(endpoint, "no JSON", f"the reply is none of a chat: {error}") from error
    text = _text(choice.message.content)
    thought = choice.message.reasoning_content or _text(choice.message.reasoning)
    calls = tuple(
        ToolCall(_short(call.id or f"call-{number}"), _short(call.function.name), _raw(call))
        for number, call in enumerate((choice.message.tool_calls or [])[: _MOST_CALLS + 1])
    )
    usage = _usage(read.usage, request, body)
    charged = (usage.prompt, usage.completion)
    if not (text or calls or thought):
        raise EndpointError(endpoint, "empty", "the reply says nothing", tokens=charged)
    sizes = (len(text), len(thought), *(len(call.arguments) for call in calls))
    if max(sizes) > longest_text(request.max_tokens) or len(calls) > _MOST_CALLS:
        raise EndpointError(
            endpoint,
            "too long",
            f"{max(sizes)} letters in {request.max_tokens} tokens",
            tokens=charged,
        )
    model, finish = _short(read.model or ""), _short(choice.finish_reason or "")
    return Reply(text, calls, finish, usage, seconds, model, endpoint, thought)


def _text(content: Any) -> str:
    """The text of a message; some servers send it in parts."""
    if isinstance(content, list):
        parts = (part.get("text") for part in content if isinstance(part, dict))
        return "".join(part for part in parts if isinstance(part, str))
    return content if isinstance(content, str) else ""


def _raw(call: _Call) -> str:
    """Arguments as text; some servers send the object itself."""
    given = call.function.arguments
    return given if isinstance(given, str) else msgspec.json.encode(given).decode()


def _short(text: str) -> str:
    return text[:_LONGEST_NAME]


def _usage(given: Any, request: Request, body: bytes) -> Usage:
    """The tokens that the server counted; about as many where it does not say."""
    counts = given if isinstance(given, dict) else {}
    details = counts.get("prompt_tokens_details")
    cached = details.get("cached_tokens") if isinstance(details, dict) else 0
    asked = sum(len(message.text) for message in request.messages)
    return Usage(
        _count(counts.get("prompt_tokens"), asked // 3),
        _count(counts.get("completion_tokens"), len(body) // 4),
        _count(cached, 0),
    )


def _count(given: Any, otherwise: int) -> int:
    return given if isinstance(given, int) and 0 <= given < 2**40 else otherwise


def served_models(body: bytes, endpoint: str) -> list[str]:
    """The models that a server lists.

    Raises:
        EndpointError: The body is no such list.
    """
    try:
        return [_short(model.id) for model in msgspec.json.decode(body, type=_Models).data]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise EndpointError(endpoint, "no JSON", "the list of models is none") from error


def vectors(body: bytes, count: int, endpoint: str) -> list[list[float]]:
    """The vectors of so many texts, in the order of the texts.

    Raises:
        EndpointError: The body holds other than `count` vectors of one length.
    """
    try:
        found = msgspec.json.decode(body, type=_Vectors).data
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise EndpointError(endpoint, "no JSON", f"no vectors: {error}") from error
    rows = [each.embedding for each in sorted(found, key=lambda each: each.index)]
    if len(rows) != count or len({len(row) for row in rows}) != 1 or not rows[0]:
        raise EndpointError(endpoint, "no JSON", f"expected {count} vectors of one length")
    return rows
