"""What the worker process does with gradients: which pixels of a picture a layer really looks at.

These functions run in the worker, on the model that it keeps.
"""

import gc
from typing import Any

import numpy as np

from explorer.core.asking.failures import GivenUp
from explorer.core.asking.position import center, signs
from explorer.core.families import Architecture
from explorer.core.network.errors import Refusal
from explorer.core.network.layers import Shape
from explorer.core.pictures import images
from explorer.core.pictures.effective_field import EffectiveField
from explorer.keras_side.backends import backend
from explorer.keras_side.build import import_keras
from explorer.keras_side.reader import input_name, steps_of
from explorer.worker.in_process import is_overtaken
from explorer.worker.tasks.forward import DEFAULT, KeptModel, ready_model, weights_now


def effective_field(
    architecture: Architecture,
    input_shape: Shape,
    layer: str,
    position: tuple[int, int],
    upload: bytes | None = None,
) -> EffectiveField:
    """Return how much each pixel influences a layer's output at a position; runs in the worker.

    As in Luo et al. 2016, "Understanding the effective receptive field in deep convolutional
    neural networks" (arXiv 1701.04128), a gradient signal at one position of the output goes back
    to the input. Here the signal is 1 or -1 for each channel, at random and always the same:
    equal signs would show where the channels agree, and weighing them by their own values only
    the strongest ones, while the square of a gradient with random signs is, on average, the sum
    of all channels' squared gradients.

    Args:
        architecture: The architecture; the weights are those that the model has.
        input_shape: `(height, width, channels)`.
        layer: Name of the layer.
        position: Row and column in the layer's output.
        upload: Content of an image file, or None for the default photograph.

    Raises:
        ValueError: If the model has no one layer of this name with one output of pixels.
        MemoryError: If it does not fit the free memory.
        GivenUp: If nobody waits for the answer any more.
    """
    picture = images.chosen(upload)
    kept = ready_model(architecture, input_shape, 1, DEFAULT, step="gradient")
    image = images.to_input(picture, input_shape)
    if is_overtaken():
        raise GivenUp
    try:
        gradient, sizes = _input_gradient(kept, layer, position, image)
    finally:
        gc.collect()  # models, and functions compiled of them, hold themselves in circles
    weights = weights_now()
    middle = center(position, sizes, image.shape[:2])
    strength = np.abs(gradient).sum(axis=2)
    return EffectiveField(strength, middle, str(weights), weights.are_random)


def _input_gradient(
    kept: KeptModel, layer: str, position: tuple[int, int], image: np.ndarray
) -> tuple[np.ndarray, tuple[int, int]]:
    """Return the gradient, of the image's shape, and the height and width of the layer's output."""
    keras = import_keras()
    output = _output(kept.model, layer)
    _, height, width, channels = output.shape
    weighed = np.array(signs(channels), np.float32)
    with keras.device(kept.device.name.lower()):
        batch, weights = map(keras.ops.convert_to_tensor, (image[None], weighed))
        part = keras.Model(kept.model.inputs[0], output)
        gradient = backend().input_gradient(part, batch, position, weights).run(batch, weights)
        return np.asarray(gradient)[0], (height, width)


def _output(model: Any, layer: str) -> Any:
    """Return a layer's output tensor.

    Raises:
        ValueError: If there is no one such tensor, or it has no rows and columns.
    """
    values: dict[str, Any] = {input_name(model): model.inputs[0]}
    for step in steps_of(model):
        # What is within a model inside is called once more, from the first image on.
        values |= step.tensors or step.run(values)
        if layer in values:
            break
    output = values.get(layer)
    if output is None or len(output.shape) != 4:
        raise Refusal(
            f"The Keras model has no one output of pixels that is named {layer!r}: select another "
            "layer."
        )
    return output
