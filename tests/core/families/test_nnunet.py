"""nnU-Net's networks have the layers and the numbers of the authors' package."""

import attrs
import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from explorer import (
    ConvUpBlock,
    Custom,
    Head,
    ParameterError,
    PlainConvUNet,
    ResidualEncoderUNet,
    StridedConvBlock,
    StridedResidualBlock,
    analyze,
    trace,
)
from explorer.core.network.graph import Graph, input_feature

BLOCKS = [
    StridedConvBlock(filters=3, num_convs=1, normalisation="none", negative_slope=1),
    StridedConvBlock(filters=2, num_convs=1, normalisation="none", kernel_width=1),
    StridedConvBlock(filters=2, num_convs=1, normalisation="none", kernel_size=5, along="width"),
    StridedConvBlock(filters=2, num_convs=1, normalisation="none", kernel_size=1, kernel_width=3),
]


def conv(kernel, channels, filters, bias=True) -> int:
    """Weights of a convolution of PyTorch."""
    return kernel * channels * filters + bias * filters


def weights(features, convs, up_convs, channels, classes, *, units=None, bias=True, norm=2) -> int:
    """Weights of the package's network: all heads are built, one for each stage of the decoder."""
    total, width = 0, channels
    for stage, filters in enumerate(features):
        if units is None:
            for _ in range(convs[stage]):
                total += conv(9, width, filters, bias) + norm * filters
                width = filters
            continue
        if stage == 0:
            total += conv(9, width, filters, bias) + norm * filters
            width = filters
        for _ in range(units[stage]):
            total += conv(9, width, filters, bias) + conv(9, filters, filters, bias)
            total += 2 * norm * filters
            if width != filters:  # the projection never has a bias
                total += conv(1, width, filters, False) + norm * filters
            width = filters
    for stage, filters in enumerate(reversed(features[:-1])):
        total += conv(4, width, filters, bias)
        width = 2 * filters
        for _ in range(up_convs[stage]):
            total += conv(9, width, filters, bias) + norm * filters
            width = filters
        total += conv(1, filters, classes)
    return total


def with_all_heads(net, classes: int):
    strides = [2**stage for stage in range(net.stages - 1)]
    heads = [Head(f"head{stride}", classes, stride=stride) for stride in strides]
    return attrs.evolve(net, heads=heads)


def test_the_plan_of_512_pixels_has_the_weights_of_the_package():
    net = with_all_heads(PlainConvUNet(stages=8), 3)
    features = [32, 64, 128, 256, 512, 512, 512, 512]

    found = analyze(trace(net, (512, 512, 1))).total_params

    assert found == weights(features, [2] * 8, [2] * 7, 1, 3)
    assert found == 46_326_581


def test_the_residual_encoder_has_the_weights_of_the_package():
    net = with_all_heads(ResidualEncoderUNet(stages=7), 3)
    features = [32, 64, 128, 256, 512, 512, 512]
    units = [1, 3, 4, 6, 6, 6, 6]

    found = analyze(trace(net, (256, 256, 2))).total_params

    assert found == weights(features, None, [1] * 6, 2, 3, units=units)


@given(st.data(), st.integers(1, 3), st.booleans(), st.sampled_from(["instance", "none"]))
@settings(max_examples=25)
def test_any_plan_has_the_weights_of_the_package(data, channels, bias, normalisation):
    stages, filters = data.draw(st.integers(2, 5)), data.draw(st.integers(1, 6))
    most = data.draw(st.integers(1, 40))
    lists = st.lists(st.integers(1, 3), min_size=stages, max_size=stages)
    down, up = data.draw(lists), data.draw(lists)[1:]
    features = [min(filters * 2**stage, most) for stage in range(stages)]
    same = {
        "stages": stages,
        "filters": filters,
        "max_filters": most,
        "up_convs_per_stage": up,
        "use_bias": bias,
        "normalisation": normalisation,
    }
    plain = with_all_heads(PlainConvUNet(convs_per_stage=down, **same), 4)
    residual = with_all_heads(ResidualEncoderUNet(units_per_stage=down, **same), 4)
    shape = (2**stages, 2**stages, channels)
    expected = {"bias": bias, "norm": 2 * (normalisation == "instance")}

    found = [analyze(trace(net, shape)).total_params for net in (plain, residual)]

    assert found == [
        weights(features, down, up, channels, 4, **expected),
        weights(features, None, up, channels, 4, units=down, **expected),
    ]


def test_the_last_number_of_a_list_goes_on():
    some = PlainConvUNet(stages=4, convs_per_stage=(1, 3), up_convs_per_stage=(2, 1))
    all_of_them = attrs.evolve(some, convs_per_stage=(1, 3, 3, 3), up_convs_per_stage=(2, 1, 1))

    assert Custom.of(some) == Custom.of(all_of_them)
    assert [block.num_convs for block in some.encoder_stack] == [1, 3, 3, 3]
    assert [block.num_convs for block in some.decoder_stack] == [2, 1, 1]


def correlated(image, kernel, bias, strides):
    """A convolution as PyTorch documents it, padded by (kernel - 1) // 2 on each side."""
    before = [(size - 1) // 2 for size in kernel.shape[:2]]
    padded = np.pad(image, [*((each, each) for each in before), (0, 0)])
    rows, columns = (size // step for size, step in zip(image.shape, strides, strict=False))
    result = np.empty((rows, columns, kernel.shape[-1]))
    for row in range(rows):
        for column in range(columns):
            top, left = row * strides[0], column * strides[1]
            patch = padded[top : top + kernel.shape[0], left : left + kernel.shape[1]]
            result[row, column] = np.tensordot(patch, kernel, 3) + bias
    return result


@pytest.mark.parametrize("block", BLOCKS)
def test_a_strided_convolution_reads_what_pytorchs_reads(block):
    image = np.random.default_rng(0).normal(size=(8, 12, 2)).astype("float32")
    tensor = keras.Input(image.shape)
    model = keras.Model(tensor, block.make_block(tensor))
    kernel, bias = (np.asarray(weight) for weight in model.weights)
    strides = {"both": (2, 2), "width": (1, 2)}[block.along]

    expected = correlated(image, kernel, bias, strides)

    expected = np.where(expected < 0, expected * block.negative_slope, expected)
    assert np.allclose(model(image[None])[0], expected, atol=1e-5)


def test_a_residual_unit_averages_what_it_adds():
    block = StridedResidualBlock(filters=3, num_units=1, normalisation="none", negative_slope=1)
    image = np.random.default_rng(0).normal(size=(4, 6, 2)).astype("float32")
    tensor = keras.Input(image.shape)
    model = keras.Model(tensor, block.make_block(tensor))
    for name in ("stage_unit0_0_conv", "stage_unit0_1_conv"):
        layer = model.get_layer(name)
        layer.set_weights([np.zeros_like(weight) for weight in layer.get_weights()])
    (kernel,) = model.get_layer("stage_unit0_shortcut_conv").get_weights()

    averaged = image.reshape(2, 2, 3, 2, 2).mean((1, 3))

    assert np.allclose(model(image[None])[0], averaged @ kernel[0, 0], atol=1e-5)


def test_without_a_normalisation_of_the_image_the_window_is_that_of_the_convolutions():
    net = PlainConvUNet(stages=3, filters=2, normalisation="batch")
    lowest = 1 + 2 * (1 + 1 + 1 + 2 + 2 + 4)  # two 3×3 a stage, the first on the finer grid
    # Two 3×3 at full resolution see 5 positions, on 3 of the next; those see 7, on 4 of the lowest.
    whole = lowest + 3 * 4

    assert analyze(trace(net, (256, 256, 1))).receptive_field == (whole, whole)
    assert analyze(trace(PlainConvUNet(stages=3, filters=2), (256, 128, 1))).receptive_field == (
        256,
        128,
    )


def test_a_block_along_one_axis_leaves_the_other_alone():
    net = PlainConvUNet(stages=3, filters=2)
    wide = {"along": "width", "kernel_size": 1, "kernel_width": 3}
    oblong = net.with_block("encoder", 2, attrs.evolve(net.encoder_stack[2], **wide))
    for_both = oblong.with_block("decoder", 0, attrs.evolve(net.decoder_stack[0], **wide))

    graph = trace(for_both, (6, 8, 1))

    assert for_both.size_steps == (2, 4)
    assert [node.shape for node in graph.outputs] == [(6, 8, 2)]
    assert {node.shape[:2] for node in graph if node.kind == "GroupNormalization"} == {
        (6, 8),
        (3, 4),
        (3, 2),
    }
    with pytest.raises(ParameterError, match=r"height=5 is not a multiple of 2.*use 4 or 6"):
        trace(for_both, (5, 8, 1))
    with pytest.raises(ParameterError, match=r"width=6 is not a multiple of 4.*use 4 or 8"):
        trace(for_both, (6, 6, 1))


@pytest.mark.parametrize("block", [StridedConvBlock(along="width"), ConvUpBlock()])
def test_a_block_alone_can_be_shown(block):
    net = Custom.around(block)
    assert analyze(trace(net, (8, 8, 1))).total_params > 0


def test_the_blocks_are_told_in_the_fields_words():
    graph = Graph([StridedConvBlock(filters=2, num_convs=1).make_block(input_feature((4, 4, 1)))])
    assert [node.layer.summary for node in graph][1:] == [
        "zero padding, 1",
        "3×3 conv, 2, stride 2",
        "instance norm",
        "leaky relu 0.01",
    ]
