"""The layer vocabulary: one small frozen class per kind of layer, a file per family of kinds."""

from explorer.core.network.layers.base import InputLayer, Layer
from explorer.core.network.layers.convolution import (
    Conv2D,
    Conv2DTranspose,
    Dense,
    DepthwiseConv2D,
    SeparableConv2D,
)
from explorer.core.network.layers.fields import ByAxis, Shape, along
from explorer.core.network.layers.merging import Add, Concatenate, Merge, Multiply
from explorer.core.network.layers.normalisation import GroupNormalization
from explorer.core.network.layers.pointwise import (
    ACTIVATIONS,
    Activation,
    BatchNormalization,
    Dropout,
    LeakyReLU,
)
from explorer.core.network.layers.resizing import (
    INTERPOLATIONS,
    AveragePooling2D,
    Cropping2D,
    GlobalAveragePooling2D,
    GlobalMaxPooling2D,
    MaxPooling2D,
    UpSampling2D,
    ZeroPadding2D,
)
from explorer.core.network.layers.windowed import Resized, Windowed

__all__ = [
    "ACTIVATIONS",
    "INTERPOLATIONS",
    "Activation",
    "Add",
    "AveragePooling2D",
    "BatchNormalization",
    "ByAxis",
    "Concatenate",
    "Conv2D",
    "Conv2DTranspose",
    "Cropping2D",
    "Dense",
    "DepthwiseConv2D",
    "Dropout",
    "GlobalAveragePooling2D",
    "GlobalMaxPooling2D",
    "GroupNormalization",
    "InputLayer",
    "Layer",
    "LeakyReLU",
    "MaxPooling2D",
    "Multiply",
    "SeparableConv2D",
    "Shape",
    "UpSampling2D",
    "ZeroPadding2D",
    "along",
    "layer_kinds",
]


#: What kinds are made of, and no kind itself.
_BASES = {Resized.__name__, Windowed.__name__, Merge.__name__}


def layer_kinds() -> dict[str, type[Layer]]:
    """Return every kind of layer that has a Keras twin of its own, by name."""
    found: dict[str, type[Layer]] = {}
    waiting: list[type[Layer]] = [Layer]
    for cls in waiting:
        waiting.extend(cls.__subclasses__())
        name = cls.__name__
        if cls is not Layer and cls.has_twin is True and name[0] != "_" and name not in _BASES:
            found[name] = cls
    return found
