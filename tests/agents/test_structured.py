"""JSON from models: mended where that is safe, asked for again where it is not."""

from __future__ import annotations

import time
from typing import Annotated

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from castline.agents.conversation import End
from castline.agents.messages import Message, Reply, Request, Usage
from castline.agents.structured import JsonConversation, json_of

REQUEST = Request((Message("user", "Describe it."),))


class Scene(msgspec.Struct):
    """What is asked for in these tests."""

    title: Annotated[str, msgspec.Meta(min_length=1)]
    people: list[str] = []


def said(text: str) -> Reply:
    return Reply(text, (), "stop", Usage(1, 1), 0.1, "m", "e")


@pytest.mark.parametrize(
    "text",
    [
        '{"title": "Night", "people": ["甄嬛"]}',
        '\n {"title": "Night", "people": ["甄嬛"]} \n',
        '```json\n{"title": "Night", "people": ["甄嬛"]}\n```',
        'Here it is:\n```\n{"title": "Night", "people": ["甄嬛"],}\n```\nAnything else?',
        'Sure! {"title": "Night", "people": ["甄嬛"]} I hope this helps.',
        '{"title": "Night", "people": ["甄嬛", ], }',
        '<think>{"title": "no"}</think>{"title": "Night", "people": ["甄嬛"]}',
        'In {brackets}: {"title": "Night", "people": ["甄嬛"]}',
    ],
)
def test_json_is_found_wherever_it_stands(text: str) -> None:
    assert json_of(text, Scene) == Scene("Night", ["甄嬛"])


def test_a_list_is_found_too() -> None:
    assert json_of('They are: ["a", "b"].', list[str]) == ["a", "b"]


def test_commas_within_text_stay() -> None:
    assert json_of('{"title": "a,] and b,}"}', Scene).title == "a,] and b,}"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "it is no JSON"),
        ("I cannot do that.", "it is no JSON"),
        ('{"title": "Night", "people": "甄嬛"}', r"Expected `array`, got `str` - at `\$.people`"),
        ('{"title": ""}', "length >= 1"),
        ('Well: {"name": "Night"}', "missing required field `title`"),
        ('{"title": "Nig', "it is no JSON"),
        ("[" * 100_000, "Expected `object`"),
    ],
)
def test_what_is_wrong_is_told(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        json_of(text, Scene)


@given(st.text(alphabet=st.sampled_from('{}[]",:`ab \n'), max_size=200))
def test_any_text_is_json_of_the_type_or_refused(text: str) -> None:
    try:
        found = json_of(text, Scene)
    except ValueError:
        return
    assert isinstance(found, Scene)


@pytest.mark.parametrize("text", ["{" * 100_000 + "}" * 100_000, "```\n" * 50_000, "," * 200_000])
def test_looking_takes_no_longer_for_a_reply_made_to_take_long(text: str) -> None:
    begin = time.process_time()
    with pytest.raises(ValueError, match=r"JSON|Expected|missing"):
        json_of(text, Scene)
    assert time.process_time() - begin < 1


def test_a_good_reply_ends_the_conversation_with_its_value() -> None:
    talk = JsonConversation("scene 1", REQUEST, Scene)
    assert talk.open() == REQUEST
    end = talk.hear(said('{"title": "Night"}'))
    assert end == End("answered", {"title": "Night", "people": []})


def test_a_bad_reply_is_told_what_is_wrong_and_asked_again() -> None:
    talk = JsonConversation("scene 1", REQUEST, Scene)

    again = talk.hear(said("I would rather not."))
    once_more = talk.hear(said('{"title": ""}'))

    assert isinstance(again, Request)
    assert isinstance(once_more, Request)
    assert [message.role for message in once_more.messages] == ["user", "assistant", "user"]
    assert once_more.messages[1].text == '{"title": ""}'
    assert "length >= 1" in once_more.messages[2].text
    assert talk.hear(said('{"title": "Night"}')) == End(
        "answered", {"title": "Night", "people": []}
    )


def test_what_stays_wrong_is_given_up() -> None:
    talk = JsonConversation("scene 1", REQUEST, Scene, attempts=2)
    talk.hear(said("no"))
    end = talk.hear(said("{}"))
    assert isinstance(end, End)
    assert (end.status, end.answer) == ("gave up", None)
    assert "missing required field `title`" in end.why


def test_a_task_can_check_more_than_the_type() -> None:
    def known(scene: Scene) -> str:
        return "" if scene.title == "Day" else "the title must be Day"

    talk = JsonConversation("scene 1", REQUEST, Scene, check=known)
    again = talk.hear(said('{"title": "Night"}'))
    assert isinstance(again, Request)
    assert "the title must be Day" in again.messages[-1].text
    assert isinstance(talk.hear(said('{"title": "Day"}')), End)
