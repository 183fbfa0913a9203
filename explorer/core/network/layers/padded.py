"""Windows with margins of their own, as ONNX and PyTorch have them and Keras has not."""

from collections.abc import Sequence
from fractions import Fraction
from math import ceil, floor
from typing import ClassVar

import attrs

from explorer.core.network.errors import Refusal
from explorer.core.network.layers.convolution import Conv2D, Conv2DTranspose, DepthwiseConv2D
from explorer.core.network.layers.fields import QUIET, ByAxis, Shape, along, by_axis, whole, written
from explorer.core.network.layers.resizing import (
    AveragePooling2D,
    Margins,
    MaxPooling2D,
    margins_text,
)
from explorer.core.network.layers.terms import Part, Terms
from explorer.core.network.layers.windowed import Resized

#: No margins, and how they are written.
_NONE: Margins = ((0, 0), (0, 0))
_WRITTEN = written(margins_text)


# Without slots, so that a layer that has some can be the other base.
@attrs.frozen(slots=False)
class _Padded:
    """A window over its input with margins of any width, which are no part of its windows."""

    has_twin: ClassVar[bool] = False
    rounds_up: ClassVar[bool] = False

    padding: str = attrs.field(default="valid", metadata=QUIET)
    pads: Margins = attrs.field(default=_NONE, metadata=_WRITTEN)

    @property
    def is_square(self) -> bool:
        """Whether the layer does the same along both axes."""
        return self.pads[0] == self.pads[1] and super().is_square  # type: ignore[misc]

    def _output_size(self, size: int, axis: int) -> int:
        window, step, dilation, _ = self._window_along(axis)  # type: ignore[attr-defined]
        before, after = self.pads[axis]
        left = size + before + after - (window - 1) * dilation - 1
        if left < 0:
            raise Refusal(
                f"{self.kind} layer {self.name!r} has a window larger than its input of {size} "  # type: ignore[attr-defined]
                "pixels: use a larger input."
            )
        if self.rounds_up:
            fitting: int = -(-left // step) + 1
            # No window begins in the margin after the input.
            return fitting - int((fitting - 1) * step >= size + before)
        return int(left // step + 1)

    def sources(self, position: int, size: int, axis: int = 0) -> range:
        """Return the window's positions."""
        window, step, dilation, _ = self._window_along(axis)  # type: ignore[attr-defined]
        start = position * step - self.pads[axis][0]
        return range(start, start + (window - 1) * dilation + 1, dilation)

    def covers(self, size: int, axis: int) -> bool:
        """Return whether the one position that is left of a pooling has all of the input."""
        read = self.sources(0, size, axis)
        is_all = read.start <= 0 and read.stop >= size and read.step == 1
        return self.pools and is_all and self._output_size(size, axis) == 1  # type: ignore[attr-defined]

    def size_text(self, axis: int, size: int, output: int) -> str:
        """Return how an output's height or width comes from the input's."""
        window, step, dilation, _ = self._window_along(axis)  # type: ignore[attr-defined]
        before, after = self.pads[axis]
        span = f"(({window} − 1)×{dilation} + 1)" if dilation > 1 else str(window)
        steps = f"{before} + {size} + {after} − {span}"
        if step == 1:
            return f"{steps} + 1 = {output}"
        left = size + before + after - (window - 1) * dilation - 1
        if output == left // step + 1:
            return f"⌊({steps}) ÷ {step}⌋ + 1 = {output}"
        return f"⌈({steps}) ÷ {step}⌉ + 1 = {output}"

    @property
    def size_note(self) -> str:
        """What the terms of `size_text` are."""
        return "margin before + input + margin after − window"

    @property
    def summary(self) -> str:
        """Such as "3×3 conv, 16, stride 2, padding 1"."""
        words: str = super().summary  # type: ignore[misc]
        return f"{words}, padding {margins_text(self.pads)}" if any(map(any, self.pads)) else words


@attrs.frozen
class PaddedConv2D(_Padded, Conv2D):
    """Convolution of an input with margins of zeros."""

    @property
    def kind(self) -> str:
        """Name of the operator in ONNX."""
        return "Conv"


@attrs.frozen
class PaddedDepthwiseConv2D(_Padded, DepthwiseConv2D):
    """Convolution of each channel on its own, of an input with margins of zeros."""

    @property
    def kind(self) -> str:
        """Name of the operator in ONNX."""
        return "Conv"


@attrs.frozen
class PaddedMaxPooling2D(_Padded, MaxPooling2D):
    """The largest value of each window; margins count as smaller than any value.

    Attributes:
        pads: Margins before and after, along the height and along the width.
        dilation_rate: Distance of what the window reads.
        rounds_up: Whether a last window is taken that is only partly in the input.
    """

    dilation_rate: ByAxis = by_axis(1, quiet=True)
    rounds_up: bool = attrs.field(default=False, metadata=QUIET)  # type: ignore[misc]

    @property
    def kind(self) -> str:
        """Name of the operator in ONNX."""
        return "MaxPool"

    def _window(self) -> tuple[ByAxis, ByAxis, ByAxis, str]:
        return self.pool_size, self.strides, self.dilation_rate, self.padding


@attrs.frozen
class PaddedAveragePooling2D(_Padded, AveragePooling2D):
    """The mean of each window.

    Attributes:
        pads: Margins before and after, along the height and along the width.
        dilation_rate: Distance of what the window reads.
        rounds_up: Whether a last window is taken that is only partly in the input.
        counts_margins: Whether margins count as zeros, and not as nothing.
    """

    dilation_rate: ByAxis = by_axis(1, quiet=True)
    rounds_up: bool = attrs.field(default=False, metadata=QUIET)  # type: ignore[misc]
    counts_margins: bool = attrs.field(default=False, metadata=QUIET)

    @property
    def kind(self) -> str:
        """Name of the operator in ONNX."""
        return "AveragePool"

    def _window(self) -> tuple[ByAxis, ByAxis, ByAxis, str]:
        return self.pool_size, self.strides, self.dilation_rate, self.padding


@attrs.frozen
class PaddedConv2DTranspose(Conv2DTranspose):
    """Transposed convolution: each input position spreads its kernel; then the border is cut off.

    Attributes:
        pads: What is cut off before and after, along each axis; below 0, what is added.
        groups: Number of groups of channels, each of which is spread to its share of the filters.
    """

    has_twin: ClassVar[bool] = False

    padding: str = attrs.field(default="valid", metadata=QUIET)
    pads: Margins = attrs.field(default=_NONE, metadata=_WRITTEN)
    groups: int = whole(1, quiet=True)

    @property
    def kind(self) -> str:
        """Name of the operator in ONNX."""
        return "ConvTranspose"

    @property
    def is_square(self) -> bool:
        """Whether the layer does the same along both axes."""
        return self.pads[0] == self.pads[1] and super().is_square

    def _output_size(self, size: int, axis: int) -> int:
        step, kernel = along(self.strides, axis), along(self.kernel_size, axis)
        output = (size - 1) * step + kernel - sum(self.pads[axis])
        if output < 1:
            raise Refusal(
                f"{self.kind} layer {self.name!r} cuts off all that it makes of {size} pixels: use "
                "a larger input."
            )
        return output

    def _kernel(self, inputs: Sequence[Shape]) -> tuple[int, ...]:
        *size, read, filters = super()._kernel(inputs)
        return (*size, read, Part(filters, self.groups) if self.groups > 1 else filters)

    def sources(self, position: int, size: int, axis: int = 0) -> range:
        """Return the inputs whose spread kernel covers the position."""
        return super().sources(position + self.pads[axis][0], size, axis)

    def size_text(self, axis: int, size: int, output: int) -> str:
        """Return how an output's height or width comes from the input's."""
        step, kernel = along(self.strides, axis), along(self.kernel_size, axis)
        cut = sum(self.pads[axis])
        return f"({size} − 1) × {step} + {kernel} {'−' if cut >= 0 else '+'} {abs(cut)} = {output}"

    @property
    def size_note(self) -> str:
        """What the terms of `size_text` are."""
        return "(input − 1) × stride + kernel − what is cut off"


#: How far an interpolation reads from the position that lies below the one that is asked for.
_READS = {"linear": (0, 1), "cubic": (-1, 2)}


@attrs.frozen
class Resize2D(Resized):
    """Enlargement or reduction by any factor, with the rules of ONNX.

    Attributes:
        fewer: Positions of the input, along each axis ...
        more: ... for which there are so many of the output.
        interpolation: "nearest", "linear" or "cubic".
        coordinates: Where the output's positions lie in the input: "half_pixel", "asymmetric", or
            "tf_half_pixel_for_nn".
        rounding: Which position is the nearest: "round_prefer_floor", "round_prefer_ceil", "floor"
            or "ceil".
    """

    has_twin: ClassVar[bool] = False
    family: ClassVar[str] = "upsampling"

    fewer: tuple[int, int]
    more: tuple[int, int]
    interpolation: str = "nearest"
    coordinates: str = "half_pixel"
    rounding: str = attrs.field(default="round_prefer_floor", metadata=QUIET)

    @property
    def kind(self) -> str:
        """Name of the operator in ONNX."""
        return "Resize"

    @property
    def down(self) -> ByAxis:
        """Factor by which the layer lowers the resolution."""
        return self.fewer

    @property
    def up(self) -> ByAxis:
        """Factor by which the layer raises the resolution."""
        return self.more

    @property
    def is_square(self) -> bool:
        """Whether the factor is the same along both axes."""
        return self.fewer[0] == self.fewer[1] and self.more[0] == self.more[1]

    def _output_size(self, size: int, axis: int) -> int:
        output = size * self.more[axis] // self.fewer[axis]
        if output < 1:
            raise Refusal(
                f"{self.kind} layer {self.name!r} leaves nothing of {size} pixels: use a larger "
                "input."
            )
        return output

    def sources(self, position: int, size: int, axis: int = 0) -> range:
        """Return the nearest input, or those that the interpolation weighs."""
        step = Fraction(self.fewer[axis], self.more[axis])
        place = position * step
        if self.coordinates == "half_pixel":
            place += step / 2 - Fraction(1, 2)
        elif self.coordinates == "tf_half_pixel_for_nn":
            place += step / 2
        if self.interpolation == "nearest":
            nearest = {
                "floor": floor(place),
                "ceil": ceil(place),
                "round_prefer_floor": ceil(place - Fraction(1, 2)),
                "round_prefer_ceil": floor(place + Fraction(1, 2)),
            }[self.rounding]
            return range(nearest, nearest + 1)
        below = floor(place)
        if below == place:
            return range(below, below + 1)
        before, after = _READS[self.interpolation]
        return range(below + before, below + after + 1)

    @property
    def summary(self) -> str:
        """Such as "2× cubic resize"."""
        factors = [f"{Fraction(m, f)}" for m, f in zip(self.more, self.fewer, strict=True)]
        return f"{'×'.join(dict.fromkeys(factors))}× {self.interpolation} resize"

    def does(self, inputs: Sequence[Shape]) -> str:
        """Return what it computes."""
        if self.interpolation == "nearest":
            return "It takes the nearest pixel of its input for each of its output."
        return (
            "It computes each pixel of its output by weighing those nearby in its input "
            f"({self.interpolation} interpolation)."
        )

    def mac_terms(self, inputs: Sequence[Shape], output: Shape) -> Terms:
        """Return nothing: interpolation is no convolution here."""
        return Terms()
