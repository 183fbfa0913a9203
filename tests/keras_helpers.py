"""What the tests ask Keras: the layers of a model, and which input pixels reach its features."""

from collections.abc import Callable, Iterable, Sequence
from math import prod
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

# Keras has no public list of its activations; this is the only use of a private module.
from keras.src.activations import ALL_OBJECTS_DICT

from explorer import EncoderDecoder, analyze
from explorer.core.network.graph import INPUT_NAME, Graph

#: Names of all activations that Keras knows.
KERAS_ACTIVATIONS = frozenset(ALL_OBJECTS_DICT)


class Row(NamedTuple):
    """What the package and Keras must agree on, for one layer."""

    name: str
    kind: str
    shape: tuple[int, ...]
    params: int
    trainable: int
    links: tuple[str, ...]


def rows_of_graph(graph: Graph) -> list[Row]:
    """Return a graph's layers in order."""
    return [
        Row(
            node.name,
            node.kind,
            node.shape,
            row.params,
            row.trainable_params,
            tuple(source.name for source in node.inputs),
        )
        for node, row in zip(graph, analyze(graph).layers, strict=True)
    ]


def rows_of_model(model: keras.Model) -> list[Row]:
    """Return a functional model's layers in order."""
    return [
        Row(
            layer.name,
            type(layer).__name__,
            tensor_of(layer.output).shape[1:],
            layer.count_params(),
            sum(prod(weight.shape) for weight in layer.trainable_weights),
            () if isinstance(layer, keras.layers.InputLayer) else links_of(layer),
        )
        for layer in model.layers
    ]


def links_of(layer: keras.layers.Layer) -> tuple[str, ...]:
    """Return the names of the layers that feed a layer."""
    sources = layer.input if isinstance(layer.input, list) else [layer.input]
    return tuple(source._keras_history.operation.name for source in sources)


def tensor_of(output: Any) -> Any:
    """Return an output that Keras may have wrapped into a list."""
    return output[0] if isinstance(output, list) else output


def structure(make: Callable[[], keras.Model]) -> list[Row]:
    """Return the layers of the model that `make` returns, without the time to fill its weights."""
    with keras.StatelessScope(initialize_variables=False):
        rows = rows_of_model(make())
    # Without it, Keras remembers every variable that it has not filled.
    keras.backend.clear_session(free_memory=False)
    return rows


def direct_model(architecture: EncoderDecoder, input_shape: Sequence[int]) -> keras.Model:
    """Return the model that the architecture makes when it is called on a Keras tensor."""
    image = keras.Input(input_shape, name=INPUT_NAME)
    output, _ = architecture.make_backbone(image)
    return keras.Model(image, output)


def make_positive(layers: Iterable[keras.layers.Layer], seed: int = 0) -> None:
    """Set weights under which nothing cancels, so that what can have an influence has one.

    Kernels are about the square root of 1 / their taps: a window's middle then grows from layer
    to layer as its border shrinks. There are no biases, and batch normalisation only scales.
    """
    generator = np.random.default_rng(seed)
    for layer in layers:
        for weight in layer.weights:
            if weight.name.endswith("kernel"):
                size = prod(weight.shape[:-1]) ** -0.5
                weight.assign(size * generator.uniform(0.5, 1.5, weight.shape))
            else:
                value = 1.0 if weight.name in ("gamma", "moving_variance") else 0.0
                weight.assign(np.full(weight.shape, value))


def impulses(size: int, across: int, channels: int, axis: int) -> np.ndarray:
    """Return one image for each position along an axis (0: rows, 1: columns): ones at it alone."""
    images = np.eye(size, dtype="float32")[:, :, None, None] * np.ones((1, 1, across, channels))
    return np.swapaxes(images, 1, 1 + axis).astype("float32")


def responses(model: keras.Model, size: int, axis: int) -> list[np.ndarray]:
    """Return for each output of a model which input positions each output position reacts to.

    With positive kernels and no biases, relu networks are homogeneous: on an impulse, a feature
    is the impulse's size times its derivative, and zero exactly where nothing gets through.

    Returns:
        Arrays of truth values, `(output position, input position)`.
    """
    across, channels = model.input_shape[2 - axis], model.input_shape[3]
    outputs = model(impulses(size, across, channels, axis), training=False)
    found = []
    for output in outputs if isinstance(outputs, list) else [outputs]:
        strength = np.max(output, axis=(2 - axis, 3))  # nothing is negative, and a sum may overflow
        assert np.isfinite(strength).all(), "values grew too large: draw a smaller network"
        found.append((strength > 0).T)
    return found


def gradients(
    function: Callable[[Any], Any],
    shape: tuple[int, int, int],
    positions: Sequence[int],
    axis: int,
) -> np.ndarray:
    """Return which input positions have a gradient at which output positions.

    The gradient is taken at the impulse of each input position: there, a max pooling hands it to
    that position, and relu lets it through.

    Args:
        function: A model or layer.
        shape: `(height, width, channels)` of its input.
        positions: Positions of the output along the axis.
        axis: 0: rows, 1: columns.

    Returns:
        Truth values, `(one of the positions, input position)`.
    """
    size, across, channels = shape[axis], shape[1 - axis], shape[2]
    images = tf.tile(impulses(size, across, channels, axis), (len(positions), 1, 1, 1))
    at = tf.repeat(tf.constant(positions), size)

    # As a graph, in which TensorFlow leaves out the kernels' gradients: on CPUs, computing that of
    # a kernel smaller than its stride overwrites memory (TensorFlow 2.21 with oneDNN).
    @tf.function(autograph=False)
    def gradient():
        with tf.GradientTape() as tape:
            tape.watch(images)
            picked = tf.gather(function(images), at, axis=1 + axis, batch_dims=1)
        return tape.gradient(picked, images, unconnected_gradients="zero")

    computed = gradient.get_concrete_function()()
    strength = np.sum(computed, axis=(2 - axis, 3)).reshape(len(positions), size, size)
    return np.diagonal(strength, axis1=1, axis2=2) > 0


def draw_weight(weight: Any, generator: np.random.Generator) -> np.ndarray:
    """Give a weight of a Keras layer random values, and return them."""
    value = generator.normal(size=weight.shape, scale=0.5).astype("float32")
    if len(weight.shape) > 1:  # so that values neither grow nor fade with the depth
        value *= 2 / np.sqrt(np.prod(weight.shape[:-1]))
    if weight.name in ("moving_variance", "gamma"):
        value = 1 + np.abs(value)
    weight.assign(value)
    return value
