"""What every kind of layer is: a frozen class named after its Keras twin.

All that is known about a kind stands on its class: the shape of its output, its weights, its
multiply-accumulates, how far it looks, and the words on it. Called on a symbolic feature a layer
adds a node to the graph; called on a Keras tensor it makes and calls the real Keras layer.
Tensors are `(batch, height, width, channels)`; shapes here are without the batch.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from itertools import count
from typing import Any, ClassVar

import attrs

from explorer.core.formatting import counted
from explorer.core.network import hooks
from explorer.core.network.errors import ParameterError
from explorer.core.network.layers.fields import (
    QUIET,
    ByAxis,
    Shape,
    along,
    is_worth_telling,
    value_text,
)
from explorer.core.network.layers.terms import NOTHING, Terms

#: More layers than any network that people look at; a typing error must not keep the kernel busy.
MAX_LAYERS = 3_000

#: Activations whose gradient TensorFlow makes of what they return; else of what they are given.
OF_OUTPUT = ("relu", "relu6", "sigmoid", "tanh", "elu", "selu", "exponential", "softmax")

#: The network that is traced: its name, and the number of its layers so far.
_traced: ContextVar[tuple[str, Iterator[int]] | None] = ContextVar("traced", default=None)


@contextmanager
def counting_layers(network: str) -> Iterator[None]:
    """Raise an error when a network, while it is traced, gets more layers than can be shown."""
    token = _traced.set((network, count(1)))
    try:
        yield
    finally:
        _traced.reset(token)


def _count_layer() -> None:
    traced = _traced.get()
    if traced and next(traced[1]) > MAX_LAYERS:
        raise ParameterError(
            traced[0],
            "layers",
            f"more than {MAX_LAYERS:,}",
            "are more than can be shown",
            "use fewer blocks, convolutions or stacks",
        )


@attrs.frozen
class Layer:
    """A kind of layer with its configuration; subclasses add the fields of their Keras twin.

    Attributes:
        name: Name of the layer, unique within a graph.
        trainable: Whether training changes its weights.
        pointwise: Whether each output position reads only the same position of every input.
        mixes: Whether each channel of the output depends on all channels of the input.
        rearranges: Whether each value of the output is one of the input's, in another place.
        keeps_grid: Whether neighbours of its output lie as far apart as its factors say.
        is_known: Whether it is known how far the layer looks.
        has_twin: Whether a Keras layer can be made of what is known of the layer.
        is_told: Whether its shape and counts are as Keras tells them, and not worked out here.
        slides: Whether it is a convolution that reads a window.
        pools: Whether it puts one value in the place of those in a window.
        follows: Whether it is told on one line with what it follows.
        family: The family of layers that it belongs to: a key of the palette's `families`.
        joined: What becomes of features that it hands on to later layers, such as "added".
        keeps_input: Whether training keeps what it is given, which its gradient is made of.
        keeps_inner: Whether training keeps its inner values, which its gradient is made of too.
        passes_gradient: Whether its gradient takes the room of its output's, or is the same.
        read_where: Settings of Keras' layer of this name that the kind lacks, or has only some
            values of: one with others is another layer. All other settings are the kind's fields.
    """

    name: str = attrs.field(kw_only=True)
    trainable: bool = attrs.field(default=True, kw_only=True, metadata=QUIET)

    pointwise: ClassVar[bool] = True
    mixes: ClassVar[bool] = False
    rearranges: ClassVar[bool] = False
    keeps_grid: ClassVar[bool] = True
    is_known: ClassVar[bool] = True
    has_twin: ClassVar[bool] = True
    is_told: ClassVar[bool] = False
    slides: ClassVar[bool] = False
    pools: ClassVar[bool] = False
    follows: ClassVar[bool] = False
    family: ClassVar[str] = "other"
    joined: ClassVar[str] = ""
    keeps_input: ClassVar[bool] = False
    keeps_inner: ClassVar[bool] = False
    passes_gradient: ClassVar[bool] = False
    read_where: ClassVar[Mapping[str, tuple[Any, ...]]] = {}

    @property
    def kind(self) -> str:
        """Name of the Keras class that this layer stands for."""
        return type(self).__name__

    @property
    def down(self) -> ByAxis:
        """Factor by which the layer lowers the resolution."""
        return 1

    @property
    def up(self) -> ByAxis:
        """Factor by which the layer raises the resolution."""
        return 1

    @property
    def is_square(self) -> bool:
        """Whether the layer does the same along every axis."""
        return True

    def output_shape(self, inputs: Sequence[Shape]) -> Shape:
        """Return the `(height, width, channels)` of the output, given those of the inputs.

        Raises:
            ValueError: If the layer cannot take such inputs.
        """
        return inputs[0]

    def weights(self, inputs: Sequence[Shape]) -> tuple[int, int]:
        """Return the numbers of trainable and of non-trainable parameters."""
        terms = self.weight_terms(inputs)
        if terms is NOTHING:  # as of most layers
            return 0, 0
        total = terms.value
        untrained = self.untrained(inputs) if self.trainable else total
        return total - untrained, untrained

    def weight_terms(self, inputs: Sequence[Shape]) -> Terms:
        """Return how the number of all parameters comes about."""
        return NOTHING

    def untrained(self, inputs: Sequence[Shape]) -> int:
        """Return the number of parameters that training never changes."""
        return 0

    @property
    def weight_names(self) -> tuple[str, str]:
        """What its trained weights are and what the others are, where it has both."""
        return "", ""

    def macs(self, inputs: Sequence[Shape], output: Shape | None = None) -> int | None:
        """Return the multiply-accumulates of convolutions and dense layers for one image.

        A multiplication with its addition is one. None: they are not known.

        Args:
            inputs: Shapes of the inputs.
            output: Shape of the output, where it is known already.
        """
        terms = self.mac_terms(inputs, self.output_shape(inputs) if output is None else output)
        if terms is NOTHING:
            return 0
        return None if terms is None else terms.value

    def mac_terms(self, inputs: Sequence[Shape], output: Shape) -> Terms | None:
        """Return how the number of multiply-accumulates comes about, if it is known."""
        return NOTHING

    def sources(self, position: int, size: int, axis: int = 0) -> range:
        """Return the input positions that an output position reads, along one axis.

        Args:
            position: Output position, away from the border (it may lie outside the input).
            size: Size of the input along this axis, which "same" padding depends on.
            axis: 0: the height, 1: the width.
        """
        return range(position, position + 1)

    def covers(self, size: int, axis: int) -> bool:
        """Return whether every output position reads all of an input of this size."""
        return False

    def taps(self, axis: int) -> tuple[int, int]:
        """Return how many steps of its input a window reads along an axis, and their distance."""
        return 1, 1

    def inner_values(self, inputs: Sequence[Shape], output: Shape) -> int:
        """Return how many values it makes on the way to its output, for one image.

        Args:
            inputs: Shapes of the inputs.
            output: Shape of the output.
        """
        return 0

    @property
    def keeps_output(self) -> bool:
        """Whether training keeps its output: some activations' gradients are made of that."""
        return getattr(self, "activation", "linear") in OF_OUTPUT

    @property
    def keeps_inside(self) -> bool:
        """Whether training keeps what its activation is given, which is as large as its output."""
        return getattr(self, "activation", "linear") not in ("linear", *OF_OUTPUT)

    @property
    def summary(self) -> str:
        """What it does, in the few words that a box of the diagram has room for."""
        return self.kind

    def does(self, inputs: Sequence[Shape]) -> str:
        """Return what it computes from inputs of these shapes, in sentences."""
        return " ".join((type(self).__doc__ or f"A layer of class {self.kind}.").split())

    def why(self, is_output: bool) -> str:
        """Return what it is there for wherever it stands, in sentences; most say nothing.

        Args:
            is_output: Whether the network returns what it computes.
        """
        return ""

    def settings(self) -> list[tuple[str, str]]:
        """Return name and value of each setting that matters."""
        values = ((field, getattr(self, field.name)) for field in attrs.fields(type(self)))
        return [
            (field.name.replace("_", " "), value_text(field, value))
            for field, value in values
            if field.name != "name" and is_worth_telling(field, value)
        ]

    def size_text(self, axis: int, size: int, output: int) -> str:
        """Return how an output's height or width comes from the input's, such as "64 ÷ 2 = 32".

        Args:
            axis: 0: the height, 1: the width.
            size: Size of the input along it.
            output: Size of the output.
        """
        up, down = along(self.up, axis), along(self.down, axis)
        if up > 1 and size * up == output:
            return f"{size} × {up} = {output}"
        if down > 1 and -(-size // down) == output:
            exact = f"{size} ÷ {down}"
            return f"{exact if size % down == 0 else f'⌈{exact}⌉'} = {output}"
        return f"{output}, unchanged" if size == output else str(output)

    @property
    def size_note(self) -> str:
        """What the terms of `size_text` are."""
        return ""

    def channels_text(self, inputs: Sequence[Shape], channels: int) -> tuple[str, str]:
        """Return how its number of channels comes about, and what the terms of it are."""
        unchanged = inputs[0][-1] == channels
        return f"{channels}, unchanged" if unchanged else str(channels), ""

    def config(self) -> dict[str, Any]:
        """Return the keyword arguments of the Keras class."""
        config = attrs.asdict(self, recurse=False)
        if self.trainable:
            del config["trainable"]
        return config

    def keras_layer(self) -> Any:
        """Return a new `keras.layers.Layer` of this configuration."""
        assert hooks.by_keras is not None
        return hooks.by_keras.keras_layer(self)

    def __call__(self, inputs: Any) -> Any:
        """Apply the layer to a symbolic feature or to a Keras tensor (a list where it merges)."""
        _count_layer()
        first = inputs[0] if isinstance(inputs, (list, tuple)) else inputs
        add_node = getattr(first, "add_node", None)
        return add_node(self, inputs) if add_node else self.keras_layer()(inputs)


@attrs.frozen
class InputLayer(Layer):
    """Where images of this shape come in."""

    shape: Shape
    dtype: str = "float32"

    def output_shape(self, inputs: Sequence[Shape]) -> Shape:
        """Return the declared shape."""
        return self.shape

    @property
    def summary(self) -> str:
        """What comes in."""
        return "image"

    def does(self, inputs: Sequence[Shape]) -> str:
        """Return what comes in."""
        if len(self.shape) != 3:
            return "What is no image comes in here."
        return f"Images come in here, with {counted(self.shape[-1], 'channel')} each."

    def why(self, is_output: bool) -> str:
        """Return what it is there for."""
        return "All strides and receptive fields are counted in its pixels."

    def settings(self) -> list[tuple[str, str]]:
        """Return nothing: its shape is that of its output."""
        return []
