"""Conversations as they went, one JSON line each: for people, for reports, for training.

A trace file holds what the latest run of its task did. It is rebuilt from the replies that were
paid for when the task is run again, so a killed run loses nothing by leaving half a file.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, Literal

import msgspec

from castline.agents.messages import Message, Reply, Role, ToolCall, ToolSpec
from castline.errors import InputError, UnknownName
from castline.files import safe_name, storage_errors

__all__ = ["Said", "Trace", "TraceWriter", "Turn", "find_trace", "read_traces", "trace_file"]

VERSION = 1

_LONGEST_LINE = 64 * 2**20
"""Bytes that no line of a trace file exceeds."""


class Said(msgspec.Struct, frozen=True):
    """A message as it is kept: of its pictures only the digests.

    Attributes:
        role: Who said it.
        text: What was said.
        pictures: SHA-256 of each JPEG file that was shown with it.
        calls: Tools that the assistant wanted called.
        call_id: For the role `tool`: the call that this is the result of.
    """

    role: Role
    text: str = ""
    pictures: tuple[str, ...] = ()
    calls: tuple[ToolCall, ...] = ()
    call_id: str = ""

    @classmethod
    def of(cls, message: Message) -> Said:
        """Keep a message."""
        pictures = tuple(hashlib.sha256(each.jpeg).hexdigest() for each in message.images)
        return cls(message.role, message.text, pictures, message.calls, message.call_id)


class Turn(msgspec.Struct, frozen=True):
    """One reply, with what it cost.

    Attributes:
        reply: The reply, with its tokens, seconds, model and endpoint.
        from_store: Whether it had been paid for by an earlier run.
    """

    reply: Reply
    from_store: bool


class Trace(msgspec.Struct, frozen=True):
    """One conversation as it went.

    Attributes:
        task: The task it belongs to: "reasoning-1".
        id: Its name within the task.
        number: In which order it was begun, from 0.
        status: The task's word for how it ended, or "failed": the driver's, when no usable reply
            came.
        fault: Kind of the failure: "timeout", "budget", ...; empty when it did not fail.
        answer: What came out, a JSON value; None when it failed.
        why: One sentence for people.
        facts: More of the task, as JSON values.
        messages: The messages of the last request, and the last reply.
        earlier: The same of tries that were begun anew, in order.
        tools: Tools that the model was told of natively.
        turns: Every reply in order.
        tokens: Tokens of all replies, those from the store too.
        seconds: Seconds that the replies took, those from the store too.
        version: Version of this schema.
    """

    task: str
    id: str
    number: int
    status: str
    fault: str = ""
    answer: Any = None
    why: str = ""
    facts: dict[str, Any] = {}
    messages: tuple[Said, ...] = ()
    earlier: tuple[tuple[Said, ...], ...] = ()
    tools: tuple[ToolSpec, ...] = ()
    turns: tuple[Turn, ...] = ()
    tokens: int = 0
    seconds: float = 0.0
    version: Literal[1] = 1

    @property
    def failed(self) -> bool:
        """Whether the driver ended it, for want of a usable reply or of budget."""
        return self.fault != ""


def trace_file(folder: Path, task: str) -> Path:
    """Where the traces of a task lie."""
    return folder / f"{safe_name(task)}.jsonl"


class TraceWriter:
    """Writes the traces of one run of a task; the file of an earlier run gives way to it.

    Each trace reaches the operating system as one write before `add` returns: a killed process
    loses none, at worst the last line is torn.
    """

    def __init__(self, path: Path) -> None:
        """Open nothing yet: a run that gets nowhere leaves the traces of the one before."""
        self.path = path
        self._file: BinaryIO | None = None

    def add(self, trace: Trace) -> None:
        """Write a trace.

        Raises:
            StorageError: The disk refused.
        """
        with storage_errors(self.path, "write traces"):
            if self._file is None:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                self._file = self.path.open("wb", buffering=0)
            line = memoryview(msgspec.json.encode(trace) + b"\n")
            while line:
                line = line[os.write(self._file.fileno(), line) :]

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None


def read_traces(path: Path) -> Iterator[Trace]:
    """The traces of a file in the order in which they ended, one at a time.

    A last line without its line break is what a killed run leaves: it is left out.

    Raises:
        InputError: There is no such file, or a line is no trace of this version.
        StorageError: The disk refused.
    """
    if not path.is_file():
        raise InputError(path, "there are no traces here.", remedy="Check the path.")
    decoder = msgspec.json.Decoder(Trace)
    with storage_errors(path, "read"), path.open("rb") as file:
        number = 0
        while line := file.readline(_LONGEST_LINE):
            number += 1
            if not line.endswith(b"\n") and len(line) < _LONGEST_LINE:
                return
            try:
                yield decoder.decode(line)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
                raise InputError(
                    path,
                    f"no trace of version {VERSION}: {error}.",
                    place=f"line {number}",
                    remedy="Run the task again: it is rebuilt from the replies that are kept.",
                ) from error


def find_trace(path: Path, id_: str) -> Trace:
    """The trace of one conversation.

    Raises:
        InputError: As `read_traces`.
        UnknownName: There is no conversation of that name.
    """
    seen: list[str] = []
    for trace in read_traces(path):
        if trace.id == id_:
            return trace
        seen.append(trace.id)
    raise UnknownName("conversation", id_, seen)
