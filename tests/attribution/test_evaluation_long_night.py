"""The published figures of The Long Night, from the released labels and annotations."""

from __future__ import annotations

import json
import re
import tarfile
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from castline.attribution.evaluate import Evaluation, evaluate

_ARCHIVE = Path(__file__).parents[2].parent / "shared/data/dramasr/chen_mo_de_zhen_xiang.tar.xz"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not _ARCHIVE.exists(), reason=f"the released series is not at {_ARCHIVE}"),
]


@pytest.fixture(scope="module")
def evaluation(tmp_path_factory: pytest.TempPathFactory) -> Evaluation:
    from castline.sources.recipe import import_dramasr

    folder = tmp_path_factory.mktemp("long-night")
    with tarfile.open(_ARCHIVE) as archive:
        if hasattr(tarfile, "data_filter"):  # from Python 3.11.4 on
            archive.extraction_filter = tarfile.data_filter
        archive.extractall(folder)
    (labels_path,) = folder.rglob("prop_labels_1pct_apw.json")
    project, _ = import_dramasr(labels_path.parent, folder / "project")
    store, episodes = project.store, project.episodes()

    def whole(table: str) -> pl.DataFrame:
        return pl.concat([store.read(table, episode) for episode in episodes])

    names = whole("face_names").select("face", "character", "score")
    lines = whole("lines").sort("episode", "number")
    labels, candidates = _released(labels_path, lines["line"].to_list())
    return evaluate(
        lines=lines,
        truth=whole("truth"),
        labels=labels,
        candidates=candidates,
        cast=store.read("cast"),
        faces=whole("faces").join(names, on="face"),
        seeds=store.read("seeds", variant="given"),
    )


def _released(path: Path, lines: list[str]) -> tuple[pl.DataFrame, pl.DataFrame]:
    content = json.loads(path.read_text(encoding="utf-8"))
    names = {each["code"]: _ours(each["name"]) for each in content["character_list"]}
    names |= {-3: "others", -4: "unknown"}
    labels: list[dict[str, Any]] = []
    candidates: list[dict[str, Any]] = []
    for line, label in zip(lines, content["utterance_label"], strict=True):
        labels.append({"line": line, "character": names[label["code"]]})
        listed = label["rel_info"]["_list"] if label["rel_info"] else []
        for rank, name in enumerate(listed, start=1):
            score = label["rel_info"]["_dict"][name]
            candidates.append(
                {"line": line, "character": _ours(name), "rank": rank, "score": score}
            )
    missing = pl.lit(None, pl.Float32)
    return (
        pl.DataFrame(labels).with_columns(
            method=pl.lit("released"), score=missing, margin=missing, confidence=missing
        ),
        pl.DataFrame(candidates),
    )


def _ours(name: str) -> str:
    return re.sub(r"^新角色-(\d+)$", r"voice-\1", name)


def test_every_line_that_is_not_deleted_counts(evaluation: Evaluation) -> None:
    assert (evaluation.counts.lines, evaluation.counts.deleted) == (8247, 16)
    assert (evaluation.counts.several, evaluation.counts.seeds) == (17, 73)


@pytest.mark.parametrize(
    ("rule", "right", "buckets"),
    [
        ("code-s", 7251, (66.67, 83.65, 88.29, 88.69)),
        ("code-c", 7275, (66.67, 84.01, 88.64, 88.87)),
        ("paper", 7255, (66.67, 83.65, 88.35, 88.73)),
    ],
)
def test_the_published_rules_give_the_published_figures(
    evaluation: Evaluation, rule: str, right: int, buckets: tuple[float, ...]
) -> None:
    result = evaluation.rules[rule]
    assert (result.total.all.right, result.total.all.counted) == (right, 8247)
    assert [score.all.counted for score in result.duration] == [12, 838, 4567, 2830]
    found = [round(score.all.percent or 0, 2) for score in result.duration]
    assert found == list(buckets)


def test_every_episode_has_its_figure(evaluation: Evaluation) -> None:
    found = [f"{s.all.right}/{s.all.counted}" for s in evaluation.rules["code-s"].episodes]
    assert " ".join(found) == (
        "639/682 608/695 578/644 543/674 515/577 589/649 "
        "617/685 696/752 770/897 614/678 527/591 555/723"
    )


def test_speakers_out_of_sight_are_the_hard_ones(evaluation: Evaluation) -> None:
    seen, unseen = evaluation.rules["code-s"].visibility
    # 7,132 lines of known characters; 227 counted apart, one line and face at a time.
    assert (seen.all.counted, unseen.all.counted) == (6905, 227)
    assert (seen.all.percent or 0) > 4 * (unseen.all.percent or 0)
