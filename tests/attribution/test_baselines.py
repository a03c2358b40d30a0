"""The simple baselines, on cases small enough to see the answer."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from castline.attribution.base import HELD, NOBODY, Series
from castline.attribution.baselines import (
    DIARIZATION,
    MOST_FREQUENT_FACE,
    NEAREST_SEED,
    DiarizationParams,
    FaceParams,
    NearestSeedParams,
)
from castline.attribution.nearness import FaceTimes, Timeline

ANNA, BO = 0, 1


def _series(
    *,
    voices: list[list[float]],
    faces: Sequence[tuple[int, int]] = (),
    seeds: list[int] | None = None,
    spacing_ms: int = 60_000,
) -> Series:
    """Lines a minute apart unless said otherwise; faces are pairs of time and character."""
    unit = np.array(voices, np.float32).reshape(len(voices), -1 if voices else 2)
    norm = np.linalg.norm(unit, axis=1, keepdims=True)
    starts = np.arange(len(voices), dtype=np.int64) * spacing_ms
    times = np.array([time for time, _ in faces], np.int64)
    return Series(
        lines=tuple(f"0001-{n + 1:05d}" for n in range(len(voices))),
        episode=np.zeros(len(voices), np.int32),
        timeline=Timeline(starts, starts + 1000),
        faces=FaceTimes(
            times,
            times,
            np.array([who for _, who in faces], np.int32),
            np.ones(len(faces), np.float32),
        ),
        voices=np.divide(unit, norm, out=np.zeros_like(unit), where=norm > 0),
        cast=("Anna", "Bo"),
        everywhere=np.zeros(2, np.bool_),
        seeds=np.array(seeds if seeds is not None else [NOBODY] * len(voices), np.int32),
    )


def test_the_most_frequent_face_within_twenty_seconds_wins() -> None:
    faces = [(0, BO), (1000, ANNA), (21_000, ANNA), (21_001, BO), (21_002, BO)]
    series = _series(voices=[[1, 0], [1, 0]], faces=faces, spacing_ms=600_000)

    result = MOST_FREQUENT_FACE.attribute(series, FaceParams())

    assert result.code.tolist() == [ANNA, NOBODY]
    assert result.offsets.tolist() == [0, 2, 2]
    assert result.candidate.tolist() == [ANNA, BO]
    assert result.score.tolist() == [2, 1]


def test_of_two_equally_frequent_faces_the_first_of_the_cast_wins() -> None:
    series = _series(voices=[[1, 0]], faces=[(0, BO), (1, ANNA)])

    assert MOST_FREQUENT_FACE.attribute(series, FaceParams()).code.tolist() == [ANNA]


def test_the_nearest_seed_names_the_line_if_it_is_near_enough() -> None:
    voices: list[list[float]] = [[1.0, 0, 0], [0, 1.0, 0], [0.9, 0.4, 0], [0, 0, 1.0], [0, 0, 0]]
    series = _series(voices=voices, seeds=[ANNA, BO, NOBODY, NOBODY, NOBODY])

    result = NEAREST_SEED.attribute(series, NearestSeedParams())

    assert result.code.tolist() == [ANNA, BO, ANNA, NOBODY, NOBODY]


def test_diarization_matches_each_cluster_to_one_member_of_the_cast() -> None:
    voices: list[list[float]] = [[1, 0.0], [1, 0.1], [1, 0.05], [0, 1.0], [0.1, 1]]
    # Anna is seen everywhere, Bo only beside the second voice: one to one, Bo must be the second.
    faces = [(60_000 * n, ANNA) for n in range(5)] + [(180_000, BO), (240_000, BO)]
    series = _series(voices=voices, faces=faces)

    result = DIARIZATION.attribute(series, DiarizationParams())

    assert result.code.tolist() == [ANNA, ANNA, ANNA, BO, BO]


@pytest.mark.parametrize(
    ("method", "parameters"),
    [
        (MOST_FREQUENT_FACE, FaceParams()),
        (NEAREST_SEED, NearestSeedParams()),
        (DIARIZATION, DiarizationParams()),
    ],
)
def test_what_people_and_seeds_say_stands(method: object, parameters: object) -> None:
    faces = [(60_000 * n, ANNA) for n in range(3)]
    series = _series(voices=[[1, 0]] * 3, faces=faces, seeds=[BO, HELD, ANNA])

    result = method.attribute(series, parameters)  # type: ignore[attr-defined]

    assert result.code.tolist() == [BO, NOBODY, ANNA]


@pytest.mark.parametrize(
    ("method", "parameters"),
    [
        (MOST_FREQUENT_FACE, FaceParams()),
        (NEAREST_SEED, NearestSeedParams()),
        (DIARIZATION, DiarizationParams()),
    ],
)
def test_a_series_without_lines_has_no_labels(method: object, parameters: object) -> None:
    series = _series(voices=[])

    result = method.attribute(series, parameters)  # type: ignore[attr-defined]

    assert result.code.size == 0
    assert result.offsets.tolist() == [0]
