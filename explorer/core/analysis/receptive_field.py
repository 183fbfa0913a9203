"""How far layers see: which input pixels can influence which output pixels, exactly."""

from collections.abc import Iterable
from fractions import Fraction
from functools import cached_property, lru_cache
from itertools import chain
from math import lcm, prod

import attrs

from explorer.core.network.graph import Graph, Node
from explorer.core.network.layers import Layer, Shape, along

#: Largest height or width of an image whose pixels are told apart one by one, and most pixels that
#: all layers' windows together have.
LARGEST = 20_000

#: How many windows are kept, since networks that differ a little, as those of a search do, have
#: most in common; and the most spans of one that others are kept for.
KEPT = 4096
LONGEST_KEPT = 64


@attrs.frozen(cache_hash=True)
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
        mixed: Whether every channel sees all of it.

    A step of 0 says that all positions see the same: what lies behind a pooling over the whole
    image, or is no image.
    """

    spans: tuple[tuple[int, int] | None, ...]
    step: int
    ordered: bool
    mixed: bool = True

    @classmethod
    def constant(cls, span: tuple[int, int] | None, mixed: bool = True) -> "_Window":
        """Return the window of a feature whose positions all see the same, or nothing."""
        return cls((span,), 0, span is not None, mixed)

    @property
    def is_constant(self) -> bool:
        """Whether all positions see the same."""
        return self.step == 0

    @property
    def is_blind(self) -> bool:
        """Whether no position sees anything."""
        return self.spans == (None,)

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

    @cached_property
    def extent(self) -> int:
        """The largest number of pixels from the first to the last, over all positions."""
        return max((span[1] - span[0] + 1 for span in self.spans if span), default=0)


def _hull(spans: Iterable[tuple[int, int] | None]) -> tuple[int, int] | None:
    """Return the smallest span that covers all of them."""
    known = [span for span in spans if span is not None]
    if not known:
        return None
    return min(first for first, _ in known), max(last for _, last in known)


def receptive_fields(graph: Graph) -> dict[Node, tuple[int, ...] | None]:
    """Return the receptive field of each layer's output as `(height, width)`.

    For images with other axes, there is a number for each.
    """
    axes = _windows(graph)
    return {node: _field(axes, node) for node in graph}


def receptive_field(graph: Graph, node: Node) -> tuple[int, ...] | None:
    """Return the receptive field of one layer's output: see `receptive_fields`."""
    return _field(_windows(graph), node)


def _field(axes: tuple[dict[Node, "_Window | None"], ...], node: Node) -> tuple[int, ...] | None:
    found = [windows[node] for windows in axes]
    return tuple([window.extent for window in found if window]) if found and all(found) else None


# A design is analysed once, and then asked for many positions.
@lru_cache(maxsize=4)
def _windows(graph: Graph) -> tuple[dict[Node, "_Window | None"], ...]:
    """Return the window of each layer along each axis of the image."""
    # Windows are products of intervals, so each axis stands for itself; on a square input, where
    # every layer is the same along both, one walk serves all.
    sizes = graph.input_shape[:-1]
    same = all(len(set(node.shape[:-1])) == 1 for node in graph.inputs) and all(
        node.layer.is_square for node in graph
    )
    by_axis: list[dict[Node, _Window | None]] = []
    for axis, size in enumerate(sizes[:1] if same else sizes):
        windows: dict[Node, _Window | None] = {}
        for node in graph:
            windows[node] = _window(node, windows, axis, (size, len(sizes)))
        by_axis.append(windows)
    return tuple(by_axis * len(sizes) if same else by_axis)


def _window(
    node: Node, windows: dict[Node, _Window | None], axis: int, image: tuple[int, int]
) -> _Window | None:
    """Return the window of a layer's output along an axis.

    Args:
        node: The layer.
        windows: Those of the layers before it.
        axis: The axis.
        image: The image's size along it, and how many axes the image has.
    """
    layer, inputs = node.layer, node.inputs
    if len(inputs) == 1 and layer.pointwise and layer.is_known and not layer.mixes:
        return windows[inputs[0]]  # as of half of all layers
    size, axes = image
    if not inputs:
        is_image = len(node.shape) - 1 == axes
        return _Window.of([(0, 0)], 1) if is_image else _Window.constant(None)
    found = [window for source in inputs if (window := windows[source])]
    if len(found) < len(inputs):
        return None
    if found[0].is_blind and all(window.is_blind for window in found):
        return _Window.constant(None)  # whatever it does, it sees nothing of the image
    if layer.rearranges and (constant := _moved(found, node, axes)):
        return constant
    if not layer.is_known:
        return None
    merged: _Window | None = found[0]
    if len(found) > 1:
        found = [
            _spread_out(source, before, node, axis, axes)
            for source, before in zip(found, inputs, strict=True)
        ]
        is_short = all(len(window.spans) <= LONGEST_KEPT for window in found)
        merged = (_merge if is_short else _merge.__wrapped__)(tuple(found), size)
    if merged is None or layer.pointwise:
        if merged is None or merged.mixed or not layer.mixes:
            return merged
        return attrs.evolve(merged, mixed=True)
    before = inputs[0].shape
    if len(before) - 1 != axes:
        return merged if merged.is_constant else None
    if layer.covers(before[axis], axis):
        mixed = not layer.rearranges or prod(before[:-1]) == 1
        return _whole(merged, before[axis], size, mixed)
    return _look(layer, merged, before[axis], axis)


def _moved(found: list[_Window], node: Node, axes: int) -> _Window | None:
    """Return the window of a layer that moves values about, where no position matters."""
    single = prod(node.shape[:-1]) == 1
    if len(found) == 1 and found[0].is_constant and (found[0].mixed or single):
        return found[0]
    return None


def _spread_out(window: _Window, source: Node, node: Node, axis: int, axes: int) -> _Window:
    """Return the window of an input that has one position for all of the output's."""
    if window.is_constant or len(source.shape) - 1 != axes or len(node.shape) - 1 != axes:
        return window
    one = source.shape[axis] == 1 < node.shape[axis]
    return _Window.constant(window.at(0)) if one else window


def _whole(window: _Window, positions: int, size: int, mixed: bool) -> _Window:
    """Return the window of what reads all positions: at most the whole image.

    Args:
        window: That of what is read.
        positions: How many positions it has.
        size: The image's size.
        mixed: Whether each channel reads all of them.
    """
    if window.is_constant:
        return window
    return _Window.constant(_in_image(window.over(range(positions)), size), mixed)


def _in_image(span: tuple[int, int] | None, size: int) -> tuple[int, int] | None:
    return span and (max(span[0], 0), min(span[1], size - 1))


@lru_cache(maxsize=KEPT)
def _merge(windows: tuple[_Window, ...], size: int) -> _Window | None:
    """Return the window that covers all windows, position by position.

    Args:
        windows: The windows.
        size: The image's size.
    """
    moving = [window for window in windows if not window.is_constant]
    still = [window for window in windows if window.is_constant]
    if still:
        fixed = _hull(window.spans[0] for window in still)
        if not moving:
            alike = len({window.spans for window in still}) == 1
            return _Window.constant(fixed, alike and all(window.mixed for window in still))
        if fixed is not None:
            # Next to what sees the whole image, what else is seen adds nothing.
            clipped = _in_image(fixed, size)
            return _Window.constant(clipped) if clipped == (0, size - 1) else None
    if len(moving) == 1:
        return moving[0]
    # Features of different strides can have equal sizes on a tiny input; then no position of the
    # one is a position of the other, away from the border.
    stride = Fraction(moving[0].step, len(moving[0].spans))
    if any(window.step != stride * len(window.spans) for window in moving):
        return None
    period = lcm(*(len(window.spans) for window in moving))
    spans = [_hull([window.at(position) for window in moving]) for position in range(period)]
    return _Window.of(spans, int(stride * period))


def _look(layer: Layer, window: _Window, size: int, axis: int) -> _Window:
    """Return the window of a layer's output, given that of its input of this size."""
    if window.is_constant:
        return window
    up = along(layer.up, axis)
    reads = tuple([layer.sources(position, size, axis) for position in range(up)])
    through = _through if len(window.spans) <= LONGEST_KEPT else _through.__wrapped__
    return through(window, reads, along(layer.down, axis))


@lru_cache(maxsize=KEPT)
def _through(window: _Window, reads: tuple[range, ...], down: int) -> _Window:
    """Return the window of what reads a feature.

    Args:
        window: That of the feature.
        reads: What the first positions read; as many positions on, it lies ...
        down: ... so many positions on.
    """
    positions = lcm(len(window.spans), down)
    spans = [
        window.over(range(read.start + start, read.stop + start, read.step))
        for start in range(0, positions, down)
        for read in reads
    ]
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
    if len(graph.input_shape) != 3:
        return None
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
        along(node.layer.up, 0) * len(node.layer.sources(0, node.inputs[0].shape[0]))
        for node in graph
        if node.inputs and node.layer.is_known and len(node.inputs[0].shape) == 3
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
    start = (1 << row, 1 << column) if len(node.shape) == 3 else (1, 1)
    areas: dict[Node, list[_Area]] = {node: [start]}
    rows = columns = 0
    for current in reversed(graph.nodes):
        for area in areas.pop(current, ()):
            if not current.inputs and len(current.shape) == 3:
                rows, columns = rows | area[0], columns | area[1]
            for source in current.inputs:
                seen = _seen(current, source, area)
                if all(seen):
                    _add_area(areas.setdefault(source, []), seen)
    return Box(_first(rows), _first(columns), _last(rows), _last(columns)) if rows else None


def _seen(node: Node, source: Node, area: _Area) -> _Area:
    """Return the positions of one of its inputs that a layer reads for some of its output.

    A feature without height and width counts as one of a single position.
    """
    if len(source.shape) != 3:
        return 1, 1
    layer, (height, width, _) = node.layer, source.shape
    if len(node.shape) != 3 or layer.rearranges or not layer.is_known:
        return (1 << height) - 1, (1 << width) - 1
    return _read(layer, area[0], source, node, 0), _read(layer, area[1], source, node, 1)


def _read(layer: Layer, positions: int, source: Node, node: Node, axis: int) -> int:
    """Return the positions of an input that a layer reads for those of its output."""
    size = source.shape[axis]
    everything = (1 << size) - 1
    if layer.pointwise:
        return positions if size == node.shape[axis] else everything
    if layer.covers(size, axis):
        return everything
    found, down, up = 0, along(layer.down, axis), along(layer.up, axis)
    for phase in range(up):
        steps = _spread(_every(positions, phase, up), down)
        for read in layer.sources(phase, size, axis):
            found |= steps << read if read >= 0 else steps >> -read
    return found & everything


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
