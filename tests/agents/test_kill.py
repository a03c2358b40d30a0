"""A run that is killed at any moment goes on where it was: nothing is lost or paid for twice."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from castline.agents.replies import ReplyStore
from castline.agents.traces import read_traces
from tests.agents.conftest import Serve
from tests.agents.served import Asked, Sent, Server, good

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
COUNT, TURNS = 60, 3


def slow(asked: Asked) -> Sent:
    time.sleep(0.01)
    return good(asked)


def begin(server: Server, folder: Path) -> subprocess.Popen[str]:
    words = [server.url, str(folder), str(COUNT), str(TURNS)]
    return subprocess.Popen(
        [sys.executable, "-m", "tests.agents.killed", *words],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for(server: Server, requests: int) -> None:
    until = time.monotonic() + 30
    while len(server.asked) < requests:
        assert time.monotonic() < until, "the session makes no progress"
        time.sleep(0.002)


def wait_until_idle(server: Server) -> None:
    while server.at_once:
        time.sleep(0.01)
    time.sleep(0.05)


def kept(folder: Path) -> int:
    store = ReplyStore(folder / "replies.sqlite")
    count = store.count()
    store.close()
    return count


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT], ids=["kill", "Ctrl-C"])
def test_a_run_that_is_stopped_goes_on_where_it_was(
    serve: Serve, tmp_path: Path, how: signal.Signals
) -> None:
    server = serve(slow)
    moments = random.Random(5)
    lost = 0
    for stop in range(3):
        with begin(server, tmp_path) as process:
            wait_for(server, len(server.asked) + moments.randint(15, 40))
            process.send_signal(how)
            _, said = process.communicate(timeout=20)
        wait_until_idle(server)
        if how == signal.SIGINT:
            assert said.rstrip().endswith("KeyboardInterrupt"), said
            assert "Task" not in said, "nothing is left open"
        # What was under way was sent, but never came back.
        assert kept(tmp_path) > 0
        lost = len(server.asked) - kept(tmp_path)
        assert lost <= 8 * (stop + 1)

    with begin(server, tmp_path) as process:
        process.communicate(timeout=30)

    assert process.returncode == 0
    assert len(server.asked) == COUNT * TURNS + lost
    assert kept(tmp_path) == COUNT * TURNS
    traces = list(read_traces(tmp_path / "traces" / "task.jsonl"))
    assert Counter(trace.id for trace in traces) == {f"talk:{n:04d}": 1 for n in range(COUNT)}
    assert all(trace.status == "answered" for trace in traces)
