"""Encoder and decoder blocks: frozen values that add their layers to whatever they are called on.

A block is written once and serves both symbolic features and Keras tensors, which are
`(batch, height, width, channels)`.
"""

from functools import lru_cache
from typing import Any

import attrs

from explorer.core.network.errors import NotDefined
from explorer.core.network.layers import (
    ACTIVATIONS,
    INTERPOLATIONS,
    Activation,
    Add,
    BatchNormalization,
    Concatenate,
    Conv2D,
    Conv2DTranspose,
    MaxPooling2D,
    UpSampling2D,
)
from explorer.core.network.layers.fields import ByAxis
from explorer.core.network.parameters import (
    NAME_PART,
    ActiveWhen,
    AtLeast,
    active_when,
    parameter,
)

#: More filters than any layer can have: a 3×3 kernel between two such would take 36 TB.
MAX_FILTERS = 1_000_000

#: How many blocks are kept: networks that differ a little, as those of a search do, share most.
KEPT = 4096

#: Axes along which a block can change the resolution.
AXES = ("both", "height", "width")


# Checking all fields of its blocks is three quarters of what it takes to make an architecture.
@lru_cache(maxsize=KEPT, typed=True)
def block_of(cls: type, **fields: Any) -> Any:
    """Return a block of a class with these fields; of equal ones there is one."""
    return cls(**fields)


def filters_parameter(
    default: Any,
    doc: str,
    *,
    whole: bool = True,
    maximum: int = MAX_FILTERS,
    **options: Any,
) -> Any:
    """Declare a number of filters; `whole`: a formula's fraction is truncated by `int()`."""
    return parameter(
        default,
        doc=doc,
        minimum=1,
        maximum=maximum,
        slider=(1, 1024),
        logarithmic=True,
        whole=whole,
        **options,
    )


def kernel_parameter(default: int | None, doc: str, **options: Any) -> Any:
    """Declare the height and width of a kernel."""
    return parameter(default, doc=doc, minimum=1, slider=(1, 11), unit="px", **options)


def activation_parameter(doc: str, default: str = "relu", **options: Any) -> Any:
    """Declare the name of a Keras activation."""
    return parameter(default, doc=doc, choices=ACTIVATIONS, **options)


def interpolation_parameter(default: str, **options: Any) -> Any:
    """Declare how interpolation fills in the new pixels."""
    doc = "How the enlarged feature is filled in: smoothly (bilinear) or in squares (nearest)."
    return parameter(default, doc=doc, label="interpolation", choices=INTERPOLATIONS, **options)


#: When a family that counts its up blocks has a decoder.
DECODES = active_when(up_blocks=AtLeast(1))


def strided_conv_parameter(**options: Any) -> Any:
    """Declare whether an encoder lowers the resolution by convolutions in place of pooling."""
    return parameter(
        False,
        doc="Lower the resolution by max pooling, or by a convolution with weights: its window is "
        "as large as its stride, and it has as many filters as there are channels.",
        label="downsample by",
        words={False: "max pooling", True: "strided conv"},
        kw_only=True,
        **options,
    )


def skips_parameter(
    default: str,
    before: str = "those of another width pass a 1×1 convolution before they are added",
    active: ActiveWhen | None = DECODES,
) -> Any:
    """Declare how a decoder joins the encoder's features of the same resolution.

    Args:
        default: "concatenate", "add" or "none".
        before: What they pass before that.
        active: When there is a decoder, and what it can join; None: always.
    """
    return parameter(
        default,
        doc=f"What is done with the encoder's features of the same resolution; {before}.",
        group="Decoder",
        choices=("concatenate", "add", "none"),
        active=active,
        kw_only=True,
    )


def skip_fields(skips: str) -> dict[str, Any]:
    """Return the fields of a decoder block that joins skips in this way."""
    return {"skip_connection": skips != "none", "skip_add": skips == "add"}


def skip_connection_parameter(default: bool) -> Any:
    """Declare whether a decoder block has a skip connection."""
    return parameter(default, doc="Join the encoder's feature of the same resolution.")


def skip_add_parameter(default: bool) -> Any:
    """Declare how a decoder block joins its skip connection."""
    return parameter(
        default,
        doc="Add the skip connection, or concatenate its channels.",
        label="join it by",
        words={False: "concatenate", True: "add"},
        active=active_when(skip_connection=True),
    )


def transposed_conv_parameter(default: bool, otherwise: str = "bilinear") -> Any:
    """Declare whether a decoder block has a transposed convolution in place of interpolation."""
    return parameter(
        default,
        doc="Upsample by a transposed convolution, which is trained.",
        label="upsample by",
        words={False: otherwise, True: "transposed conv"},
    )


def up_interpolate_parameter(
    default: bool,
    by: str = "bilinear",
    active: ActiveWhen | None = DECODES,
    **options: Any,
) -> Any:
    """Declare whether a decoder interpolates in place of transposed convolutions.

    Args:
        default: Whether it does.
        by: What interpolation is called.
        active: When there is a decoder; None: always.
        **options: Of `parameter`.
    """
    return parameter(
        default,
        doc=f"Upsample by {by}{'' if by == 'interpolation' else ' interpolation'} instead of "
        "transposed convolutions.",
        label="upsample by",
        words={False: "transposed conv", True: by},
        group="Decoder",
        active=active,
        **options,
    )


@attrs.frozen(slots=False)
class EncoderBlock:
    """Base class of encoder blocks.

    Attributes:
        pool: Whether the block lowers the resolution.
        pooling_stride: Factor by which it does.
    """

    pool: bool = parameter(True, doc="Lower the resolution in this block.")
    pooling_stride: int = parameter(
        2,
        doc="Factor by which the block lowers the resolution.",
        minimum=1,
        slider=(1, 4),
        active=active_when(pool=True),
    )
    along = "both"  # a field of blocks that lower the resolution along one axis alone

    def make_block(self, x_in: Any, prefix: str = "block") -> Any:
        """Return the block's output for a feature or Keras tensor; subclasses implement it."""
        raise NotDefined(f"{type(self).__name__} does not define make_block.")


_CONVOLVES = active_when(num_convs=AtLeast(1)) | active_when(pool=True, strided_conv=True)


@attrs.frozen(slots=False)
class SimpleConvBlock(EncoderBlock):
    """Convolutions, each followed by an activation, with max pooling before or after them.

    A convolution can take the place of the pooling, with the block's bias, normalisation and
    activation.

    Attributes:
        pool: Whether the block lowers the resolution, by max pooling (window 2) unless
            `strided_conv` says otherwise.
        pooling_stride: Stride of the pooling.
        pool_before_convs: Pool first instead of last.
        num_convs: Number of convolutions.
        filters: Filters of every convolution.
        kernel_size: Height and width of every kernel.
        use_bias: Whether the convolutions have a bias.
        batch_norm: Normalise after each convolution.
        batch_norm_before_activation: Normalise before the activation instead of after it.
        activation: Name of a Keras activation.
        block_prefix: Appended to the prefix that `make_block` is given.
        dilation_rate: Distance of every kernel's taps, in positions of what it reads.
        strided_conv: Lower the resolution by a convolution as large as its stride instead of
            max pooling.
    """

    pool_before_convs: bool = parameter(
        False,
        doc="Pool before the convolutions instead of after them.",
        active=active_when(pool=True, num_convs=AtLeast(1)),
    )
    num_convs: int = parameter(
        2, doc="Convolutions in the block, each with an activation.", minimum=0, slider=(0, 6)
    )
    filters: int = filters_parameter(
        32, "Filters of every convolution.", active=active_when(num_convs=AtLeast(1))
    )
    kernel_size: int = kernel_parameter(
        3, "Height and width of every kernel.", active=active_when(num_convs=AtLeast(1))
    )
    use_bias: bool = parameter(True, doc="Add a bias per filter.", active=_CONVOLVES)
    batch_norm: bool = parameter(
        False,
        doc="Normalise the batch after each convolution.",
        active=_CONVOLVES,
    )
    batch_norm_before_activation: bool = parameter(
        True,
        doc="Convolution, normalisation, activation; off: normalisation comes last.",
        active=active_when(num_convs=AtLeast(1), batch_norm=True)
        | active_when(pool=True, strided_conv=True, batch_norm=True),
    )
    activation: str = activation_parameter("Activation after each convolution.", active=_CONVOLVES)
    block_prefix: str = parameter(
        "",
        doc="Appended to the names of the block's layers.",
        pattern=NAME_PART,
        active=active_when(num_convs=AtLeast(1)) | active_when(pool=True),
    )
    dilation_rate: int = parameter(
        1,
        doc="Distance of the kernels' taps: sees farther at no cost in weights.",
        minimum=1,
        slider=(1, 8),
        active=active_when(num_convs=AtLeast(1), kernel_size=AtLeast(2)),
    )
    strided_conv: bool = strided_conv_parameter(active=active_when(pool=True))

    def make_block(self, x_in: Any, prefix: str = "conv_block") -> Any:
        """Return the block's output.

        Args:
            x_in: Feature or Keras tensor, `(batch, height, width, channels)`.
            prefix: Start of the layers' names.

        Returns:
            `(batch, height, width, filters)`, height and width divided by the pooling stride.
        """
        prefix += self.block_prefix
        x = x_in
        if self.pool and self.pool_before_convs:
            x = self._pool(x, prefix)
        for i in range(self.num_convs):
            x = Conv2D(
                name=f"{prefix}_conv{i}",
                filters=self.filters,
                kernel_size=self.kernel_size,
                dilation_rate=self.dilation_rate if self.kernel_size > 1 else 1,
                use_bias=self.use_bias,
            )(x)
            x = self._activate(x, f"{prefix}_act{i}", f"{prefix}_bn{i}")
        if self.pool and not self.pool_before_convs:
            x = self._pool(x, prefix)
        return x

    def _pool(self, x: Any, prefix: str) -> Any:
        if not self.strided_conv:
            return MaxPooling2D(name=f"{prefix}_pool", strides=self.pooling_stride)(x)
        name = f"{prefix}_down"
        x = Conv2D(
            name=name,
            filters=x.shape[-1],
            kernel_size=self.pooling_stride,
            strides=self.pooling_stride,
            use_bias=self.use_bias,
        )(x)
        return self._activate(x, f"{name}_act", f"{name}_bn")

    def _activate(self, x: Any, name: str, batch_norm_name: str) -> Any:
        return activate(
            x,
            f"{name}_{self.activation}",
            self.activation,
            batch_norm_name=batch_norm_name if self.batch_norm else None,
            batch_norm_first=self.batch_norm_before_activation,
        )


def activate(
    x: Any, name: str, activation: str, batch_norm_name: str | None, batch_norm_first: bool
) -> Any:
    """Return the activation of `x`, with batch normalisation before or after it when named."""
    if batch_norm_name and batch_norm_first:
        x = BatchNormalization(name=batch_norm_name)(x)
    x = Activation(name=name, activation=activation)(x)
    if batch_norm_name and not batch_norm_first:
        x = BatchNormalization(name=batch_norm_name)(x)
    return x


@attrs.frozen(slots=False)
class DecoderBlock:
    """Base class of decoder blocks.

    Attributes:
        upsampling_stride: Factor by which the block raises the resolution.
    """

    upsampling_stride: int = parameter(
        2, doc="Factor by which the block raises the resolution.", minimum=1, slider=(1, 4)
    )
    skip_connection = False  # a field of blocks that offer the choice

    def make_block(
        self,
        x: Any,
        current_stride: int | None,
        skip_source: Any = None,
        prefix: str = "upsample",
    ) -> Any:
        """Return the block's output for a feature or Keras tensor; subclasses implement it."""
        raise NotDefined(f"{type(self).__name__} does not define make_block.")


_TRANSPOSED = active_when(transposed_conv=True)
_TRANSPOSED_NORMALISED = active_when(transposed_conv=True, transposed_conv_batch_norm=True)
_REFINED = active_when(refine_convs=AtLeast(1))
_REFINED_NORMALISED = active_when(refine_convs=AtLeast(1), refine_convs_batch_norm=True)


@attrs.frozen(slots=False)
class SimpleUpsamplingBlock(DecoderBlock):
    """Upsampling, then an optional skip connection, then refinement convolutions.

    Attributes:
        upsampling_stride: Factor by which the block raises the resolution.
        transposed_conv: Upsample by a transposed convolution instead of interpolation.
        transposed_conv_filters: Its filters.
        transposed_conv_kernel_size: Height and width of its kernel.
        transposed_conv_use_bias: Whether it has a bias.
        transposed_conv_batch_norm: Normalise after it.
        transposed_conv_batch_norm_before_activation: Normalise before its activation.
        transposed_conv_activation: Name of the Keras activation after it.
        interp_method: "bilinear" or "nearest", when there is no transposed convolution.
        skip_connection: Join a feature of the encoder.
        skip_add: Add it instead of concatenating it.
        refine_convs: Number of refinement convolutions.
        refine_convs_first_filters: Filters of the first; None: as the others.
        refine_convs_filters: Filters of the refinement convolutions.
        refine_convs_use_bias: Whether they have a bias.
        refine_convs_kernel_size: Height and width of their kernels.
        refine_convs_batch_norm: Normalise after each.
        refine_convs_batch_norm_before_activation: Normalise before the activation.
        refine_convs_activation: Name of the Keras activation after each.
    """

    transposed_conv: bool = transposed_conv_parameter(False, "interpolation")
    transposed_conv_filters: int = filters_parameter(
        64, "Filters of the transposed convolution.", active=_TRANSPOSED
    )
    transposed_conv_kernel_size: int = kernel_parameter(
        3, "Height and width of the transposed convolution's kernel.", active=_TRANSPOSED
    )
    transposed_conv_use_bias: bool = parameter(
        True, doc="Add a bias to the transposed convolution.", active=_TRANSPOSED
    )
    transposed_conv_batch_norm: bool = parameter(
        True, doc="Normalise the batch after the transposed convolution.", active=_TRANSPOSED
    )
    transposed_conv_batch_norm_before_activation: bool = parameter(
        True,
        doc="Normalise before the activation; off: after it.",
        active=_TRANSPOSED_NORMALISED,
    )
    transposed_conv_activation: str = activation_parameter(
        "Activation after the transposed convolution.", active=_TRANSPOSED
    )
    interp_method: str = interpolation_parameter(
        "bilinear", active=active_when(transposed_conv=False)
    )
    skip_connection: bool = skip_connection_parameter(False)
    skip_add: bool = skip_add_parameter(False)
    refine_convs: int = parameter(
        2, doc="Convolutions after upsampling and skip connection.", minimum=0, slider=(0, 6)
    )
    refine_convs_first_filters: int | None = filters_parameter(
        None, "Filters of the first refinement convolution; not set: as the rest.", active=_REFINED
    )
    refine_convs_filters: int = filters_parameter(
        64,
        "Filters of the refinement convolutions.",
        active=active_when(refine_convs=AtLeast(2))
        | active_when(refine_convs=AtLeast(1), refine_convs_first_filters=None),
    )
    refine_convs_use_bias: bool = parameter(
        True, doc="Add a bias to the refinement convolutions.", active=_REFINED
    )
    refine_convs_kernel_size: int = kernel_parameter(
        3, "Height and width of the refinement kernels.", active=_REFINED
    )
    refine_convs_batch_norm: bool = parameter(
        True, doc="Normalise the batch after each refinement convolution.", active=_REFINED
    )
    refine_convs_batch_norm_before_activation: bool = parameter(
        True, doc="Normalise before the activation; off: after it.", active=_REFINED_NORMALISED
    )
    refine_convs_activation: str = activation_parameter(
        "Activation after each refinement convolution.", active=_REFINED
    )

    def make_block(
        self,
        x: Any,
        current_stride: int | None = None,
        skip_source: Any = None,
        prefix: str = "upsample",
    ) -> Any:
        """Return the block's output.

        Args:
            x: Feature or Keras tensor, `(batch, height, width, channels)`.
            current_stride: Stride of `x`; when given, it and the new one become part of the
                layers' names.
            skip_source: Feature of the encoder at the new resolution, or None.
            prefix: Start of the layers' names.

        Returns:
            `(batch, height, width, channels)`, height and width times the upsampling stride.
        """
        if current_stride is not None:
            prefix += f"_s{current_stride}_to_s{current_stride // self.upsampling_stride}"
        x = self._upsample(x, prefix)
        x = with_skip(self, x, skip_source, prefix, is_first=True)
        for i in range(self.refine_convs):
            filters = self.refine_convs_filters
            if i == 0 and self.refine_convs_first_filters is not None:
                filters = self.refine_convs_first_filters
            x = Conv2D(
                name=f"{prefix}_refine_conv{i}",
                filters=filters,
                kernel_size=self.refine_convs_kernel_size,
                use_bias=self.refine_convs_use_bias,
            )(x)
            bn_name = f"{prefix}_refine_conv{i}_bn" if self.refine_convs_batch_norm else None
            x = activate(
                x,
                f"{prefix}_refine_conv{i}_act_{self.refine_convs_activation}",
                self.refine_convs_activation,
                batch_norm_name=bn_name,
                batch_norm_first=self.refine_convs_batch_norm_before_activation,
            )
        return x

    def _upsample(self, x: Any, prefix: str) -> Any:
        if not self.transposed_conv:
            return interpolated(x, prefix, self.upsampling_stride, self.interp_method)
        x = Conv2DTranspose(
            name=f"{prefix}_trans_conv",
            filters=self.transposed_conv_filters,
            kernel_size=self.transposed_conv_kernel_size,
            strides=self.upsampling_stride,
            use_bias=self.transposed_conv_use_bias,
        )(x)
        return activate(
            x,
            f"{prefix}_trans_conv_act_{self.transposed_conv_activation}",
            self.transposed_conv_activation,
            batch_norm_name=f"{prefix}_trans_conv_bn" if self.transposed_conv_batch_norm else None,
            batch_norm_first=self.transposed_conv_batch_norm_before_activation,
        )


def interpolated(x: Any, prefix: str, factor: ByAxis, method: str = "bilinear") -> Any:
    """Return a feature enlarged by a factor: `(batch, height × factor, width × factor, …)`."""
    return UpSampling2D(name=f"{prefix}_interp_{method}", size=factor, interpolation=method)(x)


def with_skip(block: Any, x: Any, skip_source: Any, prefix: str, is_first: bool = False) -> Any:
    """Return a decoder block's feature, joined with its skip source as its fields say.

    Args:
        block: The block, with `skip_connection` and `skip_add`.
        x: Feature or Keras tensor, `(batch, height, width, channels)`.
        skip_source: That of the encoder, of the same height and width, or None. To be added, it
            passes a 1×1 convolution where the widths differ.
        prefix: Start of the layers' names.
        is_first: Whether its channels come before those of `x`.
    """
    if skip_source is None or not block.skip_connection:
        return x
    if not block.skip_add:
        both = [skip_source, x] if is_first else [x, skip_source]
        return Concatenate(name=f"{prefix}_skip_concat")(both)
    width = x.shape[-1]
    if skip_source.shape[-1] != width:
        skip_source = Conv2D(name=f"{prefix}_skip_conv1x1", filters=width, kernel_size=1)(
            skip_source
        )
    return Add(name=f"{prefix}_skip_add")([skip_source, x])
