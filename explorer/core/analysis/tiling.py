"""Predicting an image in tiles: where they may lie, and how far they have to overlap.

A layer with "same" padding puts zeros where a tile ends, and the whole image has pixels there.
What is near the border of a tile is therefore not what it would be in the whole image: its halo.
Tiles that overlap by their halos, and lie on the grid of all poolings, give the same numbers.
"""

from fractions import Fraction
from math import lcm

import attrs

from explorer.core.network.errors import ParameterError, Refusal
from explorer.core.network.graph import Graph, Node
from explorer.core.network.layers import along

#: A place to cut an array at: rows and columns.
Slices = tuple[slice, slice]
#: Before and after, along the height and along the width.
Halo = tuple[tuple[int, int], tuple[int, int]]


@attrs.frozen
class Tile:
    """One tile: `whole[tile.put] = model(image[tile.read])[tile.keep]`.

    Attributes:
        read: Rows and columns of the image that it is given.
        keep: Rows and columns of its output that are as in the whole image's.
        put: Where these are in the whole image's output.
    """

    read: Slices
    keep: Slices
    put: Slices


@attrs.frozen
class Tiling:
    """How tiles have to be laid, so that stitched together they equal the whole.

    All of it is in pixels, heights before widths.

    Attributes:
        image: Height and width of the whole image.
        step: Tiles begin at multiples of it, and are as large as multiples of it.
        halo: How much of a tile differs from the whole image's prediction, before and after,
            where the tile does not end with the image.
        overlap: By how much neighbouring tiles overlap at least.
        output_strides: Pixels from one position to the next, for each output, along both axes.
    """

    image: tuple[int, int]
    step: tuple[int, int]
    halo: Halo
    overlap: tuple[int, int]
    output_strides: tuple[tuple[int | Fraction, int | Fraction], ...]

    @property
    def smallest(self) -> tuple[int, int]:
        """Height and width of the smallest tile."""
        height, width = (o + s for o, s in zip(self.overlap, self.step, strict=True))
        return height, width

    def tiles(self, tile: int | tuple[int, int], output: int = 0) -> tuple[Tile, ...]:
        """Return tiles that cover the image, row by row.

        Args:
            tile: Side of a tile, or its height and width; along an axis where the image is not
                larger, all of the image is taken.
            output: Which of the network's outputs is stitched.

        Raises:
            ParameterError: If tiles of this size can't give the whole image's prediction.
        """
        sides = tile if isinstance(tile, tuple) else (tile, tile)
        strides = self.output_strides[output]
        rows, columns = (self._along(axis, sides[axis], strides[axis]) for axis in (0, 1))
        return tuple(Tile(*zip(above, beside, strict=True)) for above in rows for beside in columns)

    def _along(
        self, axis: int, side: int, stride: int | Fraction
    ) -> list[tuple[slice, slice, slice]]:
        image, step, overlap = self.image[axis], self.step[axis], self.overlap[axis]
        name = ("height", "width")[axis]
        side = min(side, image)
        if side % step:
            remedy = f"use a multiple, such as {max(self.smallest[axis], side // step * step)}"
            raise ParameterError("Tile", name, side, f"is no multiple of {step}", remedy)
        if side <= overlap and side < image:
            why = f"is not larger than the overlap of {overlap}"
            raise ParameterError("Tile", name, side, why, f"use at least {self.smallest[axis]}")
        starts = [*range(0, image - side, max(step, side - overlap)), image - side]
        # A tile's own part begins where the halo before it ends.
        cuts = [0, *(start + self.halo[axis][0] for start in starts[1:]), image]
        return [
            (
                slice(start, start + side),
                _positions(first - start, last - start, stride),
                _positions(first, last, stride),
            )
            for start, first, last in zip(starts, cuts, cuts[1:], strict=False)
        ]


def _positions(first: int, last: int, stride: int | Fraction) -> slice:
    return slice(int(first / Fraction(stride)), int(last / Fraction(stride)))


def tiling(graph: Graph) -> Tiling:
    """Return how the tiles have to be laid that give the prediction of the whole image.

    Args:
        graph: The network for the whole image, as `trace` returns it.

    Raises:
        Refusal: If tiles can't give it: a layer looks at the whole image, it is not known how far
            one looks, or an output has fewer positions than the image has at its stride.
    """
    if len(graph.input_shape) != 3 or len(graph.inputs) > 1:
        raise Refusal("Tiles are cut from one image: use a network with one input of that kind.")
    along_height, along_width = (_Axis.of(graph, axis) for axis in (0, 1))
    return Tiling(
        image=(graph.input_shape[0], graph.input_shape[1]),
        step=(along_height.step, along_width.step),
        halo=(along_height.halo, along_width.halo),
        overlap=(along_height.overlap, along_width.overlap),
        output_strides=tuple((_stride(node, 0), _stride(node, 1)) for node in graph.outputs),
    )


@attrs.frozen
class _Axis:
    """What a `Tiling` says of one axis."""

    step: int
    halo: tuple[int, int]

    @property
    def overlap(self) -> int:
        return _up_to(sum(self.halo), self.step)

    @classmethod
    def of(cls, graph: Graph, axis: int) -> "_Axis":
        for node in graph:
            _check(node, axis)
        step = lcm(*(Fraction(_stride(node, axis)).numerator for node in graph))
        image = graph.input_shape[axis]
        if image % step:
            raise Refusal(
                f"The image has a {('height', 'width')[axis]} of {image} pixels, no multiple of "
                f"the network's stride of {step}: use {image // step * step or step} or "
                f"{_up_to(image, step)}."
            )
        for node in graph.outputs:
            if node.shape[axis] * _stride(node, axis) != image:
                raise Refusal(
                    f"The output {node.name!r} lacks positions at the image's border: tiles can "
                    'be laid for networks with "same" padding.'
                )
        before, after = spoilt_before(graph, axis), _spoilt_after(graph, axis)
        # Cuts between tiles lie on the grids of all outputs.
        grid = lcm(*(Fraction(_stride(node, axis)).numerator for node in graph.outputs))
        halo = [
            max(_up_to(spoilt[node] * _stride(node, axis), grid) for node in graph.outputs)
            for spoilt in (before, after)
        ]
        return cls(step, (halo[0], halo[1]))


def _up_to(number: int | Fraction, step: int) -> int:
    """Return the smallest multiple of a step that is not below a number."""
    return -(-number // step) * step


def _stride(node: Node, axis: int) -> int | Fraction:
    stride = node.stride[axis] if isinstance(node.stride, tuple) else node.stride
    assert stride is not None  # see `_check`
    return stride


def _check(node: Node, axis: int) -> None:
    """Refuse a layer that doesn't do the same at every place of an image."""
    layer = node.layer
    sizes = [source.shape[axis] for source in node.inputs if len(source.shape) == 3]
    everywhere = len(sizes) == len(node.inputs) and len(node.shape) == 3 and node.stride is not None
    if layer.pointwise:
        everywhere = everywhere and all(size == node.shape[axis] for size in sizes)
    elif not layer.pools:  # a pooling that covers all of an image does so in a tiny one alone
        covers = any(layer.covers(size, axis) for size in sizes)
        everywhere = everywhere and layer.is_known and not layer.rearranges and not covers
    if not everywhere:
        raise Refusal(
            f"{node.kind} layer {node.name!r} may look at the whole image, so a tile can't give "
            "what it gives: predict the whole image at once, or use a network without this layer."
        )


def spoilt_before(graph: Graph, axis: int) -> dict[Node, int]:
    """Return how many of each layer's first positions are spoilt where a tile's image begins."""
    spoilt: dict[Node, set[int]] = {}
    for node in graph:
        spoilt[node] = set()
        for source in node.inputs:
            if node.layer.pointwise:
                spoilt[node] |= spoilt[source]
                continue
            known = spoilt[source]
            last = max(known, default=-1)
            position = sound = 0
            # Windows move on with their positions; under a transposed convolution, in its phases.
            while sound < along(node.layer.up, axis):
                read = node.layer.sources(position, source.shape[axis], axis)
                if any(q < 0 or q in known for q in read):
                    spoilt[node].add(position)
                sound = sound + 1 if not read or read[0] > last else 0
                position += 1
    return {node: max(found, default=-1) + 1 for node, found in spoilt.items()}


def _spoilt_after(graph: Graph, axis: int) -> dict[Node, int]:
    """Return how many of each layer's last positions are spoilt where a tile's image ends.

    Positions are counted from where the tile ends: the first that is not in it is 0, whatever the
    layer's stride; a layer that pads has some more.
    """
    spoilt: dict[Node, set[int]] = {}
    ends: dict[Node, int] = {}
    for node in graph:
        spoilt[node] = set()
        ends[node] = node.shape[axis] - int(graph.input_shape[axis] / Fraction(_stride(node, axis)))
        for source in node.inputs:
            if node.layer.pointwise:
                spoilt[node] |= spoilt[source]
                continue
            known, end = spoilt[source], ends[source]
            first = min(known, default=end)
            position, sound = ends[node] - 1, 0
            while sound < along(node.layer.up, axis):
                read = node.layer.sources(position, source.shape[axis], axis)
                if any(q >= end or q in known for q in read):
                    spoilt[node].add(position)
                sound = sound + 1 if not read or read[-1] < first else 0
                position -= 1
    return {node: max(0, -min(found, default=0)) for node, found in spoilt.items()}
