"""A network as a program of a few operations: what a browser runs in the place of Keras.

A step is a layer under Keras' name with Keras' settings, and the shapes of its weights in the order
in which Keras' `get_weights` has them.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import attrs

from explorer.core.network.errors import Refusal
from explorer.core.network.graph import Graph, Node
from explorer.core.network.layers import (
    Activation,
    Add,
    AveragePooling2D,
    BatchNormalization,
    Concatenate,
    Conv2D,
    Conv2DTranspose,
    Cropping2D,
    Dense,
    DepthwiseConv2D,
    Dropout,
    GlobalAveragePooling2D,
    GlobalMaxPooling2D,
    GroupNormalization,
    InputLayer,
    Layer,
    LeakyReLU,
    MaxPooling2D,
    Multiply,
    SeparableConv2D,
    Shape,
    UpSampling2D,
    ZeroPadding2D,
)
from explorer.core.network.layers.fields import both

Shapes: TypeAlias = tuple[Shape, ...]

#: Settings that are a number or one for each axis.
_BY_AXIS = frozenset(("kernel_size", "strides", "dilation_rate", "pool_size", "size"))
#: Activations that are run.
ACTIVATIONS = frozenset(
    (
        "linear", "relu", "relu6", "leaky_relu", "elu", "selu", "gelu", "sigmoid", "hard_sigmoid",
        "silu", "swish", "hard_silu", "hard_swish", "tanh", "softplus", "softsign", "softmax",
        "exponential", "mish",
    )
)  # fmt: skip


@attrs.frozen
class Step:
    """A layer, in its turn.

    Attributes:
        name: Of the layer.
        kind: Keras' name of what it is.
        inputs: Which steps feed it, by their places in the program.
        shape: Of its output for one image; its channels come last.
        settings: Keras' settings, by name.
        weights: Shapes of its weights, in Keras' order.
        calls: The step whose weights it uses; -1: its own.
    """

    name: str
    kind: str
    inputs: tuple[int, ...]
    shape: Shape
    settings: dict[str, Any]
    weights: Shapes
    calls: int = -1


@attrs.frozen
class Program:
    """A network, step by step.

    Attributes:
        steps: In an order in which they can be run; the first is the input.
        outputs: Places of the steps that the network returns.
    """

    steps: tuple[Step, ...]
    outputs: tuple[int, ...]


def program_of(graph: Graph) -> Program:
    """Return a network as a program.

    Raises:
        Refusal: If it has a layer that no browser runs, or several inputs.
    """
    nodes = list(graph)
    places = {node.name: place for place, node in enumerate(nodes)}
    if sum(isinstance(node.layer, InputLayer) for node in nodes) != 1:
        raise Refusal(
            "This network has several inputs, and a browser runs only those that take one image: "
            "choose another device."
        )
    steps = tuple(_step(node, places) for node in nodes)
    return Program(steps, tuple(places[node.name] for node in graph.outputs))


def _step(node: Node, places: Mapping[str, int]) -> Step:
    layer = node.layer
    weights_of = _KINDS.get(type(layer))
    if weights_of is None:
        raise Refusal(
            f"{layer.kind} layer {layer.name!r} is of a kind that isn’t run in a browser: choose "
            "another device."
        )
    if getattr(layer, "activation", "linear") not in ACTIVATIONS:
        raise Refusal(
            f"{layer.kind} layer {layer.name!r} has the activation "
            f"{layer.activation!r}, which isn’t run in a browser: choose "  # type: ignore[attr-defined]
            "another device."
        )
    return Step(
        node.name,
        layer.kind,
        tuple(places[feeding.name] for feeding in node.inputs),
        node.shape,
        _settings(layer),
        weights_of(layer, node.input_shapes),
        places[node.calls] if node.calls else -1,
    )


def _settings(layer: Layer) -> dict[str, Any]:
    """Return a layer's settings as JSON has them."""
    found = attrs.asdict(layer, filter=lambda field, _: field.name not in ("name", "trainable"))
    return {name: both(value) if name in _BY_AXIS else value for name, value in found.items()}


def _biased(layer: Any, channels: int, *kernels: Shape) -> Shapes:
    return (*kernels, *[(channels,)] * layer.use_bias)


def _conv(layer: Any, inputs: Sequence[Shape]) -> Shapes:
    kernel = *both(layer.kernel_size), inputs[0][-1] // layer.groups, layer.filters
    return _biased(layer, layer.filters, kernel)


def _depthwise(layer: Any, inputs: Sequence[Shape]) -> Shapes:
    read = inputs[0][-1]
    kernel = *both(layer.kernel_size), read, layer.depth_multiplier
    return _biased(layer, read * layer.depth_multiplier, kernel)


def _separable(layer: Any, inputs: Sequence[Shape]) -> Shapes:
    read, times = inputs[0][-1], layer.depth_multiplier
    kernel = *both(layer.kernel_size), read, times
    return _biased(layer, layer.filters, kernel, (1, 1, read * times, layer.filters))


def _transposed(layer: Any, inputs: Sequence[Shape]) -> Shapes:
    kernel = *both(layer.kernel_size), layer.filters, inputs[0][-1]
    return _biased(layer, layer.filters, kernel)


def _dense(layer: Any, inputs: Sequence[Shape]) -> Shapes:
    return _biased(layer, layer.units, (inputs[0][-1], layer.units))


def _batch_norm(layer: Any, inputs: Sequence[Shape]) -> Shapes:
    return (inputs[0][-1:],) * int(layer.scale + layer.center + 2)


def _group_norm(layer: Any, inputs: Sequence[Shape]) -> Shapes:
    return (inputs[0][-1:],) * int(layer.scale + layer.center)


def _none(layer: Any, inputs: Sequence[Shape]) -> Shapes:
    return ()


#: What is run, and the shapes of its weights.
_KINDS: dict[type[Layer], Callable[[Any, Sequence[Shape]], Shapes]] = {
    Conv2D: _conv,
    DepthwiseConv2D: _depthwise,
    SeparableConv2D: _separable,
    Conv2DTranspose: _transposed,
    Dense: _dense,
    BatchNormalization: _batch_norm,
    GroupNormalization: _group_norm,
    **dict.fromkeys(
        (
            Activation,
            Add,
            AveragePooling2D,
            Concatenate,
            Cropping2D,
            Dropout,
            GlobalAveragePooling2D,
            GlobalMaxPooling2D,
            InputLayer,
            LeakyReLU,
            MaxPooling2D,
            Multiply,
            UpSampling2D,
            ZeroPadding2D,
        ),
        _none,
    ),
}
