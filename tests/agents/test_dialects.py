"""Both dialects: what a reply says, what is wrong with it, and what is said in return."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Annotated

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from castline.agents.dialects import KINDS, Answer, Calls, Dialect, Fault
from castline.agents.messages import Message, Reply, Request, ToolCall, Usage
from castline.agents.native import Native
from castline.agents.prompts import PromptSet, Say
from castline.agents.tagged import Tagged
from castline.agents.tools import Tool, ToolError

NAMES = ("甄嬛", "Ann Lee", "others")
THINK = "<think>Who may it be?</think>\n"


def voices() -> str:
    """How alike the voices are."""
    return "甄嬛: 0.61\nAnn Lee: 0.55"


def look_up(
    name: Annotated[str, msgspec.Meta(description="A form of address.")],
    most: Annotated[int, msgspec.Meta(ge=1)] = 3,
) -> str:
    """Who is called that."""
    if name == "nobody":
        raise ToolError("nobody is called nobody")
    return f"{name} ({most})"


@pytest.fixture
def say(tmp_path: Path) -> Say:
    for kind in KINDS:
        text = f"[{kind}] {{{{ detail }}}} of {{{{ tools | join('/') }}}}"
        (tmp_path / f"fault-{kind}.en.jinja").write_text(text)
    (tmp_path / "reminder.en.jinja").write_text("called: {{ called | join(' ') }}")
    (tmp_path / "answer-tool.en.jinja").write_text("Who it is.")
    return PromptSet(tmp_path).say("en")


@pytest.fixture
def tagged(say: Say) -> Tagged:
    return Tagged([Tool.of(voices), Tool.of(look_up)], NAMES, say)


@pytest.fixture
def native(say: Say) -> Native:
    return Native([Tool.of(voices), Tool.of(look_up)], NAMES, say)


def said(text: str = "", *calls: tuple[str, str], thought: str = "") -> Reply:
    made = tuple(ToolCall(f"id-{n}", name, text) for n, (name, text) in enumerate(calls))
    return Reply(text, made, "stop", Usage(1, 1), 0.1, "m", "e", thought)


def begun(dialect: Dialect) -> Request:
    return dialect.begin("system", "user", Request((), temperature=0.1, max_tokens=7))


@pytest.mark.parametrize(
    ("text", "name", "arguments"),
    [
        ("voices", "voices", {}),
        ("voices()", "voices", {}),
        (" voices ( ) ", "voices", {}),
        ("voices({})", "voices", {}),
        ('look_up(name="甄", most=2)', "look_up", {"name": "甄", "most": 2}),
        ("look_up(name=Miss Lee)", "look_up", {"name": "Miss Lee"}),
        ('look_up(name="a, b=(c)")', "look_up", {"name": "a, b=(c)"}),
        ('look_up(name="say \\"x\\"")', "look_up", {"name": 'say "x"'}),
        ('look_up({"name": "甄", "most": 2})', "look_up", {"name": "甄", "most": 2}),
    ],
)
def test_a_tool_may_be_called_in_each_of_these_ways(
    tagged: Tagged, text: str, name: str, arguments: dict[str, object]
) -> None:
    read = tagged.read(said(f"{THINK}<tool>{text}</tool>"))

    assert isinstance(read, Calls)
    assert read.calls[0].name == name
    assert json.loads(read.calls[0].arguments) == arguments


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("<think>a</think><think>b</think>", "several-tags"),
        ("<tool>voices</tool><tool>voices</tool>", "several-tags"),
        (THINK + "<answer>others</answer><answer>others</answer>", "several-tags"),
        ("It is Ann.", "no-think"),
        ("<tool>voices</tool>", "no-think"),
        ("<think>never ends", "no-think"),
        (THINK, "neither"),
        (THINK + "<tool>voices</tool><answer>others</answer>", "tool-and-answer"),
        (THINK + "<tool>crystal_ball</tool>", "unknown-tool"),
        (THINK + "<tool>open the door!</tool>", "unknown-tool"),
        (THINK + "<tool></tool>", "unknown-tool"),
        (THINK + "<tool>voices(line=3)</tool>", "wrong-arguments"),
        (THINK + "<tool>look_up</tool>", "wrong-arguments"),
        (THINK + '<tool>look_up("甄")</tool>', "wrong-arguments"),
        (THINK + "<tool>look_up(name=x, most=0)</tool>", "wrong-arguments"),
        (THINK + "<tool>look_up({broken)</tool>", "wrong-arguments"),
        (THINK + "<answer>Nobody</answer>", "not-an-answer"),
        (THINK + "<answer></answer>", "not-an-answer"),
        (THINK + "<answer>甄嬛 or others</answer>", "not-an-answer"),
    ],
)
def test_each_break_of_the_protocol_has_its_kind(tagged: Tagged, text: str, kind: str) -> None:
    read = tagged.read(said(text))
    assert isinstance(read, Fault)
    assert read.kind == kind


@pytest.mark.parametrize("text", ["甄嬛", "  甄嬛\n", "“甄嬛”", "甄嬛。"])
def test_an_answer_is_given_as_it_is_allowed(tagged: Tagged, text: str) -> None:
    assert tagged.read(said(f"{THINK}<answer>{text}</answer>")) == Answer("甄嬛")
    assert tagged.read(said(f"{THINK}<answer>ann lee</answer>")) == Answer("Ann Lee")


def test_answers_that_differ_in_case_only_are_not_mixed_up(say: Say) -> None:
    dialect = Tagged([], ["Will", "will"], say)
    assert dialect.read(said(THINK + "<answer>will</answer>")) == Answer("will")
    assert dialect.read(said(THINK + "<answer>WILL</answer>")) == Fault("not-an-answer", "WILL")


def test_thinking_that_the_server_or_its_template_took_away_is_thinking(tagged: Tagged) -> None:
    assert tagged.read(said("so it is her</think><answer>others</answer>")) == Answer("others")
    assert tagged.read(said("<answer>others</answer>", thought="so")) == Answer("others")


def test_a_tool_may_be_required_before_an_answer(say: Say) -> None:
    dialect = Tagged([Tool.of(voices), Tool.of(look_up)], NAMES, say, required=["voices"])
    reply = said(THINK + "<answer>others</answer>")
    request = begun(dialect)
    assert dialect.read(reply) == Fault("tool-first", "voices")

    call = said(THINK + "<tool>voices</tool>")
    read = dialect.read(call)
    assert isinstance(read, Calls)
    dialect.continue_(request, call, read)

    assert dialect.read(reply) == Answer("others")


def test_a_result_comes_with_the_list_of_what_was_called(tagged: Tagged) -> None:
    request = begun(tagged)
    for text in ("<tool>voices</tool>", "<tool>look_up(name=甄)</tool>"):
        reply = said(THINK + text)
        read = tagged.read(reply)
        assert isinstance(read, Calls)
        request = tagged.continue_(request, reply, read)

    assert [message.role for message in request.messages] == [
        *("system", "user", "assistant", "user", "assistant", "user")
    ]
    assert request.messages[-1].text == '甄 (3)\n\ncalled: voices() look_up(name="甄", most=3)'
    assert (request.temperature, request.max_tokens, request.tools) == (0.1, 7, ())


def test_the_same_call_again_is_a_fault_however_it_is_spelled(tagged: Tagged) -> None:
    first = said(THINK + "<tool>look_up(name=甄)</tool>")
    read = tagged.read(first)
    assert isinstance(read, Calls)
    tagged.continue_(begun(tagged), first, read)

    again = tagged.read(said(THINK + '<tool>look_up({"most": 3, "name": "甄"})</tool>'))
    other = tagged.read(said(THINK + "<tool>look_up(name=甄, most=4)</tool>"))

    assert again == Fault("repeated-call", 'look_up(name="甄", most=3)')
    assert isinstance(other, Calls)


def test_a_fault_is_answered_by_its_own_correction(tagged: Tagged) -> None:
    reply = said(THINK + "<tool>crystal_ball</tool>")
    read = tagged.read(reply)
    assert isinstance(read, Fault)

    request = tagged.continue_(begun(tagged), reply, read)

    assert request.messages[-1] == Message(
        "user", "[unknown-tool] crystal_ball of voices/look_up\n\ncalled:"
    )


def test_what_a_tool_cannot_do_goes_back_to_the_model(tagged: Tagged) -> None:
    reply = said(THINK + "<tool>look_up(name=nobody)</tool>")
    read = tagged.read(reply)
    assert isinstance(read, Calls)
    request = tagged.continue_(begun(tagged), reply, read)
    assert request.messages[-1].text.startswith("nobody is called nobody")


def test_a_tool_that_is_switched_off_tells_nothing(say: Say) -> None:
    dialect = Tagged([Tool.of(voices).switched_off("Nothing can be told.")], NAMES, say)
    reply = said(THINK + "<tool>voices</tool>")
    read = dialect.read(reply)
    assert isinstance(read, Calls)
    request = dialect.continue_(begun(dialect), reply, read)
    assert request.messages[-1].text == "Nothing can be told.\n\ncalled: voices()"


def test_natively_the_answer_is_a_call(native: Native) -> None:
    request = begun(native)

    assert [tool.name for tool in request.tools] == ["voices", "look_up", "answer"]
    assert request.tools[-1].description == "Who it is."
    assert native.read(said("", ("answer", '{"name": "ann lee"}'))) == Answer("Ann Lee")


def test_natively_several_tools_are_called_at_once(native: Native) -> None:
    reply = said("let me see", ("voices", ""), ("look_up", '{"name": "甄"}'))
    read = native.read(reply)
    assert isinstance(read, Calls)

    request = native.continue_(begun(native), reply, read)

    assistant, *results = request.messages[2:]
    assert assistant == Message("assistant", "let me see", calls=reply.calls)
    assert [(each.role, each.call_id) for each in results] == [("tool", "id-0"), ("tool", "id-1")]
    assert results[0].text == voices()
    assert results[1].text.startswith("甄 (3)\n\ncalled: voices()")


@pytest.mark.parametrize(
    ("calls", "kind"),
    [
        ([], "neither"),
        ([("answer", '{"name": "others"}'), ("voices", "{}")], "tool-and-answer"),
        ([("answer", '{"name": "others"}'), ("answer", '{"name": "others"}')], "tool-and-answer"),
        ([("crystal_ball", "{}")], "unknown-tool"),
        ([("look_up", "{broken")], "wrong-arguments"),
        ([("look_up", '{"name": "\ud800"}')], "wrong-arguments"),
        ([("voices", "{}"), ("voices", "")], "repeated-call"),
        ([("answer", "{}")], "wrong-arguments"),
        ([("answer", '{"name": "Nobody"}')], "not-an-answer"),
    ],
)
def test_natively_each_break_of_the_protocol_has_its_kind(
    native: Native, calls: list[tuple[str, str]], kind: str
) -> None:
    reply = said("I think", *calls)
    read = native.read(reply)
    assert isinstance(read, Fault)
    assert read.kind == kind

    after = native.continue_(begun(native), reply, read).messages[3:]

    assert [each.call_id for each in after] == [call.id for call in reply.calls] or [""]
    assert all(each.text.startswith(f"[{kind}]") for each in after)


@pytest.mark.parametrize("form", [Tagged, Native])
def test_an_answer_can_be_replied_to_and_the_answers_be_widened(
    say: Say, form: type[Tagged] | type[Native]
) -> None:
    dialect = form([Tool.of(voices)], ["others"], say)
    reply = said(THINK + "<answer>others</answer>", ("answer", '{"name": "others"}'))
    reply = reply if form is Native else msgspec.structs.replace(reply, calls=())
    assert dialect.read(reply) == Answer("others")

    request = dialect.tell(begun(dialect), reply, "It may be Bo too.")
    dialect.answers = (*dialect.answers, "Bo")

    assert request.messages[-1].text == "It may be Bo too."
    then = said(THINK + "<answer>Bo</answer>", ("answer", '{"name": "Bo"}'))
    assert dialect.read(then) == Answer("Bo")


def unspoken(name: str, /, **values: object) -> str:
    raise AssertionError("reading says nothing")


PIECES = st.sampled_from(
    [
        "<think>",
        "</think>",
        "<tool>",
        "</tool>",
        "<answer>",
        "</answer>",
        "voices",
        "甄嬛",
        "(",
        ")",
    ]
)


@given(st.lists(PIECES | st.text(max_size=4), max_size=20).map("".join))
def test_whatever_a_model_says_is_read_as_one_of_three(text: str) -> None:
    dialect = Tagged([Tool.of(voices), Tool.of(look_up)], NAMES, unspoken)
    read = dialect.read(said(text))
    if isinstance(read, Fault):
        assert read.kind in KINDS
        assert len(read.detail) <= 200
    elif isinstance(read, Answer):
        assert read.name in NAMES
    else:
        assert {call.name for call in read.calls} <= {"voices", "look_up"}


@pytest.mark.parametrize(
    "text",
    ["<think>" * 40_000, "<tool>" + "a(" * 100_000 + "</tool>", "<tool>look_up(" + '"' * 200_000],
)
def test_reading_takes_no_longer_for_a_reply_made_to_take_long(tagged: Tagged, text: str) -> None:
    begin = time.process_time()
    tagged.read(said(THINK + text + ")</tool>"))
    assert time.process_time() - begin < 0.5
