"""Layers that join features."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import attrs

from explorer.core.network.errors import Refusal
from explorer.core.network.layers.base import Layer
from explorer.core.network.layers.fields import CHANNELS, Shape


@attrs.frozen
class Merge(Layer):
    """A layer that joins features of the same size."""

    family: ClassVar[str] = "merging"

    @property
    def summary(self) -> str:
        """Its name, such as "add"."""
        return self.kind.lower()

    def output_shape(self, inputs: Sequence[Shape]) -> Shape:
        """Return the common height and width with the joined channels."""
        sizes = inputs[0][:-1]
        if len(inputs) < 2 or any(shape[:-1] != sizes for shape in inputs):
            shapes = ", ".join(map(str, inputs))
            raise Refusal(
                f"{self.kind} layer {self.name!r} cannot join features of shapes {shapes}: "
                "give two or more of the same height and width."
            )
        return *sizes, self._channels([shape[-1] for shape in inputs])

    def _channels(self, channels: list[int]) -> int:
        raise NotImplementedError


@attrs.frozen
class Concatenate(Merge):
    """The channels of all inputs, one after the other."""

    joined: ClassVar[str] = "concatenated"
    read_where: ClassVar[Mapping[str, tuple[Any, ...]]] = {"axis": CHANNELS}

    def _channels(self, channels: list[int]) -> int:
        return sum(channels)

    def does(self, inputs: Sequence[Shape]) -> str:
        """Return what it computes."""
        return "It puts the channels of its inputs one after the other."

    def channels_text(self, inputs: Sequence[Shape], channels: int) -> tuple[str, str]:
        """Return the sum of the inputs' channels."""
        return f"{' + '.join(str(shape[-1]) for shape in inputs)} = {channels}", ""


@attrs.frozen
class _ElementWise(Merge):
    verb: ClassVar[str]

    def _channels(self, channels: list[int]) -> int:
        if len(set(channels)) > 1:
            raise Refusal(
                f"{self.kind} layer {self.name!r} cannot {self.verb} features of {channels} "
                "channels: give features with the same number of channels."
            )
        return channels[0]


@attrs.frozen
class Add(_ElementWise):
    """The element-wise sum of the inputs."""

    verb: ClassVar[str] = "add"
    passes_gradient: ClassVar[bool] = True
    joined: ClassVar[str] = "added"

    def does(self, inputs: Sequence[Shape]) -> str:
        """Return what it computes."""
        return "It adds its inputs value by value; they must have the same shape."


@attrs.frozen
class Multiply(_ElementWise):
    """The element-wise product of the inputs: a gate, where one of them lies between 0 and 1."""

    verb: ClassVar[str] = "multiply"
    keeps_input: ClassVar[bool] = True

    def does(self, inputs: Sequence[Shape]) -> str:
        """Return what it computes."""
        return "It multiplies its inputs value by value: one can be a gate for the other."
