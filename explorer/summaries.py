"""What layers do, in the few words that a box of the diagram has room for."""

from collections.abc import Sequence

from explorer.graph import Node
from explorer.layers import (
    Activation,
    Add,
    AveragePooling2D,
    BatchNormalization,
    Concatenate,
    Conv2D,
    Conv2DTranspose,
    DepthwiseConv2D,
    Dropout,
    InputLayer,
    Layer,
    MaxPooling2D,
    UpSampling2D,
    ZeroPadding2D,
)

#: Longest sequence of steps whose repetition is written once.
MAX_FOLD = 8
INDENT = "\N{NO-BREAK SPACE}" * 4


def summary(layer: Layer) -> str:
    """Return what a layer does in a few words, such as "3×3 conv, 64"."""
    match layer:
        case Conv2D() | Conv2DTranspose():
            size = f"{layer.kernel_size}×{layer.kernel_size}"
            name = "conv" if isinstance(layer, Conv2D) else "transposed conv"
            stride = f", stride {layer.strides}" if layer.strides > 1 else ""
            active = "" if layer.activation == "linear" else f" → {layer.activation}"
            dilation = getattr(layer, "dilation_rate", 1)
            dilated = f", dilation {dilation}" if dilation > 1 else ""
            return f"{size} {name}, {layer.filters}{stride}{dilated}{active}"
        case DepthwiseConv2D():
            return f"{layer.kernel_size}×{layer.kernel_size} depthwise conv"
        case MaxPooling2D() | AveragePooling2D():
            step = "" if layer.strides == layer.pool_size else f", stride {layer.strides}"
            name = "max" if isinstance(layer, MaxPooling2D) else "average"
            return f"{layer.pool_size}×{layer.pool_size} {name} pool{step}"
        case ZeroPadding2D():
            return f"zero padding, {layer.before}"
        case Dropout():
            return f"dropout {layer.rate:g}"
        case UpSampling2D():
            return f"{layer.size}× {layer.interpolation} upsampling"
        case BatchNormalization():
            return "batch norm"
        case Activation():
            return layer.activation
        case Add() | Concatenate():
            return layer.kind.lower()
        case InputLayer():
            return "image"
        case _:
            return layer.kind


def family(layer: Layer) -> str:
    """Return the family of layers that a layer belongs to: a key of the palette's `families`."""
    match layer:
        case Conv2D() | DepthwiseConv2D():
            return "convolution"
        case Conv2DTranspose():
            return "transposed convolution"
        case MaxPooling2D() | AveragePooling2D():
            return "pooling"
        case UpSampling2D():
            return "upsampling"
        case Add() | Concatenate():
            return "merging"
        case BatchNormalization():
            return "normalisation"
        case Activation():
            return "activation"
        case _:
            return "other"


def summaries(nodes: Sequence[Node]) -> list[str]:
    """Return a line for each step of a block; a repeated step has one line with its count."""
    steps: list[str] = []
    step_of: dict[Node, int] = {}
    for node in nodes:
        text = summary(node.layer)
        follows = step_of.get(node.inputs[0]) if node.inputs else None
        folded = isinstance(node.layer, (Activation, BatchNormalization, Dropout))
        if follows is not None and folded:
            steps[follows] += f" → {text}"
            step_of[node] = follows
        else:
            step_of[node] = len(steps)
            steps.append(text)
    return _folded(steps)


def _folded(steps: Sequence[str]) -> list[str]:
    """Return the steps with what follows itself written once, with its count."""
    lines: list[str] = []
    at = 0
    while at < len(steps):
        length, count = _best_fold(steps, at)
        # A repetition that can as well begin one step later does: it then ends with the block.
        if count == 1 or _best_fold(steps, at + 1) == (length, count):
            lines.append(steps[at])
            at += 1
            continue
        repeated = steps[at : at + length]
        if length == 1:
            lines.append(f"{count} × {repeated[0]}")
        else:
            lines += [f"{count} times:", *(f"{INDENT}{step}" for step in repeated)]
        at += length * count
    return lines


def _best_fold(steps: Sequence[str], at: int) -> tuple[int, int]:
    """Return the length and the count of the repetition from a place on that saves most lines."""
    return max(
        ((length, _repeats(steps, at, length)) for length in range(1, MAX_FOLD + 1)),
        key=lambda found: (found[0] * (found[1] - 1), -found[0]),
    )


def _repeats(steps: Sequence[str], at: int, length: int) -> int:
    """Return how often the steps from a place on, of a length, follow each other."""
    count = 1
    first = steps[at : at + length]
    while steps[at + count * length : at + (count + 1) * length] == first:
        count += 1
    return count
