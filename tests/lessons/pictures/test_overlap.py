"""How many contributions pixels get is what an untrained network of equal weights puts out."""

from fractions import Fraction
from itertools import chain
from typing import Any

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from explorer import FCDenseNet, Hourglass, ResNet, UNet, build, layers, presets, trace
from explorer.core.network.errors import Refusal
from explorer.core.network.graph import Graph, input_feature
from explorer.lessons.pictures.grids import checkerboard_picture, grid_picture, overlap_picture
from explorer.lessons.pictures.overlap import (
    contributions,
    decoder_pattern,
    pattern,
    unevenness,
)


def transposed(kernel: Any = 3, strides: Any = 2, padding: str = "same") -> layers.Layer:
    return layers.Conv2DTranspose(
        name="a", filters=1, kernel_size=kernel, strides=strides, padding=padding
    )


def upsampled(interpolation: str, size: Any = 2) -> layers.Layer:
    return layers.UpSampling2D(name="a", size=size, interpolation=interpolation)


@st.composite
def decoders(draw: st.DrawFn) -> list[layers.Layer]:
    """Return layers that enlarge, and convolutions between them."""
    found: list[layers.Layer] = []
    for _ in range(draw(st.integers(1, 2))):
        kind = draw(st.sampled_from(["transposed", "upsampled", "conv"]))
        if kind == "transposed":
            axes = st.tuples(st.integers(1, 5), st.integers(1, 5))
            padding = draw(st.sampled_from(["same", "valid"]))
            found.append(transposed(draw(axes), draw(st.integers(1, 3)), padding))
        elif kind == "upsampled":
            how = draw(st.sampled_from(layers.INTERPOLATIONS))
            found.append(upsampled(how, draw(st.integers(1, 3))))
        else:
            dilation = draw(st.integers(1, 2))
            size = draw(st.integers(1, 3))
            found.append(
                layers.Conv2D(name="a", filters=1, kernel_size=size, dilation_rate=dilation)
            )
    return found


@given(decoders(), st.integers(1, 4))
@settings(max_examples=100, deadline=None)
def test_keras_puts_out_the_same_with_all_weights_one(decoder, size):
    feature = np.ones((1, size, size, 1), np.float32)
    for layer in decoder:
        made = layer.keras_layer()
        made.build(feature.shape)
        if made.weights:
            made.set_weights([np.ones(made.weights[0].shape), np.zeros(made.weights[1].shape)])
        feature = np.array(made(feature))

    found = np.array(contributions(decoder, size), float)

    np.testing.assert_allclose(found, feature[0, :, :, 0], rtol=1e-5)


@given(decoders())
@settings(max_examples=50, deadline=None)
def test_the_pattern_is_what_is_found_far_from_the_border(decoder):
    rows = pattern(decoder)
    height, width = len(rows), len(rows[0])
    whole = contributions(decoder, 13)
    tops, lefts = (len(whole) - height) // 2, (len(whole[0]) - width) // 2
    middle = [row[lefts : lefts + width] for row in whole[tops : tops + height]]

    assert sorted(map(sorted, turned(middle))) == sorted(map(sorted, turned(rows)))
    assert unevenness(rows) == unevenness(tuple(middle))


def turned(rows: Any) -> list[tuple[Fraction, ...]]:
    return list(zip(*rows, strict=True))


@pytest.mark.parametrize(
    ("layer", "repeats", "uneven"),
    [
        (transposed(3), [[1, 2], [2, 4]], 4),
        (transposed(2), [[1]], 1),
        (transposed(4), [[4]], 1),
        (transposed(1), [[1, 0], [0, 0]], None),
        (upsampled("bilinear"), [[1]], 1),
        (upsampled("nearest"), [[1]], 1),
    ],
)
def test_kernel_and_stride_decide_how_even_the_overlap_is(layer, repeats, uneven):
    found = pattern([layer])
    assert sorted(chain(*found)) == sorted(chain(*repeats))
    assert unevenness(found) == uneven


def test_the_border_gets_less():
    counts = contributions([transposed(4)], 3)
    assert counts[0] == (1, 2, 2, 2, 2, 1)
    assert counts[2] == (2, 4, 4, 4, 4, 2)


def with_equal_weights(architecture, shape) -> keras.Model:
    """Return a model in which each layer adds up a window of the mean of its channels."""
    model = build(architecture, shape)
    for layer in model.layers:
        if not layer.weights:
            continue
        kernel, bias = layer.weights
        # Transposed convolutions have the channels that they read behind those that they write.
        read = kernel.shape[3 if isinstance(layer, keras.layers.Conv2DTranspose) else 2]
        layer.set_weights([np.full(kernel.shape, 1 / read), np.zeros(bias.shape)])
    return model


@pytest.mark.parametrize("rate", [1, 2])
def test_the_pattern_of_a_decoder_is_in_the_output_of_the_whole_network(rate):
    net = UNet(
        filters=2, filters_rate=rate, down_blocks=2, up_blocks=2, skips="none", up_interpolate=False
    )
    output = with_equal_weights(net, (128, 128, 1)).predict(np.ones((1, 128, 128, 1)), verbose=0)

    counts = np.array(decoder_pattern(trace(net, (128, 128, 1))), float)

    middle = output[0, 64:68, 64:68, 0].astype(float)
    assert counts.shape == (4, 4)
    np.testing.assert_allclose(middle / middle.mean(), counts / counts.mean(), rtol=1e-4)


@pytest.mark.parametrize(
    ("net", "is_even"),
    [
        (UNet(up_interpolate=True), True),
        (UNet(up_interpolate=False), False),
        (Hourglass(), True),
        (FCDenseNet(), False),
        (ResNet(up_blocks=5, up_interpolate=False), False),
        (presets["nnU-Net"], True),
        (presets["nnU-Net (residual)"], True),
        (presets["Residual hourglass"], True),
    ],
)
def test_a_checkerboard_is_found_in_whole_networks(net, is_even):
    counts = decoder_pattern(trace(net, (256, 256, 3)))
    assert (unevenness(counts) == 1) == is_even


def test_what_a_skip_brings_is_left_out():
    nets = [UNet(filters=4, skips=skips) for skips in ("none", "add", "concatenate")]
    none, add, concatenate = (decoder_pattern(trace(net, (64, 64, 1))) for net in nets)
    assert none == add == concatenate


def graph_of(*decoder: layers.Layer) -> Graph:
    feature = input_feature((16, 16, 1))
    for layer in decoder:
        feature = layer(feature)
    return Graph([feature])


def test_what_cannot_be_counted_is_refused():
    with pytest.raises(Refusal, match="upsamples nothing"):
        decoder_pattern(graph_of(layers.Conv2D(name="a", filters=1)))
    pooled = graph_of(transposed(), layers.MaxPooling2D(name="b", strides=1))
    with pytest.raises(Refusal, match="MaxPooling2D 'b' does more"):
        decoder_pattern(pooled)
    with pytest.raises(Refusal, match="does more"):
        pattern([layers.Conv2D(name="a", filters=1, strides=2)])


def test_a_gate_is_refused():
    feature = transposed()(input_feature((8, 8, 1)))
    gate = layers.Activation(name="gate", activation="sigmoid")(feature)
    gated = layers.Multiply(name="gated")([feature, gate])
    with pytest.raises(Refusal, match="Multiply 'gated'"):
        decoder_pattern(Graph([gated]))


# Pictures.


def test_the_picture_of_an_overlap_has_its_numbers_and_says_what_is_to_be_seen():
    picture = overlap_picture([transposed()], size=3)

    assert picture.texts[2] == ("2", "2", "4", "2", "4", "2")
    assert picture.rows[2] == (0.5, 0.5, 1.0, 0.5, 1.0, 0.5)
    assert [(colour.text, colour.place) for colour in picture.legend] == [
        ("1", 0.25),
        ("2", 0.5),
        ("4", 1.0),
    ]
    assert picture.text == (
        "3×3 become 6×6. Away from the border some pixels get 4 times as much as others, in a "
        "pattern that repeats every 2×2 pixels."
    )
    same_scale = overlap_picture([transposed(2)], size=3, high=4)
    assert {value for row in same_scale.rows for value in row} == {0.25}
    assert same_scale.text.endswith("all pixels get alike: no checkerboard.")
    assert "some pixels get nothing" in overlap_picture([transposed(1)]).text


def test_the_picture_of_a_checkerboard_is_beside_its_mean():
    picture = checkerboard_picture(trace(UNet(up_interpolate=False), (64, 64, 1)))
    assert len(picture.rows) == len(picture.rows[0]) == 16
    assert picture.unit == "× the mean"
    assert picture.text.startswith("Away from the border some pixels get 18% more than others")
    assert len(picture.legend) == 5
    deep = UNet(filters=1, filters_rate=1, down_blocks=7, up_blocks=7, up_interpolate=False)
    part = checkerboard_picture(trace(deep, (256, 256, 1)))
    assert len(part.rows) == 64
    assert part.text.endswith("repeats every 128×128 pixels.")
    even = checkerboard_picture(trace(UNet(up_interpolate=True), (64, 64, 1)), least=4)
    assert even.texts == (("1",) * 4,) * 4


def test_legends_of_small_differences_are_not_written_alike():
    picture = grid_picture("a", "b", [[1 + n / 10_000 for n in range(8)]])
    assert len({colour.text for colour in picture.legend}) == 5


@pytest.mark.parametrize("values", [[], [[]], [[1], [1, 2]], [[0] * 65]])
def test_what_is_no_grid_or_too_large_is_refused(values):
    with pytest.raises(Refusal, match="at most 64×64"):
        grid_picture("a", "b", values)


def test_each_row_has_a_name_or_none_has() -> None:
    assert grid_picture("a", "b", [[1], [2]], row_names=("one", "two")).row_names == ("one", "two")
    with pytest.raises(Refusal, match="give 2 names, or none"):
        grid_picture("a", "b", [[1], [2]], row_names=("one",))
