"""The server as a process: `python -m castline.testing.scripted WORD`.

It writes its port to standard output as soon as it listens, and ends when its standard input does:
however the process that started it ends, the pipe between them closes.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading

from castline.testing.scripted.scripts import read_script
from castline.testing.scripted.server import serving


def main() -> None:
    """Serve until standard input closes."""
    # Ctrl-C reaches every process of a terminal; the one that asks still has replies to take.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_input, daemon=True).start()
    asyncio.run(_serve(sys.argv[1]))


async def _serve(word: str) -> None:
    async with serving(read_script(word)) as port:
        print(port, flush=True)
        await asyncio.Event().wait()


def _end_with_input() -> None:
    sys.stdin.read()
    os._exit(0)


if __name__ == "__main__":
    main()
