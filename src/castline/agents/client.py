"""One call over HTTP: a reply, or an `EndpointError` that says what kind of fault it was.

aiohttp carries it: with 256 requests in flight it took 0.2 ms of processor time for each, where
httpx, which goes through its whole pool each time, took 21 ms. Redirects are not followed: a server
may not pass prompts on to another. A proxy from the environment is used, but never towards this
machine.
"""

from __future__ import annotations

import asyncio
import time
import urllib.parse
import urllib.request
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from castline._version import __version__
from castline.agents.endpoints import Endpoint
from castline.agents.messages import Reply, Request
from castline.agents.refusals import reason, refusal, without_key
from castline.agents.wire import from_wire, longest_body, served_models, to_wire, vectors
from castline.errors import EndpointError

if TYPE_CHECKING:
    import aiohttp

__all__ = ["Client", "run_blocking"]

T = TypeVar("T")

_CONNECT_S = 20.0
_MOST_LISTED = 1_000_000
_MOST_ERROR = 65_536


def run_blocking(work: Coroutine[Any, Any, T]) -> T:
    """Run to the end, also where the caller's thread has a loop of its own, as in notebooks."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(work)
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()


class Client:
    """Connections to any number of endpoints, open within `async with`."""

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None
        self._proxies: dict[str, str | None] = {}

    async def __aenter__(self) -> Client:
        """Open."""
        import aiohttp

        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0),
            cookie_jar=aiohttp.DummyCookieJar(),
            # Bounds on what is read are bounds on bytes: nothing is inflated.
            auto_decompress=False,
            headers={"Accept-Encoding": "identity", "User-Agent": f"castline/{__version__}"},
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        """Close all connections."""
        if self._session is not None:
            await self._session.close()

    async def chat(self, endpoint: Endpoint, model: str, key: str, request: Request) -> Reply:
        """Ask a model.

        Args:
            endpoint: Where.
            model: Name of the model there.
            key: The key; empty for none.
            request: What is asked.

        Raises:
            EndpointError: No usable reply came.
        """
        begin = time.monotonic()
        body = to_wire(request, model, endpoint.extra, endpoint.omit)
        found = await self._call(
            endpoint, key, "/chat/completions", body, longest_body(request.max_tokens)
        )
        reply = from_wire(found, request, endpoint.name, round(time.monotonic() - begin, 3))
        return without_key(reply, key)

    async def models(self, endpoint: Endpoint, key: str) -> list[str]:
        """The models that a server lists.

        Raises:
            EndpointError: No usable reply came.
        """
        return served_models(
            await self._call(endpoint, key, "/models", None, _MOST_LISTED), endpoint.name
        )

    async def embeddings(self, endpoint: Endpoint, key: str, texts: list[str]) -> list[list[float]]:
        """A vector for each text.

        Raises:
            EndpointError: No usable reply came.
        """
        body = msgspec.json.encode({"model": endpoint.model, "input": texts, **endpoint.extra})
        most = 200_000 * len(texts) + _MOST_ERROR
        found = await self._call(endpoint, key, "/embeddings", body, most)
        return vectors(found, len(texts), endpoint.name)

    async def _call(
        self, endpoint: Endpoint, key: str, path: str, body: bytes | None, most: int
    ) -> bytes:
        """The body of a good response; nothing that is raised holds the key."""
        import aiohttp

        assert self._session is not None, "used outside of `async with`"
        headers = {"Content-Type": "application/json"} if body is not None else {}
        if key:
            headers["Authorization"] = f"Bearer {key}"
        name = endpoint.name
        try:
            async with self._session.request(
                "GET" if body is None else "POST",
                endpoint.url.rstrip("/") + path,
                data=body,
                headers=headers,
                proxy=self._proxy(endpoint),
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=endpoint.timeout_s, sock_connect=_CONNECT_S),
            ) as response:
                good = response.status == 200
                found, whole = await _read(response.content, most if good else _MOST_ERROR)
                if not good:
                    raise refusal(name, response.status, response.headers, found, key)
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise EndpointError(name, "unreachable", f"{endpoint.url}: {reason(error)}") from None
        except TimeoutError:
            problem = f"no whole reply within {endpoint.timeout_s:g} seconds"
            raise EndpointError(name, "timeout", problem) from None
        except aiohttp.InvalidURL:
            raise EndpointError(name, "unreachable", f"{endpoint.url}: no such address") from None
        except (aiohttp.ClientError, ConnectionError) as error:
            problem = f"the connection broke off ({type(error).__name__})"
            raise EndpointError(name, "cut off", problem) from None
        if not whole:
            raise EndpointError(name, "too long", f"the reply goes on after {most} bytes")
        return found

    def _proxy(self, endpoint: Endpoint) -> str | None:
        if endpoint.name not in self._proxies:
            scheme = urllib.parse.urlsplit(endpoint.url).scheme
            direct = endpoint.is_local or urllib.request.proxy_bypass(endpoint.host)
            self._proxies[endpoint.name] = (
                None if direct else urllib.request.getproxies().get(scheme)
            )
        return self._proxies[endpoint.name]


async def _read(content: aiohttp.StreamReader, most: int) -> tuple[bytes, bool]:
    """At most so many bytes, and whether that was all."""
    parts: list[bytes] = []
    size = 0
    async for part in content.iter_any():
        size += len(part)
        if size > most:
            return b"".join(parts), False
        parts.append(part)
    return b"".join(parts), True
