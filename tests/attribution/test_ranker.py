"""The ranker against LightGBM, and as a file."""

from __future__ import annotations

import sys
from dataclasses import replace
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from castline.attribution.fusion.ranker import Ranker, read_ranker, softmax_by_line
from castline.attribution.fusion.ranker_graph import forest_graph
from castline.attribution.fusion.ranker_training import Choices, RankerSettings, train_ranker
from castline.engines.sessions import open_network
from castline.errors import InputError, MissingExtra

NAMES = ("voice", "face", "noise", "flag")
SETTINGS = RankerSettings(rounds=60, rate=0.2, rows_a_leaf=50, feature_fraction=0.5, seeds=(1,))
WHY = "training needs the extra train"


def choices(lines: int, seed: int) -> Choices:
    """Lines whose speaker is drawn by voice, and by not being far from zero in the face."""
    rng = np.random.default_rng(seed)
    rows = rng.integers(1, 7, lines)
    begin = np.concatenate([[0], np.cumsum(rows)])
    features = rng.standard_normal((begin[-1], len(NAMES))).astype(np.float32)
    features[:, 3] = features[:, 3] > 0.5
    drawn = liking(features) + rng.gumbel(size=len(features))
    truth = drawn == np.repeat(np.maximum.reduceat(drawn, begin[:-1]), rows)
    return Choices(features, begin, truth.astype(np.float32), np.ones(lines, np.float32))


def liking(features: np.ndarray) -> np.ndarray:
    """The scores by which `choices` are made; no ranker can do better."""
    best: np.ndarray = 2 * features[:, 0] - 2 * np.abs(features[:, 1])
    return best


@cache
def trained() -> Ranker:
    pytest.importorskip("lightgbm", reason=WHY)
    return train_ranker(choices(3000, 1), NAMES, SETTINGS)


def surprise(scores: np.ndarray, held_out: Choices) -> float:
    """Mean negative log of the probability of the truth."""
    p = softmax_by_line(scores, held_out.begin)
    return float(-np.mean(np.log(p[held_out.truth > 0])))


def booster(features: np.ndarray, value: np.ndarray, seed: int) -> Any:
    """A forest of LightGBM's own making."""
    lightgbm = pytest.importorskip("lightgbm", reason=WHY)
    params = {
        "num_leaves": 15,
        "seed": seed,
        "bagging_fraction": 0.7,
        "bagging_freq": 1,
        "use_missing": False,
        "num_threads": 1,
        "verbosity": -1,
    }
    return lightgbm.train(params, lightgbm.Dataset(features, value), num_boost_round=15)


def forest(made: Any) -> list[dict[str, Any]]:
    return [tree["tree_structure"] for tree in made.dump_model()["tree_info"]]


def thresholds(node: dict[str, Any]) -> list[tuple[int, float]]:
    if "leaf_value" in node:
        return []
    below = thresholds(node["left_child"]) + thresholds(node["right_child"])
    return [(node["split_feature"], node["threshold"]), *below]


def test_the_graph_gives_the_mean_of_what_lightgbm_gives_also_on_the_thresholds() -> None:
    given = choices(800, 2).features
    value = given[:, 0] * given[:, 1] + given[:, 3]
    made = [booster(given, value, seed) for seed in (1, 2)]
    ranker = Ranker(forest_graph([forest(each) for each in made], NAMES))
    splits = [split for each in made for tree in forest(each) for split in thresholds(tree)]
    rows = [given]
    for feature, threshold in splits:
        near = np.float32(threshold)
        edge = np.repeat(given[:1], 3, axis=0)
        edge[:, feature] = near, np.nextafter(near, -np.inf), np.nextafter(near, np.inf)
        rows.append(edge.astype(np.float32))
    asked = np.concatenate(rows)
    expected = np.mean([each.predict(asked, num_threads=1) for each in made], axis=0)
    # One wrong turn in one tree would show: leaves differ by far more than this.
    np.testing.assert_allclose(ranker.score(asked), expected, rtol=1e-5, atol=1e-6)


@given(
    threshold=st.floats(-(2.0**99), 2.0**99),
    others=arrays(np.float32, 5, elements=st.floats(-(2.0**99), 2.0**99, width=32)),
)
def test_a_row_turns_as_it_would_in_double_precision(threshold: float, others: np.ndarray) -> None:
    tree = {
        "split_feature": 0,
        "threshold": threshold,
        "decision_type": "<=",
        "missing_type": "None",
        "left_child": {"leaf_value": 1.0},
        "right_child": {"leaf_value": 2.0},
    }
    near = np.float32(threshold)
    edges = [near, np.nextafter(near, np.float32(-np.inf)), np.nextafter(near, np.float32(np.inf))]
    asked = np.concatenate([others, np.array(edges, np.float32)])
    scores = Ranker(forest_graph([[tree]], ["x"])).score(asked[:, None])
    assert scores.tolist() == [1.0 if float(x) <= threshold else 2.0 for x in asked]


def test_a_tree_that_knows_of_gaps_or_categories_is_refused() -> None:
    leaf = {"leaf_value": 1.0}
    tree = {"split_feature": 0, "threshold": 0.0, "left_child": leaf, "right_child": leaf}
    for odd in ({"decision_type": "==", "missing_type": "None"}, {"decision_type": "<="}):
        with pytest.raises(ValueError, match="compares"):
            forest_graph([[{"missing_type": "NaN", **tree, **odd}]], ["x"])


def test_a_ranker_learns_nearly_all_that_can_be_known_of_who_is_chosen() -> None:
    held_out = choices(1500, 3)
    best = surprise(liking(held_out.features), held_out)
    chance = surprise(np.zeros(len(held_out.features)), held_out)
    found = surprise(trained().score(held_out.features), held_out)
    assert found < best + 0.1 * (chance - best)


def test_a_ranker_follows_shares_of_truth_and_weights_of_lines() -> None:
    pytest.importorskip("lightgbm", reason=WHY)
    # Two kinds of lines, told apart by no feature: in one the first row is right, in the other the
    # second, and three of four parts of weight are with the first kind.
    lines = 400
    begin = np.arange(0, 2 * lines + 1, 2)
    features = np.tile(np.eye(2, len(NAMES), dtype=np.float32), (lines, 1))
    by_weight = np.tile(np.array([1, 0, 0, 1], np.float32), lines // 2)
    weight = np.tile(np.array([3, 1], np.float32), lines // 2)
    by_share = np.tile(np.array([0.75, 0.25], np.float32), lines)
    settings = replace(SETTINGS, l2=0.0, feature_fraction=1.0)
    for truth, weights in ((by_weight, weight), (by_share, np.ones(lines, np.float32))):
        ranker = train_ranker(Choices(features, begin, truth, weights), NAMES, settings)
        p = softmax_by_line(ranker.score(features[:2]), np.array([0, 2]))
        assert p == pytest.approx([0.75, 0.25], abs=0.01)


def test_training_twice_gives_the_same_bytes_whatever_the_number_of_threads() -> None:
    pytest.importorskip("lightgbm", reason=WHY)
    # Few rounds: on a busy machine the threads of OpenMP wait long for one another.
    settings = replace(SETTINGS, rounds=8)
    once, again, together = (
        train_ranker(choices(3000, 1), NAMES, settings, threads=threads) for threads in (1, 1, 2)
    )
    assert again.content == once.content
    assert together.content == once.content


def test_another_seed_gives_another_ranker_and_two_seeds_their_mean() -> None:
    pytest.importorskip("lightgbm", reason=WHY)
    given = choices(500, 4)
    one, two, both = (
        train_ranker(given, NAMES, replace(SETTINGS, seeds=seeds)).score(given.features)
        for seeds in ((1,), (2,), (1, 2))
    )
    assert not np.array_equal(one, two)
    np.testing.assert_allclose(both, (one + two) / 2, rtol=1e-5, atol=1e-6)


def test_where_nothing_can_be_learned_all_candidates_are_equal() -> None:
    pytest.importorskip("lightgbm", reason=WHY)
    given = choices(5, 5)
    scores = train_ranker(given, NAMES, SETTINGS).score(given.features)
    assert len(set(scores.tolist())) == 1


def test_a_score_depends_neither_on_other_rows_nor_on_threads(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ranker, features = trained(), choices(300, 6).features
    scores = ranker.score(features)
    monkeypatch.setattr("castline.attribution.fusion.ranker._BLOCK", 37)
    assert np.array_equal(ranker.score(features, threads=3), scores)
    assert np.array_equal(ranker.score(features[5:6]), scores[5:6])
    assert ranker.score(features[:0]).shape == (0,)


def test_what_is_not_finite_or_of_another_width_is_refused() -> None:
    for value in (np.nan, np.inf, -np.inf):
        broken = choices(200, 7)
        broken.features[3, 1] = value
        with pytest.raises(ValueError, match="finite"):
            trained().score(broken.features)
        with pytest.raises(ValueError, match="finite"):
            train_ranker(broken, NAMES, SETTINGS)
    with pytest.raises(ValueError, match="columns"):
        trained().score(np.zeros((3, 5), np.float32))
    with pytest.raises(ValueError, match="do not fit"):
        train_ranker(choices(200, 7), NAMES[:2], SETTINGS)


def test_a_ranker_is_read_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "ranker.onnx"
    trained().write(path)
    read = read_ranker(path, NAMES)
    features = choices(50, 8).features
    assert read.names == NAMES
    assert np.array_equal(read.score(features), trained().score(features))


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (("face", "voice", "noise", "flag"), "another order"),
        (("voice", "face", "noise"), "takes 'flag'"),
        ((*NAMES, "mouth"), "does not know 'mouth'"),
        (tuple("abcd"), "'noise' and 1 more and does not know 'a', 'b', 'c' and 1 more"),
    ],
)
def test_a_ranker_of_other_features_is_refused_and_told_apart(
    names: tuple[str, ...], told: str, tmp_path: Path
) -> None:
    path = tmp_path / "ranker.onnx"
    trained().write(path)
    with pytest.raises(InputError, match=told) as refused:
        read_ranker(path, names)
    assert refused.value.path == path
    assert "castline train" in refused.value.remedy


def test_a_file_that_is_no_ranker_is_refused_by_its_path(tmp_path: Path) -> None:
    import onnx

    path = tmp_path / "ranker.onnx"
    content = forest_graph([[]], NAMES)
    nameless, misnamed = onnx.ModelProto.FromString(content), onnx.ModelProto.FromString(content)
    del nameless.metadata_props[:]
    misnamed.metadata_props[0].value = '["voice"]'
    open_network(nameless.SerializeToString())
    for broken in (
        b"not a network",
        content[:-20],
        nameless.SerializeToString(),
        misnamed.SerializeToString(),
    ):
        path.write_bytes(broken)
        with pytest.raises(InputError, match="no ranker") as refused:
            read_ranker(path, NAMES)
        assert refused.value.path == path


lines_of_scores = st.lists(
    st.lists(st.floats(-(2.0**99), 2.0**99, width=32), min_size=1, max_size=5), max_size=8
)


@given(lines_of_scores)
def test_the_probabilities_of_a_line_add_up_to_one_and_keep_its_order(
    lines: list[list[float]],
) -> None:
    begin = np.cumsum([0, *map(len, lines)])
    scores = np.array([score for line in lines for score in line], np.float32)
    p = softmax_by_line(scores, begin)
    assert p.shape == scores.shape
    for first, end in pairwise(begin.tolist()):
        line = p[first:end]
        assert line.sum() == pytest.approx(1)
        assert line[np.argmax(scores[first:end])] == line.max()
        assert (line >= 0).all()


def test_probabilities_are_those_of_the_definition() -> None:
    scores = np.array([0.0, np.log(3), 7.0, 1.0, 1.0], np.float32)
    p = softmax_by_line(scores, np.array([0, 2, 3, 5]))
    np.testing.assert_allclose(p, [0.25, 0.75, 1, 0.5, 0.5], rtol=1e-6)


@pytest.mark.parametrize("begin", [[0, 2, 2, 4], [1, 4], [0, 3], [0, 3, 2, 4]])
def test_a_line_without_rows_and_a_row_without_line_are_refused(begin: list[int]) -> None:
    with pytest.raises(ValueError, match="begin"):
        softmax_by_line(np.zeros(4), np.array(begin))


def test_without_lightgbm_training_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "lightgbm", None)
    with pytest.raises(MissingExtra, match=r"castline\[train\]"):
        train_ranker(choices(10, 9), NAMES)


def test_without_openmp_training_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken:
        def find_spec(self, name: str, *_: object) -> None:
            if name == "lightgbm":
                raise OSError("libgomp.so.1: cannot open shared object file")

    monkeypatch.delitem(sys.modules, "lightgbm", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Broken(), *sys.meta_path])
    with pytest.raises(MissingExtra, match=r"libgomp\.so\.1.*install OpenMP") as refused:
        train_ranker(choices(10, 9), NAMES)
    assert "pip" not in str(refused.value)
