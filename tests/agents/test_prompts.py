"""Prompt files: a user can replace them, what is put into them is never code."""

from __future__ import annotations

from pathlib import Path

import pytest

from castline.agents.prompts import PromptSet
from castline.errors import InputError, UnknownName


@pytest.fixture
def own(tmp_path: Path) -> PromptSet:
    folder = tmp_path / "own"
    folder.mkdir()
    (folder / "ask.en.jinja").write_text("Who says {{ line }}?\n")
    (folder / "ask.zh.jinja").write_text("{{ line }}是谁说的？\n", encoding="utf-8")
    (folder / "list.en.jinja").write_text(
        "{% for name in names %}\n- {{ name }}\n{% endfor %}\n{% include 'ask.en.jinja' %}\n"
    )
    return PromptSet(folder)


@pytest.fixture
def theirs(tmp_path: Path) -> Path:
    folder = tmp_path / "theirs"
    folder.mkdir()
    return folder


def test_prompts_come_in_the_language_that_is_asked_for(own: PromptSet) -> None:
    assert own.languages == ["en", "zh"]
    assert own.say("en")("ask", line="Hm.") == "Who says Hm.?"
    assert own.say("zh")("ask", line="嗯") == "嗯是谁说的？"
    with pytest.raises(UnknownName, match="'fr'"):
        own.say("fr")


def test_a_prompt_may_hold_others(own: PromptSet) -> None:
    assert own.render("list", "en", names=["a", "b"], line="x") == "- a\n- b\nWho says x?"


@pytest.mark.parametrize("text", ["{{ 7 * 7 }}", "{% include 'ask.zh.jinja' %}", "<b>&amp;", "\n"])
def test_what_is_put_into_a_prompt_is_shown_as_it_is(own: PromptSet, text: str) -> None:
    assert own.render("ask", "en", line=text) == f"Who says {text}?"


def test_a_user_replaces_the_files_he_likes(own: PromptSet, theirs: Path) -> None:
    (theirs / "ask.en.jinja").write_text("Speaker of {{ line }}:")

    changed = own.with_overrides(theirs)

    assert changed.render("ask", "en", line="x") == "Speaker of x:"
    assert changed.render("list", "en", names=[], line="x") == "Speaker of x:"
    assert changed.render("ask", "zh", line="x") == "x是谁说的？"
    assert changed.version != own.version


def test_the_version_follows_the_content_only(own: PromptSet, theirs: Path) -> None:
    (theirs / "ask.en.jinja").write_text("Who says {{ line }}?\n")
    assert own.with_overrides(theirs).version == own.version


def test_a_misspelled_file_is_told_with_the_nearest(own: PromptSet, theirs: Path) -> None:
    (theirs / "aks.en.jinja").write_text("")
    with pytest.raises(UnknownName, match=r"Did you mean 'ask\.en\.jinja'"):
        own.with_overrides(theirs)


def test_a_folder_without_prompts_is_told(own: PromptSet, theirs: Path) -> None:
    with pytest.raises(InputError, match="holds no templates"):
        own.with_overrides(theirs)
    with pytest.raises(InputError, match="no such folder"):
        own.with_overrides(theirs / "deeper")


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("one\n{{ line", r"ask\.en\.jinja, line 2: "),
        ("{% if %}", "line 1"),
        ("{% include 'ask.fr.jinja' %}", "cannot be filled in"),
        ("{{ missing }}", "'missing' is undefined"),
        ("{{ line.__class__.__mro__ }}", "unsafe"),
        ("{{ names.append(1) }}", "'append' of 'list' object is unsafe"),
        ("{{ range(999999999) | list }}", "Range too big"),
        ("{% include 'ask.en.jinja' %}", "recursion"),
        ("{{ 1 / 0 }}", "division by zero"),
        ("{{ line + 1 }}", "cannot be filled in"),
        ("{% include '/etc/hostname' %}", "cannot be filled in"),
    ],
)
def test_a_broken_or_forbidden_template_is_one_clear_error(
    own: PromptSet, theirs: Path, template: str, said: str
) -> None:
    (theirs / "ask.en.jinja").write_text(template)
    with pytest.raises(InputError, match=said):
        own.with_overrides(theirs).render("ask", "en", line="x", names=[])


def test_a_template_that_is_no_text_is_told(own: PromptSet, theirs: Path) -> None:
    (theirs / "ask.en.jinja").write_bytes(b"\xff\xfe")
    with pytest.raises(InputError, match="no UTF-8"):
        own.with_overrides(theirs)


def test_a_prompt_that_there_is_not_is_told(own: PromptSet) -> None:
    with pytest.raises(UnknownName, match="Did you mean"):
        own.render("aks", "en")
