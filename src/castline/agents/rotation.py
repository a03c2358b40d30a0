"""Several endpoints in rotation: who takes the next request, who rests, who is given up.

* An endpoint that cannot be reached, or has too much to do, rests, each time twice as long.
* One that refuses the key or does not know the model is given up at once. So is one that never
  answered, after a few troubles in a row: out of reach, too much to do, silent, or refusing one
  request after the other. One that did answer is waited for, and what it refuses is that request.
* When none is left the run ends with the error of the one that was given up first.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import AsyncIterator, Sequence
from typing import Final

from castline.agents.client import Client
from castline.agents.endpoints import Endpoint
from castline.agents.messages import Reply
from castline.agents.refusals import one_line
from castline.errors import EndpointError
from castline.pipeline.progress import Reporter

__all__ = ["Rotation", "Station"]

_FATAL: Final = frozenset({"bad key", "no credit", "no such model", "redirect"})
_LONGEST_REST_S = 60.0
_LONGEST_WISH_S = 900.0
"""A server that wants to be left alone for longer is given up."""
_PATIENCE_S = 600.0
"""For how long an endpoint that did answer may be out of reach: servers are restarted."""
_MOST_REFUSALS = 8
"""Requests that an endpoint which never answered may refuse in a row."""


class Pacer:
    """Spaces requests so that no more than a number of units is used up in a minute."""

    def __init__(self, per_minute: int) -> None:
        self._each_s = 60 / per_minute if per_minute else 0.0
        self._free_at = 0.0

    def take(self, units: float) -> float:
        """Take units, also negative ones to give them back; the seconds to wait first."""
        now = time.monotonic()
        wait = max(self._free_at - now, 0.0)
        self._free_at = max(self._free_at, now) + units * self._each_s
        return wait


class Station:
    """One endpoint as a run sees it.

    Attributes:
        endpoint: The endpoint.
        open: Requests that wait for it or are under way.
        answers: Replies that it gave.
        proven: Whether it ever answered, in this run or, by the replies kept, in one before.
        given_up: Why it is not asked any more.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self.open = 0
        self.answers = 0
        self.proven = False
        self.given_up: EndpointError | None = None
        self._model = endpoint.model
        self._gate = asyncio.Semaphore(endpoint.in_flight)
        self._requests = Pacer(endpoint.requests_per_minute)
        self._tokens = Pacer(endpoint.tokens_per_minute)
        self._naming = asyncio.Lock()
        self._rests = 0
        self._rests_until = 0.0
        self._first_trouble: float | None = None
        self._refusals = 0

    @property
    def rest(self) -> float:
        """Seconds that it still rests."""
        return max(self._rests_until - time.monotonic(), 0.0)

    @property
    def is_usable(self) -> bool:
        """Whether it may be asked now."""
        return self.given_up is None and not self.rest

    @property
    def load(self) -> float:
        """Share of its places that are taken."""
        return self.open / self.endpoint.in_flight

    async def model(self, client: Client, key: str) -> str:
        """The model's name; asked of a server when the user gave none.

        Raises:
            EndpointError: The server serves several models, or none.
        """
        async with self._naming:
            if not self._model:
                served = await client.models(self.endpoint, key)
                if len(served) != 1:
                    raise EndpointError(
                        self.endpoint.name,
                        "no such model",
                        f"it serves {one_line(', '.join(served)) or 'none'}: name one as "
                        f"{self.endpoint.url}#MODEL",
                    )
                self._model = served[0]
        return self._model

    @contextlib.asynccontextmanager
    async def place(self, tokens: int) -> AsyncIterator[None]:
        """Hold one of its places, after the waits that its rate limits ask for.

        Args:
            tokens: Tokens that the request will be read as, about.
        """
        self.open += 1
        try:
            async with self._gate:
                if wait := max(self._requests.take(1), self._tokens.take(tokens)):
                    await asyncio.sleep(wait)
                yield
        finally:
            self.open -= 1

    def answered(self, expected: int, used: int) -> None:
        """Note a reply, and the tokens that it really took."""
        self.answers += 1
        self.proven = True
        self._rests = self._refusals = 0
        self._first_trouble = None
        self._tokens.take(used - expected)

    def troubled(self, error: EndpointError, attempts: int, backoff_s: float) -> None:
        """Note a fault: go on, rest, or be given up.

        Args:
            error: The fault.
            attempts: How often one that never answered is tried.
            backoff_s: The first rest.
        """
        now = time.monotonic()
        self._refusals += error.kind == "refused"
        unwilling = error.kind == "forbidden" or self._refusals >= _MOST_REFUSALS
        if error.kind in _FATAL or (unwilling and not self.proven):
            self.given_up = self.given_up or error
        silent = error.kind == "timeout" and not self.proven
        if error.kind not in ("unreachable", "rate limit") and not silent:
            return
        if (error.retry_after_s or 0.0) > _LONGEST_WISH_S:
            self.given_up = self.given_up or error
        if now < self._rests_until:
            return  # Many requests fail at once: that is one trouble, not many.
        self._first_trouble = self._first_trouble or now
        self._rests += 1
        waited = now - self._first_trouble
        if waited > _PATIENCE_S if self.proven else self._rests >= attempts:
            self.given_up = self.given_up or error
        rest = min(backoff_s * 2 ** (self._rests - 1), _LONGEST_REST_S) * random.uniform(0.8, 1.2)
        self._rests_until = now + max(rest, error.retry_after_s or 0.0)


class Rotation:
    """All endpoints of a run."""

    def __init__(
        self, endpoints: Sequence[Endpoint], attempts: int, backoff_s: float, reporter: Reporter
    ) -> None:
        self.stations = [Station(endpoint) for endpoint in endpoints]
        self._attempts = attempts
        self._backoff_s = backoff_s
        self._reporter = reporter
        self._told: set[tuple[str, str]] = set()

    @property
    def answers(self) -> int:
        """Replies that came so far."""
        return sum(each.answers for each in self.stations)

    def models(self, home: Station | None) -> list[str]:
        """Identities of all models, that of `home` first."""
        stations = [home, *self.stations] if home else self.stations
        return list(dict.fromkeys(station.endpoint.identity for station in stations))

    def giver(self, reply: Reply, model: str) -> Station:
        """Who gave a reply that was kept, or else who serves that model now."""
        serving = [each for each in self.stations if each.endpoint.identity == model]
        named = (each for each in serving if each.endpoint.name == reply.endpoint)
        station = next(named, serving[0])
        station.proven = True
        return station

    async def choose(self, home: Station | None, avoid: Station | None = None) -> Station:
        """The endpoint for the next request; waits while all of them rest.

        Args:
            home: Where the conversation has been so far, and where its beginning is cached.
            avoid: The one that just failed: another is taken where there is one.

        Raises:
            EndpointError: All endpoints were given up.
        """
        while True:
            alive = [each for each in self.stations if each.given_up is None]
            if not alive:
                raise next(each.given_up for each in self.stations if each.given_up)
            awake = [each for each in alive if each.is_usable]
            if home in awake and home is not avoid:
                return home
            if awake:
                return min(awake, key=lambda each: (each is avoid, each.load))
            await asyncio.sleep(min(each.rest for each in alive) + 0.001)

    def troubled(self, station: Station, error: EndpointError) -> None:
        """Note a fault of an endpoint, and tell the user what follows from it."""
        before = station.given_up
        station.troubled(error, self._attempts, self._backoff_s)
        if station.given_up is not before:
            if any(each.given_up is None for each in self.stations):
                self._reporter.warn(f"{error}; the other endpoints go on")
        elif station.rest and (station.endpoint.name, error.kind) not in self._told:
            self._told.add((station.endpoint.name, error.kind))
            self._reporter.warn(f"{error}; asking again")
