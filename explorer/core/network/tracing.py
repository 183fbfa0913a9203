"""From an architecture to the graph that it means."""

import sys
from collections.abc import Sequence
from typing import Any

from explorer.core.network import hooks
from explorer.core.network.errors import ParameterError, Refusal
from explorer.core.network.graph import Graph, input_feature
from explorer.core.network.layers import Shape
from explorer.core.network.layers.base import counting_layers
from explorer.core.network.parameters import LARGEST, as_index


class HasGraph:
    """Base class of what is not made of blocks, and says itself which graph it means."""

    def graph_at(self, shape: Shape) -> Graph:
        """Return the layers for images of a shape; subclasses implement it."""
        raise NotImplementedError(f"{type(self).__name__} does not define graph_at.")


def trace(architecture: Any, input_shape: Sequence[int]) -> Graph:
    """Return the graph of an architecture for images of a shape.

    Blocks that call Keras layers directly can't be traced: such a network is built with Keras, and
    the model is read back.

    Args:
        architecture: An `EncoderDecoder`, or a `ReadModel`.
        input_shape: `(height, width, channels)` in pixels.

    Raises:
        ParameterError: If the shape does not fit the architecture, or it has over 3,000 layers.
        Refusal: If a layer cannot take what it would get.
        TypeError: If it is no architecture.
    """
    shape = check_input_shape(input_shape)
    if isinstance(architecture, type) or not (
        isinstance(architecture, HasGraph) or hasattr(architecture, "make_network")
    ):
        raise TypeError(
            f"{architecture!r} is no architecture: give one such as UNet(), or what read() returns."
        )
    if isinstance(architecture, HasGraph):
        return architecture.graph_at(shape)
    try:
        with counting_layers(type(architecture).__name__):
            outputs = architecture.make_network(input_feature(shape))
    except Refusal:
        raise
    except Exception:
        if hooks.by_keras is None or "keras" not in sys.modules:  # then no block can have called it
            raise
        with counting_layers(type(architecture).__name__):
            graph: Graph = hooks.by_keras.trace_with_keras(architecture, shape)
            return graph
    return Graph(outputs, name=type(architecture).__name__)


def check_input_shape(input_shape: Sequence[int]) -> Shape:
    """Return the shape as `(height, width, channels)`.

    Raises:
        ParameterError: If it isn't three whole numbers of at least 1.
    """
    return check_sizes(input_shape, axes=3, problem="is not an image shape")


def check_sizes(shape: Any, axes: int | None = None, problem: str = "is no shape") -> Shape:
    """Return the sizes of an input as whole numbers.

    Args:
        shape: A tuple, a list, or an array.
        axes: How many sizes it is to have; None: any number.
        problem: What is wrong with it if it isn't so.

    Raises:
        ParameterError: If one isn't a whole number of at least 1, or it is no shape at all.
    """
    if getattr(shape, "ndim", 0) == 1:
        shape = shape.tolist()
    if not isinstance(shape, (tuple, list)) or axes not in (None, len(shape)):
        raise ParameterError(
            "Input", "input_shape", shape, problem, "give (height, width, channels)"
        )
    sizes = tuple(map(as_index, shape))
    is_image = len(sizes) == 3
    names = ("height", "width", "channels") if is_image else ("input_shape",) * len(sizes)
    for name, size in zip(names, sizes, strict=True):
        if type(size) is not int or not 1 <= size <= LARGEST:
            raise ParameterError(
                "Input",
                name,
                size,
                "is not a size",
                f"give a whole number of at least 1 and at most {LARGEST:,}",
            )
    return sizes
