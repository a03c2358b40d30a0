"""Scripts against our own dialects and driver: what each side takes the other to say."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from queue import Queue
from threading import Thread

import pytest

from castline.agents.conversation import End
from castline.agents.dialects import Answer, Dialect
from castline.agents.driver import DriverParams, Session, Tally
from castline.agents.endpoints import Endpoint
from castline.agents.messages import Reply, Request
from castline.agents.native import Native
from castline.agents.replies import ReplyStore
from castline.agents.tagged import Tagged
from castline.agents.tools import Tool
from castline.agents.traces import Trace
from castline.errors import EndpointError
from castline.pipeline.progress import Recorder
from castline.testing.scripted import stats_of
from castline.testing.scripted.scripts import read_script
from castline.testing.scripted.server import serving

from .scripted_prompts import OTHERS, opening

pytestmark = pytest.mark.slow

DIALECTS: dict[str, type[Dialect]] = {"tagged": Tagged, "native": Native}
NAMES = ("Alice", "Bob")
MOST_TURNS = 8


def voice_similarity() -> str:
    """How near the voice is to that of each candidate."""
    return "Alice: 0.5, Bob: 0.4"


def name_lookup(name: str) -> str:
    """Who is called so."""
    return f"{name} is {name}."


def faces() -> str:
    """Who is seen."""
    return "Nobody."


class WhoSpeaks:
    """A conversation about a line, as plain as can be."""

    def __init__(self, line: int, dialect: str, language: str) -> None:
        self.id = f"line {line}"
        rows = ("voice_similarity", "name_lookup(name)", "faces")
        system, user = opening(NAMES, line=line, tools=rows, language=language)["messages"]
        self.texts = (system["content"], user["content"])
        tools = [Tool.of(each) for each in (voice_similarity, name_lookup, faces)]
        answers = [*NAMES, OTHERS[language]]
        self.dialect = DIALECTS[dialect](tools, answers, say, required=["voice_similarity"])
        self.turns = 0
        self.last: Request | None = None

    def open(self) -> Request:
        self.last = self.dialect.begin(*self.texts, Request(()))
        return self.last

    def hear(self, reply: Reply) -> Request | End:
        assert self.last is not None
        self.turns += 1
        read = self.dialect.read(reply)
        if isinstance(read, Answer):
            return End("answered", read.name, facts={"called": self.dialect.called})
        if self.turns == MOST_TURNS:
            return End("gave up", why=str(read))
        self.last = self.dialect.continue_(self.last, reply, read)
        return self.last


def say(name: str, /, **values: object) -> str:
    return f"{name}: {values}"


def hold(
    endpoint: Endpoint,
    folder: Path,
    lines: int = 12,
    dialect: str = "tagged",
    language: str = "en",
    attempts: int = 2,
) -> tuple[Tally, dict[str, Trace]]:
    """Talk about so many lines; what came of it, and each conversation by its id."""
    store = ReplyStore(folder / "replies.sqlite")
    params = DriverParams(attempts=attempts, backoff_s=0.01)
    session = Session([endpoint], store, folder / "traces", params, Recorder())
    traces: list[Trace] = []
    talks = [WhoSpeaks(line, dialect, language) for line in range(lines)]
    tally = session.run(talks, "who", traces.append, lines)
    return tally, {trace.id: trace for trace in traces}


@contextmanager
def serving_thread(word: str) -> Iterator[Endpoint]:
    """The scripted server without the time that a process takes to start."""
    script = read_script(word)
    ports: Queue[int] = Queue()
    loop = asyncio.new_event_loop()
    stop = asyncio.Event()

    async def serve() -> None:
        async with serving(script) as port:
            ports.put(port)
            await stop.wait()

    thread = Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    try:
        yield Endpoint(word, f"http://127.0.0.1:{ports.get(timeout=20)}/v1", script.model)
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        loop.close()


BOTH_DIALECTS = pytest.mark.parametrize("dialect", DIALECTS)


@BOTH_DIALECTS
@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_oracle_is_understood_and_no_reply_is_paid_for_twice(
    tmp_path: Path, dialect: str, language: str
) -> None:
    truth = {str(line): ("Alice", "Bob", "Carol")[line % 3] for line in range(12)}
    (tmp_path / "truth.json").write_text(json.dumps(truth))
    with serving_thread(f"scripted:oracle={tmp_path / 'truth.json'}") as endpoint:
        for _ in range(2):
            tally, traces = hold(endpoint, tmp_path, dialect=dialect, language=language)
        stats = stats_of(endpoint)
    for line, name in truth.items():
        trace = traces[f"line {line}"]
        assert trace.answer == (name if name in NAMES else OTHERS[language])
        assert trace.facts["called"] == ["voice_similarity()", "faces()"]
    assert tally.from_store == tally.turns == 36
    assert (stats.requests, stats.answered, stats.repeated, stats.conversations) == (36, 36, 0, 12)


OUTCOMES = {
    "first-candidate": "answered",
    "clumsy": "answered",
    "cut-once": "answered",
    "http-500": "answered",
    "not-a-candidate": "gave up",
    "endless-tools": "gave up",
    "empty": "empty",
    "long": "too long",
    "wrong-json": "no JSON",
    "not-json": "no JSON",
    "cut-off": "cut off",
    "always-500": "server error",
    "late@0.5": "timeout",
    "bad-key": "bad key",
    "no-model": "no such model",
}
"""What each script leads to: an end of the conversation's own, or the kind of the fault."""


@BOTH_DIALECTS
@pytest.mark.parametrize(("script", "outcome"), OUTCOMES.items())
def test_each_script_leads_to_its_outcome(
    tmp_path: Path, dialect: str, script: str, outcome: str
) -> None:
    with serving_thread(script) as endpoint:
        endpoint = replace(endpoint, timeout_s=0.1 if script.startswith("late") else 20)
        found: Counter[str]
        try:
            tally, _ = hold(endpoint, tmp_path, lines=3, dialect=dialect)
            found = tally.ended + tally.failed
        except EndpointError as error:  # the only endpoint there is was given up
            found = Counter({error.kind: 3})
    assert found == {outcome: 3}
