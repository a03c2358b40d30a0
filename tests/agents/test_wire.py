"""The chat protocol of OpenAI: what is sent, and what is made of a reply."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from castline.agents.messages import Image, Message, Request, ToolCall, ToolSpec, Usage
from castline.agents.wire import from_wire, longest_text, to_wire
from castline.errors import EndpointError

REQUEST = Request((Message("user", "嗯?"),), max_tokens=100)


def sent(request: Request, **values: Any) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(to_wire(request, "m", **values))
    return body


def body(message: dict[str, Any], **more: Any) -> bytes:
    return json.dumps({"choices": [{"message": message}], **more}).encode()


def test_a_plain_request_has_the_fields_that_every_server_knows() -> None:
    assert sent(REQUEST) == {
        "model": "m",
        "messages": [{"role": "user", "content": "嗯?"}],
        "max_tokens": 100,
        "temperature": 0.6,
        "top_p": 0.95,
    }


def test_pictures_follow_the_text() -> None:
    picture = Image(b"\xff\xd8picture")
    (message,) = sent(Request((Message("user", "see", images=(picture, picture)),)))["messages"]
    url = "data:image/jpeg;base64," + base64.b64encode(picture.jpeg).decode()
    shown = {"type": "image_url", "image_url": {"url": url}}
    assert message["content"] == [{"type": "text", "text": "see"}, shown, shown]


def test_calls_and_results_are_told_as_the_protocol_has_it() -> None:
    calls = (ToolCall("1", "look", '{"who": "a"}'), ToolCall("2", "look", "{broken"))
    messages = (Message("assistant", calls=calls), Message("tool", "result", call_id="1"))
    spec = ToolSpec("look", "Looks.", {"type": "object", "properties": {}})

    made = sent(Request(messages, tools=(spec,)))

    assistant, result = made["messages"]
    assert assistant["content"] is None
    # Servers read arguments back: what was broken may not break them.
    assert [each["function"]["arguments"] for each in assistant["tool_calls"]] == [
        '{"who": "a"}',
        "{}",
    ]
    assert result == {"role": "tool", "content": "result", "tool_call_id": "1"}
    assert made["tools"] == [
        {
            "type": "function",
            "function": {
                "name": "look",
                "description": "Looks.",
                "parameters": {"type": "object", "properties": {}},
            },
        }
    ]


def test_an_endpoint_can_add_and_leave_out_fields() -> None:
    extra = {"max_completion_tokens": 100, "top_p": 0.5}
    made = sent(REQUEST, extra=extra, omit=("max_tokens", "temperature", "unknown"))
    assert made.keys() == {"model", "messages", "top_p", "max_completion_tokens"}
    assert made["top_p"] == 0.5


def test_a_schema_is_sent_in_the_form_of_structured_outputs() -> None:
    made = sent(Request(REQUEST.messages, schema={"type": "object"}))
    assert made["response_format"]["json_schema"]["schema"] == {"type": "object"}


def test_a_reply_is_read_with_its_tokens() -> None:
    usage = {
        "prompt_tokens": 10,
        "completion_tokens": 5,
        "prompt_tokens_details": {"cached_tokens": 8},
    }
    reply = from_wire(body({"content": "嗯"}, model="big", usage=usage), REQUEST, "here", 1.5)
    assert (reply.text, reply.usage, reply.model) == ("嗯", Usage(10, 5, 8), "big")
    assert (reply.endpoint, reply.seconds) == ("here", 1.5)


@pytest.mark.parametrize(
    "usage", [None, 3, {}, {"prompt_tokens": -1}, {"completion_tokens": "many"}, {"x": None}]
)
def test_tokens_that_a_server_does_not_tell_are_estimated(usage: Any) -> None:
    reply = from_wire(body({"content": "x" * 400}, usage=usage), REQUEST, "here", 1)
    assert 100 <= reply.usage.completion < 200


@pytest.mark.parametrize(
    "message",
    [
        {"content": None, "reasoning_content": "hm"},
        {"content": "", "reasoning": "hm"},
        {"reasoning_content": "hm"},
    ],
)
def test_thinking_apart_from_the_text_is_kept_apart(message: dict[str, Any]) -> None:
    reply = from_wire(body(message), REQUEST, "here", 1)
    assert (reply.text, reply.thought) == ("", "hm")


def test_text_in_parts_is_put_together() -> None:
    parts = [{"type": "text", "text": "a"}, {"type": "image"}, 3, {"type": "text", "text": "b"}]
    assert from_wire(body({"content": parts}), REQUEST, "here", 1).text == "ab"


@pytest.mark.parametrize("arguments", ['{"a": 1}', {"a": 1}])
def test_arguments_may_be_text_or_an_object(arguments: Any) -> None:
    call = {"function": {"name": "look", "arguments": arguments}}
    (made,) = from_wire(body({"tool_calls": [call]}), REQUEST, "here", 1).calls
    assert (made.id, made.name, json.loads(made.arguments)) == ("call-0", "look", {"a": 1})


@pytest.mark.parametrize("field", ["content", "reasoning_content", "arguments", "calls"])
def test_whatever_is_too_long_is_refused(field: str) -> None:
    text = "x" * (longest_text(100) + 1)
    message: dict[str, Any] = {"content": "short", field: text}
    if field in ("arguments", "calls"):
        count = 1 if field == "arguments" else 40
        arguments = text if field == "arguments" else "{}"
        message = {"tool_calls": [{"function": {"name": "x", "arguments": arguments}}] * count}
    with pytest.raises(EndpointError) as caught:
        from_wire(body(message, usage={"prompt_tokens": 7}), REQUEST, "here", 1)
    assert caught.value.kind == "too long"
    assert caught.value.tokens[0] == 7
