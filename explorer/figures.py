"""The figures of a layer or a block, written out.

A figure is written as arithmetic whose right-hand side is the report's, such as
"3×3×64×128 + 128 = 73,856"; a test works out every left-hand side.
"""

from collections.abc import Sequence

import attrs

from explorer.analysis import BYTES_PER_VALUE, LayerReport, Report
from explorer.foreign_layers import Elementwise, Unknown
from explorer.formatting import byte_size
from explorer.graph import Node
from explorer.layers import (
    AveragePooling2D,
    BatchNormalization,
    Concatenate,
    Conv2D,
    Conv2DTranspose,
    DepthwiseConv2D,
    InputLayer,
    Layer,
    MaxPooling2D,
    ZeroPadding2D,
)


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


def configuration(layer: Layer) -> list[Fact]:
    """Return the settings that matter, under their Keras names; none where they aren't known."""
    if isinstance(layer, (Elementwise, InputLayer)):
        return []
    facts = []
    for field in attrs.fields(type(layer)):
        value = getattr(layer, field.name)
        plain = field.name in ("dilation_rate", "groups", "depth_multiplier") and value == 1
        if field.name == "name" or plain:
            continue
        if isinstance(value, bool):
            value = "yes" if value else "no"
        elif field.name in ("kernel_size", "pool_size", "size"):
            value = product(value, value)
        facts.append(Fact(field.name.replace("_", " "), str(value)))
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
            f"{product(*node.shape)} × {BYTES_PER_VALUE} bytes"
            f" = {byte_size(_row(node, report).memory_bytes)}",
            "values × bytes of a float32, for one image",
        ),
    ]


def sizes(node: Node) -> list[Fact]:
    """Return how height, width and channels of a layer's output come about."""
    layer = node.layer
    if not node.inputs or isinstance(layer, Unknown) or len(node.shape) != 3:
        known = "as Keras tells" if isinstance(layer, Elementwise) else "height × width × channels"
        return [Fact("output", product(*node.shape), known)]
    inputs = node.inputs[0].shape
    height, width = (_size(layer, inputs[axis], node.shape[axis]) for axis in (0, 1))
    note = _size_note(layer)
    if height == width:
        found = [Fact("height, width", height, note)]
    else:
        found = [Fact("height", height), Fact("width", width, note)]
    return [*found, _channels(node)]


def _size(layer: Layer, size: int, output: int) -> str:
    """Return how an output's height or width comes from the input's."""
    match layer:
        case ZeroPadding2D():
            return f"{layer.before} + {size} + {layer.after} = {output}"
        case Conv2D() | DepthwiseConv2D() | MaxPooling2D() | AveragePooling2D() if (
            layer.padding == "valid"
        ):
            window, dilation = window_of(layer)
            span = f"(({window} − 1)×{dilation} + 1)" if dilation > 1 else str(window)
            steps = f"{size} − {span}"
            if layer.strides > 1:
                steps = f"⌊({steps}) ÷ {layer.strides}⌋"
            return f"{steps} + 1 = {output}"
    if layer.up > 1 and size * layer.up == output:
        return f"{size} × {layer.up} = {output}"
    if layer.down > 1 and -(-size // layer.down) == output:
        exact = f"{size} ÷ {layer.down}"
        return f"{exact if size % layer.down == 0 else f'⌈{exact}⌉'} = {output}"
    return f"{output}, unchanged" if size == output else str(output)


def window_of(layer: Layer) -> tuple[int, int]:
    """Return the size of a layer's window (1: no neighbours), and the distance of its taps."""
    size = getattr(layer, "kernel_size", getattr(layer, "pool_size", 1))
    return size, getattr(layer, "dilation_rate", 1)


def _size_note(layer: Layer) -> str:
    padding = getattr(layer, "padding", "")
    if padding == "valid":
        return "“valid” padding: positions where the whole window fits"
    if isinstance(layer, Conv2DTranspose):
        return "input × stride"
    if padding == "same" and layer.down > 1:
        return "“same” padding: input ÷ stride, rounded up"
    return "“same” padding" if padding == "same" else ""


def _channels(node: Node) -> Fact:
    before, after = node.inputs[0].shape[2], node.shape[2]
    match node.layer:
        case Conv2D() | Conv2DTranspose():
            return Fact("channels", str(after), "one for each filter")
        case DepthwiseConv2D():
            return Fact("channels", f"{before} × {node.layer.depth_multiplier} = {after}")
        case Concatenate():
            terms = " + ".join(str(shape[2]) for shape in node.input_shapes)
            return Fact("channels", f"{terms} = {after}")
        case _:
            return Fact("channels", f"{after}, unchanged" if before == after else str(after))


def _stride(node: Node) -> Fact:
    value = str(node.stride)
    layer = node.layer
    if node.inputs and not isinstance(layer, Unknown) and layer.down != layer.up:
        terms = [str(node.inputs[0].stride)]
        terms += [f"× {layer.down}"] * (layer.down > 1) + [f"÷ {layer.up}"] * (layer.up > 1)
        value = f"{' '.join(terms)} = {value}"
    return Fact("stride", value, "input pixels between neighbours")


def _receptive_field(node: Node, report: Report) -> Fact:
    field = _row(node, report).receptive_field
    name, note = "receptive field", "input pixels that one position sees"
    if field is None:
        return Fact(name, "not known")
    if isinstance(node.layer, (Conv2D, DepthwiseConv2D, MaxPooling2D, AveragePooling2D)):
        before, distance = _row(node.inputs[0], report).receptive_field, node.inputs[0].stride
        window, dilation = window_of(node.layer)
        wider = (window - 1) * dilation * distance
        # After upsampling, positions differ in how far they see, and the largest don't add up.
        if wider and before and before[0] == before[1] and field == (before[0] + wider,) * 2:
            taps = product(f"({window} − 1)", *[dilation] * (dilation > 1), distance)
            note += ", each way: its input’s, and (window − 1) × distance of what it reads"
            return Fact(name, f"{before[0]} + {taps} = {field[0]}", note)
    return Fact(name, product(*field), note)


def _weights(node: Node, report: Report) -> Fact:
    layer, inputs = node.layer, node.input_shapes
    trainable, frozen = layer.weights(inputs)
    value, note = f"{trainable + frozen:,}", f"{trainable:,} trainable"
    if not trainable + frozen:
        return Fact("weights", "none")
    match layer:
        case Conv2D() | Conv2DTranspose():
            value = f"{_kernel(node)}{_bias(layer, layer.filters)} = {value}"
            note = "kernel × channels in × filters" + (" + a bias each" if layer.use_bias else "")
        case DepthwiseConv2D():
            channels = node.shape[2]
            kernel = product(layer.kernel_size, layer.kernel_size, channels)
            value = f"{kernel}{_bias(layer, channels)} = {value}"
            note = "kernel × channels out" + (" + a bias each" if layer.use_bias else "")
        case BatchNormalization():
            value = f"4 × {inputs[0][2]} = {value}"
            note = f"{trainable:,} trainable: scale and offset; {frozen:,} not: mean and variance"
        case Elementwise():
            note += ", as Keras counts them"
    return Fact("weights", value, f"{note}; {_of_network(trainable + frozen, report.total_params)}")


def _kernel(node: Node) -> str:
    """Return the factors of a convolution's kernel: height, width, channels in, filters."""
    layer, channels = node.layer, node.inputs[0].shape[2]
    assert isinstance(layer, (Conv2D, Conv2DTranspose))
    groups = layer.groups if isinstance(layer, Conv2D) else 1
    read = f"({channels} ÷ {groups})" if groups > 1 else channels
    return product(layer.kernel_size, layer.kernel_size, read, layer.filters)


def _bias(layer: Conv2D | Conv2DTranspose | DepthwiseConv2D, channels: int) -> str:
    return f" + {channels}" if layer.use_bias else ""


def _of_network(part: float, whole: float) -> str:
    return f"{share(part, whole)} of the network’s"


def _macs(node: Node, report: Report) -> Fact:
    macs = _row(node, report).macs
    if macs is None:
        return Fact("MACs", "not known")
    height_width, layer = product(*node.shape[:2]), node.layer
    match layer:
        case Conv2D():
            terms, note = f"{_kernel(node)} × {height_width}", "kernel’s weights × positions"
        case Conv2DTranspose():
            terms = f"{_kernel(node)} × {product(*node.inputs[0].shape[:2])}"
            note = "kernel’s weights × positions of its input"
        case DepthwiseConv2D():
            terms = f"{product(layer.kernel_size, layer.kernel_size)} × {product(*node.shape)}"
            note = "kernel × values of the output"
        case _:
            return Fact("MACs", f"{macs:,}", "" if macs else "convolutions alone are counted")
    return Fact("MACs", f"{terms} = {macs:,}", f"{note}; {_of_network(macs, report.macs)}")


def block_facts(nodes: Sequence[Node], report: Report) -> list[Fact]:
    """Return the figures of a block: what it returns, weights, MACs, with shares of the network's.

    Args:
        nodes: Its layers; the last is what it returns.
        report: The analysis of the graph.
    """
    rows = [_row(node, report) for node in nodes]
    output = nodes[-1]
    params = [row.params for row in rows if row.params]
    macs = [row.macs for row in rows]
    known = sum(count or 0 for count in macs)
    at_least = "at least " if None in macs else ""
    return [
        Fact("output", product(*output.shape), "height × width × channels"),
        Fact("stride", str(output.stride), "input pixels between neighbours"),
        _receptive_field(output, report),
        Fact("weights", _total(params), _of_network(sum(params), report.total_params)),
        Fact(
            "MACs",
            at_least + _total([count for count in macs if count]),
            _of_network(known, report.macs),
        ),
    ]


def _total(terms: Sequence[int]) -> str:
    """Return a sum, with its terms where they are few enough to read."""
    total = f"{sum(terms):,}"
    return (
        f"{' + '.join(f'{term:,}' for term in terms)} = {total}" if 2 <= len(terms) <= 3 else total
    )


def _row(node: Node, report: Report) -> LayerReport:
    return next(row for row in report.layers if row.name == node.name)
