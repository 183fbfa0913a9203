"""A Keras model, read into a graph: every layer is known in full, or marked as unknown.

What this asks of Keras beyond its public interface (which call of which layer made a tensor) stands
here alone.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from math import prod
from typing import Any

import attrs

from explorer.foreign_layers import Elementwise, Unknown
from explorer.graph import Block, Feature, Graph, Node, depth_first, scaled
from explorer.layers import (
    ACTIVATIONS,
    Activation,
    Add,
    AveragePooling2D,
    BatchNormalization,
    Concatenate,
    Conv2D,
    Conv2DTranspose,
    DepthwiseConv2D,
    Dropout,
    InputLayer,
    Layer,
    MaxPooling2D,
    Shape,
    UpSampling2D,
    ZeroPadding2D,
)

#: Keras layers that work on each position alone, whatever their configuration.
_ELEMENTWISE = {
    "ReLU", "LeakyReLU", "PReLU", "ELU", "Identity", "Rescaling", "GaussianNoise",
    "GaussianDropout", "AlphaDropout", "SpatialDropout2D", "ActivityRegularization",
    "Multiply", "Subtract", "Average", "Maximum", "Minimum",
}  # fmt: skip

#: Keras layers that hold no convolution, and so by our convention no MACs.
_WITHOUT_CONVOLUTION = _ELEMENTWISE | {
    "Dense", "Flatten", "Reshape", "Permute", "GlobalAveragePooling2D", "GlobalMaxPooling2D",
    "Add", "Concatenate", "Activation", "Softmax", "BatchNormalization", "LayerNormalization",
    "GroupNormalization", "UnitNormalization", "Normalization", "Cropping2D", "Resizing",
    "CenterCrop", "RepeatVector", "MaxPooling2D", "AveragePooling2D", "UpSampling2D", "Dropout",
    "ZeroPadding2D",
}  # fmt: skip


class _NotAlike(Exception):
    """The Keras layer has a configuration that our layer of the same name can't have."""


class Reader:
    """Reads one model.

    Args:
        model: A functional or sequential model.
        blocks: The blocks that made it, in order, each with its output tensor.
    """

    def __init__(self, model: Any, blocks: list[tuple[Block, Any]] | None = None) -> None:
        if not getattr(model, "inputs", None) or not getattr(model, "outputs", None):
            raise ValueError(
                f"The model {getattr(model, 'name', model)!r} can't be read: use a functional or "
                "sequential Keras model that was built with an input shape."
            )
        self._model = model
        self._inputs = {id(tensor) for tensor in model.inputs}
        self._calls = list(self._walk())
        self._blocks = self._blocks_of_calls(blocks or [])

    def graph(self, name: str) -> Graph:
        """Return the graph.

        Args:
            name: Name of the graph.
        """
        features: dict[int, Feature] = {}
        seen: Counter[str] = Counter()
        for call in self._calls:
            operation = call.operation
            inputs = [features[id(tensor)] for tensor in self._sources(call)]
            count = seen[operation.name]
            seen[operation.name] += 1
            for i, output in enumerate(call.output_tensors):
                # A layer that is called again has the same weights: they count once.
                first = count == 0 and i == 0
                own = operation.name if count == 0 else f"{operation.name}_call{count}"
                own = own if i == 0 else f"{own}_output{i}"
                features[id(output)] = self._feature(call, own, inputs, output, counts=first)
        outputs = [features[id(tensor)] for tensor in self._model.outputs]
        graph = Graph(outputs, name, read_from_keras=True)
        return graph if self._blocks else Graph(_in_parts(graph), name, read_from_keras=True)

    def _walk(self) -> Iterator[Any]:
        """Yield the calls of layers that the outputs need, each after those that feed it."""
        done: set[int] = set()
        stack = [_call_of(tensor) for tensor in reversed(self._model.outputs)]
        while stack:
            call = stack[-1]
            missing = [
                source for source in map(_call_of, self._sources(call)) if id(source) not in done
            ]
            if missing:
                stack.extend(reversed(missing))
                continue
            stack.pop()
            if id(call) not in done:
                done.add(id(call))
                yield call

    def _sources(self, call: Any) -> list[Any]:
        """Return the tensors that a call takes; none for the model's own inputs."""
        if any(id(tensor) in self._inputs for tensor in call.output_tensors):
            return []
        return list(call.input_tensors)

    def _blocks_of_calls(self, blocks: list[tuple[Block, Any]]) -> dict[int, Block]:
        """Return the block of each call: what led to a block's output, and no block before it."""
        found: dict[int, Block] = {}
        for block, output in blocks:
            waiting = [output]
            while waiting:
                tensor = waiting.pop()
                call = _call_of(tensor)
                if id(call) in found or id(tensor) in self._inputs:
                    continue
                found[id(call)] = block
                waiting.extend(self._sources(call))
        return found

    def _feature(
        self, call: Any, name: str, inputs: list[Feature], output: Any, counts: bool
    ) -> Feature:
        shape = _shape(output, name)
        nodes = tuple(feature.node for feature in inputs)
        block = self._blocks.get(id(call))
        if not nodes:
            return Feature(Node(InputLayer(shape=shape, name=name), (), shape, 1, block))
        layer = _translated(call.operation, name, [node.shape for node in nodes], shape, counts)
        stride = nodes[0].stride
        # What the sizes say: unknown layers can change the resolution, too.
        if len(shape) == len(nodes[0].shape) == 3 and not layer.is_known:
            stride = scaled(stride, nodes[0].shape[0], shape[0])
        else:
            stride = scaled(stride, layer.down, layer.up)
        return Feature(Node(layer, nodes, shape, stride, block))


def _call_of(tensor: Any) -> Any:
    """Return the call of a layer that made a tensor."""
    operation, index, _ = tensor._keras_history
    return operation._inbound_nodes[index]


def _shape(tensor: Any, name: str) -> Shape:
    shape = tuple(tensor.shape[1:])
    if any(size is None for size in shape):
        raise ValueError(
            f"The output of {name!r} has the shape {shape}, of which sizes are unknown: build the "
            "model for a fixed input shape, such as keras.Input((256, 256, 3))."
        )
    return shape


def _translated(
    operation: Any, name: str, inputs: list[Shape], shape: Shape, counts: bool
) -> Layer:
    """Return our layer for a Keras layer: in full where it is known, and never wrong."""
    kind = type(operation).__name__
    trainable, frozen = _params(operation) if counts else (0, 0)
    is_own = type(operation).__module__.startswith("keras.")
    if is_own and counts:
        try:
            layer = _TRANSLATIONS[kind](operation, name)
            alike = layer.output_shape(inputs) == shape
            if alike and layer.weights(inputs) == (trainable, frozen):
                return layer
        except (KeyError, _NotAlike, ValueError):
            pass
    if is_own and _is_elementwise(operation, kind) and {*inputs} == {shape}:
        return Elementwise(kind, trainable, frozen, name=name)
    return Unknown(
        kind,
        trainable,
        frozen,
        name=name,
        shape=shape,
        counted=is_own and kind in _WITHOUT_CONVOLUTION,
    )


def _is_elementwise(operation: Any, kind: str) -> bool:
    if kind == "Normalization":
        return tuple(operation.axis) in ((-1,), (3,))
    return kind in _ELEMENTWISE


def _params(operation: Any) -> tuple[int, int]:
    """Return the numbers of trainable and of other parameters, as `count_params` counts them."""

    def count(weights: Any) -> int:
        return sum(prod(weight.shape) for weight in weights)

    trainable = count(getattr(operation, "trainable_weights", ()))
    return trainable, count(getattr(operation, "weights", ())) - trainable


def _equal(values: Any) -> int:
    """Return the number that all values are."""
    values = values if isinstance(values, (tuple, list)) else (values,)
    if len(set(values)) != 1:
        raise _NotAlike
    return int(values[0])


def _activation(operation: Any) -> str:
    name = getattr(operation.activation, "__name__", "")
    if name not in ACTIVATIONS:
        raise _NotAlike
    return str(name)


def _check(condition: bool) -> None:
    if not condition:
        raise _NotAlike


def _windowed(operation: Any) -> dict[str, Any]:
    _check(operation.data_format == "channels_last")
    return {"strides": _equal(operation.strides), "padding": operation.padding}


def _conv(operation: Any, name: str) -> Layer:
    return Conv2D(
        name=name,
        filters=operation.filters,
        kernel_size=_equal(operation.kernel_size),
        use_bias=operation.use_bias,
        activation=_activation(operation),
        dilation_rate=_equal(operation.dilation_rate),
        groups=operation.groups,
        **_windowed(operation),
    )


def _depthwise(operation: Any, name: str) -> Layer:
    return DepthwiseConv2D(
        name=name,
        kernel_size=_equal(operation.kernel_size),
        depth_multiplier=operation.depth_multiplier,
        use_bias=operation.use_bias,
        activation=_activation(operation),
        dilation_rate=_equal(operation.dilation_rate),
        **_windowed(operation),
    )


def _transposed(operation: Any, name: str) -> Layer:
    settings = _windowed(operation)
    _check(settings.pop("padding") == "same" and operation.output_padding is None)
    _check(_equal(operation.dilation_rate) == 1)
    return Conv2DTranspose(
        name=name,
        filters=operation.filters,
        kernel_size=_equal(operation.kernel_size),
        use_bias=operation.use_bias,
        activation=_activation(operation),
        **settings,
    )


def _pooling(cls: Any) -> Callable[[Any, str], Layer]:
    def read_pooling(operation: Any, name: str) -> Layer:
        made: Layer = cls(name=name, pool_size=_equal(operation.pool_size), **_windowed(operation))
        return made

    return read_pooling


def _zero_padding(operation: Any, name: str) -> Layer:
    _check(operation.data_format == "channels_last")
    (top, bottom), (left, right) = operation.padding
    _check((top, bottom) == (left, right))
    return ZeroPadding2D(name=name, before=top, after=bottom)


def _upsampling(operation: Any, name: str) -> Layer:
    _check(operation.data_format == "channels_last")
    _check(operation.interpolation in ("nearest", "bilinear"))
    return UpSampling2D(
        name=name, size=_equal(operation.size), interpolation=operation.interpolation
    )


def _batch_norm(operation: Any, name: str) -> Layer:
    _check(operation.axis in (-1, 3))
    return BatchNormalization(name=name)


def _concatenate(operation: Any, name: str) -> Layer:
    _check(operation.axis in (-1, 3))
    return Concatenate(name=name)


_TRANSLATIONS: dict[str, Callable[[Any, str], Layer]] = {
    "Conv2D": _conv,
    "DepthwiseConv2D": _depthwise,
    "Conv2DTranspose": _transposed,
    "MaxPooling2D": _pooling(MaxPooling2D),
    "AveragePooling2D": _pooling(AveragePooling2D),
    "ZeroPadding2D": _zero_padding,
    "UpSampling2D": _upsampling,
    "BatchNormalization": _batch_norm,
    "Concatenate": _concatenate,
    "Add": lambda operation, name: Add(name=name),
    "Activation": lambda operation, name: Activation(name=name, activation=_activation(operation)),
    "Dropout": lambda operation, name: Dropout(name=name, rate=operation.rate),
}


def _in_parts(graph: Graph) -> list[Feature]:
    """Return the outputs of the same graph with its layers gathered in blocks.

    A new block starts where the resolution changes, and after features were joined. Blocks up to
    the lowest resolution are the encoder's, later ones the decoder's.
    """
    order = depth_first(graph.outputs)[0]
    lowest = max(node.stride for node in order)
    last_lowest = max(i for i, node in enumerate(order) if node.stride == lowest)
    new: dict[Node, Node] = {}
    count: Counter[str] = Counter()
    block: Block | None = None
    for i, node in enumerate(order):
        before = order[i - 1] if i else None
        role = "encoder" if i <= last_lowest else "decoder"
        starts = (
            block is None
            or before is None
            or node.stride != before.stride
            or role != block.role
            or (len(before.inputs) > 1 and not node.layer.pointwise)
        )
        if node.inputs and starts:
            block = Block(f"{role}{count[role]}", role, 0, count[role], "")
            count[role] += 1
        inputs = tuple(new[source] for source in node.inputs)
        new[node] = attrs.evolve(node, inputs=inputs, block=block if node.inputs else None)
    return [Feature(new[node]) for node in graph.outputs]
