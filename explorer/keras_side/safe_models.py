"""A Keras model, made of a file's configuration without running anything of the file.

Layers of Keras' own are made by `allowed`, and are called here as the file says. A layer of another
class, and one that holds code, is put in its place by one that only knows the shape of its output:
such a model can be looked at, and not run. Where the file does not say the shape, or how many
weights the layer has, the model is refused by that layer's name.
"""

import re
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import attrs

from explorer.core.formatting import counted
from explorer.core.network.errors import Refusal, first_line
from explorer.core.network.layers.base import MAX_LAYERS
from explorer.keras_side.allowed import LONGEST_TEXT, NotAllowed, argument, check_shape, made

_FUNCTIONAL, _SEQUENTIAL = ("Functional", "Model"), "Sequential"
#: How deep models may lie in each other.
DEEPEST = 20
#: Classes of layers that have no weights, though they hold code.
_WITHOUT_WEIGHTS = ("Lambda", "TFOpLambda", "SlicingOpLambda")

#: A tensor's place: the layer that made it, which of its calls, and which output.
_Place = tuple[str, int, int]


@attrs.frozen
class _Ref:
    """Stands for a tensor among the arguments of a call.

    Attributes:
        place: What made it.
        shape: Its shape with the batch, where the file says it.
        dtype: Its type.
    """

    place: _Place
    shape: Any = None
    dtype: Any = "float32"


@attrs.frozen
class _Call:
    """A call of a layer, as a file has it."""

    args: list[Any]
    kwargs: Mapping[str, Any]
    refs: list[_Ref]


@attrs.frozen
class LeftOut:
    """What of a layer is not read.

    Attributes:
        layer: Its name.
        kind: Its class, or the setting's name.
        why: Why it is not.
        is_foreign: Whether it is the whole layer.
    """

    layer: str
    kind: str
    why: str
    is_foreign: bool


class Maker:
    """Makes the model of one configuration.

    Attributes:
        left_out: What is not read of it, once the model is there.

    Args:
        weights: Returns the number of weights of layers by their names, as far as a file tells it;
            asked for foreign ones alone.
    """

    def __init__(self, weights: Callable[[], Mapping[str, int]]) -> None:
        self.left_out: list[LeftOut] = []
        self._weights = weights
        self._known: Mapping[str, int] | None = None
        self._layers = 0

    def model(self, part: Any) -> Any:
        """Return the model.

        Args:
            part: Its class and configuration, as Keras writes them.

        Raises:
            Refusal: If it can't be made of Keras' own layers; says which layer it is.
        """
        if not _is_model(part):
            kind = part.get("class_name") if isinstance(part, dict) else None
            raise Refusal(
                f"This Keras model is of the class {str(kind)[:LONGEST_TEXT]!r}, whose code is not "
                "in the file: only functional and sequential models can be read."
            )
        try:
            return self._model(part, 0)
        except (Refusal, ImportError):
            raise
        except NotAllowed as error:
            raise Refusal(f"This Keras model can't be read, since {error}.") from error
        except Exception as error:  # Keras raises many kinds of what is no configuration
            raise Refusal(
                f"This is no configuration of a Keras model ({first_line(error)}): save the model "
                "again with model.save()."
            ) from error

    def _model(self, part: Mapping[str, Any], depth: int) -> Any:
        if depth > DEEPEST:
            raise Refusal(f"This Keras model has models in each other, over {DEEPEST} deep.")
        make = self._sequential if part["class_name"] == _SEQUENTIAL else self._functional
        return make(part, depth)

    # Functional models.

    def _functional(self, part: Mapping[str, Any], depth: int) -> Any:
        import keras

        config = part["config"]
        parts = {_name(each): each for each in config["layers"]}
        if len(parts) < len(config["layers"]):
            raise Refusal("This Keras model has two layers of the same name.")
        calls: dict[str, list[_Call]] = {}
        foreign: dict[str, str] = {}
        for name, each in parts.items():
            calls[name] = []
            for node in each.get("inbound_nodes", []):
                call, why = _call(node)
                calls[name].append(call)
                if why:
                    foreign[name] = why
        outputs = [*_places(config["input_layers"]), *_places(config["output_layers"])]
        bases = _bases(parts, calls, outputs)
        seen: dict[str, list[Any]] = {name: [] for name in parts}
        for place, told in _shapes(parts, calls).items():
            seen[place[0]].append(told)
        layers = {
            name: self._layer(each, seen[name], foreign.get(name, ""), depth)
            for name, each in parts.items()
        }
        tensors: dict[_Place, Any] = {}
        for name, layer in layers.items():
            if isinstance(layer, keras.layers.InputLayer):
                tensors[name, 0, 0] = layer.output
        for name, index in _in_order(calls, bases):
            call = calls[name][index]

            def tensor(ref: Any) -> Any:
                return tensors[ref.place] if isinstance(ref, _Ref) else ref

            _check_shapes(call.refs, tensors)
            args = _replaced(call.args, tensor)
            kwargs = _replaced(call.kwargs, tensor)
            if hasattr(layers[name], "stands_in"):
                args, kwargs = [[tensors[ref.place] for ref in call.refs]], {}
            made_here = _called(layers[name], name, args, kwargs)
            for i, output in enumerate(keras.tree.flatten(made_here)):
                tensors[name, index + bases[name], i] = output
        inputs, outputs = (
            _gathered(config[end], tensors) for end in ("input_layers", "output_layers")
        )
        trainable = config.get("trainable") is not False
        with warnings.catch_warnings():
            # Of inputs that a dict has by other names: what was saved was so, too.
            warnings.simplefilter("ignore")
            return keras.Model(inputs, outputs, name=config.get("name"), trainable=trainable)

    # Sequential models.

    def _sequential(self, part: Mapping[str, Any], depth: int) -> Any:
        import keras

        config = part["config"]
        parts = config if isinstance(config, list) else config["layers"]
        config = {} if isinstance(config, list) else config
        following = [_build_shape(each) for each in parts[1:]]
        layers = [
            self._layer(each, [(seen, "float32")] if seen else [], "", depth)
            for each, seen in zip(parts, [*following, None], strict=True)
        ]
        if not isinstance(layers[0], keras.layers.InputLayer):
            first = parts[0]["config"]
            own = first.get("batch_input_shape") if isinstance(first, dict) else None
            built = config.get("build_input_shape")
            inner = list(layers[0].input_shape) if isinstance(layers[0], keras.Model) else None
            shape = next((s for s in (own, built, inner, _build_shape(parts[0])) if s), None)
            if shape is None or check_shape(shape) is None:
                raise Refusal(
                    "This sequential Keras model does not say which input it takes: build it for "
                    "one, with keras.Input((height, width, channels)), and save it again."
                )
            layers.insert(0, keras.layers.InputLayer(batch_shape=tuple(shape)))
        trainable = config.get("trainable") is not False
        return keras.Sequential(layers, name=config.get("name"), trainable=trainable)

    # Layers.

    def _layer(self, part: Any, seen: list[Any], why: str, depth: int) -> Any:
        """Return a layer, or what stands for a foreign one.

        Args:
            part: What the file says of it.
            seen: Shape and type of each of its outputs that the file tells.
            why: Why it is foreign, if a call of it is.
            depth: How deep the model lies that it is in.
        """
        name = _name(part)
        self._layers += 1
        if self._layers > MAX_LAYERS:
            raise Refusal(f"This Keras model has more than {MAX_LAYERS:,} layers.")
        if not why and _is_model(part):
            return self._model(part, depth + 1)

        def leave_out(key: str, value: Any, reason: str) -> None:
            self.left_out.append(LeftOut(name, key[:LONGEST_TEXT], reason, False))

        try:
            if why:
                raise NotAllowed(why)
            return made(part, leave_out)
        except NotAllowed as error:
            return self._foreign(part, name, seen, str(error))

    def _foreign(self, part: Mapping[str, Any], name: str, seen: list[Any], why: str) -> Any:
        kind = part["class_name"][:LONGEST_TEXT]
        what = f"The layer {name!r} of this file is of the class {kind}, which is not read ({why})"
        found = {check_shape(list(shape)) for shape, _ in seen if isinstance(shape, (list, tuple))}
        shape = next(iter(found)) if len(found) == 1 else None
        if shape is None or None in shape[1:] or len(shape) < 2:
            raise Refusal(
                f"{what}, and the file does not tell the one shape of its output: build the model "
                "without it, and save it again."
            )
        config = part["config"] if isinstance(part["config"], dict) else {}
        if self._known is None:
            self._known = self._weights()
        count = self._known.get(name, 0 if part["class_name"] in _WITHOUT_WEIGHTS else -1)
        if count < 0:
            raise Refusal(
                f"{what}, and the file does not tell how many weights it has: give the .keras file "
                "that model.save() writes, with the weights in it."
            )
        trains = config.get("trainable") is not False
        told = f"{why}: only the shape of its output is known"
        if count:
            counts = "trained" if trains else "frozen"
            told += f", and its {counted(count, 'weight')}, which count as {counts}"
        self.left_out.append(LeftOut(name, kind, told, True))
        dtype = next((t for _, t in seen if isinstance(t, str)), "float32")
        return _stand_in(kind, name, shape[1:], dtype, count, trains)


def _stand_in(kind: str, name: str, shape: Any, dtype: str, weights: int, trains: bool) -> Any:
    """Return a layer that has a class's name, an output of a shape, and a number of weights."""
    import keras

    def __init__(self: Any) -> None:
        keras.layers.Layer.__init__(self, name=name)
        if weights:
            self.add_weight(shape=(weights,), trainable=trains, name="weights")
        self.built = True

    def call(self: Any, inputs: Any) -> Any:
        raise Refusal(f"The layer {name!r} is only known by its shape: it can't be run.")

    def compute_output_spec(self: Any, *args: Any, **kwargs: Any) -> Any:
        return keras.KerasTensor((None, *shape), dtype=dtype)

    # The class's name is what is shown of it.
    shown = re.sub(r"\W", "_", kind) or "Unnamed"
    content: dict[str, Any] = {
        "__init__": __init__,
        "call": call,
        "compute_output_spec": compute_output_spec,
    }
    content |= {"__module__": "foreign", "stands_in": True}
    return type(shown, (keras.layers.Layer,), content)()


def _called(layer: Any, name: str, args: Any, kwargs: Any) -> Any:
    try:
        return layer(*args, **kwargs)
    except (Refusal, MemoryError):
        raise
    except Exception as error:  # layers raise many kinds
        raise Refusal(
            f"The layer {name!r} of this file can't take what it is given: {first_line(error)}."
        ) from error


def _check_shapes(refs: list[_Ref], tensors: Mapping[_Place, Any]) -> None:
    """Raise an error if a layer made something else here than where the file was written."""
    for ref in refs:
        if ref.place not in tensors:
            raise Refusal(f"This Keras model uses an output of {ref.place[0]!r} that is not there.")
        told, found = check_shape(ref.shape), tuple(tensors[ref.place].shape)
        if told is None:
            continue
        pairs = zip(told, found, strict=False)
        if len(told) != len(found) or any(
            None not in pair and pair[0] != pair[1] for pair in pairs
        ):
            raise Refusal(
                f"The layer {ref.place[0]!r} of this file makes {found[1:]} here, and "
                f"{told[1:]} where it was saved: it is another class of that name, or a setting "
                "was changed."
            )


# Reading of configurations.


def _is_model(part: Any) -> bool:
    if not isinstance(part, dict) or not isinstance(part.get("config"), (dict, list)):
        return False
    kind, config = part.get("class_name"), part["config"]
    module = part.get("module")
    if module is not None and str(module).partition(".")[0] != "keras":
        return False
    if part.get("registered_name") not in (None, kind):
        return False
    if kind == _SEQUENTIAL:
        layers = config if isinstance(config, list) else config.get("layers")
        return isinstance(layers, list) and bool(layers)
    keys = {"layers", "input_layers", "output_layers"}
    return kind in _FUNCTIONAL and isinstance(config, dict) and keys <= set(config)


def _name(part: Any) -> str:
    """Return a layer's name, of a part that looks like a layer."""
    if isinstance(part, dict) and isinstance(part.get("class_name"), str) and "config" in part:
        config = part["config"] if isinstance(part["config"], dict) else {}
        name = part.get("name", config.get("name"))
        if name is None and isinstance(part["config"], list):
            return "sequential"
        own = config.get("name", name)
        if isinstance(name, str) and own == name and 0 < len(name) <= LONGEST_TEXT:
            return name
    raise Refusal(
        "A layer of this Keras model has no class or no name, or another one in its settings: save "
        "the model again with model.save()."
    )


def _build_shape(part: Any) -> Any:
    """Return the shape that a layer was built for, if the file tells one."""
    build = part.get("build_config") if isinstance(part, dict) else None
    shape = build.get("input_shape") if isinstance(build, dict) else None
    return shape if isinstance(shape, list) and check_shape(shape) else None


def _call(node: Any) -> tuple[_Call, str]:
    """Return a call, and why it is not one of plain values, if it isn't."""
    refs: list[_Ref] = []

    def tensor(config: Mapping[str, Any]) -> _Ref:
        place = _place(config.get("keras_history"))
        refs.append(_Ref(place, config.get("shape"), config.get("dtype")))
        return refs[-1]

    if isinstance(node, dict):
        given = node.get("args", []), node.get("kwargs", {})
        if not isinstance(given[0], list) or not isinstance(given[1], dict):
            raise Refusal("A call of a layer of this Keras model is not as Keras writes it.")
        try:
            args, kwargs = (argument(each, tensor) for each in given)
        except NotAllowed as error:
            refs.clear()
            refs.extend(_Ref(_place(c.get("keras_history"))) for c in _tensors_in(given))
            return _Call([], {}, refs), f"it is called with what is not read: {error}"
        return _Call(args, kwargs, refs), ""
    # Versions before 3: one tensor, or a list of them, each with the settings of the call.
    each = [node] if isinstance(node, list) and node and isinstance(node[0], str) else node
    if not isinstance(each, list) or not each:
        raise Refusal("A call of a layer of this Keras model is not as Keras writes it.")
    refs.extend(_Ref(_place(tensor[:3] if isinstance(tensor, list) else None)) for tensor in each)
    settings = each[0][3] if len(each[0]) > 3 else {}
    is_plain = isinstance(settings, dict) and all(
        value is None or isinstance(value, (bool, int, float)) for value in settings.values()
    )
    if not is_plain:
        return _Call([], {}, refs), "it is called with what is not read"
    return _Call([refs if len(refs) > 1 else refs[0]], settings, refs), ""


def _tensors_in(value: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(value, dict):
        if value.get("class_name") == "__keras_tensor__" and isinstance(value.get("config"), dict):
            yield value["config"]
            return
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        for each in value:
            yield from _tensors_in(each)


def _place(value: Any) -> _Place:
    if isinstance(value, list) and len(value) == 3 and isinstance(value[0], str):
        name, call, output = value
        if type(call) is int and type(output) is int and call >= 0 and output >= 0:
            return name, call, output
    raise Refusal("A tensor of this Keras model has no place where it is made.")


def _places(value: Any) -> list[_Place]:
    """Return the tensors of a model's inputs or outputs, however they are gathered."""
    if isinstance(value, list) and value and isinstance(value[0], str):
        return [_place(value)]
    values = list(value.values()) if isinstance(value, dict) else value
    if not isinstance(values, list):
        raise Refusal("The inputs or outputs of this Keras model are not as Keras writes them.")
    found = [place for each in values for place in _places(each)]
    if not found:
        raise Refusal("This Keras model has no inputs or no outputs.")
    return found


def _gathered(value: Any, tensors: Mapping[_Place, Any]) -> Any:
    """Return a model's inputs or outputs as they are gathered: who calls it names them so."""
    if isinstance(value, dict):
        return {key: _gathered(each, tensors) for key, each in value.items()}
    if isinstance(value[0], str):
        return tensors[_place(value)]
    each = [_gathered(inner, tensors) for inner in value]
    return each if len(each) > 1 else each[0]


def _bases(
    parts: Mapping[str, Any], calls: Mapping[str, list[_Call]], ends: list[_Place]
) -> dict[str, int]:
    """Return the number of each layer's first call: 1 for some models, which have one before."""
    used: dict[str, set[int]] = {name: set() for name in parts}
    refs = [ref.place for each in calls.values() for call in each for ref in call.refs]
    for name, call, _ in [*refs, *ends]:
        if name not in used:
            raise Refusal(f"This Keras model lacks the layer {name[:LONGEST_TEXT]!r} that it uses.")
        used[name].add(call)
    bases = {}
    for name, numbers in used.items():
        count = max(len(calls[name]), 1)
        bases[name] = int(_is_model(parts[name]) and max(numbers, default=0) == count)
        if any(not 0 <= number - bases[name] < count for number in numbers):
            raise Refusal(f"This Keras model uses a call of {name!r} that it does not have.")
    return bases


def _shapes(
    parts: Mapping[str, Any], calls: Mapping[str, list[_Call]]
) -> dict[_Place, tuple[Any, Any]]:
    """Return shape and type of each tensor that the file tells them of."""
    shapes = {}
    for name, each in calls.items():
        for call in each:
            for ref in call.refs:
                shape = ref.shape
                if shape is None and len(each) == len(call.refs) == 1:
                    shape = _build_shape(parts[name])
                if shape is not None:
                    shapes[ref.place] = shape, ref.dtype
    return shapes


def _in_order(
    calls: Mapping[str, list[_Call]], bases: Mapping[str, int]
) -> Iterator[tuple[str, int]]:
    """Yield the calls, each after those that make what it takes."""
    lacking: Counter[tuple[str, int]] = Counter()
    takers: dict[tuple[str, int], list[tuple[str, int]]] = {}
    for name, each in calls.items():
        for i, call in enumerate(each):
            sources = {(p[0], p[1] - bases[p[0]]) for p in (ref.place for ref in call.refs)}
            needed = [source for source in sources if calls[source[0]]]  # inputs have no calls
            lacking[name, i] = len(needed)
            for source in needed:
                takers.setdefault(source, []).append((name, i))
    ready = [call for call, count in lacking.items() if not count]
    done = 0
    while ready:
        call_ = ready.pop()
        done += 1
        yield call_
        for taker in takers.get(call_, ()):
            lacking[taker] -= 1
            if not lacking[taker]:
                ready.append(taker)
    if done < len(lacking):
        raise Refusal("The layers of this Keras model go round in a circle.")


def _replaced(value: Any, tensor: Any) -> Any:
    if isinstance(value, list):
        return [_replaced(each, tensor) for each in value]
    if isinstance(value, Mapping):
        return {key: _replaced(each, tensor) for key, each in value.items()}
    return tensor(value)
