"""What is written of layers and blocks: every figure works out, every kind has its words."""

import re
from fractions import Fraction
from itertools import pairwise
from math import ceil, floor

import attrs
import keras
import pygraphviz
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from explorer import (
    EncoderDecoder,
    FCDenseNet,
    Head,
    SimpleConvBlock,
    SimpleUpsamplingBlock,
    UNet,
    analyze,
    diagram,
    presets,
    read,
    trace,
)
from explorer.core.analysis.connections import Skip, Wiring, role_of
from explorer.core.analysis.report import Report
from explorer.core.drawing.boxes import cards_of, links_of
from explorer.core.formatting import byte_size, counted, share
from explorer.core.network.graph import (
    Block,
    Feature,
    Graph,
    Node,
    in_block,
    input_feature,
    positions,
)
from explorer.core.network.layers import (
    ACTIVATIONS,
    INTERPOLATIONS,
    Activation,
    Add,
    AveragePooling2D,
    BatchNormalization,
    Concatenate,
    Conv2D,
    Conv2DTranspose,
    Cropping2D,
    Dense,
    DepthwiseConv2D,
    Dropout,
    GlobalAveragePooling2D,
    GlobalMaxPooling2D,
    GroupNormalization,
    InputLayer,
    Layer,
    LeakyReLU,
    MaxPooling2D,
    Multiply,
    SeparableConv2D,
    UpSampling2D,
    ZeroPadding2D,
    layer_kinds,
)
from explorer.core.network.layers.foreign import Foreign
from explorer.core.network.layers.terms import Terms
from explorer.core.network.names import block_id, nodes_of
from explorer.core.words.arithmetic import block_facts, configuration, figures
from explorer.core.words.explanations import block_text, layer_text, skips_text
from tests.strategies import architectures, by_axis, margins, shapes_for

WRITTEN = str.maketrans({"×": "*", "÷": "/", "−": "-", "⌈": "ceil(", "⌉": ")", "⌊": "floor("})
PRESETS = (
    "U-Net",
    "LEAP CNN",
    "Stacked hourglass",
    "Residual hourglass",
    "FC-DenseNet56",
    "ResNet50",
)
CONVOLUTIONS = ("Conv2D", "DepthwiseConv2D", "Conv2DTranspose")


def work_out(text: str) -> Fraction:
    """Return the value of arithmetic as it is written, such as "⌈255 ÷ 2⌉" or "1,024"."""
    code = text.replace(",", "").translate(WRITTEN).replace("⌋", ")")
    assert re.fullmatch(r"(?:[\d\s()*/+-]|ceil|floor)+", code), text
    code = re.sub(r"\d+", r"Fraction(\g<0>)", code)
    return Fraction(eval(code, {"Fraction": Fraction, "ceil": ceil, "floor": floor}))


def result(text: str) -> Fraction:
    """Return what a figure comes to; its arithmetic must lead there."""
    left, equals, right = text.partition(" = ")
    if equals:
        assert work_out(left) == work_out(right), text
    return work_out(right or left.removesuffix(", unchanged"))


def check_figures(node: Node, report: Report) -> dict[str, str]:
    """Check that what is written of a layer works out, and is what the report says."""
    row = report[node.name]
    written = {fact.name: fact.value for fact in figures(node, report)}
    memory, _, size = written["memory"].partition(" bytes = ")
    assert work_out(memory) == row.memory_bytes
    assert size == byte_size(row.memory_bytes)
    assert (0 if written["weights"] == "none" else result(written["weights"])) == row.params
    assert (None if written["MACs"] == "not known" else result(written["MACs"])) == row.macs
    if isinstance(node.stride, int | Fraction):
        assert result(written["stride"]) == node.stride
    else:
        steps = "×".join(map(str, node.stride or ()))
        assert written["stride"] == (steps or ("none" if positions(node) == 1 else "unknown"))
    field = written["receptive field"]
    if "=" in field:
        assert (result(field),) * 2 == row.receptive_field
    else:
        assert field == ("×".join(map(str, row.receptive_field or ())) or "not known")
    if "output" in written:
        assert written["output"] == "×".join(map(str, node.shape))
    else:
        both = written.get("height, width")
        axes = [both or written["height"], both or written["width"], written["channels"]]
        assert tuple(map(result, axes)) == node.shape
    return written


def check_graph(graph: Graph) -> None:
    """Check what is written of all layers and blocks of a graph."""
    report, wiring = analyze(graph), Wiring(graph)
    texts = [skips_text(wiring)]
    for node in graph:
        written = check_figures(node, report)
        if node.kind in CONVOLUTIONS:
            assert " = " in written["weights"]
            assert " = " in written["MACs"]
        texts.append(layer_text(node, wiring))
    for nodes in wiring.parts.values():
        facts = {fact.name: fact.value for fact in block_facts(nodes, report)}
        assert result(facts["weights"]) == sum(report[node.name].params for node in nodes)
        assert result(facts["MACs"]) == sum(report[node.name].macs or 0 for node in nodes)
        assert facts["output"] == "×".join(map(str, nodes[-1].shape))
        if nodes[0].block:
            texts.append(block_text(nodes, wiring))
    for text in texts:
        assert re.fullmatch(r"\S.*\.", text), text
        assert not re.search(r"None|\{|\}|<|  ", text), text


def alone(layer: Layer, *shapes: tuple[int, ...]) -> tuple[Node, Graph]:
    """Return a layer on inputs of these shapes, and the graph that it makes."""
    inputs = [input_feature(shape, f"in{i}") for i, shape in enumerate(shapes)]
    graph = Graph([layer(inputs if len(inputs) > 1 else inputs[0])])
    return graph[layer.name], graph


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3×3×64×128 + 128", 73_856),
        ("⌈255 ÷ 2⌉", 128),
        ("⌊(255 − ((3 − 1)×2 + 1)) ÷ 2⌋ + 1", 126),
        ("1,024 × 2", 2048),
        ("1/2 × 4", 2),
    ],
)
def test_arithmetic_is_worked_out(text, value):
    assert work_out(text) == value


def test_wrong_arithmetic_is_noticed():
    with pytest.raises(AssertionError, match="255"):
        result("255 ÷ 2 = 128")


@pytest.mark.parametrize("name", PRESETS)
def test_every_figure_and_text_of_a_preset_is_right(name):
    check_graph(trace(presets[name], (256, 128, 3)))


@given(st.data())
@settings(max_examples=25)
def test_every_figure_and_text_of_drawn_parameters_is_right(data):
    architecture = data.draw(architectures)
    check_graph(trace(architecture, data.draw(shapes_for(architecture))))


sizes = by_axis(4)
windows = {
    "kernel_size": sizes,
    "strides": sizes,
    "dilation_rate": sizes,
    "padding": st.sampled_from(["same", "valid"]),
    "use_bias": st.booleans(),
}
pools = {"pool_size": sizes, "strides": sizes, "padding": windows["padding"]}

#: For each kind how its settings are drawn.
SETTINGS = {
    InputLayer: {"shape": st.just((20, 17, 12))},
    Conv2D: windows | {"filters": st.sampled_from([12, 24]), "groups": st.sampled_from([1, 3])},
    DepthwiseConv2D: windows | {"depth_multiplier": st.integers(1, 4)},
    SeparableConv2D: windows
    | {"filters": st.integers(1, 4), "depth_multiplier": st.integers(1, 4)},
    Dense: {"units": st.integers(1, 4), "use_bias": st.booleans()},
    Conv2DTranspose: {
        "filters": st.integers(1, 4),
        "padding": st.sampled_from(["same", "valid"]),
        "kernel_size": sizes,
        "strides": sizes,
        "use_bias": st.booleans(),
    },
    MaxPooling2D: pools,
    AveragePooling2D: pools,
    GlobalMaxPooling2D: {"keepdims": st.booleans()},
    GlobalAveragePooling2D: {"keepdims": st.booleans()},
    ZeroPadding2D: {"padding": margins},
    Cropping2D: {"cropping": margins},
    UpSampling2D: {"size": sizes, "interpolation": st.sampled_from(INTERPOLATIONS)},
    BatchNormalization: {"center": st.booleans(), "scale": st.booleans()},
    GroupNormalization: {
        "groups": st.sampled_from([-1, 1, 4, 12]),
        "center": st.booleans(),
        "scale": st.booleans(),
    },
    LeakyReLU: {"negative_slope": st.floats(0, 0.9)},
    Dropout: {"rate": st.floats(0, 0.9)},
    Activation: {"activation": st.sampled_from(ACTIVATIONS)},
    Concatenate: {},
    Add: {},
    Multiply: {},
}
OWN_KINDS = [cls for cls in layer_kinds().values() if cls.__module__.startswith("explorer.")]


def test_every_kind_is_drawn():
    assert set(SETTINGS) == set(OWN_KINDS)


@pytest.mark.parametrize("kind", SETTINGS, ids=lambda kind: kind.__name__)
@given(st.data())
@settings(max_examples=25)
def test_every_figure_of_a_kind_works_out(kind, data):
    of_training = {} if kind is InputLayer else {"trainable": st.booleans()}
    layer = data.draw(st.builds(kind, name=st.just("layer"), **SETTINGS[kind], **of_training))
    if kind is InputLayer:
        return check_graph(Graph([input_feature(layer.shape)]))
    check_graph(
        alone(layer, *((20, 17, 12),) * (2 if kind in (Add, Concatenate, Multiply) else 1))[1]
    )


@pytest.mark.parametrize("kind", SETTINGS, ids=lambda kind: kind.__name__)
def test_every_kind_has_words_of_its_own(kind):
    needed = {
        InputLayer: {"shape": (4, 4, 2)},
        Conv2D: {"filters": 2},
        Conv2DTranspose: {"filters": 2},
        SeparableConv2D: {"filters": 2},
        Dense: {"units": 2},
        GroupNormalization: {"groups": 2},
    }
    layer = kind(name="layer", **needed.get(kind, {}))
    inputs = tuple(input_feature((4, 4, 2), f"in{i}").node for i in range(2))
    node = Node(layer, inputs if kind is not InputLayer else (), (4, 4, 2), 1, None)
    graph = Graph([Feature(node)])

    text = layer_text(node, Wiring(graph))

    assert text
    assert " ".join(kind.__doc__.split()) not in text, "what it does is not yet written"


def test_a_kind_that_somebody_else_wrote_is_explained_by_its_docstring():
    class Softener(Layer):
        """Makes everything
        softer.
        """

        has_twin = False  # else tests that walk all kinds would meet it

    node, graph = alone(Softener(name="soft"), (4, 4, 2))

    assert layer_text(node, Wiring(graph)).startswith("Makes everything softer.")
    check_figures(node, analyze(graph))


def test_a_new_kind_needs_its_class_alone():
    class Weighing(Layer):
        """Each value times a weight."""

        has_twin = False
        summary = "weighs values"

        def weight_terms(self, inputs):
            return Terms(((*inputs[0],), (1,)), (2,), "values, and one more, twice")

        def mac_terms(self, inputs, output):
            return Terms((inputs[0],), note="values")

    node, graph = alone(Weighing(name="weighing"), (4, 5, 3))
    report = analyze(graph)
    facts = {fact.name: fact for fact in figures(node, report)}

    assert (report.total_params, report.macs) == (122, 60)
    assert check_figures(node, report)["weights"] == "(4×5×3 + 1) × 2 = 122"
    assert facts["weights"].note == "values, and one more, twice; 100% of the network’s"
    assert facts["MACs"].value == "4×5×3 = 60"
    assert layer_text(node, Wiring(graph)).startswith("Each value times a weight.")
    assert "weighs values" in diagram(graph).dot


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_every_activation_is_explained(activation):
    node, graph = alone(Activation(name="layer", activation=activation), (4, 4, 2))

    assert layer_text(node, Wiring(graph)).startswith(("It ", "At each position"))


def test_of_foreign_layers_only_what_is_known_is_said():
    counted_by_keras = Foreign(
        "PReLU",
        name="prelu",
        shape=(4, 4, 2),
        trainable_params=32,
        multiplications=0,
        like=Activation(name="prelu", activation="linear"),
    )
    odd = Foreign("Odd", name="odd", shape=(7,), trainable_params=40, frozen_params=8)
    node, graph = alone(counted_by_keras, (4, 4, 2))
    facts = {fact.name: fact for fact in figures(node, analyze(graph))}
    assert check_figures(node, analyze(graph))["weights"] == "32"
    assert "as Keras counts" in facts["weights"].note
    assert configuration(counted_by_keras) == []

    node, graph = alone(odd, (4, 4, 2))
    written = check_figures(node, analyze(graph))
    assert (written["output"], written["weights"], written["MACs"]) == ("7", "48", "not known")
    assert "not known" in layer_text(node, Wiring(graph))


def test_the_configuration_shows_what_matters():
    plain = Conv2D(name="conv", filters=8)
    dilated = attrs.evolve(plain, dilation_rate=2, groups=2, use_bias=False)

    def shown(layer: Layer) -> dict[str, str]:
        return {fact.name: fact.value for fact in configuration(layer)}

    assert shown(plain) == {
        "filters": "8",
        "kernel size": "3×3",
        "strides": "1",
        "use bias": "yes",
        "activation": "linear",
        "padding": "same",
    }
    others = shown(dilated).items() - shown(plain).items()
    assert others == {("dilation rate", "2"), ("groups", "2"), ("use bias", "no")}


@pytest.mark.parametrize("name", PRESETS)
def test_skip_connections_are_those_of_the_drawing(name):
    graph = trace(presets[name], (256, 256, 1))
    drawing = diagram(graph)
    dot = pygraphviz.AGraph(string=drawing.dot)
    dashed = {
        frozenset(drawing.places[box] for box in edge)
        for edge in dot.edges()
        if dot.get_edge(*edge).attr["style"] == "dashed"
    }

    found = {frozenset((block_id(s.source), block_id(s.join))) for s in Wiring(graph).skips}

    assert found == dashed


def test_sums_inside_a_block_are_shortcuts_and_no_skip_connections():
    wiring = Wiring(trace(presets["Residual hourglass"], (64, 64, 1)))
    sums = {node for node in wiring.graph if isinstance(node.layer, Add)}
    joins = {skip.join for skip in wiring.skips}

    assert len(joins) == 2 * 4 + 1
    assert set(wiring.shortcuts) == sums - joins
    on_the_way = {node for node in wiring.graph if "_skip_res" in node.name}
    assert wiring.on_skips == on_the_way


@pytest.mark.parametrize("is_last", [False, True])
@pytest.mark.parametrize("passes", [0, 1, 2])
@pytest.mark.parametrize("in_decoder", [False, True])
def test_skip_connections_are_found_in_whatever_order_a_layer_joins_its_inputs(
    is_last, passes, in_decoder
):
    fine = side = Conv2D(name="fine", filters=4)(input_feature((16, 16, 1)))
    for i in range(passes):
        side = Conv2D(name=f"side{i}", filters=4)(side)
    deep = MaxPooling2D(name="low")(fine)
    for i in range(3):
        deep = Conv2D(name=f"deep{i}", filters=4)(deep)

    def make() -> Feature:
        up = UpSampling2D(name="up")(deep)
        return Concatenate(name="join")([up, side] if is_last else [side, up])

    joined = in_block(Block("dec", "decoder", 0, 0, ""), make) if in_decoder else make()
    graph = Graph([Conv2D(name="out", filters=1)(joined)])
    wiring = Wiring(graph)

    (skip,) = wiring.skips
    assert (skip.source.name, skip.join.name) == ("fine", "join")
    way = [fine.name, *(f"side{i}" for i in range(passes)), "join"]
    assert {(a.name, b.name) for a, b in wiring.skip_of} == set(pairwise(way))
    assert {node.name for node in wiring.on_skips} == set(way[1:-1])
    assert [node.name for node in wiring.longest_path()][1:4] == ["fine", "low", "deep0"]
    cards = cards_of(graph)
    dashed = [(link.source, link.target) for link in links_of(graph, cards) if link.is_skip]
    card_of = {node.name: card.id for card in cards for node in card.nodes}
    assert sorted(dashed) == sorted(pairwise(card_of[name] for name in way))


def test_every_link_of_a_skip_connection_belongs_to_it():
    graph = trace(presets["Residual hourglass"], (64, 64, 1))
    wiring = Wiring(graph)

    for (before, after), skip in wiring.skip_of.items():
        assert before in after.inputs
        assert before is skip.source or before in wiring.on_skips
        assert after is skip.join or after in wiring.on_skips
    assert {skip.join for skip in wiring.skip_of.values()} == {s.join for s in wiring.skips}
    assert [s.passes_stack for s in wiring.skips].count(True) == 1


def test_parallel_ways_are_no_skip_connections():
    image = input_feature((8, 8, 1))
    ways = [Conv2D(name=f"way{i}", filters=2)(image) for i in range(2)]

    assert Wiring(Graph([Concatenate(name="join")(ways)])).skips == []


def test_a_block_that_joins_parallel_ways_has_shortcuts_and_no_skip_connections():
    image = input_feature((8, 8, 1))
    first, last = (Conv2D(name=f"way{i}", filters=2)(image) for i in range(2))

    def make() -> Feature:
        longer = Conv2D(name="longer", filters=2)(Add(name="sum")([first, first]))
        return Concatenate(name="join")([longer, Conv2D(name="shorter", filters=2)(last)])

    graph = Graph([in_block(Block("both", "encoder", 0, 0, ""), make)])
    wiring = Wiring(graph)

    assert (wiring.skips, wiring.on_skips) == ([], set())
    assert wiring.shortcuts == [graph["sum"]]


UNET = trace(UNet(filters=4, down_blocks=2, up_blocks=2), (32, 32, 1))
STACKED = trace(presets["Residual hourglass"], (64, 64, 1))
LEAP = trace(presets["LEAP CNN"], (64, 64, 1))
RESNET = trace(presets["ResNet50"], (64, 64, 1))
DENSE = trace(FCDenseNet(growth_rate=2, layers_per_block=(2, 2), bottleneck_layers=2), (64, 64, 1))
HEADED = trace(UNet(filters=4, down_blocks=1, up_blocks=1, heads=[Head()]), (32, 32, 1))


@pytest.mark.parametrize(
    ("graph", "name", "said"),
    [
        (UNET, "stack0_enc1_pool", "skip connection carries the detail lost here to decoder 1."),
        (LEAP, "stack0_enc1_pool", "covers 2 times as much of the image each way."),
        (UNET, "stack0_dec0_s4_to_s2_skip_concat", "skip connection from encoder 1"),
        (UNET, "stack0_dec0_s4_to_s2_refine_conv0", "first to see both"),
        (UNET, "stack0_dec0_s4_to_s2_refine_conv1", "what is where"),
        (UNET, "stack0_dec0_s4_to_s2_trans_conv", "up to that of the skip connection."),
        (LEAP, "stack0_dec0_s8_to_s4_trans_conv", "that the encoder gave up."),
        (UNET, "stack0_dec1_s2_to_s1_refine_conv1_act_relu", "This is the network’s output."),
        (UNET, "stack0_enc0_act0_relu", "amount to a single one."),
        (UNET, "stack0_enc3_middle_expand_conv0", "lowest resolution"),
        (STACKED, "stack0_merge_add", "So the next stack gets what went into this one"),
        (STACKED, "stack0_dec0_skip_res_2_conv", "prepares what the skip connection brings"),
        (STACKED, "stack0_dec0_skip_res_add", "residual connection"),
        (STACKED, "stack0_enc0_res0_1_conv", "narrows the feature"),
        (STACKED, "stack1_dec3_skip_add", "one of the network’s 2 outputs."),
        (RESNET, "stack0_enc1_pool_pad", "no padding of its own"),
        (RESNET, "stack0_enc2_block0_1_conv", "takes the place of 2×2"),
        (HEADED, "head", "As the head it makes the prediction"),
    ],
)
def test_what_a_layer_is_there_for_depends_on_its_place(graph, name, said):
    assert said in layer_text(graph[name], Wiring(graph))


@pytest.mark.parametrize(
    ("graph", "name", "said"),
    [
        (UNET, "stack0_enc0", "keeps the resolution of 32×32. It also feeds decoder 1"),
        (UNET, "stack0_enc1", "lowers the resolution from 32×32 to 16×16"),
        (UNET, "stack0_enc3", "The middle stands between"),
        (UNET, "stack0_dec0", "raises the resolution from 8×8 to 16×16"),
        (UNET, "stack0_dec0", "A skip connection from encoder 1"),
        (LEAP, "stack0_dec0", "No skip connection comes in"),
        (UNET, "stack0_dec1", "This is the network’s output."),
        (
            STACKED,
            "stem0",
            "feeds decoder 3 of stack 0, merge 0 of stack 0, decoder 3 of stack 1",
        ),
        (STACKED, "stack0_merge", "adds what went into a stack"),
        (HEADED, "head", "The head starts from a feature of the decoder"),
    ],
)
def test_what_a_block_is_there_for_depends_on_its_place(graph, name, said):
    wiring = Wiring(graph)

    nodes = [node for node in graph if node.block and node.block.name == name]
    assert said in block_text(nodes, wiring)


def test_the_skip_connections_of_a_network_are_summed_up():
    assert skips_text(Wiring(UNET)).startswith("2 skips carry")
    assert "channels are concatenated." in skips_text(Wiring(UNET))
    stacked = skips_text(Wiring(STACKED))
    assert stacked.startswith("8 skips carry")
    assert "channels are added." in stacked
    assert "1 connection past a whole stack" in stacked
    assert "29 residual connections" in stacked
    assert "lowest resolution, 8×8." in skips_text(Wiring(LEAP))
    assert "inside blocks" not in skips_text(Wiring(UNET))
    assert "concatenations inside blocks" in skips_text(Wiring(DENSE))


def test_what_enters_and_leaves_a_block():
    wiring = Wiring(UNET)
    nodes = nodes_of(UNET, "block-stack0_dec0")
    skip, main = wiring.entering(nodes)

    assert (wiring.title(skip), role_of(main)) == ("encoder 1", "middle")
    assert [(a.name, role_of(b)) for a, b in wiring.leaving(nodes)] == [(nodes[-1].name, "decoder")]
    join = UNET["stack0_dec0_s4_to_s2_skip_concat"]
    assert wiring.skip_of[skip, join] == Skip(skip, join)
    assert (main, join) not in wiring.skip_of
    assert (skip, main) not in wiring.skip_of


@pytest.mark.parametrize(
    ("part", "whole", "text"),
    [
        (1, 3, "33%"),
        (1, 30, "3.3%"),
        (1, 3000, "under 0.1%"),
        (0, 3, "0%"),
        (0, 0, "0%"),
        (3, 3, "100%"),
    ],
)
def test_shares_are_in_percent(part, whole, text):
    assert share(part, whole) == text


def test_one_channel_is_not_several():
    assert (counted(1, "channel"), counted(1024, "channel")) == ("1 channel", "1,024 channels")


def test_concatenations_inside_a_block_are_counted_where_an_earlier_feature_is_used_again():
    wiring = Wiring(DENSE)

    assert {node.name.rpartition("_dense")[0] for node in wiring.reused if "_dense" in node.name}
    assert not {skip.join for skip in wiring.skips} & {*wiring.reused}
    said = f"{len(wiring.reused)} concatenations inside blocks"
    assert said in skips_text(wiring)
    assert len(wiring.reused) == sum("concat" in n.name and "_skip_" not in n.name for n in DENSE)


def test_parallel_ways_that_are_concatenated_use_nothing_again():
    image = input_feature((8, 8, 1))

    def make() -> Feature:
        return Concatenate(name="join")(
            [Conv2D(name=f"way{i}", filters=2)(image) for i in range(2)]
        )

    graph = Graph([in_block(Block("both", "encoder", 0, 0, ""), make)])

    assert Wiring(graph).reused == []


class Mine(EncoderDecoder):
    """As the README's: skips start after the pooling of the encoder's blocks."""

    encoder_stack = tuple(SimpleConvBlock(filters=2**i) for i in range(3))
    decoder_stack = (SimpleUpsamplingBlock(skip_connection=True),) * 3


def test_what_is_lost_before_a_skip_connection_starts_is_not_said_to_come_with_it():
    mine = skips_text(Wiring(trace(Mine(), (64, 32, 1))))
    assert mine.startswith("2 skips carry fine detail around the coarse levels")
    assert "2 start right after a pooling and cannot bring what that lost." in mine
    assert "finest detail that comes this way is that of 32×16, where the image has 64×32." in mine

    stem = skips_text(Wiring(STACKED))  # 64×64 pixels, lowered by convolution and pooling
    assert "right after a pooling" not in stem
    assert "that of 16×16, where the image has 64×64." in stem
    for word in ("right after a pooling", "finest"):
        assert word not in skips_text(Wiring(UNET))


def test_a_gate_on_what_keras_pooled_is_summed_up_too():
    layers = keras.layers
    image = keras.Input((64, 64, 1))
    # Of another type of values: not one of our kinds.
    pooled = layers.MaxPooling2D(dtype="float16")(layers.Conv2D(2, 3, padding="same")(image))
    low = layers.Conv2D(2, 3, padding="same")(layers.MaxPooling2D()(pooled))
    gated = layers.Multiply()([pooled, layers.UpSampling2D()(low)])

    text = skips_text(Wiring(read(keras.Model(image, gated))))

    assert "channels are joined by Multiply. 1 starts right after a pooling" in text


def test_a_skip_connection_that_is_asked_for_and_lacking_is_told():
    graph = trace(Mine(), (64, 64, 1))
    last = nodes_of(graph, "block-stack0_dec2")
    assert Mine().skips_without_source() == [2]

    text = block_text(last, Wiring(graph), lacks_skip=True)

    assert "It asks for a skip connection, but none comes in" in text
    assert "returns a feature of 64×64." in text
    assert "asks for" not in block_text(last, Wiring(graph))


@pytest.mark.parametrize(
    "layer",
    [
        Conv2D(name="layer", filters=2),
        DepthwiseConv2D(name="layer"),
        Conv2DTranspose(name="layer", filters=2),
        BatchNormalization(name="layer"),
        GroupNormalization(name="layer", groups=2),
    ],
    ids=lambda layer: layer.kind,
)
def test_no_weight_is_said_to_be_trained_which_nothing_here_is(layer):
    text = layer_text(*_with_wiring(layer))

    assert "trained" not in text
    assert re.search(r"raining sets", text)


def _with_wiring(layer: Layer) -> tuple[Node, Wiring]:
    node, graph = alone(layer, (4, 4, 2))
    return node, Wiring(graph)
