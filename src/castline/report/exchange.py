"""A conversation with a model, taken apart for people: who thought, asked, was told, answered."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from castline.agents.messages import Reply
    from castline.agents.traces import Said, Trace, Turn

__all__ = ["Exchange", "Part", "Step", "exchange", "parts_of"]

Kind = Literal["thought", "call", "answer", "text"]

_TAG = re.compile(r"</?(think|tool|answer)>")
_KINDS: dict[str, Kind] = {"think": "thought", "tool": "call", "answer": "answer"}
_ANSWER = "answer"
"""The native tool that is no tool: calling it is the answer."""


@dataclass(frozen=True)
class Part:
    """A piece of a reply.

    Attributes:
        kind: What it is; `text` where it is none of the others.
        text: As the model wrote it.
    """

    kind: Kind
    text: str


@dataclass(frozen=True)
class Step:
    """A reply, and what the model was told in return.

    Attributes:
        parts: The reply, piece by piece.
        back: Results of tools and corrections; empty after the last reply.
        turn: What the reply cost.
    """

    parts: tuple[Part, ...]
    back: tuple[str, ...]
    turn: Turn


@dataclass(frozen=True)
class Exchange:
    """A conversation.

    Attributes:
        system: The instructions it began with.
        question: The user's message that it began with.
        earlier: Tries that were begun anew, one after the other.
        steps: The last try.
        models: Each model that took part, and the name of its endpoint.
    """

    system: str
    question: str
    earlier: tuple[Step, ...]
    steps: tuple[Step, ...]
    models: tuple[tuple[str, str], ...]


def exchange(trace: Trace) -> Exchange:
    """Take a conversation apart."""
    begin = next(
        (at for at, said in enumerate(trace.messages) if said.role in ("assistant", "tool")),
        len(trace.messages),
    )
    opening = trace.messages[:begin]
    before = [back for said in trace.earlier for back in _told(said)]
    told = [*before, *_told(trace.messages)]
    steps = tuple(
        Step(_reply_parts(turn.reply), back, turn)
        for turn, back in zip(trace.turns, told, strict=False)
    )
    return Exchange(
        system=_joined(opening, "system"),
        question=_joined(opening, "user"),
        earlier=steps[: len(before)],
        steps=steps[len(before) :],
        models=tuple(dict.fromkeys((t.reply.model, t.reply.endpoint) for t in trace.turns)),
    )


def parts_of(text: str) -> Iterator[Part]:
    """The pieces of tagged text, in order; a text without tags is one piece.

    >>> [(part.kind, part.text) for part in parts_of("a</think> <tool>faces</tool>!")]
    [('thought', 'a'), ('call', 'faces'), ('text', '!')]
    """
    head, closed, tail = text.partition("</think>")
    if closed and "<think>" not in head:
        # The server's template has opened it.
        text = tail
        yield from _part("thought", head)
    at = 0
    for opening, closing in _paired(text):
        yield from _part("text", text[at : opening.start()])
        yield from _part(_KINDS[opening[1]], text[opening.end() : closing.start()])
        at = closing.end()
    yield from _part("text", text[at:])


def _paired(text: str) -> Iterator[tuple[re.Match[str], re.Match[str]]]:
    """Tags that open and close, in one pass however many there are; what lies within is text."""
    last = {name: text.rfind(f"</{name}>") for name in _KINDS}
    opening: re.Match[str] | None = None
    for tag in _TAG.finditer(text):
        name, opens = tag[1], tag[0][1] != "/"
        if opening is None and opens and last[name] > tag.start():
            opening = tag
        elif opening is not None and not opens and opening[1] == name:
            yield opening, tag
            opening = None


def _part(kind: Kind, text: str) -> Iterator[Part]:
    if text := text.strip():
        yield Part(kind, text)


def _reply_parts(reply: Reply) -> tuple[Part, ...]:
    calls = (
        Part("answer", call.arguments)
        if call.name == _ANSWER
        else Part("call", f"{call.name}({call.arguments})")
        for call in reply.calls
    )
    return (*_part("thought", reply.thought), *parts_of(reply.text), *calls)


def _told(messages: Sequence[Said]) -> Iterator[tuple[str, ...]]:
    """For each reply among the messages, what follows it up to the next one."""
    begins = [at for at, said in enumerate(messages) if said.role == "assistant"]
    for at, end in zip(begins, [*begins[1:], len(messages)], strict=False):
        yield tuple(said.text for said in messages[at + 1 : end])


def _joined(messages: Sequence[Said], role: str) -> str:
    return "\n\n".join(said.text for said in messages if said.role == role)
