"""The cast: folders and lists of strangers, portraits of any kind, a draft from the credits."""

from __future__ import annotations

import io
import json
import struct
import tomllib
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from castline.engines.base import TextFound
from castline.errors import InputError
from castline.people.cast import Cast, Member, cast_frame, read_cast
from castline.people.credits import draft_cast, write_cast_draft
from castline.people.portraits import read_portrait
from castline.tables.catalog import table
from castline.tables.schema import check_frame


def picture(path: Path, shade: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (20, 20), (shade, 0, 0)).save(path)
    return path


def listed(folder: Path, content: str | bytes, name: str = "cast.toml") -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


# Folders


def test_a_folder_names_its_characters_by_files_and_folders(tmp_path: Path) -> None:
    files = ["Anna_1.png", "Anna_2.png", "Dr. Élodie Roux.png", "甄嬛_12.png", "Walter/b.png"]
    for shade, name in enumerate([*files, "Walter/a.png", "Walter.png", "R2_D2.png"]):
        picture(tmp_path / name, shade)
    found = {each.name: [p.name for p in each.portraits] for each in read_cast(tmp_path).members}
    assert found == {
        "Anna": ["Anna_1.png", "Anna_2.png"],
        "Dr. Élodie Roux": ["Dr. Élodie Roux.png"],
        "R2_D2": ["R2_D2.png"],
        "Walter": ["a.png", "b.png", "Walter.png"],
        "甄嬛": ["甄嬛_12.png"],
    }


def test_other_files_of_a_folder_are_ignored_with_a_word_and_hidden_ones_without(
    tmp_path: Path,
) -> None:
    picture(tmp_path / "Anna.png")
    for name in ("notes.txt", ".hidden.png"):
        (tmp_path / name).write_text("x")
    (tmp_path / "Empty").mkdir()
    cast = read_cast(tmp_path)
    assert [each.name for each in cast.members] == ["Anna"]
    assert [problem.split("'")[1] for problem in cast.problems] == ["Empty", "notes.txt"]


def test_an_empty_cast_is_allowed_with_a_warning(tmp_path: Path) -> None:
    (problem,) = read_cast(tmp_path).problems
    assert "the cast is empty" in problem
    for name in ("c.toml", "c.yaml", "c.json", "c.csv"):
        assert read_cast(listed(tmp_path, "[]" if name == "c.json" else "", name)).members == ()


def test_links_that_lead_out_of_the_folder_are_refused(tmp_path: Path) -> None:
    outside = picture(tmp_path / "outside" / "x.png")
    folder = tmp_path / "cast"
    folder.mkdir()
    (folder / "Anna.png").symlink_to(outside)
    with pytest.raises(InputError, match="leads out of the folder"):
        read_cast(folder)
    path = listed(folder, '[[cast]]\nname = "A"\nportraits = ["Anna.png"]')
    with pytest.raises(InputError, match="leads out of the folder"):
        read_cast(path)


# Lists

ANNA = {
    "name": "Anna",
    "other_names": ["Mrs Harlow", "Annie"],
    "actor": "Mary Poe",
    "kind": "narrator",
    "portraits": ["a.png", "more/b.png"],
}
LISTS = {
    "cast.toml": """
        [[cast]]
        name = "Anna"
        other_names = ["Mrs Harlow", "Annie"]
        actor = "Mary Poe"
        kind = "narrator"
        portraits = ["a.png", "more/b.png"]
        [[cast]]
        name = "Otto"
    """,
    "cast.yaml": """
- name: Anna
  other_names: [Mrs Harlow, Annie]
  actor: Mary Poe
  kind: narrator
  portraits: [a.png, more/b.png]
- name: Otto
""",
    "cast.json": json.dumps({"cast": [ANNA, {"name": "Otto"}]}),
    "cast.csv": "\ufeffName,actor,kind,other_names,portraits\r\n"
    "Anna,Mary Poe,narrator,Mrs Harlow; Annie,a.png;more/b.png\r\n,,,,\r\nOtto,,,,\r\n",
}


@pytest.mark.parametrize("name", LISTS)
def test_every_kind_of_list_says_the_same(tmp_path: Path, name: str) -> None:
    portraits = (picture(tmp_path / "a.png", 1), picture(tmp_path / "more" / "b.png", 2))
    cast = read_cast(listed(tmp_path, LISTS[name], name))
    assert cast == Cast(
        (
            Member("Anna", ("Mrs Harlow", "Annie"), "Mary Poe", "narrator", portraits),
            Member("Otto"),
        )
    )


def test_a_spreadsheet_with_semicolons_is_read(tmp_path: Path) -> None:
    text = "name;actor;other_names\n甄嬛;孙俪;莞贵人|熹贵妃\n皇帝;陈建斌;皇上\n"
    cast = read_cast(listed(tmp_path, text, "cast.csv"))
    assert cast.members[0] == Member("甄嬛", ("莞贵人", "熹贵妃"), "孙俪")
    with pytest.raises(InputError, match="Save it as 'CSV UTF-8'"):
        read_cast(listed(tmp_path, text.encode("gb18030"), "cast.csv"))


def test_the_cast_fits_its_table(tmp_path: Path) -> None:
    cast = read_cast(listed(tmp_path, '[[cast]]\nname = "Otto"\nother_names = ["O"]'))
    row = check_frame(table("cast"), cast_frame(cast), "cast").to_dicts()[0]
    assert (row["character"], row["other_names"], row["actor"]) == ("Otto", ["O"], None)
    assert (row["kind"], row["faces"], row["source"]) == ("character", 0, "cast")
    assert check_frame(table("cast"), cast_frame(Cast(())), "cast").height == 0


def test_a_cast_without_portraits_and_a_name_of_two_are_warned_of(tmp_path: Path) -> None:
    text = (
        '[[cast]]\nname = "A"\nother_names = ["Doc"]\n[[cast]]\nname = "B"\nother_names = ["doc"]'
    )
    first, second = read_cast(listed(tmp_path, text)).problems
    assert "no character has a portrait" in first
    assert "'doc' may mean 'A' or 'B'" in second


@pytest.mark.parametrize(
    "portrait",
    ["../x.png", "a/../../x.png", "/etc/passwd", "C:\\x.png", "..\\x.png", "\\\\host\\x", "a\0b"],
)
def test_portraits_never_lie_outside_the_folder(tmp_path: Path, portrait: str) -> None:
    picture(tmp_path / "x.png")
    (tmp_path / "cast").mkdir()
    entry = json.dumps([{"name": "A", "portraits": [portrait]}])
    with pytest.raises(InputError, match=r"entry 1: the portrait .* is not below the folder"):
        read_cast(listed(tmp_path / "cast", entry, "cast.json"))


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        ({}, "missing required field `name`"),
        ({"name": 7}, "Expected `str`"),
        ({"name": "A", "age": 7}, "unknown field `age`"),
        ({"name": "A", "kind": "dog"}, "Invalid enum value 'dog'"),
        ({"name": "A", "portraits": "a.png"}, "Expected `array`"),
        ({"name": "A", "portraits": ["a.png"]}, "there is no portrait 'a.png'"),
        ({"name": "A", "portraits": ["a" * 5000]}, "there is no portrait 'aaa"),
        ({"name": "A", "portraits": ["\ud800.png"]}, "there is no portrait"),
        ({"name": "  "}, "a name is empty"),
        ({"name": "A" * 201}, "201 characters"),
        ({"name": "A\nB"}, "cannot be seen"),
        ({"name": "A\u202eB"}, "cannot be seen"),
        ({"name": "A\u200b"}, "cannot be seen"),
        ({"name": "A\u2028B"}, "cannot be seen"),
        ({"name": "Others"}, "a meaning of its own"),
        ({"name": "unknown"}, "a meaning of its own"),
        ({"name": "narrator"}, "a meaning of its own"),
        ("Anna", "Expected `object`"),
    ],
)
def test_what_is_wrong_with_an_entry_is_said_with_its_place(
    tmp_path: Path, entry: Any, problem: str
) -> None:
    path = listed(tmp_path, json.dumps([{"name": "Otto"}, entry]), "cast.json")
    with pytest.raises(InputError, match=r"cast\.json, entry 2: ") as caught:
        read_cast(path)
    assert problem in str(caught.value)


@pytest.mark.parametrize("name", ["../x", "a/b", "=1+1", "<b>A</b>", "C:\\x", "..", "[red]A[/]"])
def test_odd_names_stay_text(tmp_path: Path, name: str) -> None:
    (member,) = read_cast(listed(tmp_path, json.dumps([{"name": name}]), "cast.json")).members
    assert member.name == name


def test_two_characters_of_one_name_or_with_one_portrait_are_both_named(tmp_path: Path) -> None:
    twice = listed(tmp_path, json.dumps([{"name": "Anna"}, {"name": "anna"}]), "twice.json")
    with pytest.raises(InputError, match="two characters are called 'anna' and 'Anna'"):
        read_cast(twice)
    folder = tmp_path / "cast"
    for name in ("Anna.png", "Otto.png"):
        picture(folder / name)
    with pytest.raises(InputError, match=r"'Anna' and 'Otto' have the same portrait"):
        read_cast(folder)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("cast.toml", "[[cast]\nname"),
        ("cast.json", "[" * 100_000),
        ("cast.yaml", "a: &a [*a"),
        ("cast.yaml", "!!python/object/apply:os.system ['true']"),
        ("cast.toml", b"\xff\xfe\x00"),
        ("cast.json", "7"),
        ("cast.csv", "name\nAnna,x,y\n"),
        ("cast.docx", "x"),
    ],
)
def test_broken_lists_are_one_clear_error(tmp_path: Path, name: str, content: str | bytes) -> None:
    with pytest.raises(InputError, match=name):
        read_cast(listed(tmp_path, content, name))


def test_no_such_cast(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        read_cast(tmp_path / "cast.toml")


# Portraits


def saved(image: Image.Image, path: Path, **options: Any) -> npt.NDArray[np.uint8]:
    image.save(path, **options)
    return read_portrait(path)


def test_pictures_of_all_kinds_become_rgb(tmp_path: Path) -> None:
    red = Image.new("RGB", (24, 30), (200, 0, 0))
    for mode, name in [("RGB", "a.png"), ("P", "b.gif"), ("CMYK", "c.jpg"), ("RGBA", "d.webp")]:
        found = saved(red.convert(mode), tmp_path / name)
        assert found.shape == (30, 24, 3)
        assert found.dtype == np.uint8
        assert np.abs(found.mean(axis=(0, 1)) - [200, 0, 0]).max() < 8, name


def test_sixteen_bits_are_scaled_and_transparency_is_white(tmp_path: Path) -> None:
    deep = Image.fromarray(np.full((20, 20), 200 * 256, np.uint16))
    assert saved(deep, tmp_path / "deep.png").tolist() == np.full((20, 20, 3), 200).tolist()
    clear = Image.new("LA", (20, 20), (0, 0))
    assert saved(clear, tmp_path / "clear.png").min() == 255


def test_the_picture_is_turned_as_it_is_meant(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # a quarter turn to the right
    image = Image.new("RGB", (40, 20))
    assert saved(image, tmp_path / "a.jpg", exif=exif).shape == (40, 20, 3)


def test_an_animation_is_its_first_picture(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (20, 20), shade) for shade in ("blue", "white")]
    found = saved(frames[0], tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    assert found[0, 0].tolist() == [0, 0, 255]


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "bomb.png"
    head = b"IHDR" + struct.pack(">IIBBBBB", 9000, 9000, 8, 2, 0, 0, 0)
    checked = head + struct.pack(">I", zlib.crc32(head))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + checked + b"\0\0\0\0IDAT")
    with pytest.raises(InputError, match=r"bomb\.png: 9000 x 9000 pixels are too many"):
        read_portrait(path)


def test_a_picture_too_small_for_a_face_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="too few for a face"):
        saved(Image.new("RGB", (3, 3)), tmp_path / "tiny.png")


@pytest.fixture(scope="module")
def sound_files() -> list[bytes]:
    noise = np.random.default_rng(1).integers(0, 255, (32, 32), np.uint8)
    files = []
    for kind in ("PNG", "JPEG"):
        content = io.BytesIO()
        Image.fromarray(noise).save(content, kind)
        files.append(content.getvalue())
    return files


@given(st.integers(0, 1), st.floats(0.1, 1), st.lists(st.tuples(st.floats(0, 0.999), st.binary())))
def test_damaged_files_are_one_clear_error_or_a_picture(
    tmp_path_factory: pytest.TempPathFactory,
    sound_files: list[bytes],
    kind: int,
    kept: float,
    blows: list[tuple[float, bytes]],
) -> None:
    damaged = bytearray(sound_files[kind])
    for place, blow in blows:
        start = int(place * len(damaged))
        damaged[start : start + len(blow)] = blow
    path = tmp_path_factory.mktemp("damaged") / "a.png"
    path.write_bytes(damaged[: int(kept * len(damaged))])
    try:
        found = read_portrait(path)
    except InputError:
        return
    assert found.shape[2] == 3


def test_other_files_are_no_portraits(tmp_path: Path) -> None:
    path = listed(tmp_path, "%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 99 99\n", "a.png")
    with pytest.raises(InputError, match="no picture that can be read"):
        read_portrait(path)


# The draft from the credits


def written(text: str, left: float, top: float, score: float = 0.95) -> TextFound:
    return TextFound((left, top, left + 8 * len(text), top + 20), text, score)


def test_a_draft_pairs_columns_dots_and_words() -> None:
    page = [
        written("CAST", 300, 10),
        written("John Smith", 400, 52),
        written("Harry", 100, 50),
        written("Ruth ......... Mary Poe", 100, 80),
        written("Ann Lee as The Baker", 100, 110),
        written("孙俪 饰 甄嬛", 100, 140),
        written("Director", 100, 170),
        written("Otto Meyer", 400, 170),
        written("Harry", 100, 200),
        written("John Smith", 400, 200),
        written("smudge ... blot", 100, 230, score=0.3),
        written("1999 ... 2000", 100, 260),
        written("a line by itself", 100, 290),
    ]
    assert [(each.name, each.actor) for each in draft_cast([page, []])] == [
        ("Harry", "John Smith"),
        ("Ruth", "Mary Poe"),
        ("The Baker", "Ann Lee"),
        ("甄嬛", "孙俪"),
    ]


@settings(max_examples=30)
@given(st.lists(st.builds(Member, st.text(min_size=1), actor=st.text(min_size=1) | st.none())))
def test_a_written_draft_is_toml_that_gives_the_names_back(
    tmp_path_factory: pytest.TempPathFactory, members: list[Member]
) -> None:
    path = tmp_path_factory.mktemp("draft") / "cast.toml"
    write_cast_draft(path, members)
    read = tomllib.loads(path.read_bytes().decode())
    found = [(each["name"], each.get("actor")) for each in read.get("cast", [])]
    assert found == [(each.name, each.actor or None) for each in members]


def test_a_draft_can_be_read_as_a_cast(tmp_path: Path) -> None:
    path = tmp_path / "cast.toml"
    write_cast_draft(path, [Member('The "Fox"', actor="A = B"), Member("甄嬛")])
    assert read_cast(path).members == (Member('The "Fox"', actor="A = B"), Member("甄嬛"))
