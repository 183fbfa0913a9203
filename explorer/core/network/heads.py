"""Heads: what turns a feature of the decoder into a prediction."""

from typing import Any

import attrs

from explorer.core.network.blocks import activation_parameter
from explorer.core.network.layers import Conv2D
from explorer.core.network.parameters import NAME, parameter


@attrs.frozen(slots=False)
class Head:
    """A 1×1 convolution to a number of channels, as segmentation and pose estimation end in.

    Attributes:
        name: Name of its layer.
        channels: Channels of its output, such as classes or body parts.
        stride: Stride of the feature it starts from; None: the decoder's output.
        activation: Name of a Keras activation.
    """

    name: str = parameter("head", doc="Name of the head's layer.", pattern=NAME)
    channels: int = parameter(
        1, doc="Channels of the output: classes, or body parts.", minimum=1, slider=(1, 32)
    )
    stride: int | None = parameter(
        None, doc="Stride of the feature it starts from; not set: the output's.", minimum=1
    )
    activation: str = activation_parameter("Activation of the output.", default="linear")

    def make_head(self, x: Any, name: str) -> Any:
        """Return `(batch, height, width, channels)` of a feature or Keras tensor.

        Args:
            x: What the head starts from.
            name: Name of its layer.
        """
        return Conv2D(name=name, filters=self.channels, kernel_size=1, activation=self.activation)(
            x
        )
