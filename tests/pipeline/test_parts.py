from __future__ import annotations

from pathlib import Path

import polars as pl

from castline.pipeline.parts import Parts

FRAMES = {"a": pl.DataFrame({"x": [1, 2]}), "b": pl.DataFrame({"y": ["é"]})}


def test_a_sealed_part_comes_back_as_it_was(tmp_path: Path) -> None:
    Parts(tmp_path, "look e1", "k" * 64).put(3, FRAMES)
    found = Parts(tmp_path, "look e1", "k" * 64).get(3)
    assert found is not None
    assert found.keys() == FRAMES.keys()
    assert all(found[name].equals(FRAMES[name]) for name in FRAMES)


def test_a_part_that_was_never_sealed_is_none(tmp_path: Path) -> None:
    assert Parts(tmp_path, "look", "k" * 64).get(0) is None


def test_a_torn_part_is_none(tmp_path: Path) -> None:
    parts = Parts(tmp_path, "look", "k" * 64)
    parts.put(0, FRAMES)
    (path,) = tmp_path.rglob("*.part")
    for length in (0, 10, path.stat().st_size - 1):
        content = path.read_bytes()
        path.write_bytes(content[:length])
        assert parts.get(0) is None
        path.write_bytes(content)
    assert parts.get(0) is not None


def test_parts_of_another_key_are_not_taken_and_are_removed(tmp_path: Path) -> None:
    Parts(tmp_path, "look", "a" * 64).put(0, FRAMES)
    other = Parts(tmp_path, "look", "b" * 64)
    assert other.get(0) is None
    other.put(1, FRAMES)
    assert len(list(tmp_path.rglob("*.part"))) == 1


def test_clearing_leaves_nothing_behind_and_harms_no_other_unit(tmp_path: Path) -> None:
    home = tmp_path / "parts"
    one, two = Parts(home, "look e1", "a" * 64), Parts(home, "look e2", "a" * 64)
    one.put(0, FRAMES)
    two.put(0, FRAMES)
    one.clear()
    assert one.get(0) is None
    assert two.get(0) is not None
    two.clear()
    assert not home.exists()


def test_a_unit_cannot_lead_out_of_the_folder(tmp_path: Path) -> None:
    Parts(tmp_path / "parts", "../x", "a" * 64).put(0, FRAMES)
    assert {each.name for each in tmp_path.iterdir()} == {"parts"}
