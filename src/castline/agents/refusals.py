"""Responses that are no replies: what kind of fault they are, in words that are safe to show.

Whatever a server says is a stranger's text, and may repeat the key that was sent to it.
"""

from __future__ import annotations

import email.utils
import math
import time
from collections.abc import Mapping
from typing import Final

import msgspec

from castline.agents.messages import Reply
from castline.errors import EndpointError

__all__ = ["one_line", "reason", "refusal", "without_key"]

_LONGEST = 300
_SHORTEST_SECRET = 8
"""Letters; servers that want no key get `x` or `EMPTY`, which is no secret."""
_BLOT = "[key]"

_KINDS: Final = {
    401: "bad key",
    402: "no credit",
    403: "forbidden",
    404: "no such model",
    408: "timeout",
    413: "refused",
    429: "rate limit",
    503: "rate limit",
    529: "rate limit",
}
"""HTTP status to kind; other 4xx are "refused", 5xx "server error", 3xx "redirect"."""


def without_key(reply: Reply, key: str) -> Reply:
    """The reply, should a server spell out the key in it, with the key blotted out."""
    if len(key) < _SHORTEST_SECRET:
        return reply
    written, secret = msgspec.json.encode(reply), msgspec.json.encode(key)[1:-1]
    if secret not in written:
        return reply
    return msgspec.json.decode(written.replace(secret, _BLOT.encode()), type=Reply)


def refusal(
    name: str, status: int, headers: Mapping[str, str], body: bytes, key: str
) -> EndpointError:
    """What a response says that is no reply."""
    kind = _KINDS.get(status) or {3: "redirect", 5: "server error"}.get(status // 100, "refused")
    problem = f"HTTP {status}: {_said(body, key)}".rstrip(": ")
    if kind == "redirect":
        target = one_line(headers.get("Location", ""), key) or "elsewhere"
        problem = f"HTTP {status}: the server points to {target}: name that address instead"
    return EndpointError(
        name, kind, problem, retry_after_s=_retry_after(headers.get("Retry-After", ""))
    )


def _said(body: bytes, key: str) -> str:
    """The server's own words about a fault, in one line and without the key."""
    try:
        read = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        read = body.decode("utf-8", "replace")
    while isinstance(read, dict):
        read = next((read[name] for name in ("error", "message", "detail") if read.get(name)), "")
    words = read if isinstance(read, str) else str(read)
    return one_line(words, key)


def one_line(text: str, key: str = "") -> str:
    """A stranger's text as one short line without control characters and without the key."""
    if len(key) >= _SHORTEST_SECRET:
        text = text.replace(key, _BLOT)
    shown = "".join(char if char.isprintable() else " " for char in text[: 4 * _LONGEST])
    return " ".join(shown.split())[:_LONGEST]


def reason(error: Exception) -> str:
    """Why no connection came about; without the addresses of proxies, which may hold passwords."""
    cause = getattr(error, "os_error", None)
    return one_line(getattr(cause, "strerror", None) or type(error).__name__)


def _retry_after(value: str) -> float | None:
    """Seconds, from a number of seconds or a date."""
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = email.utils.parsedate_to_datetime(value).timestamp() - time.time()
        except (ValueError, OverflowError):
            return None
    return None if math.isnan(seconds) else max(seconds, 0.0)
