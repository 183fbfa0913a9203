"""Tiny networks that have learnt a task, as Keras models."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from explorer.core.asking.pretrained import Pretrained, pretrained_of
from explorer.core.network.tracing import trace
from explorer.keras_side.build import build

if TYPE_CHECKING:
    import keras


def build_pretrained(name: str, input_shape: Sequence[int] | None = None) -> "keras.Model":
    """Return the Keras model of a tiny trained network, with its weights.

    It was trained for some seconds on pictures that are drawn on the spot: good for looking at
    features that are learnt, and for nothing else. What came of it is in `pretrained[name]`.

    Args:
        name: One of `pretrained`, such as "U-Net".
        input_shape: `(height, width, 1)`; None: that of the pictures it learnt from.

    Raises:
        ParameterError: If there is no such network, or it takes no input of this shape.
    """
    example = pretrained_of(name)
    shape = example.training.input_shape if input_shape is None else input_shape
    model = build(example.architecture, shape)
    give_weights(model, example)
    return model


def give_weights(model: Any, example: Pretrained) -> None:
    """Give a model of an example's architecture its weights."""
    graph = trace(example.architecture, example.training.input_shape)
    for name, weights in example.weights(graph).items():
        model.get_layer(name).set_weights(
            [np.frombuffer(values, "<f2").reshape(shape) for shape, values in weights]
        )
