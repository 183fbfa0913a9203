"""A Keras model, read into a graph; models inside it are opened up.

What this asks of Keras beyond its public interface (which call of which layer made a tensor) stands
here alone.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import prod
from typing import Any

import attrs

from explorer.core.network.errors import Refusal, first_line
from explorer.core.network.graph import (
    Block,
    Feature,
    Graph,
    Node,
    depth_first,
    positions,
    stride_after,
)
from explorer.core.network.layers import InputLayer, Shape
from explorer.keras_side.layers import Called, Tensor, translated


@attrs.frozen
class _Value:
    """What a tensor of the model stands for.

    Attributes:
        node: The node that makes it.
        tensor: A Keras tensor of its size; the model's own can be of open size.
    """

    node: Node
    tensor: Any


@attrs.frozen(eq=False)
class Step:
    """A call of a layer or function, on the way from a model's inputs to its outputs.

    Attributes:
        name: Name of the node of its first output that is used.
        operation: The layer, or the object that stands for a function of Keras'.
        inputs: Names of the nodes whose outputs it takes.
        outputs: Names of the nodes that stand for its outputs, by their index; some may be unused.
        call: Keras' record of the call.
        tensors: The model's own tensors of the outputs, by name; none within a model inside it.
    """

    name: str
    operation: Any
    inputs: tuple[str, ...]
    outputs: Mapping[int, str]
    call: Any
    tensors: Mapping[str, Any]

    @property
    def is_plain(self) -> bool:
        """Whether a layer is called with its inputs alone."""
        given = self.call.arguments.args
        tensors = given[0] if len(given) == 1 and isinstance(given[0], (list, tuple)) else given
        same = [id(each) for each in tensors] == [id(each) for each in self.call.input_tensors]
        options = self.call.arguments.kwargs.values()
        return (
            hasattr(self.operation, "weights")
            and same
            and not any(value is not None for value in options)
        )

    def run(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return the outputs, by name.

        Args:
            values: The inputs, by name: tensors with values, or Keras' symbolic ones.
        """
        import keras

        given = zip(self.call.input_tensors, self.inputs, strict=True)
        names = {id(tensor): name for tensor, name in given}
        args, kwargs = self.call.arguments.convert(
            lambda each: values[names[id(each)]] if id(each) in names else each
        )
        made = keras.tree.flatten(self.operation(*args, **kwargs))
        return {name: made[i] for i, name in self.outputs.items()}


def steps_of(model: Any) -> list[Step]:
    """Return the calls that a model consists of, in the order of its graph, its inputs left out.

    Names are those that the graph of the model has; models inside it are opened up.
    """
    reader = Reader(model)
    place = {node.name: i for i, node in enumerate(reader.graph(model.name))}
    return sorted(reader.steps, key=lambda step: min(place[n] for n in step.outputs.values()))


def input_name(model: Any) -> str:
    """Return the name of the node of a model's first input."""
    return _made_by(model.inputs[0])


def check_readable(model: Any) -> None:
    """Raise an error if a model does not say which layers are between its inputs and outputs."""
    if not getattr(model, "inputs", None) or not getattr(model, "outputs", None):
        raise Refusal(
            f"The model {getattr(model, 'name', model)!r} can't be read: use a functional or "
            "sequential Keras model that was built with an input shape."
        )


class Reader:
    """Reads one model.

    Attributes:
        steps: The calls that were read, once the graph is there.

    Args:
        model: A functional or sequential model.
        blocks: The blocks that made it, in order, each with its output tensor.
        input_shape: `(height, width, channels)` of the image, for a model of open size.
    """

    def __init__(
        self,
        model: Any,
        blocks: Iterable[tuple[Block, Any]] = (),
        input_shape: Shape | None = None,
    ) -> None:
        check_readable(model)
        self._model = model
        self._shape = input_shape
        self._blocks: dict[int, Block] = {}
        self._find_blocks(blocks)
        self._taken: Counter[str] = Counter()  # names, and how often they were wanted
        self._first: dict[int, Node] = {}  # for each layer the node that called it first
        self._counted: set[int] = set()  # variables that a node before has
        self.steps: list[Step] = []

    def graph(self, name: str) -> Graph:
        """Return the graph.

        Args:
            name: Name of the graph.
        """
        values = {id(tensor): self._input(tensor) for tensor in self._model.inputs}
        inputs = [values[id(tensor)].node.name for tensor in self._model.inputs]
        self._read(self._model, self._model.outputs, values)
        outputs = [Feature(values[id(tensor)].node) for tensor in self._model.outputs]
        graph = Graph(outputs, name, True, inputs)
        return graph if self._blocks else Graph(_in_parts(graph), name, True, inputs)

    def _input(self, tensor: Any) -> _Value:
        name = _made_by(tensor)
        shape = tuple(tensor.shape[1:])
        axes = max(len(each.shape) for each in self._model.inputs)
        if self._shape is not None and len(tensor.shape) == axes:
            shape = self._fitting(shape, name)
        if None in shape:
            raise Refusal(
                f"The input {name!r} has the shape {shape}, of which sizes are unknown: build the "
                "model for a fixed input shape, such as keras.Input((256, 256, 3)), or read it at "
                "one, as read(model, input_shape=(256, 256, 3))."
            )
        layer = InputLayer(shape=shape, name=self._named(name), dtype=tensor.dtype)
        stride = 1 if len(shape) == axes - 1 and axes > 2 else None
        return _Value(Node(layer, (), shape, stride, None), _of_shape(tensor, shape))

    def _fitting(self, shape: tuple[int | None, ...], name: str) -> Shape:
        """Return the shape that the model is read at, if the input can have it."""
        assert self._shape is not None
        wanted = tuple(self._shape)
        if len(wanted) != len(shape) or any(
            size not in (None, given) for size, given in zip(shape, wanted, strict=True)
        ):
            raise Refusal(
                f"input_shape={wanted} does not fit the input {name!r} of shape {shape}: give a "
                "size for each None, and the other numbers as they are."
            )
        return wanted

    def _read(
        self,
        model: Any,
        outputs: Sequence[Any],
        values: dict[int, _Value],
        within: str = "",
        training: bool | None = None,
    ) -> None:
        """Read what some outputs of a model need; adds the values of its tensors.

        Args:
            model: The model, or one inside it.
            outputs: Some of its outputs.
            values: What its inputs stand for.
            within: Names of the models that it is in, and its own.
            training: What it is told when it is called: its layers are, whatever they were told.
        """
        calls = list(calls_to(outputs, set(values)))
        used = {id(tensor) for tensor in outputs}
        used.update(id(tensor) for call in calls for tensor in call.input_tensors)
        for call in calls:
            wanted = [i for i, tensor in enumerate(call.output_tensors) if id(tensor) in used]
            inner = _opened(call, wanted)
            if inner is None:
                self._read_call(call, wanted, values, within, training)
                continue
            inside = {
                id(tensor): values[id(given)]
                for tensor, given in zip(inner.inputs, call.input_tensors, strict=True)
            }
            if id(call) in self._blocks:
                self._give_block(inner, self._blocks[id(call)])
            name = f"{within}{call.operation.name}_"
            told = call.arguments.kwargs.get("training") if training is None else training
            self._read(inner, [inner.outputs[i] for i in wanted], inside, name, told)
            for i in wanted:
                values[id(call.output_tensors[i])] = inside[id(inner.outputs[i])]

    def _give_block(self, inner: Any, block: Block) -> None:
        for call in calls_to(inner.outputs, {id(tensor) for tensor in inner.inputs}):
            self._blocks[id(call)] = block

    def _read_call(
        self,
        call: Any,
        wanted: Sequence[int],
        values: dict[int, _Value],
        within: str,
        training: bool | None,
    ) -> None:
        operation = call.operation
        inputs = [values[id(tensor)] for tensor in call.input_tensors]
        nodes = tuple(value.node for value in inputs)
        tensors = _outputs(call, inputs)
        places = {id(tensor): i for i, tensor in enumerate(call.input_tensors)}
        args, kwargs = call.arguments.convert(
            lambda each: Tensor(places[id(each)]) if id(each) in places else each
        )
        if training is not None and getattr(operation, "_call_has_training_arg", False):
            kwargs = {**kwargs, "training": training}
        first = self._first.get(id(operation))
        base = operation.name if first is None else f"{first.name}_call"
        names: dict[int, str] = {}
        for i in wanted:
            name = self._named(f"{base}_output{i}" if i else base, within if first is None else "")
            names[i] = name
            called = Called(
                operation=operation,
                name=name,
                inputs=tuple(node.shape for node in nodes),
                shape=_fixed(tensors[i], operation.name),
                output=i,
                args=args,
                kwargs=kwargs,
            )
            layer = translated(called, _params(*_weights(operation)))
            node = Node(
                layer,
                nodes,
                called.shape,
                stride_after(layer, nodes, called.shape),
                self._blocks.get(id(call)),
                calls=self._first[id(operation)].name if id(operation) in self._first else "",
                new_weights=self._new_weights(operation),
            )
            self._first.setdefault(id(operation), node)
            values[id(call.output_tensors[i])] = _Value(node, tensors[i])
        own = {} if within else {name: call.output_tensors[i] for i, name in names.items()}
        taken = tuple(node.name for node in nodes)
        self.steps.append(Step(names[wanted[0]], operation, taken, names, call, own))

    def _new_weights(self, operation: Any) -> tuple[int, int] | None:
        """Return how many parameters are not yet counted; None: all of the layer's."""
        trainable, weights = _weights(operation)
        new = [weight for weight in weights if id(weight) not in self._counted]
        if len(new) == len(weights):
            self._counted.update(map(id, weights))
            return None
        self._counted.update(map(id, new))
        ids = {id(weight) for weight in new}
        return _params([weight for weight in trainable if id(weight) in ids], new)

    def _named(self, name: str, within: str = "") -> str:
        """Return a name that no node has yet, this one if possible."""
        if within and name in self._taken:
            name = f"{within}{name}"
        self._taken[name] += 1
        if name.endswith("_call"):
            return self._named(f"{name}{self._taken[name]}")
        return name if self._taken[name] == 1 else self._named(f"{name}_{self._taken[name]}")

    def _find_blocks(self, blocks: Iterable[tuple[Block, Any]]) -> None:
        """Find the block of each call: what led to a block's output, and no block before it."""
        ends = {id(tensor) for tensor in self._model.inputs}
        for block, output in blocks:
            for call in calls_to([output], ends):
                self._blocks.setdefault(id(call), block)


def calls_to(outputs: Sequence[Any], given: set[int]) -> Iterator[Any]:
    """Yield the calls of layers that some outputs need, each after those that feed it.

    Args:
        outputs: The outputs.
        given: Ids of the tensors that need no call.
    """
    done: set[int] = set()
    stack = [_call_of(tensor) for tensor in reversed(outputs) if id(tensor) not in given]
    while stack:
        call = stack[-1]
        sources = [_call_of(t) for t in call.input_tensors if id(t) not in given]
        missing = [source for source in sources if id(source) not in done]
        if missing:
            stack.extend(reversed(missing))
            continue
        stack.pop()
        if id(call) not in done:
            done.add(id(call))
            yield call


def _made_by(tensor: Any) -> str:
    """Return the name of the layer that made a tensor."""
    return str(tensor._keras_history.operation.name)


def _call_of(tensor: Any) -> Any:
    """Return the call of a layer that made a tensor."""
    operation, index, _ = tensor._keras_history
    return operation._inbound_nodes[index]


def _opened(call: Any, wanted: Sequence[int]) -> Any:
    """Return the model that is called, if its layers are all there is to it.

    Keras runs all of a model, and counts all of its weights, whatever is used of its outputs: one
    of which a part is of no use stays a single layer.
    """
    import keras

    model = call.operation
    if type(model) is keras.Sequential:
        model = getattr(model, "_functional", None)
    if type(model).__module__.partition(".")[0] != "keras" or not isinstance(model, keras.Model):
        return None
    if not getattr(model, "inputs", None) or not getattr(model, "outputs", None):
        return None
    if len(model.inputs) != len(call.input_tensors):
        return None
    given = {id(tensor) for tensor in model.inputs}
    needed = calls_to([model.outputs[i] for i in wanted], given)
    there = {id(weight) for call in needed for weight in _weights(call.operation)[1]}
    return model if all(id(weight) in there for weight in model.weights) else None


def _outputs(call: Any, inputs: Sequence[_Value]) -> Sequence[Any]:
    """Return the outputs of a call for inputs that may have other sizes than in the model."""
    given = [value.tensor for value in inputs]
    own = list(call.output_tensors)
    is_own_size = all(a.shape == b.shape for a, b in zip(given, call.input_tensors, strict=True))
    if is_own_size and not any(None in tensor.shape[1:] for tensor in own):
        return own
    import keras

    replaced = {id(old): new for old, new in zip(call.input_tensors, given, strict=True)}
    args, kwargs = call.arguments.convert(lambda each: replaced.get(id(each), each))
    try:
        found = list(keras.tree.flatten(call.operation.compute_output_spec(*args, **kwargs)))
        if any(None in tensor.shape[1:] for tensor in found):
            # A layer that was told open sizes repeats them; what it makes has some.
            made = keras.src.backend.compute_output_spec(call.operation.call, *args, **kwargs)
            found = list(keras.tree.flatten(made))
    except Exception as error:  # layers of the user's can raise anything
        shapes = " and ".join(str(tuple(tensor.shape[1:])) for tensor in given)
        raise Refusal(
            f"The layer {call.operation.name!r} can't take {shapes}: use larger images. "
            f"({first_line(error)}.)"
        ) from error
    return found


def _of_shape(tensor: Any, shape: Shape) -> Any:
    """Return a Keras tensor like another one, of a fixed shape."""
    if tuple(tensor.shape[1:]) == shape:
        return tensor
    import keras

    return keras.KerasTensor((None, *shape), dtype=tensor.dtype)


def _fixed(tensor: Any, name: str) -> Shape:
    shape = tuple(tensor.shape[1:])
    if None in shape:
        raise Refusal(
            f"The output of {name!r} has the shape {shape}, of which sizes are unknown even for a "
            "fixed input shape: only models whose features have fixed sizes can be read."
        )
    return shape


def _weights(operation: Any) -> tuple[list[Any], list[Any]]:
    """Return the weights that training changes, and all; a function has none."""
    return getattr(operation, "trainable_weights", []), getattr(operation, "weights", [])


def _params(trainable_weights: Sequence[Any], weights: Sequence[Any]) -> tuple[int, int]:
    """Return the numbers of trainable and of other parameters, as `count_params` counts them."""
    trainable = sum(prod(weight.shape) for weight in trainable_weights)
    return trainable, sum(prod(weight.shape) for weight in weights) - trainable


def _in_parts(graph: Graph) -> list[Feature]:
    """Return the outputs of the same graph with its layers gathered in blocks.

    A new block starts where the resolution changes, and after features were joined. Blocks up to
    the lowest resolution are the encoder's, later ones the decoder's.
    """
    order = depth_first(graph.outputs)[0]
    sized = [i for i, node in enumerate(order) if positions(node) > 1]
    fewest = min((positions(order[i]) for i in sized), default=0)
    lowest = max((i for i in sized if positions(order[i]) == fewest), default=len(order))
    new: dict[Node, Node] = {}
    count: Counter[str] = Counter()
    block: Block | None = None
    grid: Any = None  # of the features in the present block
    for i, node in enumerate(order):
        before = order[i - 1] if i else None
        role = "encoder" if i <= lowest else "decoder"
        # A single position, as within a squeeze-and-excitation, is no resolution of its own.
        single = positions(node) == 1
        own = grid if single else node.stride or node.shape[:-1]
        starts = (
            block is None
            or before is None
            or own != grid
            or (role != block.role and not single)
            or (len(before.inputs) > 1 and not node.layer.pointwise and not single)
        )
        grid = own
        if node.inputs and starts:
            block = Block(f"{role}{count[role]}", role, 0, count[role], "")
            count[role] += 1
        inputs = tuple(new[source] for source in node.inputs)
        new[node] = attrs.evolve(node, inputs=inputs, block=block if node.inputs else None)
    return [Feature(new[node]) for node in graph.outputs]
