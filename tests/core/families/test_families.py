"""The published figures of the families, and heads on any of them."""

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import applications

from explorer import (
    Custom,
    Head,
    ParameterError,
    ResidualHourglass,
    ResNet,
    UNet,
    analyze,
    build,
    from_json,
    presets,
    read,
    to_json,
    trace,
)
from explorer.core.analysis.design import Input
from explorer.core.exchange.loaded import Loaded
from explorer.core.families.nnunet import StridedConvBlock
from explorer.core.families.titles import _edited
from tests.keras_helpers import rows_of_graph, structure
from tests.strategies import FAMILIES, shapes_for, with_heads


@pytest.mark.parametrize(
    ("name", "trainable"),
    [
        ("FC-DenseNet56", 1_376_795),
        ("FC-DenseNet67", 3_463_243),
        ("FC-DenseNet103", 9_322_091),
    ],
)
def test_fc_densenets_have_the_parameters_of_the_authors_code(name, trainable):
    net = attrs.evolve(presets[name], heads=[Head("classes", 11, activation="softmax")])

    assert analyze(trace(net, (224, 224, 3))).trainable_params == trainable


@pytest.mark.parametrize("depth", [50, 101, 152])
def test_resnets_are_those_of_keras_without_their_tops(depth):
    theirs = analyze(
        read(
            getattr(applications, f"ResNet{depth}")(
                weights=None, include_top=False, input_shape=(64, 64, 1)
            )
        )
    )
    ours = analyze(trace(ResNet(depth=depth), (64, 64, 1)))

    assert (ours.total_params, ours.trainable_params) == (
        theirs.total_params,
        theirs.trainable_params,
    )
    assert (ours.macs, ours.receptive_field) == (theirs.macs, theirs.receptive_field)
    assert sorted((row.kind, row.shape, row.params) for row in ours.layers) == sorted(
        (row.kind, row.shape, row.params) for row in theirs.layers
    )


def test_resnet50_on_one_channel_has_its_known_parameters():
    report = analyze(trace(presets["ResNet50"], (64, 64, 1)))

    assert (report.total_params, report.trainable_params) == (23_581_440, 23_528_320)


@pytest.mark.parametrize("stride", [8, 16, 32])
def test_a_resnet_keeps_its_resolution_by_dilation(stride):
    plain, dilated = ResNet(), ResNet(encoder_stride=stride)
    graph = trace(dilated, (64, 64, 1))

    assert dilated.maximum_stride == stride
    assert graph.outputs[0].shape == (64 // stride, 64 // stride, 2048)
    assert analyze(graph).total_params == analyze(trace(plain, (64, 64, 1))).total_params


def decoder_of(**fields):
    """The decoder's layers of a ResNet by the ends of their names, with kernels and parameters."""
    net = ResNet(filters=1, up_filters=3, up_filters_rate=1, up_convs_per_block=1, **fields)
    graph = trace(net, (64, 64, 1))
    decoder = [node for node in graph if node.block and node.block.role == "decoder"]
    weights = {row.name: row.params for row in analyze(graph).layers}
    return {
        node.name.partition("_dec")[2]: (
            getattr(node.layer, "kernel_size", None),
            weights[node.name],
            node.shape,
        )
        for node in decoder
    }


def test_a_resnets_decoder_upsamples_joins_and_refines():
    step = {"up_blocks": 1, "up_stride": 4, "up_interpolate": False, "skips": "add"}
    size = (8, 8, 3)
    plain = {
        "0_s32_to_s8_trans_conv": (4, 4 * 4 * 32 * 3 + 3, size),
        "0_s32_to_s8_trans_conv_act_relu": (None, 0, size),
        "0_s32_to_s8_skip_conv1x1": (1, 8 * 3 + 3, size),
        "0_s32_to_s8_skip_add": (None, 0, size),
        "0_s32_to_s8_refine_conv0": (3, 3 * 3 * 3 * 3 + 3, size),
        "0_s32_to_s8_refine_conv0_act_relu": (None, 0, size),
    }
    normalised = ("0_s32_to_s8_trans_conv_bn", "0_s32_to_s8_refine_conv0_bn")

    assert decoder_of(**step, up_kernel_size=4, up_batch_norm=False) == plain
    assert decoder_of(**step, up_kernel_size=4) == {
        **plain,
        **dict.fromkeys(normalised, (None, 4 * 3, size)),
    }
    assert decoder_of(**step, up_batch_norm=False) == {
        **plain,
        "0_s32_to_s8_trans_conv": (3, 3 * 3 * 32 * 3 + 3, size),
    }


@pytest.mark.parametrize(
    ("stride", "up_stride", "up_blocks", "output"),
    [(32, 2, 3, 4), (32, 4, 2, 2), (32, 32, 1, 1), (16, 8, 1, 2)],
)
def test_each_decoder_block_raises_the_resolution_by_the_up_stride(
    stride, up_stride, up_blocks, output
):
    net = ResNet(encoder_stride=stride, filters=1, up_stride=up_stride, up_blocks=up_blocks)
    assert net.output_stride == output
    assert trace(net, (64, 64, 1)).outputs[0].shape[:2] == (64 // output, 64 // output)


def test_stacks_are_merged_only_where_asked():
    merged = ResidualHourglass(filters=4, stem_filters=2, down_blocks=1, stacks=3)
    apart = attrs.evolve(merged, merge_stacks=False)

    def merges(net) -> int:
        return sum(node.name.endswith("_merge_add") for node in trace(net, (16, 16, 1)))

    assert (merges(merged), merges(apart)) == (2, 0)


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.__name__)
@given(st.data())
@settings(max_examples=6)
def test_heads_of_any_family_are_built_and_counted_apart(family, data):
    backbone = data.draw(FAMILIES[family]())
    net = data.draw(with_heads(backbone))
    shape = data.draw(shapes_for(net))
    graph = trace(net, shape)
    report = analyze(graph)

    assert rows_of_graph(graph) == structure(lambda: build(graph))
    assert len(graph.outputs) == len(net.heads) * net.stacks
    heads = [node for node in graph if node.block and node.block.role == "head"]
    outputs = {node for node in heads if node.name == node.block.name}
    assert outputs == set(graph.outputs)
    assert report.head_params == sum(sum(n.layer.weights(n.input_shapes)) for n in heads)
    for node in graph.outputs:
        head = net.heads[node.block.index]
        if head.global_pool:  # of the whole image, after layers of its own
            assert node.shape == (head.channels,)
            continue
        wanted = net.output_stride if head.stride is None else head.stride
        assert (node.shape[2], node.stride) == (head.channels, wanted)
    assert from_json(to_json(net)) == net


@pytest.mark.parametrize(
    ("heads", "message"),
    [
        ([Head(stride=3)], "use 1, 2, 4 or None"),
        ([Head(), Head()], "its own name"),
    ],
)
def test_heads_that_cannot_be_are_refused(heads, message):
    with pytest.raises(ParameterError, match=message):
        UNet(filters=2, down_blocks=2, up_blocks=2, heads=heads)


def test_every_kind_of_preset_has_a_name_of_its_own_when_it_is_edited():
    kinds = {type(preset) for preset in presets.values()}
    assert len({_edited(kind) for kind in kinds}) == len(kinds)
    assert (_edited(UNet), _edited(ResNet)) == ("U-Net, own settings", "ResNet, own settings")


def test_the_largest_stride_is_that_of_the_axis_that_is_lowered_most():
    high, wide = (
        StridedConvBlock(pooling_stride=stride, along=along, filters=4)
        for stride, along in ((8, "height"), (2, "width"))
    )
    net = Custom(encoder=(high, wide))
    assert (net.size_steps, net.maximum_stride) == ((8, 2), 8)
    shown = Loaded(net).with_input(Input(100, 103, 1))
    assert shown.input.shape == (104, 104, 1)
