"""The character library: the objective, what it takes and leaves, and the threshold it finds."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from castline.people.bank import LEAST_SCORE, Bank, common_score
from castline.people.library import LibrarySettings, build_library
from castline.people.queries import (
    choose_queries,
    external_distance,
    internal_distance,
    normalised,
    unit_distance,
)
from castline.tables.catalog import table
from castline.tables.schema import check_frame

from .made_faces import SIZE, Film, People, portraits

NAMES = ["Ada", "Ben", "Cleo", "Dov", "Eve", "Finn"]
CLOUDS = [np.array([[0.0, 0], [0, 2]]), np.array([[6.0, 0], [6, 2]])]


def _portraits(people: People, names: list[str], each: int = 2) -> pl.DataFrame:
    return portraits(
        [(f"{n}_{k}.jpg", n, row) for n in names for k, row in enumerate(people.faces(n, each))]
    )


def _empty() -> Film:
    return Film()


# The objective -----------------------------------------------------------------------------------


def objective(
    queries: Sequence[npt.ArrayLike],
    faces: Sequence[npt.ArrayLike],
    *,
    floor: float | None = None,
) -> float:
    """Equation 3: how far apart the characters lie, measured by how spread each of them is.

    Args:
        queries: (d,) or (k, d) of each of m >= 2 characters.
        faces: (n, d) of each of them.
        floor: Least inner distance; the paper's 1e-6, added to the distance, when left out.
    """
    total = 0.0
    for j, (own, cloud) in enumerate(zip(queries, faces, strict=True)):
        inner = internal_distance(own, cloud)
        spread = inner + 1e-6 if floor is None else max(inner, floor)
        total += external_distance(own, [*queries[:j], *queries[j + 1 :]]) / spread
    return total


def test_the_objective_of_two_centroids_is_that_of_the_paper() -> None:
    queries = [cloud.mean(axis=0) for cloud in CLOUDS]
    assert internal_distance(queries[0], CLOUDS[0]) == 1
    assert external_distance(queries[0], queries[1:]) == 6
    assert objective(queries, CLOUDS) == pytest.approx(11.999988, abs=1e-6)


def test_the_centroid_does_not_maximise_the_objective() -> None:
    moved = [np.array([0.0, 0]), CLOUDS[1].mean(axis=0)]
    assert internal_distance(moved[0], CLOUDS[0]) == 1
    assert external_distance(moved[0], moved[1:]) == pytest.approx(37**0.5)
    assert objective(moved, CLOUDS) == pytest.approx(12.165513, abs=1e-6)


def test_one_picture_swamps_the_objective_of_the_paper_but_not_one_with_a_floor() -> None:
    clouds = [CLOUDS[0], CLOUDS[1], np.array([[3.0, 9]])]
    queries = [cloud.mean(axis=0) for cloud in clouds]
    assert objective(queries, clouds) > 1e6
    assert objective(queries, clouds, floor=0.25) < 100


def test_somebody_alone_has_nobody_near() -> None:
    assert external_distance(CLOUDS[0][0], []) == float("inf")


@given(st.integers(0, 200), st.integers(2, 5), st.integers(1, 12))
def test_chosen_queries_are_no_worse_than_centroids_and_do_not_flee(
    seed: int, characters: int, count: int
) -> None:
    people = People(base=0.3, same=0.6, seed=seed)
    clouds = [people.faces(name, count) for name in NAMES[:characters]]
    unit = unit_distance(0.45)
    chosen = choose_queries(clouds, unit=unit)
    centroids = [normalised(c.mean(axis=0, dtype=np.float64)) for c in clouds]
    floor = 0.25 * unit
    assert (
        objective(chosen, clouds, floor=floor) >= objective(centroids, clouds, floor=floor) - 1e-6
    )
    for queries, centroid, cloud in zip(chosen, centroids, clouds, strict=True):
        assert internal_distance(queries, cloud) <= 1.1 * internal_distance(centroid, cloud) + 1e-6
        assert np.linalg.norm(queries, axis=1) == pytest.approx(1, abs=1e-5)


def test_somebody_with_two_looks_gets_two_queries() -> None:
    people = People(base=0.1, same=0.9, seed=3)
    two_looks = np.concatenate([people.faces("young", 8), people.faces("old", 8)])
    chosen = choose_queries([two_looks, people.faces("other", 8)], unit=unit_distance(0.45))
    assert [len(queries) for queries in chosen] == [2, 1]


# What is in the library --------------------------------------------------------------------------


def test_a_library_of_portraits_fits_its_tables() -> None:
    film = _empty()
    made = build_library(_portraits(People(0.1, 0.7), NAMES), film.faceprints, film.faces)
    library = check_frame(table("library"), made.library, "test")
    check_frame(table("portraits"), made.portraits, "test")
    assert library["character"].to_list() == NAMES
    assert library["faces"].to_list() == [2] * 6
    assert made.rounds == 0
    assert not made.put_aside


def test_faces_of_the_series_join_whose_track_is_surely_the_character() -> None:
    people, film = People(0.05, 0.75, seed=5), Film()
    given_portraits = _portraits(people, NAMES)
    for at, name in enumerate(NAMES):
        film.track(f"t-{name}", people.faces(name, 4), at=10 * at)
    film.track("t-stranger", people.faces("Stranger", 4), at=100)
    made = build_library(given_portraits, film.faceprints, film.faces)
    found = made.portraits.filter(pl.col("origin") == "found")
    assert {face.split("-")[2] for face in found["portrait"]} == set(NAMES)
    assert all(name in face for face, name in found.select("portrait", "character").iter_rows()), (
        "nobody joined somebody else"
    )
    assert 1 <= made.rounds <= 3


def test_faces_beside_others_and_poor_faces_do_not_join() -> None:
    people, film = People(0.05, 0.75, seed=5), Film()
    given_portraits = _portraits(people, NAMES[:2])
    film.track("left", people.faces("Ada", 3), at=0)
    film.track("right", people.faces("Ben", 3), at=0)
    film.track("poor", people.faces("Ada", 3), at=20, quality=0.1)
    made = build_library(given_portraits, film.faceprints, film.faces)
    assert (made.portraits["origin"] == "given").all()


def test_found_faces_cannot_move_a_character_onto_another() -> None:
    """A chain of faces leads from Ada to Ben; it must end before Ben's own portraits."""
    people, film = People(0.0, 0.9, seed=8), Film()
    given_portraits = _portraits(people, ["Ada", "Ben"], each=3)
    ada, ben = people.faces("Ada", 1)[0], people.faces("Ben", 1)[0]
    for step in range(11):
        middle = normalised(np.stack([(1 - step / 10) * ada + step / 10 * ben])).astype(np.float32)
        film.track(f"step-{step:02}", np.repeat(middle, 2, axis=0), at=10 * step)
    settings = LibrarySettings(rounds=10, sure_score=0.45, sure_margin=1.0)
    made = build_library(given_portraits, film.faceprints, film.faces, settings)
    found = made.portraits.filter(pl.col("origin") == "found")
    steps = {
        name: sorted(int(face.split("-")[2]) for face in rows["portrait"])
        for (name,), rows in found.group_by("character")
    }
    assert max(steps["Ada"]) <= 5 <= min(steps["Ben"])


def test_the_same_picture_twice_counts_once() -> None:
    people = People(0.1, 0.7)
    row = people.faces("Ada", 1)[0]
    rows = [
        ("a.jpg", "Ada", row),
        ("b.jpg", "Ada", row),
        ("c.jpg", "Ben", people.faces("Ben", 1)[0]),
    ]
    made = build_library(portraits(rows), _empty().faceprints, _empty().faces)
    assert made.put_aside == {"b.jpg": "the same picture as a.jpg"}
    assert made.library["faces"].to_list() == [1, 1]


def test_a_portrait_of_somebody_else_is_put_aside_and_named() -> None:
    people = People(0.05, 0.8, seed=2)
    rows = [
        (f"{n}_{k}", n, row) for n in ("Ada", "Ben") for k, row in enumerate(people.faces(n, 3))
    ]
    rows.append(("Ada_wrong", "Ada", people.faces("Ben", 1)[0]))
    made = build_library(portraits(rows), _empty().faceprints, _empty().faces)
    assert list(made.put_aside) == ["Ada_wrong"]
    assert "looks like Ben" in made.put_aside["Ada_wrong"]


def test_two_characters_with_one_portrait_are_reported() -> None:
    people = People(0.1, 0.7)
    row = people.faces("Ada", 1)[0]
    rows = [("a.jpg", "Neville", row), ("b.jpg", "Neville Longbottom", row)]
    made = build_library(portraits(rows), _empty().faceprints, _empty().faces)
    assert any("One person under two names" in warning for warning in made.warnings)
    assert any("one picture only" in warning for warning in made.warnings)


def test_no_portraits_make_an_empty_library_and_a_warning() -> None:
    made = build_library(portraits([]), _empty().faceprints, _empty().faces)
    check_frame(table("library"), made.library, "test")
    assert not made.library.height
    assert made.warnings


def test_the_plain_centroid_of_the_paper_is_not_normalised() -> None:
    made = build_library(
        _portraits(People(0.1, 0.7), NAMES),
        _empty().faceprints,
        _empty().faces,
        LibrarySettings(paper=True),
    )
    lengths = np.linalg.norm(made.library["embedding"].to_numpy(), axis=1)
    assert (lengths < 0.98).all()
    assert lengths == pytest.approx(made.library["coherence"].to_numpy(), abs=1e-5)


def test_the_order_of_portraits_changes_nothing() -> None:
    people = People(0.1, 0.7, seed=4)
    rows = [(f"{n}_{k}", n, row) for n in NAMES[:3] for k, row in enumerate(people.faces(n, 2))]
    film = _empty()
    made = [
        build_library(portraits(order), film.faceprints, film.faces).library
        for order in (rows, rows[::-1])
    ]
    assert made[0].equals(made[1])


# The threshold -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("base", "same"), [(0.05, 0.6), (0.3, 0.7), (0.8, 0.93)])
def test_the_threshold_follows_the_bank_whatever_the_embedder(base: float, same: float) -> None:
    people, film = People(base, same, seed=6), _empty()
    cast = [f"{a}{b}" for a, b in itertools.product("ABCDE", "123456")]
    settings = LibrarySettings(prior=base + 0.03)
    made = build_library(_portraits(people, cast, each=6), film.faceprints, film.faces, settings)
    assert base < made.threshold.value < (same + 1) / 2
    assert made.threshold.genuine_accepted is not None
    assert made.threshold.impostors_accepted is not None
    assert made.threshold.genuine_accepted > 0.95
    assert made.threshold.impostors_accepted < 0.12


def test_with_little_data_the_threshold_stays_near_the_engines_own() -> None:
    film = _empty()
    made = build_library(_portraits(People(0.05, 0.6), NAMES[:1]), film.faceprints, film.faces)
    assert made.threshold.value == LEAST_SCORE
    assert made.threshold.impostors == 0
    assert made.threshold.impostors_accepted is None


def test_an_engines_own_threshold_that_fits_nobody_here_is_left() -> None:
    people, film = People(0.8, 0.95, seed=3), _empty()
    made = build_library(_portraits(people, NAMES[:4]), film.faceprints, film.faces)
    assert made.threshold.impostors == 8
    assert made.threshold.impostors_accepted is not None
    assert made.threshold.impostors_accepted <= 0.3
    assert made.threshold.genuine_accepted == 1


def test_people_who_all_differ_do_not_make_the_threshold_careless() -> None:
    people, film = People(0.0, 0.7, seed=4), _empty()
    made = build_library(_portraits(people, NAMES, each=6), film.faceprints, film.faces)
    assert 0.35 <= made.threshold.value <= 0.45


def test_faces_in_one_frame_are_impostors_for_free() -> None:
    people, film = People(0.75, 0.93, seed=7), Film()
    given_portraits = _portraits(people, ["Ada", "Ben"])
    alone = build_library(given_portraits, film.faceprints, film.faces)
    for at in range(40):
        film.track(f"ada-{at}", people.faces("Ada", 2), at=10 * at)
        film.track(f"extra-{at}", people.faces(f"extra {at}", 2), at=10 * at)
    made = build_library(given_portraits, film.faceprints, film.faces)
    assert made.threshold.impostors > alone.threshold.impostors + 30
    assert made.threshold.impostors_accepted is not None
    assert made.threshold.impostors_accepted <= 0.25


@given(st.floats(-0.5, 0.95), st.lists(st.floats(-1, 1), min_size=2, max_size=8))
def test_scores_on_the_common_scale_keep_their_order_and_0_45_is_just_accepted(
    threshold: float, similarities: list[float]
) -> None:
    ordered = np.sort(np.array(similarities))
    scores = common_score(ordered, threshold)
    assert (np.diff(scores) >= 0).all()
    assert ((scores >= -1) & (scores <= 1)).all()
    assert common_score(threshold, threshold) == pytest.approx(LEAST_SCORE)
    assert common_score(1.0, threshold) == pytest.approx(1)


def test_a_bank_read_from_its_table_gives_the_same_similarities() -> None:
    people, film = People(0.05, 0.7, seed=9), _empty()
    made = build_library(_portraits(people, NAMES, each=9), film.faceprints, film.faces)
    bank = Bank.read(made.library)
    assert bank is not None
    faces = people.faces("Ada", 3)
    queries = made.library["embedding"].to_numpy()
    assert bank.similarities(faces).max(axis=1) == pytest.approx((faces @ queries.T).max(axis=1))
    assert bank.queries.shape[1] == SIZE
