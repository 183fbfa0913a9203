"""The published figures of the families, and heads on any of them."""

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import applications

from explorer import (
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
    assert set(heads) == set(graph.outputs)
    assert report.head_params == sum(sum(n.layer.weights(n.input_shapes)) for n in heads)
    for node in heads:
        head = net.heads[node.block.index]
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
