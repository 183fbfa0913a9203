"""The families reach their known figures, and follow their formulas."""

import json
from collections import Counter

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from explorer import (
    FCDenseNet,
    Hourglass,
    LeapCNN,
    PlainConvUNet,
    ResidualEncoderUNet,
    ResidualHourglass,
    ResNet,
    SimpleConvBlock,
    UNet,
    analyze,
    from_json,
    presets,
    to_json,
    trace,
)
from explorer.core.analysis.connections import wiring_of
from explorer.core.network.layers import Activation, Conv2D, Conv2DTranspose
from explorer.core.network.parameters import parameters_of
from explorer.core.words.explanations import skips_text
from tests.keras_helpers import direct_model, rows_of_graph, structure
from tests.strategies import leap_cnns, unets

FIGURES = [
    (UNet(), (192, 192, 1), 34_512_128, 34_512_128, 53),
    (
        UNet(filters=8, down_blocks=2, up_blocks=2, middle_block=False),
        (192, 192, 1),
        16_320,
        16_320,
        25,
    ),
    (
        UNet(stacks=3, filters=16, down_blocks=5, up_blocks=5, up_interpolate=True),
        (160, 160, 1),
        23_590_608,
        23_590_608,
        178,
    ),
    (
        UNet(stacks=3, filters=16, stem_blocks=2, down_blocks=3, up_blocks=3, up_interpolate=True),
        (160, 160, 1),
        23_396_592,
        23_396_592,
        122,
    ),
    (LeapCNN(), (192, 192, 1), 10_768_896, 10_768_896, 40),
    (LeapCNN(filters=8, up_interpolate=True), (64, 64, 1), 120_272, 120_272, 37),
    (Hourglass(), (256, 256, 1), 66_002_944, 65_969_408, 116),
]


@pytest.mark.parametrize(("architecture", "shape", "params", "trainable", "layers"), FIGURES)
def test_known_figures_are_reached(architecture, shape, params, trainable, layers):
    graph = trace(architecture, shape)
    report = analyze(graph)
    assert (report.total_params, report.trainable_params) == (params, trainable)
    assert len(graph) == layers
    assert rows_of_graph(graph) == structure(lambda: direct_model(architecture, shape))


@pytest.mark.parametrize("name", presets)
def test_a_preset_can_be_traced(name):
    report = analyze(trace(presets[name], (256, 256, 1)))
    assert report.total_params > 0
    assert report.receptive_field > (1, 1)


def test_presets_cannot_be_changed():
    with pytest.raises(TypeError):
        presets["mine"] = UNet()


def fields_of(cls):
    return {field.name: field.default for field in attrs.fields(cls) if not field.kw_only}


def test_fields_and_defaults_stand_in_the_documented_order():
    assert list(fields_of(UNet).items()) == [
        ("stacks", 1),
        ("filters", 64),
        ("filters_rate", 2),
        ("kernel_size", 3),
        ("stem_kernel_size", 3),
        ("convs_per_block", 2),
        ("stem_blocks", 0),
        ("down_blocks", 4),
        ("middle_block", True),
        ("up_blocks", 4),
        ("up_interpolate", False),
        ("block_contraction", False),
    ]
    assert list(fields_of(LeapCNN).items()) == [
        ("stacks", 1),
        ("filters", 64),
        ("filters_rate", 2),
        ("down_blocks", 3),
        ("down_convs_per_block", 3),
        ("up_blocks", 3),
        ("up_interpolate", False),
        ("up_convs_per_block", 2),
    ]
    assert list(fields_of(Hourglass).items()) == [
        ("down_blocks", 4),
        ("up_blocks", 4),
        ("stem_filters", 128),
        ("stem_stride", 4),
        ("filters", 256),
        ("filter_increase", 128),
        ("interp_method", "nearest"),
        ("stacks", 3),
    ]


def filters_by_block(architecture, *kinds):
    """Return the filters of the convolutions of these kinds, by block."""
    found = {}
    size = architecture.maximum_stride
    for node in trace(architecture, (size, size, 1)):
        if isinstance(node.layer, kinds):
            found.setdefault(node.block.name, []).append(node.layer.filters)
    return found


pooled = st.just(False)
#: Without the convolutions that fit a skip connection's width to what it is added to.
unprojected = unets(skips=st.sampled_from(["concatenate", "none"]), strided_conv=pooled)


@given(unprojected)
def test_u_nets_have_the_filters_of_their_levels(unet):
    def level(n):
        return int(unet.filters * unet.filters_rate**n)

    bottom = unet.stem_blocks + unet.down_blocks
    convs = unet.convs_per_block
    expected = {f"stem{n}": [level(n)] * convs for n in range(unet.stem_blocks)}
    for stack in range(unet.stacks):
        start = f"stack{stack}"
        for n in range(unet.stem_blocks, bottom):
            expected[f"{start}_enc{n - unet.stem_blocks}"] = [level(n)] * convs
        if unet.middle_block:
            # The block after the encoder's blocks pools alone.
            index = unet.down_blocks + 1
            if convs > 1:
                expected[f"{start}_enc{index}"] = [level(bottom)] * (convs - 1)
                index += 1
            contracted = bottom - 1 if unet.block_contraction else bottom
            expected[f"{start}_enc{index}"] = [level(contracted)]
        for i in range(unet.up_blocks):
            first = level(bottom - 1 - i)
            rest = level(bottom - 2 - i) if unet.block_contraction else first
            upsampling = [] if unet.up_interpolate else [first]
            expected[f"{start}_dec{i}"] = [*upsampling, first, *[rest] * (convs - 1)]
    assert filters_by_block(unet, Conv2D, Conv2DTranspose) == expected


@given(leap_cnns(strided_conv=pooled))
def test_leap_cnns_have_the_filters_of_their_levels(leap):
    def level(n):
        return int(leap.filters * leap.filters_rate**n)

    expected = {}
    for stack in range(leap.stacks):
        for i in range(leap.down_blocks):
            expected[f"stack{stack}_enc{i}"] = [level(i)] * leap.down_convs_per_block
        for i in range(leap.up_blocks):
            upsampling = 0 if leap.up_interpolate else 1
            filters = [level(leap.up_blocks - i)] * (upsampling + leap.up_convs_per_block)
            if filters:
                expected[f"stack{stack}_dec{i}"] = filters
    assert filters_by_block(leap, Conv2D, Conv2DTranspose) == expected


def test_hourglass_filters_grow_by_an_amount():
    hourglass = Hourglass(2, 2, stem_filters=5, filters=7, filter_increase=3, stacks=1)
    assert filters_by_block(hourglass, Conv2D) == {
        "stem0": [5, 10, 7],
        "stack0_enc0": [7],
        "stack0_enc1": [10],
        "stack0_dec0": [10, 10],
        "stack0_dec1": [7, 7],
    }


def test_a_u_nets_stem_has_a_kernel_size_of_its_own():
    graph = trace(UNet(filters=2, stem_blocks=1, stem_kernel_size=5), (32, 32, 1))
    sizes = {
        (node.block.role, node.layer.kernel_size)
        for node in graph
        if hasattr(node.layer, "filters")
    }
    assert sizes == {("stem", 5), ("encoder", 3), ("middle", 3), ("decoder", 3)}


@given(unprojected)
def test_every_convolution_of_a_u_net_has_a_relu_and_no_normalisation(unet):
    size = unet.maximum_stride
    graph = trace(unet, (size, size, 1))
    activations = [node for node in graph if isinstance(node.layer, Activation)]
    convolutions = [node for node in graph if isinstance(node.layer, (Conv2D, Conv2DTranspose))]
    assert {node.inputs for node in activations} == {(node,) for node in convolutions}
    assert {node.layer.activation for node in activations} == {"relu"}
    assert not any(node.kind == "BatchNormalization" for node in graph)


@pytest.mark.parametrize("up_interpolate", [False, True])
def test_a_u_net_concatenates_its_skips_adds_them_or_has_none(up_interpolate):
    net = UNet(filters=2, down_blocks=2, up_blocks=2, up_interpolate=up_interpolate)

    def joined(skips):
        graph = trace(attrs.evolve(net, skips=skips), (8, 8, 1))
        return {
            node.name.rpartition("_skip_")[2]: node.shape for node in graph if "_skip_" in node.name
        }

    assert net.skips == "concatenate"
    last = 4 if up_interpolate else 2  # channels that come up
    assert joined("concatenate") == {"concat": (8, 8, last + 2)}
    assert joined("none") == {}
    projected = {"conv1x1": (8, 8, last)} if up_interpolate else {}
    assert joined("add") == {**projected, "add": (8, 8, last)}


def family(net):
    return type(net).__name__


SMALL = {
    ResNet: ResNet(filters=2, up_blocks=2, up_filters=4),
    Hourglass: Hourglass(2, 2, stem_filters=2, filters=3, filter_increase=1, stacks=2),
    ResidualHourglass: ResidualHourglass(filters=3, stem_filters=2, down_blocks=2),
    FCDenseNet: FCDenseNet(growth_rate=2, layers_per_block=(1, 2), bottleneck_layers=3),
    PlainConvUNet: PlainConvUNet(stages=3, filters=2, normalisation="batch"),
    ResidualEncoderUNet: ResidualEncoderUNet(stages=3, filters=2, units_per_stage=(1,)),
}


@pytest.mark.parametrize(
    ("family", "published", "added", "concatenated"),
    [
        # As wide as what comes up, and both side by side.
        (ResNet, "none", [64, 4], [64 + 32, 4 + 16]),
        (Hourglass, "add", [4, 3] * 2, [8, 6] * 2),
        (ResidualHourglass, "add", [3, 3] * 2, [6, 6] * 2),
        (FCDenseNet, "concatenate", [6, 4], [6 + 54, 4 + 50]),
        (PlainConvUNet, "concatenate", [4, 2], [4 + 4, 2 + 2]),
        (ResidualEncoderUNet, "concatenate", [4, 2], [4 + 4, 2 + 2]),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_every_family_with_skips_has_them_by_one_control(family, published, added, concatenated):
    net = SMALL[family]
    assert net.skips == published

    def joins(skips):
        graph = trace(attrs.evolve(net, skips=skips), (64, 64, 1))
        found = [skip.join for skip in wiring_of(graph).skips if not skip.passes_stack]
        return [(node.kind, node.shape[-1]) for node in found]

    assert joins("add") == [("Add", channels) for channels in added]
    assert joins("concatenate") == [("Concatenate", channels) for channels in concatenated]
    assert joins("none") == []


@pytest.mark.parametrize("net", [*SMALL.values(), UNet(filters=2), LeapCNN(filters=2)], ids=family)
def test_no_family_has_skips_or_a_way_up_without_a_control_of_it(net):
    shape = (64, 64, 1)
    controls = [found.label for found in parameters_of(type(net))]
    graph = trace(net, shape)

    assert controls.count("upsample by") == 1
    if any(not skip.passes_stack for skip in wiring_of(graph).skips):
        assert controls.count("skips") == 1
    ways = [trace(attrs.evolve(net, up_interpolate=which), shape) for which in (False, True)]
    kinds = [Counter(node.kind for node in graph) for graph in ways]
    ups = [(found["Conv2DTranspose"], found["UpSampling2D"]) for found in kinds]
    steps = net.stacks * len(net.decoder_stack)
    assert ups == [(steps, 0), (0, steps)]


def test_the_families_that_are_tried_are_all():
    assert {type(net) for net in presets.values()} == {*SMALL, UNet, LeapCNN}


@pytest.mark.parametrize("family", SMALL, ids=lambda family: family.__name__)
def test_without_skips_nothing_is_left_of_them(family):
    net = attrs.evolve(SMALL[family], skips="none")
    graph = trace(net, (64, 64, 1))

    assert not [node.name for node in graph if "skip" in node.name]
    assert net.skips_without_source() == []
    assert "none from encoder to decoder" in skips_text(wiring_of(graph))


@pytest.mark.parametrize(
    ("net", "lacking"),
    [
        (Hourglass(2, 3, 2, 4, 3, 0, stacks=1), [2]),
        (ResNet(up_blocks=5, skips="add"), [4]),
        (ResNet(up_blocks=5), []),
    ],
)
def test_where_no_feature_has_the_resolution_of_a_skip_connection_is_told(net, lacking):
    assert net.skips_without_source() == lacking
    assert attrs.evolve(net, skips="none").skips_without_source() == []


def test_what_was_written_before_there_was_a_choice_of_skips_concatenates_them():
    fields = json.loads(to_json(UNet()))
    del fields["skips"]
    assert from_json(json.dumps(fields)) == UNet()
    assert from_json(to_json(UNet(skips="add"))) == UNet(skips="add")


def test_the_pooling_after_the_last_encoder_block_stands_alone():
    assert UNet(filters=2).encoder_stack[4] == SimpleConvBlock(num_convs=0, block_prefix="_last")
    graph = trace(UNet(filters=2, stem_blocks=1), (32, 32, 1))
    assert {"stem1_last_pool", "stack0_enc4_last_pool"} <= {node.name for node in graph}
