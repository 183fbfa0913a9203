"""From a graph to the `keras.Model` that it stands for, and back; imports Keras on first use."""

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import lru_cache
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from explorer.core.analysis.report import analyze
from explorer.core.asking.failures import NO_KERAS, NoKeras
from explorer.core.families import Architecture, ReadModel
from explorer.core.network.encoder_decoder import EncoderDecoder
from explorer.core.network.errors import Refusal, first_line
from explorer.core.network.graph import INPUT_NAME, Block, Graph, Node, made_blocks
from explorer.core.network.layers import InputLayer, Layer, Shape
from explorer.core.network.layers.foreign import Foreign, Recipe
from explorer.core.network.tracing import check_sizes, trace
from explorer.keras_side.config import make as make_of_text
from explorer.keras_side.layers import cook, make
from explorer.keras_side.machine_memory import check_weights_fit
from explorer.keras_side.names import with_own_names
from explorer.keras_side.reader import Reader

if TYPE_CHECKING:
    import keras

#: Without these, TensorFlow and JAX take nearly all of a GPU's memory as they start, so that the
#: notebook's kernel would leave none to the Keras process, or the other way round.
SHARE_GPUS = {"TF_FORCE_GPU_ALLOW_GROWTH": "true", "XLA_PYTHON_CLIENT_PREALLOCATE": "false"}

INSTALL_HINT = (
    "Keras needs a backend: install one with pip install 'explorer[cpu]' "
    "(or explorer[cuda], explorer[jax])"
)


def check_keras_can_run() -> None:
    """Raise an error in a web page, where Keras can't be had."""
    if sys.platform == "emscripten":
        raise NoKeras(NO_KERAS)


def import_keras() -> Any:
    """Return the keras module, whose backend will share GPUs unless the user had it otherwise.

    Raises:
        ImportError: If Keras' backend is missing, saying which to install.
        NoKeras: In a web page.
    """
    check_keras_can_run()
    for name, value in SHARE_GPUS.items():
        os.environ.setdefault(name, value)
    try:
        import keras
    except ImportError as error:
        hint = INSTALL_HINT
        with suppress(ImportError):
            if os.environ.get("KERAS_BACKEND") != "jax" and find_spec("jax"):
                hint += (
                    ", or, for the JAX that is there, set KERAS_BACKEND=jax before Python starts"
                )
        raise ImportError(f"{hint} ({error}).") from error
    return keras


@contextmanager
def dtype_policy(name: str) -> Iterator[None]:
    """Make layers and models with this Keras dtype policy."""
    config = import_keras().config
    before = config.dtype_policy()
    config.set_dtype_policy(name)
    try:
        yield
    finally:
        config.set_dtype_policy(before)


@contextmanager
def without_values() -> Iterator[None]:
    """Make layers whose variables have no values, which large ones take long to draw.

    The list that is emptied here is private to Keras; there is no other way to have it forget them.
    """
    keras = import_keras()
    try:
        from keras.src.backend.common import global_state
    except ImportError:  # a newer Keras, where it takes longer
        yield
        return
    try:
        with keras.StatelessScope(initialize_variables=False):
            yield
    finally:
        global_state.set_global_attribute("uninitialized_variables", [])


def forget_builds() -> None:
    """Clear what Keras keeps of plain builds, which is nothing that other models need.

    The dtype policy is cleared, too.
    """
    keras = import_keras()
    filters = keras.config.is_traceback_filtering_enabled()
    keras.backend.clear_session(free_memory=False)
    if not filters:  # clearing turns it on again
        keras.config.disable_traceback_filtering()


def build(
    architecture: Architecture | Graph, input_shape: Sequence[int] | None = None
) -> "keras.Model":
    """Return the Keras model of an architecture or graph.

    Its layers have the names, order and links of the graph's. It has one output, or a list of
    outputs with an entry per stack.

    Args:
        architecture: An architecture, or the graph that `trace` made of it.
        input_shape: `(height, width, channels)`; needed for an architecture.

    Raises:
        ParameterError: If the shape does not fit the architecture.
        MemoryError: If the weights take more memory than is free.
        ImportError: If Keras' backend is not installed.
        NoKeras: In a web page.
    """
    check_keras_can_run()
    if isinstance(architecture, Graph):
        if architecture.obstacle:
            raise Refusal(
                f"This graph was read from a Keras model, and {architecture.obstacle}: use the "
                "model itself."
            )
        check_weights_fit(analyze(architecture))
        return _from_graph(architecture)
    if input_shape is None:
        raise TypeError(
            "build() of an architecture needs an input_shape: (height, width, channels)."
        )
    graph = trace(architecture, input_shape)
    check_weights_fit(analyze(graph))
    if isinstance(architecture, ReadModel):
        if architecture.says_all:
            return _from_graph(graph)
        policy = import_keras().config.dtype_policy().name
        return made_anew(architecture, graph.input_shape, policy)
    return (
        _from_keras_calls(architecture, graph.input_shape)
        if graph.read_from_keras
        else _from_graph(graph)
    )


def _from_graph(graph: Graph) -> "keras.Model":
    keras = import_keras()
    tensors: dict[Node, Any] = {}
    made: dict[str, Any] = {}
    for node in graph:
        inputs = [tensors[source] for source in node.inputs]
        recipe = node.layer.recipe if isinstance(node.layer, Foreign) else None
        if not inputs:
            dtype = node.layer.dtype if isinstance(node.layer, InputLayer) else None
            tensors[node] = keras.Input(node.shape, name=node.name, dtype=dtype)
            continue
        if node.calls:
            layer = made[node.calls]
        elif recipe:
            layer = _made_of(recipe, node)
        else:
            layer = node.layer.keras_layer()
        made[node.name] = layer
        if recipe:
            tensors[node] = cook(recipe, layer, inputs)
        else:
            tensors[node] = layer(inputs if len(inputs) > 1 else inputs[0])
    return as_model(graph, tensors)


def _made_of(recipe: Recipe, node: Node) -> Any:
    try:
        return make(recipe)
    except Exception as error:  # Keras raises many kinds
        raise Refusal(
            f"Keras can't make {node.kind} {node.name!r} of the model that was read again "
            f"({error}): use the model itself."
        ) from error


def as_model(graph: Graph, tensors: dict[Node, Any]) -> "keras.Model":
    """Return the model between a graph's inputs and outputs.

    Args:
        graph: The graph.
        tensors: The Keras tensor of each of its nodes.
    """
    inputs = [tensors[node] for node in graph.inputs]
    outputs = [tensors[node] for node in graph.outputs]
    return _model(import_keras(), inputs, outputs, graph.name)


def _model(keras: Any, inputs: list[Any], outputs: list[Any], name: str) -> Any:
    return keras.Model(
        inputs if len(inputs) > 1 else inputs[0],
        outputs if len(outputs) > 1 else outputs[0],
        name=name.lower(),
    )


def _from_keras_calls(architecture: EncoderDecoder, input_shape: Shape) -> Any:
    """Return the model of an architecture whose blocks call Keras layers themselves."""
    keras = import_keras()

    def make() -> tuple[Any, Any]:
        noted = made_blocks.get()
        if noted is not None:
            noted.clear()  # of what was made under names that clashed
        image = keras.Input(input_shape, name=INPUT_NAME)
        return image, architecture.make_network(image)

    image, outputs = with_own_names(make, lambda made: made[1])
    return _model(keras, [image], outputs, type(architecture).__name__)


def keras_layer(layer: Layer) -> Any:
    """Return a new Keras layer of a layer's configuration.

    Raises:
        Refusal: If Keras has no such layer, or it doesn't take such settings.
    """
    make = getattr(import_keras().layers, layer.kind, None)
    if make is None:
        raise Refusal(
            f"Keras has no layer {layer.kind}, which {layer.name!r} is: name its class as the "
            "layer of Keras' that does the same, or give it a method keras_layer() that returns "
            "one."
        )
    try:
        return make(**layer.config())
    except (TypeError, ValueError) as error:
        if type(layer).__module__.partition(".")[0] == __name__.partition(".")[0]:
            raise
        raise Refusal(
            f"Keras can't make {layer.kind} {layer.name!r} ({first_line(error)}): give its class "
            "the settings of Keras' layer, or a method keras_layer() that returns one."
        ) from error


def trace_with_keras(architecture: EncoderDecoder, input_shape: Shape) -> Graph:
    """Return the graph of an architecture whose blocks call Keras layers themselves.

    Args:
        architecture: The architecture.
        input_shape: `(height, width, channels)`.
    """
    noted: list[tuple[Block, Any]] = []
    token = made_blocks.set(noted)
    try:
        with without_values():
            model = _from_keras_calls(architecture, input_shape)
    finally:
        made_blocks.reset(token)
    return Reader(model, noted).graph(type(architecture).__name__)


def read(model: "keras.Model", input_shape: Sequence[int] | None = None) -> Graph:
    """Return the graph of a functional or sequential Keras model; models inside it are opened up.

    Known layers are fully analysed; of others the shape and the parameters are known, and their
    MACs, strides and receptive fields are None.

    Args:
        model: A built model.
        input_shape: `(height, width, channels)` of the image, where the model leaves sizes open.

    Raises:
        ValueError: If the model has no layers to read, or inputs of unknown size, or if the shape
            does not fit it.
    """
    shape = None if input_shape is None else check_sizes(input_shape)
    graph = Reader(model, input_shape=shape).graph(model.name)
    graph.model = model
    return graph


def made_anew(given: ReadModel, shape: Shape, policy: str | None = None) -> "keras.Model":
    """Return a new model, made of the configuration of one that was read.

    Args:
        given: What was read.
        shape: `(height, width, channels)`.
        policy: Keras' dtype policy; None keeps the model's own.

    Raises:
        ValueError: If Keras cannot make it.
    """
    if given.problem:
        raise Refusal(
            f"The Keras process can't make this model: {given.problem}. What needs no Keras "
            "works all the same."
        )
    other_shape = None if shape == given.own_shape else shape
    return make_of_text(given.config, given.classes, other_shape, policy)


def is_imported() -> bool:
    """Return whether Keras is in this process already, which takes seconds."""
    return "keras" in sys.modules


def read_again(config: str, classes: Mapping[str, type], shape: Shape | None) -> Graph:
    """Return the graph of a model's configuration; the last ones are kept.

    Args:
        config: As `config_text` writes it.
        classes: Classes of layers that Keras does not have itself, by name.
        shape: `(height, width, channels)`, if it is not the model's own.
    """
    return _read_again(config, tuple(classes.items()), shape)


@lru_cache(maxsize=8)
def _read_again(config: str, classes: tuple[tuple[str, type], ...], shape: Shape | None) -> Graph:
    with without_values():
        graph = read(make_of_text(config, dict(classes), shape))
    graph.model = None  # it has no values
    return graph
