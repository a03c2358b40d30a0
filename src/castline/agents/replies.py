"""Replies that were paid for, in SQLite: what was asked once is never asked again.

A reply is stored before anybody acts on it, under a digest of all that led to it: the task, the
conversation, every message so far with its pictures, the tools and the sampling. Prompts and models
are part of it; machines are not. Nothing that was sent is stored, and no key.

The file survives a kill at any moment: each reply is one transaction of a write-ahead log. After a
power cut the last moments may be missing, and are asked again.
"""

from __future__ import annotations

import contextlib
import hashlib
import sqlite3
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from castline.agents.messages import Reply, Request
from castline.errors import StorageError
from castline.files import storage_errors

__all__ = ["ReplyStore", "reply_key"]

_FORMAT = 1
_SCHEMA = f"""
CREATE TABLE IF NOT EXISTS replies (
    key BLOB NOT NULL,
    model TEXT NOT NULL,
    task TEXT NOT NULL,
    conversation TEXT NOT NULL,
    at INTEGER NOT NULL,
    reply BLOB NOT NULL,
    PRIMARY KEY (key, model)
);
PRAGMA user_version = {_FORMAT};
"""

_encoder = msgspec.json.Encoder(order="deterministic")
_decoder = msgspec.json.Decoder(Reply)


def reply_key(task: str, conversation: str, request: Request, attempt: int = 0) -> bytes:
    """What the reply to a request is stored under.

    Args:
        task: The task.
        conversation: Name of the conversation within it.
        request: All that is asked.
        attempt: How often this conversation has asked the very same before.
    """
    digest = hashlib.sha256(_encoder.encode((task, conversation, attempt)))
    digest.update(_encoder.encode(request))
    return digest.digest()[:16]


class ReplyStore:
    """The replies of one project; opened on first use."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._connection: sqlite3.Connection | None = None

    def get(self, key: bytes, models: Sequence[str]) -> tuple[Reply, str] | None:
        """A reply that was paid for, by the first of these models that gave one.

        Args:
            key: See `reply_key`.
            models: Identities of endpoints, see `Endpoint.identity`.
        """
        with self._errors() as connection:
            rows = connection.execute("SELECT model, reply FROM replies WHERE key = ?", (key,))
            by_model = dict(rows.fetchall())
            for model in models:
                if model in by_model:
                    return _decoder.decode(by_model[model]), model
        return None

    def put(self, key: bytes, model: str, task: str, conversation: str, reply: Reply) -> None:
        """Store a reply; when this returns, no kill can lose it.

        Raises:
            StorageError: The disk refused.
        """
        row = (key, model, task, conversation, int(time.time()), _encoder.encode(reply))
        with self._errors() as connection:
            connection.execute("INSERT OR IGNORE INTO replies VALUES (?, ?, ?, ?, ?, ?)", row)

    def count(self) -> int:
        """How many replies there are."""
        with self._errors() as connection:
            return int(connection.execute("SELECT count(*) FROM replies").fetchone()[0])

    def forget(self) -> None:
        """Remove all replies, and the file."""
        self.close()
        with storage_errors(self.path, "remove"):
            for ending in ("-wal", "-shm", ""):
                self.path.with_name(self.path.name + ending).unlink(missing_ok=True)

    def prune(self, days: float) -> int:
        """Remove replies that are older, and give their space back.

        Returns:
            How many were removed.
        """
        with self._errors() as connection:
            before = int(time.time() - days * 86_400)
            removed = connection.execute("DELETE FROM replies WHERE at < ?", (before,)).rowcount
            connection.execute("VACUUM")
        return removed

    def close(self) -> None:
        """Close the file; it opens again on the next use."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    @contextlib.contextmanager
    def _errors(self) -> Iterator[sqlite3.Connection]:
        try:
            yield self._connection or self._open()
        except (sqlite3.Error, msgspec.DecodeError) as error:
            raise StorageError(
                f"{self.path}: the replies cannot be read or written ({error}). If the file is "
                "damaged, move it away: models are asked again then."
            ) from error

    def _open(self) -> sqlite3.Connection:
        with storage_errors(self.path, "create"):
            self.path.parent.mkdir(parents=True, exist_ok=True)
        # One thread at a time uses it, not always the one that opened it.
        connection = sqlite3.connect(
            self.path, timeout=10, isolation_level=None, check_same_thread=False
        )
        try:
            self._check_format(connection)
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")
            connection.executescript(_SCHEMA)
        except BaseException:
            connection.close()
            raise
        self._connection = connection
        return connection

    def _check_format(self, connection: sqlite3.Connection) -> None:
        (found,) = connection.execute("PRAGMA user_version").fetchone()
        if found > _FORMAT:
            raise StorageError(
                f"{self.path}: the replies have format {found}, this Castline knows {_FORMAT}. "
                "Update Castline."
            )
