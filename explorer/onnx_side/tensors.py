"""What flows through a graph of ONNX: features, whatever the order of their axes, and constants."""

from collections.abc import Iterable, Mapping, Sequence
from math import prod
from typing import Any

import attrs

from explorer.core.network.graph import Node
from explorer.core.network.layers import Shape

#: Most values of a constant that is kept, and worked out.
MOST_VALUES = 2_000


@attrs.frozen
class Factor:
    """A part of an axis of a feature.

    Attributes:
        letter: The axis: "H", "W" or "C", or another letter.
        size: How many steps it has.
        place: Its place among the factors of that axis, the slowest first.
    """

    letter: str
    size: int
    place: int = 0


#: The factors of each axis of a tensor; an axis of a single step has none.
Axes = tuple[tuple[Factor, ...], ...]


@attrs.frozen
class Tensor:
    """A feature, seen as ONNX sees it: transposing and reshaping are other views of one feature.

    Attributes:
        node: The layer that makes it.
        letters: What the axes of the node's shape are; those of images are "HWC".
        axes: The factors of each of its axes in ONNX.
    """

    node: Node
    letters: str
    axes: Axes

    @property
    def dims(self) -> Shape:
        """Its shape in ONNX; images are taken one at a time."""
        return tuple(prod(factor.size for factor in axis) for axis in self.axes)

    def size(self, letter: str) -> int:
        """Return how many steps an axis has."""
        place = self.letters.find(letter)
        return self.node.shape[place] if place >= 0 else 1

    def is_whole(self, axis: int, letter: str) -> bool:
        """Return whether an axis in ONNX is all of an axis, and nothing else."""
        factors = self.axes[axis]
        sizes = prod(factor.size for factor in factors)
        ordered = [factor.place for factor in factors]
        return (
            all(factor.letter == letter for factor in factors)
            and sizes == self.size(letter)
            and ordered == sorted(ordered)
        )

    @property
    def is_image(self) -> bool:
        """Whether its axes are batch, channels, height and width."""
        return len(self.axes) == 4 and all(
            self.is_whole(axis, letter) for axis, letter in enumerate(" CHW")
        )


@attrs.frozen
class Constant:
    """A tensor that does not depend on the image.

    Attributes:
        dims: Its shape.
        values: Its values, if they are few; else only its shape is kept.
        weights: Number of values of each tensor of floats in the file that it is made of, by name.
        is_stored: Whether it is one of these itself, and not a constant within the graph.
    """

    dims: Shape
    values: Any = None
    weights: Mapping[str, int] = attrs.field(factory=dict)
    is_stored: bool = False

    @property
    def size(self) -> int:
        """How many values it has."""
        return prod(self.dims)


def whole_axes(letters: str, sizes: Iterable[int]) -> Axes:
    """Return axes that are whole: a letter for each, in the order of ONNX."""
    return tuple(
        (Factor(letter, size),) if size != 1 else ()
        for letter, size in zip(letters, sizes, strict=True)
    )


def reshaped(axes: Axes, dims: Sequence[int]) -> Axes | None:
    """Return the factors of axes after a reshape; None if an axis would be cut unevenly."""
    factors = [factor for axis in axes for factor in axis]
    found: list[tuple[Factor, ...]] = []
    for size in dims:
        own: list[Factor] = []
        left = size
        while left > 1:
            if not factors:
                return None
            factor = factors.pop(0)
            if left % factor.size == 0:
                own.append(factor)
                left //= factor.size
            elif factor.size % left == 0:
                # Places of factors leave room for two between them, each time.
                own.append(attrs.evolve(factor, size=left, place=3 * factor.place))
                rest = attrs.evolve(factor, size=factor.size // left, place=3 * factor.place + 1)
                factors = [rest, *(_apart(each, factor) for each in factors)]
                found = [tuple(_apart(each, factor) for each in axis) for axis in found]
                own[:-1] = [_apart(each, factor) for each in own[:-1]]
                left = 1
            else:
                return None
        found.append(tuple(own))
    return tuple(found) if not factors else None


def _apart(factor: Factor, parted: Factor) -> Factor:
    """Return a factor of an axis whose other factor was parted."""
    if factor.letter != parted.letter:
        return factor
    return attrs.evolve(factor, place=3 * factor.place)
