"""From a graph of ONNX to our layers, for images of a size.

Never a guess: an operator becomes one of our kinds only where it computes the same at this size; of
others each fact (shape, weights, multiply-accumulates, grid, how far it looks) is told if it is
known. Transposing and reshaping between orders of axes, and arithmetic of shapes, make no layers.
"""

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import attrs

from explorer.core.formatting import counted
from explorer.core.network.errors import Refusal, first_line
from explorer.core.network.graph import Feature, Graph, Node, stride_after
from explorer.core.network.layers import Activation, InputLayer, Layer, Shape
from explorer.core.network.layers.base import MAX_LAYERS
from explorer.core.network.layers.foreign import Operator
from explorer.onnx_side.constants import worked_out
from explorer.onnx_side.tensors import MOST_VALUES, Axes, Constant, Tensor, whole_axes

#: Orders of the axes of images, the likelier first.
ORDERS = ("NCHW", "NHWC")

#: Letters of the axes of what is no image.
_LETTERS = "abcdefgh"

#: Longest name of a layer.
_LONGEST_NAME = 80


class OtherOrder(Exception):
    """A window would slide over axes that are not height and width; says where."""


@attrs.frozen
class Operation:
    """An operator of the file.

    Attributes:
        kind: Its name, with its domain where that is not ONNX's own.
        name: Name of its node.
        inputs: Names of its inputs; empty for one that is left out.
        outputs: Names of its outputs.
        settings: Its attributes, as Python's values and NumPy's arrays.
        node: The same as ONNX has it.
    """

    kind: str
    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    settings: Mapping[str, Any]
    node: Any = attrs.field(eq=False, repr=False)


@attrs.frozen
class Network:
    """What a file holds, without its weights.

    Attributes:
        name: Name of the graph.
        opset: Version of the operators.
        inputs: Shape of each input by name; None where it takes any size.
        outputs: Names of the outputs.
        constants: Constants by name.
        operations: Operators, each after what it takes.
        told: Shape of each value at the file's own size, as far as the file tells them.
        inferred: Returns the shapes of an operator's outputs by the rules of ONNX, by name, given
            the shape and the values, where they are known, of each input.
    """

    name: str
    opset: int
    inputs: Mapping[str, tuple[int | None, ...]]
    outputs: tuple[str, ...]
    constants: Mapping[str, Constant]
    operations: tuple[Operation, ...]
    told: Mapping[str, Shape]
    inferred: Callable[[Operation, Sequence[tuple[Shape, Any] | None]], Mapping[str, Shape]]


#: An operator as a layer: see `operators`.
Translate = Callable[["Call"], Tensor | Sequence[Tensor]]


@attrs.frozen
class Call:
    """An operator, as it is called.

    Attributes:
        reader: Who reads it.
        operation: The operator.
        inputs: What it takes; None for what is left out.
    """

    reader: "Reader"
    operation: Operation
    inputs: tuple[Tensor | Constant | None, ...]

    def setting(self, name: str, default: Any = None) -> Any:
        """Return an attribute."""
        return self.operation.settings.get(name, default)

    @property
    def tensors(self) -> list[Tensor]:
        """The features among its inputs."""
        return [each for each in self.inputs if isinstance(each, Tensor)]

    @property
    def feature(self) -> Tensor:
        """The feature that is its first input."""
        first = self.inputs[0] if self.inputs else None
        if not isinstance(first, Tensor):
            raise Unknown("its first input does not depend on the image")
        return first

    @property
    def image(self) -> Tensor:
        """The image that is its first input.

        Raises:
            OtherOrder: If its axes are in another order.
            Unknown: If it is none.
        """
        found = self.feature
        if len(found.axes) != 4:
            raise Unknown("it does not take images")
        return found if found.is_image else self.reader.laid_out(found, self.operation)

    def constant(self, place: int) -> Constant | None:
        """Return an input that must not depend on the image.

        Raises:
            Unknown: If it does.
        """
        found = self.inputs[place] if place < len(self.inputs) else None
        if isinstance(found, Tensor):
            raise Unknown("what should be constant depends on the image")
        return found

    def numbers(self, name: str, place: int) -> list[Any] | None:
        """Return an attribute that newer versions take as an input; None if it is left out.

        Raises:
            Unknown: If its values are not known.
        """
        if name in self.operation.settings:
            value = self.operation.settings[name]
            return list(value) if isinstance(value, (list, tuple)) else [value]
        found = self.constant(place)
        if found is None or found.dims == (0,):
            return None
        if found.values is None:
            raise Unknown(f"its {name} are not in the file")
        return list(found.values.ravel().tolist())

    def made(
        self,
        layer: Layer,
        sources: Sequence[Tensor],
        letters: str,
        shape: Shape,
        axes: Axes,
        weights: Sequence[Constant | None] = (),
        frozen: Sequence[Constant | None] = (),
    ) -> Tensor:
        """Return the output of a layer, and count its weights."""
        node = self.reader.add(layer, [each.node for each in sources], shape, weights, frozen)
        return Tensor(node, letters, axes)

    def image_made(
        self,
        layer: Layer,
        weights: Sequence[Constant | None] = (),
        frozen: Sequence[Constant | None] = (),
    ) -> Tensor:
        """Return the output of a layer of ours on an image."""
        source = self.image
        height, width, channels = layer.output_shape([source.node.shape])
        axes = whole_axes("NCHW", (1, channels, height, width))
        shape = (height, width, channels)
        return self.made(layer, [source], "HWC", shape, axes, weights, frozen)

    @property
    def name(self) -> str:
        """A name for its layer."""
        return self.reader.new_name(self.operation)


class Unknown(Exception):
    """What an operator does is not known here; says why."""


class Reader:
    """Reads a graph once, for a size of the image.

    Attributes:
        not_known: Operators that are shown as such alone: name, kind and why.
    """

    def __init__(self, network: Network, order: str, operators: Mapping[str, Translate]) -> None:
        self._network = network
        self._operators = operators
        self._order = order
        self._values: dict[str, Tensor | Constant] = dict(network.constants)
        self._names: set[str] = set()
        self._counted: set[str] = set()
        self._calls: dict[Any, str] = {}
        self._laid_out: dict[Tensor, Tensor] = {}
        self._count = 0
        self.not_known: list[tuple[str, str, str]] = []
        takers = Counter(name for each in network.operations for name in each.inputs)
        takers.update(network.outputs)
        self._takers = takers
        #: Name of the value that a layer makes, or of the one view of it that is used.
        self._makes: dict[Node, str] = {}

    @property
    def opset(self) -> int:
        """Version of the operators."""
        return self._network.opset

    @property
    def batch(self) -> int:
        """How many images the file is written for, of which one at a time is shown."""
        images = (dims for dims in self._network.inputs.values() if len(dims) == 4)
        return next(images)[0] or 1

    def graph(self, sizes: Mapping[str, Shape]) -> Graph:
        """Return the layers.

        Args:
            sizes: Shape of each input, in ONNX.

        Raises:
            OtherOrder: If axes of the image are not in the order that was said.
            Refusal: If it can't be read.
        """
        own = self._network.inputs
        is_own = self.batch == 1 and all(
            None not in own[name][1:] and own[name][1:] == dims[1:] for name, dims in sizes.items()
        )
        self._told = self._network.told if is_own else {}
        for name, dims in sizes.items():
            self._values[name] = self._input(name, dims)
        for operation in self._network.operations:
            self._read(operation)
        outputs = []
        for name in self._network.outputs:
            found = self._values.get(name)
            if isinstance(found, Tensor):
                outputs.append(found.node)
        if not any(node.inputs for node in outputs):
            raise Refusal("The graph of this ONNX file makes nothing of an image.")
        features = [Feature(node) for node in dict.fromkeys(outputs)]
        return Graph(features, self._network.name, input_names=self._input_names)

    @property
    def _input_names(self) -> list[str]:
        found = (self._values[name] for name in self._network.inputs)
        return [each.node.name for each in found if isinstance(each, Tensor)]

    def _input(self, name: str, dims: Shape) -> Tensor:
        if len(dims) == 4:
            order = self._order
            shape = tuple(dims[order.index(letter)] for letter in "HWC")
            letters, axes = "HWC", whole_axes(order, (1, *dims[1:]))
        else:
            shape, letters, axes = self._plain(dims)
        layer = InputLayer(shape=shape, name=self._unique(name))
        return Tensor(Node(layer, (), shape, 1, None), letters, axes)

    def _plain(self, dims: Shape) -> tuple[Shape, str, Axes]:
        """Return shape, letters and axes of what is no image; its first axis is the batch."""
        if not 1 <= len(dims) <= len(_LETTERS):
            dims = dims or (1,)
            if len(dims) > len(_LETTERS):
                raise Refusal(f"This ONNX file has values of {len(dims)} axes: at most 8 are read.")
        if dims[0] == 1 and len(dims) > 1:
            letters = "C" if len(dims) == 2 else _LETTERS[: len(dims) - 1]
            return dims[1:], letters, ((), *whole_axes(letters, dims[1:]))
        letters = _LETTERS[: len(dims)]
        return dims, letters, whole_axes(letters, dims)

    def plain(self, dims: Shape, like: Tensor | None = None) -> tuple[str, Shape, Axes]:
        """Return letters, shape and axes of a feature with a shape in ONNX.

        Args:
            dims: The shape.
            like: A feature whose order of axes it has, if it has as many.
        """
        if like is not None and len(dims) == 4 and dims[0] == 1:
            order = next((each for each in ORDERS if _is_order(like, each)), ORDERS[0])
            shape = tuple(dims[order.index(letter)] for letter in "HWC")
            return "HWC", shape, whole_axes(order, dims)
        shape, letters, axes = self._plain(dims)
        return letters, shape, axes

    # Names.

    def new_name(self, operation: Operation) -> str:
        """Return a name for an operator's layer that no other has."""
        return self._unique(operation.name or f"{operation.kind}_{len(self._names)}")

    def _unique(self, name: str) -> str:
        parts = re.sub(r"[^A-Za-z0-9]+", "_", name).strip("_")[-_LONGEST_NAME:].strip("_")
        base = parts or "layer"
        if not base[0].isalpha():
            base = f"layer_{base}"
        found, number = base, 1
        while found in self._names:
            number += 1
            found = f"{base}_{number}"
        self._names.add(found)
        return found

    # Layers.

    def add(
        self,
        layer: Layer,
        sources: Sequence[Node],
        shape: Shape,
        weights: Sequence[Constant | None] = (),
        frozen: Sequence[Constant | None] = (),
    ) -> Node:
        """Return a layer in its place, whose weights are counted once.

        Args:
            layer: The layer.
            sources: What feeds it.
            shape: Shape of its output.
            weights: Its weights.
            frozen: Those that training does not change.
        """
        self._count += 1
        if self._count > MAX_LAYERS:
            raise Refusal(
                f"This ONNX file has more than {MAX_LAYERS:,} layers: that is more than can be "
                "shown."
            )
        inputs = tuple(sources)
        stride = stride_after(layer, inputs, shape) if inputs else None
        read = [(each, True) for each in weights if each] + [(e, False) for e in frozen if e]
        names = tuple(sorted(name for each, _ in read for name in each.weights))
        fresh = {True: 0, False: 0}
        shared = False
        for each, trains in read:
            for name, size in each.weights.items():
                if name in self._counted:
                    shared = True
                else:
                    self._counted.add(name)
                    fresh[trains] += size
        own = layer.weights([node.shape for node in inputs])
        calls = ""
        # The name is the only thing in which two calls of one layer differ.
        key = (attrs.evolve(layer, name="layer"), names)
        if shared and fresh == {True: 0, False: 0}:
            calls = self._calls.get(key, "")
        elif names:
            self._calls.setdefault(key, layer.name)
        found = fresh[True], fresh[False]
        return Node(layer, inputs, shape, stride, None, calls, None if found == own else found)

    def rewritten(self, source: Tensor, call: Call, layer: Layer, added: Constant) -> Tensor | None:
        """Return a layer that takes in what follows it, if nothing else takes its output.

        Args:
            source: What follows it is called on.
            call: What follows it.
            layer: What becomes of the layer.
            added: The weights that come with that.
        """
        place = [isinstance(each, Tensor) for each in call.inputs].index(True)
        name = call.operation.inputs[place]
        if self._takers[name] > 1 or self._makes.get(source.node) != name or source.node.calls:
            return None
        if set(added.weights) & self._counted or source.node.new_weights is not None:
            return None
        shapes = source.node.input_shapes
        if layer.weights(shapes)[0] != source.node.weights[0] + sum(added.weights.values()):
            return None
        self._counted.update(added.weights)
        self._calls = {key: name for key, name in self._calls.items() if name != layer.name}
        return attrs.evolve(source, node=attrs.evolve(source.node, layer=layer))

    def laid_out(self, view: Tensor, operation: Operation) -> Tensor:
        """Return a view of a feature as an image, by a layer that puts its values in that order.

        Args:
            view: The view, of batch, channels, height and width.
            operation: What takes it.

        Raises:
            OtherOrder: If they are axes of an image in another order.
        """
        if view in self._laid_out:
            return self._laid_out[view]
        letters = [{factor.letter for factor in axis} for axis in view.axes]
        if view.letters == "HWC" and all(len(each) <= 1 for each in letters):
            on_grid = view.is_whole(2, "H") and view.is_whole(3, "W")
            if not on_grid or not letters[1] <= {"C"}:
                raise OtherOrder(f"{operation.kind} {operation.name!r}")
        else:
            on_grid = False
        _, channels, height, width = view.dims
        layer = Operator(
            "Transpose",
            name=self.new_name(attrs.evolve(operation, name=f"{operation.name}_order")),
            shape=(height, width, channels),
            multiplications=0,
            like=Activation(name="like", activation="linear") if on_grid else None,
            rearranged=not on_grid,
            about="it puts channels in another order" if on_grid else "it puts values elsewhere",
        )
        node = self.add(layer, [view.node], (height, width, channels))
        found = Tensor(node, "HWC", whole_axes("NCHW", (1, channels, height, width)))
        self._laid_out[view] = found
        return found

    # Operators.

    def _read(self, operation: Operation) -> None:
        inputs = tuple(self._given(name, operation) for name in operation.inputs)
        if not any(isinstance(each, Tensor) for each in inputs):
            self._fold(operation, inputs)
            return
        if operation.kind == "Reshape":
            inputs = self._of_one_image(inputs)
        call = Call(self, operation, inputs)
        if operation.kind == "Shape":
            self._shape_of(call)
            return
        translate = self._operators.get(operation.kind)
        try:
            if translate is None:
                raise Unknown("what it does is not known here")
            found = translate(call)
            made = [found] if isinstance(found, Tensor) else list(found)
            self._check(call, made)
        except Unknown as error:
            made = self._foreign(call, str(error))
        except (ValueError, IndexError, KeyError, TypeError, ZeroDivisionError) as error:
            if isinstance(error, Refusal):
                raise
            raise Refusal(
                f"The operator {_named(operation)} of this ONNX file makes no "
                f"sense ({first_line(error)}): export the model again."
            ) from error
        for name, tensor in zip(operation.outputs, made, strict=False):
            self._values[name] = tensor
            before = self._makes.setdefault(tensor.node, name)
            if before in operation.inputs and self._takers[before] == 1:
                self._makes[tensor.node] = name  # a view that is all that is used of it

    def _of_one_image(
        self, inputs: tuple[Tensor | Constant | None, ...]
    ) -> tuple[Tensor | Constant | None, ...]:
        """Return what a reshape takes, where its shape is written for several images, for one."""
        source, shape = (*inputs, None)[:2]
        if self.batch == 1 or not isinstance(source, Tensor) or not isinstance(shape, Constant):
            return inputs
        first = None if shape.values is None else shape.values.ravel()[:1].tolist()
        if first != [self.batch] or source.dims[:1] != (1,):
            return inputs
        values = shape.values.copy()
        values[0] = 1
        return source, attrs.evolve(shape, values=values)

    def _given(self, name: str, operation: Operation) -> Tensor | Constant | None:
        if not name:
            return None
        if name not in self._values:
            raise Refusal(
                f"The operator {_named(operation)} of this ONNX file takes "
                f"{name[:60]!r}, which nothing before it makes: export the model again."
            )
        return self._values[name]

    def _inferred(self, operation: Operation, inputs: Sequence[Any]) -> Mapping[str, Shape]:
        """Return the shapes of an operator's outputs, as far as ONNX or the file tells them."""
        given = [
            each and (each.dims, each.values if isinstance(each, Constant) else None)
            for each in inputs
        ]
        return {**self._told, **self._network.inferred(operation, given)}

    def _check(self, call: Call, made: Sequence[Tensor]) -> None:
        """Raise an error if a shape is not what ONNX says."""
        operation = call.operation
        inferred = self._inferred(operation, call.inputs)
        for name, tensor in zip(operation.outputs, made, strict=False):
            told = inferred.get(name)
            if told is not None and told != tensor.dims:
                raise Refusal(
                    f"The operator {_named(operation)} of this ONNX file makes "
                    f"{tensor.dims} by its settings and {told} by the rules of ONNX, so it can't "
                    "be shown."
                )

    def _shape_of(self, call: Call) -> None:
        import numpy as np

        rank = len(call.feature.dims)
        start, end = call.setting("start", 0), call.setting("end", rank)
        values = np.array(call.feature.dims[start:end], np.int64)
        self._values[call.operation.outputs[0]] = Constant(values.shape, values)

    def _fold(self, operation: Operation, inputs: tuple[Any, ...]) -> None:
        """Work out what depends on no image; of what is large, the shape alone is kept."""
        weights: dict[str, int] = {}
        for each in inputs:
            weights |= each.weights if each else {}
        values = None
        if all(each is None or each.values is not None for each in inputs):
            arrays = [None if each is None else each.values for each in inputs]
            values = worked_out(operation.kind, arrays, operation.settings)
        for i, name in enumerate(operation.outputs):
            if not name:
                continue
            if values is not None and i == 0:
                kept = values if values.size <= MOST_VALUES else None
                self._values[name] = Constant(values.shape, kept, weights)
                continue
            dims = self._inferred(operation, inputs).get(name)
            if dims is None:
                raise Refusal(
                    f"The operator {_named(operation)} of this ONNX file makes "
                    "something whose shape is not told: export the model with constants folded."
                )
            self._values[name] = Constant(dims, None, weights)

    def _foreign(self, call: Call, why: str) -> list[Tensor]:
        """Return what is shown of an operator that isn't known: shapes of outputs, and weights."""
        operation = call.operation
        weights = [each for each in call.inputs if isinstance(each, Constant) and each.weights]
        made: list[tuple[int, Tensor]] = []
        inferred = self._inferred(operation, call.inputs)
        for place, name in enumerate(operation.outputs):
            if not name or (place and not self._takers[name]):
                continue
            dims = inferred.get(name)
            if dims is None or min(dims, default=1) < 1:
                raise Refusal(
                    f"The operator {_named(operation)} of this ONNX file "
                    f"is not read ({why}), and the file does not tell the shape of its output: run "
                    "onnx.shape_inference.infer_shapes on it, or export the model without it."
                )
            letters, shape, axes = self.plain(dims, call.tensors[0])
            own = weights if not made else []
            numbers = sum(
                size
                for each in own
                for key, size in each.weights.items()
                if key not in self._counted
            )
            layer = Operator(
                operation.kind,
                name=call.name,
                shape=shape,
                trainable_params=numbers,
                about=f"{why}; only its output’s shape is known"
                + (f", and its {counted(numbers, 'weight')}" if numbers else ""),
            )
            self.not_known.append((layer.name, operation.kind, why))
            made.append((place, call.made(layer, call.tensors, letters, shape, axes, own)))
        by_place = dict(made)
        return [by_place.get(i, made[0][1]) for i in range(len(operation.outputs))] if made else []


def _named(operation: Operation) -> str:
    """Return kind and name of an operator, for an error."""
    return f"{operation.kind} {operation.name[:60]!r}"


def _is_order(tensor: Tensor, order: str) -> bool:
    return len(tensor.axes) == 4 and all(
        tensor.is_whole(axis, letter if letter != "N" else " ") for axis, letter in enumerate(order)
    )
