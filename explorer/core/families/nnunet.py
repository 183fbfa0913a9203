"""The networks of nnU-Net: stages that lower the resolution by the stride of a convolution."""

from collections.abc import Sequence
from typing import Any

import attrs

from explorer.core.network.blocks import (
    AXES,
    DecoderBlock,
    EncoderBlock,
    block_of,
    filters_parameter,
    interpolated,
    kernel_parameter,
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
    Add,
    AveragePooling2D,
    BatchNormalization,
    Conv2D,
    Conv2DTranspose,
    GroupNormalization,
    LeakyReLU,
    ZeroPadding2D,
)
from explorer.core.network.layers.normalisation import EACH_CHANNEL
from explorer.core.network.parameters import AtLeast, active_when, parameter

#: As in PyTorch, whose weights then give the same outputs; Keras' own are 0.001 and 0.99.
EPSILON, MOMENTUM = 1e-5, 0.9

#: How features can be normalised.
NORMALISATIONS = ("instance", "batch", "none")


def _bias_parameter(**options: Any) -> Any:
    return parameter(True, doc="Add a bias to every convolution.", **options)


def _normalisation_parameter(**options: Any) -> Any:
    return parameter(
        "instance",
        doc="What follows each convolution: instance normalisation (each channel of each image by "
        "its own mean and variance, so every position depends on the whole image), batch "
        "normalisation, or none.",
        choices=NORMALISATIONS,
        **options,
    )


def _slope_parameter(**options: Any) -> Any:
    return parameter(
        0.01,
        doc="What leaky relu multiplies negative values by; 0: it is relu.",
        label="slope below 0",
        minimum=0,
        maximum=1,
        slider=(0, 0.3),
        **options,
    )


def _along_parameter(doc: str, **options: Any) -> Any:
    return parameter("both", doc=doc, choices=AXES, **options)


def _by_axis(factor: int, along: str) -> tuple[int, int]:
    """Return a factor by axis where it is only one axis'."""
    return (1 if along == "width" else factor), (1 if along == "height" else factor)


@attrs.frozen(slots=False)
class _Units:
    """What the blocks share: convolutions, each normalised and activated.

    Attributes:
        filters: Filters of every convolution.
        kernel_size: Height and, if no width is set, width of every kernel.
        kernel_width: Width of every kernel; None: as the height.
        use_bias: Whether convolutions have a bias.
        normalisation: "instance", "batch" or "none".
        negative_slope: Slope of leaky relu for negative values; 0: relu.
    """

    filters: int = filters_parameter(32, "Filters of every convolution.")
    kernel_size: int = kernel_parameter(3, "Height and, if none is set, width of every kernel.")
    kernel_width: int | None = kernel_parameter(
        None, "Width of every kernel, where it is not as its height."
    )
    use_bias: bool = _bias_parameter()
    normalisation: str = _normalisation_parameter()
    negative_slope: float = _slope_parameter()

    def _unit(
        self, x: Any, prefix: str, strides: tuple[int, int] = (1, 1), activate: bool = True
    ) -> Any:
        """Return convolution → normalisation → leaky relu of a feature or Keras tensor.

        A convolution with a stride is padded evenly as PyTorch does it, where "same" padding of
        Keras would move what it reads by a pixel.
        """
        width = self.kernel_size if self.kernel_width is None else self.kernel_width
        kernel = self.kernel_size, width
        padding = "same"
        if strides != (1, 1):
            padding = "valid"
            margins = tuple(((size - 1) // 2, size // 2) for size in kernel)
            if any(map(any, margins)):
                x = ZeroPadding2D(name=f"{prefix}_pad", padding=margins)(x)
        x = Conv2D(
            name=f"{prefix}_conv",
            filters=self.filters,
            kernel_size=kernel,
            strides=strides,
            use_bias=self.use_bias,
            padding=padding,
        )(x)
        x = self._normalised(x, f"{prefix}_norm")
        return self._activated(x, f"{prefix}_act") if activate else x

    def _normalised(self, x: Any, name: str) -> Any:
        if self.normalisation == "instance":
            return GroupNormalization(name=name, groups=EACH_CHANNEL, epsilon=EPSILON)(x)
        if self.normalisation == "batch":
            return BatchNormalization(name=name, momentum=MOMENTUM, epsilon=EPSILON)(x)
        return x

    def _activated(self, x: Any, name: str) -> Any:
        if self.negative_slope:
            return LeakyReLU(name=name, negative_slope=self.negative_slope)(x)
        return Activation(name=name, activation="relu")(x)


_POOLS = active_when(pool=True, pooling_stride=AtLeast(2))


@attrs.frozen(slots=False)
class StridedConvBlock(_Units, EncoderBlock):
    """Convolutions, each normalised and activated; the first may have a stride.

    Attributes:
        pool: Whether the resolution is lowered.
        pooling_stride: Factor by which it is: the first convolution's stride.
        along: Axes along which it is: "both", "height" or "width".
        num_convs: Number of convolutions.
    """

    along: str = _along_parameter("Axes along which the resolution is lowered.", active=_POOLS)
    num_convs: int = parameter(2, doc="Convolutions in the block.", minimum=1, slider=(1, 6))

    def make_block(self, x_in: Any, prefix: str = "stage") -> Any:
        """Return `(batch, height / stride, width / stride, filters)`."""
        x = x_in
        strides = _by_axis(self.pooling_stride if self.pool else 1, self.along)
        for i in range(self.num_convs):
            x = self._unit(x, f"{prefix}_{i}", (1, 1) if i else strides)
        return x


@attrs.frozen(slots=False)
class StridedResidualBlock(_Units, EncoderBlock):
    """Residual units of two convolutions; the first unit may have a stride.

    A unit's input is added to what its two convolutions return, before the last activation. With
    a stride the input is averaged, and where the width changes it passes a normalised 1×1
    convolution without bias. Source: He et al. 2019, "Bag of Tricks" (arXiv 1812.01187), of which
    nnU-Net has the unit.

    Attributes:
        pool: Whether the resolution is lowered.
        pooling_stride: Factor by which it is: the stride of the first convolution.
        along: Axes along which it is: "both", "height" or "width".
        first_filters: Filters of a convolution before the units; None: there is none.
        num_units: Number of residual units.
    """

    along: str = _along_parameter("Axes along which the resolution is lowered.", active=_POOLS)
    first_filters: int | None = filters_parameter(
        None, "Filters of a convolution before the units; not set: none."
    )
    num_units: int = parameter(
        2, doc="Residual units, of two convolutions each.", minimum=1, slider=(1, 8)
    )

    def make_block(self, x_in: Any, prefix: str = "stage") -> Any:
        """Return `(batch, height / stride, width / stride, filters)`."""
        x = x_in
        if self.first_filters is not None:
            x = attrs.evolve(self, filters=self.first_filters)._unit(x, f"{prefix}_first")
        strides = _by_axis(self.pooling_stride if self.pool else 1, self.along)
        for i in range(self.num_units):
            x = self._residual_unit(x, f"{prefix}_unit{i}", (1, 1) if i else strides)
        return x

    def _residual_unit(self, x: Any, prefix: str, strides: tuple[int, int]) -> Any:
        y = self._unit(x, f"{prefix}_0", strides)
        y = self._unit(y, f"{prefix}_1", activate=False)
        if strides != (1, 1):
            x = AveragePooling2D(name=f"{prefix}_pool", pool_size=strides, strides=strides)(x)
        if x.shape[-1] != self.filters:
            narrow = attrs.evolve(self, kernel_size=1, kernel_width=None, use_bias=False)
            x = narrow._unit(x, f"{prefix}_shortcut", activate=False)
        x = Add(name=f"{prefix}_add")([x, y])
        return self._activated(x, f"{prefix}_act")


@attrs.frozen(slots=False)
class ConvUpBlock(_Units, DecoderBlock):
    """Upsampling, skip connection, then convolutions, each normalised and activated.

    It upsamples by a transposed convolution as large as its stride, neither normalised nor
    activated, or by bilinear interpolation.

    Attributes:
        upsampling_stride: Factor by which the block raises the resolution.
        along: Axes along which it does: "both", "height" or "width".
        num_convs: Number of convolutions after the skip connection.
        transposed_conv: Upsample by a transposed convolution instead of interpolation.
        skip_connection: Join a feature of the encoder.
        skip_add: Add it instead of concatenating it.
    """

    along: str = _along_parameter(
        "Axes along which the resolution is raised.",
        active=active_when(upsampling_stride=AtLeast(2)),
    )
    num_convs: int = parameter(
        2, doc="Convolutions after the skip connection.", minimum=1, slider=(1, 6)
    )
    transposed_conv: bool = transposed_conv_parameter(True)
    skip_connection: bool = skip_connection_parameter(True)
    skip_add: bool = skip_add_parameter(False)

    def make_block(
        self,
        x: Any,
        current_stride: int | None = None,
        skip_source: Any = None,
        prefix: str = "up",
    ) -> Any:
        """Return `(batch, height × stride, width × stride, filters)`."""
        factors = _by_axis(self.upsampling_stride, self.along)
        if self.transposed_conv:
            x = Conv2DTranspose(
                name=f"{prefix}_up_conv",
                filters=self.filters,
                kernel_size=factors,
                strides=factors,
                use_bias=self.use_bias,
            )(x)
        else:
            x = interpolated(x, prefix, factors)
        x = with_skip(self, x, skip_source, prefix)
        for i in range(self.num_convs):
            x = self._unit(x, f"{prefix}_{i}")
        return x


def _at(numbers: Sequence[int], index: int) -> int:
    """Return a number of a list whose last one goes on for all after it."""
    return numbers[min(index, len(numbers) - 1)]


@attrs.frozen(slots=False)
class _Stages:
    """What both networks share.

    Attributes:
        stages: Resolutions of the encoder; each but the first halves the one before.
        filters: Filters of the first stage; each stage after it has twice as many.
        max_filters: What no stage has more filters than.
        kernel_size: Height and width of the kernels.
        up_convs_per_stage: Convolutions of the decoder's stages, the lowest resolution first; the
            last number goes on for those after it.
        use_bias: Whether convolutions have a bias.
        normalisation: "instance", "batch" or "none".
        negative_slope: Slope of leaky relu for negative values; 0: relu.
        up_interpolate: Upsample by bilinear interpolation instead of transposed convolutions.
        skips: "concatenate", as published, "add" or "none".
    """

    stages: int = parameter(
        7,
        doc="Resolutions of the encoder; each but the first halves the one before.",
        group="Depth",
        minimum=2,
        maximum=11,
        slider=(2, 9),
    )
    filters: int = filters_parameter(
        32, "Filters of the first stage; each stage after it has twice as many.", group="Size"
    )
    max_filters: int = filters_parameter(512, "What no stage has more filters than.", group="Size")
    kernel_size: int = kernel_parameter(3, "Height and width of the kernels.", group="Size")
    up_convs_per_stage: tuple[int, ...] = parameter(
        (2,),
        doc="Convolutions of the decoder's stages, the lowest resolution first; the last number "
        "goes on for those after it.",
        label="convs per up stage",
        group="Decoder",
        minimum=1,
    )
    use_bias: bool = _bias_parameter(group="Size")
    normalisation: str = _normalisation_parameter(group="Size")
    negative_slope: float = _slope_parameter(group="Size")
    up_interpolate: bool = up_interpolate_parameter(False, active=None, kw_only=True)
    skips: str = skips_parameter("concatenate", active=None)

    def _units(self, stage: int) -> dict[str, Any]:
        """Return what the blocks of a resolution share."""
        return {
            "filters": min(self.filters * 2**stage, self.max_filters),
            "kernel_size": self.kernel_size,
            "use_bias": self.use_bias,
            "normalisation": self.normalisation,
            "negative_slope": self.negative_slope,
        }

    @property
    def decoder_stack(self) -> list[DecoderBlock]:
        """An upsampling block, with a skip connection, per stage but the lowest."""
        return [
            block_of(
                ConvUpBlock,
                num_convs=_at(self.up_convs_per_stage, i),
                transposed_conv=not self.up_interpolate,
                **skip_fields(self.skips),
                **self._units(self.stages - 2 - i),
            )
            for i in range(self.stages - 1)
        ]


@attrs.frozen(slots=False)
class PlainConvUNet(_Stages, EncoderDecoder):
    """The U-Net of nnU-Net, in two dimensions.

    Source: Isensee et al. 2021, "nnU-Net" (Nature Methods 18), as the authors' package builds it.
    Stage n has `min(filters * 2 ** n, max_filters)` filters; the defaults are planned for patches
    of 256 × 256 pixels. Its weights fit PyTorch's, too: what a stride reads is the same.

    Attributes:
        stacks: Number of networks, one after the other.
        convs_per_stage: Convolutions of the encoder's stages; the last number goes on for those
            after it.
    """

    convs_per_stage: tuple[int, ...] = parameter(
        (2,),
        doc="Convolutions of the encoder's stages, the highest resolution first; the last number "
        "goes on for those after it.",
        label="convs per stage",
        group="Depth",
        minimum=1,
    )

    @property
    def encoder_stack(self) -> list[EncoderBlock]:
        """A block per stage; each but the first has a stride."""
        return [
            block_of(
                StridedConvBlock,
                pool=stage > 0,
                num_convs=_at(self.convs_per_stage, stage),
                **self._units(stage),
            )
            for stage in range(self.stages)
        ]


@attrs.frozen(slots=False)
class ResidualEncoderUNet(_Stages, EncoderDecoder):
    """The U-Net of nnU-Net with a residual encoder, in two dimensions.

    Source: Isensee et al. 2024, "nnU-Net Revisited" (arXiv 2404.09556), as the authors' package
    builds it; a convolution comes before the first stage's units.

    Attributes:
        stacks: Number of networks, one after the other.
        units_per_stage: Residual units of the encoder's stages; the last number goes on for those
            after it.
    """

    up_convs_per_stage: tuple[int, ...] = parameter(
        (1,),
        doc="Convolutions of the decoder's stages, the lowest resolution first; the last number "
        "goes on for those after it.",
        label="convs per up stage",
        group="Decoder",
        minimum=1,
    )
    units_per_stage: tuple[int, ...] = parameter(
        (1, 3, 4, 6),
        doc="Residual units of the encoder's stages, the highest resolution first; the last number "
        "goes on for those after it.",
        label="units per stage",
        group="Depth",
        minimum=1,
    )

    @property
    def encoder_stack(self) -> list[EncoderBlock]:
        """A block per stage; each but the first has a stride, and the first begins the network."""
        return [
            block_of(
                StridedResidualBlock,
                pool=stage > 0,
                first_filters=None if stage else self._units(0)["filters"],
                num_units=_at(self.units_per_stage, stage),
                **self._units(stage),
            )
            for stage in range(self.stages)
        ]
