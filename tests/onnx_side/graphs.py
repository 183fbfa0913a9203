"""Small graphs of ONNX for the tests."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from explorer.core.exchange.loaded import Loaded
from explorer.onnx_side.files import read_onnx_file

#: Small, as every pixel is tried.
IMAGE = ("n", 2, 10, 12)


def node(kind: str, inputs: str, outputs: str, **settings: Any) -> onnx.NodeProto:
    return helper.make_node(
        kind, inputs.split(" "), outputs.split(" "), name=f"{kind}_{outputs}", **settings
    )


def model(
    nodes: list[onnx.NodeProto],
    constants: dict[str, Any] | None = None,
    shape: Any = IMAGE,
    opset: int = 18,
    outputs: str = "y",
    inputs: dict[str, Any] | None = None,
    others: tuple[Any, ...] = (),
) -> onnx.ModelProto:
    """Return a network from `x` to `y`; constants are arrays, or shapes of drawn weights."""
    generator = np.random.default_rng(0)
    arrays = {
        name: value
        if isinstance(value, np.ndarray)
        else generator.uniform(0.1, 1, value).astype(np.float32)
        for name, value in (constants or {}).items()
    }
    graph = helper.make_graph(
        nodes,
        "small",
        [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, dims)
            for name, dims in {"x": shape, **(inputs or {})}.items()
        ],
        [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, None)
            for name in outputs.split(" ")
        ],
        [numpy_helper.from_array(array, name) for name, array in arrays.items()],
    )
    opsets = [helper.make_opsetid("", opset), *(helper.make_opsetid(d, 1) for d in others)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8)


def loaded(made: onnx.ModelProto, folder: Path) -> Loaded:
    path = folder / "model.onnx"
    path.write_bytes(made.SerializeToString())
    return read_onnx_file(path)


def whole(*values: int) -> np.ndarray:
    return np.array(values, np.int64)
