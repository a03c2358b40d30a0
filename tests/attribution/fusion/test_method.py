"""Fusion as a method: what it gives, and what it says of what is missing."""

from __future__ import annotations

import dataclasses
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from castline.attribution.base import HELD, NOBODY, Series
from castline.attribution.fusion.lessons import UNTOLD, load_truth
from castline.attribution.fusion.method import fuse
from castline.attribution.fusion.model import Model, read_model, write_model
from castline.attribution.fusion.ranker import Ranker
from castline.attribution.nearness import FaceTimes
from castline.attribution.series import PROTOCOLS, load_series
from castline.errors import InputError
from castline.project import Project
from castline.testing.series import make_series, write_series


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    made = Project.create(tmp_path_factory.mktemp("told") / "series")
    write_series(made, make_series(cast=6, lines=400, episodes=4, width=48, seed=7))
    return made


@pytest.fixture(scope="module")
def series(project: Project) -> Series:
    return load_series(project.store, project.episodes(), PROTOCOLS["released"], {})


@pytest.fixture(scope="module")
def model() -> Model:
    return read_model()


def faceless(series: Series) -> Series:
    return dataclasses.replace(series, faces=FaceTimes.none())


def right(project: Project, series: Series, code: np.ndarray) -> float:
    """Share of annotated lines that are right, by name."""
    known, truth = load_truth(project)
    names = [*series.cast, "others"]
    told = [*known.cast, "others"]
    label = np.where((code < 0) | (code >= len(series.cast)), len(series.cast), code)
    pairs = zip(label, truth, strict=True)
    return float(np.mean([names[a] == told[b] for a, b in pairs if b != UNTOLD]))


def test_every_line_gets_a_distribution_whose_best_or_second_is_the_answer(
    series: Series, model: Model
) -> None:
    found = fuse(series, model)

    assert found.confidence is not None
    for line in range(len(series.lines)):
        span = slice(found.offsets[line], found.offsets[line + 1])
        score = found.score[span]
        assert 1 <= len(score) <= 12
        assert (np.diff(score) <= 0).all()
        assert score.sum() == pytest.approx(1, abs=0.02)
        assert found.code[line] in found.candidate[span]


def test_known_lines_keep_their_speaker_and_are_certain(series: Series, model: Model) -> None:
    found = fuse(series, model)

    known = series.seeds >= 0
    assert (found.code[known] == series.seeds[known]).all()
    assert found.confidence is not None
    assert np.allclose(found.confidence[known], 1)


def test_each_line_says_what_decided_it(series: Series, model: Model) -> None:
    found = fuse(series, model)

    assert found.reasons is not None
    assert all(found.reasons)
    assert found.warnings == ()


def test_passes_end_when_the_labels_stay(series: Series, model: Model) -> None:
    def steps(known: Series) -> list[int]:
        done: list[int] = []
        fuse(known, model, lambda step, _: done.append(step))
        return [one for one, two in pairwise(done) if two == one + 1]

    truth = fuse(series, model).code
    told = np.where((truth >= 0) & (truth < len(series.cast)), truth, HELD).astype(np.int32)

    assert len(steps(dataclasses.replace(series, seeds=told))) < len(steps(series))


def test_the_same_series_gets_the_same_answer(series: Series, model: Model) -> None:
    one, two = fuse(series, model), fuse(series, model)

    assert np.array_equal(one.code, two.code)
    assert np.array_equal(one.score, two.score)


def test_most_lines_of_a_made_series_are_right(
    project: Project, series: Series, model: Model
) -> None:
    assert right(project, series, fuse(series, model).code) > 0.85


def test_without_faces_voices_name_most_lines_and_it_says_so(
    project: Project, series: Series, model: Model
) -> None:
    found = fuse(faceless(series), model)

    assert any("no faces were measured" in each for each in found.warnings)
    assert right(project, series, found.code) > 0.5


@pytest.mark.parametrize(
    ("lacking", "said"),
    [
        (lambda s: dataclasses.replace(s, texts=("",) * len(s.texts)), "no text"),
        (lambda s: dataclasses.replace(s, voices=np.zeros_like(s.voices)), "no voices"),
        (lambda s: dataclasses.replace(s, episode=np.zeros_like(s.episode)), "one episode alone"),
        (lambda s: dataclasses.replace(s, seeds_given=False), "not given by people"),
    ],
)
def test_what_is_missing_is_said_with_what_it_costs(
    series: Series, model: Model, lacking: object, said: str
) -> None:
    found = fuse(lacking(series), model)  # type: ignore[operator]

    assert any(said in each and "of a hundred" in each for each in found.warnings)


def test_where_nobody_is_known_nobody_is_named(series: Series, model: Model) -> None:
    unknown = dataclasses.replace(series, seeds=np.full(len(series.lines), NOBODY, np.int32))

    found = fuse(unknown, model)

    assert ((found.code < 0) | (found.code >= len(series.cast))).all()
    assert found.voices_found


def test_where_neither_voices_nor_faces_are_known_voices_are_still_told_apart(
    series: Series, model: Model
) -> None:
    unknown = dataclasses.replace(series, seeds=np.full(len(series.lines), NOBODY, np.int32))

    found = fuse(faceless(unknown), model)

    assert found.voices_found
    assert any("no faces were measured" in each for each in found.warnings)


def test_faces_of_strangers_alone_are_as_good_as_none_and_it_says_so(
    series: Series, model: Model
) -> None:
    nobody = np.full_like(series.faces.character, NOBODY)
    strangers = dataclasses.replace(
        series, faces=dataclasses.replace(series.faces, character=nobody)
    )

    found = fuse(strangers, model)

    assert np.array_equal(found.code, fuse(faceless(series), model).code)
    assert any("no face is known to be one of the cast's" in each for each in found.warnings)


def test_those_whose_voice_nobody_knows_are_not_named_and_change_nothing(
    series: Series, model: Model
) -> None:
    cast = len(series.cast)
    silent = 2
    wider = dataclasses.replace(
        series,
        cast=(*series.cast[:silent], "Silent", *series.cast[silent:]),
        everywhere=np.insert(series.everywhere, silent, False),
        forms=(*series.forms[:silent], ("Silent",), *series.forms[silent:]),
        relations=(),
        faces=dataclasses.replace(series.faces, character=shifted(series.faces.character, silent)),
        seeds=shifted(series.seeds, silent),
    )

    found = fuse(wider, model)

    alone = fuse(dataclasses.replace(series, relations=()), model)
    assert (found.code == shifted(alone.code, silent)).all()
    assert (found.candidate == shifted(alone.candidate, silent)).all()
    assert found.code.max() < cast + 1 + found.voices_found
    assert found.reasons == alone.reasons


def shifted(code: np.ndarray, inserted: int) -> np.ndarray:
    """Codes once somebody was put into the cast."""
    return np.where(code >= inserted, code + 1, code).astype(np.int32)


def test_a_cast_of_one_is_told_from_others(series: Series, model: Model) -> None:
    code = np.append(np.where(np.arange(len(series.cast)) == 0, 0, NOBODY), NOBODY)
    alone = dataclasses.replace(
        series,
        cast=series.cast[:1],
        forms=series.forms[:1],
        relations=(),
        everywhere=series.everywhere[:1],
        seeds=np.where(series.seeds == 0, 0, NOBODY).astype(np.int32),
        faces=dataclasses.replace(
            series.faces, character=code[series.faces.character].astype(np.int32)
        ),
    )

    found = fuse(alone, model)

    assert len(found.code) == len(series.lines)
    assert found.confidence is not None
    assert np.isfinite(found.confidence).all()


def test_a_model_of_other_cues_is_refused(
    series: Series, model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    from castline.attribution.fusion import cues

    monkeypatch.setattr(cues, "turn_columns", lambda *_: {})

    with pytest.raises(InputError, match="Train it again"):
        fuse(series, model)


def test_progress_ends_where_it_should(series: Series, model: Model) -> None:
    said: list[tuple[int, int]] = []

    fuse(series, model, lambda done, total: said.append((done, total)))

    assert said[-1][0] == said[-1][1]
    assert all(done <= total for done, total in said)


def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError):
        read_model(tmp_path / "nothing")


def test_while_a_model_is_written_over_another_there_is_none(
    model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_model(model, tmp_path)
    assert read_model(tmp_path).digest == model.digest

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Ranker, "write", killed)
    with pytest.raises(KeyboardInterrupt):
        write_model(model, tmp_path)

    with pytest.raises(InputError, match=r"card\.json"):
        read_model(tmp_path)
