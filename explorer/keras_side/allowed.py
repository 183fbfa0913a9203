"""Layers of a file's configuration, made of Keras' own classes alone.

What a file names is looked up in the lists below and nowhere else: no module that it names is
imported, and no code in it is run. Any class that takes code, a path, or another layer is missing
here on purpose; a layer with such a class, or with a value that is more than a plain one, is
foreign.
"""

import inspect
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from math import prod
from typing import Any

import numpy as np

from explorer.core.network.errors import Refusal, first_line
from explorer.keras_side.layers import WITHOUT_MACS

#: Keras' own layers that hold nothing but numbers and names of functions.
LAYERS = frozenset({
    "Activation", "ActivityRegularization", "Add", "AdditiveAttention", "AlphaDropout",
    "Attention", "Average", "BatchNormalization", "CenterCrop", "Concatenate", "Dense",
    "DepthwiseConv1D", "DepthwiseConv2D", "Dot", "Dropout", "ELU", "EinsumDense", "Embedding",
    "Flatten", "GaussianDropout", "GaussianNoise", "GroupNormalization", "Identity", "InputLayer",
    "LayerNormalization", "LeakyReLU", "Masking", "Maximum", "Minimum", "MultiHeadAttention",
    "Multiply", "Normalization", "PReLU", "Permute", "RMSNormalization", "RandomBrightness",
    "RandomContrast", "RandomCrop", "RandomFlip", "RandomRotation", "RandomTranslation",
    "RandomZoom", "ReLU", "RepeatVector", "Rescaling", "Reshape", "Resizing", "SeparableConv1D",
    "SeparableConv2D", "Softmax", "Subtract", "UnitNormalization",
    *(f"{kind}{axes}D" for axes in (1, 2, 3) for kind in (
        "AveragePooling", "Conv", "Cropping", "GlobalAveragePooling", "GlobalMaxPooling",
        "MaxPooling", "SpatialDropout", "UpSampling", "ZeroPadding")),
    *(f"Conv{axes}DTranspose" for axes in (1, 2, 3)),
})  # fmt: skip

#: Keras' own functions that take tensors and plain values.
FUNCTIONS = WITHOUT_MACS | {"Dot", "Einsum", "Matmul", "Tensordot"}
_FUNCTION_MODULES = ("numpy", "nn", "math", "image", "core")

_TYPES = frozenset({
    "float16", "float32", "float64", "bfloat16", "mixed_float16", "mixed_bfloat16",
    "uint8", "uint16", "uint32", "int8", "int16", "int32", "int64", "bool",
})  # fmt: skip

#: Settings that versions before 3 call otherwise.
_RENAMED = {("InputLayer", "batch_input_shape"): "batch_shape",
            ("LeakyReLU", "alpha"): "negative_slope"}  # fmt: skip
#: Settings of older versions, with the values that say nothing.
_SAYS_NOTHING: Mapping[str, tuple[Any, ...]] = {"groups": (1,), "implementation": (0, 1, 2)}
_OF_TRAINING = ("_initializer", "_regularizer", "_constraint")
_OF_ANY_LAYER = {"name", "dtype", "trainable", "activity_regularizer"}

#: Signs of a name or text that a layer holds.
LONGEST_TEXT = 200


class NotAllowed(Exception):
    """A layer that is not made, with the reason."""


def made(part: Mapping[str, Any], leave_out: Callable[[str, Any, str], None]) -> Any:
    """Return the layer, or the object that stands for a function, of a configuration.

    Args:
        part: What a file says of it.
        leave_out: Is told the name and value of each setting that is left out, and why.

    Raises:
        NotAllowed: If it is foreign.
        Refusal: If Keras refuses its settings.
    """
    cls, is_layer = _class_of(part)
    given = part["config"]
    accepted = _accepted(cls)
    settings = {}
    for key, value in given.items():
        if key in accepted and is_layer and key.endswith(_OF_TRAINING):
            try:
                settings[key] = _of_training(value)
            except NotAllowed as error:
                leave_out(key, value, str(error))
        elif key in accepted:
            settings[key] = _setting(key, value) if is_layer else argument(value)
        elif (cls.__name__, key) in _RENAMED:
            settings[_RENAMED[cls.__name__, key]] = argument(value)
        elif key == "batch_input_shape" or key.endswith(_OF_TRAINING):
            continue
        elif not (value is None or value is False or value in _SAYS_NOTHING.get(key, ())):
            raise NotAllowed(f"its setting {key[:LONGEST_TEXT]!r} is unknown to this Keras")
    try:
        return cls(**settings)
    except Exception as error:  # layers raise many kinds
        raise Refusal(
            f"The layer {str(given.get('name'))[:LONGEST_TEXT]!r} ({cls.__name__}) of this file "
            f"has settings that Keras refuses: {first_line(error)}. Save the model again, or put "
            "the setting right."
        ) from error


def argument(value: Any, tensor: Callable[[Mapping[str, Any]], Any] | None = None) -> Any:
    """Return a value of a call or function.

    Args:
        value: As it is in JSON.
        tensor: Returns what stands for a tensor, where there may be some.

    Raises:
        NotAllowed: If it is more than plain values.
    """
    if isinstance(value, str) and len(value) > LONGEST_TEXT:
        raise NotAllowed("it holds a long text")
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, list):
        return [argument(each, tensor) for each in value]
    kind, config = value.get("class_name"), value.get("config")
    if kind is None:
        return {str(key): argument(each, tensor) for key, each in value.items()}
    if kind == "__ellipsis__":
        return ...
    if kind == "__keras_tensor__" and tensor and isinstance(config, dict):
        return tensor(config)
    if kind == "__slice__" and isinstance(config, dict):
        ends = [config.get(name) for name in ("start", "stop", "step")]
        if all(end is None or type(end) is int for end in ends):
            return slice(*ends)
    if kind in ("__numpy__", "__tensor__") and isinstance(config, dict):
        return _array(config)
    raise NotAllowed(f"it holds an object of class {str(kind)[:LONGEST_TEXT]!r}")


def _array(config: Mapping[str, Any]) -> np.ndarray:
    try:
        if config.get("dtype") in _TYPES - {"bfloat16", "mixed_float16", "mixed_bfloat16"}:
            return np.array(config["value"], config["dtype"])
    except (KeyError, TypeError, ValueError, OverflowError):
        pass
    raise NotAllowed("it holds an array that can't be read")


def _class_of(part: Mapping[str, Any]) -> tuple[Any, bool]:
    """Return the class, and whether it is a layer's."""
    import keras

    if not isinstance(part["config"], dict):
        raise NotAllowed("it has no settings")
    kind, module = part["class_name"], part.get("module")
    is_keras = module is None or (isinstance(module, str) and _is_of_keras(module))
    if part.get("registered_name") not in (None, kind) or not is_keras:
        raise NotAllowed("its class is not one of Keras' own")
    # A whole model in HDF5 does not name modules; there, layers say whether they train.
    unsaid = module is None and kind != "InputLayer" and "trainable" not in part["config"]
    if unsaid or (module is not None and ".ops." in module):
        if kind in FUNCTIONS:
            for name in _FUNCTION_MODULES:
                cls = vars(getattr(keras.src.ops, name)).get(kind)
                if isinstance(cls, type) and issubclass(cls, keras.Operation):
                    return cls, False
    elif kind in LAYERS:
        cls = vars(keras.layers).get(kind)
        if cls is not None:
            return cls, True
    raise NotAllowed(
        "code and what can hold code is not run"
        if kind == "Lambda"
        else "its class is not one of those that are read from files"
    )


def _is_of_keras(module: str) -> bool:
    """Return whether Keras writes this as the module of its own classes; it is not imported."""
    return module.partition(".")[0] == "keras"


@lru_cache(maxsize=256)
def _accepted(cls: type) -> frozenset[str]:
    """Return the names of the settings that a class takes."""
    import keras

    names: set[str] = set()
    for base in cls.__mro__:
        if base in (keras.layers.Layer, keras.Operation):
            return frozenset(names | (_OF_ANY_LAYER if base is keras.layers.Layer else {"name"}))
        if "__init__" not in vars(base):
            continue
        parameters = inspect.signature(base.__init__).parameters.values()  # type: ignore[misc]
        names.update(p.name for p in parameters if p.kind is not p.VAR_KEYWORD)
        if not any(p.kind is p.VAR_KEYWORD for p in parameters):
            return frozenset(names)
    return frozenset(names)


#: The largest numbers of some settings, which Keras would try to use.
_MOST = {"size": 1_000, "padding": 100_000, "cropping": 100_000}


def _numbers(value: Any) -> Iterator[float]:
    """Yield the numbers in a setting."""
    if isinstance(value, (int, float)):
        yield value
    elif isinstance(value, list):
        for each in value:
            yield from _numbers(each)


def _setting(key: str, value: Any) -> Any:
    """Return the value of a layer's setting.

    Raises:
        NotAllowed: If it is more than plain values.
    """
    for number in _numbers(value):
        if abs(number) > _MOST.get(key, 10**7):
            raise NotAllowed(f"its setting {key[:LONGEST_TEXT]!r} is larger than any layer has")
    if value is not None and key == "dtype":
        return _policy(value)
    if value is not None and key.endswith("activation"):
        return _function(value)
    if key == "axis" and isinstance(value, list) and len(value) == 1:
        return argument(value[0])  # as versions before 3 write it
    return argument(value)


def _policy(value: Any) -> str:
    if isinstance(value, dict) and value.get("class_name") in ("DTypePolicy", "Policy"):
        config = value.get("config")
        value = config.get("name") if isinstance(config, dict) else None
    if not isinstance(value, str) or value not in _TYPES:
        raise NotAllowed("it computes in a type that is not one of Keras' own")
    return value


def _function(value: Any) -> Any:
    import keras

    if isinstance(value, dict) and value.get("class_name") == "function":
        is_own = value.get("registered_name") in (None, value.get("config"))
        module = value.get("module")
        is_keras = isinstance(module, str) and _is_of_keras(module)
        value = value.get("config") if is_own and is_keras else None
    found = vars(keras.activations).get(value) if isinstance(value, str) else None
    if not inspect.isfunction(found) or not found.__module__.startswith("keras.src.activations."):
        raise NotAllowed("it applies a function that is not one of Keras' own")
    return found


def _of_training(value: Any) -> Any:
    """Return an initializer, regularizer or constraint of Keras' own."""
    import keras

    if value is None:
        return None
    kind, config = value, dict[str, Any]()
    if isinstance(value, dict):
        kind, config = value.get("class_name"), value.get("config") or {}
    bases = {
        keras.initializers: keras.initializers.Initializer,
        keras.regularizers: keras.regularizers.Regularizer,
        keras.constraints: keras.constraints.Constraint,
    }
    found = [(vars(place).get(str(kind)), base) for place, base in bases.items()]
    classes = [cls for cls, base in found if isinstance(cls, type) and issubclass(cls, base)]
    if not isinstance(kind, str) or not classes or not isinstance(config, dict):
        raise NotAllowed("its class is not one of Keras' own, so it is left out")
    accepted = _accepted(classes[0])
    settings = {key: argument(each) for key, each in config.items() if key in accepted}
    try:
        return classes[0](**settings)
    except Exception as error:  # they raise many kinds
        raise NotAllowed(f"Keras refuses it ({first_line(error)}), so it is left out") from error


def check_shape(shape: Any) -> tuple[int | None, ...] | None:
    """Return a shape with the batch as a file has it, or None where it is none."""
    if not isinstance(shape, list) or not 1 <= len(shape) <= 6:
        return None
    if not all(size is None or (type(size) is int and 0 < size < 2**31) for size in shape):
        return None
    return tuple(shape) if prod(size or 1 for size in shape) < 2**62 else None
