"""Boosted trees and small networks as one ONNX graph: running it needs no LightGBM.

LightGBM compares numbers of double precision, onnxruntime of single precision. Rounding each
threshold down to single precision changes no comparison with a feature of single precision.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from castline.attribution.fusion.usual import Usual

__all__ = ["FARTHEST", "NAMES_KEY", "USUAL_KEY", "Layer", "Tree", "ranker_graph"]

NAMES_KEY = "features"
"""Where in the file's metadata the names of the features are, a JSON list."""
USUAL_KEY = "usual"
"""Where what was usual in training is: JSON, means and deviations."""
FARTHEST = 4.0
"""Deviations from the usual beyond which a cue is no stranger to a network."""

Tree = Mapping[str, Any]
"""A node of a tree as LightGBM tells it (`Booster.dump_model`), with all that is below it."""
Layer = tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]
"""Weights (inputs, outputs) and offsets (outputs,) of a network."""


def ranker_graph(
    forests: Sequence[Sequence[Tree]],
    nets: Sequence[Sequence[Layer]],
    names: Sequence[str],
    usual: Usual,
) -> bytes:
    """The content of an .onnx file: the mean of what forests say and what networks say.

    Inputs `features`: (rows, F), `mean` and `spread`: (F,), all float32. Outputs, both (rows, 1)
    float32: `scores`, the mean of what the forests and the networks say, and `by_trees`, what the
    forests say alone. Networks see features as deviations from the usual, cut off at `FARTHEST`;
    between their layers, what is below 0 becomes 0. The same trees and networks give the same
    bytes.

    Args:
        forests: The trees of each; the score of a forest is the sum over its trees.
        nets: The layers of each, the last with one output.
        names: (F,) of the features.
        usual: What was usual in training.

    Raises:
        ValueError: A tree does more than compare numbers that are never missing.
    """
    from onnx import TensorProto, checker, helper, numpy_helper

    trees = _Nodes(share=1 / len(forests))
    for tree in (tree for forest in forests for tree in forest):
        trees.add_tree(tree)
    if not trees.trees:
        # onnxruntime takes no forest without trees.
        trees.add_tree({"leaf_value": 0.0})
    kept = {
        "farthest": np.array(FARTHEST, np.float32),
        "nearest": np.array(-FARTHEST, np.float32),
        "half": np.array(0.5, np.float32),
        "share": np.array(0.5 / len(nets), np.float32),
    }
    nodes = [
        helper.make_node(
            "TreeEnsembleRegressor",
            ["features"],
            ["by_trees"],
            domain="ai.onnx.ml",
            n_targets=1,
            **trees.attributes(),
        ),
        helper.make_node("Sub", ["features", "mean"], ["off"]),
        helper.make_node("Div", ["off", "spread"], ["deviations"]),
        helper.make_node("Clip", ["deviations", "nearest", "farthest"], ["seen"]),
    ]
    for number, layers in enumerate(nets):
        value = "seen"
        for depth, (weights, offsets) in enumerate(layers):
            name = f"net{number}_{depth}"
            kept[f"{name}_weights"], kept[f"{name}_offsets"] = weights, offsets
            taken = [value, f"{name}_weights", f"{name}_offsets"]
            nodes.append(helper.make_node("Gemm", taken, [name]))
            value = name
            if depth < len(layers) - 1:
                nodes.append(helper.make_node("Relu", [name], [f"{name}_on"]))
                value = f"{name}_on"
    ends = [f"net{number}_{len(layers) - 1}" for number, layers in enumerate(nets)]
    nodes += [
        helper.make_node("Sum", ends, ["sum"]),
        helper.make_node("Mul", ["sum", "share"], ["by_nets"]),
        helper.make_node("Mul", ["by_trees", "half"], ["half_by_trees"]),
        helper.make_node("Add", ["half_by_trees", "by_nets"], ["scores"]),
    ]

    width = len(names)
    shapes: dict[str, list[str | int]] = {
        "features": ["rows", width],
        "mean": [width],
        "spread": [width],
        "scores": ["rows", 1],
        "by_trees": ["rows", 1],
    }
    *inputs, scores, by_trees = (
        helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
        for name, shape in shapes.items()
    )
    tensors = [numpy_helper.from_array(np.ascontiguousarray(kept[name]), name) for name in kept]
    graph = helper.make_graph(nodes, "ranker", inputs, [scores, by_trees], tensors)
    # Newer operators for trees are no faster, and onnxruntime has them only since 1.21.
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 3)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=8)
    facts = {
        NAMES_KEY: list(names),
        USUAL_KEY: [usual.mean.tolist(), usual.spread.tolist()],
    }
    texts = {key: msgspec.json.encode(fact).decode() for key, fact in facts.items()}
    helper.set_model_props(model, texts)
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
