"""sleap-nn's files: counts are its own, what differs from SLEAP is heeded, all comes back."""

from copy import deepcopy

import attrs
import pytest
import yaml
from hypothesis import assume, given
from hypothesis import strategies as st

from explorer import Head, LeapCNN, UNet, analyze, export, load, trace
from explorer.core.network.encoder_decoder import blocks_of
from tests.core.exchange.test_sleap import heads_for, inputs_for
from tests.strategies import round_trip

CONFMAPS = {"part_names": ["A", "B"], "sigma": 1.5, "output_stride": 2, "loss_weight": 1.0}
PAFS = {"edges": [["A", "B"]], "sigma": 50.0, "output_stride": 4, "loss_weight": 1.0}


def config(kind="single_instance", heads=None, unet=None, images=None, total=None):
    """Return a document as sleap-nn writes it, with other values here and there."""
    preprocessing = {
        "ensure_rgb": False,
        "ensure_grayscale": False,
        "max_height": 384,
        "max_width": 384,
        "scale": 1.0,
        "crop_size": None,
        "min_crop_size": 100,
    }
    backbone = {
        "in_channels": 1,
        "kernel_size": 3,
        "filters": 16,
        "filters_rate": 1.5,
        "max_stride": 8,
        "stem_stride": None,
        "middle_block": True,
        "up_interpolate": False,
        "stacks": 1,
        "convs_per_block": 2,
        "output_stride": 2,
    }
    kinds = ("single_instance", "centroid", "centered_instance", "bottomup")
    return {
        "data_config": {
            "train_labels_path": "${oc.env:LABELS}",
            "preprocessing": preprocessing | (images or {}),
            "skeletons": None,
        },
        "model_config": {
            "init_weights": "default",
            "backbone_config": {
                "unet": backbone | (unet or {}),
                "convnext": None,
                "swint": None,
            },
            "head_configs": dict.fromkeys(kinds) | {kind: heads or {"confmaps": CONFMAPS}},
            "total_params": total,
        },
        "trainer_config": {"run_name": "${base}_1", "optimizer": {"lr": 0.0001}},
    }


def loaded(document, **answers):
    return load(yaml.safe_dump(document, sort_keys=False), **answers)


def total(found):
    size = found.architecture.maximum_stride
    return analyze(trace(found.architecture, (size, size, found.input_shape[2]))).total_params


# What three checkpoints of sleap-nn's own tests were saved with.
@pytest.mark.parametrize(
    ("document", "params"),
    [
        (config("bottomup", {"confmaps": CONFMAPS, "pafs": PAFS}), 150_648),
        (config("centroid", {"confmaps": {"anchor_part": None, "output_stride": 4}}), 127_161),
        (
            config(
                heads={"confmaps": CONFMAPS | {"output_stride": 4}},
                unet={"in_channels": 3, "filters": 8, "filters_rate": 2.0, "max_stride": 4},
            ),
            18_250,
        ),
    ],
)
def test_parameters_are_those_that_sleap_nn_counts(document, params):
    document["model_config"]["total_params"] = params
    found = loaded(document)
    assert total(found) == params
    (told,) = [e for e in found.entries if e.name == "model_config.total_params"]
    assert told.because == ""
    document["model_config"]["total_params"] = params + 1
    (told,) = [e for e in loaded(document).not_read if e.name == "model_config.total_params"]
    assert told.because == f"this design has {params:,}"


def counted(unet, channels):
    """Return the parameters of sleap-nn's U-Net as its constructors add them up."""
    stem = {None: 0, 1: 0, 2: 1, 4: 2}[unet["stem_stride"]]
    down = unet["max_stride"].bit_length() - 1 - stem
    up = (unet["max_stride"] // unet["output_stride"]).bit_length() - 1 + stem
    level = [int(unet["filters"] * unet["filters_rate"] ** n) for n in range(down + stem + 1)]

    def conv(inputs, filters, kernel):
        return kernel * kernel * inputs * filters + filters

    params, x = 0, channels
    for n in range(down + stem + 1):
        kernel = 7 if n < stem else unet["kernel_size"]
        for _ in range(unet["convs_per_block"]):
            params += conv(x, level[n], kernel)
            x = level[n]
    for i in range(up):
        filters = level[max(0, down + stem - 1 - i)]
        if not unet["up_interpolate"]:
            params += conv(x, filters, 3)
            x = filters
        is_beyond = stem and i >= down + stem
        x += 0 if is_beyond else filters
        for _ in range(1 if is_beyond else 2):
            params += conv(x, filters, unet["kernel_size"])
            x = filters
    return params


@st.composite
def unets(draw):
    """Return the fields of a U-Net that sleap-nn can run."""
    stem = draw(st.sampled_from([None, 1, 2, 4]))
    depth = draw(st.integers(3, 5))
    return {
        "in_channels": draw(st.integers(1, 4)),
        "kernel_size": draw(st.sampled_from([1, 3, 5])),
        "filters": draw(st.integers(4, 8)),
        "filters_rate": draw(st.sampled_from([1.0, 1.5, 2.0])),
        "max_stride": 2**depth,
        "stem_stride": stem,
        "middle_block": True,
        "up_interpolate": draw(st.booleans()),
        "stacks": 1,
        "convs_per_block": draw(st.integers(2, 4)),
        "output_stride": 2 ** draw(st.integers(3 if stem == 4 else 0, depth)),
    }


@given(unets())
def test_parameters_are_those_of_its_code(unet):
    document = config(heads={"confmaps": {"output_stride": unet["output_stride"]}}, unet=unet)
    found = loaded(document)
    assert total(found) == counted(unet, unet["in_channels"])
    # One more pooling than the file says, with a stem.
    extra = 2 if unet["stem_stride"] not in (None, 1) else 1
    assert found.architecture.maximum_stride == extra * unet["max_stride"]
    again = load(export(found.architecture, "sleap-nn", found.input_shape, found.document))
    assert again.architecture == found.architecture
    assert again.document == found.document


def test_decoder_blocks_have_two_convolutions_and_a_kernel_of_three():
    found = loaded(config(unet={"convs_per_block": 3, "kernel_size": 5}))
    decoder = blocks_of(found.architecture).decoder
    assert {block.refine_convs for block in decoder} == {2}
    assert {block.transposed_conv_kernel_size for block in decoder} == {3}
    assert found.architecture.kernel_size == 5


def test_strides_follow_the_heads():
    heads = {
        "confmaps": CONFMAPS | {"output_stride": 4},
        "pafs": PAFS | {"output_stride": 16},
    }
    found = loaded(config("bottomup", heads))
    assert found.architecture.output_stride == 4
    assert found.architecture.maximum_stride == 16
    because = {entry.name: entry.because for entry in found.not_read}
    unet = "model_config.backbone_config.unet"
    assert because[f"{unet}.output_stride"].endswith("the finest head, 4")
    assert because[f"{unet}.max_stride"].endswith("the largest of the heads, 16")


@pytest.mark.parametrize(
    ("kind", "images", "shape"),
    [
        ("single_instance", {}, (384, 384, 1)),
        ("single_instance", {"max_height": 321, "max_width": 100, "scale": 0.5}, (160, 56, 1)),
        ("single_instance", {"max_height": None, "ensure_rgb": True}, (None, 384, 3)),
        ("single_instance", {"ensure_rgb": True, "ensure_grayscale": True}, (384, 384, 1)),
        ("centered_instance", {"crop_size": 100, "scale": 0.5}, (56, 56, 1)),
        ("centered_instance", {}, (None, None, 1)),
    ],
)
def test_the_input_is_what_the_network_gets(kind, images, shape):
    found = loaded(config(kind, images=images))
    assert found.input_shape == shape
    fields = found.document["data_config"]["preprocessing"]
    told = {entry.name.rpartition(".")[2] for entry in found.entries}
    assert {name for name, value in fields.items() if value is not None} <= told


def test_a_stem_halves_once_more_so_other_sizes_fit():
    unet = {"stem_stride": 2, "max_stride": 16}
    found = loaded(config(unet=unet, images={"max_height": 48, "max_width": 64}))
    assert found.input_shape == (None, None, 1)
    assert "multiples of 32" in " ".join(entry.because for entry in found.not_read)
    assert loaded(config(unet=unet)).input_shape == (384, 384, 1)


def test_the_skeleton_says_how_many_parts_and_edges_there_are():
    document = config("bottomup", {"confmaps": {}, "pafs": {}})
    skeleton = {"nodes": [{"name": "a"}, {"name": "b"}, {"name": "c"}], "edges": [1, 2]}
    document["data_config"]["skeletons"] = [skeleton]
    assert [head.channels for head in loaded(document).architecture.heads] == [3, 4]
    document["data_config"]["skeletons"] = [skeleton, skeleton]
    assert loaded(document).missing == ("parts", "edges")
    heads = loaded(document, parts=5, edges=1).architecture.heads
    assert [head.channels for head in heads] == [5, 2]


def test_segmentation_has_heads_of_fixed_width():
    document = config(
        "bottomup_segmentation",
        {"segmentation": {}, "center": {"sigma": 4.0}, "offsets": {"output_stride": 4}},
    )
    assert loaded(document).architecture.heads == (
        Head("SegmentationHead", channels=1),
        Head("InstanceCenterHead", channels=1),
        Head("CenterOffsetHead", channels=2, stride=4),
    )


def test_interpolations_stay_and_are_named():
    document = config(unet={"in_channels": "${channels}"})
    document["model_config"]["head_configs"]["single_instance"]["confmaps"] = {
        "part_names": "${data_config.parts}",
        "output_stride": 2,
    }
    found = loaded(document)
    assert found.missing == ("parts", "channels")
    because = {entry.name: entry.because for entry in found.not_read}
    for name in (
        "model_config.backbone_config.unet.in_channels",
        "data_config.train_labels_path",
        "trainer_config.run_name",
    ):
        assert "filled in by another program" in because[name]
    text = export(found.architecture, "sleap-nn", found.input_shape, found.document)
    assert yaml.safe_load(text) == document
    with pytest.raises(ValueError, match=r"unet\.filters='\${f}' is filled in.*write the value"):
        loaded(config(unet={"filters": "${f}"}))


@pytest.mark.parametrize(
    ("unet", "told"),
    [
        ({"stacks": 2}, "stacks=2 is more than sleap-nn can run: give 1"),
        ({"middle_block": False}, "middle_block=False gives blocks whose channels don't fit"),
        ({"convs_per_block": 1}, "convs_per_block=1 gives blocks .*: give 2 or more"),
        ({"stem_stride": 4, "max_stride": 32}, "stem_stride=4 makes a decoder with 6 blocks"),
        ({"stem_stride": 8}, "stem_stride=8 leaves no pooling"),
        ({"filters": "many"}, "filters='many' is not a whole number"),
        ({"kernel_size": 0}, "kernel_size=0 is too small"),
        ({"in_channels": None}, "in_channels=None is not a whole number"),
    ],
)
def test_what_sleap_nn_cannot_run_or_is_no_value_is_refused(tmp_path, unet, told):
    (tmp_path / "bad.yaml").write_text(yaml.safe_dump(config(unet=unet)))
    with pytest.raises(ValueError, match=f"^'bad.yaml': model_config.*unet.{told}"):
        load(tmp_path / "bad.yaml")


@pytest.mark.parametrize("name", ["convnext", "swint", "pretrained"])
def test_other_backbones_are_refused_by_name(name):
    document = config()
    document["model_config"]["backbone_config"] |= {"unet": None, name: {"in_channels": 1}}
    with pytest.raises(ValueError, match=rf"backbone_config has '{name}', which is not read.*unet"):
        loaded(document)


@st.composite
def expressible(draw):
    """Return a plain design that sleap-nn can express too, its heads as they come from a file."""
    down = draw(st.integers(1, 4))
    kernel_size = draw(st.sampled_from([1, 3, 4]))
    net = UNet(
        filters=draw(st.integers(4, 9)),
        filters_rate=draw(st.floats(0.8, 2)),
        kernel_size=kernel_size,
        down_blocks=down,
        up_blocks=draw(st.integers(0, down)),
        up_interpolate=kernel_size != 3 or draw(st.booleans()),
    )
    heads = draw(heads_for(net))
    assume(all(head.name != "OffsetRefinementHead" for head in heads))
    return attrs.evolve(net, heads=heads)


@round_trip()
@given(st.data())
def test_what_was_saved_is_the_same_when_it_is_loaded(data):
    net = data.draw(expressible())
    shape = data.draw(inputs_for(net))
    document = data.draw(st.none() | st.just(config(images={"max_height": None, "mine": 3})))
    if document and (not net.heads or None in shape[:2]):
        document = deepcopy(document)
        document["data_config"]["preprocessing"]["max_width"] = None
    text = export(net, "sleap-nn", shape, document)
    found = load(text)
    assert found.architecture == net
    assert found.input_shape[:2] == shape[:2]
    assert found.input_shape[2] == (shape[2] or 1)
    if document:
        assert found.document["trainer_config"] == document["trainer_config"]
        assert found.document["data_config"]["preprocessing"]["mine"] == 3


def test_a_count_in_the_document_is_that_of_the_new_design():
    found = loaded(config(total=3))
    net = attrs.evolve(found.architecture, filters=8)
    again = load(export(net, "sleap-nn", found.input_shape, found.document))
    assert again.document["model_config"]["total_params"] == total(again)


@pytest.mark.parametrize(
    ("net", "told"),
    [
        (UNet(convs_per_block=3), "decoder blocks 0, 1, 2, 3"),
        (UNet(stem_blocks=1, stem_kernel_size=7), "encoder block"),
        (UNet(skips="add"), "decoder blocks 0, 1, 2, 3"),
        (UNet(heads=[Head("classes")]), "heads classes"),
        (LeapCNN(), "no LeapCNN"),
    ],
)
def test_what_sleap_nn_cannot_express_is_listed(net, told):
    with pytest.raises(ValueError, match=told):
        export(net, "sleap-nn")
