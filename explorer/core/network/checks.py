"""What no network can have, said before anything is built: the rules of linking blocks."""

from collections.abc import Mapping, Sequence
from math import ceil, log2, prod
from typing import Any

from explorer.core.network.blocks import DecoderBlock
from explorer.core.network.errors import ParameterError, Remedy
from explorer.core.network.parameters import parameters_of

#: Strides from here on are not offered as remedies.
_MOST_STRIDE = 64


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
        count = architecture.up_blocks if has_choice else len(decoder)
        blocks = f"{count} {'up' if has_choice else 'decoder'} blocks"
        raise ParameterError(
            owner,
            "up_blocks" if has_choice else "decoder_stack",
            count,
            f"upsamples by {upsampling}, but the encoder only downsamples by {stride}",
            _less_upsampling(architecture),
            _levels(architecture, upsampling, up=stride, down=upsampling),
            f"{blocks} upsample by {upsampling}, but the encoder only downsamples by {stride}",
        )
    for i, block in enumerate(decoder):
        if stride % block.upsampling_stride:
            most = min(block.upsampling_stride, _MOST_STRIDE)
            divisors = [n for n in range(1, most) if stride % n == 0]
            raise ParameterError(
                type(block).__name__,
                "upsampling_stride",
                block.upsampling_stride,
                f"of decoder block {i} does not divide the stride {stride} that it starts from",
                f"use a divisor of {stride}",
                tuple(Remedy({"upsampling_stride": n}) for n in reversed(divisors)),
            )
        stride //= block.upsampling_stride
    stem_stride = architecture.stem_features_stride
    if architecture.stacks > 1 and stem_stride != stride:
        needed = architecture.encoder_features_stride // stem_stride
        raise ParameterError(
            owner,
            "stacks",
            architecture.stacks,
            f"needs each stack to end at the stride {stem_stride} that it starts from, but it ends "
            f"at {stride}",
            "use as much upsampling as downsampling, with a stem for lasting downsampling, "
            "or one stack",
            (
                *_levels(architecture, upsampling, up=needed, down=stem_stride * upsampling),
                Remedy({"stacks": 1}, "Use 1 stack"),
            ),
            f"{architecture.stacks} stacks need as much up as down",
        )


def _levels(architecture: Any, present: int, up: int, down: int) -> tuple[Remedy, ...]:
    """Return other numbers of blocks, for a family that has them as parameters.

    Args:
        architecture: The `EncoderDecoder`.
        present: What the decoder upsamples by.
        up: What it is to upsample by, if all else stays.
        down: The stride that the encoder is to reach, if all else stays.
    """
    names = _parameters(architecture)
    found = []
    if "up_blocks" in names and type(architecture.up_blocks) is int:
        more = ceil(log2(up) - log2(present))
        found.append(Remedy({"up_blocks": architecture.up_blocks + more}))
    if "down_blocks" in names and type(architecture.down_blocks) is int:
        more = ceil(log2(down) - log2(architecture.encoder_features_stride))
        found.append(Remedy({"down_blocks": architecture.down_blocks + more}))
    return tuple(found)


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
                tuple(
                    Remedy({"stride": near})
                    for near in sorted(strides, key=lambda n: abs(n - head.stride))[:2]
                ),
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
    sizes = dict(zip(("height", "width"), x_in.shape[1:3], strict=True))
    for name, size in sizes.items():
        if size is not None and size % maximum_stride:
            below = size // maximum_stride * maximum_stride
            fitting = [below, below + maximum_stride] if below else [maximum_stride]
            fitting.sort(key=lambda near: abs(near - size))
            raise ParameterError(
                "Input",
                name,
                size,
                f"is not a multiple of {maximum_stride}, the maximum stride",
                "use " + " or ".join(map(str, sorted(fitting))),
                tuple(Remedy(_multiples(sizes, maximum_stride, near < size)) for near in fitting),
            )


def _multiples(sizes: Mapping[str, int | None], of: int, is_below: bool) -> dict[str, int]:
    """Return a multiple of a stride for each size that is none, below or above it."""
    wrong = {name: size for name, size in sizes.items() if size is not None and size % of}
    return {name: max(1, size // of + (not is_below)) * of for name, size in wrong.items()}
