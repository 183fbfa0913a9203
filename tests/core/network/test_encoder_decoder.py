"""How blocks are linked (strides, features, skip sources, stacks), and what is refused."""

import pickle
from math import prod
from typing import Literal

import attrs
import cloudpickle
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import explorer
from explorer import (
    Custom,
    EncoderDecoder,
    Hourglass,
    IntermediateFeature,
    LeapCNN,
    ParameterError,
    ResidualHourglass,
    ResNet,
    SimpleConvBlock,
    SimpleUpsamplingBlock,
    UNet,
    analyze,
    trace,
)
from explorer.core.network.encoder_decoder import in_stack
from explorer.core.network.graph import input_feature
from tests.strategies import Listed, architectures, channels, listed, stride_of

DOWN = SimpleConvBlock(num_convs=1, filters=2)
SAME = SimpleConvBlock(num_convs=1, filters=3, pool=False)
UP = SimpleUpsamplingBlock(refine_convs=0)
SKIP = SimpleUpsamplingBlock(refine_convs=0, skip_connection=True)


def names(features):
    return [(feature.tensor.name, feature.stride) for feature in features]


class Half(EncoderDecoder):
    """An architecture whose decoder is yet to be written."""

    @property
    def encoder_stack(self):
        return [DOWN]


@pytest.mark.parametrize(
    ("architecture", "missing"),
    [(EncoderDecoder(), "encoder_stack"), (Half(), "decoder_stack")],
)
def test_an_unwritten_stack_is_not_implemented(architecture, missing):
    with pytest.raises(
        NotImplementedError, match=f"{type(architecture).__name__} does not define {missing}"
    ):
        trace(architecture, (8, 8, 1))
    with pytest.raises(NotImplementedError):
        _ = architecture.maximum_stride


@given(listed())
@settings(max_examples=50)
def test_strides_are_products_of_the_blocks(architecture):
    stem, encoder = stride_of(architecture.stem), stride_of(architecture.encoder)
    up = prod(block.upsampling_stride for block in architecture.decoder)
    assert architecture.stem_features_stride == stem
    assert architecture.encoder_features_stride == architecture.maximum_stride == stem * encoder
    assert (
        architecture.decoder_features_stride == architecture.output_stride == stem * encoder // up
    )


def test_a_feature_knows_its_scale():
    assert IntermediateFeature(input_feature((8, 8, 1)), 4).scale == 0.25


def test_an_encoder_keeps_the_first_feature_of_each_stride_but_not_the_last():
    architecture = Listed(encoder=(SAME, SAME, DOWN, SAME, DOWN))
    output, features = architecture.make_encoder(input_feature((16, 16, 1)), 2)
    assert output.name == "enc4_pool"
    assert names(features) == [("enc0_act0_relu", 2), ("enc2_pool", 4)]


def test_a_decoder_keeps_the_input_of_each_block():
    architecture = Listed(encoder=(DOWN, DOWN), decoder=(UP, UP))
    output, features = architecture.make_decoder(input_feature((4, 4, 1)), 8)
    assert names(features) == [("image_in", 8), ("dec0_s8_to_s4_interp_bilinear", 4)]
    assert output.name == "dec1_s4_to_s2_interp_bilinear"


def test_a_decoder_takes_the_first_skip_source_of_the_right_stride():
    sources = [
        IntermediateFeature(input_feature((4, 4, 1), name), stride)
        for name, stride in [("far", 4), ("first", 2), ("second", 2)]
    ]
    architecture = Listed(encoder=(DOWN,), decoder=(SKIP,))
    output, _ = architecture.make_decoder(input_feature((2, 2, 1)), 4, sources)
    assert [source.name for source in output.node.inputs] == [
        "first",
        "dec0_s4_to_s2_interp_bilinear",
    ]


def test_a_decoder_without_skip_sources_has_no_skips():
    architecture = Listed(encoder=(DOWN,), decoder=(SKIP,))
    output, _ = architecture.make_decoder(input_feature((2, 2, 1)), 4)
    assert output.name == "dec0_s4_to_s2_interp_bilinear"


def test_a_stem_numbers_its_blocks():
    architecture = Listed(stem=(SAME, DOWN))
    assert architecture.make_stem(input_feature((4, 4, 1))).name == "stem1_pool"
    assert architecture.make_stem(input_feature((4, 4, 1)), prefix="s").name == "s1_pool"


def test_a_stems_output_comes_before_the_encoders_features():
    architecture = Listed(stem=(DOWN,), encoder=(SAME, DOWN), decoder=(SKIP,))
    graph = trace(architecture, (8, 8, 1))
    assert graph.outputs[0].inputs[0].name == "stem0_pool"


def test_every_stack_may_draw_from_the_stem_and_from_its_own_encoder():
    architecture = Listed(2, stem=(DOWN,), encoder=(SAME, DOWN, DOWN), decoder=(SKIP, SKIP))
    graph = trace(architecture, (16, 16, 1))
    joined = {node.name: node.inputs[0].name for node in graph if node.kind == "Concatenate"}
    assert joined == {
        f"stack{i}_dec{j}_s{8 // 2**j}_to_s{4 // 2**j}_skip_concat": source
        for i in range(2)
        for j, source in enumerate([f"stack{i}_enc1_pool", "stem0_pool"])
    }


def test_an_image_is_no_skip_source():
    graph = trace(Listed(encoder=(DOWN,), decoder=(SKIP,)), (4, 4, 1))
    assert "Concatenate" not in {node.kind for node in graph}


def test_one_stack_has_one_output_and_more_have_lists():
    image = input_feature((4, 4, 1))
    one = Listed(encoder=(DOWN,), decoder=(UP,))
    output, features = one.make_backbone(image)
    assert (output.name, names(features)) == (
        "stack0_dec0_s2_to_s1_interp_bilinear",
        [("stack0_enc0_pool", 2)],
    )
    outputs, features = attrs.evolve(one, stacks=2).make_backbone(image)
    assert [output.name for output in outputs] == [
        f"stack{i}_dec0_s2_to_s1_interp_bilinear" for i in range(2)
    ]
    assert [names(stack) for stack in features] == [[(f"stack{i}_enc0_pool", 2)] for i in range(2)]


def test_strides_count_from_that_of_the_input():
    architecture = Listed(stem=(DOWN,), encoder=(DOWN,), decoder=(UP,))
    output, features = architecture.make_backbone(input_feature((8, 8, 1)), current_stride=3)
    assert output.name == "stack0_dec0_s12_to_s6_interp_bilinear"
    assert names(features) == [("stack0_enc0_pool", 12)]


def refusal(make):
    with pytest.raises(ParameterError) as caught:
        make()
    return caught.value


@pytest.mark.parametrize(
    ("make", "owner", "field", "value", "remedy"),
    [
        (lambda: UNet(stacks=0), "UNet", "stacks", 0, "at least 1"),
        (lambda: LeapCNN(down_blocks=0), "LeapCNN", "down_blocks", 0, "from 1 to 10"),
        (lambda: UNet(up_blocks=5), "UNet", "up_blocks", 5, "fewer up blocks or more down blocks"),
        (
            lambda: Listed(encoder=(DOWN,), decoder=(UP, UP)),
            "Listed",
            "decoder_stack",
            2,
            "take away a decoder block",
        ),
        (
            lambda: Listed(
                encoder=(DOWN, DOWN), decoder=(SimpleUpsamplingBlock(upsampling_stride=3),)
            ),
            "SimpleUpsamplingBlock",
            "upsampling_stride",
            3,
            "a divisor of 4",
        ),
        (
            lambda: UNet(stacks=2, up_blocks=3),
            "UNet",
            "stacks",
            2,
            "a stem for lasting downsampling",
        ),
        (lambda: Hourglass(stem_stride=3), "Hourglass", "stem_stride", 3, "1, 2, 4"),
        (
            lambda: SimpleConvBlock(activation="rellu"),
            "SimpleConvBlock",
            "activation",
            "rellu",
            "'relu'",
        ),
        (
            lambda: SimpleConvBlock(activation="glu"),
            "SimpleConvBlock",
            "activation",
            "glu",
            "'relu'",
        ),
        (
            lambda: Hourglass(interp_method="area"),
            "Hourglass",
            "interp_method",
            "area",
            "'bilinear', 'nearest'",
        ),
        (
            lambda: UNet(filters=1, filters_rate=0.5),
            "UNet",
            "filters_rate",
            0.5,
            "raise filters × per level",
        ),
        (
            lambda: UNet(filters=1, block_contraction=True, down_blocks=1, up_blocks=1),
            "UNet",
            "filters",
            1,
            "raise filters, or",
        ),
        (
            lambda: LeapCNN(filters=1, filters_rate=0.9),
            "LeapCNN",
            "filters_rate",
            0.9,
            "raise filters × per level",
        ),
        (
            lambda: Hourglass(filter_increase=-100),
            "Hourglass",
            "filter_increase",
            -100,
            "raise filters + per level",
        ),
    ],
)
def test_what_no_network_can_be_is_refused(make, owner, field, value, remedy):
    error = refusal(make)
    assert isinstance(error, ValueError)
    assert (error.owner, error.field, error.value) == (owner, field, value)
    assert str(error).startswith(f"{owner}.{field}={value!r} ")
    assert remedy in str(error)


@pytest.mark.parametrize(
    ("make", "block"),
    [
        (lambda: UNet(filters=1, filters_rate=0.5), "encoder block 1"),
        (lambda: UNet(filters=2, filters_rate=0.5, down_blocks=2, up_blocks=2), "middle block"),
        (lambda: UNet(filters=2, filters_rate=0.5, stem_blocks=3), "stem block 2"),
        (
            lambda: LeapCNN(filters=3, filters_rate=0.5, down_blocks=2, up_blocks=2),
            "decoder block 0",
        ),
        (lambda: Hourglass(filter_increase=-100), "encoder block 3"),
        (lambda: Hourglass(2, 4, filters=3, filter_increase=2, stacks=1), "decoder block 3"),
    ],
)
def test_a_count_of_filters_below_one_names_the_block(make, block):
    assert f"gives {block} " in str(refusal(make)).replace("the ", "")


def test_an_edit_that_cannot_be_leaves_the_value_as_it_was():
    architecture = UNet()
    assert refusal(lambda: attrs.evolve(architecture, up_blocks=9)).field == "up_blocks"
    assert architecture == UNet()


@given(st.data())
@settings(max_examples=50)
def test_a_size_that_does_not_fit_names_the_nearest_that_do(data):
    architecture = data.draw(architectures)
    stride = architecture.maximum_stride
    assume(stride > 1)
    size = data.draw(st.integers(1, 4 * stride).filter(lambda n: n % stride), label="size")
    axis = data.draw(st.integers(0, 1), label="axis")
    shape = [stride, stride, data.draw(channels)]
    shape[axis] = size
    error = refusal(lambda: trace(architecture, shape))
    assert (error.owner, error.field, error.value) == ("Input", ("height", "width")[axis], size)
    below, above = size - size % stride, size - size % stride + stride
    assert error.remedy == (f"use {below} or {above}" if below else f"use {above}")
    assert str(stride) in error.problem
    shape[axis] = above
    trace(architecture, shape)


@given(st.data())
@settings(max_examples=50)
def test_architectures_compare_by_value_and_cannot_be_changed(data):
    architecture = data.draw(architectures)
    copy = attrs.evolve(architecture)
    assert architecture == copy
    assert architecture is not copy
    assert hash(architecture) == hash(copy)
    assert eval(repr(architecture), vars(explorer) | {"Listed": Listed}) == architecture
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        architecture.stacks = 3


def test_architectures_of_other_classes_differ():
    assert UNet(stacks=1) != LeapCNN(stacks=1)


@pytest.mark.parametrize("pickler", [pickle, cloudpickle], ids=["pickle", "cloudpickle"])
@given(st.data())
@settings(max_examples=50)
def test_architectures_can_be_pickled(pickler, data):
    architecture = data.draw(architectures)
    copy = pickle.loads(pickler.dumps(architecture))
    assert copy == architecture
    assert hash(copy) == hash(architecture)
    assert copy.maximum_stride == architecture.maximum_stride
    shape = (architecture.maximum_stride, architecture.maximum_stride, 1)
    assert analyze(trace(copy, shape)) == analyze(trace(architecture, shape))


def test_what_is_derived_is_not_pickled():
    assert len(pickle.dumps(UNet(down_blocks=10, up_blocks=10))) < 500


def test_too_many_filters_can_be_read_and_lowered():
    error = refusal(lambda: UNet(filters=1_000_000))

    assert "gives encoder block 1 2,000,000 filters" in str(error)
    assert str(error).startswith("UNet.filters=1000000 gives")
    assert "lower filters or filters × per level, or use fewer blocks" in str(error)


@pytest.mark.parametrize(
    ("make", "field", "said"),
    [
        (lambda: UNet(filters=200_000), "filters", "1,600,000 filters"),
        (lambda: UNet(filters_rate=20), "filters_rate", "10,240,000 filters"),
        (lambda: UNet(filters_rate=1e300), "filters_rate", "over a trillion filters"),
        (lambda: Hourglass(filters=1_000_000), "filters", "1,000,128 filters"),
        (lambda: Hourglass(filter_increase=10**6), "filter_increase", "1,000,256 filters"),
        (lambda: Hourglass(filter_increase=-(10**400)), "filter_increase", "at least"),
        (
            lambda: ResNet(up_blocks=2, up_filters=1_000_000, up_filters_rate=2),
            "up_filters",
            "lower up filters or up filters × per block",
        ),
        (lambda: ResNet(filters=1_000_000), "filters", "from 1 to 31,250"),
    ],
)
def test_the_field_that_makes_too_many_filters_is_named(make, field, said):
    error = refusal(make)

    assert error.field == field
    assert said in str(error)


def test_the_widest_resnet_has_no_more_filters_than_a_block_can():
    stages = ResNet(filters=31_250).encoder_stack

    assert 4 * stages[-1].filters == 1_000_000


@pytest.mark.parametrize(
    ("blocks", "said"),
    [
        (None, "encoder_stack=None is not a list of blocks: make it a property"),
        (DOWN, "is not a list of blocks"),
        ([DOWN, None], "encoder_stack=None is in the list, but is not a block"),
    ],
)
def test_a_stack_that_is_no_list_of_blocks_is_refused_by_name(blocks, said):
    class Odd(EncoderDecoder):
        encoder_stack = blocks
        decoder_stack = ()

    assert said in str(refusal(Odd))
    assert refusal(Odd).owner == "Odd"


def test_too_much_upsampling_is_mended_where_the_architecture_can():
    assert "use fewer up blocks or more down blocks" in str(refusal(lambda: UNet(up_blocks=5)))
    resnet = refusal(lambda: ResNet(encoder_stride=8, up_blocks=4))
    assert "fewer up blocks, or an encoder that downsamples more" in str(resnet)
    assert "down blocks" not in str(resnet)
    farther = refusal(lambda: ResNet(encoder_stride=8, up_blocks=2, up_stride=4))
    assert "2 up blocks upsample by 16" in farther.brief
    assert "fewer up blocks or a lower up stride, or an encoder" in str(farther)
    custom = refusal(lambda: Custom(decoder=(UP,) * 3))
    assert "take away a decoder block, or add an encoder block that pools" in str(custom)


def test_remedies_know_how_far_each_up_block_goes():
    @attrs.frozen
    class Steps(EncoderDecoder):
        up_blocks: int = 3
        up_stride: Literal["a little", "much"] = "much"
        encoder_stack = (DOWN,) * 5

        @property
        def decoder_stack(self):
            return [attrs.evolve(UP, upsampling_stride=4)] * self.up_blocks

    assert [dict(remedy.changes) for remedy in refusal(Steps).remedies] == [{"up_blocks": 2}]


class Renamed(Hourglass):
    """Stacks whose layers have names of their own."""

    def make_encoder(self, x_in, current_stride, prefix="enc"):
        return super().make_encoder(x_in, current_stride, prefix.replace("stack", "down"))


def test_the_number_of_a_stack_is_not_read_from_the_names_of_its_blocks():
    graph = trace(Renamed(filters=2, stacks=2, down_blocks=1, up_blocks=1), (16, 16, 1))

    stacks = {node.block.name: node.block.stack for node in graph if node.block}

    assert (stacks["down0_enc0"], stacks["down1_enc0"]) == (0, 1)
    assert (stacks["stack0_dec0"], stacks["stack1_dec0"]) == (0, 1)


class Own(Renamed):
    """A backbone of the user's own, of two stacks."""

    def make_backbone(self, x_in, current_stride=1):
        outputs = []
        x = self.make_stem(x_in)
        for i in range(2):
            with in_stack(i):
                x, _ = self.make_encoder(x, 1, f"stack{i}_")
                x, _ = self.make_decoder(x, 4, prefix=f"up{i}_")
            outputs.append(x)
        return outputs, [[], []]


def test_a_backbone_of_ones_own_says_which_stack_it_makes():
    graph = trace(Own(filters=2, stacks=2, down_blocks=1, up_blocks=1), (16, 16, 1))

    stacks = {node.block.name: node.block.stack for node in graph if node.block}

    assert [stacks[f"{name}_0"] for name in ("down0", "up0", "down1", "up1")] == [0, 0, 1, 1]


def test_merges_belong_to_the_stack_before_them():
    net = ResidualHourglass(filters=4, stem_filters=2, stacks=3, down_blocks=1)
    merges = {n.block for n in trace(net, (16, 16, 1)) if n.block and n.block.role == "merge"}
    assert {(block.name, block.stack) for block in merges} == {
        ("stack0_merge", 0),
        ("stack1_merge", 1),
    }
