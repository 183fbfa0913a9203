"""SLEAP's files: what they say is read or named, the counts are SLEAP's, and all comes back."""

import json
from copy import deepcopy

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from explorer import Custom, Head, Hourglass, LeapCNN, ResNet, UNet, analyze, export, load, trace
from explorer.core.network.encoder_decoder import blocks_of
from explorer.core.network.errors import Refusal
from tests import strategies
from tests.strategies import round_trip

PREPROCESSING = {
    "ensure_rgb": False,
    "ensure_grayscale": False,
    "imagenet_mode": None,
    "input_scaling": 1.0,
    "pad_to_stride": None,
    "resize_and_pad_to_target": True,
    "target_height": None,
    "target_width": None,
}
KINDS = ("single_instance", "centroid", "centered_instance", "multi_instance")


def profile(kind="single_instance", head=None, unet=None, preprocessing=None, crop_size=None):
    """Return a document as SLEAP writes it, with other values here and there."""
    backbone = {
        "stem_stride": None,
        "max_stride": 16,
        "output_stride": 2,
        "filters": 16,
        "filters_rate": 2.0,
        "middle_block": True,
        "up_interpolate": True,
        "stacks": 1,
    }
    return {
        "data": {
            "labels": {"training_labels": None, "skeletons": []},
            "preprocessing": PREPROCESSING | (preprocessing or {}),
            "instance_cropping": {"center_on_part": None, "crop_size": crop_size},
        },
        "model": {
            "backbone": {
                "leap": None,
                "unet": backbone | (unet or {}),
                "hourglass": None,
                "resnet": None,
                "pretrained_encoder": None,
            },
            "heads": dict.fromkeys(KINDS)
            | {
                kind: {"part_names": None, "sigma": 2.5, "output_stride": 2}
                if head is None
                else head
            },
        },
        "optimization": {"batch_size": 4, "initial_learning_rate": 1e-4},
    }


def loaded(document, **answers):
    return load(json.dumps(document), **answers)


def total(found, channels):
    size = found.architecture.maximum_stride
    return analyze(trace(found.architecture, (size, size, channels))).total_params


# From training logs that SLEAP's documentation shows.
@pytest.mark.parametrize(
    ("document", "parts", "channels", "params"),
    [
        (profile("centroid", {"output_stride": 2}), None, 3, 1_953_393),
        (
            profile("centered_instance", {"output_stride": 4, "part_names": None}, {"filters": 24}),
            13,
            3,
            4_311_877,
        ),
        (
            profile(
                "centered_instance",
                {"output_stride": 4, "part_names": list("abcdefghijklm")},
                {"up_interpolate": False},
            ),
            None,
            1,
            2_101_501,
        ),
    ],
)
def test_parameters_are_those_that_sleap_prints(document, parts, channels, params):
    found = loaded(document, channels=channels, parts=parts)
    assert found.missing == ()
    assert total(found, channels) == params


@pytest.mark.parametrize(("max_stride", "output_stride", "field"), [
    (16, 2, 236), (16, 4, 220), (32, 4, 476), (64, 4, 956),
])  # fmt: skip
def test_profiles_see_as_far_as_published(max_stride, output_stride, field):
    document = profile(
        "centroid", {"output_stride": output_stride}, {"max_stride": max_stride, "filters": 2}
    )
    graph = trace(loaded(document).architecture, (1024, 1024, 1))
    assert analyze(graph).receptive_field == (field, field)


def test_backbones_are_those_of_the_families():
    def backbone(name, **fields):
        document = profile()
        document["model"]["backbone"] |= {"unet": None, name: fields}
        return loaded(document).architecture

    assert backbone("leap") == LeapCNN(down_blocks=3, up_blocks=2)
    assert backbone("unet", max_stride=32, stem_stride=4) == UNet(
        stem_blocks=2, stem_kernel_size=7, down_blocks=3, up_blocks=4
    )
    assert backbone("unet", filters=8.0, middle_block=False) == UNet(
        filters=8, middle_block=False, up_blocks=3
    )
    assert backbone("hourglass", stacks=1, filter_increase=32) == Hourglass(
        stacks=1, filter_increase=32, down_blocks=4, up_blocks=5
    )


def test_the_backbone_ends_at_the_stride_of_the_first_head():
    found = loaded(profile(head={"part_names": ["a"], "output_stride": 4}))
    assert found.architecture.output_stride == 4
    (told,) = [e for e in found.entries if e.name == "model.backbone.unet.output_stride"]
    assert (told.value, told.because) == (2, "the backbone ends at the stride of the first head, 4")


def test_heads_count_parts_edges_and_classes():
    document = profile(
        "multi_instance",
        {
            "confmaps": {
                "part_names": ["a", "b", "c"],
                "output_stride": 2,
                "offset_refinement": True,
            },
            "pafs": {"edges": [["a", "b"], ["b", "c"]], "output_stride": 4},
        },
    )
    assert loaded(document).architecture.heads == (
        Head("MultiInstanceConfmapsHead", channels=3),
        Head("PartAffinityFieldsHead", channels=4, stride=4),
        Head("OffsetRefinementHead", channels=6),
    )
    document = profile(
        "multi_class_bottomup",
        {"confmaps": {"part_names": None}, "class_maps": {"classes": ["f", "m"]}},
    )
    found = loaded(document, parts=5)
    assert found.architecture.heads == (
        Head("MultiInstanceConfmapsHead", channels=5),
        Head("ClassMapsHead", channels=2, activation="sigmoid"),
    )


def test_what_a_profile_leaves_open_is_asked_for():
    document = profile("multi_instance", {"confmaps": {}, "pafs": {"output_stride": 2}})
    found = loaded(document)
    assert found.missing == ("parts", "edges", "channels")
    assert found.architecture.heads == ()
    assert found.input_shape == (None, None, None)
    named = {entry.name: entry.because for entry in found.not_read}
    assert "give parts" in named["model.heads.multi_instance.confmaps.part_names"]
    found = loaded(document, parts=4, edges=3, channels=3)
    assert found.missing == ()
    assert [head.channels for head in found.architecture.heads] == [4, 6]
    assert found.input_shape == (None, None, 3)


def test_a_skeleton_in_the_file_says_how_many_parts_there_are():
    document = profile()
    document["data"]["labels"]["skeletons"] = [{"nodes": [{"id": 1}, {"id": 2}, {"id": 3}]}]
    found = loaded(document, parts=9)
    assert found.architecture.heads[0].channels == 3
    assert "data.labels.skeletons.nodes" in {entry.name for entry in found.read}


def test_every_field_of_backbone_and_heads_is_accounted_for():
    document = profile(
        "multi_class_topdown",
        {
            "confmaps": {"part_names": ["a"], "anchor_part": "a", "sigma": 1.5, "output_stride": 2},
            "class_vectors": {"classes": ["f", "m"], "num_fc_layers": 3, "output_stride": 16},
        },
        {"residual": True},
    )
    found = loaded(document)
    names = {entry.name for entry in found.entries}
    assert {
        f"model.backbone.unet.{name}" for name in document["model"]["backbone"]["unet"]
    } <= names
    because = {entry.name: entry.because for entry in found.not_read}
    assert "no such field" in because["model.backbone.unet.residual"]
    vectors = "model.heads.multi_class_topdown.class_vectors"
    assert {f"{vectors}.{name}" for name in ("classes", "num_fc_layers", "output_stride")} <= {
        entry.name for entry in found.read
    }
    assert {f"model.heads.multi_class_topdown.confmaps.{n}" for n in ("sigma", "anchor_part")} <= {
        *because
    }


@pytest.mark.parametrize(
    ("kind", "preprocessing", "crop_size", "shape"),
    [
        ("single_instance", {"target_height": 384, "target_width": 500}, None, (384, 512, None)),
        ("single_instance", {"target_height": 100, "input_scaling": 0.5}, 64, (64, None, None)),
        # 29 in 32 bits, as SLEAP computes; in 64 bits it were 28.
        ("single_instance", {"target_height": 100, "input_scaling": 0.29}, None, (32, None, None)),
        ("single_instance", {"target_height": 1, "ensure_rgb": True}, None, (16, None, 3)),
        ("single_instance", {"target_height": 16, "pad_to_stride": 32}, None, (32, None, None)),
        (
            "single_instance",
            {"target_height": 64, "resize_and_pad_to_target": False, "ensure_grayscale": True},
            None,
            (None, None, 1),
        ),
        ("single_instance", {"ensure_rgb": True, "ensure_grayscale": True}, None, (None, None, 1)),
        ("single_instance", {"imagenet_mode": "caffe"}, None, (None, None, 3)),
        ("centered_instance", {"target_height": 64, "input_scaling": 0.5}, 96, (96, 96, None)),
        ("centered_instance", {}, 100, (None, None, None)),
    ],
)
def test_the_input_is_what_the_network_gets(kind, preprocessing, crop_size, shape):
    document = profile(kind, None, None, preprocessing, crop_size)
    found = loaded(document, parts=2)
    assert found.input_shape == shape
    names = {entry.name for entry in found.entries}
    told = {name for name, value in document["data"]["preprocessing"].items() if value is not None}
    assert {f"data.preprocessing.{name}" for name in told} <= names
    if crop_size:
        assert "data.instance_cropping.crop_size" in names


@pytest.mark.parametrize("scale", [0.29, 0.07, 0.1, 0.57, 1.1])
def test_sizes_are_scaled_in_32_bits(scale):
    import numpy as np

    for size in (100, 700, 1000, 1024, 99_999):
        document = profile(
            "centroid",
            {"output_stride": 1},
            {"max_stride": 2, "filters": 2},
            {"target_height": size, "input_scaling": scale},
        )
        expected = int(np.float32(size) * np.float32(scale))
        assert loaded(document).input_shape[0] == expected + expected % 2


@pytest.mark.parametrize(
    ("place", "value", "told"),
    [
        ("model.backbone.unet.filters", "16", "filters='16' is not a whole number: give"),
        ("model.backbone.unet.filters", 0, "filters=0 is too small"),
        ("model.backbone.unet.filters", 1.5, "filters=1.5 is not a whole"),
        ("model.backbone.unet.filters", None, "filters=None is not a whole"),
        ("model.backbone.unet.filters_rate", [2], r"filters_rate=\[2\] is not a finite"),
        ("model.backbone.unet.middle_block", "yes", "middle_block='yes' is not True or False"),
        ("model.backbone.unet.max_stride", 12, "max_stride=12 is unknown: choose one of 2, 4"),
        ("model.backbone.unet.max_stride", 1, "max_stride=1 is unknown"),
        ("model.backbone.unet.max_stride", {"a": 1}, "max_stride={'a': 1} is not a whole"),
        ("model.backbone.unet.stem_stride", 16, "stem_stride=16 leaves no pooling"),
        ("model.backbone.unet", 3, "unet=3 is not an object"),
        ("model.backbone.leap", {}, "has leap and unet: set all but one"),
        ("model.backbone.unet", None, "has nothing, which is not read: give one of unet"),
        ("model.backbone", [], r"backbone=\[\] is not an object"),
        ("model.heads.single_instance.part_names", "ab", "part_names='ab' is not a list of names"),
        ("model.heads.single_instance.part_names", [], r"part_names=\[\] is not a list of names"),
        ("model.heads.single_instance.output_stride", 32, "max_stride=16 is less than"),
        ("model.heads.single_instance.output_stride", 3, "output_stride=3 is unknown"),
        ("model.heads.centroid", {}, "has single_instance and centroid"),
        ("model.heads.single_instance", 1, "single_instance=1 is not an object"),
        ("data.preprocessing.target_height", -5, "target_height=-5 is too small"),
        ("data.preprocessing.ensure_rgb", 1, "ensure_rgb=1 is not True or False"),
        ("data.preprocessing", "none", "preprocessing='none' is not an object"),
        ("data", 1, "data=1 is not an object"),
    ],
)
def test_a_bad_value_is_refused_by_file_field_and_remedy(tmp_path, place, value, told):
    document = profile()
    *path, name = place.split(".")
    fields = document
    for step in path:
        fields = fields[step]
    fields[name] = value
    (tmp_path / "bad.json").write_text(json.dumps(document))
    with pytest.raises(ValueError, match=f"^'bad.json': .*{told}"):
        load(tmp_path / "bad.json", parts=2)


def test_a_head_at_a_stride_that_is_none_of_the_decoders_is_refused():
    document = profile(
        "multi_instance",
        {"confmaps": {"part_names": ["a"], "output_stride": 4},
         "pafs": {"edges": [["a", "b"]], "output_stride": 2}},
    )  # fmt: skip
    with pytest.raises(ValueError, match=r"pafs\.output_stride=2 is none of the decoder's strides"):
        loaded(document)


def resnet(head_stride=4, channels=False, **fields):
    document = profile(
        "centroid", {"output_stride": head_stride}, None, {"ensure_grayscale": channels}
    )
    document["model"]["backbone"] |= {"unet": None, "resnet": {"weights": "random"} | fields}
    return document


def test_a_resnet_has_the_decoder_that_the_file_says():
    up = {
        "method": "transposed_conv",
        "skip_connections": "add",
        "block_stride": 2,
        "filters": 32,
        "filters_rate": 2,
        "refine_convs": 1,
        "batch_norm": False,
        "transposed_conv_kernel_size": 6,
        "mine": 1,
    }
    found = loaded(resnet(version="ResNet101", upsampling=up))
    assert found.architecture == ResNet(
        depth=101,
        up_blocks=3,
        up_filters=32,
        up_filters_rate=2,
        up_interpolate=False,
        up_convs_per_block=1,
        up_batch_norm=False,
        up_kernel_size=6,
        skips="add",
        heads=[Head("CentroidConfmapsHead")],
    )
    names = {entry.name for entry in found.entries}
    assert {f"model.backbone.resnet.upsampling.{name}" for name in up} <= names
    found = loaded(resnet(upsampling={"block_stride": 8}))
    assert found.architecture.up_blocks == 1
    assert (found.architecture.up_filters, found.architecture.up_kernel_size) == (64, 4)


def test_a_resnet_without_upsampling_ends_at_its_maximum_stride():
    found = loaded(resnet(head_stride=16, max_stride=16, upsampling=None, output_stride=4))
    assert found.architecture.output_stride == 16
    told = {entry.name: entry.because for entry in found.not_read}
    assert "without upsampling" in told["model.backbone.resnet.output_stride"]
    with pytest.raises(ValueError, match=r"output_stride=4 is none of the decoder's strides"):
        loaded(resnet(max_stride=16))


def test_stages_are_not_dilated_and_skips_come_from_stages_as_in_sleaps_code():
    up = {"skip_connections": "concatenate"}
    found = loaded(resnet(head_stride=1, max_stride=16, upsampling=up))
    blocks = blocks_of(found.architecture)
    assert {getattr(block, "dilation_rate", 1) for block in blocks.encoder} == {1}
    assert [block.skip_connection for block in blocks.decoder] == [True, True, False, False]
    joined = [n for n in trace(found.architecture, (16, 16, 3)) if n.kind == "Concatenate"]
    assert [node.inputs[0].shape for node in joined] == [(2, 2, 512), (4, 4, 256)]


def test_pretrained_weights_need_three_channels():
    found = loaded(resnet(channels=True, weights="tunable", max_stride=32, upsampling={}))
    assert found.input_shape == (None, None, 3)
    assert "3 channels" in next(e for e in found.not_read if e.name.endswith("weights")).because
    assert loaded(resnet(channels=True, upsampling={})).input_shape == (None, None, 1)


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"version": "ResNet18"}, "version='ResNet18' is unknown: choose one of 'ResNet50'"),
        ({"max_stride": 4}, "max_stride=4 is unknown: choose one of 8, 16, 32"),
        ({"upsampling": {"method": "nearest"}}, "upsampling.method='nearest' is unknown"),
        ({"upsampling": {"skip_connections": "mul"}}, "skip_connections='mul' is unknown"),
        ({"upsampling": {"block_stride": 4}}, "block_stride=4 makes 1 blocks.*from stride 32 to 4"),
        # log(8) - log(4) over log(2) is less than 1 in floating point.
        ({"max_stride": 8, "upsampling": {}}, "block_stride=2 makes 0 blocks.*from stride 8 to 4"),
    ],
)
def test_a_resnet_that_cannot_be_read_is_refused(fields, told):
    with pytest.raises(ValueError, match=told):
        loaded(resnet(**fields))


def test_pretrained_encoders_are_refused_by_name():
    document = profile()
    document["model"]["backbone"] |= {"unet": None, "pretrained_encoder": {"encoder": "b0"}}
    with pytest.raises(ValueError, match=r"model\.backbone has 'pretrained_encoder'.*unet, leap"):
        loaded(document)


OLD = {
    "model": {
        "output_type": 0,
        "backbone": {
            "down_blocks": 2,
            "up_blocks": 2,
            "convs_per_depth": 2,
            "num_filters": 4,
            "kernel_size": 5,
            "upsampling_layers": True,
            "interp": "nearest",
        },
        "skeletons": None,
        "backbone_name": "UNet",
    },
    "trainer": {"scale": 1, "instance_crop": True},
}


def test_a_file_from_before_sleap_1_is_read_as_far_as_it_is_clear():
    found = loaded(OLD, channels=1)
    graph = trace(found.architecture, (8, 8, 1))

    def conv(inputs, filters, kernel=5):
        return kernel * kernel * inputs * filters + filters

    # Encoder, middle, and decoder blocks that narrow but at the input's resolution.
    expected = [(1, 4), (4, 4), (4, 8), (8, 8), (8, 16), (16, 8)]
    expected += [(16, 8), (8, 4), (8, 4), (4, 4)]
    assert analyze(graph).total_params == sum(conv(*widths) for widths in expected)
    assert {block.interp_method for block in blocks_of(found.architecture).decoder} == {"nearest"}
    assert {entry.name for entry in found.not_read} == {"model.output_type", "trainer"}
    for name, value, told in (
        ("convs_per_depth", 3, "convs_per_depth=3 is unknown: choose one of 2"),
        ("up_blocks", 3, "up_blocks=3 is more than down_blocks"),
    ):
        document = deepcopy(OLD)
        document["model"]["backbone"][name] = value
        with pytest.raises(ValueError, match=told):
            loaded(document)
    with pytest.raises(ValueError, match="backbone_name='StackedUNet' is not read"):
        loaded({"model": OLD["model"] | {"backbone_name": "StackedUNet"}})


@st.composite
def resnets(draw):
    """Return a ResNet as SLEAP makes it."""
    stride = draw(st.sampled_from([16, 32]))
    up_stride = draw(st.sampled_from([2, 4]))
    up = draw(st.integers(1, 5 if up_stride == 2 and stride == 32 else 2))
    net = ResNet(
        depth=draw(st.sampled_from([50, 101, 152])),
        encoder_stride=stride,
        up_blocks=up,
        up_stride=up_stride,
        up_filters=draw(st.integers(4, 9)),
        up_filters_rate=draw(st.floats(0.8, 2)),
        up_convs_per_block=draw(st.integers(0, 3)),
        up_interpolate=draw(st.booleans()),
        up_batch_norm=draw(st.booleans()),
        up_kernel_size=draw(st.integers(1, 5)),
        skips=draw(st.sampled_from(["none", "add", "concatenate"])),
    )
    if stride == 16:
        last = attrs.evolve(blocks_of(net).encoder[-1], dilation_rate=1)
        net = net.with_block("encoder", 4, last)
    for i, block in enumerate(blocks_of(net).decoder):
        if block.skip_connection and stride // up_stride ** (i + 1) < 4:
            net = net.with_block("decoder", i, attrs.evolve(block, skip_connection=False))
    return net


@st.composite
def expressible(draw):
    """Return a design that SLEAP can express, its heads as they come from a file."""
    net = draw(
        strategies.unets(
            kernel_size=st.just(3),
            stem_kernel_size=st.just(7),
            convs_per_block=st.just(2),
            block_contraction=st.just(False),
            skips=st.just("concatenate"),
            strided_conv=st.just(False),
        )
        | strategies.leap_cnns(
            down_convs_per_block=st.just(3),
            up_convs_per_block=st.just(2),
            strided_conv=st.just(False),
        )
        | strategies.hourglasses(
            interp_method=st.just("nearest"), up_interpolate=st.just(True), skips=st.just("add")
        )
        | resnets()
    )
    if isinstance(net, UNet) and not net.stem_blocks:
        net = attrs.evolve(net, stem_kernel_size=UNet().stem_kernel_size)
    return attrs.evolve(net, heads=draw(heads_for(net)))


@st.composite
def heads_for(draw, net):
    count = st.integers(1, 5)
    parts = draw(count)
    factor = net.up_stride if isinstance(net, ResNet) else 2
    coarser = [net.output_stride * factor**i for i in range(1, net.up_blocks + 1)]
    second = draw(st.sampled_from([None, *coarser]))
    offsets = [Head("OffsetRefinementHead", channels=2 * parts)] * draw(st.integers(0, 1))
    confmaps = Head("MultiInstanceConfmapsHead", channels=parts)
    pafs = Head("PartAffinityFieldsHead", channels=2 * draw(count), stride=second)
    classes = Head("ClassMapsHead", channels=draw(count), stride=second, activation="sigmoid")
    name = draw(st.sampled_from(["SingleInstanceConfmapsHead", "CenteredInstanceConfmapsHead"]))
    centroid = Head("CentroidConfmapsHead", channels=1)
    sets = [
        (),
        (centroid,),
        (centroid, *[Head("OffsetRefinementHead", channels=2)] * len(offsets)),
        (Head(name, channels=parts), *offsets),
        (confmaps, pafs, *offsets),
        (confmaps, classes, *offsets),
    ]
    return draw(st.sampled_from(sets))


@st.composite
def inputs_for(draw, net):
    size = st.none() | st.integers(1, 3).map(lambda n: n * net.maximum_stride)
    height = draw(size)
    is_crop = net.heads and net.heads[0].name == "CenteredInstanceConfmapsHead"
    width = height if is_crop else draw(size)
    channels = draw(st.sampled_from([None, 1, 3]))
    return (height, width, channels) if None not in (height, width) else (None, None, channels)


@round_trip()
@given(st.data())
def test_what_was_saved_is_the_same_when_it_is_loaded(data):
    net = data.draw(expressible())
    shape = data.draw(inputs_for(net))
    found = load(export(net, "sleap", shape))
    assert found.architecture == net
    assert found.input_shape == shape
    assert set(found.missing) <= {"channels", "parts"}


@round_trip()
@given(st.data())
def test_saving_in_an_opened_document_keeps_all_else(data):
    document = profile(
        data.draw(st.sampled_from(KINDS[:3])),
        {"part_names": ["a", "b"], "sigma": 3.0, "output_stride": 2, "mine": [1]},
        {"mine": {"x": 1}},
        {"mine": 1, "target_height": 64, "target_width": 64},
        64,
    )
    net = data.draw(expressible())
    height, _, channels = data.draw(inputs_for(net))
    shape = (height, height, channels)
    text = export(net, "sleap", shape, document=document)
    found = load(text)
    assert attrs.evolve(found.architecture, heads=()) == attrs.evolve(net, heads=())
    assert found.architecture.heads == net.heads
    written = json.loads(text)
    assert written["optimization"] == document["optimization"]
    assert written["data"]["preprocessing"]["mine"] == 1
    if isinstance(net, UNet):
        assert written["model"]["backbone"]["unet"]["mine"] == {"x": 1}


def test_saving_what_was_not_changed_changes_nothing():
    document = profile(
        "multi_instance",
        {
            "confmaps": {"part_names": ["a", "b"], "sigma": 1.5, "output_stride": 2},
            "pafs": {"edges": [["a", "b"]], "sigma": 50, "output_stride": 4},
        },
        {},
        {"input_scaling": 0.5, "target_height": 333, "target_width": 200, "ensure_rgb": True},
    )
    found = loaded(document)
    text = export(found.architecture, "sleap", found.input_shape, document=document)
    assert json.loads(text) == document


def test_heads_that_are_not_drawn_stay_at_a_stride_that_there_is():
    head = {
        "confmaps": {"part_names": ["a"], "output_stride": 2},
        "class_vectors": {"classes": ["f", "m"], "global_pool": False, "output_stride": 16},
    }
    document = profile("multi_class_topdown", head)
    found = loaded(document)
    for changes, stride in (({"filters": 8}, 16), ({"down_blocks": 3, "up_blocks": 2}, 8)):
        net = attrs.evolve(found.architecture, **changes)
        written = json.loads(export(net, "sleap", document=document))
        vectors = written["model"]["heads"]["multi_class_topdown"]["class_vectors"]
        assert vectors == head["class_vectors"] | {"output_stride": stride}


VECTORS = {"classes": ["f", "m"], "num_fc_layers": 3, "num_fc_units": 64, "output_stride": 16}
CLASSIFIED = {"confmaps": {"part_names": ["a"], "output_stride": 2}, "class_vectors": VECTORS}


def test_a_head_of_class_vectors_has_the_layers_that_sleap_makes():
    net = loaded(profile("multi_class_topdown", CLASSIFIED)).architecture
    assert net.heads[1] == Head(
        "ClassVectorsHead",
        channels=2,
        stride=16,
        activation="softmax",
        global_pool=True,
        dense_layers=3,
        dense_units=64,
    )
    graph = trace(net, (64, 64, 1))
    made = [node for node in graph if node.block and node.block.name == "ClassVectorsHead"]
    (encoded,) = made[0].inputs
    assert encoded.stride == 16
    assert [(node.kind, node.shape) for node in made] == [
        ("GlobalMaxPooling2D", encoded.shape[-1:]),
        *[("Dense", (64,)), ("Activation", (64,))] * 3,
        ("Dense", (2,)),
    ]
    channels = encoded.shape[-1]
    units = (channels + 1) * 64 + 2 * 65 * 64 + 65 * 2
    assert sum(sum(node.weights) for node in made) == units


def test_class_vectors_come_back_and_can_be_taken_away():
    document = profile("multi_class_topdown", CLASSIFIED)
    net = loaded(document).architecture
    assert loaded(json.loads(export(net, "sleap"))).architecture == net
    written = json.loads(export(net, "sleap", document=document))
    kept = written["model"]["heads"]["multi_class_topdown"]["class_vectors"]
    assert kept == VECTORS | {"global_pool": True}
    bare = json.loads(export(attrs.evolve(net, heads=net.heads[:1]), "sleap", document=document))
    assert bare["model"]["heads"]["multi_class_topdown"] is None
    assert loaded(bare).architecture.heads == net.heads[:1]
    other = attrs.evolve(net.heads[1], dense_layers=0, dense_units=8)
    net = attrs.evolve(net, heads=(net.heads[0], other))
    assert loaded(json.loads(export(net, "sleap"))).architecture == net


def test_settings_of_dense_layers_that_a_head_has_not_are_no_obstacle():
    head = Head("SingleInstanceConfmapsHead", channels=4, dense_layers=3, dense_units=9)
    net = UNet(up_blocks=3, heads=[head])
    plain = attrs.evolve(net, heads=[attrs.evolve(head, dense_layers=1, dense_units=64)])
    assert export(net, "sleap") == export(plain, "sleap")
    with pytest.raises(Refusal, match="head SingleInstanceConfmapsHead"):
        export(attrs.evolve(net, heads=[attrs.evolve(head, global_pool=True)]), "sleap")


def test_vectors_without_pooling_are_named_and_stay_in_the_file():
    head = CLASSIFIED | {"class_vectors": VECTORS | {"global_pool": False}}
    document = profile("multi_class_topdown", head)
    found = loaded(document)
    assert [each.name for each in found.architecture.heads] == ["CenteredInstanceConfmapsHead"]
    because = {entry.name: entry.because for entry in found.not_read}
    assert "one image size" in because["model.heads.multi_class_topdown.class_vectors"]
    written = json.loads(export(found.architecture, "sleap", document=document))
    assert (
        written["model"]["heads"]["multi_class_topdown"]["class_vectors"] == head["class_vectors"]
    )


@pytest.mark.parametrize(
    ("field", "value"), [("num_fc_layers", -1), ("num_fc_units", 0), ("global_pool", "yes")]
)
def test_a_bad_value_of_class_vectors_is_refused_or_named(field, value):
    head = CLASSIFIED | {"class_vectors": VECTORS | {field: value}}
    if field == "global_pool":
        assert len(loaded(profile("multi_class_topdown", head)).architecture.heads) == 1
        return
    with pytest.raises(Refusal, match=rf"class_vectors\.{field}={value}"):
        loaded(profile("multi_class_topdown", head))


def test_names_stay_and_more_are_made_up():
    document = profile(head={"part_names": ["nose", "tail"], "output_stride": 2})
    net = UNet(up_blocks=3, heads=[Head("SingleInstanceConfmapsHead", channels=4)])
    written = json.loads(export(net, "sleap", document=document))
    names = written["model"]["heads"]["single_instance"]["part_names"]
    assert names == ["nose", "tail", "part2", "part3"]


@pytest.mark.parametrize(
    ("net", "shape", "told"),
    [
        (UNet(kernel_size=5, convs_per_block=3), (None,) * 3, r"kernel_size=5.*convs_per_block=3"),
        (UNet(stem_blocks=1), (None,) * 3, "stem_kernel_size=3"),
        (UNet(skips="add"), (None,) * 3, "skips='add'"),
        (UNet().with_block("decoder", 0, UNet(filters=8).decoder_stack[0]), (None,) * 3, "block 0"),
        (LeapCNN(down_convs_per_block=2), (None,) * 3, "down_convs_per_block=2"),
        (Hourglass(interp_method="bilinear"), (None,) * 3, "interp_method='bilinear'"),
        (Hourglass(up_interpolate=False), (None,) * 3, "up_interpolate=False"),
        (ResNet(filters=32), (None,) * 3, "filters=32"),
        (ResNet(encoder_stride=8), (None,) * 3, "encoder blocks 3, 4"),
        (Custom(), (None,) * 3, "no Custom: use one of its backbones, UNet"),
        (UNet(heads=[Head("classes")]), (None,) * 3, "heads classes .*SingleInstanceConfmapsHead"),
        (
            UNet(heads=[Head("SingleInstanceConfmapsHead", stride=4)]),
            (None,) * 3,
            "4 decoder blocks",
        ),
        (
            UNet(heads=[Head("SingleInstanceConfmapsHead", activation="relu")]),
            (None,) * 3,
            "head SingleInstanceConfmapsHead",
        ),
        (
            UNet(heads=[Head("MultiInstanceConfmapsHead"), Head("PartAffinityFieldsHead")]),
            (None,) * 3,
            "PartAffinityFieldsHead.channels=1",
        ),
        (UNet(), (64, 64, 4), "channels of 4"),
        (UNet(), (60, 64, 1), "height of 60"),
    ],
)
def test_what_sleap_cannot_express_is_listed(net, shape, told):
    with pytest.raises(ValueError, match=told):
        export(net, "sleap", shape)


def test_what_is_said_of_class_vectors_elsewhere_is_true():
    net = loaded(profile("multi_class_topdown", CLASSIFIED)).architecture
    told = export(net, "methods", (64, 64, 1))
    assert "1 global max pooling and 4 dense layers" in told
    with pytest.raises(Refusal, match="ClassVectorsHead") as error:
        export(net, "sleap-nn", (64, 64, 1))
    _, _, possible = str(error.value).partition("those of sleap-nn are")
    assert "ClassMapsHead" in possible
    assert "ClassVectorsHead" not in possible
