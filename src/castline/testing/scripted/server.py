"""The scripted server: what it answers at each of its addresses."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec
from aiohttp import web

from castline.testing.scripted.counting import PrefixCache, Seen
from castline.testing.scripted.embedding import text_vector
from castline.testing.scripted.reading import UNREADABLE, ChatRequest, read_request
from castline.testing.scripted.scripts import Script
from castline.testing.scripted.wire import (
    Response,
    Turn,
    Usage,
    completion,
    error,
    json_response,
    tokens,
)

__all__ = ["serving"]

_LONGEST_BODY = 64 * 2**20
_BACKLOG = 1024


@asynccontextmanager
async def serving(script: Script) -> AsyncIterator[int]:
    """Serve on a port of this machine that was free, and yield it."""
    runner = web.AppRunner(_Server(script).app(), access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0, backlog=_BACKLOG).start()
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


class _ToEmbed(msgspec.Struct):
    input: str | list[str]


class _Server:
    """Plays a script, and remembers what it was asked."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self._seen = Seen()
        self._prefixes = PrefixCache()

    def app(self) -> web.Application:
        """All addresses."""
        app = web.Application(client_max_size=_LONGEST_BODY)
        app.router.add_post("/v1/chat/completions", self._chat)
        app.router.add_post("/v1/embeddings", self._embed)
        app.router.add_get("/v1/models", self._models)
        app.router.add_get("/health", self._health)
        app.router.add_get("/stats", self._stats)
        app.router.add_route("*", "/{path:.*}", self._nothing)
        return app

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        digest, before = self._seen.arrive(body)
        response = await self._reply(body, before)
        whole = False
        try:
            sent, whole = await _send(request, response)
        finally:
            self._seen.leave(digest, response.status, whole=whole)
        return sent

    async def _reply(self, body: bytes, before: int) -> Response:
        try:
            request = read_request(body)
        except UNREADABLE as problem:
            return error(400, str(problem), code="invalid_request")
        if request.stream:
            return error(400, "Nothing is streamed here.", code="invalid_request")
        self._seen.open(request)
        await asyncio.sleep(self._script.delay_s)
        said = self._script.play(request, before)
        return self._completion(request, said) if isinstance(said, Turn) else said

    def _completion(self, request: ChatRequest, turn: Turn) -> Response:
        prompt = request.prompt()
        usage = Usage(tokens(prompt), turn.tokens, self._prefixes.take(prompt))
        number = self._seen.count(usage)
        return completion(turn, usage, model=self._script.model, number=number)

    async def _embed(self, request: web.Request) -> web.Response:
        try:
            asked = msgspec.json.decode(await request.read(), type=_ToEmbed).input
        except UNREADABLE as problem:
            return _plain(error(400, str(problem), code="invalid_request"))
        texts = [asked] if isinstance(asked, str) else asked
        rows = [
            {"object": "embedding", "index": at, "embedding": text_vector(text)}
            for at, text in enumerate(texts)
        ]
        read = sum(map(tokens, texts))
        usage = {"prompt_tokens": read, "total_tokens": read}
        found = {"object": "list", "data": rows, "model": self._script.model, "usage": usage}
        return _plain(json_response(found))

    async def _models(self, _request: web.Request) -> web.Response:
        model = {"id": self._script.model, "object": "model", "created": 0, "owned_by": "castline"}
        return _plain(json_response({"object": "list", "data": [model]}))

    async def _health(self, _request: web.Request) -> web.Response:
        return _plain(json_response({"status": "ok"}))

    async def _stats(self, _request: web.Request) -> web.Response:
        return _plain(json_response(self._seen.stats))

    async def _nothing(self, request: web.Request) -> web.Response:
        asked = f"There is nothing at {request.method} {request.path}."
        return _plain(error(404, asked, code="not_found"))


def _plain(response: Response) -> web.Response:
    return web.Response(
        body=response.body,
        status=response.status,
        headers=response.headers,
        content_type=response.kind,
    )


async def _send(request: web.Request, response: Response) -> tuple[web.StreamResponse, bool]:
    """Send a response; tells whether the whole of it left while the client was there."""
    sent = web.StreamResponse(status=response.status, headers=response.headers)
    sent.content_type = response.kind
    sent.content_length = len(response.body)
    # aiohttp takes the transport away when the client hangs up.
    if request.transport is None:
        return sent, False
    await sent.prepare(request)
    if response.cut:
        await sent.write(response.body[: len(response.body) // 2])
        request.transport.close()
        return sent, False
    await sent.write(response.body)
    await sent.write_eof()
    return sent, request.transport is not None
