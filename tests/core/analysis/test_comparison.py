"""What is the same in two networks, what changed, and what only one of them has."""

from collections import Counter

import attrs
from hypothesis import given, settings
from hypothesis import strategies as st

from explorer import (
    Custom,
    EncoderDecoder,
    Head,
    LeapCNN,
    SimpleConvBlock,
    SimpleUpsamplingBlock,
    UNet,
    analyze,
    trace,
)
from explorer.core.analysis.comparison import Change, Figure, compare, figures, parameter_changes
from explorer.core.analysis.design import Input
from explorer.core.network.graph import Graph, input_feature
from explorer.core.network.layers import Conv2D, DepthwiseConv2D
from tests.strategies import FAMILIES, shapes_for

NET = UNet(filters=4, down_blocks=2, up_blocks=2)
SHAPE = (32, 32, 1)
GRAPH = trace(NET, SHAPE)


def compared(other: EncoderDecoder, first: EncoderDecoder = NET, shape=SHAPE):
    return compare(trace(first, shape), trace(other, shape))


def match_of(comparison, name: str):
    """The match of a layer that has this name in A or in B."""
    return next(m for m in comparison.layers if name in {n.name for n in (m.a, m.b) if n})


def custom(*encoder, decoder=()) -> Custom:
    return Custom(encoder=encoder, decoder=decoder)


def test_a_network_is_the_same_as_itself():
    comparison = compared(NET)

    assert {block.state for block in comparison.blocks} == {"same"}
    assert all(m.state == "same" and m.changes == () for m in comparison.layers)
    assert [m.b.name for m in comparison.layers] == [m.a.name for m in comparison.layers]


def test_a_changed_setting_is_named_with_both_values_and_what_follows_from_it():
    comparison = compared(
        custom(SimpleConvBlock(filters=3, num_convs=1), SimpleConvBlock(filters=8)),
        first=custom(SimpleConvBlock(filters=2, num_convs=1), SimpleConvBlock(filters=8)),
    )

    assert match_of(comparison, "stack0_enc0_conv0").changes == (
        Change("filters", 2, 3),
        Change("output", (32, 32, 2), (32, 32, 3)),
        Change("parameters", 20, 30),
    )
    following = match_of(comparison, "stack0_enc1_conv0")
    assert following.changes == (Change("parameters", 152, 224),), "it reads more channels"
    assert match_of(comparison, "stack0_enc1_conv1").state == "same"
    states = {block.id: block.state for block in comparison.blocks}
    assert states == {
        "alone-image_in": "same",
        "block-stack0_enc0": "changed",
        "block-stack0_enc1": "changed",
    }


def test_layers_and_blocks_that_only_one_has_are_told():
    comparison = compared(attrs.evolve(NET, down_blocks=3, up_blocks=3, convs_per_block=3))

    blocks = Counter(block.state for block in comparison.blocks)
    assert blocks["only in B"] == 2
    assert blocks["only in A"] == 0
    added = match_of(comparison, "stack0_enc0_conv2")
    assert (added.state, added.a, added.node) == ("only in B", None, added.b)
    back = compare(comparison.b, comparison.a)
    assert Counter(block.state for block in back.blocks)["only in A"] == 2
    assert match_of(back, "stack0_enc0_conv2").state == "only in A"


def test_what_only_a_has_stands_after_what_it_follows_there():
    three = custom(*(SimpleConvBlock(filters=2, num_convs=n) for n in (1, 2, 1)))
    two = custom(*(SimpleConvBlock(filters=2, num_convs=n) for n in (1, 1)))
    comparison = compared(two, first=three)

    assert [block.id for block in comparison.blocks] == [
        "alone-image_in",
        "block-stack0_enc0",
        "block-stack0_enc1",
        "block-stack0_enc2",
    ]
    assert [block.node in comparison.b for block in comparison.blocks] == [True] * 3 + [False]
    second = comparison.blocks[2]
    assert [m.node.name.removeprefix("stack0_enc1_") for m in second.layers] == [
        "conv0", "act0_relu", "conv1", "act1_relu", "pool",
    ]  # fmt: skip
    assert [m.state for m in second.layers] == [
        "same", "same", "only in A", "only in A", "changed",
    ]  # fmt: skip


def test_a_name_that_holds_a_setting_does_not_hide_that_the_layer_is_the_same_one():
    comparison = compared(
        custom(SimpleConvBlock(filters=2, num_convs=3, activation="elu")),
        first=custom(SimpleConvBlock(filters=2, num_convs=2, activation="relu")),
    )

    renamed = match_of(comparison, "stack0_enc0_act1_elu")
    assert renamed.a.name == "stack0_enc0_act1_relu"
    assert renamed.changes == (Change("activation", "relu", "elu"),)
    assert match_of(comparison, "stack0_enc0_act2_elu").state == "only in B"
    # What it feeds is linked as before.
    assert match_of(comparison, "stack0_enc0_conv1").state == "same"
    for name in ("stack0_enc0_act1_relu", "stack0_enc0_act1_elu"):
        assert comparison.state_of(f"layer-{name}") == "changed"


def test_left_over_layers_are_matched_in_order_past_those_that_only_one_has():
    def decoder(**options) -> Custom:
        block = SimpleUpsamplingBlock(refine_convs_filters=2, **options)
        return custom(SimpleConvBlock(filters=2), SimpleConvBlock(filters=2), decoder=(block,))

    # Both the strides in the names and the kind of upsampling differ.
    a = decoder(upsampling_stride=2, refine_convs_activation="elu")
    b = decoder(upsampling_stride=4, transposed_conv=True, transposed_conv_filters=2)
    comparison = compared(b, first=a)

    pairs = {
        m.a.name.removeprefix("stack0_dec0_s4_to_s2_"): m.b.name.removeprefix(
            "stack0_dec0_s4_to_s1_"
        )
        for m in comparison.layers
        if m.a and m.b and "dec0" in m.a.name
    }
    assert pairs == {
        "refine_conv0": "refine_conv0",
        "refine_conv0_bn": "refine_conv0_bn",
        "refine_conv0_act_elu": "refine_conv0_act_relu",
        "refine_conv1": "refine_conv1",
        "refine_conv1_bn": "refine_conv1_bn",
        "refine_conv1_act_elu": "refine_conv1_act_relu",
    }


def test_another_kind_of_layer_under_the_same_name_is_a_change():
    def of(layer) -> Graph:
        return Graph([layer(input_feature((8, 8, 1)))])

    comparison = compare(
        of(Conv2D(name="x", filters=1, kernel_size=5)), of(DepthwiseConv2D(name="x", kernel_size=3))
    )

    assert match_of(comparison, "x").changes == (
        Change("kind", "Conv2D", "DepthwiseConv2D"),
        Change("kernel_size", 5, 3),
        Change("parameters", 26, 10),
    )


def test_a_link_to_another_layer_is_a_change():
    skips = [
        custom(
            SimpleConvBlock(filters=2),
            SimpleConvBlock(filters=2),
            decoder=(SimpleUpsamplingBlock(refine_convs_filters=2, skip_connection=skip),),
        )
        for skip in (False, True)
    ]
    comparison = compared(skips[1], first=skips[0])

    changed = match_of(comparison, "stack0_dec0_s4_to_s2_refine_conv0")
    assert changed.changes[0] == Change(
        "inputs",
        ("stack0_dec0_s4_to_s2_interp_bilinear",),
        ("stack0_dec0_s4_to_s2_skip_concat",),
    )


def test_another_input_size_changes_every_feature():
    comparison = compare(GRAPH, trace(NET, (64, 32, 1)))

    assert {m.state for m in comparison.layers} == {"changed"}
    assert comparison.layers[0].changes == (Change("output", (32, 32, 1), (64, 32, 1)),)


def test_states_are_found_by_selection():
    comparison = compared(attrs.evolve(NET, stacks=2))

    assert comparison.state_of("block-stack0_enc0") == "same"
    assert comparison.state_of("block-stack1_enc0") == "only in B"
    assert comparison.state_of("layer-stack1_enc0_conv0") == "only in B"
    assert comparison.state_of("layer-nothing") is None


@settings(max_examples=40)
@given(st.data())
def test_every_layer_is_matched_once_and_the_same_ones_have_the_same_figures(data):
    family = FAMILIES[data.draw(st.sampled_from(list(FAMILIES)))]
    graphs = []
    for _ in range(2):
        architecture = data.draw(family())
        graphs.append(trace(architecture, data.draw(shapes_for(architecture))))
    a, b = graphs
    comparison = compare(a, b)

    for graph, nodes in (
        (a, [match.a for match in comparison.layers]),
        (b, [match.b for match in comparison.layers]),
    ):
        there = [node.name for node in nodes if node]
        assert sorted(there) == sorted(node.name for node in graph)
    reports = [analyze(graph) for graph in graphs]
    for match in comparison.layers:
        if match.state == "same":
            mine, other = (
                attrs.evolve(row, name="", receptive_field=None)
                for row in (reports[0][match.a.name], reports[1][match.b.name])
            )
            assert mine == other
        elif match.state == "changed":
            assert all(change.a != change.b for change in match.changes)


# Parameters and figures.


def test_parameters_that_differ_are_listed_with_their_values():
    assert parameter_changes(NET, NET) == ()
    assert parameter_changes(NET, attrs.evolve(NET, filters=5, up_interpolate=True)) == (
        Change("filters", 4, 5),
        Change("upsample by", "transposed conv", "bilinear"),
    )
    assert parameter_changes(Input(), Input(width=32)) == (Change("width", 256, 32),)


def test_of_two_families_the_names_alone_are_compared():
    assert parameter_changes(NET, LeapCNN()) == (
        Change("architecture", "U-Net, own settings", "LEAP CNN"),
    )


def test_a_class_that_was_defined_again_is_told_from_the_first():
    made = [type("Mine", (UNet,), {})(filters=2) for _ in range(2)]

    (change,) = parameter_changes(*made)

    assert (change.a, change.b) == ("Mine", "Mine (defined again)")


def test_fields_of_blocks_and_heads_are_named_with_their_place():
    a = custom(SimpleConvBlock(filters=2), SimpleConvBlock(filters=3))
    b = attrs.evolve(
        custom(SimpleConvBlock(filters=2), SimpleConvBlock(filters=4), SimpleConvBlock()),
        heads=(Head(name="mask", channels=1),),
    )

    assert set(parameter_changes(a, b)) == {
        Change("encoder 1: filters", 3, 4),
        Change("encoder 2", "none", "SimpleConvBlock"),
        Change("heads 0", "none", "Head"),
    }


def figure(name: str, a, b) -> Figure:
    return next(found for found in figures(a, b) if found.name == name)


def test_figures_are_those_of_the_reports_with_their_ratio():
    a, b = analyze(GRAPH), analyze(trace(attrs.evolve(NET, filters=8), SHAPE))

    for name, value in (
        ("layers", lambda report: len(report.layers)),
        ("parameters", lambda report: report.total_params),
        ("trainable parameters", lambda report: report.trainable_params),
        ("MACs", lambda report: report.macs),
        ("peak memory", lambda report: report.peak_memory_bytes),
        ("weights", lambda report: report.weights_bytes),
        ("receptive field", lambda report: report.receptive_field[0]),
        ("maximum stride", lambda report: NET.maximum_stride),
    ):
        found = figure(name, a, b)
        assert found.ratio == value(b) / value(a)
        assert found.differs == (value(a) != value(b))
    assert figure("output", a, b) == Figure("output", "32×32×4", "32×32×8", True, None)
    # Of several outputs all are compared.
    heads = [[Head("one", channels=n), Head("two", channels=3)] for n in (2, 5)]
    one, two = (analyze(trace(attrs.evolve(NET, heads=each), SHAPE)) for each in heads)
    several = Figure("output", "32×32×2, 32×32×3", "32×32×5, 32×32×3", True, None)
    assert figure("output", one, two) == several
    assert not figure("input", a, b).differs
    deeper = analyze(trace(attrs.evolve(NET, down_blocks=3), SHAPE))
    assert figure("maximum stride", a, deeper) == Figure("maximum stride", "4", "8", True, 2.0)


def test_a_figure_that_is_not_known_has_no_ratio():
    known = analyze(GRAPH)
    layers = (attrs.evolve(known.layers[0], macs=None), *known.layers[1:])
    unknown = attrs.evolve(known, layers=layers, receptive_field=None)

    macs, field = figure("MACs", known, unknown), figure("receptive field", known, unknown)

    assert (macs.b, macs.ratio) == (f"≥ {macs.a}", None)
    assert macs.differs
    assert (field.b, field.differs, field.ratio) == ("unknown", True, None)


def test_a_ratio_with_nothing_is_none():
    nothing = analyze(trace(custom(SimpleConvBlock(num_convs=0)), SHAPE))

    assert figure("parameters", nothing, analyze(GRAPH)).ratio is None
    assert figure("parameters", analyze(GRAPH), nothing).ratio == 0


def test_a_field_that_grew_by_two_factors_has_no_single_one():
    reports = [
        attrs.evolve(analyze(GRAPH), receptive_field=field) for field in ((10, 10), (20, 30))
    ]
    assert figure("receptive field", *reports).ratio is None
