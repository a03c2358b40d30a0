"""A conversation taken apart: whatever a model wrote, nothing of it is lost or put elsewhere."""

from __future__ import annotations

import time

from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from castline.agents.messages import Reply, ToolCall, Usage
from castline.agents.traces import Said, Trace, Turn
from castline.report.exchange import exchange, parts_of
from castline.report.text import abridged, rows


def said(text: str) -> list[tuple[str, str]]:
    return [(part.kind, part.text) for part in parts_of(text)]


def turn(text: str = "", *calls: ToolCall, thought: str = "") -> Turn:
    return Turn(Reply(text, calls, "stop", Usage(90, 10), 1.5, "m", "here", thought), False)


def trace(messages: list[Said], turns: list[Turn], fault: str = "") -> Trace:
    return Trace("t", "l", 0, "answered", messages=tuple(messages), turns=tuple(turns), fault=fault)


OPENING = [Said("system", "rules"), Said("user", "who?")]


def test_tagged_text_falls_into_thoughts_calls_and_answers() -> None:
    assert said("<think> she \n</think>\n<tool>voices</tool>") == [
        ("thought", "she"),
        ("call", "voices"),
    ]
    assert said("so <answer>Bo</answer> it is") == [
        ("text", "so"),
        ("answer", "Bo"),
        ("text", "it is"),
    ]


def test_a_thought_that_the_server_opened_is_a_thought() -> None:
    assert said("she</think><answer>Bo</answer>") == [("thought", "she"), ("answer", "Bo")]


def test_tags_that_do_not_close_are_text_and_tags_within_tags_belong_to_them() -> None:
    assert said("<think>never <tool>faces</tool>") == [("text", "<think>never"), ("call", "faces")]
    assert said("<think>a <tool>b</tool></think>") == [("thought", "a <tool>b</tool>")]
    assert said("</answer>") == [("text", "</answer>")]
    assert said("") == []


@given(
    st.lists(st.sampled_from(["<think>", "</think>", "<tool>", "</tool>", "<answer>", "x ", "y"]))
)
def test_no_word_of_a_reply_is_lost_or_moved(pieces: list[str]) -> None:
    text = "".join(pieces)
    kept = "".join(part.text for part in parts_of(text))
    assert [c for c in kept if c in "xy"] == [
        c for piece in pieces if piece in ("x ", "y") for c in piece.strip()
    ]


def test_endless_tags_take_no_time() -> None:
    begin = time.process_time()
    for text in ("<think>" * 20_000, "<think><tool>" * 10_000 + "</tool>", "</think>" * 20_000):
        list(parts_of(text))
    assert time.process_time() - begin < 1


def test_what_a_model_was_told_stands_after_the_reply_that_asked_for_it() -> None:
    first, second = turn("<tool>voices</tool>"), turn("<answer>Bo</answer>")
    messages = [
        *OPENING,
        Said("assistant", first.reply.text),
        Said("user", "Bo: 0.9"),
        Said("assistant", second.reply.text),
    ]
    found = exchange(trace(messages, [first, second]))
    assert (found.system, found.question) == ("rules", "who?")
    assert [(step.turn, step.back) for step in found.steps] == [
        (first, ("Bo: 0.9",)),
        (second, ()),
    ]
    assert found.earlier == ()
    assert found.models == (("m", "here"),)


def test_native_calls_and_thoughts_kept_apart_are_shown_like_tagged_ones() -> None:
    both = turn("", ToolCall("1", "faces", "{}"), ToolCall("2", "names", "{}"), thought="hm")
    answer = turn("", ToolCall("3", "answer", '{"name":"Bo"}'))
    messages = [
        *OPENING,
        Said("assistant", calls=both.reply.calls),
        Said("tool", "seen", call_id="1"),
        Said("tool", "called", call_id="2"),
        Said("assistant", calls=answer.reply.calls),
    ]
    found = exchange(trace(messages, [both, answer]))
    kinds = [[(part.kind, part.text) for part in step.parts] for step in found.steps]
    assert kinds == [
        [("thought", "hm"), ("call", "faces({})"), ("call", "names({})")],
        [("answer", '{"name":"Bo"}')],
    ]
    assert found.steps[0].back == ("seen", "called")


def test_replies_of_a_try_that_was_begun_anew_stand_apart() -> None:
    turns = [turn("<tool>voices</tool>"), turn("<answer>others</answer>"), turn("Bo")]
    said = [Said("assistant", "voices"), Said("user", "Bo: 0.9"), Said("assistant", "others")]
    found = exchange(
        structs.replace(
            trace([*OPENING, Said("assistant", "Bo")], turns), earlier=((*OPENING, *said),)
        )
    )
    assert [step.turn for step in found.earlier] == turns[:2]
    assert [step.back for step in found.earlier] == [("Bo: 0.9",), ()]
    assert [step.turn for step in found.steps] == turns[2:]


def test_a_conversation_that_failed_shows_what_came_before() -> None:
    messages = [*OPENING, Said("assistant", "<tool>voices</tool>"), Said("user", "Bo: 0.9")]
    found = exchange(trace(messages, [turn("<tool>voices</tool>")], fault="timeout"))
    assert [step.back for step in found.steps] == [("Bo: 0.9",)]
    silent = exchange(trace(OPENING, [], fault="timeout"))
    assert (silent.steps, silent.earlier, silent.question) == ((), (), "who?")


@given(st.text(max_size=60), st.integers(4, 30))
def test_an_abridged_text_keeps_its_beginning_and_end(text: str, most: int) -> None:
    short = abridged(text, most)
    if len(text) <= most:
        assert short == text
    else:
        assert short[: most - most // 4] == text[: most - most // 4]
        assert short.endswith(text[-(most // 4) :])


def test_rows_keep_their_breaks_and_nothing_else_that_is_harmful() -> None:
    assert str(rows("a<b>\r\n\x1b[31m\u202ec")) == "a&lt;b&gt;\n\ufffd[31m\ufffdc"
