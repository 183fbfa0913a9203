"""How far layers see: which input pixels can influence which output pixels, exactly."""

from collections.abc import Iterable
from fractions import Fraction
from functools import lru_cache
from itertools import chain
from math import lcm

import attrs

from explorer.graph import Graph, Node
from explorer.layers import Layer, Shape

#: Largest height or width of an image whose pixels are told apart one by one, and most pixels that
#: all layers' windows together have.
LARGEST = 20_000


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
        # Of positions that are whole periods apart, the first sees furthest back and the last
        # furthest ahead: what lies between the first and the last period adds nothing.
        period = len(self.spans)
        ends = chain(positions[:period], positions[period:][-period:])
        return _hull(self.at(position) for position in ends)

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


def receptive_fields(graph: Graph) -> dict[Node, tuple[int, int] | None]:
    """Return the receptive field of each layer's output as `(height, width)`."""
    height, width = _windows(graph)
    fields: dict[Node, tuple[int, int] | None] = {}
    for node in graph:
        along_height, along_width = height[node], width[node]
        known = along_height is not None and along_width is not None
        fields[node] = (along_height.extent, along_width.extent) if known else None  # type: ignore[union-attr]
    return fields


# A design is analysed once, and then asked for many positions.
@lru_cache(maxsize=4)
def _windows(graph: Graph) -> tuple[dict[Node, "_Window | None"], dict[Node, "_Window | None"]]:
    """Return the window of each layer along the height, and along the width."""
    # Windows are products of intervals, so each axis stands for itself; on a square input, where
    # every layer is the same along both, one walk serves both.
    by_axis = {}
    for axis in (0, 1) if any(node.shape[0] != node.shape[1] for node in graph.inputs) else (0,):
        windows: dict[Node, _Window | None] = {}
        for node in graph:
            windows[node] = _window(node, windows, axis)
        by_axis[axis] = windows
    return by_axis[0], by_axis.get(1, by_axis[0])


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


@attrs.frozen
class Box:
    """A rectangle of pixels, of which the first and the last rows and columns are part.

    Attributes:
        top: First row; it may lie outside the image, as the others may.
        left: First column.
        bottom: Last row.
        right: Last column.
    """

    top: int
    left: int
    bottom: int
    right: int

    @property
    def height(self) -> int:
        """Number of rows."""
        return self.bottom - self.top + 1

    @property
    def width(self) -> int:
        """Number of columns."""
        return self.right - self.left + 1

    @property
    def size(self) -> tuple[int, int]:
        """Height and width."""
        return self.height, self.width

    def contains(self, other: "Box") -> bool:
        """Return whether no pixel of another box lies outside this one."""
        return (
            self.top <= other.top
            and self.left <= other.left
            and other.bottom <= self.bottom
            and other.right <= self.right
        )


@attrs.frozen
class ReceptiveWindow:
    """Which input pixels can influence one position of a layer's output.

    Attributes:
        whole: The smallest rectangle that holds them on an image without borders, each axis for
            itself, as in `LayerReport.receptive_field`. It may reach beyond the image.
        inside: The smallest rectangle that holds those of the image. Where padding hides what a
            layer before could have seen, it is smaller than the part of `whole` in the image.

    Each is None where no pixel has an influence, as under a transposed convolution whose kernel
    is smaller than its stride.
    """

    whole: Box | None
    inside: Box | None


def receptive_window(graph: Graph, node: Node, row: int, column: int) -> ReceptiveWindow | None:
    """Return what a position of a layer's output can see, exactly, also near the border.

    In images, or with windows of layers, of over 20,000 pixels, which no network is run on at
    once, what lies inside is the whole window's part in the image; near the border, it may be
    smaller.

    Args:
        graph: The graph.
        node: One of its layers.
        row: Row of the position in the layer's output, from 0.
        column: Column of the position.

    Returns:
        The window, or None where it is not known how far the layers before look.
    """
    along_height, along_width = (windows[node] for windows in _windows(graph))
    if along_height is None or along_width is None:
        return None
    rows, columns = along_height.at(row), along_width.at(column)
    whole = Box(rows[0], columns[0], rows[1], columns[1]) if rows and columns else None
    if whole and not _is_small(graph):
        return ReceptiveWindow(whole, _clipped(whole, graph.input_shape))
    return ReceptiveWindow(whole, _reached(graph, node, row, column))


def _is_small(graph: Graph) -> bool:
    """Return whether pixels can be told apart one by one without anybody waiting."""
    reads = sum(
        node.layer.up * len(node.layer.sources(0, node.inputs[0].shape[0]))
        for node in graph
        if node.inputs
    )
    return max(*graph.input_shape[:2], reads) <= LARGEST


def _clipped(box: Box, shape: Shape) -> Box | None:
    """Return the part of a box that lies in an image."""
    top, left = max(0, box.top), max(0, box.left)
    bottom, right = min(shape[0] - 1, box.bottom), min(shape[1] - 1, box.right)
    return Box(top, left, bottom, right) if top <= bottom and left <= right else None


#: The rows and the columns of a set of positions: bit n of a number stands for position n.
_Area = tuple[int, int]


def _reached(graph: Graph, node: Node, row: int, column: int) -> Box | None:
    """Return the smallest rectangle of the image that holds all pixels with an influence.

    Walks from the position to the inputs. What a layer reads beyond the border of a feature is
    padding, which falls out of the bits.
    """
    areas: dict[Node, list[_Area]] = {node: [(1 << row, 1 << column)]}
    rows = columns = 0
    for current in reversed(graph.nodes):
        for area in areas.pop(current, ()):
            if not current.inputs:
                rows, columns = rows | area[0], columns | area[1]
            for source in current.inputs:
                height, width, *_ = source.shape
                seen = area
                if not current.layer.pointwise:
                    seen = (
                        _read(current.layer, area[0], height),
                        _read(current.layer, area[1], width),
                    )
                if all(seen):
                    _add_area(areas.setdefault(source, []), seen)
    return Box(_first(rows), _first(columns), _last(rows), _last(columns)) if rows else None


def _read(layer: Layer, positions: int, size: int) -> int:
    """Return the positions of an input of this size that a layer reads for those of its output."""
    found = 0
    for phase in range(layer.up):
        steps = _spread(_every(positions, phase, layer.up), layer.down)
        for source in layer.sources(phase, size):
            found |= steps << source if source >= 0 else steps >> -source
    return found & ((1 << size) - 1)


def _every(bits: int, first: int, step: int) -> int:
    """Return bit `first + n * step` as bit n."""
    return bits if step == 1 else int(f"{bits:b}"[::-1][first::step][::-1] or "0", 2)


def _spread(bits: int, step: int) -> int:
    """Return bit n as bit `n * step`."""
    return bits if step == 1 else int(("0" * (step - 1)).join(f"{bits:b}"), 2)


def _add_area(areas: list[_Area], new: _Area) -> None:
    """Add an area to others, as part of one of them where the two are a rectangle together."""
    for other in tuple(areas):
        rows, columns = new[0] | other[0], new[1] | other[1]
        if (rows, columns) == other:
            return
        if (rows, columns) == new or new[0] == other[0] or new[1] == other[1]:
            areas.remove(other)
            new = rows, columns
    areas.append(new)


def _first(bits: int) -> int:
    return (bits & -bits).bit_length() - 1


def _last(bits: int) -> int:
    return bits.bit_length() - 1
