"""Grids of numbers as still pictures: a colour for each value, and the value where it has room."""

from collections.abc import Iterable, Sequence
from fractions import Fraction
from math import floor, log10
from typing import TypeAlias

import attrs

from explorer.core.analysis.spreading import reached_from
from explorer.core.formatting import counted, product, share
from explorer.core.network.errors import ParameterError
from explorer.core.network.graph import Graph
from explorer.core.network.layers import Layer
from explorer.core.pictures.heat_map import RAMP
from explorer.lessons.pictures.numbers import number_text
from explorer.lessons.pictures.overlap import (
    Counts,
    contributions,
    decoder_pattern,
    pattern,
    unevenness,
)

#: Numbers by rows.
Numbers: TypeAlias = Sequence[Sequence[Fraction | float]]

#: Most cells beside each other, with the number written in each and without.
_MOST_TEXTS, _MOST_CELLS = 14, 64
#: Most signs of a number that is written in its cell.
_LONGEST = 5
#: Most values that the legend tells one by one, and how many it tells of more.
_FEW, _SOME = 6, 5


@attrs.frozen
class GridColour:
    """A value, how it is written, and its place among the colours, from 0 to 1."""

    text: str
    place: float


@attrs.frozen
class GridPicture:
    """A grid whose cells have the colours of their values.

    Attributes:
        title: What it shows.
        text: What is to be seen, also for who does not see it.
        rows: The place of each cell among the colours, from 0 to 1.
        texts: What is written in each cell; empty where there is no room.
        legend: What colours mean.
        unit: What the numbers count; empty where the key tells kinds.
        ramp: The colours, of small values first.
        row_names: What each row is; empty: rows are as columns, such as those of an image.
    """

    title: str
    text: str
    rows: tuple[tuple[float, ...], ...]
    texts: tuple[tuple[str, ...], ...]
    legend: tuple[GridColour, ...]
    unit: str
    ramp: tuple[str, ...] = RAMP
    row_names: tuple[str, ...] = ()


def grid_picture(
    title: str,
    text: str,
    values: Numbers,
    unit: str = "",
    low: float | None = None,
    high: float | None = None,
    row_names: Sequence[str] = (),
) -> GridPicture:
    """Return a picture of numbers.

    Args:
        title: What it shows.
        text: What is to be seen.
        values: The numbers, by rows.
        unit: What they count.
        low: What has the first colour; the smallest if None.
        high: What has the last colour; the largest if None.
        row_names: What each row is, if it needs a name.

    Raises:
        ParameterError: If there are none, or too many to be seen, or not a name for each row.
    """
    numbers = [[float(value) for value in row] for row in values]
    widths = {len(row) for row in numbers}
    if len(widths) != 1 or not 1 <= max(len(numbers), *widths) <= _MOST_CELLS or 0 in widths:
        told = product(len(numbers), *sorted(widths))
        remedy = f"give rows of the same length, at most {product(_MOST_CELLS, _MOST_CELLS)}"
        raise ParameterError("grid_picture", "values", told, "can't be seen", remedy)
    if row_names and len(row_names) != len(numbers):
        remedy = f"give {counted(len(numbers), 'name')}, or none"
        raise ParameterError("grid_picture", "row_names", row_names, "are not one a row", remedy)
    found = sorted({value for row in numbers for value in row})
    low = found[0] if low is None else low
    high = found[-1] if high is None else high

    def place(value: float) -> float:
        return min(max((value - low) / (high - low), 0.0), 1.0) if high > low else 0.5

    if len(found) > _FEW:
        found = [low + (high - low) * step / (_SOME - 1) for step in range(_SOME)]
    # So many that neighbours in the legend are not written alike.
    digits = max(2, 1 - floor(log10(high - low))) if high > low else 2
    texts = tuple(tuple(number_text(value, digits) for value in row) for row in numbers)
    longest = max(len(text) for row in texts for text in row)
    has_room = max(len(numbers), *widths) <= _MOST_TEXTS and longest <= _LONGEST
    return GridPicture(
        title=title,
        text=text,
        rows=tuple(tuple(map(place, row)) for row in numbers),
        texts=texts if has_room else (),
        legend=tuple(GridColour(number_text(value, digits), place(value)) for value in found),
        unit=unit,
        row_names=tuple(row_names),
    )


def overlap_picture(
    layers: Iterable[Layer],
    size: int = 6,
    high: float | None = None,
    title: str = "Contributions to each output pixel",
) -> GridPicture:
    """Return a picture of how many contributions each pixel gets that layers put out.

    Args:
        layers: Applied one after the other.
        size: Height and width of the input.
        high: Number of contributions that has the last colour; the largest if None.
        title: What is written above it.

    Raises:
        Refusal: If they do more than to add up and to enlarge.
    """
    layers = tuple(layers)
    counts = contributions(layers, size)
    return grid_picture(
        title,
        f"{product(size, size)} become {product(len(counts), len(counts[0]))}. "
        f"Away from the border {_seen(pattern(layers))}",
        counts,
        "contributions",
        low=0,
        high=high,
    )


def checkerboard_picture(graph: Graph, least: int = 16) -> GridPicture:
    """Return a picture of what a decoder puts out whose weights are all alike.

    It is a part away from the border, of a constant feature at the coarsest grid, beside its mean;
    skip connections bring nothing.

    Args:
        graph: A network with a decoder.
        least: Least height and width of the part.

    Raises:
        Refusal: If contributions can't be counted in it.
    """
    counts = decoder_pattern(graph)
    height, width = len(counts), len(counts[0])
    mean = Fraction(sum(map(sum, counts))) / (height * width)
    down, across = -(-least // height), -(-least // width)
    shown = [[count / mean for count in row] * across for row in counts] * down
    return grid_picture(
        "Output of the decoder with all weights alike",
        f"Away from the border {_seen(counts)}",
        [row[:_MOST_CELLS] for row in shown[:_MOST_CELLS]],
        "× the mean",
    )


def spread_picture(graph: Graph, pixel: int) -> GridPicture:
    """Return a picture of where one pixel can be felt: a row of cells for each layer.

    Layers are left out that work on each position alone. A position is as wide as its stride.

    Args:
        graph: A network whose layers all say how far they look.
        pixel: Column of the pixel.
    """
    reached = reached_from(graph, pixel, axis=1)
    nodes = [node for node in graph if not node.inputs or not node.layer.pointwise]
    rows, told = [], []
    for node in nodes:
        step = graph.input_shape[1] / node.shape[1]
        rows.append([int(column / step) in reached[node] for column in range(graph.input_shape[1])])
        told.append(f"{node.layer.summary.split(',')[0]}: {len(reached[node])}")
    lit = [column for row in rows for column, is_reached in enumerate(row) if is_reached]
    first = max(0, min(lit) - 2, pixel - _MOST_CELLS // 2)
    last = min(graph.input_shape[1], max(lit) + 3, first + _MOST_CELLS)
    cut = " It reaches further than the picture." if max(lit) >= last or min(lit) < first else ""
    picture = grid_picture(
        "One pixel, layer by layer",
        "A row for each layer, from the image down, with how many positions of it the pixel "
        f"reaches. A position is as wide as its stride.{cut}",
        [[float(is_reached) for is_reached in row[first:last]] for row in rows],
        "reached",
        low=0,
        high=1,
        row_names=told,
    )
    return attrs.evolve(picture, texts=())  # colours say as much


def _seen(counts: Counts) -> str:
    """Return how evenly contributions are spread."""
    ratio = unevenness(counts)
    if ratio == 1:
        return "all pixels get alike: no checkerboard."
    if ratio is None:
        what = "some pixels get nothing"
    elif ratio >= 2:
        what = f"some pixels get {number_text(ratio)} times as much as others"
    else:
        what = f"some pixels get {share(float(ratio) - 1, 1)} more than others"
    return f"{what}, in a pattern that repeats every {product(len(counts), len(counts[0]))} pixels."
