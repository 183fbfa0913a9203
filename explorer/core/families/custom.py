"""An architecture as explicit lists of blocks, each of which can be edited on its own."""

import attrs

from explorer.core.network.blocks import DecoderBlock, EncoderBlock, SimpleConvBlock
from explorer.core.network.encoder_decoder import EncoderDecoder, blocks_of, merge_parameter
from explorer.core.network.parameters import parts


@attrs.frozen(slots=False)
class Custom(EncoderDecoder):
    """Stem, encoder and decoder as lists of any blocks.

    Attributes:
        stacks: Number of encoder-decoders, one after the other.
        stem: Blocks before the first stack.
        encoder: Blocks of every encoder.
        decoder: Blocks of every decoder.
        merge_stacks: Add each stack's input to its output, through 1×1 convolutions.
    """

    stem: tuple[EncoderBlock, ...] = parts((), EncoderBlock)
    encoder: tuple[EncoderBlock, ...] = parts((SimpleConvBlock(),), EncoderBlock)
    decoder: tuple[DecoderBlock, ...] = parts((), DecoderBlock)
    merge_stacks: bool = merge_parameter(False)

    @classmethod
    def of(cls, architecture: EncoderDecoder) -> "Custom":
        """Return the same network with its blocks written out."""
        blocks = blocks_of(architecture)
        return cls(
            stacks=architecture.stacks,
            heads=architecture.heads,
            stem=blocks.stem,
            encoder=blocks.encoder,
            decoder=blocks.decoder,
            merge_stacks=architecture.merge_stacks,
        )

    @classmethod
    def around(cls, block: EncoderBlock | DecoderBlock) -> "Custom":
        """Return the smallest network that has this block."""
        if isinstance(block, EncoderBlock):
            return cls(encoder=(block,))
        pooling = SimpleConvBlock(pooling_stride=block.upsampling_stride)
        return cls(encoder=(pooling,), decoder=(block,))

    @property
    def stem_stack(self) -> tuple[EncoderBlock, ...] | None:
        """The stem's blocks, None without any."""
        return self.stem or None

    @property
    def encoder_stack(self) -> tuple[EncoderBlock, ...]:
        """The encoder's blocks."""
        return self.encoder

    @property
    def decoder_stack(self) -> tuple[DecoderBlock, ...]:
        """The decoder's blocks."""
        return self.decoder
