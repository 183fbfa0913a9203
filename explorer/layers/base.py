"""What every kind of layer is: a frozen class named after its Keras twin.

All that is known about a kind stands on its class: the shape of its output, its weights, its
multiply-accumulates and how far it looks. Called on a symbolic feature a layer adds a node to
the graph; called on a Keras tensor it makes and calls the real Keras layer. Tensors are
`(batch, height, width, channels)`; shapes here are without the batch.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from itertools import count
from typing import Any, ClassVar

import attrs

from explorer.formatting import product
from explorer.layers.terms import NOTHING, Terms
from explorer.parameters import ParameterError, Refusal, as_index

#: `(height, width, channels)`; features of a model that was read can have other ranks.
Shape = tuple[int, ...]

#: A size, step or factor: one number for all axes, or one for each where they differ.
ByAxis = int | tuple[int, ...]


def along(value: ByAxis, axis: int) -> int:
    """Return the number along one axis."""
    return value if isinstance(value, int) else value[axis]


def both(value: ByAxis) -> tuple[int, int]:
    """Return the numbers along the height and along the width."""
    return (value, value) if isinstance(value, int) else (value[0], value[1])


def window_text(size: ByAxis) -> str:
    """Return a window's size along both axes, such as "3×3"."""
    return product(*both(size))


def whole(default: Any = attrs.NOTHING) -> Any:
    """Return a field that has to be a whole number of at least 1."""
    return attrs.field(default=default, converter=as_index, validator=_check_whole)


def by_axis(default: Any = attrs.NOTHING) -> Any:
    """Return a field that has to be whole numbers of at least 1, by axis where they differ."""
    return attrs.field(default=default, converter=one_where_equal, validator=_check_by_axis)


def one_where_equal(value: Any) -> Any:
    """Return one number for numbers that are all the same, a tuple for others."""
    if isinstance(value, (tuple, list)):
        sizes = tuple(as_index(size) for size in value)
        return sizes[0] if len(set(sizes)) == 1 else sizes
    return as_index(value)


def _check_whole(layer: "Layer", field: Any, value: Any) -> None:
    if type(value) is not int or value < 1:
        raise ParameterError(
            f"{layer.kind} {layer.name!r}",
            field.name,
            value,
            "is no whole number of at least 1",
            "pass one",
        )


def _check_by_axis(layer: "Layer", field: Any, value: Any) -> None:
    for size in value if isinstance(value, tuple) and value else (value,):
        _check_whole(layer, field, size)


#: More layers than any network that people look at; a typing error must not keep the kernel busy.
MAX_LAYERS = 3_000

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
    """

    name: str = attrs.field(kw_only=True)
    trainable: bool = attrs.field(default=True, kw_only=True)

    pointwise: ClassVar[bool] = True
    mixes: ClassVar[bool] = False
    rearranges: ClassVar[bool] = False
    keeps_grid: ClassVar[bool] = True
    is_known: ClassVar[bool] = True
    has_twin: ClassVar[bool] = True
    is_told: ClassVar[bool] = False

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
        total = self.weight_terms(inputs).value
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

    def config(self) -> dict[str, Any]:
        """Return the keyword arguments of the Keras class."""
        config = attrs.asdict(self, recurse=False)
        if self.trainable:
            del config["trainable"]
        return config

    def keras_layer(self) -> Any:
        """Return a new `keras.layers.Layer` of this configuration."""
        import keras

        return getattr(keras.layers, self.kind)(**self.config())

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


@attrs.frozen
class Resized(Layer):
    """Base of layers whose output has another size than their input, along each axis."""

    pointwise: ClassVar[bool] = False

    def output_shape(self, inputs: Sequence[Shape]) -> Shape:
        """Return the size that each axis gets, with the channels of the input."""
        return self._resized(inputs[0], inputs[0][-1])

    def _resized(self, shape: Shape, channels: int) -> Shape:
        height, width, _ = shape
        return self._output_size(height, 0), self._output_size(width, 1), channels

    def _output_size(self, size: int, axis: int) -> int:
        return -(-size // along(self.down, axis)) * along(self.up, axis)

    @property
    def is_square(self) -> bool:
        """Whether the layer does the same along every axis."""
        return not any(isinstance(value, tuple) for value in self._settings())

    def _settings(self) -> tuple[ByAxis, ...]:
        """Return the settings that can differ by axis."""
        raise NotImplementedError


@attrs.frozen
class Windowed(Resized):
    """A layer that reads a window around, or from, every step of its input."""

    def _window(self) -> tuple[ByAxis, ByAxis, ByAxis, str]:
        """Return the window's size, its step, the distance of its taps, and the padding."""
        raise NotImplementedError

    def _window_along(self, axis: int) -> tuple[int, int, int, str]:
        size, step, dilation, padding = self._window()
        if isinstance(size, int) and isinstance(step, int) and isinstance(dilation, int):
            return size, step, dilation, padding
        return along(size, axis), along(step, axis), along(dilation, axis), padding

    def _settings(self) -> tuple[ByAxis, ...]:
        return self._window()[:3]

    @property
    def down(self) -> ByAxis:
        """Factor by which the layer lowers the resolution: its stride."""
        return self._window()[1]

    def _output_size(self, size: int, axis: int) -> int:
        window, step, dilation, padding = self._window_along(axis)
        if padding == "same":
            return -(-size // step)
        fitting = (size - (window - 1) * dilation - 1) // step + 1
        if fitting < 1:
            raise Refusal(
                f"{self.kind} layer {self.name!r} has a window larger than its input of {size} "
                "pixels: use a larger input or padding='same'."
            )
        return fitting

    def sources(self, position: int, size: int, axis: int = 0) -> range:
        """Return the window's positions; an odd pixel of "same" padding goes to the far side."""
        window, step, dilation, padding = self._window_along(axis)
        span = (window - 1) * dilation + 1
        start = position * step
        if padding == "same":
            start -= max((-(-size // step) - 1) * step + span - size, 0) // 2
        return range(start, start + span, dilation)
