"""Blocks add the layers that their fields describe, in order, with readable names."""

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

import explorer
from explorer import (
    DecoderBlock,
    EncoderBlock,
    HourglassDownBlock,
    HourglassStem,
    HourglassUpBlock,
    ParameterError,
    SimpleConvBlock,
    SimpleUpsamplingBlock,
    analyze,
)
from explorer.core.network.blocks import block_of
from explorer.core.network.graph import Graph, input_feature
from explorer.core.network.layers import Conv2D, UpSampling2D
from explorer.core.network.layers.fields import one_where_equal
from tests.strategies import block_calls, block_classes, blocks, make_block, raised

IMAGE = input_feature((8, 8, 2))
SKIP = input_feature((16, 16, 3), "skip_in")


def layers(output):
    """Return the names of the layers before an output, in order, without the inputs."""
    return [node.name for node in Graph([output]) if node.inputs]


def test_fields_stand_in_the_order_of_the_positional_arguments():
    assert [field.name for field in attrs.fields(SimpleConvBlock)] == [
        "pool",
        "pooling_stride",
        "pool_before_convs",
        "num_convs",
        "filters",
        "kernel_size",
        "use_bias",
        "batch_norm",
        "batch_norm_before_activation",
        "activation",
        "block_prefix",
        "dilation_rate",
        "strided_conv",
    ]
    assert [field.name for field in attrs.fields(SimpleUpsamplingBlock)] == [
        "upsampling_stride",
        "transposed_conv",
        "transposed_conv_filters",
        "transposed_conv_kernel_size",
        "transposed_conv_use_bias",
        "transposed_conv_batch_norm",
        "transposed_conv_batch_norm_before_activation",
        "transposed_conv_activation",
        "interp_method",
        "skip_connection",
        "skip_add",
        "refine_convs",
        "refine_convs_first_filters",
        "refine_convs_filters",
        "refine_convs_use_bias",
        "refine_convs_kernel_size",
        "refine_convs_batch_norm",
        "refine_convs_batch_norm_before_activation",
        "refine_convs_activation",
    ]


def test_a_base_block_makes_no_layers():
    with pytest.raises(NotImplementedError, match=r"EncoderBlock .* make_block"):
        EncoderBlock().make_block(IMAGE)
    with pytest.raises(NotImplementedError, match=r"DecoderBlock .* make_block"):
        DecoderBlock().make_block(IMAGE, 2)


@pytest.mark.parametrize(
    ("fields", "names"),
    [
        ({}, ["conv0", "act0_relu", "conv1", "act1_relu", "pool"]),
        ({"pool_before_convs": True, "num_convs": 1}, ["pool", "conv0", "act0_relu"]),
        ({"pool": False, "num_convs": 1, "activation": "linear"}, ["conv0", "act0_linear"]),
        ({"batch_norm": True, "num_convs": 1}, ["conv0", "bn0", "act0_relu", "pool"]),
        (
            {"batch_norm": True, "num_convs": 1, "batch_norm_before_activation": False},
            ["conv0", "act0_relu", "bn0", "pool"],
        ),
        ({"num_convs": 0}, ["pool"]),
        ({"num_convs": 0, "pool": False}, []),
        (
            {"num_convs": 1, "strided_conv": True, "activation": "elu"},
            ["conv0", "act0_elu", "down", "down_act_elu"],
        ),
        (
            {"num_convs": 0, "strided_conv": True, "batch_norm": True},
            ["down", "down_bn", "down_act_relu"],
        ),
        ({"num_convs": 0, "pool": False, "strided_conv": True}, []),
    ],
)
def test_layers_of_a_convolution_block(fields, names):
    output = SimpleConvBlock(**fields).make_block(IMAGE, prefix="enc0")
    assert layers(output) == [f"enc0_{name}" for name in names]


@pytest.mark.parametrize("stride", [1, 2, 3, 4])
def test_a_strided_convolution_leaves_no_pixel_out_and_keeps_the_channels(stride):
    block = SimpleConvBlock(
        num_convs=0, strided_conv=True, pooling_stride=stride, kernel_size=5, use_bias=False
    )
    graph = Graph([block.make_block(input_feature((12, 12, 3)))])
    convolution = graph["conv_block_down"]
    assert convolution.shape == (12 // stride, 12 // stride, 3)
    assert convolution.layer.kernel_size == convolution.layer.strides == stride
    assert not convolution.layer.use_bias
    assert analyze(graph).total_params == 9 * stride**2
    assert analyze(graph).receptive_field == (stride, stride)


def test_a_block_prefix_is_appended():
    block = SimpleConvBlock(num_convs=0, block_prefix="_last")
    assert layers(block.make_block(IMAGE, prefix="enc3")) == ["enc3_last_pool"]
    assert layers(block.make_block(IMAGE)) == ["conv_block_last_pool"]


@pytest.mark.parametrize(
    ("fields", "names"),
    [
        ({"refine_convs": 0}, ["interp_bilinear"]),
        ({"refine_convs": 0, "interp_method": "nearest"}, ["interp_nearest"]),
        (
            {"refine_convs": 0, "transposed_conv": True, "transposed_conv_activation": "elu"},
            ["trans_conv", "trans_conv_bn", "trans_conv_act_elu"],
        ),
        (
            {
                "refine_convs": 0,
                "transposed_conv": True,
                "transposed_conv_batch_norm_before_activation": False,
            },
            ["trans_conv", "trans_conv_act_relu", "trans_conv_bn"],
        ),
        (
            {"refine_convs": 1, "skip_connection": True, "refine_convs_batch_norm": False},
            ["interp_bilinear", "skip_concat", "refine_conv0", "refine_conv0_act_relu"],
        ),
        (
            {"refine_convs": 1, "refine_convs_batch_norm_before_activation": False},
            ["interp_bilinear", "refine_conv0", "refine_conv0_act_relu", "refine_conv0_bn"],
        ),
        (
            {"refine_convs": 0, "skip_connection": True, "skip_add": True},
            ["interp_bilinear", "skip_conv1x1", "skip_add"],
        ),
    ],
)
def test_layers_of_an_upsampling_block(fields, names):
    block = SimpleUpsamplingBlock(**fields)
    output = block.make_block(IMAGE, skip_source=SKIP, prefix="dec0")
    assert sorted(layers(output)) == sorted(f"dec0_{name}" for name in names)
    # The 1×1 convolution hangs beside the chain, anywhere before the addition.
    assert layers(output)[-1] == f"dec0_{names[-1]}"


def test_strides_become_part_of_the_names_of_a_decoder_block():
    block = SimpleUpsamplingBlock(upsampling_stride=4, refine_convs=0)
    assert layers(block.make_block(IMAGE, 8, prefix="dec1")) == ["dec1_s8_to_s2_interp_bilinear"]
    assert layers(block.make_block(IMAGE)) == ["upsample_interp_bilinear"]


def test_only_the_first_refinement_has_filters_of_its_own():
    block = SimpleUpsamplingBlock(
        refine_convs=3, refine_convs_first_filters=5, refine_convs_filters=7
    )
    graph = Graph([block.make_block(IMAGE)])
    assert [graph[f"upsample_refine_conv{i}"].shape[2] for i in range(3)] == [5, 7, 7]


def test_each_convolution_has_its_own_activation_and_bias():
    block = SimpleUpsamplingBlock(
        transposed_conv=True,
        transposed_conv_use_bias=False,
        transposed_conv_activation="tanh",
        refine_convs=1,
        refine_convs_activation="elu",
    )
    graph = Graph([block.make_block(IMAGE)])
    assert not graph["upsample_trans_conv"].layer.use_bias
    assert graph["upsample_refine_conv0"].layer.use_bias
    assert graph["upsample_trans_conv_act_tanh"].layer.activation == "tanh"
    assert graph["upsample_refine_conv0_act_elu"].layer.activation == "elu"


def joined(**fields):
    block = SimpleUpsamplingBlock(skip_connection=True, refine_convs=0, **fields)
    return Graph([block.make_block(IMAGE, skip_source=SKIP)])


def test_each_convolution_of_a_block_is_dilated():
    block = SimpleConvBlock(num_convs=2, dilation_rate=3, pool=False)
    output = block.make_block(IMAGE)

    convolutions = [node for node in Graph([output]) if isinstance(node.layer, Conv2D)]
    assert [node.layer.dilation_rate for node in convolutions] == [3, 3]
    assert output.shape == (None, 8, 8, 32)


def test_the_skip_source_comes_first_in_a_concatenation():
    node = joined()["upsample_skip_concat"]
    assert [source.name for source in node.inputs] == ["skip_in", "upsample_interp_bilinear"]
    assert node.shape == (16, 16, 5)


def test_a_skip_source_of_other_channels_is_projected_before_an_addition():
    graph = joined(skip_add=True)
    assert [source.name for source in graph["upsample_skip_add"].inputs] == [
        "upsample_skip_conv1x1",
        "upsample_interp_bilinear",
    ]
    projection = graph["upsample_skip_conv1x1"]
    assert projection.shape == (16, 16, 2)
    assert projection.layer == Conv2D(name=projection.name, filters=2, kernel_size=1)


def test_a_skip_source_of_the_same_channels_is_added_as_it_is():
    graph = joined(skip_add=True, transposed_conv=True, transposed_conv_filters=3)
    assert graph["upsample_skip_add"].inputs[0].name == "skip_in"


def test_a_skip_source_is_left_alone_without_a_skip_connection():
    block = SimpleUpsamplingBlock(refine_convs=0)
    assert layers(block.make_block(IMAGE, skip_source=SKIP)) == ["upsample_interp_bilinear"]


@pytest.mark.parametrize("block", [SimpleUpsamplingBlock(skip_connection=True), HourglassUpBlock()])
def test_a_decoder_block_goes_without_a_skip_source(block):
    assert not [name for name in layers(block.make_block(IMAGE)) if "skip" in name]


@pytest.mark.parametrize(
    ("stride", "strides"), [(1, [1, 1, 1, 1]), (2, [1, 1, 2, 1]), (4, [2, 1, 2, 1])]
)
def test_an_hourglass_stem_lowers_the_resolution_by_its_stride(stride, strides):
    stem = HourglassStem(pooling_stride=stride, filters=3, output_filters=5)
    graph = Graph([stem.make_block(IMAGE)])
    nodes = [node for node in graph if node.kind in ("Conv2D", "MaxPooling2D")]
    assert [node.layer.strides for node in nodes] == strides
    assert [node.shape[2] for node in nodes] == [3, 6, 6, 5]
    assert graph.outputs[0].shape == (8 // stride, 8 // stride, 5)


def test_an_hourglass_stem_that_does_not_pool_keeps_the_resolution():
    assert HourglassStem(pool=False).make_block(IMAGE).shape[1:3] == (8, 8)


def test_layers_of_the_other_hourglass_blocks():
    down = HourglassDownBlock(filters=3).make_block(IMAGE, prefix="enc0")
    assert layers(down) == ["enc0_pool", "enc0_conv_conv", "enc0_conv_bn"]
    up = HourglassUpBlock(filters=3).make_block(IMAGE, skip_source=SKIP, prefix="dec0")
    graph = Graph([up])
    assert [source.name for source in graph["dec0_skip_add"].inputs] == [
        "dec0_nearest",
        "dec0_skip_bn",
    ]
    assert {node.layer.activation for node in graph if node.kind == "Conv2D"} == {"relu"}


@pytest.mark.parametrize(
    ("cls", "field"),
    [
        (SimpleConvBlock, "filters"),
        (SimpleUpsamplingBlock, "transposed_conv_filters"),
        (SimpleUpsamplingBlock, "refine_convs_filters"),
        (SimpleUpsamplingBlock, "refine_convs_first_filters"),
        (HourglassStem, "filters"),
        (HourglassUpBlock, "filters"),
    ],
)
def test_numbers_of_filters_are_truncated_and_at_least_one(cls, field):
    count = getattr(cls(**{field: 12.7}), field)
    assert (count, type(count)) == (12, int)
    with pytest.raises(ParameterError, match=f"{cls.__name__}.{field}=0 is too small"):
        cls(**{field: 0.9})


@pytest.mark.parametrize("cls", sorted(block_classes(), key=lambda cls: cls.__name__))
@given(st.data())
def test_blocks_compare_by_value_and_cannot_be_changed(cls, data):
    block = data.draw(blocks(cls))
    copy = attrs.evolve(block)
    assert block == copy
    assert hash(block) == hash(copy)
    assert eval(repr(block), vars(explorer)) == block
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        block.filters = 2


@pytest.mark.parametrize("cls", sorted(block_classes(), key=lambda cls: cls.__name__))
@given(st.data())
def test_a_block_changes_the_resolution_by_its_stride(cls, data):
    call = data.draw(block_calls(cls))
    output = make_block(call, input_feature)[1]
    if issubclass(cls, EncoderBlock):
        stride = call.block.pooling_stride if call.block.pool else 1
        along = getattr(call.block, "along", "both")
        strides = [stride if along in ("both", axis) else 1 for axis in ("height", "width")]
        sizes = zip(call.shape[:2], strides, strict=True)
        assert output.shape[1:3] == tuple(-(-size // step) for size, step in sizes)
        assert output.node.stride == one_where_equal(strides)
    else:
        assert output.shape[1:3] == raised(call.block, call.shape)


def test_a_stride_of_one_is_a_layer_all_the_same():
    output = SimpleUpsamplingBlock(upsampling_stride=1, refine_convs=0).make_block(IMAGE, 4)
    assert output.node.layer == UpSampling2D(
        name="upsample_s4_to_s4_interp_bilinear", size=1, interpolation="bilinear"
    )


def test_equal_blocks_are_one_and_checked_by_type():
    """True is 1 to Python: what was kept of the one must not pass for the other."""
    kept = block_of(SimpleConvBlock, filters=1)
    assert block_of(SimpleConvBlock, filters=1) is kept == SimpleConvBlock(filters=1)
    with pytest.raises(ParameterError, match="filters"):
        block_of(SimpleConvBlock, filters=True)
    assert block_of(SimpleConvBlock, filters=1.5).filters == 1
