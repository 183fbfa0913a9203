"""A model that was made elsewhere, as an architecture: a value that can be traced and built."""

from collections.abc import Callable, Mapping
from functools import cached_property
from types import MappingProxyType
from typing import Any, NoReturn

import attrs

from explorer.core.network import hooks
from explorer.core.network.errors import ParameterError, Refusal, Remedy, first_line
from explorer.core.network.graph import Graph, resized
from explorer.core.network.layers import Shape
from explorer.core.network.parameters import HELD
from explorer.core.network.tracing import HasGraph

#: Sizes at which a model is kept that Keras was asked for.
MOST_SIZES = 100


@attrs.frozen(slots=False, eq=False, repr=False)
class ReadModel(HasGraph):
    """A Keras model, or a graph, that is shown as it is; only its input's size may change.

    It compares, and travels to the Keras process, by what its model is made of again: Keras' own
    configuration, or the graph where there is none.

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
        remake: Returns its graph at another shape, where what it was read from says that.
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
    remake: Callable[[Shape], Graph] | None = attrs.field(default=None, metadata=HELD)
    model: Any = attrs.field(default=None, metadata=HELD)
    # Of the weights; it goes when nobody needs it any more.
    _folder: Any = attrs.field(default=None, metadata=HELD)

    @classmethod
    def of(cls, graph: Graph) -> "ReadModel":
        """Return a graph as an architecture.

        Raises:
            ValueError: If it does not take an image.
        """
        shape = image_shape(graph.input_shape)
        made = cls(graph.name, shape, graph, problem=graph.obstacle, **strides_of(graph))
        return made.with_what_is_fixed()

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
    def size_steps(self) -> tuple[int, int]:
        """How far heights and widths are apart that are sure to fit."""
        return self.maximum_stride, self.maximum_stride

    @property
    def inactive(self) -> dict[str, str]:
        """Why sizes of the input cannot be changed, by name."""
        channels = self.own_shape[2]
        reasons = {} if channels is None else {"channels": f"its weights are for {channels}"}
        if self.fixed:
            reasons |= dict.fromkeys(("height", "width"), f"the size stays: {self.fixed}")
        return reasons

    @cached_property
    def _learnt(self) -> dict[Shape, Graph | ParameterError]:
        return {}

    def needs_keras_at(self, shape: Shape) -> bool:
        """Return whether Keras, which is not imported here, has to say what the model is there.

        Args:
            shape: `(height, width, channels)`.
        """
        own = self.own_graph
        if own is None or not self.config or self.fixed or self.remake or _rules(own):
            return False
        if shape == own.input_shape or shape in self._learnt:
            return False
        if self.own_shape[2] not in (None, shape[2]):  # which is refused in any case
            return False
        assert hooks.by_keras is not None
        return not hooks.by_keras.is_imported()

    def learn(self, found: Mapping[Shape, Graph | ParameterError]) -> None:
        """Note what Keras, in another process, said of sizes: layers, or why there are none."""
        self._learnt.update(found)
        for shape in list(self._learnt)[:-MOST_SIZES]:
            del self._learnt[shape]

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
        learnt = self._learnt.get(shape)
        if isinstance(learnt, ParameterError):
            raise learnt.with_traceback(None)
        if learnt is not None:
            return learnt
        if self.own_shape[2] not in (None, shape[2]):
            self._refuse(shape, f"is not what its weights are for: {self.own_shape[2]}")
        if self.fixed and not self.takes(shape):
            self._refuse(shape, f"cannot be given to this model: {self.fixed}")
        try:
            return self._made_at(shape)
        except ValueError as error:
            self._refuse(shape, f"does not fit this model: {first_line(error)}")

    def _made_at(self, shape: Shape) -> Graph:
        """Return the layers for images of a shape, or raise why there are none."""
        own = self.own_graph
        if self.remake is not None:
            graph = self.remake(shape)
        elif own is not None and _rules(own):
            graph = resized(own, shape)
        else:
            at = None if shape == self.own_shape else shape
            assert hooks.by_keras is not None
            graph = hooks.by_keras.read_again(self.config, self.classes, at)
        # Layers that are remade have the weights of the file, but some are there at one size alone.
        if own is not None and self.remake is None:
            _check_same_weights(own, graph)
        return graph

    def with_what_is_fixed(self) -> "ReadModel":
        """Return it with the reason why its size cannot change, which is found by trying."""
        assert self.own_graph is not None
        return attrs.evolve(self, fixed=self._obstacle(self.own_graph))

    def _obstacle(self, graph: Graph) -> str:
        """Return why the size cannot change: what came of trying, or nothing."""
        if len(graph.inputs) > 1:
            return f"it has {len(graph.inputs)} inputs"
        if self.problem and self.remake is None and not _rules(graph):
            return f"it can't be made anew, since {self.problem}"
        height, width, channels = graph.input_shape
        step = self.maximum_stride
        problem = ""
        for tried in ((height + step, width + step), (2 * height, 2 * width)):
            try:
                self._made_at((*tried, channels))
            except ValueError as error:
                problem = first_line(error)
            else:
                return ""
        return problem

    def _refuse(self, shape: Shape, problem: str) -> NoReturn:
        """Raise an error that names a size that is not the model's own."""
        names = ("height", "width", "channels")
        axis = next((i for i in (2, 0, 1) if self.own_shape[i] not in (None, shape[i])), 0)
        own = self.own_shape[axis]
        remedy = "use a larger one" if own is None else f"use {own}, which it was made for"
        sizes = [] if own is None else [own]
        if axis < 2 and not self.fixed and self.own_graph:
            # Either size may be the one that does not fit.
            axis = next((i for i in (0, 1) if not self._takes_at(shape[i], i)), axis)
            own = self.own_graph.input_shape[axis]
            below = own + (shape[axis] - own) // self.maximum_stride * self.maximum_stride
            near = [n for n in (below, below + self.maximum_stride) if n != shape[axis] and n > 0]
            sizes = [size for size in near if self._takes_at(size, axis)]
            remedy = f"use {' or '.join(map(str, sizes))}" if sizes else remedy
        remedies = tuple(Remedy({names[axis]: size}) for size in sizes)
        raise ParameterError("Input", names[axis], shape[axis], problem, remedy, remedies)

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


def strides_of(graph: Graph) -> dict[str, Any]:
    """Return the largest stride of a graph's features, and that of its last output."""
    strides = [node.stride for node in graph if len(node.shape) == 3]
    axes = [
        each for stride in strides for each in (stride if isinstance(stride, tuple) else [stride])
    ]
    largest = max((each for each in axes if isinstance(each, int)), default=1)
    return {"maximum_stride": largest, "output_stride": graph.outputs[-1].stride}


def image_shape(shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
    """Return the shape of an input, if it is that of images."""
    if len(shape) != 3:
        raise Refusal(
            f"This model takes {shape}, and the explorer shows models of images (height, width, "
            "channels): use analyze(read(model)) and diagram(read(model)) for it."
        )
    return shape


def _rules(graph: Graph) -> bool:
    """Return whether its layers themselves say what they make of an input of another size."""
    known = all(node.layer.has_twin and not node.layer.is_told for node in graph)
    return known and len(graph.inputs) == 1


def _check_same_weights(own: Graph, graph: Graph) -> None:
    for node in graph:
        if node.weights != own[node.name].weights:
            raise Refusal(f"its {node.kind} layer {node.name!r} has weights for that size alone")
