"""Texts as vectors, for telling which are alike: behind an endpoint, or by letters alone."""

from __future__ import annotations

import asyncio
import unicodedata
import zlib
from collections import Counter
from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from castline.agents.client import Client, run_blocking
from castline.agents.endpoints import Endpoint
from castline.errors import EndpointError

__all__ = ["Embedder", "EmbeddingEndpoint", "LetterEmbedder"]

Vectors = npt.NDArray[np.float32]

_BATCH = 64
_ATTEMPTS = 4
_LONGEST_PAUSE_S = 60.0
_PASSING = frozenset({"unreachable", "timeout", "rate limit", "server error", "cut off"})


class Embedder(Protocol):
    """Turns texts into vectors whose products say how alike the texts are."""

    @property
    def fingerprint(self) -> str:
        """What the vectors depend on; results are stale when it changes."""

    def embed(self, texts: Sequence[str]) -> Vectors:
        """A vector for each text.

        Returns:
            (N, D) rows of norm 1; of zeros where a text has nothing to go by.
        """


class LetterEmbedder:
    """Runs of one to three letters, weighed by how rare they are among the texts given (TF-IDF).

    Needs no model and knows no meaning: two texts are alike when they share words, or parts of
    words. Vectors of two calls cannot be compared: the weights are those of the texts of a call.
    Time and memory are linear in the letters, and D numbers a text.
    """

    dimensions = 1024
    fingerprint = "letters-1"

    def embed(self, texts: Sequence[str]) -> Vectors:
        """A vector for each text. See `Embedder`."""
        counts = np.zeros((len(texts), self.dimensions), dtype=np.float32)
        for row, text in enumerate(texts):
            for run, times in Counter(_runs(text)).items():
                counts[row, zlib.crc32(run.encode("utf-8", "replace")) % self.dimensions] += times
        present = np.count_nonzero(counts, axis=0)
        rarity = np.log((1 + len(texts)) / (1 + present)) + 1
        return _unit(np.log1p(counts) * rarity)


def _runs(text: str) -> list[str]:
    folded = unicodedata.normalize("NFKC", text).casefold()
    spaced = " ".join("".join(c if c.isalnum() else " " for c in folded).split())
    return [
        spaced[at : at + size]
        for size in (1, 2, 3)
        for at in range(len(spaced) - size + 1)
        if spaced[at : at + size] != " "
    ]


class EmbeddingEndpoint:
    """Vectors from a model behind an endpoint."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint

    @property
    def fingerprint(self) -> str:
        """See `Embedder`."""
        return f"endpoint {self.endpoint.identity}"

    def embed(self, texts: Sequence[str]) -> Vectors:
        """A vector for each text. See `Embedder`.

        Raises:
            EndpointError: No usable reply came.
            SettingsError: The key is not in the environment.
        """
        if not texts:
            return np.zeros((0, 1), dtype=np.float32)
        rows = run_blocking(self._embed(list(texts)))
        if len({len(row) for row in rows}) != 1:
            raise EndpointError(self.endpoint.name, "no JSON", "vectors of different lengths")
        return _unit(np.array(rows, dtype=np.float32))

    async def _embed(self, texts: list[str]) -> list[list[float]]:
        key = self.endpoint.key()
        rows: list[list[float]] = []
        async with Client() as client:
            for begin in range(0, len(texts), _BATCH):
                rows += await self._batch(client, key, texts[begin : begin + _BATCH])
        return rows

    async def _batch(self, client: Client, key: str, texts: list[str]) -> list[list[float]]:
        for tried in range(_ATTEMPTS):
            try:
                return await client.embeddings(self.endpoint, key, texts)
            except EndpointError as error:
                if error.kind not in _PASSING or tried == _ATTEMPTS - 1:
                    raise
                asked = error.retry_after_s
                pause = 2.0**tried if asked is None else asked
                await asyncio.sleep(min(pause, _LONGEST_PAUSE_S))
        raise AssertionError("the last try returns or raises")


def _unit(rows: npt.NDArray[np.floating]) -> Vectors:
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    return (rows / np.where(norms > 0, norms, 1)).astype(np.float32)
