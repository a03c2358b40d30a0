"""Tools: told by their own signature, called with what a model wrote."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from castline.agents.tools import Tool, ToolError


def find(
    who: Annotated[str, msgspec.Meta(description="A name.", max_length=20)],
    kinds: list[Literal["face", "voice"]] | None = None,
    most: int = 3,
) -> str:
    """Where somebody is.

    This the model is not told.
    """
    return f"{who}, {kinds}, {most}"


def hello() -> str:
    """Say hello."""
    return "hello"


def test_a_tool_is_told_by_its_signature() -> None:
    spec = Tool.of(find).spec
    assert (spec.name, spec.description) == ("find", "Where somebody is.")
    assert spec.parameters["type"] == "object"
    assert spec.parameters["required"] == ["who"]
    assert spec.parameters["properties"]["who"] == {
        "type": "string",
        "description": "A name.",
        "maxLength": 20,
    }
    assert spec.parameters["properties"]["most"] == {"type": "integer", "default": 3}


def test_a_tool_may_be_called_something_else() -> None:
    tool = Tool.of(hello, name="greet", description="Greets.")
    assert (tool.spec.name, tool.spec.description) == ("greet", "Greets.")
    assert tool.shown() == "greet()"


@pytest.mark.parametrize("arguments", ["", "  ", "{}", "null"])
def test_no_arguments_may_be_written_in_each_of_these_ways(arguments: str) -> None:
    assert Tool.of(hello).call(arguments) == "hello"


def test_arguments_are_read_and_defaults_filled_in() -> None:
    tool = Tool.of(find)
    assert tool.call('{"who": "甄嬛", "most": "5"}') == "甄嬛, None, 5"
    assert tool.call('{"who": "a", "kinds": ["face"]}') == "a, ['face'], 3"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("{}", "missing required field `who`"),
        ('{"who": 3}', r"Expected `str`, got `int` - at `\$.who`"),
        ('{"who": "a", "kinds": ["smell"]}', "Invalid enum value"),
        ('{"who": "a", "where": "b"}', "unknown field `where`"),
        ("{who: a}", "malformed"),
        ('"a"', "Expected `object`"),
        ('{"who": "\ud800"}', "surrogates"),
        ("[" * 100_000, "find: "),
    ],
)
def test_what_is_wrong_with_arguments_is_told(arguments: str, said: str) -> None:
    with pytest.raises(ToolError, match=said):
        Tool.of(find).call(arguments)


def test_a_tool_that_is_off_still_wants_right_arguments_and_is_not_called() -> None:
    tool = Tool.of(find).switched_off("nothing")
    assert tool.call('{"who": "a"}') == "nothing"
    assert tool.spec == Tool.of(find).spec
    with pytest.raises(ToolError):
        tool.call("{}")


@given(st.text(max_size=30))
def test_no_text_of_a_model_is_more_than_arguments(arguments: str) -> None:
    with pytest.raises(ToolError, match=r"^find: "):
        Tool.of(find).call(arguments)
