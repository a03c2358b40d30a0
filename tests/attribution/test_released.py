"""The released series of DramaSR: label for label, and the published accuracies.

The archives are not part of the repository; without them these tests are skipped.
"""

from __future__ import annotations

import json
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from castline.attribution.base import Attribution
from castline.attribution.nearness import FaceTimes, Timeline
from castline.attribution.propagation import propagate
from castline.attribution.tight_seeds import find_tight_seeds
from castline.timing import parse_clock

ARCHIVES = Path(__file__).parents[3] / "shared" / "data" / "dramasr"
LONG_NIGHT = "chen_mo_de_zhen_xiang"


@dataclass
class Released:
    folder: Path
    timeline: Timeline
    faces: FaceTimes
    voices: np.ndarray
    names: list[str]
    everywhere: np.ndarray
    seeds: np.ndarray
    truth: list[str]
    known: set[str]


def read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def objects(path: Path) -> list[Any]:
    content = read(path)
    return [content["object_list"][str(i)] for i in range(content["objects"])]


def load(folder: Path) -> Released:
    seeds = read(folder / "init_seeds_1pct.json")
    codes = seeds["character_dict"]
    lines: list[np.ndarray] = []
    faces: list[np.ndarray] = []
    seen: set[str] = set()
    truth: list[str] = []
    shift = 0
    for path in sorted((folder / "subtitle_data").glob("*.json")):
        spoken, shown = objects(path), objects(folder / "face_data" / path.name)
        times = [(parse_clock(x["start_time"]), parse_clock(x["end_time"])) for x in spoken]
        begin, end = times[0][0] - 10_000, times[-1][1] + 10_000
        lines.append(np.array(times) - begin + shift)
        truth += [x["character"] for x in spoken]
        names = [x["id_list"]["0"] for x in shown]
        seen.update(name["name"] for name in names)
        rows = [
            (
                parse_clock(x["start_time"]) - begin + shift,
                parse_clock(x["end_time"]) - begin + shift,
                codes.get(name["name"], -1),
                name["score"],
            )
            for x, name in zip(shown, names, strict=True)
        ]
        faces.append(np.array(rows, np.float64).reshape(-1, 4))
        shift += end - begin
    table, times_of = np.concatenate(faces), np.concatenate(lines)
    voices = np.concatenate(
        [np.load(path) for path in sorted((folder / "sv_embedding").glob("*.npy"))]
    )
    voices = np.nan_to_num(voices / np.linalg.norm(voices, axis=1, keepdims=True))
    library = set(read(folder / "face_data" / "face_info.json")["role_name_variants"])
    label = np.array([x["code"] for x in seeds["utterance_label"]], np.int32)
    return Released(
        folder,
        Timeline(times_of[:, 0].copy(), times_of[:, 1].copy()),
        FaceTimes(
            table[:, 0].astype(np.int64),
            table[:, 1].astype(np.int64),
            table[:, 2].astype(np.int32),
            table[:, 3].astype(np.float32),
        ),
        voices,
        [x["name"] for x in seeds["character_list"]],
        np.array([x["is_global"] for x in seeds["character_list"]]),
        np.maximum(label, -1),
        truth,
        (library & seen) | {name for name in truth if "旁白" in name},
    )


@pytest.fixture(scope="module")
def unpack(tmp_path_factory: pytest.TempPathFactory) -> Any:
    place = tmp_path_factory.mktemp("released")
    loaded: dict[str, Released] = {}

    def get(name: str) -> Released:
        archive = ARCHIVES / f"{name}.tar.xz"
        if not archive.exists():
            pytest.skip(f"the released series is not here: {archive}")
        if name not in loaded:
            with tarfile.open(archive) as tar:
                if hasattr(tarfile, "data_filter"):  # from Python 3.11.4 on
                    tar.extraction_filter = tarfile.data_filter
                tar.extractall(place)
            loaded[name] = load(place / name)
        return loaded[name]

    return get


def label(series: Released) -> Attribution:
    duration = series.timeline.end_ms - series.timeline.start_ms
    return propagate(
        series.timeline, series.faces, series.voices, series.seeds, series.everywhere, duration
    )


def right(series: Released, code: np.ndarray) -> tuple[int, int]:
    """Lines right and lines counted, by the strict rule (`code-s`)."""
    counted = correct = 0
    for truth, one in zip(series.truth, code.tolist(), strict=True):
        if "!删除!" in truth:
            continue
        counted += 1
        name = series.names[one] if 0 <= one < len(series.names) else None
        correct += name == truth if truth in series.known else name not in series.known
    return correct, counted


@pytest.mark.slow
def test_the_long_night_is_labelled_like_the_release_line_for_line(unpack: Any) -> None:
    series = unpack(LONG_NIGHT)
    found = label(series)
    released = read(series.folder / "prop_labels_1pct_apw.json")
    code = np.array([x["code"] for x in released["utterance_label"]])
    assert np.array_equal(found.code, np.maximum(code, -1))
    names = series.names + [f"新角色-{i + 1}" for i in range(found.voices_found)]
    assert names == [x["name"] for x in released["character_list"]]
    for i, x in enumerate(released["utterance_label"]):
        info = x["rel_info"] or {"_list": [], "_dict": {}}
        own = slice(found.offsets[i], found.offsets[i + 1])
        assert [names[c] for c in found.candidate[own]] == info["_list"]
        scores = [info["_dict"][name] for name in info["_list"]]
        assert found.score[own] == pytest.approx(scores, abs=1e-6)
    assert right(series, found.code) == (7251, 8247)


def seeds_again(series: Released) -> np.ndarray:
    codes = {name: code for code, name in enumerate(series.names)}
    speaker = np.array([codes.get(truth, -1) for truth in series.truth], np.int32)
    return find_tight_seeds(series.voices, speaker, len(codes))


def test_the_seeds_of_the_long_night_are_the_released_ones(unpack: Any) -> None:
    series = unpack(LONG_NIGHT)
    assert np.array_equal(seeds_again(series), series.seeds)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "correct"),
    [("zhan_chang_sha", 17_626), ("ren_shi_jian", 46_507), ("zhen_huan_zhuan", 49_848)],
)
def test_larger_series_give_the_published_accuracy_and_seeds(
    unpack: Any, name: str, correct: int
) -> None:
    series = unpack(name)
    assert np.array_equal(seeds_again(series), series.seeds)
    found = label(series)
    assert right(series, found.code)[0] == correct
