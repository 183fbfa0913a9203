"""LEAP CNN: a fully convolutional encoder-decoder without skip connections."""

from typing import Any

import attrs

from explorer.core.network.blocks import (
    DECODES,
    DecoderBlock,
    EncoderBlock,
    SimpleConvBlock,
    SimpleUpsamplingBlock,
    block_of,
    filters_parameter,
    strided_conv_parameter,
    up_interpolate_parameter,
)
from explorer.core.network.encoder_decoder import EncoderDecoder
from explorer.core.network.parameters import AtLeast, active_when, parameter


@attrs.frozen(slots=False)
class LeapCNN(EncoderDecoder):
    """The backbone of LEAP with variable depth and width.

    Source: Pereira et al. 2019, "Fast animal pose estimation using deep neural networks"
    (Nature Methods 16). Encoder block i has `filters * filters_rate ** i` filters; the decoder's
    widths count down from `up_blocks`.

    Attributes:
        stacks: Number of encoder-decoders, one after the other.
        filters: Filters of the first block.
        filters_rate: Factor between the filters of a block and the next.
        down_blocks: Pooling steps of the encoder.
        down_convs_per_block: Convolutions in each encoder block.
        up_blocks: Upsampling steps of the decoder.
        up_interpolate: Upsample by bilinear interpolation instead of transposed convolutions.
        up_convs_per_block: Convolutions in each decoder block.
        strided_conv: Lower the resolution by convolutions as large as their stride instead of
            max pooling.
    """

    filters: int = filters_parameter(64, "Filters of the first block.", whole=False, group="Size")
    filters_rate: float = parameter(
        2,
        doc="Factor between the filters of a block and the next.",
        label="filters × per level",
        group="Size",
        minimum=0.1,
        slider=(1, 3),
        active=active_when(down_blocks=AtLeast(2))
        | active_when(up_blocks=AtLeast(1), up_interpolate=False)
        | active_when(up_blocks=AtLeast(1), up_convs_per_block=AtLeast(1)),
    )
    down_blocks: int = parameter(
        3, doc="Pooling steps of the encoder.", group="Depth", minimum=1, maximum=10, slider=(1, 6)
    )
    down_convs_per_block: int = parameter(
        3,
        doc="Convolutions in each encoder block.",
        label="convs per down block",
        group="Size",
        minimum=1,
        slider=(1, 5),
    )
    up_blocks: int = parameter(
        3,
        doc="Upsampling steps of the decoder.",
        group="Depth",
        minimum=0,
        maximum=10,
        slider=(0, 6),
        follows=("down_blocks",),
    )
    up_interpolate: bool = up_interpolate_parameter(False)
    up_convs_per_block: int = parameter(
        2,
        doc="Convolutions in each decoder block.",
        label="convs per up block",
        group="Decoder",
        minimum=0,
        slider=(0, 5),
        active=DECODES,
    )
    strided_conv: bool = strided_conv_parameter(group="Depth")

    def _filters(self, level: int, where: str) -> int:
        return self.widened("filters", "filters_rate", level, where)

    @property
    def encoder_stack(self) -> list[EncoderBlock]:
        """Convolutions with what lowers the resolution after them, per step."""
        return [
            block_of(
                SimpleConvBlock,
                num_convs=self.down_convs_per_block,
                filters=self._filters(i, f"encoder block {i}"),
                strided_conv=self.strided_conv,
            )
            for i in range(self.down_blocks)
        ]

    @property
    def decoder_stack(self) -> list[DecoderBlock]:
        """An upsampling and convolutions, per step."""
        return [self._decoder_block(i) for i in range(self.up_blocks)]

    def _decoder_block(self, i: int) -> Any:
        filters = self._filters(self.up_blocks - i, f"decoder block {i}")
        return block_of(
            SimpleUpsamplingBlock,
            transposed_conv=not self.up_interpolate,
            transposed_conv_filters=filters,
            transposed_conv_batch_norm=False,
            refine_convs=self.up_convs_per_block,
            refine_convs_filters=filters,
            refine_convs_batch_norm=False,
        )
