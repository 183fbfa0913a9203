"""A Keras model, or a graph, that somebody brings, as an architecture."""

import shutil
import tempfile
import warnings
import weakref
from math import prod
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import attrs

from explorer.core.families import Architecture
from explorer.core.families.read_model import ReadModel, image_shape, strides_of
from explorer.core.formatting import byte_size
from explorer.core.network.errors import Refusal, first_line
from explorer.core.network.graph import BYTES_PER_VALUE, Graph
from explorer.core.network.layers import Shape
from explorer.core.network.tracing import check_input_shape
from explorer.keras_side.build import build, made_anew, read, read_again, without_values
from explorer.keras_side.config import CannotMake, classes_of_others, config_text, make, plain
from explorer.keras_side.reader import check_readable

if TYPE_CHECKING:
    import keras


#: Weights that take more bytes are not sent to the Keras process by themselves.
MOST_WEIGHTS = 2**29
#: Height and width at which a model is shown that takes any.
ANY_SIZE = 256


def as_read_model(source: Any, input_shape: Any = None) -> ReadModel:
    """Return a model or graph as an architecture.

    Args:
        source: A functional or sequential `keras.Model`, or a `Graph`.
        input_shape: `(height, width, channels)` to show a model at that takes any size.

    Raises:
        ValueError: If it cannot be read, or does not take an image.
    """
    graph = source if isinstance(source, Graph) else None
    model = graph.model if graph else source
    if model is None:
        assert graph is not None
        return ReadModel.of(graph)
    check_readable(model)
    made = without_weights(model, graph, input_shape)
    folder, path, about = _saved_weights(made)
    made = attrs.evolve(made, weights=path, about_weights=about, folder=folder)
    return made.with_what_is_fixed()


def without_weights(model: Any, graph: Graph | None, shape: Any) -> ReadModel:
    """Return a Keras model as an architecture, without its weights."""
    image = max(model.inputs, key=lambda tensor: len(tensor.shape))  # as a graph has it
    own_shape = image_shape(tuple(image.shape[1:]))
    _check_channels_last(model)
    config, problem, classes = "", "", {}
    try:
        config = config_text(plain(model))
        classes = _checked_classes(config, classes_of_others(model))
    except CannotMake as error:
        config, problem = "", str(error)
    if graph is None and None in own_shape:
        if problem:
            raise Refusal(
                f"The model {model.name!r} takes any size, and can't be made for one: {problem}. "
                "Build it for a fixed input shape, such as keras.Input((256, 256, 3))."
            )
        wanted = check_input_shape(shape) if shape is not None else (ANY_SIZE, ANY_SIZE, 1)
        fixed = tuple(
            size if own is None else own for own, size in zip(own_shape, wanted, strict=True)
        )
        graph = read_again(config, classes, fixed)
    graph = read(model) if graph is None else graph
    return ReadModel(
        model.name,
        own_shape,
        graph,
        config,
        MappingProxyType(classes),
        problem=problem,
        model=model,
        **strides_of(graph),
    )


def built(architecture: Architecture, shape: Shape) -> "keras.Model":
    """Return the Keras model of an architecture.

    Of a model of the user's it is that model itself, and at another size one with its weights.

    Args:
        architecture: The architecture.
        shape: `(height, width, channels)`.

    Raises:
        ValueError: If Keras cannot make it.
    """
    if not isinstance(architecture, ReadModel):
        return build(architecture, shape)
    if architecture.model is None:
        made = build(architecture, shape)
        if architecture.weights:  # it was read in another process
            plain(made).load_weights(architecture.weights)
        return made
    if architecture.takes(shape):
        return architecture.model
    made = made_anew(architecture, shape)
    made.set_weights(architecture.model.get_weights())
    return made


def _check_channels_last(model: Any) -> None:
    for layer in model._flatten_layers(include_self=False):
        if getattr(layer, "data_format", None) == "channels_first":
            raise Refusal(
                f"The layer {layer.name!r} of this model takes channels first, and the explorer "
                "shows images of (height, width, channels): use analyze(read(model)) and "
                "diagram(read(model)) for it, or make it with data_format='channels_last'."
            )


def _checked_classes(config: str, classes: dict[str, type]) -> dict[str, type]:
    """Return classes of the user's, if they can be sent and Keras can make the model with them."""
    import cloudpickle  # type: ignore[import-untyped]

    names = ", ".join(sorted(cls.__name__ for cls in classes.values()))
    if classes:
        try:
            cloudpickle.dumps(classes)
            with without_values():
                make(config, classes)
        except Exception as error:  # classes of the user's can raise anything
            raise CannotMake(
                f"its layers of other classes ({names}) can't be made there ({first_line(error)})"
            ) from error
    return classes


def _saved_weights(made: ReadModel) -> tuple[Any, str, str]:
    """Save the weights for the Keras process.

    Returns:
        The folder that holds them, their path, and why they were not saved.
    """
    model = made.model
    if made.problem or not model.weights:
        return None, "", ""
    size = sum(BYTES_PER_VALUE * prod(weight.shape) for weight in model.weights)
    if size > MOST_WEIGHTS:
        about = f"your model's own take {byte_size(size)}: save them to a file, and load it"
        return None, "", about
    folder = Folder()
    path = folder.path / "own.weights.h5"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of Keras about NumPy, which are nobody's here
            plain(model).save_weights(path)
    except Exception as error:  # no room, or what a layer of the user's raises
        return None, "", f"your model's own could not be saved ({first_line(error)})"
    return folder, str(path), ""


class Folder:
    """A folder that goes with this object, at the latest when the kernel ends."""

    def __init__(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="explorer-"))
        weakref.finalize(self, shutil.rmtree, self.path, ignore_errors=True)
