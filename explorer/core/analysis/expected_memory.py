"""What a training step is expected to take of memory, above what importing Keras takes.

`memory_need` bounds it, so that nothing is begun that may not end; this is what to reckon with. A
training step holds, in TensorFlow's graph, what the way back will need: a convolution its input, a
ReLU its output, a normalisation its input, a maximum both. Beside these there are the gradients of
features on their way, and of each weight its value, its gradient and Adam's two moments.
`tests/measure_expected.py` holds it against runs.
"""

from collections.abc import Mapping

from explorer.core.analysis.design import Design
from explorer.core.analysis.memory_need import NORMALISING
from explorer.core.analysis.report import Report
from explorer.core.network.graph import BYTES_PER_VALUE, Graph, Node

#: What normalisation takes on the way back, relative to its input: gradients by the mean, by the
#: variance and by the input itself, and their sum.
NORMALISED = 6.0
#: What a convolution takes on the way back, relative to its input and output: both rearranged.
CONVOLVED = 1.0
#: What the first step in a process makes, and what each layer adds: its part of the function, and
#: what that was compiled to; normalisation, of many small parts, adds more. These and the factors
#: are fitted to measured peaks.
FIXED, LAYER, NORMALISATION = 77e6, 0.75e6, 4.4e6
#: What trained weights take beside themselves, relative to them.
TRAINED = 3.55
#: What features take, relative to their sizes: memory is had in pieces.
FEATURES = 1.15
#: What steps of ten presets and five drawn networks took at least and at most, relative to that.
WITHIN = (0.87, 1.1)


def expected_bytes(design: Design) -> int | None:
    """Return the memory that a training step of a design's batch is expected to take at its peak.

    It is that of TensorFlow's graph on a CPU, in float32, with Adam.

    Args:
        design: The network and its input.

    Returns:
        Bytes, weights included; None where a layer is of another kind than ours: what its gradient
        keeps is not known.
    """
    graph, report = design.graph, design.report
    if any(node.layer.is_told for node in graph):
        return None
    return int(
        FIXED
        + LAYER * len(graph)
        + NORMALISATION * sum(node.kind in NORMALISING for node in graph)
        + report.weights_bytes
        + TRAINED * report.trainable_params * BYTES_PER_VALUE
        + FEATURES * training_features(graph, report) * design.input.batch_size
    )


def training_features(graph: Graph, report: Report) -> float:
    """Return the bytes of the features and gradients at a training step's peak, for one image.

    The way back is walked: what a layer's gradient is made of goes once that is there.

    Args:
        graph: The network.
        report: Its analysis.
    """
    rows = dict(zip(graph, report.layers, strict=True))
    sizes = {node: row.memory_bytes for node, row in rows.items()}
    reached = _reached(graph)
    kept = _kept(reached, sizes)
    held = sum(kept.values())
    # Of each feature whose gradient is there, the room: its bytes, and how many features share it.
    rooms = {node: [sizes[node], 1] for node in graph.outputs}
    gradients = sum(size for size, _ in rooms.values())
    peak = float(held + gradients)
    for node in reversed(graph.nodes):
        room = rooms.pop(node, None)
        if room is not None:
            working = 0.0
            if node.kind in NORMALISING:
                working = NORMALISED * sizes[node]
            elif rows[node].macs:
                working = CONVOLVED * (sizes[node] + sum(sizes[each] for each in node.inputs))
            for source in dict.fromkeys(node.inputs):
                if source not in reached:
                    continue
                if source in rooms:  # the sum of both, before they go
                    working += sizes[source]
                elif node.layer.passes_gradient:
                    room[1] += 1
                    rooms[source] = room
                else:
                    rooms[source] = [sizes[source], 1]
                    gradients += sizes[source]
            peak = max(peak, held + gradients + working)
            room[1] -= 1
            gradients -= 0 if room[1] else room[0]
        held -= kept.get(node, 0)
    return peak


def _reached(graph: Graph) -> set[Node]:
    """Return the layers that the way back reaches: with trained weights, or after such."""
    reached: set[Node] = set()
    for node in graph:
        # Not the row's: weights that are shared stand in the first row alone.
        if node.layer.weights(node.input_shapes)[0] or not reached.isdisjoint(node.inputs):
            reached.add(node)
    return reached


def _kept(reached: set[Node], sizes: Mapping[Node, int]) -> dict[Node, int]:
    """Return the bytes that are kept of layers for the way back."""
    kept: dict[Node, int] = {}
    for node in reached:
        layer = node.layer
        if layer.keeps_output:
            kept[node] = sizes[node]
        if layer.keeps_input:
            kept.update((source, sizes[source]) for source in node.inputs)
    for node in reached:
        if node.layer.keeps_inside:
            kept[node] = kept.get(node, 0) + sizes[node]
    return kept
