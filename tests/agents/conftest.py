"""Servers and sessions for tests of conversations."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from castline.agents.driver import DriverParams, Session
from castline.agents.endpoints import Endpoint
from castline.agents.replies import ReplyStore
from castline.pipeline.progress import Recorder
from tests.agents.served import Behaviour, Server

Serve = Callable[[Behaviour], Server]
Open = Callable[..., Session]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Start a server that behaves as told; it ends with the test."""
    with contextlib.ExitStack() as servers:

        def start(behaviour: Behaviour) -> Server:
            server = Server(behaviour)
            servers.callback(server.close)
            return server

        yield start


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture
def open_session(tmp_path: Path, recorder: Recorder) -> Open:
    """A session whose replies and traces lie in the folder of the test."""

    def make(*endpoints: Endpoint, **params: Any) -> Session:
        return Session(
            endpoints,
            ReplyStore(tmp_path / "replies.sqlite"),
            tmp_path / "traces",
            DriverParams(**{"backoff_s": 0.01, **params}),
            recorder,
        )

    return make
