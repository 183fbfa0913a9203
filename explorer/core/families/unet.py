"""U-Net: an encoder and a decoder of equal blocks, linked by skip connections."""

import attrs

from explorer.core.network.blocks import (
    DecoderBlock,
    EncoderBlock,
    SimpleConvBlock,
    SimpleUpsamplingBlock,
    block_of,
    filters_parameter,
    kernel_parameter,
    skip_fields,
    skips_parameter,
    strided_conv_parameter,
    up_interpolate_parameter,
)
from explorer.core.network.encoder_decoder import EncoderDecoder
from explorer.core.network.parameters import AtLeast, Unlike, active_when, parameter


@attrs.frozen(slots=False)
class UNet(EncoderDecoder):
    """U-Net with a variable number of levels.

    Level n has `int(filters * filters_rate ** n)` filters. Source: Ronneberger et al. 2015
    (arXiv 1505.04597), with "same" padding and, by default, half of its original width.

    Attributes:
        stacks: Number of U-Nets, one after the other.
        filters: Filters of the first level.
        filters_rate: Factor between the filters of a level and the next.
        kernel_size: Height and width of the kernels.
        stem_kernel_size: The same in the stem.
        convs_per_block: Convolutions in each block.
        stem_blocks: Blocks in the stem, which every stack starts after.
        down_blocks: Pooling steps of the encoder.
        middle_block: Whether convolutions follow at the lowest resolution.
        up_blocks: Upsampling steps of the decoder.
        up_interpolate: Upsample by bilinear interpolation instead of transposed convolutions.
        block_contraction: Narrow the features at the end of each decoder block.
        skips: "concatenate", as published, "add" or "none".
        strided_conv: Lower the resolution by convolutions as large as their stride instead of
            max pooling.
    """

    filters: int = filters_parameter(64, "Filters of the first level.", whole=False, group="Size")
    filters_rate: float = parameter(
        2,
        doc="Factor between the filters of a level and the next.",
        label="filters × per level",
        group="Size",
        minimum=0.1,
        slider=(1, 3),
        active=active_when(down_blocks=AtLeast(2))
        | active_when(stem_blocks=AtLeast(1))
        | active_when(middle_block=True, block_contraction=False)
        | active_when(middle_block=True, convs_per_block=AtLeast(2))
        | active_when(up_blocks=AtLeast(1), block_contraction=True, convs_per_block=AtLeast(2)),
    )
    kernel_size: int = kernel_parameter(3, "Height and width of the kernels.", group="Size")
    stem_kernel_size: int = kernel_parameter(
        3,
        "Height and width of the stem's kernels.",
        group="Stem",
        active=active_when(stem_blocks=AtLeast(1)),
    )
    convs_per_block: int = parameter(
        2, doc="Convolutions in each block.", group="Size", minimum=1, slider=(1, 4)
    )
    stem_blocks: int = parameter(
        0,
        doc="Blocks in the stem: downsampling that every stack starts after.",
        group="Stem",
        minimum=0,
        maximum=10,
        slider=(0, 3),
    )
    down_blocks: int = parameter(
        4, doc="Pooling steps of the encoder.", group="Depth", minimum=1, maximum=10, slider=(1, 6)
    )
    middle_block: bool = parameter(
        True, doc="Convolutions at the lowest resolution.", group="Depth"
    )
    up_blocks: int = parameter(
        4,
        doc="Upsampling steps of the decoder.",
        group="Depth",
        minimum=0,
        maximum=20,
        slider=(0, 6),
        follows=("down_blocks", "stem_blocks"),
    )
    up_interpolate: bool = up_interpolate_parameter(False)
    block_contraction: bool = parameter(
        False,
        doc="Narrow the features at the end of each decoder block and of the middle.",
        label="narrow at the end of a block",
        group="Decoder",
        active=active_when(filters_rate=Unlike(1), middle_block=True)
        | active_when(filters_rate=Unlike(1), up_blocks=AtLeast(1), convs_per_block=AtLeast(2)),
    )

    skips: str = skips_parameter("concatenate")
    strided_conv: bool = strided_conv_parameter(group="Depth")

    def _filters(self, level: int, where: str) -> int:
        return self.widened("filters", "filters_rate", level, where)

    def _down_stack(self, levels: range, kernel_size: int, where: str) -> list[EncoderBlock]:
        """Return one block per level, and what lowers the resolution after the last one."""
        blocks: list[EncoderBlock] = [
            block_of(
                SimpleConvBlock,
                pool=level > levels.start,
                pool_before_convs=True,
                num_convs=self.convs_per_block,
                filters=self._filters(level, f"{where} block {level - levels.start}"),
                kernel_size=kernel_size,
                strided_conv=self.strided_conv,
            )
            for level in levels
        ]
        last = block_of(
            SimpleConvBlock, num_convs=0, block_prefix="_last", strided_conv=self.strided_conv
        )
        return [*blocks, last]

    @property
    def stem_stack(self) -> list[EncoderBlock] | None:
        """Blocks that lower the resolution before the first stack."""
        if not self.stem_blocks:
            return None
        return self._down_stack(range(self.stem_blocks), self.stem_kernel_size, "stem")

    @property
    def encoder_stack(self) -> list[EncoderBlock]:
        """A block per level, a last pooling, and the middle."""
        bottom = self.stem_blocks + self.down_blocks
        blocks = self._down_stack(range(self.stem_blocks, bottom), self.kernel_size, "encoder")
        if not self.middle_block:
            return blocks
        widest = self._filters(bottom, "the middle block")
        if self.convs_per_block > 1:
            blocks.append(self._middle("expand", self.convs_per_block - 1, widest))
        contracted = bottom - 1 if self.block_contraction else bottom
        last = self._filters(contracted, "the middle block")
        return [*blocks, self._middle("contract", 1, last)]

    def _middle(self, does: str, num_convs: int, filters: int) -> EncoderBlock:
        """Return a block of convolutions that do not pool."""
        block: EncoderBlock = block_of(
            SimpleConvBlock,
            pool=False,
            num_convs=num_convs,
            filters=filters,
            kernel_size=self.kernel_size,
            block_prefix=f"_middle_{does}",
        )
        return block

    @property
    def decoder_stack(self) -> list[DecoderBlock]:
        """An upsampling block, with a skip connection, per step."""
        blocks: list[DecoderBlock] = []
        for i in range(self.up_blocks):
            level = self.stem_blocks + self.down_blocks - 1 - i
            first = self._filters(level, f"decoder block {i}")
            rest = (
                self._filters(level - 1, f"decoder block {i}") if self.block_contraction else first
            )
            blocks.append(
                block_of(
                    SimpleUpsamplingBlock,
                    transposed_conv=not self.up_interpolate,
                    transposed_conv_filters=first,
                    transposed_conv_kernel_size=self.kernel_size,
                    transposed_conv_batch_norm=False,
                    **skip_fields(self.skips),
                    refine_convs=self.convs_per_block,
                    refine_convs_first_filters=first,
                    refine_convs_filters=rest,
                    refine_convs_kernel_size=self.kernel_size,
                    refine_convs_batch_norm=False,
                )
            )
        return blocks
