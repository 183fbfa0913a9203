"""What is known of a single Keras layer or function: one of our kinds in full, or facts about it.

Never a guess: a layer becomes one of our kinds only if every setting that Keras has for it is one
that our kind has, too; of others, each fact (weights, multiply-accumulates, grid, how far it looks)
is told if it is known. Layers and functions are told by identity: one of the user's may have any
name.
"""

import json
import re
from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import attrs

from explorer.core.network.layers import (
    ACTIVATIONS,
    Activation,
    BatchNormalization,
    Concatenate,
    Conv2D,
    Cropping2D,
    GlobalAveragePooling2D,
    GlobalMaxPooling2D,
    GroupNormalization,
    Layer,
    MaxPooling2D,
    Shape,
    UpSampling2D,
    ZeroPadding2D,
    layer_kinds,
)
from explorer.core.network.layers.foreign import Everything, Foreign, Recipe, Scaled
from explorer.core.network.layers.normalisation import EACH_CHANNEL


@attrs.frozen
class Called:
    """A layer or function, as it is called.

    Attributes:
        operation: Keras' layer, or the object that stands for one of its functions.
        name: Name of the node.
        inputs: Shapes of the tensors that it is called on, without the batch.
        shape: Shape of the output.
        output: Index of the output, where there are several.
        args: Positional arguments; tensors are `Tensor`s.
        kwargs: Keyword arguments.
    """

    operation: Any
    name: str
    inputs: tuple[Shape, ...]
    shape: Shape
    output: int
    args: tuple[Any, ...]
    kwargs: dict[str, Any]

    @property
    def kind(self) -> str:
        """Name of its class."""
        return type(self.operation).__name__

    @property
    def is_layer(self) -> bool:
        """Whether it is a layer of Keras' own."""
        module = type(self.operation).__module__
        return module.startswith(("keras.src.layers.", "keras.src.applications."))

    @property
    def is_function(self) -> bool:
        """Whether it is a function of Keras' own."""
        return type(self.operation).__module__.startswith("keras.src.ops.")

    @property
    def is_plain(self) -> bool:
        """Whether nothing but its inputs is given to it; a running model says `training` itself."""
        given = self.args[0] if len(self.args) == 1 else None
        tensors = given if isinstance(given, (list, tuple)) else [given]
        return all(isinstance(tensor, Tensor) for tensor in tensors) and not any(
            value is not None for key, value in self.kwargs.items() if key != "training"
        )

    @property
    def trains(self) -> bool:
        """Whether it is told to compute as in training, unless the model is told not to.

        Layers that augment are where they are told nothing, too.
        """
        takes_it = getattr(self.operation, "_call_has_training_arg", False)
        return bool(takes_it and self.kwargs.get("training"))

    @property
    def channels_last(self) -> bool:
        """Whether the channels are the last axis."""
        return getattr(self.operation, "data_format", None) != "channels_first"

    def sizes(self, shape: Shape) -> Shape:
        """Return a shape without its channels."""
        return shape[:-1] if self.channels_last else shape[1:]


@attrs.frozen
class Tensor:
    """Stands for an input among the arguments of a call.

    Attributes:
        place: Its place among all inputs.
    """

    place: int


class NotAlike(Exception):
    """The Keras layer has a configuration that our layer of the same name can't have."""


def translated(called: Called, weights: tuple[int, int]) -> Layer:
    """Return our layer for a Keras layer: in full where it is known, and never wrong.

    Args:
        called: The layer, as it is called.
        weights: Its numbers of trainable and of other parameters.
    """
    layer = _our_own(called)
    if layer is not None and layer.weights(called.inputs) == weights and _is_all(called, layer):
        return layer
    if layer is None:
        known = _facts(called)
    elif called.trains and isinstance(layer, BatchNormalization):
        # `model(x)` then takes the statistics of all positions, and `model.predict(x)` doesn't.
        known = _Facts(0, Scaled(name=called.name, fewer=1, more=1))
    else:
        exact = layer.weights(called.inputs) == weights
        known = _Facts(
            layer.macs(called.inputs) if exact else None,
            layer,
            _function_is_known(called.operation),
        )
    return Foreign(
        called.kind,
        name=called.name,
        shape=called.shape,
        trainable_params=weights[0],
        frozen_params=weights[1],
        multiplications=known.macs,
        like=known.like,
        looks_alike=known.looks_alike,
        rearranged=known.rearranged,
        recipe=_recipe(called),
    )


# Our own kinds.


def _our_own(called: Called) -> Layer | None:
    """Return the layer of ours that has the same grid and arithmetic, whatever its function."""
    kind = layer_kinds().get(called.kind) if called.is_layer else None
    if kind is None or not called.channels_last:
        return None
    try:
        trainable = bool(called.operation.trainable)
        layer = kind(name=called.name, trainable=trainable, **_settings(kind, called.operation))
        if isinstance(layer, GroupNormalization) and layer.groups == called.inputs[0][-1]:
            # Keras puts the number of channels in the place of -1 once it has weights.
            layer = attrs.evolve(layer, groups=EACH_CHANNEL)
        return layer if layer.output_shape(called.inputs) == called.shape else None
    except (NotAlike, ValueError, TypeError):
        return None


#: Settings of Keras that our kinds don't have, with the values that they then must have.
_PLAIN: dict[str, tuple[Any, ...]] = {
    "data_format": ("channels_last",),
    "dilation_rate": ((1, 1),),
    "output_padding": (None,),
    "noise_shape": (None,),
    "synchronized": (False,),
    "renorm": (False,),
    "renorm_clipping": (None,),
    "quantization_config": (None,),
}

#: Settings that change nothing once there are weights; an axis is judged where it is read.
_WITHOUT_EFFECT = ("name", "seed", "axis", "renorm_momentum", "dtype", "trainable")
_OF_TRAINING = ("_initializer", "_regularizer", "_constraint")


def _is_all(called: Called, layer: Layer) -> bool:
    """Return whether our layer has every setting that the Keras layer has."""
    operation = called.operation
    ours = attrs.asdict(layer, recurse=False)
    if not called.is_plain or called.trains or not _function_is_known(operation):
        return False
    if getattr(operation.dtype_policy, "name", "") != "float32":
        return False
    for key, value in operation.get_config().items():
        # Our own kinds were made of the operation's attributes, so what both have is the same.
        if key in ours or key in _WITHOUT_EFFECT or key.endswith(_OF_TRAINING):
            continue
        if value not in _PLAIN.get(key, ()):
            return False
    return True


def _check(condition: bool) -> None:
    if not condition:
        raise NotAlike


def _activation(operation: Any) -> str:
    """Return the name of the activation; "linear" stands for a function that is not known."""
    return _function_name(operation.activation) or "linear"


def _function_name(function: Any) -> str | None:
    """Return the name under which Keras has this very function as an activation."""
    import keras

    name = getattr(function, "__name__", "")
    if name in ACTIVATIONS and function is keras.activations.get(name):
        return str(name)
    return None


def _function_is_known(operation: Any) -> bool:
    """Return whether all functions that a layer applies are ones of Keras that we know."""
    return all(
        value is None or _function_name(value) is not None
        for key, value in vars(operation).items()
        if key.endswith("activation")
    )


def _settings(kind: type[Layer], operation: Any) -> dict[str, Any]:
    """Return the fields of one of our kinds, which are named as in Keras, from a Keras layer.

    Raises:
        NotAlike: If the Keras layer has what the kind can't have, or lacks what it needs.
    """
    for name, values in kind.read_where.items():
        _check(getattr(operation, name, None) in values)
    settings = {}
    for field in attrs.fields(kind):
        if field.name in ("name", "trainable"):
            continue
        _check(hasattr(operation, field.name))
        settings[field.name] = (
            _activation(operation) if field.name == "activation" else getattr(operation, field.name)
        )
    return settings


# Facts about other layers.


@attrs.frozen
class _Facts:
    """What is known: see `Foreign`, which has the same."""

    macs: int | None = None
    like: Layer | None = None
    looks_alike: bool = True
    rearranged: bool = False


#: Layers of Keras that work on each position alone, whatever their configuration; those that
#: augment or regularise change nothing at inference.
_POINTWISE = {
    "ReLU", "LeakyReLU", "PReLU", "ELU", "Identity", "Rescaling", "Normalization",
    "ActivityRegularization", "SpatialDropout2D", "AlphaDropout", "GaussianDropout",
    "GaussianNoise", "Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum",
    "BatchNormalization", "LayerScale", "StochasticDepth",
}  # fmt: skip
_AUGMENTING = {
    "AugMix", "RandAugment", "RandomBrightness", "RandomColorDegeneration", "RandomColorJitter",
    "RandomContrast", "RandomElasticTransform", "RandomErasing", "RandomFlip",
    "RandomGaussianBlur", "RandomGrayscale", "RandomHue", "RandomInvert", "RandomPerspective",
    "RandomPosterization", "RandomRotation", "RandomSaturation", "RandomSharpness", "RandomShear",
    "RandomTranslation", "RandomZoom",
}  # fmt: skip

#: Functions of Keras that work on each position alone.
_POINTWISE_FUNCTIONS = {
    "Absolute", "Abs", "Add", "Arctan", "Arcsinh", "Cast", "Cbrt", "Ceil", "Clip", "Copy", "Cos",
    "Cosh", "Divide", "DivideNoNan", "Erf", "Exp", "Exp2", "Expm1", "Floor", "FloorDivide",
    "Heaviside", "Hypot", "Identity", "Log", "Log10", "Log1p", "Log2", "Logaddexp", "LogicalAnd",
    "LogicalNot", "LogicalOr", "Maximum", "Minimum", "Mod", "Multiply", "NanToNum", "Negative",
    "OnesLike", "Power", "Reciprocal", "Round", "Rsqrt", "Sign", "Sin", "Sinh", "Sqrt", "Square",
    "StopGradient", "Subtract", "Tan", "Tanh", "TrueDivide", "Trunc", "Where", "ZerosLike",
    "Equal", "NotEqual", "Greater", "GreaterEqual", "Less", "LessEqual",
    "Celu", "Elu", "Gelu", "HardShrink", "HardSigmoid", "HardSilu", "HardTanh", "LeakyRelu",
    "LogSigmoid", "Relu", "Relu6", "Selu", "Sigmoid", "Silu", "SoftShrink", "Softplus", "Softsign",
    "SparsePlus", "SparseSigmoid", "Squareplus", "TanhShrink", "Threshold",
}  # fmt: skip

#: Functions of Keras that sum up some axes.
_REDUCING = {"Amax", "Amin", "Max", "Mean", "Min", "Prod", "Std", "Sum", "Var", "Logsumexp"}

#: Layers and functions that put values in other places.
_REARRANGING = {
    "Flatten", "Reshape", "Permute", "RepeatVector",
    "ExpandDims", "Flip", "Moveaxis", "Ravel", "Repeat", "Squeeze", "Swapaxes", "Tile", "Transpose",
    "BroadcastTo",
}  # fmt: skip

#: Other layers and functions without convolutions or dense products, and so without
#: multiply-accumulates.
WITHOUT_MACS = {
    "Embedding", "Softmax", "LayerNormalization", "GroupNormalization", "UnitNormalization",
    "RMSNormalization", "Resizing", "CenterCrop", "RandomCrop", "Masking", "InputLayer",
    "GetItem", "Pad", "Concatenate", "Split", "Stack", "Take", "LogSoftmax", "Resize", "Sparsemax",
    "MaxPool", "AveragePool", "Normalize", "PadImages", "CropImages", "DepthToSpace",
    "SpaceToDepth", "Argmax", "Argmin", "OneHot",
    *(f"{kind}{axes}D" for axes in (1, 2, 3) for kind in (
        "MaxPooling", "AveragePooling", "GlobalMaxPooling", "GlobalAveragePooling", "UpSampling",
        "ZeroPadding", "Cropping", "AdaptiveMaxPooling", "AdaptiveAveragePooling",
        "SpatialDropout")),
    *_POINTWISE, *_AUGMENTING, *_POINTWISE_FUNCTIONS, *_REDUCING, *_REARRANGING,
}  # fmt: skip


def _facts(called: Called) -> _Facts:
    """Return what is known of a layer or function that is none of our kinds."""
    if not called.is_layer and not called.is_function:
        return _Facts()
    if called.is_layer and re.fullmatch(r"\w*Conv[123]D(Transpose)?", called.kind):
        return _any_convolution(called)
    macs = 0 if called.kind in WITHOUT_MACS else None
    if called.kind in _REARRANGING:
        single = prod(called.shape[:-1]) == 1 and called.shape != ()
        pooled = GlobalAveragePooling2D(name=called.name) if single else None
        return _Facts(macs, pooled, rearranged=True)
    return _Facts(macs, _like(called), _function_is_known(called.operation))


def _like(called: Called) -> Layer | None:
    """Return a layer of ours with the same grid that reads the same positions, if there is one."""
    find = (_LIKE_LAYERS if called.is_layer else _LIKE_FUNCTIONS).get(called.kind)
    try:
        if find:
            return find(called)
        pointwise = _POINTWISE | _AUGMENTING if called.is_layer else _POINTWISE_FUNCTIONS
        return _each_position(called) if called.kind in pointwise else None
    except (NotAlike, ValueError, TypeError, AttributeError):
        return None


def _each_position(called: Called) -> Layer | None:
    """Return what reads each position alone, unless inputs don't lie on the output's positions."""
    for shape in called.inputs:
        if len(shape) == len(called.shape):
            pairs = zip(shape[:-1], called.shape[:-1], strict=True)
            _check(all(size in (1, output) for size, output in pairs))
        else:
            # Fewer axes: one value for all positions, as a layer of Keras joins them.
            _check(len(shape) <= 1 and called.is_layer)
    return Activation(name=called.name, activation="linear")


def _everywhere(called: Called) -> Layer:
    return Everything(name=called.name)


def _over_axis(called: Called, axis: Any) -> Layer | None:
    """Return how far a function over an axis or some axes looks."""
    rank = len(called.shape) + 1
    axes = {each % rank for each in (axis if isinstance(axis, (tuple, list)) else (axis,))}
    if not called.channels_last:
        return None
    return _each_position(called) if axes == {rank - 1} else _everywhere(called)


def _normalised(called: Called) -> Layer | None:
    return _over_axis(called, called.operation.axis)


def _reduced(called: Called) -> Layer | None:
    """Return how far a sum, mean or maximum over axes looks."""
    (shape,) = called.inputs
    rank, axis = len(shape) + 1, called.operation.axis
    axes = range(1, rank) if axis is None else axis if isinstance(axis, (tuple, list)) else (axis,)
    found = {each % rank for each in axes}
    if found == {rank - 1} and called.operation.keepdims:
        return _each_position(called)
    _check(found == set(range(1, rank - 1)))
    return GlobalAveragePooling2D(name=called.name, keepdims=called.operation.keepdims)


def _zeros_around(called: Called) -> Layer | None:
    operation = called.operation
    width = operation.pad_width
    _check(operation.mode == "constant" and not isinstance(width, int))
    batch, *sizes, channels = (tuple(each) for each in width)
    _check(batch == channels == (0, 0) and len(sizes) == 2)
    return ZeroPadding2D(name=called.name, padding=tuple(sizes))


def _part(called: Called) -> Layer | None:
    """Return the cropping that a slice of rows and columns is."""
    (shape,) = called.inputs
    _, key = called.args
    _check(isinstance(key, tuple) and all(isinstance(each, slice) for each in key))
    batch, *slices = key
    _check(batch == slice(None) and len(shape) == 3)
    slices += [slice(None)] * (3 - len(slices))
    margins = []
    for each, size in zip(slices[:2], shape, strict=False):
        start, stop, step = each.indices(size)
        _check(step == 1)
        margins.append((start, size - stop))
    return Cropping2D(name=called.name, cropping=tuple(margins))


def _cropped_to_centre(called: Called) -> Layer | None:
    (shape,) = called.inputs
    before = [(size - left) // 2 for size, left in zip(shape[:2], called.shape, strict=False)]
    _check(min(before) >= 0 and called.channels_last)
    margins = tuple(
        (start, size - left - start)
        for start, size, left in zip(before, shape[:2], called.shape[:2], strict=True)
    )
    return Cropping2D(name=called.name, cropping=margins)


def _concatenated(called: Called) -> Layer | None:
    rank = len(called.shape) + 1
    _check(called.operation.axis % rank == rank - 1)
    _check(len({shape[:-1] for shape in called.inputs}) == 1)
    return Concatenate(name=called.name)


def _split(called: Called) -> Layer | None:
    rank = len(called.shape) + 1
    _check(called.operation.axis % rank == rank - 1)
    return _each_position(called)


def _resized(called: Called) -> Layer | None:
    """Return the upsampling that a resize by a whole factor is, else its grid alone."""
    operation = called.operation
    (shape,) = called.inputs
    _check(called.channels_last and len(shape) == 3)
    _check(not operation.crop_to_aspect_ratio and not operation.pad_to_aspect_ratio)
    pairs = list(zip(called.shape[:2], shape[:2], strict=True))
    whole = all(output % size == 0 for output, size in pairs)
    known = operation.interpolation in ("nearest", "bilinear") and not operation.antialias
    if whole and known:
        factors = tuple(output // size for output, size in pairs)
        return UpSampling2D(name=called.name, size=factors, interpolation=operation.interpolation)
    return Scaled(name=called.name, fewer=shape[:2], more=called.shape[:2])


def _any_upsampling(called: Called) -> Layer:
    size = called.operation.size
    factors = tuple(size) if isinstance(size, (tuple, list)) else (size,)
    if getattr(called.operation, "interpolation", "nearest") in ("nearest", "bilinear"):
        interpolation = getattr(called.operation, "interpolation", "nearest")
        if called.channels_last:
            return UpSampling2D(name=called.name, size=factors, interpolation=interpolation)
    return Scaled(name=called.name, fewer=1, more=factors)


def _any_pooling(called: Called) -> Layer:
    operation = called.operation
    if not called.channels_last:
        return Scaled(name=called.name, fewer=tuple(operation.strides), more=1)
    return MaxPooling2D(name=called.name, **_settings(MaxPooling2D, operation))


def _any_margins(called: Called) -> Layer:
    return Scaled(name=called.name, fewer=1, more=1)


_LIKE_LAYERS: dict[str, Callable[[Called], Layer | None]] = {
    "Softmax": _normalised,
    "LayerNormalization": _normalised,
    "UnitNormalization": _normalised,
    "RMSNormalization": _normalised,
    "GroupNormalization": _everywhere,
    "Resizing": _resized,
    "CenterCrop": _cropped_to_centre,
    "Concatenate": _concatenated,
    **{
        f"{kind}{axes}D": find
        for axes in (1, 2, 3)
        for kind, find in (
            ("MaxPooling", _any_pooling),
            ("AveragePooling", _any_pooling),
            ("UpSampling", _any_upsampling),
            ("ZeroPadding", _any_margins),
            ("Cropping", _any_margins),
            ("GlobalMaxPooling", lambda called: GlobalMaxPooling2D(name=called.name)),
            ("GlobalAveragePooling", lambda called: GlobalAveragePooling2D(name=called.name)),
        )
    },
}

_LIKE_FUNCTIONS: dict[str, Callable[[Called], Layer | None]] = {
    **dict.fromkeys(_REDUCING, _reduced),
    "Softmax": _normalised,
    "LogSoftmax": _normalised,
    "Pad": _zeros_around,
    "GetItem": _part,
    "Concatenate": _concatenated,
    "Split": _split,
    "Resize": _resized,
}


def _any_convolution(called: Called) -> _Facts:
    """Return what is known of a convolution with any number of axes, or channels first."""
    operation = called.operation
    outputs, inputs = called.sizes(called.shape), called.sizes(called.inputs[0])
    transposed = called.kind.endswith("Transpose")
    names = ("_kernel", "kernel", "depthwise_kernel", "pointwise_kernel")
    found = [getattr(operation, name, None) for name in names]
    kernels = list({id(kernel): kernel for kernel in found if kernel is not None}.values())
    counted = sum(prod(kernel.shape) for kernel in kernels)
    expected = counted + (operation.bias.shape[0] if operation.use_bias else 0)
    exact = kernels and expected == sum(prod(weight.shape) for weight in operation.weights)
    macs = prod(inputs if transposed else outputs) * counted if exact else None
    strides = tuple(operation.strides)
    like: Layer
    if transposed:
        like = Scaled(name=called.name, fewer=1, more=strides)
    elif called.channels_last and operation.padding in ("same", "valid"):
        like = Conv2D(
            name=called.name,
            filters=1,
            kernel_size=tuple(operation.kernel_size),
            strides=strides,
            dilation_rate=tuple(operation.dilation_rate),
            padding=operation.padding,
        )
    else:
        like = Scaled(name=called.name, fewer=strides, more=1)
    return _Facts(macs, like, _function_is_known(operation))


# How to make it again.


def _recipe(called: Called) -> Recipe | None:
    """Return how Keras makes a layer or function of its own again, if it can be written down."""
    if (not called.is_layer and not called.is_function) or called.kind == "Lambda":
        return None
    if not _function_is_known(called.operation):
        return None
    import keras

    try:
        made = json.dumps(keras.saving.serialize_keras_object(called.operation))
        call = json.dumps([_written(called.args), _written(called.kwargs)])
    except (TypeError, ValueError, AttributeError, NotImplementedError):
        return None
    return Recipe(made, call, called.output)


def _written(value: Any) -> Any:
    """Return an argument in JSON's types.

    Raises:
        TypeError: If it has none.
    """
    if isinstance(value, Tensor):
        return {"input": value.place}
    if isinstance(value, slice):
        return {"slice": [value.start, value.stop, value.step]}
    if isinstance(value, (tuple, list)):
        return {type(value).__name__: [_written(each) for each in value]}
    if isinstance(value, dict):
        return {"dict": {str(key): _written(each) for key, each in value.items()}}
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise TypeError(f"{type(value).__name__} has no form in JSON.")


def cook(recipe: Recipe, made: Any, inputs: Sequence[Any]) -> Any:
    """Return the output of a layer or function that `make` made, called as it was.

    Args:
        recipe: How it was called.
        made: The layer or function.
        inputs: The Keras tensors that it is called on.
    """
    import keras

    args, kwargs = (_read(each, inputs) for each in json.loads(recipe.call))
    outputs = keras.tree.flatten(made(*args, **kwargs))
    return outputs[recipe.output]


def make(recipe: Recipe) -> Any:
    """Return the layer or function of a recipe.

    Raises:
        ValueError: If Keras cannot make it, or makes another.
    """
    import keras

    said = json.loads(recipe.made)
    made = keras.saving.deserialize_keras_object(said)
    again = json.loads(json.dumps(keras.saving.serialize_keras_object(made)))
    # What a layer was built on comes when it is called.
    if {**again, "build_config": None} != {**said, "build_config": None}:
        raise ValueError("Keras does not make the same layer from its own description.")
    return made


def _read(value: Any, inputs: Sequence[Any]) -> Any:
    if not isinstance(value, dict):
        return value
    ((kind, content),) = value.items()
    match kind:
        case "input":
            return inputs[content]
        case "slice":
            return slice(*content)
        case "dict":
            return {key: _read(each, inputs) for key, each in content.items()}
        case _:
            listed = [_read(each, inputs) for each in content]
            return tuple(listed) if kind == "tuple" else listed
