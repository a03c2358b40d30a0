"""Who is considered for each line."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from castline.attribution.base import Attribution, Series
from castline.attribution.fusion.candidates import choose_candidates
from castline.attribution.fusion.faces import FaceShares, look, seen_shares
from castline.attribution.series import PROTOCOLS, load_series
from castline.project import Project
from castline.testing.series import make_series, write_series


@pytest.fixture(scope="module")
def series(tmp_path_factory: pytest.TempPathFactory) -> Series:
    project = Project.create(tmp_path_factory.mktemp("crowd") / "series")
    write_series(project, make_series(cast=20, lines=200, episodes=2, width=16, seed=4))
    return load_series(project.store, project.episodes(), PROTOCOLS["library"], {})


@pytest.fixture(scope="module")
def seen(series: Series) -> FaceShares:
    return seen_shares(series, look(series))


def nothing_found(series: Series) -> Attribution:
    n = len(series.lines)
    return Attribution(
        code=np.full(n, -1, np.int32),
        voices_found=0,
        offsets=np.zeros(n + 1, np.int64),
        candidate=np.zeros(0, np.int32),
        score=np.zeros(0, np.float32),
    )


def choose(series: Series, seen: FaceShares, *, most: int, voice: int | None = None):  # type: ignore[no-untyped-def]
    n, cast = len(series.lines), len(series.cast)
    rng = np.random.default_rng(0)
    voices = rng.normal(size=(n, cast)).astype(np.float32)
    if voice is not None:
        voices[:, voice] = 50
    share = np.zeros((n, cast + 1), np.float32)
    share[:, cast] = 1
    return choose_candidates(
        series, share, seen, (voices, voices), share, nothing_found(series), most
    )


def test_others_are_always_considered(series: Series, seen: FaceShares) -> None:
    assert choose(series, seen, most=4)[:, -1].all()


def test_no_more_are_considered_than_allowed(series: Series, seen: FaceShares) -> None:
    listed = choose(series, seen, most=4)

    assert listed[:, :-1].sum(1).max() == 4


def test_the_voice_most_alike_is_considered_wherever_it_is_seen(
    series: Series, seen: FaceShares
) -> None:
    assert choose(series, seen, most=4, voice=7)[:, 7].all()


def test_whoever_is_seen_during_a_line_is_considered_while_there_is_room(
    series: Series, seen: FaceShares
) -> None:
    listed = choose(series, seen, most=len(series.cast))

    assert listed[:, :-1][seen.largest[:, :-1] > 0].all()


def test_a_speaker_around_is_considered_and_one_of_another_episode_is_not(
    series: Series, seen: FaceShares
) -> None:
    n, cast = len(series.lines), len(series.cast)
    nobody = dataclasses.replace(
        seen,
        within_8s=np.zeros_like(seen.within_8s),
        within_20s=np.zeros_like(seen.within_20s),
    )
    last = int(np.flatnonzero(series.episode == 0)[-1])
    share = np.zeros((n, cast + 1), np.float32)
    share[:, cast] = 1
    share[last, cast], share[last, 3] = 0, 1
    voices = np.tile(-np.arange(cast, dtype=np.float32)[::-1], (n, 1))

    listed = choose_candidates(
        series, share, nobody, (voices, voices), share, nothing_found(series), cast
    )

    assert listed[last - 8 : last + 1, 3].all()
    assert not listed[last - 9, 3]
    assert not listed[last + 1, 3] or series.everywhere[3]
