"""Heads: what turns a feature of the decoder into a prediction."""

from typing import Any

import attrs

from explorer.core.network.blocks import activation_parameter
from explorer.core.network.layers import Activation, Conv2D, Dense, GlobalMaxPooling2D
from explorer.core.network.parameters import NAME, AtLeast, active_when, parameter


@attrs.frozen(slots=False)
class Head:
    """A 1×1 convolution to a number of channels, as segmentation and pose estimation end in.

    With `global_pool` it says something of the whole image instead, as classification ends in: the
    largest value of each channel, then dense layers.

    Attributes:
        name: Name of its layer.
        channels: Channels of its output, such as classes or body parts.
        stride: Stride of the feature it starts from; None: the decoder's output.
        activation: Name of a Keras activation.
        global_pool: Whether it is about the whole image.
        dense_layers: Dense layers with relu before its last one.
        dense_units: Units of each of those.
    """

    name: str = parameter("head", doc="Name of the head's layer.", pattern=NAME)
    channels: int = parameter(
        1, doc="Channels of the output: classes, or body parts.", minimum=1, slider=(1, 32)
    )
    stride: int | None = parameter(
        None, doc="Stride of the feature it starts from; not set: the output's.", minimum=1
    )
    activation: str = activation_parameter("Activation of the output.", default="linear")
    global_pool: bool = parameter(
        False, doc="Classify the whole image: pool it to one position, then dense layers."
    )
    dense_layers: int = parameter(
        1,
        doc="Dense layers with relu before the last one.",
        minimum=0,
        slider=(0, 4),
        active=active_when(global_pool=True),
    )
    dense_units: int = parameter(
        64,
        doc="Units of each of those dense layers.",
        minimum=1,
        slider=(1, 512),
        active=active_when(global_pool=True, dense_layers=AtLeast(1)),
    )

    def make_head(self, x: Any, name: str) -> Any:
        """Return `(batch, height, width, channels)` of a feature or Keras tensor.

        With `global_pool`, `(batch, channels)`.

        Args:
            x: What the head starts from.
            name: Name of its last layer, with which those of others begin.
        """
        if self.global_pool:
            return self._classify(x, name)
        return Conv2D(name=name, filters=self.channels, kernel_size=1, activation=self.activation)(
            x
        )

    def _classify(self, x: Any, name: str) -> Any:
        x = GlobalMaxPooling2D(name=f"{name}_pool")(x)
        for i in range(self.dense_layers):
            x = Dense(name=f"{name}_fc{i}", units=self.dense_units)(x)
            x = Activation(name=f"{name}_fc{i}_relu", activation="relu")(x)
        return Dense(name=name, units=self.channels, activation=self.activation)(x)
