"""People's corrections: a layer over the results, in the project's SQLite file.

An edit is a fact with author, time and reason. It is never overwritten: undoing it marks it, and a
later edit of the same line supersedes it. Each edit is anchored to the span and the text of its
line, so that it finds the line again when ids change.
"""

from __future__ import annotations

import contextlib
import hashlib
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from castline.errors import StorageError, UnknownName

if TYPE_CHECKING:
    import polars as pl

__all__ = ["Change", "Edit", "EditLog"]

_SCHEMA = """
CREATE TABLE IF NOT EXISTS edits (
    edit INTEGER PRIMARY KEY,
    batch INTEGER NOT NULL,
    at TEXT NOT NULL,
    author TEXT NOT NULL,
    episode TEXT NOT NULL,
    line TEXT NOT NULL,
    start_ms INTEGER NOT NULL,
    end_ms INTEGER NOT NULL,
    text TEXT NOT NULL,
    old TEXT,
    new TEXT NOT NULL,
    reason TEXT NOT NULL,
    undone_at TEXT,
    undone_by TEXT
);
CREATE INDEX IF NOT EXISTS edits_by_batch ON edits (batch);
"""

_COLUMNS = (
    "edit, batch, at, author, episode, line, start_ms, end_ms, text, old, new, reason, "
    "undone_at, undone_by"
)


@dataclass(frozen=True)
class Change:
    """A new speaker for one line.

    Attributes:
        episode: Episode of the line.
        line: Id of the line.
        start_ms: Its start, as anchor.
        end_ms: Its end, as anchor.
        text: Its text, as anchor.
        old: The label that it replaces, if there was one.
        new: The speaker.
    """

    episode: str
    line: str
    start_ms: int
    end_ms: int
    text: str
    old: str | None
    new: str


@dataclass(frozen=True)
class Edit(Change):
    """A change that somebody made.

    Attributes:
        edit: Its number.
        batch: The number that all edits of one command share; what `undo` takes.
        at: When, UTC, ISO 8601.
        author: Who.
        reason: Why.
        undone_at: When it was undone, if it was.
        undone_by: Who undid it.
    """

    edit: int
    batch: int
    at: str
    author: str
    reason: str
    undone_at: str | None
    undone_by: str | None


class EditLog:
    """The edits of one project. Reading a project that has none makes no file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def add(self, changes: Sequence[Change], *, author: str, reason: str, at: str) -> int:
        """Record changes as one batch, all or none.

        Returns:
            The number of the batch.

        Raises:
            StorageError: The disk refused, or the file is damaged.
        """
        with self._open(write=True) as connection:
            (last,) = connection.execute("SELECT coalesce(max(batch), 0) FROM edits").fetchone()
            connection.executemany(
                "INSERT INTO edits (batch, at, author, episode, line, start_ms, end_ms, text, old, "
                "new, reason) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    (
                        *(last + 1, at, author, c.episode, c.line, c.start_ms, c.end_ms),
                        *(c.text, c.old, c.new, reason),
                    )
                    for c in changes
                ],
            )
        return int(last) + 1

    def undo(self, batch: int, *, author: str, at: str) -> int:
        """Undo all edits of a batch.

        Returns:
            How many edits were undone.

        Raises:
            UnknownName: No such batch, or it has been undone already.
        """
        with self._open(write=True) as connection:
            undone = connection.execute(
                "UPDATE edits SET undone_at = ?, undone_by = ? "
                "WHERE batch = ? AND undone_at IS NULL",
                (at, author, batch),
            ).rowcount
            if not undone:
                rows = connection.execute(
                    "SELECT DISTINCT batch FROM edits WHERE undone_at IS NULL ORDER BY batch"
                )
                raise UnknownName("active edit", str(batch), [str(row[0]) for row in rows])
        return undone

    def all(self) -> list[Edit]:
        """Every edit ever made, oldest first."""
        if not self.path.exists():
            return []
        with self._open(write=False) as connection:
            rows = connection.execute(f"SELECT {_COLUMNS} FROM edits ORDER BY edit").fetchall()
        names = [name.strip() for name in _COLUMNS.split(",")]
        return [Edit(**dict(zip(names, row, strict=True))) for row in rows]

    def active(self) -> list[Edit]:
        """The edits in force: not undone, and the latest of each line."""
        latest: dict[str, Edit] = {}
        for edit in self.all():
            if edit.undone_at is None:
                latest[edit.line] = edit
        return sorted(latest.values(), key=lambda edit: edit.line)

    def digest(self) -> str:
        """Digest of the edits in force: what results depend on."""
        facts = [(e.episode, e.line, e.start_ms, e.end_ms, e.text, e.new) for e in self.active()]
        return hashlib.sha256(repr(facts).encode()).hexdigest()

    def anchored(self, lines: pl.DataFrame) -> tuple[dict[str, str], list[Edit]]:
        """The edits in force, found again among the lines of now.

        Args:
            lines: Columns line, episode, start_ms, end_ms, text.

        Returns:
            Line id to speaker, and the edits whose line is gone.
        """
        active = self.active()
        if not active:
            return {}, []
        columns = ("line", "episode", "start_ms", "end_ms", "text")
        rows = list(zip(*(lines[name].to_list() for name in columns), strict=True))
        by_id = {row[0]: row[1:] for row in rows}
        by_anchor = {row[1:]: row[0] for row in rows}
        found: dict[str, str] = {}
        lost: list[Edit] = []
        for edit in active:
            anchor = (edit.episode, edit.start_ms, edit.end_ms, edit.text)
            line = edit.line if by_id.get(edit.line) == anchor else by_anchor.get(anchor)
            if line is None:
                lost.append(edit)
            else:
                found[line] = edit.new
        return found, lost

    @contextlib.contextmanager
    def _open(self, *, write: bool) -> Iterator[sqlite3.Connection]:
        try:
            connection = sqlite3.connect(self.path, timeout=5)
            try:
                if write:
                    connection.executescript(_SCHEMA)
                with connection:
                    yield connection
            finally:
                connection.close()
        except sqlite3.Error as error:
            raise StorageError(
                f"{self.path}: the edits cannot be read or written ({error}). "
                "If the file is damaged, restore it from a copy; results are not touched."
            ) from error
