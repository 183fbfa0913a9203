"""From a graph to the `keras.Model` that it stands for. Keras is imported on first use."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from explorer.encoder_decoder import EncoderDecoder
from explorer.graph import Graph, Node, trace

if TYPE_CHECKING:
    import keras

INSTALL_HINT = (
    "Keras needs a backend: install one with pip install 'explorer[cpu]' "
    "(or explorer[cuda], explorer[jax])"
)


def import_keras() -> Any:
    """Return the keras module.

    Raises:
        ImportError: If Keras' backend is missing, saying which to install.
    """
    try:
        import keras
    except ImportError as error:
        raise ImportError(f"{INSTALL_HINT} ({error}).") from error
    return keras


def build(
    architecture: EncoderDecoder | Graph, input_shape: Sequence[int] | None = None
) -> "keras.Model":
    """Return the Keras model of an architecture or graph.

    Its layers have the names, order and links of the graph's. It has one output, or a list of
    outputs with an entry per stack.

    Args:
        architecture: An architecture, or the graph that `trace` made of it.
        input_shape: `(height, width, channels)`; needed for an architecture.

    Raises:
        ParameterError: If the shape does not fit the architecture.
        ImportError: If Keras' backend is not installed.
    """
    if isinstance(architecture, Graph):
        graph = architecture
    elif input_shape is None:
        raise TypeError(
            "build() of an architecture needs an input_shape: (height, width, channels)."
        )
    else:
        graph = trace(architecture, input_shape)
    keras = import_keras()
    tensors: dict[Node, Any] = {}
    for node in graph:
        if not node.inputs:
            tensors[node] = keras.Input(node.shape, name=node.name)
        elif len(node.inputs) == 1:
            tensors[node] = node.layer.keras_layer()(tensors[node.inputs[0]])
        else:
            tensors[node] = node.layer.keras_layer()([tensors[source] for source in node.inputs])
    inputs = [tensors[node] for node in graph.inputs]
    outputs = [tensors[node] for node in graph.outputs]
    return keras.Model(
        inputs if len(inputs) > 1 else inputs[0],
        outputs if len(outputs) > 1 else outputs[0],
        name=graph.name.lower(),
    )
