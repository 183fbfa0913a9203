"""Stacked hourglass with residual modules, as it was published."""

from typing import Any

import attrs

from explorer.core.families.hourglass import HourglassUpBlock
from explorer.core.network.blocks import (
    DecoderBlock,
    EncoderBlock,
    block_of,
    filters_parameter,
    interpolation_parameter,
    skip_fields,
    skips_parameter,
    up_interpolate_parameter,
)
from explorer.core.network.encoder_decoder import EncoderDecoder, merge_parameter
from explorer.core.network.layers import Activation, Add, BatchNormalization, Conv2D, MaxPooling2D
from explorer.core.network.parameters import active_when, parameter


def _preactivated(x: Any, prefix: str, filters: int, kernel_size: int) -> Any:
    """Return BN → relu → convolution of a feature or Keras tensor."""
    x = BatchNormalization(name=f"{prefix}_bn")(x)
    x = Activation(name=f"{prefix}_relu", activation="relu")(x)
    return Conv2D(name=f"{prefix}_conv", filters=filters, kernel_size=kernel_size)(x)


def residual_module(x: Any, filters: int, prefix: str) -> Any:
    """Return a pre-activation bottleneck residual module of a feature or Keras tensor.

    BN → relu → 1×1 of half the width, BN → relu → 3×3 of half, BN → relu → 1×1 of the full width,
    added to the input; a 1×1 convolution adapts the input where the width changes.
    Source: He et al. 2016 (arXiv 1603.05027), as Newell et al. 2016 use it.
    """
    half = max(1, filters // 2)
    y = _preactivated(x, f"{prefix}_1", half, 1)
    y = _preactivated(y, f"{prefix}_2", half, 3)
    y = _preactivated(y, f"{prefix}_3", filters, 1)
    if x.shape[-1] != filters:
        x = Conv2D(name=f"{prefix}_shortcut_conv", filters=filters, kernel_size=1)(x)
    return Add(name=f"{prefix}_add")([x, y])


@attrs.frozen(slots=False)
class ResidualStem(EncoderBlock):
    """7×7 convolution, residual module, pooling, and two residual modules.

    Attributes:
        pool: Whether the resolution is lowered.
        pooling_stride: Factor by which it is: 2 by the pooling alone, 4 by the convolution, too.
        filters: Filters of the convolution; the first two modules have twice as many.
        output_filters: Filters of the last module.
    """

    pooling_stride: int = parameter(
        4,
        doc="Factor by which the stem lowers the resolution.",
        choices=(2, 4),
        active=active_when(pool=True),
    )
    filters: int = filters_parameter(64, "Filters of the convolution; the modules double them.")
    output_filters: int = filters_parameter(256, "Filters of the last module.")

    def make_block(self, x_in: Any, prefix: str = "stem") -> Any:
        """Return `(batch, height / stride, width / stride, output_filters)`."""
        step = 2 if self.pool and self.pooling_stride == 4 else 1
        x = Conv2D(name=f"{prefix}_conv7x7", filters=self.filters, kernel_size=7, strides=step)(
            x_in
        )
        x = BatchNormalization(name=f"{prefix}_bn")(x)
        x = Activation(name=f"{prefix}_relu", activation="relu")(x)
        x = residual_module(x, 2 * self.filters, f"{prefix}_res0")
        if self.pool:
            x = MaxPooling2D(name=f"{prefix}_pool")(x)
        x = residual_module(x, 2 * self.filters, f"{prefix}_res1")
        return residual_module(x, self.output_filters, f"{prefix}_res2")


@attrs.frozen(slots=False)
class ResidualDownBlock(EncoderBlock):
    """2×2 max pooling, then residual modules.

    Attributes:
        pool: Whether the block pools.
        pooling_stride: Stride of the pooling.
        filters: Filters of the modules.
        modules: Number of modules.
    """

    filters: int = filters_parameter(256, "Filters of the residual modules.")
    modules: int = parameter(1, doc="Residual modules.", minimum=1, slider=(1, 4))

    def make_block(self, x_in: Any, prefix: str = "down") -> Any:
        """Return `(batch, height / stride, width / stride, filters)`."""
        x = x_in
        if self.pool:
            x = MaxPooling2D(name=f"{prefix}_pool", strides=self.pooling_stride)(x)
        for i in range(self.modules):
            x = residual_module(x, self.filters, f"{prefix}_res{i}")
        return x


@attrs.frozen(slots=False)
class ResidualUpBlock(HourglassUpBlock):
    """Residual module, upsampling, and the skip source, joined through a residual module.

    Attributes:
        upsampling_stride: Factor by which the block raises the resolution.
        filters: Filters of both modules.
        interp_method: "nearest" or "bilinear", when there is no transposed convolution.
        skip_connection: Join a feature of the encoder.
        skip_add: Add it instead of concatenating it.
        transposed_conv: Upsample by a 3×3 transposed convolution of as many filters instead of
            interpolation.
    """

    def make_unit(self, x: Any, prefix: str, is_skip: bool) -> Any:
        """Return a residual module of the block's input, or of the skip source."""
        return residual_module(
            x, self.filters, f"{prefix}_skip_res" if is_skip else f"{prefix}_res"
        )


@attrs.frozen(slots=False)
class ResidualHourglass(EncoderDecoder):
    """Stacked hourglass of residual modules.

    Source: Newell et al. 2016, "Stacked Hourglass Networks for Human Pose Estimation"
    (arXiv 1603.06937), without the heat maps that it predicts between the stacks.

    Attributes:
        down_blocks: Pooling steps of each hourglass, and upsampling steps.
        stem_filters: Filters of the stem's first convolution.
        filters: Filters of every module after the stem.
        interp_method: "nearest" or "bilinear", when they are interpolated.
        merge_stacks: Add each hourglass's input to its output, through 1×1 convolutions.
        stacks: Number of hourglasses, one after the other.
        up_interpolate: Upsample by interpolation, as published, instead of transposed convolutions.
        skips: "add", as published, "concatenate" or "none".
    """

    down_blocks: int = parameter(
        4,
        doc="Pooling steps of each hourglass; it upsamples as often.",
        group="Depth",
        minimum=1,
        maximum=10,
        slider=(1, 6),
    )
    stem_filters: int = filters_parameter(
        64, "Filters of the stem's first convolution.", whole=False, group="Stem"
    )
    filters: int = filters_parameter(
        256, "Filters of every module after the stem.", whole=False, group="Size"
    )
    interp_method: str = interpolation_parameter(
        "nearest", group="Decoder", active=active_when(up_interpolate=True)
    )
    merge_stacks: bool = merge_parameter(True)
    stacks: int = parameter(
        2, doc="Hourglasses, one after the other.", group="Depth", minimum=1, slider=(1, 8)
    )
    up_interpolate: bool = up_interpolate_parameter(
        True, "interpolation", active=None, kw_only=True
    )
    skips: str = skips_parameter("add", "they pass a residual module before that", active=None)

    @property
    def stem_stack(self) -> list[EncoderBlock]:
        """One block down to a quarter of the resolution."""
        return [ResidualStem(filters=self.stem_filters, output_filters=self.filters)]

    @property
    def encoder_stack(self) -> list[EncoderBlock]:
        """A pooling and a module per step, and a module at the lowest resolution."""
        return [
            *([block_of(ResidualDownBlock, filters=self.filters)] * self.down_blocks),
            block_of(ResidualDownBlock, pool=False, filters=self.filters),
        ]

    @property
    def decoder_stack(self) -> list[DecoderBlock]:
        """A module and an upsampling per step, with a skip connection if there are any."""
        block = block_of(
            ResidualUpBlock,
            filters=self.filters,
            interp_method=self.interp_method,
            transposed_conv=not self.up_interpolate,
            **skip_fields(self.skips),
        )
        return [block] * self.down_blocks
