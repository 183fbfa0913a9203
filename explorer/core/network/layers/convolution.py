"""Convolutions, and the dense layer, which is one of a single position."""

from collections.abc import Mapping, Sequence
from math import prod
from typing import Any, ClassVar

import attrs

from explorer.core.formatting import counted, product, sentences, step_text
from explorer.core.network.layers.base import Layer
from explorer.core.network.layers.fields import (
    ByAxis,
    Shape,
    along,
    both,
    by_axis,
    whole,
    window_text,
)
from explorer.core.network.layers.terms import Part, Terms
from explorer.core.network.layers.windowed import PADDINGS, Resized, Windowed


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


def _activates(activation: str) -> str:
    return "" if activation == "linear" else f"Then it applies {activation}."


def _active(activation: str) -> str:
    return "" if activation == "linear" else f" → {activation}"


def _stepping(strides: ByAxis) -> str:
    return "" if strides == 1 else f", stride {step_text(strides)}"


@attrs.frozen
class _Sliding(Windowed):
    """A convolution that reads a window."""

    slides: ClassVar[bool] = True
    keeps_input: ClassVar[bool] = True
    family: ClassVar[str] = "convolution"

    def _dilated(self) -> str:
        """Return the distance of the taps for a few words, where it isn't the usual one."""
        _, _, dilation, _ = self._window()
        return "" if dilation == 1 else f", dilation {step_text(dilation)}"

    def _dilates(self) -> str:
        """Return what the distance of the taps does, in a sentence."""
        kernel, _, dilation, _ = self._window()
        if dilation == 1:
            return ""
        spans = [(along(kernel, axis) - 1) * along(dilation, axis) + 1 for axis in (0, 1)]
        return (
            f"What it reads lies {step_text(dilation)} pixels apart, so it spans {product(*spans)} "
            "pixels and sees farther at no cost in weights or resolution."
        )


@attrs.frozen
class Conv2D(_Sliding):
    """Convolution, with an activation inside the layer (linear: none)."""

    mixes: ClassVar[bool] = True

    filters: int = whole()
    kernel_size: ByAxis = by_axis(3, write=window_text)
    strides: ByAxis = by_axis(1)
    use_bias: bool = True
    activation: str = "linear"
    padding: str = "same"
    dilation_rate: ByAxis = by_axis(1, quiet=True)
    groups: int = whole(1, quiet=True)

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

    @property
    def summary(self) -> str:
        """Such as "3×3 conv, 64, stride 2 → relu"."""
        step = f"{_stepping(self.strides)}{self._dilated()}{_active(self.activation)}"
        return f"{window_text(self.kernel_size)} conv, {self.filters}{step}"

    def does(self, inputs: Sequence[Shape]) -> str:
        """Return what it computes."""
        read = counted(inputs[0][-1] // self.groups, "channel")
        if self.groups > 1:
            read += f" of its group (there are {self.groups})"
        where = "at each position alone it adds up"
        if self.kernel_size != 1:
            window = window_text(self.kernel_size)
            where = f"a {window} window slides over the input and adds up what lies under it in"
        filters = f"In each of its {counted(self.filters, 'filter')}, {where} {read}"
        how = f"{filters}, each value times a weight that training sets."
        return sentences(how, self._dilates(), _activates(self.activation))

    def channels_text(self, inputs: Sequence[Shape], channels: int) -> tuple[str, str]:
        """Return the number of filters."""
        return str(channels), "one for each filter"


@attrs.frozen
class DepthwiseConv2D(_Sliding):
    """Convolution of each channel on its own."""

    kernel_size: ByAxis = by_axis(3, write=window_text)
    strides: ByAxis = by_axis(1)
    depth_multiplier: int = whole(1, quiet=True)
    use_bias: bool = True
    activation: str = "linear"
    padding: str = "same"
    dilation_rate: ByAxis = by_axis(1, quiet=True)

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

    @property
    def summary(self) -> str:
        """Such as "3×3 depthwise conv"."""
        return f"{window_text(self.kernel_size)} depthwise conv"

    def does(self, inputs: Sequence[Shape]) -> str:
        """Return what it computes."""
        window = window_text(self.kernel_size)
        what = f"It slides a {window} window of weights over each channel by itself;"
        mixed = "channels are not mixed. Training sets the weights."
        return sentences(what, mixed, self._dilates(), _activates(self.activation))

    def channels_text(self, inputs: Sequence[Shape], channels: int) -> tuple[str, str]:
        """Return the product of the input's channels and what is made of each."""
        return f"{inputs[0][-1]} × {self.depth_multiplier} = {channels}", ""


@attrs.frozen
class SeparableConv2D(_Sliding):
    """Convolution of each channel on its own, then a 1×1 convolution across the channels."""

    mixes: ClassVar[bool] = True
    keeps_inner: ClassVar[bool] = True

    filters: int = whole()
    kernel_size: ByAxis = by_axis(3, write=window_text)
    strides: ByAxis = by_axis(1)
    depth_multiplier: int = whole(1, quiet=True)
    use_bias: bool = True
    activation: str = "linear"
    padding: str = "same"
    dilation_rate: ByAxis = by_axis(1, quiet=True)

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

    def inner_values(self, inputs: Sequence[Shape], output: Shape) -> int:
        """Return how many values the first convolution hands to the second."""
        return prod(output[:-1]) * inputs[0][-1] * self.depth_multiplier

    @property
    def summary(self) -> str:
        """Such as "3×3 separable conv, 64, stride 2 → relu"."""
        step = f"{_stepping(self.strides)}{self._dilated()}{_active(self.activation)}"
        return f"{window_text(self.kernel_size)} separable conv, {self.filters}{step}"

    def does(self, inputs: Sequence[Shape]) -> str:
        """Return what it computes."""
        window, filters = window_text(self.kernel_size), counted(self.filters, "filter")
        what = f"It slides a {window} window of weights over each channel by itself, then mixes"
        mixed = f"the channels at each position alone, in {filters}. Training sets the weights."
        return sentences(what, mixed, self._dilates(), _activates(self.activation))

    def channels_text(self, inputs: Sequence[Shape], channels: int) -> tuple[str, str]:
        """Return the number of filters."""
        return str(channels), "one for each filter"


@attrs.frozen
class Conv2DTranspose(Resized):
    """Transposed convolution: each input position spreads its kernel over the output."""

    mixes: ClassVar[bool] = True
    family: ClassVar[str] = "transposed convolution"
    keeps_input: ClassVar[bool] = True
    read_where: ClassVar[Mapping[str, tuple[Any, ...]]] = {
        "padding": PADDINGS,
        "dilation_rate": (1, (1, 1)),
        "output_padding": (None,),
    }

    filters: int = whole()
    kernel_size: ByAxis = by_axis(3, write=window_text)
    strides: ByAxis = by_axis(2)
    use_bias: bool = True
    activation: str = "linear"
    padding: str = "same"

    @property
    def up(self) -> ByAxis:
        """Factor by which the layer raises the resolution: its stride."""
        return self.strides

    def _by_axis(self) -> tuple[ByAxis, ...]:
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

    @property
    def summary(self) -> str:
        """Such as "2×2 transposed conv, 64, stride 2 → relu"."""
        step = f"{_stepping(self.strides)}{_active(self.activation)}"
        return f"{window_text(self.kernel_size)} transposed conv, {self.filters}{step}"

    def does(self, inputs: Sequence[Shape]) -> str:
        """Return what it computes."""
        pairs = [(along(self.kernel_size, axis), along(self.strides, axis)) for axis in (0, 1)]
        apart = " or ".join(counted(step, "pixel") for step in dict.fromkeys(s for _, s in pairs))
        overlap = "where kernels overlap, they add up"
        if any(size < step for size, step in pairs):
            overlap = "output pixels between the kernels get no input"
        elif all(size == step for size, step in pairs):
            overlap = "the kernels lie side by side"
        return sentences(
            f"Each input position spreads a {window_text(self.kernel_size)} kernel over the "
            f"output, {apart} from its neighbour’s; {overlap}. Training sets its weights.",
            _activates(self.activation),
        )

    def size_text(self, axis: int, size: int, output: int) -> str:
        """Return how an output's height or width comes from the input's."""
        up = along(self.strides, axis)
        if up > 1 and size * up < output:
            return f"{size} × {up} + ({along(self.kernel_size, axis)} − {up}) = {output}"
        return super().size_text(axis, size, output)

    @property
    def size_note(self) -> str:
        """What the terms of `size_text` are."""
        beyond = ", and what the kernel spreads beyond its stride (“valid” padding)"
        return "input × stride" + (beyond if self.padding == "valid" else "")

    def channels_text(self, inputs: Sequence[Shape], channels: int) -> tuple[str, str]:
        """Return the number of filters."""
        return str(channels), "one for each filter"


@attrs.frozen
class Dense(Layer):
    """Each output channel is a weighted sum of all input channels, at each position alone."""

    mixes: ClassVar[bool] = True
    family: ClassVar[str] = "convolution"
    keeps_input: ClassVar[bool] = True

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

    @property
    def summary(self) -> str:
        """Such as "dense, 64 → relu"."""
        return f"dense, {self.units}{_active(self.activation)}"

    def does(self, inputs: Sequence[Shape]) -> str:
        """Return what it computes."""
        *sizes, channels = inputs[0]
        what = f"In each of its {counted(self.units, 'unit')} it adds up"
        where = " at each position alone" if prod(sizes) > 1 else ""
        how = f"{what} {counted(channels, 'channel')}{where}"
        return sentences(
            f"{how}, each value times a weight that training sets.", _activates(self.activation)
        )

    def channels_text(self, inputs: Sequence[Shape], channels: int) -> tuple[str, str]:
        """Return the number of units."""
        return str(channels), "one for each unit"
