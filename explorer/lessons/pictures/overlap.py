"""How many contributions each pixel of an upsampled feature gets: what checkerboards come from.

Where these numbers differ from pixel to pixel, a network that has not learnt anything yet puts out
a pattern: with all weights alike and a constant input, its output is just these numbers (Odena,
Dumoulin and Olah, "Deconvolution and Checkerboard Artifacts", Distill 2016).
"""

from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import TypeAlias

from explorer.core.network.errors import Refusal
from explorer.core.network.graph import Graph, Node
from explorer.core.network.layers import (
    Add,
    Concatenate,
    Conv2D,
    Conv2DTranspose,
    Cropping2D,
    DepthwiseConv2D,
    GroupNormalization,
    Layer,
    Multiply,
    SeparableConv2D,
    UpSampling2D,
    ZeroPadding2D,
    along,
)

#: A number of contributions; an interpolation takes parts of some.
Count: TypeAlias = int | Fraction
#: Those to each pixel, by rows.
Counts: TypeAlias = tuple[tuple[Count, ...], ...]

#: Layers that are not pointwise and add up what they read, each times a weight.
_ADDING = (
    Conv2D,
    Conv2DTranspose,
    Cropping2D,
    DepthwiseConv2D,
    SeparableConv2D,
    UpSampling2D,
    ZeroPadding2D,
)


def contributions(layers: Iterable[Layer], size: int) -> Counts:
    """Return how many contributions of the input each pixel gets, at the border, too.

    It is the output of a network of these layers with all weights 1 and no bias, one channel wide,
    for an input of ones.

    Args:
        layers: Applied one after the other.
        size: Height and width of the input.

    Raises:
        Refusal: If a layer does more than to add up and to enlarge.
    """
    counts: Counts = ((1,) * size,) * size
    for layer in layers:
        counts = _after(layer, counts, wraps=False)
    return counts


def pattern(layers: Iterable[Layer]) -> Counts:
    """Return how many contributions pixels get away from the border: the part that repeats.

    Args:
        layers: As for `contributions`, none of which lowers the resolution.

    Raises:
        Refusal: As there.
    """
    counts: Counts = ((1,),)
    for layer in layers:
        counts = _after(layer, counts, wraps=True)
    return _shortest(counts)


def decoder_pattern(graph: Graph) -> Counts:
    """Return how many contributions of the coarsest feature each pixel of a network's output gets.

    These are the ways from there to the pixel through the last decoder. What skip connections bring
    is left out; activations and normalisations pass on what they get. It is the part that repeats
    over all of the output but its border.

    Raises:
        Refusal: If nothing is upsampled, or the decoder does more than to add up and to enlarge.
    """
    lowering = [node for node in graph if node.inputs and node.layer.down != 1]
    start = lowering[-1] if lowering else graph.image
    found: dict[Node, Counts] = {start: ((1,),)}
    for node in graph:
        given = [found[source] for source in node.inputs if source in found]
        if given and node is not start:
            found[node] = _after(node.layer, _sum(node.layer, given), wraps=True)
    output = graph.outputs[-1]
    if not any(node.layer.up != 1 for node in found):
        raise Refusal("This network upsamples nothing: use one with a decoder.")
    if output not in found:
        raise Refusal(f"The output {output.name!r} gets nothing of the last decoder.")
    return _shortest(found[output])


def unevenness(counts: Counts) -> Fraction | None:
    """Return how many times as much one pixel gets as another; None: one gets nothing."""
    least, most = min(map(min, counts)), max(map(max, counts))
    return Fraction(most) / Fraction(least) if least else None


def _sum(layer: Layer, given: Sequence[Counts]) -> Counts:
    """Return the contributions of several features together."""
    if len(given) > 1 and not isinstance(layer, (Add, Concatenate)):
        raise _uncounted(layer)
    return tuple(
        tuple(sum(cells) for cells in zip(*rows, strict=True)) for rows in zip(*given, strict=True)
    )


def _after(layer: Layer, counts: Counts, wraps: bool) -> Counts:
    """Return the contributions to the pixels of a layer's output.

    Args:
        layer: The layer.
        counts: Those to the pixels of its input.
        wraps: Whether these repeat in all directions, without a border.
    """
    if isinstance(layer, Multiply) or (wraps and layer.down != 1):
        raise _uncounted(layer)
    if layer.pointwise or isinstance(layer, GroupNormalization):
        return counts
    if not isinstance(layer, _ADDING):
        raise _uncounted(layer)
    across = (_along(layer, row, 1, wraps) for row in counts)
    down = (_along(layer, column, 0, wraps) for column in zip(*across, strict=True))
    return tuple(zip(*down, strict=True))


def _shortest(counts: Counts) -> Counts:
    """Return the smallest part of a pattern that repeats to the whole of it."""
    rows = counts[: _period(counts)]
    columns = _period(tuple(zip(*rows, strict=True)))
    return tuple(row[:columns] for row in rows)


def _period(lines: Sequence[Sequence[Count]]) -> int:
    size = len(lines)
    whole = tuple(lines)
    return next(n for n in range(1, size + 1) if size % n == 0 and whole == whole[:n] * (size // n))


def _along(layer: Layer, line: Sequence[Count], axis: int, wraps: bool) -> list[Count]:
    """Return the contributions along one axis."""
    size, up = len(line), along(layer.up, axis)
    length = size * up if wraps else layer.output_shape([(size, size, 1)])[axis]
    found: list[Count] = []
    for position in range(length):
        if isinstance(layer, UpSampling2D):
            shares = layer.shares(position, None if wraps else size, axis)
            found.append(sum(line[place % size] * part for place, part in shares.items()))
        else:
            read = layer.sources(position, size, axis)
            found.append(sum(line[place % size] for place in read if wraps or 0 <= place < size))
    return found


def _uncounted(layer: Layer) -> Refusal:
    return Refusal(
        f"{layer.kind} {layer.name!r} does more than to add up and to enlarge, so contributions "
        "can't be counted: use convolutions, upsampling and skip connections alone."
    )
