"""The figures of a layer or a block, written out.

A figure is written as arithmetic whose right-hand side is the report's, such as
"3×3×64×128 + 128 = 73,856"; a test works out every left-hand side.
"""

from collections.abc import Sequence
from fractions import Fraction

import attrs

from explorer.core.analysis.report import Report
from explorer.core.formatting import at_least, byte_size, product, share, step_text
from explorer.core.network.graph import BYTES_PER_VALUE, Node, positions
from explorer.core.network.layers import Layer


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


def configuration(layer: Layer) -> list[Fact]:
    """Return the settings that matter, under their Keras names; none where they aren't known."""
    return [Fact(name, value) for name, value in layer.settings()]


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
    if not node.inputs or layer.is_told or len(node.shape) != 3:
        image = len(node.shape) == 3 and not layer.is_told
        return [
            Fact(
                "output",
                product(*node.shape) or "a single number",
                _AXES if image else "as Keras tells",
            )
        ]
    before = node.inputs[0].shape
    height, width = (layer.size_text(axis, before[axis], node.shape[axis]) for axis in (0, 1))
    note = layer.size_note
    if height == width:
        found = [Fact("height, width", height, note)]
    else:
        found = [Fact("height", height), Fact("width", width, note)]
    channels = layer.channels_text(node.input_shapes, node.shape[-1])
    return [*found, Fact("channels", *channels)]


_AXES = "height × width × channels"


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
    window, dilation = node.layer.taps(axis=0)
    if window > 1 and len(field) == 2:
        before, distance = report[node.inputs[0].name].receptive_field, node.inputs[0].stride
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
    terms = layer.weight_terms(inputs)
    if terms.note:
        note = terms.note if layer.trainable else f"{terms.note}; {note}"
    elif trainable and any(layer.weight_names):
        names = layer.weight_names
        note = f"{trainable:,} trainable: {names[0]}; {frozen:,} not: {names[1]}"
    elif layer.is_told:
        note += ", as Keras counts them"
    note += f"; {_of_network(trainable + frozen, report.total_params)}"
    return Fact("weights", terms.equation, note)


def _trained(trainable: int, frozen: int) -> str:
    if not trainable:
        return "none trainable"
    return f"{trainable:,} trainable" + (f", {frozen:,} not" if frozen else "")


def _of_network(part: float, whole: float) -> str:
    return f"{share(part, whole)} of the network’s"


def _macs(node: Node, report: Report) -> Fact:
    terms = node.layer.mac_terms(node.input_shapes, node.shape)
    if terms is None:
        return Fact("MACs", "not known")
    if not terms.value:
        return Fact("MACs", "0", "convolutions and dense layers alone are counted")
    note = f"{terms.note}{_of_all_macs(terms.value, report)}".removeprefix("; ")
    return Fact("MACs", terms.equation, note)


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
