"""What layers do, in the few words that a box of the diagram has room for."""

from collections.abc import Sequence

from explorer.foreign_layers import Foreign
from explorer.formatting import step_text
from explorer.graph import Node
from explorer.layers import (
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
    InputLayer,
    Layer,
    MaxPooling2D,
    Multiply,
    SeparableConv2D,
    UpSampling2D,
    ZeroPadding2D,
)
from explorer.layers.base import window_text
from explorer.layers.resizing import Margins

#: Longest sequence of steps whose repetition is written once.
MAX_FOLD = 8
INDENT = "\N{NO-BREAK SPACE}" * 4


def summary(layer: Layer) -> str:
    """Return what a layer does in a few words, such as "3×3 conv, 64"."""
    match layer:
        case Conv2D() | Conv2DTranspose() | SeparableConv2D():
            stride = f", stride {step_text(layer.strides)}" if layer.strides != 1 else ""
            active = "" if layer.activation == "linear" else f" → {layer.activation}"
            dilation = getattr(layer, "dilation_rate", 1)
            dilated = f", dilation {step_text(dilation)}" if dilation != 1 else ""
            name = _CONVOLUTIONS[layer.kind]
            return (
                f"{window_text(layer.kernel_size)} {name}, {layer.filters}{stride}{dilated}{active}"
            )
        case DepthwiseConv2D():
            return f"{window_text(layer.kernel_size)} depthwise conv"
        case Dense():
            active = "" if layer.activation == "linear" else f" → {layer.activation}"
            return f"dense, {layer.units}{active}"
        case MaxPooling2D() | AveragePooling2D():
            same = layer.strides == layer.pool_size
            step = "" if same else f", stride {step_text(layer.strides)}"
            name = "max" if isinstance(layer, MaxPooling2D) else "average"
            return f"{window_text(layer.pool_size)} {name} pool{step}"
        case GlobalMaxPooling2D() | GlobalAveragePooling2D():
            return f"global {'max' if isinstance(layer, GlobalMaxPooling2D) else 'average'} pool"
        case ZeroPadding2D():
            return f"zero padding, {margins_text(layer.padding)}"
        case Cropping2D():
            return f"cropping, {margins_text(layer.cropping)}"
        case Dropout():
            return f"dropout {layer.rate:g}"
        case UpSampling2D():
            return f"{step_text(layer.size)}× {layer.interpolation} upsampling"
        case BatchNormalization():
            return "batch norm"
        case Activation():
            return layer.activation
        case Add() | Concatenate() | Multiply():
            return layer.kind.lower()
        case InputLayer():
            return "image"
        case Foreign() if layer.like is not None and layer.like.kind == layer.kind:
            return summary(layer.like)
        case _:
            return layer.kind


_CONVOLUTIONS = {
    "Conv2D": "conv",
    "Conv2DTranspose": "transposed conv",
    "SeparableConv2D": "separable conv",
}


def margins_text(margins: Margins) -> str:
    """Return rows and columns at the border: "1", or each side that has some."""
    (top, bottom), (left, right) = margins
    if top == bottom == left == right:
        return str(top)
    sides = (
        (top, "above"),
        (bottom, "below"),
        (left, "to the left"),
        (right, "to the right"),
    )
    return ", ".join(f"{count} {side}" for count, side in sides if count)


def family(layer: Layer) -> str:
    """Return the family of layers that a layer belongs to: a key of the palette's `families`."""
    match layer:
        case Conv2D() | DepthwiseConv2D() | SeparableConv2D() | Dense():
            return "convolution"
        case Conv2DTranspose():
            return "transposed convolution"
        case MaxPooling2D() | AveragePooling2D() | GlobalMaxPooling2D() | GlobalAveragePooling2D():
            return "pooling"
        case UpSampling2D():
            return "upsampling"
        case Add() | Concatenate() | Multiply():
            return "merging"
        case BatchNormalization():
            return "normalisation"
        case Activation():
            return "activation"
        case Foreign() if layer.like is not None and layer.like.kind == layer.kind:
            return family(layer.like)
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
