"""Training of fusion: reproducible, and blind to the truth of the lines it judges."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

import castline
from castline.attribution.fusion.lessons import LACKS, Lesson, cut_lessons, load_truth
from castline.attribution.fusion.model import read_model
from castline.attribution.fusion.net_training import NetSettings
from castline.attribution.fusion.ranker_training import RankerSettings
from castline.attribution.fusion.recipe import train_model
from castline.attribution.fusion.training import find_calibration, train_fusion
from castline.attribution.fusion.tree_training import TreeSettings
from castline.attribution.labels import read_labels
from castline.errors import InputError, UsageError
from castline.project import Project
from castline.testing.series import make_series, write_series

pytestmark = pytest.mark.slow

pytest.importorskip("lightgbm", reason="training needs the extra `train`")

QUICK = RankerSettings(
    TreeSettings(leaves=7, rounds=12, rows_a_leaf=20, seeds=(1,), feature_fraction=0.5),
    NetSettings(hidden=(16,), epochs=8, least_steps=60, lines_a_step=128, seeds=(1,)),
)


@pytest.fixture(scope="module")
def projects(tmp_path_factory: pytest.TempPathFactory) -> list[Project]:
    folder = tmp_path_factory.mktemp("annotated")
    made = []
    for seed in (1, 2):
        project = Project.create(folder / f"series-{seed}")
        write_series(project, make_series(cast=4, lines=150, episodes=3, width=32, seed=seed))
        made.append(project)
    return made


@pytest.fixture(scope="module")
def lessons(projects: list[Project]) -> list[Lesson]:
    return [each for p in projects for each in cut_lessons(p.folder.name, *load_truth(p))]


def test_the_same_lessons_make_the_same_rankers_byte_for_byte(lessons: list[Lesson]) -> None:
    one, _ = train_fusion(lessons, QUICK, passes=2)
    two, _ = train_fusion(lessons, QUICK, passes=2)

    assert [each.content for each in one.rankers] == [each.content for each in two.rankers]
    assert one.digest == two.digest


@pytest.mark.slow
def test_a_model_of_ones_own_labels_a_series_and_says_where_it_is_from(
    projects: list[Project], tmp_path: Path
) -> None:
    trained = train_model(projects, tmp_path / "own", settings=QUICK, threads=1)

    variant, _ = castline.attribute(projects[0], settings={"model": str(tmp_path / "own")})

    labels = read_labels(projects[0], variant)
    assert labels["confidence"].drop_nulls().is_between(0, 1).all()
    card = read_model(tmp_path / "own").card
    assert {row["series"] for row in card["left out series"]} == {"series-1", "series-2"}
    assert set(card["costs"]) <= set(LACKS)
    assert {"faces", "words", "voices"} <= set(card["costs"])
    written = json.loads(json.dumps(trained.card))
    assert {key: card[key] for key in written} == written


def test_the_truth_of_a_part_never_reaches_what_is_said_of_that_part(
    lessons: list[Lesson],
) -> None:
    rng = np.random.default_rng(0)
    lied = [
        dataclasses.replace(each, truth=rng.permutation(each.truth)) if each.part == 0 else each
        for each in lessons
    ]

    _, honest = train_fusion(lessons, QUICK, passes=1)
    _, misled = train_fusion(lied, QUICK, passes=1)

    for one, two in zip(honest, misled, strict=True):
        assert np.array_equal(one.shares[0], two.shares[0]) == (one.lesson.part == 0)


def test_overconfident_probabilities_are_made_blunter(lessons: list[Lesson]) -> None:
    _, held = train_fusion(lessons, QUICK, passes=1)
    boasting = [
        dataclasses.replace(
            each, shares=tuple((s**4) / (s**4).sum(1, keepdims=True) for s in each.shares)
        )
        for each in held
    ]

    assert find_calibration(boasting).sharpness < find_calibration(held).sharpness


def test_a_single_episode_is_too_little(tmp_path: Path) -> None:
    project = Project.create(tmp_path / "short")
    write_series(project, make_series(cast=3, lines=40, episodes=1, width=16, seed=3))

    with pytest.raises(UsageError, match="too little"):
        train_model([project], tmp_path / "model")


def test_two_series_of_one_name_are_refused(projects: list[Project], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="name of its own"):
        train_model([projects[0], projects[0]], tmp_path / "model")


def test_a_folder_without_a_card_is_no_model(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="card"):
        read_model(tmp_path)


def test_a_model_of_another_format_is_refused_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "card.json").write_text('{"format": 1, "passes": 3, "sharpness": 1.0}')

    with pytest.raises(InputError, match="format 1") as refused:
        read_model(tmp_path)
    assert "castline train fusion" in refused.value.remedy


def test_a_broken_card_is_refused_with_its_path(tmp_path: Path) -> None:
    (tmp_path / "card.json").write_text('{"passes": "many"}')

    with pytest.raises(InputError, match=r"card\.json"):
        read_model(tmp_path)
