"""What is counted of a network: parameters, multiply-accumulates, memory, time.

This is the one list. What a layer and a network have of each quantity, what it is called and how it
is written stands here, and whatever shows one (boxes and their colours, tables, charts, totals, a
comparison) takes it from here.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from operator import attrgetter
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

import attrs

from explorer.core.formatting import at_least, byte_size, duration, short_count

if TYPE_CHECKING:
    from explorer.core.analysis.report import Report, Totals

#: What a quantity is taken from: a row of a report, or a node.
Counted = Any

Times = Mapping[str, float]

#: While no layer is timed.
NO_TIMES: Times = MappingProxyType({})

_SHORT = {"count": short_count, "bytes": byte_size, "seconds": duration}


@attrs.frozen
class Total:
    """A sum over some layers.

    Attributes:
        value: What is known of it; None if nothing is.
        is_all: Whether it is known of every layer.
    """

    value: float | None
    is_all: bool = True

    @classmethod
    def of(cls, values: Sequence[float | None]) -> "Total":
        """Return the sum of values, of which those that are not known are None."""
        if None not in values:
            return cls(sum(values))  # type: ignore[arg-type]
        known = [value for value in values if value is not None]
        return cls(sum(known) if known else None, is_all=False)

    @property
    def exact(self) -> float | None:
        """The sum where it is known of every layer, else None."""
        return self.value if self.is_all else None

    def written(self, write: Callable[[float], str]) -> str:
        """Return what is known of it, marked where that is not all."""
        return at_least(write(self.value or 0), self.is_all)

    def share_of(self, whole: "Total") -> float | None:
        """Return which part of a whole this is; None where either is not known in full."""
        if not self.is_all or not whole.is_all or self.value is None or not whole.value:
            return None
        return self.value / whole.value


@attrs.frozen(kw_only=True, eq=False, slots=False)
class Quantity:
    """Something that layers have, and that adds up.

    Attributes:
        name: What it is called, and chosen by.
        words: The same where there is room.
        doc: What a layer's figure is.
        meaning: What the word means, for who meets it for the first time.
        unit: What it is a number of. Bytes are those of one image: a batch has that many times.
        of: Returns what a layer has, or None where that is not known. None: it is the layer's time,
            which has to be measured.
        of_network: Returns what a network has, for a batch of that size; None where a report
            doesn't tell.
        prefix: What precedes the name of a network's figure, where that isn't the sum.
        headline: What a network's figure is called where it stands alone.
        parts: Figures of a network that belong to it, by name.
        in_full: Whether a layer's count is written with all its digits.
        owner: What follows a figure that doesn't say what it is of.
        of_sum: What follows the figure of several layers.
        everything: What shares are of.
        title: Title of its chart.
        detail: What follows that.
        most: Start of the sentence that names the layers with most of it.
        whole: What all layers have, with a place for the sum.
        none: The sentence if no layer has any.
    """

    name: str
    words: str = attrs.field(default=attrs.Factory(lambda self: self.name, takes_self=True))
    doc: str = ""
    meaning: str = ""
    unit: Literal["count", "bytes", "seconds"] = "count"
    of: Callable[[Counted], float | None] | None
    of_network: Callable[["Totals", int], Total] | None = None
    prefix: str = ""
    headline: str = attrs.field(default=attrs.Factory(lambda self: self.name, takes_self=True))
    parts: Mapping[str, Callable[["Report"], int]] = MappingProxyType({})
    in_full: bool = False
    owner: str = ""
    of_sum: str = ""
    everything: str = attrs.field(
        default=attrs.Factory(lambda self: f"all {self.name}", takes_self=True)
    )
    title: str
    detail: str = ""
    most: str
    whole: str = "all {}"
    none: str

    @property
    def network_name(self) -> str:
        """What a network's figure is called."""
        return f"{self.prefix}{self.name}"

    def in_network(self, report: "Totals", batch_size: int = 1) -> Total:
        """Return what a network has, as far as its report tells."""
        return self.of_network(report, batch_size) if self.of_network else Total(None, False)

    @property
    def is_measured(self) -> bool:
        """Whether it is only known once it was measured."""
        return self.of is None

    @cached_property
    def suffix(self) -> str:
        """What follows a number of it; bytes and seconds have their units already."""
        return f" {self.name}" if self.unit == "count" else ""

    @cached_property
    def short(self) -> Callable[[float], str]:
        """Writes a value in about three digits."""
        return _SHORT[self.unit]

    @cached_property
    def full(self) -> Callable[[float], str]:
        """Writes a value with all digits of a count."""
        return "{:,}".format if self.unit == "count" else self.short

    @cached_property
    def text(self) -> Callable[[float], str]:
        """Writes the value of a layer or block."""
        return self.full if self.in_full else self.short

    def values(self, layers: Iterable[Counted], times: Times = NO_TIMES) -> list[float | None]:
        """Return what each layer has; None where that is not known.

        Args:
            layers: Rows of a report, or nodes.
            times: Seconds of each layer, by name; empty while they are not measured.
        """
        if self.of is not None:
            return list(map(self.of, layers))
        # No time is taken of an input, which does nothing.
        return [times.get(x.name, 0 if x.kind == "InputLayer" else None) for x in layers]

    def total(self, layers: Iterable[Counted], times: Times = NO_TIMES) -> Total:
        """Return the sum of what is known over some layers."""
        return Total.of(self.values(layers, times))

    def told(self, total: Total) -> str:
        """Return a total with what it is of, such as "≥ 2.43 G MACs" or "time unknown"."""
        if total.value is None:
            return f"{self.name} unknown"
        return total.written(self.text) + self.suffix + self.owner


PARAMETERS = Quantity(
    name="parameters",
    doc="Parameters, trainable or not",
    meaning="The numbers that a network keeps. Most are set by training; some, such as means and "
    "variances, are only gathered meanwhile.",
    of=attrgetter("params"),
    of_network=lambda report, _: Total(report.total_params),
    parts={"trainable parameters": lambda report: report.trainable_params},
    in_full=True,
    title="Parameters",
    most="Most parameters are in",
    none="No layer has parameters.",
)
MACS = Quantity(
    name="MACs",
    words="multiply-adds",
    doc="Multiply-accumulates of convolutions and dense layers for one image; a multiply-add is "
    "one MAC and two FLOPs",
    meaning="Multiply-accumulates: a value times a weight, put on top of a sum, which is most of "
    "the work that convolutions are. Each is two FLOPs.",
    of=attrgetter("macs"),
    of_network=lambda report, _: Total(report.macs, report.macs_are_known),
    headline="compute",
    title="MACs",
    detail=", for one image",
    most="Most MACs are done in",
    none="No layer is known to do MACs.",
)
MEMORY = Quantity(
    name="memory",
    doc="Size of the output for one image, in float32. Total: the peak of one pass, with weights",
    meaning="What has to be kept while a network computes, in bytes: four for each number, which "
    "is a float32.",
    unit="bytes",
    of=attrgetter("memory_bytes"),
    of_network=lambda report, batch_size: Total(report.peak_memory(batch_size)),
    prefix="peak ",
    parts={"weights": lambda report: report.weights_bytes},
    owner=" of output",
    of_sum=" in all, not all held at once",
    everything="the memory of all outputs, not all held at once",
    title="Size of the outputs",
    most="The largest outputs are those of",
    whole="the {} that all layers put out",
    none="No layer puts anything out.",
)
TIME = Quantity(
    name="time",
    doc="Median time of the layer alone, and its share of all layers' times",
    meaning="How long it takes here, on this machine: measured, and not counted, so it depends on "
    "what else runs.",
    unit="seconds",
    of=None,
    title="Time",
    detail=", each layer alone",
    most="Most time is taken by",
    whole="the {} that the layers take, each alone",
    none="No layer is timed yet: press “Time every layer”.",
)

#: All of them by name, in the order in which they are shown.
QUANTITIES: dict[str, Quantity] = {
    quantity.name: quantity for quantity in (PARAMETERS, MACS, MEMORY, TIME)
}


def of_networks() -> list[Quantity]:
    """Return those of which a report tells what a network has."""
    return [quantity for quantity in QUANTITIES.values() if quantity.of_network]
