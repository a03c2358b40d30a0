"""Holding conversations: many at once, each from its first request to its end."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator

from castline.agents.asking import Asker, Unanswered
from castline.agents.conversation import Conversation, End
from castline.agents.messages import Reply, Request
from castline.agents.replies import ReplyStore, reply_key
from castline.agents.rotation import Station
from castline.agents.traces import Said, Trace, Turn

__all__ = ["Holder"]


class Holder:
    """Holds the conversations of one run of a task.

    Args:
        task: Name of the task.
        asker: Gets replies that are not there yet.
        replies: Where replies are kept.
        on_end: Called with each conversation that ended.
    """

    def __init__(
        self, task: str, asker: Asker, replies: ReplyStore, on_end: Callable[[Trace], None]
    ) -> None:
        self._task = task
        self._asker = asker
        self._replies = replies
        self._on_end = on_end
        self._begun = 0

    async def hold(self, conversations: Iterator[Conversation], places: int) -> None:
        """Hold all conversations, at most so many at once.

        Raises:
            EndpointError: All endpoints were given up. So does whatever a conversation or `on_end`
                raises; open conversations are left then, their replies are kept.
        """
        workers = [asyncio.create_task(self._work(conversations)) for _ in range(places)]
        try:
            await asyncio.gather(*workers)
        finally:
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)

    async def _work(self, conversations: Iterator[Conversation]) -> None:
        # All workers share one iterator: each takes the next conversation when it is free.
        for conversation in conversations:
            number, self._begun = self._begun, self._begun + 1
            self._on_end(await self._carry(conversation, number))
            # One whose replies are all kept has waited for nothing: let the others have a turn.
            await asyncio.sleep(0)

    async def _carry(self, conversation: Conversation, number: int) -> Trace:
        """One conversation from its beginning to its end."""
        turns: list[Turn] = []
        earlier: list[tuple[Said, ...]] = []
        asked: Counter[bytes] = Counter()
        home: Station | None = None
        request = conversation.open()

        def trace(end: End, said: tuple[Said, ...], fault: str = "") -> Trace:
            return Trace(
                task=self._task,
                id=conversation.id,
                number=number,
                status=end.status,
                fault=fault,
                answer=end.answer,
                why=end.why,
                facts=end.facts,
                messages=said,
                earlier=tuple(earlier),
                tools=request.tools,
                turns=tuple(turns),
                tokens=sum(turn.reply.usage.total for turn in turns),
                seconds=round(sum(turn.reply.seconds for turn in turns), 3),
            )

        while True:
            try:
                reply, home, kept = await self._reply(conversation.id, request, home, asked)
            except Unanswered as error:
                return trace(End("failed", why=error.why), _said(request), error.kind)
            turns.append(Turn(reply, kept))
            step = conversation.hear(reply)
            if isinstance(step, End):
                return trace(step, _said(request, reply))
            if not _goes_on(step, request):
                earlier.append(_said(request, reply))
            request = step

    async def _reply(
        self, id_: str, request: Request, home: Station | None, asked: Counter[bytes]
    ) -> tuple[Reply, Station, bool]:
        """The reply to a request, who gave it, and whether it had been paid for."""
        key = first = reply_key(self._task, id_, request)
        if asked[first]:
            key = reply_key(self._task, id_, request, asked[first])
        asked[first] += 1
        rotation = self._asker.rotation
        if found := self._replies.get(key, rotation.models(home)):
            return found[0], rotation.giver(*found), True
        reply, station = await self._asker.ask(request, home)
        self._replies.put(key, station.endpoint.identity, self._task, id_, reply)
        return reply, station, False


def _goes_on(step: Request, request: Request) -> bool:
    """Whether a request says all that the one before said, and more."""
    count = len(request.messages)
    return len(step.messages) > count and step.messages[:count] == request.messages


def _said(request: Request, reply: Reply | None = None) -> tuple[Said, ...]:
    """The messages of a request, and the reply to it where there is one."""
    messages = [*request.messages, *([reply.as_message()] if reply else [])]
    return tuple(Said.of(message) for message in messages)
