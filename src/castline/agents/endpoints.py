"""Where models are served: addresses that speak the OpenAI chat protocol.

In `castline.toml`::

    [endpoints.local]
    url = "http://127.0.0.1:8000/v1"
    model = "Qwen3-8B"

    [endpoints.vendor]
    url = "https://api.example.com/v1"
    model = "large"
    key_variable = "EXAMPLE_KEY"
    requests_per_minute = 500
    price_in = 0.5
    price_out = 1.5

A key is named by the environment variable that holds it and is read when a run begins; it is never
part of an endpoint.
"""

from __future__ import annotations

import ipaddress
import os
import urllib.parse
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

import msgspec

from castline.errors import SettingsError, UnknownName, UsageError
from castline.settings import build

__all__ = ["SCRIPTED", "Endpoint", "configured", "endpoint_of", "notice"]

SCRIPTED = "scripted:"
"""Beginning of a word that stands for a scripted server, which `castline.testing` starts."""

_Number = Annotated[int, msgspec.Meta(ge=0)]
_Price = Annotated[float, msgspec.Meta(ge=0)]


@dataclass(frozen=True)
class Endpoint:
    """A model on a server.

    Attributes:
        name: What it is called in messages.
        url: Base address, up to and without `/chat/completions`.
        model: Name of the model there; empty where the server serves only one.
        key_variable: Environment variable that holds the key; empty for none.
        timeout_s: Longest wait for a whole reply, seconds.
        in_flight: Requests at once, at most.
        requests_per_minute: Rate limit; 0 for none.
        tokens_per_minute: Rate limit of tokens read and written; 0 for none.
        price_in: Price of a million tokens read, in the user's money.
        price_out: Price of a million tokens written.
        extra: Fields of the body that are sent with every request.
        omit: Fields of the body that this server does not know: ["temperature"].
    """

    name: str
    url: str
    model: str = ""
    key_variable: str = ""
    timeout_s: Annotated[float, msgspec.Meta(gt=0)] = 120.0
    in_flight: Annotated[int, msgspec.Meta(ge=1)] = 64
    requests_per_minute: _Number = 0
    tokens_per_minute: _Number = 0
    price_in: _Price = 0.0
    price_out: _Price = 0.0
    extra: dict[str, Any] = field(default_factory=dict)
    omit: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what is no address, and addresses that hold a secret.

        Raises:
            SettingsError: The address is none.
        """
        try:
            parts = urllib.parse.urlsplit(self.url)
            # These two raise for what is no name of a machine, and no port.
            usable = (parts.hostname or "").encode("idna") != b"" and parts.port != 0
            usable &= parts.scheme in ("http", "https") and self.url.isprintable()
            usable &= " " not in self.url
        except ValueError:
            usable = False
        if not usable:
            raise SettingsError(
                f"endpoint {self.name!r}: the url is no address of the form https://host/v1"
            )
        if parts.username or parts.password or parts.query or parts.fragment:
            raise SettingsError(
                f"endpoint {self.name!r}: the url of an endpoint holds no user, password, ? or #. "
                "Put a key into an environment variable and name it: key_variable"
            )

    @property
    def host(self) -> str:
        """The machine that it is on."""
        return urllib.parse.urlsplit(self.url).hostname or ""

    @property
    def is_local(self) -> bool:
        """Whether nothing that is sent there leaves this machine."""
        if self.host == "localhost" or self.host.endswith(".localhost"):
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    @property
    def identity(self) -> str:
        """What replies are kept under: the model, and what is always sent or left out.

        Not the address: the same model may be served by another machine tomorrow.
        """
        changed = {**self.extra, **dict.fromkeys(self.omit)}
        if not changed:
            return self.model
        return self.model + msgspec.json.encode(changed, order="deterministic").decode()

    def key(self) -> str:
        """The key, from the environment; empty for none.

        Raises:
            SettingsError: The variable is not set, or holds what can be no key.
        """
        if not self.key_variable:
            return ""
        key = os.environ.get(self.key_variable, "").strip()
        if not key or not key.isascii() or not key.isprintable():
            problem = "holds characters that no key has" if key else "is not set"
            raise SettingsError(
                f"endpoint {self.name!r}: the environment variable {self.key_variable} {problem}. "
                f"Set it to the key: export {self.key_variable}=..."
            )
        return key


def configured(settings: Mapping[str, Any]) -> dict[str, Endpoint]:
    """The endpoints of a project.

    Args:
        settings: The content of `castline.toml`.

    Raises:
        SettingsError: The section `endpoints` holds something it may not hold.
    """
    section = settings.get("endpoints", {})
    if not isinstance(section, Mapping):
        raise SettingsError("castline.toml: [endpoints.NAME] expected, found endpoints = ...")
    made = {}
    for name, values in section.items():
        where = f"castline.toml, [endpoints.{name}]"
        if not isinstance(values, Mapping) or "name" in values:
            raise SettingsError(f"{where}: expected url, model, ...; the name is in the brackets")
        made[name] = build(Endpoint, {"name": name, **values}, where)
    return made


def endpoint_of(word: str, settings: Mapping[str, Any]) -> Endpoint:
    """The endpoint that a word of the command line stands for.

    Args:
        word: A name from `castline.toml`, or `https://host/v1`, or `https://host/v1#MODEL`.
        settings: The content of `castline.toml`.

    Raises:
        UnknownName: No endpoint of that name is configured.
        UsageError: A scripted server: those are started by `castline.testing`.
        SettingsError: The address is none.
    """
    if word.startswith(SCRIPTED):
        raise UsageError(f"{word!r} is a scripted server, which has to be started first")
    if "://" not in word:
        known = configured(settings)
        if word not in known:
            raise UnknownName("endpoint", word, sorted(known))
        return known[word]
    url, _, model = word.partition("#")
    try:
        parts = urllib.parse.urlsplit(url)
        name = f"{parts.hostname}:{parts.port}" if parts.port else parts.hostname or ""
    except ValueError:
        name = ""
    return Endpoint(name=f"{name}#{model}" if model else name, url=url, model=model)


def notice(endpoints: Iterable[Endpoint], what: str) -> str:
    """The sentence that tells what leaves this machine, and where to; empty when nothing does.

    Args:
        endpoints: Where conversations may go.
        what: What is sent: "30 lines of subtitles around each doubtful line".
    """
    hosts = {
        each.host + ("" if each.url.startswith("https:") else " (not encrypted)"): None
        for each in endpoints
        if not each.is_local
    }
    return f"This sends {what} to {' and '.join(hosts)}." if hosts else ""
