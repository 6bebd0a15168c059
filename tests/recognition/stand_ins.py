"""Small stand-ins for recognition models: one in numpy, and one in an ONNX file."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

EMBEDDING = 32  # numbers in an embedding of `write_toy`'s network


class Thumbnails:
    """A model whose feature map is a thumbnail of the face; the embedding is the map, flattened."""

    name = key = "thumbnails"
    note = "looks at thumbnails"

    def embed(self, faces):
        return self.embed_with_maps(faces)[0]

    def embed_with_maps(self, faces):
        small = faces.reshape(len(faces), 4, 32, 4, 8, 4, 3).mean((2, 4)) / 64 - 2
        maps = small.transpose(0, 3, 4, 1, 2).reshape(len(faces), 12, 4, 4).astype(np.float32)
        return maps.reshape(len(faces), -1), maps


def write_toy(path, shape=("n", 3, 112, 112), **options):
    """Write a network of two convolutions; the second covers the whole map, as in ArcFace's.

    shape: of the input. Feature maps are [n, 4, 7, 7], named `map` and, after the ReLU, `positive`.
    options: of onnx.save. Returns the kernels.
    """
    step = shape[2] // 7
    generator = np.random.default_rng(0)
    first = generator.normal(size=(4, 3, step, step)).astype(np.float32)
    last = generator.normal(size=(EMBEDDING, 4, 7, 7)).astype(np.float32)
    graph = helper.make_graph(
        [
            helper.make_node("Conv", ["x", "a"], ["map"], strides=[step, step]),
            helper.make_node("Relu", ["map"], ["positive"]),
            helper.make_node("Conv", ["positive", "b"], ["c"]),
            helper.make_node("Flatten", ["c"], ["y"]),
        ],
        "toy",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [shape[0], EMBEDDING])],
        [numpy_helper.from_array(first, "a"), numpy_helper.from_array(last, "b")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, path, **options)
    return first, last
