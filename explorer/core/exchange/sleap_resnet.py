"""SLEAP's ResNet backbone, in and out.

As its code makes it: below the maximum stride 32 the last stages' 3×3 convolutions are not dilated,
and skip connections come from the stages alone, none from the stem.
"""

from math import log
from typing import Any

import attrs

from explorer.core.exchange.pose import object_in, put, read_output_stride
from explorer.core.exchange.sections import MAX_STRIDE, Section
from explorer.core.families import ResNet
from explorer.core.network.encoder_decoder import blocks_of
from explorer.core.network.parameters import Parameter, parameter_of

_VERSIONS = {f"ResNet{depth}": depth for depth in parameter_of(ResNet, "depth").choices or ()}
_VERSION = Parameter(name="", default=None, value_type=str, choices=tuple(_VERSIONS))
_WEIGHTS = attrs.evolve(_VERSION, choices=("random", "frozen", "tunable"))
_METHOD = attrs.evolve(_VERSION, choices=("interpolation", "transposed_conv"))
_SKIPS = attrs.evolve(_VERSION, choices=("add", "concatenate"), optional=True)
_ENCODER_STRIDE = attrs.evolve(MAX_STRIDE, choices=(8, 16, 32))

#: SLEAP's names of the decoder's fields, with ours and the values where a file gives none.
_UPSAMPLING = {
    "filters": ("up_filters", 64),
    "filters_rate": ("up_filters_rate", 1.0),
    "refine_convs": ("up_convs_per_block", 2),
    "batch_norm": ("up_batch_norm", True),
    "transposed_conv_kernel_size": ("up_kernel_size", 4),
}


def read_resnet(section: Section, heads: list[int]) -> tuple[ResNet, bool]:
    """Return the network without heads, and whether it gets images of three channels in any case.

    Args:
        section: The backbone's.
        heads: The strides of the heads.

    Raises:
        ParameterError: Naming field, value and remedy.
    """
    depth = _VERSIONS[section.take("version", _VERSION, "ResNet50")]
    stride = section.take("max_stride", _ENCODER_STRIDE, 32)
    is_pretrained = section.take("weights", _WEIGHTS, "frozen") != "random"
    if is_pretrained and "weights" in section.fields:
        section.entries.pop()
        section.leave("weights", "weights are not read, but images get the 3 channels they need")
    net = ResNet(depth=depth, encoder_stride=stride)
    if section.fields.get("upsampling") is None:
        section.leave("output_stride", f"without upsampling the output's stride is {stride}")
    else:
        net = _read_decoder(section, heads, net)
    encoder: tuple[Any, ...] = blocks_of(net).encoder
    for i, block in enumerate(encoder):
        if getattr(block, "dilation_rate", 1) > 1:
            net = net.with_block("encoder", i, attrs.evolve(block, dilation_rate=1))
    return net, is_pretrained


def _read_decoder(section: Section, heads: list[int], net: ResNet) -> ResNet:
    """Return the network with the decoder that a backbone's section describes."""
    output_stride = read_output_stride(section, heads[:1], net.encoder_stride, "the first head", 4)
    up = section.section("upsampling")
    up_stride = up.take("block_stride", parameter_of(ResNet, "up_stride"), 2)
    # In floating point as SLEAP counts them: of stride 8 it may make one too few.
    blocks = int((log(net.encoder_stride) - log(output_stride)) / log(up_stride))
    if output_stride * up_stride**blocks != net.encoder_stride:
        up.refuse(
            "block_stride",
            up_stride,
            f"makes {blocks} blocks of SLEAP's, which don't lead from stride {net.encoder_stride} "
            f"to {output_stride}",
            "give another one, or another max_stride",
        )
    values = {
        ours: up.take(name, parameter_of(ResNet, ours), default)
        for name, (ours, default) in _UPSAMPLING.items()
    }
    net = attrs.evolve(
        net,
        **values,
        up_blocks=blocks,
        up_stride=up_stride,
        up_interpolate=up.take("method", _METHOD, "interpolation") == "interpolation",
        skips=up.take("skip_connections", _SKIPS, None) or "none",
    )
    up.leave_rest("SLEAP's code has no such field")
    stride = net.encoder_stride
    decoder: tuple[Any, ...] = blocks_of(net).decoder
    for i, block in enumerate(decoder):
        stride //= up_stride
        if stride < 4 and block.skip_connection:
            net = net.with_block("decoder", i, attrs.evolve(block, skip_connection=False))
    return net


def write_resnet(section: dict[str, Any], net: ResNet) -> list[str]:
    """Put a network into its section; return what of it has no place there."""
    put(section, "version", f"ResNet{net.depth}")
    section.setdefault("weights", "random")
    put(section, "max_stride", net.encoder_stride)
    put(section, "output_stride", net.output_stride)
    if net.up_blocks or section.get("upsampling") is not None:
        up = object_in(section, "upsampling")
        put(up, "block_stride", net.up_stride)
        put(up, "method", "interpolation" if net.up_interpolate else "transposed_conv")
        put(up, "skip_connections", None if net.skips == "none" else net.skips)
        for name, (ours, _) in _UPSAMPLING.items():
            put(up, name, getattr(net, ours))
    else:
        section["upsampling"] = None
    return [] if net.filters == ResNet().filters else [f"filters={net.filters} (it has 64)"]
