"""What `test_kill.py` kills: a session over so many conversations. Says nothing."""

from __future__ import annotations

import sys
from pathlib import Path

from castline.agents.driver import DriverParams, Session
from castline.agents.endpoints import Endpoint
from castline.agents.replies import ReplyStore
from castline.pipeline.progress import Recorder
from tests.agents.served import talks


def main(url: str, folder: Path, count: int, turns: int) -> None:
    """Hold conversations with a server; the arguments are those of the command line."""
    endpoint = Endpoint("served", url, "m", in_flight=8)
    store = ReplyStore(folder / "replies.sqlite")
    session = Session([endpoint], store, folder / "traces", DriverParams(), Recorder())
    session.run(talks(count, turns), "task", lambda _: None, count)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
