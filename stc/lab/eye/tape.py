"""Writes an ONNX graph with reverse-mode differentiation.

Every operation records how to compute its gradient. The result is one graph of forward and backward
nodes, which ONNX Runtime can run. Weights are stored in 8 bits; nodes of the graph dequantize them,
which the runtime does once, when it loads the file.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from onnx import ModelProto, TensorProto, helper, numpy_helper

from stc.lab.eye.network import Unit, codes, rounded

Array = npt.NDArray[Any]
Backward = Callable[[str], None]

OPSET = 18
IR_VERSION = 9  # of the opset's time: older runtimes reject newer versions
# sigmoid(STEEP * x) is a step function; STEEP * x must not overflow.
STEEP = 1e12


class Tape:
    """A graph under construction. Methods return the names of values."""

    def __init__(self) -> None:
        self._nodes: list[Any] = []
        self._constants: dict[str, Any] = {}
        self._shapes: list[Any] = []
        self._wanted: set[str] = set()  # values whose gradient is needed
        self._given: dict[str, str] = {}  # value -> the sum of its gradients so far
        self._backward: list[tuple[str, Backward]] = []

    def op(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """Add a node without a gradient; returns the name of its output."""
        name = f"{kind}{len(self._nodes)}"
        self._nodes.append(helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    def constant(self, values: Any) -> str:
        """Add a constant; float64 becomes float32."""
        array = np.ascontiguousarray(values)
        if array.dtype == np.float64:
            array = array.astype(np.float32)
        name = f"constant{len(self._constants)}"
        self._constants[name] = numpy_helper.from_array(array.reshape(np.shape(values)), name)
        return name

    def output(self, value: str, name: str) -> None:
        """Make a value an output of the graph, with the given name."""
        self._nodes.append(helper.make_node("Identity", [value], [name]))

    def shaped(self, value: str, *sizes: int) -> str:
        """State a value's shape [B, *sizes], where a runtime cannot infer the batch dimension."""
        shape: list[str | int | None] = ["B", *sizes]
        self._shapes.append(helper.make_tensor_value_info(value, TensorProto.FLOAT, shape))
        return value

    def want(self, value: str) -> None:
        """Mark a value whose gradient is needed."""
        self._wanted.add(value)

    def give(self, value: str, gradient: str) -> None:
        """Add a gradient to those of a value, if it is needed."""
        if value in self._wanted:
            before = self._given.get(value)
            self._given[value] = self.op("Add", before, gradient) if before else gradient

    def record(self, output: str, inputs: list[str], backward: Backward) -> str:
        """Register how an output's gradient is passed to its inputs; returns the output."""
        if self._wanted.intersection(inputs):
            self._wanted.add(output)
            self._backward.append((output, backward))
        return output

    def backward(self, value: str) -> str:
        """Add the backward nodes; returns the gradient of a value marked by `want`."""
        for output, backward in reversed(self._backward):
            if output in self._given:
                backward(self._given[output])
        return self._given[value]

    def add(self, a: str, b: str) -> str:
        """a + b, of equal shapes."""

        def back(gradient: str) -> None:
            self.give(a, gradient)
            self.give(b, gradient)

        return self.record(self.op("Add", a, b), [a, b], back)

    def unit(self, x: str, unit: Unit, side: int) -> str:
        """The convolution and PReLU of a module, on a map of height and width `side`."""
        y = self._convolution(x, unit, side)
        return y if unit.slope is None else self._prelu(y, _numpy(unit.slope))

    def _convolution(self, x: str, unit: Unit, side: int) -> str:
        size, group = unit.weight.shape[2], unit.group
        weight = self._eight_bits(unit.weight)
        y = self.op(
            "Conv", x, weight, self.constant(_numpy(unit.bias)), kernel_shape=[size] * 2,
            strides=[unit.stride] * 2, pads=[unit.pad] * 4, group=group,
        )  # fmt: skip

        def back(gradient: str) -> None:
            if unit.stride == 2 and group == 1:
                given = self._phases(gradient, unit)
            elif size == 7:  # as large as the map: the output has one number for each channel
                kernel = self.op("Transpose", weight, perm=[1, 0, 2, 3])
                given = self.op("Mul", gradient, kernel)
            else:
                gradient = self._spread(gradient, group, side) if unit.stride == 2 else gradient
                given = self.op(
                    "Conv", gradient, self._turned(weight, size, group), kernel_shape=[size] * 2,
                    pads=[size - 1 - unit.pad] * 4, group=group,
                )  # fmt: skip
            self.give(x, given)

        return self.record(y, [x], back)

    def _eight_bits(self, weight: torch.Tensor) -> str:
        steps, scale = codes(weight)
        enlarged = self.op("Cast", self.constant(steps.numpy()), to=TensorProto.FLOAT)
        scales = self.op("Cast", self.constant(scale.numpy()), to=TensorProto.FLOAT)
        return self.op("Mul", enlarged, scales)

    def _turned(self, weight: str, size: int, group: int) -> str:
        """The kernel of the gradient: the flipped kernel, computed when the file is loaded."""
        if group == 1:
            weight = self.op("Transpose", weight, perm=[1, 0, 2, 3])
        if size == 1:
            return weight
        last, first = self.constant(np.array([-1, -1])), self.constant(np.array([-(2**31)] * 2))
        axes, steps = self.constant(np.array([2, 3])), self.constant(np.array([-1, -1]))
        return self.op("Slice", weight, last, first, axes, steps)

    def _spread(self, gradient: str, channels: int, side: int) -> str:
        """A map of double height and width, with the values at even positions and 0 elsewhere."""
        scales = self.constant(np.array([1.0, 1, 2, 2]))
        large = self.op(
            "Resize", gradient, "", scales, mode="nearest", nearest_mode="floor",
            coordinate_transformation_mode="asymmetric",
        )  # fmt: skip
        self.shaped(large, channels, side, side)
        even = np.arange(side) % 2 == 0
        return self.op(
            "Mul", large, self.constant((even[:, None] & even)[None, None].astype(np.float32))
        )

    def _phases(self, gradient: str, unit: Unit) -> str:
        """The gradient of a 3x3 convolution of stride 2 with few inputs, separately by parity.

        Position 2n contributes only through tap 1 (to output n), position 2n + 1 through tap 2 (to
        n) and tap 0 (to n + 1).
        """
        taps, (outs, ins) = ([1], [2, 0]), unit.weight.shape[:2]
        weight = rounded(unit.weight).detach().numpy()
        kernel = np.zeros((2, 2, ins, outs, 2, 2), np.float32)
        for i, rows in enumerate(taps):
            for j, columns in enumerate(taps):
                part = weight[:, :, rows][..., columns].transpose(1, 0, 2, 3)
                kernel[i, j, :, :, : len(rows), : len(columns)] = part
        flat = kernel.reshape(4 * ins, outs, 2, 2)
        apart = self.op(
            "Conv", gradient, self.constant(flat), kernel_shape=[2, 2], pads=[0, 0, 1, 1]
        )
        return self.op("DepthToSpace", apart, blocksize=2, mode="DCR")

    def _prelu(self, x: str, slope: Array) -> str:
        """PReLU as x times a factor, 1 or the slope, which is also the factor of the gradient.

        Depthwise convolutions compute the factor: data stays in ONNX Runtime's blocked layout of
        convolutions, which Where or PRelu would convert.
        """
        steep = self._channelwise(x, np.full(len(slope), STEEP))
        factor = self._channelwise(self.op("Sigmoid", steep), 1 - slope, slope)

        def back(gradient: str) -> None:
            self.give(x, self.op("Mul", gradient, factor))

        return self.record(self.op("Mul", x, factor), [x], back)

    def _channelwise(self, x: str, factor: Array, offset: Array | None = None) -> str:
        inputs = [x, self.constant(np.asarray(factor, np.float32).reshape(-1, 1, 1, 1))]
        if offset is not None:
            inputs.append(self.constant(np.asarray(offset, np.float32)))
        return self.op("Conv", *inputs, kernel_shape=[1, 1], group=len(factor))

    def model(
        self, name: str, inputs: list[tuple[str, int, list[Any]]], outputs: list[tuple[str, Any]]
    ) -> ModelProto:
        """The finished model. inputs: (name, type, shape); outputs: (name, shape), all float32."""
        values = [helper.make_tensor_value_info(*value) for value in inputs]
        results = [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in outputs]
        graph = helper.make_graph(
            self._nodes, name, values, results, list(self._constants.values()),
            value_info=self._shapes,
        )  # fmt: skip
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)])
        model.ir_version = IR_VERSION
        return model


def _numpy(values: torch.Tensor) -> Array:
    return np.asarray(values.detach().numpy())
