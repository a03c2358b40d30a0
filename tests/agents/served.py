"""A small server that does what a test tells it, and remembers what it was asked."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from castline.agents.conversation import End
from castline.agents.endpoints import Endpoint
from castline.agents.messages import Message, Reply, Request


@dataclass
class Asked:
    """One request as it arrived."""

    path: str
    headers: dict[str, str]
    body: dict[str, Any]

    @property
    def last(self) -> str:
        """The text of the last message."""
        text: str = self.body["messages"][-1]["content"]
        return text


@dataclass
class Sent:
    """A response as it is sent.

    Attributes:
        cut: Bytes after which the connection breaks; None for the whole.
    """

    body: bytes
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    delay_s: float = 0.0
    cut: int | None = None


Behaviour = Callable[[Asked], Sent]


def chat(text: str, **message: Any) -> Sent:
    """A good reply: 100 tokens read, 10 written."""
    said = {"role": "assistant", "content": text, **message}
    usage = {"prompt_tokens": 100, "completion_tokens": 10}
    choices = [{"index": 0, "message": said, "finish_reason": "stop"}]
    return Sent(json.dumps({"model": "served", "choices": choices, "usage": usage}).encode())


def refused(status: int, message: str = "no", **headers: str) -> Sent:
    """A response that is no reply, in the form of the OpenAI protocol."""
    body = json.dumps({"error": {"message": message}}).encode()
    return Sent(body, status, {name.replace("_", "-"): value for name, value in headers.items()})


def good(asked: Asked) -> Sent:
    """A reply that says the last message back."""
    return chat(f"heard: {asked.last}")


class Server:
    """The server: its address, and everything that it was asked."""

    def __init__(self, behaviour: Behaviour) -> None:
        self.behaviour = behaviour
        self.asked: list[Asked] = []
        self.at_once = self.most_at_once = 0
        self.lock = threading.Lock()
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = 2**16  # Head and body in one packet: two would wait for each other.

            def do_POST(self) -> None:
                size = int(self.headers.get("Content-Length", 0))
                body = json.loads(self.rfile.read(size) or b"{}")
                asked = Asked(self.path, dict(self.headers), body)
                with server.lock:
                    server.asked.append(asked)
                    server.at_once += 1
                    server.most_at_once = max(server.most_at_once, server.at_once)
                try:
                    self._send(server.behaviour(asked))
                finally:
                    with server.lock:
                        server.at_once -= 1

            do_GET = do_POST

            def _send(self, sent: Sent) -> None:
                time.sleep(sent.delay_s)
                with contextlib.suppress(ConnectionError):
                    self.send_response(sent.status)
                    for name, value in sent.headers.items():
                        self.send_header(name, value)
                    self.send_header("Content-Length", str(len(sent.body)))
                    self.end_headers()
                    self.wfile.write(sent.body[: sent.cut])
                self.close_connection = sent.cut is not None

            def log_message(self, format: str, *args: Any) -> None:
                pass

        class Listening(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 256

            def handle_error(self, request: Any, client_address: Any) -> None:
                """Clients that break off are what some tests are about."""

        self._http = Listening(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_port}/v1"

    def endpoint(self, name: str = "served", **values: Any) -> Endpoint:
        return Endpoint(**{"name": name, "url": self.url, "model": "m", **values})

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()


PROMPT = "Say it back. " * 25
"""As long as a hundred tokens are."""


class Talk:
    """A conversation that counts: each reply is said back, until so many came."""

    def __init__(self, number: int, turns: int = 1) -> None:
        self.id = f"talk:{number:04d}"
        self._left = turns
        messages = (Message("system", PROMPT), Message("user", f"{self.id} begins"))
        self._request = Request(messages, max_tokens=50)

    def open(self) -> Request:
        return self._request

    def hear(self, reply: Reply) -> Request | End:
        self._left -= 1
        if not self._left:
            return End("answered", reply.text)
        told = (Message("assistant", reply.text), Message("user", f"{self.id}, {self._left} left"))
        messages = (*self._request.messages, *told)
        self._request = Request(messages, max_tokens=50)
        return self._request


def talks(count: int, turns: int = 1) -> Iterator[Talk]:
    return (Talk(number, turns) for number in range(count))
