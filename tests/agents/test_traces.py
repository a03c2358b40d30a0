"""Trace files and the store of replies, as they are written and as they are broken."""

from __future__ import annotations

import hashlib
import sqlite3
import time
from pathlib import Path

import msgspec
import pytest

from castline.agents.messages import Image, Message, Reply, Request, ToolCall, Usage
from castline.agents.replies import ReplyStore, reply_key
from castline.agents.traces import Said, Trace, TraceWriter, Turn, find_trace, read_traces
from castline.errors import InputError, StorageError, UnknownName

REPLY = Reply("said", (ToolCall("1", "t", "{"),), "stop", Usage(3, 4), 1.5, "m", "e", "thought")
REQUEST = Request((Message("user", "question", images=(Image(b"jpeg"),)),))


def traces(count: int) -> list[Trace]:
    messages = tuple(Said.of(message) for message in REQUEST.messages)
    return [
        Trace("task", f"line {n}", n, "answered", "", {"who": "甄嬛"}, turns=(Turn(REPLY, n == 1),))
        if n
        else Trace("task", "line 0", 0, "failed", "timeout", why="late", messages=messages)
        for n in range(count)
    ]


def written(path: Path, count: int) -> Path:
    writer = TraceWriter(path)
    for trace in traces(count):
        writer.add(trace)
    writer.close()
    return path


def test_traces_come_back_as_they_were(tmp_path: Path) -> None:
    assert list(read_traces(written(tmp_path / "deep" / "t.jsonl", 3))) == traces(3)


def test_pictures_are_kept_as_digests() -> None:
    said = Said.of(REQUEST.messages[0])
    assert said.pictures == (hashlib.sha256(b"jpeg").hexdigest(),)
    assert b"anBlZw" not in msgspec.json.encode(said), "no picture is kept"


def test_half_a_line_at_the_end_is_left_out(tmp_path: Path) -> None:
    path = written(tmp_path / "t.jsonl", 3)
    whole = path.read_bytes()
    last = whole.rstrip(b"\n").rindex(b"\n") + 1
    for size in (last, last + 1, len(whole) - 1):
        path.write_bytes(whole[:size])
        assert list(read_traces(path)) == traces(2)


def test_a_run_that_gets_nowhere_leaves_the_traces_of_the_one_before(tmp_path: Path) -> None:
    path = written(tmp_path / "t.jsonl", 3)
    TraceWriter(path).close()
    assert len(list(read_traces(path))) == 3
    assert len(list(read_traces(written(path, 1)))) == 1


@pytest.mark.parametrize("line", [b"{}", b"[]", b"\xff", b'{"version": 2}', b"[" * 100_000])
def test_a_line_that_is_no_trace_is_told_with_its_number(tmp_path: Path, line: bytes) -> None:
    path = written(tmp_path / "t.jsonl", 1)
    path.write_bytes(path.read_bytes() + line + b"\n")
    with pytest.raises(InputError, match="line 2: no trace of version 1"):
        list(read_traces(path))


def test_a_conversation_is_found_by_its_name(tmp_path: Path) -> None:
    path = written(tmp_path / "t.jsonl", 3)
    assert find_trace(path, "line 1") == traces(3)[1]
    with pytest.raises(UnknownName, match="Did you mean 'line 2'"):
        find_trace(path, "line 22")


def test_no_traces_are_no_crash(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no traces here"):
        list(read_traces(tmp_path / "none.jsonl"))


def test_a_reply_comes_back_for_its_model_only(tmp_path: Path) -> None:
    store = ReplyStore(tmp_path / "new" / "replies.sqlite")
    key = reply_key("task", "line", REQUEST)
    store.put(key, "small", "task", "line", REPLY)
    store.close()

    assert store.get(key, ["large", "small"]) == (REPLY, "small")
    assert store.get(key, ["large"]) is None
    assert store.get(reply_key("task", "line", REQUEST, 1), ["small"]) is None
    store.close()


def test_the_first_reply_stands(tmp_path: Path) -> None:
    store = ReplyStore(tmp_path / "replies.sqlite")
    for text in ("first", "second"):
        reply = msgspec.structs.replace(REPLY, text=text)
        store.put(b"key", "m", "task", "line", reply)
    found = store.get(b"key", ["m"])
    store.close()
    assert found is not None
    assert found[0].text == "first"


def test_a_key_depends_on_all_that_is_asked() -> None:
    replace = msgspec.structs.replace
    other_picture = (Message("user", "question", images=(Image(b"other"),)),)
    keys = {
        reply_key("task", "line", REQUEST),
        reply_key("task", "line", REQUEST, 1),
        reply_key("task", "line 2", REQUEST),
        reply_key("task 2", "line", REQUEST),
        reply_key("task", "line", replace(REQUEST, temperature=0.5)),
        reply_key("task", "line", replace(REQUEST, messages=other_picture)),
        reply_key("task", "line", replace(REQUEST, extra={"a": 1, "b": 2})),
    }
    assert len(keys) == 7
    swapped = replace(REQUEST, extra={"b": 2, "a": 1})
    assert reply_key("task", "line", swapped) in keys


def test_old_replies_can_be_pruned_and_all_be_forgotten(tmp_path: Path) -> None:
    path = tmp_path / "replies.sqlite"
    store = ReplyStore(path)
    for name in (b"old", b"new"):
        store.put(name, "m", "task", "line", REPLY)
    store.close()
    with sqlite3.connect(path) as connection:
        old = int(time.time()) - 10 * 86_400
        connection.execute("UPDATE replies SET at = ? WHERE key = ?", (old, b"old"))
    connection.close()

    assert store.prune(days=9) == 1
    assert store.count() == 1
    store.forget()
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_store_is_told_with_the_way_out(tmp_path: Path) -> None:
    path = tmp_path / "replies.sqlite"
    path.write_bytes(b"no database at all, but long enough to be one" * 100)
    with pytest.raises(StorageError, match="move it away"):
        ReplyStore(path).get(b"key", ["m"])


def test_a_store_of_a_newer_version_is_not_touched(tmp_path: Path) -> None:
    path = tmp_path / "replies.sqlite"
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 2")
    connection.close()
    with pytest.raises(StorageError, match="Update Castline"):
        ReplyStore(path).count()
