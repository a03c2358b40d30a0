"""Lessons: parts of annotated series with seeds of their own."""

from __future__ import annotations

import dataclasses
import itertools
from pathlib import Path

import numpy as np
import pytest

from castline.attribution.base import NOBODY
from castline.attribution.fusion.lessons import (
    KINDS,
    LACKS,
    UNTOLD,
    Lesson,
    cut_lessons,
    load_truth,
    without,
)
from castline.errors import TableError
from castline.project import Project
from castline.testing.series import SyntheticSeries, make_series, write_series


@pytest.fixture
def project(small: SyntheticSeries, tmp_path: Path) -> Project:
    made = Project.create(tmp_path / "series")
    write_series(made, small)
    return made


def lessons_of(folder: Path, *, cast: int, lines: int) -> dict[tuple[int, str], Lesson]:
    """The lessons of a made series, by part and kind."""
    made = Project.create(folder / "series")
    write_series(made, make_series(cast=cast, lines=lines, episodes=3, width=32, seed=1))
    lessons = cut_lessons("series", *load_truth(made))
    return {(each.part, each.kind): each for each in lessons}


def test_lessons_hold_every_line_once_and_in_order(project: Project) -> None:
    series, truth = load_truth(project)

    lessons = [each for each in cut_lessons("series", series, truth) if each.plain]

    assert [line for each in lessons for line in each.series.lines] == list(series.lines)
    assert [each.part for each in lessons] == [0, 1, 2]
    assert all(each.series.episode[0] == 0 for each in lessons)


def test_seeds_of_a_lesson_are_true_and_everybody_who_speaks_has_one(project: Project) -> None:
    for lesson in cut_lessons("series", *load_truth(project)):
        seeded = lesson.series.seeds >= 0
        assert (lesson.series.seeds[seeded] == lesson.truth[seeded]).all()
        speaks = set(lesson.truth[lesson.truth >= 0]) - {len(lesson.series.cast)}
        assert speaks == set(range(len(lesson.series.cast)))
        assert set(lesson.series.seeds[seeded]) == speaks


def test_every_part_comes_as_it_is_and_poorer(project: Project) -> None:
    lessons = cut_lessons("series", *load_truth(project))

    assert [(each.part, each.kind) for each in lessons] == [
        (part, kind) for part in range(3) for kind in KINDS
    ]


def test_misleading_seeds_are_as_many_and_true_but_sound_less_like_their_character(
    tmp_path: Path,
) -> None:
    def likeness(lesson: Lesson, character: int) -> float:
        mine = lesson.series.voices[lesson.truth == character].mean(axis=0)
        return float((lesson.series.voices[lesson.series.seeds == character] @ mine).mean())

    lessons = lessons_of(tmp_path, cast=4, lines=900)
    fallen = 0
    for part in range(3):
        plain = lessons[part, "plain"]
        for kind in ("misleading seeds", "hidden cast, misleading seeds"):
            misled = lessons[part, kind]
            for character, who in enumerate(misled.series.cast):
                as_it_was = plain.series.cast.index(who)
                before, after = plain.series.seeds == as_it_was, misled.series.seeds == character
                assert after.sum() == before.sum()
                if (after != before).any():
                    assert likeness(misled, character) < likeness(plain, as_it_was)
                    fallen += 1
    assert fallen


def test_every_part_comes_once_without_faces_and_otherwise_as_it_is(tmp_path: Path) -> None:
    lessons = lessons_of(tmp_path, cast=4, lines=300)
    for part in range(3):
        plain, faceless = lessons[part, "plain"], lessons[part, "no faces"]
        assert len(plain.series.faces.start_ms)
        assert not len(faceless.series.faces.start_ms)
        assert faceless.series.lines == plain.series.lines
        assert faceless.series.cast == plain.series.cast
        assert (faceless.series.seeds == plain.series.seeds).all()
        assert (faceless.truth == plain.truth).all()


def test_the_truth_of_a_lesson_names_the_same_people(project: Project) -> None:
    series, truth = load_truth(project)
    names = [*series.cast, "others"]
    whole = {
        line: names[code] if code != UNTOLD else None
        for line, code in zip(series.lines, truth, strict=True)
    }

    for lesson in cut_lessons("series", series, truth):
        mine = [*lesson.series.cast, "others"]
        hidden = set(names) - set(mine) if lesson.kind.startswith("hidden cast") else set()
        for line, code in zip(lesson.series.lines, lesson.truth, strict=True):
            speaker = "others" if whole[line] in hidden else whole[line]
            assert (mine[code] if code != UNTOLD else None) == speaker


def test_of_a_cast_some_are_hidden_who_speak_little_and_their_lines_are_nobodys(
    tmp_path: Path,
) -> None:
    lessons = lessons_of(tmp_path, cast=40, lines=1500)
    kinds = [kind for kind in KINDS if kind.startswith("hidden cast")]
    for part, kind in itertools.product(range(3), kinds):
        plain, fewer = lessons[part, "plain"], lessons[part, kind]
        hidden = [n for n, who in enumerate(plain.series.cast) if who not in fewer.series.cast]
        spoken = np.bincount(plain.truth[plain.truth >= 0], minlength=len(plain.series.cast) + 1)
        assert hidden
        assert max(spoken[hidden]) < 0.05 * spoken[:-1].sum()
        assert spoken[hidden].sum() < spoken[:-1].sum() / 6
        assert (fewer.truth[np.isin(plain.truth, hidden)] == len(fewer.series.cast)).all()


def test_what_people_corrected_counts_before_the_annotation(project: Project) -> None:
    from castline.attribution.editing import edit_lines

    series, truth = load_truth(project)
    line = next(n for n, code in enumerate(truth) if 0 <= code < len(series.cast))
    other = (int(truth[line]) + 1) % 2

    edit_lines(project, [series.lines[line]], to=series.cast[other], author="test")

    corrected, told = load_truth(project)
    assert corrected.cast[told[line]] == series.cast[other]
    assert (corrected.seeds == NOBODY).all()


def test_episodes_that_nobody_annotated_are_no_lesson(project: Project) -> None:
    series, truth = load_truth(project)
    partly = np.where(series.episode == 0, truth, UNTOLD).astype(np.int32)

    lessons = cut_lessons("series", series, partly)

    assert {each.part for each in lessons} == {0}


def test_where_no_face_is_anybodys_all_who_speak_are_known(project: Project) -> None:
    series, truth = load_truth(project)
    nobody = np.full_like(series.faces.character, NOBODY)
    faces = dataclasses.replace(series.faces, character=nobody)

    lessons = cut_lessons("series", dataclasses.replace(series, faces=faces), truth)

    spoken = {series.cast[code] for code in truth if 0 <= code < len(series.cast)}
    assert {who for each in lessons for who in each.series.cast} == spoken


def test_a_series_without_annotation_is_refused(project: Project) -> None:
    for path in (project.folder / "tables" / "truth").iterdir():
        path.unlink()

    with pytest.raises(TableError, match="nothing says who speaks"):
        load_truth(project)


@pytest.mark.parametrize("what", LACKS)
def test_a_lesson_can_lack_what_a_series_may_lack(project: Project, what: str) -> None:
    lesson = cut_lessons("series", *load_truth(project), parts=1)[0]

    lacking = without(lesson, what)

    poorer = lacking.series
    assert (poorer.faces.start_ms.size == 0) == (what == "faces")
    assert (not any(poorer.texts)) == (what == "words")
    assert (not np.any(poorer.voices)) == (what == "voices")
    assert (not poorer.episode.any()) == (what == "episodes")
    assert poorer.seeds_given != (what == "seeds")
    assert (poorer.lines == lesson.series.lines) == (what != "episodes")
    assert len(lacking.truth) == len(poorer.lines) == len(lacking.propagation.code)
    assert (poorer.seeds >= 0).any()


def test_where_nobody_annotated_the_episode_that_is_left_nobody_is_known(project: Project) -> None:
    series, truth = load_truth(project)
    [lesson] = [each for each in cut_lessons("series", series, truth, parts=1) if each.plain]
    middle = int(series.episode.max()) // 2
    untold = np.where(lesson.series.episode == middle, UNTOLD, lesson.truth).astype(np.int32)

    alone = without(dataclasses.replace(lesson, truth=untold), "episodes")

    assert not (alone.series.seeds >= 0).any()
    assert len(alone.truth) == (series.episode == middle).sum()
