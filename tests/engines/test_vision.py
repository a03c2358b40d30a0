"""A vision endpoint that mends readings, against a real server on the loopback."""

from __future__ import annotations

import base64
import io
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import numpy as np
import pytest

from castline.engines.vision import VisionEndpoint
from castline.errors import SettingsError

PICTURE = np.full((20, 60, 3), 200, np.uint8)

Serve = Callable[..., VisionEndpoint]


class _Server(HTTPServer):
    """Answers every request alike and keeps what it was asked."""

    reply: bytes = b""
    status = 200
    asked: list[dict[str, Any]]
    key: str | None = None


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_POST(self) -> None:
        length = int(self.headers["Content-Length"])
        self.server.asked.append(json.loads(self.rfile.read(length)))
        self.server.key = self.headers.get("Authorization")
        self.send_response(self.server.status)
        self.end_headers()
        self.wfile.write(self.server.reply)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[_Server]:
    made = _Server(("127.0.0.1", 0), _Handler)
    made.asked = []
    thread = threading.Thread(target=made.serve_forever, daemon=True)
    thread.start()
    yield made
    made.shutdown()
    made.server_close()
    thread.join()


def endpoint(server: _Server, **options: Any) -> VisionEndpoint:
    return VisionEndpoint(f"http://127.0.0.1:{server.server_port}/v1", "eyes", **options)


def says(text: object) -> bytes:
    return json.dumps({"choices": [{"message": {"content": text}}]}).encode()


def test_the_answer_is_what_the_picture_says(server: _Server) -> None:
    from PIL import Image

    server.reply = says("  Where were you\n last night?  ")

    assert endpoint(server).read(PICTURE) == "Where were you last night?"

    (asked,) = server.asked
    assert asked["model"] == "eyes"
    image = asked["messages"][0]["content"][1]["image_url"]["url"]
    sent = Image.open(io.BytesIO(base64.b64decode(image.partition(",")[2])))
    assert np.array_equal(np.asarray(sent), PICTURE)


def test_the_key_comes_from_the_environment_and_only_when_it_is_named(
    server: _Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EYES_KEY", "secret")
    server.reply = says("Yes.")
    endpoint(server).read(PICTURE)
    assert server.key is None
    endpoint(server, key_variable="EYES_KEY").read(PICTURE)
    assert server.key == "Bearer secret"


@pytest.mark.parametrize(
    "reply",
    [
        b"",
        b"no json",
        b"[]",
        b'{"choices": []}',
        says(""),
        says(None),
        says("a " * 500),
        says("red\x1b[31m"),
        json.dumps({"choices": [{"message": None}]}).encode(),
    ],
)
def test_an_answer_that_is_no_line_of_subtitles_counts_as_none(
    server: _Server, reply: bytes
) -> None:
    server.reply = reply
    assert endpoint(server).read(PICTURE) is None


def test_a_server_that_fails_or_is_not_there_counts_as_no_answer(server: _Server) -> None:
    server.status, server.reply = 500, says("Yes.")
    assert endpoint(server).read(PICTURE) is None
    assert VisionEndpoint("http://127.0.0.1:1/v1", "eyes").read(PICTURE) is None


@pytest.mark.parametrize("url", ["", "ftp://x/v1", "file:///etc/passwd", "http://"])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(SettingsError, match="vision endpoint"):
        VisionEndpoint(url, "eyes")
