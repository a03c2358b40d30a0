"""Sessions: every conversation comes to its end, each reply is paid for once, limits are kept."""

from __future__ import annotations

import asyncio
import itertools
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from castline.agents.conversation import End
from castline.agents.driver import Tally
from castline.agents.messages import Reply, Request
from castline.agents.traces import Trace, read_traces
from castline.errors import EndpointError, LimitReached, SettingsError, UsageError
from castline.pipeline.progress import Recorder
from tests.agents.conftest import Open, Serve
from tests.agents.served import PROMPT, Asked, Sent, Talk, chat, good, talks


def test_every_conversation_comes_to_its_end(serve: Serve, open_session: Open) -> None:
    server = serve(good)
    ended: list[Trace] = []

    tally = open_session(server.endpoint()).run(talks(20, turns=3), "task", ended.append, 20)

    assert tally.ended == {"answered": 20}
    assert (tally.turns, tally.from_store, tally.tokens) == (60, 0, 60 * 110)
    assert {trace.id: trace.answer for trace in ended} == {
        f"talk:{n:04d}": f"heard: talk:{n:04d}, 1 left" for n in range(20)
    }
    assert len(server.asked) == 60


def test_a_trace_tells_the_whole_conversation(
    serve: Serve, open_session: Open, tmp_path: Path
) -> None:
    server = serve(good)

    open_session(server.endpoint("here")).run(talks(1, turns=2), "task", lambda _: None)

    (trace,) = read_traces(tmp_path / "traces" / "task.jsonl")
    assert [(said.role, said.text) for said in trace.messages] == [
        ("system", PROMPT),
        ("user", "talk:0000 begins"),
        ("assistant", "heard: talk:0000 begins"),
        ("user", "talk:0000, 1 left"),
        ("assistant", "heard: talk:0000, 1 left"),
    ]
    assert [turn.reply.usage.total for turn in trace.turns] == [110, 110]
    assert {(turn.reply.endpoint, turn.reply.model) for turn in trace.turns} == {("here", "served")}
    assert (trace.task, trace.number, trace.tokens, trace.failed) == ("task", 0, 220, False)


def test_running_again_asks_nothing_and_comes_to_the_same(
    serve: Serve, open_session: Open, tmp_path: Path
) -> None:
    server = serve(good)
    first: list[Trace] = []
    again: list[Trace] = []
    open_session(server.endpoint()).run(talks(8, turns=2), "task", first.append)

    # What was paid for takes no key.
    locked = server.endpoint(key_variable="A_VARIABLE_THAT_NOBODY_SETS")
    tally = open_session(locked).run(talks(8, turns=2), "task", again.append)

    assert (tally.ended, tally.from_store, tally.tokens) == ({"answered": 8}, 16, 0)
    assert {t.id: t.answer for t in again} == {t.id: t.answer for t in first}
    assert len(server.asked) == 16
    assert sum(1 for _ in read_traces(tmp_path / "traces" / "task.jsonl")) == 8


def test_another_model_another_prompt_or_another_task_is_asked_anew(
    serve: Serve, open_session: Open
) -> None:
    server = serve(good)
    run = open_session(server.endpoint()).run
    run(talks(2), "task", lambda _: None)

    run(talks(2), "other task", lambda _: None)
    hotter = server.endpoint(extra={"temperature": 2})
    open_session(hotter).run(talks(2), "task", lambda _: None)

    assert len(server.asked) == 6
    assert server.asked[-1].body["temperature"] == 2


class Stubborn(Talk):
    """Asks the very same three times."""

    def __init__(self) -> None:
        super().__init__(0)
        self.heard: list[str] = []

    def hear(self, reply: Reply) -> Request | End:
        self.heard.append(reply.text)
        return End("answered", self.heard) if len(self.heard) == 3 else self.open()


def test_asking_the_very_same_again_is_another_reply_and_is_kept_too(
    serve: Serve, open_session: Open
) -> None:
    count = itertools.count()
    server = serve(lambda _: chat(f"reply {next(count)}"))
    ended: list[Trace] = []

    for _ in range(2):
        open_session(server.endpoint()).run([Stubborn()], "task", ended.append)

    assert [trace.answer for trace in ended] == [["reply 0", "reply 1", "reply 2"]] * 2
    tries = [*ended[0].earlier, ended[0].messages]
    assert [messages[-1].text for messages in tries] == ["reply 0", "reply 1", "reply 2"]


def test_conversations_are_taken_as_places_become_free(serve: Serve, open_session: Open) -> None:
    server = serve(good)
    taken = ended = most = 0

    def source() -> Iterator[Talk]:
        nonlocal taken, most
        for talk in talks(60):
            taken += 1
            most = max(most, taken - ended)
            yield talk

    def end(_: Trace) -> None:
        nonlocal ended
        ended += 1

    open_session(server.endpoint(), in_flight=7).run(source(), "task", end)

    assert ended == 60
    assert most <= 7


def test_no_endpoint_gets_more_at_once_than_it_may(serve: Serve, open_session: Open) -> None:
    def slow(asked: Asked) -> Sent:
        time.sleep(0.02)
        return good(asked)

    small, large = serve(slow), serve(slow)
    endpoints = (small.endpoint("small", in_flight=2), large.endpoint("large", in_flight=5))

    open_session(*endpoints).run(talks(40), "task", lambda _: None)

    assert (small.most_at_once, large.most_at_once) == (2, 5)
    assert len(small.asked) + len(large.asked) == 40


def test_a_conversation_stays_where_it_began(serve: Serve, open_session: Open) -> None:
    servers = [serve(good), serve(good)]
    endpoints = [server.endpoint(str(k), in_flight=3) for k, server in enumerate(servers)]

    open_session(*endpoints).run(talks(12, turns=4), "task", lambda _: None)

    met = [{asked.last.partition(" ")[0].strip(",") for asked in s.asked} for s in servers]
    assert all(met), "both took part"
    assert not met[0] & met[1]


def test_a_conversation_goes_on_where_it_was_after_a_stop(serve: Serve, open_session: Open) -> None:
    servers = [serve(good), serve(good)]
    endpoints = [server.endpoint(str(k), in_flight=3) for k, server in enumerate(servers)]
    ended: list[Trace] = []
    open_session(*endpoints, budget_tokens=1500).run(talks(6, turns=4), "task", lambda _: None)

    open_session(*endpoints).run(talks(6, turns=4), "task", ended.append)

    assert all(len({turn.reply.endpoint for turn in trace.turns}) == 1 for trace in ended)
    assert {turn.reply.endpoint for trace in ended for turn in trace.turns} == {"0", "1"}


def test_a_rate_limit_spaces_the_requests(serve: Serve, open_session: Open) -> None:
    server = serve(good)
    begin = time.monotonic()

    limited = server.endpoint(requests_per_minute=1200)
    open_session(limited).run(talks(9), "task", lambda _: None)

    assert time.monotonic() - begin >= 8 * 60 / 1200


def test_a_limit_of_tokens_spaces_the_requests_by_what_they_took(
    serve: Serve, open_session: Open
) -> None:
    server = serve(good)
    begin = time.monotonic()

    limited = server.endpoint(tokens_per_minute=60_000, in_flight=1)
    open_session(limited).run(talks(4), "task", lambda _: None)

    assert time.monotonic() - begin >= 3 * 110 * 60 / 60_000


@pytest.mark.parametrize("budget", [{"budget_tokens": 1000}, {"budget_cost": 0.0014}])
def test_a_budget_is_never_exceeded_and_ends_the_run_cleanly(
    serve: Serve, open_session: Open, budget: dict[str, float]
) -> None:
    server = serve(good)
    endpoint = server.endpoint(price_in=1.0, price_out=5.0)  # 150 millionths a turn
    ended: list[Trace] = []

    tally = open_session(endpoint, **budget).run(talks(30, turns=2), "task", ended.append)

    assert tally.stopped == "budget"
    assert tally.failed["budget"] + tally.ended["answered"] == len(ended) == 30
    assert 0 < tally.tokens == len(server.asked) * 110 <= 1000
    assert tally.cost == pytest.approx(len(server.asked) * 150e-6)
    assert tally.cost <= 0.0014 or "budget_cost" not in budget
    with pytest.raises(LimitReached, match="run the same command with a larger budget"):
        tally.require_whole()


def test_a_larger_budget_goes_on_where_the_smaller_stopped(
    serve: Serve, open_session: Open
) -> None:
    server = serve(good)
    endpoint = server.endpoint()
    open_session(endpoint, budget_tokens=1000).run(talks(12, turns=2), "task", lambda _: None)
    paid = len(server.asked)

    tally = open_session(endpoint).run(talks(12, turns=2), "task", lambda _: None)

    tally.require_whole()
    assert tally.from_store == paid > 0
    assert len(server.asked) == 24


def test_a_budget_of_nothing_asks_nothing(serve: Serve, open_session: Open) -> None:
    server = serve(good)

    tally = open_session(server.endpoint(), budget_tokens=0).run(talks(5), "task", lambda _: None)

    assert (tally.failed, server.asked) == ({"budget": 5}, [])


def test_the_budget_is_that_of_the_session_over_all_its_tasks(
    serve: Serve, open_session: Open
) -> None:
    server = serve(good)
    session = open_session(server.endpoint(), budget_tokens=700)

    tallies = [session.run(talks(4), task, lambda _: None) for task in ("one", "two")]

    assert [tally.stopped for tally in tallies] == ["", "budget"]
    assert session.budget.spent_tokens == len(server.asked) * 110 <= 700


def test_progress_tells_the_rate(serve: Serve, open_session: Open, recorder: Recorder) -> None:
    said: list[tuple[str, int, int, str]] = []
    recorder.step = lambda *facts: said.append(facts)  # type: ignore[method-assign]
    server = serve(good)

    open_session(server.endpoint()).run(talks(9), "task", lambda _: None, 9)

    assert said[-1][:3] == ("task", 9, 9)
    assert "/s, 0 s left" in said[-1][3]


def test_a_session_runs_in_a_thread_and_beside_a_running_loop(
    serve: Serve, open_session: Open
) -> None:
    server = serve(good)
    tallies: list[Tally] = []

    def run(task: str) -> None:
        tallies.append(open_session(server.endpoint()).run(talks(3), task, lambda _: None))

    async def notebook() -> None:
        run("in a loop")

    thread = threading.Thread(target=run, args=("in a thread",))
    thread.start()
    thread.join()
    asyncio.run(notebook())

    assert [tally.ended for tally in tallies] == [{"answered": 3}] * 2


def test_an_error_of_the_caller_ends_the_run_and_loses_no_reply(
    serve: Serve, open_session: Open
) -> None:
    server = serve(good)

    def end(trace: Trace) -> None:
        if trace.number == 3:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        open_session(server.endpoint(), in_flight=1).run(talks(9), "task", end)
    assert len(server.asked) == 4
    tally = open_session(server.endpoint()).run(talks(9), "task", lambda _: None)

    assert (tally.from_store, len(server.asked)) == (4, 9)


def test_a_session_without_endpoints_is_refused(open_session: Open) -> None:
    with pytest.raises(UsageError, match="--endpoint"):
        open_session()


def test_two_endpoints_of_one_name_are_refused(serve: Serve, open_session: Open) -> None:
    server = serve(good)
    with pytest.raises(UsageError, match="one name"):
        open_session(server.endpoint(), server.endpoint())


def test_a_key_that_is_not_set_is_told_before_anything_is_sent(
    serve: Serve, open_session: Open
) -> None:
    server = serve(good)
    with pytest.raises(SettingsError, match="export NO_SUCH_KEY="):
        open_session(server.endpoint(key_variable="NO_SUCH_KEY")).run(
            talks(2), "task", lambda _: None
        )
    assert server.asked == []


def test_the_only_model_of_a_server_needs_no_name(serve: Serve, open_session: Open) -> None:
    def lists(asked: Asked) -> Sent:
        if asked.path == "/v1/models":
            return Sent(b'{"data": [{"id": "the only one"}]}')
        return good(asked)

    server = serve(lists)
    endpoint = server.endpoint(model="")

    open_session(endpoint).run(talks(3), "task", lambda _: None)

    assert [asked.path for asked in server.asked].count("/v1/models") == 1
    assert server.asked[-1].body["model"] == "the only one"


def test_a_server_of_several_models_wants_one_named(serve: Serve, open_session: Open) -> None:
    server = serve(lambda _: Sent(b'{"data": [{"id": "a\\u001b"}, {"id": "b"}]}'))
    with pytest.raises(EndpointError, match="it serves a , b: name one as http") as caught:
        open_session(server.endpoint(model="")).run(talks(3), "task", lambda _: None)
    assert str(caught.value).isprintable()
