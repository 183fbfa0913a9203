"""Convolutions, and the dense layer, which is one of a single position."""

from collections.abc import Sequence
from math import prod
from typing import Any, ClassVar

import attrs

from explorer.layers.base import ByAxis, Layer, Resized, Shape, Windowed, along, by_axis, whole


def kernel_positions(kernel_size: ByAxis) -> int:
    """Return how many positions a kernel has."""
    return along(kernel_size, 0) * along(kernel_size, 1)


@attrs.frozen
class Conv2D(Windowed):
    """Convolution, with an activation inside the layer (linear: none)."""

    mixes: ClassVar[bool] = True

    filters: int = whole()
    kernel_size: ByAxis = by_axis(3)
    strides: ByAxis = by_axis(1)
    use_bias: bool = True
    activation: str = "linear"
    padding: str = "same"
    dilation_rate: ByAxis = by_axis(1)
    groups: int = whole(1)

    def _window(self) -> tuple[ByAxis, ByAxis, ByAxis, str]:
        return self.kernel_size, self.strides, self.dilation_rate, self.padding

    def output_shape(self, inputs: Sequence[Shape]) -> Shape:
        """Return the size divided by the stride ("same": rounded up), with `filters` channels."""
        return self._resized(inputs[0], self.filters)

    def _kernel(self, inputs: Sequence[Shape]) -> int:
        read = inputs[0][-1] // self.groups
        return kernel_positions(self.kernel_size) * read * self.filters

    def _weights(self, inputs: Sequence[Shape]) -> tuple[int, int]:
        """Return kernel² × input channels × filters, and a bias per filter; all trainable.

        With groups, each filter reads only its group's share of the input channels.
        """
        return self._kernel(inputs) + (self.filters if self.use_bias else 0), 0

    def macs(self, inputs: Sequence[Shape]) -> int:
        """Return the kernel's weights, times the number of output positions."""
        height, width, _ = self.output_shape(inputs)
        return height * width * self._kernel(inputs)


@attrs.frozen
class DepthwiseConv2D(Windowed):
    """Convolution of each channel on its own."""

    kernel_size: ByAxis = by_axis(3)
    strides: ByAxis = by_axis(1)
    depth_multiplier: int = whole(1)
    use_bias: bool = True
    activation: str = "linear"
    padding: str = "same"
    dilation_rate: ByAxis = by_axis(1)

    def _window(self) -> tuple[ByAxis, ByAxis, ByAxis, str]:
        return self.kernel_size, self.strides, self.dilation_rate, self.padding

    def output_shape(self, inputs: Sequence[Shape]) -> Shape:
        """Return the size divided by the stride, with `depth_multiplier` times the channels."""
        return self._resized(inputs[0], inputs[0][-1] * self.depth_multiplier)

    def _weights(self, inputs: Sequence[Shape]) -> tuple[int, int]:
        """Return kernel² for each output channel, and a bias each; all trainable."""
        channels = inputs[0][-1] * self.depth_multiplier
        kernel = kernel_positions(self.kernel_size) * channels
        return kernel + (channels if self.use_bias else 0), 0

    def macs(self, inputs: Sequence[Shape]) -> int:
        """Return kernel² for every value of the output."""
        return prod(self.output_shape(inputs)) * kernel_positions(self.kernel_size)


@attrs.frozen
class SeparableConv2D(Windowed):
    """Convolution of each channel on its own, then a 1×1 convolution across the channels."""

    mixes: ClassVar[bool] = True

    filters: int = whole()
    kernel_size: ByAxis = by_axis(3)
    strides: ByAxis = by_axis(1)
    depth_multiplier: int = whole(1)
    use_bias: bool = True
    activation: str = "linear"
    padding: str = "same"
    dilation_rate: ByAxis = by_axis(1)

    def _window(self) -> tuple[ByAxis, ByAxis, ByAxis, str]:
        return self.kernel_size, self.strides, self.dilation_rate, self.padding

    def output_shape(self, inputs: Sequence[Shape]) -> Shape:
        """Return the size divided by the stride, with `filters` channels."""
        return self._resized(inputs[0], self.filters)

    def _kernel(self, inputs: Sequence[Shape]) -> int:
        """Return the weights of both convolutions."""
        between = inputs[0][-1] * self.depth_multiplier
        return kernel_positions(self.kernel_size) * between + between * self.filters

    def _weights(self, inputs: Sequence[Shape]) -> tuple[int, int]:
        """Return kernel² × channels between, channels between × filters, and a bias per filter."""
        return self._kernel(inputs) + (self.filters if self.use_bias else 0), 0

    def macs(self, inputs: Sequence[Shape]) -> int:
        """Return both kernels' weights, times the number of output positions."""
        height, width, _ = self.output_shape(inputs)
        return height * width * self._kernel(inputs)


@attrs.frozen
class Conv2DTranspose(Resized):
    """Transposed convolution: each input position spreads its kernel over the output."""

    mixes: ClassVar[bool] = True

    filters: int = whole()
    kernel_size: ByAxis = by_axis(3)
    strides: ByAxis = by_axis(2)
    use_bias: bool = True
    activation: str = "linear"
    padding: str = "same"

    @property
    def up(self) -> ByAxis:
        """Factor by which the layer raises the resolution: its stride."""
        return self.strides

    def _settings(self) -> tuple[ByAxis, ...]:
        return self.kernel_size, self.strides

    def output_shape(self, inputs: Sequence[Shape]) -> Shape:
        """Return the size times the stride, with `filters` channels.

        With "valid" padding, what a kernel larger than its stride spreads beyond is kept.
        """
        return self._resized(inputs[0], self.filters)

    def _output_size(self, size: int, axis: int) -> int:
        return size * along(self.strides, axis) + (
            self._beyond(axis) if self.padding == "valid" else 0
        )

    def _beyond(self, axis: int) -> int:
        """Return by how much the kernel is larger than its stride."""
        return max(along(self.kernel_size, axis) - along(self.strides, axis), 0)

    def _weights(self, inputs: Sequence[Shape]) -> tuple[int, int]:
        """Return kernel² × filters × input channels, and a bias per filter; all trainable."""
        kernel = kernel_positions(self.kernel_size) * self.filters * inputs[0][-1]
        return kernel + (self.filters if self.use_bias else 0), 0

    def macs(self, inputs: Sequence[Shape]) -> int:
        """Return kernel² × input channels × filters for every *input* position."""
        return prod(inputs[0]) * kernel_positions(self.kernel_size) * self.filters

    def sources(self, position: int, size: int, axis: int = 0) -> range:
        """Return the inputs whose spread kernel covers the position (none, for a small kernel)."""
        kernel, step = along(self.kernel_size, axis), along(self.strides, axis)
        shifted = position + (self._beyond(axis) // 2 if self.padding == "same" else 0)
        first = -((kernel - 1 - shifted) // step)
        return range(first, shifted // step + 1)


@attrs.frozen
class Dense(Layer):
    """Each output channel is a weighted sum of all input channels, at each position alone."""

    mixes: ClassVar[bool] = True

    units: int = whole()
    use_bias: bool = True
    activation: str = "linear"

    def output_shape(self, inputs: Sequence[Shape]) -> Shape:
        """Return the input's size, with `units` channels."""
        return *inputs[0][:-1], self.units

    def _weights(self, inputs: Sequence[Shape]) -> tuple[int, int]:
        """Return input channels × units, and a bias per unit; all trainable."""
        return inputs[0][-1] * self.units + (self.units if self.use_bias else 0), 0

    def macs(self, inputs: Sequence[Shape]) -> int:
        """Return input channels × units for every position."""
        return prod(inputs[0]) * self.units


#: The convolutions that read a window, by which they can be told from the others.
SLIDING: tuple[Any, ...] = (Conv2D, DepthwiseConv2D, SeparableConv2D)
