"""A Keras model as text, of which Keras makes the model again: elsewhere, or for another size.

The text is the model's own configuration, which Keras writes and reads. Weights are not part of it.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from explorer.core.network.errors import Refusal, first_line
from explorer.core.network.layers import Shape


class CannotMake(Refusal):
    """A model that Keras cannot make of its configuration; says why."""


def plain(model: Any) -> Any:
    """Return a functional model of the same layers, between the same tensors.

    A class of the user's, and what was compiled, is left behind.
    """
    import keras

    inputs, outputs = (
        tensors if len(tensors) > 1 else tensors[0] for tensors in (model.inputs, model.outputs)
    )
    return keras.Model(inputs, outputs, name=model.name)


def classes_of_others(model: Any) -> dict[str, type]:
    """Return the classes of layers that Keras does not have itself, by the names that it reads."""
    import keras

    return {
        keras.saving.get_registered_name(type(layer)): type(layer)
        for layer in model._flatten_layers(include_self=False)
        if not type(layer).__module__.startswith("keras.")
    }


def config_text(model: Any) -> str:
    """Return the configuration of a model as JSON.

    Args:
        model: As `plain` returns it.

    Raises:
        CannotMake: If it holds what cannot be written, or Python code of a Lambda layer, which
            would not find there what it uses here.
    """
    import keras

    try:
        config = keras.saving.serialize_keras_object(model)
        text = json.dumps(config)
    except Exception as error:  # a class of the user's can raise anything
        raise CannotMake(f"its configuration cannot be written ({first_line(error)})") from error
    code = [part["config"]["name"] for part in _parts(config) if part.get("class_name") == "Lambda"]
    if code:
        names = ", ".join(map(repr, code[:3])) + (" and more" if len(code) > 3 else "")
        raise CannotMake(f"the Python code of a Lambda layer ({names}) can't be sent there")
    return text


def make(
    text: str,
    classes: Mapping[str, type],
    shape: Shape | None = None,
    policy: str | None = None,
) -> Any:
    """Return a new model of a configuration.

    Args:
        text: As `config_text` returns it, of a model with one input where a shape is given.
        classes: As `classes_of_others` returns them.
        shape: `(height, width, channels)` of the input, if not the model's own.
        policy: Keras' dtype policy, if not the model's own.

    Raises:
        CannotMake: If Keras can't.
    """
    import keras

    config = json.loads(text)
    if shape is not None:
        _set_shape(config, shape)
    if policy is not None:
        _set_policy(config, policy)
    try:
        return keras.saving.deserialize_keras_object(config, custom_objects=dict(classes))
    except Exception as error:  # layers raise many kinds
        raise CannotMake(first_line(error)) from error


def _parts(config: Any) -> Iterator[dict[str, Any]]:
    """Yield every object that a configuration is made of."""
    waiting = [config]
    while waiting:
        part = waiting.pop()
        if isinstance(part, dict):
            yield part
            waiting += reversed(part.values())
        elif isinstance(part, list):
            waiting += reversed(part)


def _set_shape(config: dict[str, Any], shape: Shape) -> None:
    """Give the model's input another shape, and the inputs of models within it one that fits."""
    inputs = [part for part in _parts(config) if part.get("class_name") == "InputLayer"]
    first = inputs[0]["config"]["batch_shape"]
    old = list(first[1:])
    first[1:] = shape
    for part in inputs[1:]:
        _scale(part["config"]["batch_shape"], old, shape)
    for part in _parts(config):
        # Layers that count as built for the old shape would not check the new one.
        part.pop("build_config", None)
        part.pop("build_input_shape", None)


def _scale(batch_shape: list[int | None], old: list[int | None], new: Shape) -> None:
    """Scale an image's shape as that of the whole model's input was; unknown where that fails."""
    if len(batch_shape) != 4:
        return
    for axis in (1, 2):
        size, before, after = batch_shape[axis], old[axis - 1], new[axis - 1]
        if size is not None:
            fits = before is not None and size * after % before == 0
            batch_shape[axis] = size * after // before if fits and before else None


def _set_policy(config: dict[str, Any], policy: str) -> None:
    """Have every layer compute by a policy; what a mixed model keeps in float32 stays."""
    parts = _parts(config)
    policies = [part["config"] for part in parts if part.get("class_name") == "DTypePolicy"]
    is_mixed = any(found["name"].startswith("mixed") for found in policies)
    for found in policies:
        if policy == "float32" or not is_mixed or found["name"].startswith("mixed"):
            found["name"] = policy
