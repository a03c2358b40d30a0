"""What a method gets and gives that asks a language model about the labels of another method."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from castline.attribution.base import Attribution, Series

if TYPE_CHECKING:
    from castline.agents.driver import Session
    from castline.attribution.tools.view import Story

__all__ = ["Asked", "Discussion", "TalkingMethod"]


@dataclass(frozen=True)
class Asked:
    """A line that was sent to the model.

    Attributes:
        row: The line.
        turn: In which pass; 0 where it only tried the model.
        status: How the conversation ended: "answered", "gave up", or "failed".
        answer: Code of what the model said last; None without an answer.
        why: Why there is none, in a sentence.
        tokens: Tokens read and written in all passes.
    """

    row: int
    turn: int
    status: str
    answer: int | None
    why: str = ""
    tokens: int = 0


@dataclass(frozen=True)
class Discussion:
    """What came of asking.

    Attributes:
        found: Who speaks each line, with confidences; lines that were not sent keep the label of
            the base method.
        asked: Every line that was sent, in order of pass and line; the last of several times.
        failed: Kind of fault to number of lines that got no reply and keep the label they had:
            "timeout", "budget", ...
        why: A sentence for each of these kinds.
    """

    found: Attribution
    asked: tuple[Asked, ...] = ()
    failed: Counter[str] = field(default_factory=Counter)
    why: dict[str, str] = field(default_factory=dict)


class TalkingMethod(Protocol):
    """A method that asks a model about labels that are there; see `castline.attribution.recipe`.

    Attributes:
        name: Its name in commands and tables.
        version: Raised when it would label otherwise.
        parameters: Frozen dataclass of its settings, all with defaults.
    """

    name: str
    version: int
    parameters: type[Any]

    def discuss(
        self,
        series: Series,
        base: Attribution,
        story: Story,
        parameters: Any,
        session: Session,
        task: str,
    ) -> Discussion:
        """Judge the labels of another method.

        Args:
            series: What is known.
            base: The labels, from the tables.
            story: What is told of the series.
            parameters: The settings.
            session: Asks the model; shows progress by itself.
            task: What conversations are kept under.

        Raises:
            EndpointError: No endpoint gave a single reply.
        """
        ...

    def rests_on(self, parameters: Any) -> dict[str, str]:
        """Digests of what it reads besides the tables, by name: prompts."""
        ...
