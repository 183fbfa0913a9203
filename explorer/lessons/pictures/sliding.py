"""A layer's window that slides over a small grid of numbers, with its arithmetic written out."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from fractions import Fraction
from itertools import product
from random import Random
from typing import Any, TypeAlias

import attrs

from explorer.core.formatting import counted, listed, sentences
from explorer.core.formatting import product as product_text
from explorer.core.network.errors import ParameterError
from explorer.core.network.layers import (
    AveragePooling2D,
    Conv2D,
    Conv2DTranspose,
    DepthwiseConv2D,
    Layer,
    MaxPooling2D,
    UpSampling2D,
)
from explorer.core.network.layers.fields import both
from explorer.lessons.pictures.numbers import number_text

#: Rows of whole numbers.
Rows: TypeAlias = Sequence[Sequence[int]]
#: The same, checked.
Grid: TypeAlias = tuple[tuple[int, ...], ...]

#: Greatest height and width of an input, an output and a kernel that can be looked at.
MOST_IN, MOST_OUT, MOST_KERNEL = 12, 24, 7
#: Greatest number that has room in a cell.
MOST_VALUE = 99
#: Most products that a step's text has where the cells show each, too.
MOST_TOLD = 16

#: Settings that say nothing about one channel and one filter.
_UNSHOWN = {"trainable", "filters", "use bias", "activation", "groups", "depth multiplier"}


@attrs.frozen
class SlidingCell:
    """A cell of a grid.

    Attributes:
        row: Its row; one of the border has a row below 0, or beyond the last.
        column: Its column.
        note: What is done with it, such as "×2"; may be empty.
    """

    row: int
    column: int
    note: str = ""


@attrs.frozen
class SlidingWrite:
    """A cell of the output that gets a number.

    Attributes:
        cell: The cell; what goes to the border is cut off.
        value: What it holds from then on.
        text: The same, as it is written.
    """

    cell: SlidingCell
    value: float
    text: str


@attrs.frozen
class SlidingStep:
    """What a layer does at one position.

    Attributes:
        reads: Cells of the input.
        writes: Cells of the output.
        text: The arithmetic.
    """

    reads: tuple[SlidingCell, ...]
    writes: tuple[SlidingWrite, ...]
    text: str


@attrs.frozen
class Border:
    """How many rows and columns around a grid windows reach into."""

    top: int
    left: int
    bottom: int
    right: int


@attrs.frozen
class Sliding:
    """A layer at work on one channel, position by position.

    Attributes:
        title: The layer.
        note: What is to be seen in the end, and what is left out.
        values: The input.
        kernel: The weights; empty for a layer without.
        height: Of the output.
        width: Of the output.
        steps: What is done, one after the other.
        padding: Border of the input.
        padding_text: What is written in its cells; empty: they do not count.
        cut: Border of the output.
    """

    title: str
    note: str
    values: Grid
    kernel: Grid
    height: int
    width: int
    steps: tuple[SlidingStep, ...]
    padding: Border
    padding_text: str
    cut: Border

    @property
    def output(self) -> tuple[tuple[float, ...], ...]:
        """What the output holds in the end; 0 where nothing was written."""
        held = {(w.cell.row, w.cell.column): w.value for step in self.steps for w in step.writes}
        return tuple(
            tuple(held.get((row, column), 0.0) for column in range(self.width))
            for row in range(self.height)
        )


def sliding(
    layer: Layer,
    size: int = 6,
    seed: int | str = 0,
    values: Rows | None = None,
    kernel: Rows | None = None,
) -> Sliding:
    """Return a layer at work on a small grid: one channel, one filter, no bias, no activation.

    Args:
        layer: A convolution, transposed convolution, pooling or upsampling.
        size: Height and width of a grid of whole numbers from 0 to 9.
        seed: Decides these numbers, and weights from −1 to 2.
        values: The numbers, if they are not to be drawn.
        kernel: The weights, if they are not to be drawn.

    Raises:
        ParameterError: If it is another layer, or too much to be looked at.
        Refusal: If the layer's window is larger than the grid.
    """
    take = _KINDS.get(type(layer))
    if take is None:
        told = f"{layer.kind} {layer.name!r}" if isinstance(layer, Layer) else layer
        names = listed([kind.__name__ for kind in _KINDS], "or")
        remedy = f"use a {names} of explorer.layers"
        raise ParameterError("animate", "layer", told, "has no window that can be shown", remedy)
    random = Random(seed)
    if type(size) is not int or not 1 <= size <= MOST_IN:
        remedy = f"use a whole number from 1 to {MOST_IN}"
        raise ParameterError("animate", "size", size, "cannot be shown", remedy)
    drawn = [[random.randrange(10) for _ in range(size)] for _ in range(size)]
    grid = _checked("values", drawn if values is None else values, MOST_IN)
    weights: Grid = ()
    if window := _kernel_size(layer):
        if max(window) > MOST_KERNEL:
            remedy = f"use one of at most {product_text(MOST_KERNEL, MOST_KERNEL)}"
            raise ParameterError("animate", "layer", layer.name, "has a large kernel", remedy)
        drawn = [[random.randrange(-1, 3) for _ in range(window[1])] for _ in range(window[0])]
        weights = _checked("kernel", drawn if kernel is None else kernel, MOST_KERNEL)
        if (len(weights), len(weights[0])) != window:
            remedy = f"give {product_text(*window)} weights"
            raise ParameterError("animate", "kernel", kernel, "is not that of the layer", remedy)
    height, width, _ = layer.output_shape([(len(grid), len(grid[0]), 1)])
    if max(height, width) > MOST_OUT:
        problem = f"makes {product_text(height, width)} numbers of such a grid"
        remedy = f"use a smaller grid, of which it makes at most {product_text(MOST_OUT, MOST_OUT)}"
        raise ParameterError("animate", "layer", layer.name, problem, remedy)
    steps = tuple(take(layer, grid, weights, (height, width)))
    read = [cell for step in steps for cell in step.reads]
    written = [write.cell for step in steps for write in step.writes]
    return Sliding(
        title=_title(layer),
        note=sentences(
            _left_out(layer), _unread(read, grid), _contributions(written, (height, width))
        ),
        values=grid,
        kernel=weights,
        height=height,
        width=width,
        steps=steps,
        padding=_border(read, len(grid), len(grid[0])),
        padding_text="0" if weights else "",
        cut=_border(written, height, width),
    )


def _kernel_size(layer: Any) -> tuple[int, int] | None:
    """Return height and width of a layer's kernel, if it has weights."""
    return both(layer.kernel_size) if hasattr(layer, "kernel_size") else None


def _checked(name: str, given: Rows, most: int) -> Grid:
    """Return rows of numbers, if they can be shown.

    Raises:
        ParameterError: If they are no rows of whole numbers, too many or too large.
    """
    try:
        rows = tuple(tuple(row) for row in given)
    except TypeError:
        rows = ()
    sides = {len(rows), *map(len, rows)}
    numbers = [number for row in rows for number in row]
    if (
        len({len(row) for row in rows}) == 1
        and 1 <= min(sides) <= max(sides) <= most
        and all(type(number) is int and abs(number) <= MOST_VALUE for number in numbers)
    ):
        return rows
    largest = product_text(most, most)
    remedy = f"use rows of whole numbers up to {MOST_VALUE}, at most {largest}"
    raise ParameterError("animate", name, given, "is no grid that can be shown", remedy)


# What each kind of layer does at each position.


def _convolved(
    layer: Conv2D, grid: Grid, kernel: Grid, shape: tuple[int, int]
) -> Iterator[SlidingStep]:
    for row, column in product(*map(range, shape)):
        reads, terms, total = [], [], 0
        for i, y in enumerate(layer.sources(row, len(grid), 0)):
            for j, x in enumerate(layer.sources(column, len(grid[0]), 1)):
                value = grid[y][x] if _is_inside(grid, y, x) else 0
                weight = kernel[i][j]
                reads.append(SlidingCell(y, x, f"×{number_text(weight)}"))
                terms.append(f"{_factor(value)}·{_factor(weight)}")
                total += value * weight
        yield _gathered(reads, row, column, Fraction(total), " + ".join(terms))


def _pooled(
    layer: MaxPooling2D | AveragePooling2D, grid: Grid, _: Grid, shape: tuple[int, int]
) -> Iterator[SlidingStep]:
    for row, column in product(*map(range, shape)):
        reads = [
            SlidingCell(y, x)
            for y in layer.sources(row, len(grid), 0)
            for x in layer.sources(column, len(grid[0]), 1)
        ]
        found = [grid[at.row][at.column] for at in reads if _is_inside(grid, at.row, at.column)]
        if isinstance(layer, MaxPooling2D):
            value, text = Fraction(max(found)), f"max({', '.join(map(number_text, found))})"
        else:
            value = Fraction(sum(found), len(found))
            text = f"({' + '.join(map(_factor, found))}) ÷ {len(found)}"
        yield _gathered(
            reads, row, column, value, text if len(found) > 1 else number_text(found[0])
        )


def _upsampled(
    layer: UpSampling2D, grid: Grid, _: Grid, shape: tuple[int, int]
) -> Iterator[SlidingStep]:
    rows = [layer.shares(row, len(grid), 0) for row in range(shape[0])]
    columns = [layer.shares(column, len(grid[0]), 1) for column in range(shape[1])]
    if layer.interpolation == "nearest":
        for y, x in product(range(len(grid)), range(len(grid[0]))):
            places = [(row, column) for row in _taking(rows, y) for column in _taking(columns, x)]
            value = grid[y][x]
            writes = tuple(_written(SlidingCell(*place), value) for place in places)
            copies = counted(len(places), "cell")
            text = (
                f"Input {_place(y, x)}: {number_text(value)} is copied to {copies} of the output."
            )
            yield SlidingStep((SlidingCell(y, x),), writes, text)
        return
    for row, column in product(*map(range, shape)):
        reads, terms, total = [], [], Fraction(0)
        for (y, down), (x, across) in product(rows[row].items(), columns[column].items()):
            part = down * across
            reads.append(SlidingCell(y, x, f"×{part}"))
            terms.append(f"{_factor(grid[y][x])}·{part}" if part != 1 else number_text(grid[y][x]))
            total += part * grid[y][x]
        yield _gathered(reads, row, column, total, " + ".join(terms))


def _spread(
    layer: Conv2DTranspose, grid: Grid, kernel: Grid, shape: tuple[int, int]
) -> Iterator[SlidingStep]:
    held: dict[tuple[int, int], int] = {}
    for y, x in product(range(len(grid)), range(len(grid[0]))):
        value, writes, terms = grid[y][x], [], []
        for i, row in enumerate(_reached(layer, y, len(grid), 0)):
            for j, column in enumerate(_reached(layer, x, len(grid[0]), 1)):
                part = value * kernel[i][j]
                held[row, column] = held.get((row, column), 0) + part
                cell = SlidingCell(row, column, f"{'−' if part < 0 else '+'}{abs(part)}")
                writes.append(_written(cell, held[row, column]))
                terms.append(f"{_factor(value)}·{_factor(kernel[i][j])} = {number_text(part)}")
        places = ((write.cell.row, write.cell.column) for write in writes)
        lost = sum(not (0 <= row < shape[0] and 0 <= column < shape[1]) for row, column in places)
        what, are = ", ".join(terms), "is" if len(terms) == 1 else "are"
        if len(terms) > MOST_TOLD:
            what, are = f"{number_text(value)} times each of the {len(terms)} weights", "is"
        end = f"; {lost} of them {'is' if lost == 1 else 'are'} cut off" if lost else ""
        text = f"Input {_place(y, x)}: {what} {are} added to the output{end}."
        yield SlidingStep((SlidingCell(y, x),), tuple(writes), text)


#: Which layers can be shown.
_KINDS: dict[type, Callable[[Any, Grid, Grid, tuple[int, int]], Iterator[SlidingStep]]] = {
    Conv2D: _convolved,
    DepthwiseConv2D: _convolved,
    MaxPooling2D: _pooled,
    AveragePooling2D: _pooled,
    UpSampling2D: _upsampled,
    Conv2DTranspose: _spread,
}


def _gathered(
    reads: Sequence[SlidingCell], row: int, column: int, value: Fraction, terms: str
) -> SlidingStep:
    """Return the step that writes one number, and how it comes about."""
    told = number_text(value)
    equals = "=" if terms != told else ""
    if (100 * value).denominator > 1:
        equals = "≈"
    text = f"Output {_place(row, column)}: {terms}" + (f" {equals} {told}" if equals else "")
    return SlidingStep(tuple(reads), (_written(SlidingCell(row, column), value),), text)


def _written(cell: SlidingCell, value: Fraction | int) -> SlidingWrite:
    return SlidingWrite(cell, float(value), number_text(value))


def _taking(shares: Sequence[dict[int, Fraction]], place: int) -> list[int]:
    """Return which positions of the output take from one of the input."""
    return [position for position, taken in enumerate(shares) if place in taken]


def _reached(layer: Conv2DTranspose, place: int, size: int, axis: int) -> list[int]:
    """Return where an input's kernel lies on the output, also beyond its border."""
    kernel, step = both(layer.kernel_size)[axis], both(layer.strides)[axis]
    near = range(place * step - kernel, place * step + kernel)
    return [position for position in near if place in layer.sources(position, size, axis)]


def _is_inside(grid: Grid, row: int, column: int) -> bool:
    return 0 <= row < len(grid) and 0 <= column < len(grid[0])


# Words.


def _title(layer: Layer) -> str:
    told = [f"{name} {value}" for name, value in layer.settings() if name not in _UNSHOWN]
    return f"{layer.kind}: {', '.join(told)}"


def _left_out(layer: Layer) -> str:
    """Return which part of a layer with weights is shown."""
    if not _kernel_size(layer):
        return "One channel; every other is treated alike."
    activation = getattr(layer, "activation", "linear")
    before = "" if activation == "linear" else f", before the activation {activation}"
    return f"One channel and one filter, without bias{before}."


def _unread(read: Iterable[SlidingCell], grid: Grid) -> str:
    """Return how much of the input no window covers, if there is any."""
    cells = {(at.row, at.column) for at in read if _is_inside(grid, at.row, at.column)}
    all_cells = len(grid) * len(grid[0])
    left = all_cells - len(cells)
    return f"{left} of {all_cells} input cells are never read." if left else ""


def _contributions(written: Iterable[SlidingCell], shape: tuple[int, int]) -> str:
    """Return how often the cells of an output get something, unless it is once each."""
    counts = dict.fromkeys(product(*map(range, shape)), 0)
    for cell in written:
        if (cell.row, cell.column) in counts:
            counts[cell.row, cell.column] += 1
    fewest, most = min(counts.values()), max(counts.values())
    if fewest == most == 1:
        return ""
    some = str(most) if fewest == most else f"from {fewest} to {most}"
    return f"Each output cell gets {some} contributions."


def _border(cells: Iterable[SlidingCell], height: int, width: int) -> Border:
    """Return what surrounds a grid so far that it has all of the cells."""
    rows, columns = zip(*((cell.row, cell.column) for cell in cells), strict=True)
    return Border(
        max(0, -min(rows)),
        max(0, -min(columns)),
        max(0, max(rows) - height + 1),
        max(0, max(columns) - width + 1),
    )


def _place(row: int, column: int) -> str:
    return f"row {row}, column {column}"


def _factor(value: int) -> str:
    """Return a number as one among others."""
    return f"({number_text(value)})" if value < 0 else number_text(value)
