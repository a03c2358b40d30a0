"""Import of a release: what is right comes in whole, what is wrong is named and stops no other."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from castline.errors import InputError
from castline.pipeline.progress import Recorder
from castline.project import Project
from castline.sources.recipe import import_dramasr
from castline.testing.dramasr import write_release
from castline.testing.series import SyntheticSeries, make_series

from .conftest import bring_in, edit

EPISODE_TABLES = ("lines", "truth", "faces", "face_names", "voices")
Contents = Callable[[Path], dict[str, bytes]]


def edit_object(path: Path, number: int, **values: Any) -> None:
    edit(path, lambda content: content["object_list"][str(number)].update(values))


def replace_bytes(path: Path, old: bytes, new: bytes) -> None:
    content = path.read_bytes()
    assert old in content
    path.write_bytes(content.replace(old, new, 1))


def change_array(path: Path, change: Callable[[Any], Any]) -> None:
    np.save(path, change(np.load(path)))


def make_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def pickled(path: Path) -> None:
    np.save(path, np.array([{"a": 1}], dtype=object), allow_pickle=True)


def zipped(path: Path) -> None:
    array = np.load(path)
    with path.open("wb") as stream:
        np.savez(stream, array)


LINES, FACES, VOICES = "subtitle_data/0002.json", "face_data/0002.json", "sv_embedding/0002.npy"
DAMAGES: dict[str, tuple[str, Callable[[Path], object], str]] = {
    "a line ends before it starts": (
        LINES,
        lambda p: edit_object(p, 3, start_time="00:20:00.000", end_time="00:19:59.000"),
        r"object 3: the line ends \(00:19:59.000\) before it starts \(00:20:00.000\)",
    ),
    "a time is none": (
        LINES,
        lambda p: edit_object(p, 4, end_time="00:61:00.000"),
        r"object 4, end_time: '00:61:00.000' has 60 or more",
    ),
    "the episode file is missing": (LINES, Path.unlink, "the file does not exist"),
    "the episode file is a folder": (LINES, make_folder, "is a folder, expected a file"),
    "the face file is missing": (FACES, Path.unlink, "the file does not exist"),
    "the voice file is missing": (VOICES, Path.unlink, "the file does not exist"),
    "an id occurs twice": (
        LINES,
        lambda p: replace_bytes(p, b'"5":{"episode_idx"', b'"4":{"episode_idx"'),
        r"object_list: 'objects' says \d+, found \d+ different ids",
    ),
    "an id is missing": (
        LINES,
        lambda p: replace_bytes(p, b'"5":{"episode_idx"', b'"05":{"episode_idx"'),
        r"object_list: no object has the id '5'",
    ),
    "an id is not its key": (
        LINES,
        lambda p: edit_object(p, 5, object_idx=4),
        r"object 5: 'object_idx' is 4, expected 5",
    ),
    "the JSON is cut": (
        LINES,
        lambda p: p.write_bytes(p.read_bytes()[:2000]),
        r"broken JSON .* copy it again",
    ),
    "the faces are cut": (
        FACES,
        lambda p: p.write_bytes(p.read_bytes()[:-1]),
        r"broken JSON .* copy it again",
    ),
    "the JSON is empty": (LINES, lambda p: p.write_bytes(b""), "broken JSON"),
    "the JSON is a list": (LINES, lambda p: p.write_bytes(b"[]"), "Expected `object`, got `array`"),
    "the JSON is very deep": (LINES, lambda p: p.write_bytes(b'{"a":' * 99_999), "broken JSON"),
    "the text is not UTF-8": (
        LINES,
        lambda p: replace_bytes(p, b'"text":"', b'"text":"\xc4\xe3\xba\xc3'),
        r"broken JSON \('utf-8' codec can't decode",
    ),
    "a field is missing": (
        LINES,
        lambda p: edit(p, lambda c: c["object_list"]["7"].pop("text")),
        r"object_list\[\.\.\.\]: Object missing required field `text`",
    ),
    "a field is of another type": (
        LINES,
        lambda p: edit_object(p, 7, character=None),
        r"Expected `str`, got `null`",
    ),
    "the file is that of another episode": (
        LINES,
        lambda p: edit(p, lambda c: c.update(episode_idx=4)),
        r"'episode_idx' is 4, expected 1 for a file of this name",
    ),
    "the faces are those of another episode": (
        FACES,
        lambda p: edit(p, lambda c: c.update(episode_idx=0)),
        r"'episode_idx' is 0, expected 1",
    ),
    "a face has no name": (
        FACES,
        lambda p: edit_object(p, 2, id_list={}),
        r"object 2: 'id_list' is empty",
    ),
    "a face has no time": (
        FACES,
        lambda p: edit_object(p, 2, start_time="soon"),
        r"object 2, start_time: 'soon' is no time",
    ),
    "a score is far out": (
        FACES,
        lambda p: edit_object(p, 2, id_list={"0": {"name": "x", "score": 7.5}}),
        r"column 'score' of table 'face_names' holds 7.5 in row 2",
    ),
    "a voiceprint is missing": (
        VOICES,
        lambda p: change_array(p, lambda a: a[:-1]),
        r"\d+ rows, expected \d+: one for each line",
    ),
    "voiceprints are too short": (
        VOICES,
        lambda p: change_array(p, lambda a: a[:, :-1]),
        r"voiceprints have 15 numbers, expected 16",
    ),
    "voiceprints have three dimensions": (
        VOICES,
        lambda p: change_array(p, lambda a: a[:, :, None]),
        r"expected rows of floats, found float32 of shape",
    ),
    "voiceprints are whole numbers": (
        VOICES,
        lambda p: change_array(p, lambda a: a.astype(int)),
        r"expected rows of floats, found int64",
    ),
    "voiceprints are pickled": (VOICES, pickled, "not a readable NumPy array .*allow_pickle"),
    "voiceprints are an archive": (VOICES, zipped, "expected rows of floats"),
    "voiceprints are cut": (
        VOICES,
        lambda p: p.write_bytes(p.read_bytes()[:500]),
        "not a readable NumPy array .* Copy the file again",
    ),
    "voiceprints are empty": (VOICES, lambda p: p.write_bytes(b""), "not a readable NumPy array"),
    "voiceprints are text": (VOICES, lambda p: p.write_bytes(b"hello"), "not a readable NumPy"),
}


def without_source(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.drop("source")


def seeded(project: Project) -> pl.DataFrame:
    return project.store.read("seeds", variant="given")


def assert_same_episode(project: Project, other: Project, episode: str) -> None:
    for name in EPISODE_TABLES:
        assert_frame_equal(project.store.read(name, episode), other.store.read(name, episode))


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_broken_episode_is_named_and_all_else_is_imported(
    damage: str, release: Path, tmp_path: Path, imported: Project
) -> None:
    file, change, expected = DAMAGES[damage]
    change(release / file)
    outcome = bring_in(release, tmp_path / "p")
    assert list(outcome.failures) == ["import-dramasr 0002"]
    (message,) = outcome.failures.values()
    if "table" not in message:
        assert message.startswith(str(release / file))
    assert pl.Series([message]).str.contains(expected).item(), message
    project = outcome.project
    assert project.episodes() == ["0001", "0003"]
    assert project.store.read("episodes")["episode"].to_list() == ["0001", "0003"]
    for episode in project.episodes():
        assert_same_episode(project, imported, episode)
    placed = seeded(imported).filter(pl.col("episode") != "0002")
    assert_frame_equal(seeded(project), placed)


@pytest.mark.parametrize("damage", ["an id occurs twice", "the face file is missing"])
def test_after_mending_only_what_is_missing_is_made(
    damage: str,
    release: Path,
    kept_release: Path,
    tmp_path: Path,
    imported: Project,
    contents: Contents,
) -> None:
    file, change, _ = DAMAGES[damage]
    change(release / file)
    assert bring_in(release, tmp_path / "p").failures
    shutil.copy(kept_release / file, release / file)
    outcome = bring_in(release, tmp_path / "p")
    assert list(outcome.made) == [
        "import-dramasr 0002",
        "import-dramasr-cast series",
        "import-dramasr-seeds series",
    ]
    assert contents(outcome.project.folder) == contents(imported.folder)
    assert bring_in(release, tmp_path / "p").made == {}


def test_an_episode_that_breaks_later_keeps_its_older_tables(
    release: Path, tmp_path: Path, imported: Project
) -> None:
    bring_in(release, tmp_path / "p")
    change_array(release / VOICES, lambda array: array[:-1])
    outcome = bring_in(release, tmp_path / "p")
    assert list(outcome.failures) == ["import-dramasr 0002"]
    assert_same_episode(outcome.project, imported, "0002")


def test_two_broken_episodes_leave_no_place_for_the_seeds(release: Path, tmp_path: Path) -> None:
    for name in ("0001", "0003"):
        (release / "sv_embedding" / f"{name}.npy").unlink()
    outcome = bring_in(release, tmp_path / "p")
    assert list(outcome.failures) == [
        "import-dramasr 0001",
        "import-dramasr 0003",
        "import-dramasr-seeds series",
    ]
    assert "Missing: episodes 0001, 0003" in outcome.failures["import-dramasr-seeds series"]
    assert outcome.project.episodes() == ["0002"]


def test_voiceprints_that_are_no_numbers_or_zero_are_warned_of_and_kept(
    release: Path, tmp_path: Path
) -> None:
    def spoil(array: Any) -> Any:
        array[0], array[4, 3], array[5, 0] = 0, np.nan, np.inf
        return array

    change_array(release / VOICES, spoil)
    outcome = bring_in(release, tmp_path / "p")
    (warning,) = outcome.warnings
    assert warning.startswith(f"{release / VOICES}: 3 lines have no usable voiceprint")
    assert "0002-00001, 0002-00005, 0002-00006" in warning
    rows = outcome.project.store.read("voices", "0002")["embedding"].to_numpy()
    assert np.isnan(rows[4, 3])
    assert not rows[0].any()


def test_an_unknown_name_in_the_faces_is_warned_of_and_becomes_a_cluster(
    release: Path, tmp_path: Path
) -> None:
    edit_object(release / FACES, 1, id_list={"0": {"name": "Nobody's", "score": 0.5}})
    outcome = bring_in(release, tmp_path / "p")
    (warning,) = outcome.warnings
    assert warning.startswith(f"{release / FACES}: 1 faces carry a name")
    assert '"Nobody\'s"' in warning
    row = outcome.project.store.read("face_names", "0002").row(1, named=True)
    assert (row["character"], row["cluster"]) == (None, "Nobody's")


@pytest.mark.parametrize("broken", ["character", "code"])
def test_an_unknown_character_in_the_seeds_fails_the_seeds_alone(
    broken: str, release: Path, tmp_path: Path
) -> None:
    def change(content: dict[str, Any]) -> None:
        if broken == "character":
            content["character_list"][0]["name"] = "Stranger"
        else:
            next(x for x in content["utterance_label"] if x["is_gt"])["code"] = 99

    edit(release / "init_seeds_1pct.json", change)
    outcome = bring_in(release, tmp_path / "p")
    assert list(outcome.failures) == ["import-dramasr-seeds series"]
    (message,) = outcome.failures.values()
    assert message.startswith(f"{release / 'init_seeds_1pct.json'}, utterance_label ")
    assert ("'Stranger'" if broken == "character" else "99") in message
    assert outcome.project.episodes() == ["0001", "0002", "0003"]


def test_seeds_of_another_series_are_refused(release: Path, tmp_path: Path) -> None:
    edit(release / "init_seeds_1pct.json", lambda content: content["utterance_label"].pop())
    outcome = bring_in(release, tmp_path / "p")
    assert list(outcome.failures) == ["import-dramasr-seeds series"]
    assert "the seeds are for 89 lines, the episodes have 90" in str(outcome.failures)


def test_broken_relations_fail_alone(release: Path, tmp_path: Path, imported: Project) -> None:
    (release / "relation.json").write_bytes(b'{"relationship_list": [["A", "B')
    outcome = bring_in(release, tmp_path / "p")
    assert list(outcome.failures) == ["import-dramasr-relations series"]
    assert_frame_equal(seeded(outcome.project), seeded(imported))


def test_a_release_without_relations_is_imported(release: Path, tmp_path: Path) -> None:
    (release / "relation.json").unlink()
    outcome = bring_in(release, tmp_path / "p")
    assert not outcome.failures
    assert not outcome.project.store.exists("relations")


def test_an_empty_episode_is_warned_of_and_imported(
    release: Path, tmp_path: Path, imported: Project
) -> None:
    lost = imported.store.read("lines", "0002").height
    before = imported.store.read("lines", "0001").height
    edit(release / LINES, lambda content: content.update(objects=0, object_list={}))
    edit(release / FACES, lambda content: content.update(objects=0, object_list={}))
    change_array(release / VOICES, lambda array: array[:0])

    def cut(content: dict[str, Any]) -> None:
        del content["utterance_label"][before : before + lost]

    edit(release / "init_seeds_1pct.json", cut)
    outcome = bring_in(release, tmp_path / "p")
    assert not outcome.failures
    assert outcome.warnings == [f"{release / LINES}: the episode has no lines"]
    for name in EPISODE_TABLES:
        assert outcome.project.store.read(name, "0002").height == 0
    placed = seeded(imported).filter(pl.col("episode") != "0002")
    assert_frame_equal(seeded(outcome.project), placed)


def test_a_cast_of_one_is_a_cast(tmp_path: Path) -> None:
    series = make_series(cast=1, lines=12, episodes=1, width=8, narrator=False, extras=0)
    project = bring_in(write_release(series, tmp_path / "s"), tmp_path / "p").project
    assert project.store.read("cast").height == 1
    assert project.store.read("relations").height == 0
    assert_frame_equal(without_source(seeded(project)), without_source(series.seeds))


def test_lines_out_of_order_are_sorted_and_take_voiceprints_and_seeds_along(
    release: Path, tmp_path: Path, imported: Project
) -> None:
    count = imported.store.read("lines", "0002").height
    first = imported.store.read("lines", "0001").height
    order = np.random.default_rng(5).permutation(count).tolist()

    def shuffle(content: dict[str, Any]) -> None:
        old = content["object_list"]
        content["object_list"] = {
            str(place): {**old[str(number)], "object_idx": place}
            for place, number in enumerate(order)
        }

    def follow(content: dict[str, Any]) -> None:
        labels = content["utterance_label"]
        labels[first : first + count] = [labels[first + number] for number in order]

    edit(release / LINES, shuffle)
    change_array(release / VOICES, lambda array: array[order])
    edit(release / "init_seeds_1pct.json", follow)
    outcome = bring_in(release, tmp_path / "p")
    assert outcome.warnings == [
        f"{release / LINES}: lines were out of order and have been sorted by their start"
    ]
    store, straight = outcome.project.store, imported.store
    for name in ("lines", "truth", "voices"):
        ours, theirs = store.read(name, "0002"), straight.read(name, "0002")
        moved = ("line", "number") if name == "lines" else ("line",)
        assert_frame_equal(ours.drop(moved), theirs.drop(moved))
    assert store.read("voices", "0002")["line"].equals(store.read("lines", "0002")["line"])
    truth = pl.concat(store.read("truth", episode) for episode in ("0001", "0002", "0003"))
    joined = seeded(outcome.project).join(truth, on="line")
    assert joined.height == seeded(imported).height
    assert joined["character"].equals(joined["speaker"])


def test_lines_that_overlap_stay_as_they_are(release: Path, tmp_path: Path) -> None:
    at = {"start_time": "00:59:00.000", "end_time": "00:59:02.000"}
    last = len(msgspec.json.decode((release / LINES).read_bytes())["object_list"]) - 1
    for number in (last - 1, last):
        edit_object(release / LINES, number, **at)
    outcome = bring_in(release, tmp_path / "p")
    assert outcome.warnings == []
    lines = outcome.project.store.read("lines", "0002").tail(2)
    assert lines["number"].to_list() == [last - 1, last]
    assert lines["start_ms"].to_list() == [3_540_000] * 2
    assert lines["end_ms"].to_list() == [3_542_000] * 2


def test_a_wrong_folder_is_refused_and_leaves_no_project(tmp_path: Path, release: Path) -> None:
    (tmp_path / "empty").mkdir()
    for folder, message in (
        (tmp_path / "empty", "no folder 'subtitle_data' in it. Give the folder of one series"),
        (tmp_path / "nowhere", "no folder 'subtitle_data' in it"),
        (release / "face_data", "no folder 'subtitle_data' in it"),
    ):
        with pytest.raises(InputError, match=message) as caught:
            import_dramasr(folder, tmp_path / "p")
        assert caught.value.path == folder
    shutil.rmtree(release / "subtitle_data")
    (release / "subtitle_data").mkdir()
    with pytest.raises(InputError, match="no episode files"):
        import_dramasr(release, tmp_path / "p")
    assert not (tmp_path / "p").exists()


@pytest.mark.parametrize("content", [None, b"{", b"{}", b'{"role_name_variants": ["A"]}'])
def test_a_broken_face_library_is_refused_and_leaves_no_project(
    content: bytes | None, release: Path, tmp_path: Path
) -> None:
    library = release / "face_data" / "face_info.json"
    library.unlink() if content is None else library.write_bytes(content)
    with pytest.raises(InputError) as caught:
        import_dramasr(release, tmp_path / "p")
    assert caught.value.path == library
    assert not (tmp_path / "p").exists()


def test_a_dry_run_says_what_would_be_done_and_does_nothing(release: Path, tmp_path: Path) -> None:
    project, summary = import_dramasr(release, tmp_path / "p", dry_run=True)
    assert set(summary.made.values()) == {"not made yet"}
    assert len(summary.made) == 6
    assert project.episodes() == []


def test_a_changed_library_makes_everything_again(release: Path, tmp_path: Path) -> None:
    bring_in(release, tmp_path / "p")
    library = release / "face_data" / "face_info.json"
    edit(library, lambda content: content["role_name_variants"].update(New="New&Newcomer"))
    outcome = bring_in(release, tmp_path / "p")
    assert outcome.made["import-dramasr 0001"] == "input library changed"
    row = outcome.project.store.read("cast").filter(character="New").row(0, named=True)
    assert (row["other_names"], row["faces"]) == (["Newcomer"], 0)


def test_what_the_import_reads_is_what_was_written(
    small: SyntheticSeries, imported: Project
) -> None:
    for name in EPISODE_TABLES:
        for episode in small.episodes:
            found = imported.store.read(name, episode.name)
            assert set(found["source"]) == {"dramasr"}
            assert_frame_equal(without_source(found), without_source(episode.tables()[name]))
    for name, frame in (("cast", small.cast), ("relations", small.relations)):
        assert_frame_equal(without_source(imported.store.read(name)), without_source(frame))
    assert_frame_equal(without_source(seeded(imported)), without_source(small.seeds))
    listed = imported.store.read("episodes")
    assert listed["episode"].equals(small.episode_list["episode"])
    assert Recorder().warnings == []


def test_odd_relations_and_actors_are_left_out_and_cost_nothing_else(
    release: Path, tmp_path: Path
) -> None:
    def oddly(content: dict[str, Any]) -> None:
        content["relationship_list"] += [["A", None, "friend"], ["A", "B"], "C"]

    edit(release / "relation.json", oddly)
    edit(
        release / "face_data" / "face_info.json",
        lambda content: content.update(actor_to_role={"An Actor": ["two", "roles"]}),
    )
    recorder = Recorder()

    project, _ = import_dramasr(release, tmp_path / "p", reporter=recorder)

    assert project.store.read("relations").height > 0
    assert project.store.read("cast")["actor"].null_count() == project.store.read("cast").height
    assert any("3 entries are no triples of names" in warning for warning in recorder.warnings)
