"""Layers of a Keras model that was read, of which less is known than of our own."""

from collections.abc import Sequence
from typing import ClassVar

import attrs

from explorer.layers import Layer, Shape


@attrs.frozen
class Elementwise(Layer):
    """A layer of any Keras class that works on each position alone and keeps the shape.

    It is what a Keras model is read into; it has no Keras twin of its own.
    """

    has_twin: ClassVar[bool] = False

    keras_class: str
    trainable_params: int = 0
    frozen_params: int = 0

    @property
    def kind(self) -> str:
        """Name of the Keras class."""
        return self.keras_class

    def output_shape(self, inputs: Sequence[Shape]) -> Shape:
        """Return the shape that all inputs have.

        Raises:
            ValueError: If their shapes differ.
        """
        if len(set(inputs)) > 1:
            raise ValueError(f"{self.kind} layer {self.name!r} broadcasts its inputs.")
        return inputs[0]

    def weights(self, inputs: Sequence[Shape]) -> tuple[int, int]:
        """Return what Keras counted."""
        return self.trainable_params, self.frozen_params


@attrs.frozen
class Unknown(Elementwise):
    """A layer of which only the shape and the parameters are known.

    Attributes:
        shape: Shape of the output, without the batch.
        counted: Whether it is known to hold no convolution, and so no MACs.
    """

    is_known: ClassVar[bool] = False

    shape: Shape = attrs.field(kw_only=True)
    counted: bool = attrs.field(kw_only=True)

    def output_shape(self, inputs: Sequence[Shape]) -> Shape:
        """Return what Keras says."""
        return self.shape

    def macs(self, inputs: Sequence[Shape]) -> int | None:
        """Return 0 for layers known to hold no convolution, else None."""
        return 0 if self.counted else None
