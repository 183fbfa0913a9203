"""A model that was built, and an image's way through it."""

import attrs

from explorer.core.asking.timing import Timing
from explorer.core.network.layers import Shape


@attrs.frozen
class BuiltLayer:
    """What Keras says of a layer it built."""

    name: str
    kind: str
    shape: Shape
    params: int


@attrs.frozen
class Built:
    """A model that Keras built.

    Attributes:
        seconds: How long building took.
        environment: Versions and device.
        devices: Names of the devices that it can run on.
        layers: The model's layers, in Keras' order.
        total_params: Number of parameters.
        trainable_params: Number of trainable ones.
    """

    seconds: float
    environment: str
    devices: tuple[str, ...]
    layers: tuple[BuiltLayer, ...]
    total_params: int
    trainable_params: int


@attrs.frozen
class Picture:
    """A small picture.

    Attributes:
        caption: What it shows.
        png: Its content.
    """

    caption: str
    png: bytes


@attrs.frozen
class ForwardPass:
    """An image's way through a model, timed.

    Attributes:
        built: The model that ran; None: not Keras ran it.
        timing: How long it took.
        image: The input.
        channels: The strongest channels of the last output; none after a training step.
        weights: Where the weights come from, in words.
    """

    built: Built | None
    timing: Timing
    image: Picture
    channels: tuple[Picture, ...]
    weights: str = ""
