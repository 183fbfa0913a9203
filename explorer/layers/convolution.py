"""Convolutions, and the dense layer, which is one of a single position."""

from collections.abc import Sequence
from typing import Any, ClassVar

import attrs

from explorer.layers.base import (
    ByAxis,
    Layer,
    Resized,
    Shape,
    Windowed,
    along,
    both,
    by_axis,
    whole,
)
from explorer.layers.terms import Part, Terms


def _with_bias(
    kernels: tuple[tuple[int, ...], ...],
    channels: int,
    use_bias: bool,
    note: str,
    note_of_bias: str = " + a bias each",
) -> Terms:
    """Return the weights of kernels, and of a bias for each channel of the output if there is one.

    Args:
        kernels: The factors of each kernel's size.
        channels: How many channels the output has.
        use_bias: Whether there is a bias.
        note: What the kernels' factors are.
        note_of_bias: What to add for the bias.
    """
    if not use_bias:
        return Terms(kernels, (), note)
    return Terms((*kernels, (channels,)), (), note + note_of_bias)


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

    def _kernel(self, inputs: Sequence[Shape]) -> tuple[int, ...]:
        read = inputs[0][-1]
        if self.groups > 1:
            read = Part(read, self.groups)
        return *both(self.kernel_size), read, self.filters

    def weight_terms(self, inputs: Sequence[Shape]) -> Terms:
        """Return kernel² × input channels × filters, and a bias per filter.

        With groups, each filter reads only its group's share of the input channels.
        """
        note = "kernel × channels in × filters"
        return _with_bias((self._kernel(inputs),), self.filters, self.use_bias, note)

    def mac_terms(self, inputs: Sequence[Shape], output: Shape) -> Terms:
        """Return the kernel's weights, times the number of output positions."""
        return Terms((self._kernel(inputs),), output[:2], "kernel’s weights × positions")


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

    def weight_terms(self, inputs: Sequence[Shape]) -> Terms:
        """Return kernel² for each output channel, and a bias each."""
        channels = inputs[0][-1] * self.depth_multiplier
        kernel = *both(self.kernel_size), channels
        return _with_bias((kernel,), channels, self.use_bias, "kernel × channels out")

    def mac_terms(self, inputs: Sequence[Shape], output: Shape) -> Terms:
        """Return kernel² for every value of the output."""
        return Terms((both(self.kernel_size),), output, "kernel × values of the output")


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

    def _kernels(self, inputs: Sequence[Shape]) -> tuple[tuple[int, ...], ...]:
        """Return the factors of both convolutions' weights."""
        between: tuple[int, ...] = (inputs[0][-1],)
        if self.depth_multiplier > 1:
            between = *between, self.depth_multiplier
        return (*both(self.kernel_size), *between), (*between, self.filters)

    def weight_terms(self, inputs: Sequence[Shape]) -> Terms:
        """Return kernel² × channels between, channels between × filters, and a bias per filter."""
        note = "of each channel alone, and across them"
        kernels = self._kernels(inputs)
        return _with_bias(kernels, self.filters, self.use_bias, note, ", and a bias each")

    def mac_terms(self, inputs: Sequence[Shape], output: Shape) -> Terms:
        """Return both kernels' weights, times the number of output positions."""
        return Terms(self._kernels(inputs), output[:2], "both kernels’ weights × positions")


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

    def _kernel(self, inputs: Sequence[Shape]) -> tuple[int, ...]:
        return *both(self.kernel_size), inputs[0][-1], self.filters

    def weight_terms(self, inputs: Sequence[Shape]) -> Terms:
        """Return kernel² × input channels × filters, and a bias per filter."""
        note = "kernel × channels in × filters"
        return _with_bias((self._kernel(inputs),), self.filters, self.use_bias, note)

    def mac_terms(self, inputs: Sequence[Shape], output: Shape) -> Terms:
        """Return kernel² × input channels × filters for every *input* position."""
        note = "kernel’s weights × positions of its input"
        return Terms((self._kernel(inputs),), inputs[0][:2], note)

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

    def weight_terms(self, inputs: Sequence[Shape]) -> Terms:
        """Return input channels × units, and a bias per unit."""
        kernel = inputs[0][-1], self.units
        return _with_bias((kernel,), self.units, self.use_bias, "channels in × units")

    def mac_terms(self, inputs: Sequence[Shape], output: Shape) -> Terms:
        """Return input channels × units for every position."""
        kernel = inputs[0][-1], self.units
        return Terms((kernel,), output[:-1] or (1,), "weights × positions")


#: The convolutions that read a window, by which they can be told from the others.
SLIDING: tuple[Any, ...] = (Conv2D, DepthwiseConv2D, SeparableConv2D)
