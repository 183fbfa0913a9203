"""Layers that work on each position alone."""

from collections.abc import Sequence

import attrs

from explorer.layers.base import Layer, Shape
from explorer.layers.terms import Terms

#: Names of the Keras activations that need no arguments and keep the shape of their input.
ACTIVATIONS = (
    "relu", "linear", "sigmoid", "tanh", "elu", "selu", "gelu", "silu", "swish", "leaky_relu",
    "relu6", "softplus", "softsign", "softmax", "exponential", "mish", "celu", "hard_sigmoid",
    "hard_silu", "hard_swish", "hard_tanh", "hard_shrink", "soft_shrink", "tanh_shrink",
    "log_sigmoid", "log_softmax", "sparse_plus", "sparse_sigmoid", "sparsemax", "squareplus",
)  # fmt: skip


@attrs.frozen
class BatchNormalization(Layer):
    """Batch normalisation: a trained scale and offset, and a running mean and variance.

    Attributes:
        momentum: How much of the running mean and variance each step of training keeps.
        epsilon: What is added to the variance.
        center: Whether there is a trained offset.
        scale: Whether there is a trained scale.
    """

    momentum: float = 0.99
    epsilon: float = 1e-3
    center: bool = True
    scale: bool = True

    def weight_terms(self, inputs: Sequence[Shape]) -> Terms:
        """Return mean and variance, and scale and offset if they are trained, of each channel."""
        return Terms(((2 + self.scale + self.center,),), inputs[0][-1:])

    def untrained(self, inputs: Sequence[Shape]) -> int:
        """Return mean and variance of each channel."""
        return 2 * inputs[0][-1]

    @property
    def weight_names(self) -> tuple[str, str]:
        """Scale and offset, as far as there are, and what is gathered in training."""
        trained = [*["scale"] * self.scale, *["offset"] * self.center]
        return " and ".join(trained), "mean and variance"


@attrs.frozen
class Dropout(Layer):
    """Zeros in the place of a share of all values, in training only."""

    rate: float = 0.5


@attrs.frozen
class Activation(Layer):
    """An activation function as a layer of its own."""

    activation: str = "relu"
