"""What a design may cost at most, or has to reach: limits on what its report tells."""

import re
from collections.abc import Callable, Mapping
from math import inf, isfinite
from numbers import Integral, Real
from types import MappingProxyType
from typing import Any

import attrs

from explorer.core.analysis.connections import wiring_of
from explorer.core.analysis.design import Design
from explorer.core.analysis.device_profile import DeviceProfile
from explorer.core.analysis.expected_memory import expected_bytes, expected_forward_bytes
from explorer.core.analysis.quantities import MACS, MEMORY, PARAMETERS
from explorer.core.formatting import byte_size, counted, duration, short_count
from explorer.core.network.errors import ParameterError, Refusal
from explorer.core.network.graph import channels_of, pixels_of
from explorer.core.network.layers import Conv2DTranspose, along

#: The measure that a profile of a device tells.
TIME = "time"

_AMOUNT = re.compile(r"([0-9][0-9,]*(?:\.[0-9]+)?(?:e[+-]?[0-9]+)?)\s*([a-zµ]*)", re.IGNORECASE)
#: Largest limit of a budget.
LARGEST = 1e300
#: Largest whole number that is kept digit by digit; a float has no more of them.
LARGEST_WHOLE = 2**53
#: Units of amounts, the largest first; an amount without one is of "".
_PLAIN: Mapping[str, float] = MappingProxyType({"": 1})
_PIXELS: Mapping[str, float] = MappingProxyType({"px": 1, "": 1})
_COUNTS: Mapping[str, float] = MappingProxyType(
    {"T": 10**12, "G": 10**9, "M": 10**6, "k": 1000, "": 1}
)
_BYTES: Mapping[str, float] = MappingProxyType(
    {"GiB": 2**30, "GB": 10**9, "MiB": 2**20, "MB": 10**6, "KiB": 1024, "kB": 1000, "B": 1}
)
_SECONDS: Mapping[str, float] = MappingProxyType({"s": 1, "ms": 1e-3, "µs": 1e-6})


def _times(number: float, size: float) -> float:
    """Return so many of a unit, of which there may be parts: 33.3 ms are 0.0333 s."""
    return number * size if size >= 1 else float(f"{number * size:.15g}")


@attrs.frozen
class Measure:
    """A number that every design has.

    Attributes:
        name: What it is called.
        of: Returns it, or None where it is not known.
        write: Writes it with its unit, and what it is.
        units: Units of an amount of it, the largest first.
    """

    name: str
    of: Callable[[Design], float | None]
    write: Callable[[float], str]
    units: Mapping[str, float] = _PLAIN

    def amount(self, value: float) -> str:
        """Return an amount with its unit, in three digits where it is a large one."""
        if self.units is _BYTES:
            return byte_size(value)
        if self.units is _SECONDS:
            return duration(value)
        if self.units is _COUNTS:
            return short_count(value)
        return f"{value:,.10g} px" if self.units is _PIXELS else f"{value:,.10g}"

    def exact(self, value: float) -> str:
        """Return an amount as one types it, with all its digits: see `read`."""
        for unit, size in self.units.items():
            if value >= size and _times(round(value / size, 2), size) == value:
                return f"{round(value / size, 2):.15g} {unit}".strip()
        unit, size = list(self.units.items())[-1]
        return f"{value / size:.15g} {unit}".strip()

    def read(self, text: str) -> float:
        """Return the amount that a text stands for, such as "2 GB", "300k" or "180 px".

        Raises:
            Refusal: If it stands for none.
        """
        found = _AMOUNT.fullmatch(text.strip())
        sizes = {unit.lower(): size for unit, size in self.units.items()}
        unit = found[2].lower() if found else ""
        value = _times(float(found[1].replace(",", "")), sizes.get(unit, 0)) if found else inf
        if unit not in sizes or not isfinite(value):
            units = [unit for unit in self.units if unit]
            such = f", or with a unit: {', '.join(units)}" if units else ""
            if "" not in self.units:
                such = f" with a unit: {', '.join(units)}"
            raise Refusal(f"{self.name}={text!r} is no amount: give a number{such}.")
        value = min(value, LARGEST)  # written, it may have become a little more
        return int(value) if value.is_integer() else value


def _field(design: Design) -> float | None:
    field = design.totals.receptive_field
    return None if field is None else min(field)


def _output_stride(design: Design) -> float | None:
    stride = design.graph.outputs[-1].stride
    return None if stride is None else pixels_of(stride) ** 0.5


def _maximum_stride(design: Design) -> float | None:
    """Return the largest stride of any feature, along the axis that is lowered most."""
    stride = design.totals.maximum_stride
    return None if stride is None else float(max(stride if isinstance(stride, tuple) else [stride]))


def _uneven_upsamplings(design: Design) -> int:
    """Return in how many layers some pixels of the output get more contributions than others."""
    return sum(
        along(layer.kernel_size, axis=0) % along(layer.strides, axis=0) > 0
        or along(layer.kernel_size, axis=1) % along(layer.strides, axis=1) > 0
        for layer in (node.layer for node in design.graph)
        if isinstance(layer, Conv2DTranspose)
    )


def _widest(design: Design) -> int | None:
    """Return the most filters of any convolution."""
    filters = [getattr(node.layer, "filters", 0) for node in design.graph]
    return max(filters) or None


#: All of them, by name. The receptive field is that of the output, along the axis where it is
#: smaller; memory, in bytes, is that of one image unless its name says otherwise; time, in seconds,
#: is told by the profile of a device alone: see `value_of`.
MEASURES: Mapping[str, Measure] = MappingProxyType(
    {
        each.name: each
        for each in (
            Measure(
                "parameters",
                lambda design: PARAMETERS.in_network(design.totals).exact,
                lambda n: f"{short_count(n)} parameters",
                _COUNTS,
            ),
            Measure(
                "multiply-adds",
                lambda design: MACS.in_network(design.totals).exact,
                lambda n: f"{short_count(n)} multiply-adds",
                _COUNTS,
            ),
            Measure(
                "memory",
                lambda design: MEMORY.in_network(design.totals).exact,
                lambda n: f"{byte_size(n)} of memory",
                _BYTES,
            ),
            Measure(
                "memory of the batch",
                lambda design: MEMORY.in_network(design.totals, design.input.batch_size).exact,
                lambda n: f"{byte_size(n)} of memory for the batch",
                _BYTES,
            ),
            Measure(
                "inference memory",
                expected_forward_bytes,
                lambda n: f"{byte_size(n)} of memory to run the batch",
                _BYTES,
            ),
            Measure(
                "training memory",
                expected_bytes,
                lambda n: f"{byte_size(n)} of memory to train with the batch",
                _BYTES,
            ),
            Measure(
                TIME,
                lambda design: None,  # it takes a profile
                lambda n: f"{duration(n)} for a forward pass of the batch",
                _SECONDS,
            ),
            Measure(
                "receptive field", _field, lambda n: f"a receptive field of {n:,.0f} px", _PIXELS
            ),
            Measure(
                "image height",
                lambda design: design.input.height,
                lambda n: f"an image height of {n:.0f} px",
                _PIXELS,
            ),
            Measure(
                "image width",
                lambda design: design.input.width,
                lambda n: f"an image width of {n:.0f} px",
                _PIXELS,
            ),
            Measure("maximum stride", _maximum_stride, lambda n: f"a maximum stride of {n:g}"),
            Measure("output stride", _output_stride, lambda n: f"an output stride of {n:g}"),
            Measure(
                "output channels",
                lambda design: channels_of(design.graph.outputs[-1]),
                lambda n: f"an output of {n:.0f} channels",
            ),
            Measure(
                "skip connections",
                lambda design: len(wiring_of(design.graph).skips),
                lambda n: counted(round(n), "skip connection"),
            ),
            Measure(
                "most filters", _widest, lambda n: f"{n:.0f} filters in its widest convolution"
            ),
            Measure(
                "transposed convolutions",
                lambda design: sum(
                    isinstance(node.layer, Conv2DTranspose) for node in design.graph
                ),
                lambda n: counted(round(n), "transposed convolution"),
            ),
            Measure(
                "uneven upsamplings",
                _uneven_upsamplings,
                lambda n: f"{counted(round(n), 'transposed convolution')} with an uneven overlap",
            ),
        )
    }
)


def value_of(name: str, design: Design, profile: DeviceProfile | None = None) -> float | None:
    """Return what a design has of a measure; None where that is not known.

    Args:
        name: Of the measure.
        design: The design.
        profile: Of the device that its time is told for; None: times are not known.
    """
    if name == TIME and profile is not None:
        return profile.predict(design)
    return MEASURES[name].of(design)


@attrs.frozen
class Checked:
    """How a design keeps to a budget.

    Attributes:
        budget: The budget.
        value: What the design has; None where that is not known.
        is_met: Whether it keeps to it; what is not known doesn't.
    """

    budget: "Budget"
    value: float | None
    is_met: bool

    @property
    def words(self) -> str:
        """A sentence with what is wanted and what there is."""
        is_met = "yes, " if self.value is not None and self.is_met else "no, "
        return f"{self.budget.words}: {'' if self.value is None else is_met}{self._found}"

    @property
    def beside_mark(self) -> str:
        """The same, where a mark says whether it is met: without what goes without saying."""
        is_said = self.is_met and self.budget.at_least == self.budget.at_most
        return self.budget.words if is_said else f"{self.budget.words}: now {self._found}"

    @property
    def _found(self) -> str:
        """What there is."""
        if self.value is None:
            return "not known of this network"
        has = self.budget.measure.write(self.value)
        is_seen = self.is_met or has not in self.budget.words
        return has if is_seen else f"{has}, {self._missed_by}"

    @property
    def _missed_by(self) -> str:
        """By how much, where both are written alike since few digits are."""
        at_least, at_most, value = self.budget.at_least, self.budget.at_most, self.value or 0
        if at_most is not None and value > at_most:
            return f"{value - at_most:,.3g} over"
        return f"{(at_least or 0) - value:,.3g} short"

    @property
    def verdict(self) -> str:
        """Whether it is kept, in a few words: "passed", or "missed by 72 px"."""
        if self.is_met:
            return "passed"
        if self.value is None:
            return "not known"
        return f"missed by {self.budget.measure.amount(self.gap)}"

    @property
    def _limit(self) -> float | None:
        """The limit that it is beyond; None: it is kept, or not known."""
        if self.is_met or self.value is None:
            return None
        least = self.budget.at_least
        return least if least is not None and self.value < least else self.budget.at_most

    @property
    def gap(self) -> float:
        """By how much it is missed; 0 where it is kept or not known."""
        limit = self._limit
        return 0 if limit is None or self.value is None else abs(self.value - limit)

    @property
    def relative_gap(self) -> float:
        """The gap as a share of limit or value, whichever is larger; 1 where it is not known."""
        if self._limit is None or self.value is None:
            return 0.0 if self.is_met else 1.0
        return self.gap / max(self.value, self._limit)


def _check_measure(_: object, __: object, name: Any) -> None:
    if not isinstance(name, str) or name not in MEASURES:
        remedy = f"use some of {', '.join(MEASURES)}"
        raise ParameterError("Budget", "of", name, "is no measure", remedy)


def _as_written(limit: Any) -> Any:
    """Return a fraction, or a number of NumPy's, or a very large one as JSON keeps it."""
    if not isinstance(limit, Real) or isinstance(limit, (bool, float)):
        return limit
    try:
        if isinstance(limit, Integral) and abs(int(limit)) <= LARGEST_WHOLE:
            return int(limit)
        return float(limit)
    except OverflowError:  # which is refused as what it is
        return limit


def _check_limit(_: object, field: "attrs.Attribute[Any]", limit: Any) -> None:
    is_number = isinstance(limit, Real) and not isinstance(limit, bool)
    if limit is not None and not (is_number and 0 <= limit <= LARGEST):
        remedy = f"give a number from 0 to {LARGEST:g}"
        raise ParameterError("Budget", field.name, limit, "is no amount", remedy)


@attrs.frozen
class Budget:
    """A limit on what a design has.

    Attributes:
        of: Name of the measure: see `MEASURES`.
        at_most: Largest value that is allowed; None: any.
        at_least: Smallest value that is allowed; None: any.

    Raises:
        ParameterError: If there is no such measure, or a limit is no finite number from 0 on.
    """

    of: str = attrs.field(validator=_check_measure)
    at_most: float | None = attrs.field(default=None, converter=_as_written, validator=_check_limit)
    at_least: float | None = attrs.field(
        default=None, converter=_as_written, validator=_check_limit
    )

    @property
    def measure(self) -> Measure:
        """What it is a limit on."""
        return MEASURES[self.of]

    @property
    def words(self) -> str:
        """The limit, such as "at most 300 k parameters"."""
        if self.at_least == self.at_most is not None:
            return f"exactly {self.measure.write(self.at_most)}"
        limits = [("at least", self.at_least), ("at most", self.at_most)]
        told = [
            f"{name} {self.measure.write(value)}" for name, value in limits if value is not None
        ]
        return " and ".join(told)

    def check(self, design: Design, profile: DeviceProfile | None = None) -> Checked:
        """Return how a design keeps to it; a time is told by the profile of a device."""
        return self.check_value(value_of(self.of, design, profile))

    def check_value(self, value: float | None) -> Checked:
        """Return how a design keeps to it that has this much; None: that is not known."""
        is_met = value is not None and (
            (self.at_most is None or value <= self.at_most)
            and (self.at_least is None or value >= self.at_least)
        )
        return Checked(self, value, is_met)
