"""Unknown people who come back are grouped and offered for naming."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from castline.people import strangers
from castline.people.naming import name_tracks
from castline.people.strangers import group_strangers, group_tracks

from .made_faces import Film, People, portraits


def _grouped(film: Film, threshold: float = 0.45) -> dict[str, str | None]:
    """Track to cluster when nobody is known."""
    empty = portraits([]).clear()
    names = name_tracks(film.faceprints, film.faces, empty)
    found = group_strangers(film.faceprints, film.faces, names, threshold)
    assert found.columns == names.columns
    assert found["face"].to_list() == names["face"].to_list()
    joined = found.join(film.faces.select("face", "track", "episode"), on="face")
    return {
        f"{episode}/{track}": cluster
        for episode, track, cluster in joined.select("episode", "track", "cluster").iter_rows()
    }


def test_recurring_people_are_named_by_how_often_they_appear() -> None:
    people, film = People(0.0, 0.7, seed=1), Film()
    for at, name in enumerate(["rare", "often", "often", "once", "rare", "often"]):
        film.track(f"{at}-{name}", people.faces(name, 4), at=10 * at)
    assert _grouped(film) == {
        "0001/0-rare": "face-2",
        "0001/1-often": "face-1",
        "0001/2-often": "face-1",
        "0001/3-once": None,
        "0001/4-rare": "face-2",
        "0001/5-often": "face-1",
    }


def test_a_person_is_one_group_across_episodes() -> None:
    people, film = People(0.0, 0.7, seed=2), Film()
    for episode in ("0001", "0002", "0003"):
        film.track("a", people.faces("waiter", 4), at=0, episode=episode)
        film.track("b", people.faces(f"guest {episode}", 4), at=20, episode=episode)
    found = _grouped(film)
    assert {found[f"{episode}/a"] for episode in ("0001", "0002", "0003")} == {"face-1"}
    assert {found[f"{episode}/b"] for episode in ("0001", "0002", "0003")} == {None}


def test_two_faces_in_one_frame_are_never_one_person() -> None:
    people, film = People(0.0, 0.95, seed=3), Film()
    for name in ("left", "right"):
        film.track(name, people.faces("twin", 4), at=0)
    assert set(_grouped(film).values()) == {None}


def test_named_faces_are_left_alone() -> None:
    people, film = People(0.0, 0.7, seed=4), Film()
    for at, name in enumerate(["ada", "ada", "guest", "guest"]):
        film.track(f"{at}-{name}", people.faces(name, 4), at=10 * at)
    names = name_tracks(film.faceprints, film.faces, portraits([]).clear())
    is_ada = pl.col("face").str.contains("ada")
    names = names.with_columns(character=pl.when(is_ada).then(pl.lit("Ada")))
    found = group_strangers(film.faceprints, film.faces, names, 0.45)
    assert found.filter(is_ada)["cluster"].null_count() == 8
    assert set(found.filter(~is_ada)["cluster"]) == {"face-1"}


@pytest.mark.parametrize("threshold", [0.3, 0.6])
@given(seed=st.integers(0, 1000))
def test_groups_have_two_tracks_or_more_and_none_seen_together(threshold: float, seed: int) -> None:
    rng, people = np.random.default_rng(seed), People(0.1, 0.5, seed=seed)
    tracks = [(f"{rng.integers(3)}", f"t{k}") for k in range(int(rng.integers(0, 12)))]
    prints = {t: people.faces(str(rng.integers(4)), int(rng.integers(1, 4))) for t in tracks}
    together = {
        (a, b) for a in tracks for b in tracks if a < b and a[0] == b[0] and rng.random() < 0.3
    }
    found = group_tracks(prints, together, threshold)
    assert set(found) <= set(tracks)
    for name in set(found.values()):
        assert list(found.values()).count(name) >= 2
    assert not any(found.get(a, a) == found.get(b, b) for a, b in together)


def test_of_thousands_of_passers_by_the_most_seen_are_still_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(strangers, "_MOST", 3)
    people = People(0.0, 0.9, seed=5)
    prints = {("1", f"a{n}"): people.faces("guest", 2) for n in range(3)}
    prints |= {("1", f"b{n}"): people.faces(f"passer-by {n}", 2) for n in range(5)}
    assert group_tracks(prints, set(), 0.45) == {("1", f"a{n}"): "face-1" for n in range(3)}
