"""What a graph costs and how far it sees: the report that every view shows.

Conventions, where the literature has several: a multiply-accumulate (MAC) is one
multiplication with its addition, convolutions alone are counted, a transposed convolution at
the resolution of its input; memory is that of float32 values.
"""

from collections.abc import Iterable
from fractions import Fraction
from functools import cached_property
from math import lcm, prod
from typing import TYPE_CHECKING, Any

import attrs

from explorer.graph import Graph, Node
from explorer.layers import Layer, Shape

if TYPE_CHECKING:
    import pandas

BYTES_PER_VALUE = 4


@attrs.frozen
class LayerReport:
    """One row of the report.

    Attributes:
        name: Name of the layer.
        kind: Name of its Keras class.
        shape: `(height, width, channels)` of its output.
        stride: Step of its output in input pixels.
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
    stride: Any
    params: int
    trainable_params: int
    macs: int | None
    memory_bytes: int
    receptive_field: tuple[int, int] | None


@attrs.frozen(slots=False)
class Report:
    """The analysis of a graph; numbers are for one image.

    Attributes:
        layers: A row for each layer, in the graph's order.
        output_shapes: `(height, width, channels)` of each output of the model.
        peak_activation_bytes: Most memory that features alive at the same time take. A feature
            is alive from its computation until its last use, so a skip source stays alive until
            the decoder has used it.
        receptive_field: `(height, width)` in input pixels, of the last output.
        head_params: Parameters of the heads; the rest are the backbone's.
    """

    layers: tuple[LayerReport, ...]
    output_shapes: tuple[Shape, ...]
    peak_activation_bytes: int
    receptive_field: tuple[int, int] | None
    head_params: int = 0

    @cached_property
    def total_params(self) -> int:
        """Number of parameters of the model."""
        return sum(row.params for row in self.layers)

    @cached_property
    def trainable_params(self) -> int:
        """Number of parameters that training changes."""
        return sum(row.trainable_params for row in self.layers)

    @cached_property
    def macs(self) -> int:
        """Multiply-accumulates of one forward pass (convolutions; a multiply-add is one).

        Layers whose MACs are not known add nothing: see `macs_are_known`.
        """
        return sum(row.macs or 0 for row in self.layers)

    @property
    def macs_are_known(self) -> bool:
        """Whether `macs` counts every layer; otherwise the network has at least so many."""
        return all(row.macs is not None for row in self.layers)

    @property
    def flops(self) -> int:
        """Floating-point operations of one forward pass: two for each multiply-accumulate."""
        return 2 * self.macs

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

    def to_pandas(self) -> "pandas.DataFrame":
        """Return the rows as a data frame, indexed by layer name."""
        import pandas

        return pandas.DataFrame([attrs.asdict(row) for row in self.layers]).set_index("name")


def analyze(graph: Graph) -> Report:
    """Return the report of a graph.

    Args:
        graph: As `trace` returns it.
    """
    fields = _receptive_fields(graph)
    rows = []
    for node in graph:
        trainable, frozen = node.layer.weights(node.input_shapes)
        rows.append(
            LayerReport(
                node.name,
                node.kind,
                node.shape,
                node.stride,
                trainable + frozen,
                trainable,
                node.layer.macs(node.input_shapes),
                prod(node.shape) * BYTES_PER_VALUE,
                fields[node],
            )
        )
    return Report(
        layers=tuple(rows),
        output_shapes=tuple(node.shape for node in graph.outputs),
        peak_activation_bytes=_peak_activation_values(graph) * BYTES_PER_VALUE,
        receptive_field=fields[graph.outputs[-1]],
        head_params=sum(
            row.params
            for node, row in zip(graph, rows, strict=True)
            if node.block and node.block.role == "head"
        ),
    )


def _peak_activation_values(graph: Graph) -> int:
    last_use: dict[Node, Node] = {}
    for node in graph:
        for source in node.inputs:
            last_use[source] = node
    kept = set(graph.outputs)
    alive = peak = 0
    for node in graph:
        alive += prod(node.shape)
        peak = max(peak, alive)
        for source in set(node.inputs):
            if last_use[source] is node and source not in kept:
                alive -= prod(source.shape)
    return peak


@attrs.frozen
class _Window:
    """Which input pixels can influence each position of a feature, along one axis.

    Attributes:
        spans: The first and last pixel for each position. They repeat: `len(spans)` positions on,
            they are `step` pixels on. A position that nothing influences (under a transposed
            convolution with a small kernel) has None.
        step: See `spans`.
        ordered: Whether no position lacks a span and spans never move back from a position to
            the next, so that a range of positions sees from its first one's first pixel to its
            last one's last pixel.
    """

    spans: tuple[tuple[int, int] | None, ...]
    step: int
    ordered: bool

    @classmethod
    def of(cls, spans: list[tuple[int, int] | None], step: int) -> "_Window":
        """Return the window with these spans."""
        known = [span for span in spans if span is not None]
        ordered = len(known) == len(spans)
        if ordered:
            following = [*known[1:], (known[0][0] + step, known[0][1] + step)]
            ordered = all(
                a[0] <= b[0] and a[1] <= b[1] for a, b in zip(known, following, strict=True)
            )
        return cls(tuple(spans), step, ordered)

    def at(self, position: int) -> tuple[int, int] | None:
        """Return the first and last input pixel that can influence a position."""
        repeats, phase = divmod(position, len(self.spans))
        span = self.spans[phase]
        if span is None or not repeats:
            return span
        shift = repeats * self.step
        return span[0] + shift, span[1] + shift

    def over(self, positions: range) -> tuple[int, int] | None:
        """Return the first and last input pixel that can influence any of the positions."""
        if self.ordered and positions:
            first = self.at(positions[0])
            last = self.at(positions[-1]) if len(positions) > 1 else first
            return first[0], last[1]  # type: ignore[index]
        return _hull(self.at(position) for position in positions)

    @property
    def extent(self) -> int:
        """The largest number of pixels from the first to the last, over all positions."""
        return max((span[1] - span[0] + 1 for span in self.spans if span), default=0)


def _hull(spans: Iterable[tuple[int, int] | None]) -> tuple[int, int] | None:
    """Return the smallest span that covers all of them."""
    known = [span for span in spans if span is not None]
    if not known:
        return None
    return min(first for first, _ in known), max(last for _, last in known)


def _receptive_fields(graph: Graph) -> dict[Node, tuple[int, int] | None]:
    """Return the receptive field of each layer's output as `(height, width)`."""
    # Windows are products of intervals, so each axis stands for itself; on a square input, where
    # every layer is the same along both, one walk serves both.
    by_axis = {}
    for axis in (0, 1) if any(node.shape[0] != node.shape[1] for node in graph.inputs) else (0,):
        windows: dict[Node, _Window | None] = {}
        for node in graph:
            windows[node] = _window(node, windows, axis)
        by_axis[axis] = windows
    height, width = by_axis[0], by_axis.get(1, by_axis[0])
    fields: dict[Node, tuple[int, int] | None] = {}
    for node in graph:
        along_height, along_width = height[node], width[node]
        known = along_height is not None and along_width is not None
        fields[node] = (along_height.extent, along_width.extent) if known else None  # type: ignore[union-attr]
    return fields


def _window(node: Node, windows: dict[Node, _Window | None], axis: int) -> _Window | None:
    if not node.inputs:
        return _Window.of([(0, 0)], 1)
    sources = [windows[source] for source in node.inputs]
    if not node.layer.is_known or any(source is None for source in sources):
        return None
    merged = _merge([source for source in sources if source is not None])
    if merged is None or node.layer.pointwise:
        return merged
    return _look(node.layer, merged, node.inputs[0].shape[axis])


def _merge(windows: list[_Window]) -> _Window | None:
    """Return the window that covers all windows, position by position."""
    if len(windows) == 1:
        return windows[0]
    # Features of different strides can have equal sizes on a tiny input; then no position of the
    # one is a position of the other, away from the border.
    stride = Fraction(windows[0].step, len(windows[0].spans))
    if any(window.step != stride * len(window.spans) for window in windows):
        return None
    period = lcm(*(len(window.spans) for window in windows))
    spans = [_hull([window.at(position) for window in windows]) for position in range(period)]
    return _Window.of(spans, int(stride * period))


def _look(layer: Layer, window: _Window, size: int) -> _Window:
    """Return the window of a layer's output, given that of its input of this size."""
    positions = lcm(len(window.spans), layer.down)
    period = positions // layer.down * layer.up
    spans = [window.over(layer.sources(position, size)) for position in range(period)]
    return _Window.of(spans, window.step * positions // len(window.spans))
