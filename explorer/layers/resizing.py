"""Layers without weights that change the size of a feature: pooling, upsampling, padding."""

from collections.abc import Sequence
from typing import Any, ClassVar

import attrs

from explorer.layers.base import ByAxis, Layer, Resized, Shape, Windowed, along, by_axis
from explorer.parameters import Refusal

#: Interpolations that upsampling offers.
INTERPOLATIONS = ("bilinear", "nearest")

#: Before and after along the height, and before and after along the width.
Margins = tuple[tuple[int, int], tuple[int, int]]


@attrs.frozen
class _Pooling(Windowed):
    pool_size: ByAxis = by_axis(2)
    strides: ByAxis = by_axis(2)
    padding: str = "same"

    def _window(self) -> tuple[ByAxis, ByAxis, ByAxis, str]:
        return self.pool_size, self.strides, 1, self.padding

    def covers(self, size: int, axis: int) -> bool:
        """Return whether the one position that is left has the whole input in its window."""
        return along(self.pool_size, axis) >= size and self._output_size(size, axis) == 1


@attrs.frozen
class MaxPooling2D(_Pooling):
    """The largest value of each window."""


@attrs.frozen
class AveragePooling2D(_Pooling):
    """The mean of each window."""


@attrs.frozen
class _GlobalPooling(Layer):
    pointwise: ClassVar[bool] = False
    keeps_grid: ClassVar[bool] = False

    keepdims: bool = False

    def output_shape(self, inputs: Sequence[Shape]) -> Shape:
        """Return one position, or with `keepdims` False the channels alone."""
        *sizes, channels = inputs[0]
        return (*(1 for _ in sizes), channels) if self.keepdims else (channels,)

    def covers(self, size: int, axis: int) -> bool:
        """Return True: all of the input is read."""
        return True


@attrs.frozen
class GlobalMaxPooling2D(_GlobalPooling):
    """The largest value of each channel."""


@attrs.frozen
class GlobalAveragePooling2D(_GlobalPooling):
    """The mean of each channel."""


def _margins(value: Any) -> Any:
    """Return margins by axis: Keras takes one number, one for each axis, or two for each."""
    if isinstance(value, int):
        value = (value, value)
    return tuple((each, each) if isinstance(each, int) else tuple(each) for each in value)


@attrs.frozen
class _Margined(Resized):
    """A layer that adds or takes away rows and columns at the border."""

    @property
    def margins(self) -> Margins:
        """Before and after along the height, and before and after along the width."""
        raise NotImplementedError

    @property
    def is_square(self) -> bool:
        """Whether the margins are the same along both axes."""
        return self.margins[0] == self.margins[1]


@attrs.frozen
class ZeroPadding2D(_Margined):
    """Zeros around the feature.

    Attributes:
        padding: Rows above and below, columns to the left and to the right; one number is for all.
    """

    padding: Margins = attrs.field(default=((1, 1), (1, 1)), converter=_margins)

    @property
    def margins(self) -> Margins:
        """The zeros before and after, along the height and along the width."""
        return self.padding

    def _output_size(self, size: int, axis: int) -> int:
        return size + sum(self.padding[axis])

    def sources(self, position: int, size: int, axis: int = 0) -> range:
        """Return the position, moved by the padding before it."""
        moved = position - self.padding[axis][0]
        return range(moved, moved + 1)


@attrs.frozen
class Cropping2D(_Margined):
    """The feature without rows and columns at its border.

    Attributes:
        cropping: Rows above and below, columns to the left and to the right; one number is for all.
    """

    cropping: Margins = attrs.field(default=((0, 0), (0, 0)), converter=_margins)

    @property
    def margins(self) -> Margins:
        """What is cut off before and after, along the height and along the width."""
        return self.cropping

    def _output_size(self, size: int, axis: int) -> int:
        left = size - sum(self.cropping[axis])
        if left < 1:
            raise Refusal(
                f"{self.kind} layer {self.name!r} cuts off all {size} pixels of its input: use a "
                "larger input or a smaller cropping."
            )
        return left

    def sources(self, position: int, size: int, axis: int = 0) -> range:
        """Return the position, moved by what is cut off before it."""
        moved = position + self.cropping[axis][0]
        return range(moved, moved + 1)


@attrs.frozen
class UpSampling2D(Resized):
    """Enlargement by a whole factor, by nearest neighbour or bilinear interpolation."""

    size: ByAxis = by_axis(2)
    interpolation: str = "nearest"

    @property
    def up(self) -> ByAxis:
        """Factor by which the layer raises the resolution."""
        return self.size

    def _settings(self) -> tuple[ByAxis, ...]:
        return (self.size,)

    def sources(self, position: int, size: int, axis: int = 0) -> range:
        """Return the nearest input, or the two that a bilinear interpolation weighs.

        Pixels have their centres at half positions, as in Keras; where the output's centre
        falls on an input's centre, that input alone counts.
        """
        factor = along(self.size, axis)
        if self.interpolation == "nearest":
            nearest = position // factor
            return range(nearest, nearest + 1)
        below, between = divmod(2 * position + 1 - factor, 2 * factor)
        return range(below, below + (2 if between else 1))
