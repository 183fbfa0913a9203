"""FC-DenseNet: a U-Net of dense blocks, in which every layer sees all layers of its block."""

from functools import partial
from typing import Any

import attrs

from explorer.core.network.blocks import (
    DecoderBlock,
    EncoderBlock,
    block_of,
    filters_parameter,
    interpolated,
    skip_add_parameter,
    skip_connection_parameter,
    skip_fields,
    skips_parameter,
    transposed_conv_parameter,
    up_interpolate_parameter,
    with_skip,
)
from explorer.core.network.encoder_decoder import EncoderDecoder
from explorer.core.network.layers import (
    Activation,
    BatchNormalization,
    Concatenate,
    Conv2D,
    Conv2DTranspose,
    Dropout,
    MaxPooling2D,
)
from explorer.core.network.parameters import parameter


def growth_parameter(**options: Any) -> Any:
    """Declare the growth rate."""
    return parameter(
        12,
        doc="Filters that each dense layer adds (growth rate k).",
        minimum=1,
        slider=(1, 48),
        **options,
    )


def dropout_parameter(**options: Any) -> Any:
    """Declare the dropout rate."""
    return parameter(
        0.2,
        doc="Share of values that training drops after each convolution; 0: no dropout layers.",
        minimum=0,
        maximum=0.95,
        slider=(0, 0.9),
        **options,
    )


def _composite(x: Any, prefix: str, filters: int, kernel_size: int, dropout: float) -> Any:
    """Return BN → relu → convolution → dropout of a feature or Keras tensor."""
    x = BatchNormalization(name=f"{prefix}_bn")(x)
    x = Activation(name=f"{prefix}_relu", activation="relu")(x)
    x = Conv2D(name=f"{prefix}_conv", filters=filters, kernel_size=kernel_size)(x)
    return Dropout(name=f"{prefix}_dropout", rate=dropout)(x) if dropout else x


def dense_block(
    x: Any, prefix: str, layers: int, growth_rate: int, dropout: float, keep_input: bool
) -> Any:
    """Return a dense block's features.

    Args:
        x: Feature or Keras tensor, `(batch, height, width, channels)`.
        prefix: Start of the layers' names.
        layers: Number of dense layers; each sees the input and all layers before it.
        growth_rate: Filters that each layer adds.
        dropout: Dropout rate.
        keep_input: Return the full stack; otherwise only what the layers added.

    Returns:
        `layers * growth_rate` channels, and with `keep_input` those of `x` before them.
    """
    added = []
    stack = x
    for i in range(layers):
        new = _composite(stack, f"{prefix}_dense{i}", growth_rate, 3, dropout)
        added.append(new)
        if keep_input or i < layers - 1:
            stack = Concatenate(name=f"{prefix}_dense{i}_concat")([stack, new])
    if keep_input:
        return stack
    return Concatenate(name=f"{prefix}_new_concat")(added) if len(added) > 1 else added[0]


@attrs.frozen(slots=False)
class DenseDownBlock(EncoderBlock):
    """A transition down, then a dense block.

    The transition is BN → relu → 1×1 convolution of the same width → dropout → 2×2 max pooling.

    Attributes:
        pool: Whether there is a transition.
        pooling_stride: Stride of its pooling.
        first_filters: Filters of a linear 3×3 convolution before the dense block; None: there is
            no such convolution.
        layers: Dense layers.
        growth_rate: Filters that each adds.
        dropout: Dropout rate.
        keep_input: Pass on the full stack; otherwise only what the layers added.
    """

    first_filters: int | None = parameter(
        None,
        doc="Filters of a linear 3×3 convolution before the dense block; not set: none.",
        minimum=1,
        slider=(1, 128),
        whole=True,
    )
    layers: int = parameter(4, doc="Dense layers.", minimum=1, slider=(1, 16))
    growth_rate: int = growth_parameter()
    dropout: float = dropout_parameter()
    keep_input: bool = parameter(
        True, doc="Pass on the full stack; off: only what the dense layers added."
    )

    def make_block(self, x_in: Any, prefix: str = "dense_down") -> Any:
        """Return `(batch, height / stride, width / stride, channels)`."""
        x = x_in
        if self.pool:
            x = _composite(x, f"{prefix}_down", x.shape[-1], 1, self.dropout)
            x = MaxPooling2D(name=f"{prefix}_down_pool", strides=self.pooling_stride)(x)
        if self.first_filters is not None:
            x = Conv2D(name=f"{prefix}_first_conv", filters=self.first_filters)(x)
        return dense_block(x, prefix, self.layers, self.growth_rate, self.dropout, self.keep_input)


@attrs.frozen(slots=False)
class DenseUpBlock(DecoderBlock):
    """A transition up, the skip connection if there is one, then a dense block.

    The transition is a 3×3 transposed convolution that keeps the width of its input, or bilinear
    interpolation.

    Attributes:
        upsampling_stride: Factor by which the block raises the resolution.
        layers: Dense layers.
        growth_rate: Filters that each adds.
        dropout: Dropout rate.
        keep_input: Pass on the full stack; otherwise only what the layers added.
        skip_connection: Join a feature of the encoder.
        skip_add: Add it instead of concatenating it.
        transposed_conv: Upsample by the transposed convolution instead of interpolation.
    """

    layers: int = parameter(4, doc="Dense layers.", minimum=1, slider=(1, 16))
    growth_rate: int = growth_parameter()
    dropout: float = dropout_parameter()
    keep_input: bool = parameter(
        False, doc="Pass on the full stack; off: only what the dense layers added."
    )
    skip_connection: bool = skip_connection_parameter(True)
    skip_add: bool = skip_add_parameter(False)
    transposed_conv: bool = transposed_conv_parameter(True)

    def make_block(
        self,
        x: Any,
        current_stride: int | None = None,
        skip_source: Any = None,
        prefix: str = "dense_up",
    ) -> Any:
        """Return `(batch, height × stride, width × stride, channels)`."""
        if self.transposed_conv:
            x = Conv2DTranspose(
                name=f"{prefix}_up_conv", filters=x.shape[-1], strides=self.upsampling_stride
            )(x)
        else:
            x = interpolated(x, prefix, self.upsampling_stride)
        x = with_skip(self, x, skip_source, prefix)
        return dense_block(x, prefix, self.layers, self.growth_rate, self.dropout, self.keep_input)


@attrs.frozen(slots=False)
class FCDenseNet(EncoderDecoder):
    """Fully convolutional DenseNet.

    Source: Jégou et al. 2017, "The One Hundred Layers Tiramisu" (arXiv 1611.09326). The encoder
    has a dense block per pooling step, the decoder mirrors it, and a bottleneck lies between.
    Only what a dense block added goes up; the last block passes on its full stack.

    Attributes:
        stacks: Number of networks, one after the other.
        growth_rate: Filters that each dense layer adds.
        layers_per_block: Dense layers of the encoder's blocks, one number per pooling step.
        bottleneck_layers: Dense layers between encoder and decoder.
        first_filters: Filters of the first convolution.
        dropout: Dropout rate.
        up_interpolate: Upsample by bilinear interpolation instead of transposed convolutions.
        skips: "concatenate", as published, "add" or "none".
    """

    growth_rate: int = growth_parameter(group="Size")
    layers_per_block: tuple[int, ...] = parameter(
        (4, 4, 4, 4, 4),
        doc="Dense layers of the encoder's blocks, a number for each pooling step; the decoder "
        "mirrors them.",
        group="Depth",
        minimum=1,
    )
    bottleneck_layers: int = parameter(
        4,
        doc="Dense layers between encoder and decoder.",
        group="Depth",
        minimum=1,
        slider=(1, 16),
    )
    first_filters: int = filters_parameter(
        48, "Filters of the first convolution.", whole=False, group="Stem"
    )
    dropout: float = dropout_parameter(group="Training")
    up_interpolate: bool = up_interpolate_parameter(False, active=None, kw_only=True)
    skips: str = skips_parameter("concatenate", active=None)

    @property
    def encoder_stack(self) -> list[EncoderBlock]:
        """The dense blocks down to the bottleneck, a transition before each but the first."""
        block = partial(
            block_of, DenseDownBlock, growth_rate=self.growth_rate, dropout=self.dropout
        )
        first, *others = self.layers_per_block
        return [
            block(pool=False, first_filters=self.first_filters, layers=first),
            *(block(layers=layers) for layers in others),
            block(layers=self.bottleneck_layers, keep_input=False),
        ]

    @property
    def decoder_stack(self) -> list[DecoderBlock]:
        """The encoder's dense blocks mirrored, a transition up before each."""
        return [
            block_of(
                DenseUpBlock,
                layers=layers,
                growth_rate=self.growth_rate,
                dropout=self.dropout,
                keep_input=i == len(self.layers_per_block) - 1,
                transposed_conv=not self.up_interpolate,
                **skip_fields(self.skips),
            )
            for i, layers in enumerate(reversed(self.layers_per_block))
        ]
