"""What running a network is expected to take of memory, above what a small network's run has taken.

`memory_need` bounds it, so that nothing is begun that may not end; this is what to reckon with. It
follows what TensorFlow holds in float32 on a CPU, layer by layer in the graph's order. A forward
pass holds a feature until its last use. A training step, with Adam, keeps beside what the way back
will need: a convolution its input, a ReLU its output, a normalisation its input, a maximum both;
then there are the gradients of features on their way, and of each weight its value, its gradient
and two moments. `tests/measure_expected.py` holds it against runs.
"""

from collections.abc import Mapping

import attrs

from explorer.core.analysis.design import Design
from explorer.core.analysis.memory_need import NORMALISING
from explorer.core.analysis.report import Report
from explorer.core.network.graph import BYTES_PER_VALUE, Graph, Node

#: What normalisation takes on the way back, relative to its input: gradients by the mean and by
#: the variance, which are added to the one by the input itself.
NORMALISED = 2.0
#: What the loss takes at its peak, relative to the outputs: these, what they differ by from what
#: is wanted, and that squared.
LOSS = 3.0


@attrs.frozen
class Expected:
    """What a run takes beside features and weights, and relative to them.

    These are fitted to measured peaks of presets. TensorFlow has a pool, which grows in pieces each
    twice as large as the one before, and of which some stay empty: so more is taken than is held.

    Attributes:
        fixed: Bytes for what a larger network makes once.
        layer: Bytes for a layer's part of TensorFlow's function, and what that was compiled to.
        normalisation: Bytes for that of a layer that normalises, of many small parts, on top.
        weights: Relative to the weights, and in training what goes with them.
        features: Relative to the features at the peak.
        within: What runs took at least and at most, relative to what is expected.
    """

    fixed: float
    layer: float
    normalisation: float
    weights: float
    features: float
    within: tuple[float, float]

    def of(self, graph: Graph, weights: float, features: float) -> int:
        """Return the bytes of a run.

        Args:
            graph: The network.
            weights: Bytes of its weights, and in training of what goes with them.
            features: Bytes of features at the peak.
        """
        return int(
            self.fixed
            + self.layer * len(graph)
            + self.normalisation * sum(node.kind in NORMALISING for node in graph)
            + self.weights * weights
            + self.features * features
        )


#: Without a gradient and updates, only layers of many parts count; the pool, which a step fills,
#: stays emptier.
FORWARD = Expected(2e6, 0.0, 0.88e6, 1.2, 1.77, within=(0.87, 1.13))
TRAINING = Expected(20e6, 0.8e6, 1.2e6, 1.02, 1.22, within=(0.87, 1.12))


def expected_bytes(design: Design) -> int | None:
    """Return the memory that a training step of a design's batch is expected to take at its peak.

    Args:
        design: The network and its input.

    Returns:
        Bytes, weights included; None where a layer is of another kind than ours: what its gradient
        keeps is not known.
    """
    graph, report = design.graph, design.report
    if any(node.layer.is_told for node in graph):
        return None
    trained = report.trainable_params * BYTES_PER_VALUE
    features = training_features(graph, report) * design.input.batch_size
    return TRAINING.of(graph, report.weights_bytes + 3 * trained, features)


def expected_forward_bytes(design: Design) -> int | None:
    """Return the memory that a forward pass of a design's batch is expected to take at its peak.

    Args:
        design: The network and its input.

    Returns:
        Bytes, weights included; None where a layer is of another kind than ours: what it makes on
        the way is not known.
    """
    graph = design.graph
    if any(node.layer.is_told for node in graph):
        return None
    features = forward_features(graph) * design.input.batch_size
    return FORWARD.of(graph, design.totals.weights_bytes, features)


def forward_features(graph: Graph) -> int:
    """Return the bytes of the features at a forward pass' peak, for one image.

    What works value by value writes over its input where nothing else needs that.

    Args:
        graph: The network.
    """
    last_use = {source: node for node in graph for source in node.inputs}
    # Of each feature whose values are there, the room: its bytes, and how many features share it.
    rooms: dict[Node, list[int]] = {}
    held = peak = 0
    for node in graph:
        done = {
            source
            for source in node.inputs
            if last_use[source] is node and source not in graph.outputs
        }
        size, inner = node.memory_bytes, _inner_bytes(node)
        if node.layer.keeps_inside:
            inner += size
        free = (each for each in node.inputs if each in done and each.inputs)
        over = next((each for each in free if _is_by_value(node, each)), None)
        if over:
            rooms[node] = rooms[over]
        else:
            rooms[node] = [size, 0]
            held += size
        rooms[node][1] += 1
        peak = max(peak, held + inner)
        for source in done:
            room = rooms.pop(source)
            room[1] -= 1
            held -= 0 if room[1] else room[0]
    return peak


def _is_by_value(node: Node, source: Node) -> bool:
    """Return whether each value of a layer's output is made of the one at its place in an input."""
    layer = node.layer
    return layer.pointwise and not layer.mixes and node.shape == source.shape


def _inner_bytes(node: Node) -> int:
    """Return the bytes of what a layer makes on the way to its output, for one image."""
    return node.layer.inner_values(node.input_shapes, node.shape) * BYTES_PER_VALUE


def training_features(graph: Graph, report: Report) -> float:
    """Return the bytes of the features and gradients at a training step's peak, for one image.

    The way back is walked: what a layer's gradient is made of goes once that is there.

    Args:
        graph: The network.
        report: Its analysis.
    """
    sizes = {node: row.memory_bytes for node, row in zip(graph, report.layers, strict=True)}
    reached = _reached(graph)
    kept = _kept(reached, sizes)
    held = sum(kept.values())
    # Of each feature whose gradient is there, the room: its bytes, and how many features share it.
    rooms = {node: [sizes[node], 1] for node in graph.outputs}
    gradients = sum(size for size, _ in rooms.values())
    peak = held + LOSS * gradients
    for node in reversed(graph.nodes):
        room = rooms.pop(node, None)
        if room is not None:
            working = 0.0
            if node.kind in NORMALISING:
                working = NORMALISED * sizes[node]
            elif node.layer.keeps_inner:
                working = _inner_bytes(node)
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
        if node.layer.keeps_inner:
            kept[node] = kept.get(node, 0) + _inner_bytes(node)
    return kept
