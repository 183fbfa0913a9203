"""ResNet as an encoder, with an upsampling decoder: with skip connections, a U-Net on a ResNet."""

from typing import Any

import attrs

from explorer.core.network.blocks import (
    DECODES,
    MAX_FILTERS,
    DecoderBlock,
    EncoderBlock,
    SimpleUpsamplingBlock,
    block_of,
    filters_parameter,
    kernel_parameter,
    skip_fields,
    skips_parameter,
    up_interpolate_parameter,
)
from explorer.core.network.encoder_decoder import EncoderDecoder
from explorer.core.network.layers import (
    Activation,
    Add,
    BatchNormalization,
    Conv2D,
    MaxPooling2D,
    ZeroPadding2D,
)
from explorer.core.network.parameters import ActiveWhen, AtLeast, active_when, parameter

#: Bottleneck blocks of the four stages, by depth.
STAGES = {50: (3, 4, 6, 3), 101: (3, 4, 23, 3), 152: (3, 8, 36, 3)}
EXPANSION = 4

#: As in keras.applications, whose weights then give the same outputs; Keras' own is 0.001.
EPSILON = 1.001e-5


def _unit(
    x: Any,
    prefix: str,
    filters: int,
    kernel_size: int = 1,
    strides: int = 1,
    dilation_rate: int = 1,
    activate: bool = True,
) -> Any:
    """Return convolution → BN → relu of a feature or Keras tensor."""
    x = Conv2D(
        name=f"{prefix}_conv",
        filters=filters,
        kernel_size=kernel_size,
        strides=strides,
        dilation_rate=dilation_rate,
    )(x)
    x = BatchNormalization(name=f"{prefix}_bn", epsilon=EPSILON)(x)
    return Activation(name=f"{prefix}_relu", activation="relu")(x) if activate else x


def bottleneck(
    x: Any,
    prefix: str,
    filters: int,
    strides: int = 1,
    dilation_rate: int = 1,
    project: bool = False,
) -> Any:
    """Return a bottleneck block of a feature or Keras tensor, as ResNet's first version has it.

    1×1 (with the stride) → 3×3 (with the dilation) → 1×1 of four times the width, added to the
    input; with `project` the input passes a 1×1 convolution of the same stride.
    Source: He et al. 2016, "Deep Residual Learning" (arXiv 1512.03385).
    """
    y = _unit(x, f"{prefix}_1", filters, strides=strides)
    y = _unit(y, f"{prefix}_2", filters, kernel_size=3, dilation_rate=dilation_rate)
    y = _unit(y, f"{prefix}_3", EXPANSION * filters, activate=False)
    if project:
        x = _unit(x, f"{prefix}_0", EXPANSION * filters, strides=strides, activate=False)
    x = Add(name=f"{prefix}_add")([x, y])
    return Activation(name=f"{prefix}_out_relu", activation="relu")(x)


@attrs.frozen(slots=False)
class ResNetStem(EncoderBlock):
    """7×7 convolution, normalised and activated.

    Attributes:
        pool: Whether the convolution has a stride.
        pooling_stride: That stride.
        filters: Its filters.
    """

    filters: int = filters_parameter(64, "Filters of the convolution.")

    def make_block(self, x_in: Any, prefix: str = "stem") -> Any:
        """Return `(batch, height / stride, width / stride, filters)`."""
        x = ZeroPadding2D(name=f"{prefix}_pad", padding=3)(x_in)
        x = Conv2D(
            name=f"{prefix}_conv",
            filters=self.filters,
            kernel_size=7,
            strides=self.pooling_stride if self.pool else 1,
            padding="valid",
        )(x)
        x = BatchNormalization(name=f"{prefix}_bn", epsilon=EPSILON)(x)
        return Activation(name=f"{prefix}_relu", activation="relu")(x)


@attrs.frozen(slots=False)
class ResNetStage(EncoderBlock):
    """Bottleneck blocks of one width.

    Attributes:
        pool: Whether the resolution is lowered: by the first block's stride.
        pooling_stride: Factor by which it is.
        max_pool: Lower it by 3×3 max pooling before the blocks instead.
        filters: Inner width of the blocks; they return four times as many channels.
        num_blocks: Number of blocks.
        dilation_rate: Distance of the taps of the 3×3 convolutions.
    """

    max_pool: bool = parameter(
        False,
        doc="Lower the resolution by 3×3 max pooling instead of the first block's stride.",
        active=active_when(pool=True),
    )
    filters: int = filters_parameter(64, "Inner width; the stage returns four times as many.")
    num_blocks: int = parameter(3, doc="Bottleneck blocks.", minimum=1, slider=(1, 36))
    dilation_rate: int = parameter(
        1,
        doc="Distance of the 3×3 kernels' taps: sees farther without pooling.",
        minimum=1,
        slider=(1, 8),
    )

    def make_block(self, x_in: Any, prefix: str = "stage") -> Any:
        """Return `(batch, height / stride, width / stride, 4 × filters)`."""
        x = x_in
        stride = self.pooling_stride if self.pool else 1
        if self.pool and self.max_pool:
            x = ZeroPadding2D(name=f"{prefix}_pool_pad")(x)
            x = MaxPooling2D(name=f"{prefix}_pool", pool_size=3, strides=stride, padding="valid")(x)
            stride = 1
        for i in range(self.num_blocks):
            x = bottleneck(
                x,
                f"{prefix}_block{i}",
                self.filters,
                strides=1 if i else stride,
                dilation_rate=self.dilation_rate,
                project=i == 0,
            )
        return x


def _convolves(up_blocks: int = 1) -> ActiveWhen:
    """Return when there are convolutions in a decoder of at least so many blocks."""
    blocks = AtLeast(up_blocks)
    return active_when(up_blocks=blocks, up_interpolate=False) | active_when(
        up_blocks=blocks, up_convs_per_block=AtLeast(1)
    )


#: When a decoder block ends at a stride that the encoder has a feature of, so at 2 or more.
_MEETS = (
    active_when(up_blocks=AtLeast(1), up_stride=2)
    | active_when(up_blocks=AtLeast(1), up_stride=4)
    | active_when(up_blocks=AtLeast(1), up_stride=8, encoder_stride=AtLeast(16))
    | active_when(up_blocks=AtLeast(1), up_stride=16, encoder_stride=32)
)


@attrs.frozen(slots=False)
class ResNet(EncoderDecoder):
    """A ResNet encoder, optionally followed by an upsampling decoder.

    Source: He et al. 2016 (arXiv 1512.03385), first version; with dilation in the last stages as
    Chen et al. 2017 (arXiv 1706.05587) keep the resolution. Without decoder it has the layers and
    parameters of Keras' own ResNet50, ResNet101 and ResNet152 without their tops.

    Attributes:
        stacks: Number of networks, one after the other.
        depth: 50, 101 or 152.
        filters: Filters of the first convolution; stage n has `filters * 2 ** n`.
        encoder_stride: 32, or 16 or 8: the last stages are dilated instead of pooled.
        up_blocks: Upsampling steps of the decoder.
        up_filters: Filters of the first decoder block.
        up_filters_rate: Factor between the filters of a decoder block and the next.
        up_interpolate: Upsample by bilinear interpolation instead of transposed convolutions.
        up_convs_per_block: Convolutions in each decoder block.
        up_stride: Factor by which each decoder block raises the resolution: 2, 4, 8, 16 or 32.
        up_kernel_size: Height and width of the transposed convolutions' kernels.
        up_batch_norm: Normalise after each convolution of the decoder.
        skips: "concatenate", "add" or "none".
    """

    depth: int = parameter(
        50, doc="Depth, as in ResNet-50, -101 and -152.", group="Depth", choices=tuple(STAGES)
    )
    filters: int = filters_parameter(
        64,
        "Filters of the first convolution and stage.",
        whole=False,
        maximum=MAX_FILTERS // (8 * EXPANSION),  # what the last stage returns per filter
        group="Size",
    )
    encoder_stride: int = parameter(
        32,
        doc="Stride at the encoder's end; below 32 the last stages are dilated, not pooled.",
        group="Depth",
        choices=(8, 16, 32),
    )
    up_blocks: int = parameter(
        0,
        doc="Upsampling steps of the decoder.",
        group="Depth",
        minimum=0,
        maximum=5,
        slider=(0, 5),
        follows=("encoder_stride", "up_stride"),
    )
    up_stride: int = parameter(
        2,
        doc="Factor by which each decoder block raises the resolution.",
        group="Decoder",
        choices=(2, 4, 8, 16, 32),
        active=DECODES,
        kw_only=True,
    )
    up_filters: int = filters_parameter(
        256,
        "Filters of the first decoder block.",
        whole=False,
        group="Decoder",
        active=_convolves(),
    )
    up_filters_rate: float = parameter(
        0.5,
        doc="Factor between the filters of a decoder block and the next.",
        label="up filters × per block",
        group="Decoder",
        minimum=0.1,
        slider=(0.1, 2),
        active=_convolves(up_blocks=2),
    )
    up_interpolate: bool = up_interpolate_parameter(True)
    up_kernel_size: int = kernel_parameter(
        3,
        "Height and width of the transposed convolutions' kernels.",
        group="Decoder",
        active=active_when(up_blocks=AtLeast(1), up_interpolate=False),
        kw_only=True,
    )
    up_convs_per_block: int = parameter(
        2,
        doc="Convolutions in each decoder block.",
        label="convs per up block",
        group="Decoder",
        minimum=0,
        slider=(0, 4),
        active=DECODES,
    )
    up_batch_norm: bool = parameter(
        True,
        doc="Normalise the batch after each convolution of the decoder.",
        group="Decoder",
        active=_convolves(),
        kw_only=True,
    )
    skips: str = skips_parameter("none", active=_MEETS)

    @property
    def encoder_stack(self) -> list[EncoderBlock]:
        """The first convolution, and the four stages."""
        blocks: list[EncoderBlock] = [ResNetStem(filters=self.filters)]
        stride, dilation = 2, 1
        for i, num_blocks in enumerate(STAGES[self.depth]):
            pools = stride < self.encoder_stride
            if pools:
                stride *= 2
            else:
                dilation *= 2
            blocks.append(
                block_of(
                    ResNetStage,
                    pool=pools,
                    max_pool=i == 0,
                    filters=self.filters * 2**i,
                    num_blocks=num_blocks,
                    dilation_rate=dilation,
                )
            )
        return blocks

    @property
    def decoder_stack(self) -> list[DecoderBlock]:
        """An upsampling block per step."""
        blocks: list[DecoderBlock] = []
        for i in range(self.up_blocks):
            filters = self.widened("up_filters", "up_filters_rate", i, f"decoder block {i}")
            blocks.append(
                block_of(
                    SimpleUpsamplingBlock,
                    upsampling_stride=self.up_stride,
                    transposed_conv=not self.up_interpolate,
                    transposed_conv_filters=filters,
                    transposed_conv_kernel_size=self.up_kernel_size,
                    transposed_conv_batch_norm=self.up_batch_norm,
                    **skip_fields(self.skips),
                    refine_convs=self.up_convs_per_block,
                    refine_convs_filters=filters,
                    refine_convs_batch_norm=self.up_batch_norm,
                )
            )
        return blocks
