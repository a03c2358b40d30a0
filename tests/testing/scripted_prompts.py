"""Conversations as the prompts of both languages and both dialects lay them out."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from castline.testing.scripted.reading import read_request
from castline.testing.scripted.scripts import read_script
from castline.testing.scripted.wire import Turn, Usage, completion

Body = dict[str, Any]

TOOLS = ("voice_similarity", "faces", "caption")
OTHERS = {"en": "others", "zh": "其他"}
_WORDS = {"en": ("Candidates:", "Line: "), "zh": ("候选人：", "台词：")}


def opening(
    names: Sequence[str] = ("Alice", "Bob"),
    *,
    line: int = 17,
    language: str = "en",
    native: bool = False,
    tools: Sequence[str] = TOOLS,
    context: str = "[1] Alice: Good morning.",
) -> Body:
    """The body of the first request."""
    candidates, numbered = _WORDS[language]
    rows = "\n".join(f"- {name}" for name in (*names, OTHERS[language]))
    task = f"{context}\n\n{candidates}\n{rows}\n\n{numbered}{line}\n"
    told = "\n".join(f"- {name}: tells something" for name in tools)
    body: Body = {
        "model": "any",
        "messages": [
            {"role": "system", "content": "Find the speaker." if native else f"Tools\n{told}"},
            {"role": "user", "content": task},
        ],
    }
    if native:
        body["tools"] = [function(name) for name in tools] + [function("answer", "name")]
    return body


def function(name: str, *parameters: str) -> Body:
    """A function as a request offers it; it needs all its parameters, texts."""
    schema = {
        "type": "object",
        "properties": {each: {"type": "string"} for each in parameters},
        "required": list(parameters),
    }
    return {"type": "function", "function": {"name": name, "parameters": schema}}


def going_on(body: Body, message: Body, text: str = "Nothing can be told.") -> Body:
    """The next request: what was replied, and a text in return."""
    calls = message.get("tool_calls") or []
    returned = [{"role": "tool", "content": text, "tool_call_id": each["id"]} for each in calls]
    told = returned or [{"role": "user", "content": text}]
    return body | {"messages": [*body["messages"], message, *told]}


def says(word: str, body: Body, number: int = 0) -> Body:
    """The message that a script replies with."""
    turn = read_script(word).play(read_request(json.dumps(body).encode()), 0)
    assert isinstance(turn, Turn)
    reply = completion(turn, Usage(1, 1, 0), model="any", number=number)
    message: Body = json.loads(reply.body)["choices"][0]["message"]
    return message


def moves(word: str, body: Body, turns: int = 6) -> list[str]:
    """What a script does in its turns: the tools it calls, then `= NAME`, its answer."""
    done: list[str] = []
    while len(done) < turns and not (done and done[-1].startswith("=")):
        message = says(word, body, len(done))
        done.append(move(message))
        body = going_on(body, message)
    return done


def move(message: Body) -> str:
    """What a message does: `TOOL`, `TOOL(ARGUMENTS)` or `= NAME`."""
    if calls := message.get("tool_calls"):
        (called,) = (each["function"] for each in calls)
        arguments = json.loads(called["arguments"])
        if called["name"] == "answer":
            return f"= {arguments['name']}"
        return f"{called['name']}({called['arguments']})" if arguments else str(called["name"])
    said = str(message["content"])
    assert said.count("<think>") == said.count("</think>") == 1
    tag, sign = ("tool", "") if "<tool>" in said else ("answer", "= ")
    return sign + said.partition(f"<{tag}>")[2].partition(f"</{tag}>")[0]
