"""What a design may cost at most, or has to reach: limits on what its report tells."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

import attrs

from explorer.core.analysis.connections import wiring_of
from explorer.core.analysis.design import Design
from explorer.core.analysis.quantities import MACS, MEMORY, PARAMETERS
from explorer.core.formatting import byte_size, counted, short_count
from explorer.core.network.graph import channels_of, pixels_of
from explorer.core.network.layers import Conv2DTranspose, along


@attrs.frozen
class Measure:
    """A number that every design has.

    Attributes:
        name: What it is called.
        of: Returns it, or None where it is not known.
        write: Writes it with its unit.
    """

    name: str
    of: Callable[[Design], float | None]
    write: Callable[[float], str]


def _field(design: Design) -> float | None:
    field = design.report.receptive_field
    return None if field is None else min(field)


def _output_stride(design: Design) -> float | None:
    stride = design.graph.outputs[-1].stride
    return None if stride is None else pixels_of(stride) ** 0.5


def _maximum_stride(design: Design) -> float | None:
    """Return the largest stride of any feature, along the axis that is lowered most."""
    stride = design.report.maximum_stride
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
#: smaller; memory is that of one image, in bytes.
MEASURES: Mapping[str, Measure] = MappingProxyType(
    {
        each.name: each
        for each in (
            Measure(
                "parameters",
                lambda design: PARAMETERS.in_network(design.report).exact,
                lambda n: f"{short_count(n)} parameters",
            ),
            Measure(
                "multiply-adds",
                lambda design: MACS.in_network(design.report).exact,
                lambda n: f"{short_count(n)} multiply-adds",
            ),
            Measure(
                "memory",
                lambda design: MEMORY.in_network(design.report).exact,
                lambda n: f"{byte_size(n)} of memory",
            ),
            Measure("receptive field", _field, lambda n: f"a receptive field of {n:,.0f} px"),
            Measure(
                "image height",
                lambda design: design.input.height,
                lambda n: f"an image height of {n:.0f} px",
            ),
            Measure(
                "image width",
                lambda design: design.input.width,
                lambda n: f"an image width of {n:.0f} px",
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
                "uneven upsamplings",
                _uneven_upsamplings,
                lambda n: f"{counted(round(n), 'transposed convolution')} with an uneven overlap",
            ),
        )
    }
)


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
        wanted = self.budget.words
        if self.value is None:
            return f"{wanted}: not known of this network"
        return (
            f"{wanted}: {'yes, ' if self.is_met else 'no, '}{self.budget.measure.write(self.value)}"
        )


@attrs.frozen
class Budget:
    """A limit on what a design has.

    Attributes:
        of: Name of the measure: see `MEASURES`.
        at_most: Largest value that is allowed; None: any.
        at_least: Smallest value that is allowed; None: any.
    """

    of: str = attrs.field(validator=attrs.validators.in_(MEASURES))
    at_most: float | None = None
    at_least: float | None = None

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

    def check(self, design: Design) -> Checked:
        """Return how a design keeps to it."""
        value = self.measure.of(design)
        is_met = value is not None and (
            (self.at_most is None or value <= self.at_most)
            and (self.at_least is None or value >= self.at_least)
        )
        return Checked(self, value, is_met)
