"""The graph: what an architecture means, as immutable nodes in dependency order.

A `Feature` stands for a tensor while an architecture is traced; the `Graph` is collected from
the outputs backwards, so that layers which no output needs are not part of it.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from difflib import get_close_matches
from fractions import Fraction
from itertools import islice
from math import prod
from typing import Any, TypeVar

import attrs

from explorer.core.network import hooks
from explorer.core.network.errors import ParameterError, Refusal
from explorer.core.network.layers import ByAxis, InputLayer, Layer, Shape, along

#: A step in input pixels: one number for both axes, one for each where they differ, or None where
#: it is not known.
Stride = int | Fraction | tuple[int | Fraction, ...] | None

#: Size of a float32.
BYTES_PER_VALUE = 4

#: Name of the input layer of every traced architecture.
INPUT_NAME = "image_in"


@attrs.frozen
class Block:
    """Which part of an architecture a layer belongs to.

    Attributes:
        name: The prefix that the block was made with, such as "stack0_enc1".
        role: "stem", "encoder", "middle", "decoder", "merge" or "head".
        stack: Index of the stack, or None for the stem.
        index: Index of the block within its stack's encoder or decoder, or within the stem.
        kind: Name of the block's class.
    """

    name: str
    role: str
    stack: int | None
    index: int
    kind: str


_current_block: ContextVar[Block | None] = ContextVar("current_block", default=None)

#: While a list is set, each block that was made and its output are noted there. Keras tensors
#: can't carry the block that they belong to.
made_blocks: ContextVar[list[tuple[Block, Any]] | None] = ContextVar("made_blocks", default=None)


def in_block(block: Block, make: Callable[[], Any]) -> Any:
    """Return what `make` returns; every node that it adds becomes part of the block."""
    token = _current_block.set(block)
    try:
        output = make()
    finally:
        _current_block.reset(token)
    noted = made_blocks.get()
    if noted is not None:
        noted.append((block, output))
    return output


@attrs.frozen(eq=False)
class Node:
    """One layer in its place.

    Attributes:
        layer: The layer's kind and configuration.
        inputs: The nodes that feed it, in order.
        shape: `(height, width, channels)` of its output.
        stride: Step of its output in input pixels, as the layers on the way say: a pair where it
            differs by axis, None where a layer does not say, or there is a single position left.
        block: The block that it belongs to, or None.
        calls: Name of the node that called the same layer first, where this one calls it again.
        new_weights: Numbers of trainable and of other parameters, where some are those of a layer
            before; None: all are the layer's own.
    """

    layer: Layer
    inputs: tuple["Node", ...]
    shape: Shape
    stride: Stride
    block: Block | None
    calls: str = ""
    new_weights: tuple[int, int] | None = None

    @property
    def name(self) -> str:
        """Name of the layer."""
        return self.layer.name

    @property
    def kind(self) -> str:
        """Name of the Keras class of the layer."""
        return self.layer.kind

    @property
    def input_shapes(self) -> list[Shape]:
        """The `(height, width, channels)` of each input."""
        return [node.shape for node in self.inputs]

    @property
    def weights(self) -> tuple[int, int]:
        """The numbers of trainable and of other parameters that no layer before has."""
        return (
            self.layer.weights(self.input_shapes) if self.new_weights is None else self.new_weights
        )

    @property
    def params(self) -> int:
        """Number of parameters that no layer before has."""
        return sum(self.weights)

    @property
    def trainable_params(self) -> int:
        """Number of parameters that training changes, and that no layer before has."""
        return self.weights[0]

    @property
    def can_be_made(self) -> bool:
        """Whether Keras can make it again: its layer, with weights shared as they are now."""
        return self.layer.has_twin and (self.new_weights is None or bool(self.calls))

    @property
    def memory_bytes(self) -> int:
        """Size of its output for one image, in float32."""
        return prod(self.shape) * BYTES_PER_VALUE

    @property
    def macs(self) -> int | None:
        """Multiply-accumulates for one image; None where they are not known."""
        return self.layer.macs(self.input_shapes, self.shape)

    def __repr__(self) -> str:
        """Name, kind and shape: inputs are left out, or a printed node would be the whole graph."""
        return f"<{self.kind} {self.name!r} {self.shape}>"


@attrs.frozen(eq=False)
class Feature:
    """A symbolic tensor: what a layer called on other features returns."""

    node: Node

    @property
    def shape(self) -> tuple[int | None, ...]:
        """`(None, height, width, channels)`, as a Keras tensor of unknown batch size has it."""
        return (None, *self.node.shape)

    @property
    def name(self) -> str:
        """Name of the layer that produces the feature."""
        return self.node.name

    def add_node(self, layer: Layer, inputs: "Feature | Sequence[Feature]") -> "Feature":
        """Return the output of a layer on these inputs."""
        if isinstance(inputs, Feature):
            nodes: tuple[Node, ...] = (inputs.node,)
        else:
            nodes = tuple([feature.node for feature in inputs])
        if "/" in layer.name or not layer.name:
            raise ParameterError(
                layer.kind,
                "name",
                layer.name,
                "cannot be the name of a Keras layer",
                "give it one, without a slash",
            )
        shape = layer.output_shape([node.shape for node in nodes])
        stride = stride_after(layer, nodes, shape)
        return Feature(Node(layer, nodes, shape, stride, _current_block.get()))


def pixels_of(stride: Stride) -> float:
    """Return how many pixels of an image there are for each position of a feature."""
    return float(prod(stride) if isinstance(stride, tuple) else (stride or 1) ** 2)


def positions(node: Node) -> int:
    """Return how many positions a feature has; what has no height and width has one."""
    return prod(node.shape[:-1])


def height_of(node: Node) -> int:
    """Return how high a feature is, or how long; what has no positions counts as one of one."""
    return node.shape[0] if len(node.shape) > 1 else 1


def channels_of(node: Node) -> int:
    """Return how many channels a feature has; a single number is one."""
    return node.shape[-1] if node.shape else 1


def stride_after(layer: Layer, inputs: Sequence[Node], shape: Shape) -> Stride:
    """Return the stride of a layer's output, as the layer says it; None if it does not.

    Args:
        layer: The layer.
        inputs: What feeds it.
        shape: Shape of its output.
    """
    if not layer.keeps_grid:
        return None
    if len(inputs) == 1 or not layer.pointwise:
        return _scaled(inputs[0].stride, layer.down, layer.up, axes=len(shape) - 1)
    # What is joined position by position lies on one grid; what has a single position is on none.
    found = {node.stride for node in inputs if node.shape[:-1] == shape[:-1]} - {None}
    return found.pop() if len(found) == 1 else None


def _scaled(stride: Stride, down: ByAxis, up: ByAxis, axes: int) -> Stride:
    """Return a stride after lowering the resolution by one factor and raising it by another."""
    if stride is None or down == up:
        return stride
    if isinstance(stride, int) and isinstance(down, int) and isinstance(up, int):
        steps, rest = divmod(stride * down, up)  # most strides are whole: fractions take longer
        if not rest:
            return steps
    by_axis = []
    for axis in range(axes):
        step = stride[axis] if isinstance(stride, tuple) else stride
        exact = Fraction(step) * along(down, axis) / along(up, axis)
        by_axis.append(exact.numerator if exact.denominator == 1 else exact)
    return by_axis[0] if len(set(by_axis)) == 1 else tuple(by_axis)


class NoSuchLayerError(KeyError):
    """A network has no layer of that name."""

    def __str__(self) -> str:
        """Return the sentence; a `KeyError` would show it in quotes."""
        return str(self.args[0])


_Of = TypeVar("_Of")


def named(by_name: Mapping[str, _Of], name: str) -> _Of:
    """Return what is had by a layer's name, or raise which names are close to it."""
    try:
        return by_name[name]
    except KeyError:
        close = " or ".join(map(repr, get_close_matches(str(name), by_name)))
    some = " and ".join(map(repr, islice(by_name, 2)))
    hint = f"did you mean {close}?" if close else f"it has {len(by_name)}, such as {some}."
    raise NoSuchLayerError(f"There is no layer {name!r} in this network: {hint}")


def input_feature(shape: Shape, name: str = INPUT_NAME) -> Feature:
    """Return the feature of an input of shape `(height, width, channels)`."""
    return Feature(Node(InputLayer(shape=shape, name=name), (), shape, 1, None))


class Graph:
    """Layers in dependency order, the input first: the order that Keras gives the same model.

    Attributes:
        nodes: Every layer that an output needs.
        outputs: The layers whose outputs the model returns.
        inputs: The input layers, in the order in which a model that was read takes them.
        unused_inputs: Names of the inputs of that model which no output needs.
        name: Name of the model.
        read_from_keras: Whether the graph was read from a Keras model.
        model: That model, if it is the user's own; it does not travel with the graph.
    """

    def __init__(
        self,
        outputs: Sequence[Feature],
        name: str = "model",
        read_from_keras: bool = False,
        input_names: Sequence[str] = (),
    ) -> None:
        self.model: Any = None
        self.name = name
        self.read_from_keras = read_from_keras
        self.outputs: tuple[Node, ...] = tuple(feature.node for feature in outputs)
        self.nodes: tuple[Node, ...] = tuple(_in_keras_order(self.outputs))
        self._by_name = {node.name: node for node in self.nodes}
        self._input_names = tuple(input_names)
        place = {name: i for i, name in enumerate(input_names)}
        inputs = (node for node in self.nodes if not node.inputs)
        self.inputs: tuple[Node, ...] = tuple(sorted(inputs, key=lambda n: place.get(n.name, 0)))
        self.unused_inputs = tuple(name for name in input_names if name not in self._by_name)
        if len(self._by_name) < len(self.nodes):
            names = [node.name for node in self.nodes]
            double = next(name for name in names if names.count(name) > 1)
            raise Refusal(
                f"Two layers are named {double!r}: give each layer of a model its own name, "
                "for example by giving each block its own block_prefix."
            )

    def __iter__(self) -> Iterator[Node]:
        return iter(self.nodes)

    def __len__(self) -> int:
        return len(self.nodes)

    def __getitem__(self, name: str) -> Node:
        """Return the node of a layer.

        Raises:
            NoSuchLayerError: If no layer has that name; it is a `KeyError`.
        """
        return named(self._by_name, name)

    @property
    def obstacle(self) -> str:
        """Why no Keras model can be made of it, or nothing: only its own can do what it holds."""
        if self.unused_inputs:
            return f"it holds what its outputs need, and not its input {self.unused_inputs[0]!r}"
        lacking = [f"{node.kind} {node.name!r}" for node in self if not node.can_be_made]
        if not lacking:
            return ""
        more = f" and {len(lacking) - 3} more" if len(lacking) > 3 else ""
        return (
            "it holds layers that only the model that it was read from can make "
            f"({', '.join(lacking[:3])}{more})"
        )

    @property
    def image(self) -> Node:
        """The input that the image comes in by: the first of those with most axes."""
        return max(self.inputs, key=lambda node: len(node.shape))

    @property
    def input_shape(self) -> Shape:
        """`(height, width, channels)` of the image."""
        return self.image.shape

    @property
    def rows(self) -> tuple["Row", ...]:
        """All layers as values, which can be compared; links are places in this list."""
        place = {node: i for i, node in enumerate(self.nodes)}
        return tuple(
            Row(
                node.layer,
                tuple(place[source] for source in node.inputs),
                node.shape,
                node.stride,
                node.block,
                node.calls,
                node.new_weights,
            )
            for node in self.nodes
        )

    def __reduce__(self) -> Any:
        """Travel as rows: nodes that hold each other would exceed Python's recursion limit."""
        outputs = [self.nodes.index(node) for node in self.outputs]
        rest = self.name, self.read_from_keras, self._input_names
        return _from_rows, (self.rows, outputs, *rest)

    def __repr__(self) -> str:
        """Name, input shape and number of layers."""
        return f"<Graph {self.name!r} of {self.input_shape}: {len(self)} layers>"

    def _repr_html_(self) -> str | None:
        """Return a table of the layers, for notebooks."""
        return hooks.as_html(self) if hooks.as_html else None


@attrs.frozen
class Row:
    """A node as a value: what feeds it is told by its place among the graph's nodes."""

    layer: Layer
    inputs: tuple[int, ...]
    shape: Shape
    stride: Stride
    block: Block | None
    calls: str
    new_weights: tuple[int, int] | None


def _from_rows(
    rows: Sequence[Row],
    outputs: Sequence[int],
    name: str,
    read_from_keras: bool,
    input_names: Sequence[str],
) -> Graph:
    nodes: list[Node] = []
    for row in rows:
        inputs = tuple(nodes[place] for place in row.inputs)
        rest = row.shape, row.stride, row.block, row.calls, row.new_weights
        nodes.append(Node(row.layer, inputs, *rest))
    features = [Feature(nodes[place]) for place in outputs]
    return Graph(features, name, read_from_keras, input_names)


def resized(graph: Graph, shape: Shape) -> Graph:
    """Return the same layers with an input of another shape.

    Args:
        graph: A graph with one input, whose layers all say themselves what they make of it.
        shape: `(height, width, channels)`.

    Raises:
        ValueError: If a layer cannot take what it would get.
    """
    features: dict[Node, Feature] = {}
    for node in graph:
        if node.inputs:
            token = _current_block.set(node.block)
            try:
                inputs = [features[source] for source in node.inputs]
                made = inputs[0].add_node(node.layer, inputs).node
            finally:
                _current_block.reset(token)
            made = attrs.evolve(made, calls=node.calls, new_weights=node.new_weights)
        else:
            assert isinstance(node.layer, InputLayer)
            made = attrs.evolve(node, layer=attrs.evolve(node.layer, shape=shape), shape=shape)
        features[node] = Feature(made)
    return Graph([features[node] for node in graph.outputs], graph.name, graph.read_from_keras)


def depth_first(outputs: Sequence[Node]) -> tuple[list[Node], dict[Node, int]]:
    """Walk from the outputs to the inputs, each layer's inputs in order.

    Returns:
        The nodes in the order in which they were finished (each after all that feeds it), and
        for each node the place at which the walk first met it.
    """
    met: dict[Node, int] = {}
    finished: list[Node] = []
    # The walk keeps its own stack: a deep network would exceed Python's recursion limit.
    for output in outputs:
        if output in met:
            continue
        met[output] = len(met)
        stack = [(output, iter(output.inputs))]
        while stack:
            node, remaining = stack[-1]
            for source in remaining:
                if source not in met:
                    met[source] = len(met)
                    stack.append((source, iter(source.inputs)))
                    break
            else:
                finished.append(node)
                stack.pop()
    return finished, met


def _in_keras_order(outputs: Sequence[Node]) -> list[Node]:
    """Return the nodes that the outputs need, in the order of a functional Keras model's layers.

    Keras sorts layers by their distance to the outputs (the longest path counts), the farthest
    first, and layers at the same distance by when a depth-first walk from the outputs meets them.
    """
    finished, met = depth_first(outputs)
    distance = dict.fromkeys(finished, 0)
    for node in reversed(finished):
        for source in node.inputs:
            distance[source] = max(distance[source], distance[node] + 1)
    return sorted(finished, key=lambda node: (-distance[node], met[node]))
