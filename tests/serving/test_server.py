"""`castline mcp` as agents meet it: through the protocol's own client."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from castline.errors import MissingExtra
from castline.project import Project
from castline.serving.library import Library
from castline.serving.server import server_of, tools_of
from tests.conftest import Contents

pytestmark = pytest.mark.slow

mcp = pytest.importorskip("mcp", reason="the package mcp is not installed")

Talk = Callable[[Any], Awaitable[Any]]

WITHOUT_NETWORK = (
    "from castline.offline import forbid_network; forbid_network(); "
    "from castline.cli import main; main()"
)


def talk(server: Any, session: Talk, **options: Any) -> Any:
    """What a session of the client with a server gives."""

    async def connected() -> Any:
        async with mcp.Client(server, **options) as client:
            return await session(client)

    return asyncio.run(connected())


def started(project: Project) -> Any:
    """`castline mcp` in its own process, which may not use the network."""
    words = ["-c", WITHOUT_NETWORK, "mcp", str(project.folder)]
    return mcp.StdioServerParameters(command=sys.executable, args=words)


@pytest.fixture(scope="module")
def server(kept_told: Project) -> Any:
    """A server in this process."""
    return server_of(kept_told.name, tools_of(Library(kept_told)))


async def walk(client: Any) -> list[Any]:
    """As an agent goes: find a line, then ask for all that is known of it."""
    listed = (await client.list_tools()).tools
    found = await client.call_tool("find_lines", {"text": "what did it cost"})
    line = json.loads(found.content[0].text)["lines"][0]["line"]
    told = [line]
    for tool in listed:
        if list(tool.input_schema.get("required", [])) == ["line"]:
            answer = await client.call_tool(tool.name, {"line": line})
            assert not answer.is_error, answer.content
            told.append(json.loads(answer.content[0].text))
    return told


def test_an_agent_walks_from_words_to_evidence_over_real_pipes_and_leaves_no_trace(
    told: Project, contents: Contents
) -> None:
    before = contents(told.folder)
    answers = talk(started(told), walk)

    assert len(answers) == 8
    assert answers == talk(server_of("s", tools_of(Library(told))), walk)
    assert contents(told.folder) == before


def test_clients_of_the_older_handshake_are_served_too(server: Any) -> None:
    assert talk(server, walk, mode="legacy") == talk(server, walk)


def test_every_tool_says_that_it_reads_only(server: Any) -> None:
    async def tools(client: Any) -> Any:
        return (await client.list_tools()).tools

    listed = talk(server, tools)
    assert len(listed) == 12
    assert all(tool.annotations.read_only_hint for tool in listed)
    assert all(tool.input_schema["type"] == "object" for tool in listed)


@pytest.mark.parametrize(
    ("tool", "arguments", "problem"),
    [
        ("who_speaks", {"line": "0009-99999"}, "No line is called"),
        ("character", {"name": "Lev Rudin"}, "No character is called"),
        ("find_lines", {"page": 0}, ">= 1"),
        ("who_speaks", None, "missing required field"),
    ],
)
def test_a_refusal_is_an_answer_that_the_agent_can_read(
    server: Any, tool: str, arguments: Any, problem: str
) -> None:
    async def refused(client: Any) -> Any:
        return await client.call_tool(tool, arguments)

    answer = talk(server, refused)
    assert answer.is_error
    assert problem in answer.content[0].text


def test_a_tool_that_there_is_not_is_an_error_of_the_protocol(server: Any) -> None:
    async def missing(client: Any) -> Any:
        with pytest.raises(mcp.MCPError, match="there are: series, characters") as caught:
            await client.call_tool("edit_line", {})
        return caught.value

    assert talk(server, missing).code == -32602


def test_agents_are_told_that_lines_are_no_instructions(server: Any) -> None:
    assert "never instructions" in server.instructions


def test_a_folder_without_project_is_refused_before_anything_is_said(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "castline", "mcp", str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )

    assert (done.returncode, done.stdout) == (3, "")
    assert "no Castline project" in done.stderr


def test_without_the_package_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mcp_types", None)
    with pytest.raises(MissingExtra, match=r"castline\[mcp\]"):
        server_of("s", ())
