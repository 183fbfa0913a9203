"""Which parameters a search may vary, and over what: offered, written as text, and read again."""

import re
from math import inf
from typing import Any

import attrs

from explorer.core.families import Architecture, ReadModel
from explorer.core.network.errors import Refusal
from explorer.core.network.parameters import Parameter, parameters_of
from explorer.searching.space import handy

#: What is varied unless the user says otherwise: how wide a network is, how deep, and how much it
#: does at each resolution.
FIRST = (
    "filters",
    "growth_rate",
    "down_blocks",
    "stages",
    "depth",
    "convs_per_block",
    "down_convs_per_block",
    "bottleneck_layers",
)
#: Parts of its present value that are tried of a number that grows by factors.
FACTORS = (1 / 4, 3 / 8, 1 / 2, 3 / 4, 1, 3 / 2, 2, 3, 4)
#: Most combinations that are varied at first, of a class that has none of those.
MOST_AT_FIRST = 1000
#: Most values that a range stands for.
MOST_OF_A_RANGE = 1000

_RANGE = re.compile(r"(\d+)\s*(?:–|-|\.\.)\s*(\d+)")


@attrs.frozen
class Variable:
    """A parameter that may be varied.

    Attributes:
        parameter: The parameter.
        values: The values that are tried.
        is_on: Whether it is varied.
        comes_first: Whether it was at first.
    """

    parameter: Parameter
    values: tuple[Any, ...]
    is_on: bool
    comes_first: bool

    @property
    def is_free(self) -> bool:
        """Whether its values can be typed: else there are few, and all are tried."""
        return self.parameter.choices is None and self.parameter.value_type is not bool

    @property
    def text(self) -> str:
        """Its values as they are typed: see `read`."""
        values = self.values
        if self.parameter.value_type is int and self.is_free and len(values) > 2:
            low, high = values[0], values[-1]
            if values == tuple(range(low, high + 1)):
                return f"{low}–{high}"
        return ", ".join(self.parameter.told(value) for value in values)

    def read(self, text: str) -> tuple[Any, ...]:
        """Return the values that a text stands for: a list of them, of ranges too.

        Raises:
            Refusal: If it stands for none.
        """
        kind = self.parameter.value_type
        values: list[Any] = []
        for part in filter(None, re.split(r"[,;\s]+", re.sub(_RANGE, r"\1–\2", text))):
            found = _RANGE.fullmatch(part) if kind is int else None
            try:
                values += _whole_range(found) if found else [kind(part)]
            except ValueError:
                such = "4, 8, 16 or 2–5" if kind is int else "0.5, 1, 1.5"
                raise Refusal(
                    f"{self.parameter.label}={text!r} are no values: give some such as {such}."
                ) from None
        if not values:
            raise Refusal(f"{self.parameter.label}={text!r} are no values: give one at least.")
        return tuple(dict.fromkeys(values))


def _whole_range(found: re.Match[str]) -> range:
    low, high = int(found[1]), int(found[2])
    if not low <= high < low + MOST_OF_A_RANGE:
        raise Refusal(found[0])
    return range(low, high + 1)


def variables_of(architecture: Architecture) -> tuple[Variable, ...]:
    """Return what of an architecture may be varied; of a model that was read, nothing."""
    if isinstance(architecture, ReadModel):
        return ()
    found = [
        (each, values_near(each, getattr(architecture, each.name)))
        for each in parameters_of(type(architecture))
    ]
    found = [(each, values) for each, values in found if len(values) > 1]
    first = {each.name for each, _ in found} & set(FIRST)
    count = 1
    for each, values in [] if first else found:
        if each.value_type is int and not each.follows and count * len(values) <= MOST_AT_FIRST:
            count *= len(values)
            first.add(each.name)
    return tuple(
        Variable(each, values, each.name in first, each.name in first) for each, values in found
    )


def values_near(parameter: Parameter, present: Any) -> tuple[Any, ...]:
    """Return what is worth trying of a parameter, its present value among it; empty: nothing."""
    found = handy(parameter)
    if not found or present is None:
        return ()
    if parameter.logarithmic:
        low, high = parameter.minimum or 1, parameter.maximum or inf
        near = dict.fromkeys(round(present * factor) for factor in FACTORS)
        found = tuple(value for value in near if low <= value <= high)
    if parameter.step > 1:
        found = tuple(value for value in found if value > 1)  # a kernel of 1 sees nothing around it
    present = parameter.value_type(present)  # a whole number may stand for a float
    return found if present in found else tuple(sorted((*found, present)))
