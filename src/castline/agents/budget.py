"""What a session may spend: no request begins that might go beyond it."""

from __future__ import annotations

import asyncio

from castline.agents.endpoints import Endpoint
from castline.agents.messages import Request

__all__ = ["Budget", "likely_tokens", "price"]

_IMAGE_TOKENS = 1600
_BYTES_A_TOKEN = 3
"""Fewer than in most text, so that estimates are rather too high; a Chinese letter has three."""


def likely_tokens(request: Request) -> int:
    """Tokens that a request will be read as, about."""
    size = sum(len(message.text.encode("utf-8", "replace")) for message in request.messages)
    images = sum(len(message.images) for message in request.messages)
    return size // _BYTES_A_TOKEN + images * _IMAGE_TOKENS


def price(endpoint: Endpoint, prompt: int, completion: int) -> float:
    """What tokens read and written cost there."""
    return (prompt * endpoint.price_in + completion * endpoint.price_out) / 1e6


class Budget:
    """Tokens and money: spent, and set aside for requests that are under way.

    Attributes:
        tokens: Tokens that may be used; None for any number.
        cost: Money that may be spent; None for any sum.
        spent_tokens: Tokens used so far.
        spent_cost: Money spent so far.
        stopped: Whether a request did not fit, after which none is begun.
    """

    def __init__(self, tokens: int | None, cost: float | None) -> None:
        self.tokens = tokens
        self.cost = cost
        self.spent_tokens = 0
        self.spent_cost = 0.0
        self.stopped = False
        self._holders = 0
        self._held_tokens = 0
        self._held_cost = 0.0
        self._waiting: list[asyncio.Future[None]] = []

    async def hold(self, tokens: int, cost: float) -> bool:
        """Set aside what a request may take at most; false when the budget is used up.

        Waits while others hold what this one needs: they mostly give some of it back.
        """
        while not self.stopped:
            if not self._fits(tokens, cost):
                self.stopped = True
                self._wake()
            elif self._fits(self._held_tokens + tokens, self._held_cost + cost):
                self._held_tokens += tokens
                self._held_cost += cost
                self._holders += 1
                return True
            else:
                waiting = asyncio.get_running_loop().create_future()
                self._waiting.append(waiting)
                await waiting
        return False

    def settle(self, held: tuple[int, float], used: tuple[int, float]) -> None:
        """Give back what was set aside, and book what the request really took: tokens, money."""
        self._holders -= 1
        self._held_tokens -= held[0]
        # Sums of money are no whole numbers: without this, dust could block the last request.
        self._held_cost = self._held_cost - held[1] if self._holders else 0.0
        self.spent_tokens += used[0]
        self.spent_cost += used[1]
        self._wake()

    def _fits(self, tokens: int, cost: float) -> bool:
        return (self.tokens is None or self.spent_tokens + tokens <= self.tokens) and (
            self.cost is None or self.spent_cost + cost <= self.cost
        )

    def _wake(self) -> None:
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            if not each.done():
                each.set_result(None)
