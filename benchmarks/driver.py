"""The driver of conversations: replies a second, processor time a turn, memory.

The server answers after a fixed time and runs in a process of its own. A conversation is what a
doubtful line takes: a prompt with 61 lines of subtitles, two tools, an answer.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from castline.agents.conversation import End
from castline.agents.driver import DriverParams, Session
from castline.agents.endpoints import Endpoint
from castline.agents.messages import Message, Reply, Request
from castline.agents.replies import ReplyStore
from castline.benchmark import peak_mb
from castline.pipeline.progress import Recorder
from common import measured, write_results

IN_FLIGHT = 256
TURNS = 3
CASES = [(2.0, 6 * IN_FLIGHT), (0.0, 1_000), (0.0, 20_000)]
"""Seconds until a reply, number of conversations."""

_SAID = "<think>" + "The voices of both are close. " * 12 + "</think>\n<tool>voices</tool>"
_REPLY = {
    "object": "chat.completion",
    "model": "served",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": _SAID}}],
    "usage": {"prompt_tokens": 2400, "completion_tokens": 110},
}


async def serve(delay_s: float) -> None:
    """Answer every request the same after a time; says its port on the first line."""
    body = json.dumps(_REPLY).encode()
    whole = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                await reader.readexactly(int(head.partition(b"content-length:")[2].split()[0]))
                await asyncio.sleep(delay_s)
                writer.write(whole)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0, backlog=IN_FLIGHT)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


class Line:
    """A conversation of three turns about one line."""

    def __init__(self, number: int) -> None:
        self.id = f"ep01:{number:05d}"
        rows = (
            f"[{k}] 沈 岩: 第{number}场第{k}句话，他们昨天晚上到底说了什么？" for k in range(61)
        )
        self._request = Request(
            (Message("system", "You name who speaks. " * 90), Message("user", "\n".join(rows)))
        )
        self._turns = 0

    def open(self) -> Request:
        return self._request

    def hear(self, reply: Reply) -> Request | End:
        self._turns += 1
        if self._turns == TURNS:
            return End("answered", reply.model)
        told = (Message("assistant", reply.text), Message("user", "A: 0.5312\nB: 0.5121\n" * 5))
        self._request = Request((*self._request.messages, *told))
        return self._request


def measure(delay_s: float, count: int) -> dict[str, float]:
    """Hold so many conversations with a server that takes so long."""
    command = [sys.executable, __file__, "serve", str(delay_s)]
    with (
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server,
        tempfile.TemporaryDirectory() as folder,
    ):
        assert server.stdout is not None
        port = int(server.stdout.readline())
        endpoint = Endpoint("benchmark", f"http://127.0.0.1:{port}/v1", "m", in_flight=IN_FLIGHT)
        session = Session(
            [endpoint],
            ReplyStore(Path(folder) / "replies.sqlite"),
            Path(folder) / "traces",
            DriverParams(in_flight=IN_FLIGHT),
            Recorder(),
        )
        lines: Iterator[Line] = map(Line, range(count))
        ended = 0

        def end(_: object) -> None:
            nonlocal ended
            ended += 1

        begin, busy = time.perf_counter(), time.process_time()
        tally = session.run(lines, "benchmark", end, count)
        seconds, busy = time.perf_counter() - begin, time.process_time() - busy
        server.kill()
    assert ended == tally.ended["answered"] == count, tally
    return {
        "seconds": seconds,
        "a_second": tally.turns / seconds,
        "cpu_ms": busy / tally.turns * 1000,
        "peak_mb": peak_mb(),
    }


def main() -> None:
    """Measure each case in a fresh process."""
    rows = []
    for delay_s, count in CASES:
        found = measured("driver.py", str(delay_s), str(count))
        possible = IN_FLIGHT / delay_s if delay_s else None
        rows.append(
            [
                *(f"{delay_s:g} s", count, count * TURNS, f"{found['seconds']:.1f}"),
                f"{found['a_second']:.1f}",
                f"{100 * found['a_second'] / possible:.1f} %" if possible else "",
                *(f"{found['cpu_ms']:.2f}", f"{found['peak_mb']:.0f}"),
            ]
        )
    header = ["reply after", "conversations", "turns", "seconds", "turns a second"]
    header += ["of the possible", "processor ms a turn", "peak MB"]
    write_results("driver", header, rows, in_flight=IN_FLIGHT)


if __name__ == "__main__":
    if sys.argv[1:2] == ["serve"]:
        asyncio.run(serve(float(sys.argv[2])))
    elif len(sys.argv) == 3:
        print(json.dumps(measure(float(sys.argv[1]), int(sys.argv[2]))))
    else:
        main()
