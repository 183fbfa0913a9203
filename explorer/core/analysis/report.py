"""What a graph costs and how far it sees: the report that every view shows.

Conventions, where the literature has several: a multiply-accumulate (MAC) is one
multiplication with its addition, convolutions and dense layers alone are counted, a transposed
convolution at the resolution of its input; memory is that of float32 values.
"""

from collections.abc import Iterator, Sequence
from functools import cached_property
from math import prod
from typing import TYPE_CHECKING, Any

import attrs

from explorer.core.analysis.receptive_field import receptive_field, receptive_fields
from explorer.core.analysis.tables import data_frame, report_html, report_line
from explorer.core.network.graph import BYTES_PER_VALUE, Graph, Node, Stride, named
from explorer.core.network.layers import Shape

if TYPE_CHECKING:
    import pandas


@attrs.frozen
class LayerReport:
    """One row of the report.

    Attributes:
        name: Name of the layer.
        kind: Name of its Keras class.
        shape: `(height, width, channels)` of its output.
        stride: Step of its output in input pixels: a pair where it differs by axis, None where it
            is not known, or there is a single position.
        params: Number of parameters.
        trainable_params: Number of those that training changes.
        macs: Multiply-accumulates for one image, or None where they are not known.
        memory_bytes: Size of its output for one image, in float32.
        receptive_field: `(height, width)` in input pixels of the smallest window that can
            influence one output pixel away from the border, the largest over the pixel's
            positions; None where it is not known.
    """

    name: str
    kind: str
    shape: Shape
    stride: Stride
    params: int
    trainable_params: int
    macs: int | None
    memory_bytes: int
    receptive_field: tuple[int, ...] | None


class Totals:
    """What a network has in all; numbers are for one image, and attributes those of a `Report`."""

    layers: Sequence[Any]
    peak_activation_bytes: int
    receptive_field: tuple[int, ...] | None
    input_shape: Shape

    @cached_property
    def total_params(self) -> int:
        """Number of parameters of the model."""
        return sum(row.params for row in self.layers)

    @cached_property
    def trainable_params(self) -> int:
        """Number of parameters that training changes."""
        return sum(row.trainable_params for row in self.layers)

    @cached_property
    def _macs(self) -> list[int | None]:
        return [row.macs for row in self.layers]

    @cached_property
    def macs(self) -> int:
        """Multiply-accumulates of one forward pass (convolutions and dense layers).

        Layers whose MACs are not known add nothing: see `macs_are_known`.
        """
        return sum([macs or 0 for macs in self._macs])

    @property
    def macs_are_known(self) -> bool:
        """Whether `macs` counts every layer; otherwise the network has at least so many."""
        return None not in self._macs

    @property
    def flops(self) -> int:
        """Floating-point operations of one forward pass: two for each multiply-accumulate."""
        return 2 * self.macs

    @cached_property
    def maximum_stride(self) -> Stride:
        """Largest stride of all features with several positions; None if one is not known."""
        strides = {row.stride for row in self.layers if prod(row.shape[:-1]) > 1}
        if None in strides or not strides:
            return None
        pairs = [s if isinstance(s, tuple) else (s,) * (len(self.input_shape) - 1) for s in strides]
        largest = tuple(max(steps) for steps in zip(*pairs, strict=True))
        return largest[0] if len(set(largest)) == 1 else largest

    @property
    def weights_bytes(self) -> int:
        """Memory of all parameters, in float32."""
        return self.total_params * BYTES_PER_VALUE

    @property
    def peak_memory_bytes(self) -> int:
        """Memory that a forward pass of one image needs at its peak, the weights included."""
        return self.peak_memory(batch_size=1)

    def peak_memory(self, batch_size: int) -> int:
        """Return the bytes that a forward pass of `batch_size` images needs at its peak."""
        return self.peak_activation_bytes * batch_size + self.weights_bytes


@attrs.frozen(slots=False, repr=False)
class Report(Totals):
    """The analysis of a graph; numbers are for one image. `report[name]` is the row of a layer.

    Attributes:
        layers: A row for each layer, in the graph's order.
        output_shapes: `(height, width, channels)` of each output of the model.
        peak_activation_bytes: Most memory that features alive at the same time take. A feature
            is alive from its computation until its last use, so a skip source stays alive until
            the decoder has used it.
        receptive_field: `(height, width)` in input pixels, the largest of all outputs along each
            axis; None where one is not known.
        head_params: Parameters of the heads; the rest are the backbone's.
        input_shape: `(height, width, channels)` of the image.
    """

    layers: tuple[LayerReport, ...]
    output_shapes: tuple[Shape, ...]
    peak_activation_bytes: int
    receptive_field: tuple[int, ...] | None
    head_params: int = 0
    input_shape: Shape = ()

    @cached_property
    def _by_name(self) -> dict[str, LayerReport]:
        return {row.name: row for row in self.layers}

    def __getitem__(self, name: str) -> LayerReport:
        """Return the row of a layer.

        Raises:
            NoSuchLayerError: If no layer has that name; it is a `KeyError`.
        """
        return named(self._by_name, name)

    def __iter__(self) -> Iterator[LayerReport]:
        return iter(self.layers)

    def __repr__(self) -> str:
        """Return the totals in a line."""
        return report_line(self)

    def _repr_html_(self) -> str:
        """Return a table of the layers, for notebooks."""
        return report_html(self)

    def to_pandas(self) -> "pandas.DataFrame":
        """Return the rows as a data frame, indexed by layer name."""
        return data_frame([attrs.asdict(row) for row in self.layers]).set_index("name")


class TotalsOf(Totals):
    """The totals of a graph, each of which is worked out when it is asked for."""

    def __init__(self, graph: Graph) -> None:
        self.layers = graph.nodes
        self.input_shape = graph.input_shape
        self._graph = graph

    @cached_property
    def peak_activation_bytes(self) -> int:  # type: ignore[override]
        """Most memory that features alive at the same time take."""
        return _peak_bytes(self._graph)

    @cached_property
    def receptive_field(self) -> tuple[int, ...] | None:  # type: ignore[override]
        """The largest of all outputs along each axis; None where one is not known."""
        return _largest([receptive_field(self._graph, node) for node in self._graph.outputs])


def graph_html(graph: Graph) -> str:
    """Return the layers of a graph as an HTML table."""
    return report_html(analyze(graph), graph.name)


def analyze(graph: Graph) -> Report:
    """Return the report of a graph.

    Args:
        graph: As `trace` returns it.
    """
    fields = receptive_fields(graph)
    rows = []
    for node in graph:
        trainable, frozen = node.weights
        rows.append(
            LayerReport(
                node.name,
                node.kind,
                node.shape,
                node.stride,
                trainable + frozen,
                trainable,
                node.macs,
                node.memory_bytes,
                fields[node],
            )
        )
    return Report(
        layers=tuple(rows),
        output_shapes=tuple(node.shape for node in graph.outputs),
        peak_activation_bytes=_peak_bytes(graph),
        receptive_field=_largest([fields[node] for node in graph.outputs]),
        head_params=sum(
            row.params
            for node, row in zip(graph, rows, strict=True)
            if node.block and node.block.role == "head"
        ),
        input_shape=graph.input_shape,
    )


def _peak_bytes(graph: Graph) -> int:
    """Return the most memory that features alive at the same time take."""
    return max([total for _, _, total in _features_alive(graph)]) * BYTES_PER_VALUE


def _largest(fields: Sequence[tuple[int, ...] | None]) -> tuple[int, ...] | None:
    known = [field for field in fields if field is not None]
    if len(known) < len(fields):
        return None
    return tuple(max(sizes) for sizes in zip(*known, strict=True))


@attrs.frozen
class MemoryPoint:
    """Which features are in memory while a layer runs; sizes are for one image, in float32.

    Attributes:
        node: The layer that runs.
        own_bytes: Size of its output.
        input_bytes: Size of its inputs.
        held_bytes: Size of what it does not use itself.
        held: The layers whose outputs these are: a later layer uses them, or the model returns
            them.
    """

    node: Node
    own_bytes: int
    input_bytes: int
    held_bytes: int
    held: tuple[Node, ...]

    @property
    def total_bytes(self) -> int:
        """Size of all features in memory."""
        return self.own_bytes + self.input_bytes + self.held_bytes


def memory_curve(graph: Graph) -> tuple[MemoryPoint, ...]:
    """Return what is in memory during each step of a forward pass, in the graph's order.

    The largest total is the report's `peak_activation_bytes`.
    """
    points = []
    for node, alive, total in _features_alive(graph):
        own = alive[node]
        inputs = sum(alive[source] for source in set(node.inputs))
        points.append(
            MemoryPoint(
                node,
                own_bytes=own * BYTES_PER_VALUE,
                input_bytes=inputs * BYTES_PER_VALUE,
                held_bytes=(total - own - inputs) * BYTES_PER_VALUE,
                held=tuple(a for a in alive if a is not node and a not in node.inputs),
            )
        )
    return tuple(points)


def _features_alive(graph: Graph) -> Iterator[tuple[Node, dict[Node, int], int]]:
    """Yield each layer, the values of each feature alive while it runs, and their sum."""
    last_use: dict[Node, Node] = {}
    for node in graph:
        for source in node.inputs:
            last_use[source] = node
    kept = set(graph.outputs)
    alive: dict[Node, int] = {}
    total = 0
    for node in graph:
        alive[node] = prod(node.shape)
        total += alive[node]
        yield node, alive, total
        for source in set(node.inputs):
            if last_use[source] is node and source not in kept:
                total -= alive.pop(source)
