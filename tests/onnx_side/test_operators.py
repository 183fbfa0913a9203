"""Each operator of ONNX, against what ONNX itself computes.

What a position can see is found with ONNX's own evaluation: weights and images are positive, so a
pixel that is made very large changes all that it can influence.
"""

import numpy as np
import onnx
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from onnx.reference import ReferenceEvaluator

from explorer import analyze
from explorer.core.analysis.receptive_field import receptive_window
from explorer.core.network.errors import Refusal
from explorer.core.network.layers import (
    Activation,
    Add,
    AveragePooling2D,
    Concatenate,
    Conv2D,
    Conv2DTranspose,
    DepthwiseConv2D,
    GlobalAveragePooling2D,
    GroupNormalization,
    MaxPooling2D,
    UpSampling2D,
    ZeroPadding2D,
)
from tests.onnx_side.graphs import loaded, model, node, whole


def graph_of(made, folder):
    return loaded(made, folder).architecture.own_graph


def outputs(made, image):
    return ReferenceEvaluator(made).run(None, {"x": image})[0]


def check(made, folder, shape=(1, 2, 10, 12), is_exact=True):
    """Assert shape and reach of the last layer against those that ONNX computes."""
    graph = graph_of(made, folder)
    last = graph.outputs[0]
    image = np.ones(shape, np.float32)
    plain = outputs(made, image)
    rows, columns = plain.shape[2:]
    assert last.shape == (rows, columns, plain.shape[1])
    seen = [[[] for _ in range(columns)] for _ in range(rows)]
    for axis, size in enumerate(shape[2:]):
        for pixel in range(size):
            changed = image.copy()
            changed[(slice(None), slice(None), *[slice(None)] * axis, pixel)] = 1e6
            differs = np.any(outputs(made, changed) != plain, axis=(0, 1))
            for row, column in np.argwhere(differs):
                seen[row][column].append((axis, pixel))
    for row in {0, 1, rows // 2, rows - 1} & set(range(rows)):
        for column in {0, 1, columns // 2, columns - 1} & set(range(columns)):
            found = receptive_window(graph, last, row, column)
            assert found is not None
            box = found.inside
            pixels = [[p for a, p in seen[row][column] if a == axis] for axis in (0, 1)]
            if not all(pixels):
                assert box is None
                continue
            told = (min(pixels[0]), min(pixels[1]), max(pixels[0]), max(pixels[1]))
            assert (box.top, box.left, box.bottom, box.right) == told
    return graph


KERNEL = {"w": (3, 2, 3, 3), "b": (3,)}


@pytest.mark.parametrize(
    ("settings", "kind"),
    [
        ({"pads": [1, 1, 1, 1]}, Conv2D),
        ({}, Conv2D),
        ({"pads": [0, 0, 1, 1], "strides": [2, 2]}, Conv2D),
        ({"pads": [1, 1, 1, 1], "strides": [2, 2]}, None),
        ({"pads": [0, 2, 1, 3]}, None),
        ({"pads": [2, 2, 2, 2], "dilations": [2, 2]}, Conv2D),
        ({"pads": [3, 1, 3, 1], "dilations": [2, 1], "strides": [3, 2]}, None),
        ({"auto_pad": "SAME_UPPER", "strides": [2, 3]}, Conv2D),
        ({"auto_pad": "SAME_LOWER", "strides": [2, 2]}, None),
        ({"auto_pad": "VALID"}, Conv2D),
    ],
)
def test_convolutions(settings, kind, tmp_path):
    graph = check(model([node("Conv", "x w b", "y", **settings)], KERNEL), tmp_path)
    layer = graph.outputs[0].layer
    assert type(layer) is kind or (kind is None and not layer.has_twin)
    assert analyze(graph).total_params == 3 * 2 * 9 + 3
    assert graph.outputs[0].macs == 3 * 2 * 9 * np.prod(graph.outputs[0].shape[:2])


def test_grouped_and_depthwise_convolutions(tmp_path):
    nodes = [node("Conv", "x w", "a", group=2, pads=[1] * 4), node("Conv", "a v", "y", group=2)]
    graph = check(model(nodes, {"w": (6, 1, 3, 3), "v": (4, 3, 1, 1)}), tmp_path)
    first, second = graph.nodes[1:]
    assert type(first.layer) is DepthwiseConv2D
    assert first.layer.depth_multiplier == 3
    assert second.layer.groups == 2
    assert [each.params for each in (first, second)] == [54, 12]
    assert second.macs == 12 * 10 * 12


@pytest.mark.parametrize(
    ("settings", "size", "kind"),
    [
        ({"strides": [2, 2]}, 2, Conv2DTranspose),
        ({"strides": [2, 2], "pads": [0, 0, 1, 1]}, 3, Conv2DTranspose),
        ({"strides": [2, 2]}, 3, Conv2DTranspose),
        ({"strides": [2, 2], "pads": [1] * 4, "output_padding": [1, 1]}, 3, None),
        ({"strides": [2, 3], "pads": [1] * 4}, 4, None),
        ({"strides": [3, 3], "output_padding": [2, 1]}, 2, None),
        ({"strides": [2, 2], "auto_pad": "SAME_UPPER"}, 3, Conv2DTranspose),
    ],
)
def test_transposed_convolutions(settings, size, kind, tmp_path):
    weights = {"w": (2, 3, size, size), "b": (3,)}
    graph = check(model([node("ConvTranspose", "x w b", "y", **settings)], weights), tmp_path)
    layer = graph.outputs[0].layer
    assert type(layer) is kind or (kind is None and not layer.has_twin)
    assert analyze(graph).total_params == 6 * size**2 + 3
    assert graph.outputs[0].macs == 6 * size**2 * 10 * 12


def test_a_transposed_convolution_with_a_shape_of_its_own(tmp_path):
    # ONNX: what is over comes off the end where it is SAME_UPPER, else off the start.
    for auto_pad, cut in (("NOTSET", ((1, 1), (1, 0))), ("SAME_UPPER", ((1, 1), (0, 1)))):
        settings = {"strides": [2, 2], "output_shape": [19, 24], "auto_pad": auto_pad}
        made = model([node("ConvTranspose", "x w", "y", **settings)], {"w": (2, 3, 3, 3)})
        last = graph_of(made, tmp_path).outputs[0]
        assert last.shape == (19, 24, 3)
        assert last.layer.pads == cut


def test_a_grouped_transposed_convolution(tmp_path):
    made = model([node("ConvTranspose", "x w", "y", group=2, strides=[2, 2])], {"w": (2, 2, 4, 4)})
    graph = graph_of(made, tmp_path)
    assert graph.outputs[0].shape[2] == 4
    assert (graph.outputs[0].params, graph.outputs[0].macs) == (64, 64 * 120)


def test_of_a_dilated_transposed_convolution_the_reach_is_not_known(tmp_path):
    made = model([node("ConvTranspose", "x w", "y", dilations=[2, 2])], {"w": (2, 3, 3, 3)})
    graph = graph_of(made, tmp_path)
    report = analyze(graph)
    assert report.layers[-1].shape == (14, 16, 3)
    assert report.layers[-1].receptive_field is None
    assert (report.total_params, report.macs) == (54, 54 * 120)


@pytest.mark.parametrize(
    ("settings", "ours"),
    [
        ({"kernel_shape": [2, 2], "strides": [2, 2]}, True),
        ({"kernel_shape": [3, 2], "strides": [2, 3]}, True),
        ({"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1] * 4}, False),
        ({"kernel_shape": [3, 3], "strides": [2, 2], "auto_pad": "SAME_UPPER"}, True),
    ],
)
@pytest.mark.parametrize("kind", ["MaxPool", "AveragePool"])
def test_pooling(kind, settings, ours, tmp_path):
    graph = check(model([node(kind, "x", "y", **settings)]), tmp_path)
    layer = graph.outputs[0].layer
    assert (type(layer) in (MaxPooling2D, AveragePooling2D)) == ours


def test_pooling_that_rounds_up_takes_a_last_window_that_is_partly_outside(tmp_path):
    settings = {"kernel_shape": [3, 3], "strides": [3, 3], "ceil_mode": 1}
    last = graph_of(model([node("MaxPool", "x", "y", **settings)]), tmp_path).outputs[0]
    assert (last.shape, last.layer.has_twin) == ((4, 4, 2), False)
    settings["strides"] = [1, 3]  # here no window is partly outside
    last = graph_of(model([node("MaxPool", "x", "y", **settings)]), tmp_path).outputs[0]
    assert (last.shape, type(last.layer)) == ((8, 4, 2), MaxPooling2D)


def test_a_pooling_whose_size_is_not_agreed_on_is_refused(tmp_path):
    # A last window that begins in the margin counts by some versions of ONNX, and by others not.
    settings = {"kernel_shape": [2, 2], "strides": [3, 3], "ceil_mode": 1, "pads": [0, 0, 1, 1]}
    with pytest.raises(Refusal, match=r"by its settings .* by the rules of ONNX"):
        loaded(model([node("AveragePool", "x", "y", **settings)]), tmp_path)


def test_an_average_that_counts_margins_is_none_of_keras(tmp_path):
    same = {"kernel_shape": [3, 3], "pads": [1] * 4}
    plain = graph_of(model([node("AveragePool", "x", "y", **same)]), tmp_path)
    counting = graph_of(
        model([node("AveragePool", "x", "y", count_include_pad=1, **same)]), tmp_path
    )
    assert type(plain.outputs[0].layer) is AveragePooling2D
    assert counting.outputs[0].layer.counts_margins
    assert not counting.outputs[0].layer.has_twin


@pytest.mark.parametrize(
    ("mode", "where", "rounding", "scales", "ours"),
    [
        ("nearest", "asymmetric", "floor", (2, 2), "nearest"),
        ("nearest", "half_pixel", "round_prefer_floor", (2, 3), "nearest"),
        ("nearest", "half_pixel", "floor", (2, 2), ""),
        ("nearest", "half_pixel", "ceil", (2, 2), ""),
        ("nearest", "asymmetric", "round_prefer_ceil", (2, 2), ""),
        ("nearest", "asymmetric", "floor", (0.5, 0.5), ""),
        ("nearest", "asymmetric", "floor", (1.5, 2), ""),
        ("linear", "half_pixel", "floor", (2, 2), "bilinear"),
        ("linear", "pytorch_half_pixel", "floor", (2, 4), "bilinear"),
        ("linear", "asymmetric", "floor", (2, 2), ""),
        ("linear", "half_pixel", "floor", (1.5, 1.25), ""),
        ("linear", "half_pixel", "floor", (0.5, 0.25), ""),
        ("cubic", "half_pixel", "floor", (2, 2), ""),
    ],
)
def test_resizing(mode, where, rounding, scales, ours, tmp_path):
    made = model(
        [
            node(
                "Resize",
                "x  s",
                "y",
                mode=mode,
                coordinate_transformation_mode=where,
                nearest_mode=rounding,
            )
        ],
        {"s": np.array([1, 1, *scales], np.float32)},
        shape=("n", 2, 8, 12),
    )
    # An interpolation takes the border's own pixel in place of those beyond.
    graph = graph_of(made, tmp_path)
    assert getattr(graph.outputs[0].layer, "interpolation", "") == ours or not ours
    assert isinstance(graph.outputs[0].layer, UpSampling2D) == bool(ours)
    shape, last = (1, 2, 8, 12), graph.outputs[0]
    image = np.ones(shape, np.float32)
    row, column = last.shape[0] // 2, last.shape[1] // 2
    rows, columns = set(), set()
    plain = outputs(made, image)
    assert last.shape == (*plain.shape[2:], 2)
    for pixel in range(12):
        changed = image.copy()
        changed[..., pixel] = 1e6
        if np.any(outputs(made, changed)[:, :, row, column] != plain[:, :, row, column]):
            columns.add(pixel)
    for pixel in range(8):
        changed = image.copy()
        changed[:, :, pixel] = 1e6
        if np.any(outputs(made, changed)[:, :, row, column] != plain[:, :, row, column]):
            rows.add(pixel)
    box = receptive_window(graph, last, row, column).inside
    told = (min(rows), min(columns), max(rows), max(columns))
    assert (box.top, box.left, box.bottom, box.right) == told
    assert analyze(graph).total_params == 0


def test_a_resize_to_aligned_corners_scales_but_its_reach_is_not_known(tmp_path):
    made = model(
        [
            node(
                "Resize", "x  s", "y", mode="linear", coordinate_transformation_mode="align_corners"
            )
        ],
        {"s": np.array([1, 1, 2, 2], np.float32)},
    )
    row = analyze(graph_of(made, tmp_path)).layers[-1]
    assert row.shape == (20, 24, 2)
    assert row.receptive_field is None


def test_old_upsampling_and_sizes(tmp_path):
    scales = np.array([1, 1, 2, 2], np.float32)
    old = model([node("Upsample", "x s", "y", mode="nearest")], {"s": scales}, opset=9)
    assert type(graph_of(old, tmp_path).outputs[0].layer) is UpSampling2D
    to = model([node("Resize", "x   s", "y", mode="nearest")], {"s": whole(1, 2, 20, 24)})
    assert type(graph_of(to, tmp_path).outputs[0].layer) is UpSampling2D


def test_padding_slicing_and_blocks(tmp_path):
    pads = whole(0, 0, 1, 2, 0, 0, 3, 0)
    graph = check(
        model([node("Pad", "x p", "a"), node("Conv", "a w", "y")], {"p": pads, "w": (1, 2, 2, 2)}),
        tmp_path,
    )
    assert graph.nodes[1].layer.padding == ((1, 3), (2, 0))
    part = {"s": whole(2, 3), "e": whole(-1, 10), "a": whole(2, 3), "t": whole(1, 1)}
    graph = check(model([node("Slice", "x s e a t", "y")], part), tmp_path)
    assert graph.outputs[0].layer.cropping == ((2, 1), (3, 2))
    check(model([node("Slice", "x s e a t", "y")], {**part, "t": whole(2, 3)}), tmp_path)
    check(model([node("SpaceToDepth", "x", "y", blocksize=2)]), tmp_path)
    check(
        model([node("DepthToSpace", "x", "y", blocksize=2)], shape=("n", 4, 8, 8)),
        tmp_path,
        (1, 4, 8, 8),
    )
    crop = model([node("Pad", "x p", "y")], {"p": whole(0, 0, -1, 0, 0, 0, 0, -2)})
    assert graph_of(crop, tmp_path).outputs[0].layer.cropping == ((1, 0), (0, 2))
    mirrored = model([node("Pad", "x p", "y", mode="reflect")], {"p": pads})
    row = analyze(graph_of(mirrored, tmp_path)).layers[-1]
    assert row.shape == (14, 14, 2)
    assert row.receptive_field is None


def test_zero_padding_is_one_of_ours_only_for_zeros(tmp_path):
    pads, value = whole(0, 0, 1, 1, 0, 0, 1, 1), np.array(1, np.float32)
    nodes = [node("Pad", "x p v", "y")]
    ones = graph_of(model(nodes, {"p": pads, "v": value}), tmp_path)
    zeros = graph_of(model(nodes, {"p": pads, "v": np.array(0, np.float32)}), tmp_path)
    assert type(zeros.outputs[0].layer) is ZeroPadding2D
    assert not ones.outputs[0].layer.has_twin


def test_normalisation_weights_and_groups(tmp_path):
    each = dict.fromkeys("sbmv", (2,))
    batch = graph_of(model([node("BatchNormalization", "x s b m v", "y")], each), tmp_path)
    assert batch.outputs[0].weights == (4, 4)
    instance = graph_of(model([node("InstanceNormalization", "x s b", "y")], each), tmp_path)
    assert type(instance.outputs[0].layer) is GroupNormalization
    assert instance.outputs[0].weights == (4, 0)
    assert analyze(instance).layers[-1].receptive_field == (10, 12)


@pytest.mark.parametrize(
    ("axis", "field"), [(-1, None), (2, (10, 12)), (1, (10, 12))], ids=["rows", "image", "all"]
)
def test_a_normalisation_of_rows_alone_does_not_look_everywhere(axis, field, tmp_path):
    weights = {"s": (2, 10, 12)[axis if axis < 0 else axis - 1 :]}
    made = model([node("LayerNormalization", "x s", "y", axis=axis)], weights)
    assert analyze(graph_of(made, tmp_path)).layers[-1].receptive_field == field


def test_a_hard_sigmoid_is_keras_own_only_with_both_its_settings(tmp_path):
    for slope, middle, is_ours in [(1 / 6, 0.5, True), (1 / 6, 0.1, False), (0.2, 0.5, False)]:
        made = model([node("HardSigmoid", "x", "y", alpha=slope, beta=middle)])
        layer = graph_of(made, tmp_path).outputs[0].layer
        assert isinstance(layer, Activation) == is_ours


def test_groups_as_pytorch_writes_them(tmp_path):
    made = model(
        [
            node("Conv", "x w", "c"),
            node("Reshape", "c g", "r"),
            node("InstanceNormalization", "r one zero", "i"),
            node("Shape", "c", "shape"),
            node("Reshape", "i shape", "k"),
            node("Mul", "k scale", "m"),
            node("Add", "m offset", "y"),
        ],
        {
            "w": (8, 2, 1, 1),
            "g": whole(0, 4, -1),
            "one": np.ones(4, np.float32),
            "zero": np.zeros(4, np.float32),
            "scale": (8, 1, 1),
            "offset": (8, 1, 1),
        },
    )
    graph = graph_of(made, tmp_path)
    norm = graph.outputs[0]
    assert (type(norm.layer), norm.layer.groups) == (GroupNormalization, 4)
    assert norm.weights == (16, 0)
    assert [each.kind for each in graph] == ["InputLayer", "Conv2D", "GroupNormalization"]
    assert analyze(graph).layers[-1].receptive_field == (10, 12)
    assert graph.obstacle == ""


def test_a_bias_that_is_added_belongs_to_its_convolution(tmp_path):
    nodes = [node("Conv", "x w", "c", pads=[1] * 4), node("Add", "c b", "y")]
    graph = graph_of(model(nodes, {"w": (3, 2, 3, 3), "b": (1, 3, 1, 1)}), tmp_path)
    assert len(graph) == 2
    assert graph.outputs[0].layer.use_bias
    assert graph.outputs[0].params == 57
    # Where the convolution's own output is used, too, the bias is a layer.
    twice = model(
        [*nodes[:1], node("Add", "c b", "a"), node("Add", "a c", "y")],
        {"w": (3, 2, 3, 3), "b": (1, 3, 1, 1)},
    )
    graph = graph_of(twice, tmp_path)
    assert len(graph) == 4
    assert analyze(graph).total_params == 57
    assert type(graph.outputs[0].layer) is Add


def test_shared_weights_count_once(tmp_path):
    nodes = [
        node("Conv", "x w", "a", pads=[1] * 4),
        node("Conv", "a w", "b", pads=[1] * 4),
        node("Identity", "w", "same"),
        node("Conv", "b same", "y", pads=[1] * 4),
    ]
    graph = graph_of(model(nodes, {"w": (2, 2, 3, 3)}), tmp_path)
    assert [each.params for each in graph] == [0, 36, 0, 0]
    assert [each.calls for each in graph.nodes[2:]] == [graph.nodes[1].name] * 2
    assert graph.obstacle == ""


def test_numbers_of_formulas_are_no_parameters(tmp_path):
    nodes = [
        node("Mul", "x half", "a"),
        node("Clip", "a low high", "b"),
        node("PRelu", "b slope", "c"),
        node("Sigmoid", "c", "d"),
        node("Mul", "c d", "y"),
    ]
    constants = {
        "half": np.array(0.5, np.float32),
        "low": np.array(0, np.float32),
        "high": np.array(6, np.float32),
        "slope": (2, 1, 1),
    }
    graph = check(model(nodes, constants), tmp_path)
    assert analyze(graph).total_params == 2
    assert graph.nodes[2].layer == Activation(name=graph.nodes[2].name, activation="relu6")


def test_a_gate_of_the_whole_image_and_a_classifier(tmp_path):
    nodes = [
        node("GlobalAveragePool", "x", "p"),
        node("Conv", "p w", "g"),
        node("Sigmoid", "g", "s"),
        node("Mul", "x s", "m"),
        node("ReduceMean", "m axes", "f", keepdims=0),
        node("Gemm", "f d b", "y", transB=1),
    ]
    constants = {"w": (2, 2, 1, 1), "d": (5, 2), "b": (5,), "axes": whole(2, 3)}
    graph = graph_of(model(nodes, constants, shape=(1, 2, 10, 12)), tmp_path)
    assert type(graph.nodes[1].layer) is GlobalAveragePooling2D
    report = analyze(graph)
    assert {row.receptive_field for row in report.layers[1:]} == {(10, 12)}
    assert report.layers[-1].shape[-1] == 5
    assert report.total_params == 4 + 15
    assert report.macs == 4 + 10


def test_flattening_and_matrices(tmp_path):
    nodes = [
        node("Flatten", "x", "f"),
        node("MatMul", "f d", "m"),
        node("Add", "m b", "a"),
        node("Gemm", "a e", "y"),
    ]
    made = model(nodes, {"d": (48, 5), "b": (5,), "e": (5, 3)}, shape=("n", 3, 4, 4))
    made.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 1
    report = analyze(graph_of(made, tmp_path))
    assert report.total_params == 48 * 5 + 5 + 15
    assert report.macs == 48 * 5 + 15
    assert report.layers[-1].shape == (3,)
    assert report.layers[-1].receptive_field == (4, 4)


@pytest.mark.parametrize(
    ("axis", "opset", "is_ours"), [(1, 13, True), (3, 13, False), (1, 11, False)]
)
def test_softmax_is_over_channels_alone_or_looks_everywhere(axis, opset, is_ours, tmp_path):
    graph = graph_of(model([node("Softmax", "x", "y", axis=axis)], opset=opset), tmp_path)
    assert (graph.outputs[0].layer.kind == "Activation") == is_ours


def test_channels_that_are_shuffled_stay_in_their_place(tmp_path):
    nodes = [
        node("Reshape", "x s", "a"),
        node("Transpose", "a", "b", perm=[0, 2, 1, 3, 4]),
        node("Reshape", "b t", "c"),
        node("Conv", "c w", "y", pads=[1] * 4),
    ]
    constants = {"s": whole(1, 2, 2, 8, 8), "t": whole(1, 4, 8, 8), "w": (1, 4, 3, 3)}
    check(model(nodes, constants, shape=(1, 4, 8, 8)), tmp_path, (1, 4, 8, 8))


def test_one_order_of_channels_is_one_layer_whoever_takes_it(tmp_path):
    nodes = [
        node("Reshape", "x s", "a"),
        node("Transpose", "a", "b", perm=[0, 2, 1, 3, 4]),
        node("Reshape", "b t", "c"),
        node("Conv", "c w", "d"),
        node("Conv", "c v", "e"),
        node("Add", "d e", "y"),
    ]
    constants = {"s": whole(1, 2, 2, 8, 8), "t": whole(1, 4, 8, 8)}
    weights = dict.fromkeys("wv", (3, 4, 3, 3))
    graph = graph_of(model(nodes, constants | weights, shape=(1, 4, 8, 8)), tmp_path)
    names = [each.name for each in graph]
    assert names == ["x", "Conv_d_order", "Conv_d", "Conv_e", "Add_y"]


@pytest.mark.parametrize("first", [3, 0, -1])
def test_of_a_file_for_several_images_one_is_shown(first, tmp_path):
    nodes = [node("Conv", "x w", "a"), node("Reshape", "a s", "b"), node("Gemm", "b v", "y")]
    rest = 4 * 10 * 12 if first == -1 else -1
    constants = {"w": (4, 2, 1, 1), "s": whole(first, rest), "v": (4 * 10 * 12, 5)}
    graph = graph_of(model(nodes, constants, shape=(3, 2, 10, 12)), tmp_path)
    assert graph.outputs[0].shape == (5,)
    assert analyze(graph).macs == 2 * 4 * 120 + 480 * 5
    assert analyze(graph).layers[-1].receptive_field == (10, 12)


def test_images_with_channels_last(tmp_path):
    nodes = [
        node("Transpose", "x", "a", perm=[0, 3, 1, 2]),
        node("Conv", "a w", "b", pads=[1] * 4),
        node("Transpose", "b", "c", perm=[0, 2, 3, 1]),
        node("Add", "c bias", "d"),
        node("Transpose", "d", "e", perm=[0, 3, 1, 2]),
        node("Concat", "b e", "f", axis=1),
        node("Transpose", "f", "y", perm=[0, 2, 3, 1]),
    ]
    found = loaded(
        model(nodes, {"w": (5, 3, 3, 3), "bias": (5,)}, shape=("n", "h", "w", 3)), tmp_path
    )
    assert found.input_shape == (None, None, 3)
    graph = found.architecture.own_graph
    assert graph.outputs[0].shape == (256, 256, 10)
    assert type(graph.outputs[0].layer) is Concatenate
    assert analyze(graph).total_params == 135 + 5


def test_an_order_of_axes_that_is_neither_is_refused(tmp_path):
    nodes = [node("Transpose", "x", "a", perm=[0, 1, 3, 2]), node("Conv", "a w", "y")]
    with pytest.raises(Refusal, match="order of axes"):
        loaded(model(nodes, {"w": (1, 2, 3, 3)}), tmp_path)


def test_an_unknown_operator_is_foreign_with_its_shape_and_weights(tmp_path):
    nodes = [node("LRN", "x", "a", size=3), node("Conv", "a w", "y")]
    graph = graph_of(model(nodes, {"w": (1, 2, 3, 3)}), tmp_path)
    assert (graph.nodes[1].kind, graph.nodes[1].shape) == ("LRN", (10, 12, 2))
    assert analyze(graph).layers[-1].receptive_field is None


def test_an_operator_of_others_is_refused_unless_the_file_tells_its_shape(tmp_path):
    own = onnx.helper.make_node("Odd", ["x", "v"], ["a"], name="odd", domain="of.others")
    made = model(
        [own, node("Conv", "a w", "y")], {"v": (7,), "w": (1, 4, 1, 1)}, others=("of.others",)
    )
    with pytest.raises(Refusal, match=r"of\.others\.Odd 'odd'.*shape of its output"):
        loaded(made, tmp_path)
    made.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 1
    told = onnx.helper.make_tensor_value_info("a", onnx.TensorProto.FLOAT, (1, 4, 8, 10))
    made.graph.value_info.append(told)
    found = loaded(made, tmp_path)
    graph = found.architecture.own_graph
    assert graph.nodes[1].shape == (8, 10, 4)
    assert graph.nodes[1].params == 7
    assert any("of.others.Odd" in str(entry.value) for entry in found.not_read)
    assert found.architecture.fixed  # what it makes of other sizes is not told


SMALL = st.integers(1, 3)


@settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_drawn_networks_see_what_onnx_computes(data, tmp_path):
    nodes, constants, last = [], {}, "x"
    for i in range(data.draw(st.integers(1, 3))):
        name = f"v{i}"
        pads = data.draw(st.lists(st.integers(0, 1), min_size=4, max_size=4))
        strides = [data.draw(st.integers(1, 2)) for _ in range(2)]
        match data.draw(st.sampled_from(["Conv", "ConvTranspose", "MaxPool", "Resize"])):
            case "Conv":
                size, dilation = [data.draw(SMALL), data.draw(SMALL)], data.draw(st.integers(1, 2))
                constants[f"w{i}"] = (2, 2, *size)
                options = {"dilations": [dilation] * 2, "strides": strides, "pads": pads}
                nodes.append(node("Conv", f"{last} w{i}", name, **options))
            case "ConvTranspose":
                constants[f"w{i}"] = (2, 2, data.draw(SMALL), data.draw(SMALL))
                nodes.append(
                    node("ConvTranspose", f"{last} w{i}", name, strides=strides, pads=pads)
                )
            case "MaxPool":
                options = {
                    "kernel_shape": [data.draw(st.integers(2, 3)), 2],
                    "strides": strides,
                    "pads": [pads[0]] * 4,  # ONNX's own evaluation takes others for each other
                }
                nodes.append(node("MaxPool", last, name, **options))
            case "Resize":
                constants[f"s{i}"] = np.array([1, 1, 2, data.draw(SMALL)], np.float32)
                options = {"mode": "nearest", "coordinate_transformation_mode": "asymmetric"}
                nodes.append(node("Resize", f"{last}  s{i}", name, nearest_mode="floor", **options))
        last = name
    made = model([*nodes, node("Relu", last, "y")], constants, shape=(1, 2, 7, 8))
    try:
        graph_of(made, tmp_path)
    except Refusal:
        assume(False)  # it is too small for its windows
    check(made, tmp_path, (1, 2, 7, 8))
