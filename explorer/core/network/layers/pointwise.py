"""Layers that work on each position alone."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import attrs

from explorer.core.formatting import sentences, share
from explorer.core.network.layers.base import Layer
from explorer.core.network.layers.fields import CHANNELS, QUIET, Shape
from explorer.core.network.layers.terms import Terms

#: Names of the Keras activations that need no arguments and keep the shape of their input.
ACTIVATIONS = (
    "relu", "linear", "sigmoid", "tanh", "elu", "selu", "gelu", "silu", "swish", "leaky_relu",
    "relu6", "softplus", "softsign", "softmax", "exponential", "mish", "celu", "hard_sigmoid",
    "hard_silu", "hard_swish", "hard_tanh", "hard_shrink", "soft_shrink", "tanh_shrink",
    "log_sigmoid", "log_softmax", "sparse_plus", "sparse_sigmoid", "sparsemax", "squareplus",
)  # fmt: skip


#: What some of them do, in sentences.
_ACTIVATIONS = {
    "relu": "It puts 0 in the place of negative values and passes the others on.",
    "linear": "It passes all values on unchanged.",
    "sigmoid": "It maps every value smoothly to between 0 and 1.",
    "tanh": "It maps every value smoothly to between −1 and 1.",
    "softmax": "At each position it turns the channels into shares of a whole: they add up to 1.",
    "log_softmax": "At each position it turns the channels into logarithms of shares of a whole.",
    "sparsemax": "At each position it turns the channels into shares of a whole, some of them 0.",
    "leaky_relu": "It passes positive values on and makes negative ones smaller.",
    "relu6": "It limits all values to between 0 and 6.",
    "elu": "It passes positive values on and bends negative ones towards −1.",
    "softplus": "It is relu with a rounded corner.",
    "silu": "It multiplies every value by its sigmoid: relu with a soft corner.",
    "swish": "It multiplies every value by its sigmoid: relu with a soft corner.",
}

#: What an activation between layers is there for.
_BETWEEN = (
    "Without such a function between them, convolutions in a row would amount to a single one."
)


def trained_names(scale: bool, offset: bool) -> str:
    """Return what a normalisation has trained, such as "scale and offset"."""
    return " and ".join([*["scale"] * scale, *["offset"] * offset])


def applied_text(scale: bool, offset: bool) -> str:
    """Return what a normalisation applies last, in a sentence; nothing if nothing is trained."""
    parts = [*["a scale"] * scale, *["an offset"] * offset]
    if not parts:
        return ""
    return f"Then it applies {' and '.join(parts)} to each channel, which training sets."


@attrs.frozen
class BatchNormalization(Layer):
    """Batch normalisation: a trained scale and offset, and a running mean and variance.

    Attributes:
        momentum: How much of the running mean and variance each step of training keeps.
        epsilon: What is added to the variance.
        center: Whether there is a trained offset.
        scale: Whether there is a trained scale.
    """

    follows: ClassVar[bool] = True
    family: ClassVar[str] = "normalisation"
    keeps_input: ClassVar[bool] = True
    read_where: ClassVar[Mapping[str, tuple[Any, ...]]] = {"axis": CHANNELS}

    momentum: float = attrs.field(default=0.99, metadata=QUIET)
    epsilon: float = 1e-3
    center: bool = attrs.field(default=True, metadata=QUIET)
    scale: bool = attrs.field(default=True, metadata=QUIET)

    def weight_terms(self, inputs: Sequence[Shape]) -> Terms:
        """Return mean and variance, and scale and offset if they are trained, of each channel."""
        return Terms(((2 + self.scale + self.center,),), inputs[0][-1:])

    def untrained(self, inputs: Sequence[Shape]) -> int:
        """Return mean and variance of each channel."""
        return 2 * inputs[0][-1]

    @property
    def weight_names(self) -> tuple[str, str]:
        """Scale and offset, as far as there are, and what is gathered in training."""
        return trained_names(self.scale, self.center), "mean and variance"

    @property
    def summary(self) -> str:
        """Its name, as people say it."""
        return "batch norm"

    def does(self, inputs: Sequence[Shape]) -> str:
        """Return what it computes, in training and later."""
        return sentences(
            "In training it shifts and scales each channel to mean 0 and variance 1 over the "
            "batch; later it uses the running mean and variance that training gathered.",
            applied_text(self.scale, self.center),
        )

    def why(self, is_output: bool) -> str:
        """Return what it is there for."""
        return "Features that stay in one range make deep networks easier to train."


@attrs.frozen
class Dropout(Layer):
    """Zeros in the place of a share of all values, in training only."""

    follows: ClassVar[bool] = True
    passes_gradient: ClassVar[bool] = True

    rate: float = 0.5

    @property
    def summary(self) -> str:
        """Such as "dropout 0.5"."""
        return f"dropout {self.rate:g}"

    def does(self, inputs: Sequence[Shape]) -> str:
        """Return what it computes, in training and later."""
        return (
            f"In training it sets {share(self.rate, 1)} of all values, drawn at random, to 0 "
            "and enlarges the others to make up for it; later it does nothing."
        )

    def why(self, is_output: bool) -> str:
        """Return what it is there for."""
        return "So the network cannot rely on single values, which lessens overfitting."


@attrs.frozen
class Activation(Layer):
    """An activation function as a layer of its own."""

    follows: ClassVar[bool] = True
    family: ClassVar[str] = "activation"
    passes_gradient: ClassVar[bool] = True

    activation: str = "relu"

    @property
    def keeps_input(self) -> bool:  # type: ignore[override]
        """Whether training keeps what the function is given."""
        return super().keeps_inside

    @property
    def keeps_inside(self) -> bool:
        """Return False: that is its input."""
        return False

    @property
    def summary(self) -> str:
        """The function's name."""
        return self.activation

    def does(self, inputs: Sequence[Shape]) -> str:
        """Return what the function does."""
        other = f"It applies the function {self.activation} to every value."
        return _ACTIVATIONS.get(self.activation, other)

    def why(self, is_output: bool) -> str:
        """Return what it is there for, between layers."""
        return "" if is_output or self.activation == "linear" else _BETWEEN


@attrs.frozen
class LeakyReLU(Layer):
    """Leaky relu with a slope of one's own, as a layer.

    Attributes:
        negative_slope: What negative values are multiplied by.
    """

    follows: ClassVar[bool] = True
    family: ClassVar[str] = "activation"
    keeps_input: ClassVar[bool] = True
    passes_gradient: ClassVar[bool] = True

    negative_slope: float = 0.3

    @property
    def summary(self) -> str:
        """Such as "leaky relu 0.01"."""
        return f"leaky relu {self.negative_slope:g}"

    def does(self, inputs: Sequence[Shape]) -> str:
        """Return what the function does."""
        return (
            f"It passes positive values on and multiplies negative ones by {self.negative_slope:g}."
        )

    def why(self, is_output: bool) -> str:
        """Return what it is there for, between layers."""
        return "" if is_output or self.negative_slope == 1 else _BETWEEN
