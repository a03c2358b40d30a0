"""The scripted server over HTTP, within this process and as one of its own."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import aiohttp
import msgspec
import pytest

from castline.agents.endpoints import Endpoint
from castline.errors import CastlineError, InputError, UnknownName
from castline.testing.scripted import Stats, start_scripted, stats_of
from castline.testing.scripted.scripts import read_script
from castline.testing.scripted.server import serving

from .scripted_prompts import Body, going_on, move, opening

CHAT = "/v1/chat/completions"

Asked = tuple[str, str, Any]
"""Method, path, and body: bytes as they are, all else as JSON."""


class Said(NamedTuple):
    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)

    def message(self) -> Body:
        message: Body = self.json()["choices"][0]["message"]
        return message

    def stats(self) -> Stats:
        return msgspec.json.decode(self.body, type=Stats)


class Client:
    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self.session = session
        self.url = url

    async def ask(self, asked: Asked, timeout_s: float = 5.0) -> Said:
        how, path, body = asked
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        limit = aiohttp.ClientTimeout(total=timeout_s)
        async with self.session.request(how, self.url + path, data=data, timeout=limit) as reply:
            return Said(reply.status, reply.headers, await reply.read())


@asynccontextmanager
async def client_of(word: str) -> AsyncIterator[Client]:
    async with serving(read_script(word)) as port, aiohttp.ClientSession() as session:
        yield Client(session, f"http://127.0.0.1:{port}")


def ask(word: str, *asked: Asked) -> list[Said]:
    """What a server says to one thing after the other."""

    async def talk() -> list[Said]:
        async with client_of(word) as client:
            return [await client.ask(each) for each in asked]

    return asyncio.run(talk())


def chat(body: Body | bytes | None = None) -> Asked:
    return ("POST", CHAT, opening() if body is None else body)


STATS: Asked = ("GET", "/stats", None)


def test_a_reply_has_the_shape_of_the_protocol() -> None:
    tagged, native = ask("first-candidate", chat(), chat(opening(native=True)))
    said = tagged.json()
    assert said["object"] == "chat.completion"
    assert said["model"] == "first-candidate"
    (choice,) = said["choices"]
    assert choice["finish_reason"] == "stop"
    assert choice["message"]["role"] == "assistant"
    assert isinstance(choice["message"]["content"], str)
    usage = said["usage"]
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"] > 20
    (choice,) = native.json()["choices"]
    assert choice["finish_reason"] == "tool_calls"
    (call,) = choice["message"]["tool_calls"]
    assert call["type"] == "function"
    assert call["id"]
    assert json.loads(call["function"]["arguments"]) == {}


def test_the_model_is_listed_and_the_server_is_well() -> None:
    models, health = ask("long", ("GET", "/v1/models", None), ("GET", "/health", None))
    assert [each["id"] for each in models.json()["data"]] == ["long"]
    assert health.status == 200


def test_embeddings_are_near_where_texts_are() -> None:
    texts = ["Two women drink tea in a garden.", "Two women drink tea.", "雨夜，一辆马车。"]
    one, several = ask(
        "story",
        ("POST", "/v1/embeddings", {"input": texts[0]}),
        ("POST", "/v1/embeddings", {"input": texts}),
    )
    rows: list[list[float]] = [each["embedding"] for each in several.json()["data"]]
    assert one.json()["data"][0]["embedding"] == rows[0]

    def near(a: int, b: int) -> float:
        return sum(x * y for x, y in zip(rows[a], rows[b], strict=True))

    assert near(0, 1) > 0.6 > 0.4 > near(0, 2)


@pytest.mark.parametrize(
    ("script", "statuses"),
    [
        ("http-429", [429, 200, 200]),
        ("http-500", [500, 200, 200]),
        ("always-500", [500, 500, 500]),
        ("bad-key", [401, 401, 401]),
        ("no-model", [404, 404, 404]),
        ("empty", [200, 200, 200]),
    ],
)
def test_a_refusal_comes_once_or_always_as_the_script_says(
    script: str, statuses: list[int]
) -> None:
    *replies, stats = ask(script, chat(), chat(), chat(), STATS)
    assert [each.status for each in replies] == statuses
    assert stats.stats().refused == sum(each != 200 for each in statuses)
    refused = [each for each in replies if each.status != 200]
    assert all(each.json()["error"]["message"] for each in refused)
    assert all(each.headers["Retry-After"] == "1" for each in refused if each.status == 429)


def test_each_request_is_refused_on_its_own() -> None:
    other = opening(line=18)
    replies = ask("http-429", chat(), chat(other), chat(), chat(other))
    assert [each.status for each in replies] == [429, 429, 200, 200]


def test_nonsense_comes_with_status_200() -> None:
    (wrong,), (page,), (long,), (empty,) = (
        ask(script, chat()) for script in ("wrong-json", "not-json", "long", "empty")
    )
    assert "choices" not in wrong.json()
    assert page.body.startswith(b"<html>")
    assert len(long.message()["content"]) == 100_000
    assert empty.message()["content"] == ""


def test_a_connection_that_is_cut_breaks_in_the_middle_of_the_reply() -> None:
    with pytest.raises(aiohttp.ClientPayloadError):
        ask("cut-off", chat())


def test_a_connection_cut_once_holds_the_second_time() -> None:
    async def talk() -> tuple[Said, Said]:
        async with client_of("cut-once") as client:
            with pytest.raises(aiohttp.ClientPayloadError):
                await client.ask(chat())
            return await client.ask(chat()), await client.ask(STATS)

    again, counted = asyncio.run(talk())
    assert again.status == 200
    stats = counted.stats()
    assert (stats.requests, stats.broken, stats.answered, stats.repeated) == (2, 1, 1, 0)


def test_a_reply_that_nobody_waits_for_any_more_is_not_counted_as_paid() -> None:
    async def talk() -> Said:
        async with client_of("late@0.3") as client:
            with pytest.raises(TimeoutError):
                await client.ask(chat(), timeout_s=0.1)
            await asyncio.sleep(0.4)
            return await client.ask(STATS)

    stats = asyncio.run(talk()).stats()
    assert (stats.requests, stats.answered, stats.broken) == (1, 0, 1)


def test_what_is_paid_for_twice_is_counted() -> None:
    first = opening()
    (reply,) = ask("first-candidate", chat(first))
    second = going_on(first, reply.message())
    asked = (chat(first), chat(second), chat(opening(line=18)), chat(second), chat(second))
    *_, stats = ask("first-candidate", *asked, STATS)
    told = stats.stats()
    assert (told.requests, told.answered, told.repeated, told.conversations) == (5, 5, 2, 2)
    assert told.replies == 5
    assert told.prompt_tokens > told.completion_tokens > 0


def test_the_beginning_that_prompts_share_counts_as_cached() -> None:
    context = "[1] Alice: Good morning.\n" * 200
    asked = [chat(opening(line=line, context=context)) for line in range(4)]
    *_, stats = ask("first-candidate", *asked, STATS)
    told = stats.stats()
    assert 0.7 < told.cached_tokens / told.prompt_tokens < 0.75


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"\xff",
        b'{"messages": 1}',
        b'{"messages": []}',
        b'{"messages": [{"role": "\xff"}]}',
        b"[" * 99_999,
    ],
)
def test_a_body_that_is_no_request_gets_status_400(body: bytes) -> None:
    (reply,) = ask("first-candidate", chat(body))
    assert reply.status == 400
    assert reply.json()["error"]["message"]


def test_streams_and_unknown_addresses_are_refused() -> None:
    stream = chat(opening() | {"stream": True})
    replies = ask("first-candidate", stream, ("POST", "/v1/x", {}), ("GET", CHAT, None))
    assert [each.status for each in replies] == [400, 404, 404]
    assert all(each.json()["error"]["message"] for each in replies)


def test_a_server_of_its_own_plays_the_oracle_and_ends_with_its_block(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")  # not to be asked
    truth = tmp_path / "truth.json"
    truth.write_text('{"17": "Bob"}')
    body = opening()
    done: list[str] = []

    async def play(url: str) -> None:
        nonlocal body
        async with aiohttp.ClientSession() as session:
            while len(done) < 3:
                said = await Client(session, url).ask(("POST", "/chat/completions", body))
                done.append(move(said.message()))
                body = going_on(body, said.message())

    with start_scripted(f"scripted:oracle={truth}") as endpoint:
        assert endpoint.is_local
        asyncio.run(play(endpoint.url))
        assert stats_of(endpoint).answered == 3
    assert done == ["voice_similarity", "faces", "= Bob"]
    with pytest.raises(CastlineError, match="does not answer"):
        stats_of(endpoint)


def test_what_is_wrong_with_the_word_is_told_before_a_server_starts(tmp_path: Path) -> None:
    with pytest.raises(UnknownName), start_scripted("oracel"):
        pass
    with pytest.raises(InputError), start_scripted(f"oracle={tmp_path / 'none.json'}"):
        pass


def test_counts_are_asked_of_scripted_servers_only() -> None:
    with pytest.raises(CastlineError, match="does not answer"):
        stats_of(Endpoint("x", "http://127.0.0.1:9/v1"))


_STARTS = """
import time
from castline.testing.scripted import start_scripted, stats_of
with start_scripted("long") as endpoint:
    try:
        print(endpoint.url, flush=True)
        time.sleep(60)
    except KeyboardInterrupt:
        print(stats_of(endpoint).requests, flush=True)
"""


@contextmanager
def starter() -> Iterator[tuple[subprocess.Popen[str], Endpoint]]:
    """A process that has started a server, in a group of processes as a terminal makes them."""
    command = [sys.executable, "-c", _STARTS]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        assert process.stdout
        yield process, Endpoint("x", process.stdout.readline().strip())


def test_the_server_ends_with_the_process_that_started_it_even_if_that_is_killed() -> None:
    with starter() as (process, endpoint):
        assert stats_of(endpoint).requests == 0
        process.kill()
    assert ended(endpoint)


def test_ctrl_c_is_left_to_the_process_that_started_the_server() -> None:
    with starter() as (process, endpoint):
        os.killpg(process.pid, signal.SIGINT)
        assert process.stdout
        assert process.stdout.readline() == "0\n"
    assert ended(endpoint)


def ended(endpoint: Endpoint) -> bool:
    for _ in range(100):
        try:
            stats_of(endpoint)
        except CastlineError:
            return True
        time.sleep(0.05)
    return False


def test_256_at_once_get_their_replies_when_the_script_says() -> None:
    at_once, delay_s = 256, 0.5
    body = json.dumps(opening(context="[1] Alice: Good morning.\n" * 60)).encode()
    head = f"POST {CHAT} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n".encode()

    async def one(port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for _ in range(2):
            writer.write(head + body)
            said = await reader.readuntil(b"\r\n\r\n")
            assert said.startswith(b"HTTP/1.1 200")
            length = int(said.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
            await reader.readexactly(length)
        writer.close()

    async def all_of(port: int) -> float:
        started = time.monotonic()
        await asyncio.gather(*(one(port) for _ in range(at_once)))
        return time.monotonic() - started

    with start_scripted(f"slow@{delay_s}") as endpoint:
        seconds = asyncio.run(all_of(urlsplit(endpoint.url).port or 0))
        assert stats_of(endpoint).answered == 2 * at_once
    # Both rounds take 1 s; four times that leaves 128 a second, on a machine that has other work.
    assert 2 * delay_s <= seconds < 4.0
