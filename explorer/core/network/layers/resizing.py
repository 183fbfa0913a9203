"""Layers without weights that change the size of a feature: pooling, upsampling, padding."""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from math import prod
from typing import Any, ClassVar

import attrs

from explorer.core.formatting import counted, step_text
from explorer.core.network.errors import Refusal
from explorer.core.network.layers.base import Layer
from explorer.core.network.layers.fields import (
    QUIET,
    ByAxis,
    Shape,
    along,
    by_axis,
    window_text,
    written,
)
from explorer.core.network.layers.windowed import Resized, Windowed

#: Interpolations that upsampling offers.
INTERPOLATIONS = ("bilinear", "nearest")

#: What poolings take of several values, in a few words and in a sentence.
_LARGEST = ("max", "largest value")
_MEAN = ("average", "mean")

#: Before and after along the height, and before and after along the width.
Margins = tuple[tuple[int, int], tuple[int, int]]


def margins_text(margins: Margins) -> str:
    """Return rows and columns at the border: "1", or each side that has some."""
    (top, bottom), (left, right) = margins
    if top == bottom == left == right:
        return str(top)
    sides = (
        (top, "above"),
        (bottom, "below"),
        (left, "to the left"),
        (right, "to the right"),
    )
    return ", ".join(f"{count} {side}" for count, side in sides if count)


@attrs.frozen
class _Pooling(Windowed):
    pools: ClassVar[bool] = True
    family: ClassVar[str] = "pooling"
    taken: ClassVar[tuple[str, str]]

    pool_size: ByAxis = by_axis(2, write=window_text)
    strides: ByAxis = by_axis(2)
    padding: str = "same"

    def _window(self) -> tuple[ByAxis, ByAxis, ByAxis, str]:
        return self.pool_size, self.strides, 1, self.padding

    def covers(self, size: int, axis: int) -> bool:
        """Return whether the one position that is left has the whole input in its window."""
        return along(self.pool_size, axis) >= size and self._output_size(size, axis) == 1

    @property
    def summary(self) -> str:
        """Such as "3×3 max pool, stride 2"."""
        same = self.strides == self.pool_size
        step = "" if same else f", stride {step_text(self.strides)}"
        return f"{window_text(self.pool_size)} {self.taken[0]} pool{step}"

    def does(self, inputs: Sequence[Shape]) -> str:
        """Return what it computes."""
        step = step_text(self.strides)
        every = f"every {step} pixels" if self.strides != 1 else "at every position"
        window = window_text(self.pool_size)
        return f"It takes the {self.taken[1]} of a {window} window, {every}, channel by channel."


@attrs.frozen
class MaxPooling2D(_Pooling):
    """The largest value of each window."""

    taken: ClassVar[tuple[str, str]] = _LARGEST
    keeps_input: ClassVar[bool] = True

    @property
    def keeps_output(self) -> bool:
        """Return True: the gradient goes where the input is the output."""
        return True


@attrs.frozen
class AveragePooling2D(_Pooling):
    """The mean of each window."""

    taken: ClassVar[tuple[str, str]] = _MEAN


@attrs.frozen
class _GlobalPooling(Layer):
    pointwise: ClassVar[bool] = False
    keeps_grid: ClassVar[bool] = False
    family: ClassVar[str] = "pooling"
    taken: ClassVar[tuple[str, str]]

    keepdims: bool = attrs.field(default=False, metadata=QUIET)

    def output_shape(self, inputs: Sequence[Shape]) -> Shape:
        """Return one position, or with `keepdims` False the channels alone."""
        *sizes, channels = inputs[0]
        return (*(1 for _ in sizes), channels) if self.keepdims else (channels,)

    def covers(self, size: int, axis: int) -> bool:
        """Return True: all of the input is read."""
        return True

    @property
    def summary(self) -> str:
        """Such as "global average pool"."""
        return f"global {self.taken[0]} pool"

    def does(self, inputs: Sequence[Shape]) -> str:
        """Return what it computes."""
        return f"It takes the {self.taken[1]} of each channel over all positions: one is left."

    def size_text(self, axis: int, size: int, output: int) -> str:
        """Return the one position that is left."""
        return str(output)


@attrs.frozen
class GlobalMaxPooling2D(_GlobalPooling):
    """The largest value of each channel."""

    taken: ClassVar[tuple[str, str]] = _LARGEST
    keeps_input: ClassVar[bool] = True

    @property
    def keeps_output(self) -> bool:
        """Return True: the gradient goes where the input is the output."""
        return True


@attrs.frozen
class GlobalAveragePooling2D(_GlobalPooling):
    """The mean of each channel."""

    taken: ClassVar[tuple[str, str]] = _MEAN


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

    def _sides(self) -> str:
        """Return how many rows and columns there are on each side, for a sentence."""
        (top, bottom), (left, right) = self.margins
        if top == bottom == left == right:
            return f"{counted(top, 'row')} or columns on each side"
        others = f"{bottom} below, {left} to the left, {right} to the right"
        return f"{counted(top, 'row')} above, {others}"


@attrs.frozen
class ZeroPadding2D(_Margined):
    """Zeros around the feature.

    Attributes:
        padding: Rows above and below, columns to the left and to the right; one number is for all.
    """

    padding: Margins = attrs.field(
        default=((1, 1), (1, 1)), converter=_margins, metadata=written(margins_text)
    )

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

    @property
    def summary(self) -> str:
        """Such as "zero padding, 1 above, 2 below"."""
        return f"zero padding, {margins_text(self.padding)}"

    def does(self, inputs: Sequence[Shape]) -> str:
        """Return what it computes."""
        return f"It puts zeros around the feature: {self._sides()}."

    def why(self, is_output: bool) -> str:
        """Return what it is there for."""
        return "So the next window, which gets no padding of its own, fits at the border, too."

    def size_text(self, axis: int, size: int, output: int) -> str:
        """Return the sum of what is there and what comes before and after."""
        before, after = self.padding[axis]
        return f"{before} + {size} + {after} = {output}"


@attrs.frozen
class Cropping2D(_Margined):
    """The feature without rows and columns at its border.

    Attributes:
        cropping: Rows above and below, columns to the left and to the right; one number is for all.
    """

    cropping: Margins = attrs.field(
        default=((0, 0), (0, 0)), converter=_margins, metadata=written(margins_text)
    )

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

    @property
    def summary(self) -> str:
        """Such as "cropping, 1"."""
        return f"cropping, {margins_text(self.cropping)}"

    def does(self, inputs: Sequence[Shape]) -> str:
        """Return what it computes."""
        return f"It cuts off the border of the feature: {self._sides()}."

    def size_text(self, axis: int, size: int, output: int) -> str:
        """Return the difference of what is there and what goes before and after."""
        before, after = self.cropping[axis]
        return f"{size} − {before} − {after} = {output}"


@attrs.frozen
class UpSampling2D(Resized):
    """Enlargement by a whole factor, by nearest neighbour or bilinear interpolation."""

    family: ClassVar[str] = "upsampling"
    read_where: ClassVar[Mapping[str, tuple[Any, ...]]] = {"interpolation": INTERPOLATIONS}

    size: ByAxis = by_axis(2, write=window_text)
    interpolation: str = "nearest"

    @property
    def up(self) -> ByAxis:
        """Factor by which the layer raises the resolution."""
        return self.size

    def _by_axis(self) -> tuple[ByAxis, ...]:
        return (self.size,)

    def inner_values(self, inputs: Sequence[Shape], output: Shape) -> int:
        """Return how many values there are once rows are repeated, and columns are not."""
        is_repeated = self.interpolation == "nearest"
        return prod(inputs[0]) * along(self.size, axis=0) * is_repeated

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

    def shares(self, position: int, size: int | None, axis: int = 0) -> dict[int, Fraction]:
        """Return how much of each input an output position takes; together they are 1.

        Args:
            position: Output position.
            size: Size of the input along this axis: beyond its border the outermost input stands
                in. None: it has no border.
            axis: 0: the height, 1: the width.
        """
        read = self.sources(position, size or 0, axis)
        factor = along(self.size, axis)
        second = Fraction(2 * position + 1 - factor, 2 * factor) - read[0] if len(read) > 1 else 0
        found: dict[int, Fraction] = {}
        for place, part in zip(read, (1 - Fraction(second), Fraction(second)), strict=False):
            inside = place if size is None else min(max(place, 0), size - 1)
            found[inside] = found.get(inside, Fraction(0)) + part
        return found

    @property
    def summary(self) -> str:
        """Such as "2× bilinear upsampling"."""
        return f"{step_text(self.size)}× {self.interpolation} upsampling"

    def does(self, inputs: Sequence[Shape]) -> str:
        """Return what it computes."""
        if self.interpolation == "nearest":
            return f"It repeats every pixel {window_text(self.size)} times."
        return (
            f"It enlarges the feature {step_text(self.size)} times and fills in the new pixels by "
            "weighing those nearby (bilinear interpolation)."
        )
