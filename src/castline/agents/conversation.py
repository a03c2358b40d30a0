"""What a task brings to the driver: conversations that say what to ask next."""

from __future__ import annotations

from typing import Any, Protocol

import msgspec

from castline.agents.messages import Reply, Request

__all__ = ["Conversation", "End"]


class End(msgspec.Struct, frozen=True):
    """How a conversation came out.

    Attributes:
        status: The task's own word: "answered", "gave up", ...; never "failed", which is the
            driver's.
        answer: What came out, as a JSON value.
        why: One sentence for people.
        facts: More for the trace, as JSON values.
    """

    status: str
    answer: Any = None
    why: str = ""
    facts: dict[str, Any] = {}


class Conversation(Protocol):
    """One conversation with a model.

    It must be deterministic: after the same replies it asks the same. Resuming rests on that: a
    conversation is run again from its beginning, and replies that were paid for come from the
    store. What it raises ends the run.

    Attributes:
        id: Unique within a task, readable: "ep01:0042".
    """

    @property
    def id(self) -> str:
        """Its name within the task."""

    def open(self) -> Request:
        """The first request."""

    def hear(self, reply: Reply) -> Request | End:
        """The next request, or how it came out."""
