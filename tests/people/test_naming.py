"""Names on tracks: by vote, with a margin, once a frame, or honestly none."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from castline.engines.base import FaceEngine
from castline.engines.models import load
from castline.errors import InputError
from castline.people.library import LibrarySettings, build_library
from castline.people.naming import NamingSettings, name_tracks
from castline.people.queries import normalised
from castline.tables.catalog import table
from castline.tables.schema import check_frame

from .made_faces import Film, Floats, People, names_of, portraits

CAST = ["Ada", "Ben", "Cleo", "Dov"]


def _library(people: People, names: list[str] = CAST) -> pl.DataFrame:
    rows = [(f"{n}_{k}", n, row) for n in names for k, row in enumerate(people.faces(n, 3))]
    return build_library(portraits(rows), Film().faceprints, Film().faces).library


def _mixed(a: Floats, b: Floats, share: float) -> Floats:
    return normalised((1 - share) * a + share * b).astype(np.float32)


@pytest.mark.parametrize(("base", "same"), [(0.0, 0.6), (0.15, 0.75)])
def test_tracks_are_named_and_strangers_are_not(base: float, same: float) -> None:
    people, film = People(base, same, seed=1), Film()
    library = _library(people)
    for at, name in enumerate([*CAST, "Stranger"]):
        film.track(name, people.faces(name, 5), at=10 * at)
    found = check_frame(
        table("face_names"), name_tracks(film.faceprints, film.faces, library), "test"
    )
    assert names_of(found, film.faces) == {**{n: n for n in CAST}, "Stranger": None}
    named = found.filter(pl.col("character").is_not_null())
    assert (named["score"] >= 0.45).all()
    assert (found.filter(pl.col("character").is_null())["score"] < 0.45).all()


def test_one_bad_face_does_not_change_the_name_of_a_track() -> None:
    people, film = People(0.05, 0.8, seed=2), Film()
    library = _library(people)
    film.track("ada", np.concatenate([people.faces("Ada", 4), people.faces("Ben", 1)]), at=0)
    assert names_of(name_tracks(film.faceprints, film.faces, library), film.faces) == {"ada": "Ada"}


def test_a_face_between_two_characters_gets_no_name() -> None:
    people, film = People(0.05, 0.9, seed=3), Film()
    library = _library(people)
    film.track("both", _mixed(people.faces("Ada", 3), people.faces("Ben", 3), 0.5), at=0)
    found = name_tracks(film.faceprints, film.faces, library)
    assert names_of(found, film.faces) == {"both": None}
    bold = name_tracks(film.faceprints, film.faces, library, NamingSettings(margin=1.0))
    assert names_of(bold, film.faces)["both"] in ("Ada", "Ben")


def test_a_name_is_on_one_of_two_tracks_in_a_frame() -> None:
    people, film = People(0.05, 0.8, seed=4), Film()
    library = _library(people)
    film.track("double", _mixed(people.faces("Ada", 3), people.faces("x", 3), 0.3), at=0)
    film.track("ada", people.faces("Ada", 3), at=0)
    film.track("later", people.faces("Ada", 3), at=20)
    found = names_of(name_tracks(film.faceprints, film.faces, library), film.faces)
    assert found == {"double": None, "ada": "Ada", "later": "Ada"}


def test_next_to_one_twin_stands_the_other() -> None:
    people, film = People(0.0, 0.9, seed=5), Film()
    left, right = people.faces("left", 8), people.faces("right", 8)
    one, other = _mixed(left, right, 0.45), _mixed(left, right, 0.55)
    rows = [("1", "Ann", one[0]), ("2", "Sue", other[0]), ("3", "Max", people.faces("Max", 1)[0])]
    library = build_library(portraits(rows), Film().faceprints, Film().faces).library
    # Ann is seen in a clear light, Sue is about as like the one as the other.
    film.track("clear", left[2:6], at=0)
    film.track("unclear", _mixed(left[2:6], right[2:6], 0.52), at=0)
    film.track("alone", _mixed(left[2:6], right[2:6], 0.52), at=20)
    found = names_of(name_tracks(film.faceprints, film.faces, library), film.faces)
    assert found == {"clear": "Ann", "unclear": "Sue", "alone": None}


def test_faces_without_a_track_or_a_print_are_nobody() -> None:
    people, film = People(0.05, 0.8, seed=6), Film()
    library = _library(people)
    film.track("ada", people.faces("Ada", 3), at=0)
    faces = film.faces.with_columns(
        track=pl.when(pl.col("face") == "0001-ada-2").then(None).otherwise(pl.col("track"))
    )
    prints = film.faceprints.filter(pl.col("face") == "0001-ada-0")
    found = name_tracks(prints, faces, library)
    assert found["character"].to_list() == ["Ada", "Ada", None]
    assert found["score"][2] == 0
    nobody = name_tracks(prints.clear(), faces, library)
    assert nobody["character"].null_count() == 3
    assert name_tracks(prints, faces, library.clear())["character"].null_count() == 3


@given(st.integers(0, 10_000))
def test_no_name_is_ever_twice_in_a_frame(seed: int) -> None:
    rng, film = np.random.default_rng(seed), Film()
    people = People(0.1, 0.5, seed=seed % 50)
    library = _library(people, CAST[:3])
    for number in range(int(rng.integers(1, 9))):
        name = str(rng.choice([*CAST, "Zoe"]))
        rows = people.faces(name, int(rng.integers(1, 5)))
        film.track(f"t{number}", rows, at=int(rng.integers(0, 8)))
    found = name_tracks(
        film.faceprints, film.faces, library, NamingSettings(least_score=-1, margin=1.0)
    )
    seen = found.join(film.faces.select("face", "start_ms"), on="face").drop_nulls("character")
    assert not seen.select("start_ms", "character").is_duplicated().any()


@pytest.mark.slow
def test_drawn_people_are_named_by_the_embedded_engine_and_the_one_left_out_is_not() -> None:
    """Drawn heads lie closer together than photographs: the threshold must follow them."""
    from castline.testing.portraits import head_picture

    try:
        engine: FaceEngine = load("faces", "dlib")
    except InputError as error:
        pytest.skip(f"no weights for the embedded face engine: {error}")

    def look(person: int, number: int) -> Floats:
        turn = np.random.default_rng([person, number]).uniform(-1, 1, 2)
        picture = head_picture(
            person,
            height=180,
            yaw=18 * turn[0],
            pitch=5 * turn[1],
            mouth=number % 3 / 3,
            seed=number,
        )
        found = engine.detect(picture, smallest=60)
        assert len(found) == 1
        described: Floats = engine.embed(picture, found)[0]
        return described

    cast, stranger = list(range(7)), 7
    film = Film()
    given_rows = [(f"{p}_{k}", f"P{p}", look(p, k)) for p in cast for k in range(2)]
    for at, person in enumerate([*cast, stranger, *cast, stranger]):
        rows = np.stack([look(person, 10 * (1 + at // 8) + k) for k in range(4)])
        film.track(f"P{person}-{at // 8}", rows, at=10 * at)
    prior = LibrarySettings(prior=0.92)
    library = build_library(portraits(given_rows), film.faceprints, film.faces, prior).library
    found = names_of(name_tracks(film.faceprints, film.faces, library), film.faces)
    assert found == {
        track: None if track.startswith("P7") else track.partition("-")[0] for track in found
    }
