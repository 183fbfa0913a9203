"""What layers make of a picture."""

import attrs

from explorer.core.asking.weights import Weights
from explorer.core.network.layers import Shape


@attrs.frozen
class FeatureMap:
    """A layer's output in one picture.

    Attributes:
        name: Name of the layer.
        shape: Shape of its output, without the batch.
        lowest: The smallest value, over all positions and channels.
        highest: The largest value.
        mean: The mean value.
        png: At each position the mean absolute value over the channels, at most 256 pixels wide
            and high and stretched from black to white; of the input the image itself.
    """

    name: str
    shape: Shape
    lowest: float
    highest: float
    mean: float
    png: bytes


@attrs.frozen
class Channel:
    """One channel of a layer's output.

    Attributes:
        index: Its place, counted from 0.
        strength: Its mean absolute value.
        png: Its values, at most 256 pixels wide and high, stretched from black to white.
    """

    index: int
    strength: float
    png: bytes


@attrs.frozen
class LayerChannels:
    """The channels of a layer's output of which most comes through.

    Attributes:
        name: Name of the layer.
        shape: Shape of its output, without the batch.
        channels: Its channels of the largest mean absolute value, the strongest first.
    """

    name: str
    shape: Shape
    channels: tuple[Channel, ...]


@attrs.frozen
class FeatureMaps:
    """What layers make of an image.

    Attributes:
        strip: The layers that were asked for, in that order.
        layer: The selected layer, if one was asked for.
        weights: Where the model's weights come from.
        note: How the values in the picture's file are shown; mostly nothing.
    """

    strip: tuple[FeatureMap, ...]
    layer: LayerChannels | None
    weights: Weights
    note: str = ""
