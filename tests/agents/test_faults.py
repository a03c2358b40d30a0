"""Servers that do not behave: what heals is tried again, what stays is counted, by its kind."""

from __future__ import annotations

import email.utils
import gzip
import json
import time
from pathlib import Path

import pytest

from castline.agents.endpoints import Endpoint
from castline.agents.traces import Trace
from castline.errors import EndpointError
from castline.pipeline.progress import Recorder
from tests.agents.conftest import Open, Serve
from tests.agents.served import Asked, Behaviour, Sent, chat, good, refused, talks

NOWHERE = Endpoint("nowhere", "http://127.0.0.1:9/v1", "m")
"""Port 9 is that of a service that nobody runs."""

PASSING = {
    "server error": refused(500),
    "rate limit": refused(429, Retry_After="0"),
    "timeout": Sent(b"{}", delay_s=0.6),
    "cut off": Sent(chat("whole").body, cut=40),
    "no JSON": Sent(b"<html>busy</html>"),
    "empty": chat(""),
    "too long": chat("x" * 100_000),
}
OF_ANOTHER_SHAPE = {
    "an empty object": b"{}",
    "a list": b"[]",
    "no choice": b'{"choices": []}',
    "a number for a message": b'{"choices": [{"message": 3}]}',
    "null": b"null",
    "an error with status 200": b'{"error": {"message": "overloaded"}}',
    "deeper than any reply": b"[" * 50_000,
    "half a letter": b'{"choices": [{"message": {"content": "\\ud800"}}]}',
    "no UTF-8": b'{"choices": [{"message": {"content": "\xff"}}]}',
    "nothing": b"",
}


def bad_once(bad: Sent) -> Behaviour:
    """Every request is answered badly first, well when it comes again."""
    seen: set[str] = set()

    def behave(asked: Asked) -> Sent:
        if asked.last in seen:
            return good(asked)
        seen.add(asked.last)
        return bad

    return behave


def bad_for(text: str, bad: Sent) -> Behaviour:
    """Whatever holds the text is answered badly each time, all else well."""
    return lambda asked: bad if text in asked.last else good(asked)


@pytest.mark.parametrize("kind", PASSING)
def test_what_heals_is_asked_again(serve: Serve, open_session: Open, kind: str) -> None:
    server = serve(bad_once(PASSING[kind]))

    tally = open_session(server.endpoint(timeout_s=0.5)).run(talks(4), "task", lambda _: None)

    assert tally.ended == {"answered": 4}
    assert tally.faults == {kind: 4}
    assert len(server.asked) == 8


@pytest.mark.parametrize("kind", [kind for kind in PASSING if kind != "timeout"])
def test_what_stays_is_counted_by_its_kind_and_the_others_go_on(
    serve: Serve, open_session: Open, kind: str
) -> None:
    server = serve(bad_for("talk:0002", PASSING[kind]))
    ended: list[Trace] = []

    session = open_session(server.endpoint(), attempts=3, in_flight=1)
    tally = session.run(talks(5), "task", ended.append)

    assert (tally.ended, tally.failed) == ({"answered": 4}, {kind: 1})
    failed = next(trace for trace in ended if trace.failed)
    assert (failed.id, failed.status, failed.fault) == ("talk:0002", "failed", kind)
    assert failed.answer is None
    assert failed.why or kind == "empty"
    assert len(server.asked) == 4 + 3


@pytest.mark.parametrize("shape", OF_ANOTHER_SHAPE)
def test_json_that_is_no_reply_is_a_fault_and_no_crash(
    serve: Serve, open_session: Open, shape: str
) -> None:
    server = serve(bad_for("talk:0000", Sent(OF_ANOTHER_SHAPE[shape])))

    tally = open_session(server.endpoint(), attempts=2).run(talks(3), "task", lambda _: None)

    assert (tally.ended, tally.failed) == ({"answered": 2}, {"no JSON": 1})


def test_a_reply_without_end_is_not_read_to_its_end(serve: Serve, open_session: Open) -> None:
    server = serve(lambda _: Sent(b" " * 20_000_000))

    tally = open_session(server.endpoint(), attempts=1).run(talks(1), "task", lambda _: None)

    assert tally.failed == {"too long": 1}


def test_a_reply_is_not_inflated(serve: Serve, open_session: Open) -> None:
    bomb = Sent(gzip.compress(b" " * 30_000_000), headers={"Content-Encoding": "gzip"})
    server = serve(lambda _: bomb)

    tally = open_session(server.endpoint(), attempts=1).run(talks(1), "task", lambda _: None)

    assert tally.failed == {"no JSON": 1}


def test_useless_replies_count_towards_the_budget(serve: Serve, open_session: Open) -> None:
    server = serve(bad_for("talk:0000", chat("")))

    tally = open_session(server.endpoint(), attempts=2).run(talks(2), "task", lambda _: None)

    assert tally.failed == {"empty": 1}
    assert tally.tokens == 3 * 110


@pytest.mark.parametrize(
    ("bad", "kind", "said"),
    [
        (refused(401, "Incorrect API key"), "bad key", "Incorrect API key"),
        (refused(403), "forbidden", "HTTP 403"),
        (refused(404, "The model m does not exist"), "no such model", "does not exist"),
        (refused(402), "no credit", "402"),
        (refused(302, Location="http://example.com/v1"), "redirect", "example.com"),
        (refused(308, Location="http://[\x1b"), "redirect", "name that address"),
    ],
)
def test_an_endpoint_that_will_never_answer_ends_the_run_with_one_error(
    serve: Serve, open_session: Open, bad: Sent, kind: str, said: str
) -> None:
    server = serve(lambda _: bad)
    ended: list[Trace] = []

    with pytest.raises(EndpointError, match=said) as caught:
        open_session(server.endpoint(in_flight=4)).run(talks(1000), "task", ended.append)

    assert (caught.value.kind, caught.value.endpoint) == (kind, "served")
    assert ended == []
    assert len(server.asked) <= 4


def test_an_address_where_nobody_listens_ends_the_run_with_one_error(open_session: Open) -> None:
    with pytest.raises(EndpointError, match=r"http://127\.0\.0\.1:9/v1") as caught:
        open_session(NOWHERE).run(talks(1000), "task", lambda _: None)
    assert caught.value.kind == "unreachable"


@pytest.mark.parametrize("bad", [refused(429, "no quota left"), refused(503, "loading")])
def test_an_endpoint_that_is_always_too_busy_ends_the_run_with_one_error(
    serve: Serve, open_session: Open, bad: Sent
) -> None:
    server = serve(lambda _: bad)

    with pytest.raises(EndpointError) as caught:
        open_session(server.endpoint(in_flight=4)).run(talks(1000), "task", lambda _: None)

    assert caught.value.kind == "rate limit"
    assert len(server.asked) <= 4 * 4


def test_a_server_that_wants_an_hour_of_rest_is_not_waited_for(
    serve: Serve, open_session: Open
) -> None:
    server = serve(lambda _: refused(429, "come back tomorrow", Retry_After="3600"))
    with pytest.raises(EndpointError, match="come back tomorrow"):
        open_session(server.endpoint()).run(talks(3), "task", lambda _: None)


@pytest.mark.parametrize("wish", ["nan", "-5", "soon", "inf-", "Mon, 99 Foo 2020"])
def test_a_wish_that_is_no_time_is_passed_over(serve: Serve, open_session: Open, wish: str) -> None:
    server = serve(bad_once(refused(429, Retry_After=wish)))
    assert open_session(server.endpoint()).run(talks(1), "task", lambda _: None).ended


def test_requests_that_a_server_cannot_read_end_the_run_with_its_words(
    serve: Serve, open_session: Open
) -> None:
    server = serve(lambda _: refused(400, "unknown field: tools"))
    with pytest.raises(EndpointError, match="unknown field: tools"):
        open_session(server.endpoint(in_flight=4)).run(talks(1000), "task", lambda _: None)
    assert len(server.asked) <= 12


@pytest.mark.parametrize(("status", "kind"), [(400, "refused"), (403, "forbidden")])
def test_one_request_that_is_refused_is_counted_and_not_tried_again(
    serve: Serve, open_session: Open, status: int, kind: str
) -> None:
    server = serve(bad_for("talk:0002", refused(status, "no such prompts")))
    ended: list[Trace] = []

    tally = open_session(server.endpoint(), in_flight=1).run(talks(5), "task", ended.append)

    assert (tally.ended, tally.failed) == ({"answered": 4}, {kind: 1})
    assert "no such prompts" in next(trace.why for trace in ended if trace.failed)
    assert len(server.asked) == 5


def test_the_other_endpoints_go_on_when_one_is_lost(
    serve: Serve, open_session: Open, recorder: Recorder
) -> None:
    locked, dead, server = serve(lambda _: refused(401)), NOWHERE, serve(good)

    session = open_session(locked.endpoint("locked"), dead, server.endpoint("good"), in_flight=6)
    tally = session.run(talks(30), "task", lambda _: None)

    assert tally.ended == {"answered": 30}
    assert any("'locked'" in said and "go on" in said for said in recorder.warnings)
    assert len(recorder.warnings) <= 3


def test_a_conversation_moves_on_when_its_endpoint_is_lost_in_between(
    serve: Serve, open_session: Open
) -> None:
    def dies(asked: Asked) -> Sent:
        return good(asked) if "begins" in asked.last else refused(401)

    dying, server = serve(dies), serve(good)

    session = open_session(dying.endpoint("dying"), server.endpoint("good"), in_flight=4)
    tally = session.run(talks(12, turns=3), "task", lambda _: None)

    assert tally.ended == {"answered": 12}


def test_a_server_that_restarts_is_waited_for(serve: Serve, open_session: Open) -> None:
    count = 0

    def restarts(asked: Asked) -> Sent:
        nonlocal count
        count += 1
        return refused(503, "loading the model") if 3 < count <= 8 else good(asked)

    server = serve(restarts)

    tally = open_session(server.endpoint(in_flight=1), attempts=9).run(
        talks(6), "task", lambda _: None
    )

    assert tally.ended == {"answered": 6}


@pytest.mark.parametrize("form", ["seconds", "date"])
def test_a_server_is_left_alone_for_as_long_as_it_asks(
    serve: Serve, open_session: Open, form: str
) -> None:
    until = email.utils.formatdate(time.time() + 1.6, usegmt=True)
    at: list[float] = []
    behave = bad_once(refused(429, Retry_After="0.6" if form == "seconds" else until))

    def timed(asked: Asked) -> Sent:
        at.append(time.monotonic())
        return behave(asked)

    open_session(serve(timed).endpoint()).run(talks(1), "task", lambda _: None)

    assert 0.5 < at[1] - at[0] < 3


def test_a_busy_server_that_serves_others_costs_nobody_an_attempt(
    serve: Serve, open_session: Open
) -> None:
    served = 0

    def every_third(asked: Asked) -> Sent:
        nonlocal served
        served += 1
        return refused(429, Retry_After="0.01") if served % 3 else good(asked)

    server = serve(every_third)

    tally = open_session(server.endpoint(in_flight=8), attempts=3).run(
        talks(40), "task", lambda _: None
    )

    assert tally.ended["answered"] >= 38


def test_the_key_is_nowhere_even_when_the_server_repeats_it(
    serve: Serve,
    open_session: Open,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    recorder: Recorder,
) -> None:
    key = "sk-very-secret-0123456789"
    monkeypatch.setenv("A_KEY", key)

    def echo(asked: Asked) -> Sent:
        sent = asked.headers["Authorization"]
        spelled = "".join(f"\\u{ord(char):04x}" for char in key)
        if "0000" in asked.last:
            return refused(400, f"bad request with {sent}")
        if "0001" in asked.last:
            body = chat("secret").body.replace(b"secret", spelled.encode())
            return Sent(body)
        return chat(f"you are {sent}", tool_calls=[{"function": {"name": "x", "arguments": sent}}])

    server = serve(echo)
    ended: list[Trace] = []

    open_session(server.endpoint(key_variable="A_KEY")).run(talks(4), "task", ended.append)
    said = ""
    for status in (401, 302):
        server.behaviour = lambda asked, status=status: refused(  # type: ignore[misc]
            status, f"wrong {asked.headers['Authorization']}", Location=f"http://x/?key={key}"
        )
        with pytest.raises(EndpointError) as caught:
            open_session(server.endpoint(key_variable="A_KEY")).run(talks(1), "new", ended.append)
        said += str(caught.value) + repr(caught.value.__dict__)

    assert server.asked[0].headers["Authorization"] == f"Bearer {key}"
    kept = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert b"[key]" in kept
    assert key.encode() not in kept
    assert said.count("[key]") == 4
    assert key not in said + repr(ended)
    assert key not in "".join(recorder.warnings)


def test_a_redirect_to_another_host_is_not_followed(serve: Serve, open_session: Open) -> None:
    other = serve(good)
    server = serve(lambda _: refused(307, Location=f"{other.url}/chat/completions"))

    with pytest.raises(EndpointError, match="name that address instead"):
        open_session(server.endpoint()).run(talks(2), "task", lambda _: None)

    assert other.asked == []


def test_a_proxy_of_the_environment_is_not_used_towards_this_machine(
    serve: Serve, open_session: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = serve(good)
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, proxy.url)
    server = serve(good)

    open_session(server.endpoint()).run(talks(2), "task", lambda _: None)

    assert (len(server.asked), proxy.asked) == (2, [])


def test_control_characters_of_a_server_do_not_get_into_messages(
    serve: Serve, open_session: Open
) -> None:
    server = serve(lambda _: refused(401, "\x1b[31mred\x07\r\nalert"))
    with pytest.raises(EndpointError) as caught:
        open_session(server.endpoint()).run(talks(1), "task", lambda _: None)
    assert str(caught.value).isprintable()


def test_a_reply_full_of_control_characters_is_kept_as_it_is(
    serve: Serve, open_session: Open
) -> None:
    nasty = "\x1b]0;title\x07\x00\u202e <script> {{ 1 }} ../../x"
    server = serve(lambda _: Sent(chat(nasty).body))
    ended: list[Trace] = []

    open_session(server.endpoint()).run(talks(1), "task", ended.append)

    assert ended[0].answer == nasty
    assert json.dumps(ended[0].answer)
