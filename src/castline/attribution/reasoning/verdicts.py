"""Hearing the model out on many lines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from castline.attribution.reasoning.belief import Stage
from castline.attribution.reasoning.conversation import ANSWERED, stages_of
from castline.errors import EndpointError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from castline.agents.driver import Session
    from castline.agents.traces import Trace
    from castline.attribution.reasoning.conversation import LineConversation

__all__ = ["FAILED", "Verdict", "hear_out", "unheard"]

FAILED = "failed"


@dataclass(frozen=True)
class Verdict:
    """What came of the conversation about a line.

    Attributes:
        status: "answered", "gave up", or "failed" where no reply came.
        stages: What was asked and answered; the last answer counts.
        fault: Why no reply came, in a word or two: "timeout", "budget", ...
        why: Why there is no answer, in a sentence.
        tokens: Tokens read and written.
    """

    status: str
    stages: tuple[Stage, ...] = ()
    fault: str = ""
    why: str = ""
    tokens: int = 0

    @property
    def answer(self) -> int | None:
        """Code of the last answer; None without one."""
        return self.stages[-1].answer if self.status == ANSWERED else None


def hear_out(
    session: Session,
    conversations: Iterator[LineConversation],
    rows: Mapping[str, int],
    task: str,
) -> tuple[dict[int, Verdict], EndpointError | None, bool]:
    """Hold conversations about lines.

    Args:
        session: Asks the model.
        conversations: One for each line.
        rows: Line to its row.
        task: What they are kept under.

    Returns:
        A verdict on each row; why no endpoint answers any more, if so; whether the budget is used
        up.
    """
    heard: dict[int, Verdict] = {}

    def hear(trace: Trace) -> None:
        if trace.failed:
            verdict = Verdict(FAILED, (), trace.fault, trace.why, trace.tokens)
        else:
            stages = tuple(stages_of(trace.facts))
            verdict = Verdict(trace.status, stages, "", trace.why, trace.tokens)
        heard[rows[trace.id]] = verdict

    try:
        tally = session.run(conversations, task, hear, len(rows))
    except EndpointError as error:
        return {row: heard.get(row, unheard(error)) for row in rows.values()}, error, False
    return heard, None, bool(tally.stopped)


def unheard(error: EndpointError) -> Verdict:
    """The verdict on a line that no endpoint is left for."""
    return Verdict(FAILED, fault=error.kind, why=error.problem)
