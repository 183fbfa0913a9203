"""The figures of a layer or a block, written out.

A figure is written as arithmetic whose right-hand side is the report's, such as
"3×3×64×128 + 128 = 73,856"; a test works out every left-hand side.
"""

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import attrs

from explorer.analysis import Report
from explorer.foreign_layers import Foreign
from explorer.formatting import at_least, byte_size, step_text
from explorer.graph import BYTES_PER_VALUE, Node, positions
from explorer.layers import (
    BatchNormalization,
    Concatenate,
    Conv2D,
    Conv2DTranspose,
    Cropping2D,
    Dense,
    DepthwiseConv2D,
    GlobalAveragePooling2D,
    GlobalMaxPooling2D,
    InputLayer,
    Layer,
    SeparableConv2D,
    Shape,
    ZeroPadding2D,
    along,
)
from explorer.layers.base import Windowed
from explorer.summaries import margins_text, window_text


@attrs.frozen
class Fact:
    """A line of what is known.

    Attributes:
        name: What it is.
        value: Its value, or the arithmetic that leads to it.
        note: What the terms of the arithmetic are.
    """

    name: str
    value: str
    note: str = ""


def product(*factors: object) -> str:
    """Return factors as they are written, such as "3×3×64"."""
    return "×".join(map(str, factors))


def share(part: float, whole: float) -> str:
    """Return a part of a whole in percent, such as "62%"."""
    percent = 100 * part / whole if whole else 0
    if 0 < percent < 0.1:
        return "under 0.1%"
    return f"{percent:.0f}%" if percent >= 9.95 or not percent else f"{percent:.1f}%"


def counted(count: int, noun: str) -> str:
    """Return a count with its noun, such as "1 channel" or "3 channels"."""
    return f"{count:,} {noun}" + ("" if count == 1 else "s")


#: Settings that are told only where they are not the usual ones.
_USUAL = {
    "dilation_rate": 1,
    "groups": 1,
    "depth_multiplier": 1,
    "trainable": True,
    "momentum": 0.99,
    "center": True,
    "scale": True,
    "keepdims": False,
}


def configuration(layer: Layer) -> list[Fact]:
    """Return the settings that matter, under their Keras names; none where they aren't known."""
    if isinstance(layer, (Foreign, InputLayer)):
        return []
    facts = []
    for field in attrs.fields(type(layer)):
        value = getattr(layer, field.name)
        if field.name == "name" or (field.name in _USUAL and value == _USUAL[field.name]):
            continue
        if isinstance(value, bool):
            value = "yes" if value else "no"
        elif field.name in ("kernel_size", "pool_size", "size"):
            value = window_text(value)
        elif field.name in ("padding", "cropping") and isinstance(value, tuple):
            value = margins_text(value)
        else:
            value = step_text(value)
        facts.append(Fact(field.name.replace("_", " "), value))
    return facts


def figures(node: Node, report: Report) -> list[Fact]:
    """Return size, stride, receptive field, weights, MACs and memory of a layer, written out.

    Args:
        node: The layer.
        report: The analysis of its graph.
    """
    return [
        *sizes(node),
        _stride(node),
        _receptive_field(node, report),
        _weights(node, report),
        _macs(node, report),
        Fact(
            "memory",
            f"{product(*node.shape) or 1} × {BYTES_PER_VALUE} bytes"
            f" = {byte_size(report[node.name].memory_bytes)}",
            "values × bytes of a float32, for one image",
        ),
    ]


def sizes(node: Node) -> list[Fact]:
    """Return how height, width and channels of a layer's output come about."""
    layer = node.layer
    if not node.inputs or isinstance(layer, Foreign) or len(node.shape) != 3:
        image = len(node.shape) == 3 and not isinstance(layer, Foreign)
        return [
            Fact(
                "output",
                product(*node.shape) or "a single number",
                _AXES if image else "as Keras tells",
            )
        ]
    inputs = node.inputs[0].shape
    height, width = (_size(layer, inputs, axis, node.shape[axis]) for axis in (0, 1))
    note = _size_note(layer)
    if height == width:
        found = [Fact("height, width", height, note)]
    else:
        found = [Fact("height", height), Fact("width", width, note)]
    return [*found, _channels(node)]


_AXES = "height × width × channels"


def _size(layer: Layer, inputs: Shape, axis: int, output: int) -> str:
    """Return how an output's height or width comes from the input's."""
    size = inputs[axis]
    match layer:
        case ZeroPadding2D():
            before, after = layer.padding[axis]
            return f"{before} + {size} + {after} = {output}"
        case Cropping2D():
            before, after = layer.cropping[axis]
            return f"{size} − {before} − {after} = {output}"
        case GlobalMaxPooling2D() | GlobalAveragePooling2D():
            return str(output)
        case Windowed() if getattr(layer, "padding", "") == "valid":
            window, dilation = window_of(layer, axis)
            span = f"(({window} − 1)×{dilation} + 1)" if dilation > 1 else str(window)
            steps, stride = f"{size} − {span}", along(layer.down, axis)
            if stride > 1:
                steps = f"⌊({steps}) ÷ {stride}⌋"
            return f"{steps} + 1 = {output}"
    up, down = along(layer.up, axis), along(layer.down, axis)
    if up > 1 and size * up < output and isinstance(layer, Conv2DTranspose):
        return f"{size} × {up} + ({window_of(layer, axis)[0]} − {up}) = {output}"
    if up > 1 and size * up == output:
        return f"{size} × {up} = {output}"
    if down > 1 and -(-size // down) == output:
        exact = f"{size} ÷ {down}"
        return f"{exact if size % down == 0 else f'⌈{exact}⌉'} = {output}"
    return f"{output}, unchanged" if size == output else str(output)


def window_of(layer: Layer, axis: int = 0) -> tuple[int, int]:
    """Return the size of a layer's window (1: no neighbours), and the distance of its taps."""
    size = getattr(layer, "kernel_size", getattr(layer, "pool_size", 1))
    return along(size, axis), along(getattr(layer, "dilation_rate", 1), axis)


def _size_note(layer: Layer) -> str:
    padding = getattr(layer, "padding", "")
    if isinstance(layer, Conv2DTranspose):
        beyond = ", and what the kernel spreads beyond its stride (“valid” padding)"
        return "input × stride" + (beyond if padding == "valid" else "")
    if padding == "valid":
        return "“valid” padding: positions where the whole window fits"
    if padding == "same" and layer.down != 1:
        return "“same” padding: input ÷ stride, rounded up"
    return "“same” padding" if padding == "same" else ""


def _channels(node: Node) -> Fact:
    before, after = node.inputs[0].shape[-1], node.shape[-1]
    match node.layer:
        case Conv2D() | Conv2DTranspose() | SeparableConv2D():
            return Fact("channels", str(after), "one for each filter")
        case Dense():
            return Fact("channels", str(after), "one for each unit")
        case DepthwiseConv2D():
            return Fact("channels", f"{before} × {node.layer.depth_multiplier} = {after}")
        case Concatenate():
            terms = " + ".join(str(shape[-1]) for shape in node.input_shapes)
            return Fact("channels", f"{terms} = {after}")
        case _:
            return Fact("channels", f"{after}, unchanged" if before == after else str(after))


def _stride(node: Node, with_terms: bool = True) -> Fact:
    if node.stride is None:
        alone = positions(node) == 1
        value = "none" if alone else "unknown"
        note = "a single position is left" if alone else "a layer before does not say what it does"
        return Fact("stride", value, note)
    value, note = step_text(node.stride), "input pixels between neighbours"
    layer = node.layer
    before = node.inputs[0].stride if node.inputs else None
    if any(isinstance(step, tuple) for step in (node.stride, before, layer.down, layer.up)):
        return Fact("stride", value, f"{note}, down and across")
    if with_terms and before is not None and layer.down != layer.up:
        terms = [str(before)]
        terms += [f"× {layer.down}"] * (layer.down != 1) + [f"÷ {layer.up}"] * (layer.up != 1)
        value = f"{' '.join(terms)} = {value}"
    return Fact("stride", value, note)


def _receptive_field(node: Node, report: Report) -> Fact:
    field = report[node.name].receptive_field
    name, note = "receptive field", "input pixels that one position sees"
    if field is None:
        return Fact(name, "not known")
    if isinstance(node.layer, Windowed) and len(field) == 2:
        before, distance = report[node.inputs[0].name].receptive_field, node.inputs[0].stride
        window, dilation = window_of(node.layer)
        wider: int | Fraction = 0
        if node.layer.is_square and isinstance(distance, (int, Fraction)):
            wider = (window - 1) * dilation * distance
        # After upsampling, positions differ in how far they see, and the largest don't add up.
        if wider and before and before[0] == before[1] and field == (before[0] + wider,) * 2:
            taps = product(f"({window} − 1)", *[dilation] * (dilation > 1), distance)
            note += ", each way: its input’s, and (window − 1) × distance of what it reads"
            return Fact(name, f"{before[0]} + {taps} = {field[0]}", note)
    return Fact(name, product(*field), note)


def _weights(node: Node, report: Report) -> Fact:
    layer, inputs = node.layer, node.input_shapes
    trainable, frozen = node.weights
    value, note = f"{trainable + frozen:,}", _trained(trainable, frozen)
    if node.new_weights is not None:
        shared = f"those of {node.calls}" if node.calls else "shared with a layer before"
        if not trainable + frozen:
            return Fact("weights", "none of its own", f"{shared}, counted there")
        return Fact("weights", value, f"{note}, as Keras counts them; others are {shared}")
    if not trainable + frozen:
        return Fact("weights", "none")
    match layer:
        case Conv2D() | Conv2DTranspose():
            value = f"{_kernel(node)}{_bias(layer, layer.filters)} = {value}"
            what = "kernel × channels in × filters" + (" + a bias each" if layer.use_bias else "")
            note = _noted(what, layer, note)
        case DepthwiseConv2D():
            channels = node.shape[-1]
            kernel = f"{window_text(layer.kernel_size)}×{channels}"
            value = f"{kernel}{_bias(layer, channels)} = {value}"
            what = "kernel × channels out" + (" + a bias each" if layer.use_bias else "")
            note = _noted(what, layer, note)
        case SeparableConv2D():
            value = f"{_kernel(node)}{_bias(layer, layer.filters)} = {value}"
            what = "of each channel alone, and across them"
            note = _noted(what + (", and a bias each" if layer.use_bias else ""), layer, note)
        case Dense():
            value = f"{_kernel(node)}{_bias(layer, layer.units)} = {value}"
            what = "channels in × units" + (" + a bias each" if layer.use_bias else "")
            note = _noted(what, layer, note)
        case BatchNormalization():
            value = f"{2 + layer.scale + layer.center} × {inputs[0][-1]} = {value}"
            trained = [*["scale"] * layer.scale, *["offset"] * layer.center]
            if trainable:
                note = f"{trainable:,} trainable: {' and '.join(trained)}; "
                note += f"{frozen:,} not: mean and variance"
        case Foreign():
            note += ", as Keras counts them"
    return Fact("weights", value, f"{note}; {_of_network(trainable + frozen, report.total_params)}")


def _trained(trainable: int, frozen: int) -> str:
    if not trainable:
        return "none trainable"
    return f"{trainable:,} trainable" + (f", {frozen:,} not" if frozen else "")


def _noted(what: str, layer: Layer, trained: str) -> str:
    """Return what terms are, and if it isn't so, whether training sets the weights."""
    return what if layer.trainable else f"{what}; {trained}"


def _kernel(node: Node) -> str:
    """Return the factors of a kernel: height, width, channels in, filters."""
    layer, channels = node.layer, node.inputs[0].shape[-1]
    match layer:
        case Conv2D() if layer.groups > 1:
            return product(
                window_text(layer.kernel_size), f"({channels} ÷ {layer.groups})", layer.filters
            )
        case Conv2D() | Conv2DTranspose():
            return product(window_text(layer.kernel_size), channels, layer.filters)
        case SeparableConv2D():
            between = product(channels, *[layer.depth_multiplier] * (layer.depth_multiplier > 1))
            return f"{window_text(layer.kernel_size)}×{between} + {between}×{layer.filters}"
        case _:
            assert isinstance(layer, Dense)
            return product(channels, layer.units)


def _bias(layer: Any, channels: int) -> str:
    return f" + {channels}" if layer.use_bias else ""


def _of_network(part: float, whole: float) -> str:
    return f"{share(part, whole)} of the network’s"


def _macs(node: Node, report: Report) -> Fact:
    macs = report[node.name].macs
    if macs is None:
        return Fact("MACs", "not known")
    at, layer = product(*node.shape[:-1]) or "1", node.layer
    match layer:
        case Conv2D():
            terms, note = f"{_kernel(node)} × {at}", "kernel’s weights × positions"
        case SeparableConv2D():
            terms = f"({_kernel(node)}) × {at}"
            note = "both kernels’ weights × positions"
        case Dense():
            terms, note = f"{_kernel(node)} × {at}", "weights × positions"
        case Conv2DTranspose():
            terms = f"{_kernel(node)} × {product(*node.inputs[0].shape[:2])}"
            note = "kernel’s weights × positions of its input"
        case DepthwiseConv2D():
            terms = f"{window_text(layer.kernel_size)} × {product(*node.shape)}"
            note = "kernel × values of the output"
        case Foreign() if macs:
            return Fact("MACs", f"{macs:,}", _of_all_macs(macs, report).removeprefix("; "))
        case _:
            note = "" if macs else "convolutions and dense layers alone are counted"
            return Fact("MACs", f"{macs:,}", note)
    return Fact("MACs", f"{terms} = {macs:,}", f"{note}{_of_all_macs(macs, report)}")


def _of_all_macs(macs: int, report: Report) -> str:
    """Return the share of the network's, if that is known."""
    return f"; {_of_network(macs, report.macs)}" if report.macs_are_known else ""


def block_facts(nodes: Sequence[Node], report: Report) -> list[Fact]:
    """Return the figures of a block: what it returns, weights, MACs, with shares of the network's.

    Args:
        nodes: Its layers; the last is what it returns.
        report: The analysis of the graph.
    """
    rows = [report[node.name] for node in nodes]
    output = nodes[-1]
    params = [row.params for row in rows if row.params]
    macs = [row.macs for row in rows]
    known = [count for count in macs if count]
    total = at_least(f"{sum(known):,}", is_known=False) if None in macs else _total(known)
    return [
        Fact("output", product(*output.shape), _AXES if len(output.shape) == 3 else ""),
        _stride(output, with_terms=False),
        _receptive_field(output, report),
        Fact("weights", _total(params), _of_network(sum(params), report.total_params)),
        Fact("MACs", total, _of_all_macs(sum(known), report).removeprefix("; ")),
    ]


def _total(terms: Sequence[int]) -> str:
    """Return a sum, with its terms where they are few enough to read."""
    total = f"{sum(terms):,}"
    return (
        f"{' + '.join(f'{term:,}' for term in terms)} = {total}" if 2 <= len(terms) <= 3 else total
    )
