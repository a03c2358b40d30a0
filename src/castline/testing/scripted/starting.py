"""A scripted server in a process of its own, for as long as a block runs."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException
from urllib.parse import urlsplit

import msgspec

from castline.agents.endpoints import SCRIPTED, Endpoint
from castline.errors import CastlineError
from castline.testing.scripted.counting import Stats
from castline.testing.scripted.scripts import read_script

__all__ = ["start_scripted", "stats_of"]

_START_S = 60.0
_ANSWER_S = 10.0
_END_S = 5.0
_IN_FLIGHT = 256


@contextmanager
def start_scripted(word: str) -> Iterator[Endpoint]:
    """Start a scripted server; it ends with the block, and with this process, however that ends.

    Args:
        word: `NAME[@SECONDS][=FILE]`, with or without `scripted:`; see `scripts`.

    Yields:
        Where it is served: an address of this machine, on a port that was free.

    Raises:
        UnknownName: There is no such script.
        UsageError: A file is missing, or given to a script that takes none.
        InputError: The file is broken.
        CastlineError: The server does not start.
    """
    script = read_script(word)  # Also to say here what is wrong with the word.
    with _process(word) as port:
        url = f"http://127.0.0.1:{port}/v1"
        endpoint = Endpoint(SCRIPTED + script.model, url, script.model, in_flight=_IN_FLIGHT)
        _get(endpoint, "/health")
        yield endpoint


def stats_of(endpoint: Endpoint) -> Stats:
    """What a scripted server was asked so far.

    Raises:
        CastlineError: It does not answer, or is no scripted server.
    """
    try:
        return msgspec.json.decode(_get(endpoint, "/stats"), type=Stats)
    except msgspec.MsgspecError as error:
        raise CastlineError(f"{endpoint.url} is no scripted server: {error}") from error


@contextmanager
def _process(word: str) -> Iterator[int]:
    """A server process; its port."""
    # -P: a folder the user stands in may hold a file of any name, and is not to be imported from.
    command = [sys.executable, "-P", "-m", "castline.testing.scripted", word]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    with process:
        watch = threading.Timer(_START_S, process.kill)
        watch.start()
        try:
            assert process.stdout
            told = process.stdout.readline().strip()
            watch.cancel()
            if not told:
                raise CastlineError(f"the scripted server {word!r} did not start")
            yield int(told)
        finally:
            watch.cancel()
            process.kill()


def _get(endpoint: Endpoint, path: str) -> bytes:
    """Ask a server on this machine: by no proxy, whatever the environment says."""
    parts = urlsplit(endpoint.url)
    connection = HTTPConnection(parts.hostname or "", parts.port, timeout=_ANSWER_S)
    try:
        connection.request("GET", path)
        return connection.getresponse().read()
    except (OSError, HTTPException) as error:
        raise CastlineError(f"the scripted server at {endpoint.url} does not answer") from error
    finally:
        connection.close()
