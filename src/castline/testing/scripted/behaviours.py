"""The behaviours, good and bad: each a function from a request to what the server says.

It is also given how often that very request came before. The name of a behaviour is that of its
function; the first line of its docstring is what lists tell of it.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from castline.testing.scripted import playing
from castline.testing.scripted.reading import ChatRequest, Function
from castline.testing.scripted.wire import Response, Turn, error

__all__ = ["BEHAVIOURS", "Behaviour"]

Behaviour = Callable[[ChatRequest, int], Turn | Response]
"""A request, and how often it came before, to what is said."""

_NOBODY = "Nobody At All"
_NO_TOOL = Function("crystal_ball")
_LONG = 100_000


def first_candidate(request: ChatRequest, _before: int) -> Turn:
    """Calls two tools, then answers the first candidate, at once."""
    return playing.play(request, lambda asked: asked.candidates[0])


def slow(request: ChatRequest, before: int) -> Turn:
    """Plays like first-candidate, but takes 2 seconds for each reply."""
    return first_candidate(request, before)


def late(request: ChatRequest, before: int) -> Turn:
    """Plays like first-candidate, but takes 10 minutes for each reply."""
    return first_candidate(request, before)


def clumsy(request: ChatRequest, before: int) -> Turn:
    """Calls a tool that does not exist, then plays like first-candidate."""
    if not request.replies:
        return playing.call(request, _NO_TOOL)
    return first_candidate(request, before)


def not_a_candidate(request: ChatRequest, _before: int) -> Turn:
    """Calls two tools, then answers a name that nobody has, whatever it is told."""
    return playing.play(request, lambda _: _NOBODY)


def endless_tools(request: ChatRequest, _before: int) -> Turn:
    """Calls one tool after the other and never answers."""
    tools = request.offered or [_NO_TOOL]
    return playing.call(request, tools[len(request.replies) % len(tools)])


def empty(_request: ChatRequest, _before: int) -> Turn:
    """Says nothing at all."""
    return Turn()


def long(_request: ChatRequest, _before: int) -> Turn:
    """Talks for 100,000 characters and comes to no end."""
    return Turn(("and so on " * (_LONG // 10))[:_LONG])


def wrong_json(_request: ChatRequest, _before: int) -> Response:
    """Answers JSON that is no chat completion."""
    return Response(b'{"result": "ok"}')


def not_json(_request: ChatRequest, _before: int) -> Response:
    """Answers a web page."""
    return Response(b"<html><body>Welcome!</body></html>", kind="text/html")


def cut_off(_request: ChatRequest, _before: int) -> Response:
    """Breaks the connection in the middle of each reply."""
    return Response(b'{"id": "chatcmpl-0", "object": "chat.completion", "choices": [{"in', cut=True)


def cut_once(request: ChatRequest, before: int) -> Turn | Response:
    """Breaks the connection once for each request, then plays like first-candidate."""
    return cut_off(request, before) if before == 0 else first_candidate(request, before)


def http_429(request: ChatRequest, before: int) -> Turn | Response:
    """Refuses each request once with 429 and Retry-After: 1, then plays like first-candidate."""
    if before:
        return first_candidate(request, before)
    wait = {"Retry-After": "1"}
    return error(429, "Too many requests.", code="rate_limit_exceeded", headers=wait)


def http_500(request: ChatRequest, before: int) -> Turn | Response:
    """Fails each request once with 500, then plays like first-candidate."""
    return first_candidate(request, before) if before else always_500(request, before)


def always_500(_request: ChatRequest, _before: int) -> Response:
    """Fails each request with 500."""
    return error(500, "The server had an error.", code="server_error")


def bad_key(_request: ChatRequest, _before: int) -> Response:
    """Refuses each request with 401: the key is wrong."""
    return error(401, "Incorrect API key provided.", code="invalid_api_key")


def no_model(request: ChatRequest, _before: int) -> Response:
    """Refuses each request with 404: there is no such model."""
    return error(404, f"The model {request.model!r} does not exist.", code="model_not_found")


def story(request: ChatRequest, _before: int) -> Turn:
    """Answers small JSON that fits the schema asked for: captions, summaries, relations."""
    return Turn(playing.fitting_json(request))


def messy_json(request: ChatRequest, _before: int) -> Turn:
    """Answers JSON that fits the schema asked for, in code fences and with a comma too many."""
    text = re.sub(r"([}\]])\Z", r",\1", playing.fitting_json(request))
    return Turn(f"Here it is:\n```json\n{text}\n```\nAnything else?")


def other_json(_request: ChatRequest, _before: int) -> Turn:
    """Answers JSON that does not fit the schema asked for."""
    return Turn('{"unexpected": [1, 2, 3]}')


BEHAVIOURS: tuple[Behaviour, ...] = (
    first_candidate,
    slow,
    late,
    clumsy,
    not_a_candidate,
    endless_tools,
    empty,
    long,
    wrong_json,
    not_json,
    cut_off,
    cut_once,
    http_429,
    http_500,
    always_500,
    bad_key,
    no_model,
    story,
    messy_json,
    other_json,
)
"""All of them, in the order in which they are listed."""
