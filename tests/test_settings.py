from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from castline.errors import InputError, SettingsError
from castline.settings import build, parse_assignments, read_toml, toml_value


@dataclass(frozen=True)
class Params:
    threshold_end: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.45
    rounds: int = 3
    name: str = "x"


def test_names_left_out_keep_their_default() -> None:
    assert build(Params, {"rounds": 5}, "castline.toml") == Params(rounds=5)
    assert build(Params, {}, "castline.toml") == Params()


def test_an_unknown_key_is_refused_with_the_nearest_known_one() -> None:
    with pytest.raises(SettingsError) as caught:
        build(Params, {"treshold_end": 0.5}, "castline.toml, [propagation]")
    message = str(caught.value)
    assert message.startswith("castline.toml, [propagation]: there is no setting 'treshold_end'.")
    assert "Did you mean 'threshold_end'?" in message
    assert "Known: threshold_end, rounds, name." in message


@pytest.mark.parametrize(
    "values", [{"rounds": "many"}, {"rounds": 1.5}, {"threshold_end": 1.5}, {"name": 3}]
)
def test_a_wrong_type_or_range_is_refused_naming_the_setting(values: dict[str, object]) -> None:
    with pytest.raises(SettingsError) as caught:
        build(Params, values, "--set")
    assert f"$.{next(iter(values))}" in str(caught.value)


def test_assignments_are_toml_and_bare_words_are_text() -> None:
    read = parse_assignments(["a=1", "b = 0.5", "c=true", 'd="1"', "e=甄嬛", "f=", "g=x=y"])
    assert read == {"a": 1, "b": 0.5, "c": True, "d": "1", "e": "甄嬛", "f": "", "g": "x=y"}


@pytest.mark.parametrize("word", ["", "threshold", "=5", "  = 5"])
def test_a_word_that_assigns_nothing_is_refused(word: str) -> None:
    with pytest.raises(SettingsError, match="write name=value"):
        parse_assignments([word])


@given(st.text(min_size=1))
def test_no_text_smuggles_in_a_second_setting(text: str) -> None:
    assert parse_assignments([f"name=word\n{text}"]).keys() == {"name"}


def test_toml_of_several_lines_in_an_assignment_is_text() -> None:
    assert parse_assignments(["name=1\nother = 2"]) == {"name": "1\nother = 2"}


@pytest.mark.parametrize("content", [b"a = ", b"a = 1\na = 2", b"\xff\xfe", b"[x", b"name = 'a"])
def test_a_broken_settings_file_is_told_with_its_path(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "castline.toml"
    path.write_bytes(content)
    with pytest.raises(SettingsError, match=r"castline\.toml: not a readable TOML file"):
        read_toml(path)


def test_a_missing_settings_file_is_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        read_toml(tmp_path / "castline.toml")


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_any_text_comes_back_from_what_is_written_as_toml(text: str) -> None:
    import tomllib

    assert tomllib.loads(f"value = {toml_value(text)}") == {"value": text}
