"""Asking for JSON of a certain type: repaired where that is safe, asked again where it is not."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, Generic, TypeVar

import msgspec

from castline.agents.conversation import End
from castline.agents.messages import Message, Reply, Request

__all__ = ["JsonConversation", "json_of"]

T = TypeVar("T")

_TRAILING = re.compile(r",(\s*[\]}])")
_MOST_STARTS = 20
_LONGEST_PROBLEM = 500
_LONGEST_ECHO = 4000


def json_of(text: str, kind: type[T]) -> T:
    """The JSON of a type in a model's reply.

    It may stand in a code fence, after thinking, or between other words, and may have commas too
    many.

    Raises:
        ValueError: There is none; says what is wrong with the likeliest.
    """
    problem = "there is no JSON in it"
    for candidate in _candidates(text.rpartition("</think>")[2]):
        for written in (candidate, _TRAILING.sub(r"\1", candidate)):
            try:
                return msgspec.json.decode(written, type=kind)
            except msgspec.ValidationError as error:
                problem = str(error)
                break
            except (msgspec.DecodeError, UnicodeEncodeError, RecursionError) as error:
                if problem.startswith("there is no"):
                    problem = f"it is no JSON: {error}"
    raise ValueError(problem[:_LONGEST_PROBLEM])


def _candidates(text: str) -> Iterator[str]:
    """Parts of a text that may be the JSON, likeliest first."""
    yield text
    # Every other part between fences is inside of one; its first line names the language.
    yield from (part.partition("\n")[2] for part in reversed(text.split("```")[1::2]))
    for opening, closing in ("{}", "[]"):
        end = text.rfind(closing) + 1
        start = text.find(opening)
        for _ in range(_MOST_STARTS):
            if not 0 <= start < end:
                break
            yield text[start:end]
            start = text.find(opening, start + 1)


class JsonConversation(Generic[T]):
    """A conversation that ends with JSON of a type: "answered", or "gave up" without it.

    Attributes:
        id: Name of the conversation.
    """

    def __init__(
        self,
        id_: str,
        request: Request,
        kind: type[T],
        attempts: int = 3,
        check: Callable[[T], str] | None = None,
    ) -> None:
        """Set up.

        Args:
            id_: Name of the conversation.
            request: What is asked; its `schema` is for servers that can force one.
            kind: A type that msgspec decodes, with its ranges.
            attempts: How often it is asked, at most.
            check: Says what is wrong with a value that fits the type; empty when nothing is.
        """
        self.id = id_
        self._request = request
        self._kind = kind
        self._left = attempts
        self._check = check

    def open(self) -> Request:
        """The request. See `Conversation`."""
        return self._request

    def hear(self, reply: Reply) -> Request | End:
        """The value, or the same request with what was wrong. See `Conversation`."""
        self._left -= 1
        value: Any = None
        try:
            value = json_of(reply.text, self._kind)
            problem = self._check(value) if self._check else ""
        except ValueError as error:
            problem = str(error)
        if not problem:
            return End("answered", msgspec.to_builtins(value))
        if self._left <= 0:
            return End("gave up", why=f"no usable JSON: {problem}")
        # Told of the last mistake only, so that prompts do not grow with each.
        mended = (
            *self._request.messages,
            Message("assistant", reply.text[:_LONGEST_ECHO]),
            Message("user", f"This cannot be used: {problem}. Answer again, with the JSON only."),
        )
        return msgspec.structs.replace(self._request, messages=mended)
