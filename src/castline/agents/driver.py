"""Thousands of conversations: many at once, each reply paid for once, each conversation kept.

Conversations are taken from an iterator as places become free and forgotten when they end, so that
memory does not grow with their number. A killed run goes on where it stopped when it is run again:
conversations are played from their beginning, with the replies that were paid for.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import msgspec

from castline.agents.asking import Asker
from castline.agents.budget import Budget
from castline.agents.client import Client, run_blocking
from castline.agents.conversation import Conversation
from castline.agents.endpoints import Endpoint
from castline.agents.holding import Holder
from castline.agents.pace import Pace
from castline.agents.replies import ReplyStore
from castline.agents.traces import Trace, TraceWriter, trace_file
from castline.errors import LimitReached, UsageError
from castline.pipeline.progress import Reporter

__all__ = ["DriverParams", "Session", "Tally"]

_SHOW_EVERY_S = 0.2


@dataclass(frozen=True)
class DriverParams:
    """How conversations are driven.

    Attributes:
        in_flight: Conversations at once over all endpoints; each endpoint has a limit of its own.
        attempts: How often a request is tried that failed by itself.
        backoff_s: Seconds before the second try; twice as long before each further one.
        budget_tokens: Tokens, read and written, that a session may use; None for any number. With
            0 only replies that were paid for before are used.
        budget_cost: Money that a session may spend, by the prices of the endpoints; None for any.
    """

    in_flight: Annotated[int, msgspec.Meta(ge=1)] = 256
    attempts: Annotated[int, msgspec.Meta(ge=1)] = 4
    backoff_s: Annotated[float, msgspec.Meta(ge=0)] = 1.0
    budget_tokens: Annotated[int, msgspec.Meta(ge=0)] | None = None
    budget_cost: Annotated[float, msgspec.Meta(ge=0)] | None = None


@dataclass
class Tally:
    """What came of a run.

    Attributes:
        ended: Status to number of conversations that came to an end of their own.
        failed: Kind of fault to number of conversations that got no usable reply: "timeout",
            "refused", "budget", ...
        faults: Kind of fault to how often it came, cured by another try or not.
        tokens: Tokens that were used, those of useless replies too.
        cost: Money that was spent.
        seconds: How long it took.
        turns: Replies, paid for now or before.
        from_store: Those of them that were paid for before.
        stopped: "budget" when the budget ended the run early, else empty.
    """

    ended: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    tokens: int = 0
    cost: float = 0.0
    seconds: float = 0.0
    turns: int = 0
    from_store: int = 0
    stopped: str = ""

    def add(self, trace: Trace) -> None:
        """Count a conversation that ended."""
        if trace.failed:
            self.failed[trace.fault] += 1
        else:
            self.ended[trace.status] += 1
        self.turns += len(trace.turns)
        self.from_store += sum(turn.from_store for turn in trace.turns)

    @property
    def conversations(self) -> int:
        """How many there were."""
        return self.ended.total() + self.failed.total()

    def require_whole(self) -> None:
        """Refuse to go on with half of the conversations.

        Raises:
            LimitReached: The budget ended the run early.
        """
        if self.stopped:
            raise LimitReached(
                f"The budget is used up: {self.failed[self.stopped]} of {self.conversations} "
                "conversations did not come to an end. All replies are kept: run the same "
                "command with a larger budget to go on."
            )


class Session:
    """Endpoints, the replies kept, and a budget: for one task after the other.

    Attributes:
        budget: What was spent so far, over all runs of the session.
    """

    def __init__(
        self,
        endpoints: Sequence[Endpoint],
        replies: ReplyStore,
        traces: Path,
        params: DriverParams,
        reporter: Reporter,
    ) -> None:
        """Set up; nothing is opened or sent yet.

        Args:
            endpoints: Where to ask, in rotation.
            replies: Where replies are kept.
            traces: Folder of the traces: one file a task.
            params: How to drive.
            reporter: Told of progress and of trouble.

        Raises:
            UsageError: There is no endpoint, or two have one name.
        """
        if not endpoints:
            raise UsageError("No endpoint: name one, such as --endpoint http://127.0.0.1:8000/v1")
        names = [endpoint.name for endpoint in endpoints]
        if len(set(names)) < len(names):
            raise UsageError(f"Two endpoints have one name: {', '.join(names)}")
        self.budget = Budget(params.budget_tokens, params.budget_cost)
        self._endpoints = tuple(endpoints)
        self._replies = replies
        self._traces = traces
        self._params = params
        self._reporter = reporter

    def run(
        self,
        conversations: Iterable[Conversation],
        task: str,
        on_end: Callable[[Trace], None],
        total: int | None = None,
    ) -> Tally:
        """Hold conversations, as many at once as may be.

        Args:
            conversations: Taken one by one, as places become free.
            task: Name of the task, which the replies and traces are kept under.
            on_end: Called with each conversation that ends, in no certain order.
            total: How many there will be, for the time left.

        Returns:
            What came of it. When the budget is used up, conversations that replies are kept for
            still come to their end; the others fail with "budget".

        Raises:
            EndpointError: All endpoints were given up; says why the first was. Replies are kept.
            SettingsError: A key is not in the environment.
            StorageError: The disk refused.
        """
        writer = TraceWriter(trace_file(self._traces, task))
        tally, pace = Tally(), Pace()
        shown_at = 0.0

        def end(trace: Trace) -> None:
            nonlocal shown_at
            writer.add(trace)
            on_end(trace)
            tally.add(trace)
            pace.step()
            if pace.done == total or time.monotonic() - shown_at > _SHOW_EVERY_S:
                shown_at = time.monotonic()
                whole = pace.done if total is None else total
                self._reporter.step(task, pace.done, whole, pace.text(total))

        before = (self.budget.spent_tokens, self.budget.spent_cost)
        begin = time.monotonic()

        async def hold_all() -> None:
            async with Client() as client:
                asker = Asker(self._endpoints, client, self.budget, self._params, self._reporter)
                holder = Holder(task, asker, self._replies, end)
                try:
                    await holder.hold(iter(conversations), self._places())
                finally:
                    tally.faults = asker.faults

        try:
            run_blocking(hold_all())
        finally:
            writer.close()
            self._replies.close()
        tally.tokens = self.budget.spent_tokens - before[0]
        tally.cost = self.budget.spent_cost - before[1]
        tally.seconds = time.monotonic() - begin
        tally.stopped = "budget" if tally.failed["budget"] else ""
        return tally

    def _places(self) -> int:
        return min(self._params.in_flight, sum(each.in_flight for each in self._endpoints))
