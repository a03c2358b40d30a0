"""Boosted trees as an ONNX graph, so that LightGBM is needed for training only.

LightGBM compares numbers of double precision, onnxruntime of single precision. Rounding each
threshold down to single precision changes no comparison with a feature of single precision.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import numpy as np

__all__ = ["NAMES_KEY", "forest_graph"]

NAMES_KEY = "features"
"""Where in the file's metadata the names of the features are, a JSON list."""

Tree = Mapping[str, Any]
"""A node of a tree as LightGBM tells it (`Booster.dump_model`), with all that is below it."""


def forest_graph(forests: Sequence[Sequence[Tree]], names: Sequence[str]) -> bytes:
    """The content of an .onnx file that gives the mean score of several forests.

    Input `features`: (rows, F) float32. Output `scores`: (rows, 1) float32. The same trees give the
    same bytes.

    Args:
        forests: The trees of each; the score of a forest is the sum over its trees.
        names: (F,) of the features.

    Raises:
        ValueError: A tree does more than compare numbers that are never missing.
    """
    from onnx import TensorProto, checker, helper

    nodes = _Nodes(share=1 / len(forests))
    for tree in (tree for forest in forests for tree in forest):
        nodes.add_tree(tree)
    if not nodes.trees:
        # onnxruntime takes no forest without trees.
        nodes.add_tree({"leaf_value": 0.0})
    node = helper.make_node(
        "TreeEnsembleRegressor",
        ["features"],
        ["scores"],
        domain="ai.onnx.ml",
        n_targets=1,
        **nodes.attributes(),
    )
    graph = helper.make_graph(
        [node],
        "ranker",
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["rows", len(names)])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["rows", 1])],
    )
    # Newer operators for trees are no faster, and onnxruntime has them only since 1.21.
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 3)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=8)
    helper.set_model_props(model, {NAMES_KEY: msgspec.json.encode(list(names)).decode()})
    checker.check_model(model)
    return bytes(model.SerializeToString(deterministic=True))


class _Nodes:
    """The nodes of all trees, as parallel lists.

    Args:
        share: Factor on the value of every leaf.
    """

    def __init__(self, share: float) -> None:
        self.trees = 0
        self._share = share
        self._nodes: list[tuple[int, int, str, int, float, int, int]] = []
        self._leaves: list[tuple[int, int, float]] = []

    def add_tree(self, root: Tree) -> None:
        first = len(self._nodes)
        self._add(root, first)
        self.trees += 1

    def _add(self, node: Tree, first: int) -> int:
        """Add a node and all below it; its number within the tree that begins at `first`."""
        place = len(self._nodes)
        number = place - first
        if "leaf_value" in node:
            self._nodes.append((self.trees, number, "LEAF", 0, 0.0, 0, 0))
            self._leaves.append((self.trees, number, node["leaf_value"] * self._share))
            return number
        if node["decision_type"] != "<=" or node["missing_type"] != "None":
            raise ValueError(f"a node compares by {node['decision_type']!r} or knows of gaps")
        feature, threshold = node["split_feature"], _round_down(node["threshold"])
        self._nodes.append((self.trees, number, "BRANCH_LEQ", feature, threshold, 0, 0))
        children = [self._add(node[side], first) for side in ("left_child", "right_child")]
        self._nodes[place] = (*self._nodes[place][:5], children[0], children[1])
        return number

    def attributes(self) -> dict[str, Any]:
        """What the operator takes."""
        tree, number, mode, feature, threshold, true, false = map(
            list, zip(*self._nodes, strict=True)
        )
        leaf_tree, leaf, value = map(list, zip(*self._leaves, strict=True))
        return {
            "nodes_treeids": tree,
            "nodes_nodeids": number,
            "nodes_modes": mode,
            "nodes_featureids": feature,
            "nodes_values": threshold,
            "nodes_truenodeids": true,
            "nodes_falsenodeids": false,
            "target_treeids": leaf_tree,
            "target_nodeids": leaf,
            "target_ids": [0] * len(leaf),
            "target_weights": value,
        }


def _round_down(threshold: float) -> float:
    """The greatest number of single precision that is not above a threshold."""
    near = np.float32(threshold)
    return float(near if float(near) <= threshold else np.nextafter(near, np.float32(-np.inf)))
