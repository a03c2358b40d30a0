"""The ranker: what it computes, how it learns, and as a file."""

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

from castline.attribution.fusion import net_training
from castline.attribution.fusion.choices import Choices
from castline.attribution.fusion.net_training import NetSettings, train_net
from castline.attribution.fusion.ranker import Ranker, softmax_by_line
from castline.attribution.fusion.ranker_graph import FARTHEST, Layer, Tree, ranker_graph
from castline.attribution.fusion.ranker_training import (
    RankerSettings,
    Task,
    train_ranker,
    train_rankers,
)
from castline.attribution.fusion.tree_training import TreeSettings, train_trees
from castline.attribution.fusion.usual import Usual
from castline.engines.sessions import open_network
from castline.errors import InputError, MissingExtra

NAMES = ("voice", "face", "noise", "flag")
TREES = TreeSettings(rounds=60, rate=0.2, rows_a_leaf=50, feature_fraction=0.5, seeds=(1,))
NETS = NetSettings(hidden=(32, 16), epochs=10, lines_a_step=64, dropout=0.0, seeds=(1,))
SETTINGS = RankerSettings(TREES, NETS)
SILENT: list[Layer] = [(np.zeros((4, 1), np.float32), np.zeros(1, np.float32))]
"""A network that tells nothing."""
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
    return Choices(
        features, usual_of(features), begin, truth.astype(np.float32), np.ones(lines, np.float32)
    )


def usual_of(features: np.ndarray) -> Usual:
    return Usual.of(dict(zip(NAMES, features.T, strict=True)), NAMES)


def liking(features: np.ndarray) -> np.ndarray:
    """The scores by which `choices` are made; no ranker can do better."""
    best: np.ndarray = 2 * features[:, 0] - 2 * np.abs(features[:, 1])
    return best


@cache
def trained() -> Ranker:
    pytest.importorskip("lightgbm", reason=WHY)
    return train_ranker([choices(3000, 1)], NAMES, SETTINGS)


def score(ranker: Ranker, given: Choices) -> np.ndarray:
    found: np.ndarray = ranker.score(given.features, given.usual)
    return found


def surprise(scores: np.ndarray, held_out: Choices) -> float:
    """Mean negative log of the probability of the truth."""
    p = softmax_by_line(scores, held_out.begin)
    return float(-np.mean(np.log(p[held_out.truth > 0])))


def layers(*widths: int, seed: int = 0) -> list[Layer]:
    rng = np.random.default_rng(seed)
    return [
        (
            rng.standard_normal((inputs, outputs)).astype(np.float32),
            rng.standard_normal(outputs).astype(np.float32),
        )
        for inputs, outputs in pairwise(widths)
    ]


def by_hand(net: list[Layer], features: np.ndarray, usual: Usual) -> np.ndarray:
    """The score of a network, in double precision."""
    value = ((features - usual.mean) / usual.spread).clip(-FARTHEST, FARTHEST).astype(np.float64)
    for depth, (weights, offsets) in enumerate(net):
        value = value @ weights + offsets
        if depth < len(net) - 1:
            value = np.maximum(value, 0)
    found: np.ndarray = value[:, 0]
    return found


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


def forest(made: Any) -> list[Tree]:
    return [tree["tree_structure"] for tree in made.dump_model()["tree_info"]]


def thresholds(node: Tree) -> list[tuple[int, float]]:
    if "leaf_value" in node:
        return []
    below = thresholds(node["left_child"]) + thresholds(node["right_child"])
    return [(node["split_feature"], node["threshold"]), *below]


def test_a_score_is_half_the_mean_of_the_forests_also_on_the_thresholds() -> None:
    given = choices(800, 2)
    value = given.features[:, 0] * given.features[:, 1] + given.features[:, 3]
    made = [booster(given.features, value, seed) for seed in (1, 2)]
    graph = ranker_graph([forest(each) for each in made], [SILENT], NAMES, given.usual)
    splits = [split for each in made for tree in forest(each) for split in thresholds(tree)]
    rows = [given.features]
    for feature, threshold in splits:
        near = np.float32(threshold)
        edge = np.repeat(given.features[:1], 3, axis=0)
        edge[:, feature] = near, np.nextafter(near, -np.inf), np.nextafter(near, np.inf)
        rows.append(edge.astype(np.float32))
    asked = np.concatenate(rows)
    expected = np.mean([each.predict(asked, num_threads=1) for each in made], axis=0) / 2
    # One wrong turn in one tree would show: leaves differ by far more than this.
    found = Ranker(graph).score(asked, given.usual)
    alone = Ranker(graph).score(asked, given.usual, trees_only=True)
    np.testing.assert_allclose(alone, 2 * expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_a_score_is_half_the_mean_of_networks_that_see_deviations_cut_off() -> None:
    nets = [layers(4, 6, 3, 1), layers(4, 5, 1, seed=1), layers(4, 1, seed=2)]
    usual = Usual(np.array([1, -2, 0, 3], np.float32), np.array([2, 0.5, 1, 4], np.float32))
    features = (10 * np.random.default_rng(3).standard_normal((50, 4))).astype(np.float32)
    ranker = Ranker(ranker_graph([[]], nets, NAMES, usual_of(features)))
    expected = np.mean([by_hand(net, features, usual) for net in nets], axis=0) / 2
    np.testing.assert_allclose(ranker.score(features, usual), expected, rtol=1e-4, atol=1e-4)


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
    silent: list[Layer] = [(np.zeros((1, 1), np.float32), np.zeros(1, np.float32))]
    usual = Usual(np.zeros(1, np.float32), np.ones(1, np.float32))
    ranker = Ranker(ranker_graph([[tree]], [silent], ["x"], usual))
    found = 2 * ranker.score(asked[:, None], usual)
    assert found.tolist() == [1.0 if float(x) <= threshold else 2.0 for x in asked]


def test_a_tree_that_knows_of_gaps_or_categories_is_refused() -> None:
    leaf = {"leaf_value": 1.0}
    tree = {"split_feature": 0, "threshold": 0.0, "left_child": leaf, "right_child": leaf}
    usual = choices(3, 1).usual
    for odd in ({"decision_type": "==", "missing_type": "None"}, {"decision_type": "<="}):
        with pytest.raises(ValueError, match="compares"):
            ranker_graph([[{"missing_type": "NaN", **tree, **odd}]], [SILENT], NAMES, usual)


def test_the_gradient_is_that_of_the_loss() -> None:
    given = choices(12, 2)
    settings = replace(NETS, hidden=(5, 3), decay=0.0)
    net = net_training._Net.drawn((4, 5, 3, 1), settings, np.random.default_rng(0))
    for _, offsets in net.layers:
        offsets += np.float32(0.1)  # rows that switch everything off would stand on an edge
    (batch,) = net_training._batches([given], 64, np.random.default_rng(1))

    unmoved = Usual(np.zeros(4, np.float32), np.ones(4, np.float32))

    def loss() -> float:
        share = softmax_by_line(by_hand(net.layers, batch.seen, unmoved), batch.begin)
        return -float((batch.truth * np.log(share)).sum()) / len(batch.weight)

    values, kept = net._forward(batch.seen)
    share = softmax_by_line(values[-1][:, 0], batch.begin).astype(np.float32)
    slope = ((share - batch.truth) / len(batch.weight))[:, None].astype(np.float32)
    gradient = net._backward(slope, values, kept)
    taught = [each for layer in net.layers for each in layer]
    for array, slopes in zip(taught, gradient, strict=True):
        place = np.unravel_index(np.abs(slopes).argmax(), slopes.shape)
        before, step = array[place], np.float32(1e-3)
        array[place] = before + step
        above = loss()
        array[place] = before - step
        below = loss()
        array[place] = before
        assert slopes[place] == pytest.approx((above - below) / (2 * step), rel=0.01, abs=1e-4)


def test_a_ranker_learns_nearly_all_that_can_be_known_of_who_is_chosen() -> None:
    held_out = choices(1500, 3)
    best = surprise(liking(held_out.features), held_out)
    chance = surprise(np.zeros(len(held_out.features)), held_out)
    found = surprise(score(trained(), held_out), held_out)
    assert found < best + 0.1 * (chance - best)


def test_a_network_sees_a_series_measured_on_another_scale_as_it_sees_its_own() -> None:
    net, given = train_net([choices(500, 1)], NETS, 1), choices(400, 10)
    ranker = Ranker(ranker_graph([[]], [net], NAMES, given.usual))
    other = given.features * np.array([7, 0.1, 3, 2], np.float32) + np.float32(5)
    found = ranker.score(other, usual_of(other))
    np.testing.assert_allclose(found, score(ranker, given), atol=1e-3)


def test_a_feature_that_a_series_lacks_tells_a_network_nothing() -> None:
    net, given = train_net([choices(500, 1)], NETS, 1), choices(400, 11)
    ranker = Ranker(ranker_graph([[]], [net], NAMES, given.usual))

    def lacking(value: float) -> np.ndarray:
        given.features[:, 0] = value
        columns = dict(zip(NAMES, given.features.T, strict=True))
        found: np.ndarray = ranker.score(given.features, Usual.of(columns, NAMES, given.usual))
        return found

    np.testing.assert_allclose(lacking(-3), lacking(1000), atol=1e-4)


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
    settings = RankerSettings(
        replace(TREES, l2=0.0, feature_fraction=1.0), replace(NETS, epochs=60, decay=0.0)
    )
    usual = usual_of(features)
    for truth, weights in ((by_weight, weight), (by_share, np.ones(lines, np.float32))):
        part = Choices(features, usual, begin, truth, weights)
        ranker = train_ranker([part], NAMES, settings)
        p = softmax_by_line(ranker.score(features[:2], usual), np.array([0, 2]))
        assert p == pytest.approx([0.75, 0.25], abs=0.02)


def test_training_twice_gives_the_same_bytes_whatever_the_number_of_threads() -> None:
    pytest.importorskip("lightgbm", reason=WHY)
    # Few rounds: on a busy machine the threads of OpenMP wait long for one another.
    settings = RankerSettings(
        replace(TREES, rounds=4), replace(NETS, seeds=(1, 2), dropout=0.3, epochs=2)
    )
    tasks = [Task([choices(500, 1), choices(300, 2)], settings), Task([choices(200, 3)], settings)]
    once, again, together = (
        [each.content for each in train_rankers(tasks, NAMES, threads=threads)]
        for threads in (1, 1, 3)
    )
    assert again == once
    assert together == once
    assert once[0] != once[1]


def test_another_seed_gives_another_forest_and_another_network() -> None:
    pytest.importorskip("lightgbm", reason=WHY)
    given = choices(500, 4)
    assert train_trees([given], replace(TREES, seeds=(1,))) != train_trees(
        [given], replace(TREES, seeds=(2,))
    )
    one, two = (train_net([given], NETS, seed) for seed in (1, 2))
    assert not np.allclose(one[0][0], two[0][0], atol=0.01)


def test_few_lines_are_seen_more_often() -> None:
    given, held_out = choices(40, 5), choices(1000, 6)
    hasty = replace(NETS, epochs=1, least_steps=1)
    quick, slow = (
        surprise(by_hand(train_net([given], each, 1), held_out.features, given.usual), held_out)
        for each in (hasty, replace(hasty, least_steps=200))
    )
    assert slow < quick


def test_a_network_can_be_made_of_no_lines_at_all() -> None:
    none = choices(5, 5)
    empty = Choices(none.features[:0], none.usual, none.begin[:1], none.truth[:0], none.weight[:0])
    assert np.isfinite(by_hand(train_net([empty], NETS, 1), none.features, none.usual)).all()


def test_brief_settings_train_one_of_each_and_never_longer() -> None:
    long = RankerSettings(replace(TREES, seeds=(3, 4)), replace(NETS, seeds=(5, 6)))
    brief = long.brief(rounds=1000, epochs=3)
    assert (brief.trees.seeds, brief.nets.seeds) == ((3,), (5,))
    assert (brief.trees.rounds, brief.nets.epochs) == (TREES.rounds, 3)
    assert long.brief().nets.epochs == NETS.epochs


def test_scores_depend_on_threads_not_at_all_and_on_other_rows_by_rounding_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ranker, given = trained(), choices(300, 6)
    scores = score(ranker, given)
    monkeypatch.setattr("castline.attribution.fusion.ranker._BLOCK", 37)
    one, three = (ranker.score(given.features, given.usual, threads=each) for each in (1, 3))
    assert np.array_equal(one, three)
    np.testing.assert_allclose(one, scores, atol=1e-5)
    assert ranker.score(given.features[:0], given.usual).shape == (0,)


def test_what_is_not_finite_or_of_another_width_is_refused() -> None:
    for value in (np.nan, np.inf, -np.inf):
        broken = choices(200, 7)
        broken.features[3, 1] = value
        with pytest.raises(ValueError, match="finite"):
            score(trained(), broken)
        with pytest.raises(ValueError, match="finite"):
            train_ranker([broken], NAMES, SETTINGS)
    with pytest.raises(ValueError, match="columns"):
        trained().score(np.zeros((3, 5), np.float32), trained().usual)
    with pytest.raises(ValueError, match="do not fit"):
        train_ranker([choices(200, 7)], NAMES[:2], SETTINGS)


@pytest.mark.parametrize("rows", [1, 3, 1000, 50_000])
def test_what_is_usual_in_a_short_series_is_drawn_towards_what_was_usual_before(rows: int) -> None:
    before = Usual(np.array([2.0], np.float32), np.array([3.0], np.float32))
    found = Usual.of({"x": np.tile(np.array([9, 11], np.float32), rows)}, ["x"], before)
    share = 2 * rows / (2 * rows + 1000)
    assert found.mean == pytest.approx(2 + share * 8, rel=1e-4)
    # Two lots, one with a spread of 1, one with 3, and a distance of 8 between them.
    expected = np.sqrt((1 - share) * 9 + share + share * (1 - share) * 64)
    assert found.spread == pytest.approx(expected, rel=1e-3)


def test_what_is_usual_is_mean_and_deviation_where_nothing_was_before() -> None:
    features = np.random.default_rng(0).normal(3, 2, (500, 4)).astype(np.float32)
    found = usual_of(features)
    np.testing.assert_allclose(found.mean, features.mean(axis=0), rtol=1e-4)
    np.testing.assert_allclose(found.spread, features.std(axis=0), rtol=1e-4)


def test_a_ranker_is_read_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "ranker.onnx"
    trained().write(path)
    read = Ranker(path.read_bytes())
    given = choices(50, 8)
    assert read.names == NAMES
    np.testing.assert_array_equal(read.usual.mean, choices(3000, 1).usual.mean)
    assert np.array_equal(score(read, given), score(trained(), given))


def test_a_file_that_is_no_ranker_is_refused() -> None:
    import onnx

    content = ranker_graph([[]], [layers(4, 1)], NAMES, choices(3, 1).usual)
    nameless, misnamed, shrunk = (onnx.ModelProto.FromString(content) for _ in range(3))
    del nameless.metadata_props[:]
    open_network(nameless.SerializeToString())
    for made, key, value in ((misnamed, "features", '["voice"]'), (shrunk, "usual", "[[1],[1]]")):
        (stated,) = (each for each in made.metadata_props if each.key == key)
        stated.value = value
    for broken in (b"not a network", content[:-20], nameless.SerializeToString()):
        with pytest.raises(InputError, match=r"network|ranker"):
            score(Ranker(broken), choices(3, 1))
    with pytest.raises(InputError, match="names 1 features"):
        _ = Ranker(misnamed.SerializeToString()).names
    with pytest.raises(InputError, match="usual"):
        _ = Ranker(shrunk.SerializeToString()).usual


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
        train_ranker([choices(10, 9)], NAMES)


def test_without_openmp_training_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken:
        def find_spec(self, name: str, *_: object) -> None:
            if name == "lightgbm":
                raise OSError("libgomp.so.1: cannot open shared object file")

    monkeypatch.delitem(sys.modules, "lightgbm", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Broken(), *sys.meta_path])
    with pytest.raises(MissingExtra, match=r"libgomp\.so\.1.*install OpenMP") as refused:
        train_ranker([choices(10, 9)], NAMES)
    assert "pip" not in str(refused.value)
