"""What each operator of ONNX is as a layer of ours.

The rules are those of ONNX's "Operators" document, of versions 7 to 24; where versions differ, by
attributes or by inputs.
"""

from collections.abc import Callable, Sequence
from fractions import Fraction
from math import prod
from typing import Any

import attrs

from explorer.core.network.errors import Refusal
from explorer.core.network.layers import (
    Activation,
    Add,
    AveragePooling2D,
    BatchNormalization,
    Concatenate,
    Conv2D,
    Conv2DTranspose,
    Cropping2D,
    Dense,
    DepthwiseConv2D,
    Dropout,
    GlobalAveragePooling2D,
    GlobalMaxPooling2D,
    GroupNormalization,
    Layer,
    LeakyReLU,
    MaxPooling2D,
    Multiply,
    Shape,
    UpSampling2D,
    ZeroPadding2D,
)
from explorer.core.network.layers.foreign import Everything, Operator, Scaled
from explorer.core.network.layers.normalisation import EACH_CHANNEL
from explorer.core.network.layers.padded import (
    PaddedAveragePooling2D,
    PaddedConv2D,
    PaddedConv2DTranspose,
    PaddedDepthwiseConv2D,
    PaddedMaxPooling2D,
    Resize2D,
)
from explorer.onnx_side.constants import Senseless, slices_of, target
from explorer.onnx_side.reader import Call, Translate, Unknown
from explorer.onnx_side.tensors import Axes, Constant, Factor, Tensor, reshaped

#: How large kernels, strides and the like may be: what is larger is no network's.
_LARGEST = 10_000


def _check(condition: bool, why: str) -> None:
    if not condition:
        raise Unknown(why)


def _pair(call: Call, name: str, default: int | Sequence[int]) -> tuple[int, int]:
    """Return a setting along height and width."""
    value = call.setting(name, default)
    found = (value, value) if isinstance(value, int) else tuple(value)
    if len(found) != 2 or not all(type(n) is int and 1 <= n <= _LARGEST for n in found):
        raise Senseless(f"{name} {str(found)[:60]}")
    return found[0], found[1]


_Margins = tuple[tuple[int, int], tuple[int, int]]


def _same(size: int, span: int, step: int, is_lower: bool = False) -> tuple[int, int]:
    """Return the margins of "same" padding along an axis; an odd one is the last, or the first."""
    total = max((-(-size // step) - 1) * step + span - size, 0)
    less, more = total // 2, total - total // 2
    return (more, less) if is_lower else (less, more)


def _margins(
    call: Call, sizes: Sequence[int], spans: Sequence[int], steps: Sequence[int]
) -> _Margins:
    """Return the margins of a window, along height and width."""
    auto = _text(call.setting("auto_pad", "NOTSET"))
    if auto in ("SAME_UPPER", "SAME_LOWER"):
        is_lower = auto == "SAME_LOWER"
        return tuple(  # type: ignore[return-value]
            _same(*each, is_lower) for each in zip(sizes, spans, steps, strict=True)
        )
    pads = [0] * 4 if auto == "VALID" else list(call.setting("pads", [0] * 4))
    if len(pads) != 4 or not all(type(n) is int and abs(n) <= _LARGEST for n in pads):
        raise Senseless(f"pads {str(pads)[:60]}")
    return (pads[0], pads[2]), (pads[1], pads[3])


def _text(value: Any) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


# Convolutions.


def _convolution(call: Call) -> Tensor:
    image = call.image
    height, width, channels = image.node.shape
    kernel, bias = call.constant(1), call.constant(2)
    _check(kernel is not None, "it has no kernel")
    assert kernel is not None
    filters, read, *window = kernel.dims
    groups = call.setting("group", 1)
    if len(window) != 2 or groups < 1 or read * groups != channels or filters % groups:
        raise Senseless(f"a kernel of {kernel.dims} in {groups} groups for {channels} channels")
    strides, dilations = _pair(call, "strides", 1), _pair(call, "dilations", 1)
    spans = [(n - 1) * d + 1 for n, d in zip(window, dilations, strict=True)]
    pads = _margins(call, (height, width), spans, strides)
    same = tuple(_same(*each) for each in zip((height, width), spans, strides, strict=True))
    is_same = pads == same
    settings: dict[str, Any] = {
        "name": call.name,
        "kernel_size": tuple(window),
        "strides": strides,
        "use_bias": bias is not None,
        "dilation_rate": dilations,
    }
    if 1 < groups == channels:
        settings["depth_multiplier"] = filters // channels
    else:
        settings |= {"filters": filters, "groups": groups}
    ours, padded = (
        (DepthwiseConv2D, PaddedDepthwiseConv2D)
        if "depth_multiplier" in settings
        else (Conv2D, PaddedConv2D)
    )
    layer: Layer
    if is_same or not any(map(any, pads)):
        layer = ours(padding="same" if is_same else "valid", **settings)
    else:
        layer = padded(pads=pads, **settings)
    return call.image_made(layer, (kernel, bias))


def _transposed(call: Call) -> Tensor:
    image = call.image
    *sizes, channels = image.node.shape
    kernel, bias = call.constant(1), call.constant(2)
    _check(kernel is not None, "it has no kernel")
    assert kernel is not None
    read, share, *window = kernel.dims
    groups = call.setting("group", 1)
    if len(window) != 2 or groups < 1 or read != channels or channels % groups:
        raise Senseless(f"a kernel of {kernel.dims} in {groups} groups for {channels} channels")
    strides, dilations = _pair(call, "strides", 1), _pair(call, "dilations", 1)
    beyond = list(call.setting("output_padding", [0, 0]))
    pads = _margins(call, sizes, (1, 1), (1, 1))
    auto = _text(call.setting("auto_pad", "NOTSET"))
    wanted = call.setting("output_shape")
    if wanted is None and auto.startswith("SAME"):
        wanted = [size * step for size, step in zip(sizes, strides, strict=True)]
    spans = [(n - 1) * d + 1 for n, d in zip(window, dilations, strict=True)]
    cut = []
    for axis in (0, 1):
        before, after = pads[axis]
        if wanted is not None:
            made = (sizes[axis] - 1) * strides[axis] + beyond[axis] + spans[axis]
            total = made - list(wanted)[-2:][axis]
            _check(total >= 0, "it asks for an output that is larger than what it makes")
            less = total // 2
            before, after = (less, total - less) if auto == "SAME_UPPER" else (total - less, less)
        cut.append((before, after - beyond[axis]))
    filters = share * groups
    settings: dict[str, Any] = {
        "filters": filters,
        "kernel_size": tuple(window),
        "strides": strides,
        "use_bias": bias is not None,
    }
    if dilations != (1, 1):
        return _scaled_transposed(call, kernel, bias, spans, strides, tuple(cut))
    more = [n - s for n, s in zip(window, strides, strict=True)]
    same = tuple((max(n, 0) // 2, n - max(n, 0) // 2) for n in more)
    layer: Layer
    if groups == 1 and tuple(cut) == same:
        layer = Conv2DTranspose(name=call.name, padding="same", **settings)
    elif groups == 1 and tuple(cut) == tuple((0, min(n, 0)) for n in more):
        layer = Conv2DTranspose(name=call.name, padding="valid", **settings)
    else:
        layer = PaddedConv2DTranspose(
            name=call.name, pads=(cut[0], cut[1]), groups=groups, **settings
        )
    return call.image_made(layer, (kernel, bias))


def _scaled_transposed(
    call: Call,
    kernel: Constant,
    bias: Constant | None,
    spans: Sequence[int],
    strides: tuple[int, int],
    cut: tuple[tuple[int, int], ...],
) -> Tensor:
    """Return a dilated transposed convolution, of which the reading of positions isn't known."""
    height, width, _ = call.image.node.shape
    filters = kernel.dims[1] * call.setting("group", 1)
    made = [
        (size - 1) * step + span - sum(off)
        for size, step, span, off in zip((height, width), strides, spans, cut, strict=True)
    ]
    shape = (made[0], made[1], filters)
    layer = _operator(
        call,
        shape,
        Scaled(name="like", fewer=1, more=strides),
        (kernel, bias),
        macs=prod(kernel.dims) * height * width,
    )
    return call.image_made(layer, (kernel, bias))


def _operator(
    call: Call,
    shape: Shape,
    like: Layer | None,
    weights: Sequence[Constant | None] = (),
    macs: int | None = 0,
    rearranged: bool = False,
    about: str = "",
) -> Operator:
    """Return an operator that is none of our kinds."""
    count = sum(sum(each.weights.values()) for each in weights if each)
    return Operator(
        call.operation.kind,
        name=call.name,
        shape=shape,
        trainable_params=count,
        multiplications=macs,
        like=like,
        rearranged=rearranged,
        about=about,
    )


# Pooling.


def _pooled(ours: Any, padded: Any) -> Translate:
    def translate(call: Call) -> Tensor:
        height, width, _ = call.image.node.shape
        _check(len([n for n in call.operation.outputs if n]) == 1, "it has several outputs")
        window, strides = _pair(call, "kernel_shape", ()), _pair(call, "strides", 1)
        dilations = _pair(call, "dilations", 1)
        spans = [(n - 1) * d + 1 for n, d in zip(window, dilations, strict=True)]
        pads = _margins(call, (height, width), spans, strides)
        rounds_up = bool(call.setting("ceil_mode", 0))
        counts = bool(call.setting("count_include_pad", 0))
        same = tuple(_same(*each) for each in zip((height, width), spans, strides, strict=True))
        settings: dict[str, Any] = {"pool_size": window, "strides": strides}
        special = {"dilation_rate": dilations, "rounds_up": rounds_up}
        if padded is PaddedAveragePooling2D:
            special["counts_margins"] = counts
        layer: Layer = padded(name="like", pads=pads, **settings, **special)
        plain: Layer | None = None
        if pads == _NONE:
            plain = ours(name="like", padding="valid", **settings)
        elif pads == same and not counts:
            plain = ours(name="like", padding="same", **settings)
        shapes = [call.image.node.shape]
        # Rounding up makes no difference where windows fit.
        if plain is not None and dilations == (1, 1):
            is_alike = layer.output_shape(shapes) == plain.output_shape(shapes)
            layer = plain if is_alike else layer
        return call.image_made(attrs.evolve(layer, name=call.name))

    return translate


_NONE = ((0, 0), (0, 0))


def _pooled_wholly(ours: Any) -> Translate:
    return lambda call: call.image_made(ours(name=call.name, keepdims=True))


def _reduced(call: Call) -> Tensor:
    source = call.feature
    rank = len(source.axes)
    given = call.numbers("axes", 1)
    _check(given is not None or not call.setting("noop_with_empty_axes"), "it does nothing")
    axes = {int(axis) % rank for axis in given} if given is not None else set(range(rank))
    factors = [factor for axis in axes for factor in source.axes[axis]]
    left = [f for axis in range(rank) if axis not in axes for f in source.axes[axis]]
    keeps = bool(call.setting("keepdims", 1))
    after = tuple(
        () if axis in axes else source.axes[axis]
        for axis in range(rank)
        if keeps or axis not in axes
    )
    whole = {factor.letter for factor in factors}
    shape = tuple(prod(f.size for f in left if f.letter == letter) for letter in source.letters)
    is_apart = any(f.letter in "HW" for f in left)
    like: Layer | None = None
    if source.letters == "HWC" and not is_apart:
        if "C" not in whole and call.operation.kind in ("ReduceMean", "ReduceMax"):
            kind = _MEAN_OR_MAX[call.operation.kind]
            layer: Layer = kind(name=call.name, keepdims=True)
            return call.made(layer, [source], "HWC", shape, after)
        like = GlobalAveragePooling2D(name="like", keepdims=True)
    elif source.letters == "HWC" and whole <= {"C"}:
        like = _POINTWISE
    layer = _operator(call, shape, like)
    return call.made(layer, [source], source.letters, shape, after)


_MEAN_OR_MAX: dict[str, Any] = {
    "ReduceMean": GlobalAveragePooling2D,
    "ReduceMax": GlobalMaxPooling2D,
}
_POINTWISE = Activation(name="like", activation="linear")


# Layers that work on each position alone.


def _kept(call: Call, layer: Layer, *weights: Constant | None) -> Tensor:
    """Return the output of a layer that has the shape of its input."""
    source = call.feature
    return call.made(layer, [source], source.letters, source.node.shape, source.axes, weights)


def _activated(call: Call, name: str) -> Tensor:
    return _kept(call, Activation(name=call.name, activation=name))


def _activation(name: str) -> Translate:
    return lambda call: _activated(call, name)


def _leaky(call: Call) -> Tensor:
    slope = float(f"{call.setting('alpha', 0.01):.6g}")
    return _kept(call, LeakyReLU(name=call.name, negative_slope=slope))


def _pointwise(call: Call) -> Tensor:
    source = call.feature
    return _kept(call, _operator(call, source.node.shape, _POINTWISE))


def _with_alpha_of_one(name: str) -> Translate:
    """Return an activation that is one of ours where its alpha is 1."""

    def translate(call: Call) -> Tensor:
        is_ours = abs(call.setting("alpha", 1.0) - 1) < 1e-6
        return _activated(call, name) if is_ours else _pointwise(call)

    return translate


def _hard_sigmoid(call: Call) -> Tensor:
    slope, middle = call.setting("alpha", 0.2), call.setting("beta", 0.5)
    is_ours = abs(slope - 1 / 6) < 1e-6 and abs(middle - 0.5) < 1e-6
    return _activated(call, "hard_sigmoid") if is_ours else _pointwise(call)


def _clipped(call: Call) -> Tensor:
    low, high = (
        call.setting(name, None if each is None or each.values is None else each.values.item())
        for name, each in (("min", call.constant(1)), ("max", call.constant(2)))
    )
    if low == 0 and high == 6:
        return _activated(call, "relu6")
    if low == 0 and high is None and call.constant(2) is None:
        return _activated(call, "relu")
    return _pointwise(call)


def _dropped(call: Call) -> Tensor | Sequence[Tensor]:
    training = call.constant(2)
    _check(training is None or training.values is not None, "it may be as in training")
    _check(training is None or not training.values.any(), "it is as in training")
    _check(len([n for n in call.operation.outputs if n]) == 1, "it has several outputs")
    ratio = call.constant(1)
    given = 0.5 if ratio is None or ratio.values is None else float(ratio.values)
    rate = float(f"{call.setting('ratio', given):.6g}")
    return _kept(call, Dropout(name=call.name, rate=rate))


def _prelu(call: Call) -> Tensor:
    slope = call.constant(1)
    source = call.feature
    _check(slope is not None, "it has no slope")
    layer = _operator(
        call,
        source.node.shape,
        _POINTWISE,
        (slope,),
        about="a slope for negative values is trained",
    )
    return _kept(call, layer, slope)


def _softmax(name: str) -> Translate:
    def translate(call: Call) -> Tensor:
        source = call.feature
        rank = len(source.axes)
        # Before version 13, all axes from the given one on are one.
        is_old = call.reader.opset < 13
        axis = call.setting("axis", 1 if is_old else -1) % rank
        axes = range(axis, rank) if is_old else [axis]
        factors = [factor for each in axes for factor in source.axes[each]]
        letters = {factor.letter for factor in factors}
        if letters <= {"C"} and "C" in source.letters:
            if prod(factor.size for factor in factors) == source.size("C"):
                return _kept(call, Activation(name=call.name, activation=name))
            return _pointwise(call)
        return _kept(call, _operator(call, source.node.shape, _everywhere(source, factors)))

    return translate


def _everywhere(source: Tensor, factors: Sequence[Factor]) -> Everything | None:
    """Return what reads an image all over, if factors are all of its height and width."""
    sizes = [prod(each.size for each in factors if each.letter == letter) for letter in "HW"]
    is_whole = source.letters == "HWC" and sizes == [source.size(letter) for letter in "HW"]
    return Everything(name="like") if is_whole else None


# Normalisation.


def _batch_normalised(call: Call) -> Tensor:
    rank = len(call.feature.axes)
    _check(rank in (2, 4), "it does not take images")
    source = call.image if rank == 4 else call.feature
    _check(not call.setting("training_mode", 0), "it takes its statistics of the batch")
    _check(len([n for n in call.operation.outputs if n]) == 1, "it has several outputs")
    scale, offset, mean, variance = (call.constant(place) for place in (1, 2, 3, 4))
    epsilon = float(f"{call.setting('epsilon', 1e-5):.6g}")
    layer = BatchNormalization(name=call.name, epsilon=epsilon)
    return call.made(
        layer,
        [source],
        source.letters,
        source.node.shape,
        source.axes,
        (scale, offset),
        (mean, variance),
    )


def _instance_normalised(call: Call) -> Tensor:
    source = call.feature
    scale, offset = call.constant(1), call.constant(2)
    _check(scale is not None and offset is not None, "it has no scale or offset")
    assert scale is not None
    assert offset is not None
    epsilon = float(f"{call.setting('epsilon', 1e-5):.6g}")
    groups = source.dims[1]
    channels = [f for f in source.axes[1] if f.letter == "C"]
    firsts = sum(f.letter == "C" for f in source.axes[1])
    own = [f for axis in source.axes for f in axis if f.letter == "C"]
    in_groups = (
        source.letters == "HWC"
        and len(channels) == len(source.axes[1])
        and [f.place for f in own] == sorted(f.place for f in own)
        and own[:firsts] == channels
    )
    _check(in_groups, "it does not normalise channels of images")
    is_each = groups == source.size("C")
    plain = _is_all(scale, 1) and _is_all(offset, 0) and not is_each
    layer = GroupNormalization(
        name=call.name,
        groups=EACH_CHANNEL if is_each else groups,
        epsilon=epsilon,
        center=not plain,
        scale=not plain,
    )
    # Scale and offset that do nothing are how groups are written; those that are trained follow.
    return _kept(call, layer, *(() if plain else (scale, offset)))


def _is_all(constant: Constant, value: float) -> bool:
    return constant.values is not None and bool((constant.values == value).all())


def _group_normalised(call: Call) -> Tensor:
    scale, offset = call.constant(1), call.constant(2)
    groups = call.setting("num_groups")
    channels = call.image.node.shape[2]
    layer = GroupNormalization(
        name=call.name,
        groups=EACH_CHANNEL if groups == channels else groups,
        epsilon=float(f"{call.setting('epsilon', 1e-5):.6g}"),
    )
    return call.image_made(layer, (scale, offset))


def _layer_normalised(call: Call) -> Tensor:
    source = call.feature
    axis = call.setting("axis", -1) % len(source.axes)
    factors = [factor for each in source.axes[axis:] for factor in each]
    _check(len([n for n in call.operation.outputs if n]) == 1, "it has several outputs")
    weights = (call.constant(1), call.constant(2))
    is_each = source.letters == "HWC" and all(factor.letter == "C" for factor in factors)
    like = _POINTWISE if is_each else _everywhere(source, factors)
    return _kept(call, _operator(call, source.node.shape, like, weights), *weights)


# What joins.


def _joined(axes: Sequence[Axes]) -> Axes | None:
    """Return the axes of what is joined value by value; None if they don't lie on one another."""
    rank = max(map(len, axes))
    found = []
    empty: Axes = ((),) * rank
    whole = [(*empty[len(each) :], *_in_places(each)) for each in axes]
    for column in zip(*whole, strict=True):
        if len({axis for axis in column if axis}) > 1:
            return None
        found.append(next((axis for axis in column if axis), ()))
    return tuple(found)


def _element_wise(call: Call) -> Tensor:
    kind = call.operation.kind
    tensors = call.tensors
    constants = [each for each in call.inputs if isinstance(each, Constant)]
    axes = _joined([each.axes for each in tensors])
    _check(axes is not None, "its inputs don't lie on one another")
    assert axes is not None
    dims = tuple(prod(f.size for f in axis) for axis in axes)
    for each in constants:
        pairs = zip(reversed(each.dims), reversed(dims), strict=False)
        is_small = len(each.dims) <= len(dims) and all(n in (1, size) for n, size in pairs)
        _check(is_small, "it repeats what is constant")
    letters = max((each.letters for each in tensors), key=len)
    _check(
        all(each.letters == letters or each.letters == "C" == letters[-1] for each in tensors),
        "its inputs don't lie on one another",
    )
    factors = [f for axis in axes for f in axis]
    shape = tuple(prod(f.size for f in factors if f.letter == letter) for letter in letters)
    weights = [each for each in constants if _counts(each, shape[-1])]
    if len(tensors) == 1 and len(weights) == 1 and len(constants) == 1:
        merged = _taken_in(call, weights[0])
        if merged is not None:
            return merged
    if kind in _MERGING and not constants and len(tensors) > 1:  # noqa: SIM102
        if len({each.node.shape for each in tensors}) == 1:
            return call.made(_MERGING[kind](name=call.name), tensors, letters, shape, axes)
    for tensor in tensors:
        sizes = [tensor.size(letter) for letter in letters[:-1]]
        on_grid = all(n in (1, m) for n, m in zip(sizes, shape, strict=False))
        _check(on_grid, "its inputs don't lie on one another")
    layer = _operator(call, shape, _POINTWISE, weights)
    return call.made(layer, tensors, letters, shape, axes, weights)


def _in_places(axes: Axes) -> Axes:
    """Return factors of axes with the places that they have among those there are."""
    factors = [factor for axis in axes for factor in axis]

    def placed(factor: Factor) -> Factor:
        before = {f.place for f in factors if f.letter == factor.letter and f.place < factor.place}
        return attrs.evolve(factor, place=len(before))

    return tuple(tuple(map(placed, axis)) for axis in axes)


_MERGING: dict[str, Any] = {"Add": Add, "Sum": Add, "Mul": Multiply}


def _counts(constant: Constant, channels: int) -> bool:
    """Return whether a constant is likely to be trained: numbers of formulas are single ones."""
    return bool(constant.weights) and (
        constant.size > 1 or (bool(constant.dims) and channels == 1 and constant.is_stored)
    )


def _taken_in(call: Call, added: Constant) -> Tensor | None:
    """Return the layer before with a bias, scale or offset that follows it in the file."""
    source = call.tensors[0]
    layer: Any = source.node.layer
    if not source.is_image or not _is_by_channel(added, source.node.shape[2]):
        return None
    kind = call.operation.kind
    if kind == "Add" and getattr(layer, "use_bias", True) is False:  # noqa: SIM102
        if layer.activation == "linear":
            return call.reader.rewritten(source, call, attrs.evolve(layer, use_bias=True), added)
    if isinstance(layer, GroupNormalization) and not layer.center:
        if kind == "Mul" and not layer.scale:
            return call.reader.rewritten(source, call, attrs.evolve(layer, scale=True), added)
        if kind == "Add":
            return call.reader.rewritten(source, call, attrs.evolve(layer, center=True), added)
    return None


def _is_by_channel(constant: Constant, channels: int) -> bool:
    dims = (1,) * (4 - len(constant.dims)) + tuple(constant.dims)
    return dims == (1, channels, 1, 1)


def _concatenated(call: Call) -> Tensor:
    tensors = call.tensors
    _check(len(tensors) == len(call.inputs), "some of its inputs are constant")
    first = tensors[0]
    if len(tensors) == 1:
        return first
    rank = len(first.axes)
    axis = call.setting("axis") % rank
    _check(all(len(each.axes) == rank for each in tensors), "its inputs have other axes")
    dims = list(first.dims)
    dims[axis] = sum(each.dims[axis] for each in tensors)
    is_plain = all(
        each.letters == first.letters
        and each.is_whole(axis, "C")
        and _others(each, axis) == _others(first, axis)
        for each in tensors
    )
    _check(is_plain and "C" in first.letters, "it does not join channels")
    axes = list(first.axes)
    axes[axis] = (Factor("C", dims[axis]),)
    shape = (*first.node.shape[:-1], dims[axis])
    layer = Concatenate(name=call.name)
    return call.made(layer, tensors, first.letters, shape, tuple(axes))


def _others(tensor: Tensor, axis: int) -> list[list[tuple[str, int]]]:
    return [[(f.letter, f.size) for f in each] for i, each in enumerate(tensor.axes) if i != axis]


# Resizing.


def _resized(call: Call) -> Tensor:
    height, width, channels = call.image.node.shape
    is_old = call.operation.kind == "Upsample" or call.reader.opset < 11
    scales = call.numbers("scales", 1 if is_old else 2)
    wanted = None if is_old else call.numbers("sizes", 3)
    _check(call.setting("axes") is None, "it is only of some axes")
    _check(
        _text(call.setting("keep_aspect_ratio_policy", "stretch")) == "stretch",
        "it keeps proportions",
    )
    if wanted is not None:
        _check(len(wanted) == 4 and list(wanted[:2]) == [1, channels], "it resizes channels")
        factors = [Fraction(int(wanted[2]), height), Fraction(int(wanted[3]), width)]
    else:
        _check(scales is not None and len(scales) == 4, "its scales are not of images")
        assert scales is not None
        _check(scales[0] == scales[1] == 1, "it resizes channels")
        factors = [Fraction(scale).limit_denominator(1000) for scale in scales[2:]]
        near = all(abs(float(f) - s) < 1e-6 * s for f, s in zip(factors, scales[2:], strict=True))
        _check(near, "its scales are no simple fractions")
    if not all(0 < factor <= _LARGEST for factor in factors):
        raise Senseless(f"scales {[str(factor) for factor in factors]}"[:80])
    mode = _text(call.setting("mode", "nearest")).lower()
    default = "asymmetric" if is_old else "half_pixel"
    where = _text(call.setting("coordinate_transformation_mode", default))
    rounding = _text(call.setting("nearest_mode", "floor" if is_old else "round_prefer_floor"))
    mode = {"bilinear": "linear", "bicubic": "cubic"}.get(mode, mode)
    more = (factors[0].numerator, factors[1].numerator)
    fewer = (factors[0].denominator, factors[1].denominator)
    sizes = [int(size * factor) for size, factor in zip((height, width), factors, strict=True)]
    # PyTorch's rule differs for a single position alone.
    is_plain = where != "pytorch_half_pixel" or min(sizes) > 1
    where = "half_pixel" if where == "pytorch_half_pixel" and is_plain else where
    antialias = bool(call.setting("antialias", 0)) and min(factors) < 1
    known = (
        mode in ("nearest", "linear", "cubic")
        and where in ("half_pixel", "asymmetric", "tf_half_pixel_for_nn")
        and rounding in ("round_prefer_floor", "round_prefer_ceil", "floor", "ceil")
        and not antialias
        and not call.setting("exclude_outside", 0)
    )
    if not known:
        shape = (sizes[0], sizes[1], channels)
        layer: Layer = _operator(call, shape, Scaled(name="like", fewer=fewer, more=more))
        return call.image_made(layer)
    resize = Resize2D(
        name=call.name,
        fewer=fewer,
        more=more,
        interpolation=mode,
        coordinates=where,
        rounding=rounding,
    )
    return call.image_made(_upsampling(resize) or resize)


def _upsampling(resize: Resize2D) -> UpSampling2D | None:
    """Return the upsampling of Keras that a resize is, if it is one."""
    names = {"nearest": "nearest", "linear": "bilinear"}
    if resize.fewer != (1, 1) or resize.interpolation not in names:
        return None
    if resize.interpolation == "linear" and resize.coordinates != "half_pixel":
        return None
    found = UpSampling2D(
        name=resize.name, size=resize.more, interpolation=names[resize.interpolation]
    )
    same = all(
        found.sources(place, 100, axis) == resize.sources(place, 100, axis)
        for axis in (0, 1)
        for place in range(resize.more[axis])
    )
    return found if same else None


def _tiled(call: Call) -> Tensor:
    """Return the upsampling that repeats each row or column, if it is that."""
    source = call.feature
    repeats = call.numbers("repeats", 1)
    _check(repeats is not None and len(repeats) == len(source.axes), "its repeats are not told")
    assert repeats is not None
    repeated = [(axis, int(n)) for axis, n in enumerate(repeats) if n != 1]
    if not repeated:
        return source
    _check(len(repeated) == 1 and not source.axes[repeated[0][0]], "it repeats the whole feature")
    axis, times = repeated[0]
    before = source.axes[axis - 1] if axis else ()
    _check(
        source.letters == "HWC"
        and 1 < times <= _LARGEST
        and bool(before)
        and {f.letter for f in before} in ({"H"}, {"W"})
        and source.is_whole(axis - 1, before[0].letter),
        "it repeats the whole feature",
    )
    letter = before[0].letter
    size = (times, 1) if letter == "H" else (1, times)
    axes = list(source.axes)
    axes[axis] = (Factor(letter, times, max(f.place for f in before) + 1),)
    layer, sources = UpSampling2D(name=call.name, size=size), source
    shape = layer.output_shape([source.node.shape])
    return call.made(layer, [sources], "HWC", shape, tuple(axes))


def _padded(call: Call) -> Tensor:
    source = call.feature
    if call.reader.opset < 11:
        pads: list[Any] | None = call.setting("pads", call.setting("paddings"))
        value = call.setting("value", 0.0)
    else:
        pads = call.numbers("pads", 1)
        given = call.constant(2)
        value = 0.0
        if given is not None:
            _check(given.values is not None, "its value is not in the file")
            value = float(given.values.ravel()[0]) if given.size else 0.0
        _check(call.constant(3) is None, "it is only of some axes")
    rank = len(source.axes)
    _check(pads is not None and len(pads) == 2 * rank, "its pads are not told")
    assert pads is not None
    pads = [int(pad) for pad in pads]
    if not any(pads):
        return source
    around = {}
    for axis in range(rank):
        if pads[axis] or pads[axis + rank]:
            letter = next((each for each in "HW" if source.is_whole(axis, each)), "")
            _check(source.letters == "HWC" and bool(letter), "it does not pad height or width")
            _check(bool(source.axes[axis]), "it does not pad height or width")
            around[letter] = (pads[axis], pads[axis + rank])
    margins = around.get("H", (0, 0)), around.get("W", (0, 0))
    if max(map(max, margins)) > _LARGEST:
        raise Senseless(f"pads {margins}"[:80])
    is_zero = _text(call.setting("mode", "constant")) == "constant" and value == 0
    layer: Layer
    if max(map(max, margins)) <= 0:
        cropping = tuple((-before, -after) for before, after in margins)
        layer = Cropping2D(name=call.name, cropping=cropping)
        shape = layer.output_shape([source.node.shape])
    elif is_zero and min(map(min, margins)) >= 0:
        layer = ZeroPadding2D(name=call.name, padding=margins)
        shape = layer.output_shape([source.node.shape])
    else:
        sizes = [
            size + sum(each) for size, each in zip(source.node.shape[:2], margins, strict=True)
        ]
        if min(sizes) < 1:
            raise Senseless(f"pads {margins}"[:80])
        shape = (sizes[0], sizes[1], source.node.shape[2])
        about = "it puts other values than zeros around the feature"
        layer = _operator(call, shape, Scaled(name="like", fewer=1, more=1), about=about)
    return call.made(layer, [source], "HWC", shape, _with_sizes(source, shape))


def _with_sizes(source: Tensor, shape: Shape) -> Axes:
    """Return axes in the order of a feature's whose axes are whole, with other sizes."""
    axes = []
    for place, axis in enumerate(source.axes):
        whole = [letter for letter in source.letters if axis and source.is_whole(place, letter)]
        if not whole:
            _check(not axis, "its axes are parted")
            axes.append(axis)
            continue
        size = shape[source.letters.index(whole[0])]
        axes.append((Factor(whole[0], size),) if size != 1 else ())
    return tuple(axes)


def _part(call: Call) -> Tensor:
    source = call.feature
    given = []
    for place in range(1, len(call.inputs)):
        constant = call.constant(place)
        _check(constant is None or constant.values is not None, "its ends are not in the file")
        given.append(None if constant is None else constant.values)
    slices = slices_of(source.dims, given, call.operation.settings)
    taken = [range(size)[each] for size, each in zip(source.dims, slices, strict=True)]
    shape = list(source.node.shape)
    _check(all(map(len, taken)), "it takes nothing")
    starts, steps = {"H": 0, "W": 0}, {"H": 1, "W": 1}
    for axis, each in enumerate(taken):
        if each == range(source.dims[axis]):
            continue
        letter = next((x for x in source.letters if source.is_whole(axis, x)), "")
        _check(bool(letter) and source.letters == "HWC", "it takes a part of no image")
        _check(each.step > 0 or letter == "C", "it turns the image")
        shape[source.letters.index(letter)] = len(each)
        if letter != "C":
            starts[letter], steps[letter] = each.start, each.step
    after = tuple(shape)
    if after == source.node.shape:
        if all(each.step == 1 for each in taken):
            return source
        return _kept(call, _operator(call, after, _POINTWISE))
    axes = _with_sizes(source, after)
    is_of_channels = after[:2] == source.node.shape[:2]
    layer: Layer
    if is_of_channels:
        layer = _operator(call, after, _POINTWISE)
    elif after[2] == source.node.shape[2] and set(steps.values()) == {1}:
        margins = tuple(
            (starts[x], source.size(x) - starts[x] - size)
            for x, size in zip("HW", after, strict=False)
        )
        layer = Cropping2D(name=call.name, cropping=margins)
    else:
        like = PaddedMaxPooling2D(
            name="like",
            pool_size=1,
            strides=(steps["H"], steps["W"]),
            pads=((-starts["H"], 0), (-starts["W"], 0)),
        )
        layer = _operator(call, after, like)
    return call.made(layer, [source], "HWC", after, axes)


def _split(call: Call) -> Sequence[Tensor]:
    source = call.feature
    axis = call.setting("axis", 0) % len(source.axes)
    _check(source.is_whole(axis, "C") and bool(source.axes[axis]), "it does not part channels")
    names = call.operation.outputs
    size = source.dims[axis]
    sizes = call.numbers("split", 1)
    if sizes is None:
        each = -(-size // len(names))
        sizes = [each] * (len(names) - 1) + [size - each * (len(names) - 1)]
    if len(sizes) != len(names) or sum(sizes) != size or min(sizes) < 1:
        raise Senseless(f"parts {str(sizes)[:60]} of {size} channels")
    made = []
    for part in sizes:
        shape = (*source.node.shape[:-1], int(part))
        layer = _operator(call, shape, _POINTWISE if source.letters == "HWC" else None)
        axes = _with_sizes(source, shape)
        made.append(call.made(layer, [source], source.letters, shape, axes))
    return made


def _depth_to_space(call: Call) -> Tensor:
    height, width, channels = call.image.node.shape
    size = call.setting("blocksize")
    if not 1 <= size <= _LARGEST or channels % size**2:
        raise Senseless(f"blocks of {size} from {channels} channels")
    shape = (height * size, width * size, channels // size**2)
    like = UpSampling2D(name="like", size=size)
    return call.image_made(_operator(call, shape, like, about="channels become positions"))


def _space_to_depth(call: Call) -> Tensor:
    height, width, channels = call.image.node.shape
    size = call.setting("blocksize")
    if not 1 <= size <= _LARGEST or height % size or width % size:
        raise Senseless(f"blocks of {size} from {height} × {width} pixels")
    shape = (height // size, width // size, channels * size**2)
    like = MaxPooling2D(name="like", pool_size=size, strides=size, padding="valid")
    return call.image_made(_operator(call, shape, like, about="positions become channels"))


# Views.


def _same_feature(call: Call) -> Tensor:
    return call.feature


def _transposed_axes(call: Call) -> Tensor:
    source = call.feature
    rank = len(source.axes)
    order = list(call.setting("perm", range(rank)[::-1]))
    if sorted(order) != list(range(rank)):
        raise Senseless(f"an order of axes {str(order)[:60]}")
    return attrs.evolve(source, axes=tuple(source.axes[axis] for axis in order))


def _viewed(call: Call, dims: Sequence[int]) -> Tensor:
    """Return a feature in another shape."""
    source = call.feature
    axes = reshaped(source.axes, dims)
    if axes is not None:
        return attrs.evolve(source, axes=_simplified(axes, source))
    raise Unknown("it cuts axes unevenly")


def _simplified(axes: Axes, source: Tensor) -> Axes:
    """Return whole axes as such."""
    tensor = attrs.evolve(source, axes=axes)
    found = []
    for place, axis in enumerate(axes):
        letters = {factor.letter for factor in axis}
        if len(letters) == 1 and tensor.is_whole(place, next(iter(letters))):
            letter = letters.pop()
            axis = (Factor(letter, tensor.size(letter)),)
        found.append(axis)
    return tuple(found)


def _reshaped(call: Call) -> Tensor:
    wanted = call.numbers("shape", 1)
    _check(wanted is not None, "its shape is not told")
    assert wanted is not None
    sizes = [int(n) for n in wanted]
    source = call.feature.dims
    try:
        dims = target(source, sizes, call.operation.settings)
    except ValueError as error:
        raise Refusal(_for_one_size(call, sizes)) from error
    is_batch = len(dims) == 4 and sizes[0] == -1 and source[0] == 1
    if is_batch and dims[0] != 1:
        raise Refusal(_for_one_size(call, sizes))
    return _viewed(call, dims)


def _for_one_size(call: Call, sizes: Sequence[int]) -> str:
    return (
        f"Its operator Reshape {call.operation.name[:60]!r} is for one size of image, since it "
        f"makes {tuple(sizes)[:8]}."
    )


def _flattened(call: Call) -> Tensor:
    dims = call.feature.dims
    axis = call.setting("axis", 1)
    axis = axis + len(dims) if axis < 0 else axis
    return _viewed(call, (prod(dims[:axis]), prod(dims[axis:])))


def _unsqueezed(call: Call) -> Tensor:
    source = call.feature
    given = call.numbers("axes", 1)
    _check(given is not None, "its axes are not told")
    assert given is not None
    rank = len(source.axes) + len(given)
    new = {int(axis) % rank for axis in given}
    old = iter(source.axes)
    return attrs.evolve(
        source, axes=tuple(() if axis in new else next(old) for axis in range(rank))
    )


def _squeezed(call: Call) -> Tensor:
    source = call.feature
    given = call.numbers("axes", 1)
    rank = len(source.axes)
    gone = {int(axis) % rank for axis in given} if given is not None else None
    axes = tuple(
        axis
        for place, axis in enumerate(source.axes)
        if axis or (gone is not None and place not in gone)
    )
    if gone is not None and any(source.axes[place] for place in gone):
        raise Senseless(f"axes {sorted(gone)}, which have several steps")
    return attrs.evolve(source, axes=axes)


def _expanded(call: Call) -> Tensor:
    source = call.feature
    wanted = call.numbers("shape", 1)
    _check(wanted is not None, "its shape is not told")
    assert wanted is not None
    wanted = [1] * (len(source.dims) - len(wanted)) + [int(n) for n in wanted]
    _check(
        len(wanted) == len(source.dims)
        and all(n in (1, size) for n, size in zip(wanted, source.dims, strict=True)),
        "it repeats the feature",
    )
    return source


# Dense layers.


def _dense(call: Call) -> Tensor:
    source, kernel = call.feature, call.constant(1)
    bias = call.constant(2)
    _check(kernel is not None and len(kernel.dims) == 2, "its weights are no matrix")
    assert kernel is not None
    is_gemm = call.operation.kind == "Gemm"
    _check(not (is_gemm and call.setting("transA", 0)), "its input is transposed")
    turned = is_gemm and call.setting("transB", 0)
    read, units = kernel.dims[::-1] if turned else kernel.dims
    if source.dims[-1] != read:
        raise Senseless(f"weights for {read} channels, and {source.dims[-1]} come in")
    plain_bias = bias is None or bias.size == units
    if not source.is_whole(len(source.axes) - 1, "C") or "C" not in source.letters:
        source = _laid_flat(call, source)
    shape = (*source.node.shape[:-1], units)
    axes = (*source.axes[:-1], (Factor("C", units),) if units != 1 else ())
    weights = (kernel, bias)
    layer: Layer
    if plain_bias:
        layer = Dense(name=call.name, units=units, use_bias=bias is not None)
    else:
        macs = prod(source.node.shape) * units
        layer = _operator(call, shape, Dense(name="like", units=units), weights, macs)
    return call.made(layer, [source], source.letters, shape, axes, weights)


def _laid_flat(call: Call, source: Tensor) -> Tensor:
    """Return a feature whose values lie in a row, as a layer of its own."""
    _check(len(source.axes) == 2 and not source.axes[0], "it is not of a row of values")
    size = source.dims[1]
    layer = Operator(
        "Flatten",
        name=call.reader.new_name(attrs.evolve(call.operation, name="flatten")),
        shape=(size,),
        multiplications=0,
        like=GlobalAveragePooling2D(name="like"),
        rearranged=True,
        about="it puts all values into a row",
    )
    return call.made(layer, [source], "C", (size,), ((), (Factor("C", size),)))


def _multiplied(call: Call) -> Tensor:
    first, second = call.inputs[:2]
    if isinstance(first, Tensor) and isinstance(second, Constant):
        return _dense(call)
    _check(isinstance(first, Tensor) and isinstance(second, Tensor), "it multiplies a constant")
    assert isinstance(first, Tensor)
    assert isinstance(second, Tensor)
    a, b = first.dims, second.dims
    _check(len(a) == len(b) >= 2 and a[:-2] == b[:-2], "it multiplies matrices of other shapes")
    if a[-1] != b[-2]:
        raise Senseless(f"matrices of {a} and {b}")
    letters, shape, axes = call.reader.plain((*a[:-1], b[-1]))
    layer = _operator(call, shape, None, macs=prod(a) * b[-1])
    return call.made(layer, [first, second], letters, shape, axes)


OPERATORS: dict[str, Callable[[Call], Tensor | Sequence[Tensor]]] = {
    "Conv": _convolution,
    "ConvTranspose": _transposed,
    "MaxPool": _pooled(MaxPooling2D, PaddedMaxPooling2D),
    "AveragePool": _pooled(AveragePooling2D, PaddedAveragePooling2D),
    "GlobalAveragePool": _pooled_wholly(GlobalAveragePooling2D),
    "GlobalMaxPool": _pooled_wholly(GlobalMaxPooling2D),
    **dict.fromkeys(
        ("ReduceMean", "ReduceMax", "ReduceMin", "ReduceSum", "ReduceL2", "ReduceL1",
         "ReduceSumSquare", "ReduceLogSumExp", "ReduceProd"), _reduced,
    ),
    "Relu": _activation("relu"),
    "Sigmoid": _activation("sigmoid"),
    "Tanh": _activation("tanh"),
    "Softplus": _activation("softplus"),
    "Softsign": _activation("softsign"),
    "Mish": _activation("mish"),
    "HardSwish": _activation("hard_swish"),
    "Exp": _activation("exponential"),
    "Elu": _with_alpha_of_one("elu"),
    "Celu": _with_alpha_of_one("celu"),
    "HardSigmoid": _hard_sigmoid,
    "Clip": _clipped,
    "LeakyRelu": _leaky,
    "PRelu": _prelu,
    "Softmax": _softmax("softmax"),
    "LogSoftmax": _softmax("log_softmax"),
    "Dropout": _dropped,
    **dict.fromkeys(
        ("Abs", "Neg", "Erf", "Sqrt", "Reciprocal", "Log", "Floor", "Ceil", "Round", "Sign", "Sin",
         "Cos", "Tan", "Selu", "Gelu", "ThresholdedRelu", "Not", "Swish"), _pointwise,
    ),
    "BatchNormalization": _batch_normalised,
    "InstanceNormalization": _instance_normalised,
    "GroupNormalization": _group_normalised,
    "LayerNormalization": _layer_normalised,
    **dict.fromkeys(
        ("Add", "Sum", "Sub", "Mul", "Div", "Pow", "Max", "Min", "Mean", "Where", "Equal",
         "Greater", "Less", "GreaterOrEqual", "LessOrEqual", "And", "Or", "Mod"), _element_wise,
    ),
    "Concat": _concatenated,
    "Resize": _resized,
    "Upsample": _resized,
    "Tile": _tiled,
    "Pad": _padded,
    "Slice": _part,
    "Split": _split,
    "DepthToSpace": _depth_to_space,
    "SpaceToDepth": _space_to_depth,
    "Identity": _same_feature,
    "Cast": _same_feature,
    "Transpose": _transposed_axes,
    "Reshape": _reshaped,
    "Flatten": _flattened,
    "Unsqueeze": _unsqueezed,
    "Squeeze": _squeezed,
    "Expand": _expanded,
    "Gemm": _dense,
    "MatMul": _multiplied,
}  # fmt: skip
