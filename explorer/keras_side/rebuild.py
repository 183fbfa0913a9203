"""Rebuilding a Keras model in a fraction of the time that building it takes.

Most of a plain build goes into initial values of weights, and most of the rest into making layers
and into what calling them checks. Here, layers whose configuration and input channels did not
change are used again, with their weights; new weights get values only when the model is about to
run; and calls are recorded in Keras' graph directly, with the output shapes that Keras computes.

Random values depend on a seed and on the weight's name alone, so that neither the order of edits
nor a new process changes them. Weights that were loaded from a file stay with their layer objects.

The private parts of Keras that this needs (a call's record, giving a variable its seed and value,
and the names of layers in a file) stand in this file alone. Where rebuilding fails, the plain build
takes over.
"""

import warnings
from collections import Counter
from math import prod
from pathlib import Path
from typing import Any
from weakref import WeakSet
from zlib import crc32

import attrs
import numpy as np

from explorer.core.asking.weights import WEIGHTS_ENDING, Weights
from explorer.core.families import Architecture, ReadModel
from explorer.core.network.errors import Refusal, first_line
from explorer.core.network.graph import BYTES_PER_VALUE, Graph, Node
from explorer.core.network.layers import Shape
from explorer.core.network.tracing import trace
from explorer.keras_side.build import (
    as_model,
    build,
    dtype_policy,
    forget_builds,
    import_keras,
    made_anew,
    read,
    without_values,
)

#: By how much an array may be larger than what a file holds of it; Keras itself compresses none.
_MOST_COMPRESSION = 20
#: What is told of weights that are those of the user's own model.
OWN = "your model, as it was when it was given to the explorer"


class WeightsError(Refusal):
    """A file whose weights the model cannot take; says why, and what to do."""


@attrs.define
class Trained:
    """What has learnt, and may go on.

    Attributes:
        architecture: What it is of.
        model: Its Keras model, of any input size.
        told: Where its weights come from, in words that follow "from"; other ones, others.
    """

    architecture: Architecture
    model: Any
    told: str


class Rebuilder:
    """Builds one model after the other, of which only the last one may be used.

    Attributes:
        graph: The layers of the last model.
        problem: Why the last model was built plainly, if it was.
        seed: What random weights are drawn with.
        trained: Whose weights models of its architecture get; None: there is none such.
        example: The same of a network that was trained elsewhere; what learnt here goes first.
    """

    def __init__(self) -> None:
        self.graph: Graph | None = None
        self.problem: Exception | None = None
        self.seed = 0
        self.trained: Trained | None = None
        self.example: Trained | None = None
        self._architecture: Architecture | None = None  # of the last model
        # The model that got trained weights, and whose they were, and which.
        self._learnt: tuple[Any, Any, str] | None = None
        self._file = ""  # that weights were loaded from
        self._loaded: WeakSet[Any] = WeakSet()  # layers that have weights from it
        self._given: ReadModel | None = None  # what the last model was made of, if it was read
        self._own_loaded: Any = None  # the model that got the weights of the user's own
        self._drawn: set[str] = set()  # weights of the user's models that random ones replaced
        self._model: Any = None
        self._setting: tuple[str, str] | None = None
        self._kept: dict[Any, Any] = {}  # layers of the last model, by what they depend on
        self._elsewhere: dict[Any, Any] = {}  # layers whose weights are wanted on this device

    def rebuild(
        self,
        architecture: Architecture,
        input_shape: Shape,
        dtype: str = "float32",
        device: str = "CPU:0",
    ) -> Any:
        """Return the `keras.Model` of an architecture; it must be given weights before it runs.

        Args:
            architecture: The architecture.
            input_shape: `(height, width, channels)`.
            dtype: Name of the Keras dtype policy.
            device: Keras' name of the device that the weights will lie on.
        """
        keras = import_keras()
        if self._setting != (dtype, device):
            self._setting = (dtype, device)
            self._elsewhere |= {k: layer for k, layer in self._kept.items() if _has_values(layer)}
            self._kept = {}
        self.problem = None
        self._architecture = architecture
        self._given = architecture if isinstance(architecture, ReadModel) else None
        if self._given and not self._given.says_all:
            return self._make_again(keras, self._given, input_shape, dtype, device)
        graph = self.graph = trace(architecture, input_shape)
        with dtype_policy(dtype), keras.device(device.lower()):
            if not graph.read_from_keras:
                try:
                    self._model = self._rebuild(keras, graph)
                    return self._model
                except Exception as error:  # whatever another version of Keras may raise
                    self.problem = error
                    self._kept = {}
        forget_builds()  # which forgets the dtype policy, too
        with dtype_policy(dtype), keras.device(device.lower()):
            keras.utils.set_random_seed(self.seed)
            self._model = build(architecture, input_shape)
        return self._model

    def _make_again(
        self, keras: Any, given: ReadModel, input_shape: Shape, dtype: str, device: str
    ) -> Any:
        """Return a model of the user's, made of its configuration."""
        self._kept = {}
        forget_builds()
        with dtype_policy(dtype), keras.device(device.lower()), without_values():
            self._model = made_anew(given, input_shape, dtype)
        self.graph = read(self._model)
        self.graph.model = None  # a graph must not keep models of the past
        return self._model

    def _rebuild(self, keras: Any, graph: Graph) -> Any:
        kept, self._kept = self._kept, {}
        tensors: dict[Node, Any] = {}
        with without_values():
            for node in graph:
                if not node.inputs:
                    tensors[node] = keras.Input(node.shape, name=node.name)
                    continue
                shapes = [source.shape for source in node.inputs]
                has_weights = any(node.layer.weights(shapes))
                key = node.layer, tuple(s[-1] for s in shapes) if has_weights else len(shapes)
                layer = self._kept[key] = kept.pop(key, None) or node.layer.keras_layer()
                tensors[node] = _recorded(keras, layer, [tensors[s] for s in node.inputs])
            return as_model(graph, tensors)

    def give_weights(self) -> None:
        """Give values to those weights of the last model that have none yet.

        A layer that has been on another device, or of another dtype, brings its weights along.
        """
        with self._on_device():
            for variable in self._model.variables:
                if variable._value is None:
                    _give_seed(variable, self.seed)
                    variable._deferred_initialize()
            for key, layer in self._elsewhere.items():
                if key in self._kept:
                    self._kept[key].set_weights(layer.get_weights())
                    if layer in self._loaded:
                        self._loaded.add(self._kept[key])
        self._elsewhere = {}
        given = self._given
        wants_own = given and given.weights and given.weights not in self._drawn
        if given and wants_own and self._own_loaded is not self._model:
            self._load(Path(given.weights))
        self._give_trained()

    def _give_trained(self) -> None:
        """Give the last model the weights of what has learnt, if that is of its architecture."""
        both = filter(None, (self.trained, self.example))
        trained = next((each for each in both if each.architecture == self._architecture), None)
        if trained is None:
            return
        learnt = self._model, trained.model, trained.told
        if self._learnt != learnt:
            with self._on_device():
                self._model.set_weights(trained.model.get_weights())
            self._learnt = learnt
        self._file = trained.told
        self._loaded = WeakSet(self._layers_with_weights())

    def _on_device(self) -> Any:
        return import_keras().device(self._setting[1].lower() if self._setting else "cpu:0")

    def draw_weights(self, seed: int) -> None:
        """Forget all layers with their weights; the next model gets random ones of this seed."""
        self.seed = seed
        if self._given:
            self._drawn.add(self._given.weights)
        self.trained = self.example = None
        self._kept = {}
        self._elsewhere = {}

    def load_weights(self, path: Path) -> None:
        """Give the last model, which has weights, those in a file: all of them, or none.

        They take the place of what it has learnt.

        Args:
            path: A file that Keras' `save_weights` wrote.

        Raises:
            WeightsError: If it cannot be read, or is of another network.
        """
        self._load(path)
        self.trained = self.example = None

    def _load(self, path: Path) -> None:
        with self._on_device():
            values = values_in_file(self._model, path)
            for variable, value in values:
                variable.assign(value)
        given = {id(variable) for variable, _ in values}
        is_own = self._given is not None and str(path) == self._given.weights
        self._file = OWN if is_own else path.name
        if is_own:
            self._drawn.discard(str(path))
        self._own_loaded = self._model
        self._loaded = WeakSet(
            layer
            for layer in self._layers_with_weights()
            if all(id(weight) in given for weight in layer.weights)
        )

    @property
    def weights(self) -> Weights:
        """Where the last model's weights come from."""
        layers = self._layers_with_weights()
        loaded = sum(layer in self._loaded for layer in layers)
        note = self._given.about_weights if self._given else ""
        return Weights(self.seed, self._file if loaded else "", loaded, len(layers), note)

    def _layers_with_weights(self) -> list[Any]:
        return [layer for layer in self._model.layers if layer.weights] if self._model else []

    @property
    def held_bytes(self) -> int:
        """Memory of the last model's weights that have values."""
        there = [v for v in self._model.variables if v._value is not None]
        return BYTES_PER_VALUE * sum(int(prod(variable.shape)) for variable in there)


def _has_values(layer: Any) -> bool:
    return bool(layer.variables) and all(v._value is not None for v in layer.variables)


def _recorded(keras: Any, layer: Any, inputs: list[Any]) -> Any:
    """Return the output of a layer's call, without what calling it would check again."""
    from keras.src.ops.node import Node as Call

    layer._inbound_nodes.clear()
    layer._outbound_nodes.clear()
    given = inputs if len(inputs) > 1 else inputs[0]
    shape = [tensor.shape for tensor in inputs] if len(inputs) > 1 else inputs[0].shape
    if not layer.built:
        layer.build(shape)
    output = keras.KerasTensor(layer.compute_output_shape(shape), dtype=layer.compute_dtype)
    Call(layer, call_args=(given,), call_kwargs={}, outputs=output)
    return output


def _give_seed(variable: Any, seed: int) -> None:
    """Have a weight's random values depend on the seed and its name; one with its own keeps it."""
    initializer = variable._initializer
    if getattr(initializer, "_init_seed", 0) is None:
        # 31 bits are a seed for every backend.
        initializer.seed = crc32(f"{seed} {variable.path}".encode()) & 0x7FFFFFFF


def check_weights_file(path: Path) -> None:
    """Raise an error if there is no HDF5 file of Keras weights at a path.

    Raises:
        WeightsError: Saying what is there instead.
    """
    import h5py  # type: ignore[import-untyped]

    if not path.name.endswith(WEIGHTS_ENDING):
        raise WeightsError(
            f"{path.name or path} is not named like a file of Keras weights: give the path of one "
            f"that model.save_weights('NAME{WEIGHTS_ENDING}') wrote."
        )
    if path.exists() and not path.is_file():  # a pipe would be waited for
        what = "a folder" if path.is_dir() else "no file on a disk, but a device, pipe or socket"
        raise WeightsError(
            f"{path.name} is {what}: give the path of a file that "
            f"model.save_weights('NAME{WEIGHTS_ENDING}') wrote."
        )
    if not path.is_file():
        raise WeightsError(f"There is no file {path.name}: {_looked_in(path.parent)}.")
    try:
        with h5py.File(path) as file:
            known = "layers" in file
            problem = structure_problem(file)
    except (RuntimeError, KeyError, ValueError) as error:  # whatever h5py says of damaged ones
        known, problem = True, f"cannot be read ({first_line(error)})"
    except OSError as error:
        why = (
            "is not an HDF5 file, or is cut short"
            if not h5py.is_hdf5(path) or "truncated" in str(error)
            else f"cannot be read ({error})"
        )
        raise WeightsError(
            f"{path.name} {why}: save the weights again with model.save_weights()."
        ) from error
    if not known:
        raise WeightsError(
            f"{path.name} is an HDF5 file without the weights of a Keras 3 model: save them with "
            "model.save_weights()."
        )
    if problem:
        raise WeightsError(
            f"{path.name} is not as Keras writes it, since {problem}: save the weights again with "
            "model.save_weights()."
        )


def structure_problem(file: Any) -> str:
    """Return what makes a file something else than a tree of arrays of numbers; empty if nothing.

    Links may lead into other files or in circles, arrays may lie in other files, and one that was
    never written may declare a shape of any size.
    """
    import h5py

    seen = set()
    groups = [("", file)]
    while groups:
        path, group = groups.pop()
        for key in group:
            name = f"{path}/{key}"[:200]
            if not isinstance(group.get(key, getlink=True), h5py.HardLink):
                return f"{name} is a link"
            item = group[key]
            address = h5py.h5o.get_info(item.id).addr
            if address in seen:
                return f"{name} is in it twice"
            seen.add(address)
            if isinstance(item, h5py.Group):
                groups.append((name, item))
            elif not isinstance(item, h5py.Dataset) or not _holds_numbers(item):
                return f"{name} holds something else than numbers"
            elif item.external or item.is_virtual:
                return f"{name} lies in another file"
            elif item.nbytes > _MOST_COMPRESSION * item.id.get_storage_size():
                shape = "×".join(map(str, item.shape))
                return f"{name} declares a shape, {shape}, of which little is there"
            elif "/layers" in (path, name):
                return f"{name} has no weights of a layer in it"
    return ""


def _holds_numbers(item: Any) -> bool:
    is_brain_float = item.attrs.get("dtype") == "bfloat16"  # which HDF5 does not know
    return item.shape is not None and (item.dtype.kind in "fiu" or is_brain_float)


def _looked_in(folder: Path) -> str:
    """Return what there is in the folder in which a file is missing."""
    if not folder.is_dir():
        return f"there is no folder {folder}"
    try:
        there = sorted(file.name for file in folder.iterdir() if file.name.endswith(WEIGHTS_ENDING))
    except OSError as error:
        return f"the folder {folder} cannot be read ({error.strerror})"
    if not there:
        return f"the folder {folder} has no file of weights"
    more = f" and {len(there) - 5} more" if len(there) > 5 else ""
    return f"the folder {folder} has {', '.join(there[:5])}{more}"


def values_in_file(model: Any, path: Path) -> list[tuple[Any, Any]]:
    """Return the model's weights, each with the value that it has in a file; changes nothing."""
    check_weights_file(path)
    problem = None
    with import_keras().StatelessScope() as scope, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # on lists of layers that a file need not have
        try:
            model.load_weights(path)
        except Exception as error:  # Keras and h5py raise many kinds
            problem = error
    try:
        differing, surplus = _differences(model, path)
    except Exception as error:  # a group where an array is due, and whatever else h5py meets
        differing, surplus = [], [first_line(error)]
    # A network that is a part of the file's loads without error, and so with wrong weights.
    if surplus or problem:
        told = [first_line(problem)] if problem else []
        first, *others = (differing if problem else []) + surplus or told
        more = f" (and {len(others)} more)" if others else ""
        raise WeightsError(
            f"{path.name} does not match this network: {first}{more}. Choose the architecture and "
            "the input channels that the file was trained with."
        ) from problem
    found = [(variable, scope.get_current_value(variable)) for variable in model.variables]
    values = [(variable, value) for variable, value in found if value is not None]
    for variable, value in values:
        if not np.isfinite(np.asarray(value)).all():
            raise WeightsError(
                f"{path.name} has values that are infinite or no number, in {variable.path}: "
                "choose a file from before the training diverged."
            )
    return values


def _differences(model: Any, path: Path) -> tuple[list[str], list[str]]:
    """Return a line for each layer whose shapes in a file differ, and for each only the file has.

    Files name layers by their class, and number those of a class in the model's order.
    """
    import h5py
    from keras.src.utils.naming import to_snake_case

    differing: list[str] = []
    count: Counter[str] = Counter()
    names = set()
    with h5py.File(path) as file:
        for layer in model.layers:
            kind = to_snake_case(type(layer).__name__)
            name = f"{kind}_{count[kind]}" if count[kind] else kind
            count[kind] += 1
            names.add(name)
            own = [*layer._trainable_variables, *layer._non_trainable_variables]
            here = [tuple(variable.shape) for variable in own]
            there = _shapes(file, name)
            if here != there:
                differing.append(
                    f"the weights of {type(layer).__name__} {layer.name!r} have the shapes "
                    f"{_shape_text(here)}, and in the file {_shape_text(there)}"
                )
        surplus = [
            f"the file has weights for a further layer, {_name_in_file(file, name)!r}"
            for name in file["layers"]
            if name not in names and _shapes(file, name)
        ]
    return differing, surplus


def _name_in_file(file: Any, name: str) -> str:
    return str(file[f"layers/{name}/vars"].attrs.get("name", name))


def _shapes(file: Any, name: str) -> list[tuple[int, ...]]:
    """Return the shapes of a layer's weights in a file."""
    group = file.get(f"layers/{name}/vars")
    # Some layers of Keras name their values instead of numbering them.
    keys = sorted(group or (), key=lambda key: (len(key), key))
    return [tuple(group[key].shape) for key in keys]


def _shape_text(shapes: list[tuple[int, ...]]) -> str:
    return " and ".join("×".join(map(str, shape)) or "1" for shape in shapes) or "none"
