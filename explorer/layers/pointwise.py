"""Layers that work on each position alone."""

from collections.abc import Sequence

import attrs

from explorer.layers.base import Layer, Shape

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

    def _weights(self, inputs: Sequence[Shape]) -> tuple[int, int]:
        """Return scale and offset, and mean and variance, of each channel."""
        channels = inputs[0][-1]
        return (self.scale + self.center) * channels, 2 * channels


@attrs.frozen
class Dropout(Layer):
    """Zeros in the place of a share of all values, in training only."""

    rate: float = 0.5


@attrs.frozen
class Activation(Layer):
    """An activation function as a layer of its own."""

    activation: str = "relu"
