"""Getting a reply: over the rotation of endpoints, within the budget, again after a fault."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from castline.agents.budget import Budget, likely_tokens, price
from castline.agents.client import Client
from castline.agents.messages import Reply, Request
from castline.agents.rotation import Rotation, Station
from castline.errors import EndpointError

if TYPE_CHECKING:
    from castline.agents.driver import DriverParams
    from castline.agents.endpoints import Endpoint
    from castline.pipeline.progress import Reporter

__all__ = ["Asker", "Unanswered"]

_LONGEST_PAUSE_S = 60.0


class Unanswered(Exception):
    """No usable reply came to a request: what a conversation fails of.

    Attributes:
        kind: Kind of the fault, or "budget".
        why: One sentence.
    """

    def __init__(self, kind: str, why: str) -> None:
        self.kind = kind
        self.why = why
        super().__init__(why)


class Asker:
    """Asks for replies; for one run, while its client is open.

    Attributes:
        rotation: The endpoints.
        faults: Kind of fault to how often it came, cured by another try or not.
    """

    def __init__(
        self,
        endpoints: Sequence[Endpoint],
        client: Client,
        budget: Budget,
        params: DriverParams,
        reporter: Reporter,
    ) -> None:
        self.rotation = Rotation(endpoints, params.attempts, params.backoff_s, reporter)
        self.faults: Counter[str] = Counter()
        self._client = client
        self._budget = budget
        self._params = params
        self._keys: dict[str, str] = {}

    async def ask(self, request: Request, home: Station | None) -> tuple[Reply, Station]:
        """A usable reply, and who gave it.

        A request counts as tried when it failed by itself. It does not while its endpoint is out
        of reach, which ends by itself (see `rotation.py`), nor when the endpoint has too much to
        do but others were served since the last try.

        Raises:
            Unanswered: After `attempts` tries, or at once when the request was refused or the
                budget is used up.
            EndpointError: All endpoints were given up.
        """
        tried = 0
        failed: Station | None = None
        answers = self.rotation.answers
        expected = likely_tokens(request)
        while True:
            station = await self.rotation.choose(home, failed)
            async with station.place(expected):
                # Others may have found out about it while this one waited for its place.
                if not station.is_usable:
                    continue
                try:
                    return await self._once(request, station, expected), station
                except EndpointError as error:
                    fault = error
            self.faults[fault.kind] += 1
            self.rotation.troubled(station, fault)
            if fault.kind in ("refused", "forbidden") and not station.given_up:
                raise Unanswered(fault.kind, fault.problem)
            busy = fault.kind == "rate limit"
            served_others = busy and self.rotation.answers > answers
            answers = self.rotation.answers
            if station.given_up or fault.kind == "unreachable" or served_others:
                continue
            tried += 1
            if tried >= self._params.attempts:
                raise Unanswered(fault.kind, fault.problem)
            failed = station
            if not busy:
                pause = min(self._params.backoff_s * 2 ** (tried - 1), _LONGEST_PAUSE_S)
                await asyncio.sleep(pause * random.uniform(0.5, 1.0))

    async def _once(self, request: Request, station: Station, expected: int) -> Reply:
        endpoint = station.endpoint
        held = (expected + request.max_tokens, price(endpoint, expected, request.max_tokens))
        if not await self._budget.hold(*held):
            raise Unanswered("budget", "the budget is used up")
        used = (0, 0)
        try:
            key = self._key(endpoint)
            model = await station.model(self._client, key)
            reply = await self._client.chat(endpoint, model, key, request)
            used = (reply.usage.prompt, reply.usage.completion)
        except EndpointError as error:
            used = error.tokens
            raise
        finally:
            self._budget.settle(held, (sum(used), price(endpoint, *used)))
        station.answered(expected, reply.usage.total)
        return reply

    def _key(self, endpoint: Endpoint) -> str:
        if endpoint.name not in self._keys:
            self._keys[endpoint.name] = endpoint.key()
        return self._keys[endpoint.name]
