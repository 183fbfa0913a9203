"""Hypothesis strategies for parameters, blocks and architectures: small, and valid as drawn."""

import os
from collections.abc import Callable
from math import log2, prod
from typing import Any

import attrs
import pytest
from hypothesis import settings
from hypothesis import strategies as st

from explorer import (
    ConvUpBlock,
    Custom,
    DecoderBlock,
    DenseDownBlock,
    DenseUpBlock,
    EncoderBlock,
    EncoderDecoder,
    FCDenseNet,
    Head,
    Hourglass,
    HourglassDownBlock,
    HourglassStem,
    HourglassUpBlock,
    LeapCNN,
    PlainConvUNet,
    ResidualDownBlock,
    ResidualEncoderUNet,
    ResidualHourglass,
    ResidualUpBlock,
    ResNet,
    ResNetStage,
    SimpleConvBlock,
    SimpleUpsamplingBlock,
    StridedConvBlock,
    StridedResidualBlock,
    UNet,
)
from explorer.core.network.layers import Add, Concatenate, Conv2D
from explorer.core.network.parameters import Parameter, parameters_of
from tests.reference import Listed

#: Whole numbers are drawn from this many values, from the smallest valid one upwards.
FEW = 3


def round_trip(usual: int = 100, share: float = 1) -> Callable[[Callable[..., Any]], Any]:
    """Mark a test that what was written is read back as the same; `make round-trips` runs these.

    Args:
        usual: How many designs are drawn.
        share: What share of EXPLORER_EXAMPLES is drawn instead, where that is set.
    """
    asked = os.environ.get("EXPLORER_EXAMPLES")
    count = max(usual, round(int(asked) * share)) if asked else usual
    return lambda test: pytest.mark.round_trip(settings(max_examples=count)(test))


channels = st.integers(1, 3)
skips = st.sampled_from(["concatenate", "add", "none"])


def values_of(parameter: Parameter) -> st.SearchStrategy[Any]:
    """Return small valid values of a parameter."""
    if parameter.choices is not None:
        values = st.sampled_from(parameter.choices)
    elif parameter.value_type is bool:
        values = st.booleans()
    elif parameter.value_type is int:
        smallest = 0 if parameter.minimum is None else int(parameter.minimum)
        values = st.integers(smallest, smallest + FEW - 1)
    elif parameter.value_type is float:
        values = st.floats(*sorted({max(0.1, parameter.minimum), min(parameter.maximum or 2, 2)}))
    elif parameter.value_type is tuple:
        values = st.lists(st.integers(1, FEW), min_size=1, max_size=2).map(tuple)
    elif parameter.value_type is str:
        values = st.sampled_from(["", "_x"])
    else:
        raise NotImplementedError(f"Say how {parameter.name} is drawn.")
    return st.none() | values if parameter.optional else values


def blocks(cls: type, **drawn: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Return blocks of a class, with each field drawn as given or from its declaration."""
    fields = {found.name: values_of(found) for found in parameters_of(cls)}
    return st.builds(cls, **fields | {name: drawn[name] for name in drawn if name in fields})


@st.composite
def unets(draw: st.DrawFn, **drawn: st.SearchStrategy[Any]) -> UNet:
    stacks, stem, down, up = draw(_depths(max_stem=2))
    # With these, the lowest level and the one above the highest have at least one filter.
    fields = {
        "filters": st.integers(4, 6),
        "filters_rate": st.floats(0.8, 2),
        "kernel_size": st.integers(1, 4),
        "stem_kernel_size": st.integers(1, 5),
        "convs_per_block": st.integers(1, 3),
        "middle_block": st.booleans(),
        "up_interpolate": st.booleans(),
        "block_contraction": st.booleans(),
        "skips": skips,
        "strided_conv": st.booleans(),
    } | drawn
    return UNet(
        stacks=stacks,
        stem_blocks=stem,
        down_blocks=down,
        up_blocks=up,
        **{name: draw(values) for name, values in fields.items()},
    )


@st.composite
def leap_cnns(draw: st.DrawFn, **drawn: st.SearchStrategy[Any]) -> LeapCNN:
    stacks, _, down, up = draw(_depths(max_stem=0))
    fields = {
        "filters": st.integers(3, 5),
        "filters_rate": st.floats(0.8, 2),
        "down_convs_per_block": st.integers(1, 3),
        "up_interpolate": st.booleans(),
        "up_convs_per_block": st.integers(0, 3),
        "strided_conv": st.booleans(),
    } | drawn
    return LeapCNN(
        stacks=stacks,
        down_blocks=down,
        up_blocks=up,
        **{name: draw(values) for name, values in fields.items()},
    )


@st.composite
def hourglasses(draw: st.DrawFn, **drawn: st.SearchStrategy[Any]) -> Hourglass:
    stacks, stem, down, up = draw(_depths(max_stem=2))
    fields = {
        "stem_filters": st.integers(1, 3),
        "filters": st.integers(5, 6),
        "filter_increase": st.integers(-1, 2),
        "interp_method": st.sampled_from(["nearest", "bilinear"]),
        "skips": skips,
    } | drawn
    return Hourglass(
        stacks=stacks,
        stem_stride=2**stem,
        down_blocks=down,
        up_blocks=up,
        **{name: draw(values) for name, values in fields.items()},
    )


@st.composite
def _depths(draw: st.DrawFn, max_stem: int) -> tuple[int, int, int, int]:
    """Return stacks, and numbers of stem, down and up steps that go with them."""
    stacks = draw(st.integers(1, 2))
    stem = draw(st.integers(0, max_stem))
    down = draw(st.integers(1, 3))
    up = down if stacks > 1 else draw(st.integers(0, down + stem))
    return stacks, stem, down, up


@st.composite
def listed(draw: st.DrawFn, max_encoder_blocks: int = 3, **drawn: st.SearchStrategy[Any]) -> Listed:
    """Return any blocks in any order, with strides that fit each other."""
    drawn = {"filters": st.integers(1, 3)} | drawn
    pooling = {"pooling_stride": st.integers(1, 4)}
    pooled = blocks(SimpleConvBlock, **drawn, **pooling)
    pooled |= blocks(HourglassDownBlock, **drawn, **pooling)
    few = drawn | pooling | {"num_blocks": st.integers(1, 2), "layers": st.integers(1, 2)}
    pooled |= blocks(ResNetStage, **few) | blocks(DenseDownBlock, **few)
    pooled |= blocks(ResidualDownBlock, **few | {"modules": st.just(1)})
    few["along"] = st.just("both")  # what is along one axis alone fits only the like of it
    pooled |= blocks(StridedConvBlock, **few | {"num_convs": st.integers(1, 2)})
    pooled |= blocks(StridedResidualBlock, **few | {"num_units": st.just(1)})
    stem = draw(st.lists(pooled | blocks(HourglassStem, **drawn), max_size=1))
    encoder = draw(st.lists(pooled, min_size=1, max_size=max_encoder_blocks))
    stacks = draw(st.integers(1, 2))
    # Strides to end at: every stack starts where the stem ends.
    lowest = stride_of(stem) if stacks > 1 else 1
    remaining = stride_of([*stem, *encoder]) // lowest
    decoder = []
    for _ in range(draw(st.integers(0, 3))):
        decoder.append(draw(_up_blocks(draw(st.sampled_from(_divisors(remaining))), drawn)))
        remaining //= decoder[-1].upsampling_stride
    if stacks > 1:
        decoder.append(draw(_up_blocks(remaining, drawn)))
    return Listed(stacks, tuple(stem), tuple(encoder), tuple(decoder))


def _up_blocks(stride: int, drawn: dict[str, st.SearchStrategy[Any]]) -> st.SearchStrategy[Any]:
    drawn = drawn | {"upsampling_stride": st.just(stride)}
    simple = blocks(SimpleUpsamplingBlock, **drawn) | blocks(HourglassUpBlock, **drawn)
    drawn |= {"layers": st.integers(1, 2), "along": st.just("both"), "num_convs": st.just(1)}
    published = blocks(ResidualUpBlock, **drawn) | blocks(DenseUpBlock, **drawn)
    return simple | published | blocks(ConvUpBlock, **drawn)


def _divisors(number: int) -> list[int]:
    return [divisor for divisor in range(1, 5) if number % divisor == 0]


def stride_of(encoder_blocks: list[EncoderBlock]) -> int:
    """Return the factor by which the blocks lower the resolution."""
    return prod(block.pooling_stride for block in encoder_blocks if block.pool)


@st.composite
def fc_densenets(draw: st.DrawFn, **drawn: st.SearchStrategy[Any]) -> FCDenseNet:
    return draw(blocks(FCDenseNet, **{"growth_rate": st.integers(1, 3)} | drawn))


@st.composite
def residual_hourglasses(draw: st.DrawFn, **drawn: st.SearchStrategy[Any]) -> ResidualHourglass:
    fields = {"filters": st.integers(1, 5), "stacks": st.integers(1, 3)}
    return draw(blocks(ResidualHourglass, **fields | drawn))


@st.composite
def resnets(draw: st.DrawFn, **drawn: st.SearchStrategy[Any]) -> ResNet:
    stride = draw(st.sampled_from([8, 16, 32]))
    up_stride = draw(st.sampled_from([2, 2, 4, 8]))
    fields = {
        # Deeper ones have more of the same, and take long to build.
        "depth": st.sampled_from([50, 101]) if draw(st.integers(0, 9)) == 0 else st.just(50),
        "filters": st.integers(1, 3),
        "up_filters": st.integers(4, 6),
        "up_filters_rate": st.floats(0.8, 2),
        "up_convs_per_block": st.integers(0, 2),
        "up_interpolate": st.booleans(),
        "up_kernel_size": st.integers(1, 4),
        "up_batch_norm": st.booleans(),
        "skips": skips,
    } | drawn
    return ResNet(
        encoder_stride=stride,
        up_stride=up_stride,
        up_blocks=draw(st.integers(0, int(log2(stride) / log2(up_stride)))),
        **{name: draw(values) for name, values in fields.items()},
    )


@st.composite
def plain_conv_unets(draw: st.DrawFn, **drawn: st.SearchStrategy[Any]) -> PlainConvUNet:
    return draw(blocks(PlainConvUNet, **_OF_STAGES | drawn))


@st.composite
def residual_encoder_unets(draw: st.DrawFn, **drawn: st.SearchStrategy[Any]) -> ResidualEncoderUNet:
    return draw(blocks(ResidualEncoderUNet, **_OF_STAGES | drawn))


_OF_STAGES = {
    "stacks": st.just(1),
    "stages": st.integers(2, 3),
    "max_filters": st.integers(3, 8),
    "negative_slope": st.sampled_from([0, 0.01]),
}


@st.composite
def customs(draw: st.DrawFn, **drawn: st.SearchStrategy[Any]) -> Custom:
    net = draw(listed(**drawn))
    return attrs.evolve(Custom.of(net), merge_stacks=draw(st.booleans()))


#: How architectures of each family are drawn.
FAMILIES = {
    UNet: unets,
    LeapCNN: leap_cnns,
    Hourglass: hourglasses,
    FCDenseNet: fc_densenets,
    ResidualHourglass: residual_hourglasses,
    ResNet: resnets,
    PlainConvUNet: plain_conv_unets,
    ResidualEncoderUNet: residual_encoder_unets,
    Custom: customs,
}


@st.composite
def with_heads(draw: st.DrawFn, architecture: EncoderDecoder) -> EncoderDecoder:
    """Return the architecture with one to three heads, at strides that its decoder has."""
    strides = [architecture.output_stride, architecture.maximum_stride, None]
    heads = [
        Head(
            f"head{i}",
            channels=draw(channels),
            stride=draw(st.sampled_from(strides)),
            global_pool=draw(st.sampled_from([False, False, True])),
            dense_layers=draw(st.integers(0, 2)),
            dense_units=draw(channels),
        )
        for i in range(draw(st.integers(1, 3)))
    ]
    return attrs.evolve(architecture, heads=heads)


architectures = st.one_of([draw_family() for draw_family in FAMILIES.values()]) | listed()


def families() -> set[type[EncoderDecoder]]:
    """Return the classes of architectures that the package itself defines."""
    return {cls for cls in _subclasses(EncoderDecoder) if cls.__module__.startswith("explorer.")}


def block_classes() -> set[type]:
    """Return the classes of blocks that the package itself defines and that make layers."""
    found = _subclasses(EncoderBlock) | _subclasses(DecoderBlock)
    return {cls for cls in found if cls.__module__.startswith("explorer.")}


def _subclasses(cls: type) -> set[type]:
    return set().union(*({sub} | _subclasses(sub) for sub in cls.__subclasses__()))


@st.composite
def shapes_for(draw: st.DrawFn, architecture: EncoderDecoder) -> tuple[int, int, int]:
    """Return an input shape that fits the architecture."""
    height, width = draw(st.tuples(st.integers(1, 2), st.integers(1, 2)))
    stride = architecture.maximum_stride
    return height * stride, width * stride, draw(channels)


@attrs.frozen
class BlockCall:
    """A block, and the shapes of the features that it is called on.

    Attributes:
        block: An encoder or decoder block.
        shape: Shape of the first input.
        skip: Shape of the skip source, or None without one.
        arguments: Further keyword arguments of `make_block`.
    """

    block: Any
    shape: tuple[int, int, int]
    skip: tuple[int, int, int] | None
    arguments: dict[str, Any]


@st.composite
def block_calls(draw: st.DrawFn, cls: type) -> BlockCall:
    """Return ways to call a block of the class."""
    block = draw(blocks(cls))
    shape = draw(st.tuples(st.integers(1, 9), st.integers(1, 9), channels))
    arguments = draw(st.fixed_dictionaries({}, optional={"prefix": st.just("p")}))
    if issubclass(cls, EncoderBlock):
        return BlockCall(block, shape, None, arguments)
    up = block.upsampling_stride
    skip = draw(st.none() | st.builds(lambda n: (*raised(block, shape), n), channels))
    strides = st.sampled_from([None, up, 2 * up])
    return BlockCall(block, shape, skip, {**arguments, "current_stride": draw(strides)})


def raised(block: DecoderBlock, shape: tuple[int, int, int]) -> tuple[int, int]:
    """Return height and width of what a decoder block returns of a feature."""
    factors = [
        block.upsampling_stride if getattr(block, "along", "both") in ("both", axis) else 1
        for axis in ("height", "width")
    ]
    return shape[0] * factors[0], shape[1] * factors[1]


def make_block(call: BlockCall, make_input: Callable[..., Any]) -> tuple[list[Any], Any]:
    """Return the inputs and the output of a call.

    Args:
        call: The call.
        make_input: Called with a shape and `name`; makes symbolic features or Keras tensors.
    """
    inputs = [make_input(call.shape, name="image_in")]
    arguments = dict(call.arguments)
    if call.skip is not None:
        inputs.append(make_input(call.skip, name="skip_in"))
        arguments["skip_source"] = inputs[1]
    return inputs, call.block.make_block(inputs[0], **arguments)


@st.composite
def graph_plans(draw: st.DrawFn) -> tuple[list[list[int]], list[int], int]:
    """Return the inputs of each layer by index, the indices of the outputs, the number of inputs.

    A layer with one input is a convolution; with more it adds or, by turns, concatenates.
    """
    inputs = draw(st.integers(1, 2))
    links = [
        draw(st.lists(st.integers(0, inputs + i - 1), min_size=1, max_size=3))
        for i in range(draw(st.integers(1, 9)))
    ]
    outputs = st.lists(st.integers(inputs, inputs + len(links) - 1), min_size=1, max_size=3)
    return links, draw(outputs), inputs


def follow_plan(
    plan: tuple[list[list[int]], list[int], int], make_input: Callable[..., Any]
) -> tuple[list[Any], list[Any]]:
    """Return all features of a plan, and the outputs among them.

    Args:
        plan: As `graph_plans` draws it.
        make_input: Called with a shape and `name`; makes symbolic features or Keras tensors.
    """
    links, outputs, inputs = plan
    features = [make_input((4, 4, 2), name=f"in{i}") for i in range(inputs)]
    for i, sources in enumerate(links):
        chosen = [features[source] for source in sources]
        if len(chosen) == 1:
            features.append(Conv2D(name=f"layer{i}", filters=2, kernel_size=1)(chosen[0]))
        elif i % 2 and len({feature.shape[-1] for feature in chosen}) == 1:
            features.append(Add(name=f"layer{i}")(chosen))
        else:
            features.append(Concatenate(name=f"layer{i}")(chosen))
    return features, [features[output] for output in outputs]


def by_axis(largest: int) -> st.SearchStrategy:
    """Return sizes from 1 to the largest: one number, or one for each of two axes."""
    size = st.integers(1, largest)
    return size | st.tuples(size, size)


#: Rows and columns at the border: above and below, to the left and to the right.
margins = st.tuples(*[st.tuples(st.integers(0, 3), st.integers(0, 3))] * 2)
