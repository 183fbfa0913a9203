"""The layer vocabulary: one small frozen class per kind of layer, named after its Keras twin.

All that is known about a kind stands on its class: the shape of its output, its weights, its
multiply-accumulates and how far it looks. Called on a symbolic feature a layer adds a node to
the graph; called on a Keras tensor it makes and calls the real Keras layer. Tensors are
`(batch, height, width, channels)`; shapes here are without the batch.
"""

from collections.abc import Sequence
from math import prod
from numbers import Integral
from typing import Any, ClassVar

import attrs

from explorer.parameters import ParameterError

#: `(height, width, channels)`; features of a model that was read can have other ranks.
Shape = tuple[int, ...]

#: Names of the Keras activations that need no arguments and keep the shape of their input.
ACTIVATIONS = (
    "relu", "linear", "sigmoid", "tanh", "elu", "selu", "gelu", "silu", "swish", "leaky_relu",
    "relu6", "softplus", "softsign", "softmax", "exponential", "mish", "celu", "hard_sigmoid",
    "hard_silu", "hard_swish", "hard_tanh", "hard_shrink", "soft_shrink", "tanh_shrink",
    "log_sigmoid", "log_softmax", "sparse_plus", "sparse_sigmoid", "sparsemax", "squareplus",
)  # fmt: skip

#: Interpolations that upsampling offers.
INTERPOLATIONS = ("bilinear", "nearest")


def _whole(default: Any = attrs.NOTHING) -> Any:
    """Return a field that has to be a whole number of at least 1."""
    return attrs.field(default=default, validator=_check_whole)


def _check_whole(layer: "Layer", field: Any, value: Any) -> None:
    if not isinstance(value, Integral) or value < 1:
        raise ParameterError(
            f"{layer.kind} {layer.name!r}",
            field.name,
            value,
            "is no whole number of at least 1",
            "pass one",
        )


@attrs.frozen
class Layer:
    """A kind of layer with its configuration; subclasses add the fields of their Keras twin.

    Attributes:
        name: Name of the layer, unique within a graph.
        pointwise: Whether each output position reads only the same position of every input.
        is_known: Whether it is known how far the layer looks.
        has_twin: Whether a Keras layer can be made of what is known of the layer.
    """

    name: str = attrs.field(kw_only=True)

    pointwise: ClassVar[bool] = True
    is_known: ClassVar[bool] = True
    has_twin: ClassVar[bool] = True

    @property
    def kind(self) -> str:
        """Name of the Keras class that this layer stands for."""
        return type(self).__name__

    @property
    def down(self) -> int:
        """Factor by which the layer lowers the resolution."""
        return 1

    @property
    def up(self) -> int:
        """Factor by which the layer raises the resolution."""
        return 1

    def output_shape(self, inputs: Sequence[Shape]) -> Shape:
        """Return the `(height, width, channels)` of the output, given those of the inputs.

        Raises:
            ValueError: If the layer cannot take such inputs.
        """
        height, width, channels = inputs[0]
        return self._output_size(height), self._output_size(width), channels

    def _output_size(self, size: int) -> int:
        return -(-size // self.down) * self.up

    def weights(self, inputs: Sequence[Shape]) -> tuple[int, int]:
        """Return the numbers of trainable and of non-trainable parameters."""
        return 0, 0

    def macs(self, inputs: Sequence[Shape]) -> int | None:
        """Return the multiply-accumulates for one image: of convolutions, a multiply-add is one.

        None: they are not known.
        """
        return 0

    def sources(self, position: int, size: int) -> range:
        """Return the input positions that an output position reads, along one axis.

        Args:
            position: Output position, away from the border (it may lie outside the input).
            size: Size of the input along this axis, which "same" padding depends on.
        """
        return range(position, position + 1)

    def config(self) -> dict[str, Any]:
        """Return the keyword arguments of the Keras class."""
        return attrs.asdict(self)

    def keras_layer(self) -> Any:
        """Return a new `keras.layers.Layer` of this configuration."""
        import keras

        return getattr(keras.layers, self.kind)(**self.config())

    def __call__(self, inputs: Any) -> Any:
        """Apply the layer to a symbolic feature or to a Keras tensor (a list where it merges)."""
        first = inputs[0] if isinstance(inputs, (list, tuple)) else inputs
        add_node = getattr(first, "add_node", None)
        return add_node(self, inputs) if add_node else self.keras_layer()(inputs)


@attrs.frozen
class InputLayer(Layer):
    """Where images of this shape come in."""

    shape: Shape

    def output_shape(self, inputs: Sequence[Shape]) -> Shape:
        """Return the declared shape."""
        return self.shape


@attrs.frozen
class _Windowed(Layer):
    """A layer that reads a window around, or from, every step of its input."""

    pointwise: ClassVar[bool] = False

    def _window(self) -> tuple[int, int, int, str]:
        """Return the window's size, its step, the distance of its taps, and the padding."""
        raise NotImplementedError

    @property
    def down(self) -> int:
        """Factor by which the layer lowers the resolution: its stride."""
        return self._window()[1]

    def _output_size(self, size: int) -> int:
        window, step, dilation, padding = self._window()
        if padding == "same":
            return -(-size // step)
        fitting = (size - (window - 1) * dilation - 1) // step + 1
        if fitting < 1:
            raise ValueError(
                f"{self.kind} layer {self.name!r} has a window larger than its input of {size} "
                "pixels: use a larger input or padding='same'."
            )
        return fitting

    def sources(self, position: int, size: int) -> range:
        """Return the window's positions; an odd pixel of "same" padding goes to the far side."""
        window, step, dilation, padding = self._window()
        span = (window - 1) * dilation + 1
        start = position * step
        if padding == "same":
            start -= max((-(-size // step) - 1) * step + span - size, 0) // 2
        return range(start, start + span, dilation)


@attrs.frozen
class Conv2D(_Windowed):
    """Convolution, with an activation inside the layer (linear: none)."""

    filters: int = _whole()
    kernel_size: int = _whole(3)
    strides: int = _whole(1)
    use_bias: bool = True
    activation: str = "linear"
    padding: str = "same"
    dilation_rate: int = _whole(1)
    groups: int = _whole(1)

    def _window(self) -> tuple[int, int, int, str]:
        return self.kernel_size, self.strides, self.dilation_rate, self.padding

    def output_shape(self, inputs: Sequence[Shape]) -> Shape:
        """Return the size divided by the stride ("same": rounded up), with `filters` channels."""
        height, width, _ = inputs[0]
        return self._output_size(height), self._output_size(width), self.filters

    def _kernel(self, inputs: Sequence[Shape]) -> int:
        return self.kernel_size**2 * (inputs[0][2] // self.groups) * self.filters

    def weights(self, inputs: Sequence[Shape]) -> tuple[int, int]:
        """Return kernel² × input channels × filters, and a bias per filter; all trainable.

        With groups, each filter reads only its group's share of the input channels.
        """
        return self._kernel(inputs) + (self.filters if self.use_bias else 0), 0

    def macs(self, inputs: Sequence[Shape]) -> int:
        """Return the kernel's weights, times the number of output positions."""
        height, width, _ = self.output_shape(inputs)
        return height * width * self._kernel(inputs)


@attrs.frozen
class DepthwiseConv2D(_Windowed):
    """Convolution of each channel on its own."""

    kernel_size: int = _whole(3)
    strides: int = _whole(1)
    depth_multiplier: int = _whole(1)
    use_bias: bool = True
    activation: str = "linear"
    padding: str = "same"
    dilation_rate: int = _whole(1)

    def _window(self) -> tuple[int, int, int, str]:
        return self.kernel_size, self.strides, self.dilation_rate, self.padding

    def output_shape(self, inputs: Sequence[Shape]) -> Shape:
        """Return the size divided by the stride, with `depth_multiplier` times the channels."""
        height, width, channels = inputs[0]
        size = self._output_size(height), self._output_size(width)
        return *size, channels * self.depth_multiplier

    def weights(self, inputs: Sequence[Shape]) -> tuple[int, int]:
        """Return kernel² for each output channel, and a bias each; all trainable."""
        channels = inputs[0][2] * self.depth_multiplier
        return self.kernel_size**2 * channels + (channels if self.use_bias else 0), 0

    def macs(self, inputs: Sequence[Shape]) -> int:
        """Return kernel² for every value of the output."""
        return prod(self.output_shape(inputs)) * self.kernel_size**2


@attrs.frozen
class Conv2DTranspose(Layer):
    """Transposed convolution: each input position spreads its kernel over the output."""

    pointwise: ClassVar[bool] = False

    filters: int = _whole()
    kernel_size: int = _whole(3)
    strides: int = _whole(2)
    use_bias: bool = True
    activation: str = "linear"

    @property
    def up(self) -> int:
        """Factor by which the layer raises the resolution: its stride."""
        return self.strides

    def output_shape(self, inputs: Sequence[Shape]) -> Shape:
        """Return the size times the stride, with `filters` channels."""
        height, width, _ = inputs[0]
        return self._output_size(height), self._output_size(width), self.filters

    def weights(self, inputs: Sequence[Shape]) -> tuple[int, int]:
        """Return kernel² × filters × input channels, and a bias per filter; all trainable."""
        kernel = self.kernel_size**2 * self.filters * inputs[0][2]
        return kernel + (self.filters if self.use_bias else 0), 0

    def macs(self, inputs: Sequence[Shape]) -> int:
        """Return kernel² × input channels × filters for every *input* position."""
        return prod(inputs[0]) * self.kernel_size**2 * self.filters

    def sources(self, position: int, size: int) -> range:
        """Return the inputs whose spread kernel covers the position (none, for a small kernel)."""
        shifted = position + max(self.kernel_size - self.strides, 0) // 2
        first = -((self.kernel_size - 1 - shifted) // self.strides)
        return range(first, shifted // self.strides + 1)

    def config(self) -> dict[str, Any]:
        """Return the keyword arguments of the Keras class."""
        return {**attrs.asdict(self), "padding": "same"}


@attrs.frozen
class _Pooling(_Windowed):
    pool_size: int = _whole(2)
    strides: int = _whole(2)
    padding: str = "same"

    def _window(self) -> tuple[int, int, int, str]:
        return self.pool_size, self.strides, 1, self.padding


@attrs.frozen
class MaxPooling2D(_Pooling):
    """The largest value of each window."""


@attrs.frozen
class AveragePooling2D(_Pooling):
    """The mean of each window."""


@attrs.frozen
class ZeroPadding2D(Layer):
    """Zeros around the feature: `before` above and to the left, `after` below and to the right."""

    pointwise: ClassVar[bool] = False

    before: int = 1
    after: int = 1

    def _output_size(self, size: int) -> int:
        return self.before + size + self.after

    def sources(self, position: int, size: int) -> range:
        """Return the position, moved by the padding before it."""
        return range(position - self.before, position - self.before + 1)

    def config(self) -> dict[str, Any]:
        """Return the keyword arguments of the Keras class."""
        return {"name": self.name, "padding": ((self.before, self.after),) * 2}


@attrs.frozen
class UpSampling2D(Layer):
    """Enlargement by a whole factor, by nearest neighbour or bilinear interpolation."""

    pointwise: ClassVar[bool] = False

    size: int = _whole(2)
    interpolation: str = "nearest"

    @property
    def up(self) -> int:
        """Factor by which the layer raises the resolution."""
        return self.size

    def sources(self, position: int, size: int) -> range:
        """Return the nearest input, or the two that a bilinear interpolation weighs.

        Pixels have their centres at half positions, as in Keras; where the output's centre
        falls on an input's centre, that input alone counts.
        """
        if self.interpolation == "nearest":
            nearest = position // self.size
            return range(nearest, nearest + 1)
        below, between = divmod(2 * position + 1 - self.size, 2 * self.size)
        return range(below, below + (2 if between else 1))


@attrs.frozen
class BatchNormalization(Layer):
    """Batch normalisation: a trained scale and offset, and a running mean and variance."""

    def weights(self, inputs: Sequence[Shape]) -> tuple[int, int]:
        """Return two trainable and two non-trainable values per channel."""
        return 2 * inputs[0][2], 2 * inputs[0][2]


@attrs.frozen
class Dropout(Layer):
    """Zeros in the place of a share of all values, in training only."""

    rate: float = 0.5


@attrs.frozen
class Activation(Layer):
    """An activation function as a layer of its own."""

    activation: str = "relu"


@attrs.frozen
class _Merge(Layer):
    """A layer that joins features of the same size."""

    def output_shape(self, inputs: Sequence[Shape]) -> Shape:
        """Return the common height and width with the joined channels."""
        if len(inputs) < 2 or any(shape[:2] != inputs[0][:2] for shape in inputs):
            shapes = ", ".join(map(str, inputs))
            raise ValueError(
                f"{self.kind} layer {self.name!r} cannot join features of shapes {shapes}: "
                "give two or more of the same height and width."
            )
        height, width, _ = inputs[0]
        return height, width, self._channels([shape[2] for shape in inputs])

    def _channels(self, channels: list[int]) -> int:
        raise NotImplementedError


@attrs.frozen
class Concatenate(_Merge):
    """The channels of all inputs, one after the other."""

    def _channels(self, channels: list[int]) -> int:
        return sum(channels)


@attrs.frozen
class Add(_Merge):
    """The element-wise sum of the inputs."""

    def _channels(self, channels: list[int]) -> int:
        if len(set(channels)) > 1:
            raise ValueError(
                f"Add layer {self.name!r} cannot add features of {channels} channels: "
                "give features with the same number of channels."
            )
        return channels[0]


def layer_kinds() -> dict[str, type[Layer]]:
    """Return every kind of layer that has a Keras twin, by name."""
    found: dict[str, type[Layer]] = {}
    waiting: list[type[Layer]] = [Layer]
    for cls in waiting:
        waiting.extend(cls.__subclasses__())
        if cls is not Layer and cls.has_twin and not cls.__name__.startswith("_"):
            found[cls.__name__] = cls
    return found
