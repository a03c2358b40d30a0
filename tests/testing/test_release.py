from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from castline.testing.dramasr import write_release
from castline.testing.series import SyntheticSeries

Contents = Callable[[Path], dict[str, bytes]]


def read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def test_the_folder_holds_the_files_of_the_release(kept_release: Path, contents: Contents) -> None:
    episodes = ("0001", "0002", "0003")
    assert set(contents(kept_release)) == {
        *(f"subtitle_data/{episode}.json" for episode in episodes),
        *(f"face_data/{episode}.json" for episode in episodes),
        *(f"sv_embedding/{episode}.npy" for episode in episodes),
        "face_data/face_info.json",
        "relation.json",
        "init_seeds_1pct.json",
    }


def test_lines_have_the_fields_of_the_release(kept_release: Path) -> None:
    content = read(kept_release / "subtitle_data" / "0002.json")
    assert list(content) == ["episode_idx", "objects", "object_list"]
    assert content["episode_idx"] == 1
    assert list(content["object_list"]) == [str(n) for n in range(content["objects"])]
    line = content["object_list"]["4"]
    assert set(line) == {
        "episode_idx", "object_idx", "start_time", "end_time", "start_frame", "end_frame",
        "geometry", "text", "character",
    }  # fmt: skip
    assert (line["episode_idx"], line["object_idx"], line["geometry"]) == (1, 4, {})
    assert len(line["start_time"]) == 12
    hours, minutes, seconds = line["start_time"].split(":")
    in_seconds = int(hours) * 3600 + int(minutes) * 60 + float(seconds)
    assert line["start_frame"] == round(in_seconds * 25)


def test_faces_have_the_fields_of_the_release(kept_release: Path) -> None:
    content = read(kept_release / "face_data" / "0003.json")
    face = content["object_list"]["0"]
    assert face["start_time"] == face["end_time"]
    assert face["ids"] == face["geometry"]["active_frames"] == 1
    shown = face["geometry"]["active_frame_list"]["0"]
    assert shown["frame"] == face["start_frame"]
    assert list(shown["box"]) == ["0", "1", "2", "3"]
    assert shown["box"]["0"] < shown["box"]["2"]
    assert set(face["id_list"]["0"]) == {"name", "score", "source"}
    assert round(face["id_list"]["0"]["score"], 3) == face["id_list"]["0"]["score"]


def test_voiceprints_are_rows_of_32_bit_floats(kept_release: Path, small: SyntheticSeries) -> None:
    array = np.load(kept_release / "sv_embedding" / "0001.npy", allow_pickle=False)
    assert array.dtype == np.float32
    assert np.array_equal(array, small.episodes[0].voices["embedding"].to_numpy())


def test_the_library_lists_everybody_but_the_narrator(
    kept_release: Path, small: SyntheticSeries
) -> None:
    library = read(kept_release / "face_data" / "face_info.json")
    assert set(library) == {
        "actor_name", "role_name", "actor_to_role", "role_dirname", "role_name_variants",
    }  # fmt: skip
    assert list(library["role_name_variants"]) == small.cast["character"].to_list()[:-1]
    assert set(library["actor_to_role"].values()) <= set(library["role_name_variants"])


def test_seeds_count_lines_over_the_whole_series(
    kept_release: Path, small: SyntheticSeries
) -> None:
    content = read(kept_release / "init_seeds_1pct.json")
    assert set(content) == {"characters", "character_list", "character_dict", "utterance_label"}
    labels = content["utterance_label"]
    assert len(labels) == 90
    truth = small.table("truth")["speaker"].to_list()
    names = {each["code"]: each["name"] for each in content["character_list"]}
    seeds = [number for number, label in enumerate(labels) if label["is_gt"]]
    assert len(seeds) == small.seeds.height
    assert [names[labels[number]["code"]] for number in seeds] == [truth[n] for n in seeds]
    assert all(label["code"] == -1 and label["rel_info"] == [] for label in labels
               if not label["is_gt"])  # fmt: skip
    counts = [truth.count(each["name"]) for each in content["character_list"]]
    assert counts == sorted(counts, reverse=True)
    assert [each["is_global"] for each in content["character_list"]].count(True) == 1


def test_a_streamed_release_has_the_same_bytes(
    kept_release: Path, small: SyntheticSeries, tmp_path: Path, contents: Contents
) -> None:
    assert contents(write_release(small.shape, tmp_path / "s")) == contents(kept_release)
