"""A layer in PyTorch: the module that it is, or what it computes."""

from collections.abc import Mapping, Sequence
from typing import Any

from explorer.core.exchange.code.text import Call, quoted
from explorer.core.network.graph import Node
from explorer.core.network.layers import (
    BatchNormalization,
    Conv2D,
    Conv2DTranspose,
    Dense,
    DepthwiseConv2D,
    GroupNormalization,
    Layer,
    SeparableConv2D,
)
from explorer.core.network.layers.normalisation import EACH_CHANNEL

#: Keras' activations in PyTorch; sparsemax has no counterpart.
_ACTIVATIONS: Mapping[str, str] = {
    "relu": "F.relu({x})",
    "linear": "{x}",
    "sigmoid": "torch.sigmoid({x})",
    "tanh": "torch.tanh({x})",
    "elu": "F.elu({x})",
    "selu": "F.selu({x})",
    "gelu": "F.gelu({x})",
    "silu": "F.silu({x})",
    "swish": "F.silu({x})",
    "leaky_relu": "F.leaky_relu({x}, 0.2)",
    "relu6": "F.relu6({x})",
    "softplus": "F.softplus({x})",
    "softsign": "F.softsign({x})",
    "softmax": "F.softmax({x}, 1)",
    "exponential": "torch.exp({x})",
    "mish": "F.mish({x})",
    "celu": "F.celu({x})",
    "hard_sigmoid": "F.hardsigmoid({x})",
    "hard_silu": "F.hardswish({x})",
    "hard_swish": "F.hardswish({x})",
    "hard_tanh": "F.hardtanh({x})",
    "hard_shrink": "F.hardshrink({x})",
    "soft_shrink": "F.softshrink({x})",
    "tanh_shrink": "F.tanhshrink({x})",
    "log_sigmoid": "F.logsigmoid({x})",
    "log_softmax": "F.log_softmax({x}, 1)",
    "sparse_plus": "torch.where({x} < 1, (F.relu({x} + 1) / 2) ** 2, {x})",
    "sparse_sigmoid": "torch.clamp(({x} + 1) / 2, 0, 1)",
    "squareplus": "({x} + torch.sqrt({x} ** 2 + 4)) / 2",
}

#: Layers that are modules of PyTorch's; the others are functions.
MODULES = (
    BatchNormalization,
    Conv2D,
    Conv2DTranspose,
    Dense,
    DepthwiseConv2D,
    GroupNormalization,
    SeparableConv2D,
)

#: Those functions: what `applied` writes.
_FUNCTIONS = frozenset(
    """
    Activation Add AveragePooling2D Concatenate Cropping2D Dropout GlobalAveragePooling2D
    GlobalMaxPooling2D InputLayer LeakyReLU MaxPooling2D Multiply UpSampling2D ZeroPadding2D
    """.split()  # noqa: SIM905
)

_NORMALISING = (BatchNormalization, GroupNormalization)


def problem(node: Node) -> str:
    """Return why PyTorch has not such a layer; none if it has."""
    layer = node.layer
    activation = getattr(layer, "activation", "linear")
    if activation not in _ACTIVATIONS:
        return f"PyTorch has no {activation}"
    if isinstance(layer, _NORMALISING) and layer.scale != layer.center:
        return "PyTorch has scale and offset together or neither"
    if not isinstance(layer, MODULES) and layer.kind not in _FUNCTIONS:
        return "it can't be written in PyTorch yet"
    return "" if layer.trainable else "it isn't trained"


def applied(
    layer: Layer,
    words: Mapping[str, Any],
    texts: Mapping[str, str],
    key: str,
    inputs: Sequence[str],
) -> "Call | str":
    """Return what applies a layer.

    Args:
        layer: A layer of its form.
        words: Its settings that are words.
        texts: Its other settings, as text.
        key: The key of its module, as text.
        inputs: What it is applied to.
    """
    x = inputs[0]
    kind = layer.kind
    if isinstance(layer, MODULES):
        activation = words.get("activation", "linear")
        called = f"self[{key}]({x})"
        if activation == "linear":
            return Call(f"self[{key}]", [x])
        return _activated(activation, called)
    if kind == "LeakyReLU":
        return Call("F.leaky_relu", [x, texts["negative_slope"]])
    if kind == "Activation":
        return _activated(words["activation"], x)
    if kind == "Dropout":
        return f"F.dropout({x}, {texts['rate']}, self.training)"
    if kind in ("MaxPooling2D", "AveragePooling2D"):
        return _pooled(kind, words["padding"], texts["pool_size"], texts["strides"], x)
    if kind in ("GlobalAveragePooling2D", "GlobalMaxPooling2D"):
        how = "mean" if kind == "GlobalAveragePooling2D" else "amax"
        keepdim = f", keepdim={texts['keepdims']}" if texts["keepdims"] != "False" else ""
        return f"{x}.{how}((2, 3){keepdim})"
    if kind == "UpSampling2D":
        mode = quoted(words["interpolation"])
        return Call("F.interpolate", [x, f"scale_factor={texts['size']}", f"mode={mode}"])
    if kind in ("ZeroPadding2D", "Cropping2D"):
        sign = 1 if kind == "ZeroPadding2D" else -1
        margins = words["padding"] if kind == "ZeroPadding2D" else words["cropping"]
        (top, bottom), (left, right) = margins
        return f"F.pad({x}, {tuple(sign * n for n in (left, right, top, bottom))})"
    if kind == "Concatenate":
        # A single one is a list of all that a loop gathered.
        return Call("torch.cat", [list(inputs) if len(inputs) > 1 else x, "1"])
    return {"Add": " + ", "Multiply": " * "}[kind].join(inputs)


def _activated(activation: str, x: str) -> str:
    return _ACTIVATIONS[activation].format(x=x)


def _pooled(kind: str, padding: str, size: str, strides: str, x: str) -> str:
    how = "max" if kind == "MaxPooling2D" else "avg"
    if padding == "valid":
        step = "" if strides == size else f", {strides}"
        return f"F.{how}_pool2d({x}, {size}{step})"
    if how == "max" and size == strides == "2":  # what is odd is padded below and to the right
        return f"F.max_pool2d({x}, 2, ceil_mode=True)"
    return f"{'max' if how == 'max' else 'average'}_pool({x}, {size}, {strides})"


def module(
    node: Node,
    words: Mapping[str, Any],
    texts: Mapping[str, str],
    values: Mapping[str, Any],
    channels: str,
) -> Call:
    """Return the call that makes a module.

    Args:
        node: A layer of its form.
        words: Its settings that are words.
        texts: Its other settings, as text.
        values: Those that are the same everywhere.
        channels: Channels that it reads, as text.
    """
    layer = node.layer
    if isinstance(layer, BatchNormalization):
        momentum = values.get("momentum")
        kept = f"1 - {texts['momentum']}" if momentum is None else repr(round(1 - momentum, 12))
        rank = "1d" if len(node.shape) == 1 else "2d"
        plain = [] if layer.scale else ["affine=False"]
        options = [f"eps={texts['epsilon']}", f"momentum={kept}", *plain]
        return Call(f"nn.BatchNorm{rank}", [channels, *options])
    if isinstance(layer, GroupNormalization):
        count, known = texts["groups"], values.get("groups")
        if known is None:
            count = f"{count} if {count} > 0 else {channels}"
        elif known == EACH_CHANNEL:
            count = channels
        options = [f"eps={texts['epsilon']}", *([] if layer.scale else ["affine=False"])]
        return Call("nn.GroupNorm", [count, channels, *options])
    bias = [] if values.get("use_bias") is True else [f"bias={texts['use_bias']}"]
    if isinstance(layer, Dense):
        if len(node.shape) == 1:
            return Call("nn.Linear", [channels, texts["units"], *bias])
        return Call("nn.Conv2d", [channels, texts["units"], "1", *bias])
    if isinstance(layer, Conv2DTranspose):
        size, step = values.get("kernel_size"), values.get("strides")
        read = [channels, texts["filters"], texts["kernel_size"]]
        if size is not None and size == step:
            return Call("nn.ConvTranspose2d", [*read, f"stride={texts['strides']}", *bias])
        same = [] if words["padding"] == "same" else ["same=False"]
        return Call("ConvTranspose2d", [*read, f"stride={texts['strides']}", *same, *bias])
    if isinstance(layer, Conv2D):
        groups = [] if values.get("groups") == 1 else [f"groups={texts['groups']}"]
        return _convolution(channels, texts["filters"], words, texts, values, [*groups, *bias])
    many = texts["depth_multiplier"]
    made = channels if many == "1" else f"{factor(channels)} * {many}"
    if isinstance(layer, DepthwiseConv2D):
        return _convolution(channels, made, words, texts, values, [f"groups={channels}", *bias])
    alone = _convolution(channels, made, words, texts, values, [f"groups={channels}", "bias=False"])
    depthwise = f"{alone.head}({', '.join(map(str, alone.arguments))})"
    return Call("SeparableConv2d", [channels, texts["filters"], many, depthwise, *bias])


def _convolution(
    channels: str,
    filters: str,
    words: Mapping[str, Any],
    texts: Mapping[str, str],
    values: Mapping[str, Any],
    more: Sequence[str],
) -> Call:
    """Return the call that makes a convolution."""
    steps = [] if values.get("strides") == 1 else [f"stride={texts['strides']}"]
    taps = [] if values.get("dilation_rate") == 1 else [f"dilation={texts['dilation_rate']}"]
    head, padding = "nn.Conv2d", []
    if words["padding"] == "same" and values.get("kernel_size") != 1:
        if steps:
            head = "SameConv2d"
        else:
            padding = ['padding="same"']
    arguments = [channels, filters, texts["kernel_size"], *padding, *steps, *taps, *more]
    return Call(head, arguments)


def channels_after(layer: Layer, texts: Mapping[str, str], read: Sequence[str]) -> str:
    """Return the channels of a layer's output, as text."""
    for field in ("filters", "units"):
        if field in texts:
            return texts[field]
    if isinstance(layer, DepthwiseConv2D) and texts["depth_multiplier"] != "1":
        return f"{factor(read[0])} * {texts['depth_multiplier']}"
    return " + ".join(read) if layer.kind == "Concatenate" else read[0]


def factor(text: str) -> str:
    """Return a text as it stands in a product."""
    return f"({text})" if " + " in text else text
