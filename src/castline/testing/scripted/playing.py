"""The moves of a model that plays by the rules, in both dialects."""

from __future__ import annotations

from collections.abc import Callable
from zlib import crc32

import msgspec

from castline.testing.scripted.reading import ANSWER, ChatRequest, Function
from castline.testing.scripted.schemas import fitting
from castline.testing.scripted.wire import Turn

__all__ = ["answer", "call", "fitting_json", "play"]

_ENOUGH = 2
"""Tools that a good player calls before it answers."""
_WORDS, _LETTERS = 6, 40
"""Words of a prompt that make one text, and its letters at most: not all scripts part words."""


def play(request: ChatRequest, choose: Callable[[ChatRequest], str]) -> Turn:
    """Play by the rules: two tools, then the choice among the candidates.

    A request with a schema gets JSON that fits it; one without candidates gets a sentence.
    """
    if request.schema is not None:
        return Turn(fitting_json(request))
    if not request.candidates:
        return Turn("There is nothing to choose from.")
    return _look_into(request) or answer(request, choose(request))


def answer(request: ChatRequest, name: str) -> Turn:
    """Give a name as the final answer."""
    if request.native:
        given = msgspec.json.encode({"name": name}).decode()
        return Turn(calls=(Function(ANSWER, arguments=given),))
    return Turn(f"{_thought(request)}\n<answer>{name}</answer>")


def call(request: ChatRequest, tool: Function) -> Turn:
    """Call a tool; parameters that it needs get the smallest values that fit."""
    given = fitting(tool.takes, request.candidates) if tool.takes else {}
    arguments = msgspec.json.encode(given).decode()
    if request.native:
        return Turn(calls=(Function(tool.name, arguments=arguments),))
    called = f"{tool.name}({arguments})" if given else tool.name
    return Turn(f"{_thought(request)}\n<tool>{called}</tool>")


def fitting_json(request: ChatRequest) -> str:
    """JSON text that fits the schema of the request, in words of its last message.

    Which words come first depends on all that it holds, pictures too: other clips, other captions.
    """
    last = request.messages[-1]
    words = last.words
    parts = (words[at : at + _WORDS] for at in range(0, len(words), _WORDS))
    texts = [" ".join(part)[:_LETTERS] for part in parts]
    value = fitting(request.schema or {}, texts, start=crc32(last.text.encode()))
    return msgspec.json.encode(value).decode()


def _thought(request: ChatRequest) -> str:
    return f"<think>{len(request.called)} tools were called.</think>"


def _look_into(request: ChatRequest) -> Turn | None:
    """Call the next of the first two tools; None when they were called, or there are none.

    For each answer that was refused, one tool more: it may have been asked for.
    """
    wanted = request.offered[: _ENOUGH + request.refused]
    left = [tool for tool in wanted if tool.name not in request.called]
    return call(request, left[0]) if left else None
