"""What a server remembers of the requests it had: how many, which before, which prefixes."""

from __future__ import annotations

from collections import Counter, OrderedDict
from hashlib import blake2b
from http import HTTPStatus

import msgspec

from castline.testing.scripted.reading import ChatRequest
from castline.testing.scripted.wire import Usage, tokens

__all__ = ["PrefixCache", "Seen", "Stats"]

_BLOCK = 256
_BLOCKS = 65_536


class Stats(msgspec.Struct):
    """What `GET /stats` tells; chat completions only.

    Attributes:
        conversations: Different openings, whatever came of them.
        requests: Requests that arrived.
        answered: Replies sent whole with status 200, which a vendor would charge for.
        repeated: Those of them whose very request had been answered before: paid for twice.
        refused: Replies sent with another status.
        broken: Replies cut off, by the script or by a client that went away.
        replies: Turns that the model took.
        prompt_tokens: Tokens of their prompts.
        cached_tokens: Those of them that a prefix cache would have known.
        completion_tokens: Tokens of the replies.
    """

    conversations: int = 0
    requests: int = 0
    answered: int = 0
    repeated: int = 0
    refused: int = 0
    broken: int = 0
    replies: int = 0
    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0


class Seen:
    """Requests by their digest: a body takes 16 bytes of memory, not its length."""

    def __init__(self) -> None:
        self._arrived: Counter[bytes] = Counter()
        self._answered: set[bytes] = set()
        self._openings: set[bytes] = set()
        self.stats = Stats()

    def arrive(self, body: bytes) -> tuple[bytes, int]:
        """Note a request; its digest, and how often it came before."""
        digest = _digest(body)
        before = self._arrived[digest]
        self._arrived[digest] += 1
        self.stats.requests += 1
        return digest, before

    def open(self, request: ChatRequest) -> None:
        """Note the conversation that a request belongs to."""
        self._openings.add(_digest(msgspec.json.encode((request.tools, request.opening))))
        self.stats.conversations = len(self._openings)

    def count(self, usage: Usage) -> int:
        """Note the tokens of a reply; its number, from 1."""
        self.stats.prompt_tokens += usage.prompt
        self.stats.cached_tokens += usage.cached
        self.stats.completion_tokens += usage.completion
        self.stats.replies += 1
        return self.stats.replies

    def leave(self, digest: bytes, status: int, whole: bool) -> None:
        """Note what came of a request: its HTTP status, and whether all of it was sent."""
        if not whole:
            self.stats.broken += 1
        elif status != HTTPStatus.OK:
            self.stats.refused += 1
        else:
            self.stats.answered += 1
            self.stats.repeated += digest in self._answered
            self._answered.add(digest)


class PrefixCache:
    """Beginnings of prompts, as inference servers keep them: in blocks, the oldest go first."""

    def __init__(self, blocks: int = _BLOCKS) -> None:
        self._blocks: OrderedDict[int, None] = OrderedDict()
        self._room = blocks

    def take(self, prompt: str) -> int:
        """Keep the blocks of a prompt; how many tokens of its beginning were known."""
        known, chain, unbroken = 0, 0, True
        for start in range(0, len(prompt) - _BLOCK + 1, _BLOCK):
            block = prompt[start : start + _BLOCK]
            # A block is the same only where all that stands before it is.
            chain = hash((chain, block))
            unbroken = unbroken and chain in self._blocks
            known += tokens(block) if unbroken else 0
            self._blocks[chain] = None
            self._blocks.move_to_end(chain)
        while len(self._blocks) > self._room:
            self._blocks.popitem(last=False)
        return known


def _digest(content: bytes) -> bytes:
    return blake2b(content, digest_size=16).digest()
