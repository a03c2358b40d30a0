from __future__ import annotations

import errno
import os
import stat
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from castline.errors import InputError, StorageError
from castline.files import (
    is_scrap,
    read_bytes,
    remove_scraps,
    safe_name,
    scrap,
    storage_errors,
    write_atomically,
)


@given(st.text(st.characters(codec=None), max_size=200))
def test_a_strangers_name_becomes_one_file_name_that_stays_in_its_folder(name: str) -> None:
    safe = safe_name(name)
    assert safe not in ("", ".", "..")
    assert not set(safe) & set('/\\:*?"<>|\0\n')
    assert not safe.startswith((".", " "))
    assert not safe.endswith((".", " "))
    assert len(safe.encode()) <= 120
    assert (Path("/a/b") / safe).parent == Path("/a/b")
    assert safe_name(safe) == safe


@pytest.mark.parametrize("name", ["甄嬛", "O'Dara, Niamh", "阿兰·韦德", "नूर", "0003"])
def test_names_of_every_script_stay_readable(name: str) -> None:
    assert safe_name(name) == unicodedata.normalize("NFC", name)


def test_a_long_name_is_cut_between_characters_and_not_at_a_dot() -> None:
    assert safe_name("甄" * 100) == "甄" * 40
    assert safe_name("a" * 119 + ". b") == "a" * 119


def test_a_file_is_replaced_whole_and_no_scrap_stays(tmp_path: Path) -> None:
    place = tmp_path / "deep" / "file"
    write_atomically(place, b"old")
    write_atomically(place, memoryview(b"new"))
    assert place.read_bytes() == b"new"
    assert [each.name for each in place.parent.iterdir()] == ["file"]


def test_a_written_file_has_the_usual_permissions(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write_atomically(tmp_path / "file", b"")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o640


def test_the_old_content_stands_when_the_disk_refuses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "file"
    write_atomically(place, b"old")

    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageError, match="disk is full: free some space") as caught:
        write_atomically(place, b"new")
    assert str(place) in str(caught.value)
    assert isinstance(caught.value.__cause__, OSError)
    assert place.read_bytes() == b"old"
    assert [each.name for each in tmp_path.iterdir()] == ["file"]


def test_an_interrupt_leaves_no_scrap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(_descriptor: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_atomically(tmp_path / "file", b"new")
    assert not list(tmp_path.iterdir())


def test_a_file_in_the_place_of_a_folder_is_a_storage_error(tmp_path: Path) -> None:
    (tmp_path / "taken").write_bytes(b"")
    with pytest.raises(StorageError, match="taken"):
        write_atomically(tmp_path / "taken" / "file", b"")


@pytest.mark.parametrize(
    ("number", "remedy"),
    [
        (errno.ENOSPC, "free some space"),
        (errno.EDQUOT, "free some space"),
        (errno.EROFS, "read-only"),
        (errno.EACCES, "who owns"),
        (errno.EFBIG, "raise the limit"),
    ],
)
def test_a_refusal_of_the_disk_names_the_file_and_the_way_out(number: int, remedy: str) -> None:
    with pytest.raises(StorageError, match=remedy) as caught, storage_errors(Path("a/b"), "write"):
        raise OSError(number, os.strerror(number))
    assert str(caught.value).startswith(f"{Path('a/b')}: cannot write")


def test_reading_what_is_not_there_or_is_a_folder_is_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        read_bytes(tmp_path / "nothing")
    with pytest.raises(InputError, match="is a folder"):
        read_bytes(tmp_path)


def test_scraps_of_killed_runs_are_removed_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    for name in ("deep/.other.part", "deep/x.part", "deep/.castline-x.partial", ".castline-"):
        (tmp_path / name).write_bytes(b"kept")
    with scrap(tmp_path / "deep" / "file", b"half") as left:
        assert is_scrap(left)
        remove_scraps(tmp_path)
        assert left.exists(), "only in the folder itself, unless asked"
        remove_scraps(tmp_path, below=True)
        assert not left.exists()
    assert len([each for each in tmp_path.rglob("*") if each.is_file()]) == 4
