"""Plans of nnU-Net are read as the package's own reader understands them, or refused by name."""

import copy
import json

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from explorer import (
    Head,
    ParameterError,
    PlainConvUNet,
    ResidualEncoderUNet,
    analyze,
    from_json,
    load,
    to_json,
    trace,
)
from explorer.core.exchange.loaded import Answers
from explorer.core.exchange.nnunet import is_plans, read
from explorer.core.network.encoder_decoder import blocks_of
from explorer.core.network.errors import Refusal
from tests.strategies import round_trip

ANSWERS = Answers(classes=3)
KWARGS = "configurations.2d.architecture.arch_kwargs"

OLD = {
    "data_identifier": "nnUNetPlans_2d",
    "preprocessor_name": "DefaultPreprocessor",
    "batch_size": 12,
    "patch_size": [512, 512],
    "median_image_size_in_voxels": [512.0, 512.0],
    "spacing": [0.79, 0.79],
    "normalization_schemes": ["CTNormalization"],
    "use_mask_for_norm": [False],
    "UNet_class_name": "PlainConvUNet",
    "UNet_base_num_features": 32,
    "n_conv_per_stage_encoder": [2] * 8,
    "n_conv_per_stage_decoder": [2] * 7,
    "num_pool_per_axis": [7, 7],
    "pool_op_kernel_sizes": [[1, 1], *[[2, 2]] * 7],
    "conv_kernel_sizes": [[3, 3]] * 8,
    "unet_max_num_features": 512,
    "resampling_fn_data": "resample_data_or_seg_to_shape",
    "batch_dice": True,
}
ARCHITECTURE = {
    "network_class_name": "dynamic_network_architectures.architectures.unet.PlainConvUNet",
    "arch_kwargs": {
        "n_stages": 8,
        "features_per_stage": [32, 64, 128, 256, 512, 512, 512, 512],
        "conv_op": "torch.nn.modules.conv.Conv2d",
        "kernel_sizes": [[3, 3]] * 8,
        "strides": [[1, 1], *[[2, 2]] * 7],
        "n_conv_per_stage": [2] * 8,
        "n_conv_per_stage_decoder": [2] * 7,
        "conv_bias": True,
        "norm_op": "torch.nn.modules.instancenorm.InstanceNorm2d",
        "norm_op_kwargs": {"eps": 1e-05, "affine": True},
        "dropout_op": None,
        "dropout_op_kwargs": None,
        "nonlin": "torch.nn.LeakyReLU",
        "nonlin_kwargs": {"inplace": True},
    },
    "_kw_requires_import": ["conv_op", "norm_op", "dropout_op", "nonlin"],
}
FLAT_KEYS = [name for name in OLD if name.startswith(("UNet", "unet", "n_", "num", "pool", "conv"))]
NEW = {name: value for name, value in OLD.items() if name not in FLAT_KEYS} | {
    "architecture": ARCHITECTURE
}
VOLUME = NEW | {"patch_size": [32, 128, 128]}


def plans(configuration=NEW, **others):
    return {
        "dataset_name": "Dataset003_Liver",
        "plans_name": "nnUNetPlans",
        "configurations": {"2d": configuration, "3d_fullres": VOLUME, **others},
        "experiment_planner_used": "ExperimentPlanner",
    }


def changed(form=NEW, residual=False, **values):
    """Plans with other values in `arch_kwargs`, or of the flat form; None takes a field away."""
    configuration = copy.deepcopy(form)
    place = configuration["architecture"]["arch_kwargs"] if form is NEW else configuration
    if residual:
        configuration["architecture"]["network_class_name"] = (
            "dynamic_network_architectures.architectures.unet.ResidualEncoderUNet"
        )
        place["n_blocks_per_stage"] = [1, 3, 4, 6, 6, 6, 6, 6]
        place["n_conv_per_stage_decoder"] = [1] * 7
        del place["n_conv_per_stage"]
    for name, value in values.items():
        (configuration if name == "patch_size" else place)[name] = value
        if value is ...:
            del place[name]
    return plans(configuration)


def seg_heads(classes, stages=8):
    strides = [*(2**stage for stage in range(stages - 2, 0, -1)), None]
    return tuple(Head(f"seg{i}", classes, stride=stride) for i, stride in enumerate(strides))


@pytest.mark.parametrize("form", [NEW, OLD], ids=["new", "flat"])
def test_both_forms_are_the_same_network(form):
    loaded = read(plans(form), ANSWERS)

    assert loaded.architecture == PlainConvUNet(stages=8, heads=seg_heads(3))
    assert loaded.input_shape == (512, 512, 1)
    assert (loaded.format, loaded.missing, loaded.not_read) == ("nnU-Net plans", (), ())
    assert loaded.document == plans(form)
    assert analyze(trace(loaded.architecture, loaded.input_shape)).total_params == 46_326_581


def test_a_residual_encoder_is_read():
    loaded = read(changed(residual=True), ANSWERS)

    assert loaded.architecture == ResidualEncoderUNet(stages=8, heads=seg_heads(3))
    assert loaded.not_read == ()


def test_a_stem_of_its_own_width_is_an_exception():
    net = read(changed(residual=True, stem_channels=16), ANSWERS).architecture

    assert [edit.name for edit in net.edits] == ["encoder 0"]
    assert blocks_of(net).encoder[0].first_filters == 16
    assert blocks_of(net).encoder[0].filters == 32


def test_every_field_of_a_network_is_accounted_for():
    told = {entry.name: entry.value for entry in read(plans(), ANSWERS).entries}
    flat = {entry.name.rpartition(".")[2] for entry in read(plans(OLD), ANSWERS).entries}

    inside = {"norm_op_kwargs", "nonlin_kwargs"}
    expected = {f"{KWARGS}.{name}" for name in set(ARCHITECTURE["arch_kwargs"]) - inside}
    expected |= {
        f"{KWARGS}.norm_op_kwargs.eps",
        f"{KWARGS}.norm_op_kwargs.affine",
        "configurations.2d.architecture.network_class_name",
        "configurations.2d.patch_size",
        "configurations.2d.normalization_schemes",
    }
    assert set(told) == expected
    assert told[f"{KWARGS}.n_stages"] == 8
    assert flat == {*FLAT_KEYS, "patch_size", "normalization_schemes"}


def test_what_the_plans_leave_open_is_missing():
    unanswered = read(plans(), Answers())
    cascade = read(plans(NEW | {"previous_stage": "2d_lowres"}), ANSWERS)

    assert (unanswered.missing, unanswered.architecture.heads) == (("classes",), ())
    assert unanswered.input_shape == (512, 512, 1)
    assert (cascade.missing, cascade.input_shape) == (("channels",), (512, 512, None))
    told = read(plans(NEW | {"previous_stage": "2d_lowres"}), Answers(classes=2, channels=4))
    assert (told.missing, told.input_shape) == ((), (512, 512, 4))


@pytest.mark.parametrize(
    ("channels", "told"), [(None, "give all channels"), (4, "4 channels in all were given")]
)
def test_the_account_of_a_cascade_names_where_channels_are_lacking(channels, told):
    loaded = read(
        plans(NEW | {"previous_stage": "2d_lowres"}), Answers(classes=2, channels=channels)
    )
    because = {entry.name.rpartition(".")[2]: entry.because for entry in loaded.not_read}
    assert because.keys() == {"previous_stage", "normalization_schemes"}
    assert because["previous_stage"].endswith(told)
    assert read(plans(NEW | {"previous_stage": None}), ANSWERS).not_read == ()


def test_schemes_that_tell_no_channels_are_named():
    (entry,) = read(plans(NEW | {"normalization_schemes": "CT"}), ANSWERS).not_read
    assert (entry.name, entry.value) == ("configurations.2d.normalization_schemes", "CT")


def test_another_answer_for_the_channels_is_told():
    loaded = read(plans(), Answers(classes=2, channels=3))

    assert loaded.input_shape == (512, 512, 3)
    assert [(entry.name, entry.because) for entry in loaded.not_read] == [
        ("configurations.2d.normalization_schemes", "3 channels were asked for")
    ]


def test_a_configuration_inherits_what_it_does_not_say():
    both = plans(
        small={"inherits_from": "2d", "patch_size": [256, 384]}, smaller={"inherits_from": "small"}
    )
    loaded = read(both, attrs.evolve(ANSWERS, configuration="smaller"))

    assert loaded.input_shape == (256, 384, 1)
    assert loaded.architecture == read(plans(), ANSWERS).architecture
    names = [entry.name for entry in loaded.entries]
    assert {
        "configurations.smaller.inherits_from",
        "configurations.small.inherits_from",
        "configurations.small.patch_size",
        f"{KWARGS}.n_stages",
    } <= set(names)
    assert len(names) == len(set(names))


OBLONG = {
    "n_stages": 4,
    "features_per_stage": [32, 64, 128, 256],
    "kernel_sizes": [[1, 3], [3, 3], [3, 3], [3, 3]],
    "strides": [[1, 1], [1, 2], [2, 2], [2, 2]],
    "n_conv_per_stage": [2, 2, 2, 3],
    "n_conv_per_stage_decoder": [2, 2, 1],
    "patch_size": [20, 224],
}


def test_oblong_kernels_and_strides_are_exceptions_of_their_blocks():
    loaded = read(changed(**OBLONG), ANSWERS)
    net = loaded.architecture

    graph = trace(net, loaded.input_shape)

    assert [edit.name for edit in net.edits] == ["encoder 0", "encoder 1", "decoder 2"]
    assert (net.kernel_size, net.convs_per_stage, net.size_steps) == (3, (2, 2, 2, 3), (4, 8))
    convolutions = [node for node in graph if node.kind == "Conv2D" and node.block.role != "head"]
    assert [node.layer.kernel_size for node in convolutions[:3]] == [(1, 3), (1, 3), 3]
    assert [node.layer.kernel_size for node in convolutions[-2:]] == [3, (1, 3)]
    assert [node.shape for node in graph.outputs] == [(10, 56, 3), (20, 112, 3), (20, 224, 3)]
    assert from_json(to_json(net)) == net


def test_widths_of_no_formula_are_exceptions():
    widths = [32, 64, 125, 256, 512, 512, 512, 512]
    net = read(changed(features_per_stage=widths), ANSWERS).architecture

    assert (net.filters, net.max_filters) == (32, 512)
    assert [edit.name for edit in net.edits] == ["encoder 2", "decoder 4"]
    assert [block.filters for block in blocks_of(net).encoder] == widths


@round_trip(40)
@given(st.data())
def test_a_network_written_as_plans_comes_back(data):
    residual, stages = data.draw(st.booleans()), data.draw(st.integers(2, 4))
    lists = st.lists(st.integers(1, 3), min_size=stages, max_size=stages)
    down, up = data.draw(lists), data.draw(lists)[1:]
    filters, most = data.draw(st.integers(1, 40)), data.draw(st.integers(40, 90))
    sizes = st.sampled_from([[1, 3], [3, 1], [3, 3], [5, 5], [1, 1]])
    steps = st.sampled_from([[2, 2], [1, 2], [2, 1], [3, 3]])
    kernels = data.draw(st.lists(sizes, min_size=stages, max_size=stages))
    strides = [[1, 1], *data.draw(st.lists(steps, min_size=stages - 1, max_size=stages - 1))]
    kernel_of = {"kernel_sizes": kernels, "strides": strides}
    patch = [1, 1]
    for stride in strides:
        patch = [size * step for size, step in zip(patch, stride, strict=True)]
    document = changed(
        residual=residual,
        n_stages=stages,
        features_per_stage=[min(filters * 2**stage, most) for stage in range(stages)],
        n_conv_per_stage_decoder=up,
        patch_size=patch,
        **{"n_blocks_per_stage" if residual else "n_conv_per_stage": down},
        **kernel_of,
    )

    loaded = read(json.loads(json.dumps(document)), Answers(classes=2))
    net, blocks = loaded.architecture, blocks_of(loaded.architecture)

    assert loaded.not_read == ()
    for stage, (block, kernel, stride) in enumerate(
        zip(blocks.encoder, kernels, strides, strict=True)
    ):
        width = block.kernel_size if block.kernel_width is None else block.kernel_width
        assert [block.kernel_size, width] == kernel
        assert block.filters == min(filters * 2**stage, most)
        assert (block.num_units if residual else block.num_convs) == down[stage]
        factor = block.pooling_stride if block.pool else 1
        assert [factor if block.along != side else 1 for side in ("width", "height")] == stride
    assert [block.num_convs for block in blocks.decoder] == up
    graph = trace(net, loaded.input_shape)
    assert graph.outputs[-1].shape[:2] == tuple(patch)
    assert len(graph.outputs) == stages - 1


@pytest.mark.parametrize(
    ("values", "name", "because"),
    [
        (
            {"dropout_op": "torch.nn.modules.dropout.Dropout2d", "dropout_op_kwargs": {"p": 0.2}},
            "dropout_op",
            "no dropout",
        ),
        ({"norm_op_kwargs": {"eps": 1e-3, "affine": True}}, "norm_op_kwargs.eps", "1e-05"),
        ({"nonlin_first": True}, "nonlin_first", "normalisation comes before activation"),
        ({"squeeze_excitation": True}, "squeeze_excitation", "not known"),
    ],
)
def test_what_is_lacking_is_named(values, name, because):
    found = {entry.name: entry.because for entry in read(changed(**values), ANSWERS).not_read}

    assert because in found[f"{KWARGS}.{name}"]


def test_other_settings_are_those_of_the_network():
    net = read(
        changed(
            conv_bias=False,
            norm_op="torch.nn.BatchNorm2d",
            norm_op_kwargs=None,
            nonlin="torch.nn.ReLU",
            nonlin_kwargs=None,
        ),
        ANSWERS,
    ).architecture
    steep = read(changed(nonlin_kwargs={"negative_slope": 0.2}, norm_op=None), ANSWERS).architecture

    assert (net.use_bias, net.normalisation, net.negative_slope) == (False, "batch", 0)
    assert (steep.normalisation, steep.negative_slope) == ("none", 0.2)
    assert read(changed(conv_bias=...), ANSWERS).architecture.use_bias is False


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"n_stages": ...}, "n_stages=None is missing: add it"),
        ({"n_stages": 10**9}, "n_stages=1000000000 is none of the whole numbers from 2 to 11"),
        ({"n_stages": 2.0}, "n_stages=2.0 is none"),
        ({"n_stages": 7}, "features_per_stage=.* is no list of 7: give 7 entries"),
        ({"features_per_stage": [32] * 7 + [0]}, "other entries than whole numbers from 1 to"),
        ({"features_per_stage": [32] * 7 + [True]}, "other entries than whole numbers"),
        ({"n_conv_per_stage": "2"}, "n_conv_per_stage='2' is no list of 8"),
        ({"n_conv_per_stage": [[2]] * 8}, "n_conv_per_stage=.* other entries"),
        ({"kernel_sizes": [[3, 3, 3]] * 8}, "has 3 axes: choose a configuration of 2 axes"),
        ({"kernel_sizes": [[2, 2]] * 8}, "even sizes"),
        ({"kernel_sizes": [{"a": 3}] * 8}, "other entries than pairs of whole numbers"),
        ({"strides": [[1, 1]] * 8}, "keeps the resolution: give a stride"),
        ({"strides": [[1, 1], [2, 3], *[[2, 2]] * 6]}, "different strides for both axes"),
        ({"conv_op": "torch.nn.Conv3d"}, "conv_op='torch.nn.Conv3d' is no convolution of images"),
        ({"conv_bias": 1}, "conv_bias=1 is neither true nor false"),
        ({"norm_op": "torch.nn.LayerNorm"}, "norm_op=.*use InstanceNorm2d or BatchNorm2d, or null"),
        ({"norm_op_kwargs": {}}, "affine=None leaves out scale and offset"),
        ({"norm_op_kwargs": [1]}, r"norm_op_kwargs=\[1\] is no object"),
        ({"nonlin": "torch.nn.GELU"}, "nonlin='torch.nn.GELU'.*use LeakyReLU or ReLU"),
        ({"nonlin": None}, "nonlin=None.*use LeakyReLU or ReLU"),
        ({"nonlin": 3}, "nonlin=3 is not the name of a class"),
        ({"nonlin_kwargs": {"negative_slope": "0.1"}}, "negative_slope='0.1' is no number"),
        ({"patch_size": [512, 500]}, "patch_size=.*give multiples of 128 and 128"),
        ({"patch_size": "512"}, "patch_size='512' is no list of sizes"),
        ({"patch_size": [512, -1]}, "patch_size=.* is no list of sizes"),
    ],
)
def test_bad_values_are_refused_by_name(values, message):
    with pytest.raises(ParameterError, match=f"configurations.2d.*{message}"):
        read(changed(**values), ANSWERS)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"block": "dynamic_network_architectures.building_blocks.residual.BottleneckD"}, "block="),
        ({"bottleneck_channels": 16}, "bottleneck_channels=16"),
        ({"stem_channels": 0}, "stem_channels=0"),
    ],
)
def test_residual_units_of_another_kind_are_refused(values, message):
    with pytest.raises(ParameterError, match=message):
        read(changed(residual=True, **values), ANSWERS)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"UNet_class_name": "SwinUNETR"}, "UNet_class_name='SwinUNETR'.*choose one of Plain"),
        ({"UNet_class_name": ["PlainConvUNet"]}, "UNet_class_name="),
        ({"UNet_base_num_features": 0}, "UNet_base_num_features=0"),
        ({"n_conv_per_stage_encoder": 2}, "n_conv_per_stage_encoder=2 is no list of numbers"),
        ({"n_conv_per_stage_encoder": [2] * 10_000}, "give 2 to 11 numbers"),
        ({"conv_kernel_sizes": [[3, 3]] * 7}, "conv_kernel_sizes=.* is no list of 8"),
    ],
)
def test_bad_values_of_the_flat_form_are_refused_by_name(values, message):
    with pytest.raises(ParameterError, match=f"configurations.2d.*{message}"):
        read(changed(OLD, **values), ANSWERS)


def test_pools_that_are_said_otherwise_are_named():
    (entry,) = read(changed(OLD, num_pool_per_axis=[6, 6]), ANSWERS).not_read
    assert (entry.name, entry.because) == (
        "configurations.2d.num_pool_per_axis",
        "pool_op_kernel_sizes say otherwise",
    )


@pytest.mark.parametrize(
    ("document", "configuration", "message"),
    [
        (plans(), "3d_fullres", "3d_fullres is for patches of 3 axes.*: choose '2d'.$"),
        ({"configurations": {"3d": VOLUME}}, "3d", "these plans have none of 2 axes"),
        (
            {"configurations": {"3d": VOLUME}},
            None,
            "no configuration that can be shown, but '3d' .* 3 axes",
        ),
        (plans(), "2d_low", "no configuration '2d_low' in these plans: choose '2d'"),
        (plans({"inherits_from": "base"}), "2d", "no configuration 'base'.*'2d' inherits from"),
        (plans({"inherits_from": ["2d"]}), "2d", "no configuration"),
        (plans({"inherits_from": "2d"}), "2d", "'2d' inherits from itself"),
        (plans(7, other=NEW), "2d", "no configuration '2d'"),
        ({"configurations": {}}, "2d", "no plans of nnU-Net"),
        ({}, "2d", "no plans of nnU-Net"),
    ],
)
def test_what_cannot_be_shown_is_refused(document, configuration, message):
    with pytest.raises(Refusal, match=message):
        read(document, attrs.evolve(ANSWERS, configuration=configuration))


def test_a_class_of_another_package_is_refused():
    configuration = copy.deepcopy(NEW)
    for name in ("os.system", "mine.PlainConvUNet", None, 3):
        configuration["architecture"]["network_class_name"] = name
        with pytest.raises(ParameterError, match="is none of the networks that are read"):
            read(plans(configuration), ANSWERS)


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        (plans(), True),
        (plans(OLD), True),
        ({"configurations": {"2d": {"inherits_from": "base"}}}, True),
        ({"configurations": {"2d": 3}}, False),
        ({"configurations": [NEW]}, False),
        ({"model": {}}, False),
        ([plans()], False),
        (None, False),
    ],
)
def test_plans_are_told_by_what_is_in_them(document, expected):
    assert is_plans(document) is expected


def test_another_number_of_classes_changes_the_heads_alone():
    few, many = (read(plans(), Answers(classes=classes)).architecture for classes in (2, 9))
    assert attrs.evolve(few, heads=()) == attrs.evolve(many, heads=())
    assert [head.channels for head in many.heads] == [9] * 7


def test_load_reads_the_configuration_that_is_wanted():
    both = plans(NEW, smaller={"inherits_from": "2d", "patch_size": [256, 128]})
    loaded = load(json.dumps(both), classes=2, channels=3, configuration="smaller")
    assert (loaded.format, loaded.input_shape) == ("nnU-Net plans", (256, 128, 3))


def test_all_configurations_are_told_and_why_some_cannot_be_shown():
    small = {"inherits_from": "2d", "patch_size": [256, 128]}
    loaded = read(plans(NEW, volume=VOLUME, small=small, odd={"inherits_from": "odd"}), ANSWERS)
    assert loaded.configuration == "2d"
    told = {each.name: each.because for each in loaded.configurations}
    assert told["2d"] == told["small"] == told["odd"] == ""
    assert "3 axes" in told["volume"]
    loaded = read(plans(NEW, small=small), attrs.evolve(ANSWERS, configuration="small"))
    assert loaded.configuration == "small"


def test_without_2d_the_first_of_two_axes_is_read():
    named = {"configurations": {"3d_fullres": VOLUME, "mine": NEW, "other": OLD}}
    assert read(named, ANSWERS).configuration == "mine"
