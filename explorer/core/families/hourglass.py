"""Stacked hourglass in its simple form: single convolutions instead of residual modules."""

from typing import Any

import attrs

from explorer.core.network.blocks import (
    DecoderBlock,
    EncoderBlock,
    block_of,
    filters_parameter,
    interpolation_parameter,
    skip_add_parameter,
    skip_connection_parameter,
    skip_fields,
    skips_parameter,
    transposed_conv_parameter,
    up_interpolate_parameter,
)
from explorer.core.network.encoder_decoder import EncoderDecoder
from explorer.core.network.layers import (
    Add,
    BatchNormalization,
    Concatenate,
    Conv2D,
    Conv2DTranspose,
    MaxPooling2D,
    UpSampling2D,
)
from explorer.core.network.parameters import AtLeast, active_when, parameter

STEM_STRIDES = (1, 2, 4)


def conv_unit(x: Any, filters: int, prefix: str, kernel_size: int = 3, strides: int = 1) -> Any:
    """Return a convolution with relu, then batch normalisation, of a feature or Keras tensor."""
    x = Conv2D(
        name=f"{prefix}_conv",
        filters=filters,
        kernel_size=kernel_size,
        strides=strides,
        activation="relu",
    )(x)
    return BatchNormalization(name=f"{prefix}_bn")(x)


@attrs.frozen(slots=False)
class HourglassStem(EncoderBlock):
    """7×7 and 3×3 convolutions, a pooling and another 3×3 convolution.

    Attributes:
        pool: Whether the resolution is lowered.
        pooling_stride: Factor by which it is: 1, 2 or 4.
        filters: Filters of the first convolution; the second has twice as many.
        output_filters: Filters of the last convolution.
    """

    pooling_stride: int = parameter(
        4,
        doc="Factor by which the stem lowers the resolution.",
        choices=STEM_STRIDES,
        active=active_when(pool=True),
    )
    filters: int = filters_parameter(128, "Filters of the first convolution.")
    output_filters: int = filters_parameter(256, "Filters of the last convolution.")

    def make_block(self, x_in: Any, prefix: str = "stem") -> Any:
        """Return `(batch, height / stride, width / stride, output_filters)`."""
        stride = self.pooling_stride if self.pool else 1
        x = conv_unit(
            x_in, self.filters, f"{prefix}_conv7x7", kernel_size=7, strides=2 if stride == 4 else 1
        )
        x = conv_unit(x, 2 * self.filters, f"{prefix}_conv3x3")
        x = MaxPooling2D(name=f"{prefix}_pool", strides=2 if stride > 1 else 1)(x)
        return conv_unit(x, self.output_filters, f"{prefix}_conv3x3_out")


@attrs.frozen(slots=False)
class HourglassDownBlock(EncoderBlock):
    """2×2 max pooling, then a 3×3 convolution.

    Attributes:
        pool: Whether the block pools.
        pooling_stride: Stride of the pooling.
        filters: Filters of the convolution.
    """

    filters: int = filters_parameter(256, "Filters of the convolution.")

    def make_block(self, x_in: Any, prefix: str = "down") -> Any:
        """Return `(batch, height / stride, width / stride, filters)`."""
        x = x_in
        if self.pool:
            x = MaxPooling2D(name=f"{prefix}_pool", strides=self.pooling_stride)(x)
        return conv_unit(x, self.filters, f"{prefix}_conv")


@attrs.frozen(slots=False)
class HourglassUpBlock(DecoderBlock):
    """3×3 convolution, upsampling, and the skip source, joined through a 3×3 convolution.

    Attributes:
        upsampling_stride: Factor by which the block raises the resolution.
        filters: Filters of both convolutions.
        interp_method: "nearest" or "bilinear", when there is no transposed convolution.
        skip_connection: Join a feature of the encoder.
        skip_add: Add it instead of concatenating it.
        transposed_conv: Upsample by a 3×3 transposed convolution of as many filters instead of
            interpolation.
    """

    filters: int = filters_parameter(256, "Filters before upsampling, and of the skip.")
    interp_method: str = interpolation_parameter(
        "nearest", active=active_when(transposed_conv=False)
    )
    skip_connection: bool = skip_connection_parameter(True)
    skip_add: bool = skip_add_parameter(True)
    transposed_conv: bool = transposed_conv_parameter(False, "interpolation")

    def make_unit(self, x: Any, prefix: str, is_skip: bool) -> Any:
        """Return what is made of the block's input, or of the skip source: a 3×3 convolution."""
        return conv_unit(x, self.filters, f"{prefix}_skip" if is_skip else f"{prefix}_conv")

    def make_block(
        self,
        x: Any,
        current_stride: int | None = None,
        skip_source: Any = None,
        prefix: str = "upsample",
    ) -> Any:
        """Return `(batch, height × stride, width × stride, filters)`.

        A skip connection that is concatenated doubles the channels.
        """
        x = self.make_unit(x, prefix, is_skip=False)
        if self.transposed_conv:
            x = Conv2DTranspose(
                name=f"{prefix}_trans_conv", filters=self.filters, strides=self.upsampling_stride
            )(x)
        else:
            x = UpSampling2D(
                name=f"{prefix}_{self.interp_method}",
                size=self.upsampling_stride,
                interpolation=self.interp_method,
            )(x)
        if not self.skip_connection or skip_source is None:
            return x
        skip = self.make_unit(skip_source, prefix, is_skip=True)
        if self.skip_add:
            return Add(name=f"{prefix}_skip_add")([x, skip])
        return Concatenate(name=f"{prefix}_skip_concat")([x, skip])


@attrs.frozen(slots=False)
class Hourglass(EncoderDecoder):
    """Stacked hourglass with single convolutions.

    After Newell et al. 2016 (arXiv 1603.06937), simplified: plain convolutions take the place of
    residual modules, and nothing is merged between the stacks.

    Attributes:
        down_blocks: Pooling steps of each encoder.
        up_blocks: Upsampling steps of each decoder.
        stem_filters: Filters of the stem's first convolution.
        stem_stride: Factor by which the stem lowers the resolution: 1, 2 or 4.
        filters: Filters at the highest resolution after the stem.
        filter_increase: Filters that each further pooling step adds.
        interp_method: "nearest" or "bilinear", when they are interpolated.
        stacks: Number of hourglasses, one after the other.
        up_interpolate: Upsample by interpolation, as published, instead of transposed convolutions.
        skips: "add", as published, "concatenate" or "none".
    """

    down_blocks: int = parameter(
        4, doc="Pooling steps of each encoder.", group="Depth", minimum=1, maximum=10, slider=(1, 6)
    )
    up_blocks: int = parameter(
        4,
        doc="Upsampling steps of each decoder.",
        group="Depth",
        minimum=0,
        maximum=10,
        slider=(0, 6),
        follows=("down_blocks",),
    )
    stem_filters: int = filters_parameter(
        128, "Filters of the stem's first convolution.", whole=False, group="Stem"
    )
    stem_stride: int = parameter(
        4,
        doc="Factor by which the stem lowers the resolution.",
        group="Stem",
        choices=STEM_STRIDES,
    )
    filters: int = filters_parameter(
        256,
        "Filters at the highest resolution after the stem.",
        whole=False,
        group="Size",
    )
    filter_increase: int = parameter(
        128,
        doc="Filters that each further pooling step adds.",
        label="filters + per level",
        group="Size",
        slider=(0, 256),
        active=active_when(down_blocks=AtLeast(2)) | active_when(up_blocks=AtLeast(2)),
    )
    interp_method: str = interpolation_parameter(
        "nearest", group="Decoder", active=active_when(up_blocks=AtLeast(1), up_interpolate=True)
    )
    stacks: int = parameter(
        3, doc="Hourglasses, one after the other.", group="Depth", minimum=1, slider=(1, 6)
    )
    up_interpolate: bool = up_interpolate_parameter(True, "interpolation", kw_only=True)
    skips: str = skips_parameter("add", "they pass a 3×3 convolution before that")

    def _filters(self, level: int, where: str) -> int:
        added = level * self.filter_increase
        fields = ("filter_increase", "filters")
        # Named is the larger part of what is too large.
        field, other = reversed(fields) if self.filters > added >= 0 else fields
        return self.whole(self.filters + added, field, where, other)

    @property
    def stem_stack(self) -> list[EncoderBlock]:
        """One block that lowers the resolution by the stem's stride."""
        return [
            HourglassStem(
                pool=self.stem_stride > 1,
                pooling_stride=self.stem_stride,
                filters=self.stem_filters,
                output_filters=self.filters,
            )
        ]

    @property
    def encoder_stack(self) -> list[EncoderBlock]:
        """A pooling and a convolution per step."""
        return [
            block_of(HourglassDownBlock, filters=self._filters(i, f"encoder block {i}"))
            for i in range(self.down_blocks)
        ]

    @property
    def decoder_stack(self) -> list[DecoderBlock]:
        """A convolution and an upsampling per step, with a skip connection if there are any."""
        return [
            block_of(
                HourglassUpBlock,
                filters=self._filters(self.down_blocks - 1 - i, f"decoder block {i}"),
                interp_method=self.interp_method,
                transposed_conv=not self.up_interpolate,
                **skip_fields(self.skips),
            )
            for i in range(self.up_blocks)
        ]
