"""An architecture with its input, as a value; everything else is computed from it."""

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import attrs

from explorer.core.analysis.report import (
    MemoryPoint,
    Report,
    Totals,
    TotalsOf,
    analyze,
    memory_curve,
)
from explorer.core.families import Architecture
from explorer.core.network.encoder_decoder import blocks_of
from explorer.core.network.graph import Graph
from explorer.core.network.layers import Shape
from explorer.core.network.parameters import parameter
from explorer.core.network.tracing import check_input_shape, trace


def _side_parameter(doc: str) -> Any:
    """Declare the height or the width of an image."""
    return parameter(
        256,
        doc=doc,
        group="Input",
        minimum=1,
        slider=(32, 4096),
        logarithmic=True,
        unit="px",
    )


@attrs.frozen
class Input:
    """What the network is given.

    Attributes:
        height: Height of an image in pixels.
        width: Width of an image in pixels.
        channels: Channels of an image.
        batch_size: Images in one forward pass.
    """

    height: int = _side_parameter("Height of the input image.")
    width: int = _side_parameter("Width of the input image.")
    channels: int = parameter(
        1,
        doc="Channels of the input image: 1 is grey, 3 is colour.",
        group="Input",
        minimum=1,
        slider=(1, 4),
    )
    batch_size: int = parameter(
        1,
        doc="Images in one forward pass.",
        group="Input",
        minimum=1,
        maximum=4096,
        slider=(1, 32),
    )

    @property
    def shape(self) -> Shape:
        """`(height, width, channels)`."""
        return self.height, self.width, self.channels

    def of_shape(self, shape: Sequence[int]) -> "Input":
        """Return as many images of another shape.

        Args:
            shape: `(height, width, channels)`.

        Raises:
            ParameterError: If it is none.
        """
        height, width, channels = check_input_shape(shape)
        return attrs.evolve(self, height=height, width=width, channels=channels)


@attrs.frozen(slots=False)
class Design:
    """An architecture with its input; everything else is computed from it, once.

    Attributes:
        architecture: The architecture.
        input: What it is given.
    """

    architecture: Architecture
    input: Input = attrs.field(factory=Input)

    @cached_property
    def graph(self) -> Graph:
        """The architecture's layers for this input."""
        return trace(self.architecture, self.input.shape)

    @cached_property
    def report(self) -> Report:
        """The analysis of the graph."""
        return analyze(self.graph)

    @cached_property
    def totals(self) -> Totals:
        """The report's totals; without a report, what is not asked for is not worked out."""
        made: Report | None = self.__dict__.get("report")
        return made or TotalsOf(self.graph)

    @cached_property
    def memory(self) -> tuple[MemoryPoint, ...]:
        """What is in memory during each step of a forward pass of one image."""
        return memory_curve(self.graph)


def changed(design: Design, **fields: Any) -> Design:
    """Return a design with other values of its architecture's fields."""
    architecture: Any = design.architecture
    return attrs.evolve(design, architecture=attrs.evolve(architecture, **fields))


def with_decoder_block(design: Design, index: int, **fields: Any) -> Design:
    """Return a design with other values of a decoder block's fields.

    Args:
        design: One of a family.
        index: Which block of the decoder, from 0 at the lowest resolution.
        **fields: The values.
    """
    architecture: Any = design.architecture
    block = attrs.evolve(blocks_of(architecture).decoder[index], **fields)
    return attrs.evolve(design, architecture=architecture.with_block("decoder", index, block))
