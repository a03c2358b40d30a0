"""Builds ONNX graphs from the numbers of dlib's two face networks.

Both take RGB bytes as they lie in a picture: the mean colour is subtracted and the scale applied
inside the first convolution, which is exact because that layer pads nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from castline.engines.dlib_weights import Convolution, Network

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt
    from onnx import NodeProto, TensorProto

__all__ = ["CHIP", "descriptor_graph", "detector_graph"]

CHIP = 150
"""Side in pixels of the square picture of a face that the descriptor takes."""

_MEAN = np.array([122.782, 117.001, 104.298], np.float32)
_SCALE = np.float32(1 / 256)


def detector_graph(network: Network) -> bytes:
    """The face detector.

    Input `pictures`: (n, height, width, 3) uint8. Output `scores`: (n, 1, rows, columns) float32, a
    cell for every 8 pixels.

    Raises:
        ValueError: The network has another shape.
    """
    graph = _Graph(network)
    *hidden, last = range(len(network.convolutions))
    for _ in hidden:
        graph.relu(graph.convolution())
    if network.convolutions[last].bias.size != 1:
        raise ValueError("its last layer gives more than one score")
    graph.convolution()
    return graph.finish("scores", ["n", "height", "width", 3], ["n", 1, "rows", "columns"])


def descriptor_graph(network: Network) -> bytes:
    """The face descriptor, a residual network of 29 layers.

    Input `pictures`: (n, 150, 150, 3) uint8. Output `descriptors`: (n, outputs) float32, not of
    unit length.

    Raises:
        ValueError: The network has another shape.
    """
    inner = network.convolutions[1:]
    if len(inner) % 2 or not network.matrix.size:
        raise ValueError("its layers do not come in pairs before a matrix")
    graph = _Graph(network)
    graph.relu(graph.convolution())
    graph.node("MaxPool", graph.value, kernel_shape=[3, 3], strides=[2, 2])
    side = ((CHIP - 7) // 2 + 1 - 3) // 2 + 1
    for first in inner[::2]:
        side = _block(graph, first, side)
    graph.node("GlobalAveragePool", graph.value)
    graph.node("Flatten", graph.value)
    graph.node("MatMul", graph.value, graph.constant(network.matrix))
    outputs = network.matrix.shape[1]
    return graph.finish("descriptors", ["n", CHIP, CHIP, 3], ["n", outputs])


def _block(graph: _Graph, first: Convolution, side: int) -> int:
    """Add a pair of convolutions and the way past them; the side of what comes out."""
    start = graph.value
    graph.relu(graph.convolution())
    branch = graph.convolution()
    filters, channels = first.weights.shape[:2]
    if first.stride == 1:
        way, way_side, side_out = start, side, side
    else:
        way = graph.node("AveragePool", start, kernel_shape=[2, 2], strides=[2, 2])
        way_side, side_out = side // 2, (side - 3) // 2 + 1
    # Where the two differ, dlib fills the smaller with zeros at its end.
    larger = max(way_side, side_out)
    way = graph.pad(way, filters - channels, larger - way_side)
    branch = graph.pad(branch, 0, larger - side_out)
    graph.relu(graph.node("Add", branch, way))
    return larger


class _Graph:
    """A chain of nodes; `value` is the name of what came out last."""

    def __init__(self, network: Network) -> None:
        self._layers = iter([_on_bytes(network.convolutions[0]), *network.convolutions[1:]])
        self._nodes: list[NodeProto] = []
        self._constants: list[TensorProto] = []
        self.value = "pictures"
        self.node("Cast", self.value, to=1)  # to float32
        self.node("Transpose", self.value, perm=[0, 3, 1, 2])

    def node(self, kind: str, *inputs: str, **attributes: Any) -> str:
        from onnx import helper

        self.value = f"{kind}_{len(self._nodes)}"
        self._nodes.append(helper.make_node(kind, inputs, [self.value], **attributes))
        return self.value

    def constant(self, values: npt.NDArray[np.generic]) -> str:
        from onnx import numpy_helper

        name = f"constant_{len(self._constants)}"
        self._constants.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def convolution(self) -> str:
        """Add the next convolution of the network."""
        layer = next(self._layers)
        return self.node(
            "Conv",
            self.value,
            self.constant(layer.weights),
            self.constant(layer.bias),
            strides=[layer.stride] * 2,
            pads=[layer.padding] * 4,
        )

    def relu(self, value: str) -> str:
        return self.node("Relu", value)

    def pad(self, value: str, channels: int, cells: int) -> str:
        """Add zeros at the end of channels, rows and columns."""
        if not channels and not cells:
            return value
        ends = np.array([0, 0, 0, 0, 0, channels, cells, cells], np.int64)
        return self.node("Pad", value, self.constant(ends))

    def finish(
        self, output: str, shape_in: Sequence[str | int], shape_out: Sequence[str | int]
    ) -> bytes:
        """The whole graph as the content of an .onnx file."""
        from onnx import TensorProto, checker, helper

        self._nodes[-1].output[0] = output
        graph = helper.make_graph(
            self._nodes,
            "faces",
            [helper.make_tensor_value_info("pictures", TensorProto.UINT8, shape_in)],
            [helper.make_tensor_value_info(output, TensorProto.FLOAT, shape_out)],
            self._constants,
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        checker.check_model(model)
        return bytes(model.SerializeToString())


def _on_bytes(first: Convolution) -> Convolution:
    """The first convolution, made to take colours of 0 to 255."""
    if first.padding or first.weights.shape[1] != 3:
        raise ValueError("its first layer does not take a plain colour picture")
    weights = first.weights * _SCALE
    bias = first.bias - np.einsum("fcrk,c->f", weights, _MEAN)
    return Convolution(weights, bias.astype(np.float32), first.stride, 0)
