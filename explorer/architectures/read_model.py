"""A model that was made elsewhere, as an architecture: a value that can be traced and built."""

import shutil
import tempfile
import warnings
import weakref
from collections.abc import Callable, Mapping
from functools import cached_property, lru_cache
from math import prod
from pathlib import Path
from types import MappingProxyType
from typing import Any, NoReturn

import attrs

from explorer.foreign_layers import Foreign
from explorer.formatting import byte_size
from explorer.graph import Graph, check_input_shape, resized
from explorer.layers import Shape
from explorer.parameters import HELD, ParameterError

#: Weights that take more bytes are not sent to the Keras process by themselves.
MOST_WEIGHTS = 2**29
#: Height and width at which a model is shown that takes any.
ANY_SIZE = 256


@attrs.frozen(slots=False, eq=False, repr=False)
class ReadModel:
    """A Keras model, or a graph, that is shown as it is; only its input's size may change.

    It compares, and travels to the Keras process, by what its model is made of again: Keras' own
    configuration, or the graph where there is none. `ReadModel.of` makes one.

    Attributes:
        name: Name of the model.
        own_shape: `(height, width, channels)` of its input; None where it takes any.
        own_graph: Its layers at its own size; None in the Keras process.
        config: Its configuration as JSON; empty where the graph says it all, or nothing can.
        classes: Classes of layers that Keras does not have itself, by name.
        weights: Path of a file with its weights; empty where there is none.
        about_weights: Why there is none, if it has weights of its own.
        problem: Why the Keras process cannot make it, if it cannot.
        fixed: Why its size cannot change, if it cannot.
        maximum_stride: Largest stride of any feature: how far sizes are apart that are sure to fit.
        output_stride: Stride of the last output.
        model: The user's own model, if there is one; it stays in this kernel.
    """

    name: str = attrs.field(metadata=HELD)
    own_shape: tuple[int | None, ...] = attrs.field(metadata=HELD)
    own_graph: Graph | None = attrs.field(default=None, metadata=HELD)
    config: str = attrs.field(default="", metadata=HELD)
    classes: Mapping[str, type] = attrs.field(default=MappingProxyType({}), metadata=HELD)
    weights: str = attrs.field(default="", metadata=HELD)
    about_weights: str = attrs.field(default="", metadata=HELD)
    problem: str = attrs.field(default="", metadata=HELD)
    fixed: str = attrs.field(default="", metadata=HELD)
    maximum_stride: int = attrs.field(default=1, metadata=HELD)
    output_stride: Any = attrs.field(default=1, metadata=HELD)
    model: Any = attrs.field(default=None, metadata=HELD)
    # Of the weights; it goes when nobody needs it any more.
    _folder: Any = attrs.field(default=None, metadata=HELD)

    @classmethod
    def of(cls, source: Any, input_shape: Any = None) -> "ReadModel":
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
            shape = _image(graph.input_shape)
            made = cls(graph.name, shape, graph, problem=_unmakeable(graph), **_strides(graph))
            return attrs.evolve(made, fixed=made._obstacle(graph))
        if not getattr(model, "inputs", None):
            raise ValueError(
                f"The model {getattr(model, 'name', model)!r} can't be read: use a functional or "
                "sequential Keras model that was built with an input shape."
            )
        made = _of_keras(cls, model, graph, input_shape)
        assert made.own_graph is not None
        folder, path, about = _saved_weights(made)
        return attrs.evolve(
            made,
            fixed=made._obstacle(made.own_graph),
            weights=path,
            about_weights=about,
            folder=folder,
        )

    @cached_property
    def _key(self) -> Any:
        if self.config:
            return self.config, tuple(self.classes), self.weights
        assert self.own_graph is not None
        outputs = tuple(node.name for node in self.own_graph.outputs)
        return self.own_graph.rows, outputs, self.problem

    def __eq__(self, other: object) -> bool:
        """Whether it is the same model with the same weights."""
        if self is other:
            return True
        return isinstance(other, ReadModel) and self._key == other._key

    def __hash__(self) -> int:
        """Agree with equality."""
        return hash(self._key)

    def __getstate__(self) -> dict[str, Any]:
        """Leave behind what the Keras process makes anew."""
        state = {field.name: getattr(self, field.name) for field in attrs.fields(type(self))}
        state |= {"model": None, "_folder": None, "classes": dict(self.classes)}
        if self.config:
            state["own_graph"] = None
        return state

    def __repr__(self) -> str:
        """Name and input shape: the configuration is as long as the model is large."""
        return f"<ReadModel {self.name!r} of {self.own_shape}>"

    @property
    def says_all(self) -> bool:
        """Whether the layers of its graph alone say how to make it."""
        return not self.config and not self.problem

    # What other architectures have, too.

    def skips_without_source(self) -> list[int]:
        """Return nothing: no block asks for a skip connection."""
        return []

    # The model at a size.

    @property
    def shown_shape(self) -> Shape:
        """`(height, width, channels)` to show it at first."""
        assert self.own_graph is not None
        return self.own_graph.input_shape

    def takes(self, shape: Shape) -> bool:
        """Return whether images of this shape are of the model's own size."""
        return all(own in (None, size) for own, size in zip(self.own_shape, shape, strict=True))

    @property
    def inactive(self) -> dict[str, str]:
        """Why sizes of the input cannot be changed, by name."""
        channels = self.own_shape[2]
        reasons = {} if channels is None else {"channels": f"its weights are for {channels}"}
        if self.fixed:
            reasons |= dict.fromkeys(("height", "width"), f"the size stays: {self.fixed}")
        return reasons

    def graph_at(self, shape: Shape) -> Graph:
        """Return the layers for images of a shape.

        Args:
            shape: `(height, width, channels)`.

        Raises:
            ParameterError: If the model cannot take such images.
        """
        own = self.own_graph
        if own is not None and shape == own.input_shape:
            return own
        if self.own_shape[2] not in (None, shape[2]):
            self._refuse(shape, f"is not what its weights are for: {self.own_shape[2]}")
        if self.fixed and not self.takes(shape):
            self._refuse(shape, f"cannot be given to this model: {self.fixed}")
        try:
            return self._made_at(shape)
        except ValueError as error:
            self._refuse(shape, f"does not fit this model: {_first_line(error)}")

    def _made_at(self, shape: Shape) -> Graph:
        """Return the layers for images of a shape, or raise why there are none."""
        own = self.own_graph
        if own is not None and _rules(own):
            graph = resized(own, shape)
        else:
            at = None if shape == self.own_shape else shape
            graph = _read(self.config, tuple(self.classes.items()), at)
        if own is not None:
            _check_same_weights(own, graph)
        return graph

    def keras_model(self, shape: Shape, policy: str | None = None) -> Any:
        """Return a new Keras model, made of the configuration.

        Args:
            shape: `(height, width, channels)`.
            policy: Keras' dtype policy; None keeps the model's own.

        Raises:
            ValueError: If Keras cannot make it.
        """
        from explorer.keras_config import make

        if self.problem:
            raise ValueError(
                f"The Keras process can't make this model: {self.problem}. What needs no Keras "
                "works all the same."
            )
        return make(self.config, self.classes, None if shape == self.own_shape else shape, policy)

    def _obstacle(self, graph: Graph) -> str:
        """Return why the size cannot change: what came of trying, or nothing."""
        if len(graph.inputs) > 1:
            return f"it has {len(graph.inputs)} inputs"
        if self.problem and not _rules(graph):
            return f"it can't be made anew, since {self.problem}"
        height, width, channels = graph.input_shape
        step = self.maximum_stride
        problem = ""
        for tried in ((height + step, width + step), (2 * height, 2 * width)):
            try:
                self.graph_at((*tried, channels))
            except ParameterError as error:
                problem = error.problem.removeprefix("does not fit this model: ")
            else:
                return ""
        return problem

    def _refuse(self, shape: Shape, problem: str) -> NoReturn:
        """Raise an error that names a size that is not the model's own."""
        names = ("height", "width", "channels")
        axis = next((i for i in (2, 0, 1) if self.own_shape[i] not in (None, shape[i])), 0)
        own = self.own_shape[axis]
        remedy = "use a larger one" if own is None else f"use {own}, which it was made for"
        if axis < 2 and not self.fixed and self.own_graph:
            # Either size may be the one that does not fit.
            axis = next((i for i in (0, 1) if not self._takes_at(shape[i], i)), axis)
            own = self.own_graph.input_shape[axis]
            below = own + (shape[axis] - own) // self.maximum_stride * self.maximum_stride
            near = [n for n in (below, below + self.maximum_stride) if n != shape[axis] and n > 0]
            sizes = [str(size) for size in near if self._takes_at(size, axis)]
            remedy = f"use {' or '.join(sizes)}" if sizes else remedy
        raise ParameterError("Input", names[axis], shape[axis], problem, remedy)

    def _takes_at(self, size: int, axis: int) -> bool:
        """Return whether the model takes this height (axis 0) or width (1), all else as shown."""
        assert self.own_graph is not None
        tried = list(self.own_graph.input_shape)
        tried[axis] = size
        try:
            self._made_at(tuple(tried))
        except ValueError:
            return False
        return True


def _of_keras(make: Callable[..., ReadModel], model: Any, graph: Any, shape: Any) -> ReadModel:
    """Return a Keras model as an architecture, without its weights."""
    from explorer.keras_config import CannotMake, classes_of_others, config_text, plain
    from explorer.keras_model import read

    image = max(model.inputs, key=lambda tensor: len(tensor.shape))  # as a graph has it
    own_shape = _image(tuple(image.shape[1:]))
    config, problem, classes = "", "", {}
    try:
        config = config_text(plain(model))
        classes = _checked_classes(config, classes_of_others(model))
    except CannotMake as error:
        config, problem = "", str(error)
    if graph is None and None in own_shape:
        if problem:
            raise ValueError(
                f"The model {model.name!r} takes any size, and can't be made for one: {problem}. "
                "Build it for a fixed input shape, such as keras.Input((256, 256, 3))."
            )
        wanted = check_input_shape(shape) if shape is not None else (ANY_SIZE, ANY_SIZE, 1)
        fixed = tuple(
            size if own is None else own for own, size in zip(own_shape, wanted, strict=True)
        )
        graph = _read(config, tuple(classes.items()), fixed)
    graph = read(model) if graph is None else graph
    return make(
        model.name,
        own_shape,
        graph,
        config,
        MappingProxyType(classes),
        problem=problem,
        model=model,
        **_strides(graph),
    )


def _strides(graph: Graph) -> dict[str, Any]:
    """Return the largest stride of a graph's features, and that of its last output."""
    strides = [node.stride for node in graph if len(node.shape) == 3]
    axes = [
        each for stride in strides for each in (stride if isinstance(stride, tuple) else [stride])
    ]
    largest = max((each for each in axes if isinstance(each, int)), default=1)
    return {"maximum_stride": largest, "output_stride": graph.outputs[-1].stride}


def _image(shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
    """Return the shape of an input, if it is that of images."""
    if len(shape) != 3:
        raise ValueError(
            f"This model takes {shape}, and the explorer shows models of images (height, width, "
            "channels): use analyze(read(model)) and diagram(read(model)) for it."
        )
    return shape


def _checked_classes(config: str, classes: dict[str, type]) -> dict[str, type]:
    """Return classes of the user's, if they can be sent and Keras can make the model with them."""
    import cloudpickle  # type: ignore[import-untyped]

    from explorer.keras_config import CannotMake, first_line, make
    from explorer.keras_model import without_values

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
    from explorer.keras_config import first_line, plain

    model = made.model
    if made.problem or not model.weights:
        return None, "", ""
    size = sum(4 * prod(weight.shape) for weight in model.weights)
    if size > MOST_WEIGHTS:
        about = f"your model's own take {byte_size(size)}: save them to a file, and load it"
        return None, "", about
    folder = _Folder()
    path = folder.path / "own.weights.h5"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of Keras about NumPy, which are nobody's here
            plain(model).save_weights(path)
    except Exception as error:  # no room, or what a layer of the user's raises
        return None, "", f"your model's own could not be saved ({first_line(error)})"
    return folder, str(path), ""


class _Folder:
    """A folder that goes with this object, at the latest when the kernel ends."""

    def __init__(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="explorer-"))
        weakref.finalize(self, shutil.rmtree, self.path, ignore_errors=True)


def _unmakeable(graph: Graph) -> str:
    """Return why no model can be made of a graph, or nothing."""
    if all(node.can_be_made for node in graph):
        return ""
    return "it holds layers that only the model that it was read from can make"


def _rules(graph: Graph) -> bool:
    """Return whether its layers themselves say what they make of an input of another size."""
    known = all(node.layer.has_twin and not isinstance(node.layer, Foreign) for node in graph)
    return known and len(graph.inputs) == 1


def _check_same_weights(own: Graph, graph: Graph) -> None:
    for node in graph:
        if node.weights != own[node.name].weights:
            raise ValueError(f"its {node.kind} layer {node.name!r} has weights for that size alone")


def _first_line(error: ValueError) -> str:
    return str(error).partition("\n")[0].rstrip(".")


@lru_cache(maxsize=8)
def _read(config: str, classes: tuple[tuple[str, type], ...], shape: Shape | None) -> Graph:
    """Return the graph of a configuration, for images of a shape if it is not the model's own."""
    from explorer.keras_config import make
    from explorer.keras_model import read, without_values

    with without_values():
        graph = read(make(config, dict(classes), shape))
    graph.model = None  # it has no values
    return graph
