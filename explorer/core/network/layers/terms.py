"""Arithmetic that is both worked out and written out, so that a count and its formula agree."""

from math import prod
from typing import NamedTuple

from explorer.core.formatting import product


class Part(int):
    """A factor that is an equal part of a whole, written as such: 64 // 2 is "(64 ÷ 2)"."""

    written: str

    def __new__(cls, whole: int, parts: int) -> "Part":
        """Return the part, rounded down."""
        made = super().__new__(cls, whole // parts)
        made.written = f"({whole} ÷ {parts})"
        return made

    def __str__(self) -> str:
        """Return the division."""
        return self.written


# Every analysis makes two for each layer: a tuple is made in a third of an attrs class's time.
class Terms(NamedTuple):
    """A sum of products, counted a number of times: `(3×3×64 + 64×128) × 32×32`.

    Attributes:
        products: The factors of each product; none: the sum is 0.
        times: How often the sum is counted, as factors such as height and width of an output.
        note: What the factors are.
    """

    products: tuple[tuple[int, ...], ...] = ()
    times: tuple[int, ...] = ()
    note: str = ""

    @property
    def value(self) -> int:
        """What the arithmetic comes to."""
        return sum(map(prod, self.products)) * prod(self.times)

    @property
    def is_number(self) -> bool:
        """Whether there is nothing to work out."""
        return not self.times and sum(map(len, self.products)) < 2

    def __str__(self) -> str:
        """Return the arithmetic as people write it."""
        total = " + ".join(product(*factors) for factors in self.products) or "0"
        if not self.times:
            return total
        return f"{f'({total})' if len(self.products) > 1 else total} × {product(*self.times)}"

    @property
    def equation(self) -> str:
        """The arithmetic with what it comes to, or that alone where nothing is to work out."""
        value = f"{self.value:,}"
        return value if self.is_number else f"{self} = {value}"


#: What costs nothing.
NOTHING = Terms()
