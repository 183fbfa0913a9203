"""Graphs hold what the outputs need, in Keras' order, and refuse what no model can be."""

from fractions import Fraction

import attrs
import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from explorer import Custom, DenseDownBlock, ParameterError, SimpleConvBlock, UNet, trace
from explorer.core.network.graph import (
    Block,
    Graph,
    channels_of,
    height_of,
    in_block,
    input_feature,
)
from explorer.core.network.layers import (
    Activation,
    Add,
    Conv2D,
    MaxPooling2D,
    UpSampling2D,
    ZeroPadding2D,
)
from tests.keras_helpers import rows_of_graph, structure
from tests.strategies import architectures, follow_plan, graph_plans, shapes_for


@pytest.mark.parametrize(
    ("shape", "height", "channels"), [((8, 4, 3), 8, 3), ((8, 3), 8, 3), ((3,), 1, 3), ((), 1, 1)]
)
def test_every_feature_has_a_height_and_channels(shape, height, channels):
    node = input_feature(shape).node

    assert (height_of(node), channels_of(node)) == (height, channels)


@given(graph_plans())
@settings(max_examples=100)
def test_layers_stand_in_the_order_of_a_keras_model(plan):
    graph = Graph(follow_plan(plan, input_feature)[1])
    needed = [node.name for node in graph.inputs]

    def model():
        features, outputs = follow_plan(plan, keras.Input)
        inputs = [feature for feature in features if feature.name in needed]
        return keras.Model(inputs, outputs)

    assert rows_of_graph(graph) == structure(model)


@given(graph_plans())
def test_a_layer_stands_after_all_that_feed_it(plan):
    seen = set()
    for node in Graph(follow_plan(plan, input_feature)[1]):
        assert seen.issuperset(node.inputs)
        seen.add(node)


def test_layers_that_no_output_needs_are_left_out():
    image = input_feature((4, 4, 1))
    kept = Conv2D(name="kept", filters=1)(image)
    Conv2D(name="unused", filters=1)(kept)
    assert [node.name for node in Graph([kept])] == ["image_in", "kept"]


def test_double_layer_names_are_refused():
    image = input_feature((4, 4, 1))
    output = Activation(name="twice")(Activation(name="twice")(image))
    with pytest.raises(ValueError, match=r"'twice'.*block_prefix"):
        Graph([output])


def test_one_layer_that_two_others_read_is_not_double():
    image = input_feature((4, 4, 1))
    output = Add(name="sum")([Activation(name="a")(image), Activation(name="b")(image)])
    assert [node.name for node in Graph([output])] == ["image_in", "a", "b", "sum"]


def test_a_network_of_3000_layers_is_traced():
    output = SimpleConvBlock(num_convs=1500).make_block(input_feature((8, 8, 1)))
    graph = Graph([output])
    assert len(graph) == 3002
    assert rows_of_graph(graph)[-1].name == "conv_block_pool"


def test_layers_are_found_by_name_and_counted():
    graph = trace(UNet(), (64, 32, 3))
    node = graph["stack0_enc0_conv0"]
    assert (node.kind, node.shape, node.stride) == ("Conv2D", (64, 32, 64), 1)
    assert node.inputs == (graph["image_in"],)
    assert next(iter(graph)) is graph.inputs[0] is graph["image_in"]
    assert graph.input_shape == (64, 32, 3)
    assert len(graph) == len(graph.nodes) == 53
    assert repr(graph) == "<Graph 'UNet' of (64, 32, 3): 53 layers>"
    assert repr(node) == "<Conv2D 'stack0_enc0_conv0' (64, 32, 64)>"


def test_an_output_per_stack():
    graph = trace(UNet(stacks=3, filters=2, down_blocks=1, up_blocks=1), (4, 4, 1))
    assert [node.name for node in graph.outputs] == [
        f"stack{i}_dec0_s2_to_s1_refine_conv1_act_relu" for i in range(3)
    ]


def test_strides_above_the_input_resolution_are_fractions():
    up = UpSampling2D(name="up", size=3)(input_feature((4, 4, 1)))
    down = MaxPooling2D(name="down")(up)
    assert (up.node.stride, down.node.stride) == (Fraction(1, 3), Fraction(2, 3))
    assert MaxPooling2D(name="last", strides=3)(down).node.stride == 2


@given(st.data())
def test_every_layer_knows_its_block_and_stride(data):
    architecture = data.draw(architectures)
    graph = trace(architecture, data.draw(shapes_for(architecture)))
    blocks = architecture._blocks
    for node in graph:
        if node.kind == "InputLayer":
            assert node.block is None
            continue
        if node.block.role == "merge":
            assert node.name.startswith(node.block.name)
            continue
        listed = getattr(blocks, "encoder" if node.block.role == "middle" else node.block.role)
        assert node.block.kind == type(listed[node.block.index]).__name__
        assert node.name.startswith(node.block.name)
        assert node.block.stack == (
            None if node.block.role == "stem" else int(node.name.removeprefix("stack")[0])
        )
        if not any(isinstance(source.layer, ZeroPadding2D) for source in (node, *node.inputs)):
            assert [size * node.stride for size in node.shape[:2]] == list(graph.input_shape[:2])


def test_blocks_after_the_last_pooling_are_the_middle():
    graph = trace(UNet(filters=2), (16, 16, 1))
    roles = {node.block.name: node.block.role for node in graph if node.block}
    assert [name for name, role in roles.items() if role == "middle"] == [
        "stack0_enc5",
        "stack0_enc6",
    ]


def test_blocks_nest():
    image = input_feature((4, 4, 1))
    outer, inner = (Block(name, "encoder", 0, 0, "Custom") for name in ("outer", "inner"))

    def make_outer():
        within = in_block(inner, lambda: Activation(name="a")(image))
        assert within.node.block is inner
        return Activation(name="b")(image)

    assert in_block(outer, make_outer).node.block is outer
    assert Activation(name="c")(image).node.block is None


def test_a_block_that_fails_ends_its_scope():
    def fail():
        raise KeyError

    with pytest.raises(KeyError):
        in_block(Block("x", "encoder", 0, 0, "Custom"), fail)
    assert Activation(name="c")(input_feature((4, 4, 1))).node.block is None


def test_nodes_cannot_be_changed():
    node = trace(UNet(filters=2), (16, 16, 1))["image_in"]
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        node.shape = (1, 1, 1)


@pytest.mark.parametrize(
    ("shape", "field"),
    [
        ((16, 16), "input_shape"),
        ((16, 16, 1, 1), "input_shape"),
        ((0, 16, 1), "height"),
        ((16, -16, 1), "width"),
        ((16, 16, 0), "channels"),
        ((16.0, 16, 1), "height"),
        ((16, "16", 1), "width"),
        ((16, 16, True), "channels"),
        ((16, 16, None), "channels"),
    ],
)
def test_a_shape_that_no_image_has_is_refused(shape, field):
    with pytest.raises(ParameterError, match=f"Input.{field}=") as caught:
        trace(UNet(), shape)
    assert caught.value.field == field


def test_a_shape_may_be_a_list():
    assert trace(UNet(filters=2), [16, 32, 1]).input_shape == (16, 32, 1)


@pytest.mark.parametrize("shape", [256, (256, 256), None, "256", (8.0, 8, 1), (8, 8, True)])
def test_what_is_no_shape_is_refused_by_name(shape):
    with pytest.raises(ParameterError, match=r"^Input\."):
        trace(UNet(filters=2, down_blocks=2, up_blocks=2), shape)


def test_a_shape_of_numpy_numbers_is_one_of_plain_numbers():
    for shape in ([np.int64(8), np.int32(16), 1], np.array([8, 16, 1], np.uint8)):
        graph = trace(UNet(filters=2, down_blocks=2, up_blocks=2), shape)
        assert graph.input_shape == (8, 16, 1)
        assert [type(size) for size in graph.input_shape] == [int, int, int]


@pytest.mark.parametrize(
    "net",
    [
        UNet(convs_per_block=10**7),
        UNet(stacks=10**7),
        UNet(stacks=100, convs_per_block=100),
        Custom(encoder=(DenseDownBlock(layers=10**7),)),
    ],
    ids=["convolutions", "stacks", "both", "dense layers"],
)
def test_a_number_with_too_many_zeros_is_refused_at_once(net):
    # Without the limit it would not end.
    with pytest.raises(ParameterError, match=r"more than 3,000.*use fewer blocks"):
        trace(net, (256, 256, 1))


@pytest.mark.parametrize("name", ["", "a/b"])
def test_a_name_that_keras_would_refuse_is_refused(name):
    with pytest.raises(ParameterError, match=rf"Activation.name='{name}' cannot be the name"):
        Activation(name=name)(input_feature((8, 8, 1)))
