"""Which lines to check next."""

from __future__ import annotations

import dataclasses
import json
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from castline.attribution.asking import Question, rank_questions
from castline.attribution.base import (
    HELD,
    NOBODY,
    UNSURE,
    Attribution,
    Progress,
    Series,
    TablesOnly,
)
from castline.attribution.editing import edit_lines
from castline.attribution.nearness import Timeline
from castline.attribution.questions import ask
from castline.attribution.recipe import METHODS
from castline.attribution.recipe import attribute as attribute_project
from castline.attribution.same_speaker import SameSpeaker
from castline.attribution.series import unit_rows
from castline.cli import app
from castline.errors import UnknownName, UsageError
from castline.project import Project
from castline.testing.series import SyntheticSeries, write_series
from tests.attribution.test_mouths import ANN, BO, series

Floats = npt.NDArray[np.float32]
Shares = list[tuple[float, float, float]]
"""Chances of Ann, Bo and others, line by line."""

SURE, TORN, ALMOST = (0.99, 0.01, 0.0), (0.55, 0.45, 0.0), (0.9, 0.1, 0.0)


def judged(shares: Shares) -> Attribution:
    """What a method would give that is as sure as that."""
    chance = np.array(shares, np.float32).reshape(-1, 3)
    code = np.array([ANN, BO, NOBODY], np.int32)
    best = np.argsort(-chance, axis=1, kind="stable")
    return Attribution(
        code=code[best[:, 0]],
        voices_found=0,
        offsets=np.arange(0, chance.size + 1, 3),
        candidate=code[best].ravel(),
        score=np.take_along_axis(chance, best, axis=1).ravel(),
        confidence=chance.max(axis=1),
    )


def spoken(voices: list[int], *, seeds: dict[int, int] | None = None) -> Series:
    """Lines in voices of that number; lines of one voice sound the same."""
    made = series(len(voices), mouths=None, seeds=seeds)
    return dataclasses.replace(made, voices=np.eye(max(voices) + 1, dtype=np.float32)[voices])


def asked(lines: Series, found: Attribution, count: int) -> list[int]:
    return [int(each.line.removeprefix("e-")) for each in rank_questions(lines, found, count)]


def test_lines_that_sound_the_same_and_share_a_doubt_are_asked_about_once_and_first() -> None:
    lines = spoken([0, 1, 1, 1, 2])
    found = judged([(0.5, 0.5, 0), TORN, TORN, TORN, ALMOST])

    questions = rank_questions(lines, found, 5)

    assert questions[0].line == "e-2", "the one in the middle of them"
    assert questions[0].alike == ("e-1", "e-3")
    assert questions[0].expected == pytest.approx(3 * 0.45, rel=0.05)
    assert "2 more lines" in questions[0].reason
    assert [each.line for each in questions[1:]] == ["e-0", "e-4"]


def test_two_people_at_once_never_get_one_answer() -> None:
    lines = spoken([0, 0, 0])
    start = lines.timeline.start_ms.copy()
    start[1] = start[0]
    at_once = dataclasses.replace(lines, timeline=Timeline(start, start + 1000))

    alike = {each.line: each.alike for each in rank_questions(at_once, judged([TORN] * 3), 3)}

    assert all("e-0" not in each and "e-1" not in each for each in alike.values())
    assert len(alike) >= 2


def test_where_no_voice_is_known_the_longest_voices_are_asked_about() -> None:
    lines = spoken([0, 1, 1, 0, 1])
    found = dataclasses.replace(
        judged([TORN] * 5), code=np.array([2, 3, 3, 2, 3], np.int32), confidence=None
    )

    questions = rank_questions(lines, found, 5)

    assert [each.line for each in questions] == ["e-1", "e-0"]
    assert [each.expected for each in questions] == [3, 2]
    assert questions[0].reason == "one of 3 lines of a new voice"


def test_a_line_that_doubts_something_else_is_no_reason_to_ask() -> None:
    """Both sound the same; but one is Ann or Bo, the other is Ann or nobody."""
    found = judged([(0.6, 0.4, 0), (0.6, 0, 0.4), (0.55, 0.45, 0)])

    assert rank_questions(spoken([0, 0, 1]), found, 1)[0].line == "e-2"


def test_lines_of_other_episodes_get_no_answer_of_this_one() -> None:
    lines = dataclasses.replace(spoken([0, 0]), episode=np.array([0, 1], np.int32))

    questions = rank_questions(lines, judged([TORN, TORN]), 2)

    assert [(each.line, each.alike) for each in questions] == [("e-0", ()), ("e-1", ())]


def test_a_sure_line_comes_last_and_a_certain_one_never() -> None:
    lines = spoken([0, 1, 2, 3])

    assert asked(lines, judged([SURE, TORN, (1, 0, 0), ALMOST]), 4) == [1, 3, 0]


def test_known_lines_are_never_asked_about_nor_answered() -> None:
    lines = spoken([0, 0, 0, 1], seeds={0: BO, 1: HELD})

    questions = rank_questions(lines, judged([TORN, TORN, TORN, SURE]), 4)

    assert [(each.line, each.alike) for each in questions] == [("e-2", ()), ("e-3", ())]


def test_lines_left_unknown_are_in_doubt_like_others() -> None:
    found = judged([SURE, TORN])
    found = dataclasses.replace(found, code=np.array([ANN, UNSURE], np.int32))

    (question,) = rank_questions(spoken([0, 1]), found, 1)

    assert question.line == "e-1"
    assert "nobody can be told" in question.reason


def test_a_new_voice_is_named_with_its_lines() -> None:
    lines = dataclasses.replace(spoken([0, 0, 1]), episode=np.array([0, 1, 1], np.int32))
    shares = judged([(0.3, 0, 0.7), (0.3, 0, 0.7), (0.69, 0.31, 0)])
    found = dataclasses.replace(shares, code=np.array([2, 2, ANN], np.int32), voices_found=1)

    assert "one of 2 lines of a new voice" in rank_questions(lines, found, 3)[0].reason
    assert asked(lines, found, 1) == [0]
    assert asked(lines, shares, 1) == [2]


def test_lines_without_voice_or_candidates_are_asked_about_by_their_own_doubt() -> None:
    lines = dataclasses.replace(spoken([0, 0, 0]), voices=np.zeros((3, 4), np.float32))
    found = Attribution(
        code=np.full(3, NOBODY, np.int32),
        voices_found=0,
        offsets=np.zeros(4, np.int64),
        candidate=np.empty(0, np.int32),
        score=np.empty(0, np.float32),
        confidence=np.array([0.8, 0.3, 0.9], np.float32),
    )

    assert asked(lines, found, 3) == [1, 0, 2]


def test_labels_without_confidences_say_which_method_has_some() -> None:
    found = dataclasses.replace(judged([TORN]), confidence=None)

    with pytest.raises(UsageError, match="--method fusion"):
        rank_questions(spoken([0], seeds={0: ANN}), found, 1)


def test_a_series_without_lines_has_no_questions() -> None:
    assert rank_questions(series(0, mouths=None), judged([]), 3) == []


shares = st.lists(
    st.tuples(*[st.floats(0.01, 1)] * 3).map(
        lambda three: tuple(each / sum(three) for each in three)
    ),
    min_size=1,
    max_size=25,
)


@given(shares, st.integers(1, 30), st.randoms(use_true_random=False))
def test_every_line_is_asked_about_or_answered_at_most_once(
    chances: Shares, count: int, random: Any
) -> None:
    voices = [random.randrange(6) for _ in chances]
    lines, found = spoken(voices, seeds={0: ANN}), judged(chances)

    questions = rank_questions(lines, found, count)

    told = [line for each in questions for line in (each.line, *each.alike)]
    assert len(told) == len(set(told))
    assert "e-0" not in told
    assert len(questions) <= count
    worth = [each.expected for each in questions]
    assert worth == sorted(worth, reverse=True)
    assert all(each > 0 for each in worth)
    assert questions == rank_questions(lines, found, count)
    assert questions == rank_questions(lines, found, count + 7)[: len(questions)]


@pytest.mark.parametrize("scale", [1.0, 0.5])
def test_what_a_likeness_means_is_learnt_from_the_labels(scale: float) -> None:
    """Whatever the engine: with `scale` 0.5 all voices share half of what is in them."""
    draw = np.random.default_rng(3)
    speaker = draw.integers(0, 2, 400)
    person = draw.normal(size=(2, 32)) * scale + draw.normal(size=32) * (1 - scale)
    noisy = person[speaker] + 0.4 * scale * draw.normal(size=(400, 32))
    lines = dataclasses.replace(
        series(400, mouths=None), voices=unit_rows(noisy.astype(np.float32))
    )
    code = np.stack([speaker, 1 - speaker], axis=1).astype(np.int32)
    chance = np.tile(np.array([0.98, 0.02], np.float32), (400, 1))

    model = SameSpeaker.learn(lines, code, chance)

    told = model.chances(lines, np.arange(400))
    same = speaker[:, None] == speaker
    off = ~np.eye(400, dtype=bool)
    assert told[same & off].mean() > 0.85
    assert told[~same].mean() < 0.15


@dataclasses.dataclass(frozen=True)
class Nothing:
    """No settings."""


class Torn(TablesOnly):
    """A method that gives all lines to the first of the cast, and every third with doubt."""

    name = "torn"
    version = 1
    parameters = Nothing
    seeded = False

    def attribute(
        self, series: Series, parameters: Nothing, progress: Progress | None = None
    ) -> Attribution:
        n = len(series.lines)
        found = judged([TORN if row % 3 == 0 else SURE for row in range(n)])
        known = series.seeds != NOBODY
        assert found.confidence is not None
        return dataclasses.replace(
            found,
            code=np.where(known, series.seeds, found.code).astype(np.int32),
            confidence=np.where(known, 1, found.confidence).astype(np.float32),
        )


@pytest.fixture
def project(small: SyntheticSeries, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A series, and a method that doubts."""
    monkeypatch.setitem(METHODS._builtin, "torn", "elsewhere:Torn")
    monkeypatch.setitem(METHODS._loaded, "torn", Torn())
    made = Project.create(tmp_path / "a project")
    write_series(made, small)
    return made


def call(*words: object) -> str:
    done = CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def test_attribute_asks_with_what_is_needed_to_answer(project: Project) -> None:
    told = json.loads(call("attribute", project.folder, "--method", "torn", "--ask", 3, "--json"))

    first = told["questions"][0]
    names = project.store.read("cast")["character"].to_list()
    assert len(told["questions"]) == 3
    assert first["speaker"] in names
    assert first["runner_up"] in names
    assert first["confidence"] == pytest.approx(0.55)
    assert first["expected"] >= 0.45
    lines = project.store.read("lines", first["episode"])
    assert first["text"] == lines.filter(lines["line"] == first["line"])["text"][0]
    seeds = project.store.read("seeds", variant="given")["line"]
    assert not set(seeds) & {each["line"] for each in told["questions"]}


def test_the_command_given_records_the_answer_for_all_lines_alike(project: Project) -> None:
    told = json.loads(call("attribute", project.folder, "--method", "torn", "--ask", 1, "--json"))
    (question,) = told["questions"]
    words = [word.replace("NAME", "others") for word in shlex.split(question["command"])]

    call(*words[1:])

    again = json.loads(call("attribute", project.folder, "--method", "torn", "--ask", 99, "--json"))
    answered = {question["line"], *question["alike"]}
    assert answered.isdisjoint(each["line"] for each in again["questions"])


def test_the_table_shows_questions_and_commands(project: Project) -> None:
    text = call("attribute", project.folder, "--method", "torn", "--ask", 2)

    assert "sure" in text
    assert "0.55" in text
    assert text.count("castline edit line --to NAME -- ") == 2


def test_without_ask_nothing_is_asked(project: Project) -> None:
    assert "questions" not in json.loads(
        call("attribute", project.folder, "--method", "torn", "--json")
    )


def test_asking_about_labels_without_confidences_is_one_clear_error(project: Project) -> None:
    attribute_project(project, method="propagation")

    with pytest.raises(UsageError, match="carry no confidences"):
        ask(project, "propagation-released", 3)


def test_labels_that_are_not_there_are_named(project: Project) -> None:
    with pytest.raises(UnknownName, match="torn-released"):
        ask(project, "torn-released", 3)


def test_an_edit_counts_before_the_labels_rest_on_it(project: Project) -> None:
    variant, _ = attribute_project(project, method="torn")
    before: list[Question] = [each.question for each in ask(project, variant, 1)]
    edit_lines(project, [before[0].line], to="others", author="me")

    assert before[0].line not in {each.question.line for each in ask(project, variant, 99)}
