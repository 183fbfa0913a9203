"""What no network can have, said before anything is built: the rules of linking blocks."""

from collections.abc import Sequence
from math import prod
from typing import Any

from explorer.core.network.blocks import DecoderBlock
from explorer.core.network.errors import ParameterError
from explorer.core.network.parameters import parameters_of


def check_decoder(architecture: Any, decoder: Sequence[DecoderBlock]) -> None:
    """Refuse a decoder that does not fit its encoder, or stacks that do not fit each other.

    Args:
        architecture: The `EncoderDecoder`.
        decoder: The blocks of its decoder.

    Raises:
        ParameterError: Naming class, field, value and remedy.
    """
    owner = type(architecture).__name__
    stride = architecture.encoder_features_stride
    upsampling = prod(block.upsampling_stride for block in decoder)
    if upsampling > stride:
        has_choice = "up_blocks" in _parameters(architecture)
        raise ParameterError(
            owner,
            "up_blocks" if has_choice else "decoder_stack",
            architecture.up_blocks if has_choice else len(decoder),
            f"upsamples by {upsampling}, but the encoder only downsamples by {stride}",
            _less_upsampling(architecture),
        )
    for i, block in enumerate(decoder):
        if stride % block.upsampling_stride:
            raise ParameterError(
                type(block).__name__,
                "upsampling_stride",
                block.upsampling_stride,
                f"of decoder block {i} does not divide the stride {stride} that it starts from",
                f"use a divisor of {stride}",
            )
        stride //= block.upsampling_stride
    if architecture.stacks > 1 and architecture.stem_features_stride != stride:
        raise ParameterError(
            owner,
            "stacks",
            architecture.stacks,
            f"needs each stack to end at the stride {architecture.stem_features_stride} that it "
            f"starts from, but it ends at {stride}",
            "use as much upsampling as downsampling, with a stem for lasting downsampling, "
            "or one stack",
        )


def _less_upsampling(architecture: Any) -> str:
    names = _parameters(architecture)
    if "up_blocks" not in names:
        return "take away a decoder block, or add an encoder block that pools"
    if "down_blocks" in names:
        return "use fewer up blocks or more down blocks"
    return "use fewer up blocks, or an encoder that downsamples more"


def _parameters(architecture: Any) -> set[str]:
    return {found.name for found in parameters_of(type(architecture))}


def check_heads(architecture: Any, decoder: Sequence[DecoderBlock]) -> None:
    """Refuse heads without a feature to start from, or without a name of their own.

    Args:
        architecture: The `EncoderDecoder`.
        decoder: The blocks of its decoder.

    Raises:
        ParameterError: Naming the head, field, value and remedy.
    """
    strides = {architecture.output_stride}
    stride = architecture.encoder_features_stride
    for block in decoder:
        strides.add(stride)
        stride //= block.upsampling_stride
    names = [head.name for head in architecture.heads]
    for head in architecture.heads:
        if head.stride is not None and head.stride not in strides:
            raise ParameterError(
                f"Head {head.name!r}",
                "stride",
                head.stride,
                "is none of the decoder's strides",
                "use " + ", ".join(map(str, sorted(strides))) + " or None for the output's",
            )
        if names.count(head.name) > 1:
            raise ParameterError(
                "Head", "name", head.name, "is used twice", "give each head its own name"
            )


def check_size(maximum_stride: int, x_in: Any) -> None:
    """Refuse an input whose height or width is known not to fit.

    Args:
        maximum_stride: What height and width must be multiples of.
        x_in: Feature or Keras tensor, `(batch, height, width, channels)`.

    Raises:
        ParameterError: Naming the nearest sizes that fit, below and above.
    """
    for name, size in zip(("height", "width"), x_in.shape[1:3], strict=True):
        if size is not None and size % maximum_stride:
            below = size // maximum_stride * maximum_stride
            fitting = [below, below + maximum_stride] if below else [maximum_stride]
            raise ParameterError(
                "Input",
                name,
                size,
                f"is not a multiple of {maximum_stride}, the maximum stride",
                "use " + " or ".join(map(str, fitting)),
            )
