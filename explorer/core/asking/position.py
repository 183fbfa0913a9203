"""A position of a layer's output, as a gradient goes back from it to the picture."""

from collections.abc import Sequence

import attrs

#: NumPy's `PCG64(0)`, that `default_rng(0)` draws with: O'Neill 2014, "PCG: A family of simple fast
#: space-efficient statistically good algorithms for random number generation", XSL RR 128/64.
_STATE = 0x1AA1B5345996452D09585EB7A69561E3
_INCREMENT = 0x418DDADB3AF71A82588133BC447873A9
_FACTOR = 0x2360ED051FC65DA44385DF649FCCF645


def signs(channels: int) -> tuple[int, ...]:
    """Return 1 or -1 for each channel, at random and always the same.

    They are `numpy.random.default_rng(0).choice((-1, 1), channels)`, also where there is no NumPy.
    """
    state, drawn = _STATE, list[int]()
    while len(drawn) < channels:
        state = (state * _FACTOR + _INCREMENT) % 2**128
        value, turn = (state >> 64 ^ state) % 2**64, state >> 122
        value = (value >> turn | value << (64 - turn)) % 2**64
        drawn += [1 if value >> bit & 1 else -1 for bit in (31, 63)]
    return tuple(drawn[:channels])


def center(
    position: Sequence[int], size: Sequence[int], image: Sequence[int]
) -> tuple[float, float]:
    """Return the row and column of a position's centre in the picture, in pixels.

    Args:
        position: Row and column in the layer's output.
        size: Height and width of that.
        image: Height and width of the picture.
    """
    row, column = (
        (at + 0.5) * whole / count - 0.5
        for at, whole, count in zip(position, image, size, strict=True)
    )
    return row, column


@attrs.frozen
class FieldFound:
    """What a position looks at, where the page found it.

    Attributes:
        half: Side of the square that holds half of the gradient, in pixels; 0: there is none.
        most: Side of that which holds 95 % of it.
        heat: The gradient's strength as the content of a PNG; empty if there is none.
        center: Row and column of the position's centre in the picture, in pixels.
        is_finite: Whether the values stayed within what float32 holds.
        weights: Where the weights come from, in words.
        is_untrained: Whether they are random.
    """

    half: int
    most: int
    heat: bytes
    center: tuple[float, float]
    is_finite: bool
    weights: str
    is_untrained: bool
