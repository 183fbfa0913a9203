"""A design as the methods of a paper tell it: what is in its graph, and nothing else."""

import re
from collections import Counter
from collections.abc import Sequence

from explorer.core.analysis.connections import wiring_of
from explorer.core.analysis.report import Report, analyze
from explorer.core.families import Architecture, ReadModel, ResNet
from explorer.core.formatting import (
    byte_size,
    counted,
    grid_text,
    listed,
    printable,
    sentences,
    short_count,
    size_text,
)
from explorer.core.network.graph import Graph, Node, pixels_of
from explorer.core.network.layers import Layer, LeakyReLU
from explorer.core.network.tracing import trace
from explorer.core.words.sources import CHEN, ORIGINS, is_dilated

#: What the words of a summary are in full.
_IN_FULL = {
    "conv": "convolution",
    "pool": "pooling",
    "norm": "normalisation",
    "dense": "dense layer",
}
#: Families of layers that are told with their windows, and those that are told otherwise.
_TOLD = ("convolution", "transposed convolution", "pooling", "upsampling", "normalisation")
_TOLD_APART = (*_TOLD, "merging", "activation")


def methods(architecture: Architecture, input_shape: Sequence[int]) -> str:
    """Return the paragraph.

    Args:
        architecture: The architecture.
        input_shape: `(height, width, channels)` of the input.
    """
    graph = trace(architecture, input_shape)
    told = sentences(
        _what(architecture),
        _stacks(architecture),
        _resolutions(graph),
        _layers(graph),
        _others(graph),
        _links(graph),
        _in_and_out(graph),
        _figures(analyze(graph)),
    )
    return f"{told}\n"


def _what(architecture: Architecture) -> str:
    if isinstance(architecture, ReadModel):
        return f"The network is the model “{printable(architecture.name)}”."
    origin = ORIGINS.get(type(architecture))
    if origin is None:
        return f"The network ({type(architecture).__name__}) is an encoder-decoder network."
    text = f"The network is {origin.name} ({origin.source.cited})"
    if isinstance(architecture, ResNet):
        name = "a ResNet encoder without decoder" if not architecture.up_blocks else origin.name
        text = f"The network is {name.replace('ResNet', f'ResNet-{architecture.depth}')}"
        text += f" ({origin.source.cited})"
        if is_dilated(architecture):
            text += f", with dilation in place of its last strides ({CHEN.cited})"
    if origin.differs:
        text += f", {origin.differs}"
    changed = [edit.name for edit in architecture.edits]
    if changed:
        text += f", with own settings of {listed(changed)}"
    return f"{text}."


def _stacks(architecture: Architecture) -> str:
    count = 1 if isinstance(architecture, ReadModel) else architecture.stacks
    return f"It has {count} stacks, one after the other." if count > 1 else ""


def _resolutions(graph: Graph) -> str:
    """Return at which resolutions features are made, and of how many channels."""
    nodes = [node for node in graph if node.layer.family in _TOLD and len(node.shape) == 3]
    strides = {node.stride: node for node in nodes if node.stride is not None}
    if not strides:
        return ""
    ordered = sorted(strides, key=pixels_of)
    channels = sorted({node.shape[-1] for node in nodes})
    wide = f"{channels[0]:,} to " if len(channels) > 1 else ""
    wide += counted(channels[-1], "channel")
    ends = [f"{grid_text(end)} ({size_text(strides[end].shape[:2])})" for end in ordered]
    if len(ends) == 1:
        return f"Its features have one resolution, {ends[0]}, and {wide}."
    return f"Its features have {len(ends)} resolutions, from {ends[0]} to {ends[-1]}, and {wide}."


def _layers(graph: Graph) -> str:
    """Return what the layers are that do something with a window, or normalise."""
    sizes: dict[str, Counter[str]] = {}
    for node in graph:
        if node.layer.family in _TOLD:
            size, noun = _size_and_noun(node)
            sizes.setdefault(noun, Counter())[size] += 1
    if not sizes:
        return ""
    told = [_counted(noun, found) for noun, found in sizes.items()]
    return f"It has {listed(told)}."


def _size_and_noun(node: Node) -> tuple[str, str]:
    """Return the window of a layer, such as "3×3" or nothing, and what the layer is."""
    words = re.split(", | → ", node.layer.summary, maxsplit=1)[0].split()
    size = words.pop(0) if any(map(str.isdigit, words[0])) else ""
    return size, " ".join(_IN_FULL.get(word, word) for word in words)


def _counted(noun: str, sizes: Counter[str]) -> str:
    """Return such as "17 convolutions (14 of 3×3, 3 of 1×1)"."""
    text = counted(sizes.total(), noun)
    if len(sizes) == 1:
        size = next(iter(sizes))
        return f"{text} of {size}" if size else text
    return f"{text} ({', '.join(f'{count:,} of {size}' for size, count in sizes.most_common())})"


def _others(graph: Graph) -> str:
    """Return the activations, and the layers that nothing else is told of."""
    activations = Counter(name for node in graph if (name := _activation(node.layer)) != "linear")
    others = Counter(
        node.kind for node in graph if node.inputs and node.layer.family not in _TOLD_APART
    )
    told = [
        f"{counted(count, 'activation')} by {name}" for name, count in activations.most_common()
    ]
    told += [f"{counted(count, 'layer')} of the kind {name}" for name, count in others.items()]
    is_one = told and told[0].startswith("1 ")
    return f"There {'is' if is_one else 'are'} {listed(told)}." if told else ""


def _activation(layer: Layer) -> str:
    """Return the name of a layer's activation, "linear" if it has none."""
    if isinstance(layer, LeakyReLU):
        return layer.summary
    return str(getattr(layer, "activation", "linear"))


def _links(graph: Graph) -> str:
    """Return how features are joined."""
    wiring = wiring_of(graph)
    skips = Counter(skip.join.layer.joined for skip in wiring.skips if not skip.passes_stack)
    told = [f"{counted(count, 'skip connection')} ({how})" for how, count in skips.items()]
    merges = sum(skip.passes_stack for skip in wiring.skips)
    told += [counted(merges, "connection") + " past a whole stack"] if merges else []
    if wiring.shortcuts:
        told.append(counted(len(wiring.shortcuts), "residual connection"))
    if wiring.reused:
        told.append(f"{counted(len(wiring.reused), 'concatenation')} within dense blocks")
    return f"Features are joined by {listed(told)}." if told else ""


def _in_and_out(graph: Graph) -> str:
    made = Counter(
        size_text(node.shape)
        + (f" ({printable(node.name)})" if node.block and node.block.role == "head" else "")
        for node in graph.outputs
    )
    told = [f"{count} times {text}" if count > 1 else text for text, count in made.items()]
    return f"Of an image of {size_text(graph.input_shape)} it makes {listed(told)}."


def _figures(report: Report) -> str:
    total, trained = report.total_params, report.trainable_params
    params = "no parameters"
    if total:
        params = f"{counted(total, 'parameter')}, "
        params += "all trainable" if trained == total else f"{trained:,} of them trainable"
    macs = f"{short_count(report.macs)} ({report.macs:,})"
    least = "" if report.macs_are_known else "at least "
    field = "is not known"
    if report.receptive_field is not None:
        field = f"is {size_text(report.receptive_field)} pixels"
    return (
        f"It has {params}, and does {least}{macs if report.macs >= 1_000 else report.macs} "
        "multiply-accumulates per image. A forward pass of one image holds at most "
        f"{byte_size(report.peak_memory_bytes)} of weights and features at a time, in float32. The "
        f"theoretical receptive field of its output {field}."
    )
