"""Our client against a server that others wrote: `transformers serve`, with a tiny model.

CASTLINE_SERVE_PYTHON names the interpreter that has torch and transformers[serving].
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from castline.agents.client import Client
from castline.agents.endpoints import Endpoint
from castline.agents.messages import Message, Reply, Request, ToolSpec
from castline.agents.wire import to_wire
from castline.errors import EndpointError
from castline.testing.scripted import start_scripted

pytestmark = pytest.mark.slow

# An interpreter of its own, so that everybody else's environment may do without torch.
_PYTHON = os.environ.get("CASTLINE_SERVE_PYTHON", sys.executable)
_NEEDED = ("torch", "transformers", "fastapi", "uvicorn")
_OFFLINE = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
_READY_S = 120.0

ASKED = Message("user", "Who says line 3?")
FACES = ToolSpec(
    "faces",
    "Who is seen.",
    {"type": "object", "properties": {"line": {"type": "integer"}}, "required": ["line"]},
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    """An endpoint of the real server; the model knows what `tiny_model.py` taught it."""
    if missing := _missing():
        pytest.skip(f"{_PYTHON} has no {missing}: make server makes an interpreter that has")
    folder = tmp_path_factory.mktemp("served")
    make = [_PYTHON, str(Path(__file__).with_name("tiny_model.py")), str(folder / "tiny")]
    subprocess.run(make, check=True, env={**os.environ, **_OFFLINE}, timeout=300)
    port = _free_port()
    with _process(folder, port):
        yield Endpoint("real", f"http://127.0.0.1:{port}/v1", "tiny", timeout_s=60)


def _missing() -> str:
    """Packages that the interpreter of the server does not have."""
    look = (
        "import sys, importlib.util as u; print(*(n for n in sys.argv[1:] if not u.find_spec(n)))"
    )
    command = [_PYTHON, "-c", look, *_NEEDED]
    found = subprocess.run(command, check=True, capture_output=True, text=True)
    return ", ".join(found.stdout.split())


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def _process(folder: Path, port: int) -> Iterator[None]:
    """The server, once it is ready; its words are shown when it does not come so far."""
    serve = ["-m", "transformers.cli.transformers", "serve", "tiny", "--device", "cpu"]
    command = [_PYTHON, *serve, "--host", "127.0.0.1", "--port", str(port)]
    log = folder / "log"
    with (
        log.open("w") as words,
        subprocess.Popen(
            command, cwd=folder, env={**os.environ, **_OFFLINE}, stdout=words, stderr=words
        ) as process,
    ):
        try:
            deadline = time.monotonic() + _READY_S
            while not _is_well(port):
                if process.poll() is not None or time.monotonic() > deadline:
                    pytest.fail(f"transformers serve did not start: {log.read_text()[-3000:]}")
                time.sleep(0.2)
            yield
        finally:
            process.kill()


def _is_well(port: int) -> bool:
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(f"http://127.0.0.1:{port}/health", timeout=5) as reply:
            return bool(reply.status == 200)
    except OSError:
        return False


def chat(endpoint: Endpoint, request: Request) -> Reply:
    async def ask() -> Reply:
        async with Client() as client:
            return await client.chat(endpoint, endpoint.model, "", request)

    return asyncio.run(ask())


def refusal(endpoint: Endpoint, request: Request) -> EndpointError:
    with pytest.raises(EndpointError) as raised:
        chat(endpoint, request)
    return raised.value


def test_a_chat_completion_comes_with_its_tokens_counted(server: Endpoint) -> None:
    reply = chat(server, Request((ASKED,), temperature=0.0))
    assert (reply.text, reply.calls, reply.finish) == ("Bob", (), "stop")
    # The tokens of the tiny model are bytes, and three marks.
    assert reply.usage.prompt == len("user\nWho says line 3?\nassistant\n") + 3
    assert reply.usage.completion == len("Bob") + 1
    assert reply.model.startswith("tiny")
    assert 0 < reply.seconds < 60


def test_a_reply_that_is_cut_short_says_so(server: Endpoint) -> None:
    reply = chat(server, Request((ASKED,), max_tokens=2, temperature=0.0))
    assert (reply.text, reply.finish) == ("Bo", "length")
    assert reply.usage.completion == 2


def test_a_tool_is_called_and_its_result_is_heard(server: Endpoint) -> None:
    asked = Request((ASKED,), tools=(FACES,), temperature=0.0)
    called = chat(server, asked)
    (call,) = called.calls
    assert (call.name, json.loads(call.arguments)) == ("faces", {"line": 3})
    assert call.id
    assert called.finish == "tool_calls"
    told = Message("tool", "Alice is seen.", call_id=call.id)
    going_on = Request((ASKED, called.as_message(), told), tools=(FACES,), temperature=0.0)
    answer = chat(server, going_on)
    assert (answer.text, answer.calls, answer.finish) == ("Alice", (), "stop")
    assert answer.usage.prompt > called.usage.prompt


def test_arguments_that_are_no_json_do_not_break_the_server(server: Endpoint) -> None:
    called = chat(server, Request((ASKED,), tools=(FACES,), temperature=0.0))
    (call,) = called.calls
    broken = Message("assistant", calls=(type(call)(call.id, call.name, "{line: 3"),))
    told = Message("tool", "That is no JSON.", call_id=call.id)
    assert chat(server, Request((ASKED, broken, told), tools=(FACES,), temperature=0.0)).finish


def test_sampling_and_a_schema_are_taken(server: Endpoint) -> None:
    request = Request(
        (Message("system", "Be brief."), ASKED),
        max_tokens=4,
        temperature=0.6,
        top_p=0.95,
        presence_penalty=0.1,
        frequency_penalty=0.3,
        schema={"type": "object", "properties": {"name": {"type": "string"}}},
    )
    assert chat(server, request).usage.completion <= 4


def test_errors_are_told_in_the_servers_own_words(server: Endpoint) -> None:
    request = Request((ASKED,), temperature=0.0)
    model = refusal(replace(server, model="another"), request)
    assert model.kind == "refused"
    assert "another" in model.problem
    field = refusal(replace(server, extra={"no_such_field": 1}), request)
    assert field.kind == "refused"
    assert "no_such_field" in field.problem
    route = refusal(replace(server, url=server.url.removesuffix("/v1") + "/v2"), request)
    assert route.kind == "no such model"
    assert "404" in route.problem


@pytest.mark.parametrize("tools", [(), (FACES,)], ids=["text", "tool call"])
def test_the_scripted_server_says_all_that_the_real_one_says(
    server: Endpoint, tools: tuple[ToolSpec, ...]
) -> None:
    body = to_wire(Request((ASKED,), tools=tools, temperature=0.0), server.model)
    with start_scripted("endless-tools" if tools else "first-candidate") as scripted:
        assert fields(raw(server, body)) <= fields(raw(scripted, body))


def raw(endpoint: Endpoint, body: bytes) -> Any:
    request = urllib.request.Request(
        f"{endpoint.url}/chat/completions", body, {"Content-Type": "application/json"}
    )
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request) as reply:
        return json.load(reply)


def fields(value: Any, path: str = "") -> set[str]:
    """The fields of a JSON value, as paths."""
    if isinstance(value, dict):
        below = (fields(each, f"{path}.{name}") for name, each in value.items())
        return {path}.union(*below)
    if isinstance(value, list):
        return {path}.union(*(fields(each, f"{path}[]") for each in value))
    return {path}
