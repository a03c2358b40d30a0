"""No network, by proof and not by promise."""

from __future__ import annotations

import sys
from typing import Any

from castline.errors import CastlineError

__all__ = ["forbid_network"]

_CALLS = {
    "socket.connect": "connect to",
    "socket.bind": "listen on",
    "socket.sendto": "send to",
    "socket.sendmsg": "send to",
    "socket.getaddrinfo": "look up",
    "socket.gethostbyname": "look up",
    "socket.gethostbyaddr": "look up",
    "socket.getnameinfo": "look up",
}

_forbidden = False


def forbid_network() -> None:
    """From now on this process cannot open a connection, listen, or look up a name.

    Python reports each such call to an audit hook before it is made, whichever library makes it;
    the hook raises. There is no way back, short of a new process. Sockets within the machine's file
    system stay allowed: worker processes talk through them. Child processes start without the hook:
    call this in each of them too.

    Raises:
        CastlineError: Later, from the call that would have opened the network.
    """
    global _forbidden
    if not _forbidden:
        _forbidden = True
        sys.addaudithook(_refuse)


def _refuse(event: str, arguments: tuple[Any, ...]) -> None:
    if event not in _CALLS:
        return
    if event.startswith("socket.get"):
        target = arguments[0]
    else:
        address = arguments[1]
        # Addresses of the internet are tuples; those of the file system are text or bytes.
        if not isinstance(address, tuple):
            return
        target = address[0]
    raise CastlineError(
        f"Something tried to {_CALLS[event]} {target!r} while --offline forbids the network. "
        "Run without --offline to allow it."
    )
