"""What no network can have, said before anything is built: the rules of linking blocks."""

from collections.abc import Mapping, Sequence
from math import ceil, floor, log2, prod
from typing import Any

from explorer.core.network.blocks import DecoderBlock
from explorer.core.network.errors import ParameterError, Remedy
from explorer.core.network.parameters import parameter_of, parameters_of

#: Strides from here on are not offered as remedies.
_MOST_STRIDE = 64
#: Most values of a parameter that are tried as one.
_MOST_GUESSES = 8


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
        levels = _levels(architecture, decoder, up=stride, down=upsampling)
        raise ParameterError(
            owner,
            "up_blocks" if has_choice else "decoder_stack",
            count,
            f"upsamples by {upsampling}, but the encoder only downsamples by {stride}",
            _less_upsampling(architecture, levels),
            (*levels, *_guesses(architecture, up=stride), *_shorter(architecture, decoder, stride)),
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
                *_levels(architecture, decoder, up=needed, down=stem_stride * upsampling),
                *_guesses(architecture, up=needed),
                Remedy({"stacks": 1}, "Use 1 stack"),
            ),
            f"{architecture.stacks} stacks need as much up as down",
        )


def _levels(
    architecture: Any, decoder: Sequence[DecoderBlock], up: int, down: int
) -> tuple[Remedy, ...]:
    """Return other numbers and strides of blocks, for a family that has them as parameters.

    Args:
        architecture: The `EncoderDecoder`.
        decoder: The blocks of its decoder.
        up: What it is to upsample by, if all else stays.
        down: The stride that the encoder is to reach, if all else stays.
    """
    names = _parameters(architecture)
    found = []
    if "up_blocks" in names and type(architecture.up_blocks) is int:
        count = architecture.up_blocks
        present = prod(block.upsampling_stride for block in decoder)
        each = max(2, decoder[-1].upsampling_stride) if decoder else 2
        more = floor((log2(up) - log2(present)) / log2(each) + 1e-9)
        found.append(Remedy({"up_blocks": count + more}))
        stride = parameter_of(type(architecture), "up_stride")
        strides = stride.choices or () if stride.value_type is int and count > 0 else ()
        fitting = [n for n in strides if n > 1 and count * log2(n) <= log2(up)]
        found += [Remedy({"up_stride": n}) for n in fitting[-1:]]
    if "down_blocks" in names and type(architecture.down_blocks) is int:
        more = ceil(log2(down) - log2(architecture.encoder_features_stride))
        found.append(Remedy({"down_blocks": architecture.down_blocks + more}))
    return tuple(found)


def _shorter(architecture: Any, decoder: Sequence[DecoderBlock], up: int) -> tuple[Remedy, ...]:
    """Return the decoder without its last blocks, where it is a field that lists them.

    Args:
        architecture: The `EncoderDecoder`.
        decoder: The blocks of its decoder.
        up: What it is to upsample by at most.
    """
    if getattr(architecture, "decoder", None) != tuple(decoder):
        return ()
    left = tuple(decoder)
    while prod(block.upsampling_stride for block in left) > up:
        left = left[:-1]
    count = len(decoder) - len(left)
    blocks = "decoder block" if count == 1 else f"{count} decoder blocks"
    return (Remedy({"decoder": left}, f"Remove the last {blocks}"),)


def _guesses(architecture: Any, up: int) -> tuple[Remedy, ...]:
    """Return other values of each parameter that says how far there is to go up again.

    Args:
        architecture: The `EncoderDecoder`.
        up: What it is to upsample by, if all else stays.
    """
    cls = type(architecture)
    follower = next((found for found in parameters_of(cls) if found.follows), None)
    guesses = []
    for found in (parameter_of(cls, name) for name in follower.follows) if follower else ():
        now = getattr(architecture, found.name)
        if type(now) is not int:
            continue
        values = found.choices or range(now - _MOST_GUESSES, now + _MOST_GUESSES)
        other = (value for value in values if type(value) is int and value != now)
        near = sorted(other, key=lambda value: abs(value - now))[:_MOST_GUESSES]
        guesses += [Remedy({found.name: value}, is_guess=True) for value in near]
        if follower and found.name == "up_stride":
            counts = {n: round(log2(up) / log2(n)) for n in near if n > 1}
            guesses += [
                Remedy({found.name: n, follower.name: count}, is_guess=True)
                for n, count in counts.items()
                if n**count == up
            ]
    return tuple(guesses)


def _less_upsampling(architecture: Any, remedies: Sequence[Remedy]) -> str:
    names = _parameters(architecture)
    if "up_blocks" not in names:
        return "take away a decoder block, or add an encoder block that pools"
    if "down_blocks" in names:
        return "use fewer up blocks or more down blocks"
    lower = any("up_stride" in remedy.changes for remedy in remedies)
    stride = " or a lower up stride" if lower else ""
    return f"use fewer up blocks{stride}, or an encoder that downsamples more"


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


def check_size(steps: tuple[int, int], x_in: Any) -> None:
    """Refuse an input whose height or width is known not to fit.

    Args:
        steps: What height and width must be multiples of.
        x_in: Feature or Keras tensor, `(batch, height, width, channels)`.

    Raises:
        ParameterError: Naming the nearest sizes that fit, below and above.
    """
    names = "height", "width"
    sizes = dict(zip(names, x_in.shape[1:3], strict=True))
    step_of = dict(zip(names, steps, strict=True))
    for name, size in sizes.items():
        step = step_of[name]
        if size is not None and size % step:
            below = size // step * step
            fitting = [below, below + step] if below else [step]
            fitting.sort(key=lambda near: abs(near - size))
            raise ParameterError(
                "Input",
                name,
                size,
                f"is not a multiple of {step}, the maximum stride",
                "use " + " or ".join(map(str, sorted(fitting))),
                tuple(Remedy(_multiples(sizes, step_of, near < size)) for near in fitting),
            )


def _multiples(
    sizes: Mapping[str, int | None], step_of: Mapping[str, int], is_below: bool
) -> dict[str, int]:
    """Return a multiple of its step for each size that is none, below or above it."""
    return {
        name: max(1, size // step_of[name] + (not is_below)) * step_of[name]
        for name, size in sizes.items()
        if size is not None and size % step_of[name]
    }
