"""Layers that change the size of a feature, and those that read windows of it."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import attrs

from explorer.core.network.errors import Refusal
from explorer.core.network.layers.base import Layer
from explorer.core.network.layers.fields import ByAxis, Shape, along

#: What can be done about windows that reach beyond the border.
PADDINGS = ("same", "valid")


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
        return tuple not in map(type, self._by_axis())

    def _by_axis(self) -> tuple[ByAxis, ...]:
        """Return the settings that can differ by axis."""
        raise NotImplementedError


@attrs.frozen
class Windowed(Resized):
    """A layer that reads a window around, or from, every step of its input."""

    read_where: ClassVar[Mapping[str, tuple[Any, ...]]] = {"padding": PADDINGS}

    def _window(self) -> tuple[ByAxis, ByAxis, ByAxis, str]:
        """Return the window's size, its step, the distance of its taps, and the padding."""
        raise NotImplementedError

    def _window_along(self, axis: int) -> tuple[int, int, int, str]:
        size, step, dilation, padding = self._window()
        if isinstance(size, int) and isinstance(step, int) and isinstance(dilation, int):
            return size, step, dilation, padding
        return along(size, axis), along(step, axis), along(dilation, axis), padding

    def _by_axis(self) -> tuple[ByAxis, ...]:
        return self._window()[:3]

    @property
    def down(self) -> ByAxis:
        """Factor by which the layer lowers the resolution: its stride."""
        return self._window()[1]

    def _resized(self, shape: Shape, channels: int) -> Shape:
        _, step, _, padding = self._window()
        if step == 1 and padding == "same":  # as of most convolutions
            return shape[0], shape[1], channels
        return super()._resized(shape, channels)

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

    def taps(self, axis: int) -> tuple[int, int]:
        """Return how many steps of its input the window reads along an axis, and their distance."""
        window, _, dilation, _ = self._window_along(axis)
        return window, dilation

    def size_text(self, axis: int, size: int, output: int) -> str:
        """Return how an output's height or width comes from the input's."""
        window, step, dilation, padding = self._window_along(axis)
        if padding == "same":
            return super().size_text(axis, size, output)
        span = f"(({window} − 1)×{dilation} + 1)" if dilation > 1 else str(window)
        steps = f"{size} − {span}"
        if step > 1:
            steps = f"⌊({steps}) ÷ {step}⌋"
        return f"{steps} + 1 = {output}"

    @property
    def size_note(self) -> str:
        """What the padding does to the size."""
        _, step, _, padding = self._window()
        if padding == "valid":
            return "“valid” padding: positions where the whole window fits"
        return "“same” padding" + (": input ÷ stride, rounded up" if step != 1 else "")
