"""Grids whose colours are kinds of things, such as what is read and what is not."""

from collections.abc import Sequence
from random import Random

import attrs

from explorer.core.analysis.design import Design
from explorer.core.analysis.tiling import Tiling, spoilt_before
from explorer.core.formatting import byte_size, counted
from explorer.core.network.graph import Graph, Node
from explorer.core.network.layers import Concatenate
from explorer.lessons.pictures.grids import GridColour, GridPicture

#: Rows of a curve of memory.
_LEVELS = 12
#: Most columns of a strip of tiles.
_MOST_COLUMNS = 28


def scheme(
    title: str,
    text: str,
    rows: Sequence[Sequence[int]],
    kinds: Sequence[str],
    texts: Sequence[Sequence[str]] = (),
) -> GridPicture:
    """Return a picture of kinds.

    Args:
        title: What it shows.
        text: What is to be seen.
        rows: The place of each cell's kind.
        kinds: What they are, two or more.
        texts: What is written in each cell.
    """
    last = len(kinds) - 1
    return GridPicture(
        title=title,
        text=text,
        rows=tuple(tuple(kind / last for kind in row) for row in rows),
        texts=tuple(map(tuple, texts)),
        legend=tuple(GridColour(kind, place / last) for place, kind in enumerate(kinds)),
        unit="",
    )


def memory_picture(design: Design, title: str, most: int) -> GridPicture:
    """Return what features take while each layer runs, as columns: one for each layer.

    Args:
        design: The network; one image is counted.
        title: What is written above it.
        most: How many bytes fill a column.
    """
    columns = []
    for point in design.memory:
        held, all_of_it = (
            round(_LEVELS * count / most) for count in (point.held_bytes, point.total_bytes)
        )
        columns.append([1] * held + [2] * (all_of_it - held) + [0] * (_LEVELS - all_of_it))
    return scheme(
        title,
        "A column for each layer, from the image to the output; a cell is "
        f"{byte_size(most / _LEVELS)}.",
        [[column[level] for column in columns] for level in reversed(range(_LEVELS))],
        ("free", "waits for a later layer", "in use by the layer that runs"),
    )


def split_picture(random: Random, kernel: int) -> GridPicture:
    """Return a filter over a concatenation of two channels at one position: its products.

    Args:
        random: Draws the values and weights.
        kernel: Height and width of the filter.
    """
    width = 2 * kernel
    values = [[random.randrange(6) for _ in range(width)] for _ in range(kernel)]
    weights = [[random.randrange(4) for _ in range(width)] for _ in range(kernel)]
    pairs = [[*zip(*rows, strict=True)] for rows in zip(values, weights, strict=True)]
    parts = [
        sum(value * weight for row in pairs for value, weight in row[half : half + kernel])
        for half in (0, kernel)
    ]
    first, second = parts
    return scheme(
        "One filter at one position: value · weight",
        f"All {kernel * width} products add up to {first + second}. Those of the encoder’s channel "
        f"alone add up to {first}, those of the channel from below to {second}: "
        f"{first} + {second} = {first + second}.",
        [[0] * kernel + [1] * kernel] * kernel,
        ("of the encoder", "from below"),
        [[f"{value}·{weight}" for value, weight in row] for row in pairs],
    )


def dense_picture(layers: Sequence[Node]) -> GridPicture:
    """Return what each layer of a dense block reads, with its channels: a row for each.

    Args:
        layers: What reads, in order; each reads one feature, of which parts are concatenated.
    """
    read = [_parts(layer.inputs[0]) for layer in layers]
    columns = read[-1]
    return scheme(
        "What each dense layer reads",
        f"A row for each of the {counted(len(layers), 'dense layer')}, the first on top. The "
        "columns are the block’s input, then what each layer before it made. The numbers are "
        "channels: those of a row add up to all that the layer reads.",
        [[int(part in parts) for part in columns] for parts in read],
        ("comes later", "read"),
        [[str(part.shape[2]) if part in parts else "" for part in columns] for parts in read],
    )


def _parts(node: Node) -> list[Node]:
    """Return the features that are concatenated in one."""
    if isinstance(node.layer, Concatenate):
        return [part for source in node.inputs for part in _parts(source)]
    return [node]


def halo_picture(graph: Graph) -> GridPicture:
    """Return what is spoilt beside a cut, at the left: a row for each layer that looks around.

    Args:
        graph: A network whose layers keep the resolution.
    """
    spoilt = spoilt_before(graph, axis=1)
    layers = [node for node in graph if node.inputs and not node.layer.pointwise]
    columns = max(spoilt[node] for node in layers) + 4
    return scheme(
        "Beside the cut, layer by layer",
        "A row for each convolution, the first on top; the tile begins at the left. Spoilt "
        f"columns: {', '.join(str(spoilt[node]) for node in layers)}.",
        [[int(column >= spoilt[node]) for column in range(columns)] for node in layers],
        ("differs", "as in the whole image"),
    )


def tiles_picture(laid: Tiling) -> GridPicture:
    """Return two neighbouring tiles along a row, with what is kept of each.

    Args:
        laid: How tiles are laid, along the width.
    """
    step, overlap, (before, after) = laid.step[1], laid.overlap[1], laid.halo[1]
    tile = overlap + 2 * step
    width = 2 * tile - overlap
    image = attrs.evolve(laid, image=(tile, width))
    stride = laid.output_strides[0][1]
    shown = []
    for place, each in enumerate(image.tiles(tile)):
        start, end = each.read[1].start, each.read[1].stop
        sound = range(start + before if place else start, end if place else end - after)
        kept = range(int(each.put[1].start * stride), int(each.put[1].stop * stride))
        shown.append(
            [
                (1 + (x in sound) + (x in kept) if x in range(start, end) else 0)
                for x in range(width)
            ]
        )
    cell = next(
        size
        for size in range(1, step + 1)
        if step % size == 0 and (width // size <= _MOST_COLUMNS or size == step)
    )
    # What is in the middle of a cell, so that each is kept of one tile.
    rows = [row[cell // 2 :: cell] for row in shown]
    return scheme(
        "Two tiles that overlap",
        f"Each tile is {tile} px wide, a cell {cell} px. The upper one is spoilt for {after} px "
        f"where it ends, the lower one for {before} px where it begins. Of the {overlap} px that "
        "both have, each is sound in one of them.",
        [rows[0], rows[0], [0] * len(rows[0]), rows[1], rows[1]],
        ("no tile", "spoilt", "sound, not needed", "kept"),
    )
