"""Files of ONNX as architectures, so that networks of PyTorch and others can be looked at.

Nothing that a file holds is run. Weights are counted, and not read; files beside it that hold them
are never opened.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache, partial
from math import prod
from pathlib import Path
from typing import Any

import attrs

from explorer.core.analysis.report import analyze
from explorer.core.exchange.loaded import Answers, Entry, Loaded
from explorer.core.families.read_model import ReadModel, strides_of
from explorer.core.formatting import byte_size, counted
from explorer.core.network.errors import Refusal, first_line
from explorer.core.network.graph import Graph
from explorer.core.network.layers import Shape
from explorer.core.network.parameters import LARGEST as LARGEST_SIZE
from explorer.onnx_side.operators import OPERATORS
from explorer.onnx_side.reader import ORDERS, Network, Operation, OtherOrder, Reader
from explorer.onnx_side.tensors import MOST_VALUES, Constant

#: Most bytes of a file, as Protocol Buffers have it, and most operators in it.
LARGEST, MOST_OPERATORS = 2**31 - 1, 20_000

#: Height and width at which a network is shown that takes any.
ANY_SIZE = 256

#: Oldest version of the operators whose rules are known here.
OLDEST = 7

_AGAIN = "export the model again"
_NO_ANSWERS = Answers()

#: Numbers of ONNX's types that hold no weights: whole numbers, text and truth values.
_NO_WEIGHTS = {0, 2, 3, 4, 5, 6, 7, 8, 9, 12, 13, 21, 22}
#: Operators that hold graphs of their own.
_WITH_GRAPHS = ("If", "Loop", "Scan", "SequenceMap")
_QUANTIZED = re.compile(r"(De|Dynamic)?Quantize|QLinear|.*Integer$|QGemm|QAttention")


@attrs.frozen
class Remake:
    """Reads the same network again, for another size; it travels without weights.

    Attributes:
        stripped: The file without its weights.
        order: Order of the axes of images in it.
    """

    stripped: bytes = attrs.field(repr=False)
    order: str

    def __call__(self, shape: Shape) -> Graph:
        """Return the layers for images of a shape.

        Args:
            shape: `(height, width, channels)`.

        Raises:
            ValueError: If they can't take such images.
        """
        network = _kept(self.stripped)
        return _read(network, self.order, shape)[0]


def read_onnx_file(path: str | Path, answers: Answers = _NO_ANSWERS) -> Loaded:
    """Return the network of an ONNX file.

    Args:
        path: The file.
        answers: The channels of the image, where the file leaves them open.

    Raises:
        Refusal: If it is no such file, or holds what can't be shown; or `onnx` isn't installed.
    """
    path = Path(path)
    name = repr(path.name)[:100]
    size = path.stat().st_size
    if size > LARGEST:
        raise Refusal(f"{name} has {byte_size(size)}: at most {byte_size(LARGEST)} are read.")
    try:
        model = _parsed(path.read_bytes(), name)
        model.graph.name = path.stem[:100]  # what exporters write there is the same for all
        return _loaded(model, answers)
    except Refusal as error:
        raise Refusal(f"{name}: {error}") from error
    except MemoryError:
        raise
    except Exception as error:  # settings and names of any type, which ONNX doesn't check
        raise Refusal(
            f"{name}: It can't be read, since what it says makes no sense ({first_line(error)}): "
            f"{_AGAIN}."
        ) from error


def _onnx() -> Any:
    try:
        import onnx
        import onnx.shape_inference
    except ImportError as error:
        raise Refusal(
            "Reading ONNX needs a package of its own: install it with pip install "
            f"'explorer[onnx]' ({first_line(error)})."
        ) from error
    return onnx


def _parsed(content: bytes, name: str) -> Any:
    onnx = _onnx()
    model = onnx.ModelProto()
    try:
        model.ParseFromString(content)
    except Exception as error:  # Protocol Buffers raise kinds of their own
        raise Refusal(f"It is no ONNX file, or it is damaged: {_AGAIN}.") from error
    if not model.HasField("graph") or not model.graph.node:
        raise Refusal(f"It is no ONNX file, or one without a graph: {_AGAIN}.")
    return model


def _loaded(model: Any, answers: Answers) -> Loaded:
    stripped = _stripped(model)
    network = _network(stripped)
    name = _image_of(network)
    graph, order, reader = _first_reading(network, name, answers)
    own = [network.inputs[name][order.index(letter)] for letter in "HWC"]
    remake = Remake(stripped.SerializeToString(), order)
    about = "a file of ONNX is shown without them, so they are random"
    made = ReadModel(
        graph.name,
        tuple(own),
        graph,
        problem=_obstacle(graph),
        about_weights=about,
        remake=remake,
        **strides_of(graph),
    )
    made = made.with_what_is_fixed()
    report = analyze(graph)
    operators = len(graph.nodes) - len(reader.not_known) - len(graph.inputs)
    axes = "channels first" if order == "NCHW" else "channels last"
    sizes = "any size" if None in own[:2] else f"{own[0]} × {own[1]} pixels"
    image = f"{sizes}, {counted(own[2], 'channel') if own[2] else 'any number of channels'}"
    entries = [
        Entry("layers", counted(operators, "layer")),
        Entry("input", f"{image}; {axes} in the file, last here"),
        *(
            Entry(layer, kind, f"{why}: only its shape is known")
            for layer, kind, why in reader.not_known
        ),
        Entry("weights", counted(report.total_params, "value"), about),
    ]
    height, width, channels = own
    missing = () if channels or answers.channels else ("channels",)
    return Loaded(made, (height, width, channels), "ONNX", tuple(entries), missing)


def _obstacle(graph: Graph) -> str:
    """Return why Keras can't make a network, or nothing."""
    if len(graph.inputs) > 1:
        return f"its file of ONNX has {len(graph.inputs)} inputs"
    lacking = [f"{node.kind} {node.name!r}" for node in graph if not node.can_be_made]
    if not lacking:
        return ""
    more = f" and {len(lacking) - 3} more" if len(lacking) > 3 else ""
    return (
        "Keras has no layers like these of its file of ONNX, or they share weights with others: "
        f"{', '.join(lacking[:3])}{more}"
    )


# What a file holds.


def _stripped(model: Any) -> Any:
    """Return a model without its weights: they become inputs, of which there is the type alone."""
    onnx = _onnx()
    opset = max((each.version for each in model.opset_import if not each.domain), default=1)
    if opset < OLDEST:
        raise Refusal(
            f"It is of version {opset} of ONNX's operators, and those from {OLDEST} on are read: "
            "convert it with onnx.version_converter."
        )
    if model.functions:
        _check_functions(model)
        import onnx.inliner

        try:
            model = onnx.inliner.inline_local_functions(model)
        except Exception as error:  # of native code
            raise Refusal(
                f"Its functions can't be read ({first_line(error)}): {_AGAIN}."
            ) from error
    graph = model.graph
    if len(graph.node) > MOST_OPERATORS:
        raise Refusal(f"It has {len(graph.node):,} operators: at most {MOST_OPERATORS:,} are read.")
    if len(graph.sparse_initializer):
        raise Refusal(f"It has sparse weights, which are not read: {_AGAIN} with plain ones.")
    result = onnx.ModelProto()
    result.ir_version = model.ir_version
    result.opset_import.extend(model.opset_import)
    made = result.graph
    made.name = graph.name[:200]
    made.node.extend(graph.node)
    made.output.extend(graph.output)
    names = {each.name for each in graph.initializer}
    made.input.extend(each for each in graph.input if each.name not in names)
    for each in made.input:
        each.doc_string = ""  # what it says there could be our mark
    for tensor in graph.initializer:
        is_kept = (
            prod(tensor.dims) <= MOST_VALUES and tensor.data_location != onnx.TensorProto.EXTERNAL
        )
        if is_kept:
            made.initializer.append(tensor)
        else:
            value = onnx.helper.make_tensor_value_info(
                tensor.name, tensor.data_type, list(tensor.dims)
            )
            value.doc_string = _WEIGHTS
            made.input.append(value)
    for node in made.node:
        _check_node(node)
    # What the file says of shapes is of its own size, and only needed where it is not worked out.
    made.value_info.extend(graph.value_info)
    return result


#: Marks inputs that stand for weights.
_WEIGHTS = "weights"


def _check_node(node: Any) -> None:
    onnx = _onnx()
    kind = node.op_type[:60]
    graphs = (onnx.AttributeProto.GRAPH, onnx.AttributeProto.GRAPHS)
    if kind in _WITH_GRAPHS or any(each.type in graphs for each in node.attribute):
        raise Refusal(
            f"It has a graph within a graph ({kind} {node.name[:60]!r}), which is not read: export "
            "the model without branches and loops."
        )
    if _QUANTIZED.match(kind):
        raise Refusal(
            f"It is quantized ({kind} {node.name[:60]!r}), which is not read: export the network "
            "of floats that it was made of."
        )
    for each in node.attribute:
        if each.type == onnx.AttributeProto.TENSOR and prod(each.t.dims) > MOST_VALUES:
            # Large constants within the graph are weights, whose shape alone matters.
            tensor = onnx.TensorProto(data_type=each.t.data_type, dims=each.t.dims)
            each.t.CopyFrom(tensor)


def _check_functions(model: Any) -> None:
    """Raise an error if functions call each other so that they would grow without end."""
    known = {(each.domain, each.name): each for each in model.functions}
    sizes: dict[tuple[str, str], int] = {}
    open_: set[tuple[str, str]] = set()

    def size(key: tuple[str, str], depth: int = 0) -> int:
        if key in open_ or depth > 50:
            raise Refusal(f"Its functions call themselves, or lie too deep: {_AGAIN} without them.")
        if key not in sizes:
            open_.add(key)
            sizes[key] = sum(
                size(inner, depth + 1) if (inner := (n.domain, n.op_type)) in known else 1
                for n in known[key].node
            )
            open_.discard(key)
        return sizes[key]

    total = sum(
        size(key) if (key := (node.domain, node.op_type)) in known else 1
        for node in model.graph.node
    )
    if total > MOST_OPERATORS:
        raise Refusal(f"Its functions hold over {MOST_OPERATORS:,} operators: {_AGAIN}.")


def _network(model: Any) -> Network:
    """Return what a stripped model holds."""
    graph = model.graph
    inputs: dict[str, tuple[int | None, ...]] = {}
    constants: dict[str, Constant] = {}
    for value in graph.input:
        kind = value.type.tensor_type
        if not value.type.HasField("tensor_type") or not kind.HasField("shape"):
            raise Refusal(f"It does not tell the shape of its input {value.name[:60]!r}: {_AGAIN}.")
        dims = tuple(
            each.dim_value if each.HasField("dim_value") and each.dim_value > 0 else None
            for each in kind.shape.dim
        )
        if value.doc_string == _WEIGHTS:
            told = tuple(each.dim_value for each in kind.shape.dim)
            weights = {} if kind.elem_type in _NO_WEIGHTS else {value.name: prod(told)}
            constants[value.name] = Constant(told, None, weights, True)
        else:
            inputs[value.name] = dims
    for tensor in graph.initializer:
        constants[tensor.name] = _constant(tensor, tensor.name, True)
    operations = []
    for place, node in enumerate(graph.node):
        settings = {each.name: _setting(each) for each in node.attribute}
        kind = node.op_type[:60] or "?"
        if node.domain not in ("", "ai.onnx"):
            kind = f"{node.domain[:60]}.{kind}"
        if kind == "Constant" and node.output:
            constants[node.output[0]] = _value_of(node, f"constant {place}")
            continue
        operations.append(
            Operation(kind, node.name, tuple(node.input), tuple(node.output), settings, node)
        )
    imports = {each.domain: each.version for each in model.opset_import}
    opset = imports.get("", 1)
    outputs = tuple(value.name for value in graph.output)
    return Network(
        graph.name or "model",
        opset,
        inputs,
        outputs,
        constants,
        tuple(operations),
        _shapes({each.name: each.type for each in (*graph.value_info, *graph.output)}),
        partial(_inferred, imports),
    )


def _constant(tensor: Any, name: str, is_stored: bool) -> Constant:
    """Return a tensor of the file; its values only where they are few, and in the file itself."""
    onnx = _onnx()
    dims = tuple(int(size) for size in tensor.dims)
    if min(dims, default=1) < 0:
        raise Refusal(f"Its constant {name[:60]!r} has the shape {dims}: {_AGAIN}.")
    values = None
    if prod(dims) <= MOST_VALUES and tensor.data_location != onnx.TensorProto.EXTERNAL:
        try:
            values = onnx.numpy_helper.to_array(tensor)
        except Exception:  # of a tensor whose bytes are not as its shape says: then it has none
            values = None
        if values is not None and values.shape != dims:
            values = None
    weights = {} if tensor.data_type in _NO_WEIGHTS else {name: prod(dims)}
    return Constant(dims, values, weights, is_stored)


def _value_of(node: Any, name: str) -> Constant:
    import numpy as np

    for each in node.attribute:
        if each.name == "value":
            return _constant(each.t, name, False)
        if each.name in ("value_int", "value_ints"):
            values = np.array(list(each.ints) if each.name.endswith("s") else each.i, np.int64)
            return Constant(values.shape, values)
        if each.name in ("value_float", "value_floats"):
            values = np.array(list(each.floats) if each.name.endswith("s") else each.f, np.float32)
            return Constant(values.shape, values, {name: values.size})
    raise Refusal(f"Its constant {node.name[:60]!r} has no value that is read: {_AGAIN}.")


def _setting(attribute: Any) -> Any:
    onnx = _onnx()
    if attribute.type == onnx.AttributeProto.TENSOR:
        return _constant(attribute.t, attribute.name, False).values
    try:
        return onnx.helper.get_attribute_value(attribute)
    except Exception:  # of a kind that there is not
        return None


#: NumPy's kinds of numbers as ONNX's types; what is no constant is of floats.
_FLOAT, _TYPES = 1, {"int64": 7, "int32": 6, "bool": 9, "float64": 11, "float16": 10}


def _inferred(
    imports: Any, operation: Operation, inputs: Sequence[tuple[Shape, Any] | None]
) -> Mapping[str, Shape]:
    """Return the shapes of an operator's outputs that ONNX works out; none where it can't."""
    onnx = _onnx()
    node = operation.node
    try:
        schema = onnx.defs.get_schema(node.op_type, imports[node.domain], node.domain)
        types, values = {}, {}
        for name, given in zip(operation.inputs, inputs, strict=True):
            if given is not None:
                dims, array = given
                kind = _TYPES.get(str(array.dtype), _FLOAT) if array is not None else _FLOAT
                types[name] = onnx.helper.make_tensor_type_proto(kind, dims)
                if array is not None:
                    values[name] = onnx.numpy_helper.from_array(array, name)
        found = onnx.shape_inference.infer_node_outputs(schema, node, types, values)
    except Exception:  # of native code, about an operator that is against the rules or not known
        return {}
    return _shapes(found)


def _shapes(types: Mapping[str, Any]) -> dict[str, Shape]:
    """Return the shapes that are told in full; a batch of any size is of one image."""
    found = {}
    for name, kind in types.items():
        if not kind.HasField("tensor_type") or not kind.tensor_type.HasField("shape"):
            continue
        axes = kind.tensor_type.shape.dim
        dims = [each.dim_value if each.HasField("dim_value") else -1 for each in axes]
        dims[:1] = [1 if size == -1 else size for size in dims[:1]]
        if -1 not in dims:
            found[name] = tuple(dims)
    return found


@lru_cache(maxsize=4)
def _kept(stripped: bytes) -> Network:
    model = _onnx().ModelProto()
    model.ParseFromString(stripped)
    return _network(model)


# Reading it for a size.


def _image_of(network: Network) -> str:
    images = [name for name, dims in network.inputs.items() if len(dims) == 4]
    if not images:
        shapes = ", ".join(str(dims) for dims in list(network.inputs.values())[:3])
        raise Refusal(
            f"It takes no images of two dimensions, but {shapes or 'nothing'}: the explorer shows "
            "networks with an input of batch, channels, height and width."
        )
    return images[0]


def _first_reading(network: Network, image: str, answers: Answers) -> tuple[Graph, str, Reader]:
    """Return the layers at the file's own size, and the order of an image's axes in it."""
    places = []
    for order in ORDERS:
        dims = network.inputs[image]
        own = [dims[order.index(letter)] for letter in "HWC"]
        channels = own[2] or answers.channels or _channels_read(network, image) or 1
        shape = (own[0] or ANY_SIZE, own[1] or ANY_SIZE, channels)
        try:
            graph, reader = _read(network, order, shape)
        except OtherOrder as error:
            places.append(str(error))
        else:
            return graph, order, reader
    raise Refusal(
        f"The order of axes that its layer {places[0][:100]} takes is neither that of channels "
        "first nor of channels last: export the model with images in one of them."
    )


def _channels_read(network: Network, image: str) -> int | None:
    """Return how many channels the first convolution reads, where the input leaves that open."""
    for operation in network.operations:
        if operation.kind == "Conv" and len(operation.inputs) > 1:
            kernel = network.constants.get(operation.inputs[1])
            if operation.inputs[0] == image and kernel is not None and len(kernel.dims) == 4:
                groups = operation.settings.get("group", 1)
                return kernel.dims[1] * groups if isinstance(groups, int) else None
    return None


def _read(network: Network, order: str, shape: Shape) -> tuple[Graph, Reader]:
    """Return the layers for images of a shape, and who read them.

    Args:
        network: What the file holds.
        order: Order of the axes of images in it.
        shape: `(height, width, channels)`.

    Raises:
        OtherOrder: If axes of images are in another order.
    """
    if not all(1 <= size <= LARGEST_SIZE for size in shape):
        raise Refusal(f"It takes images of {shape}, which no network is run on.")
    reader = Reader(network, order, OPERATORS)
    sizes = dict(_sizes(network, order, shape))
    return reader.graph(sizes), reader


def _sizes(network: Network, order: str, shape: Shape) -> Iterator[tuple[str, Shape]]:
    """Yield the shape of each input in ONNX, of one image."""
    by_letter = dict(zip("HWC", shape, strict=True), N=1)
    image = _image_of(network)
    for name, dims in network.inputs.items():
        if name == image:
            yield name, tuple(by_letter[letter] for letter in order)
            continue
        letters = order[1:] if len(dims) == 4 else " " * len(dims[1:])
        rest = [
            by_letter.get(letter, 0) if size is None else size
            for size, letter in zip(dims[1:], letters, strict=True)
        ]
        if 0 in rest:
            raise Refusal(
                f"It leaves the shape of its input {name[:60]!r} open: export the model with fixed "
                "sizes for it."
            )
        yield name, (1, *rest) if dims else ()
